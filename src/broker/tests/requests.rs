//! What a broker and a name server answer to single requests.

use std::borrow::Cow;

use super::*;
use crate::broker::{BrokerCounts, ReplyForm};
use crate::protocol::heartbeat::{HeartbeatData, unregister};
use crate::protocol::message_id::decode_offset_message_id;
use crate::protocol::route::permission;
use crate::protocol::send::SendReply;
use crate::protocol::{HeaderView, ResponseCode};

fn fields(reply: &RemotingCommand) -> SendReply<'static> {
    let mut bytes = Vec::new();
    reply.encode(SerializeType::Binary, &mut bytes);
    let frame = split(&bytes, FrameLimits::default()).unwrap().unwrap();
    let view = HeaderView::parse(frame.serialize_type, frame.header).unwrap();
    let read = SendReply::parse(&view.ext).unwrap();
    let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
    SendReply {
        offset_message_id: own(read.offset_message_id),
        transaction_id: read.transaction_id.map(own),
        recall_handle: read.recall_handle.map(own),
        region_id: read.region_id.map(own),
        ..read
    }
}

fn broker(cluster: &EmbeddedCluster) -> BrokerCounts {
    cluster.stored().brokers.remove(0)
}

#[test]
fn a_stored_message_is_answered_with_its_place() {
    let cluster = one_broker();
    let mut client = Client::of(&cluster, 0);
    for (round, form) in [SerializeType::Binary, SerializeType::Json]
        .into_iter()
        .enumerate()
    {
        client.put(message().with_body("12345"), form);
        let reply = client.reply();
        assert_eq!((reply.code, reply.version), (0, 479));
        let reply = fields(&reply);
        assert_eq!(reply.queue_id, 0);
        assert_eq!(reply.queue_offset, i64::try_from(round).unwrap());
        assert_eq!(reply.transaction_id.as_deref(), Some("KEY-1"));
        let (address, offset) = decode_offset_message_id(&reply.offset_message_id).unwrap();
        assert_eq!(address.to_string(), cluster.brokers()[0].address);
        assert_eq!(offset == 0, round == 0);
    }
    let stored = cluster.stored();
    assert_eq!((stored.messages(), stored.body_bytes()), (2, 10));
    assert_eq!(stored.topic_messages("BenchmarkTest"), 2);
    assert_eq!(broker(&cluster).topics["BenchmarkTest"][0], 2);
}

#[test]
fn both_versions_of_a_send_are_understood() {
    let cluster = one_broker();
    let mut client = Client::of(&cluster, 0);
    let mut long = RemotingCommand::request(RequestCode::SEND_MESSAGE);
    for (key, value) in [
        ("producerGroup", "g"),
        ("topic", "BenchmarkTest"),
        ("defaultTopic", "TBW102"),
        ("defaultTopicQueueNums", "4"),
        ("queueId", "3"),
        ("sysFlag", "0"),
        ("bornTimestamp", "1"),
        ("flag", "0"),
    ] {
        long = long.with_field(key, value);
    }
    let reply = client.ask(long.with_body("x"));
    assert_eq!(reply.code, 0);
    let reply = fields(&reply);
    assert_eq!(reply.queue_id, 3);
    // Without UNIQ_KEY the broker makes one up.
    assert_eq!(reply.transaction_id, Some(reply.offset_message_id));
}

#[test]
fn replies_have_the_form_that_was_asked_for() {
    let first_byte = |reply_form, request| {
        let cluster = start(ClusterSpec {
            brokers: 1,
            reply_form,
            ..ClusterSpec::default()
        });
        let mut forms = Vec::new();
        for (address, command) in [
            (&cluster.namesrv_address(), route_query("BenchmarkTest")),
            (&cluster.brokers()[0].address, message().with_body("x")),
            (&cluster.brokers()[0].address, message()),
        ] {
            let mut client = Client::connect(address);
            client.put(command, request);
            let mut prefix = [0; 5];
            client.stream.read_exact(&mut prefix).unwrap();
            forms.push(prefix[4]);
        }
        assert_eq!(forms[0], forms[1]);
        assert_eq!(forms[1], forms[2]);
        forms[0]
    };
    use SerializeType::{Binary, Json};
    assert_eq!(first_byte(ReplyForm::Json, Binary), 0);
    assert_eq!(first_byte(ReplyForm::Binary, Json), 1);
    assert_eq!(first_byte(ReplyForm::MirrorRequest, Json), 0);
    assert_eq!(first_byte(ReplyForm::MirrorRequest, Binary), 1);
}

#[test]
fn what_a_broker_does_not_take_is_refused_with_the_right_code() {
    let cluster = start(ClusterSpec {
        brokers: 1,
        max_message_bytes: 100,
        ..ClusterSpec::default()
    });
    cluster
        .create_topic("ReadOnly", 2, permission::READ)
        .unwrap();
    let mut client = Client::of(&cluster, 0);
    let long_properties = "x".repeat(32_768);
    let mut incomplete = message().with_body("x");
    incomplete.ext.retain(|(key, _)| key != "e");
    let checksum = crc32fast::hash(b"body") & 0x7fff_ffff;
    for (request, code) in [
        (message(), ResponseCode::SYSTEM_ERROR),
        (incomplete, ResponseCode::SYSTEM_ERROR),
        (
            message().with_field("e", "one").with_body("x"),
            ResponseCode::SYSTEM_ERROR,
        ),
        (
            message().with_body(vec![0; 101]),
            ResponseCode::MESSAGE_ILLEGAL,
        ),
        (
            message().with_field("i", long_properties).with_body("x"),
            ResponseCode::MESSAGE_ILLEGAL,
        ),
        (
            message()
                .with_field("bodyCrc32", checksum ^ 1)
                .with_body("body"),
            ResponseCode::MESSAGE_ILLEGAL,
        ),
        (
            message_to("BenchmarkTest", 8).with_body("x"),
            ResponseCode::INVALID_PARAMETER,
        ),
        (
            message_to("not a name", 0).with_body("x"),
            ResponseCode::INVALID_PARAMETER,
        ),
        (
            message_to("SELF_TEST_TOPIC", 0).with_body("x"),
            ResponseCode::NO_PERMISSION,
        ),
        (
            message_to("ReadOnly", 0).with_body("x"),
            ResponseCode::NO_PERMISSION,
        ),
        (
            message_to("New", 0)
                .with_field("c", "Unknown")
                .with_body("x"),
            ResponseCode::TOPIC_NOT_EXIST,
        ),
    ] {
        let reply = client.ask(request);
        assert_eq!(reply.code, code.0, "{:?}", reply.remark);
        assert!(reply.remark.is_some_and(|remark| !remark.is_empty()));
    }
    assert_eq!(
        (cluster.stored().rejected(), cluster.stored().messages()),
        (11, 0)
    );
    for request in [
        message().with_body(vec![0; 100]),
        message()
            .with_field("bodyCrc32", checksum)
            .with_body("body"),
    ] {
        assert_eq!(client.ask(request).code, 0);
    }
    assert_eq!(
        (cluster.stored().rejected(), cluster.stored().messages()),
        (11, 2)
    );
}

#[test]
fn a_negative_queue_leaves_the_choice_to_the_broker() {
    let cluster = one_broker();
    let mut client = Client::of(&cluster, 0);
    for _ in 0..200 {
        let reply = client.ask(message_to("BenchmarkTest", -1).with_body("x"));
        assert!((0..8).contains(&fields(&reply).queue_id));
    }
    assert!(
        broker(&cluster).topics["BenchmarkTest"]
            .iter()
            .all(|length| *length > 0)
    );
}

/// R105.
#[test]
fn an_unknown_topic_is_created_after_its_template() {
    let cluster = one_broker();
    assert_eq!(route(&cluster, "Fresh"), None);
    assert_eq!(route(&cluster, "TBW102").unwrap().queues[0].perm, 7);
    let mut client = Client::of(&cluster, 0);
    assert_eq!(client.ask(message_to("Fresh", 1).with_body("x")).code, 0);
    let queues = route(&cluster, "Fresh").unwrap().queues.remove(0);
    assert_eq!(
        (queues.write_queues, queues.read_queues, queues.perm),
        (4, 4, 6)
    );

    let strict = start(ClusterSpec {
        brokers: 1,
        auto_create_topic: false,
        ..ClusterSpec::default()
    });
    assert_eq!(route(&strict, "TBW102"), None);
    let mut client = Client::of(&strict, 0);
    assert_eq!(client.ask(message_to("Fresh", 1).with_body("x")).code, 17);
    assert_eq!(client.send("x").code, 0);
}

#[test]
fn oneway_requests_are_carried_out_and_never_answered() {
    let cluster = one_broker();
    let mut client = Client::of(&cluster, 0);
    for request in [
        message().with_body("x"),
        message(),
        RemotingCommand::request(RequestCode(9_999)),
    ] {
        client.put(request.oneway(), SerializeType::Binary);
    }
    // The next answer on the connection belongs to the next request.
    assert_eq!(client.send("y").code, 0);
    assert_eq!(
        (cluster.stored().messages(), cluster.stored().rejected()),
        (2, 1)
    );
    assert_eq!(broker(&cluster).requests, 4);
}

#[test]
fn unknown_codes_and_stray_responses() {
    let cluster = one_broker();
    for address in [
        cluster.namesrv_address(),
        cluster.brokers()[0].address.clone(),
    ] {
        let mut client = Client::connect(&address);
        let response = RemotingCommand::response(ResponseCode::SUCCESS, 1);
        client.put(response, SerializeType::Binary);
        let reply = client.ask(RemotingCommand::request(RequestCode(9_999)));
        assert_eq!(reply.code, 3);
        assert_eq!(
            reply.remark.as_deref(),
            Some(" request type 9999 not supported")
        );
    }
}

#[test]
fn clients_are_known_by_heartbeat_until_they_leave() {
    let cluster = one_broker();
    let beat = |id: &str| HeartbeatData {
        client_id: id.into(),
        producer_groups: vec!["A".into(), "B".into()],
    };
    let mut client = Client::of(&cluster, 0);
    assert_eq!(client.ask(beat("one").to_command()).code, 0);
    let mut other = Client::of(&cluster, 0);
    assert_eq!(other.ask(beat("two").to_command()).code, 0);
    let counts = broker(&cluster);
    assert_eq!(
        (counts.clients.len(), counts.heartbeats, counts.connections),
        (2, 2, 2)
    );
    assert_eq!(cluster.stored().producer_groups().len(), 2);

    assert_eq!(client.ask(unregister("one", "A")).code, 0);
    assert_eq!(broker(&cluster).clients["one"], ["B".to_owned()].into());
    drop(other);
    wait_until("the closed connection's client is gone", || {
        broker(&cluster).clients.len() == 1
    });
    wait_until("the connection is gone", || {
        broker(&cluster).connections == 1
    });
    assert_eq!(broker(&cluster).accepted, 2);
    assert_eq!(client.ask(unregister("one", "B")).code, 0);
    assert!(broker(&cluster).clients.is_empty());
    let broken = RemotingCommand::request(RequestCode::HEART_BEAT).with_body("{}");
    assert_eq!(client.ask(broken).code, 1);
}

#[test]
fn offsets_can_be_asked_for() {
    let cluster = one_broker();
    cluster
        .create_topic("T", 2, permission::READ_WRITE)
        .unwrap();
    let mut client = Client::of(&cluster, 0);
    for queue_id in [1, 0, 1] {
        assert_eq!(client.ask(message_to("T", queue_id).with_body("x")).code, 0);
    }
    let query = |topic| {
        RemotingCommand::request(RequestCode::GET_TOPIC_STATS_INFO).with_field("topic", topic)
    };
    let reply = client.ask(query("T"));
    assert_eq!(
        str::from_utf8(&reply.body).unwrap(),
        r#"{"offsetTable":{{"brokerName":"broker-0","queueId":0,"topic":"T"}:{"lastUpdateTimestamp":0,"maxOffset":1,"minOffset":0},{"brokerName":"broker-0","queueId":1,"topic":"T"}:{"lastUpdateTimestamp":0,"maxOffset":2,"minOffset":0}},"topicPutTps":0.0}"#
    );
    assert_eq!(client.ask(query("Unknown")).code, 17);
}

#[test]
fn old_clients_get_routes_in_the_legacy_form() {
    let cluster = one_broker();
    let mut client = Client::connect(&cluster.namesrv_address());
    let mut ask = |version, accept: Option<&str>| {
        let mut query = route_query("BenchmarkTest");
        query.version = version;
        if let Some(value) = accept {
            query = query.with_field("acceptStandardJsonOnly", value);
        }
        let reply = client.ask(query);
        assert_eq!(
            TopicRoute::parse(&reply.body).unwrap().brokers[0].master(),
            Some(&*cluster.brokers()[0].address)
        );
        String::from_utf8(reply.body.to_vec()).unwrap()
    };
    assert!(ask(400, None).contains("{0:\""));
    assert!(ask(400, Some("false")).contains("{0:\""));
    assert!(ask(400, Some("true")).contains("{\"0\":\""));
    assert!(ask(401, None).contains("{\"0\":\""));
    assert_eq!(cluster.stored().route_queries, 4);
}

#[test]
fn topics_change_while_the_cluster_runs() {
    let cluster = start(ClusterSpec::default());
    let mut client = Client::of(&cluster, 1);
    let mut send = |queue_id| client.ask(message_to("T", queue_id).with_body("x"));
    cluster
        .create_topic("T", 2, permission::READ_WRITE)
        .unwrap();
    assert_eq!(routed(&cluster, "T"), ["broker-0", "broker-1"]);
    assert_eq!([send(1).code, send(2).code], [0, 29]);
    cluster
        .create_topic("T", 3, permission::READ_WRITE)
        .unwrap();
    assert_eq!(
        [send(1), send(2)].map(|reply| fields(&reply).queue_offset),
        [1, 0]
    );
    cluster.set_permission("T", permission::READ);
    assert_eq!(send(1).code, 16);
    assert!(!route(&cluster, "T").unwrap().queues[0].is_writable());
    cluster.delete_topic("T").unwrap();
    assert_eq!(route(&cluster, "T"), None);
    // Created anew by this send, on this broker only.
    assert_eq!(fields(&send(1)).queue_offset, 0);
    assert_eq!(routed(&cluster, "T"), ["broker-1"]);
    assert!(cluster.create_topic("T", 0, 6).is_err());
}
