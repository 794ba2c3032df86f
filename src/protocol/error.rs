//! What can be wrong with bytes from a peer.

use thiserror::Error;

/// Bytes that are not a legal frame, header or body.
///
/// After any of these the connection they came from can't be trusted any more and is closed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The length field exceeds the limit; nothing was allocated for it.
    #[error("frame of {length} bytes exceeds the limit of {limit} bytes")]
    FrameTooLong {
        /// Value of the length field.
        length: u32,
        /// Largest accepted value.
        limit: u32,
    },
    /// The length field is too small to hold the header word.
    #[error("frame length {length} is too short for a header")]
    FrameTooShort {
        /// Value of the length field.
        length: u32,
    },
    /// The header claims more bytes than the frame has.
    #[error("header of {header} bytes does not fit a frame of {frame} bytes")]
    HeaderTooLong {
        /// Claimed header bytes.
        header: u32,
        /// Bytes after the length field.
        frame: u32,
    },
    /// Neither JSON (0) nor ROCKETMQ (1).
    #[error("unknown header serialization type {0}")]
    UnknownSerializeType(u8),
    /// A field ends before its announced length.
    #[error("truncated {0}")]
    Truncated(&'static str),
    /// A length is negative or larger than what contains it.
    #[error("illegal length {length} of {what}")]
    IllegalLength {
        /// The field concerned.
        what: &'static str,
        /// The announced length.
        length: i64,
    },
    /// Text that is not UTF-8.
    #[error("{0} is not UTF-8")]
    NotUtf8(&'static str),
    /// A required field is absent.
    #[error("missing field {0}")]
    MissingField(&'static str),
    /// A field has a value of the wrong kind.
    #[error("illegal value of {0}")]
    IllegalValue(&'static str),
    /// JSON that can't be read.
    #[error("illegal JSON in {what}: {detail}")]
    Json {
        /// What was being read.
        what: &'static str,
        /// Where and why.
        detail: String,
    },
}
