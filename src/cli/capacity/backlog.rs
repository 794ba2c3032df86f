//! Between two windows: whether what the last one left in the brokers is gone.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::cli::failure::Failure;
use crate::cli::message;
use crate::cli::produce_run::{Around, measure_on};
use crate::cli::target::RunningTarget;
use crate::config::{Progress, RunPlan};
use crate::load::{Arrivals, Bound, LoadModel, StopLevel, StopSignal, WarmupEnd};
use crate::metrics::units::duration;
use crate::report::capacity::StepOutcome;

/// Messages sent one by one to see how long one takes.
pub(super) const SENDS: u64 = 40;
/// They are given up after this: a cluster that slow is known well enough.
const LONGEST: Duration = Duration::from_secs(1);
/// A backlog is gone when a message takes no longer than so many times what it did before the search, or than that and
/// so much more.
const USUAL_TIMES: u64 = 3;
const USUAL_MORE_NS: u64 = 2_000_000;
/// No longer is waited.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a message takes while nothing else is under way.
pub(super) struct Backlog {
    usual_ns: Option<u64>,
}

/// A wait for a backlog to go.
#[derive(Default)]
pub(super) struct Waited {
    /// Seconds, in thousandths; `None` where nothing was to be waited for.
    pub(super) seconds: Option<f64>,
    /// Messages sent one by one.
    pub(super) messages: u64,
}

impl Backlog {
    /// Sends a few messages to an idle cluster.
    ///
    /// # Errors
    /// [`Failure`] when it cannot be sent to.
    pub(super) fn begin(
        window: &RunPlan,
        target: &RunningTarget,
        stop: &Arc<StopSignal>,
    ) -> Result<Self, Failure> {
        Ok(Self {
            usual_ns: alone(window, target, stop)?,
        })
    }

    /// Waits until messages take as long as they did. Windows that passed leave nothing behind: after these they may
    /// be found to take less, as those of a cluster that was cold before.
    ///
    /// # Errors
    /// [`Failure`] when the cluster cannot be sent to any more.
    pub(super) fn wait(
        &mut self,
        window: &RunPlan,
        target: &RunningTarget,
        stop: &Arc<StopSignal>,
        outcome: StepOutcome,
    ) -> Result<Waited, Failure> {
        if outcome == StepOutcome::Passed {
            let now = alone(window, target, stop)?;
            self.usual_ns = self.usual_ns.into_iter().chain(now).min();
            return Ok(Waited {
                seconds: None,
                messages: SENDS,
            });
        }
        let Some(usual) = self.usual_ns else {
            return Ok(Waited::default());
        };
        let begun = Instant::now();
        let limit = (usual * USUAL_TIMES).max(usual + USUAL_MORE_NS);
        let (mut gone, mut messages) = (false, 0);
        while !gone && stop.level() == StopLevel::None && begun.elapsed() < PATIENCE {
            gone = alone(window, target, stop)?.is_some_and(|ns| ns <= limit);
            messages += SENDS;
        }
        if !gone && stop.level() == StopLevel::None {
            message::note(&format_args!(
                "after {} s single messages still take more than {}, where they took {} before the search: what \
                 follows may be of a cluster with a backlog",
                PATIENCE.as_secs(),
                duration(limit),
                duration(usual)
            ));
        }
        Ok(Waited {
            seconds: Some((begun.elapsed().as_secs_f64() * 1000.0).round() / 1000.0),
            messages,
        })
    }
}

/// Median service time of messages sent one by one, in nanoseconds; `None` when too few were answered.
fn alone(
    window: &RunPlan,
    target: &RunningTarget,
    stop: &Arc<StopSignal>,
) -> Result<Option<u64>, Failure> {
    let mut plan = window.clone();
    let messages = u64::from(plan.load.message.batch.max(1));
    plan.load.model = LoadModel::Closed;
    plan.load.arrivals = Arrivals::Constant;
    plan.load.bound = Bound {
        duration: Some(LONGEST),
        count: Some(SENDS * messages),
    };
    plan.load.warmup = Duration::ZERO;
    plan.load.warmup_ends = WarmupEnd::AtTime;
    (plan.load.callers, plan.load.in_flight, plan.load.shards) = (1, 1, Some(1));
    plan.load.deadline = None;
    plan.report.progress = Progress::Quiet;
    let around = Around {
        stop: Arc::new(StopSignal::below(stop)),
        ..Around::default()
    };
    let measured = measure_on(target, &plan, around, |_| ())?;
    let service = measured.result.latency.service;
    Ok(service.and_then(|service| service.p50_ns))
}
