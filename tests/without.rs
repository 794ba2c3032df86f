//! `--without`: brokers left out of every choice of a queue, as if they were not there.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]

mod support;

use std::sync::Arc;

use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;
use rmq_bench::broker::{Behaviour, ClusterSpec, EmbeddedCluster, Reject};
use rmq_bench::client::admin::Admin;
use rmq_bench::client::{
    ClientConfig, ClientError, ClientInstance, Message, MessageQueue, Producer, SendConfig,
};
use rmq_bench::protocol::ResponseCode;
use support::binary::{json, number, result_against, rmq_bench};
use support::{TOPIC, client_of, cluster};

fn without(cluster: &EmbeddedCluster, brokers: &[&str]) -> ClientConfig {
    ClientConfig {
        without: brokers.iter().map(|name| (*name).to_owned()).collect(),
        ..client_of(cluster)
    }
}

fn three() -> EmbeddedCluster {
    cluster(ClusterSpec {
        brokers: 3,
        ..ClusterSpec::default()
    })
}

/// The broker has had nothing to do with it, not even a connection.
#[track_caller]
fn is_untouched(cluster: &EmbeddedCluster, broker: usize) {
    let counts = &cluster.stored().brokers[broker];
    assert_eq!(
        (counts.accepted, counts.requests),
        (0, 0),
        "{}",
        counts.name
    );
}

/// However a queue is chosen: nothing goes to the broker left out, and everything to the others.
#[test]
fn no_kind_of_choice_takes_a_queue_of_a_broker_left_out() {
    for how in [
        "--mode async",
        "--mode async --queue-order by-broker",
        "--mode async --queue-choice uniform",
        "--mode async --queue-choice zipf:0.5",
        "--mode async --sharding-keys 40",
        "--mode sync --callers 4",
        "--mode oneway",
        "--mode batch --batch 10",
        "--mode tx",
        "--mode request",
        "--mode async --trace 100%",
        "--mode async --shards 2 --connections 2",
    ] {
        let cluster = three();
        let how: Vec<&str> = how.split(' ').collect();
        let of_all = [
            "--count",
            "600",
            "-r",
            "6k",
            "--warmup",
            "0s",
            "--without",
            "broker-1",
        ];
        let result = result_against(&cluster, &[&of_all, &how[..]].concat());
        assert_eq!(number(&result, "/accounts/acked"), 600, "{how:?}");
        is_untouched(&cluster, 1);
        let stored = cluster.stored();
        let of = |broker: usize| stored.brokers[broker].topics[TOPIC].iter().sum::<u64>();
        let (first, third) = (of(0), of(2));
        assert!(first > 0 && third > 0, "{how:?}: {first} and {third}");
        if how[1] != "tx" {
            assert_eq!(first + third, 600, "{how:?}");
        }
        assert_eq!(result["config"]["without"], "broker-1");
        assert_eq!(result["run"]["target"]["left_out"][0], "broker-1");
        let named = result["run"]["target"]["brokers"].as_array().unwrap();
        assert!(
            named.iter().all(|broker| broker["name"] != "broker-1"),
            "{named:?}"
        );
        assert_eq!(result["brokers"].as_array().unwrap().len(), 2);
    }
}

#[test]
fn retries_stay_with_the_brokers_there_are() {
    let refusing = Behaviour {
        reject: Some(Reject {
            code: ResponseCode::SYSTEM_BUSY,
            remark: "busy".to_owned(),
            every: 1,
        }),
        ..Behaviour::default()
    };
    let cluster = cluster(ClusterSpec {
        brokers: 3,
        per_broker: vec![(0, refusing)],
        ..ClusterSpec::default()
    });
    let how = "--mode sync --callers 2 --count 100 -r 2k --warmup 0s --fault-avoidance off --without broker-1";
    let result = result_against(&cluster, &how.split(' ').collect::<Vec<_>>());
    assert_eq!(number(&result, "/accounts/acked"), 100);
    assert!(number(&result, "/retries/retried_sends") > 0);
    is_untouched(&cluster, 1);
    assert_eq!(cluster.stored().brokers[2].messages, 100);
}

/// A topic that is not there is made on the brokers that are left.
#[test]
fn a_topic_is_not_made_on_a_broker_left_out() {
    let cluster = cluster(ClusterSpec::default());
    let address = cluster.namesrv_address();
    rmq_bench()
        .args([
            "-q", "-n", &address, "-t", "new", "--count", "50", "-r", "1k", "--warmup", "0s",
        ])
        .args(["--without", "broker-0"])
        .assert()
        .success();
    assert_eq!(cluster.stored().topic_messages("new"), 50);
    is_untouched(&cluster, 0);
}

#[test]
fn a_name_nobody_has_and_nobody_left_are_errors() {
    let cluster = three();
    let address = cluster.namesrv_address();
    let run = |brokers: &str, more: &[&str]| {
        rmq_bench()
            .args([
                "-n",
                &address,
                "-t",
                TOPIC,
                "--count",
                "10",
                "--without",
                brokers,
            ])
            .args(more)
            .assert()
            .code(2)
            .stdout("")
    };
    run("broker-1,broker-7", &[]).stderr(
        contains("error: --without: broker-7 has no queue of Tests")
            .and(contains("broker-0, broker-1, broker-2"))
            .and(contains("hint: name brokers of the topic")),
    );
    run("broker-0,broker-1,broker-2", &[])
        .stderr(contains("leaves out every broker of topic Tests"));
    run("broker-1,,", &[]).stderr(contains("--without"));
    run("broker-1", &["--mode", "request", "--responder", "others"])
        .stderr(contains("--without").and(contains("built-in")));
    for broker in 0..3 {
        assert_eq!(cluster.stored().brokers[broker].messages, 0);
    }
    // An embedded cluster has brokers of these names as well.
    rmq_bench()
        .args(["-q", "--count", "10", "--without", "broker-2"])
        .assert()
        .code(2)
        .stderr(contains("brokers that have are broker-0, broker-1"));
}

/// A broker is known if one of the topics has it.
#[test]
fn topics_of_different_brokers_are_looked_at_together() {
    let cluster = three();
    let address = cluster.namesrv_address();
    let run = |topics: &str, more: &[&str]| {
        rmq_bench()
            .args([
                "-q", "-n", &address, "-t", topics, "--count", "100", "-r", "2k",
            ])
            .args(["--warmup", "0s", "--format", "json"])
            .args(more)
            .assert()
    };
    // Made by its first messages, where they go.
    cluster.unregister(1).unwrap();
    cluster.unregister(2).unwrap();
    run("narrow", &[]).success();
    cluster.register(1).unwrap();
    cluster.register(2).unwrap();
    run("narrow", &["--without", "broker-1"])
        .code(2)
        .stderr(contains(
            "broker-1 has no queue of narrow; brokers that have are broker-0",
        ));
    let both = run("Tests,narrow", &["--without", "broker-1"]).success();
    let result = json(&both.get_output().stdout);
    assert_eq!(number(&result, "/accounts/acked"), 100);
    is_untouched(&cluster, 1);
    run("Tests,narrow", &["--without", "broker-0"])
        .code(2)
        .stderr(contains("leaves out every broker of topic narrow"));
}

#[test]
fn reports_and_plans_say_who_is_left_out() {
    let run = rmq_bench()
        .args([
            "-q",
            "--count",
            "10",
            "-r",
            "1k",
            "--warmup",
            "0s",
            "--without",
            "broker-1",
        ])
        .assert()
        .success();
    let text = String::from_utf8(run.get_output().stdout.clone()).unwrap();
    let target = text
        .lines()
        .find(|line| line.starts_with("Target:"))
        .unwrap();
    assert!(
        target.contains("1 broker") && target.ends_with("left out: broker-1"),
        "{target}"
    );
    rmq_bench()
        .args(["-r", "1k", "--dry-run"])
        .env("RMQ_BENCH_WITHOUT", "broker-1")
        .assert()
        .success()
        .stdout(contains("without    broker-1"));
}

#[tokio::test]
async fn in_the_library_a_broker_left_out_is_not_there() {
    let cluster = three();
    let producer = Producer::new(without(&cluster, &["broker-1"]), SendConfig::default()).unwrap();
    producer.start().unwrap();
    let queues = producer.queues(TOPIC).await.unwrap();
    assert_eq!(queues.len(), 8);
    assert!(queues.iter().all(|queue| &*queue.broker != "broker-1"));
    for _ in 0..20 {
        producer.send(TOPIC, Message::new("body")).await.unwrap();
    }
    let there = MessageQueue {
        topic: TOPIC.into(),
        broker: "broker-1".into(),
        queue_id: 0,
    };
    let error = producer
        .send_to(&there, Message::new("body"))
        .await
        .unwrap_err();
    assert!(matches!(error, ClientError::Illegal { .. }), "{error}");
    producer.shutdown().await;
    is_untouched(&cluster, 1);

    let instance = Arc::new(
        ClientInstance::new(without(&cluster, &["broker-0", "broker-1", "broker-2"])).unwrap(),
    );
    instance.start().unwrap();
    let of_topic = instance.topic(TOPIC, &SendConfig::default()).await;
    let of_admin = Admin::new(Arc::clone(&instance)).queues(TOPIC).await;
    let said = [
        of_topic.unwrap_err().to_string(),
        of_admin.unwrap_err().to_string(),
    ];
    assert!(
        said.iter()
            .all(|said| said.contains("leaves out every broker")),
        "{said:?}"
    );
    instance.shutdown().await;
}
