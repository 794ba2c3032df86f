//! Transactions: half messages, their ends, and what brokers ask about them (R67–R76).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]

mod support;

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rmq_bench::broker::{Behaviour, BrokerCounts, Checks, ClusterSpec, EmbeddedCluster, Reject};
use rmq_bench::client::{
    CheckConfig, CheckedMessage, ClientError, LocalOutcome, Message, Resolution, SendConfig,
    TransactionChecker, TransactionProducer,
};
use rmq_bench::load::{LoadPlan, MessageShape, SendMode, TransactionOutcome, TransactionShape};
use rmq_bench::protocol::ResponseCode;
use support::load::{of_count, plan, start};
use support::{TOPIC, client_of, cluster, eventually};

/// Brokers that ask soon, and twice a second.
fn asking(checks: Checks) -> EmbeddedCluster {
    cluster(ClusterSpec {
        behaviour: Behaviour {
            checks,
            ..Behaviour::default()
        },
        ..ClusterSpec::default()
    })
}

fn soon() -> Checks {
    Checks {
        first_after: Duration::from_millis(200),
        again_after: Duration::from_millis(200),
        ..Checks::default()
    }
}

fn sum(cluster: &EmbeddedCluster, of: impl Fn(&BrokerCounts) -> u64) -> u64 {
    cluster.stored().brokers.iter().map(of).sum()
}

/// Answers as it is told for each message, and keeps what it was asked.
struct Script {
    answers: Mutex<HashMap<String, Vec<LocalOutcome>>>,
    asked: Mutex<Vec<CheckedMessage>>,
}

impl Script {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            answers: Mutex::default(),
            asked: Mutex::default(),
        })
    }

    /// The answers to the checks of a body, the last one first.
    fn answer(&self, body: &str, answers: Vec<LocalOutcome>) {
        self.answers
            .lock()
            .unwrap()
            .insert(body.to_owned(), answers);
    }
}

impl TransactionChecker for Script {
    fn check(&self, message: &CheckedMessage) -> LocalOutcome {
        self.asked.lock().unwrap().push(message.clone());
        let body = String::from_utf8(message.body.to_vec()).unwrap();
        let mut answers = self.answers.lock().unwrap();
        let next = answers.get_mut(&body).and_then(Vec::pop);
        next.unwrap_or(Ok(Resolution::Unknown))
    }
}

fn producer(
    cluster: &EmbeddedCluster,
    checker: Arc<dyn TransactionChecker>,
) -> TransactionProducer {
    let producer =
        TransactionProducer::new(client_of(cluster), SendConfig::default(), checker).unwrap();
    producer.start().unwrap();
    producer
}

/// R67–R69, R71, R72.
#[tokio::test(flavor = "multi_thread")]
async fn a_half_message_counts_when_it_is_committed() {
    let cluster = asking(Checks::default());
    let producer = producer(&cluster, Script::new());
    let message = || Message::new("x").with_tags("T").unwrap();
    let mut seen = Vec::new();
    for end in [Resolution::Commit, Resolution::Rollback] {
        let local = |half: rmq_bench::client::SendResult| {
            seen.push(half.message_id);
            async move { Ok(end) }
        };
        let result = producer.send(TOPIC, message(), local).await.unwrap();
        assert_eq!((result.resolution, result.told), (end, true));
        assert_eq!(seen.last(), Some(&result.half.message_id));
    }
    eventually("both are ended", || {
        let (committed, back) = (
            |b: &BrokerCounts| b.committed,
            |b: &BrokerCounts| b.rolled_back,
        );
        (sum(&cluster, committed), sum(&cluster, back)) == (1, 1)
    });
    assert_eq!(sum(&cluster, |broker| broker.halves), 2);
    assert_eq!(cluster.stored().topic_messages(TOPIC), 1);
    assert_eq!(producer.checks().received, 0);
    producer.shutdown().await;
}

/// R70, R73, R75, R76.
#[tokio::test]
async fn brokers_ask_until_they_know() {
    let cluster = asking(soon());
    let script = Script::new();
    let producer = producer(&cluster, Arc::clone(&script) as _);
    // Unknown at first, then an error, then an answer.
    let failing = || -> LocalOutcome { Err("the database is away".into()) };
    script.answer("late", vec![Ok(Resolution::Commit), failing()]);
    script.answer("back", vec![Ok(Resolution::Rollback)]);
    let unsure = |_| async { Ok(Resolution::Unknown) };
    let broken = |_| async { Err("no idea".into()) };
    let message = Message::new("late").with_keys(&["k"]).unwrap();
    let late = producer.send(TOPIC, message, unsure).await.unwrap();
    let back = producer
        .send(TOPIC, Message::new("back"), broken)
        .await
        .unwrap();
    assert_eq!(back.resolution, Resolution::Unknown);
    assert_eq!(back.local_error.as_deref(), Some("no idea"));
    eventually("both are ended", || {
        sum(&cluster, |b| b.committed) == 1 && sum(&cluster, |b| b.rolled_back) == 1
    });
    assert_eq!(cluster.stored().topic_messages(TOPIC), 1);
    eventually("all answers are counted", || {
        producer.checks().answered == 3
    });
    let asked = script.asked.lock().unwrap().clone();
    assert_eq!(asked.len(), 3, "no check after an end");
    let first = asked.iter().find(|check| &*check.body == b"late").unwrap();
    assert_eq!(first.topic, TOPIC);
    assert_eq!(first.message_id, late.half.message_id.to_string());
    assert_eq!(first.property("KEYS"), Some("k"));
    assert_eq!(first.property("PGROUP"), Some(producer.producer().group()));
    producer.shutdown().await;
}

/// Panics at its first check.
struct Panicking(Mutex<bool>);

impl TransactionChecker for Panicking {
    fn check(&self, _message: &CheckedMessage) -> LocalOutcome {
        let first = !std::mem::replace(&mut *self.0.lock().unwrap(), true);
        assert!(!first, "on purpose");
        Ok(Resolution::Commit)
    }
}

/// R74.
#[tokio::test]
async fn a_checker_that_panics_is_asked_again() {
    let cluster = asking(soon());
    let producer = producer(&cluster, Arc::new(Panicking(Mutex::new(false))));
    let unsure = |_| async { Ok(Resolution::Unknown) };
    producer
        .send(TOPIC, Message::new("x"), unsure)
        .await
        .unwrap();
    eventually("the second check commits it", || {
        sum(&cluster, |broker| broker.committed) == 1
    });
    // On a busy machine the broker asks more often meanwhile.
    eventually("the answers are counted", || {
        producer.checks().answered >= 2
    });
    producer.shutdown().await;
}

/// Holds every check until it is let go.
struct Holding(Mutex<Receiver<()>>);

impl TransactionChecker for Holding {
    fn check(&self, _message: &CheckedMessage) -> LocalOutcome {
        // The test is over when nobody lets go any more.
        let _ = self.0.lock().unwrap().recv();
        Ok(Resolution::Commit)
    }
}

/// R74, C1.29, C1.30.
#[tokio::test]
async fn checks_beyond_the_limit_are_dropped_and_come_again() {
    let cluster = asking(soon());
    let (let_go, held): (Sender<()>, _) = channel();
    let checker = Arc::new(Holding(Mutex::new(held)));
    let config = CheckConfig {
        most_waiting: 1,
        workers: 1,
    };
    let producer = TransactionProducer::new(client_of(&cluster), SendConfig::default(), checker)
        .unwrap()
        .with_checks(config);
    producer.start().unwrap();
    for _ in 0..5 {
        let unsure = |_| async { Ok(Resolution::Unknown) };
        producer
            .send(TOPIC, Message::new("x"), unsure)
            .await
            .unwrap();
    }
    // One is worked on, one waits.
    eventually("some are dropped", || producer.checks().dropped >= 3);
    drop(let_go);
    eventually("all are committed in the end", || {
        sum(&cluster, |broker| broker.committed) == 5
    });
    producer.shutdown().await;
}

/// R69.
#[tokio::test]
async fn a_half_message_that_is_refused_runs_no_local_transaction() {
    let cluster = cluster(ClusterSpec {
        behaviour: Behaviour {
            reject: Some(Reject {
                code: ResponseCode::NO_PERMISSION,
                remark: "no".to_owned(),
                every: 1,
            }),
            ..Behaviour::default()
        },
        ..ClusterSpec::default()
    });
    let producer = producer(&cluster, Script::new());
    let local = |_| async { panic!("must not run") };
    let error = producer.send(TOPIC, Message::new("x"), local).await;
    assert!(matches!(error, Err(ClientError::Send { .. })), "{error:?}");
    let batch = Message::batch(&[Message::new("x")]).unwrap();
    let local = |_| async { panic!("must not run") };
    let error = producer.send(TOPIC, batch, local).await;
    assert!(
        matches!(error, Err(ClientError::Illegal { .. })),
        "{error:?}"
    );
    assert_eq!(sum(&cluster, |broker| broker.halves), 0);
    producer.shutdown().await;
}

fn tx_plan(count: u64, shape: TransactionShape) -> LoadPlan {
    let send = SendConfig::default();
    LoadPlan {
        callers: 16,
        message: MessageShape {
            half_of: Some(send.group),
            ..MessageShape::plain(100)
        },
        transactions: Some(shape),
        ..plan(SendMode::Tx, 5_000, of_count(count))
    }
}

/// A load of transactions, and what it came to; its sums and those of the brokers close.
fn run(cluster: &EmbeddedCluster, count: u64, shape: TransactionShape) -> TransactionOutcome {
    let load = start(
        client_of(cluster),
        tx_plan(count, shape),
        SendConfig::default(),
    );
    let finished = load.finish();
    let counters = finished.summary.counters();
    assert_eq!(counters.acked, count);
    let outcome = finished.outcome.transactions.unwrap();
    let ends = outcome.ends;
    assert_eq!(ends.committed + ends.rolled_back + ends.unknown, count);
    assert_eq!(ends.untold, 0);
    assert_eq!(sum(cluster, |broker| broker.halves), count);
    outcome
}

fn share(part: u64, whole: u64) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "small numbers")]
    let share = part as f64 / whole as f64;
    share
}

#[test]
fn a_load_ends_its_transactions_and_answers_for_those_it_left_open() {
    let cluster = asking(soon());
    let outcome = run(
        &cluster,
        4_000,
        TransactionShape {
            rollback: 0.1,
            unknown: 0.2,
            check_rollback: 0.25,
            check_unknown: 0.25,
            ..TransactionShape::default()
        },
    );
    let (ends, checks) = (outcome.ends, outcome.checks);
    assert!(outcome.not_passed.is_some());
    // Shares of 4,000 by a hash: five standard deviations.
    assert!(
        (share(ends.rolled_back, 4_000) - 0.1).abs() < 0.024,
        "{ends:?}"
    );
    assert!((share(ends.unknown, 4_000) - 0.2).abs() < 0.032, "{ends:?}");
    assert_eq!((checks.owed, checks.duplicate, checks.foreign), (0, 0, 0));
    assert_eq!(checks.of_ended + checks.of_strays, 0);
    assert_eq!(checks.received, checks.expected);
    assert_eq!(
        checks.committed + checks.rolled_back,
        ends.unknown,
        "each ends once"
    );
    assert!(share(checks.unknown, checks.received) > 0.15, "{checks:?}");
    assert_eq!(
        outcome.check_delay.count(),
        ends.unknown,
        "a first check of each"
    );
    eventually("the brokers know it all", || {
        sum(&cluster, |b| b.committed) == ends.committed + checks.committed
            && sum(&cluster, |b| b.rolled_back) == ends.rolled_back + checks.rolled_back
    });
    let committed = sum(&cluster, |broker| broker.committed);
    assert_eq!(cluster.stored().topic_messages(TOPIC), committed);
}

#[test]
fn checks_against_the_rules_are_told_apart() {
    let cluster = asking(Checks {
        repeats: 1,
        ended_every: Some(10),
        ..soon()
    });
    let shape = TransactionShape {
        unknown: 0.3,
        ..TransactionShape::default()
    };
    let checks = run(&cluster, 1_000, shape).checks;
    assert_eq!(checks.owed, 0);
    assert!(checks.duplicate > 200, "each is asked twice: {checks:?}");
    assert!(
        checks.of_ended > 50,
        "one in ten ended ones is asked about: {checks:?}"
    );
    eventually("nothing is ended twice", || {
        sum(&cluster, |broker| broker.committed) == 1_000
    });
    assert_eq!(cluster.stored().topic_messages(TOPIC), 1_000);
}

#[test]
fn half_messages_nobody_asks_about_are_left_over() {
    let cluster = asking(Checks { most: 0, ..soon() });
    let shape = TransactionShape {
        unknown: 0.5,
        wait: Duration::from_millis(300),
        ..TransactionShape::default()
    };
    let outcome = run(&cluster, 500, shape);
    assert_eq!(outcome.checks.received, 0);
    assert_eq!(outcome.checks.owed, outcome.ends.unknown);
    assert!(outcome.ends.unknown > 150);
    let not_passed = outcome.not_passed.unwrap();
    let bounds = outcome.ends.unknown..=500;
    assert!(bounds.contains(&not_passed), "{not_passed}");
    assert_eq!(
        sum(&cluster, |broker| broker.committed),
        outcome.ends.committed
    );
}
