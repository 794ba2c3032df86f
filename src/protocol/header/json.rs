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
const MAX_DEPTH: u32 = 32;

const JSON_HEADER: &str = "JSON header";

#[cold]
fn broken(detail: &str, at: usize) -> DecodeError {
    DecodeError::Json {
        what: JSON_HEADER,
        detail: format!("{detail} at byte {at}"),
    }
}

/// Where the first quote or backslash stands.
#[inline]
fn quote_or_backslash(text: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGHS: u64 = u64::from_le_bytes([0x80; 8]);
    /// The high bit of every byte that is zero, and perhaps of some above the lowest of them.
    #[inline]
    fn zeros(word: u64) -> u64 {
        word.wrapping_sub(ONES) & !word & HIGHS
    }
    let (words, rest) = text.as_chunks();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let quotes = zeros(word ^ (ONES * u64::from(b'"')));
        let found = quotes | zeros(word ^ (ONES * u64::from(b'\\')));
        if found != 0 {
            return Some(index * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    let near = rest.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
    Some(words.len() * 8 + near)
}

/// The object that `text` begins with, where it is flat and has neither escapes nor brackets in its
/// strings, as what brokers answer: it ends at the first closing brace, which an even number of
/// quotes before it places outside of strings.
#[inline]
fn flat_object(text: &[u8]) -> Option<&[u8]> {
    let end = memchr::memchr(b'}', text)?;
    let inside = text.get(1..end)?;
    // Without branches, so that the compiler makes it many bytes at a time.
    let (mut quotes, mut others) = (0u8, 0u8);
    for byte in inside {
        quotes ^= u8::from(*byte == b'"');
        others |= u8::from(*byte == b'\\') | u8::from(*byte | 0x20 == b'{');
    }
    (quotes | others == 0).then(|| text.get(..=end)).flatten()
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

/// Reads values one after the other. `None` means that the text is broken; `fault` then says how.
/// Errors are made at the end: a `Result` with a text in it is too large to be handed up per token.
#[derive(Debug)]
struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
    fault: Fault,
}

#[derive(Debug)]
enum Fault {
    /// What is broken, and at which byte.
    Broken(&'static str, usize),
    /// What the caller made of a member.
    Member(DecodeError),
}

impl<'a> Scanner<'a> {
    #[inline]
    fn new(text: &'a [u8]) -> Self {
        Self {
            text,
            at: 0,
            fault: Fault::Broken("", 0),
        }
    }

    #[cold]
    fn broken<T>(&mut self, detail: &'static str, at: usize) -> Option<T> {
        self.fault = Fault::Broken(detail, at);
        None
    }

    #[cold]
    fn error(self) -> DecodeError {
        match self.fault {
            Fault::Broken(detail, at) => broken(detail, at),
            Fault::Member(error) => error,
        }
    }

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
    fn take(&mut self, wanted: u8) -> Option<()> {
        if self.peek() == Some(wanted) {
            self.at += 1;
            Some(())
        } else {
            self.broken("unexpected character", self.at)
        }
    }

    /// The text between quotes; the scanner stands on the opening quote.
    #[inline]
    fn string(&mut self) -> Option<(&'a [u8], bool)> {
        self.take(b'"')?;
        let start = self.at;
        let mut escaped = false;
        while let Some(step) = quote_or_backslash(self.text.get(self.at..).unwrap_or_default()) {
            let stop = self.at + step;
            if self.text.get(stop) == Some(&b'"') {
                self.at = stop + 1;
                return Some((self.text.get(start..stop).unwrap_or_default(), escaped));
            }
            escaped = true;
            self.at = stop + 2;
        }
        self.broken("unterminated string", start)
    }

    #[inline]
    fn value(&mut self) -> Option<Raw<'a>> {
        match self.peek() {
            Some(b'"') => self
                .string()
                .map(|(text, escaped)| Raw::Text(text, escaped)),
            Some(b'{' | b'[') => {
                let rest = self.text.get(self.at..).unwrap_or_default();
                if let Some(object) = flat_object(rest).filter(|_| rest.first() == Some(&b'{')) {
                    self.at += object.len();
                    return Some(Raw::Nested(object));
                }
                self.nested().map(Raw::Nested)
            }
            Some(_) => self.scalar(),
            None => self.broken("missing value", self.at),
        }
    }

    #[inline]
    fn scalar(&mut self) -> Option<Raw<'a>> {
        let start = self.at;
        while let Some(&byte) = self.text.get(self.at) {
            if matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n') {
                break;
            }
            self.at += 1;
        }
        let scalar = self.text.get(start..self.at).unwrap_or_default();
        match scalar {
            b"" => self.broken("missing value", start),
            b"null" => Some(Raw::Null),
            b"true" | b"false" => Some(Raw::Scalar(scalar)),
            [b'-' | b'0'..=b'9', ..] => Some(Raw::Scalar(scalar)),
            _ => self.broken("illegal value", start),
        }
    }

    /// An object or array as a whole, without looking inside.
    #[inline]
    fn nested(&mut self) -> Option<&'a [u8]> {
        let start = self.at;
        // Bit by bit from the innermost: whether it is an object.
        let (mut depth, mut objects) = (0u32, 0u32);
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => {
                    self.string()?;
                    continue;
                }
                b'{' | b'[' => {
                    if depth == MAX_DEPTH {
                        return self.broken("nested too deeply", start);
                    }
                    depth += 1;
                    objects = objects << 1 | u32::from(byte == b'{');
                }
                b'}' | b']' => {
                    if objects & 1 != u32::from(byte == b'}') {
                        return self.broken("unbalanced brackets", self.at);
                    }
                    depth -= 1;
                    objects >>= 1;
                    if depth == 0 {
                        self.at += 1;
                        return Some(self.text.get(start..self.at).unwrap_or_default());
                    }
                }
                _ => {}
            }
            self.at += 1;
        }
        self.broken("unterminated object", start)
    }

    /// Calls `each` with every member of the object the scanner stands on.
    #[inline]
    fn members(
        &mut self,
        mut each: impl FnMut((&'a [u8], bool), Raw<'a>) -> Result<(), DecodeError>,
    ) -> Option<()> {
        self.take(b'{')?;
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Some(());
        }
        loop {
            self.peek();
            let key = self.string()?;
            self.take(b':')?;
            let value = self.value()?;
            if let Err(error) = each(key, value) {
                self.fault = Fault::Member(error);
                return None;
            }
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Some(());
                }
                _ => return self.broken("expected , or }", self.at),
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
    decimal(digits).ok_or(DecodeError::IllegalValue(what))
}

/// Digits with an optional sign, as [`i32::from_str`](std::str::FromStr) takes them.
#[inline]
fn decimal(text: &[u8]) -> Option<i32> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    // More digits than this are leading zeros or no i32.
    if digits.is_empty() || digits.len() > 18 {
        return None;
    }
    let mut value = 0i64;
    for digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + i64::from(digit);
    }
    i32::try_from(if negative { -value } else { value }).ok()
}

/// A header exactly as Java's brokers write an answer without a remark: compact, members sorted.
/// Nothing depends on it; whatever looks different is read by [`scan`].
#[inline]
fn compact(header: &[u8]) -> Option<HeaderView<'_>> {
    let (code, rest) = leading_integer(header.strip_prefix(b"{\"code\":")?)?;
    let object = rest.strip_prefix(b",\"extFields\":")?;
    let ext = flat_object(object).filter(|ext| ext.starts_with(b"{"))?;
    let rest = object.get(ext.len()..)?;
    let (flag, rest) = leading_integer(rest.strip_prefix(b",\"flag\":")?)?;
    let rest = rest.strip_prefix(b",\"language\":\"")?;
    let letters = |byte: &u8| byte.is_ascii_uppercase() || *byte == b'_';
    let (language, rest) = rest.split_at_checked(rest.iter().position(|byte| !letters(byte))?)?;
    let language = Language::from_name(str::from_utf8(language).ok()?);
    let (opaque, rest) = leading_integer(rest.strip_prefix(b"\",\"opaque\":")?)?;
    let rest = rest.strip_prefix(b",\"serializeTypeCurrentRPC\":\"JSON\",\"version\":")?;
    let (version, rest) = leading_integer(rest)?;
    (rest == b"}").then_some(HeaderView {
        code,
        language,
        version,
        opaque,
        flag,
        remark: None,
        ext: ExtFields::Json(ext),
    })
}

/// The number that `text` begins with, and what follows it.
#[inline]
fn leading_integer(text: &[u8]) -> Option<(i32, &[u8])> {
    let end = text.iter().position(|byte| matches!(byte, b',' | b'}'))?;
    let (digits, rest) = text.split_at_checked(end)?;
    Some((decimal(digits)?, rest))
}

/// Reads a JSON header; ext fields stay unparsed.
///
/// # Errors
/// [`DecodeError::Json`] where the text is not an object, [`DecodeError::IllegalValue`] where a
/// fixed member is not what it must be, [`DecodeError::MissingField`] without code or opaque.
#[inline]
pub fn parse(header: &[u8]) -> Result<HeaderView<'_>, DecodeError> {
    compact(header).map_or_else(|| scan(header), Ok)
}

fn scan(header: &[u8]) -> Result<HeaderView<'_>, DecodeError> {
    let mut scanner = Scanner::new(header);
    let (mut code, mut opaque) = (None, None);
    let (mut language, mut version, mut flag) = (Language::JAVA, 0, 0);
    let (mut remark, mut ext) = (None, ExtFields::None);
    let read = scanner.members(|(key, _), value| {
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
    });
    if read.is_none() {
        return Err(scanner.error());
    }
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
    let mut scanner = Scanner::new(object);
    let read = scanner.members(|(key, key_escaped), value| {
        let value = match value {
            Raw::Text(raw, escaped) => text(raw, escaped, "ext value")?,
            Raw::Scalar(raw) => text(raw, false, "ext value")?,
            Raw::Null => return Ok(()),
            Raw::Nested(_) => return Err(DecodeError::IllegalValue("extFields")),
        };
        each(text(key, key_escaped, "ext key")?, value);
        Ok(())
    });
    read.ok_or_else(|| scanner.error())
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Pieces of what brokers write, and what could be taken for it.
    fn ext() -> impl Strategy<Value = String> {
        let value = prop_oneof![
            "[0-9A-F]{0,32}",
            "[a-z{}\\[\\],:]{0,9}",
            r#"(\\"|\\\\|\\u0001|[a-z}]){0,9}"#,
        ];
        prop::collection::vec(("[a-zA-Z_]{1,12}", value), 0..7).prop_map(|entries| {
            let members: Vec<_> = entries
                .iter()
                .map(|(key, value)| format!("\"{key}\":\"{value}\""))
                .collect();
            format!("{{{}}}", members.join(","))
        })
    }

    proptest! {
        /// The short cut reads what it reads as the scanner does.
        #[test]
        fn a_compact_header_is_read_as_any_other(
            code in any::<i32>(), opaque in any::<i32>(), flag in 0..4, ext in ext(),
            language in prop_oneof![Just("JAVA"), Just("RUST"), Just("X"), Just("a\\\"")],
        ) {
            let header = format!(
                "{{\"code\":{code},\"extFields\":{ext},\"flag\":{flag},\"language\":\"{language}\",\
                 \"opaque\":{opaque},\"serializeTypeCurrentRPC\":\"JSON\",\"version\":479}}",
            );
            let scanned = scan(header.as_bytes()).unwrap();
            prop_assert_eq!((scanned.code, scanned.opaque), (code, opaque));
            if let Some(read) = compact(header.as_bytes()) {
                prop_assert_eq!(read, scanned);
            }
        }

        /// And takes nothing that the scanner refuses, however a header is hurt.
        #[test]
        fn a_hurt_header_is_not_taken(ext in ext(), at in any::<prop::sample::Index>(), byte in
            prop::sample::select(b"\"\\{}[],:0a".as_slice())) {
            let mut header = format!(
                "{{\"code\":0,\"extFields\":{ext},\"flag\":1,\"language\":\"JAVA\",\"opaque\":7,\
                 \"serializeTypeCurrentRPC\":\"JSON\",\"version\":479}}",
            ).into_bytes();
            let at = at.index(header.len());
            header[at] = byte;
            if let Some(read) = compact(&header) {
                prop_assert_eq!(read, scan(&header).unwrap());
            }
        }
    }

    #[test]
    fn the_answer_of_a_broker_takes_the_short_cut() {
        let header = br#"{"code":0,"extFields":{"queueId":"3","msgId":"0A00"},"flag":1,"language":"JAVA","opaque":7,"serializeTypeCurrentRPC":"JSON","version":495}"#;
        let read = compact(header).unwrap();
        assert_eq!(
            (read.opaque, read.ext.get("queueId").unwrap().as_deref()),
            (7, Some("3"))
        );
    }

    #[test]
    fn integers_are_read_as_rust_reads_them() {
        for text in [
            "0",
            "-0",
            "+7",
            "2147483647",
            "-2147483648",
            "2147483648",
            "-2147483649",
            "",
            "-",
            "1a",
            "0000000012",
        ] {
            assert_eq!(decimal(text.as_bytes()), text.parse().ok(), "{text:?}");
        }
    }
}
