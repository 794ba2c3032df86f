//! What can be wrong with a run, and the verdict made of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How far the figures of a run can be trusted, best first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The generator did what was asked.
    Valid,
    /// The figures hold with the stated caution.
    Degraded,
    /// The generator did not do what was asked: the figures are not those of the load they name.
    Invalid,
}

impl Status {
    /// The status as the report shows it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Valid => "VALID",
            Self::Degraded => "DEGRADED",
            Self::Invalid => "INVALID",
        }
    }
}

/// Why a run is not simply valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ReasonCode {
    /// Invalid: sends were begun later than planned by the generator's own doing. Value and limit are
    /// lateness in nanoseconds.
    LateSchedule,
    /// Invalid: sends begun per second differ from those planned. Value and limit are the difference
    /// as a share of the planned rate.
    RateMissed,
    /// Generator threads had no CPU to spare. Value and limit are a share of one core for a thread, or
    /// of the CPUs allowed for all; invalid in an open loop when it is all, else degraded.
    GeneratorCpu,
    /// Invalid: the run stopped itself before its end.
    Aborted,
    /// Too few acknowledged sends for percentiles. Value and limit are sends; invalid when there are
    /// none, else degraded.
    TooFewSamples,
    /// Degraded: the cluster did not carry the rate with this many callers or sends in flight, so that
    /// sends waited in the generator. Value and limit are shares of the pacing ticks.
    CapReached,
    /// Degraded: the cluster does not carry the rate, so that what waits kept growing and the latency depends on how
    /// long one looks; the 99th percentile and those beyond it are absent. Value and limit are shares of the sends
    /// begun, or of the planned rate.
    Unstable,
    /// Degraded: a warm-up that was to last until the load is steady reached its longest time. Value and limit are a
    /// change as a share of the level; absent where it was no change that lasted.
    NotSteady,
    /// Degraded: sends of the warm-up were not answered when the window began. Value and limit are shares of the
    /// window's sends.
    WarmupBacklog,
    /// Degraded: the level of a figure changed in the window. Value and limit are the change as a share of the lower
    /// level.
    UnsteadyRun,
    /// Degraded: many sends failed, and the response figures leave them out. Value and limit are shares
    /// of the sends that ended.
    FailedSends,
    /// Degraded: messages that may or may not be stored. Value and limit are sends.
    UnknownResults,
    /// Degraded: sends still unanswered when the drain ended. Value and limit are sends.
    DrainUnanswered,
    /// Degraded: times longer than the histograms reach. Value and limit are numbers of values.
    ClampedValues,
    /// The process had used up a CPU quota (cgroup). Value and limit are shares of the window.
    CpuThrottled,
    /// A hypervisor gave CPU time to others. Value and limit are shares of all CPUs' time.
    CpuStolen,
    /// The whole process stood still. Value and limit are shares of the window.
    Standstills,
    /// A thread of the embedded cluster had no CPU to spare, so that the figures are its limits. Value and limit
    /// are shares of a core.
    EmbeddedCluster,
    /// A socket did not take what was sent. Value and limit are shares of the window.
    SocketFull,
    /// Degraded: the machine's clocks did not go on together: one was slewed or set, or the machine slept. Value and
    /// limit are shares of the window.
    ClockTrouble,
    /// Degraded: showing or writing what a second of the run had took longer than a second. Value and limit are
    /// nanoseconds.
    ResultWriter,
    /// Degraded: a generator thread had to wait for a CPU. Value and limit are shares of the window.
    HostStalls,
    /// Degraded: the measured window was cut short.
    Interrupted,
    /// Degraded: a merged result without all of its shards. Value and limit are shards.
    ShardsMissing,
}

impl ReasonCode {
    /// The code as results carry it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::LateSchedule => "late_schedule",
            Self::RateMissed => "rate_missed",
            Self::GeneratorCpu => "generator_cpu",
            Self::Aborted => "aborted",
            Self::TooFewSamples => "too_few_samples",
            Self::CapReached => "cap_reached",
            Self::Unstable => "unstable",
            Self::NotSteady => "not_steady",
            Self::WarmupBacklog => "warmup_backlog",
            Self::UnsteadyRun => "unsteady_run",
            Self::FailedSends => "failed_sends",
            Self::UnknownResults => "unknown_results",
            Self::DrainUnanswered => "drain_unanswered",
            Self::ClampedValues => "clamped_values",
            Self::CpuThrottled => "cpu_throttled",
            Self::CpuStolen => "cpu_stolen",
            Self::Standstills => "standstills",
            Self::EmbeddedCluster => "embedded_cluster",
            Self::SocketFull => "socket_full",
            Self::ClockTrouble => "clock_trouble",
            Self::ResultWriter => "result_writer",
            Self::HostStalls => "host_stalls",
            Self::Interrupted => "interrupted",
            Self::ShardsMissing => "shards_missing",
        }
    }
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Reason {
    /// What was found.
    pub code: ReasonCode,
    /// What it makes of the run.
    pub status: Status,
    /// The finding with its numbers, and what to do about it.
    pub detail: String,
    /// What was measured, in the unit its code says; absent for what is not a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// The limit it passed, in the same unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<f64>,
}

impl Reason {
    pub(super) fn new(
        code: ReasonCode,
        status: Status,
        detail: String,
        value: f64,
        limit: f64,
    ) -> Self {
        let (value, limit) = (Some(value), Some(limit));
        Self {
            code,
            status,
            detail,
            value,
            limit,
        }
    }

    /// A finding that is not a number.
    pub(super) fn plain(code: ReasonCode, status: Status, detail: &str) -> Self {
        let detail = detail.to_owned();
        Self {
            code,
            status,
            detail,
            value: None,
            limit: None,
        }
    }
}

/// A count as the value of a reason.
#[allow(
    clippy::cast_precision_loss,
    reason = "values of a verdict are read, not added"
)]
pub(super) fn number(n: u64) -> f64 {
    n as f64
}

/// The judgement of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    /// The worst status of all reasons; valid without any.
    pub status: Status,
    /// What was found, the worst first; empty for a valid run.
    pub reasons: Vec<Reason>,
}

impl Verdict {
    /// The verdict of these findings.
    #[must_use]
    pub fn of(mut reasons: Vec<Reason>) -> Self {
        reasons.sort_by_key(|reason| std::cmp::Reverse(reason.status));
        let status = reasons.first().map_or(Status::Valid, |worst| worst.status);
        Self { status, reasons }
    }
}
