//! Lengths of time: `10s`, `1m30s`, `250us`, `1.5s`; never without a unit.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::fmt::friendly::SpanParser;

use super::ValueError;

/// A length of time, zero or more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DurationSetting(pub Duration);

impl FromStr for DurationSetting {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let text = text.trim();
        let is_bare = text.starts_with(|c: char| c.is_ascii_digit())
            && text
                .chars()
                .all(|c| c.is_ascii_digit() || c == '.' || c == '_');
        if is_bare {
            return Err(ValueError::new(format!(
                "{text} has no unit: did you mean {text}s or {text}ms?"
            )));
        }
        if text.starts_with('-') {
            return Err(ValueError::new(format!(
                "`{text}` is negative: a duration cannot be"
            )));
        }
        SpanParser::new()
            .parse_unsigned_duration(text)
            .map(Self)
            .map_err(|_| {
                ValueError::new(format!(
                    "`{text}` is not a duration: write h, m, s, ms, us or ns behind the number"
                ))
            })
    }
}

impl fmt::Display for DurationSetting {
    /// Exact and in ASCII, largest unit first: `1m30s`, `1s500ms`, `250us`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let nanos = self.0.subsec_nanos();
        let parts = [
            (seconds / 3600, "h"),
            (seconds / 60 % 60, "m"),
            (seconds % 60, "s"),
            (u64::from(nanos / 1_000_000), "ms"),
            (u64::from(nanos / 1000 % 1000), "us"),
            (u64::from(nanos % 1000), "ns"),
        ];
        if self.0.is_zero() {
            return f.write_str("0s");
        }
        for (number, unit) in parts.into_iter().filter(|(number, _)| *number > 0) {
            write!(f, "{number}{unit}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_carry_units() {
        for (text, duration, written) in [
            ("10s", Duration::from_secs(10), "10s"),
            ("1m30s", Duration::from_secs(90), "1m30s"),
            ("2min", Duration::from_secs(120), "2m"),
            ("250us", Duration::from_micros(250), "250us"),
            ("1.5s", Duration::from_millis(1500), "1s500ms"),
            ("1h", Duration::from_secs(3600), "1h"),
            ("0s", Duration::ZERO, "0s"),
            ("800ns", Duration::from_nanos(800), "800ns"),
        ] {
            let setting: DurationSetting = text.parse().expect(text);
            assert_eq!(setting.0, duration, "{text}");
            assert_eq!(setting.to_string(), written);
        }
    }

    #[test]
    fn a_bare_number_is_refused_with_what_it_might_mean() {
        for (text, part) in [
            ("10", "10 has no unit: did you mean 10s or 10ms?"),
            ("1.5", "1.5 has no unit"),
            ("0", "0 has no unit"),
            ("-5s", "negative"),
            ("ten seconds", "not a duration"),
            ("", "not a duration"),
            ("10x", "not a duration"),
        ] {
            let error = text.parse::<DurationSetting>().expect_err(text).to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(nanos in 0u64..=u64::MAX / 4) {
            let setting = DurationSetting(Duration::from_nanos(nanos));
            prop_assert_eq!(setting.to_string().parse(), Ok(setting));
        }
    }
}
