//! What brokers say of themselves, and topics deleted, in the library and by `rmq-bench admin`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]

mod support;

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::Arc;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;
use rmq_bench::broker::{Behaviour, ClusterSpec, EmbeddedCluster};
use rmq_bench::client::admin::{Admin, AdminError, NewTopic};
use rmq_bench::client::{ClientConfig, ClientError, ClientInstance, Message, Producer, SendConfig};
use serde_json::Value;
use support::binary::{json, process, rmq_bench};
use support::{TOPIC, client_of, cluster, eventually};

fn admin_of(client: ClientConfig) -> (Admin, Arc<ClientInstance>) {
    let instance = Arc::new(ClientInstance::new(client).unwrap());
    instance.start().unwrap();
    (Admin::new(Arc::clone(&instance)), instance)
}

fn disk(percent: u8) -> Behaviour {
    Behaviour {
        disk_percent: Some(percent),
        ..Behaviour::default()
    }
}

async fn send(cluster: &EmbeddedCluster, topic: &str, count: usize) {
    let producer = Producer::new(client_of(cluster), SendConfig::default()).unwrap();
    producer.start().unwrap();
    for _ in 0..count {
        producer.send(topic, Message::new("body")).await.unwrap();
    }
    producer.shutdown().await;
}

#[tokio::test]
async fn each_broker_says_how_it_is_and_what_it_does_not_say_is_unknown() {
    let cluster = cluster(ClusterSpec {
        per_broker: vec![(1, disk(90))],
        ..ClusterSpec::default()
    });
    let (admin, instance) = admin_of(client_of(&cluster));
    send(&cluster, TOPIC, 10).await;
    let status = admin.broker_status(None).await.unwrap();
    for (status, broker) in status.iter().zip(cluster.brokers()) {
        assert_eq!(status.broker, broker.name);
        assert_eq!(status.address.as_ref(), Some(&broker.address));
        assert_eq!(status.cluster, "DefaultCluster");
        let info = status.info.as_ref().unwrap();
        assert!(info.version.as_ref().unwrap().contains("embedded"));
        assert!(info.commit_log_max.unwrap() > 0, "it has stored messages");
        assert_eq!((info.send_queue, info.puts_per_s.last_10s), (None, None));
    }
    let ratios = |status: &[rmq_bench::client::admin::BrokerStatus]| {
        let infos = status.iter().map(|status| status.info.as_ref());
        infos
            .map(|info| info.ok().and_then(|info| info.disk_ratio))
            .collect::<Vec<_>>()
    };
    assert_eq!(ratios(&status), [None, Some(0.9)]);
    assert!(
        instance.brokers().is_empty(),
        "who is asked is not met by that"
    );

    // It may fill up meanwhile, and one that is gone takes nothing from the others.
    cluster.set_behaviour(0, disk(7)).unwrap();
    cluster.close_port(1).unwrap();
    let status = admin.broker_status(Some(TOPIC)).await.unwrap();
    assert_eq!(ratios(&status), [Some(0.07), None]);
    assert!(matches!(status[1].info, Err(AdminError::Broker(_))));
    cluster.unregister(1).unwrap();
    assert_eq!(admin.broker_status(None).await.unwrap().len(), 1);
    let absent = admin.broker_status(Some("absent")).await.unwrap_err();
    assert_eq!(absent.code(), Some(17), "{absent}");
    cluster.close_namesrv().unwrap();
    let error = admin.broker_status(None).await.unwrap_err();
    let nobody = matches!(error, AdminError::Client(ClientError::Namesrv { .. }));
    assert!(nobody, "{error}");
    instance.shutdown().await;
}

#[tokio::test]
async fn a_topic_is_deleted_on_all_brokers_and_then_forgotten_by_all_name_servers() {
    let cluster = cluster(ClusterSpec::default());
    let (admin, instance) = admin_of(client_of(&cluster));
    admin.create_topic(NewTopic::new("own", 2)).await.unwrap();
    send(&cluster, "own", 7).await;
    let lengths = admin.lengths("own").await.unwrap();
    assert_eq!(lengths.len(), 4);
    assert_eq!(lengths.iter().map(|(_, messages)| messages).sum::<u64>(), 7);

    // While a broker is away nothing is forgotten, so that it can be tried again.
    cluster.close_port(1).unwrap();
    let error = admin.delete_topic("own").await.unwrap_err();
    assert!(matches!(error, AdminError::Broker(_)), "{error}");
    assert_eq!(cluster.stored().brokers[0].topics.get("own"), None);
    assert!(cluster.stored().brokers[1].topics.contains_key("own"));
    assert_eq!(
        admin.queues("own").await.unwrap().len(),
        4,
        "still in the route"
    );
    // Another test's cluster may have been given the port meanwhile, until it ends.
    eventually("the port is free", || cluster.open_port(1).is_ok());
    // A client that knows nothing of the lost connection.
    instance.shutdown().await;
    let (admin, instance) = admin_of(client_of(&cluster));
    let deleted = admin.delete_topic("own").await.unwrap();
    assert_eq!(deleted.brokers, ["broker-0", "broker-1"]);
    assert_eq!(deleted.namesrv, [cluster.namesrv_address()]);
    let stored = cluster.stored();
    assert!(
        stored
            .brokers
            .iter()
            .all(|broker| !broker.topics.contains_key("own"))
    );
    let gone = admin.queues("own").await.unwrap_err();
    assert_eq!(gone.code(), Some(17), "{gone}");
    let again = admin.delete_topic("own").await.unwrap_err();
    assert_eq!(again.code(), Some(17), "{again}");

    // Every name server has to know.
    let elsewhere = support::cluster(ClusterSpec::default());
    let mut two = client_of(&cluster);
    two.namesrv.push(elsewhere.namesrv_address());
    elsewhere.close_namesrv().unwrap();
    let (of_two, both) = admin_of(two);
    let error = of_two.delete_topic(TOPIC).await.unwrap_err();
    let away = elsewhere.namesrv_address();
    assert!(error.to_string().contains(&away), "{error}");
    assert_eq!(cluster.stored().brokers[1].topics.get(TOPIC), None);
    for instance in [instance, both] {
        instance.shutdown().await;
    }
}

#[tokio::test]
async fn rocketmq_s_own_topics_are_not_deleted() {
    let cluster = cluster(ClusterSpec::default());
    let (admin, instance) = admin_of(client_of(&cluster));
    let before = cluster.stored();
    let fixed = [
        "TBW102",
        "BenchmarkTest",
        "rmq_sys_REVIVE_LOG_x",
        "RMQ_SYS_TRACE_TOPIC",
    ];
    // The one answers go through, by the name of the cluster.
    for own in fixed.iter().chain(&["DefaultCluster_REPLY_TOPIC"]) {
        let error = admin.delete_topic(own).await.unwrap_err();
        let illegal = matches!(error, AdminError::Client(ClientError::Illegal { .. }));
        assert!(illegal, "{own}: {error}");
        assert!(admin.is_system_topic(own).await.unwrap(), "{own}");
    }
    for not in [TOPIC, "absent"] {
        assert!(!admin.is_system_topic(not).await.unwrap(), "{not}");
    }
    let after = cluster.stored();
    for (before, after) in before.brokers.iter().zip(&after.brokers) {
        assert_eq!(before.requests, after.requests, "no broker was asked");
        assert_eq!(before.topics, after.topics);
    }
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
    answer
}

fn admin(cluster: &EmbeddedCluster, arguments: &[&str]) -> assert_cmd::assert::Assert {
    rmq_bench()
        .arg("admin")
        .args(arguments)
        .args(["-n", &cluster.namesrv_address()])
        .assert()
}

#[test]
fn the_tool_shows_how_brokers_are() {
    let cluster = cluster(ClusterSpec {
        per_broker: vec![(0, disk(81))],
        ..ClusterSpec::default()
    });
    let brokers = answer(&cluster, &["brokers"]);
    let [first, second] = brokers["brokers"].as_array().unwrap().as_slice() else {
        panic!("{brokers}");
    };
    assert_eq!(first["commit_log_disk_ratio"], 0.81);
    assert_eq!(second["name"], "broker-1");
    for unknown in [
        "commit_log_disk_ratio",
        "send_queue",
        "puts_per_s_10s",
        "error",
    ] {
        assert!(second.get(unknown).is_none(), "{unknown}: {second}");
    }
    let shown = admin(&cluster, &["brokers", "-t", TOPIC]).success();
    let shown = String::from_utf8(shown.get_output().stdout.clone()).unwrap();
    let row = |name: &str| shown.lines().find(|line| line.starts_with(name)).unwrap();
    assert!(
        row("broker-0").contains("81") && !row("broker-1").contains('%'),
        "{shown}"
    );

    cluster.close_port(1).unwrap();
    admin(&cluster, &["brokers"])
        .success()
        .stdout(contains("broker-1: NOT KNOWN, could not connect"));
    let second = &answer(&cluster, &["brokers"])["brokers"][1];
    assert!(second["error"].is_string(), "{second}");
    cluster.close_port(0).unwrap();
    admin(&cluster, &["brokers"]).code(3).stdout("");
    admin(&cluster, &["brokers", "-t", "absent"]).code(3);
}

#[test]
fn the_tool_deletes_a_topic_only_when_told_so() {
    let cluster = cluster(ClusterSpec::default());
    let topic = ["delete-topic", "-t", TOPIC];
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(send(&cluster, TOPIC, 3));
    admin(&cluster, &topic)
        .code(2)
        .stdout("")
        .stderr(contains("3 messages in 8 queues on broker-0, broker-1").and(contains("--yes")));
    assert_eq!(cluster.stored().topic_messages(TOPIC), 3);
    for own in ["BenchmarkTest", "DefaultCluster_REPLY_TOPIC"] {
        admin(&cluster, &["delete-topic", "-t", own, "--yes"])
            .code(2)
            .stderr(contains("RocketMQ's own"));
    }
    let deleted = answer(&cluster, &[topic.as_slice(), &["--yes"]].concat());
    assert_eq!(deleted["deleted_on"][1], "broker-1");
    assert_eq!(deleted["forgotten_by"][0], cluster.namesrv_address());
    assert!(!cluster.stored().brokers[0].topics.contains_key(TOPIC));
    admin(&cluster, &[topic.as_slice(), &["--yes"]].concat())
        .code(3)
        .stderr(contains("has no route"));
    admin(&cluster, &topic).code(3);
}

#[test]
fn a_cluster_of_its_own_says_the_disk_ratio_it_is_given() {
    let ports = ["--namesrv-port", "0", "--port", "0"];
    let mut broker = process()
        .args(["broker", "--disk-ratio", "7%"])
        .args(ports)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut address = String::new();
    let mut stdout = BufReader::new(broker.stdout.take().unwrap());
    stdout.read_line(&mut address).unwrap();
    let run = rmq_bench()
        .args(["admin", "brokers", "--format", "json", "-n", address.trim()])
        .output();
    kill(Pid::from_raw(broker.id().cast_signed()), Signal::SIGTERM).unwrap();
    broker.wait().unwrap();
    let brokers = json(&run.unwrap().stdout);
    assert_eq!(brokers["brokers"][1]["commit_log_disk_ratio"], 0.07);
}
