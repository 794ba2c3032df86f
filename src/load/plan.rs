//! What one load run is to do: plain values, checked by `config` before they get here.

use std::num::NonZeroU64;
use std::time::Duration;

/// How messages are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SendMode {
    /// N callers, each with one send at a time.
    Sync,
    /// Up to N sends in flight.
    Async,
    /// No answer is asked for.
    Oneway,
}

impl SendMode {
    /// Name as on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Async => "async",
            Self::Oneway => "oneway",
        }
    }
}

/// Whether the schedule or the answers decide when the next message goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadModel {
    /// Messages are due at planned times, whatever the cluster does.
    Open(Rate),
    /// The next message goes out as soon as there is room; its times count from its begin.
    Closed,
}

/// A rate as an exact fraction: `messages` per `period`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Messages per period.
    pub messages: NonZeroU64,
    /// Length of the period in nanoseconds.
    pub period_ns: NonZeroU64,
}

impl Rate {
    /// Messages per second, for display.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "display only")]
    pub fn per_second(self) -> f64 {
        self.messages.get() as f64 * 1e9 / self.period_ns.get() as f64
    }
}

/// Distribution of the intervals between intended times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Arrivals {
    /// Evenly spaced.
    #[default]
    Constant,
    /// Exponential intervals from the seeded generator.
    Poisson,
}

/// What the schedule does with messages that are due but could not be sent in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenLate {
    /// Send them as soon as there is room; they keep their intended times.
    #[default]
    CatchUp,
    /// Leave out those later than one tick; they count as unsent.
    Skip,
    /// Stop the run.
    Abort,
}

/// What ends the measured window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    /// Length of the window; `None` with a count: no limit in time.
    pub duration: Option<Duration>,
    /// Messages planned for the window.
    pub count: Option<u64>,
}

/// One load run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadPlan {
    /// How messages are sent.
    pub mode: SendMode,
    /// Open or closed loop.
    pub model: LoadModel,
    /// Distribution of intended times.
    pub arrivals: Arrivals,
    /// Seed of everything random in the run.
    pub seed: u64,
    /// End of the measured window.
    pub bound: Bound,
    /// Sent before the window at the same rate, kept out of every figure.
    pub warmup: Duration,
    /// Longest wait for answers after the window.
    pub drain: Duration,
    /// Topic.
    pub topic: String,
    /// Body bytes.
    pub body_bytes: usize,
    /// Value of TAGS; empty for none.
    pub tags: String,
    /// Concurrent callers of sync, whole process.
    pub callers: usize,
    /// Most async sends in flight, whole process.
    pub in_flight: usize,
    /// Policy of a schedule that fell behind.
    pub when_late: WhenLate,
    /// From the intended time on, when a send that is not answered counts as failed.
    pub deadline: Option<Duration>,
    /// Threads; `None` lets the run choose.
    pub shards: Option<usize>,
    /// Pacing tick; `None` lets the rate choose.
    pub tick: Option<Duration>,
    /// Ask for real-time scheduling of the shards' threads.
    pub realtime: bool,
}
