//! Requests and their answers (R77–R83).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]

mod support;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rmq_bench::broker::{Behaviour, ClusterSpec, EmbeddedCluster, Reject};
use rmq_bench::client::{
    ClientError, Compression, ErrorKind, Message, Producer, Request, RequestHandler, Responder,
    SendConfig,
};
use rmq_bench::protocol::ResponseCode;
use support::{DEADLINE, TOPIC, client_of, cluster, eventually};

fn producer(cluster: &EmbeddedCluster, group: &str) -> Producer {
    let config = SendConfig {
        group: group.into(),
        ..SendConfig::default()
    };
    let producer = Producer::new(client_of(cluster), config).unwrap();
    producer.start().unwrap();
    producer
}

/// Answers in capitals; what begins with `silent` gets none.
fn capitals(request: &Request) -> Option<Bytes> {
    let text = str::from_utf8(&request.body).unwrap();
    (!text.starts_with("silent")).then(|| text.to_uppercase().into())
}

async fn responder(producer: &Producer, topic: &str) -> Responder {
    let handler: Arc<dyn RequestHandler> = Arc::new(capitals);
    Responder::start(producer, topic, handler).await.unwrap()
}

/// R77–R79, R82, R83.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_request_gets_its_own_answer() {
    let cluster = cluster(ClusterSpec::default());
    let (asking, answering) = (
        producer(&cluster, "asking"),
        producer(&cluster, "answering"),
    );
    let responder = responder(&answering, TOPIC).await;
    let mut asked = tokio::task::JoinSet::new();
    for number in 0..200 {
        let asking = asking.clone();
        asked.spawn(async move {
            let body = format!("request {number}");
            let message = Message::new(body.clone()).with_tags("T").unwrap();
            let reply = asking.request(TOPIC, message, DEADLINE).await.unwrap();
            assert_eq!(reply.body, body.to_uppercase().as_bytes());
            assert_eq!(reply.property("MSG_TYPE"), Some("reply"));
            assert_eq!(reply.topic, "DefaultCluster_REPLY_TOPIC");
            reply.property("CORRELATION_ID").unwrap().to_owned()
        });
    }
    let mut correlations = HashSet::new();
    while let Some(correlation) = asked.join_next().await {
        correlations.insert(correlation.unwrap());
    }
    assert_eq!(correlations.len(), 200);
    assert_eq!(asking.instance().pending_requests().count(), 0);
    eventually("the brokers' answers to the responder", || {
        responder.counts().answered == 200
    });
    assert_eq!(responder.counts().received, 200);
    asking.shutdown().await;
    answering.shutdown().await;
}

/// R78: to a queue, and to a selected one.
#[tokio::test]
async fn a_request_goes_to_the_queue_it_is_to_go_to() {
    let cluster = cluster(ClusterSpec::default());
    let (asking, answering) = (
        producer(&cluster, "asking"),
        producer(&cluster, "answering"),
    );
    let _responder = responder(&answering, TOPIC).await;
    let queue = asking.queues(TOPIC).await.unwrap().pop().unwrap();
    let asked = asking.request_to(&queue, Message::new("a"), DEADLINE).await;
    assert_eq!(&asked.unwrap().body[..], b"A");
    let last = |queues: &[_], _: &Message| queues.last().cloned();
    let asked = asking.request_selected(TOPIC, Message::new("b"), DEADLINE, last);
    assert_eq!(&asked.await.unwrap().body[..], b"B");
    let stored = cluster.stored();
    let broker = stored
        .brokers
        .iter()
        .find(|broker| *broker.name == *queue.broker);
    assert_eq!(broker.unwrap().topics[TOPIC][queue.queue_id as usize], 2);
    let none = |_: &[_], _: &Message| None;
    let asked = asking.request_selected(TOPIC, Message::new("c"), DEADLINE, none);
    assert!(matches!(asked.await, Err(ClientError::Illegal { .. })));
    assert_eq!(asking.instance().pending_requests().count(), 0);
}

/// R79: no answer is an error of its own, with the send done.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_nobody_answers_ends_with_its_time() {
    let cluster = cluster(ClusterSpec::default());
    let (asking, answering) = (
        producer(&cluster, "asking"),
        producer(&cluster, "answering"),
    );
    let responder = responder(&answering, TOPIC).await;
    let timeout = Duration::from_millis(300);
    let asked = asking.request(TOPIC, Message::new("silent"), timeout).await;
    let Err(ClientError::NoReply { timeout: given, .. }) = asked else {
        panic!("{asked:?}");
    };
    assert_eq!(given, timeout);
    assert_eq!(asking.instance().pending_requests().count(), 0);
    eventually("it was read", || responder.counts().unanswered == 1);
    // A dropped future leaves nothing behind either.
    let dropped = asking.request(TOPIC, Message::new("silent 2"), DEADLINE);
    assert!(tokio::time::timeout(timeout, dropped).await.is_err());
    assert_eq!(asking.instance().pending_requests().count(), 0);
}

/// R79: a send that fails is told at once.
#[tokio::test]
async fn a_request_that_is_not_stored_fails_as_its_send() {
    let refuse = Reject {
        every: 1,
        code: ResponseCode::MESSAGE_ILLEGAL,
        remark: "not today".into(),
    };
    let cluster = cluster(ClusterSpec {
        behaviour: Behaviour {
            reject: Some(refuse),
            ..Behaviour::default()
        },
        ..ClusterSpec::default()
    });
    let asking = producer(&cluster, "asking");
    let asked = asking.request(TOPIC, Message::new("x"), DEADLINE).await;
    let Err(ClientError::Send { kind, .. }) = asked else {
        panic!("{asked:?}");
    };
    assert_eq!(kind, ErrorKind::Rejected(13));
    assert_eq!(asking.instance().pending_requests().count(), 0);
}

/// A request without time, and a batch, are none.
#[tokio::test]
async fn what_is_no_request_is_not_sent() {
    let cluster = cluster(ClusterSpec::default());
    let asking = producer(&cluster, "asking");
    let asked = asking
        .request(TOPIC, Message::new("x"), Duration::ZERO)
        .await;
    assert!(
        matches!(asked, Err(ClientError::Illegal { .. })),
        "{asked:?}"
    );
    let batch = Message::batch(&[Message::new("x")]).unwrap();
    let asked = asking.request(TOPIC, batch, DEADLINE).await;
    assert!(
        matches!(asked, Err(ClientError::Illegal { .. })),
        "{asked:?}"
    );
    assert_eq!(cluster.stored().messages(), 0);
}

/// Messages that are no requests, and requests nobody waits for, cost the responder nothing more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_responder_leaves_alone_what_it_cannot_answer() {
    let cluster = cluster(ClusterSpec::default());
    let (asking, answering) = (
        producer(&cluster, "asking"),
        producer(&cluster, "answering"),
    );
    let responder = responder(&answering, TOPIC).await;
    asking.send(TOPIC, Message::new("plain")).await.unwrap();
    let ttl = Duration::from_secs(60);
    // It names a client that is not there: the broker cannot hand the answer on.
    let lost = Message::new("x")
        .asking("c1", "nobody@nowhere", ttl)
        .unwrap();
    asking.send(TOPIC, lost).await.unwrap();
    eventually("both are dealt with", || {
        let counts = responder.counts();
        (counts.unanswered, counts.failed) == (1, 1)
    });
    assert_eq!(responder.counts().answered, 0);
    let asked = asking
        .request(TOPIC, Message::new("still there"), DEADLINE)
        .await;
    assert_eq!(&asked.unwrap().body[..], b"STILL THERE");
}

/// R82: compressed both ways.
#[tokio::test]
async fn large_requests_and_answers_are_compressed_and_unpacked() {
    let cluster = cluster(ClusterSpec::default());
    let compressing = |group: &str| {
        let config = SendConfig {
            group: group.into(),
            compression: Some(Compression::default()),
            ..SendConfig::default()
        };
        let producer = Producer::new(client_of(&cluster), config).unwrap();
        producer.start().unwrap();
        producer
    };
    let (asking, answering) = (compressing("asking"), compressing("answering"));
    let _responder = responder(&answering, TOPIC).await;
    let body = "abc".repeat(10_000);
    let asked = asking
        .request(TOPIC, Message::new(body.clone()), DEADLINE)
        .await;
    assert_eq!(asked.unwrap().body, body.to_uppercase().as_bytes());
    assert!(cluster.stored().body_bytes() < 3_000);
}

/// A topic that the first request makes is read from its beginning.
#[tokio::test]
async fn a_responder_may_be_there_before_its_topic() {
    let cluster = cluster(ClusterSpec {
        brokers: 1,
        ..ClusterSpec::default()
    });
    let (asking, answering) = (
        producer(&cluster, "asking"),
        producer(&cluster, "answering"),
    );
    let _responder = responder(&answering, "New").await;
    let asked = asking.request("New", Message::new("first"), DEADLINE).await;
    assert_eq!(&asked.unwrap().body[..], b"FIRST");
}

/// R254: a broker that has lost a client's connection is told of that client as soon as there is one again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_come_again_after_connections_were_lost() {
    let cluster = cluster(ClusterSpec {
        brokers: 1,
        ..ClusterSpec::default()
    });
    let (asking, answering) = (
        producer(&cluster, "asking"),
        producer(&cluster, "answering"),
    );
    let _responder = responder(&answering, TOPIC).await;
    let asked = asking.request(TOPIC, Message::new("one"), DEADLINE).await;
    assert_eq!(&asked.unwrap().body[..], b"ONE");
    cluster.drop_connections(0).unwrap();
    eventually("both clients are known again", || {
        cluster.stored().producer_groups() == ["answering", "asking"].into()
    });
    let until = std::time::Instant::now() + DEADLINE;
    loop {
        let soon = Duration::from_secs(2);
        match asking.request(TOPIC, Message::new("two"), soon).await {
            Ok(reply) => break assert_eq!(&reply.body[..], b"TWO"),
            Err(error) => assert!(std::time::Instant::now() < until, "{error}"),
        }
    }
}
