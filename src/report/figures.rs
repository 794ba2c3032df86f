//! The numbers of a result, each with its unit and what it is a share of.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::metrics::LatencySummary;

/// Sends per second in the measured window.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Rates {
    /// Sends due per second; absent in a closed loop, which plans none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned_per_s: Option<f64>,
    /// Sends begun per second, over the window or until the last of them was begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_per_s: Option<f64>,
    /// Acknowledgements per second of `acked_over_s`. After a warm-up, those that came inside the window,
    /// to the warm-up's last sends too, as many of its own come after it. Without one, when a count ended
    /// the run, or when answers take longer than the warm-up: those of the window's sends, up to the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acked_per_s: Option<f64>,
    /// Seconds that `acked_per_s` counts over: the window, or from its beginning to the last answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acked_over_s: Option<f64>,
}

/// A condition that fails the run when it holds, and whether it did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ThresholdOutcome {
    /// The condition as it was given.
    pub condition: String,
    /// Whether the run passed.
    pub passed: bool,
    /// The figure: latencies in nanoseconds, shares from 0 to 1, rates per second; absent when the run
    /// has none, which fails the threshold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// The outcome in words.
    pub sentence: String,
}

/// What became of the sends of the measured window: planned = acked + failed + unknown + unsent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Accounts {
    /// Sends that were due; in a closed loop those that were begun.
    pub planned: u64,
    /// Sends acknowledged; in oneway mode those the socket accepted.
    pub acked: u64,
    /// Sends that ended without their message being stored.
    pub failed: u64,
    /// Sends whose message may be stored: bytes left, the answer never came.
    pub unknown: u64,
    /// Sends that were due and never begun.
    pub unsent: u64,
    /// Answers that came after their send had ended.
    pub late_replies: u64,
    /// Acknowledged sends by status; absent in oneway mode, where nothing answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_status: Option<BTreeMap<String, u64>>,
    /// Failed and unknown sends by the kind of failure that ended them.
    pub errors: BTreeMap<String, u64>,
}

/// Attempts: requests handed to the transport for the sends of the measured window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Retries {
    /// Attempts of all sends.
    pub attempts: u64,
    /// Sends with at least two attempts.
    pub retried_sends: u64,
    /// Those of `retried_sends` that were acknowledged.
    pub recovered_sends: u64,
    /// Share of the attempts that were not the first of their send, from 0 to 1; absent without attempts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
    /// Recovered sends of which an earlier attempt may have been stored too: its bytes had left and no answer came.
    #[serde(default)]
    pub possible_duplicates: u64,
    /// By how much earlier attempts made recovered sends longer, from the first submission to the first byte of the
    /// last attempt: summed, in nanoseconds, part of `latency.queue`. Absent where none recovered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub added_total_ns: Option<u64>,
    /// The mean of these times in nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub added_mean_ns: Option<u64>,
    /// The longest of these times in nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub added_max_ns: Option<u64>,
    /// How many attempts were the first, second, … of their send; as long as attempts were allowed.
    pub by_attempt: Vec<u64>,
    /// Service times of the acknowledged attempts after the first, by their number; those of the first attempts are the
    /// rest of `latency.service`. Absent where none was, and in oneway mode.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub later_attempts: Vec<AttemptTimes>,
    /// Attempts after the first, by the kind of failure before them.
    pub by_reason: BTreeMap<String, u64>,
}

/// Times of the attempts of one number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AttemptTimes {
    /// Number of the attempt among those of its send, from 2 on.
    pub attempt: u64,
    /// From its first byte to its answer.
    pub service: LatencySummary,
}

/// Distributions of the times of sends.
///
/// For each send, and for the means: response = lateness + queue + service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Latency {
    /// From the time the plan wanted a send to its answer; acknowledged sends. Absent in oneway mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<LatencySummary>,
    /// From the time the plan wanted a send to its first submission; every send begun.
    pub lateness: LatencySummary,
    /// From the first submission to the first byte of the last attempt handed to the system;
    /// acknowledged sends.
    pub queue: LatencySummary,
    /// From the first byte of the last attempt to its answer; acknowledged sends. Absent in oneway
    /// mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<LatencySummary>,
    /// From the arrival of an answer, as the kernel stamped it, to its being read; in none of the other
    /// times. Absent where the kernel stamps nothing, and the others then end when answers are read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receive_delay: Option<LatencySummary>,
    /// `response` and, with at least the time they took, the sends that failed or are unknown. Absent
    /// in oneway mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_with_failures: Option<LatencySummary>,
}

/// One broker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BrokerFigures {
    /// Name of the broker.
    pub name: String,
    /// Address of its master as `host:port`.
    pub address: String,
    /// Attempts handed to the transport for it: acked + failed.
    pub attempts: u64,
    /// Attempts it acknowledged.
    pub acked: u64,
    /// Attempts on it that failed or were never answered.
    pub failed: u64,
    /// Those of `attempts` that were not the first of their send.
    pub retries: u64,
    /// Its share of the attempts, from 0 to 1; absent when there were none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
    /// Milliseconds it was avoided; absent where nothing is avoided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avoided_ms: Option<u64>,
    /// Failed attempts by kind.
    pub errors: BTreeMap<String, u64>,
    /// From the first byte of an attempt to its answer. Absent in oneway mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<LatencySummary>,
    /// From the planned time of the sends it acknowledged to its answer. Absent in oneway mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<LatencySummary>,
}

/// What fault avoidance did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Avoidance {
    /// Whether brokers are avoided at all.
    pub enabled: bool,
    /// How often a broker was put aside, in the window or before it and still when it began.
    pub isolations: u64,
    /// Each of those times, or the first of them when there are very many.
    pub events: Vec<AvoidanceEvent>,
    /// Probes sent to brokers that could not be reached; absent without a detector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probes: Option<u64>,
    /// Probes that found a broker reachable again; absent without a detector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found_reachable: Option<u64>,
}

/// A broker was put aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AvoidanceEvent {
    /// Milliseconds since the measured window began; 0 for what was so before.
    pub at_ms: u64,
    /// Name of the broker.
    pub broker: String,
    /// Milliseconds it is to be avoided; of what began before the window, those inside it.
    pub for_ms: u64,
    /// What it did.
    pub cause: AvoidanceCause,
    /// Latency that was seen or assumed, in microseconds.
    pub observed_us: u64,
}

/// Why a broker was put aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AvoidanceCause {
    /// It answered slowly.
    Latency,
    /// It failed.
    Error,
}

/// When an answer counts as received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReceiveTimes {
    /// When the kernel received it.
    Kernel,
    /// When it was read.
    Read,
    /// Some by the kernel; those of reads that brought no stamp, or after the wall clock was set, when
    /// they were read.
    Mixed,
}

/// What the generator's and the client's threads cost in the measured window, without an embedded
/// cluster's. Per message means per send begun. What could not be measured is absent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GeneratorFigures {
    /// CPU time in microseconds per message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_us_per_message: Option<f64>,
    /// CPU time in per cent of one core; several threads can pass 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_percent: Option<f64>,
    /// Write calls per message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub writes_per_message: Option<f64>,
    /// Read calls per message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reads_per_message: Option<f64>,
    /// Whether the threads that send ran under SCHED_FIFO; absent where nobody asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub realtime: Option<bool>,
    /// Whether answers were timed by the kernel's receive stamps; absent in oneway mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receive_times: Option<ReceiveTimes>,
    /// Resident memory of the process at the end, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rss_bytes: Option<u64>,
    /// Most resident memory the process ever had, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_rss_bytes: Option<u64>,
    /// Threads that send.
    pub shards: u32,
    /// Connections to brokers.
    pub connections: u32,
}
