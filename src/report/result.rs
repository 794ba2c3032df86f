//! The result of one run: what was run, against what, how it was set, and its figures.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::metrics::TimeSeries;
use crate::verdict::Verdict;

use super::bodies::BodyFigures;
use super::figures::{
    Accounts, Avoidance, BrokerFigures, GeneratorFigures, Latency, Rates, Retries, ThresholdOutcome,
};
use super::flow_control::FlowControlFigures;
use super::host::Host;
use super::littles_law::LittlesLaw;
use super::part::{MergedPart, Shard};
use super::requests::RequestFigures;
use super::runs::Repetition;
use super::traces::TraceFigures;
use super::transactions::TransactionFigures;

/// Version of the meaning of a result. Additions leave it; a changed meaning raises it.
pub const SCHEMA_VERSION: u32 = 1;

/// Result of one run of rmq-bench.
///
/// Units are in the names. A member that does not apply is absent, never zero or null. These sums hold
/// exactly: planned = acked + failed + unknown + unsent; the brokers' attempts are retries.attempts; the
/// brokers' acked are accounts.acked; by_status sums up to acked; latency.response.count = acked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "rmq-bench result")]
pub struct RunResult {
    /// Version of the meaning of this document.
    #[schemars(extend("const" = SCHEMA_VERSION))]
    pub schema_version: u32,
    /// What made the result.
    pub tool: Tool,
    /// What was run against what.
    pub run: Run,
    /// Every setting of the run as resolved.
    pub config: Map<String, Value>,
    /// Where each setting came from, by its key in `config`: command line, environment, profile or
    /// default.
    pub config_source: BTreeMap<String, String>,
    /// Lengths of the run's phases.
    pub window: Window,
    /// Whether the figures are what they claim to be.
    pub verdict: Verdict,
    /// What the thresholds of the run (`--fail-if`) made of it; absent without any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub thresholds: Vec<ThresholdOutcome>,
    /// Whether callers or places in flight could carry the rate; absent where no sends were probed before the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub littles_law: Option<LittlesLaw>,
    /// Sends per second in the measured window.
    pub rate: Rates,
    /// What became of the sends of the measured window.
    pub accounts: Accounts,
    /// Bodies of those sends; absent in results of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bodies: Option<BodyFigures>,
    /// The attempts of those sends.
    pub retries: Retries,
    /// Attempts that brokers refused by their flow control, by what they said, the most frequent first; absent where
    /// none was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flow_control: Vec<FlowControlFigures>,
    /// What became of transactions; absent in other modes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transactions: Option<TransactionFigures>,
    /// What became of requests; absent in other modes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<RequestFigures>,
    /// What became of the records of the message trace; absent where nothing was traced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceFigures>,
    /// Distributions of their times.
    pub latency: Latency,
    /// Each broker's share.
    pub brokers: Vec<BrokerFigures>,
    /// Brokers kept out for their latency or errors; absent where the mode has no such choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avoidance: Option<Avoidance>,
    /// What the generator itself cost, without an embedded cluster.
    pub generator: GeneratorFigures,
    /// The machine the generator ran on.
    pub host: Host,
    /// The run second by second, for charts; absent in merged results, and in those of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_series: Option<TimeSeries>,
}

/// The program that made a result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tool {
    /// Name of the program.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Commit it was built from, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git: Option<String>,
}

impl Tool {
    /// This build.
    #[must_use]
    pub fn current(git: Option<&str>) -> Self {
        Self {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            git: git.map(str::to_owned),
        }
    }
}

/// What was run against what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Run {
    /// Identity of the run.
    pub id: String,
    /// Wall-clock time the run began at, RFC 3339.
    pub started_at: String,
    /// Wall-clock time the schedule's first message was due at, warm-up included, RFC 3339, by this host's clock;
    /// of several processes, which began together, the earliest. Absent in results of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began_at: Option<String>,
    /// The instant the run was asked to begin at; absent where it began as soon as it could.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_at: Option<String>,
    /// Which part of the schedule this process sent; absent where it sent all, and in a merged result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Shard>,
    /// The results this one is the union of, in the order of their shards; absent where it is of one process.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub merged_from: Vec<MergedPart>,
    /// Shards of the run whose results are not in it (`merge --partial`); absent when none is missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing_shards: Vec<u64>,
    /// Subcommand, for example `produce`.
    pub command: String,
    /// How messages were sent.
    pub mode: Mode,
    /// What decided when a message went out.
    pub load_model: LoadModel,
    /// Concurrent callers, of all processes in a merged result; absent in modes without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callers: Option<u64>,
    /// Most sends in flight, of all processes in a merged result; absent in modes without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_flight_limit: Option<u64>,
    /// Messages of a batch; absent in other modes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<u64>,
    /// What ended the measured window.
    pub stop_reason: StopReason,
    /// The cluster.
    pub target: Target,
    /// Topic sent to; several are separated by commas, of many the first and the last are named.
    pub topic: String,
    /// The topic was not there and the brokers made it from the default topic; absent otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic_created: Option<bool>,
    /// Producer group.
    pub group: String,
    /// Which of several runs of one plan this was; absent for a single one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repetition: Option<Repetition>,
}

/// How messages were sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Mode {
    /// Callers with one send at a time each.
    Sync,
    /// Many sends in flight.
    Async,
    /// No answer was asked for: `acked` means accepted by the socket.
    Oneway,
    /// Callers with one batch of messages at a time each; all counts and times are of messages, also
    /// attempts.
    Batch,
    /// Callers with one transaction at a time each: counts and times are of half messages.
    Tx,
    /// Callers with one request at a time each: `acked` means answered, times go on to the answer.
    Request,
}

impl Mode {
    /// Name as on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Async => "async",
            Self::Oneway => "oneway",
            Self::Batch => "batch",
            Self::Tx => "tx",
            Self::Request => "request",
        }
    }
}

/// What decided when a message went out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LoadModel {
    /// A schedule, whatever the cluster did.
    Open,
    /// The answers: the next message went out when there was room.
    Closed,
}

impl LoadModel {
    /// Name as in the JSON result.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }
}

/// What ended the measured window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// Its length.
    Duration,
    /// The number of messages.
    Count,
    /// A signal.
    Interrupted,
    /// The run itself, for example for a schedule that fell behind.
    Aborted,
}

/// The cluster that was sent to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Target {
    /// Whether it was a cluster at all.
    pub kind: TargetKind,
    /// Name servers as `host:port`.
    pub namesrv: Vec<String>,
    /// Brokers of the topic's route, without those left out.
    pub brokers: Vec<TargetBroker>,
    /// Brokers whose queues were left out (`--without`), by name; absent without any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
}

/// Kind of the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TargetKind {
    /// The stand-in inside this process; not Apache RocketMQ.
    Embedded,
    /// A cluster reached through its name servers.
    Cluster,
}

impl TargetKind {
    /// Name as in the JSON result.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Cluster => "cluster",
        }
    }
}

/// One broker of the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TargetBroker {
    /// Name of the broker.
    pub name: String,
    /// Address of its master as `host:port`.
    pub address: String,
    /// Version it claims, where it was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// Why a warm-up that was to end by itself did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WarmupEnded {
    /// The load had become steady.
    Steady,
    /// Its longest time was over.
    Cap,
    /// The run ended before.
    Run,
}

/// Lengths of a run's phases in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Window {
    /// Why the warm-up ended, where it was to end by itself (`--warmup auto`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warmup_ended: Option<WarmupEnded>,
    /// Seconds of the same load before the window, in no figure.
    pub warmup_s: f64,
    /// Seconds of the window every figure is about.
    pub measured_s: f64,
    /// Seconds waited for answers after it.
    pub drain_s: f64,
}
