//! What consumers of RocketMQ's own client get of our messages when they ask for a part of them.

use std::collections::{BTreeMap, BTreeSet};

use crate::cluster::Cluster;
use rmq_bench::client::Message;
use serde_json::Value;

/// A filter of a consumer's, and the numbers it is to find.
type Filter = (&'static [&'static str], fn(usize) -> bool);

const COUNT: usize = 90;
const KINDS: usize = 3;

fn tag(number: usize) -> &'static str {
    ["TagA", "TagB", "TagC"][number % KINDS]
}

fn region(number: usize) -> &'static str {
    ["eu", "größe"][number % 2]
}

fn message(number: usize) -> Message {
    let message = Message::new(format!("message {number}"));
    let message = message.with_tags(tag(number)).unwrap();
    let key = format!("key-{number}");
    let message = message.with_keys(&[&key, "every"]).unwrap();
    let message = message.with_property("number", &number.to_string());
    message
        .unwrap()
        .with_property("region", region(number))
        .unwrap()
}

/// Sends the first third one by one and the others in batches of ten; numbers by id.
async fn send(cluster: &Cluster, topic: &str) -> BTreeMap<String, usize> {
    let producer = cluster.producer("filters");
    let mut sent = BTreeMap::new();
    for number in 0..COUNT / 3 {
        let result = producer.send(topic, message(number)).await.unwrap();
        sent.insert(result.message_id.to_string(), number);
    }
    for first in (COUNT / 3..COUNT).step_by(10) {
        let batch: Vec<_> = (first..first + 10).map(message).collect();
        let result = producer.send_batch(topic, &batch).await.unwrap();
        let ids = result.message_ids().map(|id| id.to_string());
        sent.extend(ids.zip(first..));
    }
    producer.shutdown().await;
    sent
}

fn text<'a>(message: &'a Value, property: &str) -> &'a str {
    message["properties"][property].as_str().unwrap()
}

/// R61, R62, R65: every message, batched or not, has its own id, tags, keys and properties.
/// R165: filters of both kinds find among them exactly what they are to find.
#[test]
#[ignore = "needs a real cluster; scripts/test starts one"]
fn java_s_filters_take_the_messages_they_name() {
    let cluster = Cluster::running();
    let folder = tempfile::tempdir().unwrap();
    let topic = cluster.new_topic("filtered");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let sent = runtime.block_on(send(&cluster, &topic));
    assert_eq!(sent.len(), COUNT, "each has an id of its own");
    let messages = cluster.read_back(&topic, folder.path());
    assert_eq!(messages.len(), COUNT);
    for message in &messages {
        let number = sent[message["msgId"].as_str().unwrap()];
        assert_eq!(text(message, "TAGS"), tag(number), "{message}");
        assert_eq!(text(message, "KEYS"), format!("key-{number} every"));
        assert_eq!(text(message, "number"), number.to_string());
        assert_eq!(text(message, "region"), region(number));
        let body = crc32fast::hash(format!("message {number}").as_bytes());
        assert_eq!(message["bodyCrc32"], body);
    }
    let filters: [Filter; 6] = [
        (&["--tags", "TagA"], |n| tag(n) == "TagA"),
        (&["--tags", "TagA || TagC"], |n| tag(n) != "TagB"),
        (&["--tags", "TagD"], |_| false),
        (&["--sql", "number BETWEEN 25 AND 44"], |n| {
            (25..45).contains(&n)
        }),
        (&["--sql", "TAGS = 'TagB' AND number > 60"], |n| {
            tag(n) == "TagB" && n > 60
        }),
        (
            &["--sql", "region = 'größe' AND TAGS IN ('TagA', 'TagC')"],
            |n| region(n) == "größe" && tag(n) != "TagB",
        ),
    ];
    for (filter, wanted) in filters {
        let read = cluster.read_filtered(&topic, folder.path(), filter);
        let numbers = read
            .iter()
            .map(|message| sent[message["msgId"].as_str().unwrap()]);
        let found: BTreeSet<usize> = numbers.collect();
        assert_eq!(found.len(), read.len(), "{filter:?}: twice");
        let expected: BTreeSet<usize> = (0..COUNT).filter(|number| wanted(*number)).collect();
        assert_eq!(found, expected, "{filter:?}");
    }
}
