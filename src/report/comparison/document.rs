//! What `compare --format json` writes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::stats::Answer;
use crate::verdict::Status;

use super::super::result::{SCHEMA_VERSION, Tool};
use super::super::runs::IntervalFigures;

/// What tells these documents from others.
pub const KIND: &str = "comparison";

/// Two groups of runs, compared. A member that does not apply is absent, never zero or null.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "rmq-bench comparison")]
pub struct Comparison {
    /// Version of the meaning of this document, the one of results.
    #[schemars(extend("const" = SCHEMA_VERSION))]
    pub schema_version: u32,
    /// What this document is: `comparison`.
    #[schemars(extend("const" = KIND))]
    pub kind: String,
    /// What made it.
    pub tool: Tool,
    /// The answer over all judged figures: worse when one is, else better when one is, else inconclusive
    /// unless all are the same.
    pub answer: AnswerName,
    /// The answer in words.
    pub sentence: String,
    /// What speaks against the comparison, the gravest first; absent when nothing does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doubts: Vec<String>,
    /// What is set against.
    pub baseline: GroupFacts,
    /// What is set against it.
    pub candidate: GroupFacts,
    /// What counts as a difference.
    pub limits: LimitFigures,
    /// Each figure that a run states.
    pub figures: Vec<FigureComparison>,
    /// Settings in effect that differ between or within the groups, without those of outputs and seeds.
    pub settings: Vec<SettingDifference>,
}

/// What may be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AnswerName {
    /// The candidate is better.
    Better,
    /// No difference that is relevant.
    Same,
    /// Neither can be said.
    Inconclusive,
    /// The candidate is worse.
    Worse,
}

impl AnswerName {
    /// As the report shows it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Same => "same",
            Self::Inconclusive => "inconclusive",
            Self::Worse => "worse",
        }
    }
}

impl From<Answer> for AnswerName {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Better => Self::Better,
            Answer::Same => Self::Same,
            Answer::Inconclusive => Self::Inconclusive,
            Answer::Worse => Self::Worse,
        }
    }
}

/// One group of runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GroupFacts {
    /// Its runs.
    pub runs: Vec<RunFact>,
    /// What was tested, in words; more than one when runs differ.
    pub targets: Vec<String>,
    /// Versions of rmq-bench, with the commit where known.
    pub versions: Vec<String>,
    /// Machines: kernel and number of CPUs.
    pub hosts: Vec<String>,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunFact {
    /// Where its result was read.
    pub from: String,
    /// Its identity.
    pub id: String,
    /// When it began, RFC 3339.
    pub started_at: String,
    /// Its verdict.
    pub verdict: Status,
}

/// What counts as a difference.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LimitFigures {
    /// Chance of calling any difference where there is none.
    pub false_alarms: f64,
    /// Least relevant change of times, rates and costs, as a share.
    pub min_effect: f64,
    /// Least relevant difference of shares.
    pub min_points: f64,
    /// Change that `needed_runs` is for, as a share.
    pub detect: f64,
}

/// One figure in both groups.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FigureComparison {
    /// Name, as thresholds have it.
    pub name: String,
    /// `ns`, `share` (0 to 1), `per_s` or `us`.
    pub unit: String,
    /// Which way is better: `lower` or `higher`.
    pub better: String,
    /// The baseline's runs; absent when one of them does not state the figure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<SpreadFigures>,
    /// The candidate's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<SpreadFigures>,
    /// Candidate over baseline, or for shares candidate less baseline: the median over all pairs of a
    /// candidate's run and a baseline's. Absent when a run does not state the figure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<f64>,
    /// Interval of the effect; absent when the groups are too small for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<IntervalFigures>,
    /// Chance that some judged figure stands out as much when nothing differs; absent where it was not
    /// tested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chance: Option<f64>,
    /// The answer; absent for a figure that is shown and not judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<AnswerName>,
    /// Why, in words; absent where the answer says it all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Runs per group to see a change of `limits.detect` with a chance of 80 %; absent when the spread is not
    /// known or when it takes more than 1,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needed_runs: Option<u32>,
}

/// Middle and reach over the runs of a group.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SpreadFigures {
    /// Median.
    pub median: f64,
    /// Smallest.
    pub min: f64,
    /// Largest.
    pub max: f64,
}

/// A setting that is not the same in all runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SettingDifference {
    /// Its key in `config`.
    pub key: String,
    /// Its values in the baseline, each once; none where it is not set.
    pub baseline: Vec<Value>,
    /// Its values in the candidate.
    pub candidate: Vec<Value>,
}
