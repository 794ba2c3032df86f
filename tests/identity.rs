//! Who a client says it is, whom it asks, and to which ports it goes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rmq_bench::broker::{ClusterSpec, EmbeddedCluster};
use rmq_bench::client::admin::Admin;
use rmq_bench::client::hooks::RpcHook;
use rmq_bench::client::{
    CheckedMessage, ClientConfig, ClientError, ClientInstance, Hooks, Identity, LocalOutcome,
    Message, MessageQueue, Producer, Resolution, SendConfig, ServiceState, TransactionChecker,
    TransactionProducer,
};
use rmq_bench::load::{RequestShape, ResponderKind, SendMode, TransactionShape};
use rmq_bench::protocol::route::permission;
use rmq_bench::protocol::{RemotingCommand, RequestCode};
use support::load::{of_count, plan, start};
use support::relay::Relay;
use support::{TOPIC, client_of, cluster, eventually};
use tokio::task::JoinSet;

/// Keeps each request and the address it goes to.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<(String, RemotingCommand)>>>);

impl RpcHook for Seen {
    fn before(&self, address: &str, request: &RemotingCommand) -> Vec<(String, String)> {
        let seen = (address.to_owned(), request.clone());
        self.0.lock().unwrap().push(seen);
        Vec::new()
    }
}

impl Seen {
    fn of(&self, code: RequestCode) -> Vec<(String, RemotingCommand)> {
        let seen = self.0.lock().unwrap();
        let of_code = seen.iter().filter(|(_, request)| request.code == code.0);
        of_code.cloned().collect()
    }

    fn route_queries(&self) -> Vec<String> {
        let asked = self.of(RequestCode::GET_ROUTEINFO_BY_TOPIC).into_iter();
        asked.map(|(address, _)| address).collect()
    }
}

fn seen_by(client: ClientConfig) -> (Producer, Seen) {
    let seen = Seen::default();
    let hooks = Hooks::default().rpc(seen.clone());
    let producer = Producer::with_hooks(client, SendConfig::default(), hooks).unwrap();
    producer.start().unwrap();
    (producer, seen)
}

fn named(cluster: &EmbeddedCluster, identity: Identity) -> ClientConfig {
    ClientConfig {
        identity,
        ..client_of(cluster)
    }
}

fn id_of(config: ClientConfig) -> String {
    ClientInstance::new(config).unwrap().client_id().to_owned()
}

/// R9: process id and a stamp, different for each; R10: address, instance and unit.
#[test]
fn an_id_has_the_parts_it_is_given_and_else_its_own() {
    let cluster = cluster(ClusterSpec::default());
    let unnamed = || id_of(client_of(&cluster));
    let (one, other) = (unnamed(), unnamed());
    assert_ne!(one, other);
    let stamp = one.strip_prefix(&format!("127.0.0.1@{}#", std::process::id()));
    let stamp = stamp.unwrap_or_else(|| panic!("{one}"));
    assert!(stamp.chars().all(|digit| digit.is_ascii_digit()), "{one}");
    let some = |text: &str| Some(text.to_owned());
    let all = Identity {
        client_ip: some("[::1]"),
        instance_name: some("bench"),
        unit_name: some("east"),
        unit_mode: false,
    };
    assert_eq!(id_of(named(&cluster, all)), "[::1]@bench@east");
    let instance = |name: &str| Identity {
        instance_name: some(name),
        ..Identity::default()
    };
    assert_eq!(id_of(named(&cluster, instance("x"))), "127.0.0.1@x");
    for bad in ["", "a@b", "a b"] {
        let made = ClientInstance::new(named(&cluster, instance(bad)));
        let illegal = matches!(made, Err(ClientError::Illegal { .. }));
        assert!(illegal, "{bad:?}");
    }
}

/// R10, R167: heartbeats carry the id, sends the unit; R21: who leaves tells every broker its id and group.
#[tokio::test]
async fn brokers_know_a_client_by_its_id_until_it_leaves() {
    let cluster = cluster(ClusterSpec::default());
    let identity = Identity {
        client_ip: Some("10.1.2.3".to_owned()),
        instance_name: Some("bench".to_owned()),
        unit_name: Some("east".to_owned()),
        unit_mode: true,
    };
    let (producer, seen) = seen_by(named(&cluster, identity));
    producer.send(TOPIC, Message::new("x")).await.unwrap();
    let id = "10.1.2.3@bench@east";
    eventually("both brokers know it", || {
        let brokers = cluster.stored().brokers;
        brokers.iter().all(|broker| broker.clients.contains_key(id))
    });
    let sent = seen.of(RequestCode::SEND_MESSAGE_V2);
    assert!(sent.iter().all(|(_, send)| send.field("k") == Some("true")));
    producer.shutdown().await;
    let left: BTreeMap<_, _> = seen
        .of(RequestCode::UNREGISTER_CLIENT)
        .into_iter()
        .collect();
    let brokers = cluster.brokers();
    assert_eq!(left.len(), brokers.len());
    for broker in brokers {
        let leave = &left[&broker.address];
        assert_eq!(leave.field("clientID"), Some(id));
        assert_eq!(leave.field("producerGroup"), Some("rmq_bench_producer"));
        assert_eq!(leave.field("consumerGroup"), None);
    }
}

/// R13, R15.
#[tokio::test]
async fn an_instance_is_started_once_and_has_each_group_once() {
    let cluster = cluster(ClusterSpec::default());
    let instance = ClientInstance::new(client_of(&cluster)).unwrap();
    instance.register_group("g").unwrap();
    let error = instance.register_group("g").unwrap_err().to_string();
    assert!(error.contains("g is registered already"), "{error}");
    instance.register_group("h").unwrap();
    instance.unregister_group("g");
    instance.register_group("g").unwrap();
    instance.start().unwrap();
    let again = instance.start();
    let refused = matches!(
        again,
        Err(ClientError::State {
            state: "RUNNING",
            ..
        })
    );
    assert!(refused, "{again:?}");
    assert_eq!(instance.state(), ServiceState::Running);
    instance.shutdown().await;
}

/// R16, R172.
#[tokio::test]
async fn routes_and_heartbeats_are_repeated_each_period() {
    let cluster = cluster(ClusterSpec::default());
    let (producer, seen) = seen_by(ClientConfig {
        route_refresh: Duration::from_millis(50),
        heartbeat: Duration::from_millis(50),
        ..client_of(&cluster)
    });
    producer.send(TOPIC, Message::new("x")).await.unwrap();
    eventually("both go on", || {
        let beats = seen.of(RequestCode::HEART_BEAT);
        let to = |address: &str| beats.iter().filter(|(to, _)| to == address).count();
        let brokers = cluster.brokers();
        seen.route_queries().len() >= 4 && brokers.iter().all(|broker| to(&broker.address) >= 4)
    });
    let defaults = ClientConfig::default();
    let half_a_minute = Duration::from_secs(30);
    assert_eq!(defaults.route_refresh, half_a_minute);
    assert_eq!(defaults.heartbeat, half_a_minute);
    producer.shutdown().await;
}

/// R176: a broker that does not answer keeps none from the others.
#[tokio::test]
async fn a_broker_that_hangs_stops_no_heartbeat_to_another() {
    let cluster = cluster(ClusterSpec::default());
    let (producer, seen) = seen_by(ClientConfig {
        heartbeat: Duration::from_millis(50),
        ..client_of(&cluster)
    });
    producer.queues(TOPIC).await.unwrap();
    cluster.pause(0).unwrap();
    let others = cluster.brokers()[1].address.clone();
    eventually("the other one hears of it again and again", || {
        let beats = seen.of(RequestCode::HEART_BEAT);
        beats.iter().filter(|(to, _)| *to == others).count() >= 4
    });
    cluster.resume(0).unwrap();
    producer.shutdown().await;
}

/// R178: what no route names any more gets no more heartbeats.
#[tokio::test]
async fn a_broker_out_of_the_routes_is_let_go() {
    let cluster = cluster(ClusterSpec::default());
    let (producer, seen) = seen_by(ClientConfig {
        route_refresh: Duration::from_millis(50),
        heartbeat: Duration::from_millis(50),
        ..client_of(&cluster)
    });
    producer.queues(TOPIC).await.unwrap();
    let brokers = cluster.brokers();
    let beats = |broker: usize| {
        let address = &brokers[broker].address;
        let beats = seen.of(RequestCode::HEART_BEAT);
        beats.iter().filter(|(to, _)| to == address).count()
    };
    eventually("both hear of it", || beats(0) > 0 && beats(1) > 0);
    cluster.unregister(0).unwrap();
    eventually("four rounds leave it out", || {
        let (gone, other) = (beats(0), beats(1));
        eventually("four rounds", || beats(1) >= other + 4);
        beats(0) == gone
    });
    producer.shutdown().await;
}

/// R18, R102: language and version in every request, and what a route query says; C2.17 is its time.
#[tokio::test]
async fn requests_tell_language_and_version() {
    let cluster = cluster(ClusterSpec::default());
    let (producer, seen) = seen_by(client_of(&cluster));
    producer.send(TOPIC, Message::new("x")).await.unwrap();
    producer.shutdown().await;
    for (_, request) in seen.0.lock().unwrap().iter() {
        let said = (request.language.0, request.version);
        assert_eq!(said, (12, 479), "{request:?}");
    }
    let queries = seen.of(RequestCode::GET_ROUTEINFO_BY_TOPIC);
    assert!(!queries.is_empty());
    for (address, query) in queries {
        assert_eq!(address, cluster.namesrv_address());
        assert_eq!(query.field("topic"), Some(TOPIC));
        assert_eq!(query.field("acceptStandardJsonOnly"), Some("true"));
    }
    assert_eq!(ClientConfig::default().api_timeout, Duration::from_secs(3));
}

fn attentive(namesrv: &[&EmbeddedCluster]) -> ClientConfig {
    ClientConfig {
        namesrv: namesrv.iter().map(|one| one.namesrv_address()).collect(),
        route_refresh: Duration::from_millis(20),
        ..ClientConfig::default()
    }
}

/// Waits until requests that begin after this moment have been answered.
fn await_queries(seen: &Seen) -> Vec<String> {
    let before = seen.route_queries().len();
    eventually("routes are asked for", || {
        seen.route_queries().len() >= before + 3
    });
    seen.route_queries().split_off(before + 1)
}

/// R97: one name server is asked as long as it answers, then the next one.
#[tokio::test]
async fn one_name_server_is_asked_until_it_is_gone() {
    let (one, other) = (
        cluster(ClusterSpec::default()),
        cluster(ClusterSpec::default()),
    );
    let (producer, seen) = seen_by(attentive(&[&one, &other]));
    producer.queues(TOPIC).await.unwrap();
    await_queries(&seen);
    let asked: BTreeSet<String> = seen.route_queries().into_iter().collect();
    let [used] = Vec::from_iter(asked).try_into().unwrap();
    let (used, left) = match used == one.namesrv_address() {
        true => (one, other),
        false => (other, one),
    };
    used.close_namesrv().unwrap();
    eventually("the other one is asked", || left.stored().route_queries > 0);
    used.open_namesrv().unwrap();
    let now = await_queries(&seen);
    let stays = now.iter().all(|asked| *asked == left.namesrv_address());
    assert!(stays, "it is left for no other: {now:?}");
    producer.shutdown().await;
}

/// R96: another list counts from the next request on; an empty one does not.
#[tokio::test]
async fn name_servers_may_be_replaced() {
    let (one, other) = (
        cluster(ClusterSpec::default()),
        cluster(ClusterSpec::default()),
    );
    let (producer, seen) = seen_by(attentive(&[&one]));
    producer.queues(TOPIC).await.unwrap();
    let instance = producer.instance();
    assert!(!instance.replace_namesrv(Vec::new()));
    assert!(!instance.replace_namesrv(vec![one.namesrv_address()]));
    let url = format!("http://{}", other.namesrv_address());
    assert!(instance.replace_namesrv(vec![url]));
    let now = await_queries(&seen);
    assert!(now.iter().all(|asked| *asked == other.namesrv_address()));
    producer.shutdown().await;
}

/// R99: there is no client without a name server; R17: `http://` in front of one is left out.
#[tokio::test]
async fn a_client_needs_a_name_server() {
    let made = Producer::new(ClientConfig::default(), SendConfig::default());
    match made {
        Err(ClientError::Illegal { what, reason }) => {
            assert_eq!(what, "namesrv");
            assert!(reason.contains("NAMESRV_ADDR"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
    let cluster = cluster(ClusterSpec::default());
    let client = ClientConfig {
        namesrv: vec![format!("http://{}", cluster.namesrv_address())],
        ..ClientConfig::default()
    };
    let (producer, _) = seen_by(client);
    producer.send(TOPIC, Message::new("x")).await.unwrap();
    producer.shutdown().await;
}

/// R101: the default topic is asked for where there is no route, not where there is one to no use.
#[tokio::test]
async fn a_topic_that_may_not_be_written_borrows_no_route() {
    let cluster = cluster(ClusterSpec::default());
    cluster.set_permission(TOPIC, permission::READ);
    let (producer, seen) = seen_by(client_of(&cluster));
    let result = producer.send(TOPIC, Message::new("x")).await;
    let refused = matches!(result, Err(ClientError::NotWritable { .. }));
    assert!(refused, "{result:?}");
    let asked = |topic: &str| {
        let queries = seen.of(RequestCode::GET_ROUTEINFO_BY_TOPIC);
        let of_it = queries
            .iter()
            .filter(|(_, q)| q.field("topic") == Some(topic));
        of_it.count()
    };
    assert_eq!((asked(TOPIC), asked("TBW102")), (1, 0));
    producer.send("Unknown", Message::new("x")).await.unwrap();
    assert_eq!(asked("TBW102"), 1);
    producer.shutdown().await;
}

/// R33: a selector takes a queue of the topic that is sent to.
#[tokio::test]
async fn a_queue_of_another_topic_is_refused() {
    let cluster = cluster(ClusterSpec::default());
    let (producer, seen) = seen_by(client_of(&cluster));
    let other = |queues: &[MessageQueue], _: &Message| {
        Some(MessageQueue {
            topic: "Other".into(),
            ..queues[0].clone()
        })
    };
    let result = producer
        .send_selected(TOPIC, Message::new("x"), other)
        .await;
    let refused = matches!(result, Err(ClientError::Illegal { what: "queue", .. }));
    assert!(refused, "{result:?}");
    assert!(seen.of(RequestCode::SEND_MESSAGE_V2).is_empty());
    producer.shutdown().await;
}

/// R166: towards a retry topic the header says how often a consumer has had the message, and may have it.
#[tokio::test]
async fn retry_topics_are_told_how_often_a_message_was_had() {
    let cluster = cluster(ClusterSpec::default());
    let (producer, seen) = seen_by(client_of(&cluster));
    let had = |times, most| Message::new("x").with_reconsumed(times, most).unwrap();
    for (topic, message) in [
        ("%RETRY%readers", had(3, Some(16))),
        ("%RETRY%readers", had(4, None)),
        ("%RETRY%readers", Message::new("x")),
        (TOPIC, had(3, Some(16))),
    ] {
        producer.send(topic, message).await.unwrap();
    }
    let sent = seen.of(RequestCode::SEND_MESSAGE_V2);
    let fields: Vec<_> = sent
        .iter()
        .map(|(_, send)| (send.field("j"), send.field("l")))
        .collect();
    let zero = (Some("0"), None);
    assert_eq!(
        fields,
        [(Some("3"), Some("16")), (Some("4"), None), zero, zero]
    );
    // As in Java's first attempt they are properties as well.
    let pairs = sent[0].1.field("i").unwrap();
    assert!(
        pairs.contains("RECONSUME_TIME\u{1}3\u{2}MAX_RECONSUME_TIMES\u{1}16\u{2}"),
        "{pairs:?}"
    );
    assert!(Message::new("x").with_reconsumed(-1, None).is_err());
    assert!(Message::new("x").with_reconsumed(0, Some(-1)).is_err());
    producer.shutdown().await;
}

/// R204: one connection per address, opened at its first use, which all share (and one for heartbeats, R218).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn first_sends_at_once_share_a_connection() {
    let cluster = cluster(ClusterSpec::default());
    let producer = Producer::new(client_of(&cluster), SendConfig::default()).unwrap();
    producer.start().unwrap();
    assert_eq!(cluster.stored().connections(), 0, "nothing is sent yet");
    let producer = Arc::new(producer);
    let mut sends = JoinSet::new();
    for _ in 0..100 {
        let producer = Arc::clone(&producer);
        sends.spawn(async move { producer.send(TOPIC, Message::new("x")).await.unwrap() });
    }
    sends.join_all().await;
    eventually("heartbeats have their connections", || {
        let brokers = cluster.stored().brokers;
        brokers.iter().all(|broker| broker.heartbeats > 0)
    });
    let accepted: Vec<u64> = cluster
        .stored()
        .brokers
        .iter()
        .map(|b| b.accepted)
        .collect();
    assert_eq!(accepted, [2, 2]);
    producer.shutdown().await;
}

struct Commit;

impl TransactionChecker for Commit {
    fn check(&self, _: &CheckedMessage) -> LocalOutcome {
        Ok(Resolution::Commit)
    }
}

/// R157: sends and administration go by the VIP channel; heartbeats and ends of transactions do not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_vip_channel_carries_messages_and_administration() {
    let (cluster, vip) = Relay::of_vip_channel(&ClusterSpec::default());
    let mut client = client_of(&cluster);
    client.transport.vip_channel = true;
    let producer =
        TransactionProducer::new(client, SendConfig::default(), Arc::new(Commit)).unwrap();
    producer.start().unwrap();
    let plain = producer.producer();
    plain.send(TOPIC, Message::new("x")).await.unwrap();
    plain.send_oneway(TOPIC, Message::new("x")).await.unwrap();
    let local = |_| async { Ok(Resolution::Commit) };
    let ended = producer
        .send(TOPIC, Message::new("x"), local)
        .await
        .unwrap();
    assert!(ended.told);
    eventually("all is stored, and the client known", || {
        let broker = &cluster.stored().brokers[0];
        broker.messages == 3 && broker.committed == 1 && broker.heartbeats > 0
    });
    let admin = Admin::new(Arc::clone(plain.instance()));
    let queue = plain.queues(TOPIC).await.unwrap().remove(0);
    admin.max_offset(&queue).await.unwrap();
    let send = RequestCode::SEND_MESSAGE_V2;
    let offset = RequestCode::GET_MAX_OFFSET;
    assert_eq!(vip.codes(), [send, send, send, offset]);
    producer.shutdown().await;
    assert_eq!(vip.codes().len(), 4, "nor does who leaves");
}

/// R157: the load's sends as well, those of transactions and requests too, whose answers come the way they went.
#[test]
fn loads_go_by_the_vip_channel() {
    for mode in [SendMode::Async, SendMode::Tx, SendMode::Request] {
        let (cluster, vip) = Relay::of_vip_channel(&ClusterSpec::default());
        let mut client = client_of(&cluster);
        client.transport.vip_channel = true;
        let mut plan = plan(mode, 2000, of_count(200));
        if mode == SendMode::Tx {
            plan.transactions = Some(TransactionShape::default());
            plan.message.half_of = Some("rmq_bench_producer".to_owned());
        }
        if mode == SendMode::Request {
            plan.requests = Some(RequestShape {
                responder: ResponderKind::BuiltIn,
                reply_bytes: 8,
            });
        }
        let run = start(client, plan, SendConfig::default()).finish();
        assert_eq!(run.counters().acked, 200, "{mode:?}");
        eventually("all is stored", || cluster.stored().messages() == 200);
        let codes = vip.codes();
        let sends = codes
            .iter()
            .filter(|code| **code == RequestCode::SEND_MESSAGE_V2);
        assert_eq!(sends.count(), 200, "{mode:?}");
        assert!(!codes.contains(&RequestCode::END_TRANSACTION), "{mode:?}");
        let introduced = codes.contains(&RequestCode::HEART_BEAT);
        assert_eq!(introduced, mode == SendMode::Request, "{mode:?}");
    }
}
