//! What messages carry: keys, properties, compression; checked as the client checks them.

use std::fmt;
use std::str::FromStr;

use super::ValueError;
use crate::client::{ClientError, CompressionKind, Message};

/// The setting is named by whoever reports the error.
fn reason(error: ClientError) -> ValueError {
    match error {
        ClientError::Illegal { reason, .. } => ValueError::new(reason),
        other => ValueError::new(other.to_string()),
    }
}

/// Value of the message property KEYS: one key or several, separated by spaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys(pub String);

impl FromStr for Keys {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        Message::new("x").with_keys(&[text]).map_err(reason)?;
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Properties of the user's, as `name=value,name=value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Properties(pub Vec<(String, String)>);

impl FromStr for Properties {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let mut pairs = Vec::new();
        let mut message = Message::new("x");
        for pair in text.split(',') {
            let Some((name, value)) = pair.split_once('=') else {
                return Err(ValueError::new(format!("`{pair}` is not name=value")));
            };
            let (name, value) = (name.trim(), value.trim());
            message = message.with_property(name, value).map_err(reason)?;
            pairs.push((name.to_owned(), value.to_owned()));
        }
        Ok(Self(pairs))
    }
}

impl fmt::Display for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, value)) in self.0.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            write!(f, "{comma}{name}={value}")?;
        }
        Ok(())
    }
}

/// What `--compress` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompressSetting(pub Option<CompressionKind>);

impl FromStr for CompressSetting {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        if text == "none" {
            return Ok(Self(None));
        }
        let kinds = CompressionKind::ALL;
        let kind = kinds.into_iter().find(|kind| kind.name() == text);
        kind.map(|kind| Self(Some(kind))).ok_or_else(|| {
            ValueError::new(format!("`{text}` is unknown: it is none, zlib, lz4, zstd"))
        })
    }
}

impl fmt::Display for CompressSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.map_or("none", CompressionKind::name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_message_may_not_carry_is_refused() {
        for bad in ["", " ", "a\u{1}b"] {
            assert!(bad.parse::<Keys>().is_err(), "{bad:?}");
        }
        for bad in ["", "a", "a=", "=b", "KEYS=x", "a=1,b"] {
            assert!(bad.parse::<Properties>().is_err(), "{bad:?}");
        }
        let error = "UNIQ_KEY=1".parse::<Properties>().unwrap_err();
        assert!(error.to_string().contains("reserved"), "{error}");
        for bad in ["gzip", "", "ZLIB"] {
            assert!(bad.parse::<CompressSetting>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn values_read_back() {
        let properties: Properties = "region=eu, color=blue".parse().unwrap();
        assert_eq!(properties.to_string(), "region=eu,color=blue");
        for text in ["none", "zlib", "lz4", "zstd"] {
            let setting: CompressSetting = text.parse().unwrap();
            assert_eq!(setting.to_string(), text);
        }
    }
}
