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

/// What the generator and its machine did. A window with one of these says nothing about the cluster: neither that the
/// rate is carried nor that it is not.
const SPOILS: [ReasonCode; 12] = [
    ReasonCode::CpuThrottled,
    ReasonCode::CpuStolen,
    ReasonCode::EmbeddedCluster,
    ReasonCode::Standstills,
    ReasonCode::HostStalls,
    ReasonCode::GeneratorCpu,
    ReasonCode::LateSchedule,
    ReasonCode::RateMissed,
    ReasonCode::ClockTrouble,
    ReasonCode::ResultWriter,
    ReasonCode::Aborted,
    ReasonCode::ClampedValues,
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
        let outcome = outcome(&result, &objectives, hopes.lost);
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

/// The first finding that spoils a window, by its code.
pub(super) fn spoilt_by(result: &RunResult) -> Option<&'static str> {
    let spoils = |code: &ReasonCode| SPOILS.contains(code);
    let mut codes = result.verdict.reasons.iter().map(|reason| reason.code);
    codes.find(spoils).map(ReasonCode::name)
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

/// What a window says. What has no figure is not met where the cluster did not carry the rate: a percentile of times
/// that grow without an end, or of nothing.
fn outcome(result: &RunResult, objectives: &[ObjectiveFigure], lost: bool) -> StepOutcome {
    if spoilt_by(result).is_some()
        || (result.verdict.status == Status::Invalid && result.accounts.acked > 0)
    {
        return StepOutcome::Generator;
    }
    if !lost
        && objectives
            .iter()
            .all(|objective| objective.met == Some(true))
    {
        StepOutcome::Passed
    } else {
        StepOutcome::Failed
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
