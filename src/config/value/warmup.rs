//! How long a run warms up: a time, or until it is steady: `2s`, `auto`, `auto:60s`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{DurationSetting, ValueError};

/// The longest warm-up of `auto` alone.
const CAP: Duration = Duration::from_secs(60);

/// What `--warmup` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WarmupSetting {
    /// So long.
    For(Duration),
    /// Until the figures of the seconds have settled, but so long at most: whole seconds.
    Auto(Duration),
}

impl WarmupSetting {
    /// How long it takes at most.
    #[must_use]
    pub fn longest(self) -> Duration {
        match self {
            Self::For(time) | Self::Auto(time) => time,
        }
    }

    /// Whether it may be shorter.
    #[must_use]
    pub fn is_auto(self) -> bool {
        matches!(self, Self::Auto(_))
    }
}

impl FromStr for WarmupSetting {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let cap = match text.trim().split_once(':') {
            None if text.trim() == "auto" => return Ok(Self::Auto(CAP)),
            Some(("auto", cap)) => cap,
            _ => return Ok(Self::For(text.parse::<DurationSetting>()?.0)),
        };
        let DurationSetting(cap) = cap.parse()?;
        if cap.subsec_nanos() != 0 {
            return Err(ValueError::new(format!(
                "`{text}`: a run is looked at second by second, so its longest warm-up is whole seconds"
            )));
        }
        Ok(Self::Auto(cap))
    }
}

impl fmt::Display for WarmupSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::For(time) => DurationSetting(*time).fmt(f),
            Self::Auto(cap) => write!(f, "auto:{}", DurationSetting(*cap)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_warm_up_is_a_time_or_automatic() {
        let s = Duration::from_secs;
        for (text, setting, written) in [
            ("2s", WarmupSetting::For(s(2)), "2s"),
            ("auto", WarmupSetting::Auto(s(60)), "auto:1m"),
            (" auto:30s", WarmupSetting::Auto(s(30)), "auto:30s"),
        ] {
            assert_eq!(text.parse(), Ok(setting), "{text}");
            assert_eq!(setting.to_string(), written);
        }
        for (text, part) in [
            ("auto:", "not a duration"),
            ("auto:20", "did you mean 20s"),
            ("auto:1500ms", "whole seconds"),
            ("automatic", "not a duration"),
            ("60s:auto", "not a duration"),
        ] {
            let error = text.parse::<WarmupSetting>().expect_err(text).to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_warm_up_or_an_error(text in ".{0,20}|auto:[0-9]{1,12}(s|ms|h)") {
            if let Ok(setting) = text.parse::<WarmupSetting>() {
                prop_assert_eq!(setting.to_string().parse(), Ok(setting));
            }
        }
    }
}
