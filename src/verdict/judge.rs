//! The limits, and the sentences that say what passed them.

use crate::metrics::units::{count, duration, percent, rate};

use super::evidence::{Cap, CapKind, Ending, Evidence, NoiseProbe, Pacing, Tick};
use super::reason::{Reason, ReasonCode, Status, Verdict};

/// A schedule without a tick is held to this one, in nanoseconds: below it the wake-up itself, not the
/// generator, decides.
const PER_MESSAGE_TICK_NS: u64 = 250_000;
/// Largest difference between begun and planned rate, as a share of the planned.
const RATE_TOLERANCE: f64 = 0.001;
/// Share of a core, or of all CPUs, from which on waiting for the CPU distorts what is timed.
const CPU_LIMIT: f64 = 0.8;
/// Share of blocked ticks that explains a late 99th percentile: the late one in a hundred.
const CAP_EXPLAINS_P99: f64 = 0.01;
/// Share of blocked ticks that explains a late median.
const CAP_EXPLAINS_P50: f64 = 0.25;
/// Growth of the sends in flight, as a share of the sends begun, that no steady state shows.
const GROWTH_LIMIT: f64 = 0.01;
/// Share of failed sends from which on the figures of the others are no picture of the whole.
const ERROR_LIMIT: f64 = 0.01;
/// Acknowledged sends needed for a 99th percentile.
const SAMPLES_FOR_P99: u64 = 1_000;
/// Share of the probe's time that may be lost: some of it is on every shared machine.
const STOLEN_LIMIT: f64 = 0.05;

/// Judges a run; see the [table](crate::verdict) for the limits.
#[must_use]
pub fn judge(evidence: &Evidence) -> Verdict {
    let late = late(evidence);
    let missed = missed(evidence);
    let capped = [
        late.as_ref().map(|late| late.capped),
        missed.as_ref().map(|missed| missed.capped),
    ];
    let cap = evidence.cap.filter(|_| capped.contains(&Some(true)));
    let reasons = [
        late.filter(|late| !late.capped)
            .map(|late| late_schedule(&late, evidence.probe)),
        missed
            .filter(|missed| !missed.capped)
            .map(|missed| rate_missed(&missed, evidence)),
        generator_cpu(evidence),
        aborted(evidence),
        too_few_samples(evidence),
        cap.map(|cap| cap_reached(cap, evidence)),
        unstable(evidence),
        failed_sends(evidence),
        unknown_results(evidence),
        drain_unanswered(evidence),
        clamped_values(evidence),
        host_stalls(evidence),
        interrupted(evidence),
    ];
    Verdict::of(reasons.into_iter().flatten().collect())
}

fn reason(code: ReasonCode, status: Status, detail: String, value: f64, limit: f64) -> Reason {
    Reason {
        code,
        status,
        detail,
        value: Some(value),
        limit: Some(limit),
    }
}

#[allow(
    clippy::cast_precision_loss,
    reason = "values of a verdict are read, not added"
)]
fn number(n: u64) -> f64 {
    n as f64
}

/// A schedule that was not kept.
struct Late {
    which: &'static str,
    value_ns: u64,
    limit_ns: u64,
    capped: bool,
}

fn late(evidence: &Evidence) -> Option<Late> {
    let Pacing::Open(tick) = evidence.pacing else {
        return None;
    };
    let tick_ns = match tick {
        Tick::Every(ns) => ns,
        Tick::PerMessage => PER_MESSAGE_TICK_NS,
    };
    let lateness = evidence.lateness?;
    let blocked = evidence.cap.map_or(0.0, |cap| cap.blocked_share);
    let p50_limit_ns = tick_ns.saturating_mul(6) / 10;
    if lateness.p50_ns > p50_limit_ns {
        let capped = blocked >= CAP_EXPLAINS_P50;
        return Some(Late {
            which: "median",
            value_ns: lateness.p50_ns,
            limit_ns: p50_limit_ns,
            capped,
        });
    }
    let p99_ns = lateness.p99_ns?;
    let p99_limit_ns =
        (tick_ns.saturating_mul(3) / 2).max(evidence.response_p50_ns.unwrap_or(0) / 10);
    let capped = blocked >= CAP_EXPLAINS_P99;
    (p99_ns > p99_limit_ns).then_some(Late {
        which: "p99",
        value_ns: p99_ns,
        limit_ns: p99_limit_ns,
        capped,
    })
}

fn late_schedule(late: &Late, probe: Option<NoiseProbe>) -> Reason {
    let mut detail = format!(
        "sends were begun later than planned: lateness {} {}, limit {}, and the cluster did not cause it. \
         Lower --rate, raise --shards, or leave more CPU to the generator",
        late.which,
        duration(late.value_ns),
        duration(late.limit_ns),
    );
    if let Some(probe) = probe.filter(|probe| probe.longest_gap_ns > late.limit_ns) {
        let gap = duration(probe.longest_gap_ns);
        detail +=
            &format!("; the machine stopped a thread that only reads the clock for up to {gap}");
    }
    let (value, limit) = (number(late.value_ns), number(late.limit_ns));
    reason(
        ReasonCode::LateSchedule,
        Status::Invalid,
        detail,
        value,
        limit,
    )
}

/// A rate that was not sent.
struct Missed {
    planned_per_s: f64,
    sent_per_s: f64,
    share: f64,
    capped: bool,
}

fn missed(evidence: &Evidence) -> Option<Missed> {
    let Pacing::Open(_) = evidence.pacing else {
        return None;
    };
    let planned_per_s = evidence.planned_per_s.filter(|rate| *rate > 0.0)?;
    let sent_per_s = evidence.sent_per_s?;
    let share = (sent_per_s - planned_per_s).abs() / planned_per_s;
    let capped =
        sent_per_s < planned_per_s && evidence.cap.is_some_and(|cap| cap.blocked_share >= share);
    (share > RATE_TOLERANCE).then_some(Missed {
        planned_per_s,
        sent_per_s,
        share,
        capped,
    })
}

fn rate_missed(missed: &Missed, evidence: &Evidence) -> Reason {
    let mut detail = format!(
        "{} were begun where {} were planned: {} off, limit {}",
        rate(missed.sent_per_s),
        rate(missed.planned_per_s),
        percent(missed.share),
        percent(RATE_TOLERANCE),
    );
    if evidence.unsent > 0 {
        detail += &format!("; {} sends were left out", count(evidence.unsent));
    }
    detail += ". Lower --rate, raise --shards, or leave more CPU to the generator";
    reason(
        ReasonCode::RateMissed,
        Status::Invalid,
        detail,
        missed.share,
        RATE_TOLERANCE,
    )
}

fn cap_reached(cap: Cap, evidence: &Evidence) -> Reason {
    let (limit, option) = match cap.kind {
        CapKind::InFlight => (
            format!("{} sends in flight", count(cap.limit)),
            "--in-flight",
        ),
        CapKind::Callers => (format!("{} callers", count(cap.limit)), "--callers"),
    };
    let planned = evidence
        .planned_per_s
        .map_or_else(|| "the rate".to_owned(), rate);
    let acked = evidence
        .acked_per_s
        .map(|acked| format!(" (acknowledged {})", rate(acked)));
    let detail = format!(
        "the cluster did not carry {planned}{} with {limit}: in {} of the ticks a due send found no room and \
         waited here, which its response time includes. Raise {option}, or lower --rate",
        acked.unwrap_or_default(),
        percent(cap.blocked_share),
    );
    reason(
        ReasonCode::CapReached,
        Status::Degraded,
        detail,
        cap.blocked_share,
        CAP_EXPLAINS_P99,
    )
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
        return Some(reason(
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
    Some(reason(
        ReasonCode::GeneratorCpu,
        Status::Degraded,
        detail,
        busiest.share,
        CPU_LIMIT,
    ))
}

fn too_few_samples(evidence: &Evidence) -> Option<Reason> {
    let (status, detail) = match evidence.acked {
        0 => (
            Status::Invalid,
            "no send was acknowledged: there is nothing to measure. See the errors".to_owned(),
        ),
        acked if acked < SAMPLES_FOR_P99 => {
            let (have, need) = (count(acked), count(SAMPLES_FOR_P99));
            let detail = format!(
                "{have} sends were acknowledged; a 99th percentile needs {need}. Raise --duration or --count"
            );
            (Status::Degraded, detail)
        }
        _ => return None,
    };
    let (value, limit) = (number(evidence.acked), number(SAMPLES_FOR_P99));
    Some(reason(
        ReasonCode::TooFewSamples,
        status,
        detail,
        value,
        limit,
    ))
}

fn unstable(evidence: &Evidence) -> Option<Reason> {
    let Pacing::Open(_) = evidence.pacing else {
        return None;
    };
    let growth = evidence.in_flight_growth?;
    let share = number(growth) / number(evidence.sent.max(1));
    let detail = format!(
        "sends in flight grew by {} over the window, {} of all sends, limit {}: the cluster falls behind this \
         rate, and a longer run would show longer times. Lower --rate",
        count(growth),
        percent(share),
        percent(GROWTH_LIMIT),
    );
    (share > GROWTH_LIMIT).then(|| {
        reason(
            ReasonCode::Unstable,
            Status::Degraded,
            detail,
            share,
            GROWTH_LIMIT,
        )
    })
}

fn failed_sends(evidence: &Evidence) -> Option<Reason> {
    let share = evidence.error_share.filter(|share| *share > ERROR_LIMIT)?;
    let detail = format!(
        "{} of the sends failed or stayed without an answer, limit {}: read the times \"with failures\" too",
        percent(share),
        percent(ERROR_LIMIT),
    );
    Some(reason(
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
        "{} sends ended without an answer after bytes had left: their messages may or may not be stored",
        count(unknown)
    );
    (unknown > 0).then(|| {
        reason(
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
        "{} sends were still unanswered when the drain ended: the longest times of this run are not known",
        count(left)
    );
    (left > 0).then(|| {
        reason(
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
        "{} times were longer than 120 s; percentiles take them for 120 s",
        count(clamped)
    );
    (clamped > 0).then(|| {
        reason(
            ReasonCode::ClampedValues,
            Status::Degraded,
            detail,
            number(clamped),
            0.0,
        )
    })
}

fn host_stalls(evidence: &Evidence) -> Option<Reason> {
    let probe = evidence
        .probe
        .filter(|probe| probe.stolen_share > STOLEN_LIMIT)?;
    let detail = format!(
        "a thread that only reads the clock lost {} of its time (limit {}), up to {} at once: the machine is \
         busy with other things, and the times include that",
        percent(probe.stolen_share),
        percent(STOLEN_LIMIT),
        duration(probe.longest_gap_ns),
    );
    Some(reason(
        ReasonCode::HostStalls,
        Status::Degraded,
        detail,
        probe.stolen_share,
        STOLEN_LIMIT,
    ))
}

fn aborted(evidence: &Evidence) -> Option<Reason> {
    let detail =
        "the run stopped itself when its schedule fell behind (--when-late abort)".to_owned();
    let code = ReasonCode::Aborted;
    (evidence.ending == Ending::Aborted).then_some(Reason {
        code,
        status: Status::Invalid,
        detail,
        value: None,
        limit: None,
    })
}

fn interrupted(evidence: &Evidence) -> Option<Reason> {
    let detail = "the run was interrupted: the figures are those of the time until then".to_owned();
    let code = ReasonCode::Interrupted;
    (evidence.ending == Ending::Interrupted).then_some(Reason {
        code,
        status: Status::Degraded,
        detail,
        value: None,
        limit: None,
    })
}

#[cfg(test)]
mod tests;
