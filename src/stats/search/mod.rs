//! The search for a capacity: which rate to try next, and what may be said in the end.
//!
//! A capacity is the highest offered rate at which a window meets all objectives. Windows are noisy: near the capacity
//! the same rate passes once and fails the next time. The search is a *probabilistic bisection* (Horstein 1963;
//! Waeber, Frazier and Henderson, SIAM Journal on Control and Optimization 51, 2013): it keeps a distribution of the
//! capacity, given all windows so far, and tries rates in the middle of it. How noisy windows are is not known beforehand,
//! so that the distribution is over the noise as well, as in adaptive psychometric procedures (`posterior`).
//!
//! 1. **Probe**: from the lowest rate, doubled until a window fails.
//! 2. **Bisect**: at the middle of the distribution and beside it, until it is as narrow as wanted.
//! 3. **Confirm**: a pair as wide as wanted. Its upper end has to fail in two of three windows, then the lower one to pass in
//!    all of [`Limits::confirm`]; the lower end is the last thing measured. What contradicts them goes into the
//!    distribution, and the search goes on.
//!
//! The answer is a pair, the highest rate confirmed and the lowest that failed, and the chance that the capacity
//! lies between them. A capacity that moves while it is looked for has none, and is said to be inconclusive. The state
//! follows from the outcomes alone, so that a search that was stopped goes on where it was when they are
//! given again.
//!
//! `scripts/capacity-simulation` has how often pairs hold the true capacity of simulated clusters, what plain
//! bisection and the rule of the OpenMessaging Benchmark do, and how long each takes.

mod posterior;
#[cfg(test)]
mod tests;

use posterior::{Posterior, Window};

/// What is looked for, and how long.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Lowest rate, in messages per second, above 0.
    pub min_per_s: f64,
    /// Highest rate, in messages per second, above the lowest.
    pub max_per_s: f64,
    /// Widest pair that ends the search, as a share of its lower rate; above 0. When the time is nearly over one of up to
    /// twice that is confirmed.
    pub precision: f64,
    /// Chance with which the pair is to hold the capacity, between 0.5 and 1. Its confirmation may leave it so much less
    /// sure as 0.2; the answer has the chance that is left.
    pub confidence: f64,
    /// Windows at the lower rate that all have to pass in the end; at least 1.
    pub confirm: u32,
    /// Seconds for everything.
    pub budget_s: f64,
    /// Seconds of a window, with what comes before and after it.
    pub window_s: f64,
    /// The same of a window that looks for rates on both sides, before which the cluster settles.
    pub probe_s: f64,
}

/// What a step is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To find rates on both sides.
    Probe,
    /// To narrow them down.
    Bisect,
    /// The upper rate has to fail.
    ConfirmFailing,
    /// The lower rate has to pass.
    ConfirmPassing,
}

/// What is to be measured next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Messages per second.
    pub per_s: f64,
    /// What for.
    pub purpose: Purpose,
}

/// What became of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All objectives were met.
    Passed,
    /// One was not.
    Failed,
    /// Nothing may be said of the cluster: the generator did not do what was asked.
    Generator,
    /// Nothing either: something else on its machine came between. That is no limit of the generator.
    Disturbed,
}

impl Outcome {
    fn is_spoilt(self) -> bool {
        matches!(self, Self::Generator | Self::Disturbed)
    }
}

/// A step and its outcome.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Taken {
    /// The step.
    pub step: Step,
    /// What became of it.
    pub outcome: Outcome,
    /// Seconds it took.
    pub seconds: f64,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Next {
    /// Measure.
    Step(Step),
    /// Nothing more.
    Answer(Answer),
}

/// What is known in the end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Answer {
    /// How the search ended.
    pub ending: Ending,
    /// Of a capacity found, the rate at which all windows passed that were to confirm it; the highest rate where that
    /// passes. Else the highest rate at which a window passed and below which none failed, but for stalls: failures below
    /// the bracket.
    pub passed_per_s: Option<f64>,
    /// Of a capacity found, the rate that failed again; the lowest rate where that fails. Else the lowest at which a window
    /// failed and above which none passed within the bracket.
    pub failed_per_s: Option<f64>,
    /// Rates between which the capacity lies, as far as is known: the two of a capacity found. `None` where it is beyond
    /// what may be tried.
    pub bracket: Option<(f64, f64)>,
    /// Chance that it lies between these.
    pub confidence: Option<f64>,
    /// Standard deviation of a window's capacity, as a share; `None` before rates on both sides are known.
    pub noise: Option<f64>,
}

/// How a search ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Ending {
    /// Both rates are confirmed.
    Found,
    /// The lowest rate fails.
    BelowMin,
    /// The highest rate passes.
    AboveMax,
    /// The generator ended before the cluster, or was disturbed all the time.
    Generator,
    /// The capacity moved: by so much from the first to the last window near it, as a share.
    Moved(f64),
    /// The time is over.
    OutOfTime,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Phase {
    Probe { per_s: f64 },
    Bisect,
    Confirm(Pair),
    Done(Ending),
}

/// Rates being confirmed.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Pair {
    low: f64,
    high: f64,
    high_failed: u32,
    high_passed: u32,
    low_passed: u32,
}

/// Rates are tried at these quantiles of the distribution, in turn. Those far from the middle tell how large the noise is:
/// in the middle half of the windows pass whatever it is.
const QUANTILES: [f64; 5] = [0.5, 0.1, 0.9, 0.3, 0.7];
/// Windows near the capacity before anything is confirmed.
const FEWEST: usize = 8;
/// Windows the generator spoils in a row before it is called the limit.
const SPOILT: usize = 3;
/// The same where that rate is not what it ends at: it has offered it before, or something else disturbed it.
const SPOILT_BEFORE: usize = 10;
/// Windows at the lowest rate that have to fail before that is the answer.
const FLOOR_FAILS: u32 = 3;
/// Of the chance that the capacity lies outside, so much is left to what the hypotheses of noise do not cover.
const TIGHTER: f64 = 0.6;
/// A pair that was confirmed may be so much less sure than wanted: its confirmation has moved the distribution.
const SLACK: f64 = 0.2;
/// Chance above which a capacity is said to move.
const MOVES: f64 = 0.35;
/// A pair so many times as wide as wanted is no answer.
const WIDE: f64 = 2.0;

/// A rate of four digits, as people read it.
#[must_use]
pub fn rounded(rate: f64, way: fn(f64) -> f64) -> f64 {
    let unit = 10_f64.powf((rate.log10().floor() - 3.0).max(-3.0));
    way(rate / unit) * unit
}

/// A search under way.
#[derive(Debug, Clone)]
pub struct Search {
    limits: Limits,
    taken: Vec<Taken>,
    phase: Phase,
    posterior: Option<Posterior>,
    confirmed: Option<Pair>,
}

impl Search {
    /// Before its first step.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            taken: Vec::new(),
            phase: Phase::Probe {
                per_s: limits.min_per_s,
            },
            posterior: None,
            confirmed: None,
        }
    }

    /// Steps taken so far, in their order.
    #[must_use]
    pub fn taken(&self) -> &[Taken] {
        &self.taken
    }

    /// Seconds the steps took.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.taken.iter().map(|taken| taken.seconds).sum()
    }

    /// Rates between which the capacity lies with the confidence asked for, as far as is known.
    #[must_use]
    pub fn bracket(&self) -> Option<(f64, f64)> {
        self.posterior
            .as_ref()
            .map(|posterior| self.interval(posterior))
    }

    /// What may be said when it ends here.
    #[must_use]
    pub fn so_far(&self) -> Answer {
        match self.next() {
            Next::Answer(answer) => answer,
            Next::Step(_) => self.answer(Ending::OutOfTime),
        }
    }

    /// The next step, or the answer.
    #[must_use]
    pub fn next(&self) -> Next {
        let step = |per_s, purpose| Next::Step(Step { per_s, purpose });
        match self.phase {
            Phase::Probe { per_s } => step(per_s, Purpose::Probe),
            Phase::Bisect => step(self.middle(), Purpose::Bisect),
            Phase::Confirm(pair) if pair.high_failed < 2 => {
                step(pair.high, Purpose::ConfirmFailing)
            }
            Phase::Confirm(pair) => step(pair.low, Purpose::ConfirmPassing),
            Phase::Done(ending) => Next::Answer(self.answer(ending)),
        }
    }

    /// Whether the generator was fit for this rate in some window.
    fn has_offered(&self, per_s: f64) -> bool {
        let mut taken = self.taken.iter();
        taken.any(|taken| !taken.outcome.is_spoilt() && taken.step.per_s >= per_s)
    }

    /// After a window that says nothing: the same again, or the end.
    fn after_spoilt(&self, step: Step) -> Phase {
        let row = self.taken.iter().rev();
        let row = row.take_while(|taken| taken.outcome.is_spoilt());
        let own = |taken: &Taken| taken.outcome == Outcome::Generator;
        let (all, own) = row.fold((0, 0), |(all, by_it), taken| {
            (all + 1, by_it + usize::from(own(taken)))
        });
        if all >= SPOILT_BEFORE || (own >= SPOILT && !self.has_offered(step.per_s)) {
            Phase::Done(Ending::Generator)
        } else {
            self.within_time(self.phase, 1)
        }
    }

    /// Takes the outcome of the step [`Search::next`] gave, and how many seconds it took. Without such a step nothing happens.
    pub fn record(&mut self, outcome: Outcome, seconds: f64) {
        let Next::Step(step) = self.next() else {
            return;
        };
        self.taken.push(Taken {
            step,
            outcome,
            seconds,
        });
        if outcome.is_spoilt() {
            self.phase = self.after_spoilt(step);
            return;
        }
        self.learn();
        let passed = outcome == Outcome::Passed;
        self.phase = match self.phase {
            Phase::Probe { .. } => self.after_probe(step.per_s, passed),
            Phase::Bisect => self.go_on(),
            Phase::Confirm(pair) => self.after_confirmation(pair, passed),
            done @ Phase::Done(_) => done,
        };
    }

    fn after_probe(&self, per_s: f64, passed: bool) -> Phase {
        let Limits {
            min_per_s,
            max_per_s,
            confirm,
            ..
        } = self.limits;
        let at = |rate: f64, outcome| {
            let same = |taken: &&Taken| taken.step.per_s == rate && taken.outcome == outcome;
            u32::try_from(self.taken.iter().filter(same).count()).unwrap_or(u32::MAX)
        };
        match (passed, per_s) {
            // A single failure of the lowest rate may be a stall.
            (false, rate) if rate <= min_per_s => {
                let (failed, passed) = (at(rate, Outcome::Failed), at(rate, Outcome::Passed));
                if failed >= FLOOR_FAILS && failed > passed {
                    Phase::Done(Ending::BelowMin)
                } else {
                    self.within_time(Phase::Probe { per_s }, 1)
                }
            }
            (false, _) => self.go_on(),
            (true, rate) if rate >= max_per_s => {
                if at(rate, Outcome::Passed) >= confirm {
                    Phase::Done(Ending::AboveMax)
                } else {
                    self.within_time(Phase::Probe { per_s }, 1)
                }
            }
            (true, rate) => {
                let per_s = (rate * 2.0).min(max_per_s);
                self.within_time(Phase::Probe { per_s }, 1)
            }
        }
    }

    /// Bisects further, or confirms what is narrow enough or what time is left for.
    fn go_on(&self) -> Phase {
        let Some(posterior) = &self.posterior else {
            return Phase::Bisect;
        };
        let (low, high) = self.interval(posterior);
        // At an end of what may be tried there is nothing to narrow down.
        if low >= self.limits.max_per_s || high <= self.limits.min_per_s {
            return self.within_time(Phase::Probe { per_s: low }, 1);
        }
        let near = self.near(low, high);
        let narrow = near >= FEWEST && high / low - 1.0 <= self.limits.precision;
        let confirmation = self.limits.confirm as usize + 2;
        if narrow || !self.time_for(confirmation + 1) {
            if !self.time_for(confirmation) {
                return Phase::Done(Ending::OutOfTime);
            }
            let (low, high) = self.widened(low, high);
            return Phase::Confirm(Pair {
                low,
                high,
                high_failed: 0,
                high_passed: 0,
                low_passed: 0,
            });
        }
        Phase::Bisect
    }

    fn after_confirmation(&mut self, mut pair: Pair, passed: bool) -> Phase {
        if pair.high_failed < 2 {
            if passed {
                pair.high_passed += 1;
            } else {
                pair.high_failed += 1;
            }
            return if pair.high_passed >= 2 {
                self.go_on()
            } else {
                self.within_time(Phase::Confirm(pair), 1)
            };
        }
        if !passed {
            return self.go_on();
        }
        pair.low_passed += 1;
        if pair.low_passed < self.limits.confirm {
            return self.within_time(Phase::Confirm(pair), 1);
        }
        let told = |posterior: &Posterior| posterior.between(pair.low.ln(), pair.high.ln());
        let sure = self.posterior.as_ref().map_or(0.0, told);
        if sure < self.limits.confidence - SLACK {
            return self.go_on();
        }
        self.confirmed = Some(pair);
        Phase::Done(self.verdict(pair))
    }

    /// Whether a confirmed pair is the answer.
    fn verdict(&self, pair: Pair) -> Ending {
        let Some(posterior) = &self.posterior else {
            return Ending::OutOfTime;
        };
        if posterior.moves() > MOVES {
            let windows = self.near(pair.low, pair.high);
            #[allow(clippy::cast_precision_loss, reason = "some hundred windows")]
            return Ending::Moved((posterior.drift() * windows as f64).exp() - 1.0);
        }
        if pair.high / pair.low - 1.0 > self.limits.precision * WIDE {
            return Ending::OutOfTime;
        }
        Ending::Found
    }

    /// A pair as wide as wanted, around the middle of a narrower one: nearer to the capacity windows would fail and pass
    /// by turns, and confirm nothing.
    fn widened(&self, low: f64, high: f64) -> (f64, f64) {
        let half = (1.0 + self.limits.precision).sqrt();
        let middle = (low * high).sqrt();
        let within = |rate: f64| rate.clamp(self.limits.min_per_s, self.limits.max_per_s);
        (
            within(rounded(middle / half, f64::ceil)).min(low),
            within(rounded(middle * half, f64::floor)).max(high),
        )
    }

    /// Windows at rates within a factor of two of a bracket.
    fn near(&self, low: f64, high: f64) -> usize {
        let near = |taken: &&Taken| {
            !taken.outcome.is_spoilt()
                && taken.step.per_s >= low / 2.0
                && taken.step.per_s <= high * 2.0
        };
        self.taken.iter().filter(near).count()
    }

    fn within_time(&self, phase: Phase, windows: usize) -> Phase {
        let probe = matches!(phase, Phase::Probe { .. });
        let enough = if probe {
            self.seconds() + self.limits.probe_s <= self.limits.budget_s
        } else {
            self.time_for(windows)
        };
        if enough {
            phase
        } else {
            Phase::Done(Ending::OutOfTime)
        }
    }

    #[allow(clippy::cast_precision_loss, reason = "a few windows")]
    fn time_for(&self, windows: usize) -> bool {
        self.seconds() + self.limits.window_s * windows as f64 <= self.limits.budget_s
    }

    fn learn(&mut self) {
        let window = |taken: &Taken| {
            let passed = match taken.outcome {
                Outcome::Passed => true,
                Outcome::Failed => false,
                Outcome::Generator | Outcome::Disturbed => return None,
            };
            Some(Window {
                log_rate: taken.step.per_s.ln(),
                passed,
            })
        };
        let windows: Vec<Window> = self.taken.iter().filter_map(window).collect();
        // Before a rate failed there is no upper end.
        let both = windows.iter().any(|window| window.passed)
            && windows.iter().any(|window| !window.passed);
        self.posterior = both.then(|| {
            let around = 1.5_f64.ln();
            Posterior::of(
                &windows,
                self.limits.min_per_s.ln() - around,
                self.limits.max_per_s.ln() + around,
            )
        });
    }

    fn interval(&self, posterior: &Posterior) -> (f64, f64) {
        let beyond = (1.0 - self.limits.confidence) / 2.0 * TIGHTER;
        let (low, high) = (posterior.quantile(beyond), posterior.quantile(1.0 - beyond));
        let within = |rate: f64| rate.clamp(self.limits.min_per_s, self.limits.max_per_s);
        (
            within(rounded(low.exp(), f64::floor)),
            within(rounded(high.exp(), f64::ceil)),
        )
    }

    fn middle(&self) -> f64 {
        let Some(posterior) = &self.posterior else {
            return (self.limits.min_per_s * self.limits.max_per_s).sqrt();
        };
        let judged = |taken: &&Taken| !taken.outcome.is_spoilt();
        let turn = self.taken.iter().filter(judged).count() % QUANTILES.len();
        let quantile = QUANTILES.get(turn).copied().unwrap_or(0.5);
        let rate = rounded(posterior.quantile(quantile).exp(), f64::round);
        rate.clamp(self.limits.min_per_s, self.limits.max_per_s)
    }

    fn answer(&self, ending: Ending) -> Answer {
        let (passed_per_s, failed_per_s, bracket) = match (self.confirmed, ending) {
            (Some(pair), _) => (Some(pair.low), Some(pair.high), Some((pair.low, pair.high))),
            (None, Ending::AboveMax) => (Some(self.limits.max_per_s), None, None),
            (None, Ending::BelowMin) => (None, Some(self.limits.min_per_s), None),
            (None, _) => {
                let (passed, failed) = self.apart();
                (passed, failed, self.bracket())
            }
        };
        let posterior = self.posterior.as_ref();
        let sure = |(low, high): (f64, f64)| Some(posterior?.between(low.ln(), high.ln()));
        Answer {
            ending,
            passed_per_s,
            failed_per_s,
            bracket,
            confidence: bracket.and_then(sure),
            noise: posterior.map(Posterior::deviation),
        }
    }

    /// The highest rate that passed below all that failed, and the lowest that failed above all that passed. What failed
    /// below the bracket is a stall and what passed above it luck: neither counts.
    fn apart(&self) -> (Option<f64>, Option<f64>) {
        let (from, to) = self.bracket().unwrap_or((0.0, f64::INFINITY));
        let rates = |outcome| {
            let such = move |taken: &&Taken| taken.outcome == outcome;
            self.taken.iter().filter(such).map(|taken| taken.step.per_s)
        };
        let failed = || rates(Outcome::Failed).filter(|rate| *rate >= from);
        let passed = || rates(Outcome::Passed).filter(|rate| *rate <= to);
        let lowest_failed = failed().fold(f64::INFINITY, f64::min);
        let highest_passed = passed().fold(0.0, f64::max);
        (
            passed()
                .filter(|rate| *rate < lowest_failed)
                .reduce(f64::max),
            failed()
                .filter(|rate| *rate > highest_passed)
                .reduce(f64::min),
        )
    }
}
