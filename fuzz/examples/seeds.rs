//! Writes the seeds of the fuzz targets into `fuzz/corpus`, made by the real encoders:
//! `cargo run --manifest-path fuzz/Cargo.toml --example seeds`

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::Path;
use std::{fs, io};

use rmq_bench::client::{Compression, CompressionKind, Message};
use rmq_bench::protocol::admin::{QueueFigure, QueueQuery};
use rmq_bench::protocol::batch::BatchRecord;
use rmq_bench::protocol::heartbeat::{HeartbeatData, unregister};
use rmq_bench::protocol::message_id::{UniquePrefix, UniqueSuffix, offset_message_id};
use rmq_bench::protocol::pull::PullRequest;
use rmq_bench::protocol::route::{BrokerData, QueueData, TopicRoute};
use rmq_bench::protocol::send::{
    SendFields, SendHeader, SendKind, SendReplyFields, SendTemplate, SendVersion, born_digits,
    encode_reply,
};
use rmq_bench::protocol::stored::StoredMessage;
use rmq_bench::protocol::transaction::{EndTransaction, Resolution};
use rmq_bench::protocol::{
    Language, RemotingCommand, RequestCode, ResponseCode, SerializeType, properties,
};

const FORMS: [(&str, SerializeType); 2] = [
    ("binary", SerializeType::Binary),
    ("json", SerializeType::Json),
];

fn main() -> io::Result<()> {
    for (form_name, form) in FORMS {
        for (version_name, version) in [("v1", SendVersion::V1), ("v2", SendVersion::V2)] {
            let name = format!("send-{version_name}-{form_name}");
            frame_seed(&name, &message(form, version))?;
            seed("send_request", &name, &message(form, version))?;
        }
        frame_seed(&format!("reply-{form_name}"), &reply(form))?;
        let mut query = RemotingCommand::request(RequestCode::GET_ROUTEINFO_BY_TOPIC)
            .with_field("topic", "BenchmarkTest")
            .with_remark("a \"remark\"\n");
        query.opaque = 1;
        frame_seed(&format!("query-{form_name}"), &encode(&query, form))?;
        let leave = unregister("10.0.0.9@1#2", "group");
        frame_seed(&format!("leave-{form_name}"), &encode(&leave, form))?;
    }
    let two = [reply(SerializeType::Json), reply(SerializeType::Binary)].concat();
    seed("frame", "two-replies", &two)?;

    seed("route", "standard", route().to_json().as_bytes())?;
    seed("route", "legacy", route().to_legacy_json().as_bytes())?;
    let order = TopicRoute {
        order_topic_conf: Some("broker-a:8;broker-b:8".into()),
        ..route()
    };
    seed("route", "order", order.to_json().as_bytes())?;
    let beat = HeartbeatData {
        client_id: "10.0.0.9@1#2".into(),
        producer_groups: vec!["group".into(), "other".into()],
    };
    seed("route", "heartbeat", &beat.to_json())?;

    records()?;
    for (name, command) in requests() {
        for (form_name, form) in FORMS {
            seed(
                "requests",
                &format!("{name}-{form_name}"),
                &encode(&command, form),
            )?;
        }
    }
    let text = Message::new("twelve bytes".repeat(500));
    for kind in CompressionKind::ALL {
        let settings = Compression {
            kind,
            ..Compression::default()
        };
        seed(
            "unpack",
            kind.name(),
            text.clone().compressed(&settings).body(),
        )?;
    }

    seed("properties", "usual", &some_properties())?;
    seed(
        "properties",
        "odd",
        b"A\x01\x02\x01x\x02C\x012\x013\x02broken\x02D\x014",
    )?;
    let address = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 1), 10911);
    seed("properties", "offset-id", &offset_message_id(address, 1000))
}

/// One seed for the frame target, and its header alone for the header target.
fn frame_seed(name: &str, frame: &[u8]) -> io::Result<()> {
    seed("frame", name, frame)?;
    let header_bytes = usize::from(frame[6]) << 8 | usize::from(frame[7]);
    let mut header = vec![frame[4]];
    header.extend_from_slice(&frame[8..8 + header_bytes]);
    seed("header", name, &header)
}

fn seed(target: &str, name: &str, bytes: &[u8]) -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join(format!("seed-{name}")), bytes)
}

fn encode(command: &RemotingCommand, form: SerializeType) -> Vec<u8> {
    let mut bytes = Vec::new();
    command.encode(form, &mut bytes);
    bytes
}

fn some_properties() -> Vec<u8> {
    let mut out = Vec::new();
    properties::write(&mut out, properties::KEYS, b"order-1 order-2");
    properties::write(&mut out, properties::TAGS, b"paid");
    properties::write(&mut out, properties::WAIT, b"true");
    out
}

/// A batch of two, and a message as a broker keeps it.
fn records() -> io::Result<()> {
    let properties = some_properties();
    let mut batch = Vec::new();
    for body in [&b"one"[..], b"two"] {
        let record = BatchRecord {
            flag: 1,
            body,
            properties: &properties,
        };
        record.write(&mut batch).map_err(io::Error::other)?;
    }
    seed("records", "batch", &batch)?;
    let host = SocketAddr::from((Ipv4Addr::new(10, 0, 0, 1), 10911));
    let stored = StoredMessage {
        body_crc: 7,
        queue_id: 3,
        flag: 0,
        queue_offset: 1000,
        commit_log_offset: 100_000,
        sys_flag: 0,
        born_ms: 1_700_000_000_000,
        born_host: host,
        stored_ms: 1_700_000_000_001,
        store_host: host,
        reconsume_times: 0,
        prepared_offset: 0,
        body: b"body",
        topic: "BenchmarkTest",
        properties: str::from_utf8(&properties).map_err(io::Error::other)?,
    };
    let mut bytes = Vec::new();
    stored.write(&mut bytes).map_err(io::Error::other)?;
    seed("records", "stored", &bytes)
}

/// One of each kind of request that is not on the hot path.
fn requests() -> Vec<(&'static str, RemotingCommand)> {
    let queue = |figure| {
        QueueQuery {
            topic: "BenchmarkTest".into(),
            broker: "broker-a".into(),
            queue_id: 3,
            figure,
        }
        .to_command()
    };
    let end = EndTransaction {
        topic: "BenchmarkTest".into(),
        group: "group".into(),
        queue_offset: 7,
        commit_log_offset: 1000,
        resolution: Resolution::Commit,
        from_check: true,
        message_id: "7F00000104D218B4AAC205265C000007".into(),
        transaction_id: "7F00000104D218B4AAC205265C000007".into(),
        broker: "broker-a".into(),
    };
    let pull = PullRequest {
        group: "group".into(),
        topic: "BenchmarkTest".into(),
        queue_id: 3,
        offset: 7,
        most_messages: 32,
        wait_ms: 1000,
        broker: "broker-a".into(),
    };
    vec![
        ("max", queue(QueueFigure::MaxOffset)),
        ("search", queue(QueueFigure::OffsetAt(1_700_000_000_000))),
        (
            "consumer",
            queue(QueueFigure::ConsumerOffset("group".into())),
        ),
        ("end", end.to_command()),
        ("pull", pull.to_command()),
    ]
}

fn message(form: SerializeType, version: SendVersion) -> Vec<u8> {
    let header = SendHeader {
        version,
        group: "group".into(),
        topic: "BenchmarkTest".into(),
        default_topic: "TBW102".into(),
        default_queues: 4,
        unit_mode: false,
        broker_name: "broker-a".into(),
        language: Language::RUST,
    };
    let fields = SendFields {
        opaque: 7,
        queue_id: 3,
        oneway: version == SendVersion::V1,
        unique_id: Some(&UniquePrefix::new(Ipv4Addr::LOCALHOST, 1, 2).with(UniqueSuffix(3))),
        properties: &some_properties(),
        born: &born_digits(1_700_000_000_000),
        body_bytes: 4,
        signature: None,
    };
    let mut bytes = Vec::new();
    SendTemplate::new(form, &header, SendKind::default()).encode(&mut bytes, &fields);
    bytes.extend_from_slice(b"body");
    bytes
}

fn reply(form: SerializeType) -> Vec<u8> {
    let fields = SendReplyFields {
        opaque: 7,
        code: ResponseCode::SUCCESS,
        offset_message_id: "0A00000100002A9F00000000000003E8",
        queue_id: 3,
        queue_offset: 1000,
        transaction_id: "0A00000904D218B4AAC205265C000007",
    };
    let mut bytes = Vec::new();
    encode_reply(form, &mut bytes, 479, &fields);
    bytes
}

fn route() -> TopicRoute {
    let names = ["broker-a", "broker-b"];
    TopicRoute {
        order_topic_conf: None,
        queues: names
            .map(|name| QueueData {
                broker_name: name.into(),
                read_queues: 8,
                write_queues: 8,
                perm: 6,
                topic_sys_flag: 0,
            })
            .into(),
        brokers: names
            .map(|name| BrokerData {
                cluster: "DefaultCluster".into(),
                broker_name: name.into(),
                addresses: [(0, "10.0.0.1:10911".into()), (1, "10.0.0.2:10911".into())].into(),
            })
            .into(),
    }
}
