//! `rmq-bench capacity --own-topic`: made before, deleted after, and never another's.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]

mod support;

use std::collections::BTreeSet;
use std::fs;

use nix::sys::signal::Signal::SIGINT;
use predicates::prelude::*;
use rmq_bench::broker::{ClusterSpec, EmbeddedCluster};
use rmq_bench::protocol::route::permission;
use serde_json::Value;
use support::binary::{LongRun, json, lines, rmq_bench};
use support::search::{LONGEST, is_consistent, kept};
use support::{cluster, eventually};

/// Of a cluster of the test's, on whose brokers the search's own topic can be seen.
const ON_CLUSTER: [&str; 20] = [
    "capacity",
    "--own-topic",
    "--objective",
    "p90<100ms",
    "--min",
    "150",
    "--max",
    "300",
    "--step-time",
    "2s",
    "--warmup",
    "500ms",
    "--precision",
    "50%",
    "--confirm",
    "1",
    "--curve",
    "off",
    "--format",
    "json",
];

fn on<'a>(address: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&ON_CLUSTER[..], &["-n", address], more].concat()
}

/// Topics of searches that a broker has now.
fn own_topics(cluster: &EmbeddedCluster, broker: usize) -> BTreeSet<String> {
    let stored = cluster.stored();
    let topics = stored.brokers[broker].topics.keys();
    let own = topics.filter(|topic| topic.starts_with("rmq_bench_capacity_"));
    own.cloned().collect()
}

/// Waits until the search's own topic has messages.
fn is_used(cluster: &EmbeddedCluster) -> String {
    eventually("its topic is used", || {
        !own_topics(cluster, 0).is_empty() && cluster.stored().messages() > 0
    });
    let mut topics = own_topics(cluster, 0);
    assert_eq!(topics.len(), 1);
    topics.pop_first().unwrap()
}

#[test]
fn a_topic_of_the_search_s_own_is_made_before_and_deleted_after() {
    let cluster = cluster(ClusterSpec::default());
    let address = cluster.namesrv_address();
    let run = rmq_bench()
        .timeout(LONGEST)
        .args(on(&address, &[]))
        .output()
        .unwrap();
    let result = json(&run.stdout);
    is_consistent(run.status.code(), &result);
    let stderr = String::from_utf8_lossy(&run.stderr);
    let topic = result["run"]["topic"].as_str().unwrap();
    let id = topic.strip_prefix("rmq_bench_capacity_").unwrap();
    assert!(id.len() == 16 && id.bytes().all(|digit| digit.is_ascii_hexdigit()));
    let made = format!("topic {topic} made with 8 queues on each of broker-0, broker-1");
    assert!(stderr.contains(&made), "{stderr}");
    assert!(
        stderr.contains(&format!("topic {topic} deleted")),
        "{stderr}"
    );
    assert_eq!(result["config"]["own_topic"], true);
    assert_eq!(result["config"]["topic"], Value::Null, "none was given");
    for broker in cluster.stored().brokers {
        assert!(broker.messages > 0, "used");
        assert!(!broker.topics.contains_key(topic), "deleted");
        let others: u64 = broker.topics.values().flatten().sum();
        assert_eq!(
            others, 0,
            "no other topic got anything: {:?}",
            broker.topics
        );
    }
}

#[test]
fn its_own_topic_is_deleted_when_a_search_is_stopped_and_taken_again_when_it_goes_on() {
    let cluster = cluster(ClusterSpec::default());
    let address = cluster.namesrv_address();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("steps.ndjson");
    let arguments = on(&address, &["--resume", file.to_str().unwrap()]);
    let run = LongRun::of(&arguments);
    eventually("a step is kept", || kept(&file) >= 1);
    let topic = is_used(&cluster);
    run.signal(SIGINT);
    let output = run.end();
    assert_eq!(output.status.code(), Some(130));
    assert_eq!(json(&output.stdout)["run"]["topic"], topic);
    assert!(own_topics(&cluster, 0).is_empty(), "deleted");
    assert_eq!(lines(&file)[0]["own_topic"], topic);

    // As if the process had been killed.
    cluster
        .create_topic(&topic, 8, permission::READ_WRITE)
        .unwrap();
    let resumed = rmq_bench()
        .timeout(LONGEST)
        .args(&arguments)
        .output()
        .unwrap();
    let result = json(&resumed.stdout);
    is_consistent(resumed.status.code(), &result);
    assert_eq!(result["run"]["topic"], topic, "the same");
    assert!(result["run"]["resumed_steps"].as_u64().unwrap() >= 1);
    assert!(own_topics(&cluster, 0).is_empty() && own_topics(&cluster, 1).is_empty());
}

#[test]
fn no_topic_is_deleted_that_no_search_made() {
    let cluster = cluster(ClusterSpec::default());
    cluster
        .create_topic("orders", 2, permission::READ_WRITE)
        .unwrap();
    let address = cluster.namesrv_address();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("steps.ndjson");
    let arguments = on(&address, &["--resume", file.to_str().unwrap()]);
    let run = LongRun::of(&arguments);
    let topic = is_used(&cluster);
    run.signal(SIGINT);
    // Stopped before its first window was over, as by an error.
    assert_eq!(run.end().status.code(), Some(130));
    assert!(own_topics(&cluster, 0).is_empty(), "deleted");

    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace(&topic, "orders")).unwrap();
    rmq_bench()
        .args(&arguments)
        .assert()
        .code(2)
        .stdout("")
        .stderr(predicate::str::contains(
            "topic orders in the file is none that a search made",
        ));
    assert!(cluster.stored().brokers[0].topics.contains_key("orders"));
}

#[test]
fn an_own_topic_that_cannot_be_made_everywhere_is_not_left_anywhere() {
    let cluster = cluster(ClusterSpec::default());
    let address = cluster.namesrv_address();
    cluster.close_port(1).unwrap();
    rmq_bench()
        .args(on(&address, &[]))
        .assert()
        .code(3)
        .stdout("")
        .stderr(
            predicate::str::contains("could not be made")
                .and(predicate::str::contains("on broker-1; it was on broker-0")),
        );
    for broker in 0..2 {
        assert!(own_topics(&cluster, broker).is_empty(), "{broker}");
    }
    assert_eq!(cluster.stored().messages(), 0);
}

#[test]
fn an_own_topic_is_made_on_no_broker_that_is_left_out() {
    let cluster = cluster(ClusterSpec::default());
    let address = cluster.namesrv_address();
    let run = LongRun::of(&on(&address, &["--without", "broker-1"]));
    is_used(&cluster);
    assert!(own_topics(&cluster, 1).is_empty());
    run.signal(SIGINT);
    run.end();
    assert!(own_topics(&cluster, 0).is_empty());
    rmq_bench()
        .args(on(&address, &["--without", "broker-7"]))
        .assert()
        .code(2)
        .stderr(predicate::str::contains(
            "there is no broker broker-7; there are broker-0, broker-1",
        ));
}

#[test]
fn an_own_topic_that_cannot_be_deleted_is_said_with_the_command_that_does() {
    let cluster = cluster(ClusterSpec::default());
    let address = cluster.namesrv_address();
    let run = LongRun::of(&on(&address, &["--quiet"]));
    let topic = is_used(&cluster);
    cluster.close_port(1).unwrap();
    run.signal(SIGINT);
    let output = run.end();
    assert_eq!(output.status.code(), Some(130), "as without it");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        stderr.contains(&format!("topic {topic} may be left")),
        "{stderr}"
    );
    let command = format!("rmq-bench admin delete-topic --namesrv {address} --topic {topic} --yes");
    assert!(stderr.contains(&command), "{stderr}");
    // Another test's cluster may have been given the port meanwhile, until it ends.
    eventually("the port is free", || cluster.open_port(1).is_ok());
    rmq_bench()
        .args(command.split(' ').skip(1))
        .assert()
        .success();
    assert!(own_topics(&cluster, 1).is_empty());
}
