//! One second of a run, for the live view, the interval log and the result's time series.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::histogram::{Counter, LatencyHistogram, P50, P99};
use super::recorder::Recorder;

/// Median, 99th percentile and maximum of one kind of time, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Quantiles {
    /// Median in nanoseconds.
    pub p50_ns: u64,
    /// 99th percentile in nanoseconds; present from 1,000 values on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_ns: Option<u64>,
    /// Largest value in nanoseconds.
    pub max_ns: u64,
}

impl Quantiles {
    /// The figures of a histogram; `None` when it is empty.
    #[must_use]
    pub fn of<C: Counter>(histogram: &LatencyHistogram<C>) -> Option<Self> {
        let [p50_ns, p99_ns] = histogram.percentiles([P50, P99]);
        Some(Self {
            p50_ns: p50_ns?,
            p99_ns,
            max_ns: histogram.max_ns()?,
        })
    }
}

/// One broker in one second.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BrokerInterval {
    /// Name of the broker, or its index when the name is not known.
    pub name: String,
    /// Attempts it acknowledged.
    pub acked: u64,
    /// Attempts on it that failed.
    pub failed: u64,
    /// Response times of the sends it acknowledged; absent when there were none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<Quantiles>,
}

/// Part of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// In no figure of the result.
    Warmup,
    /// Messages of the window.
    Measure,
    /// Their last answers.
    Drain,
}

/// What happened in one second, or whatever time passed since the interval before. Events count when
/// they happen: a send submitted in one interval may be acknowledged in the next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Interval {
    /// End of the interval, in seconds since the measured window began; negative in the warm-up. Of one that ends by
    /// itself (`--warmup auto`) the end is not known while it lasts: it then counts to its latest.
    pub at_s: f64,
    /// Length of the interval in seconds: about 1, less where the window or the run ended. Rates are counts over it.
    pub length_s: f64,
    /// What this part of the run counts towards.
    pub phase: Phase,
    /// Sends that fell due; in a closed loop those that were begun.
    pub planned: u64,
    /// Sends begun.
    pub sent: u64,
    /// Sends acknowledged; of oneway sends those the socket accepted.
    pub acked: u64,
    /// Sends that failed.
    pub failed: u64,
    /// Sends that ended unanswered and may be stored.
    pub unknown: u64,
    /// Sends that were due and will not be begun.
    pub unsent: u64,
    /// Attempts after the first of their send.
    pub retries: u64,
    /// Answers that came after their send had ended.
    pub late_replies: u64,
    /// Sends in flight at the end of the interval.
    pub in_flight: u64,
    /// Intended → submitted; absent when nothing was begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lateness: Option<Quantiles>,
    /// Intended → received; absent when nothing was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<Quantiles>,
    /// Written → received; absent when nothing was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<Quantiles>,
    /// The brokers, by index.
    pub brokers: Vec<BrokerInterval>,
}

impl Interval {
    /// The figures of one second, recorded by one shard or merged from all.
    #[must_use]
    pub fn new(
        at_s: f64,
        length_s: f64,
        phase: Phase,
        in_flight: u64,
        second: &Recorder,
        broker_names: &[String],
    ) -> Self {
        let counters = second.counters();
        let brokers = second.brokers().iter().enumerate();
        let brokers = brokers.map(|(index, broker)| BrokerInterval {
            name: broker_names
                .get(index)
                .cloned()
                .unwrap_or_else(|| index.to_string()),
            acked: broker.acked,
            failed: broker.failed,
            response: Quantiles::of(&broker.response),
        });
        Self {
            at_s,
            length_s,
            phase,
            planned: counters.planned,
            sent: counters.sent,
            acked: counters.acked,
            failed: counters.failed,
            unknown: counters.unknown,
            unsent: counters.unsent,
            retries: counters.retries(),
            late_replies: counters.late_replies,
            in_flight,
            lateness: Quantiles::of(second.lateness()),
            response: Quantiles::of(&second.response()),
            service: Quantiles::of(&second.service()),
            brokers: brokers.collect(),
        }
    }
}
