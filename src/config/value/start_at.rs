//! The instant a run begins at: `2026-01-31T08:00:00Z`, or `+10s` from when it was asked for.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{DurationSetting, ValueError};

/// Longest time ahead; an instant further away is a mistake.
pub const FURTHEST: Duration = Duration::from_secs(7 * 24 * 3600);

/// What `--start-at` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartAt {
    /// By the wall clock.
    At(jiff::Timestamp),
    /// So long after the process was started.
    After(Duration),
}

impl StartAt {
    /// The instant, for a process started `now`; `None` where it is past or more than [`FURTHEST`] ahead.
    #[must_use]
    pub fn instant(self, now: jiff::Timestamp) -> Option<jiff::Timestamp> {
        let instant = match self {
            Self::At(instant) => instant,
            Self::After(time) => now.checked_add(time).ok()?,
        };
        let ahead = Duration::try_from(instant.duration_since(now)).ok()?;
        (ahead > Duration::ZERO && ahead <= FURTHEST).then_some(instant)
    }
}

impl FromStr for StartAt {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let text = text.trim();
        if let Some(time) = text.strip_prefix('+') {
            let DurationSetting(time) = time.parse()?;
            if time.is_zero() || time > FURTHEST {
                return Err(ValueError::new(format!(
                    "`{text}`: a run begins more than 0 s and at most 7 days from now"
                )));
            }
            return Ok(Self::After(time));
        }
        text.parse().map(Self::At).map_err(|_| {
            ValueError::new(format!(
                "`{text}` is no instant: write 2026-01-31T08:00:00Z (RFC 3339), or +10s from now"
            ))
        })
    }
}

impl fmt::Display for StartAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(instant) => instant.fmt(f),
            Self::After(time) => write!(f, "+{}", DurationSetting(*time)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stamp(text: &str) -> jiff::Timestamp {
        text.parse().expect(text)
    }

    #[test]
    fn instants_are_dates_or_lie_ahead() {
        let now = stamp("2026-01-31T08:00:00Z");
        for (text, instant) in [
            ("2026-01-31T08:00:01Z", Some("2026-01-31T08:00:01Z")),
            ("2026-01-31T09:00:01+01:00", Some("2026-01-31T08:00:01Z")),
            ("+90s", Some("2026-01-31T08:01:30Z")),
            ("2026-01-31T08:00:00Z", None),
            ("2026-01-31T07:59:59Z", None),
            ("2027-01-31T08:00:00Z", None),
        ] {
            let start: StartAt = text.parse().expect(text);
            assert_eq!(start.instant(now), instant.map(stamp), "{text}");
        }
        for text in [
            "",
            "+",
            "+10",
            "+0s",
            "+8d",
            "-10s",
            "10s",
            "soon",
            "2026-01-31",
        ] {
            assert!(text.parse::<StartAt>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(ms in 1u64..600_000_000, ns in 0i64..4_000_000_000_000_000_000) {
            let after = StartAt::After(Duration::from_millis(ms));
            prop_assert_eq!(after.to_string().parse(), Ok(after));
            let at = StartAt::At(jiff::Timestamp::from_nanosecond(ns.into()).expect("in range"));
            prop_assert_eq!(at.to_string().parse(), Ok(at));
        }

        #[test]
        fn any_text_is_an_instant_or_an_error(text in ".{0,40}|\\+[0-9]{1,25}(ms|s|m)?") {
            let _ = text.parse::<StartAt>();
        }
    }
}
