use crate::metrics::Quantiles;
use crate::verdict::steadiness::Steadiness;
use crate::verdict::{
    Cap, CapKind, ClockChanges, CpuUse, CpuWait, Standstills, Surrounded, ThreadCpu, Tick,
};

use super::*;

mod steadiness;

const TICK: Tick = Tick::Every(1_000_000);

fn lateness(p50_ns: u64, p99_ns: u64) -> Option<Quantiles> {
    Some(Quantiles {
        p50_ns,
        p99_ns: Some(p99_ns),
        max_ns: p99_ns * 2,
    })
}

/// An open loop at 10,000/s that went as planned.
fn fine() -> Evidence {
    Evidence {
        pacing: Pacing::Open(TICK),
        lateness: lateness(500_000, 1_000_000),
        response_p50_ns: Some(2_000_000),
        planned_per_s: Some(10_000.0),
        sent_per_s: Some(10_000.0),
        acked_per_s: Some(10_000.0),
        sent: 100_000,
        acked: 100_000,
        messages_per_send: 1,
        unsent: 0,
        unknown: 0,
        drain_unanswered: 0,
        clamped: 0,
        error_share: Some(0.0),
        cap: Some(Cap {
            kind: CapKind::InFlight,
            limit: 4096,
            blocked_share: 0.0,
            left_out: false,
        }),
        unwritten_share: Some(0.0),
        in_flight_growth: Some(100),
        warmup_ns: Some(2_000_000_000),
        measured_ns: Some(10_000_000_000),
        cpu: CpuUse {
            threads: threads(0.3),
            total_share: Some(0.2),
        },
        ending: Ending::Complete,
        cpu_wait: Some(wait(0.01)),
        surrounded: Surrounded::default(),
        longest_write_ns: Some(2_000_000),
        steadiness: Steadiness::default(),
    }
}

fn wait(share: f64) -> CpuWait {
    CpuWait {
        thread: "shard-0".to_owned(),
        share,
    }
}

fn threads(share: f64) -> Vec<ThreadCpu> {
    let thread = |name: &str, share| ThreadCpu {
        name: name.to_owned(),
        share,
    };
    vec![thread("shard-0", share), thread("shard-1", 0.1)]
}

fn found(change: impl FnOnce(&mut Evidence)) -> Vec<(ReasonCode, Status)> {
    let mut evidence = fine();
    change(&mut evidence);
    let verdict = judge(&evidence);
    let worst = verdict.reasons.iter().map(|reason| reason.status).max();
    assert_eq!(verdict.status, worst.unwrap_or(Status::Valid));
    verdict
        .reasons
        .iter()
        .map(|reason| (reason.code, reason.status))
        .collect()
}

fn blocked(evidence: &mut Evidence, share: f64) {
    evidence.cap = Some(Cap {
        kind: CapKind::InFlight,
        limit: 4096,
        blocked_share: share,
        left_out: false,
    });
}

const NONE: [(ReasonCode, Status); 0] = [];
const LATE: [(ReasonCode, Status); 1] = [(ReasonCode::LateSchedule, Status::Invalid)];
const MISSED: [(ReasonCode, Status); 1] = [(ReasonCode::RateMissed, Status::Invalid)];
const CAPPED: [(ReasonCode, Status); 1] = [(ReasonCode::CapReached, Status::Degraded)];

#[test]
fn a_run_as_planned_is_valid() {
    assert_eq!(
        judge(&fine()),
        Verdict {
            status: Status::Valid,
            reasons: Vec::new()
        }
    );
}

#[test]
fn lateness_is_held_to_the_tick() {
    assert_eq!(found(|e| e.lateness = lateness(600_000, 1_500_000)), NONE);
    assert_eq!(found(|e| e.lateness = lateness(600_000, 1_500_001)), LATE);
    assert_eq!(found(|e| e.lateness = lateness(600_001, 1_500_000)), LATE);
}

#[test]
fn lateness_that_a_slow_response_hides_is_forgiven() {
    assert_eq!(
        found(|e| (e.lateness, e.response_p50_ns) = (lateness(0, 3_000_000), Some(30_000_000))),
        NONE
    );
    assert_eq!(
        found(|e| (e.lateness, e.response_p50_ns) = (lateness(0, 3_000_001), Some(30_000_000))),
        LATE
    );
}

#[test]
fn a_schedule_without_a_tick_is_held_to_a_quarter_millisecond() {
    let per_message = |p50, p99| {
        found(|e| (e.pacing, e.lateness) = (Pacing::Open(Tick::PerMessage), lateness(p50, p99)))
    };
    assert_eq!(per_message(150_000, 375_000), NONE);
    assert_eq!(per_message(150_001, 375_000), LATE);
    assert_eq!(per_message(150_000, 375_001), LATE);
}

#[test]
fn lateness_by_the_cap_is_the_clusters() {
    let late = |p50, p99, share| {
        found(|e| {
            e.lateness = lateness(p50, p99);
            blocked(e, share);
        })
    };
    assert_eq!(late(0, 9_000_000, 0.01), CAPPED);
    assert_eq!(late(0, 9_000_000, 0.009), LATE);
    assert_eq!(late(5_000_000, 9_000_000, 0.25), CAPPED);
    assert_eq!(late(5_000_000, 9_000_000, 0.24), LATE);
    assert_eq!(late(0, 1_000_000, 0.5), NONE);
}

#[test]
fn a_rate_may_be_off_by_a_thousandth() {
    assert_eq!(found(|e| e.sent_per_s = Some(9_990.1)), NONE);
    assert_eq!(found(|e| e.sent_per_s = Some(9_989.0)), MISSED);
    assert_eq!(found(|e| e.sent_per_s = Some(10_011.0)), MISSED);
}

#[test]
fn a_rate_missed_by_the_cap_is_the_clusters() {
    let missed = |sent, share| {
        found(|e| {
            e.sent_per_s = Some(sent);
            blocked(e, share);
        })
    };
    assert_eq!(missed(6_000.0, 0.4), CAPPED);
    assert_eq!(missed(6_000.0, 0.39), MISSED);
}

#[test]
fn the_cap_names_its_option_and_its_numbers() {
    let mut evidence = fine();
    evidence.lateness = lateness(900_000_000, 1_900_000_000);
    evidence.acked_per_s = Some(6_100.0);
    evidence.cap = Some(Cap {
        kind: CapKind::Callers,
        limit: 64,
        blocked_share: 0.9,
        left_out: false,
    });
    let detail = &judge(&evidence).reasons[0].detail;
    for part in [
        "10,000/s",
        "6,100/s",
        "64 callers",
        "90.0 %",
        "Raise --callers",
    ] {
        assert!(detail.contains(part), "{part}: {detail}");
    }
}

#[test]
fn the_last_tick_of_a_short_window_is_no_missed_rate() {
    let short = |unsent| {
        found(|e| {
            // 1,000 in 100 ms; the last of them left a tick of 1 ms later.
            (e.sent, e.acked, e.sent_per_s) = (1_000, 1_000, Some(9_901.0));
            (e.in_flight_growth, e.unsent) = (Some(0), unsent);
        })
    };
    assert_eq!(short(0), NONE);
    assert_eq!(short(10), MISSED);
}

#[test]
fn a_closed_loop_has_no_schedule_to_miss() {
    let closed = found(|e| {
        e.pacing = Pacing::Closed;
        e.lateness = lateness(1_000_000_000, 2_000_000_000);
        e.sent_per_s = Some(1.0);
        e.in_flight_growth = Some(50_000);
        blocked(e, 1.0);
    });
    assert_eq!(closed, NONE);
}

#[test]
fn a_busy_thread_is_a_caution() {
    assert_eq!(found(|e| e.cpu.threads = threads(0.79)), NONE);
    let busy = [(ReasonCode::GeneratorCpu, Status::Degraded)];
    assert_eq!(found(|e| e.cpu.threads = threads(0.8)), busy);
}

#[test]
fn a_busy_machine_spoils_a_schedule_but_only_limits_a_closed_loop() {
    assert_eq!(found(|e| e.cpu.total_share = Some(0.8)), NONE);
    let open = [(ReasonCode::GeneratorCpu, Status::Invalid)];
    assert_eq!(found(|e| e.cpu.total_share = Some(0.81)), open);
    let closed = [(ReasonCode::GeneratorCpu, Status::Degraded)];
    assert_eq!(
        found(|e| (e.pacing, e.cpu.total_share) = (Pacing::Closed, Some(0.81))),
        closed
    );
}

#[test]
fn percentiles_need_samples() {
    assert_eq!(found(|e| e.acked = 1_000), NONE);
    assert_eq!(
        found(|e| e.acked = 999),
        [(ReasonCode::TooFewSamples, Status::Degraded)]
    );
    assert_eq!(
        found(|e| e.acked = 0),
        [(ReasonCode::TooFewSamples, Status::Invalid)]
    );
}

/// Ten thousand a second that are each answered after a second.
fn slow(e: &mut Evidence, warmup_ns: u64, measured_ns: u64, growth: u64) {
    e.response_p50_ns = Some(1_000_000_000);
    (e.warmup_ns, e.measured_ns) = (Some(warmup_ns), Some(measured_ns));
    e.in_flight_growth = Some(growth);
}

#[test]
fn sends_in_flight_that_belong_to_the_rate_are_not_unstable() {
    const SECOND: u64 = 1_000_000_000;
    let unstable = [(ReasonCode::Unstable, Status::Degraded)];
    // Without a warm-up the window sees them come.
    assert_eq!(found(|e| slow(e, 0, 10 * SECOND, 10_000)), NONE);
    assert_eq!(found(|e| slow(e, 0, 10 * SECOND, 20_000)), unstable);
    // After one they are there already.
    assert_eq!(found(|e| slow(e, SECOND, 10 * SECOND, 10_000)), unstable);
    // A window of two answers' length shows nothing.
    assert_eq!(found(|e| slow(e, 0, 2 * SECOND, 20_000)), NONE);
}

#[test]
fn growing_in_flight_is_unstable() {
    assert_eq!(found(|e| e.in_flight_growth = Some(1_000)), NONE);
    let unstable = [(ReasonCode::Unstable, Status::Degraded)];
    assert_eq!(found(|e| e.in_flight_growth = Some(1_001)), unstable);
    assert_eq!(
        found(|e| (e.sent, e.acked, e.in_flight_growth) = (0, 1_000, Some(0))),
        NONE
    );
}

#[test]
fn what_is_missing_from_the_figures_is_said() {
    let degraded = |code| [(code, Status::Degraded)];
    assert_eq!(found(|e| e.error_share = Some(0.01)), NONE);
    assert_eq!(
        found(|e| e.error_share = Some(0.011)),
        degraded(ReasonCode::FailedSends)
    );
    assert_eq!(
        found(|e| e.unknown = 1),
        degraded(ReasonCode::UnknownResults)
    );
    let drained = found(|e| (e.unknown, e.drain_unanswered) = (2, 2));
    assert_eq!(drained, degraded(ReasonCode::DrainUnanswered));
    assert_eq!(
        found(|e| e.clamped = 1),
        degraded(ReasonCode::ClampedValues)
    );
}

#[test]
fn a_machine_that_stalls_is_named() {
    assert_eq!(found(|e| e.cpu_wait = Some(wait(0.05))), NONE);
    assert_eq!(
        found(|e| e.cpu_wait = Some(wait(0.06))),
        [(ReasonCode::HostStalls, Status::Degraded)]
    );
    // A thread without a CPU finds no room afterwards; the cap is no excuse for it.
    assert_eq!(
        found(|e| {
            e.lateness = lateness(0, 8_000_000);
            blocked(e, 0.013);
            e.cpu_wait = Some(wait(0.04));
        }),
        LATE
    );
    let mut evidence = fine();
    evidence.lateness = lateness(0, 8_000_000);
    evidence.cpu_wait = Some(wait(0.02));
    let detail = &judge(&evidence).reasons[0].detail;
    assert!(detail.contains("had no CPU for 2.00 %"), "{detail}");
}

#[test]
fn an_early_end_is_said() {
    assert_eq!(
        found(|e| e.ending = Ending::Interrupted),
        [(ReasonCode::Interrupted, Status::Degraded)]
    );
    assert_eq!(
        found(|e| e.ending = Ending::Aborted),
        [(ReasonCode::Aborted, Status::Invalid)]
    );
    // What made it stop is not told as a finding of its own.
    assert_eq!(
        found(|e| {
            e.ending = Ending::Aborted;
            e.lateness = lateness(9_000_000, 9_000_000);
            (e.sent_per_s, e.acked) = (Some(9_000.0), 0);
        }),
        [(ReasonCode::Aborted, Status::Invalid)]
    );
    let mut evidence = fine();
    (evidence.ending, evidence.measured_ns) = (Ending::Aborted, Some(0));
    let detail = &judge(&evidence).reasons[0].detail;
    assert!(detail.contains("in the warm-up"), "{detail}");
}

#[test]
fn the_worst_comes_first() {
    let found = found(|e| {
        e.unknown = 3;
        e.sent_per_s = Some(9_000.0);
    });
    assert_eq!(
        found,
        [MISSED[0], (ReasonCode::UnknownResults, Status::Degraded)]
    );
}

#[test]
fn codes_are_written_as_they_are_named() {
    let verdict = judge(&Evidence {
        unknown: 1,
        sent_per_s: Some(1.0),
        ..fine()
    });
    for reason in verdict.reasons {
        assert_eq!(
            serde_json::to_value(reason.code).unwrap(),
            reason.code.name()
        );
    }
}

/// Each thing that can make a generator late, alone and with a late schedule.
#[test]
fn a_cause_alone_degrades_and_with_its_effect_it_invalidates_and_comes_first() {
    type Harm = fn(&mut Evidence);
    let harms: [(ReasonCode, Harm); 6] = [
        (ReasonCode::CpuThrottled, |e| {
            e.surrounded.throttled_share = Some(0.011);
        }),
        (ReasonCode::CpuStolen, |e| {
            e.surrounded.stolen_share = Some(0.021);
        }),
        (ReasonCode::Standstills, |e| stand_still(e, 51_000_000)),
        (ReasonCode::HostStalls, |e| e.cpu_wait = Some(wait(0.051))),
        (ReasonCode::EmbeddedCluster, |e| {
            e.surrounded.embedded = Some(embedded(0.8));
        }),
        (ReasonCode::SocketFull, |e| e.unwritten_share = Some(0.011)),
    ];
    for (code, harm) in harms {
        assert_eq!(found(harm), [(code, Status::Degraded)]);
        let with_its_effect = found(|e| {
            harm(e);
            e.lateness = lateness(700_000, 9_000_000);
        });
        let expected = [
            (code, Status::Invalid),
            (ReasonCode::LateSchedule, Status::Invalid),
        ];
        assert_eq!(with_its_effect, expected);
    }
}

#[test]
fn limits_of_the_surroundings_are_kept() {
    assert_eq!(
        found(|e| {
            e.surrounded.throttled_share = Some(0.01);
            e.surrounded.stolen_share = Some(0.02);
            e.surrounded.embedded = Some(embedded(0.79));
            e.unwritten_share = Some(0.01);
            stand_still(e, 50_000_000);
        }),
        NONE
    );
    let stood = |ns, closed| {
        found(|e| {
            stand_still(e, ns);
            if closed {
                e.pacing = Pacing::Closed;
                e.unwritten_share = Some(0.5);
            }
        })
    };
    let is = |status| [(ReasonCode::Standstills, status)];
    // One send in a hundred met them.
    assert_eq!(stood(100_000_000, false), is(Status::Degraded));
    assert_eq!(stood(100_000_001, false), is(Status::Invalid));
    assert_eq!(stood(500_000_000, true), is(Status::Degraded));
}

fn embedded(share: f64) -> ThreadCpu {
    ThreadCpu {
        name: "embedded-0".to_owned(),
        share,
    }
}

fn stand_still(evidence: &mut Evidence, total_ns: u64) {
    evidence.surrounded.standstills = Standstills {
        count: 1,
        total_ns,
        longest_ns: total_ns,
    };
}

#[test]
fn clocks_that_part_are_told_whichever_it_was() {
    let told = |clocks: ClockChanges| {
        let mut evidence = fine();
        evidence.surrounded.clocks = Some(clocks);
        let verdict = judge(&evidence);
        let reason = verdict.reasons.into_iter().next();
        reason.map(|reason| (reason.code, reason.status, reason.value, reason.detail))
    };
    let none = ClockChanges::default();
    assert_eq!(told(none), None);
    assert_eq!(
        told(ClockChanges {
            slewed: 0.001,
            set: -0.001,
            slept: 0.001
        }),
        None
    );
    for (clocks, value, word) in [
        (
            ClockChanges {
                slewed: -0.0011,
                ..none
            },
            -0.0011,
            "slewed",
        ),
        (ClockChanges { set: 0.5, ..none }, 0.5, "was set"),
        // A sleep sets the wall clock as well.
        (
            ClockChanges {
                slept: 0.5,
                set: 0.5,
                ..none
            },
            0.5,
            "slept",
        ),
    ] {
        let (code, status, seen, detail) = told(clocks).unwrap();
        assert_eq!((code, status), (ReasonCode::ClockTrouble, Status::Degraded));
        assert_eq!(seen, Some(value));
        assert!(detail.contains(word), "{detail}");
    }
}

#[test]
fn a_writer_slower_than_the_seconds_is_told() {
    let wrote = |ns| found(|e| e.longest_write_ns = Some(ns));
    assert_eq!(wrote(1_000_000_000), NONE);
    assert_eq!(
        wrote(1_000_000_001),
        [(ReasonCode::ResultWriter, Status::Degraded)]
    );
}
