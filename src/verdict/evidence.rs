//! What a judgement looks at.

use crate::metrics::{Quantiles, Summary};

use super::steadiness::Steadiness;

/// What decided when a message went out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pacing {
    /// A schedule, whatever the cluster did, looked at once per tick.
    Open(Tick),
    /// The answers: the next message went out as soon as there was room.
    Closed,
}

/// How often the schedule was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tick {
    /// Once every so many nanoseconds.
    Every(u64),
    /// At each intended time.
    PerMessage,
}

/// What limited the sends under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CapKind {
    /// Sends in flight (`--in-flight`).
    InFlight,
    /// Concurrent callers (`--callers`).
    Callers,
    /// One send of each key (`--sharding-keys`).
    Keys,
}

/// How the limit on sends under way made itself felt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cap {
    /// What is limited.
    pub kind: CapKind,
    /// The limit, of the whole process.
    pub limit: u64,
    /// Share of the window, from 0 to 1, in which something was due and found no room.
    pub blocked_share: f64,
    /// What found no room was left out (`--when-late`), so no time includes its waiting.
    pub left_out: bool,
}

/// CPU use of the generator's and the client's threads in the window, without an embedded cluster's.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CpuUse {
    /// Each generator thread.
    pub threads: Vec<ThreadCpu>,
    /// All of them together, as a share from 0 to 1 of the CPUs the process may use.
    pub total_share: Option<f64>,
}

/// CPU use of one thread.
#[derive(Debug, Clone, PartialEq)]
pub struct ThreadCpu {
    /// Name of the thread.
    pub name: String,
    /// Share of one core, from 0 to 1.
    pub share: f64,
}

/// How the window ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ending {
    /// As planned.
    #[default]
    Complete,
    /// By a signal.
    Interrupted,
    /// By the run itself, as `--when-late abort` asks for.
    Aborted,
}

/// How long a thread of the generator was ready to run and had no CPU, as the kernel counts it.
#[derive(Debug, Clone, PartialEq)]
pub struct CpuWait {
    /// Name of the thread that waited longest.
    pub thread: String,
    /// Share of the window, from 0 to 1.
    pub share: f64,
}

/// Times in which the whole process stood still.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standstills {
    /// How many.
    pub count: u64,
    /// All of them together, in nanoseconds.
    pub total_ns: u64,
    /// The longest, in nanoseconds.
    pub longest_ns: u64,
}

/// What the machine's clocks did to each other in the window, as shares of it: positive where the first went faster.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ClockChanges {
    /// The clock of all times against the hardware's own.
    pub slewed: f64,
    /// The wall clock against the clock of all times.
    pub set: f64,
    /// Sleep of the machine, which the clock of all times does not count.
    pub slept: f64,
}

/// What the surroundings of the process did in the window; `None` for what was not seen.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Surrounded {
    /// Times in which nothing ran.
    pub standstills: Standstills,
    /// Share of all CPUs' time that a hypervisor gave to others, from 0 to 1.
    pub stolen_share: Option<f64>,
    /// Time in which a control group had used up its quota, as a share of the window; several CPUs can pass 1.
    pub throttled_share: Option<f64>,
    /// What its clocks did.
    pub clocks: Option<ClockChanges>,
    /// The busiest thread of an embedded cluster.
    pub embedded: Option<ThreadCpu>,
}

/// Everything a verdict rests on. What was not measured is `None` and is not judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// Open or closed loop.
    pub pacing: Pacing,
    /// Intended → first submitted.
    pub lateness: Option<Quantiles>,
    /// Median of the response times in nanoseconds; `None` in oneway mode.
    pub response_p50_ns: Option<u64>,
    /// Sends due per second.
    pub planned_per_s: Option<f64>,
    /// Sends begun per second.
    pub sent_per_s: Option<f64>,
    /// Sends acknowledged per second.
    pub acked_per_s: Option<f64>,
    /// Sends begun.
    pub sent: u64,
    /// Sends acknowledged.
    pub acked: u64,
    /// Messages of each, which have one time.
    pub messages_per_send: u64,
    /// Sends that were due and never begun.
    pub unsent: u64,
    /// Sends that ended unanswered and may be stored, those of `drain_unanswered` included.
    pub unknown: u64,
    /// Sends still unanswered when the drain ended.
    pub drain_unanswered: u64,
    /// Times beyond the reach of the histograms.
    pub clamped: u64,
    /// Share of the sends that ended failed or unknown, from 0 to 1.
    pub error_share: Option<f64>,
    /// The limit on sends under way, where there is one.
    pub cap: Option<Cap>,
    /// Share of the window in which a socket did not take what had been sent before, from 0 to 1.
    pub unwritten_share: Option<f64>,
    /// Sends in flight at the end of the window above those at its beginning.
    pub in_flight_growth: Option<u64>,
    /// Length of the warm-up in nanoseconds.
    pub warmup_ns: Option<u64>,
    /// Length of the window in nanoseconds.
    pub measured_ns: Option<u64>,
    /// CPU use of the generator.
    pub cpu: CpuUse,
    /// How the window ended.
    pub ending: Ending,
    /// Waiting for a CPU; `None` where the kernel does not say.
    pub cpu_wait: Option<CpuWait>,
    /// What else happened to the process.
    pub surrounded: Surrounded,
    /// The longest time it took to show and write what one second of the run had, in nanoseconds.
    pub longest_write_ns: Option<u64>,
    /// What its seconds say.
    pub steadiness: Steadiness,
}

impl Evidence {
    /// What the measured window itself shows; the caller adds what it observed beside it: cap, drain,
    /// growth, CPU, waiting for it and ending.
    #[must_use]
    pub fn of(summary: &Summary, pacing: Pacing) -> Self {
        let counters = summary.counters();
        Self {
            pacing,
            lateness: Quantiles::of(summary.lateness()),
            response_p50_ns: Quantiles::of(summary.response()).map(|response| response.p50_ns),
            planned_per_s: summary.planned_per_s(),
            sent_per_s: summary.sent_per_s(),
            acked_per_s: summary.acked_per_s(),
            sent: counters.sent,
            acked: counters.acked,
            messages_per_send: 1,
            unsent: counters.unsent,
            unknown: counters.unknown,
            drain_unanswered: 0,
            clamped: summary.clamped(),
            error_share: summary.error_share(),
            cap: None,
            unwritten_share: None,
            in_flight_growth: None,
            warmup_ns: None,
            measured_ns: None,
            cpu: CpuUse::default(),
            ending: Ending::Complete,
            cpu_wait: None,
            surrounded: Surrounded::default(),
            longest_write_ns: None,
            steadiness: Steadiness::default(),
        }
    }
}
