//! From two groups of results to the comparison.

use crate::stats::{self, ALPHA, Better, Compared, Limits, Measure, Spread};

use super::super::named::{self, SHOWN, Unit};
use super::super::result::{SCHEMA_VERSION, Tool};
use super::super::runs::IntervalFigures;
use super::super::stored::Stored;
use super::document::{Comparison, FigureComparison, KIND, LimitFigures, SpreadFigures};
use super::groups::{self, ComparisonError};
use super::words;

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct CompareOptions {
    /// What counts as a difference.
    pub limits: Limits,
    /// Figures to judge, by name; empty for [`SHOWN`] without the maximum. Fewer are told apart with fewer
    /// runs.
    pub figures: Vec<String>,
    /// Whether to compare what would be refused, and say so.
    pub anyway: bool,
}

/// Compares.
///
/// # Errors
/// [`ComparisonError`] when the groups are not ones to compare; [`ComparisonError::Doubtful`] not with
/// [`CompareOptions::anyway`].
pub fn compare_results(
    baseline: &[Stored],
    candidate: &[Stored],
    options: &CompareOptions,
    tool: Tool,
) -> Result<Comparison, ComparisonError> {
    for (name, group) in [("baseline", baseline), ("candidate", candidate)] {
        if group.is_empty() {
            return Err(ComparisonError::Empty(name));
        }
    }
    groups::repeated(baseline, candidate)?;
    let mut doubts = groups::refusals(baseline, candidate);
    if !doubts.is_empty() && !options.anyway {
        return Err(ComparisonError::Doubtful(doubts));
    }
    doubts.extend(groups::doubts(baseline, candidate));
    let names = names(baseline, candidate, options);
    let measure = |name: &&str| Measure {
        better: named::better(name),
        scale: Unit::of(name).scale(),
        baseline: values(baseline, name),
        candidate: values(candidate, name),
    };
    let is_judged = |name: &&str| {
        if options.figures.is_empty() {
            named::is_judged(name)
        } else {
            options.figures.iter().any(|wanted| wanted == name)
        }
    };
    let (judged, shown): (Vec<&str>, Vec<&str>) = names.iter().partition(|name| is_judged(name));
    let judged_measures: Vec<Measure> = judged.iter().map(measure).collect();
    let compared = stats::compare(&judged_measures, &options.limits);
    let answer = stats::overall(&compared);
    let mut figures: Vec<FigureComparison> = judged
        .iter()
        .zip(judged_measures.iter().zip(&compared))
        .map(|(name, (measure, compared))| figure(name, measure, compared, true))
        .collect();
    for name in &shown {
        let measure = measure(name);
        // For its effect and interval alone: what is not judged is not tested with the others.
        for compared in stats::compare(std::slice::from_ref(&measure), &options.limits) {
            figures.push(figure(name, &measure, &compared, false));
        }
    }
    figures.sort_by_key(|figure| names.iter().position(|name| *name == figure.name));
    let mut comparison = Comparison {
        schema_version: SCHEMA_VERSION,
        kind: KIND.to_owned(),
        tool,
        answer: answer.into(),
        sentence: String::new(),
        doubts,
        baseline: groups::facts(baseline),
        candidate: groups::facts(candidate),
        limits: LimitFigures {
            false_alarms: ALPHA,
            min_effect: options.limits.min_effect,
            min_points: options.limits.min_points,
            detect: options.limits.detect,
        },
        figures,
        settings: groups::differences(baseline, candidate),
    };
    comparison.sentence = words::sentence(&comparison);
    Ok(comparison)
}

/// Figures that some run states, and those asked for by name.
fn names<'a>(
    baseline: &[Stored],
    candidate: &[Stored],
    options: &'a CompareOptions,
) -> Vec<&'a str> {
    let stated = |name: &&str| {
        let mut both = baseline.iter().chain(candidate);
        both.any(|stored| named::figure(&stored.result, name).is_some())
    };
    let asked = options.figures.iter().map(String::as_str);
    let further = asked.filter(|name| !SHOWN.contains(name));
    let wanted = |name: &&str| options.figures.iter().any(|figure| figure == name);
    let mut names: Vec<&str> = SHOWN
        .into_iter()
        .filter(|name| stated(name) || wanted(name))
        .collect();
    for name in further {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn values(group: &[Stored], name: &str) -> Vec<Option<f64>> {
    let value = |stored: &Stored| named::figure(&stored.result, name);
    group.iter().map(value).collect()
}

fn figure(name: &str, measure: &Measure, compared: &Compared, judged: bool) -> FigureComparison {
    FigureComparison {
        name: name.to_owned(),
        unit: Unit::of(name).name().to_owned(),
        better: match measure.better {
            Better::Lower => "lower",
            Better::Higher => "higher",
        }
        .to_owned(),
        baseline: spread(&measure.baseline),
        candidate: spread(&measure.candidate),
        effect: compared.effect,
        interval: compared.interval.map(IntervalFigures::from),
        chance: compared.chance.filter(|_| judged),
        answer: judged.then(|| compared.answer.into()),
        why: if judged {
            words::why(measure, compared)
        } else {
            Some("shown, not judged".to_owned())
        },
        needed_runs: compared.needed_runs,
    }
}

fn spread(values: &[Option<f64>]) -> Option<SpreadFigures> {
    let values: Option<Vec<f64>> = values.iter().copied().collect();
    let spread = Spread::of(&values?)?;
    Some(SpreadFigures {
        median: spread.median,
        min: spread.min,
        max: spread.max,
    })
}
