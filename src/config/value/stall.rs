//! Regular stalls of the embedded brokers: `200ms/2s` is 200 ms of silence every 2 s.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{DurationSetting, ValueError};

/// What `--broker-stall` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StallSetting {
    /// How long nothing is answered.
    pub length: Duration,
    /// From the start of one stall to the start of the next.
    pub every: Duration,
}

impl FromStr for StallSetting {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let (length, every) = text.split_once('/').ok_or_else(|| {
            ValueError::new(format!("`{text}` is not `length/period`, as in 200ms/2s"))
        })?;
        let DurationSetting(length) = length.parse()?;
        let DurationSetting(every) = every.parse()?;
        if length.is_zero() || length >= every {
            return Err(ValueError::new(format!(
                "`{text}`: a stall is longer than 0 and shorter than its period"
            )));
        }
        Ok(Self { length, every })
    }
}

impl fmt::Display for StallSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = DurationSetting(self.length);
        write!(f, "{length}/{}", DurationSetting(self.every))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stalls_are_shorter_than_their_period() {
        let stall: StallSetting = "200ms/2s".parse().expect("a stall");
        assert_eq!(stall.length, Duration::from_millis(200));
        assert_eq!(stall.every, Duration::from_secs(2));
        assert_eq!(stall.to_string(), "200ms/2s");
        for text in ["200ms", "2s/2s", "3s/2s", "0s/1s", "200/2s", "/"] {
            assert!(text.parse::<StallSetting>().is_err(), "{text}");
        }
    }
}
