//! What the search is held against: plain bisection, and the rule of the OpenMessaging Benchmark.

use rmq_bench::stats::search::{Ending, Limits, Next, Outcome, Search};

use crate::model::Run;

/// What a method answered.
#[derive(Debug, Clone, Copy)]
pub struct Found {
    /// Highest rate that passed and lowest that failed; of a method that gives one rate, that rate twice.
    pub pair: Option<(f64, f64)>,
    /// It says that there is no answer.
    pub inconclusive: bool,
    /// What it takes the chance for that the pair holds the capacity.
    pub confidence: Option<f64>,
    pub seconds: f64,
    pub windows: u32,
    pub ending: Option<Ending>,
}

/// The search of `rmq-bench capacity`.
pub fn search(mut run: Run, limits: Limits) -> Found {
    let mut search = Search::new(limits);
    loop {
        match search.next() {
            Next::Step(step) => {
                let window = run.window(step.per_s);
                search.record(window.outcome, window.seconds);
            }
            Next::Answer(answer) => {
                // That the capacity is beyond what may be tried is an answer, and here it is never so.
                let pair = match answer.ending {
                    Ending::BelowMin => Some((0.0, limits.min_per_s)),
                    Ending::AboveMax => Some((limits.max_per_s, limits.max_per_s)),
                    _ => answer.bracket,
                };
                return Found {
                    pair,
                    inconclusive: matches!(
                        answer.ending,
                        Ending::Moved(_) | Ending::OutOfTime | Ending::Generator
                    ),
                    confidence: answer.confidence,
                    seconds: run.seconds,
                    windows: run.windows,
                    ending: Some(answer.ending),
                };
            }
        }
    }
}

/// Doubled until a window fails, then halved between the last that passed and the last that failed, one window a rate.
pub fn bisection(mut run: Run, limits: Limits) -> Found {
    let (mut low, mut high) = (0.0, limits.max_per_s);
    let mut rate = limits.min_per_s;
    while run.seconds < limits.budget_s {
        if run.window(rate).outcome == Outcome::Passed {
            low = rate;
            if rate >= limits.max_per_s {
                break;
            }
            rate = (rate * 2.0).min(limits.max_per_s);
        } else {
            high = rate;
            break;
        }
    }
    while low > 0.0 && high / low - 1.0 > limits.precision && run.seconds < limits.budget_s {
        let rate = (low + high) / 2.0;
        if run.window(rate).outcome == Outcome::Passed {
            low = rate;
        } else {
            high = rate;
        }
    }
    Found {
        pair: (low > 0.0).then_some((low, high)),
        inconclusive: false,
        confidence: None,
        seconds: run.seconds,
        windows: run.windows,
        ending: None,
    }
}

/// Seconds between two looks of the OpenMessaging Benchmark, its limit of the backlog in messages, its ramping factors
/// and the rate it begins with, as its RateController and WorkloadGenerator have them.
const PERIOD_S: f64 = 3.0;
const BACKLOG: f64 = 1000.0;
const FACTORS: (f64, f64) = (0.01, 1.0);
const BEGIN_PER_S: f64 = 10_000.0;

/// Its rule, for five minutes: raised while what is published keeps up, lowered to what was published when it does
/// not. It knows no latency, so that it is held against the rate at which the cluster is used up.
pub fn backlog_rule(mut run: Run, _: Limits) -> Found {
    let (mut rate, mut factor) = (BEGIN_PER_S, FACTORS.1);
    while run.seconds < 300.0 {
        let expected = rate * PERIOD_S;
        let published = expected.min(run.served_per_s() * PERIOD_S);
        run.seconds += PERIOD_S;
        run.windows += 1;
        let backlog = expected - published;
        if backlog > BACKLOG {
            factor = f64::max(FACTORS.0, factor / 2.0);
            rate = (published / PERIOD_S).min((expected - backlog).max(0.0) / PERIOD_S);
        } else {
            factor = f64::min(FACTORS.1, factor * 2.0);
            rate += rate * factor;
        }
    }
    Found {
        pair: Some((rate, rate)),
        inconclusive: false,
        confidence: None,
        seconds: run.seconds,
        windows: run.windows,
        ending: None,
    }
}
