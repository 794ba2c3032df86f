//! A cluster that is changed while a run goes on: permission and registration come and go.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]

mod support;

use std::time::Duration;

use rmq_bench::broker::{ClusterSpec, EmbeddedCluster};
use rmq_bench::client::{ClientConfig, SendConfig};
use rmq_bench::load::SendMode;
use rmq_bench::metrics::Label;
use rmq_bench::protocol::ResponseCode;
use rmq_bench::protocol::route::permission;
use support::load::{
    Running, UNTIL_STOPPED, await_more, for_time, label, no_avoidance, plan, start, stored_by,
};
use support::{TOPIC, client_of, cluster, eventually};

/// Asks for the route as often as it may.
fn attentive(cluster: &EmbeddedCluster) -> ClientConfig {
    let mut client = no_avoidance(client_of(cluster));
    client.route_refresh = Duration::from_millis(50);
    client
}

fn endless(cluster: &EmbeddedCluster) -> Running {
    let plan = plan(SendMode::Async, 1000, for_time(UNTIL_STOPPED));
    start(attentive(cluster), plan, SendConfig::default())
}

/// Waits until routes asked for after this moment are in use.
fn await_refresh(cluster: &EmbeddedCluster) {
    let queries = cluster.stored().route_queries;
    eventually("the route is asked for twice", || {
        cluster.stored().route_queries >= queries + 2
    });
}

#[test]
fn a_topic_that_may_not_be_written_for_a_while_is_written_again() {
    for refreshed in [false, true] {
        let cluster = cluster(ClusterSpec::default());
        let run = endless(&cluster);
        await_more(&cluster, 0, 100);
        cluster.set_permission(TOPIC, permission::READ);
        let refused = cluster.stored().rejected();
        eventually("messages are refused", || {
            cluster.stored().rejected() > refused + 20
        });
        if refreshed {
            await_refresh(&cluster);
        }
        cluster.set_permission(TOPIC, permission::READ_WRITE);
        await_more(&cluster, 0, 100);
        await_more(&cluster, 1, 100);

        let run = run.stop();
        run.is_covered_by(&cluster);
        let (counters, stored) = (run.counters(), cluster.stored());
        assert_eq!(counters.unknown, 0, "{counters:?}");
        assert_eq!(counters.acked, stored.messages());
        let no_permission = Label {
            name: "rejected",
            code: Some(ResponseCode::NO_PERMISSION.0),
        };
        assert_eq!(counters.errors.get(no_permission), stored.rejected());
    }
}

/// R110.
#[test]
fn a_broker_that_leaves_the_routes_is_sent_to_no_more_until_it_is_back() {
    let cluster = cluster(ClusterSpec::default());
    let run = endless(&cluster);
    await_more(&cluster, 0, 100);
    cluster.unregister(0).unwrap();
    eventually("broker-0 is left alone", || {
        let before = stored_by(&cluster, 0);
        await_more(&cluster, 1, 100);
        stored_by(&cluster, 0) == before
    });
    cluster.register(0).unwrap();
    await_more(&cluster, 0, 100);

    let run = run.stop();
    let counters = run.counters();
    assert_eq!(counters.failed + counters.unknown, 0, "{counters:?}");
    assert_eq!(counters.acked, cluster.stored().messages());
}

#[test]
fn a_cluster_that_leaves_the_routes_altogether_is_used_again_when_it_is_back() {
    // R235
    let cluster = cluster(ClusterSpec::default());
    let run = endless(&cluster);
    await_more(&cluster, 0, 100);
    for broker in [0, 1] {
        cluster.unregister(broker).unwrap();
    }
    eventually("nothing is sent any more", || {
        let before = cluster.stored().messages();
        await_refresh(&cluster);
        cluster.stored().messages() == before
    });
    for broker in [0, 1] {
        cluster.register(broker).unwrap();
    }
    await_more(&cluster, 0, 200);
    await_more(&cluster, 1, 200);
    let run = run.stop();
    let counters = run.counters();
    assert!(counters.failed > 0, "there was no route for a while");
    assert_eq!(counters.errors.get(label("no_route")), counters.failed);
    assert_eq!(counters.acked, cluster.stored().messages());
}

#[test]
fn a_broker_that_leaves_with_sends_in_flight_answers_them_still() {
    let cluster = cluster(ClusterSpec::default());
    let patient = SendConfig {
        timeout: UNTIL_STOPPED,
        ..SendConfig::default()
    };
    let plan = plan(SendMode::Async, 1000, for_time(UNTIL_STOPPED));
    let run = start(attentive(&cluster), plan, patient);
    await_more(&cluster, 0, 100);
    cluster.pause(0).unwrap();
    await_more(&cluster, 1, 100);
    cluster.unregister(0).unwrap();
    await_refresh(&cluster);
    await_more(&cluster, 1, 500);
    let before = stored_by(&cluster, 0);
    cluster.resume(0).unwrap();
    eventually("what waited for broker-0 arrives", || {
        stored_by(&cluster, 0) >= before + 50
    });
    cluster.register(0).unwrap();
    await_more(&cluster, 0, 500);

    let run = run.stop();
    let counters = run.counters();
    assert_eq!(counters.failed + counters.unknown, 0, "{counters:?}");
    assert_eq!(counters.retries(), 0, "no answer was lost");
    assert_eq!(counters.acked, cluster.stored().messages());
}
