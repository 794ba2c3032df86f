//! Whether a load has settled: per-second figures that neither rise nor fall nor change their level.
//!
//! Two questions of the last seconds, each with an effect that matters and a chance:
//!
//! - **slope**: the Theil-Sen slope over the window is more than [`Limits::drift`] of the level, and the
//!   Mann-Kendall test calls it no accident ([`Trend`]);
//! - **change point**: the medians on both sides of Pettitt's cut differ by more than that, and the cut is no
//!   accident ([`ChangePoint`]).
//!
//! A test alone is not enough: a drift of a thousandth is significant in a quiet series, and nothing is in a
//! short one. How improbable an effect that is large enough has to be is mild where a warm-up waits for its end
//! (a false alarm costs a second), and strict where a window is judged. `scripts/steady` has the rates of both,
//! and of the methods this was chosen from: the coefficient of variation that benchmarks of virtual machines use,
//! White's MSER, each of the two tests alone, shorter and longer windows.

use super::change::{ChangePoint, middle};
use super::trend::Trend;

/// What counts as a change.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Largest change over the seconds looked at, as a share of the level, that is none.
    pub drift: f64,
    /// A slope above that counts when the chance of such a trend without any is at most this.
    pub slope_chance: f64,
    /// The same of a change of the level.
    pub cut_chance: f64,
}

impl Limits {
    /// For the end of a warm-up: a tenth, and rather a second too many. Any slope of that size counts.
    pub const WARMUP: Self = Self {
        drift: 0.10,
        slope_chance: 1.0,
        cut_chance: 0.30,
    };
    /// For a level that changes inside a window: a fifth, and hardly ever by accident.
    pub const WINDOW: Self = Self {
        drift: 0.20,
        slope_chance: 0.01,
        cut_chance: 0.01,
    };
    /// For what waits and grows, where something else says too that a rate is not carried.
    pub const GROWTH: Self = Self {
        drift: 0.20,
        slope_chance: 0.10,
        cut_chance: 0.10,
    };
}

/// A change that matters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Change {
    /// It rises or falls: by so much over all the seconds, as a share of the level; negative when it falls.
    Drifts(f64),
    /// Its level changes.
    Shifts {
        /// Seconds before that.
        at: usize,
        /// Median before.
        before: f64,
        /// Median after.
        after: f64,
        /// The difference as a share of the lower one, or of the floor.
        share: f64,
    },
}

impl Change {
    /// Its size, as a share of the level; never negative.
    #[must_use]
    pub fn share(self) -> f64 {
        match self {
            Self::Drifts(share) => share.abs(),
            Self::Shifts { share, .. } => share,
        }
    }
}

/// The change in a series of per-second figures that matters, if there is one.
///
/// `floor` is the level below which differences matter no more than they would at the floor, in the unit of the
/// figures: three sends in flight instead of one are no change worth a word.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "a series of seconds is short")]
pub fn change(values: &[f64], floor: f64, limits: Limits) -> Option<Change> {
    if let Some(shift) = shift(values, floor, limits) {
        return Some(shift);
    }
    let trend = Trend::of(values)?;
    let level = middle(values)?.abs().max(floor);
    let drift = trend.slope * (values.len() - 1) as f64 / level;
    (drift.abs() > limits.drift && trend.chance <= limits.slope_chance)
        .then_some(Change::Drifts(drift))
}

/// A change of the level alone.
#[must_use]
pub fn shift(values: &[f64], floor: f64, limits: Limits) -> Option<Change> {
    let ChangePoint {
        at,
        before,
        after,
        chance,
    } = ChangePoint::of(values)?;
    let lower = before.abs().min(after.abs()).max(floor);
    let share = (after - before).abs() / lower;
    (share > limits.drift && chance <= limits.cut_chance).then_some(Change::Shifts {
        at,
        before,
        after,
        share,
    })
}

/// Both ends of the straight line through figures that rise throughout, by more than matters; `floor` as in
/// [`change()`].
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "a series of seconds is short")]
pub fn rises(values: &[f64], floor: f64, limits: Limits) -> Option<(f64, f64)> {
    let trend = Trend::of(values).filter(|trend| trend.chance <= limits.slope_chance)?;
    let level = middle(values)?;
    let rise = trend.slope * (values.len() - 1) as f64;
    let rises = rise > limits.drift * level.abs().max(floor);
    rises.then(|| ((level - rise / 2.0).max(0.0), level + rise / 2.0))
}

/// Sends in flight that are no backlog, by those at the ends of seconds; `None` without any.
#[must_use]
pub fn usual(in_flight: &[f64], per_s: f64) -> Option<f64> {
    Some((BACKLOG * middle(in_flight)?).max(BACKLOG_FLOOR_S * per_s))
}

/// One second of a load.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Second {
    /// Messages acknowledged per second.
    pub acked_per_s: f64,
    /// Median response time in nanoseconds; `None` without an answer, as in oneway mode.
    pub response_ns: Option<f64>,
    /// Sends in flight at its end.
    pub in_flight: f64,
    /// Median lateness in nanoseconds; `None` where nothing was begun.
    pub lateness_ns: Option<f64>,
}

/// What a load is held to while it warms up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Demands {
    /// Largest median lateness in nanoseconds of a schedule that is kept.
    pub lateness_ns: f64,
    /// What a change is.
    pub limits: Limits,
}

/// Why a load has not settled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Unsettled {
    /// It is too young: so many seconds, of so many needed.
    TooShort {
        /// Seconds seen.
        seconds: usize,
        /// Seconds needed.
        needed: usize,
    },
    /// Nothing was acknowledged in one of the last seconds.
    Silent,
    /// What was due in the last second was begun so many nanoseconds late: there is a backlog.
    Late(f64),
    /// So many sends in flight at the end of the last second, where so many are usual: there is a backlog.
    Flight {
        /// At the end of the last second.
        now: f64,
        /// Median of the seconds looked at.
        usual: f64,
    },
    /// The median response time changes.
    Response(Change),
    /// The rate of acknowledgements changes.
    Acked(Change),
    /// Sends in flight change.
    InFlight(Change),
}

/// Seconds looked at. Fewer are deceived by noise and by any short plateau, more keep a warm load waiting.
pub const LOOKED_AT: usize = 10;
/// Differences of the median response time below a tenth of this are the machine's.
pub const RESPONSE_FLOOR_NS: f64 = 500_000.0;
/// The same of what comes in a tenth of so many seconds, of sends in flight.
const FLIGHT_FLOOR_S: f64 = 0.1;
/// Sends in flight above so many times their usual number are a backlog, but for what comes in so many seconds.
const BACKLOG: f64 = 2.0;
const BACKLOG_FLOOR_S: f64 = 0.02;

/// Whether a load has settled, by the last [`LOOKED_AT`] of its seconds.
///
/// # Errors
/// Why not: the first reason found, backlogs before changes.
pub fn settled(seconds: &[Second], demands: Demands) -> Result<(), Unsettled> {
    let begin = seconds.len().checked_sub(LOOKED_AT);
    let Some((last, recent)) = begin
        .and_then(|begin| seconds.get(begin..))
        .and_then(|recent| Some((recent.last()?, recent)))
    else {
        return Err(Unsettled::TooShort {
            seconds: seconds.len(),
            needed: LOOKED_AT,
        });
    };
    let series = |which: fn(&Second) -> f64| -> Vec<f64> { recent.iter().map(which).collect() };
    let acked = series(|second| second.acked_per_s);
    if acked.iter().any(|acked| *acked <= 0.0) {
        return Err(Unsettled::Silent);
    }
    if let Some(late) = last.lateness_ns.filter(|late| *late > demands.lateness_ns) {
        return Err(Unsettled::Late(late));
    }
    let in_flight = series(|second| second.in_flight);
    let rate = middle(&acked).unwrap_or_default();
    let usual = middle(&in_flight).unwrap_or_default();
    if self::usual(&in_flight, rate).is_some_and(|most| last.in_flight > most) {
        let now = last.in_flight;
        return Err(Unsettled::Flight { now, usual });
    }
    let responses: Vec<f64> = recent
        .iter()
        .filter_map(|second| second.response_ns)
        .collect();
    let found = |values: &[f64], floor, why: fn(Change) -> Unsettled| {
        change(values, floor, demands.limits).map_or(Ok(()), |change| Err(why(change)))
    };
    found(&responses, RESPONSE_FLOOR_NS, Unsettled::Response)?;
    found(&acked, 0.0, Unsettled::Acked)?;
    found(&in_flight, FLIGHT_FLOOR_S * rate, Unsettled::InFlight)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DEMANDS: Demands = Demands {
        lateness_ns: 2e6,
        limits: Limits::WARMUP,
    };

    /// Seconds whose times are so many milliseconds, at 1,000/s.
    fn seconds(times_ms: &[f64]) -> Vec<Second> {
        let second = |ms: &f64| Second {
            acked_per_s: 1_000.0,
            response_ns: Some(ms * 1e6),
            in_flight: *ms,
            lateness_ns: Some(1e5),
        };
        times_ms.iter().map(second).collect()
    }

    #[test]
    fn a_level_is_settled_whatever_one_second_does() {
        let mut times = [3.0, 3.1, 2.9, 3.05, 3.0, 2.95, 3.1, 3.0, 2.9, 3.0];
        assert_eq!(settled(&seconds(&times), DEMANDS), Ok(()));
        times[4] = 40.0;
        assert_eq!(settled(&seconds(&times), DEMANDS), Ok(()));
    }

    #[test]
    fn what_still_falls_or_fell_just_now_is_not() {
        let falling: Vec<f64> = (0..10).map(|i| 30.0 * 0.9_f64.powi(i)).collect();
        let fell = [9.0, 9.1, 8.9, 9.0, 9.2, 3.0, 3.1, 2.9, 3.0, 3.05];
        for times in [&falling[..], &fell] {
            let why = settled(&seconds(times), DEMANDS).unwrap_err();
            assert!(matches!(why, Unsettled::Response(_)), "{why:?}");
        }
        assert_eq!(
            settled(
                &seconds(
                    &[9.0; 5]
                        .iter()
                        .chain(&[3.0; 10])
                        .copied()
                        .collect::<Vec<_>>()
                ),
                DEMANDS
            ),
            Ok(())
        );
    }

    #[test]
    fn a_backlog_is_waited_for() {
        let mut all = seconds(&[30.0; 10]);
        all[9].lateness_ns = Some(5e6);
        assert_eq!(settled(&all, DEMANDS), Err(Unsettled::Late(5e6)));
        all[9].lateness_ns = None;
        all[9].in_flight = 100.0;
        let why = Unsettled::Flight {
            now: 100.0,
            usual: 30.0,
        };
        assert_eq!(settled(&all, DEMANDS), Err(why));
        all[9].in_flight = 31.0;
        assert_eq!(settled(&all, DEMANDS), Ok(()));
        all[2].acked_per_s = 0.0;
        assert_eq!(settled(&all, DEMANDS), Err(Unsettled::Silent));
        let short = Unsettled::TooShort {
            seconds: 9,
            needed: 10,
        };
        assert_eq!(settled(&all[..9], DEMANDS), Err(short));
    }

    #[test]
    fn few_in_flight_and_short_times_may_jump() {
        let mut all = seconds(&[0.2; 10]);
        for (second, in_flight) in all
            .iter_mut()
            .zip([0.0, 3.0, 1.0, 0.0, 5.0, 2.0, 8.0, 4.0, 9.0, 9.0])
        {
            second.in_flight = in_flight;
            second.response_ns = None;
        }
        assert_eq!(settled(&all, DEMANDS), Ok(()));
    }

    #[test]
    fn a_shift_has_its_place_and_size() {
        let step: Vec<f64> = (0..20).map(|i| if i < 12 { 2.0 } else { 3.0 }).collect();
        let found = shift(&step, 0.0, Limits::WINDOW).unwrap();
        let Change::Shifts {
            at,
            before,
            after,
            share,
        } = found
        else {
            panic!("{found:?}");
        };
        assert_eq!((at, before, after, share), (12, 2.0, 3.0, 0.5));
        // Not worth a word above a floor.
        assert_eq!(shift(&step, 10.0, Limits::WINDOW), None);
    }

    proptest! {
        #[test]
        fn any_seconds_have_an_answer(
            all in prop::collection::vec(
                (0.0..1e9f64, prop::option::of(0.0..1e12f64), 0.0..1e7f64, prop::option::of(0.0..1e12f64)), 0..40
            ),
        ) {
            let all: Vec<Second> = all.into_iter().map(|(acked_per_s, response_ns, in_flight, lateness_ns)| Second {
                acked_per_s, response_ns, in_flight, lateness_ns,
            }).collect();
            let answer = settled(&all, DEMANDS);
            prop_assert_eq!(matches!(answer, Err(Unsettled::TooShort { .. })), all.len() < LOOKED_AT);
            // What lies further back plays no part.
            let recent = &all[all.len().saturating_sub(LOOKED_AT)..];
            prop_assert!(all.len() < LOOKED_AT || settled(recent, DEMANDS) == answer);
        }
    }
}
