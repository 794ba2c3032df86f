//! Which settings have no effect on a run, and why. They are no error: a profile may carry the
//! settings of several modes. But nobody is left to believe that they did something.

use super::plan::LeftOut;
use super::settings::Settings;
use super::value::RateSetting;
use crate::client::CompressionKind;
use crate::load::SendMode;

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
        ],
    ),
];
const COMPRESSION: &[&str] = &["compress", "compress-level", "compress-over"];
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
    let mode = settings.mode.value.0;
    for (of, reason, keys) in BY_MODE {
        if *of == mode {
            leave_out(reason, keys);
        }
    }
    if settings.rate.value == RateSetting::Max {
        leave_out(
            "rate max is a closed loop, which has no planned times",
            &["when-late", "arrivals", "deadline", "tick"],
        );
    }
    if settings.namesrv.is_some() {
        leave_out(
            "namesrv names an existing cluster",
            &[
                "brokers",
                "broker-queues",
                "broker-delay",
                "broker-stall",
                "broker-capacity",
                "broker-check-after",
            ],
        );
    }
    if mode != SendMode::Batch {
        leave_out("the mode is not batch", &["batch"]);
    }
    if mode != SendMode::Tx {
        leave_out("the mode is not tx", OF_TRANSACTIONS);
    }
    if settings.compress.value.0.is_none() {
        leave_out(
            "nothing is compressed",
            &["compress-level", "compress-over"],
        );
    }
    if settings.sharding_keys.is_some() {
        leave_out(
            "with sharding-keys the key chooses the queue",
            &["fault-avoidance", "fault-table", "queue-order"],
        );
        if mode != SendMode::Async {
            leave_out(
                "RocketMQ tries such a send once, as its queue is fixed",
                &["retries"],
            );
        }
    }
    let is_compressed = settings.compress.value.0.is_some();
    if is_compressed && settings.size.value.0 < settings.compress_over.value.0 {
        leave_out("bodies are smaller than compress-over", COMPRESSION);
    }
    if settings.compress.value.0 == Some(CompressionKind::Lz4) {
        leave_out("lz4 has no levels", &["compress-level"]);
    }
    if !settings.fault_avoidance.value.0 {
        leave_out("fault-avoidance is off", &["fault-table"]);
    }
    if settings.count.is_some() {
        let by_default = [
            ("duration", &settings.duration),
            ("warmup", &settings.warmup),
        ];
        for (key, given) in by_default {
            if given.as_ref().is_some_and(|given| !given.is_explicit()) {
                leave_out("count alone says how much is sent", &[key]);
            }
        }
    }
    left_out
}
