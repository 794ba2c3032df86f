use proptest::prelude::*;

use super::super::part::Shard;
use super::super::result::TargetKind;
use super::super::sample;
use super::*;
use crate::metrics::histogram::HIGHEST_NS;
use crate::metrics::{Label, LatencySummary, Recorder, SendTimes};
use crate::protocol::code::SendStatus;
use crate::report::figures::BrokerFigures;
use crate::verdict::{ReasonCode, Status};

/// How a send ended.
#[derive(Debug, Clone, Copy)]
enum End {
    Acked,
    Retried,
    Failed,
    Unknown,
    Unsent,
}

/// A send: its end, its broker, its lateness and its service time in ns.
type Send = (End, usize, u64, u64);

fn send() -> impl Strategy<Value = Send> {
    let end = prop_oneof![
        8 => Just(End::Acked),
        1 => Just(End::Retried),
        1 => Just(End::Failed),
        1 => Just(End::Unknown),
        1 => Just(End::Unsent),
    ];
    let service = prop_oneof![0..5_000_000u64, 0..2 * HIGHEST_NS];
    (end, 0usize..2, 0..2_000_000u64, service)
}

fn tell(recorder: &mut Recorder, (end, broker, late_ns, service_ns): Send) {
    let times = SendTimes {
        intended_ns: 0,
        submitted_ns: late_ns,
        written_ns: late_ns + 700,
        received_ns: late_ns + 700 + service_ns,
    };
    recorder.planned(1);
    if matches!(end, End::Unsent) {
        return recorder.unsent(1);
    }
    recorder.submitted(0, late_ns);
    recorder.attempt(broker, 0);
    match end {
        End::Acked | End::Unsent => recorder.acked(broker, SendStatus::SendOk, &times, 1),
        End::Retried => {
            recorder.attempt_failed(Some(broker), Label::new("timeout"), true);
            recorder.attempt(1 - broker, 1);
            recorder.acked(1 - broker, SendStatus::FlushDiskTimeout, &times, 2);
        }
        End::Failed => {
            recorder.attempt_failed(Some(broker), Label::new("system_busy"), false);
            recorder.failed(Label::new("system_busy"), Some(service_ns), 1);
        }
        End::Unknown => {
            recorder.attempt_failed(Some(broker), Label::new("timeout"), false);
            recorder.unknown(Label::new("timeout"), service_ns, 1);
        }
    }
    if matches!(end, End::Acked | End::Retried) {
        recorder.read_after(30_000);
    }
}

fn recorded<'a>(sends: impl IntoIterator<Item = &'a Send>) -> Recorder {
    let mut recorder = Recorder::new(2);
    for send in sends {
        tell(&mut recorder, *send);
    }
    recorder
}

/// Sends dealt to so many processes, each send to the one it names.
fn dealt(sends: &[(Send, usize)], of: usize) -> Vec<Part> {
    let one = |index: usize| {
        let own = sends.iter().filter(|(_, to)| to % of == index);
        let recorder = recorded(own.map(|(send, _)| send));
        part(sample::shard(recorder, index as u64 + 1, of as u64))
    };
    (0..of).map(one).collect()
}

fn part(result: RunResult) -> Part {
    Part {
        name: format!("{}.json", result.run.id),
        result,
    }
}

fn two() -> Vec<Part> {
    let sends: Vec<(Send, usize)> = (0..4_000)
        .map(|i| ((End::Acked, i % 2, 1_000, 1_000_000 + i as u64), i / 2))
        .collect();
    dealt(&sends, 2)
}

/// Numbers that are ratios: equal but for the last digits.
fn close(left: Option<f64>, right: Option<f64>) -> bool {
    match (left, right) {
        (Some(left), Some(right)) => (left - right).abs() <= 1e-9 * left.abs().max(1e-9),
        (left, right) => left == right,
    }
}

fn without_share(broker: &BrokerFigures) -> BrokerFigures {
    BrokerFigures {
        share: None,
        ..broker.clone()
    }
}

fn times(result: &RunResult) -> Vec<&LatencySummary> {
    let latency = &result.latency;
    let own = [
        latency.response.as_ref(),
        Some(&latency.lateness),
        Some(&latency.queue),
        latency.service.as_ref(),
        latency.receive_delay.as_ref(),
        latency.response_with_failures.as_ref(),
    ];
    let brokers = result.brokers.iter();
    let brokers = brokers.flat_map(|broker| [broker.service.as_ref(), broker.response.as_ref()]);
    own.into_iter().chain(brokers).flatten().collect()
}

/// Of the same sends, whoever recorded them.
fn same_figures(left: &RunResult, right: &RunResult) -> Result<(), TestCaseError> {
    // Byte for byte, the histograms' exported form among it.
    prop_assert_eq!(times(left), times(right));
    prop_assert_eq!(&left.accounts, &right.accounts);
    prop_assert_eq!(&left.retries, &right.retries);
    let brokers = |result: &RunResult| result.brokers.iter().map(without_share).collect::<Vec<_>>();
    prop_assert_eq!(brokers(left), brokers(right));
    for (left, right) in [
        (left.rate.planned_per_s, right.rate.planned_per_s),
        (left.rate.acked_per_s, right.rate.acked_per_s),
        (left.rate.acked_over_s, right.rate.acked_over_s),
    ] {
        prop_assert!(close(left, right), "{:?} and {:?}", left, right);
    }
    prop_assert_eq!(left.window, right.window);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_split_order_and_grouping_is_the_whole(
        sends in prop::collection::vec((send(), 0usize..5), 0..300),
        of in 1usize..5,
        order in any::<prop::sample::Index>(),
        groups in prop::collection::vec(0usize..3, 4),
    ) {
        let sends_alone = sends.iter().map(|(send, _)| send);
        let whole = sample::shard(recorded(sends_alone), 1, 1);
        let parts = dealt(&sends, of);
        let flat = merge(parts.clone(), false).unwrap();
        same_figures(&flat, &whole)?;

        let mut turned = parts.clone();
        turned.rotate_left(order.index(of));
        prop_assert_eq!(&merge(turned.clone(), false).unwrap(), &flat);

        // First some groups of them, then the groups.
        let mut grouped = Vec::new();
        for group in 0..3 {
            let own = turned.iter().zip(groups.iter().cycle());
            let own: Vec<Part> = own.filter(|(_, to)| **to == group).map(|(part, _)| part.clone()).collect();
            if !own.is_empty() {
                grouped.push(part(merge(own, true).unwrap()));
            }
        }
        let regrouped = merge(grouped, false).unwrap();
        same_figures(&regrouped, &flat)?;
        prop_assert_eq!(&regrouped.run, &flat.run);
        prop_assert_eq!(&regrouped.verdict, &flat.verdict);
        prop_assert_eq!((&regrouped.config, &regrouped.config_source), (&flat.config, &flat.config_source));
        prop_assert_eq!(&regrouped.avoidance, &flat.avoidance);
        prop_assert_eq!(&regrouped.host, &flat.host);
        let (left, right) = (&regrouped.generator, &flat.generator);
        prop_assert_eq!((left.shards, left.connections, left.rss_bytes), (right.shards, right.connections, right.rss_bytes));
        prop_assert!(close(left.cpu_us_per_message, right.cpu_us_per_message));
        prop_assert!(close(left.cpu_percent, right.cpu_percent));
        prop_assert!(close(regrouped.rate.sent_per_s, flat.rate.sent_per_s));
    }

    #[test]
    fn a_damaged_part_is_an_error_and_no_panic(
        pointer in prop::sample::select(vec![
            "/accounts/planned", "/accounts/acked", "/latency/response/count", "/latency/queue/clamped",
            "/latency/lateness/min_ns", "/latency/service/mean_ns", "/latency/response/sum_ns", "/brokers/0/attempts",
            "/brokers/1/acked", "/retries/attempts", "/run/shard/of", "/run/shard/index",
        ]),
        value in prop_oneof![Just(0u64), Just(u64::MAX), 1u64..1_000_000],
    ) {
        let mut parts = two();
        let mut json = serde_json::to_value(&parts[1].result).unwrap();
        let before = json.pointer(pointer).unwrap().clone();
        prop_assume!(before != serde_json::json!(value));
        *json.pointer_mut(pointer).unwrap() = serde_json::json!(value);
        parts[1].result = serde_json::from_value(json).unwrap();
        // Minimum, mean and sum are bounded by their neighbours alone: a value between them passes.
        let checked = !pointer.ends_with("_ns") && !pointer.ends_with("clamped");
        let merged = merge(parts, false);
        prop_assert!(!checked || merged.is_err(), "{} = {}", pointer, value);
    }
}

#[test]
fn a_merged_result_says_what_it_is_made_of() {
    let merged = merge(two(), false).unwrap();
    assert_eq!(merged.run.shard, None);
    let parts: Vec<_> = merged
        .run
        .merged_from
        .iter()
        .map(|part| (&*part.id, part.shard))
        .collect();
    let shard = |index| Shard { index, of: 2 };
    assert_eq!(parts, [("run-1", shard(1)), ("run-2", shard(2))]);
    assert_eq!(merged.run.missing_shards, Vec::<u64>::new());
    assert_eq!(merged.run.in_flight_limit, Some(2 * 4096));
    assert_eq!(merged.verdict.status, Status::Valid);
    assert_eq!(merged.rate.planned_per_s, Some(2_000.0));
    assert!(!merged.config.contains_key("shard") && !merged.config.contains_key("shards"));
    assert!(merged.config.contains_key("rate"));
    let schema = jsonschema::draft202012::new(&crate::report::schema::schema()).unwrap();
    assert!(schema.is_valid(&serde_json::to_value(&merged).unwrap()));
    let mut text = Vec::new();
    crate::report::text::write(&mut text, &merged, crate::report::Style::Plain, None).unwrap();
    let text = String::from_utf8(text).unwrap();
    assert!(
        text.contains("merged from all 2 shards of the schedule"),
        "{text}"
    );
}

#[test]
fn a_missing_shard_is_refused_or_marked() {
    let first = two().swap_remove(0);
    let error = merge(vec![first.clone()], false).unwrap_err();
    assert_eq!(
        error,
        MergeError::Missing {
            missing: vec![2],
            of: 2
        }
    );
    let merged = merge(vec![first], true).unwrap();
    assert_eq!(merged.run.missing_shards, [2]);
    assert_eq!(merged.verdict.status, Status::Degraded);
    assert_eq!(merged.verdict.reasons[0].code, ReasonCode::ShardsMissing);
    // With the rest it is whole again.
    let second = two().swap_remove(1);
    let whole = merge(vec![part(merged), second], false).unwrap();
    assert_eq!(whole, merge(two(), false).unwrap());
}

/// A change of the second part, and what the refusal says.
type Refusal = (&'static str, fn(&mut RunResult));

#[test]
fn what_is_of_no_one_run_is_refused_by_name() {
    let refusals: [Refusal; 11] = [
        ("rate differs (10k and 20k)", |result| {
            result.config.insert("rate".to_owned(), "20k".into());
        }),
        ("size differs (unset and 7B)", |result| {
            result.config.insert("size".to_owned(), "7B".into());
        }),
        ("the topic differs", |result| {
            result.run.topic = "other".to_owned()
        }),
        ("the tool differs", |result| {
            result.tool.version = "9.9.9".to_owned()
        }),
        ("run run-1 is in both", |result| {
            result.run.id = "run-1".to_owned()
        }),
        ("shard 1/2 is in both", |result| {
            result.run.shard = Some(Shard { index: 1, of: 2 })
        }),
        (
            "is of a run of 2 shards, run-2.json of one of 3",
            |result| {
                result.run.shard = Some(Shard { index: 2, of: 3 });
            },
        ),
        ("more than 100 ms apart", |result| {
            result.run.began_at = Some("2026-01-02T03:04:06.101Z".to_owned());
        }),
        ("is the result of no shard", |result| {
            result.run.shard = None
        }),
        ("does not say when its schedule began", |result| {
            result.run.began_at = None
        }),
        (
            "embedded cluster, of which each process has its own: there is no union; have one cluster for all, as by \
          rmq-bench broker, and name it with --namesrv",
            |result| result.run.target.kind = TargetKind::Embedded,
        ),
    ];
    for (part, change) in refusals {
        let mut parts = two();
        change(&mut parts[1].result);
        let error = merge(parts, false).unwrap_err().to_string();
        assert!(error.contains(part), "{part}: {error}");
    }
    assert_eq!(merge(Vec::new(), true), Err(MergeError::Nothing));
}

#[test]
fn a_tenth_of_a_second_apart_is_together_and_hosts_may_differ() {
    let mut parts = two();
    parts[1].result.run.began_at = Some("2026-01-02T03:04:06.100Z".to_owned());
    parts[1].result.host.cpus = Some(64);
    parts[1]
        .result
        .config
        .insert("client_ip".to_owned(), "10.0.0.9".into());
    let merged = merge(parts, false).unwrap();
    assert_eq!(merged.run.began_at.as_deref(), Some("2026-01-02T03:04:06Z"));
    assert_eq!(merged.host.cpus, None);
    assert_eq!(merged.run.merged_from[1].host.cpus, Some(64));
    assert!(!merged.config.contains_key("client_ip"));
}

#[test]
fn thresholds_are_judged_on_the_whole() {
    let mut parts = two();
    for part in &mut parts {
        part.result.thresholds = vec![ThresholdOutcome {
            condition: "acked_per_s<1.5k/s".to_owned(),
            passed: false,
            value: Some(1_000.0),
            sentence: String::new(),
        }];
    }
    let merged = merge(parts, false).unwrap();
    let [outcome] = merged.thresholds.as_slice() else {
        panic!("one condition: {:?}", merged.thresholds);
    };
    assert!(outcome.passed, "{outcome:?}");
    assert_eq!(outcome.value, Some(2_000.0));
}

#[test]
fn other_bounds_and_lost_histograms_are_refused() {
    use base64::Engine as _;
    use hdrhistogram::serialization::{Serializer as _, V2DeflateSerializer};
    let mut foreign = hdrhistogram::Histogram::<u64>::new_with_bounds(1, 1_000_000, 2).unwrap();
    foreign.record_n(5, 2_000).unwrap();
    let mut bytes = Vec::new();
    V2DeflateSerializer::new()
        .serialize(&foreign, &mut bytes)
        .unwrap();
    for (hdr, part) in [
        (
            Some(base64::engine::general_purpose::STANDARD.encode(bytes)),
            "other bounds",
        ),
        (None, "no histogram"),
    ] {
        let mut parts = two();
        parts[1].result.latency.queue.hdr = hdr;
        let error = merge(parts, false).unwrap_err().to_string();
        assert!(
            error.contains("run-2.json: queue: ") && error.contains(part),
            "{error}"
        );
    }
}
