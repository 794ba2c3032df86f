//! Bodies of any size as slices of a few prepared buffers.

use bytes::Bytes;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, SeedableRng};

use super::BODIES;

/// Most bytes of all buffers together, as long as there are two.
const MOST_BYTES: usize = 32 << 20;

/// Buffers of random bytes and zeros behind them.
#[derive(Debug, Clone)]
pub(super) struct Buffers {
    buffers: Vec<Bytes>,
    /// Random bytes of each.
    random: usize,
    /// Share of a body that is random.
    share: f64,
}

impl Buffers {
    /// For bodies of at most `most` bytes, of the largest of which so many are random.
    #[allow(clippy::cast_precision_loss, reason = "bodies of some MiB at most")]
    pub(super) fn new(most: usize, random: usize, seed: u64) -> Self {
        let random = random.min(most);
        let count = (MOST_BYTES / most.max(1)).clamp(2, BODIES);
        let mut generator = Xoshiro256PlusPlus::seed_from_u64(seed);
        let buffer = |_| {
            // A share of fewer bytes may be rounded down.
            let mut bytes = vec![0; most + 1];
            generator.fill_bytes(bytes.get_mut(..random).unwrap_or_default());
            Bytes::from(bytes)
        };
        Self {
            buffers: (0..count).map(buffer).collect(),
            random,
            share: random as f64 / most.max(1) as f64,
        }
    }

    /// A body of so many bytes; those of neighbouring numbers differ.
    #[inline]
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "bodies of some MiB at most"
    )]
    pub(super) fn body(&self, number: u64, bytes: usize) -> Bytes {
        let random = ((bytes as f64 * self.share).round() as usize).min(self.random);
        // It ends as many zeros behind the random bytes as it has.
        let from = self.random - random;
        let index = (number % self.buffers.len() as u64) as usize;
        let buffer = self.buffers.get(index);
        buffer.map_or_else(Bytes::new, |buffer| {
            buffer.slice(from..(from + bytes).min(buffer.len()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_size_has_its_share_of_random_bytes(
            most in 1usize..5000,
            share in 0.0f64..=1.0,
            part in 0.0f64..=1.0,
            number: u64,
        ) {
            let random = (most as f64 * share).round() as usize;
            let buffers = Buffers::new(most, random, 1);
            let bytes = ((most as f64 * part) as usize).max(1);
            let body = buffers.body(number, bytes);
            prop_assert_eq!(body.len(), bytes);
            let zeros = body.iter().rev().take_while(|byte| **byte == 0).count();
            let expected = bytes - (bytes as f64 * buffers.share).round() as usize;
            prop_assert!(zeros >= expected, "{zeros} of {expected}");
            // A random byte is zero too, now and then.
            prop_assert!(zeros <= expected + 4, "{zeros} of {expected}");
        }
    }

    #[test]
    fn neighbours_differ_and_memory_is_bounded() {
        let buffers = Buffers::new(1000, 1000, 1);
        assert_ne!(buffers.body(0, 500), buffers.body(1, 500));
        assert_eq!(
            buffers.body(3, 500),
            Buffers::new(1000, 1000, 1).body(3, 500)
        );
        assert_eq!(Buffers::new(4 << 20, 0, 1).buffers.len(), 8);
    }
}
