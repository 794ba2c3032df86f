//! How connections are served: pieces, piles and garbage. And how clusters start and stop.

use super::*;
use crate::broker::StartError;
use crate::protocol::message_id::{UniquePrefix, UniqueSuffix};
use crate::protocol::send::{
    SendFields, SendHeader, SendKind, SendTemplate, SendVersion, born_digits,
};
use crate::protocol::{Language, RequestCode};
use std::net::Ipv4Addr;

const FORMS: [SerializeType; 2] = [SerializeType::Binary, SerializeType::Json];

/// `count` messages with opaques from 0, as the client's template writes them.
fn pipeline(form: SerializeType, count: i32) -> Vec<u8> {
    let template = SendTemplate::new(
        form,
        &SendHeader {
            version: SendVersion::V2,
            group: "group".into(),
            topic: "BenchmarkTest".into(),
            default_topic: "TBW102".into(),
            default_queues: 4,
            unit_mode: false,
            broker_name: "broker-0".into(),
            language: Language::RUST,
        },
        SendKind::default(),
    );
    let ids = UniquePrefix::new(Ipv4Addr::LOCALHOST, 1, 1);
    let body = [b'x'; 100];
    let mut bytes = Vec::new();
    for opaque in 0..count {
        let fields = SendFields {
            opaque,
            queue_id: u32::try_from(opaque % 8).unwrap(),
            oneway: false,
            unique_id: Some(&ids.with(UniqueSuffix(u64::try_from(opaque).unwrap()))),
            properties: b"",
            born: &born_digits(1_700_000_000_000),
            body_bytes: body.len(),
            signature: None,
        };
        template.encode(&mut bytes, &fields);
        bytes.extend_from_slice(&body);
    }
    bytes
}

fn check_replies(client: &mut Client, count: i32) {
    for opaque in 0..count {
        let reply = client.reply();
        assert_eq!((reply.opaque, reply.code), (opaque, 0));
        let number = |key| reply.field(key).unwrap().parse::<i32>().unwrap();
        assert_eq!(
            (number("queueId"), number("queueOffset")),
            (opaque % 8, opaque / 8)
        );
    }
}

#[test]
fn a_pile_of_messages_is_answered_in_order() {
    for form in FORMS {
        let cluster = one_broker();
        let mut client = Client::of(&cluster, 0);
        let bytes = pipeline(form, 10_000);
        let mut writer = client.stream.try_clone().unwrap();
        let writing = std::thread::spawn(move || writer.write_all(&bytes).unwrap());
        check_replies(&mut client, 10_000);
        writing.join().unwrap();
        let counts = cluster.stored().brokers.remove(0);
        assert_eq!((counts.messages, counts.body_bytes), (10_000, 1_000_000));
        assert_eq!(counts.topics["BenchmarkTest"], [1_250; 8]);
        // Batches: not a read and a write for each message.
        assert!(counts.reads < 5_000, "{} reads", counts.reads);
        assert!(counts.writes < 5_000, "{} writes", counts.writes);
    }
}

#[test]
fn a_peer_that_does_not_take_its_replies_is_no_longer_read() {
    let cluster = one_broker();
    let mut client = Client::of(&cluster, 0);
    let bytes = pipeline(SerializeType::Binary, 100_000);
    let mut writer = client.stream.try_clone().unwrap();
    let writing = std::thread::spawn(move || writer.write_all(&bytes).unwrap());
    // More replies than the broker keeps and the system buffers: the writer must get stuck.
    let messages = || cluster.stored().messages();
    let (mut last, mut still) = (0, 0);
    while still < 50 {
        let now = messages();
        still = if now > 0 && now == last { still + 1 } else { 0 };
        last = now;
        // The same thread, so it had its chance to read.
        routed(&cluster, "BenchmarkTest");
    }
    assert!(last < 100_000);
    assert!(!writing.is_finished());
    check_replies(&mut client, 100_000);
    writing.join().unwrap();
    assert_eq!(messages(), 100_000);
}

#[test]
fn frames_may_come_in_any_pieces() {
    for form in FORMS {
        let cluster = one_broker();
        let mut client = Client::of(&cluster, 0);
        let bytes = pipeline(form, 20);
        for piece in bytes.chunks(7) {
            client.write(piece);
        }
        check_replies(&mut client, 20);
    }
}

#[test]
fn frames_larger_than_the_read_buffer_are_taken() {
    let cluster = one_broker();
    let mut client = Client::of(&cluster, 0);
    for size in [255 * 1024, 256 * 1024, 257 * 1024, 4 * 1024 * 1024] {
        assert_eq!(client.ask(message().with_body(vec![7; size])).code, 0);
    }
    assert_eq!(client.send("small").code, 0);
    let size = 4 * 1024 * 1024 + 1;
    assert_eq!(client.ask(message().with_body(vec![7; size])).code, 13);
}

#[test]
fn garbage_closes_its_connection_and_no_other() {
    let cluster = one_broker();
    let mut bystander = Client::of(&cluster, 0);
    let mut good = Vec::new();
    message()
        .with_body("x")
        .encode(SerializeType::Binary, &mut good);
    let mut broken_ext = good.clone();
    // The length of the first ext key.
    broken_ext[8 + 21] = 0x7f;
    let cases: [&[u8]; 7] = [
        b"GET / HTTP/1.1\r\n\r\n",
        &[0xff; 64],
        &[0, 0, 0, 3],
        &(16u32 * 1024 * 1024).to_be_bytes(),
        &[0, 0, 0, 4, 0, 0, 0, 9],
        b"\x00\x00\x00\x06\x00\x00\x00\x02{]",
        &broken_ext,
    ];
    for (index, case) in cases.into_iter().enumerate() {
        for address in [
            cluster.brokers()[0].address.clone(),
            cluster.namesrv_address(),
        ] {
            let mut client = Client::connect(&address);
            client.write(case);
            assert_eq!(client.try_reply(), None, "case {index} at {address}");
        }
        let counts = cluster.stored().brokers.remove(0);
        assert_eq!(counts.illegal_frames, index as u64 + 1);
    }
    assert_eq!(cluster.stored().messages(), 0);
    assert_eq!(bystander.send("x").code, 0);
}

#[test]
fn what_came_before_garbage_is_still_answered() {
    let cluster = one_broker();
    let mut client = Client::of(&cluster, 0);
    let mut bytes = pipeline(SerializeType::Binary, 3);
    bytes.extend_from_slice(&[0xff; 64]);
    client.write(&bytes);
    check_replies(&mut client, 3);
    assert_eq!(client.try_reply(), None);
}

#[test]
fn brokers_may_be_spread_over_threads() {
    let cluster = start(ClusterSpec {
        brokers: 3,
        threads: 2,
        ..ClusterSpec::default()
    });
    let names: Vec<_> = cluster
        .brokers()
        .into_iter()
        .map(|broker| broker.name)
        .collect();
    assert_eq!(names, ["broker-0", "broker-1", "broker-2"]);
    for broker in 0..3 {
        assert_eq!(Client::of(&cluster, broker).send("x").code, 0);
        cluster.drop_connections(broker).unwrap();
    }
    assert_eq!(routed(&cluster, "BenchmarkTest"), names);
    let stored = cluster.stored();
    assert!(stored.brokers.iter().all(|broker| broker.messages == 1));
}

#[test]
fn a_port_in_use_is_named() {
    let cluster = one_broker();
    let taken = cluster.namesrv_address();
    let port: u16 = taken.rsplit(':').next().unwrap().parse().unwrap();
    let error = EmbeddedCluster::start(ClusterSpec {
        namesrv_port: port,
        ..ClusterSpec::default()
    })
    .unwrap_err();
    assert!(matches!(&error, StartError::PortInUse { what, address }
        if what == "name server" && address.port() == port));
    assert!(error.to_string().contains(&port.to_string()));
}

#[test]
fn given_ports_are_taken_one_after_the_other() {
    // Some of them may belong to somebody else.
    let started = (20_000u16..30_000).step_by(7).find_map(|first| {
        let spec = ClusterSpec {
            broker_port: first,
            brokers: 3,
            ..ClusterSpec::default()
        };
        Some((first, EmbeddedCluster::start(spec).ok()?))
    });
    let (first, cluster) = started.unwrap();
    let addresses: Vec<_> = cluster
        .brokers()
        .into_iter()
        .map(|broker| broker.address)
        .collect();
    let wanted = [0, 1, 2].map(|index| format!("127.0.0.1:{}", first + index));
    assert_eq!(addresses, wanted);
    assert_eq!(Client::of(&cluster, 2).send("x").code, 0);
}

#[test]
fn a_spec_that_makes_no_sense_is_refused() {
    let default = ClusterSpec::default;
    for spec in [
        ClusterSpec {
            brokers: 0,
            ..default()
        },
        ClusterSpec {
            queues: 0,
            ..default()
        },
        ClusterSpec {
            queues: 70_000,
            ..default()
        },
        ClusterSpec {
            broker_port: 65_535,
            ..default()
        },
        ClusterSpec {
            per_broker: vec![(2, crate::broker::Behaviour::default())],
            ..default()
        },
    ] {
        assert!(matches!(
            EmbeddedCluster::start(spec),
            Err(StartError::IllegalSpec { .. })
        ));
    }
}

#[test]
fn a_dropped_cluster_has_closed_everything() {
    let cluster = one_broker();
    let mut client = Client::of(&cluster, 0);
    assert_eq!(client.send("x").code, 0);
    let addresses = [
        cluster.namesrv_address(),
        cluster.brokers()[0].address.clone(),
    ];
    drop(cluster);
    assert_eq!(client.try_reply(), None);
    for address in addresses {
        assert!(TcpStream::connect(address).is_err());
    }
}

#[test]
fn it_can_be_used_inside_a_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let cluster = one_broker();
        cluster.pause(0).unwrap();
        cluster.resume(0).unwrap();
        assert_eq!(Client::of(&cluster, 0).send("x").code, 0);
    });
}

#[test]
fn a_oneway_flood_is_counted_to_the_last() {
    let cluster = one_broker();
    let mut client = Client::of(&cluster, 0);
    let mut one = Vec::new();
    message()
        .with_body("x")
        .oneway()
        .encode(SerializeType::Binary, &mut one);
    client.write(&one.repeat(5_000));
    let last = client.ask(RemotingCommand::request(RequestCode(0)));
    assert_eq!(last.code, 3);
    assert_eq!(cluster.stored().messages(), 5_000);
}
