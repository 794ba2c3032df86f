//! Access control: every kind of request is signed, and a refusal says so (R184).
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
use rmq_bench::broker::{Behaviour, Checks, ClusterSpec, EmbeddedCluster, Reject};
use rmq_bench::client::{
    CheckedMessage, ClientConfig, ClientError, LocalOutcome, Message, Producer, Resolution,
    SendConfig, TransactionChecker, TransactionProducer,
};
use rmq_bench::protocol::signature::Credentials;
use rmq_bench::protocol::{ResponseCode, SerializeType};
use support::binary::rmq_bench;
use support::{TOPIC, client_of, cluster, eventually};

fn account(secret: &str) -> Option<Credentials> {
    Credentials::new("rocketmq2", secret, None)
}

fn guarded() -> EmbeddedCluster {
    let soon = Checks {
        first_after: std::time::Duration::from_millis(100),
        ..Checks::default()
    };
    cluster(ClusterSpec {
        account: account("12345678"),
        behaviour: Behaviour {
            checks: soon,
            ..Behaviour::default()
        },
        ..ClusterSpec::default()
    })
}

fn client(cluster: &EmbeddedCluster, secret: &str, header: SerializeType) -> ClientConfig {
    let mut client = client_of(cluster);
    client.credentials = account(secret);
    client.transport.header = header;
    client
}

/// R184, C1.33.
#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_send_is_signed() {
    for header in [SerializeType::Binary, SerializeType::Json] {
        let cluster = guarded();
        let config = client(&cluster, "12345678", header);
        let producer = Producer::new(config, SendConfig::default()).unwrap();
        producer.start().unwrap();
        let labelled = Message::new("x").with_tags("T").unwrap();
        producer.send(TOPIC, labelled.clone()).await.unwrap();
        producer.send_oneway(TOPIC, labelled.clone()).await.unwrap();
        // By reference, compressed, and in a batch.
        let large = Message::new(vec![7; 100_000]);
        producer.send(TOPIC, large).await.unwrap();
        let batch = [Message::new("one"), labelled, Message::new("three")];
        producer.send_batch(TOPIC, &batch).await.unwrap();
        eventually("all are stored", || {
            cluster.stored().topic_messages(TOPIC) == 6
        });
        assert_eq!(cluster.stored().rejected(), 0);
        let groups = cluster.stored();
        assert!(
            groups.producer_groups().contains(producer.group()),
            "heartbeats too"
        );
        producer.shutdown().await;
    }
}

/// Commits.
struct Committing;

impl TransactionChecker for Committing {
    fn check(&self, _message: &CheckedMessage) -> LocalOutcome {
        Ok(Resolution::Commit)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ends_of_transactions_are_signed_and_answers_to_checks() {
    let cluster = guarded();
    let config = client(&cluster, "12345678", SerializeType::Binary);
    let producer =
        TransactionProducer::new(config, SendConfig::default(), Arc::new(Committing)).unwrap();
    producer.start().unwrap();
    for end in [Resolution::Commit, Resolution::Unknown] {
        let local = |_| async move { Ok(end) };
        producer
            .send(TOPIC, Message::new("x"), local)
            .await
            .unwrap();
    }
    eventually("both are delivered", || {
        cluster.stored().topic_messages(TOPIC) == 2
    });
    assert_eq!(cluster.stored().rejected(), 0);
    producer.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_secret_is_refused() {
    let cluster = guarded();
    let config = client(&cluster, "wrong-secret", SerializeType::Binary);
    let send = SendConfig {
        retries: 0,
        ..SendConfig::default()
    };
    let producer = Producer::new(config, send).unwrap();
    producer.start().unwrap();
    let error = producer.send(TOPIC, Message::new("x")).await.unwrap_err();
    assert!(matches!(error, ClientError::Send { .. }), "{error:?}");
    assert!(error.to_string().contains("not signed"), "{error}");
    assert_eq!(cluster.stored().messages(), 0);
    producer.shutdown().await;
}

#[test]
fn the_tool_signs_with_a_file_or_the_environment_and_says_when_that_is_not_enough() {
    let cluster = guarded();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tools.yml");
    std::fs::write(&file, "accessKey: rocketmq2\nsecretKey: 12345678\n").unwrap();
    let address = cluster.namesrv_address();
    let run = |mode: &str| {
        let mut command = rmq_bench();
        command.args([
            "-n", &address, "--mode", mode, "--count", "320", "-r", "5k", "-q",
        ]);
        command
    };
    for mode in ["sync", "async", "oneway", "batch", "tx", "request"] {
        run(mode).arg("--credentials").arg(&file).assert().success();
    }
    run("sync")
        .envs([
            ("RMQ_BENCH_ACCESS_KEY", "rocketmq2"),
            ("RMQ_BENCH_SECRET_KEY", "12345678"),
        ])
        .assert()
        .success();
    assert_eq!(cluster.stored().rejected(), 0);
    run("async")
        .assert()
        .code(3)
        .stderr(contains("no permission").and(contains("--credentials")));
    run("async")
        .env("RMQ_BENCH_ACCESS_KEY", "rocketmq2")
        .assert()
        .code(2)
        .stderr(contains("RMQ_BENCH_SECRET_KEY"));
}

/// The ACL of 4.x refuses with code 1, which means anything, and names its exception.
#[test]
fn a_refusal_by_the_access_control_of_4_x_is_one() {
    let refusing = |remark: &str| {
        let refuse = Reject {
            every: 1,
            code: ResponseCode::SYSTEM_ERROR,
            remark: remark.to_owned(),
        };
        cluster(ClusterSpec {
            behaviour: Behaviour {
                reject: Some(refuse),
                ..Behaviour::default()
            },
            ..ClusterSpec::default()
        })
    };
    for (remark, code) in [
        (
            "org.apache.rocketmq.acl.common.AclException: No accessKey is configured",
            3,
        ),
        ("create mapped file failed, server is busy or broken.", 4),
    ] {
        let cluster = refusing(remark);
        let address = cluster.namesrv_address();
        rmq_bench()
            .args(["-n", &address, "--count", "20", "-r", "1k", "-q"])
            .assert()
            .code(code)
            .stderr(contains("--credentials").count(usize::from(code == 3)));
    }
}
