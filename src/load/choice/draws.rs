//! Draws by number: what is drawn for message k is a function of seed, purpose and k alone.
//!
//! A generator that is stepped from message to message would give each thread, and each process of a run, draws
//! of its own. Here message k has its own xoshiro256++ for each purpose, seeded from all three by SplitMix64: it
//! is like that whoever sends it, and whatever was left out before it.

use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;

/// What is drawn; each purpose has draws that are independent of the others'.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Purpose {
    /// Body bytes.
    Size = 1,
    /// Key in KEYS.
    Key = 2,
    /// Key that orders.
    ShardingKey = 3,
    /// Queue.
    Queue = 4,
    /// Topic.
    Topic = 5,
}

/// The draws of one seed and purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draws {
    base: u64,
}

impl Draws {
    /// Draws for this purpose.
    #[must_use]
    pub fn new(seed: u64, purpose: Purpose) -> Self {
        // The seed alone is that of arrivals and bodies.
        let base = mixed(mixed(seed).wrapping_add(purpose as u64));
        Self { base }
    }

    /// The generator of message `number`.
    #[inline]
    #[must_use]
    pub fn of(self, number: u64) -> Xoshiro256PlusPlus {
        Xoshiro256PlusPlus::seed_from_u64(mixed(self.base.wrapping_add(number)))
    }
}

/// One step of SplitMix64 (Steele, Lea and Flood 2014), which maps no two numbers to the same one.
#[inline]
fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;
    use std::collections::HashSet;

    #[test]
    fn each_seed_purpose_and_number_has_its_own() {
        let purposes = [
            Purpose::Size,
            Purpose::Key,
            Purpose::ShardingKey,
            Purpose::Queue,
            Purpose::Topic,
        ];
        let mut seen = HashSet::new();
        for seed in 0..20 {
            for purpose in purposes {
                for number in 0..200 {
                    let draws = Draws::new(seed, purpose);
                    let first = draws.of(number).next_u64();
                    assert_eq!(first, draws.of(number).next_u64());
                    assert!(seen.insert(first), "{seed} {purpose:?} {number}");
                }
            }
        }
    }

    /// A change of these would change every run that is repeated from its seed.
    #[test]
    fn draws_stay_what_they_are() {
        // SplitMix64's published first output for the state 0.
        assert_eq!(mixed(0), 0xe220_a839_7b1d_cdaf);
        let first = Draws::new(1, Purpose::Size).of(0).next_u64();
        assert_eq!(first, 6_923_812_125_190_581_470);
    }
}
