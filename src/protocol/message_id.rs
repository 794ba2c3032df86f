//! Message ids: unique ones made by clients, and offset ids made by brokers.
//!
//! Both are 16 bytes as 32 upper-case hex characters. A unique id is laid out as Java's
//! `MessageClientIDSetter` does (R158): IPv4 address, low 16 bits of the process id, a 4-byte
//! constant, milliseconds since the start of the month, a counter. An offset id says where a broker
//! stored the message: IPv4 address, port, offset in the commit log.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4};

use crate::protocol::error::DecodeError;

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

impl UniqueSuffix {
    /// The suffix so many places after this one.
    #[inline]
    #[must_use]
    pub fn nth(self, place: u32) -> Self {
        Self(self.0 + u64::from(place))
    }
}

impl UniqueId {
    /// The id so many places after this one, of the same sender.
    #[must_use]
    pub fn nth(self, place: u32) -> Self {
        let (digits, mut next) = (self.0.len() - SUFFIX_CHARS, self);
        let suffix = str::from_utf8(&self.0[digits..]).unwrap_or_default();
        let suffix = u64::from_str_radix(suffix, 16).unwrap_or_default();
        let [_, _, tail @ ..] = UniqueSuffix(suffix).nth(place).0.to_be_bytes();
        write_hex(&mut next.0[digits..], &tail);
        next
    }
}

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
        self.next_suffixes(1)
    }

    /// The first of the next `count` suffixes; [`UniqueSuffix::nth`] has the others.
    #[inline]
    pub fn next_suffixes(&mut self, count: u32) -> UniqueSuffix {
        let first = self.last + 1;
        self.last += u64::from(count);
        UniqueSuffix(first)
    }
}

/// Characters that tell the ids of one sender apart.
const SUFFIX_CHARS: usize = 12;

/// Characters of an offset id with an IPv4 address.
pub const OFFSET_ID_CHARS: usize = 32;

/// The constant part of the offset ids of one broker; makes ids without allocating.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OffsetIdPrefix([u8; 16]);

impl OffsetIdPrefix {
    /// `address` is where clients reach the broker.
    #[must_use]
    pub fn new(address: SocketAddrV4) -> Self {
        let mut text = [0; 16];
        write_hex(&mut text[..8], &address.ip().octets());
        write_hex(&mut text[8..], &u32::from(address.port()).to_be_bytes());
        Self(text)
    }

    /// The id of the message at `offset` (in bytes) of the broker's commit log.
    #[inline]
    #[must_use]
    pub fn with(&self, offset: u64) -> [u8; OFFSET_ID_CHARS] {
        let mut text = [0; OFFSET_ID_CHARS];
        text[..16].copy_from_slice(&self.0);
        write_hex(&mut text[16..], &offset.to_be_bytes());
        text
    }
}

/// The offset id of one message.
#[must_use]
pub fn offset_message_id(address: SocketAddrV4, offset: u64) -> [u8; OFFSET_ID_CHARS] {
    OffsetIdPrefix::new(address).with(offset)
}

/// The offset id of a message at a broker with an address of either kind.
#[must_use]
pub fn offset_id_text(address: SocketAddr, offset: u64) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(OFFSET_ID_CHARS);
    // Writing to a string does not fail.
    let _ = match address.ip() {
        IpAddr::V4(ip) => write!(text, "{:08X}", ip.to_bits()),
        IpAddr::V6(ip) => write!(text, "{:032X}", ip.to_bits()),
    };
    let _ = write!(text, "{:08X}{offset:016X}", address.port());
    text
}

/// Address of the broker and offset in its commit log, from an offset id with an address of either kind.
///
/// # Errors
/// [`DecodeError::IllegalValue`] for anything but 32 hex characters, or 56 with an IPv6 address, with a
/// port below 65,536.
pub fn decode_offset_message_id(id: &str) -> Result<(SocketAddr, u64), DecodeError> {
    const ILLEGAL: DecodeError = DecodeError::IllegalValue("offset message id");
    // `from_str_radix` alone would also take a sign.
    if !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(ILLEGAL);
    }
    let number = |digits: &str| u128::from_str_radix(digits, 16).map_err(|_| ILLEGAL);
    let at = id.len().checked_sub(24).ok_or(ILLEGAL)?;
    let (ip, rest) = id.split_at_checked(at).ok_or(ILLEGAL)?;
    let (port, offset) = rest.split_at_checked(8).ok_or(ILLEGAL)?;
    let bits = number(ip)?;
    let ip = match ip.len() {
        8 => IpAddr::V4(Ipv4Addr::from(u32::try_from(bits).map_err(|_| ILLEGAL)?)),
        32 => IpAddr::V6(Ipv6Addr::from(bits)),
        _ => return Err(ILLEGAL),
    };
    let port = u16::try_from(number(port)?).map_err(|_| ILLEGAL)?;
    let offset = u64::try_from(number(offset)?).map_err(|_| ILLEGAL)?;
    Ok((SocketAddr::new(ip, port), offset))
}

/// Offset in the commit log from an offset id with an address of either kind; `None` for what is none.
#[must_use]
pub fn commit_log_offset(id: &str) -> Option<i64> {
    const IPV6_ID_CHARS: usize = OFFSET_ID_CHARS + 24;
    if id.len() != OFFSET_ID_CHARS && id.len() != IPV6_ID_CHARS {
        return None;
    }
    let digits = id.get(id.len() - 16..)?;
    if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    i64::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    #[test]
    fn ids_of_a_batch_follow_their_first() {
        let prefix = UniquePrefix::new(Ipv4Addr::LOCALHOST, 1, 2);
        for suffix in [0, 0xfffe, 0xffff_ffff, 0xabcd_ef01_2345] {
            let first = UniqueSuffix(suffix);
            for place in [0, 1, 70_000] {
                let expected = prefix.with(first.nth(place));
                assert_eq!(prefix.with(first).nth(place), expected);
            }
        }
    }

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

    /// The remoting reference's example.
    #[test]
    fn offset_ids_are_laid_out_as_java_s() {
        let address = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 1), 10911);
        let id = offset_message_id(address, 1000);
        assert_eq!(&id, b"0A00000100002A9F00000000000003E8");
        let text = str::from_utf8(&id).unwrap();
        assert_eq!(decode_offset_message_id(text), Ok((address.into(), 1000)));
        assert_eq!(offset_id_text(address.into(), 1000), text);
        assert_eq!(commit_log_offset(text), Some(1000));
        let v6 = format!("{}{}", "0".repeat(24), text);
        assert_eq!(commit_log_offset(&v6), Some(1000));
        assert_eq!(commit_log_offset(""), None);
        assert_eq!(commit_log_offset(&text.replace('8', "+")), None);
        for wrong in [
            "",
            "0A00000100002A9F00000000000003E",
            "0A00000100012A9F00000000000003E8",
            "0A00000100002A9F+0000000000003E8",
            "0A00000100002A9F0000000000000é8",
        ] {
            assert!(decode_offset_message_id(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn offset_ids_survive(v4: u32, v6: u128, port: u16, offset: u64) {
            let address = SocketAddrV4::new(Ipv4Addr::from(v4), port);
            let id = offset_message_id(address, offset);
            let read = decode_offset_message_id(str::from_utf8(&id).unwrap());
            prop_assert_eq!(read, Ok((address.into(), offset)));
            let address = SocketAddr::new(Ipv6Addr::from(v6).into(), port);
            let text = offset_id_text(address, offset);
            prop_assert_eq!(text.len(), 56);
            prop_assert_eq!(decode_offset_message_id(&text), Ok((address, offset)));
        }

        #[test]
        fn arbitrary_ids_never_panic(text in "[0-9A-Fa-f]{20,60}|.{0,60}") {
            let _ = decode_offset_message_id(&text);
        }
    }
}
