//! Administration: topics made, queues measured, messages looked up, in the library and by `rmq-bench admin`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;
use rmq_bench::broker::{Checks, ClusterSpec, EmbeddedCluster};
use rmq_bench::client::admin::{Admin, AdminError, FoundMessage, KeyQuery, NewTopic};
use rmq_bench::client::{
    CheckedMessage, ClientError, ClientInstance, Compression, CompressionKind, Credentials,
    LocalOutcome, Message, MessageQueue, Producer, Resolution, SendConfig, SendResult,
    TransactionChecker, TransactionProducer,
};
use serde_json::Value;
use support::binary::{json, rmq_bench};
use support::{TOPIC, client_of, cluster, eventually};

/// Brokers that keep messages.
fn keeping() -> EmbeddedCluster {
    cluster(ClusterSpec {
        kept_bytes: 1 << 20,
        ..ClusterSpec::default()
    })
}

fn admin(cluster: &EmbeddedCluster) -> (Admin, Arc<ClientInstance>) {
    let instance = Arc::new(ClientInstance::new(client_of(cluster)).unwrap());
    instance.start().unwrap();
    (Admin::new(Arc::clone(&instance)), instance)
}

fn producer(cluster: &EmbeddedCluster, send: SendConfig) -> Producer {
    let producer = Producer::new(client_of(cluster), send).unwrap();
    producer.start().unwrap();
    producer
}

fn queue(broker: &str, queue_id: u32) -> MessageQueue {
    MessageQueue {
        topic: TOPIC.into(),
        broker: broker.into(),
        queue_id,
    }
}

fn offset_id(sent: &SendResult) -> String {
    sent.receipt.read().offset_message_id.to_string()
}

fn nothing(found: Result<FoundMessage, AdminError>) -> String {
    let error = found.unwrap_err();
    assert_eq!(error.code(), Some(208), "{error}");
    error.to_string()
}

/// R84, R85, R86.
#[tokio::test]
async fn a_topic_is_made_on_every_broker_and_its_queues_are_listed() {
    let cluster = cluster(ClusterSpec::default());
    let (admin, instance) = admin(&cluster);
    let none = admin.queues("orders").await.unwrap_err();
    assert_eq!(none.code(), Some(17), "no borrowed route: {none}");
    let created = admin
        .create_topic(NewTopic::new("orders", 3))
        .await
        .unwrap();
    let names: Vec<_> = created.iter().map(|on| on.broker.as_str()).collect();
    assert_eq!(names, ["broker-0", "broker-1"]);
    assert!(created.iter().all(|on| on.outcome.is_ok()));
    let queues = admin.queues("orders").await.unwrap();
    let listed: Vec<_> = queues.iter().map(|q| (&*q.broker, q.queue_id)).collect();
    let all = ["broker-0", "broker-1"].map(|broker| (0..3).map(move |id| (broker, id)));
    assert_eq!(listed, all.into_iter().flatten().collect::<Vec<_>>());
    // Made again with other numbers, it is changed.
    admin
        .create_topic(NewTopic::new("orders", 5))
        .await
        .unwrap();
    assert_eq!(admin.queues("orders").await.unwrap().len(), 10);

    cluster.close_port(0).unwrap();
    let created = admin.create_topic(NewTopic::new("more", 1)).await.unwrap();
    assert!(
        matches!(created[0].outcome, Err(AdminError::Broker(_))),
        "R86"
    );
    assert!(created[1].outcome.is_ok());
    cluster.close_port(1).unwrap();
    let failed = admin.create_topic(NewTopic::new("none", 1)).await;
    assert!(matches!(failed, Err(AdminError::Broker(_))), "{failed:?}");
    instance.shutdown().await;
}

/// R85.
#[tokio::test]
async fn what_no_broker_would_take_is_not_asked_for() {
    let cluster = cluster(ClusterSpec::default());
    let (admin, instance) = admin(&cluster);
    let before = cluster.stored();
    let attributes = |name: &str, value: &str| NewTopic {
        attributes: vec![(name.to_owned(), value.to_owned())],
        ..NewTopic::new("orders", 1)
    };
    for wrong in [
        NewTopic::new("TBW102", 1),
        NewTopic::new("RMQ_SYS_TRANS_HALF_TOPIC", 1),
        NewTopic::new("rmq_sys_wheel_timer", 1),
        NewTopic::new("a b", 1),
        NewTopic::new("orders", 0),
        NewTopic::new("orders", 65_537),
        attributes("a", ""),
        attributes("a", "x,+b=y"),
    ] {
        let error = admin.create_topic(wrong.clone()).await.unwrap_err();
        let illegal = matches!(error, AdminError::Client(ClientError::Illegal { .. }));
        assert!(illegal, "{wrong:?}: {error}");
        assert_eq!(error.code(), Some(-1));
    }
    let key = NewTopic {
        key: "absent".to_owned(),
        ..NewTopic::new("orders", 1)
    };
    assert_eq!(admin.create_topic(key).await.unwrap_err().code(), Some(17));
    let after = cluster.stored();
    for (before, after) in before.brokers.iter().zip(&after.brokers) {
        assert_eq!(before.requests, after.requests);
    }
    instance.shutdown().await;
    let stopped = admin.queues(TOPIC).await.unwrap_err();
    let state = matches!(stopped, AdminError::Client(ClientError::State { .. }));
    assert!(state, "{stopped:?}");
}

/// R87–R90, R95.
#[tokio::test]
async fn offsets_tell_what_a_queue_has_and_had_at_a_moment() {
    let cluster = keeping();
    let (admin, instance) = admin(&cluster);
    let producer = producer(&cluster, SendConfig::default());
    let here = queue("broker-1", 2);
    assert_eq!(admin.earliest_store_time(&here).await.unwrap(), None);
    let mut stored = Vec::new();
    for number in 0..4 {
        let message = Message::new(vec![number; 10]);
        let sent = producer.send_to(&here, message).await.unwrap();
        let found = admin.view_by_offset_id(TOPIC, &offset_id(&sent)).await;
        let found = found.unwrap();
        assert_eq!((found.queue_id, found.queue_offset), (2, number.into()));
        stored.push(found.stored_ms);
        // The next one gets a later time.
        eventually("a millisecond has passed", || {
            jiff::Timestamp::now().as_millisecond() > found.stored_ms
        });
    }
    assert_eq!(admin.max_offset(&here).await.unwrap(), 4);
    assert_eq!(admin.min_offset(&here).await.unwrap(), 0);
    let earliest = admin.earliest_store_time(&here).await.unwrap();
    assert_eq!(earliest, Some(stored[0]));
    for (offset, moment) in (0i64..).zip(&stored) {
        let at = async |moment| admin.search_offset(&here, moment).await.unwrap();
        assert_eq!(at(*moment).await, offset);
        assert_eq!(at(moment + 1).await, offset + 1);
    }
    let all = admin.offsets(TOPIC, Some(stored[2])).await.unwrap();
    assert_eq!(all.len(), 8, "two brokers with four queues");
    for queue in &all {
        let is_here = queue.queue == here;
        let figures = (queue.min, queue.max, queue.earliest_ms, queue.at);
        let expected = if is_here {
            (0, 4, Some(stored[0]), Some(2))
        } else {
            (0, 0, None, Some(0))
        };
        assert_eq!(figures, expected, "{queue:?}");
    }
    let group = admin.consumer_offset("g", &here).await.unwrap();
    assert_eq!(group, None, "nobody consumes");
    let absent = admin.max_offset(&queue("broker-9", 0)).await.unwrap_err();
    assert!(matches!(absent, AdminError::NoMaster { .. }), "{absent:?}");
    assert_eq!(absent.code(), Some(-1));
    producer.shutdown().await;
    instance.shutdown().await;
}

/// R91, R92, R256.
#[tokio::test]
async fn a_message_is_viewed_by_either_id() {
    let cluster = keeping();
    let (admin, instance) = admin(&cluster);
    let compressing = SendConfig {
        compression: Some(Compression {
            kind: CompressionKind::Zstd,
            ..Compression::default()
        }),
        ..SendConfig::default()
    };
    let producer = producer(&cluster, compressing);
    let body = "text ".repeat(2000);
    let message = Message::new(body.clone()).with_tags("T").unwrap();
    let message = message.with_keys(&["one", "two"]).unwrap();
    let sent = producer.send(TOPIC, message).await.unwrap();
    let (unique, offset) = (sent.message_id.to_string(), offset_id(&sent));
    let by_place = admin.view_by_offset_id(TOPIC, &offset).await.unwrap();
    assert_eq!(by_place.body.as_deref(), Ok(body.as_bytes()), "unpacked");
    assert!(by_place.stored_bytes < 1000);
    assert_eq!(by_place.message_id, unique);
    assert_eq!(by_place.offset_message_id, offset);
    assert_eq!(by_place.property("TAGS"), Some("T"));
    assert!(by_place.has_key("one") && by_place.has_key("two") && !by_place.has_key("one two"));
    let addresses = cluster.brokers();
    assert!(
        addresses
            .iter()
            .any(|b| b.address == by_place.store_host.to_string())
    );
    let by_id = admin.view_by_unique_id(TOPIC, &unique, None).await.unwrap();
    assert_eq!(by_id, by_place);
    for id in [&unique, &offset] {
        assert_eq!(admin.view(TOPIC, id, None).await.unwrap(), by_place);
    }

    // A unique id, taken for a place, names its sender: nobody is asked there.
    let stranger = format!("C000020100002A9F{}", &unique[16..]);
    let error = nothing(admin.view(TOPIC, &stranger, None).await);
    assert!(error.contains("name a broker of the topic"), "{error}");
    let error = nothing(admin.view_by_unique_id(TOPIC, &stranger, None).await);
    assert!(error.contains(&stranger), "{error}");
    nothing(
        admin
            .view_by_unique_id(TOPIC, &unique, Some(by_id.stored_ms + 1))
            .await,
    );
    for id in ["", "no id", &unique[1..]] {
        nothing(admin.view_by_offset_id(TOPIC, id).await);
    }
    // A place without a message: the broker's own word.
    let hole = format!("{}{:016X}", &offset[..16], by_place.commit_log_offset + 1);
    for found in [
        admin.view_by_offset_id(TOPIC, &hole).await,
        admin.view(TOPIC, &hole, None).await,
    ] {
        let error = found.unwrap_err();
        assert_eq!(error.code(), Some(1), "{error}");
        assert!(
            error.to_string().contains("can not find message"),
            "{error}"
        );
    }
    let no_route = admin.view("absent", &unique, None).await.unwrap_err();
    assert_eq!(no_route.code(), Some(17));
    producer.shutdown().await;
    instance.shutdown().await;
}

/// R93, R94, R257.
#[tokio::test]
async fn messages_of_a_key_are_found_on_all_brokers() {
    let cluster = keeping();
    let (admin, instance) = admin(&cluster);
    let producer = producer(&cluster, SendConfig::default());
    let keyed = |body: u8, key| Message::new(vec![body]).with_keys(&[key, "all"]).unwrap();
    for number in 0..10 {
        // Brokers alternate; both get messages of either key.
        let key = if number % 4 < 2 { "red" } else { "blue" };
        producer.send(TOPIC, keyed(number, key)).await.unwrap();
    }
    let batch = [keyed(10, "red"), keyed(11, "blue")];
    producer.send_batch(TOPIC, &batch).await.unwrap();
    cluster.create_topic("Other", 4, 6).unwrap();
    producer.send("Other", keyed(12, "red")).await.unwrap();
    let bodies = |found: &rmq_bench::client::admin::Found| {
        let bodies = found.messages.iter().map(|m| m.body.clone().unwrap()[0]);
        let mut bodies: Vec<u8> = bodies.collect();
        bodies.sort_unstable();
        bodies
    };
    let found = admin.query(KeyQuery::new(TOPIC, "red")).await.unwrap();
    assert_eq!(bodies(&found), [0, 1, 4, 5, 8, 9, 10]);
    let times: Vec<_> = found.messages.iter().map(|m| m.stored_ms).collect();
    assert!(times.is_sorted());
    assert!(found.failures.is_empty() && found.index_updated_ms >= times[6]);
    let hosts = found.messages.iter().map(|m| m.store_host);
    assert_eq!(hosts.collect::<std::collections::HashSet<_>>().len(), 2);
    let few = KeyQuery {
        most: 2,
        ..KeyQuery::new(TOPIC, "all")
    };
    assert_eq!(admin.query(few).await.unwrap().messages.len(), 4);
    let later = KeyQuery {
        from_ms: times[6] + 60_000,
        ..KeyQuery::new(TOPIC, "red")
    };
    for query in [
        later,
        KeyQuery::new(TOPIC, "re"),
        KeyQuery::new(TOPIC, "red all"),
    ] {
        let error = admin.query(query).await.unwrap_err();
        assert_eq!(error.code(), Some(208), "{error}");
    }

    cluster.close_port(1).unwrap();
    let found = admin.query(KeyQuery::new(TOPIC, "red")).await.unwrap();
    assert!(bodies(&found).len() < 7);
    let [AdminError::Broker(_)] = &found.failures[..] else {
        panic!("{:?}", found.failures);
    };
    let error = admin.query(KeyQuery::new(TOPIC, "none")).await.unwrap_err();
    assert!(
        matches!(error, AdminError::Broker(_)),
        "perhaps there: {error}"
    );
    producer.shutdown().await;
    instance.shutdown().await;
}

/// R257: one budget, whatever brokers do.
#[tokio::test]
async fn a_silent_broker_costs_no_more_than_the_time_given() {
    let cluster = keeping();
    let (admin, instance) = admin(&cluster);
    admin.offsets(TOPIC, None).await.unwrap();
    cluster.pause(0).unwrap();
    let admin = admin.with_timeout(Duration::from_millis(100));
    let error = admin.query(KeyQuery::new(TOPIC, "k")).await.unwrap_err();
    assert!(matches!(error, AdminError::Broker(_)), "{error:?}");
    assert_eq!(error.code(), None);
    let error = admin.offsets(TOPIC, None).await.unwrap_err();
    assert!(error.to_string().contains("no answer"), "{error}");
    cluster.resume(0).unwrap();
    instance.shutdown().await;
}

/// What a broker that only counts does not know it says so.
#[tokio::test]
async fn a_broker_of_counts_knows_offsets_and_no_messages() {
    let cluster = cluster(ClusterSpec::default());
    let (admin, instance) = admin(&cluster);
    let producer = producer(&cluster, SendConfig::default());
    let here = queue("broker-0", 1);
    let message = Message::new("x").with_keys(&["k"]).unwrap();
    let sent = producer.send_to(&here, message).await.unwrap();
    assert_eq!(admin.max_offset(&here).await.unwrap(), 1);
    let says_so = |error: AdminError, code| {
        assert_eq!(error.code(), Some(code), "{error}");
        assert!(error.to_string().contains("keeps none"), "{error}");
    };
    says_so(admin.earliest_store_time(&here).await.unwrap_err(), 1);
    says_so(admin.search_offset(&here, 0).await.unwrap_err(), 1);
    let viewed = admin.view_by_offset_id(TOPIC, &offset_id(&sent)).await;
    says_so(viewed.unwrap_err(), 1);
    let queried = admin.query(KeyQuery::new(TOPIC, "k")).await;
    says_so(queried.unwrap_err(), 208);
    producer.shutdown().await;
    instance.shutdown().await;
}

/// R89: what is let go of moves the first offset.
#[tokio::test]
async fn the_oldest_messages_give_way() {
    let cluster = cluster(ClusterSpec {
        kept_bytes: 3000,
        ..ClusterSpec::default()
    });
    let (admin, instance) = admin(&cluster);
    let producer = producer(&cluster, SendConfig::default());
    let here = queue("broker-0", 0);
    let mut sent = Vec::new();
    for _ in 0..5 {
        let message = Message::new(vec![0; 900]);
        sent.push(producer.send_to(&here, message).await.unwrap());
    }
    assert_eq!(admin.min_offset(&here).await.unwrap(), 3);
    assert_eq!(admin.max_offset(&here).await.unwrap(), 5);
    for (place, sent) in sent.iter().enumerate() {
        let viewed = admin.view_by_offset_id(TOPIC, &offset_id(sent)).await;
        assert_eq!(viewed.is_ok(), place >= 3, "{place}");
    }
    producer.shutdown().await;
    instance.shutdown().await;
}

/// Never asked here.
struct Nobody;

impl TransactionChecker for Nobody {
    fn check(&self, _message: &CheckedMessage) -> LocalOutcome {
        Ok(Resolution::Unknown)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn committed_messages_are_kept_and_half_ones_are_counted() {
    let cluster = cluster(ClusterSpec {
        brokers: 1,
        kept_bytes: 1 << 20,
        behaviour: rmq_bench::broker::Behaviour {
            checks: Checks {
                most: 0,
                ..Checks::default()
            },
            ..Default::default()
        },
        ..ClusterSpec::default()
    });
    let (admin, instance) = admin(&cluster);
    let producer =
        TransactionProducer::new(client_of(&cluster), SendConfig::default(), Arc::new(Nobody));
    let producer = producer.unwrap();
    producer.start().unwrap();
    let ends = [
        Resolution::Commit,
        Resolution::Unknown,
        Resolution::Rollback,
    ];
    let mut ids = Vec::new();
    for end in ends {
        let message = Message::new("half").with_keys(&["k"]).unwrap();
        let local = |_| async move { Ok(end) };
        let sent = producer.send(TOPIC, message, local).await.unwrap();
        ids.push(sent.half.message_id.to_string());
    }
    eventually("both are ended", || {
        let broker = &cluster.stored().brokers[0];
        (broker.committed, broker.rolled_back) == (1, 1)
    });
    let found = admin.query(KeyQuery::new(TOPIC, "k")).await.unwrap();
    let found: Vec<_> = found.messages.iter().map(|m| &m.message_id).collect();
    assert_eq!(found, [&ids[0]], "half messages are not found");
    // The route of the topic makes the broker known; its half messages have none here.
    let halves = MessageQueue {
        topic: "RMQ_SYS_TRANS_HALF_TOPIC".into(),
        broker: "broker-0".into(),
        queue_id: 0,
    };
    assert_eq!(admin.max_offset(&halves).await.unwrap(), 3);
    let passed = admin.consumer_offset("CID_RMQ_SYS_TRANS", &halves).await;
    assert_eq!(passed.unwrap(), Some(1), "up to the first open one");
    let left = admin.half_messages_not_passed("broker-0").await.unwrap();
    assert_eq!(left, 2);
    producer.shutdown().await;
    instance.shutdown().await;
}

/// An answer of the tool as JSON, held against its schema.
fn answer(cluster: &EmbeddedCluster, arguments: &[&str]) -> Value {
    let schema = rmq_bench().args(["schema", "admin"]).assert().success();
    let schema = jsonschema::draft202012::new(&json(&schema.get_output().stdout)).unwrap();
    let run = rmq_bench()
        .arg("admin")
        .args(arguments)
        .args(["-n", &cluster.namesrv_address(), "--format", "json"])
        .assert()
        .success();
    let answer = json(&run.get_output().stdout);
    let errors: Vec<String> = schema.iter_errors(&answer).map(|e| e.to_string()).collect();
    assert_eq!(errors, [""; 0], "{answer:#}");
    assert_eq!(answer["schema_version"], 1);
    answer
}

fn text(cluster: &EmbeddedCluster, arguments: &[&str]) -> String {
    let run = rmq_bench()
        .arg("admin")
        .args(arguments)
        .args(["-n", &cluster.namesrv_address()])
        .assert()
        .success();
    let output = run.get_output();
    assert!(output.stderr.is_empty(), "stdout carries the result");
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn the_tool_makes_topics_lists_queues_and_measures_them() {
    let cluster = keeping();
    let created = ["create-topic", "-t", "orders", "--queues", "2"];
    let made = text(&cluster, &created);
    assert!(
        made.starts_with("Topic orders, 2 queue(s) on each of"),
        "{made}"
    );
    for broker in cluster.brokers() {
        assert!(made.contains(&format!("{} at {}\n", broker.name, broker.address)));
    }
    let made = answer(&cluster, &created);
    assert_eq!(made["brokers"][1]["done"], true);
    let listed = text(&cluster, &["queues", "-t", "orders"]);
    assert!(
        listed.contains("4 queue(s)") && listed.contains("  broker-1: 0 1\n"),
        "{listed}"
    );
    let listed = answer(&cluster, &["queues", "-t", "orders"]);
    assert_eq!(listed["queues"].as_array().unwrap().len(), 4);
    assert_eq!(listed["queues"][3]["queue_id"], 1);

    rmq_bench()
        .args(["-n", &cluster.namesrv_address(), "-t", "orders", "-q"])
        .args(["--mode", "sync", "--count", "300", "-r", "5k", "-s", "100"])
        .assert()
        .success();
    let measured = answer(&cluster, &["offsets", "-t", "orders"]);
    assert_eq!(measured["messages"], 300);
    let queues = measured["queues"].as_array().unwrap();
    let sum: i64 = queues
        .iter()
        .map(|q| q["max_offset"].as_i64().unwrap())
        .sum();
    assert_eq!((queues.len(), sum), (4, 300));
    assert!(
        queues
            .iter()
            .all(|q| q["earliest_stored_ms"].as_i64().unwrap() > 0)
    );
    let begin = ["offsets", "-t", "orders", "--at", "2026-01-31T08:00:00Z"];
    assert_eq!(answer(&cluster, &begin)["queues"][0]["offset_at"], 0);
    let shown = text(&cluster, &begin);
    assert!(
        shown.contains("300 message(s) in 4 queue(s); at 2026-01-31T08:00:00.000Z"),
        "{shown}"
    );
    assert_eq!(shown.lines().count(), 6, "{shown}");
}

#[test]
fn the_tool_shows_messages_by_id_and_key() {
    let cluster = keeping();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (id, place) = runtime.block_on(async {
        let producer = producer(&cluster, SendConfig::default());
        let keyed = |body: &[u8]| Message::new(body.to_vec()).with_keys(&["order-1"]).unwrap();
        let large = "größer\n".repeat(1000);
        let sent = producer.send(TOPIC, keyed(large.as_bytes())).await.unwrap();
        producer.send(TOPIC, keyed(b"\x1b[31m")).await.unwrap();
        producer.shutdown().await;
        (sent.message_id.to_string(), offset_id(&sent))
    });
    for id in [&id, &place] {
        let shown = text(&cluster, &["view", "-t", TOPIC, id]);
        for part in ["KEYS = order-1", "größer\n", "stored as", "more\n"] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        let viewed = answer(&cluster, &["view", "-t", TOPIC, id]);
        let message = &viewed["message"];
        assert_eq!(message["message_id"], id_of(message, &place));
        assert_eq!(message["offset_message_id"], *place);
        assert_eq!(message["body"]["bytes"], 9000);
        assert_eq!(message["body"]["text"], "größer\n".repeat(1000));
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("body");
    let out = [
        "view",
        "-t",
        TOPIC,
        &id,
        "--body-out",
        file.to_str().unwrap(),
    ];
    let viewed = answer(&cluster, &out);
    assert!(viewed["message"]["body"].get("text").is_none());
    assert_eq!(std::fs::read(&file).unwrap().len(), 9000);

    let queried = answer(&cluster, &["query", "-t", TOPIC, "order-1"]);
    let messages = queried["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 2);
    let coloured = |message: &Value| message["body"]["base64"] == "G1szMW0=";
    assert!(messages.iter().any(coloured), "{messages:?}");
    let shown = text(&cluster, &["query", "-t", TOPIC, "order-1"]);
    assert!(
        shown.starts_with("2 message(s)\n") && shown.contains("1b 5b 33 31 6d"),
        "{shown}"
    );
    assert!(
        !shown.contains('\u{1b}'),
        "nothing of it reaches the terminal"
    );
}

/// Both ids lead to the same message, which is called by its unique one.
fn id_of(message: &Value, place: &str) -> String {
    let id = message["properties"]["UNIQ_KEY"].as_str().unwrap();
    assert_ne!(id, place);
    id.to_owned()
}

#[test]
fn the_tool_says_what_is_wrong_and_ends_accordingly() {
    let cluster = keeping();
    let address = cluster.namesrv_address();
    let run = |arguments: &[&str]| {
        let mut command = rmq_bench();
        command.arg("admin").args(arguments);
        command
    };
    let to = |arguments: &[&str]| run(&[arguments, &["-n", &address]].concat());
    let id = "0A00000904D218B4AAC205265C000007";
    to(&["view", "-t", TOPIC, id])
        .assert()
        .code(1)
        .stdout("")
        .stderr(contains(id).and(contains("name a broker of the topic")));
    to(&["view", "-t", TOPIC, "x"]).assert().code(1);
    to(&["query", "-t", TOPIC, "x"])
        .assert()
        .code(1)
        .stderr(contains("has the key x"));
    for operation in ["queues", "offsets"] {
        to(&[operation, "-t", "absent"])
            .assert()
            .code(3)
            .stderr(contains("absent has no route"));
    }
    to(&["create-topic", "-t", "BenchmarkTest"])
        .assert()
        .code(2)
        .stderr(contains("RocketMQ's own"));
    to(&["offsets", "-t", TOPIC, "--at", "1700000000000"])
        .assert()
        .code(2)
        .stderr(contains("did you mean 1700000000000ms"));
    run(&["queues", "-t", TOPIC])
        .assert()
        .code(2)
        .stderr(contains("--namesrv").and(contains("NAMESRV_ADDR")));
    for variable in ["NAMESRV_ADDR", "RMQ_BENCH_NAMESRV"] {
        let mut command = run(&["queues", "-t", TOPIC]);
        // What is no matter of the connection is none of admin's.
        command.env(variable, &address).env("RMQ_BENCH_RATE", "x");
        command.assert().success();
    }
    run(&["queues", "-t", TOPIC, "-n", "127.0.0.1:1"])
        .assert()
        .code(3)
        .stderr(contains("no name server answered"));
    run(&[
        "queues",
        "-t",
        TOPIC,
        "-n",
        &address,
        "--tls",
        "on",
        "--tls-cert",
        "x",
    ])
    .assert()
    .code(2)
    .stderr(contains("--tls-key"));
    cluster.close_port(1).unwrap();
    to(&["offsets", "-t", TOPIC])
        .assert()
        .code(3)
        .stderr(contains(cluster.brokers()[1].address.as_str()));
}

#[test]
fn the_tool_signs_and_says_when_that_is_not_enough() {
    let cluster = cluster(ClusterSpec {
        account: Credentials::new("rocketmq2", "12345678", None),
        kept_bytes: 1 << 20,
        ..ClusterSpec::default()
    });
    let run = |arguments: &[&str]| {
        let mut command = rmq_bench();
        let address = cluster.namesrv_address();
        command.arg("admin").args(arguments).args(["-n", &address]);
        command
    };
    for arguments in [
        ["offsets", "-t", TOPIC].as_slice(),
        &["create-topic", "-t", "orders"],
        &["query", "-t", TOPIC, "k"],
    ] {
        run(arguments)
            .assert()
            .code(3)
            .stderr(contains("16 (NO_PERMISSION)").and(contains("--credentials")));
    }
    let signed = [
        ("RMQ_BENCH_ACCESS_KEY", "rocketmq2"),
        ("RMQ_BENCH_SECRET_KEY", "12345678"),
    ];
    let mut command = run(&["create-topic", "-t", "orders"]);
    command.envs(signed).assert().success();
}
