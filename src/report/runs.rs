//! Several runs of one plan: every result whole, and what they say together.
//!
//! The document has `"kind": "runs"`, so that scripts tell it from one run's result; its `runs` are
//! results like any other. Nothing is averaged: a percentile over runs is the median of the runs'
//! percentiles, with their range and, from six runs on, the interval of that median.

use std::io::{self, Write};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::stats::{Interval, Spread};
use crate::verdict::Status;

use super::figures::ThresholdOutcome;
use super::json::{self, ReadResultError};
use super::named::{self, SHOWN, Unit};
use super::result::{RunResult, SCHEMA_VERSION, StopReason, Tool};

/// What tells these documents from others.
pub const KIND: &str = "runs";

/// Result of `--runs N`: N runs of one plan, one after the other, each with a client and connections of
/// its own. A member that does not apply is absent, never zero or null.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "rmq-bench runs")]
pub struct RunsResult {
    /// Version of the meaning of this document, the one of results.
    #[schemars(extend("const" = SCHEMA_VERSION))]
    pub schema_version: u32,
    /// What this document is: `runs`.
    #[schemars(extend("const" = KIND))]
    pub kind: String,
    /// What made it.
    pub tool: Tool,
    /// How far the figures can be trusted: the worst verdict of all runs, and how many have which.
    pub verdict: Verdicts,
    /// Runs that were asked for.
    pub asked: u64,
    /// Runs that came to their end; the figures are of these.
    pub finished: u64,
    /// Why there are fewer than asked for; absent when all were made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
    /// The seed that the seeds of the runs were derived from.
    pub seed: u64,
    /// What the thresholds (`--fail-if`) make of the medians over the runs; each run's own outcome is in
    /// its result. Absent without any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub thresholds: Vec<ThresholdOutcome>,
    /// Median, range and interval of each figure over the finished runs.
    pub figures: Vec<FigureOverRuns>,
    /// Each run's result in the order they were made, an interrupted one too.
    pub runs: Vec<RunResult>,
}

/// Verdicts of several runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Verdicts {
    /// The worst of them.
    pub status: Status,
    /// Runs that are valid.
    pub valid: u64,
    /// Runs that are degraded.
    pub degraded: u64,
    /// Runs that are invalid.
    pub invalid: u64,
}

/// Which of several runs a result is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Repetition {
    /// Number of the run, from 1 on.
    pub number: u64,
    /// Runs that were asked for.
    pub of: u64,
    /// The seed given; the run's own, which repeats it alone, is in `config`.
    pub base_seed: u64,
}

/// One figure over several runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FigureOverRuns {
    /// Name, as thresholds have it.
    pub name: String,
    /// `ns`, `share` (0 to 1), `per_s` or `us`.
    pub unit: String,
    /// Median over the runs.
    pub median: f64,
    /// Smallest.
    pub min: f64,
    /// Largest.
    pub max: f64,
    /// Runs that state it.
    pub count: u64,
    /// Interval of the median by order statistics, at least 95 % confident; absent with fewer than six
    /// runs that state the figure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<IntervalFigures>,
}

/// A range that covers the truth with some confidence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct IntervalFigures {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Attained confidence, 0 to 1.
    pub confidence: f64,
}

impl From<Interval> for IntervalFigures {
    fn from(interval: Interval) -> Self {
        Self {
            low: interval.low,
            high: interval.high,
            confidence: interval.confidence,
        }
    }
}

/// What a document of runs is made of.
#[derive(Debug, Clone)]
pub struct RunsFacts {
    /// Runs that were asked for.
    pub asked: u64,
    /// The seed given.
    pub seed: u64,
    /// Why no more were made.
    pub stopped: Option<String>,
    /// Those made, at least one.
    pub runs: Vec<RunResult>,
}

/// Puts several results together. Interrupted runs are kept, and are in no figure.
#[must_use]
pub fn build_runs(facts: RunsFacts) -> RunsResult {
    let finished: Vec<&RunResult> = finished(&facts.runs).collect();
    let statuses = || facts.runs.iter().map(|run| run.verdict.status);
    let with = |status| statuses().filter(|one| *one == status).count() as u64;
    RunsResult {
        schema_version: SCHEMA_VERSION,
        kind: KIND.to_owned(),
        tool: Tool::current(facts.runs.first().and_then(|run| run.tool.git.as_deref())),
        verdict: Verdicts {
            // Without a run there is nothing to trust.
            status: statuses().max().unwrap_or(Status::Invalid),
            valid: with(Status::Valid),
            degraded: with(Status::Degraded),
            invalid: with(Status::Invalid),
        },
        asked: facts.asked,
        finished: finished.len() as u64,
        stopped: facts.stopped,
        seed: facts.seed,
        thresholds: Vec::new(),
        figures: SHOWN
            .iter()
            .filter_map(|name| over_runs(&finished, name))
            .collect(),
        runs: facts.runs,
    }
}

/// The runs that came to their end.
pub(super) fn finished(runs: &[RunResult]) -> impl Iterator<Item = &RunResult> {
    let done = |run: &&RunResult| run.run.stop_reason != StopReason::Interrupted;
    runs.iter().filter(done)
}

/// The median over the finished runs of a figure by its name; `None` when one of them does not state it.
#[must_use]
pub fn median(runs: &[RunResult], name: &str) -> Option<f64> {
    let values: Option<Vec<f64>> = finished(runs).map(|run| named::figure(run, name)).collect();
    Some(Spread::of(&values?)?.median)
}

fn over_runs(runs: &[&RunResult], name: &str) -> Option<FigureOverRuns> {
    let values = runs.iter().filter_map(|run| named::figure(run, name));
    let spread = Spread::of(&values.collect::<Vec<_>>())?;
    Some(FigureOverRuns {
        name: name.to_owned(),
        unit: Unit::of(name).name().to_owned(),
        median: spread.median,
        min: spread.min,
        max: spread.max,
        count: spread.count as u64,
        interval: spread.interval.map(IntervalFigures::from),
    })
}

/// Reads a document of runs; `None` when the text is JSON of another kind.
///
/// # Errors
/// [`ReadResultError::Form`] when it is not JSON, or calls itself runs and is not.
/// [`ReadResultError::Version`] when its figures have another meaning.
pub fn read(text: &str) -> Result<Option<RunsResult>, ReadResultError> {
    json::read_kind(text, KIND)
}

/// Writes the document as indented JSON with a final line end.
///
/// # Errors
/// What the writer says.
pub fn write_json(out: &mut (impl Write + ?Sized), result: &RunsResult) -> io::Result<()> {
    json::write_document(out, result)
}
