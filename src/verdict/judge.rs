//! The limits, and the sentences that say what passed them.

use crate::metrics::units::{count, counted, percent};

use super::evidence::{Ending, Evidence, Pacing};
use super::reason::{Reason, ReasonCode, Status, Verdict, number};
use super::{schedule, steadiness, surroundings};

/// Share of a core, or of all CPUs, from which on waiting for the CPU distorts what is timed.
const CPU_LIMIT: f64 = 0.8;
/// Share of failed sends from which on the figures of the others are no picture of the whole.
const ERROR_LIMIT: f64 = 0.01;
/// Acknowledged sends needed for a 99th percentile.
const SAMPLES_FOR_P99: u64 = 1_000;

/// Judges a run; see the [table](crate::verdict) for the limits.
#[must_use]
pub fn judge(evidence: &Evidence) -> Verdict {
    let [mut late_schedule, mut rate_missed, cap_reached] = schedule::findings(evidence);
    let mut too_few_samples = too_few_samples(evidence);
    if evidence.ending == Ending::Aborted {
        // They are why it stopped, or follow from it.
        (late_schedule, rate_missed, too_few_samples) = (None, None, None);
    }
    // A schedule the generator did not keep says nothing of what the cluster carries.
    let kept = late_schedule.is_none() && rate_missed.is_none();
    let [unstable, not_steady, warmup_backlog, unsteady_run] = steadiness::findings(evidence, kept);
    let causes = [
        surroundings::cpu_throttled(evidence),
        surroundings::cpu_stolen(evidence),
        // It takes CPU from the others, which then wait.
        surroundings::embedded_cluster(evidence),
        surroundings::standstills(evidence),
        surroundings::host_stalls(evidence),
        generator_cpu(evidence),
        surroundings::socket_full(evidence),
    ];
    let effects = [late_schedule, rate_missed];
    let others = [
        aborted(evidence),
        too_few_samples,
        cap_reached,
        unstable,
        not_steady,
        warmup_backlog,
        unsteady_run,
        failed_sends(evidence),
        unknown_results(evidence),
        drain_unanswered(evidence),
        clamped_values(evidence),
        surroundings::clock_trouble(evidence),
        surroundings::result_writer(evidence),
        interrupted(evidence),
    ];
    let mut causes: Vec<Reason> = causes.into_iter().flatten().collect();
    let effects: Vec<Reason> = effects.into_iter().flatten().collect();
    // What made the run late is as bad as that it was.
    if let (Some(cause), false) = (causes.first_mut(), effects.is_empty()) {
        cause.status = Status::Invalid;
    }
    causes.extend(effects);
    causes.extend(others.into_iter().flatten());
    Verdict::of(causes)
}

fn generator_cpu(evidence: &Evidence) -> Option<Reason> {
    let open = evidence.pacing != Pacing::Closed;
    let advice = if open {
        "times then include waiting for the CPU. Lower --rate, raise --shards, or use a larger machine"
    } else {
        "the rate reached is the generator's limit, not the cluster's. Raise --shards or use a larger machine"
    };
    if let Some(total) = evidence.cpu.total_share.filter(|total| *total > CPU_LIMIT) {
        let detail = format!(
            "the generator used {} of the CPUs it may use, limit {}: {advice}",
            percent(total),
            percent(CPU_LIMIT)
        );
        let status = if open {
            Status::Invalid
        } else {
            Status::Degraded
        };
        return Some(Reason::new(
            ReasonCode::GeneratorCpu,
            status,
            detail,
            total,
            CPU_LIMIT,
        ));
    }
    let busiest = evidence
        .cpu
        .threads
        .iter()
        .max_by(|a, b| a.share.total_cmp(&b.share))?;
    if busiest.share < CPU_LIMIT {
        return None;
    }
    let detail = format!(
        "generator thread {} used {} of a core, limit {}: {advice}",
        busiest.name,
        percent(busiest.share),
        percent(CPU_LIMIT)
    );
    Some(Reason::new(
        ReasonCode::GeneratorCpu,
        Status::Degraded,
        detail,
        busiest.share,
        CPU_LIMIT,
    ))
}

fn too_few_samples(evidence: &Evidence) -> Option<Reason> {
    if evidence.acked == 0 && evidence.ending == Ending::Interrupted && evidence.sent == 0 {
        let detail = "the run was interrupted before its window had begun: nothing is measured";
        return Some(few(0, Status::Invalid, detail.to_owned()));
    }
    too_few_acked(evidence.acked, evidence.messages_per_send)
}

/// Whether so many acknowledged messages, sent so many at a time, are too few for percentiles.
pub(super) fn too_few_acked(acked: u64, messages_per_send: u64) -> Option<Reason> {
    let sends = acked / messages_per_send.max(1);
    if acked == 0 {
        let detail = "no send was acknowledged: there is nothing to measure. See the errors";
        return Some(few(0, Status::Invalid, detail.to_owned()));
    }
    (sends < SAMPLES_FOR_P99).then(|| {
        let (have, need) = (counted(sends, "send"), count(SAMPLES_FOR_P99));
        let detail = format!(
            "only {have} acknowledged; a 99th percentile needs {need}. Raise --duration or --count"
        );
        few(acked, Status::Degraded, detail)
    })
}

fn few(acked: u64, status: Status, detail: String) -> Reason {
    let (value, limit) = (number(acked), number(SAMPLES_FOR_P99));
    Reason::new(ReasonCode::TooFewSamples, status, detail, value, limit)
}

fn failed_sends(evidence: &Evidence) -> Option<Reason> {
    let share = evidence.error_share.filter(|share| *share > ERROR_LIMIT)?;
    let detail = format!(
        "{} of the sends failed or stayed without an answer, limit {}: read the times \"with failures\" too",
        percent(share),
        percent(ERROR_LIMIT),
    );
    Some(Reason::new(
        ReasonCode::FailedSends,
        Status::Degraded,
        detail,
        share,
        ERROR_LIMIT,
    ))
}

fn unknown_results(evidence: &Evidence) -> Option<Reason> {
    let unknown = evidence.unknown.saturating_sub(evidence.drain_unanswered);
    let detail = format!(
        "{} ended without an answer after bytes had left: their messages may or may not be stored",
        counted(unknown, "send")
    );
    (unknown > 0).then(|| {
        Reason::new(
            ReasonCode::UnknownResults,
            Status::Degraded,
            detail,
            number(unknown),
            0.0,
        )
    })
}

fn drain_unanswered(evidence: &Evidence) -> Option<Reason> {
    let left = evidence.drain_unanswered;
    let detail = format!(
        "unanswered when the drain ended: {}. The longest times of this run are not known",
        count(left)
    );
    (left > 0).then(|| {
        Reason::new(
            ReasonCode::DrainUnanswered,
            Status::Degraded,
            detail,
            number(left),
            0.0,
        )
    })
}

fn clamped_values(evidence: &Evidence) -> Option<Reason> {
    let clamped = evidence.clamped;
    let detail = format!(
        "{} longer than 120 s, taken for 120 s by the percentiles",
        counted(clamped, "time")
    );
    (clamped > 0).then(|| {
        Reason::new(
            ReasonCode::ClampedValues,
            Status::Degraded,
            detail,
            number(clamped),
            0.0,
        )
    })
}

fn aborted(evidence: &Evidence) -> Option<Reason> {
    let detail = match evidence.measured_ns {
        Some(0) => {
            "the run stopped itself in the warm-up, when its schedule fell behind (--when-late abort)"
        }
        _ => "the run stopped itself when its schedule fell behind (--when-late abort)",
    };
    (evidence.ending == Ending::Aborted)
        .then(|| Reason::plain(ReasonCode::Aborted, Status::Invalid, detail))
}

fn interrupted(evidence: &Evidence) -> Option<Reason> {
    let detail = "the run was interrupted: the figures are those of the time until then";
    (evidence.ending == Ending::Interrupted && evidence.sent > 0)
        .then(|| Reason::plain(ReasonCode::Interrupted, Status::Degraded, detail))
}

#[cfg(test)]
mod tests;
