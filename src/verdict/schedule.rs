//! Whether the schedule of an open loop was kept, and whose doing it was if not.

use crate::metrics::units::{count, duration, percent, rate};

use super::evidence::{Cap, CapKind, CpuWait, Evidence, Pacing, Tick};
use super::reason::{Reason, ReasonCode, Status, number};

/// A schedule without a tick is held to this one, in nanoseconds: below it the wake-up itself, not the
/// generator, decides.
const PER_MESSAGE_TICK_NS: u64 = 250_000;
/// Largest difference between begun and planned rate, as a share of the planned.
const RATE_TOLERANCE: f64 = 0.001;
/// Share of the window waiting for a CPU that may make one send in a hundred late.
const CPU_WAIT_WORTH_TELLING: f64 = 0.01;
/// Blocked share of the window that explains a late 99th percentile: the late one in a hundred.
const CAP_EXPLAINS_P99: f64 = 0.01;
/// Blocked share of the window that explains a late median.
const CAP_EXPLAINS_P50: f64 = 0.25;

/// Late schedule, missed rate and reached cap, in this order. The cap is a finding when it explains one
/// of the others, which then is none.
pub(super) fn findings(evidence: &Evidence) -> [Option<Reason>; 3] {
    let (late, missed) = (late(evidence), missed(evidence));
    let explains = late.as_ref().is_some_and(|late| late.capped)
        || missed.as_ref().is_some_and(|missed| missed.capped);
    let late = late.filter(|late| !late.capped);
    let missed = missed.filter(|missed| !missed.capped);
    [
        late.map(|late| late_schedule(&late, evidence.cpu_wait.as_ref())),
        missed.map(|missed| rate_missed(&missed, evidence)),
        evidence
            .cap
            .filter(|_| explains)
            .map(|cap| cap_reached(cap, evidence)),
    ]
}

fn tick_ns(tick: Tick) -> u64 {
    match tick {
        Tick::Every(ns) => ns,
        Tick::PerMessage => PER_MESSAGE_TICK_NS,
    }
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
    let tick_ns = tick_ns(tick);
    let lateness = evidence.lateness?;
    let blocked = evidence.cap.map_or(0.0, |cap| cap.blocked_share);
    // A thread that waits for a CPU is late by itself, and finds no room when it catches up.
    let starved = evidence
        .cpu_wait
        .as_ref()
        .is_some_and(|wait| wait.share > CPU_WAIT_WORTH_TELLING && wait.share > blocked);
    let p50_limit_ns = tick_ns.saturating_mul(6) / 10;
    if lateness.p50_ns > p50_limit_ns {
        let capped = blocked >= CAP_EXPLAINS_P50 && !starved;
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
    let capped = blocked >= CAP_EXPLAINS_P99 && !starved;
    (p99_ns > p99_limit_ns).then_some(Late {
        which: "p99",
        value_ns: p99_ns,
        limit_ns: p99_limit_ns,
        capped,
    })
}

fn late_schedule(late: &Late, wait: Option<&CpuWait>) -> Reason {
    let mut detail = format!(
        "sends were begun later than planned: lateness {} {}, limit {}, and the cluster did not cause it. \
         Lower --rate, raise --shards, or leave more CPU to the generator",
        late.which,
        duration(late.value_ns),
        duration(late.limit_ns),
    );
    if let Some(wait) = wait.filter(|wait| wait.share > CPU_WAIT_WORTH_TELLING) {
        detail += &format!(
            "; {} was ready to run and had no CPU for {} of the window",
            wait.thread,
            percent(wait.share)
        );
    }
    let (value, limit) = (number(late.value_ns), number(late.limit_ns));
    Reason::new(
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
    let Pacing::Open(tick) = evidence.pacing else {
        return None;
    };
    let planned_per_s = evidence.planned_per_s.filter(|rate| *rate > 0.0)?;
    let sent_per_s = evidence.sent_per_s?;
    let share = (sent_per_s - planned_per_s).abs() / planned_per_s;
    let capped =
        sent_per_s < planned_per_s && evidence.cap.is_some_and(|cap| cap.blocked_share >= share);
    // The last messages leave with the tick that follows them, which counts in a short window.
    let last_tick = if evidence.unsent == 0 {
        number(tick_ns(tick)) / 1e9 * sent_per_s / number(evidence.sent.max(1))
    } else {
        0.0
    };
    (share > RATE_TOLERANCE.max(last_tick)).then_some(Missed {
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
    Reason::new(
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
        CapKind::Keys => (
            format!("{} keys, each with one send in flight", count(cap.limit)),
            "--sharding-keys",
        ),
    };
    let planned = evidence.planned_per_s.filter(|planned| *planned > 0.0);
    let short = planned.zip(evidence.acked_per_s);
    let short = short.filter(|(planned, acked)| *acked < planned * (1.0 - RATE_TOLERANCE));
    let begin = match short {
        Some((planned, acked)) => format!(
            "{} were not reached (acknowledged {}) with {limit}",
            rate(planned),
            rate(acked)
        ),
        None => format!("at times all {limit} were taken"),
    };
    let fate = if cap.left_out {
        "was left out when it became late (--when-late)"
    } else {
        "waited here, which its response time includes"
    };
    let detail = format!(
        "{begin}: for {} of the window a due send found no room and {fate}. Raise {option}, or lower --rate",
        percent(cap.blocked_share),
    );
    Reason::new(
        ReasonCode::CapReached,
        Status::Degraded,
        detail,
        cap.blocked_share,
        CAP_EXPLAINS_P99,
    )
}
