//! What may be compared at all: the same run counts once, figures that mean different things are not set
//! against one another, and a run that is no measurement decides nothing, unless the user insists.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use thiserror::Error;

use crate::verdict::Status;

use super::super::result::{RunResult, StopReason};
use super::super::stored::Stored;
use super::super::text::target_line;
use super::document::{GroupFacts, RunFact, SettingDifference};

/// Settings that change what is written, or what is random, and nothing that is measured; and what the
/// run itself says about its threads.
const NOT_MEASURED: [&str; 15] = [
    "audit",
    "bundle",
    "fail_if",
    "format",
    "hlog",
    "intervals",
    "max_error_rate",
    "no_color",
    "no_progress",
    "output",
    "quiet",
    "runs",
    "seed",
    "shards_why",
    "strict",
];

/// Why two groups are not compared.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ComparisonError {
    /// A group without runs.
    #[error("the {0} has no run")]
    Empty(&'static str),
    /// A run that stands in the groups twice.
    #[error("run {id} is there twice, as {first} and as {second}: it would count twice")]
    Twice {
        /// Its identity.
        id: String,
        /// Where it was read first.
        first: String,
        /// And again.
        second: String,
    },
    /// What can't be set against one another, or is no measurement; all of it.
    #[error("{}", .0.join("; "))]
    Doubtful(Vec<String>),
}

/// What would make the comparison say something else than it seems to; refused unless insisted on.
pub(super) fn refusals(baseline: &[Stored], candidate: &[Stored]) -> Vec<String> {
    let mut refusals = Vec::new();
    for stored in baseline.iter().chain(candidate) {
        let verdict = &stored.result.verdict;
        if verdict.status == Status::Invalid {
            let reasons = verdict.reasons.iter().map(|reason| reason.code.name());
            refusals.push(format!(
                "{} is INVALID ({}): its figures are not those of the load it names",
                stored.from,
                reasons.collect::<Vec<_>>().join(", ")
            ));
        }
    }
    let both = || {
        baseline
            .iter()
            .chain(candidate)
            .map(|stored| &stored.result)
    };
    let mut apart = |what: &str, of: &dyn Fn(&RunResult) -> String| {
        let kinds: BTreeSet<String> = both().map(of).collect();
        if kinds.len() > 1 {
            let kinds: Vec<_> = kinds.into_iter().collect();
            refusals.push(format!("runs of different {what}: {}", kinds.join(" and ")));
        }
    };
    apart("modes", &|result| result.run.mode.name().to_owned());
    apart("targets", &|result| match result.run.target.kind.name() {
        "embedded" => "an embedded cluster, which is not Apache RocketMQ,".to_owned(),
        name => format!("a {name}"),
    });
    apart(
        "load models (an open loop counts from planned times, a closed one does not)",
        &|result| result.run.load_model.name().to_owned(),
    );
    for (name, group) in [("baseline", baseline), ("candidate", candidate)] {
        let differing: Vec<String> = differences(group, &[])
            .into_iter()
            .map(|difference| difference.key)
            .collect();
        if !differing.is_empty() {
            refusals.push(format!(
                "the {name} is no group: its runs differ in {}",
                differing.join(", ")
            ));
        }
    }
    refusals
}

/// The same run twice.
pub(super) fn repeated(baseline: &[Stored], candidate: &[Stored]) -> Result<(), ComparisonError> {
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    for stored in baseline.iter().chain(candidate) {
        let id = stored.result.run.id.as_str();
        if let Some(first) = seen.insert(id, &stored.from) {
            return Err(ComparisonError::Twice {
                id: id.to_owned(),
                first: first.to_owned(),
                second: stored.from.clone(),
            });
        }
    }
    Ok(())
}

/// What weakens the comparison and does not forbid it.
pub(super) fn doubts(baseline: &[Stored], candidate: &[Stored]) -> Vec<String> {
    let mut doubts = Vec::new();
    let both = || {
        baseline
            .iter()
            .chain(candidate)
            .map(|stored| &stored.result)
    };
    let how_many = |of: &dyn Fn(&RunResult) -> bool| both().filter(|result| of(result)).count();
    let degraded = how_many(&|result| result.verdict.status == Status::Degraded);
    if degraded > 0 {
        doubts.push(format!(
            "{degraded} of {} runs are DEGRADED: their figures hold with caution",
            both().count()
        ));
    }
    let cut = how_many(&|result| result.run.stop_reason == StopReason::Interrupted);
    if cut > 0 {
        doubts.push(format!("{cut} of {} runs were interrupted", both().count()));
    }
    if hosts(baseline) != hosts(candidate) {
        doubts.push("the groups ran on different machines".to_owned());
    }
    if versions(baseline) != versions(candidate) {
        doubts.push("the groups were measured by different versions of rmq-bench".to_owned());
    }
    if one_after_the_other(baseline, candidate) {
        doubts.push(
            "all runs of one group were made before all of the other: what changed meanwhile on machine or \
             cluster looks like a difference; let the groups take turns"
                .to_owned(),
        );
    }
    doubts
}

/// Whether the groups did not take turns.
fn one_after_the_other(baseline: &[Stored], candidate: &[Stored]) -> bool {
    let times = |group: &[Stored]| -> Option<(jiff::Timestamp, jiff::Timestamp)> {
        let begun = group
            .iter()
            .map(|stored| stored.result.run.started_at.parse().ok());
        let mut begun: Vec<jiff::Timestamp> = begun.collect::<Option<_>>()?;
        begun.sort();
        Some((*begun.first()?, *begun.last()?))
    };
    // Single runs have no turns to take.
    if baseline.len() < 2 || candidate.len() < 2 {
        return false;
    }
    times(baseline)
        .zip(times(candidate))
        .is_some_and(|((from_a, to_a), (from_b, to_b))| to_a < from_b || to_b < from_a)
}

fn versions(group: &[Stored]) -> BTreeSet<String> {
    let version = |stored: &Stored| {
        let tool = &stored.result.tool;
        match &tool.git {
            Some(commit) => format!("{} ({commit})", tool.version),
            None => tool.version.clone(),
        }
    };
    group.iter().map(version).collect()
}

fn hosts(group: &[Stored]) -> BTreeSet<String> {
    let host = |stored: &Stored| {
        let host = &stored.result.host;
        let kernel = host.kernel.as_deref().unwrap_or("unknown kernel");
        match host.cpus {
            Some(cpus) => format!("{kernel}, {cpus} CPUs"),
            None => kernel.to_owned(),
        }
    };
    group.iter().map(host).collect()
}

fn targets(group: &[Stored]) -> BTreeSet<String> {
    let target = |stored: &Stored| {
        let versions: BTreeSet<&str> = stored
            .result
            .run
            .target
            .brokers
            .iter()
            .filter_map(|broker| broker.version.as_deref())
            .collect();
        let line = target_line(&stored.result);
        if versions.is_empty() {
            return line;
        }
        let versions: Vec<_> = versions.into_iter().collect();
        format!("{line}, RocketMQ {}", versions.join(" and "))
    };
    group.iter().map(target).collect()
}

/// What a group is.
pub(super) fn facts(group: &[Stored]) -> GroupFacts {
    let run = |stored: &Stored| RunFact {
        from: stored.from.clone(),
        id: stored.result.run.id.clone(),
        started_at: stored.result.run.started_at.clone(),
        verdict: stored.result.verdict.status,
    };
    GroupFacts {
        runs: group.iter().map(run).collect(),
        targets: targets(group).into_iter().collect(),
        versions: versions(group).into_iter().collect(),
        hosts: hosts(group).into_iter().collect(),
    }
}

/// Settings with more than one value over both groups.
pub(super) fn differences(baseline: &[Stored], candidate: &[Stored]) -> Vec<SettingDifference> {
    let both = || baseline.iter().chain(candidate);
    let keys: BTreeSet<&String> = both()
        .flat_map(|stored| stored.result.config.keys())
        .collect();
    let measured = keys
        .into_iter()
        .filter(|key| !NOT_MEASURED.contains(&key.as_str()));
    let difference = |key: &String| {
        let first = both().next()?.result.config.get(key);
        let differs = both().any(|stored| stored.result.config.get(key) != first);
        differs.then(|| SettingDifference {
            key: key.clone(),
            baseline: values(baseline, key),
            candidate: values(candidate, key),
        })
    };
    measured.filter_map(difference).collect()
}

fn values(group: &[Stored], key: &str) -> Vec<Value> {
    let mut values: Vec<Value> = Vec::new();
    for value in group
        .iter()
        .filter_map(|stored| stored.result.config.get(key))
    {
        if !values.contains(value) {
            values.push(value.clone());
        }
    }
    values
}
