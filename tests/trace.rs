//! Message traces: which sends leave which records, and that all records are accounted for (R185–R188).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]

mod support;

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rmq_bench::broker::{Behaviour, ClusterSpec, EmbeddedCluster, Reject};
use rmq_bench::client::hooks::RpcHook;
use rmq_bench::client::{
    CheckedMessage, Delivery, Hooks, LocalOutcome, Message, Producer, Resolution, SendConfig,
    TraceConfig, TraceCounts, TransactionChecker, TransactionProducer,
};
use rmq_bench::load::{LoadPlan, MessageShape, SendMode};
use rmq_bench::protocol::route::permission;
use rmq_bench::protocol::{RemotingCommand, ResponseCode, properties};
use support::load::{of_count, plan, start};
use support::{TOPIC, client_of, cluster};

const TRACES: &str = "Traces";

/// Sees what goes to the topic of the traces.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<RemotingCommand>>>);

impl RpcHook for Seen {
    fn before(&self, _: &str, request: &RemotingCommand) -> Vec<(String, String)> {
        if request.field("b") == Some(TRACES) {
            self.0.lock().unwrap().push(request.clone());
        }
        Vec::new()
    }
}

impl Seen {
    /// The records, each with its fields; all are found by their ids, and written by their own group.
    fn records(&self) -> Vec<Vec<String>> {
        let mut all = Vec::new();
        for request in self.0.lock().unwrap().iter() {
            let group = request.field("a").unwrap();
            assert!(
                group.starts_with("_INNER_TRACE_PRODUCER-traced-PRODUCE-"),
                "{group}"
            );
            let mut pairs = properties::parse(request.field("i").unwrap());
            let (_, keys) = pairs.find(|(name, _)| *name == "KEYS").unwrap();
            let keys: HashSet<&str> = keys.split(' ').collect();
            let body = str::from_utf8(&request.body).unwrap();
            let records = body.strip_suffix('\u{2}').unwrap().split('\u{2}');
            let before = all.len();
            for record in records {
                let fields: Vec<String> = record.split('\u{1}').map(str::to_owned).collect();
                assert!(keys.contains(&*fields[5]), "{keys:?} {fields:?}");
                all.push(fields);
            }
            assert!(all.len() - before <= 10, "as many as configured");
        }
        all
    }
}

fn traced() -> SendConfig {
    SendConfig {
        group: "traced".to_owned(),
        trace: Some(TraceConfig {
            topic: TRACES.to_owned(),
            ..TraceConfig::default()
        }),
        ..SendConfig::default()
    }
}

fn producer(cluster: &EmbeddedCluster) -> (Producer, Seen) {
    let seen = Seen::default();
    let hooks = Hooks::default().rpc(seen.clone());
    let producer = Producer::with_hooks(client_of(cluster), traced(), hooks).unwrap();
    producer.start().unwrap();
    (producer, seen)
}

fn written(written: u64) -> TraceCounts {
    TraceCounts {
        written,
        ..TraceCounts::default()
    }
}

/// R182, R187, R188: what is stored leaves a record, as soon as the producer stops.
#[tokio::test]
async fn stored_messages_leave_a_record() {
    let cluster = cluster(ClusterSpec::default());
    let (producer, seen) = producer(&cluster);
    let labelled = Message::new("hello").with_tags("T").unwrap();
    let labelled = labelled.with_keys(&["k1", "k2"]).unwrap();
    let later = Message::new("x").with_delivery(Delivery::Level(1)).unwrap();
    let mut sent = Vec::new();
    for message in [labelled, later] {
        sent.push(producer.send(TOPIC, message).await.unwrap());
    }
    producer
        .send_oneway(TOPIC, Message::new("x"))
        .await
        .unwrap();
    producer.send(TRACES, Message::new("x")).await.unwrap();
    producer.shutdown().await;
    assert_eq!(producer.trace_counts(), Some(written(2)));
    seen.0
        .lock()
        .unwrap()
        .retain(|request| &*request.body != b"x");
    let records = seen.records();
    assert_eq!(
        records.len(),
        2,
        "neither oneway nor to the traces' own topic"
    );
    let address = |broker: &str| {
        let mut brokers = cluster.brokers().into_iter();
        brokers.find(|known| known.name == broker).unwrap().address
    };
    for ((record, sent), (tags, keys, bytes, kind)) in records
        .iter()
        .zip(&sent)
        .zip([("T", "k1 k2", "5", "0"), ("null", "null", "1", "3")])
    {
        let reply = sent.receipt.read();
        let (id, host) = (sent.message_id.to_string(), address(&sent.broker));
        assert_eq!(record[0], "Pub");
        assert!(record[1].parse::<u64>().unwrap() > 1_600_000_000_000);
        assert_eq!(record[2..6], ["DefaultRegion", "traced", TOPIC, &*id]);
        assert_eq!(record[6..10], [tags, keys, &*host, bytes]);
        assert!(record[10].parse::<u64>().unwrap() < 60_000);
        assert_eq!(record[11..], [kind, &*reply.offset_message_id, "true"]);
    }
}

/// R187: an attempt that failed leaves none; the one that was stored does.
#[tokio::test]
async fn failed_attempts_leave_no_record() {
    let refusing = Behaviour {
        reject: Some(Reject {
            code: ResponseCode::SYSTEM_ERROR,
            remark: "no".to_owned(),
            every: 3,
        }),
        ..Behaviour::default()
    };
    let cluster = cluster(ClusterSpec {
        per_broker: vec![(0, refusing)],
        ..ClusterSpec::default()
    });
    let (producer, seen) = producer(&cluster);
    let (mut attempts, mut ids) = (0, HashSet::new());
    for _ in 0..30 {
        let sent = producer.send(TOPIC, Message::new("x")).await.unwrap();
        attempts += sent.attempts;
        ids.insert(sent.message_id.to_string());
    }
    assert!(attempts > 30);
    producer.shutdown().await;
    let counts = producer.trace_counts().unwrap();
    assert_eq!(counts.written + counts.failed, 30, "{counts:?}");
    assert_eq!(counts.dropped, 0);
    let traced: HashSet<String> = seen.records().into_iter().map(|r| r[5].clone()).collect();
    assert_eq!(traced, ids);
}

/// Commits what it is asked about.
struct Committing;

impl TransactionChecker for Committing {
    fn check(&self, _: &CheckedMessage) -> LocalOutcome {
        Ok(Resolution::Commit)
    }
}

/// R183, R188.
#[tokio::test]
async fn transactions_and_batches_are_traced() {
    let cluster = cluster(ClusterSpec::default());
    let seen = Seen::default();
    let hooks = Hooks::default().rpc(seen.clone());
    let (client, checker) = (client_of(&cluster), Arc::new(Committing));
    let producer = TransactionProducer::with_hooks(client, traced(), checker, hooks).unwrap();
    producer.start().unwrap();
    let message = Message::new("order").with_keys(&["k"]).unwrap();
    let local = |_| async { Ok(Resolution::Rollback) };
    let half = producer.send(TOPIC, message, local).await.unwrap().half;
    let batch: Vec<Message> = (0..12).map(|_| Message::new("part")).collect();
    let sent = producer.producer().send_batch(TOPIC, &batch).await.unwrap();
    producer.shutdown().await;
    assert_eq!(producer.producer().trace_counts(), Some(written(14)));
    let mut records = seen.records();
    records.sort_by_key(|record| record[0] != "EndTransaction");
    let end = &records[0];
    let id = half.message_id.to_string();
    assert_eq!(end[2..6], ["DefaultRegion", "traced", TOPIC, &*id]);
    assert_eq!(end[6..8], ["null", "k"]);
    assert_eq!(end[9..], ["2", &*id, "ROLLBACK_MESSAGE", "false"]);
    let of_half = records.iter().filter(|r| r[0] == "Pub" && r[5] == id);
    assert_eq!(of_half.map(|r| &*r[11]).collect::<Vec<_>>(), ["1"]);
    let parts: HashSet<(&str, &str)> = records[1..]
        .iter()
        .filter(|record| record[9] == "4")
        .map(|record| (&*record[5], &*record[12]))
        .collect();
    let ids: Vec<String> = sent.message_ids().map(|id| id.to_string()).collect();
    let reply = sent.receipt.read();
    let offset_ids = reply.offset_message_id.split(',');
    let expected: HashSet<_> = ids.iter().map(|id| &**id).zip(offset_ids).collect();
    assert_eq!((parts.len(), parts), (12, expected));
}

/// R185, R186: a trace topic that takes nothing costs records and no sends.
#[tokio::test]
async fn a_trace_that_cannot_be_written_hurts_no_send() {
    let cluster = cluster(ClusterSpec::default());
    cluster.create_topic(TRACES, 4, permission::READ).unwrap();
    let (producer, _) = producer(&cluster);
    for _ in 0..25 {
        producer.send(TOPIC, Message::new("x")).await.unwrap();
    }
    producer.shutdown().await;
    let failed = TraceCounts {
        failed: 25,
        ..TraceCounts::default()
    };
    assert_eq!(producer.trace_counts(), Some(failed));
    assert_eq!(cluster.stored().topic_messages(TOPIC), 25);
    let wrong = SendConfig {
        trace: Some(TraceConfig {
            topic: "no topic".to_owned(),
            ..TraceConfig::default()
        }),
        ..SendConfig::default()
    };
    let producer = Producer::new(client_of(&cluster), wrong).unwrap();
    producer.start().unwrap();
    producer.send(TOPIC, Message::new("x")).await.unwrap();
    producer.shutdown().await;
    assert_eq!(producer.trace_counts().unwrap().dropped, 1);
}

/// R25: brokers that hang keep a producer from stopping for a bounded time, and what they held has failed.
#[tokio::test]
async fn a_trace_is_flushed_within_a_bound() {
    let cluster = cluster(ClusterSpec::default());
    cluster
        .create_topic(TRACES, 4, permission::READ_WRITE)
        .unwrap();
    let (producer, _) = producer(&cluster);
    for _ in 0..15 {
        producer.send(TOPIC, Message::new("x")).await.unwrap();
    }
    (0..2).for_each(|broker| cluster.pause(broker).unwrap());
    let stopped = tokio::time::timeout(Duration::from_secs(15), producer.shutdown());
    stopped.await.expect("it ends");
    let counts = producer.trace_counts().unwrap();
    assert_eq!(counts.written + counts.failed, 15);
    assert!(counts.failed >= 5, "{counts:?}");
}

fn load(cluster: &EmbeddedCluster, mode: SendMode, share_ppm: u32) -> (TraceCounts, u64) {
    let send = SendConfig {
        trace: Some(TraceConfig {
            topic: TRACES.to_owned(),
            share_ppm,
            ..TraceConfig::default()
        }),
        ..SendConfig::default()
    };
    let plan = LoadPlan {
        message: MessageShape {
            keys: "order-1".to_owned(),
            ..MessageShape::plain(100)
        },
        ..plan(mode, 4_000, of_count(4_000))
    };
    let finished = start(client_of(cluster), plan, send).finish();
    (finished.outcome.traces.unwrap(), finished.counters().acked)
}

/// R186, R187: a load traces the share it was asked for, and accounts for all of it.
#[test]
fn a_load_traces_its_share() {
    for (mode, share_ppm, traced) in [
        (SendMode::Async, 1_000_000, 4_000),
        (SendMode::Sync, 100_000, 400),
    ] {
        let cluster = cluster(ClusterSpec::default());
        let (counts, acked) = load(&cluster, mode, share_ppm);
        assert_eq!(acked, 4_000);
        let all = counts.written + counts.dropped + counts.failed;
        // Each connection counts on its own.
        assert!((traced - 1..=traced).contains(&all), "{counts:?}");
        assert_eq!(counts.failed, 0, "{counts:?}");
        assert!(counts.written > traced / 2, "{counts:?}");
        let messages = cluster.stored().topic_messages(TRACES);
        assert!(messages >= counts.written / 10, "{messages}: {counts:?}");
        assert!(messages < counts.written, "{messages}: {counts:?}");
    }
}

/// R185: the client of the traces is one of its own, and leaves when the run ends.
#[tokio::test]
async fn the_trace_has_a_client_of_its_own() {
    let cluster = cluster(ClusterSpec::default());
    let (producer, _) = producer(&cluster);
    for _ in 0..10 {
        producer.send(TOPIC, Message::new("x")).await.unwrap();
    }
    let name = format!(
        "PID_CLIENT_INNER_TRACE_PRODUCER_{}",
        cluster.namesrv_address()
    );
    let is_there = || {
        let brokers = cluster.stored().brokers;
        brokers
            .iter()
            .any(|broker| broker.clients.keys().any(|id| id.ends_with(&name)))
    };
    support::eventually("it sends heartbeats", is_there);
    producer.shutdown().await;
    assert!(!is_there());
}
