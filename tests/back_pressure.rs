//! Limits on the sends of a producer in progress.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]

mod support;

use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use rand::RngExt as _;
use rmq_bench::broker::{Behaviour, ClusterSpec, EmbeddedCluster, Reject};
use rmq_bench::client::{BackPressure, ClientError, ErrorKind, Message, Producer, SendConfig};
use rmq_bench::protocol::ResponseCode;
use support::{DEADLINE, TOPIC, client_of, cluster};
use tokio::task::JoinSet;

const TEN: BackPressure = BackPressure {
    messages: 10,
    bytes: 1024 * 1024,
};

fn producer(cluster: &EmbeddedCluster, timeout: Duration) -> Producer {
    let send = SendConfig {
        timeout,
        back_pressure: Some(TEN),
        compression: None,
        retries: 0,
        ..SendConfig::default()
    };
    let mut client = client_of(cluster);
    client.fault.enabled = false;
    let producer = Producer::new(client, send).unwrap();
    producer.start().unwrap();
    producer
}

fn letter(bytes: usize) -> Message {
    Message::new(vec![b'x'; bytes])
}

fn send_many(producer: &Producer, count: usize, bytes: usize) -> JoinSet<Result<(), ClientError>> {
    let mut sends = JoinSet::new();
    for _ in 0..count {
        let producer = producer.clone();
        sends.spawn(async move { producer.send(TOPIC, letter(bytes)).await.map(drop) });
    }
    sends
}

/// R189: sends, and bytes of their bodies; what one takes the others wait for.
#[tokio::test(flavor = "multi_thread")]
async fn sends_beyond_either_limit_wait() {
    for (count, bytes, most) in [(30, 100, 10), (8, 300 * 1024, 3)] {
        let cluster = cluster(ClusterSpec {
            behaviour: Behaviour {
                delay: Duration::from_millis(20),
                ..Behaviour::default()
            },
            ..ClusterSpec::default()
        });
        let producer = producer(&cluster, DEADLINE);
        let mut sends = send_many(&producer, count, bytes);
        let mut seen = 0;
        while let Some(sent) = sends.join_next().await {
            sent.unwrap().unwrap();
            let (messages, held) = producer.in_progress();
            seen = seen.max(messages);
            assert!(
                messages <= most && held <= TEN.bytes as u64,
                "{messages}, {held} bytes"
            );
        }
        assert!(seen > 0, "they were looked at");
        assert_eq!(producer.in_progress(), (0, 0));
        assert_eq!(cluster.stored().messages(), count as u64);
        producer.shutdown().await;
    }
}

/// R149, R189, R190: waiting is part of a send's time; what finds no room in it is not sent.
#[tokio::test]
async fn who_finds_no_room_in_time_is_not_sent() {
    let cluster = cluster(ClusterSpec::default());
    let timeout = Duration::from_millis(100);
    let producer = producer(&cluster, timeout);
    producer.send(TOPIC, letter(100)).await.unwrap();
    // Nobody takes their ends.
    let mut held: Vec<_> = (0..10)
        .map(|_| Box::pin(producer.send(TOPIC, letter(100))))
        .collect();
    let mut context = Context::from_waker(Waker::noop());
    for send in &mut held {
        assert!(send.as_mut().poll(&mut context).is_pending());
    }
    assert_eq!(producer.in_progress(), (10, 1000));

    let began = Instant::now();
    match producer.send(TOPIC, letter(100)).await {
        Err(ClientError::Send {
            kind,
            attempts,
            detail,
            maybe_stored,
        }) => {
            assert_eq!((kind, attempts), (ErrorKind::LocalLimit, 0));
            assert!(
                detail.contains("back_pressure") && !maybe_stored,
                "{detail}"
            );
        }
        other => panic!("{other:?}"),
    }
    assert!(began.elapsed() >= timeout);
    assert_eq!(
        producer.in_progress(),
        (10, 1000),
        "it took no room with it"
    );
    drop(held);
    assert_eq!(
        producer.in_progress(),
        (0, 0),
        "callers that are gone take none"
    );
    producer.send(TOPIC, letter(100)).await.unwrap();
    producer.shutdown().await;
    assert_eq!(cluster.stored().messages(), 12);
}

/// R191: whatever becomes of sends, also when nobody waits for them any more.
#[tokio::test(flavor = "multi_thread")]
async fn each_send_gives_back_what_it_took() {
    let odd = Behaviour {
        drop_replies_every: Some(7),
        drop_connection_every: Some(31),
        reject: Some(Reject {
            code: ResponseCode::SYSTEM_BUSY,
            remark: "busy".to_owned(),
            every: 5,
        }),
        ..Behaviour::default()
    };
    let cluster = cluster(ClusterSpec {
        behaviour: odd,
        ..ClusterSpec::default()
    });
    let producer = producer(&cluster, Duration::from_millis(100));
    let mut sends = JoinSet::new();
    let mut random = rand::rng();
    for _ in 0..500 {
        let bytes = random.random_range(1..200_000);
        let patience = Duration::from_millis(random.random_range(0..150));
        let oneway = random.random_bool(0.2);
        let producer = producer.clone();
        sends.spawn(async move {
            let send = async {
                if oneway {
                    producer.send_oneway(TOPIC, letter(bytes)).await
                } else {
                    producer.send(TOPIC, letter(bytes)).await
                }
            };
            tokio::time::timeout(patience, send)
                .await
                .map(|sent| sent.is_ok())
        });
    }
    let ends = sends.join_all().await;
    assert!(ends.contains(&Ok(true)), "some were stored");
    assert!(ends.contains(&Ok(false)), "some failed");
    assert!(ends.iter().any(Result::is_err), "some were dropped");
    assert_eq!(producer.in_progress(), (0, 0));
    producer.shutdown().await;
}

/// C1.20, C1.21: Java's defaults, and its least values.
#[tokio::test]
async fn limits_out_of_range_are_refused() {
    let cluster = cluster(ClusterSpec::default());
    let java = BackPressure::default();
    assert_eq!((java.messages, java.bytes), (1024, 100 * 1024 * 1024));
    let started = producer(&cluster, DEADLINE);
    for (messages, bytes) in [(9, java.bytes), (65_537, java.bytes), (10, 1024 * 1024 - 1)] {
        let limits = BackPressure { messages, bytes };
        let send = SendConfig {
            back_pressure: Some(limits),
            ..SendConfig::default()
        };
        for refused in [
            Producer::new(client_of(&cluster), send).map(drop),
            started.set_back_pressure(limits),
        ] {
            let named = matches!(
                refused,
                Err(ClientError::Illegal {
                    what: "back_pressure",
                    ..
                })
            );
            assert!(named, "{limits:?}: {refused:?}");
        }
    }
    started.set_back_pressure(java).unwrap();
    started.shutdown().await;
}
