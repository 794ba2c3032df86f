//! Whole numbers: `64`, `50k`, `1M`, `1_000_000`.

use std::fmt;
use std::str::FromStr;

use super::ValueError;
use super::number::Decimal;

/// A whole number; `k`, `M` and `G` are powers of 1000.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CountSetting(pub u64);

impl FromStr for CountSetting {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let (number, rest) = Decimal::parse_prefix(text)?;
        if !rest.is_empty() {
            return Err(ValueError::new(format!(
                "`{text}`: a count has no unit, but `{rest}` follows it"
            )));
        }
        number
            .integer()
            .map(Self)
            .ok_or_else(|| ValueError::new(format!("`{text}` is not a whole number")))
    }
}

impl fmt::Display for CountSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_whole() {
        for (text, value) in [
            ("0", 0),
            ("64", 64),
            ("50k", 50_000),
            ("1M", 1_000_000),
            ("1.5k", 1500),
            ("1_000", 1000),
        ] {
            assert_eq!(text.parse(), Ok(CountSetting(value)), "{text}");
        }
        for (text, part) in [
            ("1.5", "whole"),
            ("-1", "negative"),
            ("10s", "no unit"),
            ("many", "not a number"),
        ] {
            let error = text.parse::<CountSetting>().expect_err(text).to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
