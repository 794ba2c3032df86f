//! The outermost layer: `length | header word | header | body`, all big-endian.

use crate::protocol::error::DecodeError;
use crate::protocol::header::SerializeType;

/// Bytes of the length field.
pub const LENGTH_BYTES: usize = 4;
/// Bytes before the header: length field and header word.
pub const PREFIX_BYTES: usize = 8;
/// Largest header the 24-bit field can name.
pub const MAX_HEADER_BYTES: usize = (1 << 24) - 1;

/// What a peer may send before the connection is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameLimits {
    /// Largest accepted value of the length field, in bytes.
    pub max_length: u32,
}

impl Default for FrameLimits {
    /// Java's limit: 16 MiB including the length field (C3.19).
    fn default() -> Self {
        Self {
            max_length: 16 * 1024 * 1024 - 4,
        }
    }
}

/// One frame inside a receive buffer; borrows, never copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// How the header is serialised.
    pub serialize_type: SerializeType,
    /// Header bytes.
    pub header: &'a [u8],
    /// Body bytes; empty when there is none.
    pub body: &'a [u8],
    /// Bytes of the whole frame, length field included.
    pub wire_bytes: usize,
}

/// Reads the frame at the start of `buffer`; `Ok(None)` when more bytes are needed.
///
/// # Errors
/// Every length is checked before it is trusted: [`DecodeError::FrameTooLong`],
/// [`DecodeError::FrameTooShort`], [`DecodeError::HeaderTooLong`],
/// [`DecodeError::UnknownSerializeType`].
#[inline]
pub fn split(buffer: &[u8], limits: FrameLimits) -> Result<Option<Frame<'_>>, DecodeError> {
    let Some(length_bytes) = buffer.first_chunk::<4>() else {
        return Ok(None);
    };
    let length = u32::from_be_bytes(*length_bytes);
    if length > limits.max_length {
        return Err(DecodeError::FrameTooLong {
            length,
            limit: limits.max_length,
        });
    }
    if length < 4 {
        return Err(DecodeError::FrameTooShort { length });
    }
    let Some(word_bytes) = buffer.get(4..8).and_then(|bytes| bytes.first_chunk::<4>()) else {
        return Ok(None);
    };
    let word = u32::from_be_bytes(*word_bytes);
    let header_length = word & 0x00ff_ffff;
    if header_length > length - 4 {
        return Err(DecodeError::HeaderTooLong {
            header: header_length,
            frame: length,
        });
    }
    let serialize_type = SerializeType::from_byte(word.to_be_bytes()[0])?;
    let header_end = PREFIX_BYTES + header_length as usize;
    let frame_end = LENGTH_BYTES + length as usize;
    match (
        buffer.get(PREFIX_BYTES..header_end),
        buffer.get(header_end..frame_end),
    ) {
        (Some(header), Some(body)) => Ok(Some(Frame {
            serialize_type,
            header,
            body,
            wire_bytes: frame_end,
        })),
        _ => Ok(None),
    }
}

/// How many bytes the frame at the start of `buffer` will have in all, once its length is known
/// and legal; lets a reader make room once instead of growing step by step.
#[must_use]
pub fn announced_bytes(buffer: &[u8], limits: FrameLimits) -> Option<usize> {
    let length = u32::from_be_bytes(*buffer.first_chunk::<4>()?);
    (length <= limits.max_length).then(|| LENGTH_BYTES + length as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMITS: FrameLimits = FrameLimits { max_length: 1024 };

    fn frame(header: &[u8], body: &[u8], kind: u8) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend((4 + header.len() as u32 + body.len() as u32).to_be_bytes());
        bytes.extend((u32::from(kind) << 24 | header.len() as u32).to_be_bytes());
        bytes.extend(header);
        bytes.extend(body);
        bytes
    }

    #[test]
    fn lengths_are_checked_before_anything_is_read() {
        let two_gib = 0x7fff_ffffu32.to_be_bytes();
        assert!(matches!(
            split(&two_gib, LIMITS),
            Err(DecodeError::FrameTooLong { .. })
        ));
        assert!(matches!(
            split(&3u32.to_be_bytes(), LIMITS),
            Err(DecodeError::FrameTooShort { length: 3 })
        ));
        assert!(matches!(
            split(&[0, 0, 0, 8, 0, 0, 0, 5], LIMITS),
            Err(DecodeError::HeaderTooLong {
                header: 5,
                frame: 8
            })
        ));
        assert!(matches!(
            split(&[0, 0, 0, 8, 7, 0, 0, 4], LIMITS),
            Err(DecodeError::UnknownSerializeType(7))
        ));
    }

    proptest! {
        #[test]
        fn every_frame_is_found_again_and_every_prefix_waits(
            header in prop::collection::vec(any::<u8>(), 0..200),
            body in prop::collection::vec(any::<u8>(), 0..200),
            kind in 0u8..2,
        ) {
            let bytes = frame(&header, &body, kind);
            let read = split(&bytes, LIMITS).unwrap().unwrap();
            prop_assert_eq!(read.header, &header[..]);
            prop_assert_eq!(read.body, &body[..]);
            prop_assert_eq!(read.wire_bytes, bytes.len());
            for end in 0..bytes.len() {
                prop_assert_eq!(split(&bytes[..end], LIMITS).unwrap(), None);
            }
        }

        #[test]
        fn any_bytes_give_a_frame_an_error_or_a_wait(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(Some(read)) = split(&bytes, LIMITS) {
                prop_assert!(read.wire_bytes <= bytes.len());
            }
        }
    }
}
