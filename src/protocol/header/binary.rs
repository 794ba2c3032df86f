//! The ROCKETMQ binary header (type 1): 21 fixed bytes, remark, ext entries.
//!
//! An empty string is written as length 0 and reads back as absent, as in Java.

use std::borrow::Cow;
use std::str;

use crate::protocol::code::Language;
use crate::protocol::error::DecodeError;
use crate::protocol::header::{ExtFields, HeaderView};

/// Bytes of the fixed part: code, language, version, opaque, flag, remark and ext lengths.
pub const FIXED_BYTES: usize = 21;

/// Walks a byte slice; every read is checked.
#[derive(Debug)]
struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    #[inline]
    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], DecodeError> {
        let (head, rest) = self
            .rest
            .split_first_chunk::<N>()
            .ok_or(DecodeError::Truncated(what))?;
        self.rest = rest;
        Ok(*head)
    }

    #[inline]
    fn bytes(&mut self, length: i64, what: &'static str) -> Result<&'a [u8], DecodeError> {
        let wanted =
            usize::try_from(length).map_err(|_| DecodeError::IllegalLength { what, length })?;
        if wanted > self.rest.len() {
            return Err(DecodeError::IllegalLength { what, length });
        }
        let (head, rest) = self.rest.split_at(wanted);
        self.rest = rest;
        Ok(head)
    }
}

/// Reads a binary header; remark must be UTF-8, ext entries stay unparsed.
///
/// # Errors
/// Truncated or inconsistent lengths, a remark that is not UTF-8.
#[inline]
pub fn parse(header: &[u8]) -> Result<HeaderView<'_>, DecodeError> {
    let mut cursor = Cursor { rest: header };
    let code = i32::from(i16::from_be_bytes(cursor.array("code")?));
    let [language] = cursor.array::<1>("language")?;
    let version = i32::from(i16::from_be_bytes(cursor.array("version")?));
    let opaque = i32::from_be_bytes(cursor.array("opaque")?);
    let flag = i32::from_be_bytes(cursor.array("flag")?);
    let remark_length = i32::from_be_bytes(cursor.array("remark length")?);
    let remark = cursor.bytes(i64::from(remark_length), "remark")?;
    let ext_length = i32::from_be_bytes(cursor.array("ext length")?);
    let ext = cursor.bytes(i64::from(ext_length), "ext fields")?;
    let remark = match remark {
        [] => None,
        text => Some(Cow::Borrowed(
            str::from_utf8(text).map_err(|_| DecodeError::NotUtf8("remark"))?,
        )),
    };
    let ext = if ext.is_empty() {
        ExtFields::None
    } else {
        ExtFields::Binary(ext)
    };
    Ok(HeaderView {
        code,
        language: Language(language),
        version,
        opaque,
        flag,
        remark,
        ext,
    })
}

/// Calls `each` with every ext entry.
///
/// # Errors
/// Truncated or negative lengths, text that is not UTF-8.
#[inline]
pub fn for_each_entry<'a>(
    entries: &'a [u8],
    mut each: impl FnMut(Cow<'a, str>, Cow<'a, str>),
) -> Result<(), DecodeError> {
    let mut cursor = Cursor { rest: entries };
    while !cursor.rest.is_empty() {
        let key_length = i16::from_be_bytes(cursor.array("ext key length")?);
        let key = cursor.bytes(i64::from(key_length), "ext key")?;
        let value_length = i32::from_be_bytes(cursor.array("ext value length")?);
        let value = cursor.bytes(i64::from(value_length), "ext value")?;
        each(
            Cow::Borrowed(str::from_utf8(key).map_err(|_| DecodeError::NotUtf8("ext key"))?),
            Cow::Borrowed(str::from_utf8(value).map_err(|_| DecodeError::NotUtf8("ext value"))?),
        );
    }
    Ok(())
}

/// The fixed members of a header to be written.
#[derive(Debug, Clone, Copy)]
pub struct Fixed {
    /// Request or response code; only the low 16 bits survive the binary form.
    pub code: i32,
    /// Sender's language.
    pub language: Language,
    /// Sender's version.
    pub version: i32,
    /// Request id.
    pub opaque: i32,
    /// Flag bits.
    pub flag: i32,
}

/// Writes the fixed part and remark; the ext length is left 0 and its position returned, to be
/// patched by [`finish_ext`] once the entries are written.
#[allow(
    clippy::cast_possible_truncation,
    reason = "code and version are int16 on the wire; a remark is far below 2 GiB"
)]
pub fn write_fixed(out: &mut Vec<u8>, fixed: Fixed, remark: &str) -> usize {
    out.extend_from_slice(&(fixed.code as i16).to_be_bytes());
    out.push(fixed.language.0);
    out.extend_from_slice(&(fixed.version as i16).to_be_bytes());
    out.extend_from_slice(&fixed.opaque.to_be_bytes());
    out.extend_from_slice(&fixed.flag.to_be_bytes());
    out.extend_from_slice(&(remark.len() as u32).to_be_bytes());
    out.extend_from_slice(remark.as_bytes());
    let ext_length_at = out.len();
    out.extend_from_slice(&[0; 4]);
    ext_length_at
}

/// Writes one ext entry. Keys longer than 32767 bytes do not exist in this protocol.
#[inline]
#[allow(
    clippy::cast_possible_truncation,
    reason = "keys are short constants or checked values"
)]
pub fn write_entry(out: &mut Vec<u8>, key: &str, value: &[u8]) {
    out.extend_from_slice(&(key.len() as u16).to_be_bytes());
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(&(value.len() as u32).to_be_bytes());
    out.extend_from_slice(value);
}

/// Patches the ext length at the position [`write_fixed`] returned.
#[inline]
#[allow(clippy::cast_possible_truncation, reason = "a header is below 16 MiB")]
pub fn finish_ext(out: &mut [u8], ext_length_at: usize) {
    let length = (out.len() - ext_length_at - 4) as u32;
    if let Some(slot) = out.get_mut(ext_length_at..ext_length_at + 4) {
        slot.copy_from_slice(&length.to_be_bytes());
    }
}
