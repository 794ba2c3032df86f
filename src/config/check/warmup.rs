//! What a warm-up that ends by itself cannot be combined with.

use std::time::Duration;

use super::super::error::ConfigError;
use super::super::settings::Settings;
use super::super::value::{ArrivalsSetting, DurationSetting, RateSetting, WarmupSetting};
use super::{HOUR, refuse};

/// Fewer seconds are not enough to see that a run is steady.
const SHORTEST_CAP: Duration = Duration::from_secs(15);

/// Refuses lengths out of range, and `auto` where the window's begin has to be known beforehand.
///
/// # Errors
/// [`ConfigError`] for the first thing found.
pub(super) fn check(settings: &Settings) -> Result<(), ConfigError> {
    let Some(given) = &settings.warmup else {
        return Ok(());
    };
    let (least, form) = match given.value {
        WarmupSetting::For(_) => (Duration::ZERO, ""),
        WarmupSetting::Auto(_) => (SHORTEST_CAP, "auto:"),
    };
    if !(least..=HOUR).contains(&given.value.longest()) {
        let reason = format!("{} is out of range", given.value);
        let (least, most) = (DurationSetting(least), DurationSetting(HOUR));
        let hint = format!("--warmup {form}TIME takes {least} to {most}");
        return Err(refuse("warmup", &given.source, reason, hint));
    }
    if !given.value.is_auto() {
        return Ok(());
    }
    let obstacles = [
        (
            "shard",
            settings.shard.is_some(),
            "the windows of all processes begin at one instant, and each would find its own",
        ),
        (
            "start-at",
            settings.start_at.is_some(),
            "the window of a run that begins at an instant begins at one too",
        ),
        (
            "rate",
            matches!(settings.rate.value, RateSetting::Planned(_)),
            "a plan says when each rate begins, so the end of the warm-up has to be known",
        ),
        (
            "arrivals",
            matches!(settings.arrivals.value, ArrivalsSetting::Recorded(_)),
            "a record says when each message is due, so the end of the warm-up has to be known",
        ),
    ];
    match obstacles.into_iter().find(|(_, is_given, _)| *is_given) {
        None => Ok(()),
        Some((other, _, reason)) => Err(ConfigError::Contradiction {
            key: "warmup",
            source_of_value: given.source.clone(),
            other,
            reason: reason.to_owned(),
            hint: format!("give --warmup a time, as in --warmup 30s, or drop --{other}"),
        }),
    }
}
