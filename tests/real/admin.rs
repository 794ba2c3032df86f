//! Administration of a real RocketMQ: what brokers answer agrees with what was sent.

use std::collections::HashMap;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rmq_bench::client::admin::{Admin, AdminError, FoundMessage, KeyQuery, NewTopic};
use rmq_bench::client::{
    ClientConfig, ClientInstance, Compression, CompressionKind, Delivery, Message, MessageQueue,
    Producer, SendConfig,
};
use serde_json::Value;

/// Longest wait for name servers and indexes to follow.
const DEADLINE: Duration = Duration::from_secs(60);

/// The cluster `scripts/test` has started.
fn namesrv() -> String {
    let port = std::env::var("REAL_BASE_PORT").expect("REAL_BASE_PORT, as scripts/test sets it");
    format!("127.0.0.1:{port}")
}

fn is_5() -> bool {
    std::env::var("REAL_VERSION").unwrap().starts_with("5.")
}

fn client() -> ClientConfig {
    ClientConfig {
        namesrv: vec![namesrv()],
        ..ClientConfig::default()
    }
}

fn admin() -> (Admin, Arc<ClientInstance>) {
    let instance = Arc::new(ClientInstance::new(client()).unwrap());
    instance.start().unwrap();
    (Admin::new(Arc::clone(&instance)), instance)
}

fn topic(name: &str) -> String {
    format!("admin-{name}-{}", std::process::id())
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

/// A topic, and its queues once name servers know it.
async fn new_topic(admin: &Admin, name: &str, queues: u32) -> (String, Vec<MessageQueue>) {
    let topic = topic(name);
    let created = admin.create_topic(NewTopic::new(&topic, queues)).await;
    let created = created.unwrap();
    assert!(created.iter().all(|on| on.outcome.is_ok()), "{created:?}");
    let wanted = created.len() * queues as usize;
    let listed = until("all brokers are in the route", async || {
        let queues = admin.queues(&topic).await.ok()?;
        (queues.len() == wanted).then_some(queues)
    });
    let listed = listed.await;
    (topic, listed)
}

/// Sends messages of every kind of compression, some with keys; ids by what was sent.
async fn send(topic: &str, count: usize) -> Vec<(String, String)> {
    let mut sent = Vec::new();
    let kinds = CompressionKind::ALL.map(Some);
    for kind in kinds.into_iter().chain([None]) {
        let send = SendConfig {
            group: format!("admin-{}", kind.map_or("none", CompressionKind::name)),
            compression: kind.map(|kind| Compression {
                kind,
                ..Compression::default()
            }),
            retries: 10,
            timeout: Duration::from_secs(10),
            ..SendConfig::default()
        };
        let producer = Producer::new(client(), send).unwrap();
        producer.start().unwrap();
        for number in 0..count {
            let key = format!("key-{}", number % 3);
            let message = Message::new(body(number)).with_tags("TagA").unwrap();
            let message = message.with_keys(&[&key, "every"]).unwrap();
            let result = producer.send(topic, message).await.unwrap();
            let place = result.receipt.read().offset_message_id.to_string();
            sent.push((result.message_id.to_string(), place));
        }
        producer.shutdown().await;
    }
    sent
}

fn body(number: usize) -> Vec<u8> {
    format!("message {number} ").repeat(1000).into_bytes()
}

/// R84–R95, R256.
#[tokio::test]
#[ignore = "needs a real cluster; scripts/test starts one"]
async fn offsets_ids_keys_and_times_agree_with_what_was_sent() {
    const COUNT: usize = 12;
    let (admin, instance) = admin();
    let (topic, queues) = new_topic(&admin, "found", 3).await;
    for queue in &queues {
        assert_eq!(admin.max_offset(queue).await.unwrap(), 0);
        assert_eq!(admin.earliest_store_time(queue).await.unwrap(), None);
    }
    let sent = send(&topic, COUNT).await;
    let total: i64 = until("all are counted", async || {
        let all = admin.offsets(&topic, None).await.unwrap();
        let total = all.iter().map(|queue| queue.max - queue.min).sum();
        (total == sent.len() as i64).then_some(total)
    })
    .await;
    assert_eq!(total as usize, 4 * COUNT);

    let mut messages: HashMap<MessageQueue, Vec<FoundMessage>> = HashMap::new();
    for (place, (id, offset_id)) in sent.iter().enumerate() {
        let found = admin.view_by_offset_id(&topic, offset_id).await.unwrap();
        assert_eq!(found.body.as_deref(), Ok(&*body(place % COUNT)), "{id}");
        assert_eq!(
            (&found.message_id, &found.offset_message_id),
            (id, offset_id)
        );
        assert_eq!(found.property("TAGS"), Some("TagA"));
        let by_id = until("the index has it", async || {
            admin.view_by_unique_id(&topic, id, None).await.ok()
        });
        assert_eq!(by_id.await, found);
        for either in [id, offset_id] {
            assert_eq!(admin.view(&topic, either, None).await.unwrap(), found);
        }
        let offset = found.queue_offset;
        let queue_id = u32::try_from(found.queue_id).unwrap();
        // Its broker is the one whose queue has it there.
        let host = found.store_host.to_string();
        let brokers = instance.brokers();
        let broker = brokers.iter().find(|b| b.address.as_deref() == Some(&host));
        let queue = MessageQueue {
            topic: topic.as_str().into(),
            broker: broker.unwrap().name.as_str().into(),
            queue_id,
        };
        assert!(offset < admin.max_offset(&queue).await.unwrap());
        messages.entry(queue).or_default().push(found);
    }
    for (queue, messages) in &mut messages {
        messages.sort_by_key(|message| message.queue_offset);
        times_agree(&admin, queue, messages).await;
    }
    keys_agree(&admin, &topic, COUNT).await;
    instance.shutdown().await;
}

/// R87, R90.
async fn times_agree(admin: &Admin, queue: &MessageQueue, messages: &[FoundMessage]) {
    let earliest = admin.earliest_store_time(queue).await.unwrap();
    assert_eq!(earliest, Some(messages[0].stored_ms));
    assert_eq!(admin.min_offset(queue).await.unwrap(), 0);
    for message in messages {
        let at = message.stored_ms;
        let found = admin.search_offset(queue, at).await.unwrap();
        let found = messages.iter().find(|m| m.queue_offset == found).unwrap();
        assert_eq!(found.stored_ms, at, "a message of that millisecond");
        if is_5() {
            let first = messages.iter().find(|m| m.stored_ms == at).unwrap();
            assert_eq!(found.queue_offset, first.queue_offset, "the first of them");
        }
    }
    assert_eq!(admin.search_offset(queue, 0).await.unwrap(), 0);
}

/// R93, R94.
async fn keys_agree(admin: &Admin, topic: &str, count: usize) {
    for key in ["key-0", "key-1", "key-2"] {
        let found = until("all are found", async || {
            let found = admin.query(KeyQuery::new(topic, key)).await.ok()?;
            (found.messages.len() >= count / 3 * 4).then_some(found)
        });
        let found = found.await;
        assert_eq!(found.messages.len(), count / 3 * 4);
        assert!(found.messages.iter().all(|message| message.has_key(key)));
        assert!(found.failures.is_empty() && found.index_updated_ms > 0);
    }
    let few = KeyQuery {
        most: 2,
        ..KeyQuery::new(topic, "every")
    };
    assert_eq!(admin.query(few).await.unwrap().messages.len(), 4);
    for query in [
        KeyQuery::new(topic, "key"),
        KeyQuery {
            to_ms: 1,
            ..KeyQuery::new(topic, "every")
        },
    ] {
        let error = admin.query(query).await.unwrap_err();
        assert_eq!(error.code(), Some(208), "{error}");
    }
}

/// R85, R86: what brokers refuse has their code; attributes are sent.
#[tokio::test]
#[ignore = "needs a real cluster; scripts/test starts one"]
async fn what_a_broker_refuses_has_its_code() {
    let (admin, instance) = admin();
    let (topic, queues) = new_topic(&admin, "refused", 1).await;
    let with = |value: &str| NewTopic {
        attributes: vec![("message.type".to_owned(), value.to_owned())],
        ..NewTopic::new(&format!("{topic}-{value}"), 1)
    };
    let nonsense = admin.create_topic(with("NONSENSE")).await;
    if is_5() {
        let error = nonsense.unwrap_err();
        assert!(matches!(error, AdminError::Refused { .. }), "{error:?}");
        assert!(admin.create_topic(with("FIFO")).await.is_ok());
    } else {
        assert!(nonsense.is_ok(), "brokers of 4.x know no attributes");
    }
    let hole = sent_nowhere(&queues, &instance);
    let viewed = admin.view_by_offset_id(&topic, &hole).await.unwrap_err();
    assert!([Some(1), Some(208)].contains(&viewed.code()), "{viewed:?}");
    let absent = admin.offsets("absent-topic", None).await.unwrap_err();
    assert_eq!(absent.code(), Some(17), "{absent}");
    let unknown = admin.consumer_offset("nobody", &queues[0]).await.unwrap();
    let as_4 = (!is_5()).then_some(0);
    assert!(unknown.is_none() || unknown == as_4, "{unknown:?}");
    instance.shutdown().await;
}

/// An offset id far behind the end of a broker's commit log.
fn sent_nowhere(queues: &[MessageQueue], instance: &ClientInstance) -> String {
    let brokers = instance.brokers();
    let broker = brokers.iter().find(|b| b.name == *queues[0].broker);
    let address = broker.unwrap().address.as_deref().unwrap();
    let address = address.parse().unwrap();
    rmq_bench::protocol::message_id::offset_id_text(address, 1 << 50)
}

/// The tool does the same.
#[test]
#[ignore = "needs a real cluster; scripts/test starts one"]
fn the_tool_administers_a_real_cluster() {
    let topic = topic("tool");
    let run = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_rmq-bench"))
            .args(arguments)
            .args(["-n", &namesrv(), "--format", "json", "-t", &topic])
            .output()
            .unwrap()
    };
    let admin = |arguments: &[&str]| {
        let output = run(&[&["admin"], arguments].concat());
        let value: Result<Value, _> = serde_json::from_slice(&output.stdout);
        value.map_err(|_| String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let awaited = |what: &str, ask: &dyn Fn() -> bool| {
        let deadline = Instant::now() + DEADLINE;
        while !ask() {
            assert!(Instant::now() < deadline, "still not: {what}");
        }
    };
    let made = admin(&["create-topic", "--queues", "2"]).unwrap();
    let brokers = made["brokers"].as_array().unwrap().len();
    awaited("the route has it", &|| {
        let listed = admin(&["queues"]).unwrap_or_default();
        let queues = listed["queues"].as_array().map_or(0, Vec::len);
        queues == 2 * brokers
    });
    let load = run(&[
        "-q",
        "-m",
        "sync",
        "--count",
        "100",
        "-r",
        "500",
        "--warmup",
        "0s",
        "--keys",
        "order-1",
        "--retries",
        "5",
    ]);
    let result: Value = serde_json::from_slice(&load.stdout).unwrap();
    let acked = result["accounts"]["acked"].as_i64().unwrap();
    awaited("all are counted", &|| {
        admin(&["offsets"]).unwrap()["messages"] == acked
    });
    awaited("the index has them", &|| {
        let found = admin(&["query", "order-1", "--max", "64"]).unwrap_or_default();
        found["messages"].as_array().map_or(0, Vec::len) == acked as usize
    });
}

async fn timer(producer: &Producer, topic: &str, after_ms: u64) -> (String, Option<String>) {
    let message = Message::new("later").with_delivery(Delivery::AfterMs(after_ms));
    let sent = producer.send(topic, message.unwrap()).await.unwrap();
    let handle = sent
        .receipt
        .read()
        .recall_handle
        .map(|handle| handle.to_string());
    (sent.message_id.to_string(), handle)
}

/// R198, R199: what is called back is not delivered, what was sent beside it is; brokers refuse a second time.
#[tokio::test]
#[ignore = "needs a real cluster; scripts/test runs it"]
async fn a_timer_message_is_called_back() {
    if !is_5() {
        return; // 4.x has no timers.
    }
    let (admin, instance) = admin();
    let (topic, queues) = new_topic(&admin, "recall", 1).await;
    let producer = Producer::new(client(), SendConfig::default()).unwrap();
    producer.start().unwrap();
    let (id, handle) = timer(&producer, &topic, 8_000).await;
    let handle = handle.unwrap();
    assert_eq!(producer.recall(&handle).await.unwrap(), id);
    // Later than the one that was called back.
    let (kept, _) = timer(&producer, &topic, 9_000).await;
    let delivered = until("the other one is delivered", async || {
        for queue in &queues {
            if admin.max_offset(queue).await.unwrap() > 0 {
                return Some(admin.view(&topic, &kept, None).await.ok());
            }
        }
        None
    });
    let delivered = delivered.await;
    let mut stored = 0;
    for queue in &queues {
        stored += admin.max_offset(queue).await.unwrap();
    }
    assert_eq!(stored, 1, "{delivered:?}");
    let late = producer.recall(&handle).await.unwrap_err();
    assert_eq!(late.code(), Some(604), "{late}");
    let strange = producer.recall("no handle").await.unwrap_err();
    assert_eq!(strange.code(), Some(-1), "{strange}");
    producer.shutdown().await;
    instance.shutdown().await;
}
