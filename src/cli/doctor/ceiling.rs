//! What the generator can do on this machine: short runs of `produce` against an embedded cluster.

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::failure::Failure;
use crate::cli::produce_run;
use crate::config::setting::{Layer, RawValue};
use crate::config::{ConfigError, RunPlan, Source, Sources, resolve};
use crate::load::{StopLevel, StopSignal};
use crate::report::RunResult;
use crate::verdict::{ReasonCode, Status};

/// Sent before each run's window.
const WARMUP: &str = "300ms";
/// Rates tried, as parts of the ceiling: the first that holds is the one.
const SHARES: [f64; 5] = [0.5, 0.25, 0.125, 0.0625, 0.03125];

/// One short run against an embedded cluster of two brokers.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(super) struct Trial {
    /// Threads that sent.
    pub(super) shards: u32,
    /// Rate asked for; absent where it was as fast as answers allow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) planned_per_s: Option<f64>,
    /// Acknowledged per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) acked_per_s: Option<f64>,
    /// CPU of the generator in microseconds per message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cpu_us_per_message: Option<f64>,
    /// CPU of the generator in per cent of one core.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cpu_percent: Option<f64>,
    /// 99th percentile of the lateness in nanoseconds, of a paced run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) lateness_p99_ns: Option<u64>,
    /// 99th percentile of the response time in nanoseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) response_p99_ns: Option<u64>,
    /// The run's verdict on itself.
    pub(super) verdict: Status,
    /// What it had to say.
    pub(super) reasons: Vec<ReasonCode>,
}

impl Trial {
    fn of(result: &RunResult) -> Self {
        let open = result.rate.planned_per_s;
        let lateness = result.latency.lateness.p99_ns;
        Self {
            shards: result.generator.shards,
            planned_per_s: open,
            acked_per_s: result.rate.acked_per_s,
            cpu_us_per_message: result.generator.cpu_us_per_message,
            cpu_percent: result.generator.cpu_percent,
            lateness_p99_ns: lateness.filter(|_| open.is_some()),
            response_p99_ns: result
                .latency
                .response
                .as_ref()
                .and_then(|times| times.p99_ns),
            verdict: result.verdict.status,
            reasons: result
                .verdict
                .reasons
                .iter()
                .map(|reason| reason.code)
                .collect(),
        }
    }

    /// Whether its figures are those of the load it names: nothing of the generator's or the host's
    /// doing is in them.
    pub(super) fn held(&self) -> bool {
        self.verdict == Status::Valid
    }
}

/// What the runs found.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(super) struct Ceiling {
    /// Body bytes of every message.
    pub(super) body_bytes: u64,
    /// As fast as answers allow: with one thread, and with as many as `produce` would take.
    pub(super) closed: Vec<Trial>,
    /// At parts of the best of these, until one held.
    pub(super) paced: Vec<Trial>,
}

/// Why there are no such figures.
#[derive(Debug)]
pub(super) enum CeilingError {
    Config(Box<ConfigError>),
    Run(Failure),
}

impl Ceiling {
    /// Runs of `length` each, with bodies of this size as text; a stop ends it early.
    pub(super) fn find(
        size: &str,
        length: Duration,
        stop: &Arc<StopSignal>,
        mut tell: impl FnMut(&str),
    ) -> Result<Self, CeilingError> {
        let mut ceiling = Self {
            body_bytes: 0,
            closed: Vec::new(),
            paced: Vec::new(),
        };
        let run = |rate: &str, shards: Option<&str>| -> Result<(Trial, u64), CeilingError> {
            let plan = plan(size, length, rate, shards)
                .map_err(|error| CeilingError::Config(Box::new(error)))?;
            let bytes = plan.load.message.body_bytes as u64;
            let measured =
                produce_run::measure(&plan, Arc::clone(stop), None).map_err(CeilingError::Run)?;
            Ok((Trial::of(&measured.result), bytes))
        };
        let on = || stop.level() == StopLevel::None;
        tell("as fast as an embedded cluster answers, one sending thread");
        let (one, bytes) = run("max", Some("1"))?;
        ceiling.body_bytes = bytes;
        ceiling.closed.push(one);
        if on() && std::thread::available_parallelism().is_ok_and(|cpus| cpus.get() > 2) {
            tell("the same with as many threads as produce would take");
            ceiling.closed.push(run("max", None)?.0);
        }
        for share in SHARES.into_iter().filter(|_| on()) {
            let Some(rate) = ceiling.best_per_s().map(|best| round(best * share)) else {
                break;
            };
            tell(&format!("paced, {share} of that"));
            let (trial, _) = run(&rate.to_string(), None)?;
            let held = trial.held();
            ceiling.paced.push(trial);
            if held || !on() {
                break;
            }
        }
        Ok(ceiling)
    }

    /// Most messages acknowledged per second.
    pub(super) fn best_per_s(&self) -> Option<f64> {
        let rates = self.closed.iter().filter_map(|trial| trial.acked_per_s);
        rates.max_by(f64::total_cmp)
    }
}

/// To two digits, downwards: what is tried should read well and be no more than the share says.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate: not negative, far below 2^63"
)]
fn round(rate: f64) -> u64 {
    let step = 10f64.powf((rate.max(100.0).log10()).floor() - 1.0);
    ((rate / step).floor() * step).max(1.0) as u64
}

fn plan(
    size: &str,
    length: Duration,
    rate: &str,
    shards: Option<&str>,
) -> Result<RunPlan, ConfigError> {
    let length = format!("{}ms", length.as_millis());
    let given = [
        ("size", Some(size)),
        ("rate", Some(rate)),
        ("duration", Some(&*length)),
        ("warmup", Some(WARMUP)),
        ("quiet", Some("true")),
        ("in-flight", Some("1024").filter(|_| rate == "max")),
        ("shards", shards),
    ];
    let layer: Layer = given
        .into_iter()
        .filter_map(|(key, text)| {
            let raw = RawValue {
                texts: vec![text?.to_owned()],
                source: Source::CommandLine,
            };
            Some((key, raw))
        })
        .collect();
    resolve(&Sources {
        profile: None,
        environment: Layer::new(),
        command_line: layer,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_read_well_and_are_no_more_than_asked() {
        assert_eq!(round(1_487_123.0), 1_400_000);
        assert_eq!(round(99_999.0), 99_000);
        assert_eq!(round(123.0), 120);
        assert_eq!(round(7.0), 1);
    }
}
