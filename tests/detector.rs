//! The detector of 5.x: lost brokers stay away until a probe reaches them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]

mod support;

use std::time::Duration;

use rmq_bench::broker::{ClusterSpec, EmbeddedCluster};
use rmq_bench::client::fault::Standing;
use rmq_bench::client::{
    BrokerId, ClientConfig, DetectorConfig, FaultGeneration, Message, Producer, SendConfig,
};
use rmq_bench::transport::Nanos;
use support::load::short_avoidance;
use support::{TOPIC, client_of, cluster, eventually};

/// Isolates for 300 ms, and probes often.
fn probing(cluster: &EmbeddedCluster) -> ClientConfig {
    let mut client = short_avoidance(client_of(cluster));
    client.route_refresh = Duration::from_millis(50);
    client.fault.detector = Some(DetectorConfig {
        timeout: Duration::from_secs(2),
        interval: Duration::from_millis(20),
    });
    client
}

fn started(client: ClientConfig) -> Producer {
    let producer = Producer::new(client, SendConfig::default()).unwrap();
    producer.start().unwrap();
    producer
}

fn broker(producer: &Producer, name: &str) -> BrokerId {
    let known = producer.instance().brokers();
    let index = known.iter().position(|broker| broker.name == name).unwrap();
    BrokerId(u16::try_from(index).unwrap())
}

fn standing(producer: &Producer, name: &str) -> Standing {
    let faults = producer.instance().faults();
    faults.standing(broker(producer, name), Nanos::now())
}

/// Sends until one has met the closed port of broker-0.
async fn lose_broker_0(cluster: &EmbeddedCluster, producer: &Producer) {
    producer.send(TOPIC, Message::new("first")).await.unwrap();
    cluster.close_port(0).unwrap();
    while standing(producer, "broker-0").reachable {
        producer.send(TOPIC, Message::new("x")).await.unwrap();
    }
}

fn await_end_of_isolation(producer: &Producer) {
    eventually("the time of broker-0 is over", || {
        standing(producer, "broker-0").available_at <= Nanos::now().0
    });
}

/// R131, R132, R248: without one send to it, and not before.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_broker_is_used_again_when_a_probe_reaches_it() {
    let cluster = cluster(ClusterSpec::default());
    let producer = started(probing(&cluster));
    lose_broker_0(&cluster, &producer).await;
    await_end_of_isolation(&producer);
    for _ in 0..50 {
        let sent = producer.send(TOPIC, Message::new("x")).await.unwrap();
        assert_eq!((&*sent.broker, sent.attempts), ("broker-1", 1));
    }
    let before = producer.instance().faults().probes();
    assert_eq!(before.found, 0);

    cluster.open_port(0).unwrap();
    eventually("broker-0 is found", || {
        standing(&producer, "broker-0").reachable
    });
    let after = producer.instance().faults().probes();
    assert!(after.found == 1 && after.sent > before.sent, "{after:?}");
    while &*producer
        .send(TOPIC, Message::new("x"))
        .await
        .unwrap()
        .broker
        != "broker-0"
    {}
    producer.shutdown().await;
}

/// R131: 4.x has none, and 5.x only when asked for; brokers are then tried again when their time is over.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_detector_time_alone_brings_a_broker_back() {
    let cluster = cluster(ClusterSpec::default());
    let mut v4 = probing(&cluster);
    v4.fault.generation = FaultGeneration::V4;
    v4.fault.table[0].latency = Duration::from_secs(30);
    for client in [short_avoidance(client_of(&cluster)), v4] {
        let producer = started(client);
        lose_broker_0(&cluster, &producer).await;
        await_end_of_isolation(&producer);
        assert!(standing(&producer, "broker-0").available);
        cluster.open_port(0).unwrap();
        while !standing(&producer, "broker-0").reachable {
            producer.send(TOPIC, Message::new("x")).await.unwrap();
        }
        assert_eq!(producer.instance().faults().probes().sent, 0);
        producer.shutdown().await;
    }
}

/// R248: rather a lost broker than none.
#[tokio::test(flavor = "multi_thread")]
async fn when_no_other_is_left_lost_brokers_are_tried() {
    let cluster = cluster(ClusterSpec {
        brokers: 1,
        ..ClusterSpec::default()
    });
    let producer = started(probing(&cluster));
    producer.send(TOPIC, Message::new("first")).await.unwrap();
    cluster.close_port(0).unwrap();
    producer.send(TOPIC, Message::new("x")).await.unwrap_err();
    assert!(!standing(&producer, "broker-0").available);
    cluster.open_port(0).unwrap();
    while producer.send(TOPIC, Message::new("x")).await.is_err() {}
    assert!(standing(&producer, "broker-0").reachable);
    producer.shutdown().await;
}

/// R132.
#[tokio::test(flavor = "multi_thread")]
async fn brokers_that_leave_the_routes_are_forgotten() {
    let cluster = cluster(ClusterSpec::default());
    let producer = started(probing(&cluster));
    lose_broker_0(&cluster, &producer).await;
    cluster.unregister(0).unwrap();
    eventually("broker-0 is forgotten", || {
        standing(&producer, "broker-0") == Standing::default()
    });
    producer.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_detector_ends_with_the_client() {
    let cluster = cluster(ClusterSpec::default());
    let [ended, other] = [probing(&cluster), probing(&cluster)].map(started);
    other.send(TOPIC, Message::new("first")).await.unwrap();
    lose_broker_0(&cluster, &ended).await;
    while standing(&other, "broker-0").reachable {
        other.send(TOPIC, Message::new("x")).await.unwrap();
    }
    let probes = |producer: &Producer| producer.instance().faults().probes().sent;
    eventually("both probe", || probes(&ended) > 0 && probes(&other) > 0);
    ended.shutdown().await;
    let (sent, others) = (probes(&ended), probes(&other));
    eventually("the other one goes on", || probes(&other) > others + 3);
    assert_eq!(probes(&ended), sent);
    other.shutdown().await;
    eventually("no connection is left", || {
        cluster.stored().connections() == 0
    });
}
