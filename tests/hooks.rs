//! Hooks: what they are told, how often, and that they hurt nobody (R181–R184, R227).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]

mod support;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rmq_bench::broker::{Behaviour, Checks, ClusterSpec, EmbeddedCluster, Reject};
use rmq_bench::client::hooks::{
    AttemptEnd, HookError, Hooks, RpcHook, SendAttempt, SendHook, SendMode, TransactionEnd,
};
use rmq_bench::client::{
    CheckedMessage, ClientConfig, ClientError, Credentials, Delivery, ErrorKind, LocalOutcome,
    Message, Producer, Resolution, SendConfig, TransactionChecker, TransactionProducer,
};
use rmq_bench::protocol::trace::MessageKind;
use rmq_bench::protocol::{
    RemotingCommand, RequestCode, ResponseCode, SendStatus, SerializeType, batch, properties,
};
use support::load::isolations;
use support::{TOPIC, client_of, cluster, eventually};
use tokio::task::JoinSet;

/// How an attempt ended, kept.
#[derive(Debug, Clone, PartialEq, Eq)]
enum End {
    Stored,
    Accepted,
    Failed(ErrorKind, bool),
}

/// What was told of one attempt.
#[derive(Debug, Default, Clone)]
struct Told {
    before: u32,
    after: Vec<End>,
    broker: String,
}

/// Keeps what it is told, by message id and number of the attempt.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<HashMap<(String, u32), Told>>>);

impl SendHook for Log {
    fn before(&self, attempt: &SendAttempt<'_>) {
        let mut log = self.0.lock().unwrap();
        let key = (attempt.message_id.to_string(), attempt.number);
        let told = log.entry(key).or_default();
        assert!(told.after.is_empty(), "before comes before after");
        told.before += 1;
        told.broker = attempt.queue.broker.to_string();
    }

    fn after(&self, attempt: &SendAttempt<'_>, end: &AttemptEnd<'_>) {
        let mut log = self.0.lock().unwrap();
        let key = (attempt.message_id.to_string(), attempt.number);
        let end = match *end {
            AttemptEnd::Stored(status, receipt) => {
                assert_eq!(status, SendStatus::SendOk);
                assert!(receipt.read().queue_offset >= 0);
                End::Stored
            }
            AttemptEnd::Accepted => End::Accepted,
            AttemptEnd::Failed {
                kind, maybe_stored, ..
            } => End::Failed(kind, maybe_stored),
            _ => unreachable!("no other end is known"),
        };
        log.entry(key).or_default().after.push(end);
    }
}

impl Log {
    /// Attempts told of, each once before and once after.
    #[track_caller]
    fn closes(&self) -> Vec<((String, u32), Told)> {
        let log = self.0.lock().unwrap();
        for (attempt, told) in log.iter() {
            let ends = told.after.len();
            assert_eq!((told.before, ends), (1, 1), "{attempt:?}: {told:?}");
        }
        let mut all: Vec<_> = log.clone().into_iter().collect();
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        all
    }

    /// The ends of a message's attempts, in their order.
    #[track_caller]
    fn ends_of(&self, id: &str) -> Vec<End> {
        let all = self.closes().into_iter();
        let of_it = all.filter(|((message, _), _)| message == id);
        of_it.map(|(_, told)| told.after[0].clone()).collect()
    }

    fn is_even(&self) -> bool {
        let log = self.0.lock().unwrap();
        log.values().all(|told| told.after.len() == 1)
    }
}

fn behaving(behaviour: Behaviour) -> EmbeddedCluster {
    cluster(ClusterSpec {
        behaviour,
        ..ClusterSpec::default()
    })
}

fn hooked(client: ClientConfig, send: SendConfig, hooks: Hooks) -> Producer {
    let producer = Producer::with_hooks(client, send, hooks).unwrap();
    producer.start().unwrap();
    producer
}

fn logged(cluster: &EmbeddedCluster, send: SendConfig) -> (Producer, Log) {
    let log = Log::default();
    let hooks = Hooks::default().send(log.clone());
    (hooked(client_of(cluster), send, hooks), log)
}

/// R182: one before and one after, with what there is to know.
#[tokio::test]
async fn each_send_is_told_with_its_context() {
    let cluster = cluster(ClusterSpec::default());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&seen);
    let addresses: HashMap<String, String> = cluster
        .brokers()
        .into_iter()
        .map(|broker| (broker.name, broker.address))
        .collect();
    let namesrv = cluster.namesrv_address();
    let look = move |attempt: &SendAttempt<'_>| -> Result<(), HookError> {
        assert_eq!(attempt.namesrv, std::slice::from_ref(&namesrv));
        assert_eq!(attempt.group, "hooked");
        assert_eq!(&*attempt.queue.topic, TOPIC);
        assert_eq!(attempt.broker_address, addresses[&*attempt.queue.broker]);
        assert!(
            attempt
                .client_id
                .starts_with(&attempt.born_host.to_string())
        );
        assert!(!attempt.unit_mode);
        assert_eq!(attempt.number, 1);
        let body = attempt.message.body().to_vec();
        let tag = attempt.message.property("TAGS").map(str::to_owned);
        kept.lock()
            .unwrap()
            .push((attempt.mode, attempt.kind, body, tag));
        Ok(())
    };
    let log = Log::default();
    let hooks = Hooks::default().check_forbidden(look).send(log.clone());
    let send = SendConfig {
        group: "hooked".to_owned(),
        ..SendConfig::default()
    };
    let producer = hooked(client_of(&cluster), send, hooks);
    let tagged = Message::new("a").with_tags("T").unwrap();
    let sent = producer.send(TOPIC, tagged).await.unwrap();
    assert_eq!(log.ends_of(sent.message_id.as_str()), [End::Stored]);
    let later = Message::new("b").with_delivery(Delivery::Level(1)).unwrap();
    let sent = producer.send_oneway(TOPIC, later).await.unwrap();
    assert_eq!(log.ends_of(sent.message_id.as_str()), [End::Accepted]);
    let half = Message::new("c").half("hooked").unwrap();
    let queue = producer.queues(TOPIC).await.unwrap().remove(3);
    producer.send_to(&queue, half).await.unwrap();
    let both = [Message::new("d"), Message::new("e")];
    let sent = producer.send_batch(TOPIC, &both).await.unwrap();
    assert_eq!(log.ends_of(sent.message_id.as_str()), [End::Stored]);
    assert_eq!(log.closes().len(), 4);
    producer.shutdown().await;
    let seen = seen.lock().unwrap();
    let text = |body: &str| body.as_bytes().to_vec();
    let tag = Some("T".to_owned());
    assert_eq!(
        seen[0],
        (SendMode::Sync, MessageKind::Normal, text("a"), tag)
    );
    assert_eq!(
        seen[1],
        (SendMode::Oneway, MessageKind::Delay, text("b"), None)
    );
    assert_eq!(
        seen[2],
        (SendMode::Sync, MessageKind::Half, text("c"), None)
    );
}

/// R182, R139: each attempt of a send that is tried again.
#[tokio::test]
async fn each_attempt_is_told_of() {
    let refusing = Behaviour {
        reject: Some(Reject {
            code: ResponseCode::SYSTEM_ERROR,
            remark: "no".to_owned(),
            every: 1,
        }),
        ..Behaviour::default()
    };
    let cluster = cluster(ClusterSpec {
        per_broker: vec![(0, refusing)],
        ..ClusterSpec::default()
    });
    let (producer, log) = logged(&cluster, SendConfig::default());
    let mut retried = 0;
    for _ in 0..20 {
        let sent = producer.send(TOPIC, Message::new("x")).await.unwrap();
        let ends = log.ends_of(sent.message_id.as_str());
        let refused = End::Failed(ErrorKind::Rejected(1), false);
        match sent.attempts {
            1 => assert_eq!(ends, [End::Stored]),
            2 => assert_eq!(ends, [refused, End::Stored]),
            many => panic!("{many} attempts"),
        }
        retried += sent.attempts - 1;
    }
    assert!(retried > 0, "some went to the broker that refuses");
    assert_eq!(log.closes().len(), 20 + retried as usize);
    producer.shutdown().await;
}

async fn fails_with(behaviour: Behaviour, kind: ErrorKind) {
    let cluster = behaving(behaviour);
    let send = SendConfig {
        attempt_timeout: Some(Duration::from_millis(100)),
        ..SendConfig::default()
    };
    let (producer, log) = logged(&cluster, send);
    let error = producer.send(TOPIC, Message::new("x")).await.unwrap_err();
    let ClientError::Send { attempts, .. } = error else {
        panic!("{error}")
    };
    let all = log.closes();
    assert!(!all.is_empty() && all.len() <= attempts as usize);
    assert_eq!(all[0].1.after, [End::Failed(kind, true)]);
    producer.shutdown().await;
}

/// R227.
#[tokio::test]
async fn timeouts_and_lost_connections_are_ends_too() {
    let silent = Behaviour {
        drop_replies_every: Some(1),
        ..Behaviour::default()
    };
    fails_with(silent, ErrorKind::Timeout).await;
    let closing = Behaviour {
        drop_connection_every: Some(1),
        ..Behaviour::default()
    };
    fails_with(closing, ErrorKind::ConnectionLost).await;
}

/// R227: nobody awaits the sends any more, and still each attempt is told once how it ended.
#[tokio::test(flavor = "multi_thread")]
async fn attempts_of_dropped_futures_end_once() {
    let cluster = cluster(ClusterSpec::default());
    let pause = || (0..2).for_each(|broker| cluster.pause(broker).unwrap());
    let (producer, log) = logged(&cluster, SendConfig::default());
    producer.send(TOPIC, Message::new("first")).await.unwrap();
    pause();
    let producer = Arc::new(producer);
    let mut sends = JoinSet::new();
    for _ in 0..50 {
        let producer = Arc::clone(&producer);
        sends.spawn(async move { producer.send(TOPIC, Message::new("x")).await });
    }
    let begun = log.clone();
    eventually("all are under way", move || {
        begun.0.lock().unwrap().len() == 51
    });
    assert!(!log.is_even(), "they have not ended");
    sends.shutdown().await;
    (0..2).for_each(|broker| cluster.resume(broker).unwrap());
    eventually("all have ended", || log.is_even());
    let stored = log.closes().into_iter();
    let stored = stored.filter(|(_, told)| told.after == [End::Stored]);
    assert_eq!(stored.count(), 51);
    // What is in flight when the producer stops ends too.
    pause();
    let late = Arc::clone(&producer);
    let send = tokio::spawn(async move { late.send(TOPIC, Message::new("x")).await });
    eventually("one more", || log.0.lock().unwrap().len() == 52);
    send.abort();
    producer.shutdown().await;
    eventually("it has ended", || log.is_even());
    assert_eq!(log.closes().len(), 52);
}

/// R181, R136: no is a failure that another attempt may follow, and no broker's fault.
#[tokio::test]
async fn a_check_may_forbid_attempts() {
    let cluster = cluster(ClusterSpec::default());
    let log = Log::default();
    let here_only = |attempt: &SendAttempt<'_>| -> Result<(), HookError> {
        match &*attempt.queue.broker {
            "broker-0" => Err("not to broker-0".into()),
            _ if attempt.message.property("secret").is_some() => Err("a secret".into()),
            _ => Ok(()),
        }
    };
    let hooks = Hooks::default()
        .check_forbidden(here_only)
        .send(log.clone());
    let producer = hooked(client_of(&cluster), SendConfig::default(), hooks);
    for _ in 0..10 {
        let sent = producer.send(TOPIC, Message::new("x")).await.unwrap();
        assert_eq!(&*sent.broker, "broker-1");
    }
    let told = log.closes();
    assert_eq!(told.len(), 10, "forbidden attempts are not made");
    assert!(told.iter().any(|((_, number), _)| *number == 2));
    let secret = || Message::new("x").with_property("secret", "1").unwrap();
    let error = producer.send(TOPIC, secret()).await.unwrap_err();
    let ClientError::Send {
        kind,
        attempts,
        detail,
        maybe_stored,
    } = error
    else {
        panic!("{error}")
    };
    assert_eq!(
        (kind, attempts, maybe_stored),
        (ErrorKind::Forbidden, 3, false)
    );
    assert!(detail.contains("forbidden: "), "{detail}");
    let queue = producer.queues(TOPIC).await.unwrap().remove(0);
    let error = producer.send_to(&queue, secret()).await.unwrap_err();
    assert!(
        matches!(error, ClientError::Send { attempts: 1, .. }),
        "{error}"
    );
    assert_eq!(cluster.stored().messages(), 10);
    assert_eq!(isolations(producer.instance(), "broker-0"), 0);
    producer.shutdown().await;
}

/// Panics wherever it is called.
struct Panics;

impl SendHook for Panics {
    fn before(&self, _: &SendAttempt<'_>) {
        panic!("before, on purpose")
    }

    fn after(&self, _: &SendAttempt<'_>, _: &AttemptEnd<'_>) {
        panic!("after, on purpose")
    }
}

impl RpcHook for Panics {
    fn before(&self, _: &str, _: &RemotingCommand) -> Vec<(String, String)> {
        panic!("request, on purpose")
    }

    fn after(&self, _: &str, _: &RemotingCommand, _: &RemotingCommand) {
        panic!("response, on purpose")
    }
}

/// R182, R183, R184: what hooks do wrong hurts nobody; a check that panics forbids.
#[tokio::test(flavor = "multi_thread")]
async fn hooks_that_panic_hurt_nobody() {
    let cluster = cluster(ClusterSpec::default());
    let log = Log::default();
    let hooks = Hooks::default()
        .send(Panics)
        .rpc(Panics)
        .end_transaction(|_: &TransactionEnd<'_>| panic!("end, on purpose"))
        .send(log.clone());
    let client = client_of(&cluster);
    let producer = TransactionProducer::with_hooks(
        client.clone(),
        SendConfig::default(),
        Arc::new(Committing),
        hooks,
    )
    .unwrap();
    producer.start().unwrap();
    let local = |_| async { Ok(Resolution::Commit) };
    let result = producer.send(TOPIC, Message::new("x"), local).await;
    assert!(result.unwrap().told);
    eventually("it is committed", || {
        cluster.stored().topic_messages(TOPIC) == 1
    });
    let sent = producer.producer().send(TOPIC, Message::new("x")).await;
    sent.unwrap();
    assert_eq!(log.closes().len(), 2, "others are told all the same");
    producer.shutdown().await;
    let hooks = Hooks::default().check_forbidden(|_: &SendAttempt<'_>| -> Result<(), HookError> {
        panic!("check, on purpose")
    });
    let producer = hooked(client, SendConfig::default(), hooks);
    let error = producer.send(TOPIC, Message::new("x")).await.unwrap_err();
    assert!(error.to_string().contains("check, on purpose"), "{error}");
    producer.shutdown().await;
}

/// Commits what it is asked about.
struct Committing;

impl TransactionChecker for Committing {
    fn check(&self, _: &CheckedMessage) -> LocalOutcome {
        Ok(Resolution::Commit)
    }
}

/// R183.
#[tokio::test]
async fn ends_of_transactions_are_told_of() {
    let cluster = behaving(Behaviour {
        checks: Checks {
            first_after: Duration::from_millis(200),
            again_after: Duration::from_millis(200),
            ..Checks::default()
        },
        ..Behaviour::default()
    });
    let told = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&told);
    let addresses: BTreeSet<String> = cluster.brokers().into_iter().map(|b| b.address).collect();
    let hooks = Hooks::default().end_transaction(move |end: &TransactionEnd<'_>| {
        assert!(addresses.contains(end.broker_address));
        assert_eq!((end.topic, end.body), (TOPIC, &b"order"[..]));
        assert_eq!(end.property("KEYS"), Some("k"));
        assert_eq!(end.property("PGROUP"), Some(end.group));
        assert_eq!(end.transaction_id, end.message_id);
        let id = end.message_id.to_owned();
        kept.lock()
            .unwrap()
            .push((id, end.resolution, end.from_check));
    });
    let (client, send) = (client_of(&cluster), SendConfig::default());
    let producer =
        TransactionProducer::with_hooks(client, send, Arc::new(Committing), hooks).unwrap();
    producer.start().unwrap();
    let unsure = |_| async { Ok(Resolution::Unknown) };
    let message = Message::new("order").with_keys(&["k"]).unwrap();
    let result = producer.send(TOPIC, message, unsure).await.unwrap();
    eventually("the check commits it", || {
        cluster.stored().topic_messages(TOPIC) == 1
    });
    let id = result.half.message_id.to_string();
    assert_eq!(
        *told.lock().unwrap(),
        [
            (id.clone(), Resolution::Unknown, false),
            (id, Resolution::Commit, true)
        ]
    );
    producer.shutdown().await;
}

/// A request and, if there is one, its answer.
type Exchange = (String, RemotingCommand, Option<RemotingCommand>);

/// Adds a field to every request, and keeps it with its answer.
#[derive(Clone, Default)]
struct Wire(Arc<Mutex<Vec<Exchange>>>);

impl RpcHook for Wire {
    fn before(&self, address: &str, request: &RemotingCommand) -> Vec<(String, String)> {
        let exchange = (address.to_owned(), request.clone(), None);
        self.0.lock().unwrap().push(exchange);
        vec![("zone".to_owned(), "z1".to_owned())]
    }

    fn after(&self, address: &str, request: &RemotingCommand, response: &RemotingCommand) {
        assert_eq!(request.field("zone"), Some("z1"));
        let exchange = (address.to_owned(), request.clone(), Some(response.clone()));
        self.0.lock().unwrap().push(exchange);
    }
}

impl Wire {
    /// Requests of a code, and their answers.
    fn of(&self, code: RequestCode) -> (Vec<Exchange>, Vec<Exchange>) {
        let all = self.0.lock().unwrap().clone().into_iter();
        let of_it = all.filter(|(_, request, _)| request.code == code.0);
        of_it.partition(|(_, _, response)| response.is_none())
    }
}

/// R184: every kind of request and its answer; the brokers check signatures over the fields that were added.
#[tokio::test]
async fn rpc_hooks_see_requests_and_responses_and_add_fields() {
    for header in [SerializeType::Binary, SerializeType::Json] {
        let account = Credentials::new("key", "secret", None);
        let cluster = cluster(ClusterSpec {
            account: account.clone(),
            ..ClusterSpec::default()
        });
        let mut client = client_of(&cluster);
        client.credentials = account;
        client.transport.header = header;
        let wire = Wire::default();
        let hooks = Hooks::default().rpc(wire.clone());
        let send = SendConfig::default();
        let producer =
            TransactionProducer::with_hooks(client, send, Arc::new(Committing), hooks).unwrap();
        producer.start().unwrap();
        let local = |_| async { Ok(Resolution::Commit) };
        let half = producer.send(TOPIC, Message::new("half"), local).await;
        let half = half.unwrap().half;
        let plain = producer.producer();
        plain
            .send_oneway(TOPIC, Message::new("oneway"))
            .await
            .unwrap();
        let both = [Message::new("one"), Message::new("two")];
        let sent = plain.send_batch(TOPIC, &both).await.unwrap();
        eventually("all are stored", || {
            cluster.stored().topic_messages(TOPIC) == 4
        });
        assert_eq!(cluster.stored().body_bytes(), 4 + 6 + 6);
        producer.shutdown().await;
        let (sends, answers) = wire.of(RequestCode::SEND_MESSAGE_V2);
        assert_eq!((sends.len(), answers.len()), (2, 1), "oneway has none");
        let (_, request, response) = &answers[0];
        let response = response.as_ref().unwrap();
        assert_eq!(
            (request.field("b"), &*request.body),
            (Some(TOPIC), &b"half"[..])
        );
        assert!(
            request
                .field("i")
                .unwrap()
                .contains(half.message_id.as_str())
        );
        assert!(request.field("Signature").is_some());
        let id = half.receipt.read().offset_message_id.into_owned();
        assert_eq!(response.field("msgId"), Some(&*id));
        let (_, batches) = wire.of(RequestCode::SEND_BATCH_MESSAGE);
        let ids = sent.message_ids().map(|id| id.to_string());
        let records = batch::records(&batches[0].1.body).map(|record| {
            let text = str::from_utf8(record.unwrap().properties).unwrap();
            let mut pairs = properties::parse(text);
            let (_, id) = pairs.find(|(name, _)| *name == "UNIQ_KEY").unwrap();
            id.to_owned()
        });
        assert!(ids.eq(records), "each message has its id");
        let (ends, none) = wire.of(RequestCode::END_TRANSACTION);
        assert_eq!((ends.len(), none.len()), (1, 0));
        for (code, at_least) in [
            (RequestCode::GET_ROUTEINFO_BY_TOPIC, 1),
            (RequestCode::HEART_BEAT, 2),
            (RequestCode::UNREGISTER_CLIENT, 2),
        ] {
            let (requests, answers) = wire.of(code);
            assert!(requests.len() >= at_least, "{code:?}");
            assert_eq!(requests.len(), answers.len(), "{code:?}");
        }
    }
}
