//! One window at a rate, in the figures that a search and a curve are about.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::report::RunResult;
use crate::verdict::Status;

/// What a window at a rate showed. Its whole result is in the file of `--resume`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WindowFigures {
    /// Messages planned per second.
    pub offered_per_s: f64,
    /// Seconds measured; fewer than asked for where it was cut short.
    pub measured_s: f64,
    /// Answers per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acked_per_s: Option<f64>,
    /// Median of the response time in nanoseconds, as far as there are enough samples; so those that follow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50_ns: Option<u64>,
    /// 99th percentile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_ns: Option<u64>,
    /// 99.9th percentile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p999_ns: Option<u64>,
    /// Longest response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_ns: Option<u64>,
    /// Sends that ended.
    pub ended: u64,
    /// Sends that failed or whose messages may be stored.
    pub failed_or_unknown: u64,
    /// Sends that were planned and never begun.
    pub unsent: u64,
    /// Requests that repeated a failed one.
    pub retries: u64,
    /// Refusals of brokers by their flow control, by class.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub flow_control: BTreeMap<String, u64>,
    /// CPU time of the generator per message, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generator_cpu_us_per_message: Option<f64>,
    /// Bytes of the bodies acknowledged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acked_body_bytes: Option<u64>,
    /// Whether its figures are those of the load it names.
    pub verdict: Status,
    /// Codes of the verdict's reasons, the worst first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
    /// What became of each objective.
    pub objectives: Vec<ObjectiveFigure>,
}

/// An objective in a window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ObjectiveFigure {
    /// As written.
    pub condition: String,
    /// Full name of its figure.
    pub figure: String,
    /// Whether it holds; absent where the window does not have the figure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub met: Option<bool>,
    /// The figure: nanoseconds, a share from 0 to 1, or per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
}

impl WindowFigures {
    /// Of a window's result.
    #[must_use]
    pub fn of(result: &RunResult, offered_per_s: f64, objectives: Vec<ObjectiveFigure>) -> Self {
        let accounts = &result.accounts;
        let response = result.latency.response.as_ref();
        Self {
            offered_per_s,
            measured_s: result.window.measured_s,
            acked_per_s: result.rate.acked_per_s,
            p50_ns: response.and_then(|response| response.p50_ns),
            p99_ns: response.and_then(|response| response.p99_ns),
            p999_ns: response.and_then(|response| response.p999_ns),
            max_ns: response.and_then(|response| response.max_ns),
            ended: accounts.acked + accounts.failed + accounts.unknown,
            failed_or_unknown: accounts.failed + accounts.unknown,
            unsent: accounts.unsent,
            retries: result
                .retries
                .attempts
                .saturating_sub(first_attempts(result)),
            flow_control: result
                .flow_control
                .iter()
                .map(|refused| (refused.class.clone(), refused.attempts))
                .collect(),
            generator_cpu_us_per_message: result.generator.cpu_us_per_message,
            acked_body_bytes: result.bodies.as_ref().map(|bodies| bodies.acked_bytes),
            verdict: result.verdict.status,
            reasons: result
                .verdict
                .reasons
                .iter()
                .map(|reason| reason.code.name().to_owned())
                .collect(),
            objectives,
        }
    }

    /// Share of the ended sends that failed or are unknown.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "a share")]
    pub fn error_share(&self) -> Option<f64> {
        (self.ended > 0).then(|| self.failed_or_unknown as f64 / self.ended as f64)
    }
}

/// Attempts that repeated none.
fn first_attempts(result: &RunResult) -> u64 {
    result
        .retries
        .by_attempt
        .first()
        .copied()
        .unwrap_or_default()
}
