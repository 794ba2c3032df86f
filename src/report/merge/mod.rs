//! One result of the results of several processes that sent one schedule together (`--shard`).
//!
//! The union is exact: histograms are added cell by cell and percentiles taken of the sum, never averaged;
//! accounts, attempts, errors and events are summed; rates are the summed counts over the common window, which is
//! the longest one of the parts. Any order and grouping of the parts gives the same. What cannot be added is
//! refused ([`MergeError`]) or absent: a host's facts stand in `run.merged_from`, and in `host` only what all
//! have in common.
//!
//! - [`error`]: what is refused; `check`: whether the parts are one run's; `sums`: whether a part's accounts close
//! - `run`: what was run; `settings`: its configuration; `figures`, `brokers`, `modes`: its numbers
//! - `times`: histograms

mod brokers;
mod check;
pub mod error;
mod figures;
mod modes;
mod run;
mod settings;
mod sums;
mod times;

#[cfg(test)]
mod tests;

use crate::config::threshold::Threshold;
use crate::verdict::merge::{PartVerdict, Union, merge as merge_verdicts};

pub use check::BEGIN_TOLERANCE;
pub use error::MergeError;

use super::bodies;
use super::figures::ThresholdOutcome;
use super::named;
use super::result::{RunResult, SCHEMA_VERSION};

/// A result and what it is called in errors: the name of its file.
#[derive(Debug, Clone)]
pub struct Part {
    /// Name for errors.
    pub name: String,
    /// The result of one process, or one that was merged before.
    pub result: RunResult,
}

/// The union of the results of one run.
///
/// With `partial`, shards may be missing: the result then names them and is degraded.
///
/// # Errors
/// [`MergeError`] where the parts are not all of one run's, or one of them is damaged.
pub fn merge(mut parts: Vec<Part>, partial: bool) -> Result<RunResult, MergeError> {
    parts.iter().try_for_each(sums::check)?;
    let found = check::one_run(&parts, partial)?;
    parts.sort_by_key(run::first_shard);
    let all: Vec<&RunResult> = parts.iter().map(|part| &part.result).collect();
    let Some((first, _)) = all.split_first() else {
        return Err(MergeError::Nothing);
    };
    let per_send = first.run.batch.unwrap_or(1).max(1);
    let times = times::Times {
        parts: &parts,
        per_send,
    };
    let window = run::window(&all);
    let accounts = figures::accounts(&all);
    let retries = figures::retries(&all, times.later_attempts()?);
    let (config, config_source) = settings::union(&all);
    let verdict = verdict(&all, accounts.acked, per_send, &found);
    let mut merged = RunResult {
        schema_version: SCHEMA_VERSION,
        tool: first.tool.clone(),
        config,
        config_source,
        verdict,
        thresholds: Vec::new(),
        // Processes of one run probe nothing.
        littles_law: None,
        rate: figures::rates(&all, &accounts, window.measured_s),
        latency: times.latency()?,
        brokers: brokers::union(&times, retries.attempts)?,
        avoidance: modes::avoidance(&all),
        transactions: modes::transactions(&times)?,
        requests: modes::requests(&times)?,
        trace: modes::trace(&all),
        generator: figures::generator(&all),
        host: figures::host(&all),
        bodies: bodies::merged(&all),
        run: run::union(&all, found),
        window,
        accounts,
        // Percentiles of seconds do not add up, and their histograms are not kept.
        time_series: None,
        flow_control: figures::flow_control(&all, retries.attempts),
        retries,
    };
    super::tails::leave_out(&mut merged);
    merged.thresholds = thresholds(&merged, first);
    let merged = Part {
        name: "the merged result".to_owned(),
        result: merged,
    };
    sums::check(&merged)?;
    Ok(merged.result)
}

fn verdict(
    all: &[&RunResult],
    acked: u64,
    per_send: u64,
    found: &check::Found,
) -> crate::verdict::Verdict {
    let parts: Vec<PartVerdict<'_>> = all
        .iter()
        .map(|result| PartVerdict {
            shard: result.run.shard.map(|shard| (shard.index, shard.of)),
            verdict: &result.verdict,
        })
        .collect();
    merge_verdicts(
        &parts,
        Union {
            acked,
            messages_per_send: per_send,
            missing: found.missing.len() as u64,
            shards: found.of,
        },
    )
}

/// The thresholds of the run, which are the same in all parts, judged on the union.
fn thresholds(merged: &RunResult, first: &RunResult) -> Vec<ThresholdOutcome> {
    let figures = |name: &str| named::figure(merged, name);
    let conditions = first.thresholds.iter();
    let judged = conditions.filter_map(|outcome| {
        let threshold: Threshold = outcome.condition.parse().ok()?;
        let judgement = threshold.evaluate(&figures);
        Some(ThresholdOutcome {
            condition: outcome.condition.clone(),
            passed: judgement.passed,
            value: judgement.actual,
            sentence: judgement.sentence,
        })
    });
    judged.collect()
}
