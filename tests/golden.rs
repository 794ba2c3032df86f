//! `src/protocol` against RocketMQ's own Java library: the frames in `tests/golden` are Java's
//! (`scripts/golden`), the values here are those its program was given.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may panic on what must not be"
)]

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};

use rmq_bench::protocol::code::CLIENT_VERSION;
use rmq_bench::protocol::frame::split;
use rmq_bench::protocol::header::ExtFields;
use rmq_bench::protocol::heartbeat::{HeartbeatData, unregister};
use rmq_bench::protocol::message_id::{decode_offset_message_id, offset_message_id};
use rmq_bench::protocol::route::{BrokerData, QueueData, TopicRoute};
use rmq_bench::protocol::send::{
    SendFields, SendHeader, SendKind, SendReply, SendReplyFields, SendRequestView, SendTemplate,
    SendVersion, born_digits, encode_reply,
};
use rmq_bench::protocol::signature::Credentials;
use rmq_bench::protocol::stored::StoredMessage;
use rmq_bench::protocol::trace::{self, EndRecord, MessageKind, SendRecord};
use rmq_bench::protocol::transaction::{CheckTransaction, EndTransaction, Resolution};
use rmq_bench::protocol::{
    Frame, FrameLimits, HeaderView, Language, RemotingCommand, RequestCode, ResponseCode,
    SerializeType, UniqueId, properties,
};

/// RocketMQ version, its `MQVersion` ordinal, its vectors.
const VERSIONS: [(&str, i32, &str); 2] = [
    ("5.5.0", 513, include_str!("golden/5.5.0.ndjson")),
    ("4.9.7", 407, include_str!("golden/4.9.7.ndjson")),
];

/// Java has two encoders of the binary form; both are on the wire.
const FORMS: [(&str, SerializeType); 3] = [
    ("json", SerializeType::Json),
    ("rocketmq", SerializeType::Binary),
    ("netty", SerializeType::Binary),
];

/// Name, code, flag, opaque.
const FRAMES: [(&str, i32, i32, i32); 13] = [
    ("send_v2", 310, 0, 77),
    ("send_oneway", 10, 2, i32::MAX),
    ("send_ok", 0, 1, 77),
    ("send_flush_disk_timeout", 10, 1, 77),
    ("topic_not_exist", 17, 1, 78),
    ("route_request", 105, 0, 79),
    ("route_reply", 0, 1, 79),
    ("route_reply_legacy", 0, 1, 79),
    ("heartbeat", 34, 0, 80),
    ("unregister", 35, 0, 81),
    ("end_transaction", 37, 2, 82),
    ("check_transaction", 39, 2, 83),
    ("signed", 35, 0, 84),
];

/// What is no frame.
const TEXTS: [&str; 8] = [
    "properties",
    "offset_message_id",
    "trace_sent",
    "trace_keys",
    "trace_sent_bare",
    "trace_end_commit_message",
    "trace_end_rollback_message",
    "trace_end_unknow",
];

/// Version, frame, fields that came with later versions.
const ABSENT: [(&str, &str, &str); 2] = [
    ("4.9.7", "end_transaction", "topic"),
    ("4.9.7", "check_transaction", "topic"),
];

/// Version, frame, text in a field or body of ours, what stands there in Java's. Nothing else may
/// differ but language, version and the order of header fields.
#[rustfmt::skip]
const DIFFERENCES: [(&str, &str, &str, &str); 9] = [
    // No separator after the last property: both are read, and 5.x writes it.
    ("4.9.7", "send_v2", "😀\u{2}", "😀"),
    ("4.9.7", "send_oneway", "😀\u{2}", "😀"),
    // Members that came with 5.x; a reader that does not know them skips them.
    ("4.9.7", "route_reply", ",\"enableActingMaster\":false", ""),
    ("4.9.7", "route_reply_legacy", ",\"enableActingMaster\":false", ""),
    ("4.9.7", "heartbeat", ",\"heartbeatFingerprint\":0", ""),
    ("4.9.7", "heartbeat", ",\"withoutSub\":false", ""),
    // The same text to every JSON reader: only 4.x name servers escape, in the standard form.
    ("5.5.0", "route_reply", "Cl\\u00FCster", "Clüster"),
    ("5.5.0", "route_reply_legacy", "Cl\\u00FCster", "Clüster"),
    ("4.9.7", "route_reply_legacy", "Cl\\u00FCster", "Clüster"),
];

const GROUP: &str = "group-ä";
const TOPIC: &str = "GoldenTopic";
const CLIENT_ID: &str = "10.0.0.9@1234#5";
const UNIQUE_ID: UniqueId = UniqueId(*b"0A00000904D218B4AAC205265C000007");
const OFFSET_ID: &str = "0A00000100002A9F0000001CBE991A14";
const BROKER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 1), 10911);
const COMMIT_LOG_OFFSET: u64 = 123_456_789_012;
const REMARK: &str = "No topic \"Gölden\\Topic\",\n\tsee 世界 😀";
const BODY: &[u8] = b"\x00\x01\x02{\"\n\x7f\x80\xff";
/// All but UNIQ_KEY, which stands before them.
const PROPERTIES: [(&str, &str); 3] = [
    ("TAGS", "tag-a"),
    ("KEYS", "key-1 key-2"),
    ("note", "\"größe\" 世界 😀"),
];

fn route() -> TopicRoute {
    let broker = |name: &str, addresses: &[(i64, &str)]| BrokerData {
        cluster: "Clüster".into(),
        broker_name: name.into(),
        addresses: addresses
            .iter()
            .map(|(id, address)| (*id, (*address).to_owned()))
            .collect(),
    };
    let queues = |name: &str, count, perm| QueueData {
        broker_name: name.into(),
        read_queues: count,
        write_queues: count,
        perm,
        topic_sys_flag: 0,
    };
    TopicRoute {
        order_topic_conf: Some("broker-a:8;broker-b:4".into()),
        queues: vec![queues("broker-a", 8, 6), queues("broker-b", 4, 4)],
        brokers: vec![
            broker("broker-a", &[(0, "10.0.0.1:10911"), (1, "10.0.0.2:10911")]),
            broker("broker-b", &[(0, "10.0.0.3:10911")]),
        ],
    }
}

fn heartbeat() -> HeartbeatData {
    HeartbeatData {
        client_id: CLIENT_ID.into(),
        producer_groups: vec![GROUP.into()],
    }
}

fn end_transaction() -> EndTransaction<'static> {
    EndTransaction {
        topic: TOPIC.into(),
        group: GROUP.into(),
        queue_offset: 5_000_000_000,
        commit_log_offset: 123_456_789_012,
        resolution: Resolution::Commit,
        from_check: true,
        message_id: UNIQUE_ID.to_string().into(),
        transaction_id: UNIQUE_ID.to_string().into(),
        broker: "broker-a".into(),
    }
}

fn check_transaction() -> CheckTransaction<'static> {
    CheckTransaction {
        queue_offset: 5_000_000_000,
        commit_log_offset: 123_456_789_012,
        message_id: Some(UNIQUE_ID.to_string().into()),
        transaction_id: Some(UNIQUE_ID.to_string().into()),
        offset_message_id: Some(OFFSET_ID.into()),
        topic: Some(TOPIC.into()),
        broker: Some("broker-a".into()),
    }
}

/// The message in a check.
fn stored(properties: &str) -> StoredMessage<'_> {
    StoredMessage {
        body_crc: crc32fast::hash(b"hi") & 0x7fff_ffff,
        queue_id: 3,
        flag: 9,
        queue_offset: 5_000_000_000,
        commit_log_offset: 123_456_789_012,
        sys_flag: 0,
        born_ms: 1_700_000_000_123,
        born_host: "10.0.0.9:40000".parse().unwrap(),
        stored_ms: 1_700_000_000_124,
        store_host: "10.0.0.1:10911".parse().unwrap(),
        reconsume_times: 2,
        prepared_offset: 7,
        body: b"hi",
        topic: TOPIC,
        properties,
    }
}

/// The frame that we make of the values Java was given.
fn ours(java: &Java<'_>) -> Vec<u8> {
    let ((name, .., opaque), form) = (java.known, java.form);
    let mut command = match name {
        "send_v2" => return our_send(form, SendVersion::V2, opaque, false),
        "send_oneway" => return our_send(form, SendVersion::V1, opaque, true),
        "send_ok" => return our_reply(form, ResponseCode::SUCCESS, opaque),
        "send_flush_disk_timeout" => {
            return our_reply(form, ResponseCode::FLUSH_DISK_TIMEOUT, opaque);
        }
        "topic_not_exist" => {
            RemotingCommand::response(ResponseCode::TOPIC_NOT_EXIST, opaque).with_remark(REMARK)
        }
        "route_request" => RemotingCommand::request(RequestCode::GET_ROUTEINFO_BY_TOPIC)
            .with_field("topic", TOPIC)
            .with_field("acceptStandardJsonOnly", "true"),
        "route_reply" => {
            RemotingCommand::response(ResponseCode::SUCCESS, opaque).with_body(route().to_json())
        }
        "route_reply_legacy" => RemotingCommand::response(ResponseCode::SUCCESS, opaque)
            .with_body(route().to_legacy_json()),
        "heartbeat" => heartbeat().to_command(),
        "unregister" => unregister(CLIENT_ID, GROUP),
        "end_transaction" => end_transaction().to_command(),
        "check_transaction" => {
            let mut body = Vec::new();
            stored(java.properties).write(&mut body).unwrap();
            check_transaction().to_command(body)
        }
        "signed" => {
            let mut command = unregister(CLIENT_ID, GROUP).with_body(BODY);
            let account = Credentials::new("rocketmq2", "12345678", None).unwrap();
            account.sign(&mut command);
            command
        }
        _ => panic!("no frame {name}"),
    };
    command.opaque = opaque;
    let mut out = Vec::new();
    command.encode(form, &mut out);
    out
}

fn our_send(form: SerializeType, version: SendVersion, opaque: i32, oneway: bool) -> Vec<u8> {
    let header = SendHeader {
        version,
        group: GROUP.into(),
        topic: TOPIC.into(),
        default_topic: "TBW102".into(),
        default_queues: 4,
        unit_mode: false,
        broker_name: "broker-a".into(),
        language: Language::RUST,
    };
    let mut more = Vec::new();
    for (key, value) in PROPERTIES {
        properties::write(&mut more, key, value.as_bytes());
    }
    let fields = SendFields {
        opaque,
        queue_id: 3,
        oneway,
        unique_id: Some(&UNIQUE_ID),
        properties: &more,
        born: &born_digits(1_700_000_000_123),
        body_bytes: BODY.len(),
        signature: None,
    };
    let mut out = Vec::new();
    let kind = SendKind {
        flag: 9,
        ..SendKind::default()
    };
    SendTemplate::new(form, &header, kind).encode(&mut out, &fields);
    out.extend_from_slice(BODY);
    out
}

fn our_reply(form: SerializeType, code: ResponseCode, opaque: i32) -> Vec<u8> {
    let fields = SendReplyFields {
        opaque,
        code,
        offset_message_id: OFFSET_ID,
        queue_id: 3,
        queue_offset: 5_000_000_000,
        transaction_id: UNIQUE_ID.as_str(),
    };
    let mut out = Vec::new();
    encode_reply(form, &mut out, CLIENT_VERSION, &fields);
    out
}

/// The vectors of one version, by name.
fn vectors(ndjson: &str) -> BTreeMap<String, Vec<u8>> {
    ndjson
        .lines()
        .map(|line| {
            let vector: BTreeMap<String, String> = serde_json::from_str(line).unwrap();
            let hex = &vector["hex"];
            let bytes = (0..hex.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap());
            (vector["name"].clone(), bytes.collect())
        })
        .collect()
}

/// One frame of Java's, and what is known of it.
struct Java<'a> {
    version: &'a str,
    ordinal: i32,
    /// Name, code, flag, opaque.
    known: (&'a str, i32, i32, i32),
    form: SerializeType,
    bytes: &'a [u8],
    /// Properties string of the messages.
    properties: &'a str,
}

/// Every frame of every version in every form; none is missing, none is left over.
fn each_frame(mut check: impl FnMut(&Java<'_>)) {
    for (version, ordinal, ndjson) in VERSIONS {
        let vectors = vectors(ndjson);
        let frames = FRAMES.len() * FORMS.len();
        assert_eq!(vectors.len(), frames + TEXTS.len(), "{version}");
        assert!(TEXTS.iter().all(|text| vectors.contains_key(*text)));
        for known in FRAMES {
            for (form_name, form) in FORMS {
                check(&Java {
                    version,
                    ordinal,
                    known,
                    form,
                    bytes: &vectors[&format!("{}/{form_name}", known.0)],
                    properties: str::from_utf8(&vectors["properties"]).unwrap(),
                });
            }
        }
    }
}

fn frame(bytes: &[u8]) -> Frame<'_> {
    let frame = split(bytes, FrameLimits::default()).unwrap().unwrap();
    assert_eq!(frame.wire_bytes, bytes.len());
    frame
}

/// R210.
#[test]
fn java_s_frames_are_read_as_they_were_meant() {
    each_frame(|java| {
        let (name, code, flag, opaque) = java.known;
        let frame = frame(java.bytes);
        assert_eq!(frame.serialize_type, java.form);
        let view = HeaderView::parse(frame.serialize_type, frame.header).unwrap();
        assert_eq!((view.code, view.flag, view.opaque), (code, flag, opaque));
        assert_eq!(view.language, Language::JAVA);
        assert_eq!(view.version, java.ordinal);
        let remark = (name == "topic_not_exist").then_some(REMARK);
        assert_eq!(view.remark.as_deref(), remark);
        let field = |key| view.ext.get(key).unwrap().unwrap_or_default().into_owned();
        match name {
            "send_v2" | "send_oneway" => {
                let expected = SendRequestView {
                    group: GROUP.into(),
                    topic: TOPIC.into(),
                    default_topic: "TBW102".into(),
                    default_queues: 4,
                    queue_id: 3,
                    born_ms: 1_700_000_000_123,
                    kind: SendKind {
                        flag: 9,
                        ..SendKind::default()
                    },
                    unit_mode: false,
                    properties: java.properties.into(),
                    broker_name: "broker-a".into(),
                };
                assert_eq!(SendRequestView::parse(&view).unwrap(), expected);
                assert_eq!(frame.body, BODY);
            }
            "send_ok" | "send_flush_disk_timeout" => {
                let expected = SendReply {
                    offset_message_id: OFFSET_ID.into(),
                    queue_id: 3,
                    queue_offset: 5_000_000_000,
                    transaction_id: Some(UNIQUE_ID.to_string().into()),
                    region_id: Some("DefaultRegion".into()),
                    recall_handle: None,
                };
                assert_eq!(SendReply::parse(&view.ext).unwrap(), expected);
            }
            "topic_not_exist" => assert_eq!(view.ext, ExtFields::None),
            "route_request" => {
                assert_eq!(field("topic"), TOPIC);
                assert_eq!(field("acceptStandardJsonOnly"), "true");
            }
            "heartbeat" => assert_eq!(HeartbeatData::parse(frame.body).unwrap(), heartbeat()),
            "unregister" | "signed" => {
                assert_eq!(field("clientID"), CLIENT_ID);
                assert_eq!(field("producerGroup"), GROUP);
            }
            "end_transaction" => {
                let mut expected = end_transaction();
                if java.version.starts_with("4.") {
                    expected.topic = "".into();
                }
                assert_eq!(EndTransaction::parse(&view).unwrap(), expected);
            }
            "check_transaction" => {
                let mut expected = check_transaction();
                if java.version.starts_with("4.") {
                    expected.topic = None;
                }
                assert_eq!(CheckTransaction::parse(&view).unwrap(), expected);
                let read = StoredMessage::parse(frame.body).unwrap();
                assert_eq!(read, (stored(java.properties), &b""[..]));
            }
            _ => assert_eq!(TopicRoute::parse(frame.body).unwrap(), route()),
        }
    });
}

#[test]
fn java_s_strings_are_read_and_written() {
    for (version, _, ndjson) in VERSIONS {
        let vectors = vectors(ndjson);
        let id = str::from_utf8(&vectors["offset_message_id"]).unwrap();
        assert_eq!(
            decode_offset_message_id(id),
            Ok((BROKER.into(), COMMIT_LOG_OFFSET))
        );
        assert_eq!(offset_message_id(BROKER, COMMIT_LOG_OFFSET), id.as_bytes());
        let text = str::from_utf8(&vectors["properties"]).unwrap();
        let pairs: Vec<_> = properties::parse(text).collect();
        assert_eq!(pairs[0], ("UNIQ_KEY", UNIQUE_ID.as_str()), "{version}");
        assert_eq!(pairs[1..], PROPERTIES, "{version}");
        for (cut, _) in text.char_indices() {
            assert!(properties::parse(&text[..cut]).count() <= pairs.len());
        }
        for cut in 0..id.len() {
            assert!(decode_offset_message_id(&id[..cut]).is_err());
        }
    }
}

/// R188: byte for byte, in both versions.
#[test]
fn traces_are_written_as_java_does() {
    let sent = SendRecord {
        begun_ms: 1_700_000_000_123,
        region: "DefaultRegion",
        group: GROUP,
        topic: TOPIC,
        message_id: UNIQUE_ID.as_str(),
        tags: Some("tag-a"),
        keys: Some("key-1 key-2"),
        store_host: "10.0.0.1:10911",
        body_bytes: 1024,
        cost_ms: 17,
        kind: MessageKind::Normal,
        offset_message_id: OFFSET_ID,
        success: true,
    };
    let bare = SendRecord {
        tags: None,
        keys: None,
        body_bytes: 0,
        cost_ms: 0,
        kind: MessageKind::Delay,
        offset_message_id: "",
        success: false,
        ..sent.clone()
    };
    let end = |resolution| EndRecord {
        at_ms: sent.begun_ms,
        region: sent.region,
        group: GROUP,
        topic: TOPIC,
        message_id: sent.message_id,
        tags: Some("größe"),
        keys: Some("世界 😀"),
        store_host: sent.store_host,
        transaction_id: sent.message_id,
        resolution,
        from_check: resolution == Resolution::Unknown,
    };
    let written = |write: &dyn Fn(&mut String)| {
        let mut text = String::new();
        write(&mut text);
        text
    };
    for (version, _, ndjson) in VERSIONS {
        let vectors = vectors(ndjson);
        let java = |name: &str| str::from_utf8(&vectors[name]).unwrap();
        let pairs = [
            ("trace_sent", written(&|out| sent.write(out))),
            ("trace_sent_bare", written(&|out| bare.write(out))),
        ];
        let ends = [
            ("trace_end_commit_message", Resolution::Commit),
            ("trace_end_rollback_message", Resolution::Rollback),
            ("trace_end_unknow", Resolution::Unknown),
        ];
        let ends = ends.map(|(name, how)| (name, written(&|out| end(how).write(out))));
        for (name, ours) in pairs.iter().chain(&ends) {
            assert_eq!(ours, java(name), "{version} {name}");
        }
        let mut keys: Vec<_> = trace::keys(sent.message_id, sent.keys).collect();
        keys.sort_unstable();
        assert_eq!(keys.join(" "), java("trace_keys"), "{version}");
    }
}

/// Code, flag, opaque, remark, header fields, body.
type Content = (
    i32,
    i32,
    i32,
    Option<String>,
    BTreeMap<String, String>,
    Vec<u8>,
);

fn content(bytes: &[u8]) -> Content {
    let command = RemotingCommand::decode(&frame(bytes)).unwrap();
    let fields = command.ext.iter().cloned().collect::<BTreeMap<_, _>>();
    assert_eq!(fields.len(), command.ext.len(), "a field stands twice");
    let body = command.body.to_vec();
    (
        command.code,
        command.flag,
        command.opaque,
        command.remark,
        fields,
        body,
    )
}

/// R162, R163, R164, R169.
#[test]
fn what_we_write_says_what_java_s_says() {
    each_frame(|java| {
        let name = java.known.0;
        let mut ours = content(&ours(java));
        for (version, frame, field) in ABSENT {
            if (version, frame) == (java.version, name) {
                assert!(ours.4.remove(field).is_some(), "{name}: {field}");
            }
        }
        for (version, frame, of_ours, of_java) in DIFFERENCES {
            if (version, frame) != (java.version, name) {
                continue;
            }
            let before = ours.clone();
            for value in ours.4.values_mut() {
                *value = value.replace(of_ours, of_java);
            }
            if let Ok(text) = str::from_utf8(&ours.5) {
                ours.5 = text.replace(of_ours, of_java).into_bytes();
            }
            assert_ne!(
                ours, before,
                "{name}: {of_ours:?} makes no difference any more"
            );
        }
        assert_eq!(ours, content(java.bytes), "{} {name}", java.version);
    });
}

/// Order of members, escapes, lengths: a command made of Java's frame is written as Java wrote it.
#[test]
fn what_java_wrote_is_written_again_byte_for_byte() {
    each_frame(|java| {
        // Java has short escapes of newline and tab, we write \u000a and \u0009.
        if (java.known.0, java.form) == ("topic_not_exist", SerializeType::Json) {
            return;
        }
        let mut again = Vec::new();
        let command = RemotingCommand::decode(&frame(java.bytes)).unwrap();
        command.encode(java.form, &mut again);
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        assert_eq!(text(&again), text(java.bytes));
        assert_eq!(again, java.bytes);
    });
}

#[test]
fn a_frame_that_is_cut_anywhere_is_incomplete_or_wrong() {
    each_frame(|java| {
        for cut in 0..java.bytes.len() {
            assert_eq!(split(&java.bytes[..cut], FrameLimits::default()), Ok(None));
        }
        let whole = frame(java.bytes);
        for cut in 0..whole.header.len() {
            let header = &whole.header[..cut];
            assert!(HeaderView::parse(java.form, header).is_err(), "{header:?}");
        }
        // Cut between two entries, binary fields are fewer and still legal.
        let view = HeaderView::parse(java.form, whole.header).unwrap();
        let cut_fields: Vec<_> = match view.ext {
            ExtFields::None => Vec::new(),
            ExtFields::Binary(all) => (0..all.len())
                .map(|n| ExtFields::Binary(&all[..n]))
                .collect(),
            ExtFields::Json(all) => (0..all.len()).map(|n| ExtFields::Json(&all[..n])).collect(),
        };
        for ext in cut_fields {
            let cut = HeaderView {
                ext,
                ..view.clone()
            };
            let read = RemotingCommand::from_view(&cut, &[]);
            assert!(read.is_err() || java.form == SerializeType::Binary);
            let _ = SendReply::parse(&cut.ext);
            let _ = SendRequestView::parse(&cut);
        }
        for cut in 0..whole.body.len() {
            assert!(TopicRoute::parse(&whole.body[..cut]).is_err());
            assert!(HeartbeatData::parse(&whole.body[..cut]).is_err());
        }
    });
}
