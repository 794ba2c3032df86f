//! Which settings have no effect on a run, and why. They are no error: a profile may carry the
//! settings of several modes. But nobody is left to believe that they did something.

use super::plan::LeftOut;
use super::setting::Given;
use super::settings::Settings;
use super::value::ArrivalsSetting;
use crate::client::{CompressionKind, FaultGeneration};
use crate::load::{ResponderKind, SendMode};

/// What a mode makes nothing of, and why.
const BY_MODE: &[(SendMode, &str, &[&str])] = &[
    (SendMode::Sync, "sync is limited by callers", &["in-flight"]),
    (
        SendMode::Batch,
        "batch is limited by callers",
        &["in-flight"],
    ),
    (SendMode::Batch, "batches are never compressed", COMPRESSION),
    (SendMode::Tx, "tx is limited by callers", &["in-flight"]),
    (
        SendMode::Request,
        "request is limited by callers",
        &["in-flight"],
    ),
    (
        SendMode::Async,
        "async is limited by in-flight",
        &["callers"],
    ),
    (
        SendMode::Oneway,
        "oneway asks for no answer",
        &[
            "callers",
            "attempt-timeout",
            "retries",
            "deadline",
            "receive-stamps",
            "probe",
        ],
    ),
    (SendMode::Tx, "a transaction is no single send", &["probe"]),
    (SendMode::Request, "a request is no single send", &["probe"]),
];
const DETECTOR: &[&str] = &["fault-detector", "detect-interval", "detect-timeout"];
const OF_AVOIDANCE: &[&str] = &[
    "fault-table",
    "fault-detector",
    "detect-interval",
    "detect-timeout",
];
const COMPRESSION: &[&str] = &["compress", "compress-level", "compress-over"];
const OF_EMBEDDED: &[&str] = &[
    "brokers",
    "broker-queues",
    "broker-delay",
    "broker-stall",
    "broker-capacity",
    "broker-service",
    "broker-check-after",
];
const TLS: &[&str] = &["tls-ca", "tls-cert", "tls-key", "tls-name", "tls-verify"];
const OF_REQUESTS: &[&str] = &["responder", "reply-size"];
const OF_CAPACITY: &[&str] = &[
    "objective",
    "min",
    "max",
    "step-time",
    "confirm",
    "confidence",
    "precision",
    "time-budget",
    "max-bytes",
    "max-disk",
    "yes",
    "own-topic",
    "resume",
    "curve",
    "one-less",
    "one-less-stop",
    "one-less-start",
    "demand",
    "growth",
    "retention",
    "price",
];
const OF_TRANSACTIONS: &[&str] = &[
    "tx-commit",
    "tx-rollback",
    "tx-unknown",
    "tx-check-rollback",
    "tx-check-unknown",
    "tx-wait",
];

/// Settings without effect on the run that the others describe.
pub(crate) fn left_out(settings: &Settings) -> Vec<LeftOut> {
    let mut left_out = Vec::new();
    let mut leave_out = |reason: &'static str, keys: &[&'static str]| {
        for key in keys {
            if !left_out.iter().any(|known: &LeftOut| known.key == *key) {
                left_out.push(LeftOut { key, reason });
            }
        }
    };
    leave_out("only `capacity` looks for one", OF_CAPACITY);
    let mode = settings.mode.value.0;
    for (of, reason, keys) in BY_MODE {
        if *of == mode {
            leave_out(reason, keys);
        }
    }
    for (holds, reason, keys) in conditions(settings)
        .into_iter()
        .chain([of_a_record(settings)])
        .chain(of_choices(settings))
        .chain(of_avoidance(settings))
    {
        if holds {
            leave_out(reason, keys);
        }
    }
    if settings.count.is_some() {
        let (duration, warmup) = (&settings.duration, &settings.warmup);
        let by_default = [
            ("duration", duration.as_ref().map(Given::is_explicit)),
            ("warmup", warmup.as_ref().map(Given::is_explicit)),
        ];
        for (key, is_explicit) in by_default {
            if is_explicit == Some(false) {
                leave_out("count alone says how much is sent", &[key]);
            }
        }
    }
    left_out
}

type Condition = (bool, &'static str, &'static [&'static str]);

/// What other settings make without effect, and why.
fn conditions(settings: &Settings) -> [Condition; 18] {
    let mode = settings.mode.value.0;
    let embedded = settings.namesrv.is_none();
    let encrypted = settings.tls.value.0 && !embedded;
    let compress = settings.compress.value.0;
    let largest = settings.size.value.sizes().most() as u64;
    let too_small = largest < settings.compress_over.value.0;
    let bound = settings.queue_is_of().is_some();
    [
        (
            settings.is_closed(),
            "rate max is a closed loop, which has no planned times",
            &["when-late", "arrivals", "deadline", "tick", "probe"],
        ),
        (
            embedded,
            "an embedded cluster asks for no account",
            &["credentials"],
        ),
        (embedded, "an embedded cluster is not encrypted", &["tls"]),
        (
            embedded,
            "an embedded cluster has no VIP channel",
            &["vip-channel"],
        ),
        (!embedded, "namesrv names an existing cluster", OF_EMBEDDED),
        (
            settings.broker_capacity.is_none(),
            "without broker-capacity nothing waits for a server",
            &["broker-service"],
        ),
        (mode != SendMode::Batch, "the mode is not batch", &["batch"]),
        (mode != SendMode::Tx, "the mode is not tx", OF_TRANSACTIONS),
        (
            mode != SendMode::Request,
            "the mode is not request",
            OF_REQUESTS,
        ),
        (
            settings.responder.value.0 == ResponderKind::Others,
            "others answer",
            &["reply-size"],
        ),
        (!encrypted, "tls is off", TLS),
        (
            settings.trace.is_none(),
            "nothing is traced",
            &["trace-topic"],
        ),
        (
            !settings.tls_verify.value.0,
            "tls-verify is off",
            &["tls-ca", "tls-name"],
        ),
        (
            compress.is_none(),
            "nothing is compressed",
            &["compress-level", "compress-over"],
        ),
        (
            compress.is_some() && too_small,
            "bodies are smaller than compress-over",
            COMPRESSION,
        ),
        (
            compress == Some(CompressionKind::Lz4),
            "lz4 has no levels",
            &["compress-level"],
        ),
        (
            bound,
            bound_by(settings),
            &["fault-avoidance", "queue-order"],
        ),
        (
            bound && !matches!(mode, SendMode::Async | SendMode::Request),
            "RocketMQ tries such a send once, as its queue is fixed",
            &["retries"],
        ),
    ]
}

fn of_a_record(settings: &Settings) -> Condition {
    let is_recorded = matches!(settings.arrivals.value, ArrivalsSetting::Recorded(_));
    (is_recorded, "the times of a record are its rate", &["rate"])
}

/// Choices where there is nothing to choose from.
fn of_choices(settings: &Settings) -> [Condition; 2] {
    let no_keys = settings.sharding_keys.is_none() && settings.key_count.is_none();
    let one_topic = settings.all_topics().len() < 2;
    [
        (one_topic, "there is one topic", &["topic-choice"]),
        (
            no_keys,
            "there are neither key-count nor sharding-keys",
            &["key-choice"],
        ),
    ]
}

/// Why the client does not choose the queue.
fn bound_by(settings: &Settings) -> &'static str {
    match settings.queue_is_of() {
        Some("queue-choice") => "with this queue-choice each message has its queue",
        _ => "with sharding-keys the key chooses the queue",
    }
}

fn of_avoidance(settings: &Settings) -> [Condition; 4] {
    [
        (
            settings.queue_is_of().is_some(),
            bound_by(settings),
            OF_AVOIDANCE,
        ),
        (
            !settings.fault_avoidance.value.0,
            "fault-avoidance is off",
            OF_AVOIDANCE,
        ),
        (
            settings.fault_table.value.generation() == FaultGeneration::V4,
            "4.x has no detector",
            DETECTOR,
        ),
        (
            !settings.fault_detector.value.0,
            "fault-detector is off",
            &["detect-interval", "detect-timeout"],
        ),
    ]
}
