//! What a run cannot be: values out of range, settings that contradict each other.

mod processes;
mod shapes;
mod warmup;
mod without;

use std::time::Duration;

use super::error::ConfigError;
use super::setting::{Given, Source};
use super::settings::Settings;
use super::value::{
    ArrivalsSetting, BatchSetting, CapacitiesSetting, CountSetting, DurationSetting, RateSetting,
    ShareSetting, SizeSetting,
};
use crate::load::SendMode;

/// Largest body a broker takes (C1.14).
const MAX_BODY: u64 = 4 * 1024 * 1024;
const MICROSECOND: Duration = Duration::from_micros(1);
const MILLISECOND: Duration = Duration::from_millis(1);
/// Shares are decimal, their sums are not exact.
const ROUNDING: f64 = 1e-9;
const HOUR: Duration = Duration::from_secs(3600);

/// Refuses what cannot be run.
///
/// # Errors
/// [`ConfigError::Value`] or [`ConfigError::Contradiction`] for the first thing found.
pub(crate) fn check(settings: &Settings) -> Result<(), ConfigError> {
    counts(settings)?;
    durations(settings)?;
    warmup::check(settings)?;
    shapes::check(settings)?;
    size("reply-size", &settings.reply_size)?;
    undelayed(settings)?;
    embedded_or_cluster(settings)?;
    planned_times(settings)?;
    recorded_times(settings)?;
    one_delivery(settings)?;
    batches(settings)?;
    transactions(settings)?;
    keys_are_answered(settings)?;
    without::check(settings)?;
    identity(settings)?;
    traces(settings)?;
    shares_of_shards(settings)?;
    processes::check(settings)?;
    something_is_sent(settings)?;
    thresholds(settings)?;
    files(settings)
}

fn refuse(key: &'static str, source: &Source, reason: String, hint: String) -> ConfigError {
    ConfigError::Value {
        key,
        source_of_value: source.clone(),
        reason,
        hint,
    }
}

fn count(
    key: &'static str,
    given: Option<&Given<CountSetting>>,
    (least, most): (u64, u64),
) -> Result<(), ConfigError> {
    let Some(given) = given else {
        return Ok(());
    };
    let CountSetting(value) = given.value;
    if (least..=most).contains(&value) {
        return Ok(());
    }
    let reason = format!("{value} is out of range");
    let hint = match most {
        u64::MAX => format!("--{key} takes {least} or more"),
        _ => format!("--{key} takes {least} to {most}"),
    };
    Err(refuse(key, &given.source, reason, hint))
}

fn duration(
    key: &'static str,
    given: Option<&Given<DurationSetting>>,
    (least, most): (Duration, Duration),
) -> Result<(), ConfigError> {
    let Some(given) = given else {
        return Ok(());
    };
    if (least..=most).contains(&given.value.0) {
        return Ok(());
    }
    let reason = format!("{} is out of range", given.value);
    let (least, most) = (DurationSetting(least), DurationSetting(most));
    let hint = format!("--{key} takes {least} to {most}");
    Err(refuse(key, &given.source, reason, hint))
}

fn counts(settings: &Settings) -> Result<(), ConfigError> {
    count("count", settings.count.as_ref(), (1, u64::MAX))?;
    count("runs", Some(&settings.runs), (1, 1000))?;
    count("callers", Some(&settings.callers), (1, 100_000))?;
    count("in-flight", Some(&settings.in_flight), (1, 1_000_000))?;
    count("retries", Some(&settings.retries), (0, 100))?;
    count("connections", Some(&settings.connections), (1, 64))?;
    count("shards", settings.shards.as_ref(), (1, 256))?;
    count("delay-level", settings.delay_level.as_ref(), (1, 1000))?;
    count("topics", settings.topics.as_ref(), (1, 1000))?;
    count("key-count", settings.key_count.as_ref(), (1, 1_000_000_000))?;
    count(
        "sharding-keys",
        settings.sharding_keys.as_ref(),
        (1, 1_000_000),
    )?;
    count("compress-level", Some(&settings.compress_level), (0, 9))?;
    count("brokers", Some(&settings.brokers), (1, 64))?;
    count("broker-queues", Some(&settings.broker_queues), (1, 1024))?;
    capacities(settings)
}

fn capacities(settings: &Settings) -> Result<(), ConfigError> {
    const KEY: &str = "broker-capacity";
    let Some(given) = &settings.broker_capacity else {
        return Ok(());
    };
    given.value.fit(settings.brokers.value.0).map_err(|reason| {
        let hint = format!("--{KEY} takes {}", CapacitiesSetting::TAKES);
        refuse(KEY, &given.source, reason, hint)
    })
}

fn durations(settings: &Settings) -> Result<(), ConfigError> {
    let zero = Duration::ZERO;
    let week = HOUR * 24 * 7;
    duration("duration", settings.duration.as_ref(), (MILLISECOND, week))?;
    duration("drain", Some(&settings.drain), (zero, HOUR))?;
    duration("timeout", Some(&settings.timeout), (MILLISECOND, HOUR))?;
    let timeout = settings.timeout.value.0;
    let attempt = settings.attempt_timeout.as_ref();
    duration("attempt-timeout", attempt, (MILLISECOND, timeout))?;
    duration("deadline", settings.deadline.as_ref(), (MILLISECOND, HOUR))?;
    let timer = settings.timer_delay.as_ref();
    duration("timer-delay", timer, (MILLISECOND, 400 * 24 * HOUR))?;
    let tick = (50 * MICROSECOND, 100 * MILLISECOND);
    duration("tick", settings.tick.as_ref(), tick)?;
    let delay = Some(&settings.broker_delay);
    duration("broker-delay", delay, (zero, Duration::from_secs(60)))?;
    let check = settings.broker_check_after.as_ref();
    duration("broker-check-after", check, (20 * MILLISECOND, HOUR))?;
    let interval = (10 * MILLISECOND, HOUR);
    duration("detect-interval", Some(&settings.detect_interval), interval)?;
    let answer = (MILLISECOND, HOUR);
    duration("detect-timeout", Some(&settings.detect_timeout), answer)?;
    duration("tx-wait", Some(&settings.tx_wait), (zero, HOUR))
}

fn size(key: &'static str, given: &Given<SizeSetting>) -> Result<(), ConfigError> {
    one_size(key, given.value.0, &given.source)
}

fn one_size(key: &'static str, bytes: u64, source: &Source) -> Result<(), ConfigError> {
    let reason = match bytes {
        0 => "an empty body is refused by every broker".to_owned(),
        1..=MAX_BODY => return Ok(()),
        bytes => format!("{bytes} bytes are more than a broker takes"),
    };
    let hint = format!("--{key} takes 1B to 4MiB");
    Err(refuse(key, source, reason, hint))
}

fn batches(settings: &Settings) -> Result<(), ConfigError> {
    if settings.mode.value.0 != SendMode::Batch {
        return Ok(());
    }
    let batch = &settings.batch;
    let shape = super::resolve::message(settings);
    if let BatchSetting::Bytes(size) = batch.value
        && size.0 < shape.record_bytes() as u64
    {
        let one = shape.record_bytes();
        let reason = format!("{size} is less than one message, which takes {one} bytes in a batch");
        let hint = "raise --batch, or give it as a number of messages".to_owned();
        return Err(refuse("batch", &batch.source, reason, hint));
    }
    let messages = u64::from(shape.batch);
    let bytes = messages.saturating_mul(shape.record_bytes() as u64);
    if messages == 0 || bytes > MAX_BODY {
        let reason = match messages {
            0 => "a batch of no message".to_owned(),
            _ => format!(
                "{messages} messages of {} bytes with their properties are {bytes} bytes",
                shape.body_bytes
            ),
        };
        let hint = "a batch has 1 message or more and at most 4MiB".to_owned();
        return Err(refuse("batch", &batch.source, reason, hint));
    }
    match &settings.count {
        Some(count) if count.value.0 % messages != 0 => {
            let reason = format!("{} is no whole number of batches", count.value);
            let hint = format!("--count takes a multiple of {messages}, the messages of a batch");
            Err(refuse("count", &count.source, reason, hint))
        }
        _ => Ok(()),
    }
}

fn transactions(settings: &Settings) -> Result<(), ConfigError> {
    if settings.mode.value.0 != SendMode::Tx {
        return Ok(());
    }
    let share = |given: &Given<ShareSetting>| given.value.fraction();
    let (rollback, unknown) = (share(&settings.tx_rollback), share(&settings.tx_unknown));
    let parts = "--tx-commit, --tx-rollback and --tx-unknown are parts of one whole";
    if rollback + unknown > 1.0 + ROUNDING {
        let reason = "is more than 100% together with the rollbacks".to_owned();
        return Err(refuse(
            "tx-unknown",
            &settings.tx_unknown.source,
            reason,
            parts.to_owned(),
        ));
    }
    let commit = settings.tx_commit.as_ref();
    if let Some(commit) =
        commit.filter(|given| (share(given) + rollback + unknown - 1.0).abs() > ROUNDING)
    {
        let reason = format!("{} is not what the other shares leave", commit.value);
        let hint = format!("{parts}; --tx-commit may be left out");
        return Err(refuse("tx-commit", &commit.source, reason, hint));
    }
    let at_check = &settings.tx_check_unknown;
    if share(&settings.tx_check_rollback) + share(at_check) > 1.0 + ROUNDING {
        let reason = "is more than 100% together with the rollbacks at a check".to_owned();
        let hint = "--tx-check-rollback and --tx-check-unknown are parts of one whole".to_owned();
        return Err(refuse("tx-check-unknown", &at_check.source, reason, hint));
    }
    Ok(())
}

/// The order of a key is kept by sending the next message when the last is answered.
fn keys_are_answered(settings: &Settings) -> Result<(), ConfigError> {
    match settings.keys_in_turn() {
        Some(keys) if settings.mode.value.0 == SendMode::Oneway => {
            Err(ConfigError::Contradiction {
                key: "sharding-keys",
                source_of_value: keys.source.clone(),
                other: "mode",
                reason: "oneway asks for no answer, without which the order of a key is not kept"
                    .to_owned(),
                hint: "use another mode than oneway, or --key-choice uniform, which keeps no order"
                    .to_owned(),
            })
        }
        _ => Ok(()),
    }
}

/// Traced are answered sends of single messages, and to other topics than that of the traces.
fn traces(settings: &Settings) -> Result<(), ConfigError> {
    let Some(trace) = &settings.trace else {
        return Ok(());
    };
    let mode = settings.mode.value.0;
    if !matches!(mode, SendMode::Sync | SendMode::Async) {
        return Err(ConfigError::Contradiction {
            key: "trace",
            source_of_value: trace.source.clone(),
            other: "mode",
            reason: format!("messages of mode {} are not traced", mode.name()),
            hint: "drop --trace, or use mode sync or async".to_owned(),
        });
    }
    if settings
        .all_topics()
        .contains(&settings.trace_topic.value.0)
    {
        return Err(ConfigError::Contradiction {
            key: "trace-topic",
            source_of_value: settings.trace_topic.source.clone(),
            other: "topic",
            reason: "messages to the topic of the traces are not traced".to_owned(),
            hint: "give --trace-topic another topic than --topic".to_owned(),
        });
    }
    Ok(())
}

/// A certificate is of no use without its key.
fn identity(settings: &Settings) -> Result<(), ConfigError> {
    let (key, other, source) = match (&settings.tls_cert, &settings.tls_key) {
        (Some(given), None) => ("tls-cert", "tls-key", &given.source),
        (None, Some(given)) => ("tls-key", "tls-cert", &given.source),
        _ => return Ok(()),
    };
    Err(ConfigError::Contradiction {
        key,
        source_of_value: source.clone(),
        other,
        reason: "certificate and key belong together".to_owned(),
        hint: format!("give --{other} too"),
    })
}

/// What no mode but the plain ones delays.
fn undelayed(settings: &Settings) -> Result<(), ConfigError> {
    let mode = settings.mode.value.0;
    let reason = match mode {
        SendMode::Sync | SendMode::Async | SendMode::Oneway => return Ok(()),
        SendMode::Batch => "brokers do not look at the delay of messages in a batch",
        SendMode::Tx => "half messages are not delayed",
        SendMode::Request => "a delayed request would only delay its answer",
    };
    let level = settings.delay_level.as_ref().map(|given| &given.source);
    let timer = settings.timer_delay.as_ref().map(|given| &given.source);
    let level = level.map(|source| ("delay-level", source));
    let Some((key, source)) = level.or(timer.map(|source| ("timer-delay", source))) else {
        return Ok(());
    };
    Err(ConfigError::Contradiction {
        key,
        source_of_value: source.clone(),
        other: "mode",
        reason: reason.to_owned(),
        hint: format!("drop --{key}, or use another mode than {}", mode.name()),
    })
}

fn one_delivery(settings: &Settings) -> Result<(), ConfigError> {
    let (Some(level), Some(timer)) = (&settings.delay_level, &settings.timer_delay) else {
        return Ok(());
    };
    Err(ConfigError::Contradiction {
        key: "timer-delay",
        source_of_value: timer.source.clone(),
        other: "delay-level",
        reason: "a message is delivered at one moment".to_owned(),
        hint: format!(
            "drop one of the two (--delay-level is set by {})",
            level.source
        ),
    })
}

/// Settings of the embedded cluster that somebody set.
fn embedded(settings: &Settings) -> [(&'static str, Option<&Source>); 6] {
    fn explicit<T>(given: &Given<T>) -> Option<&Source> {
        given.is_explicit().then_some(&given.source)
    }
    [
        ("brokers", explicit(&settings.brokers)),
        ("broker-queues", explicit(&settings.broker_queues)),
        ("broker-delay", explicit(&settings.broker_delay)),
        (
            "broker-stall",
            settings.broker_stall.as_ref().map(|given| &given.source),
        ),
        (
            "broker-capacity",
            settings.broker_capacity.as_ref().map(|given| &given.source),
        ),
        ("broker-service", explicit(&settings.broker_service)),
    ]
}

fn embedded_or_cluster(settings: &Settings) -> Result<(), ConfigError> {
    let Some(namesrv) = &settings.namesrv else {
        return Ok(());
    };
    let first = embedded(settings)
        .into_iter()
        .find_map(|(key, source)| Some((key, source?)));
    let Some((key, source)) = first else {
        return Ok(());
    };
    Err(ConfigError::Contradiction {
        key,
        source_of_value: source.clone(),
        other: "namesrv",
        reason: "it shapes the embedded cluster, which is started only without name servers"
            .to_owned(),
        hint: format!(
            "drop --{key} to use the cluster at {}, or drop --namesrv (set by {})",
            namesrv.value, namesrv.source
        ),
    })
}

/// A closed loop has no planned times, so nothing can count from them.
fn planned_times(settings: &Settings) -> Result<(), ConfigError> {
    if !settings.is_closed() {
        return Ok(());
    }
    let when_late = &settings.when_late;
    let arrivals = &settings.arrivals;
    let explicit = [
        ("when-late", when_late.is_explicit(), &when_late.source),
        ("arrivals", arrivals.is_explicit(), &arrivals.source),
    ];
    let deadline = settings.deadline.as_ref();
    let first = explicit
        .into_iter()
        .find_map(|(key, is_explicit, source)| is_explicit.then_some((key, source)))
        .or_else(|| deadline.map(|given| ("deadline", &given.source)));
    let Some((key, source)) = first else {
        return Ok(());
    };
    Err(ConfigError::Contradiction {
        key,
        source_of_value: source.clone(),
        other: "rate",
        reason: "`max` is a closed loop, which has no planned times".to_owned(),
        hint: format!("give a rate, as in --rate 50k, or drop --{key}"),
    })
}

/// A record says when every single message is due.
fn recorded_times(settings: &Settings) -> Result<(), ConfigError> {
    let arrivals = &settings.arrivals;
    if !matches!(arrivals.value, ArrivalsSetting::Recorded(_)) {
        return Ok(());
    }
    let (other, reason) = if settings.rate.is_explicit() {
        ("rate", "the times of a record are its rate")
    } else if settings.mode.value.0 == SendMode::Batch {
        (
            "mode",
            "a record has one time per message, and a batch is sent at one time",
        )
    } else {
        return Ok(());
    };
    Err(ConfigError::Contradiction {
        key: "arrivals",
        source_of_value: arrivals.source.clone(),
        other,
        reason: reason.to_owned(),
        hint: format!("drop --{other} or --arrivals"),
    })
}

/// Every shard needs a caller, or room for a send, of its own.
fn shares_of_shards(settings: &Settings) -> Result<(), ConfigError> {
    let Some(shards) = &settings.shards else {
        return Ok(());
    };
    let limit = match settings.mode.value.0 {
        SendMode::Sync | SendMode::Batch | SendMode::Tx | SendMode::Request => {
            Some(("callers", settings.callers.value.0))
        }
        SendMode::Async => Some(("in-flight", settings.in_flight.value.0)),
        SendMode::Oneway => None,
    };
    let keys = settings.keys_in_turn();
    let of = settings.shard.as_ref().map_or(1, |given| given.value.of);
    let keys = keys.map(|given| ("sharding-keys", given.value.0 / of.max(1)));
    let Some((other, room)) = limit.into_iter().chain(keys).min_by_key(|(_, room)| *room) else {
        return Ok(());
    };
    if shards.value.0 <= room {
        return Ok(());
    }
    Err(ConfigError::Contradiction {
        key: "shards",
        source_of_value: shards.source.clone(),
        other,
        reason: format!("{} shards cannot share {room}", shards.value),
        hint: format!(
            "give at most {room} shards, or at least {} to --{other}",
            shards.value
        ),
    })
}

fn something_is_sent(settings: &Settings) -> Result<(), ConfigError> {
    let (RateSetting::Limited(rate), Some(duration)) = (&settings.rate.value, &settings.duration)
    else {
        return Ok(());
    };
    // One message would be due at once; a rate that plans no second one is a mistake.
    let planned = rate.rate().per_second() * duration.value.0.as_secs_f64();
    if planned >= 1.0 {
        return Ok(());
    }
    Err(ConfigError::Contradiction {
        key: "rate",
        source_of_value: settings.rate.source.clone(),
        other: "duration",
        reason: format!("{rate} for {} is less than one message", duration.value),
        hint: "raise --rate or --duration".to_owned(),
    })
}

fn thresholds(settings: &Settings) -> Result<(), ConfigError> {
    let fail_if = &settings.fail_if;
    for threshold in &fail_if.value {
        let series = threshold.series();
        let is_oneway = settings.mode.value.0 == SendMode::Oneway;
        let is_closed = settings.is_closed();
        let (other, reason, hint) = match series {
            Some("response" | "service") if is_oneway => (
                "mode",
                "oneway asks for no answer",
                "use --mode async, or judge lateness. or queue.",
            ),
            Some("lateness") if is_closed => (
                "rate",
                "`max` is a closed loop, which has no planned times",
                "give a rate, as in --rate 50k, or judge another figure",
            ),
            _ => continue,
        };
        return Err(ConfigError::Contradiction {
            key: "fail-if",
            source_of_value: fail_if.source.clone(),
            other,
            reason: format!("{reason}, so there is no {}", threshold.figure()),
            hint: hint.to_owned(),
        });
    }
    Ok(())
}

fn files(settings: &Settings) -> Result<(), ConfigError> {
    let mut seen = Vec::new();
    for file in &settings.output.value {
        if seen.contains(&&file.path) {
            return Err(refuse(
                "output",
                &settings.output.source,
                format!("{file} is named twice"),
                "give every result a file of its own".to_owned(),
            ));
        }
        seen.push(&file.path);
    }
    let lines = [
        ("intervals", &settings.intervals),
        ("hlog", &settings.hlog),
        ("audit", &settings.audit),
    ];
    let mut before: Vec<(&'static str, _)> =
        seen.into_iter().map(|path| ("output", path)).collect();
    for (key, given) in lines {
        let Some(given) = given else {
            continue;
        };
        if let Some((other, _)) = before.iter().find(|(_, path)| **path == given.value.0) {
            return Err(ConfigError::Contradiction {
                key,
                source_of_value: given.source.clone(),
                other,
                reason: format!("both write {}", given.value),
                hint: format!("give --{key} a file of its own"),
            });
        }
        before.push((key, &given.value.0));
    }
    let Some(bundle) = &settings.bundle else {
        return Ok(());
    };
    match before
        .iter()
        .find(|(_, path)| path.starts_with(&bundle.value.0))
    {
        None => Ok(()),
        Some((other, path)) => Err(ConfigError::Contradiction {
            key: "bundle",
            source_of_value: bundle.source.clone(),
            other,
            reason: format!(
                "{} would be in the bundle, which is made whole",
                path.display()
            ),
            hint: format!("give --{other} a file outside of it"),
        }),
    }
}
