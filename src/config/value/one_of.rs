//! How one of several is chosen: `turn`, `uniform`, `zipf:1.1`.

use std::fmt;
use std::str::FromStr;

use super::ValueError;
use super::number::Decimal;
use crate::load::Choice;

/// What `--key-choice` and `--queue-choice` say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChoiceSetting(pub Choice);

impl FromStr for ChoiceSetting {
    type Err = ValueError;

    #[allow(clippy::cast_precision_loss, reason = "an exponent of few digits")]
    fn from_str(text: &str) -> Result<Self, ValueError> {
        let text = text.trim();
        let Some(exponent) = text.strip_prefix("zipf:") else {
            if text == "zipf" {
                return Err(ValueError::new(
                    "`zipf` needs its exponent, as in zipf:1.1".to_owned(),
                ));
            }
            let known = [("turn", Choice::Turn), ("uniform", Choice::Uniform)];
            return super::choice::pick(text, &known).map(Self);
        };
        let (number, rest) = Decimal::parse_prefix(exponent)?;
        let s = number.mantissa as f64 / number.denominator() as f64;
        if !rest.is_empty() || s > Choice::MOST_ZIPF {
            return Err(ValueError::new(format!(
                "`{exponent}` is no exponent: a number from 0 to {}",
                Choice::MOST_ZIPF
            )));
        }
        Ok(Self(Choice::Zipf(s)))
    }
}

impl fmt::Display for ChoiceSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Choice::Turn => f.write_str("turn"),
            Choice::Uniform => f.write_str("uniform"),
            Choice::Zipf(s) => write!(f, "zipf:{s}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_read_back() {
        for text in ["turn", "uniform", "zipf:0", "zipf:0.99", "zipf:1.1"] {
            let choice: ChoiceSetting = text.parse().unwrap();
            assert_eq!(choice.to_string(), text);
        }
        for (text, part) in [
            ("zipf", "exponent"),
            ("zipf:", "not a number"),
            ("zipf:-1", "negative"),
            ("zipf:11", "from 0 to 10"),
            ("zipf:1s", "from 0 to 10"),
            ("turns", "did you mean `turn`"),
            ("random", "turn, uniform"),
        ] {
            let error = text.parse::<ChoiceSetting>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
