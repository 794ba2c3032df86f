//! Unique (client) message ids, as Java's `MessageClientIDSetter` lays them out (R158).
//!
//! 16 bytes as 32 upper-case hex characters: IPv4 address, low 16 bits of the process id, a 4-byte
//! constant, milliseconds since the start of the month, a counter.

use std::net::Ipv4Addr;

/// Characters of a unique id with an IPv4 address.
pub const UNIQUE_ID_CHARS: usize = 32;

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// The text of a unique id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UniqueId(pub [u8; UNIQUE_ID_CHARS]);

impl UniqueId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl std::fmt::Display for UniqueId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The varying 6 bytes of an id: milliseconds of the month above a 16-bit counter. Small enough to
/// be carried by every send for its retries (R139: all attempts bear one id).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct UniqueSuffix(pub u64);

/// The constant part of the ids one sender makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UniquePrefix([u8; 20]);

impl UniquePrefix {
    /// `discriminator` must differ between the senders of one process (R223).
    #[must_use]
    pub fn new(address: Ipv4Addr, process: u32, discriminator: u32) -> Self {
        let mut text = [0; 20];
        let [_, _, high, low] = process.to_be_bytes();
        write_hex(&mut text[..8], &address.octets());
        write_hex(&mut text[8..12], &[high, low]);
        write_hex(&mut text[12..], &discriminator.to_be_bytes());
        Self(text)
    }

    /// The whole id.
    #[inline]
    #[must_use]
    pub fn with(&self, suffix: UniqueSuffix) -> UniqueId {
        let mut text = [0; UNIQUE_ID_CHARS];
        text[..20].copy_from_slice(&self.0);
        let [_, _, tail @ ..] = suffix.0.to_be_bytes();
        write_hex(&mut text[20..], &tail);
        UniqueId(text)
    }
}

#[inline]
fn write_hex(text: &mut [u8], bytes: &[u8]) {
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        pair[0] = HEX[usize::from(byte >> 4)];
        pair[1] = HEX[usize::from(byte & 15)];
    }
}

/// Hands out suffixes that never repeat within a month, however many are drawn in a millisecond
/// and however the wall clock steps back.
#[derive(Debug, Clone, Default)]
pub struct UniqueSequence {
    last: u64,
}

impl UniqueSequence {
    /// Follows the clock: `month_ms` are the milliseconds since the start of the month.
    #[inline]
    pub fn advance(&mut self, month_ms: u32) {
        self.last = self.last.max(u64::from(month_ms) << 16);
    }

    /// The next suffix.
    #[inline]
    pub fn next_suffix(&mut self) -> UniqueSuffix {
        self.last += 1;
        UniqueSuffix(self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    /// R158's example: 10.0.0.9, pid 1234, one day into the month, counter 7.
    #[test]
    fn ids_are_laid_out_as_java_s() {
        let prefix = UniquePrefix::new(Ipv4Addr::new(10, 0, 0, 9), 1234, 0x18b4_aac2);
        let id = prefix.with(UniqueSuffix(86_400_000 << 16 | 7));
        assert_eq!(id.as_str(), "0A00000904D218B4AAC205265C000007");
    }

    /// R223: more ids than a counter of 16 bits holds, in one millisecond, with the clock going back.
    #[test]
    fn no_id_comes_twice() {
        let mut sequence = UniqueSequence::default();
        let mut seen = HashSet::new();
        for month_ms in [5, 5, 4, 6] {
            sequence.advance(month_ms);
            for _ in 0..100_000 {
                assert!(seen.insert(sequence.next_suffix()));
            }
        }
    }
}
