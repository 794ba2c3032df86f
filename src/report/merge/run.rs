//! What was run: the parts, their common window, and the run they make.

use sha1::{Digest, Sha1};

use super::super::part::MergedPart;
use super::super::result::{Run, RunResult, StopReason, Target, TargetBroker, Window};
use super::check::Found;
use super::{MergeError, Part};

/// The results a part is made of: itself, or what it was merged from.
pub(super) fn parts(part: &Part) -> Result<Vec<MergedPart>, MergeError> {
    let result = &part.result;
    let run = &result.run;
    if !run.merged_from.is_empty() {
        return Ok(run.merged_from.clone());
    }
    let name = part.name.clone();
    let Some(shard) = run.shard else {
        return Err(MergeError::NoShard { name });
    };
    let Some(began_at) = run.began_at.clone() else {
        let why = "written by an older version".to_owned();
        return Err(MergeError::NoBegin { name, why });
    };
    Ok(vec![MergedPart {
        id: run.id.clone(),
        shard,
        began_at,
        stop_reason: run.stop_reason,
        verdict: result.verdict.status,
        planned: result.accounts.planned,
        acked: result.accounts.acked,
        host: result.host.clone(),
    }])
}

/// The lowest shard of a part, which gives its place.
pub(super) fn first_shard(part: &Part) -> Option<u64> {
    let run = &part.result.run;
    let merged = run.merged_from.iter().map(|leaf| leaf.shard.index).min();
    merged.or(run.shard.map(|shard| shard.index))
}

fn longest(lengths: impl Iterator<Item = f64>) -> f64 {
    lengths.fold(0.0, f64::max)
}

/// All windows begin together, so the longest is that of all.
pub(super) fn window(all: &[&RunResult]) -> Window {
    let of = |which: fn(&Window) -> f64| longest(all.iter().map(|result| which(&result.window)));
    let ended = |result: &RunResult| result.window.warmup_ended;
    let first = all.first().and_then(|result| ended(result));
    Window {
        warmup_ended: first.filter(|first| all.iter().all(|result| ended(result) == Some(*first))),
        warmup_s: of(|window| window.warmup_s),
        measured_s: of(|window| window.measured_s),
        drain_s: of(|window| window.drain_s),
    }
}

pub(super) fn union(all: &[&RunResult], found: Found) -> Run {
    let runs = || all.iter().map(|result| &result.run);
    // The parts were checked not to be none and to be alike in what is taken from the first.
    let Some(first) = runs().next() else {
        unreachable!("a run has a part");
    };
    let sum = |which: fn(&Run) -> Option<u64>| {
        let limits: Option<Vec<u64>> = runs().map(which).collect();
        limits.map(|limits| limits.into_iter().fold(0, u64::saturating_add))
    };
    let earliest = |which: fn(&Run) -> Option<&String>| {
        let stamps = runs().filter_map(which);
        let dated = stamps.map(|text| (text.parse::<jiff::Timestamp>().ok(), text));
        dated.min().map(|(_, text)| text.clone())
    };
    let same_start = runs().all(|run| run.start_at == first.start_at);
    Run {
        id: id(&found.parts),
        started_at: earliest(|run| Some(&run.started_at)).unwrap_or_default(),
        began_at: earliest(|run| run.began_at.as_ref()),
        start_at: first.start_at.clone().filter(|_| same_start),
        shard: None,
        command: first.command.clone(),
        mode: first.mode,
        load_model: first.load_model,
        callers: sum(|run| run.callers),
        in_flight_limit: sum(|run| run.in_flight_limit),
        batch: first.batch,
        stop_reason: stop_reason(runs().map(|run| run.stop_reason)),
        target: target(all),
        topic: first.topic.clone(),
        topic_created: runs()
            .any(|run| run.topic_created == Some(true))
            .then_some(true),
        group: first.group.clone(),
        merged_from: found.parts,
        missing_shards: found.missing,
        repetition: None,
    }
}

/// An identity that any grouping of the same parts has.
fn id(parts: &[MergedPart]) -> String {
    let mut hash = Sha1::new();
    for part in parts {
        hash.update(part.id.as_bytes());
        hash.update(b"\n");
    }
    hash.finalize()
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The one that leaves most out.
fn stop_reason(reasons: impl Iterator<Item = StopReason>) -> StopReason {
    let rank = |reason: &StopReason| match reason {
        StopReason::Duration => 0,
        StopReason::Count => 1,
        StopReason::Interrupted => 2,
        StopReason::Aborted => 3,
    };
    reasons.max_by_key(rank).unwrap_or(StopReason::Duration)
}

/// Every broker that was in a route, by name.
fn target(all: &[&RunResult]) -> Target {
    let targets = || all.iter().map(|result| &result.run.target);
    let mut brokers: Vec<TargetBroker> = targets()
        .flat_map(|target| target.brokers.clone())
        .collect();
    brokers
        .sort_by(|a, b| (&a.name, &a.address, &a.version).cmp(&(&b.name, &b.address, &b.version)));
    brokers.dedup_by(|later, first| later.name == first.name);
    let Some(first) = targets().next() else {
        unreachable!("a run has a part");
    };
    Target {
        kind: first.kind,
        namesrv: first.namesrv.clone(),
        brokers,
        left_out: first.left_out.clone(),
    }
}
