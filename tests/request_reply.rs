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
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use rmq_bench::broker::{Behaviour, ClusterSpec, EmbeddedCluster, Reject};
use rmq_bench::client::{
    ClientError, Compression, ErrorKind, Message, Producer, Request, RequestHandler, Responder,
    SendConfig,
};
use rmq_bench::load::{LoadPlan, RequestShape, ResponderKind, SendMode};
use rmq_bench::metrics::Label;
use rmq_bench::protocol::ResponseCode;
use support::load::{of_count, plan, start};
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
    assert!(!text.starts_with("panic"), "as the test wants it");
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

/// Messages that are no requests, requests nobody waits for, and a handler that panics cost the responder nothing more.
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
    let asked = asking.request(TOPIC, Message::new("panic"), Duration::from_millis(200));
    assert!(matches!(asked.await, Err(ClientError::NoReply { .. })));
    eventually("all are dealt with", || {
        let counts = responder.counts();
        (counts.unanswered, counts.failed) == (2, 1)
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

fn requests(count: u64, responder: ResponderKind) -> LoadPlan {
    LoadPlan {
        requests: Some(RequestShape {
            responder,
            reply_bytes: 10,
        }),
        ..plan(SendMode::Request, 1_000, of_count(count))
    }
}

/// R77–R83 as a load: each request ends once, with its answer.
#[test]
fn a_load_of_requests_is_answered_by_the_responder_in_the_process() {
    let cluster = cluster(ClusterSpec::default());
    let plan = LoadPlan {
        shards: Some(2),
        ..requests(600, ResponderKind::BuiltIn)
    };
    let run = start(client_of(&cluster), plan, SendConfig::default()).finish();
    let counters = run.counters();
    assert_eq!((counters.planned, counters.acked), (600, 600));
    let requests = run.outcome.requests.unwrap();
    let responder = requests.responder.unwrap();
    assert_eq!((responder.received, responder.answered), (600, 600));
    assert_eq!(requests.tally.acknowledged.count(), 600);
    assert_eq!(requests.tally.unmatched, 0);
    assert_eq!(cluster.stored().topic_messages(TOPIC), 600);
}

/// Answers that are quicker than their brokers' acknowledgements are no strays.
#[test]
fn an_answer_may_come_before_the_acknowledgement() {
    let slow = Behaviour {
        delay: Duration::from_millis(150),
        ..Behaviour::default()
    };
    let cluster = cluster(ClusterSpec {
        behaviour: slow,
        ..ClusterSpec::default()
    });
    let plan = LoadPlan {
        requests: requests(4, ResponderKind::BuiltIn).requests,
        ..plan(SendMode::Request, 20, of_count(4))
    };
    // Answers leave by one connection, behind its own acknowledgements; those of the other may be later.
    let mut client = client_of(&cluster);
    client.transport.connections_per_broker = 2;
    let run = start(client, plan, SendConfig::default()).finish();
    assert_eq!(run.counters().acked, 4);
    let tally = run.outcome.requests.unwrap().tally;
    assert_eq!(tally.unmatched, 0);
    let acknowledged = tally.acknowledged.min_ns().unwrap();
    assert!(acknowledged >= 150_000_000, "{acknowledged}");
    let answered = run.outcome.measured.service().min_ns().unwrap();
    assert!(answered < acknowledged, "{answered} < {acknowledged}");
}

/// R79: what nobody answers has failed, though it is stored; what is answered too late is told apart.
#[test]
fn a_load_tells_requests_without_an_answer_from_others() {
    let cluster = cluster(ClusterSpec::default());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let answering = runtime.block_on(async {
        let producer = producer(&cluster, "answering");
        let turn = AtomicU64::new(0);
        // Every other request is answered.
        let answer = move |_: &Request| {
            turn.fetch_add(1, Ordering::Relaxed)
                .is_multiple_of(2)
                .then(|| Bytes::from_static(b"yes"))
        };
        let answer: Arc<dyn RequestHandler> = Arc::new(answer);
        let one = Responder::start(&producer, TOPIC, answer).await.unwrap();
        (producer, one)
    });
    let send = SendConfig {
        timeout: Duration::from_millis(400),
        ..SendConfig::default()
    };
    let plan = requests(200, ResponderKind::Others);
    let run = start(client_of(&cluster), plan, send).finish();
    let counters = run.counters();
    assert_eq!((counters.planned, counters.acked), (200, 100));
    let no_reply = Label {
        name: "no_reply",
        code: None,
    };
    assert_eq!(counters.errors.get(no_reply), 100);
    assert_eq!((counters.failed, counters.unknown), (100, 0));
    let requests = run.outcome.requests.unwrap();
    assert_eq!(requests.responder, None);
    assert_eq!(requests.tally.acknowledged.count(), 200);
    drop(answering);
}

/// An answer to a request that has ended, and a second one, are counted and hurt nothing.
#[test]
fn answers_nobody_waits_for_are_counted() {
    let cluster = cluster(ClusterSpec::default());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let answering = runtime.block_on(async {
        let producer = producer(&cluster, "answering");
        let yes: Arc<dyn RequestHandler> = Arc::new(|_: &Request| Some(Bytes::from_static(b"yes")));
        (
            Responder::start(&producer, TOPIC, yes).await.unwrap(),
            producer,
        )
    });
    let plan = requests(100, ResponderKind::BuiltIn);
    let run = start(client_of(&cluster), plan, SendConfig::default()).finish();
    assert_eq!(run.counters().acked, 100);
    eventually("the other responder has read all", || {
        answering.0.counts().received == 100
    });
    // Both answered: what came before the end of the run is counted.
    let unmatched = run.outcome.requests.unwrap().tally.unmatched;
    assert!((1..=100).contains(&unmatched), "{unmatched}");
}
