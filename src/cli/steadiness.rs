//! Looks at the seconds of a run: when its warm-up may end, and whether what follows stays as it is.

use std::collections::VecDeque;
use std::time::Duration;

use crate::config::RunPlan;
use crate::load::{
    Arrivals, LoadModel, LoadOutcome, Offered, RunPhase, RunSecond, StopReason, WarmupEnd, WhenLate,
};
use crate::metrics::Interval;
use crate::metrics::units::{count, duration, percent, rate};
use crate::report::WarmupEnded;
use crate::stats::course::Course;
use crate::stats::steady::{
    Change, Demands, LOOKED_AT, Limits, RESPONSE_FLOOR_NS, Second, Unsettled, rises, settled,
    shift, usual,
};
use crate::verdict::steadiness::{Figure, Growth, LevelShift, NotSettled, WarmupBacklog};
use crate::verdict::{self};

/// Shorter ones, cut off by an end, are no seconds.
const WHOLE: Duration = Duration::from_millis(900);
/// A schedule is kept when sends are begun so soon, or within one and a half of its ticks.
const KEPT_WITHIN: Duration = Duration::from_millis(10);
/// A lateness that grows by less than a fifth of this is none that matters.
const LATENESS_FLOOR_NS: f64 = 50e6;
/// The same of sends in flight: what comes in so many seconds.
const IN_FLIGHT_FLOOR_S: f64 = 0.1;

/// See the module.
pub(crate) struct Steadiness {
    /// What ends the warm-up, if it ends by itself.
    demands: Option<Demands>,
    warmup: VecDeque<Second>,
    answer: Option<Result<(), Unsettled>>,
    /// Messages per second, where they are the same throughout.
    planned_per_s: Option<f64>,
    /// Whether the load is the same throughout.
    even: bool,
    /// In flight at the end of the warm-up.
    in_flight_before: Option<u64>,
    /// Seconds of the window before the first answer.
    silent: usize,
    response: Course,
    acked: Course,
    in_flight: Course,
    lateness: Course,
}

impl Steadiness {
    pub(crate) fn new(plan: &RunPlan) -> Self {
        let load = &plan.load;
        let tick = load.tick.unwrap_or_default() * 3 / 2;
        let demands = (load.warmup_ends == WarmupEnd::WhenAsked).then(|| Demands {
            lateness_ns: tick.max(KEPT_WITHIN).as_secs_f64() * 1e9,
            limits: Limits::WARMUP,
        });
        let same_rate = match &load.model {
            LoadModel::Closed | LoadModel::Open(Offered::Steady(_)) => true,
            LoadModel::Open(_) => false,
        };
        let planned_per_s = match &load.model {
            LoadModel::Open(offered) => offered.steady_per_s(),
            LoadModel::Closed => None,
        };
        Self {
            demands,
            warmup: VecDeque::with_capacity(LOOKED_AT),
            answer: None,
            planned_per_s: planned_per_s.map(|per_s| per_s * load.part.fraction()),
            even: same_rate && !matches!(load.arrivals, Arrivals::Bursts(_)),
            in_flight_before: None,
            silent: 0,
            response: Course::default(),
            acked: Course::default(),
            in_flight: Course::default(),
            lateness: Course::default(),
        }
    }

    /// One second has passed; asks for the window when it is time.
    #[allow(clippy::cast_precision_loss, reason = "counts and times of a second")]
    pub(crate) fn second(&mut self, second: &RunSecond<'_>, interval: &Interval) {
        if second.phase == RunPhase::Warmup {
            self.in_flight_before = Some(interval.in_flight);
        }
        if second.length < WHOLE {
            return;
        }
        let nanos =
            |times: Option<crate::metrics::Quantiles>| times.map(|times| times.p50_ns as f64);
        let acked = interval.acked as f64;
        let seen = Second {
            // How many fell due is the plan's doing.
            acked_per_s: match self.planned_per_s {
                Some(per_s) if interval.planned > 0 => acked / interval.planned as f64 * per_s,
                _ => acked / second.length.as_secs_f64(),
            },
            response_ns: nanos(interval.response),
            in_flight: interval.in_flight as f64,
            lateness_ns: nanos(interval.lateness).filter(|_| self.planned_per_s.is_some()),
        };
        match second.phase {
            RunPhase::Warmup => self.warm(second, seen),
            RunPhase::Measure => self.measure(seen),
            RunPhase::Connecting | RunPhase::Drain => {}
        }
    }

    fn warm(&mut self, second: &RunSecond<'_>, seen: Second) {
        let Some(demands) = self.demands.filter(|_| self.answer != Some(Ok(()))) else {
            return;
        };
        if self.warmup.len() == LOOKED_AT {
            self.warmup.pop_front();
        }
        self.warmup.push_back(seen);
        let answer = settled(self.warmup.make_contiguous(), demands);
        if answer.is_ok() {
            second.begin_window();
        }
        self.answer = Some(answer);
    }

    fn measure(&mut self, seen: Second) {
        match seen.response_ns {
            Some(response) => self.response.push(response),
            None if self.response.values().is_empty() => self.silent += 1,
            None => {}
        }
        self.acked.push(seen.acked_per_s);
        self.in_flight.push(seen.in_flight);
        if let Some(lateness) = seen.lateness_ns {
            self.lateness.push(lateness);
        }
    }

    /// Why the warm-up ended, if it was to end by itself.
    pub(crate) fn warmup_ended(&self, outcome: &LoadOutcome) -> Option<WarmupEnded> {
        self.demands?;
        let cut_short = matches!(
            outcome.stop_reason,
            StopReason::Interrupted | StopReason::Aborted
        );
        Some(match &self.answer {
            _ if cut_short && outcome.measured_time.is_zero() => WarmupEnded::Run,
            Some(Ok(())) => WarmupEnded::Steady,
            _ => WarmupEnded::Cap,
        })
    }

    /// What the verdict is to look at.
    pub(crate) fn seen(&self, plan: &RunPlan, outcome: &LoadOutcome) -> verdict::Steadiness {
        let not_settled = self.warmup_ended(outcome) == Some(WarmupEnded::Cap);
        verdict::Steadiness {
            not_settled: not_settled.then(|| self.not_settled(outcome)),
            backlog: self.backlog(plan, outcome),
            shift: self.level_shift(),
            growth: self.growth(),
        }
    }

    fn not_settled(&self, outcome: &LoadOutcome) -> NotSettled {
        let unsettled = match self.answer {
            Some(Err(unsettled)) => unsettled,
            // No second of it was seen whole.
            _ => Unsettled::TooShort {
                seconds: 0,
                needed: LOOKED_AT,
            },
        };
        let limits = self
            .demands
            .map_or(Limits::WARMUP, |demands| demands.limits);
        let change = match unsettled {
            Unsettled::Response(change)
            | Unsettled::Acked(change)
            | Unsettled::InFlight(change) => Some((change.share(), limits.drift)),
            _ => None,
        };
        NotSettled {
            why: why(&unsettled, limits),
            change,
            after_ns: u64::try_from(outcome.warmup_time.as_nanos()).unwrap_or(u64::MAX),
        }
    }

    /// What the warm-up of an open loop left behind.
    fn backlog(&self, plan: &RunPlan, outcome: &LoadOutcome) -> Option<WarmupBacklog> {
        let load = &plan.load;
        let in_flight = self
            .in_flight_before
            .filter(|_| matches!(load.model, LoadModel::Open(_)))?;
        // With other policies it is the policy that leaves them out.
        let dropped = load.when_late == WhenLate::CatchUp;
        let unsent = outcome.warmup.counters().unsent;
        Some(WarmupBacklog {
            unsent: if dropped { unsent } else { 0 },
            in_flight,
            usual: whole(usual(
                self.in_flight.values(),
                self.planned_per_s.unwrap_or(0.0),
            )?),
        })
    }

    #[allow(clippy::cast_precision_loss, reason = "seconds of a run")]
    fn level_shift(&self) -> Option<LevelShift> {
        if !self.even {
            return None;
        }
        // An answer that comes late counts for the second it comes in, so the rate of answers begins low.
        let (of, course, floor, silent) = match self.response.values() {
            [] => (Figure::Acked, &self.acked, 0.0, 0),
            _ => (
                Figure::Response,
                &self.response,
                RESPONSE_FLOOR_NS,
                self.silent,
            ),
        };
        let limits = Limits::WINDOW;
        match shift(course.values(), floor, limits)? {
            Change::Shifts {
                at,
                before,
                after,
                share,
            } => Some(LevelShift {
                of,
                at_s: (silent + at * course.stride()) as f64,
                before,
                after,
                share,
                limit: limits.drift,
            }),
            Change::Drifts(_) => None,
        }
    }

    fn growth(&self) -> Option<Growth> {
        let planned = self.planned_per_s.filter(|_| self.even)?;
        let late = rises(self.lateness.values(), LATENESS_FLOOR_NS, Limits::GROWTH);
        let late = late.map(|(from, to)| Growth::Lateness { from, to });
        late.or_else(|| {
            let floor = planned * IN_FLIGHT_FLOOR_S;
            let (from, to) = rises(self.in_flight.values(), floor, Limits::GROWTH)?;
            Some(Growth::InFlight { from, to })
        })
    }
}

/// What still goes on, as a clause.
fn why(unsettled: &Unsettled, limits: Limits) -> String {
    let limit = percent(limits.drift);
    let changed = |what: &str, change: &Change, show: &dyn Fn(f64) -> String| match change {
        Change::Drifts(share) => {
            let verb = if *share < 0.0 { "fell" } else { "rose" };
            format!(
                "{what} {verb} by {} in {LOOKED_AT} s, limit {limit}",
                percent(share.abs())
            )
        }
        Change::Shifts { before, after, .. } => format!(
            "{what} changed from {} to {} in its last {LOOKED_AT} s, limit {limit}",
            show(*before),
            show(*after)
        ),
    };
    match unsettled {
        Unsettled::TooShort { seconds, needed } => {
            format!("it had {seconds} of the {needed} s it takes to see that")
        }
        Unsettled::Silent => {
            format!("a second of its last {LOOKED_AT} was without an acknowledgement")
        }
        Unsettled::Late(late) => format!(
            "sends were still begun {} after their time",
            duration(whole(*late))
        ),
        Unsettled::Flight { now, usual } => format!(
            "{} sends were in flight where {} were usual",
            count(whole(*now)),
            count(whole(*usual))
        ),
        Unsettled::Response(change) => {
            changed("the median response", change, &|ns| duration(whole(ns)))
        }
        Unsettled::Acked(change) => changed("the rate of acknowledgements", change, &rate),
        Unsettled::InFlight(change) => changed("the number of sends in flight", change, &|n| {
            count(whole(n))
        }),
    }
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of sends or nanoseconds; as-casts saturate"
)]
fn whole(value: f64) -> u64 {
    value as u64
}
