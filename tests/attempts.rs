//! How many attempts a send makes, how long they take together, and where they go.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]

mod support;

use std::collections::HashSet;
use std::task::{Context, Waker};
use std::time::Duration;

use rmq_bench::broker::{Behaviour, ClusterSpec, EmbeddedCluster};
use rmq_bench::client::{ClientError, ErrorKind, Message, Producer, SendConfig, SendResult};
use rmq_bench::load::SendMode;
use support::load::{no_avoidance, of_count, plan, start};
use support::{DEADLINE, TOPIC, client_of, cluster};

fn behaving(behaviour: Behaviour) -> EmbeddedCluster {
    cluster(ClusterSpec {
        behaviour,
        ..ClusterSpec::default()
    })
}

/// Stores everything and answers nothing.
fn silent() -> EmbeddedCluster {
    behaving(Behaviour {
        drop_replies_every: Some(1),
        ..Behaviour::default()
    })
}

fn producer(cluster: &EmbeddedCluster, send: SendConfig) -> Producer {
    let producer = Producer::new(no_avoidance(client_of(cluster)), send).unwrap();
    producer.start().unwrap();
    producer
}

fn limits(timeout_ms: u64, attempt_ms: u64, retries: u32) -> SendConfig {
    SendConfig {
        timeout: Duration::from_millis(timeout_ms),
        attempt_timeout: Some(Duration::from_millis(attempt_ms)),
        retries,
        ..SendConfig::default()
    }
}

/// Kind of the last failure, and attempts.
fn failure(sent: Result<SendResult, ClientError>) -> (ErrorKind, u32) {
    match sent {
        Err(ClientError::Send { kind, attempts, .. }) => (kind, attempts),
        other => panic!("{other:?}"),
    }
}

/// R141, R142.
#[test]
fn async_sends_make_as_many_attempts_as_they_may() {
    for retries in [0, 2, 5] {
        let cluster = behaving(Behaviour {
            drop_connection_every: Some(1),
            ..Behaviour::default()
        });
        let plan = plan(SendMode::Async, 500, of_count(50));
        let send = SendConfig {
            retries,
            ..SendConfig::default()
        };
        let run = start(no_avoidance(client_of(&cluster)), plan, send).finish();
        let counters = run.counters();
        assert_eq!((counters.acked, counters.planned), (0, 50), "{counters:?}");
        assert_eq!(counters.retries(), u64::from(retries) * 50);
    }
}

/// R147, R149, R150: three attempts of 100 ms are all that fits into 300 ms.
#[tokio::test(flavor = "multi_thread")]
async fn attempts_share_one_budget() {
    let cluster = silent();
    let producer = producer(&cluster, limits(300, 100, 10));
    let (kind, attempts) = failure(producer.send(TOPIC, Message::new("x")).await);
    assert_eq!(kind, ErrorKind::Timeout);
    assert!((1..=3).contains(&attempts), "{attempts} attempts");
    producer.shutdown().await;

    let plan = plan(SendMode::Async, 500, of_count(50));
    let client = no_avoidance(client_of(&cluster));
    let run = tokio::task::spawn_blocking(|| start(client, plan, limits(300, 100, 10)).finish());
    let run = run.await.unwrap();
    assert_eq!(run.counters().unknown, 50);
    assert!(run.counters().retries() <= 100, "{:?}", run.counters());
}

/// R148: while another attempt is possible, and not longer.
#[tokio::test(flavor = "multi_thread")]
async fn the_last_attempt_has_all_that_is_left() {
    let cluster = behaving(Behaviour {
        delay: Duration::from_millis(300),
        ..Behaviour::default()
    });
    for (retries, attempts) in [(0, 1), (2, 3)] {
        let send = SendConfig {
            timeout: DEADLINE,
            ..limits(0, 50, retries)
        };
        let producer = producer(&cluster, send);
        let sent = producer.send(TOPIC, Message::new("x")).await.unwrap();
        assert_eq!(sent.attempts, attempts);
        producer.shutdown().await;
    }
}

/// R144: to the same queue again, whatever the others could take.
#[test]
fn async_sends_of_a_key_are_repeated_in_its_queue() {
    let cluster = behaving(Behaviour {
        drop_replies_every: Some(10),
        ..Behaviour::default()
    });
    let mut plan = plan(SendMode::Async, 1000, of_count(100));
    plan.message.sharding_keys = 1;
    let send = limits(5_000, 50, 2);
    let run = start(no_avoidance(client_of(&cluster)), plan, send).finish();
    let counters = run.counters();
    assert!(counters.recovered_sends > 0, "{counters:?}");
    assert_eq!(counters.acked, 100);
    let stored = cluster.stored();
    let queues = stored
        .brokers
        .iter()
        .flat_map(|broker| &broker.topics[TOPIC]);
    assert_eq!(queues.filter(|count| **count > 0).count(), 1);
    assert_eq!(stored.messages(), 100 + counters.retries());
}

/// R146.
#[tokio::test(flavor = "multi_thread")]
async fn oneway_sends_are_made_once() {
    let cluster = cluster(ClusterSpec::default());
    let producer = producer(&cluster, SendConfig::default());
    for broker in [0, 1] {
        cluster.close_port(broker).unwrap();
    }
    let sent = producer.send_oneway(TOPIC, Message::new("x")).await;
    assert_eq!(failure(sent), (ErrorKind::Connect, 1));
    producer.shutdown().await;

    let cluster = behaving(Behaviour {
        drop_connection_every: Some(20),
        ..Behaviour::default()
    });
    let plan = plan(SendMode::Oneway, 1000, of_count(500));
    let client = no_avoidance(client_of(&cluster));
    let run = tokio::task::spawn_blocking(|| start(client, plan, SendConfig::default()).finish());
    let run = run.await.unwrap();
    assert_eq!(run.counters().retries(), 0);
    assert!(
        cluster.stored().messages() < 500,
        "some were lost with a connection"
    );
}

/// R138.
#[tokio::test]
async fn a_send_whose_caller_has_gone_is_not_repeated() {
    let cluster = silent();
    let producer = producer(&cluster, limits(1_000, 50, 2));
    let send = || producer.send(TOPIC, Message::new("x"));
    assert_eq!(failure(send().await), (ErrorKind::Timeout, 3));
    let mut dropped = Box::pin(send());
    let mut context = Context::from_waker(Waker::noop());
    assert!(dropped.as_mut().poll(&mut context).is_pending());
    let arrives = async {
        while cluster.stored().messages() < 4 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, arrives).await.unwrap();
    drop(dropped);
    // As long as it would have taken.
    assert_eq!(failure(send().await), (ErrorKind::Timeout, 3));
    assert_eq!(cluster.stored().messages(), 3 + 1 + 3);
    producer.shutdown().await;
}

/// R116: one route for all that send, and a turn of its own for each (R242).
#[tokio::test]
async fn clones_share_the_route_and_take_turns_of_their_own() {
    let cluster = cluster(ClusterSpec::default());
    let first = producer(&cluster, SendConfig::default());
    let queues = first.queues(TOPIC).await.unwrap().len();
    let asked = cluster.stored().route_queries;
    let second = first.clone();
    let mut seen = [HashSet::new(), HashSet::new()];
    for _ in 0..queues {
        for (producer, seen) in [&first, &second].into_iter().zip(&mut seen) {
            let sent = producer.send(TOPIC, Message::new("x")).await.unwrap();
            seen.insert((sent.broker.to_string(), sent.receipt.read().queue_id));
        }
    }
    assert_eq!(seen.map(|seen| seen.len()), [queues; 2]);
    assert_eq!(cluster.stored().route_queries, asked);
    first.shutdown().await;
}
