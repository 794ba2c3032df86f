//! Namespaces: names on the wire have a prefix that users neither give nor see (R35–R38).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]

mod support;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rmq_bench::broker::{Behaviour, Checks, ClusterSpec, EmbeddedCluster};
use rmq_bench::client::admin::{Admin, KeyQuery, NewTopic};
use rmq_bench::client::hooks::{HookError, SendAttempt};
use rmq_bench::client::{
    CheckedMessage, ClientConfig, ClientInstance, Hooks, LocalOutcome, Message, Producer, Request,
    Resolution, Responder, SendConfig, TraceConfig, TransactionChecker, TransactionProducer,
};
use rmq_bench::load::{RequestShape, ResponderKind, SendMode, TransactionShape};
use rmq_bench::protocol::route::permission;
use support::binary::{SHORT, result_of, rmq_bench};
use support::load::{of_count, plan, start};
use support::{DEADLINE, client_of, cluster, eventually};

const WIRE: &str = "ns1%T";

/// A cluster with topic `T` of the namespace, which keeps its messages.
fn with_topic(behaviour: Behaviour) -> EmbeddedCluster {
    let cluster = cluster(ClusterSpec {
        kept_bytes: 1 << 20,
        behaviour,
        ..ClusterSpec::default()
    });
    cluster
        .create_topic(WIRE, 4, permission::READ_WRITE)
        .unwrap();
    cluster
}

fn inside(cluster: &EmbeddedCluster) -> ClientConfig {
    ClientConfig {
        namespace: Some("ns1".to_owned()),
        ..client_of(cluster)
    }
}

fn of_group(group: &str) -> SendConfig {
    SendConfig {
        group: group.to_owned(),
        ..SendConfig::default()
    }
}

/// R35–R38: however a topic is given, it is wrapped once; queues, hooks and lookups show it as given.
#[tokio::test]
async fn sends_of_every_kind_go_to_the_topic_of_the_namespace() {
    let cluster = with_topic(Behaviour::default());
    let seen: Arc<Mutex<BTreeSet<(String, String)>>> = Arc::default();
    let kept = Arc::clone(&seen);
    let look = move |attempt: &SendAttempt<'_>| -> Result<(), HookError> {
        assert_eq!((attempt.namespace, attempt.group), (Some("ns1"), "ns1%g"));
        let topic = attempt.queue.topic.to_string();
        let instance = attempt.message.property("INSTANCE_ID").unwrap().to_owned();
        kept.lock().unwrap().insert((topic, instance));
        Ok(())
    };
    let hooks = Hooks::default().check_forbidden(look);
    let hooked = Producer::with_hooks(inside(&cluster), of_group("g"), hooks).unwrap();
    let plain = Producer::new(inside(&cluster), of_group("h")).unwrap();
    for producer in [&hooked, &plain] {
        producer.start().unwrap();
        for topic in ["T", WIRE] {
            producer.send(topic, Message::new("x")).await.unwrap();
            producer
                .send_oneway(topic, Message::new("x"))
                .await
                .unwrap();
            let two = [Message::new("x"), Message::new("y")];
            producer.send_batch(topic, &two).await.unwrap();
            let queues = producer.queues(topic).await.unwrap();
            assert!(queues.iter().all(|queue| &*queue.topic == "T"));
            let sent = producer.send_to(&queues[0], Message::new("x")).await;
            sent.unwrap();
            let first = |queues: &[_], _: &Message| queues.first().cloned();
            let sent = producer
                .send_selected(topic, Message::new("x"), first)
                .await;
            sent.unwrap();
        }
        let shared = producer.send("BenchmarkTest", Message::new("x")).await;
        shared.unwrap();
    }
    eventually("all of it is there", || {
        cluster.stored().topic_messages(WIRE) == 24
    });
    assert_eq!(cluster.stored().topic_messages("BenchmarkTest"), 2);
    assert_eq!(cluster.stored().messages(), 26);
    let shown = ["BenchmarkTest", "T"].map(|topic| (topic.to_owned(), "ns1".to_owned()));
    assert_eq!(*seen.lock().unwrap(), BTreeSet::from(shown));
    eventually("groups are known with the namespace", || {
        let stored = cluster.stored();
        stored.producer_groups() == BTreeSet::from(["ns1%g", "ns1%h"])
    });
    let retry = Message::new("x").with_reconsumed(1, None).unwrap();
    plain.send("%RETRY%readers", retry).await.unwrap();
    assert_eq!(cluster.stored().topic_messages("%RETRY%ns1%readers"), 1);
    hooked.shutdown().await;
    plain.shutdown().await;
    assert_eq!(cluster.stored().producer_groups(), BTreeSet::new());
}

/// R35, R36, R38.
#[tokio::test]
async fn administration_is_of_the_namespace() {
    let cluster = with_topic(Behaviour::default());
    let producer = Producer::new(inside(&cluster), of_group("g")).unwrap();
    producer.start().unwrap();
    let admin = Admin::new(Arc::clone(producer.instance()));
    admin.create_topic(NewTopic::new("U", 2)).await.unwrap();
    let queues = admin.queues("U").await.unwrap();
    assert_eq!(queues.len(), 4);
    assert!(queues.iter().all(|queue| &*queue.topic == "U"));
    let keyed = Message::new("x").with_keys(&["k"]).unwrap();
    let sent = producer.send("U", keyed).await.unwrap();
    assert_eq!(cluster.stored().topic_messages("ns1%U"), 1);
    let offsets = admin.offsets("U", Some(0)).await.unwrap();
    assert_eq!(offsets.iter().map(|queue| queue.max).sum::<i64>(), 1);
    let of_sent = offsets.iter().find(|queue| queue.max == 1).unwrap();
    assert_eq!(&*of_sent.queue.topic, "U");
    assert_eq!(admin.max_offset(&of_sent.queue).await.unwrap(), 1);
    let place = sent.receipt.read().offset_message_id.to_string();
    let id = sent.message_id.to_string();
    let found = [
        admin.view("U", &id, None).await.unwrap(),
        admin.view_by_offset_id("U", &place).await.unwrap(),
        admin.view_by_unique_id("U", &id, None).await.unwrap(),
        admin
            .query(KeyQuery::new("U", "k"))
            .await
            .unwrap()
            .messages
            .remove(0),
    ];
    for message in found {
        assert_eq!((&*message.topic, &*message.message_id), ("U", &*id));
        assert_eq!(message.property("INSTANCE_ID"), Some("ns1"));
    }
    producer.shutdown().await;
}

/// Leaves it to the broker to ask, and keeps what it shows.
#[derive(Default)]
struct Asked(Mutex<Vec<(String, Option<String>)>>);

impl TransactionChecker for Asked {
    fn check(&self, message: &CheckedMessage) -> LocalOutcome {
        let group = message.property("PGROUP").map(str::to_owned);
        self.0.lock().unwrap().push((message.topic.clone(), group));
        Ok(Resolution::Commit)
    }
}

/// R36, R37: the broker finds whom to ask by the group on the wire; the topic is shown as users name it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transactions_are_ended_and_checked_in_the_namespace() {
    let cluster = with_topic(Behaviour {
        checks: Checks {
            first_after: Duration::from_millis(100),
            ..Checks::default()
        },
        ..Behaviour::default()
    });
    let asked = Arc::new(Asked::default());
    let checker: Arc<dyn TransactionChecker> = Arc::clone(&asked) as _;
    let producer = TransactionProducer::new(inside(&cluster), of_group("g"), checker).unwrap();
    producer.start().unwrap();
    for end in [Resolution::Commit, Resolution::Unknown] {
        let local = |_| async move { Ok(end) };
        let result = producer.send("T", Message::new("x"), local).await.unwrap();
        assert!(result.told);
    }
    eventually("both are committed", || {
        cluster.stored().topic_messages(WIRE) == 2
    });
    let shown = [("T".to_owned(), Some("ns1%g".to_owned()))];
    assert_eq!(*asked.0.lock().unwrap(), shown);
    producer.shutdown().await;
}

/// R35, R36: both sides of a request.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_are_answered_in_the_namespace() {
    let cluster = with_topic(Behaviour::default());
    let answering = Producer::new(inside(&cluster), of_group("answering")).unwrap();
    answering.start().unwrap();
    let echo = |request: &Request| Some(request.topic.clone().into());
    let responder = Responder::start(&answering, "T", Arc::new(echo))
        .await
        .unwrap();
    let asking = Producer::new(inside(&cluster), of_group("asking")).unwrap();
    asking.start().unwrap();
    let reply = asking
        .request("T", Message::new("x"), DEADLINE)
        .await
        .unwrap();
    assert_eq!(&reply.body[..], b"T");
    eventually("the answer is counted once it is stored", || {
        responder.counts().answered == 1
    });
    asking.shutdown().await;
    answering.shutdown().await;
}

/// R36: records of a trace name group and topic as users do, in a topic that all namespaces share.
#[tokio::test]
async fn traces_tell_names_without_the_namespace() {
    let cluster = with_topic(Behaviour::default());
    let send = SendConfig {
        trace: Some(TraceConfig::default()),
        ..of_group("g")
    };
    let producer = Producer::new(inside(&cluster), send).unwrap();
    producer.start().unwrap();
    let sent = producer.send("T", Message::new("x")).await.unwrap();
    producer.shutdown().await;
    let outside = Arc::new(ClientInstance::new(client_of(&cluster)).unwrap());
    outside.start().unwrap();
    let admin = Admin::new(Arc::clone(&outside));
    let id = sent.message_id.to_string();
    let query = KeyQuery::new("RMQ_SYS_TRACE_TOPIC", &id);
    let found = admin.query(query).await.unwrap().messages.remove(0);
    let body = String::from_utf8(found.body.unwrap().to_vec()).unwrap();
    let fields: Vec<&str> = body.split('\u{1}').collect();
    assert_eq!(fields[3..6], ["g", "T", &*id]);
    outside.shutdown().await;
}

/// R35, R37, R38: a load of every mode.
#[test]
fn loads_go_to_the_topic_of_the_namespace() {
    for mode in [
        SendMode::Sync,
        SendMode::Async,
        SendMode::Oneway,
        SendMode::Batch,
        SendMode::Tx,
        SendMode::Request,
    ] {
        let cluster = with_topic(Behaviour::default());
        let mut plan = plan(mode, 2000, of_count(200));
        plan.topic = "T".to_owned();
        plan.message.keys = "k".to_owned();
        match mode {
            SendMode::Batch => plan.message.batch = 4,
            SendMode::Tx => {
                plan.transactions = Some(TransactionShape::default());
                plan.message.half_of = Some("g".to_owned());
            }
            SendMode::Request => {
                plan.requests = Some(RequestShape {
                    responder: ResponderKind::BuiltIn,
                    reply_bytes: 8,
                });
            }
            _ => {}
        }
        let run = start(inside(&cluster), plan, of_group("g")).finish();
        assert_eq!(run.counters().acked, 200, "{mode:?}");
        eventually("all of it is there", || {
            cluster.stored().topic_messages(WIRE) == 200
        });
        let groups = cluster.stored();
        assert!(
            groups
                .producer_groups()
                .iter()
                .all(|group| group.starts_with("ns1%")),
            "{mode:?}"
        );
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let admin = Admin::new(Arc::clone(&run.instance));
        let found = runtime.block_on(admin.query(KeyQuery::new("T", "k")));
        let found = found.unwrap().messages.remove(0);
        let instance = found.property("INSTANCE_ID");
        // In a batch the embedded broker keeps the properties of each message, not those of the whole.
        let expected = (mode != SendMode::Batch).then_some("ns1");
        assert_eq!((&*found.topic, instance), ("T", expected), "{mode:?}");
        runtime.block_on(run.instance.shutdown());
    }
}

/// The tool takes a namespace for runs and for administration, and tells topics as they are given.
#[test]
fn the_tool_works_in_a_namespace() {
    let cluster = with_topic(Behaviour::default());
    let address = cluster.namesrv_address();
    let there = ["-n", &*address, "--namespace", "ns1", "-t", "T"];
    let identity = ["--client-ip", "10.9.8.7", "--unit-name", "east"];
    let name = [
        "--instance-name",
        "bench",
        "--unit-mode",
        "on",
        "--rate",
        "500",
    ];
    let arguments = [&there[..], &identity, &name, &SHORT].concat();
    let result = result_of(&arguments);
    assert_eq!(result["run"]["topic"], "T");
    assert_eq!(result["run"]["group"], "rmq_bench_producer");
    let config = &result["config"];
    for (key, value) in [
        ("namespace", "ns1"),
        ("client-ip", "10.9.8.7"),
        ("unit-name", "east"),
        ("instance-name", "bench"),
        ("unit-mode", "on"),
    ] {
        assert_eq!(config[key.replace('-', "_")], value, "{key}");
    }
    let acked = result["accounts"]["acked"].as_u64().unwrap();
    assert_eq!(cluster.stored().topic_messages(WIRE), acked);
    let run = rmq_bench()
        .args(["admin", "offsets", "--format", "json"])
        .args(there)
        .assert()
        .success();
    let offsets = support::binary::json(&run.get_output().stdout);
    assert_eq!(offsets["topic"], "T");
    assert_eq!(offsets["messages"].as_u64(), Some(acked));
    rmq_bench()
        .args([
            "admin",
            "queues",
            "--namespace",
            "ns%1",
            "-t",
            "T",
            "-n",
            &*address,
        ])
        .assert()
        .code(2);
}
