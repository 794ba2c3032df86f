//! The document of a search.

use std::collections::BTreeMap;
use std::io::{self, Write};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::consequences::Consequences;
use super::one_less::OneLess;
use super::window::WindowFigures;
use crate::report::json::ReadResultError;
use crate::report::result::{Mode, SCHEMA_VERSION, Target, Tool};
use crate::report::{Host, json};
use crate::verdict::Status;

/// What tells these documents from others.
pub const KIND: &str = "capacity";

/// Result of `rmq-bench capacity`: the highest rate that meets the objectives, how sure that is, and every window it
/// rests on. A member that does not apply is absent, never zero or null.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "rmq-bench capacity")]
pub struct CapacityResult {
    /// Version of the meaning of this document, the one of results.
    #[schemars(extend("const" = SCHEMA_VERSION))]
    pub schema_version: u32,
    /// What this document is: `capacity`.
    #[schemars(extend("const" = KIND))]
    pub kind: String,
    /// What made it.
    pub tool: Tool,
    /// What was searched.
    pub run: CapacityRun,
    /// Every setting as resolved.
    pub config: Map<String, Value>,
    /// Where each came from, by its key in `config`.
    pub config_source: BTreeMap<String, String>,
    /// The answer and its steps.
    pub capacity: Answer,
    /// What follows from the capacity; absent where none of its settings was given and no broker could be missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consequences: Option<Consequences>,
    /// Latency over the offered rate; absent where none was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub curve: Option<Curve>,
    /// The same search with one broker less; absent where none was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub one_less: Option<OneLess>,
    /// The machine the generator ran on.
    pub host: Host,
}

/// What was searched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CapacityRun {
    /// Identity of the search.
    pub id: String,
    /// Wall-clock time it began at, RFC 3339; of a search that was resumed, its first part's.
    pub started_at: String,
    /// `capacity`.
    pub command: String,
    /// How messages were sent.
    pub mode: Mode,
    /// The cluster.
    pub target: Target,
    /// Topic sent to.
    pub topic: String,
    /// Producer group.
    pub group: String,
    /// Steps that were taken from the file of `--resume`; absent without any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumed_steps: Option<u64>,
}

/// What a search answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Answer {
    /// In one word.
    pub answer: AnswerKind,
    /// The same in a sentence.
    pub sentence: String,
    /// What a rate had to meet.
    pub objectives: Vec<String>,
    /// Messages per second: of a capacity that was found the rate at which all windows passed that had to confirm it, else
    /// the highest at which a window passed and below which none failed but for stalls, which are failures below
    /// `bracket_per_s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passed_per_s: Option<f64>,
    /// Of a capacity that was found the rate that failed again, else the lowest at which a window failed and above which
    /// none passed within `bracket_per_s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_per_s: Option<f64>,
    /// Rates between which the capacity lies, as far as is known; of a capacity that was found the two above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bracket_per_s: Option<[f64; 2]>,
    /// Chance that the capacity lies between these, from 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
    /// Chance that was asked for.
    pub confidence_wanted: f64,
    /// How far the two were to lie apart at most, as a share.
    pub precision_wanted: f64,
    /// How much the capacity of a window differs from that of the next: a standard deviation, as a share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise_share: Option<f64>,
    /// By how much the capacity moved while it was looked for, as a share; only where it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_share: Option<f64>,
    /// What ended the search for safety, or failed; of one that was found it ended the curve. Absent where nothing did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_by: Option<String>,
    /// What ended the generator, by code of the verdict; only where it ended first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generator_limit: Option<String>,
    /// Seconds all steps took.
    pub seconds: f64,
    /// Every window, in the order they were made.
    pub steps: Vec<Step>,
}

/// Kinds of answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AnswerKind {
    /// The capacity lies between the two rates.
    Found,
    /// The highest rate that was to be tried passes.
    AtLeastMax,
    /// The lowest rate that was to be tried fails.
    BelowMin,
    /// The generator ended before the cluster, or was disturbed all the time: the capacity is at least what passed.
    Generator,
    /// The capacity moved while it was looked for.
    Moved,
    /// The time was over before the answer was sure.
    OutOfTime,
    /// A limit was reached that is to keep the cluster safe, or it failed.
    Stopped,
    /// A stop was asked for.
    Interrupted,
}

/// One window of a search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// From 1.
    pub number: u64,
    /// `probe`, `bisect`, `confirm_failing` or `confirm_passing`.
    pub purpose: String,
    /// What it says.
    pub outcome: StepOutcome,
    /// Seconds it took, with its warm-up and the answers that were waited for.
    pub seconds: f64,
    /// It ended as soon as it could not pass any more; absent where it did not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut_short: bool,
    /// Seconds after it until the cluster answered single messages as before the search; absent where nothing was waited
    /// for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backlog_s: Option<f64>,
    /// Bytes of the bodies it sent, as far as is known from their rate, its warm-up and its retries, with the single
    /// messages after it: what `--max-bytes` counts.
    #[serde(default)]
    pub sent_bytes: f64,
    /// Rates between which the capacity lay before it, with the confidence wanted; absent before there were two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bracket_per_s: Option<[f64; 2]>,
    /// Its figures.
    pub window: WindowFigures,
}

/// What a window says of its rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepOutcome {
    /// All objectives are met.
    Passed,
    /// One is not.
    Failed,
    /// Nothing: the generator did not do what was asked.
    Generator,
    /// Nothing: something else on the generator's machine came between.
    Disturbed,
}

impl StepOutcome {
    /// Whether it says nothing of the cluster.
    #[must_use]
    pub fn is_spoilt(self) -> bool {
        matches!(self, Self::Generator | Self::Disturbed)
    }

    /// As in the JSON document.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Generator => "generator",
            Self::Disturbed => "disturbed",
        }
    }
}

/// Latency over the offered rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Curve {
    /// The rate whose shares were measured, messages per second.
    pub of_per_s: f64,
    /// Shares that were to be measured; fewer points where the curve was cut off.
    pub asked: u64,
    /// One window a share, in the order they were made: ascending.
    pub points: Vec<WindowFigures>,
    /// Highest rate of the curve before the 99th percentile turns up; absent where it does not within the curve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub knee_per_s: Option<f64>,
}

impl Curve {
    /// Of windows in ascending order. The knee is the point farthest below the straight line from the first point to
    /// the last, both axes scaled to their range, the percentile's by its logarithm (Satopää, Albrecht, Irwin and Raghavan,
    /// Kneedle, 2011); there is none where no point is a tenth of the range below it.
    #[must_use]
    pub fn new(of_per_s: f64, asked: u64, points: Vec<WindowFigures>) -> Self {
        Self {
            of_per_s,
            asked,
            knee_per_s: knee(&points),
            points,
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "a time on a logarithmic scale")]
fn knee(points: &[WindowFigures]) -> Option<f64> {
    const LEAST: f64 = 0.1;
    // Those of a window that the generator did not keep up with say nothing of the cluster.
    let placed: Vec<(f64, f64)> = points
        .iter()
        .filter(|point| point.verdict != Status::Invalid)
        .filter_map(|point| Some((point.offered_per_s, (point.p99_ns? as f64).max(1.0).ln())))
        .collect();
    let [first, .., last] = placed.as_slice() else {
        return None;
    };
    let (width, height) = (last.0 - first.0, last.1 - first.1);
    if placed.len() < 4 || width <= 0.0 || height <= 0.0 {
        return None;
    }
    let below = |(rate, log): (f64, f64)| (rate - first.0) / width - (log - first.1) / height;
    let (rate, depth) = placed
        .iter()
        .map(|point| (point.0, below(*point)))
        .max_by(|a, b| a.1.total_cmp(&b.1))?;
    (depth >= LEAST).then_some(rate)
}

/// Writes the document.
///
/// # Errors
/// What the writer says.
pub fn write_json(out: &mut (impl Write + ?Sized), result: &CapacityResult) -> io::Result<()> {
    json::write_document(out, result)
}

/// Reads a document; `None` when it is of another kind.
///
/// # Errors
/// [`ReadResultError`] when it says to be one and is none.
pub fn read(text: &str) -> Result<Option<CapacityResult>, ReadResultError> {
    json::read_kind(text, KIND)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::capacity::words::sample;

    fn point(offered_per_s: f64, p99_ns: u64) -> WindowFigures {
        WindowFigures {
            offered_per_s,
            p99_ns: Some(p99_ns),
            ..sample::window(offered_per_s)
        }
    }

    #[test]
    fn the_knee_is_where_the_percentile_turns_up() {
        let curve = |times: &[u64]| {
            let points = (1_u32..).zip(times);
            let points = points.map(|(at, ms)| point(f64::from(at) * 1e3, ms * 1_000_000));
            Curve::new(5e3, 6, points.collect()).knee_per_s
        };
        assert_eq!(curve(&[1, 1, 1, 1, 2, 100]), Some(5e3));
        assert_eq!(
            curve(&[1, 2, 4, 8, 16, 32]),
            None,
            "a straight line on this scale"
        );
        assert_eq!(curve(&[3, 3, 3, 3]), None);
        assert_eq!(curve(&[1, 100]), None);
        assert_eq!(curve(&[]), None);
    }

    #[test]
    fn documents_are_read_back() {
        let result = sample::with_consequences();
        let mut text = Vec::new();
        write_json(&mut text, &result).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(!text.contains("null"), "{text}");
        assert_eq!(read(&text).unwrap(), Some(result));
        assert_eq!(read("{\"kind\": \"runs\"}").unwrap(), None);
        assert!(read("{\"kind\": \"capacity\"}").is_err());
    }
}
