//! A comparison's sentences and cells.

use serde_json::Value;

use crate::metrics::units::counted;
use crate::stats::{Compared, Measure, Why};

use super::super::named::{Unit, title};
use super::document::{
    AnswerName, Comparison, FigureComparison, GroupFacts, SettingDifference, SpreadFigures,
};

/// From here on a change is told as a factor.
const TOLD_AS_FACTOR: f64 = 3.0;

/// The answer in words, what it rests on first.
pub(super) fn sentence(comparison: &Comparison) -> String {
    let of = |answer| -> Vec<&FigureComparison> {
        let figures = comparison.figures.iter();
        figures
            .filter(|figure| figure.answer == Some(answer))
            .collect()
    };
    let (better, worse) = (of(AnswerName::Better), of(AnswerName::Worse));
    let (same, open) = (of(AnswerName::Same), of(AnswerName::Inconclusive));
    let names = |figures: &[&FigureComparison]| {
        let names = figures.iter().map(|figure| title(&figure.name));
        names.collect::<Vec<_>>().join(", ")
    };
    let told = |figures: &[&FigureComparison]| {
        let told = figures.iter().map(|figure| {
            format!(
                "{} {} {}",
                title(&figure.name),
                effect(figure),
                interval(figure)
            )
        });
        told.collect::<Vec<_>>().join(", ")
    };
    let mut parts = Vec::new();
    if !worse.is_empty() {
        parts.push(format!("worse in {}", told(&worse)));
    }
    if !better.is_empty() {
        parts.push(format!("better in {}", told(&better)));
    }
    let least = share(comparison.limits.min_effect);
    match comparison.answer {
        AnswerName::Same => parts.push(format!(
            "no difference of {least} or more in any judged figure, with 95 % confidence"
        )),
        AnswerName::Inconclusive => parts.push(undecided(comparison, &open)),
        AnswerName::Better | AnswerName::Worse if !open.is_empty() => {
            parts.push(format!("inconclusive in {}", names(&open)));
        }
        AnswerName::Better | AnswerName::Worse => {}
    }
    if comparison.answer != AnswerName::Same && !same.is_empty() {
        parts.push(format!(
            "no difference of {least} or more in {}",
            names(&same)
        ));
    }
    parts.join("; ")
}

fn undecided(comparison: &Comparison, open: &[&FigureComparison]) -> String {
    let (n, m) = (
        comparison.baseline.runs.len(),
        comparison.candidate.runs.len(),
    );
    if (n, m) == (1, 1) {
        return "one run each says nothing about how much runs differ from one another; make several, \
                taking turns, as with --runs 8"
            .to_owned();
    }
    if !crate::stats::shift::can_tell(n, m) {
        return format!(
            "{} against {} cannot be told from chance, however far apart they are; 4 against 4 are the fewest",
            counted(n as u64, "run"),
            counted(m as u64, "run")
        );
    }
    let names = open
        .iter()
        .map(|figure| title(&figure.name))
        .collect::<Vec<_>>()
        .join(", ");
    let most = open
        .iter()
        .map(|figure| figure.needed_runs)
        .max_by_key(|runs| runs.unwrap_or(u32::MAX));
    let needed = match most.flatten() {
        Some(runs) => format!(
            "; to see a change of {} takes about {runs} runs each",
            share(comparison.limits.detect)
        ),
        None => String::new(),
    };
    if open.is_empty() {
        return "no figure that all runs state".to_owned();
    }
    format!("neither a difference nor its absence shows in {names}{needed}")
}

/// Why a figure has its answer, where that needs words.
pub(super) fn why(measure: &Measure, compared: &Compared) -> Option<String> {
    match compared.why {
        Why::Different | Why::WithinLeast | Why::TooWide => None,
        Why::TooFewRuns => Some("too few runs".to_owned()),
        Why::Missing => {
            let lacking =
                |group: &[Option<f64>]| group.iter().filter(|value| value.is_none()).count();
            let (lacking, all) = (
                lacking(&measure.baseline) + lacking(&measure.candidate),
                measure.baseline.len() + measure.candidate.len(),
            );
            Some(format!("not stated by {lacking} of {all} runs"))
        }
    }
}

/// `4.21 ms [4.10 ms, 4.33 ms]`; the value alone for one run.
pub(super) fn spread(spread: Option<&SpreadFigures>, unit: Unit, runs: usize) -> String {
    let Some(spread) = spread else {
        return "n/a".to_owned();
    };
    let median = unit.show(spread.median);
    if runs < 2 {
        return median;
    }
    format!(
        "{median} [{}, {}]",
        unit.show(spread.min),
        unit.show(spread.max)
    )
}

/// `+12.1 %`, `x 4.20`, `+0.12 points`, or `n/a`.
pub(super) fn effect(figure: &FigureComparison) -> String {
    let shown = |effect| change(effect, Unit::of(&figure.name));
    figure.effect.map_or_else(|| "n/a".to_owned(), shown)
}

/// `(+8.0 % to +16.2 %)`, or `n/a`.
pub(super) fn interval(figure: &FigureComparison) -> String {
    let unit = Unit::of(&figure.name);
    figure.interval.map_or_else(
        || "n/a".to_owned(),
        |interval| {
            format!(
                "({} to {})",
                change(interval.low, unit),
                change(interval.high, unit)
            )
        },
    )
}

fn change(effect: f64, unit: Unit) -> String {
    if unit == Unit::Share {
        return format!("{:+.3} points", effect * 100.0 + 0.0);
    }
    if effect >= TOLD_AS_FACTOR {
        return format!("x {effect:.2}");
    }
    // No "-0.0 %".
    let percent = ((effect - 1.0) * 1000.0).round() / 10.0 + 0.0;
    format!("{percent:+.1} %")
}

/// The answer of a figure with its reason.
pub(super) fn answer(figure: &FigureComparison) -> String {
    match (figure.answer, &figure.why) {
        (Some(answer), Some(why)) => format!("{}: {why}", answer.name()),
        (Some(answer), None) => answer.name().to_owned(),
        (None, _) => "not judged".to_owned(),
    }
}

/// About how many runs per group would show the change that is sought.
pub(super) fn needed(figure: &FigureComparison) -> String {
    figure
        .needed_runs
        .map_or_else(|| "n/a".to_owned(), |runs| runs.to_string())
}

/// What that number is for, as a heading of its own size.
pub(super) fn sought(comparison: &Comparison) -> String {
    format!(
        "Runs needed: per group, to call a change of {} in this figure in four of five comparisons.",
        share(comparison.limits.detect)
    )
}

/// A share that somebody gave: without digits it did not have.
fn share(share: f64) -> String {
    let text = format!("{:.3}", share * 100.0);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

/// A group in one line.
pub(super) fn group(group: &GroupFacts) -> String {
    format!(
        "{}, {}; rmq-bench {}; {}",
        counted(group.runs.len() as u64, "run"),
        group.targets.join(" and "),
        group.versions.join(" and "),
        group.hosts.join(" and ")
    )
}

/// A setting's values in both groups.
pub(super) fn setting(difference: &SettingDifference) -> [String; 2] {
    [&difference.baseline, &difference.candidate].map(|values| {
        let texts = values.iter().map(|value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        });
        let texts: Vec<String> = texts.collect();
        if texts.is_empty() {
            "not set".to_owned()
        } else {
            texts.join(", ")
        }
    })
}

/// What the figures rest on, in one sentence.
pub(super) fn method(comparison: &Comparison) -> String {
    let limits = &comparison.limits;
    format!(
        "Median [range] over runs. A change is the median over all pairs of runs, with its 95 % interval \
         (Hodges-Lehmann). Differences of less than {}, of shares less than {:.2} points, are none. Any false \
         call in this table has a chance of at most {} (Westfall-Young maxT over whole runs).",
        share(limits.min_effect),
        limits.min_points * 100.0,
        share(limits.false_alarms)
    )
}
