//! The offered rate: `50k`, `50000/s`, `3M/min`, `0.5/s`, `max`, or a plan.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use super::ValueError;
use super::number::Decimal;
use super::rate_plan::{RatePlan, is_plan};
use crate::load::Rate;

/// Most messages per second that are believed: far above what any client has sent.
const MOST_PER_SECOND: f64 = 100e6;

/// What `--rate` says.
#[derive(Debug, Clone, PartialEq)]
pub enum RateSetting {
    /// As many as the answers allow: a closed loop.
    Max,
    /// A rate to keep, whatever the cluster does: an open loop.
    Limited(LimitedRate),
    /// One that changes, kept as well.
    Planned(RatePlan),
}

/// A number of messages per second, minute or hour; above zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitedRate {
    number: Decimal,
    unit: Unit,
    rate: Rate,
}

impl LimitedRate {
    /// The exact fraction.
    #[must_use]
    pub fn rate(self) -> Rate {
        self.rate
    }

    fn new(number: Decimal, unit: Unit) -> Option<Self> {
        let rate = Rate {
            messages: NonZeroU64::new(number.mantissa)?,
            period_ns: NonZeroU64::new(unit.nanoseconds().checked_mul(number.denominator())?)?,
        };
        Some(Self { number, unit, rate })
    }
}

impl fmt::Display for LimitedRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.unit.name())
    }
}

impl FromStr for LimitedRate {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let (number, rest) = Decimal::parse_prefix(text)?;
        let unit = match rest.trim() {
            "" | "/s" | "/sec" => Unit::Second,
            "/min" => Unit::Minute,
            "/h" => Unit::Hour,
            "/m" => {
                return Err(ValueError::new(format!(
                    "`{text}`: write /min for per minute"
                )));
            }
            other => {
                return Err(ValueError::new(format!(
                    "`{text}`: `{other}` is no unit of a rate: use /s, /min or /h"
                )));
            }
        };
        if number.mantissa == 0 {
            return Err(ValueError::new(
                "a rate of 0 sends nothing: did you mean `max`, as fast as answers allow?",
            ));
        }
        let rate = Self::new(number, unit)
            .ok_or_else(|| ValueError::new(format!("`{text}` is out of range")))?;
        if rate.rate.per_second() > MOST_PER_SECOND {
            return Err(ValueError::new(format!(
                "`{text}` is more than 100 million messages per second"
            )));
        }
        Ok(rate)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Second,
    Minute,
    Hour,
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Self::Second => "s",
            Self::Minute => "min",
            Self::Hour => "h",
        }
    }

    fn nanoseconds(self) -> u64 {
        match self {
            Self::Second => 1_000_000_000,
            Self::Minute => 60_000_000_000,
            Self::Hour => 3_600_000_000_000,
        }
    }
}

impl FromStr for RateSetting {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text.trim() {
            "max" => Ok(Self::Max),
            plan if is_plan(plan) => plan.parse().map(Self::Planned),
            limited => limited.parse().map(Self::Limited),
        }
    }
}

impl fmt::Display for RateSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Max => f.write_str("max"),
            Self::Limited(rate) => rate.fmt(f),
            Self::Planned(plan) => plan.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_exact_fractions() {
        for (text, messages, period_ns, written) in [
            ("50k", 50_000, 1_000_000_000, "50000/s"),
            ("50000", 50_000, 1_000_000_000, "50000/s"),
            ("3000/s", 3000, 1_000_000_000, "3000/s"),
            ("3M/min", 3_000_000, 60_000_000_000, "3000000/min"),
            ("0.5/s", 5, 10_000_000_000, "0.5/s"),
            ("1.5k/h", 1500, 3_600_000_000_000, "1500/h"),
            ("1_000", 1000, 1_000_000_000, "1000/s"),
        ] {
            let RateSetting::Limited(rate) = text.parse().expect(text) else {
                panic!("{text} is limited");
            };
            assert_eq!(rate.rate().messages.get(), messages, "{text}");
            assert_eq!(rate.rate().period_ns.get(), period_ns, "{text}");
            assert_eq!(rate.to_string(), written);
            assert_eq!(written.parse(), Ok(rate));
        }
        assert_eq!("max".parse(), Ok(RateSetting::Max));
        assert_eq!(RateSetting::Max.to_string(), "max");
    }

    #[test]
    fn refused_rates_say_what_to_write() {
        for (text, part) in [
            ("0", "did you mean `max`"),
            ("0/min", "did you mean `max`"),
            ("-5k", "negative"),
            ("NaN", "not a number"),
            ("inf", "not a number"),
            ("fast", "not a number"),
            ("50k/m", "/min"),
            ("50m", "write M for a million"),
            ("50k/day", "use /s, /min or /h"),
            ("50kb", "use /s, /min or /h"),
            ("", "not a number"),
            ("1G", "100 million"),
        ] {
            let error = text.parse::<RateSetting>().expect_err(text).to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
