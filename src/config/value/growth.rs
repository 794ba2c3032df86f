//! Compound growth: `3%/month`, `30%/year`, `1%/week`.

use std::fmt;
use std::str::FromStr;

use super::ValueError;
use super::number::Decimal;

/// Days of a year; a month is a twelfth of it.
pub const DAYS_OF_YEAR: f64 = 365.25;
/// Days of a month.
pub const DAYS_OF_MONTH: f64 = DAYS_OF_YEAR / 12.0;
const DAYS_OF_WEEK: f64 = 7.0;
/// Most percent a period.
const MOST_PERCENT: u64 = 1000;

/// By how much something grows, above 0 % and at most 1000 % a period, of what it has become before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Growth {
    percent: Decimal,
    period: Period,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Period {
    Week,
    Month,
    Year,
}

impl Period {
    const ALL: [Self; 3] = [Self::Week, Self::Month, Self::Year];

    fn name(self) -> &'static str {
        match self {
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    fn days(self) -> f64 {
        match self {
            Self::Week => DAYS_OF_WEEK,
            Self::Month => DAYS_OF_MONTH,
            Self::Year => DAYS_OF_YEAR,
        }
    }
}

impl Growth {
    /// Days until what grows is `factor` times as much, 1 or more.
    #[must_use]
    pub fn days_to(self, factor: f64) -> f64 {
        factor.ln() / self.share().ln_1p() * self.period.days()
    }

    /// How many times as much it is after so many days.
    #[must_use]
    pub fn factor_after(self, days: f64) -> f64 {
        (self.share().ln_1p() * days / self.period.days()).exp()
    }

    #[allow(clippy::cast_precision_loss, reason = "at most 13 digits")]
    fn share(self) -> f64 {
        self.percent.mantissa as f64 / (self.percent.denominator() as f64 * 100.0)
    }
}

impl FromStr for Growth {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let (percent, rest) = Decimal::parse_prefix(text)?;
        let period = rest.trim().strip_prefix('%').map(str::trim);
        let period = period
            .and_then(|rest| rest.strip_prefix('/'))
            .map(str::trim);
        let period = period
            .and_then(|name| Period::ALL.into_iter().find(|period| period.name() == name))
            .ok_or_else(|| {
                ValueError::new(format!(
                    "`{text}` is no growth: write percent per week, month or year, as in 3%/month"
                ))
            })?;
        if percent.mantissa == 0 {
            return Err(ValueError::new(format!(
                "`{text}` does not grow: leave it out, or write as in 3%/month"
            )));
        }
        // Not by multiplying the limit, as a denominator may be large.
        if percent.mantissa / percent.denominator() >= MOST_PERCENT
            && percent.integer() != Some(MOST_PERCENT)
        {
            return Err(ValueError::new(format!(
                "`{text}` is more than {MOST_PERCENT}%: write as in 3%/month"
            )));
        }
        Ok(Self { percent, period })
    }
}

impl fmt::Display for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%/{}", self.percent, self.period.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn growth_is_percent_a_period() {
        for (text, written) in [
            ("3%/month", "3%/month"),
            (" 30 % / year ", "30%/year"),
            ("0.50%/week", "0.5%/week"),
            ("1000%/year", "1000%/year"),
        ] {
            let growth: Growth = text.parse().expect(text);
            assert_eq!(growth.to_string(), written);
        }
        let doubling: Growth = "100%/year".parse().unwrap();
        assert!((doubling.days_to(2.0) - 365.25).abs() < 1e-9);
        let monthly: Growth = "3%/month".parse().unwrap();
        assert!((monthly.factor_after(365.25) - 1.03_f64.powi(12)).abs() < 1e-12);
        let weekly: Growth = "1%/week".parse().unwrap();
        assert!((weekly.factor_after(14.0) - 1.0201).abs() < 1e-12);
    }

    #[test]
    fn what_is_no_growth_says_how_one_is_written() {
        for text in [
            "3%",
            "3/month",
            "3%/day",
            "3%/months",
            "0%/month",
            "0.0%/year",
            "1001%/year",
            "1000.1%/year",
            "3%month",
        ] {
            let error = text.parse::<Growth>().expect_err(text).to_string();
            assert!(error.contains("3%/month"), "{text}: {error}");
        }
        for text in ["", "-3%/month", "fast", "NaN%/month"] {
            assert!(text.parse::<Growth>().is_err(), "{text}");
        }
    }

    prop_compose! {
        fn growths()(percent in 1u64..=1_000_000_000, scale in 6u32..=9, period in 0usize..3) -> Growth {
            let period = Period::ALL[period];
            let text = format!("{}%/{}", Decimal { mantissa: percent, scale }, period.name());
            text.parse().unwrap()
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(growth in growths()) {
            prop_assert_eq!(growth.to_string().parse(), Ok(growth));
        }

        #[test]
        fn days_and_factors_are_each_others_inverse(growth in growths(), factor in 1.0_f64..1e6) {
            let back = growth.factor_after(growth.days_to(factor));
            prop_assert!((back / factor - 1.0).abs() < 1e-9, "{} for {}", back, factor);
        }

        #[test]
        fn any_text_is_a_growth_or_an_error(text in ".{0,30}|[0-9.]{1,25}%/(week|month|year)") {
            let _ = text.parse::<Growth>();
        }
    }
}
