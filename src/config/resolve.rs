//! From the sources to a run that may be started; the only place that validates.

use std::fs::File;
use std::io::BufReader;
use std::iter;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::error::ConfigError;
use super::plan::{
    EmbeddedSettings, LeftOut, Progress, ReportPlan, ResolvedSetting, RunPlan, Stall, Target,
    TlsPlan,
};
use super::setting::{Given, Layer, RawValue, Source};
use super::settings::{Settings, setting};
use super::sources::Sources;
use super::value::{
    ArrivalsSetting, BatchSetting, CountSetting, DurationSetting, FilePath, IdPart, RateSetting,
    ServiceKind, ShareSetting, SizeSetting,
};
use super::{check, effect};
use crate::broker::ServiceTime;
use crate::client::namespace::instance_of;
use crate::client::{
    ClientConfig, Compression, Delivery, DetectorConfig, FaultConfig, Identity, SendConfig,
    TraceConfig, TransportConfig,
};
use crate::load::schedule::{RecordError, ShardOf, read_record};
use crate::load::{
    Arrivals, Bound, LoadModel, LoadPlan, MessageShape, Offered, Piece, RequestShape, SendMode,
    Shape, TransactionShape, WarmupEnd,
};

/// Merges, understands and checks.
///
/// # Errors
/// [`ConfigError`] naming the setting as option and as profile key, and the way out.
pub fn resolve(sources: &Sources) -> Result<RunPlan, ConfigError> {
    let mut values = sources.merge();
    let given = Settings::read(&values)?;
    check::check(&given)?;
    let left_out = effect::left_out(&given);
    let notes = notes(&given, &values, &left_out);
    let record = record(&given)?;
    if let Some((length, source)) = natural_length(&given, record.as_deref()) {
        let texts = vec![DurationSetting(length).to_string()];
        values.insert("duration", RawValue { texts, source });
    }
    tell_namespace(&mut values, &given);
    // What has no effect must not look as if it had one, in the plan or in the result.
    for LeftOut { key, .. } in &left_out {
        reset(&mut values, key);
    }
    let settings = Settings::read(&values)?;
    let (resolved, left_out) = resolved(&settings, left_out);
    Ok(RunPlan {
        target: target(&settings),
        client: client(&settings),
        credentials: path(settings.credentials.as_ref()),
        tls: settings.tls.value.0.then(|| TlsPlan {
            authorities: path(settings.tls_ca.as_ref()),
            identity: path(settings.tls_cert.as_ref()).zip(path(settings.tls_key.as_ref())),
            server_name: settings
                .tls_name
                .as_ref()
                .map(|given| given.value.0.clone()),
            trust_anybody: !settings.tls_verify.value.0,
        }),
        send: send(&settings),
        start_at: settings.start_at.as_ref().map(|given| given.value),
        load: load(&settings, record),
        runs: settings.runs.value.0,
        probe: settings.probe.value.0,
        report: report(settings),
        profile: sources.profile.as_ref().map(|profile| profile.name.clone()),
        resolved,
        left_out,
        notes,
    })
}

/// A namespace that the address of a name server tells is a setting as well (R39).
fn tell_namespace(values: &mut Layer, given: &Settings) {
    let Some(namesrv) = given.namesrv.as_ref().filter(|_| given.namespace.is_none()) else {
        return;
    };
    if let Some(instance) = namesrv.value.0.first().and_then(|first| instance_of(first)) {
        let raw = RawValue {
            texts: vec![instance.to_owned()],
            source: namesrv.source.clone(),
        };
        values.insert("namespace", raw);
    }
}

fn reset(values: &mut Layer, key: &'static str) {
    // With a count alone, the defaults of these two do not count at all.
    let default = setting(key)
        .and_then(|setting| setting.default)
        .filter(|_| !matches!(key, "duration" | "warmup"));
    match default {
        Some(text) => {
            let raw = RawValue {
                texts: vec![text.to_owned()],
                source: Source::Default,
            };
            values.insert(key, raw);
        }
        None => {
            values.remove(key);
        }
    }
}

fn notes(given: &Settings, values: &Layer, left_out: &[LeftOut]) -> Vec<String> {
    let without_effect = left_out.iter().filter_map(|LeftOut { key, reason }| {
        let source = &values.get(key)?.source;
        (*source != Source::Default)
            .then(|| format!("--{key} (set by {source}) has no effect: {reason}"))
    });
    let reversed = given
        .fail_if
        .value
        .iter()
        .filter(|threshold| threshold.is_reversed())
        .map(|threshold| format!("--fail-if '{threshold}' fails a run for being good"));
    without_effect
        .chain(reversed)
        .chain(limited_by_keys(given))
        .collect()
}

/// Of each key one send is in flight: fewer of them than callers, or than may be in flight, are the limit.
fn limited_by_keys(given: &Settings) -> Option<String> {
    let keys = given.keys_in_turn()?.value.0;
    let (option, limit) = if given.mode.value.0.has_callers() {
        ("callers", &given.callers)
    } else {
        ("in-flight", &given.in_flight)
    };
    (limit.is_explicit() && keys < limit.value.0).then(|| {
        format!(
            "--{option} {} is more than the {keys} of --sharding-keys, of each of which one send is in flight",
            limit.value
        )
    })
}

fn resolved(
    settings: &Settings,
    mut left_out: Vec<LeftOut>,
) -> (Vec<ResolvedSetting>, Vec<LeftOut>) {
    let mut resolved = Vec::new();
    for (key, written) in settings.written() {
        if setting(key).is_none_or(super::setting::Setting::is_action)
            || left_out.iter().any(|left| left.key == key)
        {
            continue;
        }
        match written {
            Some((value, source)) => resolved.push(ResolvedSetting { key, value, source }),
            None => left_out.push(LeftOut { key, reason: "" }),
        }
    }
    (resolved, left_out)
}

fn text(given: Option<&Given<IdPart>>) -> Option<String> {
    given.map(|given| given.value.0.clone())
}

fn path(given: Option<&Given<FilePath>>) -> Option<PathBuf> {
    given.map(|given| given.value.0.clone())
}

fn target(settings: &Settings) -> Target {
    if let Some(namesrv) = &settings.namesrv {
        return Target::Cluster {
            namesrv: namesrv.value.0.clone(),
        };
    }
    let stall = settings.broker_stall.as_ref();
    Target::Embedded(EmbeddedSettings {
        brokers: whole(settings.brokers.value),
        queues: whole_u32(settings.broker_queues.value),
        delay: settings.broker_delay.value.0,
        stall: stall.map(|given| Stall {
            length: given.value.length,
            every: given.value.every,
        }),
        capacity_per_s: settings
            .broker_capacity
            .as_ref()
            .map_or_else(Vec::new, |given| given.value.per_s().to_vec()),
        service_time: match settings.broker_service.value.0 {
            ServiceKind::Fixed => ServiceTime::Fixed,
            ServiceKind::Exponential => ServiceTime::Exponential {
                // Not the seed of the arrivals: the two must not be drawn alike.
                seed: !settings.seed.value.0,
            },
        },
        check_after: settings
            .broker_check_after
            .as_ref()
            .map(|given| given.value.0),
    })
}

fn client(settings: &Settings) -> ClientConfig {
    let namesrv = settings.namesrv.as_ref();
    let table = &settings.fault_table.value;
    ClientConfig {
        namesrv: namesrv.map_or_else(Vec::new, |given| given.value.0.clone()),
        identity: Identity {
            client_ip: text(settings.client_ip.as_ref()),
            instance_name: text(settings.instance_name.as_ref()),
            unit_name: text(settings.unit_name.as_ref()),
            unit_mode: settings.unit_mode.value.0,
        },
        namespace: settings
            .namespace
            .as_ref()
            .map(|given| given.value.0.clone()),
        transport: TransportConfig {
            vip_channel: settings.vip_channel.value.0,
            header: settings.header.value.0,
            connections_per_broker: whole(settings.connections.value),
            receive_stamps: settings.receive_stamps.value.0,
            ..TransportConfig::default()
        },
        fault: FaultConfig {
            // A message that is bound to a queue goes nowhere else.
            enabled: settings.fault_avoidance.value.0 && settings.queue_is_of().is_none(),
            generation: table.generation(),
            table: table.classes(),
            detector: settings.fault_detector.value.0.then_some(DetectorConfig {
                timeout: settings.detect_timeout.value.0,
                interval: settings.detect_interval.value.0,
            }),
        },
        without: settings
            .without
            .as_ref()
            .map_or_else(Vec::new, |given| given.value.0.clone()),
        ..ClientConfig::default()
    }
}

fn send(settings: &Settings) -> SendConfig {
    SendConfig {
        group: settings.group.value.0.clone(),
        timeout: settings.timeout.value.0,
        attempt_timeout: settings.attempt_timeout.as_ref().map(|given| given.value.0),
        retries: match settings.queue_is_of() {
            // Sync sends to a queue that is fixed are one attempt (R46).
            Some(_) if !matches!(settings.mode.value.0, SendMode::Async | SendMode::Request) => 0,
            _ => whole_u32(settings.retries.value),
        },
        queue_order: settings.queue_order.value.0,
        // The load's bodies are compressed once, not per send.
        compression: None,
        trace: trace(settings),
        ..SendConfig::default()
    }
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share is between 0 and 1"
)]
fn trace(settings: &Settings) -> Option<TraceConfig> {
    let share = settings.trace.as_ref()?.value.fraction();
    Some(TraceConfig {
        topic: settings.trace_topic.value.0.clone(),
        share_ppm: (share * 1e6).round() as u32,
        ..TraceConfig::default()
    })
}

/// The recorded times, from the file they are in.
fn record(settings: &Settings) -> Result<Option<Arc<[u64]>>, ConfigError> {
    let ArrivalsSetting::Recorded(path) = &settings.arrivals.value else {
        return Ok(None);
    };
    let read = File::open(path)
        .map_err(RecordError::from)
        .and_then(|file| read_record(BufReader::new(file)));
    read.map(Some).map_err(|error| ConfigError::Value {
        key: "arrivals",
        source_of_value: settings.arrivals.source.clone(),
        reason: format!("{}: {error}", path.display()),
        hint: "each line has the seconds from the begin of the run, ascending".to_owned(),
    })
}

/// How long a window is that no --duration bounds: as long as the plan or the record, and who set that.
fn natural_length(settings: &Settings, record: Option<&[u64]>) -> Option<(Duration, Source)> {
    if settings.duration.as_ref().is_some_and(Given::is_explicit) {
        return None;
    }
    if let RateSetting::Planned(plan) = &settings.rate.value {
        return Some((plan.length(), settings.rate.source.clone()));
    }
    if let Some(length) = settings.size.value.length().filter(|_| record.is_none()) {
        return Some((length, settings.size.source.clone()));
    }
    let last = Duration::from_nanos(*record?.last()?);
    let warmup = settings
        .warmup
        .as_ref()
        .map_or(Duration::ZERO, |given| given.value.longest());
    // The last one is in it.
    let length = last.saturating_sub(warmup) + Duration::from_millis(1);
    Some((length, settings.arrivals.source.clone()))
}

fn model(settings: &Settings, record: Option<Arc<[u64]>>) -> LoadModel {
    if let Some(times) = record {
        return LoadModel::Open(Offered::Recorded(times));
    }
    match &settings.rate.value {
        RateSetting::Max => LoadModel::Closed,
        RateSetting::Limited(limited) => LoadModel::Open(Offered::Steady(limited.rate())),
        RateSetting::Planned(plan) => {
            let first = plan.pieces().first();
            let warmup = Piece {
                shape: Shape::Steady(first.map_or(0.0, |piece| piece.shape.first())),
                length: settings
                    .warmup
                    .as_ref()
                    .map_or(Duration::ZERO, |given| given.value.longest()),
            };
            let pieces = iter::once(warmup).chain(plan.pieces().iter().copied());
            LoadModel::Open(Offered::Planned(pieces.collect()))
        }
    }
}

fn load(settings: &Settings, record: Option<Arc<[u64]>>) -> LoadPlan {
    let optional = |given: Option<&Given<DurationSetting>>| -> Option<Duration> {
        given.map(|given| given.value.0)
    };
    let warmup = settings.warmup.as_ref();
    let mut topics = settings.all_topics().into_iter();
    // There is one at least.
    let topic = topics.next().unwrap_or_default();
    let more_topics = topics.collect();
    LoadPlan {
        mode: settings.mode.value.0,
        model: model(settings, record),
        arrivals: match &settings.arrivals.value {
            ArrivalsSetting::Of(arrivals) => *arrivals,
            ArrivalsSetting::Recorded(_) => Arrivals::Constant,
        },
        seed: settings.seed.value.0,
        part: settings
            .shard
            .as_ref()
            .map_or(ShardOf::WHOLE, |given| given.value.part()),
        bound: Bound {
            duration: optional(settings.duration.as_ref()),
            count: settings.count.as_ref().map(|given| given.value.0),
        },
        warmup: warmup.map_or(Duration::ZERO, |given| given.value.longest()),
        warmup_ends: match warmup {
            Some(given) if given.value.is_auto() => WarmupEnd::WhenAsked,
            _ => WarmupEnd::AtTime,
        },
        drain: settings.drain.value.0,
        topic,
        more_topics,
        own_topics: false,
        topic_choice: settings.topic_choice.value.0,
        message: message(settings),
        callers: whole(settings.callers.value),
        in_flight: whole(settings.in_flight.value),
        queue_choice: settings.queue_choice.value.0,
        when_late: settings.when_late.value.0,
        deadline: optional(settings.deadline.as_ref()),
        shards: settings.shards.as_ref().map(|given| whole(given.value)),
        tick: optional(settings.tick.as_ref()),
        realtime: settings.rt.value.0,
        transactions: (settings.mode.value.0 == SendMode::Tx).then(|| TransactionShape {
            rollback: settings.tx_rollback.value.fraction(),
            unknown: settings.tx_unknown.value.fraction(),
            check_rollback: settings.tx_check_rollback.value.fraction(),
            check_unknown: settings.tx_check_unknown.value.fraction(),
            wait: settings.tx_wait.value.0,
        }),
        requests: (settings.mode.value.0 == SendMode::Request).then(|| RequestShape {
            responder: settings.responder.value.0,
            reply_bytes: bytes(settings.reply_size.value),
        }),
    }
}

/// What every message is like.
pub(super) fn message(settings: &Settings) -> MessageShape {
    let size = &settings.size.value;
    let body_bytes = size.sizes().most();
    let compression = settings.compress.value.0.map(|kind| Compression {
        kind,
        // Checked to be 9 at most.
        level: u8::try_from(settings.compress_level.value.0).unwrap_or(9),
        over_bytes: bytes(settings.compress_over.value),
    });
    let (tags, keys) = (settings.tags.as_ref(), settings.keys.as_ref());
    let properties = settings.properties.as_ref();
    let mut shape = MessageShape {
        body_bytes,
        random_bytes: part(body_bytes, settings.random_bytes.value),
        sizes: (!size.is_one()).then(|| size.sizes().clone()),
        tags: tags.map_or_else(String::new, |given| given.value.0.clone()),
        keys: keys.map_or_else(String::new, |given| given.value.0.clone()),
        key_count: settings.key_count.as_ref().map_or(0, |given| given.value.0),
        properties: properties.map_or_else(Vec::new, |given| given.value.0.clone()),
        delivery: delivery(settings),
        wait: settings.wait_store.value.0,
        compression,
        sharding_keys: settings
            .sharding_keys
            .as_ref()
            .map_or(0, |given| whole(given.value)),
        key_choice: settings.key_choice.value.0,
        batch: 1,
        asked_by: None,
        namespace: None,
        half_of: (settings.mode.value.0 == SendMode::Tx).then(|| settings.group.value.0.clone()),
    };
    if settings.mode.value.0 == SendMode::Batch {
        shape.compression = None;
        let messages = match settings.batch.value {
            BatchSetting::Messages(messages) => messages,
            BatchSetting::Bytes(size) => (size.0 / shape.record_bytes() as u64).max(1),
        };
        shape.batch = u32::try_from(messages).unwrap_or(u32::MAX);
    }
    shape
}

fn delivery(settings: &Settings) -> Option<Delivery> {
    let level = settings.delay_level.as_ref();
    let level = level.map(|given| Delivery::Level(whole_u32(given.value)));
    level.or_else(|| {
        let after = settings.timer_delay.as_ref()?.value.0.as_millis();
        Some(Delivery::AfterMs(u64::try_from(after).unwrap_or(u64::MAX)))
    })
}

fn bytes(size: SizeSetting) -> usize {
    usize::try_from(size.0).unwrap_or(usize::MAX)
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a share of at most 4 MiB"
)]
fn part(bytes: usize, share: ShareSetting) -> usize {
    (bytes as f64 * share.fraction()).round() as usize
}

fn report(settings: Settings) -> ReportPlan {
    ReportPlan {
        outputs: settings.output.value,
        format: settings.format.value,
        intervals: settings.intervals.map(|given| given.value.0),
        hlog: settings.hlog.map(|given| given.value.0),
        audit: settings.audit.map(|given| given.value.0),
        bundle: settings.bundle.map(|given| given.value.0),
        fail_if: settings.fail_if.value,
        strict: settings.strict.value.0,
        max_error_rate: settings.max_error_rate.value.fraction(),
        progress: if settings.quiet.value.0 {
            Progress::Quiet
        } else if settings.no_progress.value.0 {
            Progress::Notes
        } else {
            Progress::Live
        },
        color: !settings.no_color.value.0,
    }
}

/// Ranges are checked before: the fallbacks are never taken on a 64-bit machine.
fn whole(CountSetting(value): CountSetting) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

fn whole_u32(CountSetting(value): CountSetting) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
