//! The library face: what `send().await` promises, and what it refuses before anything is sent.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a test may panic, and its numbers are small"
)]

mod support;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use rmq_bench::broker::{Behaviour, ClusterSpec, EmbeddedCluster, Reject};
use rmq_bench::client::message_queue::by_hash;
use rmq_bench::client::{
    ClientError, ErrorKind, Message, MessageQueue, Producer, SendConfig, SendResult, ServiceState,
};
use rmq_bench::protocol::{ResponseCode, SendStatus};
use support::{DEADLINE, TOPIC, client_of, cluster, eventually};
use tokio::task::JoinSet;

fn producer_with(cluster: &EmbeddedCluster, send: SendConfig) -> Producer {
    Producer::new(client_of(cluster), send).unwrap()
}

/// A started producer with default settings.
fn producer(cluster: &EmbeddedCluster) -> Producer {
    let producer = producer_with(cluster, SendConfig::default());
    producer.start().unwrap();
    producer
}

fn behaving(behaviour: Behaviour) -> EmbeddedCluster {
    cluster(ClusterSpec {
        behaviour,
        ..ClusterSpec::default()
    })
}

fn is_state_error(result: Result<impl std::fmt::Debug, ClientError>, named: &str) {
    match result {
        Err(ClientError::State { state, .. }) => assert_eq!(state, named),
        other => panic!("{other:?}"),
    }
}

/// Each result names a place of its own, and together they are what the brokers hold.
fn results_match(results: &[SendResult], cluster: &EmbeddedCluster) {
    let mut offsets: BTreeMap<(&str, i32), Vec<i64>> = BTreeMap::new();
    for result in results {
        let reply = result.receipt.read();
        let queue = (&*result.broker, reply.queue_id);
        offsets.entry(queue).or_default().push(reply.queue_offset);
    }
    for offsets in offsets.values_mut() {
        offsets.sort_unstable();
        assert!(offsets.iter().copied().eq(0..offsets.len() as i64));
    }
    for broker in cluster.stored().brokers {
        for (queue, count) in broker.topics[TOPIC].iter().enumerate() {
            let named = offsets.get(&(broker.name.as_str(), queue as i32));
            let named = named.map_or(0, Vec::len) as u64;
            assert_eq!(named, *count, "{} queue {queue}", broker.name);
        }
    }
    let ids: HashSet<String> = results.iter().map(|r| r.message_id.to_string()).collect();
    assert_eq!(ids.len(), results.len(), "message ids are distinct");
    let ids: HashSet<_> = results
        .iter()
        .map(|r| r.receipt.read().offset_message_id)
        .collect();
    assert_eq!(ids.len(), results.len(), "offset message ids are distinct");
}

#[tokio::test]
async fn a_send_tells_where_the_message_is() {
    let cluster = cluster(ClusterSpec::default());
    let producer = producer(&cluster);
    let mut results = Vec::new();
    for number in 0..40 {
        let message = Message::new(format!("letter {number}"));
        results.push(producer.send(TOPIC, message).await.unwrap());
    }
    assert!(results.iter().all(|r| r.status == Some(SendStatus::SendOk)));
    assert!(results.iter().all(|r| r.attempts == 1));
    results_match(&results, &cluster);
    let mut by_broker: HashMap<&str, u64> = HashMap::new();
    for result in &results {
        *by_broker.entry(&result.broker).or_default() += 1;
    }
    assert_eq!(
        by_broker,
        HashMap::from([("broker-0", 20), ("broker-1", 20)])
    );
    producer.shutdown().await;
}

#[tokio::test]
async fn a_message_goes_to_the_queue_it_is_sent_to() {
    // R46, R50, R112
    let cluster = cluster(ClusterSpec::default());
    let producer = producer(&cluster);
    let queues = producer.queues(TOPIC).await.unwrap();
    let named: Vec<_> = queues.iter().map(|q| (&*q.broker, q.queue_id)).collect();
    let of = |broker| (0..4).map(move |queue_id| (broker, queue_id));
    assert_eq!(
        named,
        of("broker-0").chain(of("broker-1")).collect::<Vec<_>>()
    );
    for queue in &queues {
        for offset in 0..3 {
            let sent = producer.send_to(queue, Message::new("x")).await.unwrap();
            assert_eq!(sent.broker, queue.broker);
            let place = sent.receipt.read();
            assert_eq!(u32::try_from(place.queue_id), Ok(queue.queue_id));
            assert_eq!(place.queue_offset, offset);
        }
        let sent = producer.send_oneway_to(queue, Message::new("x")).await;
        assert_eq!(sent.unwrap().broker, queue.broker);
        // The queue given counts, not the one of the key.
        let keyed = Message::new("x").with_sharding_key("k").unwrap();
        let sent = producer.send_to(queue, keyed).await.unwrap();
        let place = sent.receipt.read();
        assert_eq!(sent.broker, queue.broker);
        assert_eq!(u32::try_from(place.queue_id), Ok(queue.queue_id));
        assert_eq!(
            place.queue_offset, 4,
            "after three and one without an answer"
        );
    }
    let elsewhere = MessageQueue {
        broker: "broker-7".into(),
        ..queues[0].clone()
    };
    let result = producer.send_to(&elsewhere, Message::new("x")).await;
    assert!(
        matches!(result, Err(ClientError::Illegal { .. })),
        "{result:?}"
    );
    // A queue the route does not list is the broker's to refuse.
    let beyond = MessageQueue {
        queue_id: 99,
        ..queues[0].clone()
    };
    let result = producer.send_to(&beyond, Message::new("x")).await;
    assert!(
        matches!(result, Err(ClientError::Send { attempts: 1, .. })),
        "{result:?}"
    );
    producer.shutdown().await;
}

#[tokio::test]
async fn a_send_to_one_queue_is_tried_once() {
    // R46, R51
    let cluster = behaving(Behaviour {
        reject: Some(Reject {
            every: 1,
            code: ResponseCode::SYSTEM_BUSY,
            remark: "busy".into(),
        }),
        ..Behaviour::default()
    });
    let producer = producer(&cluster);
    let queues = producer.queues(TOPIC).await.unwrap();
    let keyed = Message::new("x").with_sharding_key("order-1").unwrap();
    for result in [
        producer.send_to(&queues[0], Message::new("x")).await,
        producer.send(TOPIC, keyed).await,
    ] {
        let Err(ClientError::Send { attempts, .. }) = result else {
            panic!("{result:?}");
        };
        assert_eq!(attempts, 1);
    }
    let result = producer.send(TOPIC, Message::new("x")).await;
    assert!(
        matches!(result, Err(ClientError::Send { attempts: 3, .. })),
        "{result:?}"
    );
    producer.shutdown().await;
}

#[tokio::test]
async fn keys_and_selectors_take_the_queue_java_takes() {
    // R56, R57
    let cluster = cluster(ClusterSpec::default());
    let producer = producer(&cluster);
    let queues = producer.queues(TOPIC).await.unwrap();
    for (key, index) in [("OrderID188", 0), ("order-1", 6), ("polygenelubricants", 0)] {
        let keyed = Message::new("x").with_sharding_key(key).unwrap();
        let selected = |queues: &[MessageQueue], _: &Message| by_hash(queues, key).cloned();
        for sent in [
            producer.send(TOPIC, keyed).await.unwrap(),
            producer
                .send_selected(TOPIC, Message::new("x"), selected)
                .await
                .unwrap(),
        ] {
            let queue: &MessageQueue = &queues[index];
            assert_eq!(sent.broker, queue.broker, "{key}");
            let queue_id = sent.receipt.read().queue_id;
            assert_eq!(u32::try_from(queue_id), Ok(queue.queue_id), "{key}");
        }
    }
    let none = producer
        .send_selected(TOPIC, Message::new("x"), |_, _| None)
        .await;
    assert!(matches!(none, Err(ClientError::Illegal { .. })), "{none:?}");
    let other = MessageQueue {
        topic: "Other".into(),
        ..queues[0].clone()
    };
    let other = producer
        .send_selected(TOPIC, Message::new("x"), |_, _| Some(other))
        .await;
    assert!(
        matches!(other, Err(ClientError::Illegal { .. })),
        "{other:?}"
    );
    producer.shutdown().await;
}

#[tokio::test]
async fn bodies_are_compressed_from_the_threshold_on() {
    // R159, R222
    let cluster = cluster(ClusterSpec::default());
    let producer = producer(&cluster);
    for (bytes, stored) in [(4095, 4095..4096), (4096, 1..200)] {
        let before = cluster.stored().body_bytes();
        let message = Message::new(vec![b'x'; bytes]);
        producer.send(TOPIC, message).await.unwrap();
        let taken = cluster.stored().body_bytes() - before;
        assert!(stored.contains(&taken), "{bytes} were stored as {taken}");
    }
    producer.shutdown().await;
}

#[tokio::test]
async fn a_oneway_send_arrives_and_tells_no_place() {
    let cluster = cluster(ClusterSpec::default());
    let producer = producer(&cluster);
    for _ in 0..50 {
        let sent = producer
            .send_oneway(TOPIC, Message::new("x"))
            .await
            .unwrap();
        assert_eq!((sent.status, sent.attempts), (None, 1));
        assert!(sent.receipt.read().offset_message_id.is_empty());
    }
    eventually("all oneway messages are stored", || {
        cluster.stored().topic_messages(TOPIC) == 50
    });
    producer.shutdown().await;
    assert_eq!(cluster.stored().topic_messages(TOPIC), 50);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_tasks_share_one_producer() {
    let cluster = cluster(ClusterSpec::default());
    let producer = producer(&cluster);
    let mut tasks = JoinSet::new();
    for task in 0..200 {
        let producer = producer.clone();
        tasks.spawn(async move {
            let mut results = Vec::new();
            for number in 0..5 {
                let message = Message::new(format!("{task}/{number}"));
                results.push(producer.send(TOPIC, message).await.unwrap());
            }
            results
        });
    }
    let results: Vec<SendResult> = tasks.join_all().await.into_iter().flatten().collect();
    assert_eq!(results.len(), 1000);
    results_match(&results, &cluster);
    // All of them on one connection per broker, besides that of heartbeats.
    let accepted: u64 = cluster.stored().brokers.iter().map(|b| b.accepted).sum();
    assert!(accepted <= 8, "{accepted} connections");
    producer.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_tasks_share_one_reference() {
    let cluster = cluster(ClusterSpec::default());
    let producer = std::sync::Arc::new(producer(&cluster));
    let mut tasks = JoinSet::new();
    for _ in 0..200 {
        let producer = std::sync::Arc::clone(&producer);
        tasks.spawn(async move { producer.send(TOPIC, Message::new("x")).await.unwrap() });
    }
    let results = tasks.join_all().await;
    assert_eq!(results.len(), 200);
    results_match(&results, &cluster);
    producer.shutdown().await;
}

#[tokio::test]
async fn operations_outside_running_are_state_errors() {
    // R1, R3, R5, R20
    let cluster = cluster(ClusterSpec::default());
    let producer = producer_with(&cluster, SendConfig::default());
    let letter = || Message::new("x");
    is_state_error(producer.send(TOPIC, letter()).await, "CREATE_JUST");
    assert!(producer.shutdown().await.drained);
    assert_eq!(producer.state(), ServiceState::CreateJust);

    producer.start().unwrap();
    is_state_error(producer.start(), "RUNNING");
    // R2: connections are made by the first send.
    assert_eq!(cluster.stored().connections(), 0);
    producer.send(TOPIC, letter()).await.unwrap();

    producer.shutdown().await;
    producer.shutdown().await;
    is_state_error(producer.send(TOPIC, letter()).await, "SHUTDOWN_ALREADY");
    is_state_error(
        producer.send_oneway(TOPIC, letter()).await,
        "SHUTDOWN_ALREADY",
    );
    is_state_error(producer.start(), "SHUTDOWN_ALREADY");
    assert_eq!(cluster.stored().messages(), 1);
}

#[tokio::test]
async fn illegal_messages_and_topics_are_refused_before_anything_is_sent() {
    // R26, R27, R28, R29, R34
    let cluster = cluster(ClusterSpec::default());
    let send = SendConfig {
        max_message_bytes: 1000,
        ..SendConfig::default()
    };
    let producer = producer_with(&cluster, send);
    producer.start().unwrap();
    let long_topic = "t".repeat(128);
    for (topic, body) in [
        (TOPIC, Vec::new()),
        (TOPIC, vec![b'x'; 1001]),
        ("", b"x".to_vec()),
        ("   ", b"x".to_vec()),
        ("no spaces", b"x".to_vec()),
        ("pünktlich", b"x".to_vec()),
        (long_topic.as_str(), b"x".to_vec()),
        ("SCHEDULE_TOPIC_XXXX", b"x".to_vec()),
    ] {
        for oneway in [false, true] {
            let message = Message::new(body.clone());
            let result = match oneway {
                true => producer.send_oneway(topic, message).await,
                false => producer.send(topic, message).await,
            };
            let illegal = matches!(result, Err(ClientError::Illegal { .. }));
            assert!(illegal, "{topic:?}, {} bytes: {result:?}", body.len());
        }
    }
    let stored = cluster.stored();
    assert_eq!((stored.route_queries, stored.connections()), (0, 0));

    let most = Message::new(vec![b'x'; 1000]);
    producer.send(TOPIC, most).await.unwrap();
    let longest = "t".repeat(127);
    producer.send(&longest, Message::new("x")).await.unwrap();
    producer.shutdown().await;
}

#[tokio::test]
async fn sends_go_to_the_other_broker_when_one_is_gone() {
    // R119, R136
    let cluster = cluster(ClusterSpec::default());
    let mut client = client_of(&cluster);
    client.fault.enabled = false;
    let producer = Producer::new(client, SendConfig::default()).unwrap();
    producer.start().unwrap();
    cluster.close_port(0).unwrap();
    let mut retried = 0;
    for _ in 0..20 {
        let result = producer.send(TOPIC, Message::new("x")).await.unwrap();
        assert_eq!(&*result.broker, "broker-1");
        retried += u32::from(result.attempts > 1);
    }
    assert!(
        retried > 0,
        "without avoidance broker-0 is tried first at times"
    );
    assert_eq!(cluster.stored().brokers[1].messages, 20);
    producer.shutdown().await;
}

#[tokio::test]
async fn sends_go_to_the_other_broker_when_one_is_busy() {
    // R119, R137, R243
    let busy = Behaviour {
        reject: Some(Reject {
            code: ResponseCode::SYSTEM_BUSY,
            remark: "busy".to_owned(),
            every: 1,
        }),
        ..Behaviour::default()
    };
    let cluster = cluster(ClusterSpec {
        per_broker: vec![(0, busy)],
        ..ClusterSpec::default()
    });
    let producer = producer(&cluster);
    for _ in 0..10 {
        let result = producer.send(TOPIC, Message::new("x")).await.unwrap();
        assert_eq!(&*result.broker, "broker-1");
    }
    assert!(cluster.stored().rejected() > 0);
    producer.shutdown().await;
}

#[tokio::test]
async fn a_send_every_broker_refuses_tells_what_each_said() {
    // R135, R137
    let cluster = behaving(Behaviour {
        reject: Some(Reject {
            code: ResponseCode::SYSTEM_ERROR,
            remark: "the disk is on fire".to_owned(),
            every: 1,
        }),
        ..Behaviour::default()
    });
    let producer = producer(&cluster);
    match producer.send(TOPIC, Message::new("x")).await {
        Err(ClientError::Send {
            kind,
            attempts,
            detail,
            maybe_stored,
        }) => {
            assert_eq!((kind, attempts), (ErrorKind::Rejected(1), 3));
            assert!(detail.contains("the disk is on fire"), "{detail}");
            assert!(!maybe_stored, "brokers that refuse store nothing");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(cluster.stored().rejected(), 3);
    producer.shutdown().await;
}

#[tokio::test]
async fn a_send_without_an_answer_may_be_stored() {
    // R244
    let cluster = behaving(Behaviour {
        drop_replies_every: Some(1),
        ..Behaviour::default()
    });
    let send = SendConfig {
        timeout: Duration::from_millis(200),
        ..SendConfig::default()
    };
    let producer = producer_with(&cluster, send);
    producer.start().unwrap();
    match producer.send(TOPIC, Message::new("x")).await {
        Err(ClientError::Send {
            kind, maybe_stored, ..
        }) => assert_eq!((kind, maybe_stored), (ErrorKind::Timeout, true)),
        other => panic!("{other:?}"),
    }
    assert!(cluster.stored().messages() >= 1);
    producer.shutdown().await;
}

#[tokio::test]
async fn a_send_nobody_could_take_is_not_stored() {
    let cluster = cluster(ClusterSpec::default());
    let producer = producer(&cluster);
    cluster.close_port(0).unwrap();
    cluster.close_port(1).unwrap();
    match producer.send(TOPIC, Message::new("x")).await {
        Err(ClientError::Send {
            kind, maybe_stored, ..
        }) => assert_eq!((kind, maybe_stored), (ErrorKind::Connect, false)),
        other => panic!("{other:?}"),
    }
    producer.shutdown().await;
}

#[tokio::test]
async fn shutdown_waits_for_pending_sends_and_leaves_the_brokers() {
    // R253
    let cluster = behaving(Behaviour {
        delay: Duration::from_millis(500),
        ..Behaviour::default()
    });
    let send = SendConfig {
        group: "letter_writers".to_owned(),
        ..SendConfig::default()
    };
    let producer = producer_with(&cluster, send);
    producer.start().unwrap();
    producer.send(TOPIC, Message::new("first")).await.unwrap();
    eventually("the group is known", || {
        cluster
            .stored()
            .producer_groups()
            .contains("letter_writers")
    });

    let producer = std::sync::Arc::new(producer);
    let mut pending = JoinSet::new();
    for _ in 0..20 {
        let producer = std::sync::Arc::clone(&producer);
        pending.spawn(async move { producer.send(TOPIC, Message::new("x")).await });
    }
    let requests = || -> u64 { cluster.stored().brokers.iter().map(|b| b.messages).sum() };
    let all_arrived = async {
        while requests() < 21 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, all_arrived)
        .await
        .expect("they arrive");
    assert!(pending.try_join_next().is_none(), "they are in flight");
    let report = tokio::time::timeout(DEADLINE, producer.shutdown()).await;
    assert!(report.expect("it ends").drained);
    for result in pending.join_all().await {
        assert_eq!(result.unwrap().status, Some(SendStatus::SendOk));
    }
    assert_eq!(cluster.stored().messages(), 21);
    eventually("the group has left", || {
        cluster.stored().producer_groups().is_empty()
    });
    eventually("no connection is left", || {
        cluster.stored().connections() == 0
    });
}

#[tokio::test]
async fn sends_that_outlast_the_shutdown_end_with_it() {
    // R253: nobody is left waiting for an answer that cannot come any more.
    let cluster = behaving(Behaviour {
        drop_replies_every: Some(1),
        ..Behaviour::default()
    });
    let send = SendConfig {
        timeout: Duration::from_secs(3600),
        ..SendConfig::default()
    };
    let producer = producer_with(&cluster, send);
    producer.start().unwrap();
    let mut pending = JoinSet::new();
    for _ in 0..20 {
        // Each clone sends through cores of its own.
        let producer = producer.clone();
        pending.spawn(async move { producer.send(TOPIC, Message::new("x")).await });
    }
    let all_arrived = async {
        while cluster.stored().messages() < 20 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, all_arrived)
        .await
        .expect("they arrive");
    let report = tokio::time::timeout(DEADLINE, producer.shutdown()).await;
    assert!(!report.expect("it ends").drained, "none was answered");
    let ends = tokio::time::timeout(DEADLINE, pending.join_all()).await;
    for end in ends.expect("each send ends") {
        match end {
            Err(ClientError::Send { maybe_stored, .. }) => assert!(maybe_stored),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(cluster.stored().messages(), 20, "none was sent again");
    eventually("no connection is left", || {
        cluster.stored().connections() == 0
    });
}

#[tokio::test]
async fn a_group_that_is_not_allowed_makes_no_producer() {
    // R7, R8
    let cluster = cluster(ClusterSpec::default());
    for group in ["", "DEFAULT_PRODUCER", "with space", &"g".repeat(256)] {
        let send = SendConfig {
            group: group.to_owned(),
            ..SendConfig::default()
        };
        let made = Producer::new(client_of(&cluster), send);
        let illegal = matches!(made, Err(ClientError::Illegal { .. }));
        assert!(illegal, "{group:?}");
    }
}

/// R170: four codes mean that the message is stored, and no other attempt is made.
#[tokio::test]
async fn each_status_of_a_stored_message_is_told() {
    for (code, status) in [
        (ResponseCode::SUCCESS, SendStatus::SendOk),
        (
            ResponseCode::FLUSH_DISK_TIMEOUT,
            SendStatus::FlushDiskTimeout,
        ),
        (
            ResponseCode::FLUSH_SLAVE_TIMEOUT,
            SendStatus::FlushSlaveTimeout,
        ),
        (
            ResponseCode::SLAVE_NOT_AVAILABLE,
            SendStatus::SlaveNotAvailable,
        ),
    ] {
        let cluster = behaving(Behaviour {
            reject: Some(Reject {
                code,
                remark: "stored, perhaps not safely".to_owned(),
                every: 1,
            }),
            ..Behaviour::default()
        });
        let producer = producer(&cluster);
        let sent = producer.send(TOPIC, Message::new("x")).await.unwrap();
        assert_eq!((sent.status, sent.attempts), (Some(status), 1));
        producer.shutdown().await;
    }
}

/// R198: what is no handle is refused here; what brokers say of one is told.
#[tokio::test]
async fn only_handles_that_brokers_gave_are_recalled() {
    let cluster = cluster(ClusterSpec::default());
    let producer = producer_with(&cluster, SendConfig::default());
    let refused = producer.recall("x").await.unwrap_err();
    assert!(refused.to_string().contains("CREATE_JUST"), "{refused}");
    producer.start().unwrap();
    let handle = |topic: &str, broker: &str| {
        URL_SAFE.encode(format!("v1 {topic} {broker} 1700000000001 7F00000100"))
    };
    for (handle, code) in [
        ("x".to_owned(), -1),
        (handle("%RETRY%group", "broker-0"), -1),
        (handle("%DLQ%group", "broker-0"), -1),
        (handle("SCHEDULE_TOPIC_XXXX", "broker-0"), -1),
        (handle(TOPIC, "broker-9"), -1),
        // It has no timers.
        (handle(TOPIC, "broker-1"), 3),
    ] {
        let refused = producer.recall(&handle).await.unwrap_err();
        assert_eq!(refused.code(), Some(code), "{handle}: {refused}");
    }
    producer.shutdown().await;
}
