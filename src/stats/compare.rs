//! Two groups of runs, figure by figure: better, worse, the same, or inconclusive and why.

use super::ALPHA;
use super::measure::{Better, Groups, Measure, Scale};
use super::needed::{Sought, needed, pooled_deviation};
use super::permutation::{Row, adjusted};
use super::shift::{Interval, Shift, can_tell};

/// What is worth calling a difference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Least relevant change of a ratio: 0.05 is 5 %. Of a slowdown to 1.05, and as far the other way
    /// (1 / 1.05).
    pub min_effect: f64,
    /// Least relevant difference of shares: 0.001 is a tenth of a percentage point.
    pub min_points: f64,
    /// Change that the number of needed runs is for; above `min_effect`.
    pub detect: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            min_effect: 0.05,
            min_points: 0.001,
            detect: 0.10,
        }
    }
}

impl Limits {
    /// The least relevant difference on the scale differences are taken on.
    fn least(&self, scale: Scale) -> f64 {
        match scale {
            Scale::Ratio => self.min_effect.ln_1p(),
            Scale::Difference => self.min_points,
        }
    }

    /// What the number of needed runs is for; of shares as many times the least as of ratios.
    fn sought(&self, scale: Scale, figures: usize) -> Sought {
        let difference = match scale {
            Scale::Ratio => self.detect.ln_1p(),
            Scale::Difference if self.min_effect > 0.0 => {
                self.min_points * self.detect / self.min_effect
            }
            Scale::Difference => 2.0 * self.min_points,
        };
        Sought {
            difference,
            least: self.least(scale),
            figures,
        }
    }
}

/// What may be said of a figure, worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answer {
    /// The candidate is better, by a relevant amount and more than chance explains.
    Better,
    /// It differs by less than what is relevant, with 95 % confidence.
    Same,
    /// Neither can be said.
    Inconclusive,
    /// The candidate is worse, by a relevant amount and more than chance explains.
    Worse,
}

/// Why a figure has its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// A difference that is relevant and beyond chance.
    Different,
    /// The whole interval lies within what is irrelevant.
    WithinLeast,
    /// With groups of these sizes nothing could be told.
    TooFewRuns,
    /// Some runs do not state the figure.
    Missing,
    /// The interval reaches over what is relevant, and chance explains the rest.
    TooWide,
}

/// One figure, compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Compared {
    /// The answer.
    pub answer: Answer,
    /// Its reason.
    pub why: Why,
    /// Candidate over baseline, or candidate less baseline for shares; `None` without values.
    pub effect: Option<f64>,
    /// Interval of the effect.
    pub interval: Option<Interval>,
    /// Chance that some figure of groups without a difference stands out as much; `None` where it was
    /// not tested.
    pub chance: Option<f64>,
    /// Runs per group to see a change of [`Limits::detect`] with a chance of 80 %; `None` when the spread
    /// is not known or when it takes more than 1,000.
    pub needed_runs: Option<u32>,
}

/// Compares every figure; the chance of calling any difference where there is none is at most
/// [`ALPHA`]. Answers stand in the order of the measures.
#[must_use]
pub fn compare(measures: &[Measure], limits: &Limits) -> Vec<Compared> {
    let scaled: Vec<_> = measures.iter().map(Measure::scaled).collect();
    let tellable =
        |(baseline, candidate): &(Vec<f64>, Vec<f64>)| can_tell(baseline.len(), candidate.len());
    let tested = |groups: &Option<_>| groups.as_ref().is_some_and(tellable);
    let rows: Vec<Row> = scaled
        .iter()
        .filter(|groups| tested(groups))
        .flatten()
        .map(|(baseline, candidate)| baseline.iter().chain(candidate).copied().collect())
        .collect();
    let baseline_runs = measures.first().map_or(0, |first| first.baseline.len());
    let mut chances = adjusted(&rows, baseline_runs).into_iter();
    let judge = |(measure, groups): (&Measure, Option<Groups>)| {
        let chance = if tested(&groups) {
            chances.next()
        } else {
            None
        };
        one(measure, groups, chance, limits, measures.len())
    };
    measures.iter().zip(scaled).map(judge).collect()
}

fn one(
    measure: &Measure,
    groups: Option<Groups>,
    chance: Option<f64>,
    limits: &Limits,
    figures: usize,
) -> Compared {
    let shift = groups
        .as_ref()
        .and_then(|(baseline, candidate)| Shift::between(baseline, candidate));
    let (Some((baseline, candidate)), Some(shift)) = (groups, shift) else {
        return Compared {
            answer: Answer::Inconclusive,
            why: Why::Missing,
            effect: None,
            interval: None,
            chance: None,
            needed_runs: None,
        };
    };
    let (answer, why) = answer(measure, &shift, chance, limits);
    let back = |difference: f64| measure.scale.back(difference);
    let deviation = pooled_deviation([&baseline, &candidate]);
    Compared {
        answer,
        why,
        effect: Some(back(shift.estimate)),
        interval: shift.interval.map(|interval| Interval {
            low: back(interval.low),
            high: back(interval.high),
            ..interval
        }),
        chance,
        needed_runs: deviation
            .and_then(|deviation| needed(deviation, limits.sought(measure.scale, figures))),
    }
}

fn answer(measure: &Measure, shift: &Shift, chance: Option<f64>, limits: &Limits) -> (Answer, Why) {
    let (Some(interval), Some(chance)) = (shift.interval, chance) else {
        return (Answer::Inconclusive, Why::TooFewRuns);
    };
    let least = limits.least(measure.scale);
    let beyond_chance = chance <= ALPHA && (interval.low > 0.0 || interval.high < 0.0);
    if beyond_chance && shift.estimate.abs() >= least {
        let higher = shift.estimate > 0.0;
        let better = higher == (measure.better == Better::Higher);
        let answer = if better {
            Answer::Better
        } else {
            Answer::Worse
        };
        return (answer, Why::Different);
    }
    if -least <= interval.low && interval.high <= least {
        return (Answer::Same, Why::WithinLeast);
    }
    (Answer::Inconclusive, Why::TooWide)
}

/// The answer over all figures: worse when one is; else better when one is; else inconclusive unless
/// all are the same. Nothing compared is inconclusive.
#[must_use]
pub fn overall(compared: &[Compared]) -> Answer {
    let any = |answer| compared.iter().any(|one| one.answer == answer);
    if any(Answer::Worse) {
        Answer::Worse
    } else if any(Answer::Better) {
        Answer::Better
    } else if compared.is_empty() || any(Answer::Inconclusive) {
        Answer::Inconclusive
    } else {
        Answer::Same
    }
}

#[cfg(test)]
mod tests;
