//! What brokers of a real RocketMQ say of themselves, topics deleted there, and brokers left out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rmq_bench::client::admin::{Admin, AdminError, NewTopic};
use rmq_bench::client::{ClientConfig, ClientInstance, Message};

use crate::cluster::{Cluster, MOST_REFUSED, keep, result};

/// Longest wait for name servers to follow, and for brokers to have averaged their rates.
const DEADLINE: Duration = Duration::from_secs(60);

fn admin(cluster: &Cluster) -> (Admin, Arc<ClientInstance>) {
    let client = ClientConfig {
        namesrv: vec![cluster.namesrv.clone()],
        ..ClientConfig::default()
    };
    let instance = Arc::new(ClientInstance::new(client).unwrap());
    instance.start().unwrap();
    (Admin::new(Arc::clone(&instance)), instance)
}

/// Asks until the answer is as wanted.
async fn until<T>(what: &str, ask: impl AsyncFn() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "still not: {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn send(cluster: &Cluster, topic: &str, count: usize) {
    let producer = cluster.producer(topic);
    for _ in 0..count {
        producer
            .send(topic, Message::new(vec![0; 1000]))
            .await
            .unwrap();
    }
    producer.shutdown().await;
}

/// Every figure that is read has a value; the commit log grows by what is sent.
#[tokio::test]
#[ignore = "needs a real cluster; scripts/test starts one"]
async fn brokers_say_how_they_are() {
    const COUNT: u64 = 100;
    let cluster = Cluster::running();
    let (admin, instance) = admin(&cluster);
    let topic = cluster.new_topic("status");
    let before = admin.broker_status(None).await.unwrap();
    assert_eq!(before.len(), 2);
    let version = format!("V{}", cluster.version.replace('.', "_"));
    for status in &before {
        let info = status.info.as_ref().unwrap();
        assert_eq!(info.version.as_ref(), Some(&version));
        for ratio in [info.disk_ratio, info.queue_disk_ratio] {
            let ratio = ratio.unwrap();
            assert!((0.0..=1.0).contains(&ratio), "{ratio}");
            let percent = ratio * 100.0;
            assert!(
                (percent - percent.round()).abs() < 1e-9,
                "whole percent: {ratio}"
            );
        }
        assert_eq!(info.send_queue_capacity, Some(10_000));
        let some = [
            info.send_queue,
            info.send_queue_wait_ms,
            info.page_cache_lock_ms,
            info.puts_failed,
            info.dispatch_behind_bytes,
            info.commit_log_max,
        ];
        assert!(some.iter().all(Option::is_some), "{info:?}");
        assert!(info.booted_ms.unwrap() > 1_700_000_000_000);
    }
    send(&cluster, &topic, COUNT as usize).await;
    let after = admin.broker_status(Some(&topic)).await.unwrap();
    let grown: u64 = before.iter().zip(&after).fold(0, |sum, (before, after)| {
        assert_eq!(before.broker, after.broker);
        let written = |status: &rmq_bench::client::admin::BrokerStatus| {
            status.info.as_ref().unwrap().commit_log_max.unwrap()
        };
        assert!(after.info.as_ref().unwrap().commit_log_min.is_some());
        sum + written(after) - written(before)
    });
    assert!(grown > COUNT * 1000, "{grown} bytes");
    until("they have averaged what they store", async || {
        let status = admin.broker_status(Some(&topic)).await.unwrap();
        let rates = status.iter().map(|s| s.info.as_ref().unwrap().puts_per_s);
        rates
            .into_iter()
            .all(|rates| rates.last_10s.is_some())
            .then_some(())
    })
    .await;
    instance.shutdown().await;
}

/// The route goes, and the messages: a topic of that name made anew is empty.
#[tokio::test]
#[ignore = "needs a real cluster; scripts/test starts one"]
async fn a_deleted_topic_is_gone_with_its_messages() {
    let cluster = Cluster::running();
    let (admin, instance) = admin(&cluster);
    let topic = cluster.new_topic("deleted");
    send(&cluster, &topic, 20).await;
    // Brokers of 4.x enter a message into its queue after they have acknowledged it.
    until("all are in their queues", async || {
        let lengths = admin.lengths(&topic).await.unwrap();
        let stored: u64 = lengths.iter().map(|(_, messages)| messages).sum();
        (stored == 20).then_some(())
    })
    .await;
    let deleted = admin.delete_topic(&topic).await.unwrap();
    assert_eq!(deleted.brokers, ["broker-0", "broker-1"]);
    assert_eq!(deleted.namesrv, std::slice::from_ref(&cluster.namesrv));
    let gone = admin.queues(&topic).await.unwrap_err();
    assert_eq!(gone.code(), Some(17), "{gone}");
    admin.create_topic(NewTopic::new(&topic, 8)).await.unwrap();
    let empty = until("the route has it again", async || {
        let lengths = admin.lengths(&topic).await.ok()?;
        (lengths.len() == 16).then_some(lengths)
    });
    assert!(empty.await.iter().all(|(_, messages)| *messages == 0));
    admin.delete_topic(&topic).await.unwrap();

    let status = admin.broker_status(None).await.unwrap();
    let name = &status[0].cluster;
    let of_cluster = [
        name.clone(),
        format!("{name}_REPLY_TOPIC"),
        status[0].broker.clone(),
    ];
    for own in of_cluster
        .iter()
        .map(String::as_str)
        .chain(["BenchmarkTest", "TBW102"])
    {
        assert!(admin.is_system_topic(own).await.unwrap(), "{own}");
        let error = admin.delete_topic(own).await.unwrap_err();
        assert!(matches!(error, AdminError::Client(_)), "{error}");
        assert!(admin.queues(own).await.is_ok(), "{own} is still there");
    }
    instance.shutdown().await;
}

/// Brokers' own offsets: what is sent is with the other one.
#[test]
#[ignore = "needs a real cluster; scripts/test starts one"]
fn a_broker_left_out_gets_nothing() {
    let cluster = Cluster::running();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for mode in ["async", "sync", "batch", "oneway", "request"] {
        let topic = cluster.new_topic(&format!("without-{mode}"));
        let folder = tempfile::tempdir().unwrap();
        let arguments = [
            "--mode", mode, "--count", "1024", "--rate", "500", "--warmup", "0s",
        ];
        let output = cluster
            .bench(&topic, folder.path(), &arguments)
            .args([
                "--without",
                "broker-0",
                "--timeout",
                "10s",
                "--max-error-rate",
                MOST_REFUSED,
            ])
            .output()
            .unwrap();
        keep(&format!("without-{mode}"), &output.stdout);
        let result = result(&output.stdout, mode == "oneway");
        let (target, accounts) = (&result.run.target, &result.accounts);
        assert!(output.status.success(), "{accounts:?}");
        assert_eq!(target.left_out, ["broker-0"]);
        assert_eq!(target.brokers.len(), 1);
        assert_eq!(target.brokers[0].name, "broker-1");
        let (lengths, instance) = runtime.block_on(async {
            let (admin, instance) = admin(&cluster);
            (admin.lengths(&topic).await.unwrap(), instance)
        });
        runtime.block_on(instance.shutdown());
        let mut stored = BTreeMap::new();
        for (queue, messages) in lengths {
            *stored.entry(queue.broker.to_string()).or_insert(0) += messages;
        }
        assert_eq!(stored["broker-0"], 0, "{mode}: {stored:?}");
        if mode == "oneway" {
            assert!(stored["broker-1"] > 0, "{stored:?}");
        } else {
            assert_eq!(stored["broker-1"], accounts.acked, "{mode}: {accounts:?}");
        }
    }
}
