//! `rmq-bench capacity` that sends nothing: searches that cannot be, dry runs, topics of the brokers' own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]

mod support;

use predicates::prelude::*;
use rmq_bench::broker::ClusterSpec;
use rmq_bench::protocol::route::permission;
use support::binary::rmq_bench;
use support::cluster;

#[test]
fn a_search_that_cannot_be_is_refused_with_the_way_out() {
    for (arguments, said) in [
        (vec!["--rate", "5k"], "unexpected argument '--rate'"),
        (vec!["-r", "5k"], "--min and --max bound them"),
        (
            vec!["--trace", "1%"],
            "traces go to a topic of RocketMQ's own",
        ),
        (vec!["--mode", "oneway"], "asks for no answer"),
        (vec!["--min", "5k", "--max", "2k"], "is not below --max"),
        (vec!["--objective", "p99>10ms"], "asks for a bad figure"),
        (vec!["--step-time", "100ms"], "too short"),
        (vec!["--curve", "10%,5%"], "does not ascend"),
        (vec!["--precision", "0.1%"], "between 0.5% and 50%"),
        (vec!["--confidence", "100%"], "between 50% and 99.9%"),
        (vec!["--time-budget", "20s"], "less than five windows"),
        (vec!["--one-less-stop", "true"], "which broker"),
        (
            vec!["--one-less", "broker-1", "--one-less-stop", "true"],
            "has to be started again",
        ),
        (
            vec!["--one-less", "b", "--without", "a,b"],
            "leaves this broker out of all searches",
        ),
        (vec!["--profile", "nothing"], "nothing"),
        (vec!["--growth", "3%/month"], "there is no demand"),
        (vec!["--demand", "30k", "--growth", "3%"], "3%/month"),
        (
            vec!["--price", "disk=0.08/GiB-month"],
            "72h is RocketMQ's own",
        ),
        (vec!["--price", "broker=0.40"], "broker=0.40/hour"),
        (vec!["--retention", "0s"], "keeps no message"),
        (
            vec!["--own-topic", "-t", "orders"],
            "contradicts --topic (profile key `topic`): orders is named",
        ),
        (
            vec!["--own-topic", "--topics", "3"],
            "contradicts --topics (profile key `topics`): 3 are named",
        ),
        (
            vec!["--own-topic", "--delay-level", "3"],
            "contradicts --delay-level",
        ),
        (
            vec!["--objective", "p999<1s", "--min", "100"],
            "needs 10,000 messages a window",
        ),
    ] {
        rmq_bench()
            .arg("capacity")
            .args(&arguments)
            .assert()
            .code(2)
            .stdout("")
            .stderr(predicate::str::contains(said));
    }
    for option in ["--demand", "--growth", "--price", "--retention"] {
        rmq_bench()
            .args(["produce", option, "1"])
            .assert()
            .code(2)
            .stderr(predicate::str::contains("unexpected argument"));
    }
    rmq_bench()
        .arg("capacity")
        .env("RMQ_BENCH_RATE", "5k")
        .assert()
        .code(2)
        .stderr(predicate::str::contains("--min and --max bound them"));
    rmq_bench()
        .args(["run", "capacity"])
        .assert()
        .code(2)
        .stderr(predicate::str::contains(
            "rmq-bench capacity --profile capacity",
        ));
}

#[test]
fn a_dry_run_says_what_would_be_sent_and_sends_nothing() {
    rmq_bench()
        .args([
            "capacity",
            "--profile",
            "capacity",
            "-n",
            "127.0.0.1:1",
            "--max",
            "100k",
            "--one-less",
            "broker-1",
            "--dry-run",
        ])
        .assert()
        .success()
        .stdout(predicate::str::contains("cluster of 127.0.0.1:1"))
        .stdout(predicate::str::contains("again, with broker-1 left out"))
        .stdout(predicate::str::contains("At most").and(predicate::str::contains("GiB")));
    rmq_bench()
        .args([
            "capacity",
            "--own-topic",
            "--broker-queues",
            "3",
            "--dry-run",
        ])
        .assert()
        .success()
        .stdout(predicate::str::contains(
            "Topic: one of its own, rmq_bench_capacity_…, 3 queues on each broker",
        ));
    // Nobody listens there, which a search finds out.
    rmq_bench()
        .args(["capacity", "-n", "127.0.0.1:1"])
        .assert()
        .code(3)
        .stdout("");
}

#[test]
fn topics_that_brokers_made_for_themselves_are_refused() {
    let cluster = cluster(ClusterSpec::default());
    let address = cluster.namesrv_address();
    for topic in ["broker-1", "DefaultCluster", "DefaultCluster_REPLY_TOPIC"] {
        cluster
            .create_topic(topic, 1, permission::READ_WRITE)
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("steps.ndjson");
        rmq_bench()
            .args(["capacity", "-n", &address, "-t", topic, "--resume"])
            .arg(&file)
            .assert()
            .code(2)
            .stdout("")
            .stderr(predicate::str::contains(format!(
                "--topic {topic}: it is a topic of the brokers' own"
            )));
        assert!(!file.exists(), "nothing was begun");
    }
    assert_eq!(cluster.stored().messages(), 0);
}
