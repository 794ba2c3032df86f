//! Points in time: `2026-01-31T08:00:00Z`, `1769846400000ms`, `1769846400s`.

use std::fmt;
use std::str::FromStr;

use super::ValueError;

/// A point in time to the millisecond, in ms since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub i64);

impl FromStr for Moment {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let text = text.trim();
        if let Ok(moment) = text.parse::<jiff::Timestamp>() {
            return Ok(Self(moment.as_millisecond()));
        }
        let unit = text.trim_start_matches(|letter: char| letter.is_ascii_digit());
        let digits = text.strip_suffix(unit).unwrap_or_default();
        let count = digits.parse::<i64>().ok();
        let moment = match (count, unit) {
            (Some(_), "") => {
                return Err(ValueError::new(format!(
                    "{text} has no unit: did you mean {text}ms or {text}s since 1970?"
                )));
            }
            (Some(count), "ms") => Some(count),
            (Some(count), "s") => count.checked_mul(1000),
            _ => None,
        };
        let moment = moment.filter(|moment| jiff::Timestamp::from_millisecond(*moment).is_ok());
        moment.map(Self).ok_or_else(|| {
            ValueError::new(format!(
                "`{text}` is no point in time: write 2026-01-31T08:00:00Z, or ms or s since 1970"
            ))
        })
    }
}

impl fmt::Display for Moment {
    /// RFC 3339 in UTC; the number of ms where that has no word for it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(moment) => write!(f, "{moment:.3}"),
            Err(_) => write!(f, "{}ms", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn moments_are_dates_or_carry_units() {
        for (text, ms) in [
            ("1970-01-01T00:00:01Z", 1000),
            ("2026-01-31T08:00:00.250Z", 1_769_846_400_250),
            ("2026-01-31T09:00:00+01:00", 1_769_846_400_000),
            ("1769846400000ms", 1_769_846_400_000),
            (" 1769846400s ", 1_769_846_400_000),
            ("0ms", 0),
        ] {
            assert_eq!(text.parse(), Ok(Moment(ms)), "{text}");
        }
        let written = Moment(1_769_846_400_250).to_string();
        assert_eq!(written, "2026-01-31T08:00:00.250Z");
    }

    #[test]
    fn what_is_none_says_what_to_write() {
        for (text, part) in [
            ("1769846400000", "did you mean 1769846400000ms"),
            ("2026-01-31", "no point in time"),
            ("2026-01-31T08:00:00", "no point in time"),
            ("yesterday", "no point in time"),
            ("-5s", "no point in time"),
            ("9223372036854775807s", "no point in time"),
            ("9223372036854775807ms", "no point in time"),
            ("", "no point in time"),
        ] {
            let error = text.parse::<Moment>().expect_err(text).to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(ms in 0i64..=253_402_207_200_000) {
            prop_assert_eq!(Moment(ms).to_string().parse(), Ok(Moment(ms)));
        }

        #[test]
        fn any_text_is_a_moment_or_an_error(text in ".{0,40}|[0-9]{1,25}(ms|s)?") {
            let _ = text.parse::<Moment>();
        }
    }
}
