//! Whether the load was steady: before the window, at its begin, in it, and whether it can be at this rate.

use crate::metrics::units::{count, counted, duration, percent, rate};

use super::evidence::{Evidence, Pacing};
use super::reason::{Reason, ReasonCode, Status, number};

/// Growth of the sends in flight, as a share of the sends begun, that no steady state shows.
const GROWTH_LIMIT: f64 = 0.01;
/// Medians of the response time that a window must hold before a growing backlog can be seen in it.
const WINDOW_IN_RESPONSES: u64 = 3;
/// What a warm-up leaves behind may be such a share of the window's sends: then it is in no 99th percentile.
const WARMUP_BACKLOG_LIMIT: f64 = 0.01;

/// What the seconds of a run say; what was not looked at, or was as it should be, is `None`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Steadiness {
    /// The warm-up was to last until the load is steady, and ended before.
    pub not_settled: Option<NotSettled>,
    /// What the warm-up left behind.
    pub backlog: Option<WarmupBacklog>,
    /// A level that changed in the window, of a load that was to be the same throughout.
    pub shift: Option<LevelShift>,
    /// What waits grew through the window.
    pub growth: Option<Growth>,
}

/// Why a load had not settled at the end of its warm-up.
#[derive(Debug, Clone, PartialEq)]
pub struct NotSettled {
    /// What still went on, as a clause.
    pub why: String,
    /// How large a change it was and how large it may be, as shares of the level; `None` for what is no change.
    pub change: Option<(f64, f64)>,
    /// Length of the warm-up in nanoseconds.
    pub after_ns: u64,
}

/// Sends of the warm-up that were not answered when the window began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WarmupBacklog {
    /// Due and not begun; they never were.
    pub unsent: u64,
    /// In flight.
    pub in_flight: u64,
    /// As many are usual at the end of the window's seconds.
    pub usual: u64,
}

/// A change of level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LevelShift {
    /// Of what.
    pub of: Figure,
    /// Seconds from the window's begin to it.
    pub at_s: f64,
    /// Median before: nanoseconds, or messages per second.
    pub before: f64,
    /// Median after.
    pub after: f64,
    /// The difference as a share of the lower one.
    pub share: f64,
    /// The largest that is none.
    pub limit: f64,
}

/// A figure of a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figure {
    /// Median response time.
    Response,
    /// Messages acknowledged per second.
    Acked,
}

/// What waits, at both ends of the straight line through the window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Growth {
    /// Sends in flight.
    InFlight {
        /// At the begin.
        from: f64,
        /// At the end.
        to: f64,
    },
    /// Nanoseconds from the planned time of sends to their begin, in the median.
    Lateness {
        /// At the begin.
        from: f64,
        /// At the end.
        to: f64,
    },
}

/// What is found, in this order: a rate that is not carried, no steady state before the window, a backlog at its
/// begin, a change inside it. Of a rate that is not carried the last two are only other words for it. `kept` is
/// whether the generator itself kept the schedule.
pub(super) fn findings(evidence: &Evidence, kept: bool) -> [Option<Reason>; 4] {
    let seen = &evidence.steadiness;
    let growing = growing(evidence).filter(|_| kept);
    let unstable = growing.or_else(|| grown(evidence));
    let others = [backlog(evidence), seen.shift.as_ref().map(unsteady)];
    let [backlog, unsteady] = others.map(|found| found.filter(|_| unstable.is_none()));
    let not_settled = seen.not_settled.as_ref().map(not_steady);
    [unstable, not_settled, backlog, unsteady]
}

const NO_TAIL: &str = "The longer one looks, the longer the times: p99 and beyond are therefore not stated. Lower --rate";

/// What waits grows second by second, and less is acknowledged than planned.
fn growing(evidence: &Evidence) -> Option<Reason> {
    let Pacing::Open(_) = evidence.pacing else {
        return None;
    };
    let planned = evidence.planned_per_s.filter(|planned| *planned > 0.0)?;
    let acked = evidence.acked_per_s?;
    let missing = 1.0 - acked / planned;
    let grew = match evidence.steadiness.growth? {
        Growth::InFlight { from, to } => format!(
            "sends in flight grew from about {} to {} through the window",
            count(whole(from)),
            count(whole(to))
        ),
        Growth::Lateness { from, to } => format!(
            "sends were begun later and later, from {} to {} after their time",
            duration(whole(from)),
            duration(whole(to))
        ),
    };
    let detail = format!(
        "{grew}, as {} were acknowledged where {} were planned: the cluster does not carry this rate. {NO_TAIL}",
        rate(acked),
        rate(planned),
    );
    (missing > GROWTH_LIMIT).then(|| {
        Reason::new(
            ReasonCode::Unstable,
            Status::Degraded,
            detail,
            missing,
            GROWTH_LIMIT,
        )
    })
}

/// What is in flight at the end of the window is more than at its begin.
fn grown(evidence: &Evidence) -> Option<Reason> {
    let Pacing::Open(_) = evidence.pacing else {
        return None;
    };
    let growth = evidence
        .in_flight_growth?
        .saturating_sub(filling(evidence)?);
    let share = number(growth) / number(evidence.sent.max(1));
    let detail = format!(
        "sends in flight grew by {} over the window, {} of all sends, limit {}: the cluster falls behind this \
         rate. {NO_TAIL}",
        count(growth),
        percent(share),
        percent(GROWTH_LIMIT),
    );
    (share > GROWTH_LIMIT).then(|| {
        Reason::new(
            ReasonCode::Unstable,
            Status::Degraded,
            detail,
            share,
            GROWTH_LIMIT,
        )
    })
}

/// Sends in flight that a steady load brings with it and that the window saw begin, because there was
/// no warm-up as long as an answer takes. `None` when the window is too short to tell them from a
/// growing backlog.
fn filling(evidence: &Evidence) -> Option<u64> {
    let response_ns = evidence.response_p50_ns.unwrap_or(0);
    if response_ns > evidence.measured_ns? / WINDOW_IN_RESPONSES {
        return None;
    }
    if evidence.warmup_ns? >= response_ns {
        return Some(0);
    }
    // Little's law, with a margin: a backlog that grows through the window leaves twice as many.
    let steady = evidence.sent_per_s? * number(response_ns) / 1e9;
    Some(whole(steady * 1.2))
}

fn not_steady(seen: &NotSettled) -> Reason {
    let detail = format!(
        "the warm-up ended after {}, its longest time, before the load was steady: {}. Give it more with --warmup \
         auto:TIME, or lower --rate",
        duration(seen.after_ns),
        seen.why
    );
    let (value, limit) = seen.change.unzip();
    Reason {
        code: ReasonCode::NotSteady,
        status: Status::Degraded,
        detail,
        value,
        limit,
    }
}

fn backlog(evidence: &Evidence) -> Option<Reason> {
    let WarmupBacklog {
        unsent,
        in_flight,
        usual,
    } = evidence.steadiness.backlog?;
    let left = unsent.saturating_add(in_flight.saturating_sub(usual));
    let share = number(left) / number(evidence.sent.max(1));
    let dropped = match unsent {
        0 => String::new(),
        unsent => format!("{} due and never begun, ", counted(unsent, "send")),
    };
    let detail = format!(
        "the warm-up left a backlog behind that the window began with: {dropped}{} in flight where {} are usual, {} \
         of the window's sends, limit {}. Its first answers had to wait for those: give --warmup auto, which waits \
         until nothing is left, a longer --warmup, or a lower --rate",
        count(in_flight),
        count(usual),
        percent(share),
        percent(WARMUP_BACKLOG_LIMIT)
    );
    (share > WARMUP_BACKLOG_LIMIT).then(|| {
        Reason::new(
            ReasonCode::WarmupBacklog,
            Status::Degraded,
            detail,
            share,
            WARMUP_BACKLOG_LIMIT,
        )
    })
}

fn unsteady(shift: &LevelShift) -> Reason {
    let show = |value: f64| match shift.of {
        Figure::Response => duration(whole(value)),
        Figure::Acked => rate(value),
    };
    let what = match shift.of {
        Figure::Response => "median response time of a second",
        Figure::Acked => "rate of acknowledgements",
    };
    let detail = format!(
        "the {what} changed from {} to {} about {:.0} s into the window, by {}, limit {}: the figures mix two \
         states. Look at --intervals for what happened then, and measure each by itself",
        show(shift.before),
        show(shift.after),
        shift.at_s,
        percent(shift.share),
        percent(shift.limit)
    );
    Reason::new(
        ReasonCode::UnsteadyRun,
        Status::Degraded,
        detail,
        shift.share,
        shift.limit,
    )
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of sends or nanoseconds; as-casts saturate"
)]
fn whole(value: f64) -> u64 {
    value as u64
}
