use proptest::prelude::*;

use crate::metrics::{Acks, Counters, Interval, Summary};

use super::*;

const TIMEOUT: Label = Label::new("timeout");
const LOST: Label = Label::new("connection_lost");
const BROKERS: usize = 3;

#[derive(Debug, Clone, Copy)]
enum End {
    Acked(SendStatus),
    Oneway,
    Failed,
    Unknown,
    Unsent,
}

/// A made-up send: the brokers of its attempts, its times and how it ends.
#[derive(Debug, Clone)]
struct Send {
    brokers: Vec<usize>,
    intended: u64,
    lateness: u64,
    queue: u64,
    service: u64,
    end: End,
}

fn any_send() -> impl Strategy<Value = Send> {
    let end = prop_oneof![
        6 => (0usize..4).prop_map(|i| End::Acked(SendStatus::ALL[i])),
        2 => Just(End::Oneway),
        1 => Just(End::Failed),
        1 => Just(End::Unknown),
        1 => Just(End::Unsent),
    ];
    let times = (
        0..1u64 << 40,
        0..5_000_000u64,
        0..90_000u64,
        0..200_000_000_000u64,
    );
    (prop::collection::vec(0..BROKERS, 1..4), times, end).prop_map(
        |(brokers, (intended, lateness, queue, service), end)| Send {
            brokers,
            intended,
            lateness,
            queue,
            service,
            end,
        },
    )
}

/// Tells one send as the shard would.
fn tell(recorder: &mut Recorder, send: &Send) {
    recorder.planned(1);
    if matches!(send.end, End::Unsent) {
        return recorder.unsent(1);
    }
    let submitted_ns = send.intended + send.lateness;
    let written_ns = submitted_ns + send.queue;
    let received_ns = written_ns + send.service;
    recorder.submitted(send.intended, submitted_ns);
    let (last, retried) = send.brokers.split_last().unwrap();
    let attempts = u32::try_from(send.brokers.len()).unwrap();
    for (ordinal, broker) in (0..).zip(retried) {
        recorder.attempt(*broker, ordinal);
        recorder.attempt_failed(Some(*broker), LOST, true);
    }
    recorder.attempt(*last, attempts - 1);
    match send.end {
        End::Acked(status) => {
            let times = SendTimes {
                intended_ns: send.intended,
                submitted_ns,
                written_ns,
                received_ns,
            };
            recorder.acked(*last, status, &times, attempts);
            recorder.read_after(send.queue);
        }
        End::Oneway => recorder.acked_oneway(*last, submitted_ns, written_ns, attempts),
        End::Failed => {
            recorder.attempt_failed(Some(*last), TIMEOUT, false);
            recorder.failed(TIMEOUT, Some(received_ns - send.intended), attempts);
        }
        End::Unknown => {
            recorder.attempt_failed(Some(*last), LOST, false);
            recorder.unknown(LOST, received_ns - send.intended, attempts);
        }
        End::Unsent => unreachable!("handled above"),
    }
}

fn recorded<'a>(sends: impl IntoIterator<Item = &'a Send>) -> Recorder {
    let mut recorder = Recorder::new(BROKERS);
    for send in sends {
        tell(&mut recorder, send);
    }
    recorder
}

fn totals<'a>(parts: impl IntoIterator<Item = &'a Recorder>) -> Totals {
    let mut totals = Totals::new(0);
    for part in parts {
        totals.merge(part);
    }
    totals
}

/// The counts as text, with ordinals that never came left out.
fn counts(counters: &Counters) -> String {
    let mut counters = counters.clone();
    while counters.by_attempt.last() == Some(&0) {
        counters.by_attempt.pop();
    }
    let maps = (counters.errors.to_map(), counters.retry_reasons.to_map());
    (counters.errors, counters.retry_reasons) = Default::default();
    format!("{counters:?} {maps:?}")
}

fn assert_same<C: Counter, D: Counter>(left: &Recorder<C>, right: &Recorder<D>) {
    assert_eq!(counts(left.counters()), counts(right.counters()));
    assert_eq!(left.last_submitted_ns(), right.last_submitted_ns());
    assert!(left.lateness() == right.lateness());
    assert!(left.queue() == right.queue());
    assert!(left.failures() == right.failures());
    assert!(left.receive_delay() == right.receive_delay());
    for (left, right) in left.brokers().iter().zip(right.brokers()) {
        let numbers = |a, b, c, d| (a, b, c, d);
        assert_eq!(
            numbers(left.attempts, left.acked, left.failed, left.retries),
            numbers(right.attempts, right.acked, right.failed, right.retries)
        );
        assert_eq!(left.errors, right.errors);
        assert!(left.response == right.response);
        assert!(left.service == right.service);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn shards_merged_equal_one_recorder(sends in prop::collection::vec((any_send(), 0usize..3), 0..60)) {
        let shard = |index| recorded(sends.iter().filter(|(_, at)| *at == index).map(|(send, _)| send));
        let merged = totals(&[shard(0), shard(1), shard(2)]);
        assert_same(&merged, &recorded(sends.iter().map(|(send, _)| send)));
    }

    #[test]
    fn seconds_handed_over_lose_nothing(sends in prop::collection::vec(any_send(), 0..60), cut in 0usize..60) {
        let (first, second) = sends.split_at(cut.min(sends.len()));
        let mut shard = recorded(first);
        let used = recorded(&sends);
        let handed = shard.hand_over(used);
        assert_same(&shard, &Recorder::<u32>::new(BROKERS));
        second.iter().for_each(|send| tell(&mut shard, send));
        assert_same(&totals(&[handed, shard]), &recorded(&sends));
    }

    #[test]
    fn sums_hold_for_any_sends(sends in prop::collection::vec(any_send(), 0..80)) {
        let summary = Summary::new(totals(&[recorded(&sends)]), 0, 1_000_000_000, Acks::Within(0));
        prop_assert_eq!(summary.check_sums(), Ok(()));
        prop_assert_eq!(summary.counters().planned, sends.len() as u64);
        let ended = summary.counters().ended();
        let oneway = summary.counters().acked_oneway;
        prop_assert_eq!(summary.response_with_failures().count(), ended - oneway);
    }

    #[test]
    fn times_of_acknowledged_sends_add_up(mut sends in prop::collection::vec(any_send(), 1..60)) {
        for send in &mut sends {
            send.end = End::Acked(SendStatus::SendOk);
        }
        let summary = Summary::new(totals(&[recorded(&sends)]), 0, 1_000_000_000, Acks::Within(0));
        let parts = summary.lateness().sum_ns() + summary.queue().sum_ns() + summary.service().sum_ns();
        prop_assert_eq!(summary.response().sum_ns(), parts);
    }
}

fn acked_send(brokers: Vec<usize>) -> Send {
    Send {
        brokers,
        intended: 1_000,
        lateness: 2_000,
        queue: 3_000,
        service: 100_000,
        end: End::Acked(SendStatus::SendOk),
    }
}

#[test]
fn a_recovered_send_is_charged_to_both_brokers() {
    let recorder = recorded(&[acked_send(vec![0, 1])]);
    let [first, second, _] = recorder.brokers() else {
        panic!("three brokers");
    };
    assert_eq!(
        (first.attempts, first.acked, first.failed, first.retries),
        (1, 0, 1, 0)
    );
    assert_eq!(
        (second.attempts, second.acked, second.failed, second.retries),
        (1, 1, 0, 1)
    );
    let counters = recorder.counters();
    assert_eq!((counters.retried_sends, counters.recovered_sends), (1, 1));
    assert_eq!(counters.by_attempt, [1, 1]);
    assert_eq!(counters.retry_reasons.get(LOST), 1);
    assert_eq!(counters.errors.total(), 0);
}

#[test]
fn later_attempts_have_times_of_their_own_and_a_first_one_has_none() {
    let mut third = acked_send(vec![0, 1, 2]);
    third.service = 500_000;
    let mut recorder = recorded(&[acked_send(vec![0]), acked_send(vec![0, 1]), third]);
    let means = |recorder: &Recorder<u32>| -> Vec<Option<u64>> {
        let times = recorder.later_attempts().iter();
        times.map(|times| times.mean_ns()).collect()
    };
    assert_eq!(means(&recorder), [Some(100_000), Some(500_000)]);
    let mut all = Totals::new(3);
    all.merge(&recorder);
    all.merge(&recorded(&[acked_send(vec![1, 0])]));
    let counts: Vec<u64> = all
        .later_attempts()
        .iter()
        .map(LatencyHistogram::count)
        .collect();
    assert_eq!(counts, [2, 1]);
    recorder.clear();
    assert_eq!(means(&recorder), [None, None]);
}

#[test]
fn a_broker_that_appears_later_gets_room() {
    let mut recorder = Recorder::<u32>::new(0);
    tell(&mut recorder, &acked_send(vec![5]));
    assert_eq!(recorder.brokers().len(), 6);
    assert_eq!(recorder.brokers()[5].acked, 1);
}

#[test]
fn an_open_sum_is_named() {
    let mut totals = totals(&[recorded(&[acked_send(vec![0])])]);
    totals.planned(1);
    let open = Summary::new(totals, 0, 1, Acks::Within(0))
        .check_sums()
        .unwrap_err();
    assert_eq!((open.left, open.right), (2, 1));
    assert!(open.to_string().contains("planned = acked"));
}

#[test]
fn rates_count_the_time_a_late_schedule_went_on_sending() {
    let mut send = acked_send(vec![0]);
    send.lateness = 4_000_000_000 - send.intended;
    let summary = Summary::new(
        totals(&[recorded(&[send])]),
        0,
        2_000_000_000,
        Acks::Within(0),
    );
    assert_eq!(summary.planned_per_s(), Some(0.5));
    assert_eq!(summary.sent_per_s(), Some(0.25));
    assert_eq!(
        Summary::new(Totals::new(1), 0, 0, Acks::Within(0)).sent_per_s(),
        None
    );
}

#[test]
fn an_interval_shows_one_second_and_leaves_out_what_it_lacks() {
    let sends = [acked_send(vec![0]), acked_send(vec![1, 0])];
    let names = ["broker-a".to_owned()];
    let interval = Interval::new(
        1.0,
        0.5,
        crate::metrics::Phase::Measure,
        7,
        &recorded(&sends),
        &names,
    );
    assert_eq!(
        (
            interval.sent,
            interval.acked,
            interval.retries,
            interval.in_flight
        ),
        (2, 2, 1, 7)
    );
    let brokers: Vec<_> = interval
        .brokers
        .iter()
        .map(|b| (b.name.as_str(), b.acked))
        .collect();
    assert_eq!(brokers, [("broker-a", 2), ("1", 0), ("2", 0)]);
    let lateness = interval.lateness.unwrap();
    assert_eq!(
        (lateness.p50_ns, lateness.p99_ns, lateness.max_ns),
        (2_000, None, 2_000)
    );
    let empty = Interval::new(
        2.0,
        1.0,
        crate::metrics::Phase::Drain,
        0,
        &Recorder::new(1),
        &names,
    );
    assert_eq!((empty.lateness, empty.response), (None, None));
}

#[test]
fn acknowledgements_are_counted_over_the_time_they_took() {
    let totals = || totals(&[recorded(&[acked_send(vec![0]), acked_send(vec![1])])]);
    let second = 1_000_000_000;
    let steady = Summary::new(totals(), 0, second, Acks::Within(7));
    assert_eq!(
        (steady.acked_per_s(), steady.acked_over_s()),
        (Some(7.0), 1.0)
    );
    let last_ns = 4 * second;
    let own = Summary::new(totals(), 0, second, Acks::Own { last_ns });
    assert_eq!((own.acked_per_s(), own.acked_over_s()), (Some(0.5), 4.0));
    let early = Summary::new(totals(), 0, second, Acks::Own { last_ns: 5 });
    assert_eq!(early.acked_over_s(), 1.0, "not less than the window");
}
