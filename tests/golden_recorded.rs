//! Our client against what RocketMQ's own said to a real cluster (`scripts/golden --record`): each of its
//! frames is read and written again, and ours for the same call says the same.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic on what must not be"
)]

#[path = "support/recorded.rs"]
mod recorded;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use recorded::{Recorded, Replay, command};
use rmq_bench::client::admin::{KeyQuery, NewTopic};
use rmq_bench::client::compression::unpack;
use rmq_bench::client::{
    Admin, CheckedMessage, ClientConfig, Compression, CompressionKind, Credentials, Delivery,
    Identity, LocalOutcome, Message, MessageQueue, Producer, Resolution, SendConfig,
    TransactionChecker, TransactionProducer,
};
use rmq_bench::protocol::frame::split;
use rmq_bench::protocol::message_id::offset_message_id;
use rmq_bench::protocol::transaction::CheckTransaction;
use rmq_bench::protocol::{
    FrameLimits, HeaderView, RemotingCommand, RequestCode, SerializeType, batch, properties,
};

/// Longest wait for anything that is awaited; far beyond what it takes.
const DEADLINE: Duration = Duration::from_secs(20);

const VERSIONS: [(&str, &str); 2] = [
    ("5.5.0", include_str!("golden/5.5.0-recorded.ndjson")),
    ("4.9.7", include_str!("golden/4.9.7-recorded.ndjson")),
];
const TOPIC: &str = "Recorded";

/// Header fields with times and ids, and what names the client and its queue.
const VARIES: [&str; 5] = ["g", "msgId", "clientID", "AccessKey", "Signature"];
/// Properties that are ids.
const IDS: [&str; 3] = ["UNIQ_KEY", "CORRELATION_ID", "REPLY_TO_CLIENT"];
/// Versions and frames (by their beginnings), field or property that one side has and the other has not.
const ONE_SIDED: [(&str, &str, &str); 12] = [
    // Whoever reads only standard JSON says so; Java reads more.
    ("", "route", "acceptStandardJsonOnly"),
    // Java's replies have none, and brokers take it for true then.
    ("", "reply", "WAIT"),
    // Came with 5.x, which we write for either; brokers of 4.x do not look at it.
    ("4.", "end_", "topic"),
    // Without one in the answer to the half message it is its unique id, which brokers of 5.x answer.
    ("4.", "end_", "transactionId"),
    // Brokers of 4.x do not name themselves in a check.
    ("4.", "end_commit_after_check", "bname"),
    // Written by us where there are any.
    ("5.", "create_topic", "attributes"),
    // Came with 5.x as well.
    ("4.", "create_topic", "force"),
    ("4.", "max_offset", "committed"),
    ("4.", "search_offset", "boundaryType"),
    ("4.", "view_message", "topic"),
    ("4.", "query_message", "indexType"),
    // Of the batch as a whole, which is not stored: its messages have theirs.
    ("5.", "send_batch", "UNIQ_KEY"),
];

/// Runs the test for each version.
fn each(test: impl Fn(&Stage)) {
    for (version, ndjson) in VERSIONS {
        let java = recorded::read(ndjson);
        let replay = Replay::start(&java);
        test(&Stage {
            version,
            java,
            replay,
        });
    }
}

/// A client of ours in the place of Java's.
struct Stage {
    version: &'static str,
    java: Recorded,
    replay: Replay,
}

impl Stage {
    fn client(&self) -> ClientConfig {
        ClientConfig {
            namesrv: vec![self.replay.address.clone()],
            identity: Identity {
                instance_name: Some("producer".into()),
                ..Identity::default()
            },
            heartbeat: Duration::from_millis(100),
            ..ClientConfig::default()
        }
    }

    fn producer(&self, group: &str, compression: Option<Compression>) -> Producer {
        let config = SendConfig {
            group: group.into(),
            compression,
            timeout: DEADLINE,
            ..SendConfig::default()
        };
        let producer = Producer::new(self.client(), config).unwrap();
        producer.start().unwrap();
        producer
    }

    fn is_5(&self) -> bool {
        self.version.starts_with("5.")
    }

    /// What Java's client or broker wrote.
    fn java(&self, name: &str) -> RemotingCommand {
        command(&self.java[name])
    }

    fn field(&self, name: &str, field: &str) -> String {
        self.java(name).field(field).unwrap().to_owned()
    }

    /// A property of a message Java sent.
    fn property(&self, name: &str, property: &str) -> String {
        let text = self.field(name, "i");
        let found = properties::parse(&text).find(|(known, _)| *known == property);
        found.unwrap().1.to_owned()
    }

    /// The next calls are answered as these of Java's were.
    fn expect(&self, names: &[&str]) {
        self.replay.answer_as(&self.java, names);
    }

    /// What came of our call says what Java's says.
    #[track_caller]
    fn compare(&self, name: &str) {
        let mut java = Content::of(name, &self.java(name));
        let mut ours = Content::of(name, &self.replay.asked(java.code));
        for (version, frame, field) in ONE_SIDED {
            if self.version.starts_with(version) && name.starts_with(frame) {
                ours.leave_out(field, &java);
                java.leave_out(field, &ours);
            }
        }
        assert_eq!(ours, java, "{} {name}", self.version);
    }

    /// The same for a call of one message.
    async fn send(&self, name: &str, producer: &Producer, message: Message) {
        self.expect(&[name]);
        let sent = producer.send(TOPIC, message).await.unwrap();
        self.compare(name);
        let receipt = sent.receipt.read();
        let response = format!("{name}/response");
        assert_eq!(receipt.offset_message_id, self.field(&response, "msgId"));
        let offset = self.field(&response, "queueOffset");
        assert_eq!(receipt.queue_offset.to_string(), offset);
    }
}

/// What a request says, apart from [`VARIES`], [`IDS`], opaque, language, version and any order.
#[derive(Debug, PartialEq)]
struct Content {
    code: i32,
    flag: i32,
    fields: BTreeMap<String, String>,
    /// Flag, unpacked body and properties of each.
    messages: Vec<(i32, Bytes, BTreeMap<String, String>)>,
}

impl Content {
    fn of(name: &str, command: &RemotingCommand) -> Self {
        let is_send = matches!(command.code, 310 | 320 | 325);
        let mut fields: BTreeMap<_, _> = command.ext.iter().cloned().collect();
        assert_eq!(fields.len(), command.ext.len(), "a field stands twice");
        fields.retain(|field, _| !VARIES.contains(&&**field));
        if is_send && name != "send_to_queue" {
            fields.remove("e");
        }
        let pairs = |text: &str| -> BTreeMap<String, String> {
            let hidden = |name, value| if IDS.contains(&name) { "*" } else { value };
            properties::parse(text)
                .map(|(name, value)| (name.to_owned(), hidden(name, value).to_owned()))
                .collect()
        };
        let mut messages = Vec::new();
        if command.code == 320 {
            for record in batch::records(&command.body) {
                let record = record.unwrap();
                let text = str::from_utf8(record.properties).unwrap();
                messages.push((record.flag, record.body.to_vec().into(), pairs(text)));
            }
        }
        let sys_flag = fields.get("f").map_or(0, |flag| flag.parse().unwrap());
        if let Some(text) = fields.remove("i") {
            let body = match command.code {
                320 => Bytes::new(),
                _ => unpack(&command.body, sys_flag, 1 << 20).unwrap(),
            };
            messages.push((sys_flag, body, pairs(&text)));
        } else {
            messages.push((0, command.body.clone(), BTreeMap::new()));
        }
        Self {
            code: command.code,
            flag: command.flag,
            fields,
            messages,
        }
    }
}

impl Content {
    /// What the other one has not.
    fn leave_out(&mut self, field: &str, other: &Self) {
        if !other.fields.contains_key(field) {
            self.fields.remove(field);
        }
        for (message, other) in self.messages.iter_mut().zip(&other.messages) {
            if !other.2.contains_key(field) {
                message.2.remove(field);
            }
        }
    }
}

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime.unwrap().block_on(test);
}

fn plain() -> Message {
    Message::new("body")
}

fn labelled() -> Message {
    let message = Message::new("labelled").with_tags("TagA").unwrap();
    let message = message.with_keys(&["key-1", "key-2"]).unwrap();
    message
        .with_property("note", "größe 世界")
        .unwrap()
        .with_flag(9)
}

/// Nothing is lost in reading: a command made of a recorded frame is written as it was.
#[test]
fn what_was_recorded_is_written_again_byte_for_byte() {
    for (version, ndjson) in VERSIONS {
        let java = recorded::read(ndjson);
        assert!(java.len() > 60, "{version}");
        let mut odd = 0;
        for (name, bytes) in &java {
            let frame = split(bytes, FrameLimits::default()).unwrap().unwrap();
            assert_eq!(frame.wire_bytes, bytes.len());
            let mut again = Vec::new();
            command(bytes).encode(SerializeType::Json, &mut again);
            let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
            // We write \u000a for Java's short escape of newline, and no extFields where there are none.
            let differs = [("\\n", "\\u000a"), ("\"extFields\":{},", "")];
            let (again, java) = (text(&again[8..]), text(&bytes[8..]));
            let wanted = differs.iter().fold(java.clone(), |text, (theirs, ours)| {
                text.replacen(theirs, ours, 1)
            });
            assert_eq!(again, wanted, "{version} {name}");
            odd += usize::from(wanted != java);
        }
        assert!(odd <= 4, "{version}: {odd} frames differ");
    }
}

/// R61–R63, R65, R162–R165, R169, R171, R200, R201.
#[test]
fn sends_say_what_java_s_say() {
    each(|stage| {
        run(async {
            let producer = stage.producer("recorded", None);
            stage.send("send_sync", &producer, plain()).await;
            stage.send("send_async", &producer, plain()).await;
            stage.expect(&["send_oneway"]);
            producer.send_oneway(TOPIC, plain()).await.unwrap();
            stage.compare("send_oneway");
            stage.expect(&["send_to_queue"]);
            let id = stage.field("send_to_queue", "e");
            let queue = MessageQueue {
                topic: TOPIC.into(),
                broker: "broker-0".into(),
                queue_id: id.parse().unwrap(),
            };
            producer.send_to(&queue, plain()).await.unwrap();
            stage.compare("send_to_queue");
            let not_waiting = labelled().with_wait(false);
            stage.send("send_labelled", &producer, not_waiting).await;
            let delayed = |delivery| plain().with_delivery(delivery).unwrap();
            let message = delayed(Delivery::Level(2));
            stage.send("send_delay_level", &producer, message).await;
            if stage.is_5() {
                let at = stage.property("send_timer_at", "TIMER_DELIVER_MS");
                let timers = [
                    ("send_timer_ms", Delivery::AfterMs(4000)),
                    ("send_timer_s", Delivery::AfterSeconds(4)),
                    ("send_timer_at", Delivery::AtMs(at.parse().unwrap())),
                ];
                for (name, delivery) in timers {
                    stage.send(name, &producer, delayed(delivery)).await;
                }
            }
            stage.expect(&["send_batch"]);
            let second = Message::new("second").with_tags("TagB").unwrap();
            let sent = producer.send_batch(TOPIC, &[labelled(), second]).await;
            let receipt = sent.unwrap();
            stage.compare("send_batch");
            let ids = stage.field("send_batch/response", "msgId");
            assert_eq!(receipt.receipt.read().offset_message_id, ids);
            producer.shutdown().await;
        });
    });
}

/// R159, R160: the bits, and bodies that unpack to the same.
#[test]
fn compressed_sends_say_what_java_s_say() {
    each(|stage| {
        run(async {
            for kind in CompressionKind::ALL {
                let producer = stage.producer(
                    "recorded",
                    Some(Compression {
                        kind,
                        over_bytes: 100,
                        ..Compression::default()
                    }),
                );
                let message = Message::new("compressible ".repeat(20));
                let name = format!("send_{}", kind.name());
                stage.send(&name, &producer, message).await;
                producer.shutdown().await;
            }
        });
    });
}

/// Answers each check with a commit.
struct Commits;

impl TransactionChecker for Commits {
    fn check(&self, _: &CheckedMessage) -> LocalOutcome {
        Ok(Resolution::Commit)
    }
}

/// R69, R71, R73, R75: half messages, their ends, and the answer to a check of a real broker.
#[test]
fn transactions_say_what_java_s_say() {
    each(|stage| {
        run(async {
            let config = SendConfig {
                group: "recorded-tx".into(),
                ..SendConfig::default()
            };
            let producer =
                TransactionProducer::new(stage.client(), config, Arc::new(Commits)).unwrap();
            producer.start().unwrap();
            let ends = [
                ("half", "end_commit", Resolution::Commit),
                ("half_to_roll_back", "end_rollback", Resolution::Rollback),
                ("half_unknown", "end_unknown", Resolution::Unknown),
            ];
            for (half, end, resolution) in ends {
                stage.expect(&[half, end]);
                let local = |_| async move { Ok(resolution) };
                producer.send(TOPIC, plain(), local).await.unwrap();
                stage.compare(half);
                stage.compare(end);
            }
            stage.expect(&[]);
            stage.replay.say(&stage.java["check"]);
            stage.compare("end_commit_after_check");
            let id = |command: &RemotingCommand| command.field("msgId").unwrap().to_owned();
            let told = stage.replay.asked(RequestCode::END_TRANSACTION.0);
            assert_eq!(id(&told), id(&stage.java("check")));
            producer.shutdown().await;
        });
    });
}

/// R77, R78, R82, R83: a request, the reply of Java's consumer to it, and one of ours to Java's request.
#[test]
fn requests_and_replies_say_what_java_s_say() {
    each(|stage| {
        run(async {
            let producer = stage.producer("recorded", None);
            stage.expect(&["request"]);
            let ask = Message::new("question").with_tags("ask").unwrap();
            let asking = producer.clone();
            let ttl = Duration::from_secs(20);
            let answer = tokio::spawn(async move { asking.request(TOPIC, ask, ttl).await });
            stage.compare("request");
            let asked = stage.replay.asked(RequestCode::SEND_MESSAGE_V2.0);
            let property = |text: &str, name: &str| {
                let found = properties::parse(text).find(|(known, _)| *known == name);
                found.unwrap().1.to_owned()
            };
            // Java's reply to its own request, under the id of ours.
            let mut pushed = stage.java("push_reply");
            let theirs = stage.property("request", "CORRELATION_ID");
            let ours = property(asked.field("i").unwrap(), "CORRELATION_ID");
            for (_, value) in &mut pushed.ext {
                *value = value.replace(&theirs, &ours);
            }
            let mut bytes = Vec::new();
            pushed.encode(SerializeType::Json, &mut bytes);
            stage.replay.say(&bytes);
            let answer = answer.await.unwrap().unwrap();
            assert_eq!(answer.body, "answer");
            assert_eq!(answer.topic, "rmq-bench_REPLY_TOPIC");
            assert_eq!(answer.property("MSG_TYPE"), Some("reply"));

            let text = stage.field("request", "i");
            let request: Vec<_> = properties::parse(&text).collect();
            let of_request = |name: &str| match name {
                "CLUSTER" => Some("rmq-bench"),
                _ => request
                    .iter()
                    .find(|pair| pair.0 == name)
                    .map(|pair| pair.1),
            };
            let reply = Message::answering("answer", of_request).unwrap();
            stage.expect(&["reply"]);
            let sent = producer.send("rmq-bench_REPLY_TOPIC", reply).await;
            sent.unwrap();
            stage.compare("reply");
            producer.shutdown().await;
        });
    });
}

/// R179, R180: what brokers tell consumers of the same client hurts no producer.
#[test]
fn what_brokers_tell_consumers_leaves_a_producer_as_it_was() {
    each(|stage| {
        run(async {
            let producer = stage.producer("recorded", None);
            stage.send("send_sync", &producer, plain()).await;
            for name in ["consumer_ids_changed", "reset_offset", "running_info"] {
                if let Some(frame) = stage.java.get(name) {
                    stage.replay.say(frame);
                }
            }
            let refused = stage.replay.told(stage.java("running_info").opaque);
            assert_eq!(refused.code, 1, "as Java does without the group");
            stage.send("send_async", &producer, plain()).await;
            producer.shutdown().await;
        });
    });
}

/// R84–R95, R174: what is asked, and the real answers to it.
#[test]
fn administration_says_what_java_s_says() {
    each(|stage| {
        run(async {
            let producer = stage.producer("recorded", None);
            let admin = Admin::new(Arc::clone(producer.instance()));
            stage.expect(&["create_topic"]);
            let created = admin.create_topic(NewTopic::new(TOPIC, 2)).await.unwrap();
            assert!(created.iter().all(|on| on.outcome.is_ok()));
            stage.compare("create_topic");
            stage.expect(&["route"]);
            let queues = admin.queues(TOPIC).await.unwrap();
            assert_eq!(queues.len(), 2);
            stage.compare("route");
            let asked = stage.field("min_offset", "queueId");
            let queue = MessageQueue {
                queue_id: asked.parse().unwrap(),
                ..queues[0].clone()
            };
            let answer =
                |name: &str, field: &str| -> i64 { stage.field(name, field).parse().unwrap() };
            stage.expect(&["min_offset"]);
            let offset = admin.min_offset(&queue).await.unwrap();
            assert_eq!(offset, answer("min_offset/response", "offset"));
            stage.compare("min_offset");
            stage.expect(&["max_offset"]);
            let offset = admin.max_offset(&queue).await.unwrap();
            assert_eq!(offset, answer("max_offset/response", "offset"));
            stage.compare("max_offset");
            stage.expect(&["search_offset"]);
            let at = answer("search_offset", "timestamp");
            let offset = admin.search_offset(&queue, at).await.unwrap();
            assert_eq!(offset, answer("search_offset/response", "offset"));
            stage.compare("search_offset");
            stage.expect(&["earliest_time"]);
            let time = admin.earliest_store_time(&queue).await.unwrap();
            assert_eq!(time, Some(answer("earliest_time/response", "timestamp")));
            stage.compare("earliest_time");
            messages_are_found(stage, &admin).await;
            producer.shutdown().await;
        });
    });
}

async fn messages_are_found(stage: &Stage, admin: &Admin) {
    let number = |name: &str, field: &str| stage.field(name, field).parse::<i64>().unwrap();
    stage.expect(&["view_message"]);
    let place = u64::try_from(number("view_message", "offset")).unwrap();
    let id = offset_message_id(stage.replay.address.parse().unwrap(), place);
    let id = str::from_utf8(&id).unwrap();
    let found = admin.view_by_offset_id(TOPIC, id).await.unwrap();
    stage.compare("view_message");
    assert_eq!(found.body.as_deref().unwrap(), b"labelled");
    assert_eq!(found.property("note"), Some("größe 世界"));
    stage.expect(&["query_message"]);
    let query = KeyQuery {
        from_ms: number("query_message", "beginTimestamp"),
        to_ms: number("query_message", "endTimestamp"),
        ..KeyQuery::new(TOPIC, "key-1")
    };
    let found = admin.query(query).await.unwrap();
    stage.compare("query_message");
    assert!(found.messages.iter().all(|found| found.has_key("key-1")));
    assert!(!found.messages.is_empty());
}

/// R174: groups are told, and taken back.
#[test]
fn heartbeats_and_farewells_say_what_java_s_say() {
    each(|stage| {
        run(async {
            let producer = stage.producer("recorded", None);
            stage.send("send_sync", &producer, plain()).await;
            let ours = stage.replay.asked(RequestCode::HEART_BEAT.0);
            let java = stage.java("heartbeat");
            assert_eq!((ours.flag, &ours.ext), (java.flag, &java.ext));
            let body = |command: &RemotingCommand| -> serde_json::Value {
                serde_json::from_slice(&command.body).unwrap()
            };
            let (ours, java) = (body(&ours), body(&java));
            assert_eq!(ours["consumerDataSet"], java["consumerDataSet"]);
            // Java's instance has a producer of its own besides.
            let groups = java["producerDataSet"].as_array().unwrap();
            assert_eq!(groups.len(), 2);
            assert!(groups.contains(&ours["producerDataSet"][0]), "{ours}");
            for (member, value) in ours.as_object().unwrap() {
                if !["clientID", "producerDataSet"].contains(&&**member) && stage.is_5() {
                    assert_eq!(java[member], *value, "{member}");
                }
            }
            stage.expect(&["unregister"]);
            producer.shutdown().await;
            let ours = stage.replay.asked(RequestCode::UNREGISTER_CLIENT.0);
            let java = stage.java("unregister");
            let names = |command: &RemotingCommand| {
                let names = command.ext.iter().map(|(name, _)| name.clone());
                names.collect::<std::collections::BTreeSet<_>>()
            };
            assert_eq!((ours.flag, names(&ours)), (java.flag, names(&java)));
            assert_eq!(ours.field("producerGroup"), Some("recorded"));
        });
    });
}

/// R184: the signature Java's client made on the wire is the one we make.
#[test]
fn java_s_signature_is_ours() {
    let account = Credentials::new("rocketmq2", "12345678", None).unwrap();
    each(|stage| {
        let signed = stage.java("send_signed");
        assert!(account.has_signed(&signed), "{signed:?}");
        run(async {
            let config = SendConfig {
                group: "signed".into(),
                ..SendConfig::default()
            };
            let client = ClientConfig {
                credentials: Some(account.clone()),
                ..stage.client()
            };
            let producer = Producer::new(client, config).unwrap();
            producer.start().unwrap();
            stage.send("send_signed", &producer, plain()).await;
            let ours = stage.replay.asked(RequestCode::SEND_MESSAGE_V2.0);
            assert!(account.has_signed(&ours), "{ours:?}");
            producer.shutdown().await;
        });
    });
}

/// R73: what a real broker asks is read in full.
#[test]
fn a_recorded_check_is_read() {
    each(|stage| {
        let bytes = &stage.java["check"];
        let frame = split(bytes, FrameLimits::default()).unwrap().unwrap();
        let view = HeaderView::parse(frame.serialize_type, frame.header).unwrap();
        let check = CheckTransaction::parse(&view).unwrap();
        let id = stage.field("check", "msgId");
        assert_eq!(check.message_id.as_deref(), Some(&*id));
        assert_eq!(check.topic.is_some(), stage.is_5());
    });
}
