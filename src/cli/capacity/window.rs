//! One window at a rate: run, watched, judged.

use std::sync::Arc;
use std::time::Instant;

use crate::cli::failure::Failure;
use crate::cli::produce_run::{Around, measure_on};
use crate::cli::target::RunningTarget;
use crate::config::{CapacityPlan, Met, Objective, RunPlan};
use crate::load::{Arrivals, RunPhase, RunSecond, StopSignal};
use crate::report::capacity::{ObjectiveFigure, StepOutcome, WindowFigures};
use crate::report::{RunResult, named};
use crate::verdict::{ReasonCode, Status, Verdict};

/// What the generator did. A window with one of these says nothing about the cluster: neither that the rate is carried
/// nor that it is not.
const LIMITS: [ReasonCode; 7] = [
    ReasonCode::CpuThrottled,
    ReasonCode::EmbeddedCluster,
    ReasonCode::GeneratorCpu,
    ReasonCode::LateSchedule,
    ReasonCode::RateMissed,
    ReasonCode::Aborted,
    ReasonCode::ClampedValues,
];

/// What its machine did: it says nothing either, but the generator may well do better in the next window.
const DISTURBANCES: [ReasonCode; 5] = [
    ReasonCode::CpuStolen,
    ReasonCode::Standstills,
    ReasonCode::HostStalls,
    ReasonCode::ClockTrouble,
    ReasonCode::ResultWriter,
];

/// Whether a window goes on that cannot pass any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// It ends.
    WhenLost,
    /// It lasts as long as others: its figures are wanted.
    Never,
}

/// A window that is over.
pub(super) struct Window {
    pub(super) outcome: StepOutcome,
    pub(super) figures: WindowFigures,
    pub(super) cut_short: bool,
    /// Seconds of everything, in thousandths: what is kept is what was counted.
    pub(super) seconds: f64,
    pub(super) result: RunResult,
}

impl Window {
    /// Runs it.
    ///
    /// # Errors
    /// [`Failure`] when there is no result.
    pub(super) fn run(
        plan: &CapacityPlan,
        run: &RunPlan,
        (per_s, cut): (f64, Cut),
        target: &RunningTarget,
        stop: &Arc<StopSignal>,
    ) -> Result<Self, Failure> {
        let begun = Instant::now();
        let own = Arc::new(StopSignal::below(stop));
        let mut hopes = Hopes::new(plan, per_s);
        let around = Around {
            stop: Arc::clone(&own),
            ..Around::default()
        };
        let measured = measure_on(target, run, around, |second| {
            if cut == Cut::WhenLost && hopes.end_with(second) {
                own.raise();
            }
        })?;
        measured.check()?;
        let mut result = measured.result;
        if hopes.lost {
            // That it was cut short is no fault, and is said elsewhere.
            let mut reasons = result.verdict.reasons;
            reasons.retain(|reason| reason.code != ReasonCode::Interrupted);
            result.verdict = Verdict::of(reasons);
        }
        let objectives = objectives(plan, &result);
        let outcome = outcome(plan, &result, &objectives, hopes.lost);
        let figures = WindowFigures::of(&result, per_s, objectives);
        Ok(Self {
            outcome,
            // One that was lost in its last second lasted as long as others.
            cut_short: hopes.lost && figures.measured_s < 0.95 * plan.step_time().as_secs_f64(),
            figures,
            seconds: (begun.elapsed().as_secs_f64() * 1000.0).round() / 1000.0,
            result,
        })
    }
}

impl Window {
    /// Messages it sent with its warm-up and retries, at its rate.
    #[allow(clippy::cast_precision_loss, reason = "messages of a window")]
    pub(super) fn sent_messages(&self) -> f64 {
        let attempts = &self.result.retries;
        let first = attempts.by_attempt.first().copied().unwrap_or_default();
        let each = if first > 0 {
            attempts.attempts as f64 / first as f64
        } else {
            1.0
        };
        let seconds = self.result.window.warmup_s + self.figures.measured_s;
        self.figures.offered_per_s * seconds * each
    }
}

/// The finding that spoils a window: the first of those that do, as causes come before what they cause.
pub(super) fn spoilt_by(plan: &CapacityPlan, result: &RunResult) -> Option<ReasonCode> {
    let spoils = |code: &ReasonCode| LIMITS.contains(code) || DISTURBANCES.contains(code);
    codes(result)
        .find(spoils)
        .or_else(|| ended_by_places(plan, result).then_some(ReasonCode::CapReached))
}

fn codes(result: &RunResult) -> impl Iterator<Item = ReasonCode> {
    result.verdict.reasons.iter().map(|reason| reason.code)
}

/// Whether messages were late for want of callers or places in flight alone: those that were under way took no longer
/// than they may. It is the generator's setting that ended then, and the cluster may carry more.
fn ended_by_places(plan: &CapacityPlan, result: &RunResult) -> bool {
    let under_way = |name: &str| match name.strip_prefix("response.") {
        Some(statistic) => named::figure(result, &format!("service.{statistic}")),
        None => named::figure(result, name),
    };
    let met = |objective: &Objective| objective.evaluate(&under_way).0 == Met::Yes;
    codes(result).any(|code| code == ReasonCode::CapReached) && plan.objectives.iter().all(met)
}

fn objectives(plan: &CapacityPlan, result: &RunResult) -> Vec<ObjectiveFigure> {
    let figures = |name: &str| named::figure(result, name);
    let judged = |objective: &Objective| {
        let (met, value) = objective.evaluate(&figures);
        ObjectiveFigure {
            condition: objective.to_string(),
            figure: objective.figure(),
            met: match met {
                Met::Yes => Some(true),
                Met::No => Some(false),
                Met::Unknown => None,
            },
            value,
        }
    };
    plan.objectives
        .iter()
        .map(judged)
        .chain([sent(result)])
        .chain(carried(result))
        .collect()
}

/// What every window has to meet: that its messages were sent at all.
#[allow(clippy::cast_precision_loss, reason = "a share")]
fn sent(result: &RunResult) -> ObjectiveFigure {
    const LEAST: f64 = 0.999;
    let accounts = &result.accounts;
    let begun = accounts.planned.saturating_sub(accounts.unsent);
    let share = (accounts.planned > 0).then(|| begun as f64 / accounts.planned as f64);
    ObjectiveFigure {
        condition: "sent>=99.9%".to_owned(),
        figure: "sent".to_owned(),
        met: share.map(|share| share >= LEAST),
        value: share,
    }
}

/// What a window has to meet besides: that what waits does not grow without an end. Told only where it does.
fn carried(result: &RunResult) -> Option<ObjectiveFigure> {
    let grows = codes(result).any(|code| code == ReasonCode::Unstable);
    grows.then(|| ObjectiveFigure {
        condition: "not unstable".to_owned(),
        figure: "unstable".to_owned(),
        met: Some(false),
        value: None,
    })
}

/// What a window says. What has no figure is not met where the cluster did not carry the rate: a percentile of times
/// that grow without an end, or of nothing.
fn outcome(
    plan: &CapacityPlan,
    result: &RunResult,
    objectives: &[ObjectiveFigure],
    lost: bool,
) -> StepOutcome {
    let mut objectives = objectives.iter();
    let all_met = !lost && objectives.all(|objective| objective.met == Some(true));
    match spoilt_by(plan, result) {
        Some(ReasonCode::CapReached) if all_met => StepOutcome::Passed,
        Some(code) if DISTURBANCES.contains(&code) => StepOutcome::Disturbed,
        Some(_) => StepOutcome::Generator,
        None if result.verdict.status == Status::Invalid && result.accounts.acked > 0 => {
            StepOutcome::Generator
        }
        None if all_met => StepOutcome::Passed,
        None => StepOutcome::Failed,
    }
}

/// Whether a window can still pass: once more messages took longer than an objective allows of all that are planned, it
/// cannot, whatever comes.
struct Hopes {
    /// Longest time in nanoseconds, and how many messages may take longer.
    bounds: Vec<(u64, f64)>,
    longer: Vec<u64>,
    lost: bool,
}

impl Hopes {
    fn new(plan: &CapacityPlan, per_s: f64) -> Self {
        let planned = per_s * plan.step_time().as_secs_f64();
        // By chance there may be some more of them than that.
        let planned = match plan.window.load.arrivals {
            Arrivals::Constant => planned,
            _ => planned + 4.0 * planned.sqrt(),
        };
        let bound = |objective: &Objective| {
            let (limit, share) = objective.response_bound()?;
            Some((u64::try_from(limit.as_nanos()).ok()?, share * planned))
        };
        let bounds: Vec<_> = plan.objectives.iter().filter_map(bound).collect();
        Self {
            longer: vec![0; bounds.len()],
            bounds,
            lost: false,
        }
    }

    /// Whether this second takes the last hope.
    fn end_with(&mut self, second: &RunSecond<'_>) -> bool {
        if self.lost || second.phase != RunPhase::Measure || self.bounds.is_empty() {
            return false;
        }
        let response = second.recorder.response();
        for ((limit, allowed), longer) in self.bounds.iter().zip(&mut self.longer) {
            *longer += response.above(*limit);
            #[allow(clippy::cast_precision_loss, reason = "messages of a window")]
            if *longer as f64 > *allowed {
                self.lost = true;
            }
        }
        self.lost
    }
}
