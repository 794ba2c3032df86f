//! Shares in percent: `1%`, `0.1%`.

use std::fmt;
use std::str::FromStr;

use super::ValueError;
use super::number::Decimal;

/// A share between 0 % and 100 %, exact to a ten-millionth of a percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShareSetting(Decimal);

impl ShareSetting {
    /// The share as a fraction, 0 to 1.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "at most 12 digits")]
    pub fn fraction(self) -> f64 {
        self.0.mantissa as f64 / (self.0.denominator() as f64 * 100.0)
    }
}

impl FromStr for ShareSetting {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let (number, rest) = Decimal::parse_prefix(text)?;
        match rest.trim() {
            "%" => {}
            "" => {
                return Err(ValueError::new(format!(
                    "{text} has no unit: a share is written with %, as in 1%"
                )));
            }
            _ => return Err(ValueError::new(format!("`{text}` is not a share"))),
        }
        if number.mantissa > 100 * number.denominator() {
            return Err(ValueError::new(format!("`{text}` is more than 100%")));
        }
        Ok(Self(number))
    }
}

impl fmt::Display for ShareSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_need_their_percent_sign() {
        for (text, fraction) in [("1%", 0.01), ("0.1%", 0.001), ("0%", 0.0), ("100%", 1.0)] {
            let share: ShareSetting = text.parse().expect(text);
            assert!((share.fraction() - fraction).abs() < 1e-12, "{text}");
            assert_eq!(share.to_string(), text);
        }
        for (text, part) in [
            ("1", "written with %"),
            ("0.01", "written with %"),
            ("101%", "more than 100%"),
            ("-1%", "negative"),
            ("5ms", "not a share"),
        ] {
            let error = text.parse::<ShareSetting>().expect_err(text).to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
