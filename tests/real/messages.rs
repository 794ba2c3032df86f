//! What Java's consumers of a real cluster read of our messages: bodies, properties, order, delays.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use crate::cluster::{Cluster, MOST_REFUSED, assert_carries, keep, result};
use rmq_bench::load::MessageShape;
use serde_json::Value;

#[test]
#[ignore = "needs a real cluster; scripts/test starts one"]
fn compressed_and_labelled_messages_are_what_java_s_consumer_reads() {
    let cluster = Cluster::running();
    let shape = MessageShape {
        random_bytes: 2048,
        // As the reader finds them among the others.
        properties: vec![
            ("KEYS".into(), "order-1 customer-2".into()),
            ("region".into(), "eu".into()),
        ],
        ..MessageShape::plain(8192)
    };
    let arguments = "--count 300 --warmup 0s --size 8KiB --random-bytes 25% --properties region=eu \
                     --wait-store off --mode sync --callers 8";
    let arguments: Vec<&str> = arguments.split_whitespace().collect();
    for kind in ["zlib", "lz4", "zstd"] {
        let folder = tempfile::tempdir().unwrap();
        let topic = cluster.new_topic(&format!("compressed-{kind}"));
        let output = cluster
            .bench(&topic, folder.path(), &arguments)
            .args(["--keys", "order-1 customer-2", "--compress", kind])
            .args(["--max-error-rate", MOST_REFUSED])
            .output()
            .unwrap();
        keep(&format!("compressed-{kind}"), &output.stdout);
        let accounts = result(&output.stdout, false).accounts;
        assert!(output.status.success(), "{accounts:?}");
        assert_eq!(cluster.stored(&topic), accounts.acked);
        let messages = cluster.read_back(&topic, folder.path());
        assert_eq!(messages.len() as u64, accounts.acked);
        assert_carries(&messages, &shape);
        for message in &messages {
            // Brokers act on it; those of 4.9 do not store it.
            let kept = cluster.version.starts_with("5.").then_some("false");
            assert_eq!(message["properties"]["WAIT"].as_str(), kept, "{message}");
            let stored = message["storeSize"].as_u64().unwrap();
            assert!((2048..4096).contains(&stored), "not compressed: {message}");
        }
    }
}

#[test]
#[ignore = "needs a real cluster; scripts/test starts one"]
fn messages_of_a_key_are_stored_in_their_order() {
    let cluster = Cluster::running();
    for mode in ["sync", "async", "batch"] {
        let folder = tempfile::tempdir().unwrap();
        let topic = cluster.new_topic(&format!("ordered-{mode}"));
        let arguments = [
            "--mode",
            mode,
            "--count",
            "3200",
            "--warmup",
            "0s",
            "--sharding-keys",
            "50",
        ];
        let output = cluster
            .bench(&topic, folder.path(), &arguments)
            .args(["--shards", "2", "--max-error-rate", MOST_REFUSED])
            .output()
            .unwrap();
        let accounts = result(&output.stdout, false).accounts;
        assert!(output.status.success(), "{accounts:?}");
        let mut messages = cluster.read_back(&topic, folder.path());
        assert_eq!(messages.len() as u64, accounts.acked);
        messages.sort_by_key(|message| message["queueOffset"].as_u64());
        // Ids of one sender count upwards; a key has one sender.
        let mut last: HashMap<String, (Value, String)> = HashMap::new();
        for message in &messages {
            let key = message["properties"]["__SHARDINGKEY"].as_str().unwrap();
            let queue = Value::from(vec![message["broker"].clone(), message["queueId"].clone()]);
            let id = message["msgId"].as_str().unwrap().to_owned();
            if let Some((known, before)) = last.insert(key.to_owned(), (queue.clone(), id.clone()))
            {
                assert_eq!(known, queue, "{key} has one queue");
                assert!(before < id, "{key}: {before} is stored before {id}");
            }
        }
        assert_eq!(last.len(), 50);
        let queues: HashSet<String> = last.values().map(|(queue, _)| queue.to_string()).collect();
        assert!(queues.len() > 5, "spread over the queues: {queues:?}");
    }
}

#[test]
#[ignore = "needs a real cluster; scripts/test starts one"]
fn a_delay_level_is_honoured() {
    let cluster = Cluster::running();
    let folder = tempfile::tempdir().unwrap();
    let topic = cluster.new_topic("delayed");
    let arguments = "--count 100 --warmup 0s --mode sync --callers 4 --delay-level 2";
    let arguments: Vec<&str> = arguments.split_whitespace().collect();
    let output = cluster
        .bench(&topic, folder.path(), &arguments)
        .args(["--max-error-rate", MOST_REFUSED])
        .output()
        .unwrap();
    let accounts = result(&output.stdout, false).accounts;
    assert!(output.status.success(), "{accounts:?}");
    let deadline = Instant::now() + Duration::from_secs(60);
    while cluster.stored(&topic) < accounts.acked {
        assert!(Instant::now() < deadline, "delivered within a minute");
    }
    let messages = cluster.read_back(&topic, folder.path());
    assert_eq!(messages.len() as u64, accounts.acked);
    for message in &messages {
        let at = |moment: &str| message[moment].as_u64().unwrap();
        // Level 2 is 5 s; brokers look once in 100 ms.
        let after = at("storeTimestamp") - at("bornTimestamp");
        assert!(after >= 4_800, "{after} ms: {message}");
    }
}
