//! The JSON header (type 0), scanned in place.
//!
//! Java servers (fastjson) write compact JSON with sorted keys, but nothing here relies on that:
//! unknown members are skipped, numbers may come as strings, ext values may be numbers or booleans,
//! and raw control characters inside strings are accepted, as Java accepts them.

use std::borrow::Cow;
use std::str;

use crate::protocol::code::Language;
use crate::protocol::error::DecodeError;
use crate::protocol::header::{ExtFields, HeaderView};

/// Deepest nesting a header may have; legal ones have two levels.
const MAX_DEPTH: usize = 32;

const JSON_HEADER: &str = "JSON header";

#[cold]
fn broken(detail: &str, at: usize) -> DecodeError {
    DecodeError::Json {
        what: JSON_HEADER,
        detail: format!("{detail} at byte {at}"),
    }
}

/// One value, as it stands in the text.
#[derive(Debug, Clone, Copy)]
enum Raw<'a> {
    /// Between the quotes; `true` when it has escapes.
    Text(&'a [u8], bool),
    /// A number, `true`, `false`.
    Scalar(&'a [u8]),
    Null,
    /// An object or array, delimiters included.
    Nested(&'a [u8]),
}

#[derive(Debug)]
struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Scanner<'a> {
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        while let Some(&byte) = self.text.get(self.at) {
            if !matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
                return Some(byte);
            }
            self.at += 1;
        }
        None
    }

    #[inline]
    fn take(&mut self, wanted: u8) -> Result<(), DecodeError> {
        if self.peek() == Some(wanted) {
            self.at += 1;
            Ok(())
        } else {
            Err(broken("unexpected character", self.at))
        }
    }

    /// The text between quotes; the scanner stands on the opening quote.
    #[inline]
    fn string(&mut self) -> Result<(&'a [u8], bool), DecodeError> {
        self.take(b'"')?;
        let start = self.at;
        let mut escaped = false;
        while let Some(&byte) = self.text.get(self.at) {
            match byte {
                b'"' => {
                    let text = self.text.get(start..self.at).unwrap_or_default();
                    self.at += 1;
                    return Ok((text, escaped));
                }
                b'\\' => {
                    escaped = true;
                    self.at += 2;
                }
                _ => self.at += 1,
            }
        }
        Err(broken("unterminated string", start))
    }

    #[inline]
    fn value(&mut self) -> Result<Raw<'a>, DecodeError> {
        match self.peek() {
            Some(b'"') => self
                .string()
                .map(|(text, escaped)| Raw::Text(text, escaped)),
            Some(b'{' | b'[') => self.nested().map(Raw::Nested),
            Some(_) => {
                let start = self.at;
                while let Some(&byte) = self.text.get(self.at) {
                    if matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n') {
                        break;
                    }
                    self.at += 1;
                }
                let scalar = self.text.get(start..self.at).unwrap_or_default();
                match scalar {
                    b"" => Err(broken("missing value", start)),
                    b"null" => Ok(Raw::Null),
                    b"true" | b"false" => Ok(Raw::Scalar(scalar)),
                    [b'-' | b'0'..=b'9', ..] => Ok(Raw::Scalar(scalar)),
                    _ => Err(broken("illegal value", start)),
                }
            }
            None => Err(broken("missing value", self.at)),
        }
    }

    /// An object or array as a whole, without looking inside.
    fn nested(&mut self) -> Result<&'a [u8], DecodeError> {
        let start = self.at;
        let mut closers = [0u8; MAX_DEPTH];
        let mut depth = 0;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => {
                    self.string()?;
                    continue;
                }
                b'{' | b'[' => {
                    let slot = closers
                        .get_mut(depth)
                        .ok_or_else(|| broken("nested too deeply", start))?;
                    *slot = if byte == b'{' { b'}' } else { b']' };
                    depth += 1;
                }
                b'}' | b']' => {
                    if depth == 0 || closers.get(depth - 1) != Some(&byte) {
                        return Err(broken("unbalanced brackets", self.at));
                    }
                    depth -= 1;
                    if depth == 0 {
                        self.at += 1;
                        return Ok(self.text.get(start..self.at).unwrap_or_default());
                    }
                }
                _ => {}
            }
            self.at += 1;
        }
        Err(broken("unterminated object", start))
    }

    /// Calls `each` with every member of the object the scanner stands on.
    #[inline]
    fn members(
        &mut self,
        mut each: impl FnMut((&'a [u8], bool), Raw<'a>) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        self.take(b'{')?;
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.peek();
            let key = self.string()?;
            self.take(b':')?;
            let value = self.value()?;
            each(key, value)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(broken("expected , or }", self.at)),
            }
        }
    }
}

fn text<'a>(raw: &'a [u8], escaped: bool, what: &'static str) -> Result<Cow<'a, str>, DecodeError> {
    let plain = str::from_utf8(raw).map_err(|_| DecodeError::NotUtf8(what))?;
    if escaped {
        unescape(plain).map(Cow::Owned)
    } else {
        Ok(Cow::Borrowed(plain))
    }
}

fn unescape(raw: &str) -> Result<String, DecodeError> {
    let mut out = String::with_capacity(raw.len());
    let mut chars = raw.chars();
    let illegal = || broken("illegal escape", 0);
    while let Some(char) = chars.next() {
        if char != '\\' {
            out.push(char);
            continue;
        }
        match chars.next().ok_or_else(illegal)? {
            'n' => out.push('\n'),
            't' => out.push('\t'),
            'r' => out.push('\r'),
            'b' => out.push('\u{8}'),
            'f' => out.push('\u{c}'),
            'u' => {
                let high = hex4(&mut chars).ok_or_else(illegal)?;
                out.push(match high {
                    0xd800..=0xdbff => {
                        let low = match (chars.next(), chars.next()) {
                            (Some('\\'), Some('u')) => hex4(&mut chars).ok_or_else(illegal)?,
                            _ => return Err(illegal()),
                        };
                        if !(0xdc00..=0xdfff).contains(&low) {
                            return Err(illegal());
                        }
                        char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00))
                            .ok_or_else(illegal)?
                    }
                    code => char::from_u32(code).ok_or_else(illegal)?,
                });
            }
            other @ ('"' | '\\' | '/' | '\'') => out.push(other),
            _ => return Err(illegal()),
        }
    }
    Ok(out)
}

fn hex4(chars: &mut str::Chars<'_>) -> Option<u32> {
    let mut value = 0;
    for _ in 0..4 {
        value = value << 4 | chars.next()?.to_digit(16)?;
    }
    Some(value)
}

#[inline]
fn integer(raw: Raw<'_>, what: &'static str) -> Result<i32, DecodeError> {
    let (Raw::Scalar(digits) | Raw::Text(digits, false)) = raw else {
        return Err(DecodeError::IllegalValue(what));
    };
    str::from_utf8(digits)
        .ok()
        .and_then(|digits| digits.parse().ok())
        .ok_or(DecodeError::IllegalValue(what))
}

/// Reads a JSON header; ext fields stay unparsed.
///
/// # Errors
/// [`DecodeError::Json`] where the text is not an object, [`DecodeError::IllegalValue`] where a
/// fixed member is not what it must be, [`DecodeError::MissingField`] without code or opaque.
#[inline]
pub fn parse(header: &[u8]) -> Result<HeaderView<'_>, DecodeError> {
    let mut scanner = Scanner {
        text: header,
        at: 0,
    };
    let (mut code, mut opaque) = (None, None);
    let (mut language, mut version, mut flag) = (Language::JAVA, 0, 0);
    let (mut remark, mut ext) = (None, ExtFields::None);
    scanner.members(|(key, _), value| {
        match key {
            b"code" => code = Some(integer(value, "code")?),
            b"opaque" => opaque = Some(integer(value, "opaque")?),
            b"flag" => flag = integer(value, "flag")?,
            b"version" => version = integer(value, "version")?,
            b"language" => {
                if let Raw::Text(name, _) = value {
                    language = str::from_utf8(name).map_or(Language::OTHER, Language::from_name);
                }
            }
            b"remark" => {
                remark = match value {
                    Raw::Text(raw, escaped) => Some(text(raw, escaped, "remark")?),
                    _ => None,
                }
            }
            b"extFields" => match value {
                Raw::Nested(object) => ext = ExtFields::Json(object),
                Raw::Null => {}
                _ => return Err(DecodeError::IllegalValue("extFields")),
            },
            _ => {}
        }
        Ok(())
    })?;
    if scanner.peek().is_some() {
        return Err(broken("text after the header", scanner.at));
    }
    Ok(HeaderView {
        code: code.ok_or(DecodeError::MissingField("code"))?,
        language,
        version,
        opaque: opaque.ok_or(DecodeError::MissingField("opaque"))?,
        flag,
        remark,
        ext,
    })
}

/// Calls `each` with every member of an ext object; null members are left out, numbers and
/// booleans come as their text.
///
/// # Errors
/// As [`parse`].
#[inline]
pub fn for_each_member<'a>(
    object: &'a [u8],
    mut each: impl FnMut(Cow<'a, str>, Cow<'a, str>),
) -> Result<(), DecodeError> {
    let mut scanner = Scanner {
        text: object,
        at: 0,
    };
    scanner.members(|(key, key_escaped), value| {
        let value = match value {
            Raw::Text(raw, escaped) => text(raw, escaped, "ext value")?,
            Raw::Scalar(raw) => text(raw, false, "ext value")?,
            Raw::Null => return Ok(()),
            Raw::Nested(_) => return Err(DecodeError::IllegalValue("extFields")),
        };
        each(text(key, key_escaped, "ext key")?, value);
        Ok(())
    })
}

/// Appends a JSON string with its quotes; control characters become `\u00xx`.
pub fn write_string(out: &mut Vec<u8>, value: &str) {
    out.push(b'"');
    write_escaped(out, value);
    out.push(b'"');
}

/// Appends the inside of a JSON string.
pub fn write_escaped(out: &mut Vec<u8>, value: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    for &byte in value.as_bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            0..=0x1f => {
                let (high, low) = (usize::from(byte >> 4), usize::from(byte & 15));
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', HEX[high], HEX[low]]);
            }
            _ => out.push(byte),
        }
    }
}
