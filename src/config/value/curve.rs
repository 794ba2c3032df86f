//! Shares of a capacity at which a curve is measured: `10%,50%,100%,110%`, or `off`.

use std::fmt;
use std::str::FromStr;

use super::ValueError;
use super::number::Decimal;

/// Most points of a curve: each takes a window.
const MOST: usize = 50;
/// Largest share, in percent.
const LARGEST: u64 = 200;

/// What `--curve` says; without points it is off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CurveSetting(Vec<Decimal>);

impl CurveSetting {
    /// The shares as fractions, ascending.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "at most 12 digits")]
    pub fn shares(&self) -> Vec<f64> {
        let fraction =
            |share: &Decimal| share.mantissa as f64 / (share.denominator() as f64 * 100.0);
        self.0.iter().map(fraction).collect()
    }
}

impl FromStr for CurveSetting {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        if text.trim() == "off" {
            return Ok(Self(Vec::new()));
        }
        let share = |part: &str| {
            let (number, rest) = Decimal::parse_prefix(part)?;
            if rest.trim() != "%" {
                return Err(ValueError::new(format!(
                    "`{}` has no %: shares of the capacity are written as in 10%,50%,100%",
                    part.trim()
                )));
            }
            let range = number.denominator()..=LARGEST * number.denominator();
            if !range.contains(&number.mantissa) {
                return Err(ValueError::new(format!(
                    "`{}` is not between 1% and {LARGEST}%",
                    part.trim()
                )));
            }
            Ok(number)
        };
        let shares: Vec<Decimal> = text.split(',').map(share).collect::<Result<_, _>>()?;
        if shares.len() > MOST {
            return Err(ValueError::new(format!("more than {MOST} points")));
        }
        let curve = Self(shares);
        if curve.shares().is_sorted_by(|a, b| a < b) {
            Ok(curve)
        } else {
            Err(ValueError::new(format!("`{text}` does not ascend")))
        }
    }
}

impl fmt::Display for CurveSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("off");
        }
        let shares: Vec<String> = self.0.iter().map(|share| format!("{share}%")).collect();
        f.write_str(&shares.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_are_ascending_shares_or_off() {
        for text in ["10%,50%,100%,110%", "off", "99.5%"] {
            let curve: CurveSetting = text.parse().unwrap();
            assert_eq!(curve.to_string(), text);
        }
        let curve: CurveSetting = "10%, 110%".parse().unwrap();
        assert_eq!(curve.shares(), [0.1, 1.1]);
        for (text, part) in [
            ("10,20", "has no %"),
            ("20%,10%", "does not ascend"),
            ("10%,10%", "does not ascend"),
            ("0%", "not between"),
            ("201%", "not between"),
            ("", "not a number"),
        ] {
            let error = text.parse::<CurveSetting>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
