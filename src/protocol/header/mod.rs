//! The header of a frame in its two serialisations, read in place.
//!
//! A server answers in its own configured form whatever form the request had (R210), so the type is
//! taken from each frame, never from the connection. [`HeaderView`] borrows from the receive buffer
//! and leaves ext fields unparsed until they are asked for.

pub mod binary;
pub mod json;

use std::borrow::Cow;

use crate::protocol::code::Language;
use crate::protocol::error::DecodeError;

/// Flag bit of a response.
pub const FLAG_RESPONSE: i32 = 1;
/// Flag bit of a request that wants no response.
pub const FLAG_ONEWAY: i32 = 2;

/// How a header is serialised; the top byte of the header word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SerializeType {
    /// JSON text, the default of Java servers.
    Json = 0,
    /// RocketMQ's compact binary form.
    Binary = 1,
}

impl SerializeType {
    /// The type a header word's top byte names.
    ///
    /// # Errors
    /// [`DecodeError::UnknownSerializeType`] for anything but 0 and 1.
    pub fn from_byte(byte: u8) -> Result<Self, DecodeError> {
        match byte {
            0 => Ok(Self::Json),
            1 => Ok(Self::Binary),
            other => Err(DecodeError::UnknownSerializeType(other)),
        }
    }

    /// The header word: this type above a 24-bit header length.
    #[must_use]
    pub fn header_word(self, header_bytes: u32) -> u32 {
        (self as u32) << 24 | (header_bytes & 0x00ff_ffff)
    }
}

/// A header read in place: the fixed members, and the ext fields as they came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderView<'a> {
    /// Request or response code.
    pub code: i32,
    /// Sender's language.
    pub language: Language,
    /// Sender's `MQVersion` ordinal.
    pub version: i32,
    /// Request id, echoed in the response.
    pub opaque: i32,
    /// [`FLAG_RESPONSE`] and [`FLAG_ONEWAY`].
    pub flag: i32,
    /// Error or extra text.
    pub remark: Option<Cow<'a, str>>,
    /// Custom header fields, unparsed.
    pub ext: ExtFields<'a>,
}

impl<'a> HeaderView<'a> {
    /// Reads a header of the given type.
    ///
    /// # Errors
    /// Any [`DecodeError`] about the fixed members; ext fields are only delimited here.
    #[inline]
    pub fn parse(serialize_type: SerializeType, header: &'a [u8]) -> Result<Self, DecodeError> {
        match serialize_type {
            SerializeType::Json => json::parse(header),
            SerializeType::Binary => binary::parse(header),
        }
    }

    /// Whether this answers one of our requests.
    #[must_use]
    pub fn is_response(&self) -> bool {
        self.flag & FLAG_RESPONSE != 0
    }

    /// Whether the sender wants no answer.
    #[must_use]
    pub fn is_oneway(&self) -> bool {
        self.flag & FLAG_ONEWAY != 0
    }
}

/// Ext fields as they stand in the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExtFields<'a> {
    /// No ext fields.
    None,
    /// Entries of the binary form.
    Binary(&'a [u8]),
    /// The JSON object, braces included.
    Json(&'a [u8]),
}

impl<'a> ExtFields<'a> {
    /// Calls `each` with every key and value in wire order; duplicates come as they are (the last
    /// one counts, as in Java).
    ///
    /// # Errors
    /// A [`DecodeError`] for an entry that is not well formed.
    #[inline]
    pub fn for_each(
        &self,
        each: impl FnMut(Cow<'a, str>, Cow<'a, str>),
    ) -> Result<(), DecodeError> {
        match *self {
            Self::None => Ok(()),
            Self::Binary(bytes) => binary::for_each_entry(bytes, each),
            Self::Json(bytes) => json::for_each_member(bytes, each),
        }
    }

    /// The value of one field, the last one where it stands twice.
    ///
    /// # Errors
    /// As [`ExtFields::for_each`].
    pub fn get(&self, key: &str) -> Result<Option<Cow<'a, str>>, DecodeError> {
        let mut found = None;
        self.for_each(|name, value| {
            if name == key {
                found = Some(value);
            }
        })?;
        Ok(found)
    }
}
