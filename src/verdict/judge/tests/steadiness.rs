//! What the seconds of a run make of its verdict.

use super::*;
use crate::verdict::steadiness::{Figure, Growth, LevelShift, NotSettled, WarmupBacklog};

const LATE: Growth = Growth::Lateness { from: 5e6, to: 2e9 };

fn grows(e: &mut Evidence, growth: Growth, acked_per_s: f64) {
    e.steadiness.growth = Some(growth);
    e.acked_per_s = Some(acked_per_s);
}

#[test]
fn what_waits_and_grows_is_unstable_where_the_rate_is_not_carried() {
    let unstable = [(ReasonCode::Unstable, Status::Degraded)];
    let in_flight = Growth::InFlight {
        from: 10.0,
        to: 900.0,
    };
    for growth in [LATE, in_flight] {
        assert_eq!(found(|e| grows(e, growth, 9_800.0)), unstable);
        // A burst of a neighbour that is carried all the same.
        assert_eq!(found(|e| grows(e, growth, 9_950.0)), []);
        let closed = |e: &mut Evidence| {
            grows(e, growth, 9_000.0);
            e.pacing = Pacing::Closed;
        };
        assert_eq!(found(closed), []);
    }
    // It was the generator that fell behind.
    let own = |e: &mut Evidence| {
        grows(e, LATE, 8_000.0);
        e.lateness = lateness(1_000_000_000, 2_000_000_000);
    };
    assert_eq!(found(own), [(ReasonCode::LateSchedule, Status::Invalid)]);
    let mut evidence = fine();
    grows(&mut evidence, LATE, 8_000.0);
    let reason = judge(&evidence).reasons.remove(0);
    assert!(
        reason.detail.contains("from 5.00 ms to 2.00 s"),
        "{}",
        reason.detail
    );
    assert!(
        reason
            .detail
            .contains("8,000/s were acknowledged where 10,000/s"),
        "{}",
        reason.detail
    );
    assert!(
        reason
            .detail
            .contains("p99 and beyond are therefore not stated"),
        "{}",
        reason.detail
    );
    assert!((reason.value.unwrap() - 0.2).abs() < 1e-9);
}

#[test]
fn a_warm_up_that_never_settled_says_what_went_on() {
    let not_settled = |change| NotSettled {
        why: "the median response fell by 30 % in 10 s".to_owned(),
        change,
        after_ns: 60_000_000_000,
    };
    let mut evidence = fine();
    evidence.steadiness.not_settled = Some(not_settled(Some((0.3, 0.1))));
    let verdict = judge(&evidence);
    let [reason] = &verdict.reasons[..] else {
        panic!("{verdict:?}");
    };
    assert_eq!(
        (reason.code, verdict.status),
        (ReasonCode::NotSteady, Status::Degraded)
    );
    assert_eq!((reason.value, reason.limit), (Some(0.3), Some(0.1)));
    assert!(
        reason.detail.contains("60.0 s") && reason.detail.contains("fell by 30 %"),
        "{}",
        reason.detail
    );
    evidence.steadiness.not_settled = Some(not_settled(None));
    assert_eq!(judge(&evidence).reasons[0].value, None);
}

#[test]
fn a_backlog_of_the_warm_up_is_a_matter_of_its_share() {
    let left = |unsent, in_flight| {
        move |e: &mut Evidence| {
            let usual = 50;
            e.steadiness.backlog = Some(WarmupBacklog {
                unsent,
                in_flight,
                usual,
            });
        }
    };
    // The window has 100,000 sends.
    let backlog = [(ReasonCode::WarmupBacklog, Status::Degraded)];
    assert_eq!(found(left(0, 1_050)), []);
    assert_eq!(found(left(0, 1_051)), backlog);
    assert_eq!(found(left(1_001, 0)), backlog);
    assert_eq!(found(left(600, 460)), backlog);
    let with_growth = |e: &mut Evidence| {
        left(5_000, 4_000)(e);
        grows(e, LATE, 5_000.0);
    };
    assert_eq!(
        found(with_growth),
        [(ReasonCode::Unstable, Status::Degraded)],
        "it follows from that"
    );
}

#[test]
fn a_level_that_changes_makes_the_run_unsteady() {
    let shift = |of| LevelShift {
        of,
        at_s: 4.0,
        before: 2e6,
        after: 3e6,
        share: 0.5,
        limit: 0.2,
    };
    for (of, words) in [
        (Figure::Response, "from 2.00 ms to 3.00 ms about 4 s into"),
        (Figure::Acked, "from 2,000,000/s to 3,000,000/s"),
    ] {
        let mut evidence = fine();
        evidence.pacing = Pacing::Closed;
        evidence.steadiness.shift = Some(shift(of));
        let verdict = judge(&evidence);
        assert_eq!(verdict.reasons[0].code, ReasonCode::UnsteadyRun);
        assert_eq!(verdict.status, Status::Degraded);
        assert!(
            verdict.reasons[0].detail.contains(words),
            "{}",
            verdict.reasons[0].detail
        );
    }
}
