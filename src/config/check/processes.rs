//! What several processes cannot share (`--shard`).

use super::super::error::ConfigError;
use super::super::settings::Settings;
use super::super::value::BatchSetting;
use super::super::value::RateSetting;
use crate::load::{ResponderKind, SendMode};

/// Why a run cannot be one of several: the setting in the way, the reason, and the way out.
type Obstacle = (&'static str, String, String);

/// Refuses a part of what is no whole.
///
/// # Errors
/// [`ConfigError::Contradiction`] for the first thing found.
pub(super) fn check(settings: &Settings) -> Result<(), ConfigError> {
    runs(settings)?;
    let Some(shard) = &settings.shard else {
        return Ok(());
    };
    let Some((other, reason, hint)) = obstacle(settings, shard.value.of) else {
        return Ok(());
    };
    Err(ConfigError::Contradiction {
        key: "shard",
        source_of_value: shard.source.clone(),
        other,
        reason,
        hint,
    })
}

/// Several runs are one process's, each begins when the one before it has ended, and an interval log has one start.
fn runs(settings: &Settings) -> Result<(), ConfigError> {
    let with = [
        (
            "shard",
            settings.shard.is_some(),
            "parts of a run are made by several processes",
        ),
        (
            "start-at",
            settings.start_at.is_some(),
            "only the first run could begin then",
        ),
        (
            "hlog",
            settings.hlog.is_some(),
            "an interval log is of one run",
        ),
    ];
    let other = with.iter().find(|(_, given, _)| *given);
    let Some((other, _, reason)) = other.filter(|_| settings.runs.value.0 > 1) else {
        return Ok(());
    };
    Err(ConfigError::Contradiction {
        key: "runs",
        source_of_value: settings.runs.source.clone(),
        other,
        reason: (*reason).to_owned(),
        hint: format!("drop --runs or --{other}"),
    })
}

fn obstacle(settings: &Settings, of: u64) -> Option<Obstacle> {
    let obstacle =
        |other, reason: &str, hint: &str| Some((other, reason.to_owned(), hint.to_owned()));
    let mode = settings.mode.value.0;
    if settings.is_closed() {
        return obstacle(
            "rate",
            "`max` is a closed loop, which has no schedule to share",
            "give a rate, as in --rate 50k, or drop --shard",
        );
    }
    if settings.namesrv.is_none() {
        return obstacle(
            "namesrv",
            "each process would send to an embedded cluster of its own",
            "give --namesrv; `rmq-bench broker` starts an embedded cluster that processes can share",
        );
    }
    if mode == SendMode::Request && settings.responder.value.0 == ResponderKind::BuiltIn {
        return obstacle(
            "responder",
            "the built-in responder of each process would answer the requests of all",
            "let others answer, with --responder others",
        );
    }
    if mode == SendMode::Tx && settings.tx_unknown.value.fraction() > 0.0 {
        return obstacle(
            "tx-unknown",
            "brokers ask any producer of the group about a transaction, so also a process that did not begin it",
            "drop --tx-unknown or --shard",
        );
    }
    let keys = settings.keys_in_turn().map(|given| given.value.0);
    if let Some(keys) = keys.filter(|keys| *keys < of) {
        let reason = format!("{of} processes cannot share {keys} keys");
        let hint = format!("give at least {of} to --sharding-keys, or fewer processes");
        return Some(("sharding-keys", reason, hint));
    }
    too_few(settings, of)
}

/// Less than one send for each process.
fn too_few(settings: &Settings, of: u64) -> Option<Obstacle> {
    let per_send = match (settings.mode.value.0, settings.batch.value) {
        (SendMode::Batch, BatchSetting::Messages(messages)) => messages.max(1),
        _ => 1,
    };
    if let Some(count) = &settings.count
        && count.value.0 / per_send < of
    {
        let reason = format!(
            "{} messages are less than one send for each process",
            count.value
        );
        return Some((
            "count",
            reason,
            "raise --count, or use fewer processes".to_owned(),
        ));
    }
    let (RateSetting::Limited(rate), Some(duration)) = (&settings.rate.value, &settings.duration)
    else {
        return None;
    };
    #[allow(clippy::cast_precision_loss, reason = "of at most 10,000 processes")]
    let least = (of * per_send) as f64;
    let planned = rate.rate().per_second() * duration.value.0.as_secs_f64();
    (planned < least).then(|| {
        let reason = format!(
            "{rate} for {} is less than one send for each process",
            duration.value
        );
        let hint = "raise --rate or --duration, or use fewer processes".to_owned();
        ("rate", reason, hint)
    })
}
