//! Which settings have no effect on a run, and why. They are no error: a profile may carry the
//! settings of several modes. But nobody is left to believe that they did something.

use super::plan::LeftOut;
use super::settings::Settings;
use super::value::RateSetting;
use crate::load::SendMode;

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
    match settings.mode.value.0 {
        SendMode::Sync => leave_out("sync is limited by callers", &["in-flight"]),
        SendMode::Batch => {
            leave_out("batch is limited by callers", &["in-flight"]);
            leave_out(
                "batches are never compressed",
                &["compress", "compress-level", "compress-over"],
            );
        }
        SendMode::Async => leave_out("async is limited by in-flight", &["callers"]),
        SendMode::Oneway => leave_out(
            "oneway asks for no answer",
            &[
                "callers",
                "attempt-timeout",
                "retries",
                "deadline",
                "receive-stamps",
            ],
        ),
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
            ],
        );
    }
    if settings.mode.value.0 != SendMode::Batch {
        leave_out("the mode is not batch", &["batch"]);
    }
    if settings.compress.value.0.is_none() {
        leave_out(
            "nothing is compressed",
            &["compress-level", "compress-over"],
        );
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
