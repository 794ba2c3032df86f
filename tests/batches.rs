//! Several messages in one request: what goes together, where it is stored, and what becomes of the rest.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]

mod support;

use std::collections::HashSet;

use rmq_bench::broker::{Behaviour, ClusterSpec, EmbeddedCluster, Reject};
use rmq_bench::client::{ClientError, Delivery, Message, Producer, SendConfig};
use rmq_bench::protocol::{ResponseCode, SendStatus};
use support::{TOPIC, client_of, cluster};

/// A started producer whose messages have at most so many bytes.
fn producer_of(cluster: &EmbeddedCluster, max_message_bytes: usize) -> Producer {
    let send = SendConfig {
        max_message_bytes,
        ..SendConfig::default()
    };
    let producer = Producer::new(client_of(cluster), send).unwrap();
    producer.start().unwrap();
    producer
}

fn producer(cluster: &EmbeddedCluster) -> Producer {
    producer_of(cluster, SendConfig::default().max_message_bytes)
}

/// Refuses all it is sent.
fn busy() -> Behaviour {
    Behaviour {
        reject: Some(Reject {
            code: ResponseCode::SYSTEM_BUSY,
            remark: "busy".to_owned(),
            every: 1,
        }),
        ..Behaviour::default()
    }
}

fn letters(count: u8) -> Vec<Message> {
    (0..count).map(|n| Message::new(vec![n; 300])).collect()
}

#[tokio::test]
async fn a_batch_is_stored_in_one_queue_each_message_with_its_id() {
    // R60–R65
    let cluster = cluster(ClusterSpec::default());
    let producer = producer(&cluster);
    let message = |n: u32| Message::new(format!("letter {n}"));
    let messages: Vec<Message> = (0..5).map(message).collect();
    let sent = producer.send_batch(TOPIC, &messages).await.unwrap();
    assert_eq!((sent.status, sent.attempts), (Some(SendStatus::SendOk), 1));
    let ids: HashSet<_> = sent.message_ids().collect();
    assert_eq!(ids.len(), 5);
    assert_eq!(sent.message_ids().next(), Some(sent.message_id));
    let place = sent.receipt.read();
    assert_eq!(place.queue_offset, 0, "that of the first");
    let offset_ids: HashSet<_> = place.offset_message_id.split(',').collect();
    assert_eq!(offset_ids.len(), 5);
    let brokers = cluster.stored().brokers;
    let mut queues: Vec<u64> = brokers
        .iter()
        .flat_map(|broker| broker.topics[TOPIC].clone())
        .filter(|stored| *stored > 0)
        .collect();
    assert_eq!(queues.pop(), Some(5), "all in one queue");
    assert!(queues.is_empty(), "{queues:?}");
    let next = producer.send(TOPIC, message(6)).await.unwrap();
    assert!(!ids.contains(&next.message_id));
    producer.shutdown().await;
}

/// R60, R202.
#[tokio::test]
async fn batches_that_brokers_would_misread_are_refused_before_anything_is_sent() {
    let cluster = cluster(ClusterSpec::default());
    let producer = producer_of(&cluster, 1000);
    let plain = || Message::new("x");
    let delayed = plain().with_delivery(Delivery::Level(1)).unwrap();
    let large = || Message::new(vec![b'x'; 600]);
    for (topic, batch) in [
        (TOPIC, vec![]),
        (TOPIC, vec![plain(), delayed]),
        (TOPIC, vec![plain(), plain().with_wait(false)]),
        (TOPIC, vec![plain(), Message::new("")]),
        (TOPIC, vec![large(), large()]),
        ("%RETRY%group", vec![plain(), plain()]),
    ] {
        let result = producer.send_batch(topic, &batch).await;
        let illegal = matches!(result, Err(ClientError::Illegal { .. }));
        assert!(illegal, "{topic}, {batch:?}: {result:?}");
    }
    let stored = cluster.stored();
    assert_eq!((stored.route_queries, stored.connections()), (0, 0));
    producer.shutdown().await;
}

/// R60, R61: many messages are as few batches as their size allows, and each part tells what became of it.
#[tokio::test]
async fn many_messages_are_sent_in_few_batches() {
    let cluster = cluster(ClusterSpec::default());
    let producer = producer_of(&cluster, 1000);
    let sent = producer.send_batches(TOPIC, &letters(5)).await.unwrap();
    let parts: Vec<_> = sent.iter().map(|part| part.messages.clone()).collect();
    assert_eq!(parts, [0..2, 2..4, 4..5]);
    let ids: HashSet<_> = sent
        .iter()
        .flat_map(|part| part.result.as_ref().unwrap().message_ids())
        .collect();
    assert_eq!(ids.len(), 5);
    assert_eq!(cluster.stored().messages(), 5);
    let large = Message::new(vec![b'x'; 990]);
    let result = producer
        .send_batches(TOPIC, &[letters(1).remove(0), large])
        .await;
    assert!(
        matches!(result, Err(ClientError::Illegal { .. })),
        "{result:?}"
    );
    assert_eq!(cluster.stored().messages(), 5, "nothing of it was sent");
    producer.shutdown().await;
}

/// R63, R119, R137: a batch that a busy broker refuses goes to another one as a whole, under the same ids.
#[tokio::test]
async fn a_refused_batch_is_tried_again_as_a_whole() {
    let cluster = cluster(ClusterSpec {
        per_broker: vec![(0, busy())],
        ..ClusterSpec::default()
    });
    let producer = producer(&cluster);
    let mut ids = HashSet::new();
    let mut attempts = 0;
    for _ in 0..10 {
        let sent = producer.send_batch(TOPIC, &letters(4)).await.unwrap();
        assert_eq!(&*sent.broker, "broker-1");
        ids.extend(sent.message_ids());
        attempts += sent.attempts;
    }
    assert!(attempts > 10, "some were refused first");
    assert_eq!((ids.len(), cluster.stored().messages()), (40, 40));
    producer.shutdown().await;
}

/// R135: batches that no broker takes have failed, each with what the brokers said; the rest is sent.
#[tokio::test]
async fn what_is_refused_of_many_batches_is_told() {
    let cluster = cluster(ClusterSpec {
        behaviour: busy(),
        ..ClusterSpec::default()
    });
    let producer = producer_of(&cluster, 1000);
    let sent = producer.send_batches(TOPIC, &letters(4)).await.unwrap();
    assert_eq!(sent.len(), 2);
    for part in &sent {
        let error = part.result.as_ref().unwrap_err().to_string();
        assert!(error.contains("busy"), "{error}");
    }
    for broker in 0..cluster.brokers().len() {
        cluster.set_behaviour(broker, Behaviour::default()).unwrap();
    }
    let sent = producer.send_batches(TOPIC, &letters(4)).await.unwrap();
    assert!(sent.iter().all(|part| part.result.is_ok()));
    assert_eq!(cluster.stored().messages(), 4);
    producer.shutdown().await;
}
