//! Exact decimals with a multiplier: `50k`, `1.5M`, `1_000_000`, `0.5`.

use super::ValueError;

/// `mantissa / 10^scale`, exact; never negative, never infinite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decimal {
    /// Digits without the point.
    pub mantissa: u64,
    /// Digits behind the point; no trailing zeros.
    pub scale: u32,
}

/// Largest number of digits behind the point.
const MAX_SCALE: u32 = 9;

impl Decimal {
    /// Reads a number with an optional `k`, `M` or `G` (powers of 1000) and returns what follows.
    ///
    /// # Errors
    /// When the text does not start with a digit, or the number does not fit 64 bits.
    pub fn parse_prefix(text: &str) -> Result<(Self, &str), ValueError> {
        let text = text.trim();
        if text.starts_with('-') {
            return Err(ValueError::new(format!("`{text}` is negative")));
        }
        let end = text
            .find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_'))
            .unwrap_or(text.len());
        let (digits, rest) = text.split_at(end);
        let number = Self::parse_digits(digits)
            .ok_or_else(|| ValueError::new(format!("`{text}` is not a number")))?;
        let (power, rest) = match rest.as_bytes().first() {
            Some(b'k' | b'K') => (3, &rest[1..]),
            Some(b'M') => (6, &rest[1..]),
            Some(b'G') => (9, &rest[1..]),
            Some(b'm') if rest.len() == 1 || rest.starts_with("m/") => {
                return Err(ValueError::new(format!(
                    "`{text}`: write M for a million, min for minutes"
                )));
            }
            _ => (0, rest),
        };
        let number = number
            .times_power_of_ten(power)
            .ok_or_else(|| ValueError::new(format!("`{text}` is too large")))?;
        Ok((number, rest))
    }

    fn parse_digits(digits: &str) -> Option<Self> {
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if !whole.starts_with(|c: char| c.is_ascii_digit()) || fraction.contains('.') {
            return None;
        }
        let fraction = fraction.trim_end_matches('0');
        let mut mantissa: u64 = 0;
        let mut scale = 0;
        for (behind_point, c) in whole
            .chars()
            .map(|c| (false, c))
            .chain(fraction.chars().map(|c| (true, c)))
        {
            if c == '_' {
                continue;
            }
            mantissa = mantissa
                .checked_mul(10)?
                .checked_add(u64::from(c.to_digit(10)?))?;
            scale += u32::from(behind_point);
        }
        (scale <= MAX_SCALE).then_some(Self { mantissa, scale })
    }

    fn times_power_of_ten(self, power: u32) -> Option<Self> {
        let absorbed = power.min(self.scale);
        Some(Self {
            mantissa: self.mantissa.checked_mul(10u64.pow(power - absorbed))?,
            scale: self.scale - absorbed,
        })
    }

    /// The number itself when it has nothing behind the point.
    #[must_use]
    pub fn integer(self) -> Option<u64> {
        (self.scale == 0).then_some(self.mantissa)
    }

    /// `10^scale`: what the mantissa is divided by.
    #[must_use]
    pub fn denominator(self) -> u64 {
        10u64.pow(self.scale)
    }
}

impl std::fmt::Display for Decimal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let denominator = self.denominator();
        let whole = self.mantissa / denominator;
        if self.scale == 0 {
            return write!(f, "{whole}");
        }
        let fraction = self.mantissa % denominator;
        let width = self.scale as usize;
        write!(f, "{whole}.{fraction:0width$}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_exact_and_keep_what_follows() {
        for (text, written, rest) in [
            ("50k", "50000", ""),
            ("1.5M/min", "1500000", "/min"),
            ("0.5/s", "0.5", "/s"),
            ("1_000_000", "1000000", ""),
            ("2.50", "2.5", ""),
            ("0.0005k", "0.5", ""),
            ("3G", "3000000000", ""),
            ("0", "0", ""),
        ] {
            let (number, after) = Decimal::parse_prefix(text).expect(text);
            assert_eq!((number.to_string().as_str(), after), (written, rest));
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in [
            "",
            "k",
            ".5",
            "-1",
            "1.2.3",
            "NaN",
            "inf",
            "_1",
            "99999999999999999999",
            "99999999999G",
            "0.0000000001",
            "5m",
        ] {
            assert!(Decimal::parse_prefix(text).is_err(), "{text}");
        }
    }
}
