//! Runs against a cluster that misbehaves: whatever it does, each message ends once and counts once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_precision_loss,
    reason = "a test may panic, and its numbers are small"
)]

mod support;

use std::time::Duration;

use rmq_bench::broker::{Behaviour, ClusterSpec, EmbeddedCluster, Reject, Stall};
use rmq_bench::client::{ClientError, SendConfig};
use rmq_bench::load::{LoadError, SendMode};
use rmq_bench::protocol::ResponseCode;
use rmq_bench::protocol::route::permission;
use support::load::{
    UNTIL_STOPPED, await_more, for_time, isolations, label, no_avoidance, of_count, plan,
    short_avoidance, start,
};
use support::{TOPIC, client_of, cluster, eventually};

#[test]
fn a_broker_that_stands_still_is_isolated_and_used_again_later() {
    let cluster = cluster(ClusterSpec::default());
    let send = SendConfig {
        timeout: Duration::from_secs(2),
        attempt_timeout: Some(Duration::from_millis(150)),
        ..SendConfig::default()
    };
    let plan = plan(SendMode::Async, 1000, for_time(UNTIL_STOPPED));
    let run = start(short_avoidance(client_of(&cluster)), plan, send);
    await_more(&cluster, 0, 200);
    assert_eq!(run.isolations_of("broker-0"), 0);

    cluster.pause(0).unwrap();
    eventually("broker-0 is isolated", || run.isolations_of("broker-0") > 0);
    await_more(&cluster, 1, 200);
    cluster.resume(0).unwrap();
    await_more(&cluster, 0, 400);

    let run = run.stop();
    run.is_covered_by(&cluster);
    assert!(isolations(&run.instance, "broker-0") > 0);
    assert_eq!(run.counters().failed, 0, "broker-1 was there all the time");
    assert!(run.counters().recovered_sends > 0);
}

#[test]
fn a_broker_that_is_isolated_costs_no_more_retries() {
    let cluster = cluster(ClusterSpec::default());
    let send = SendConfig {
        timeout: Duration::from_secs(2),
        attempt_timeout: Some(Duration::from_millis(100)),
        ..SendConfig::default()
    };
    let plan = plan(SendMode::Async, 1000, for_time(UNTIL_STOPPED));
    // A failure isolates for 10 s with the default table.
    let run = start(client_of(&cluster), plan, send);
    await_more(&cluster, 0, 100);
    cluster.pause(0).unwrap();
    eventually("broker-0 is isolated", || run.isolations_of("broker-0") > 0);
    await_more(&cluster, 1, 2000);
    let run = run.stop();
    let counters = run.counters();
    // Without avoidance every other send would go to broker-0 first: 1,000 retries.
    assert!(counters.retries() > 0, "{counters:?}");
    assert!(counters.retries() < 500, "{counters:?}");
    run.is_covered_by(&cluster);
}

#[test]
fn a_broker_that_goes_and_comes_back_costs_no_message() {
    let cluster = cluster(ClusterSpec::default());
    let plan = plan(SendMode::Async, 1000, for_time(UNTIL_STOPPED));
    let run = start(
        short_avoidance(client_of(&cluster)),
        plan,
        SendConfig::default(),
    );
    await_more(&cluster, 0, 200);
    cluster.close_port(0).unwrap();
    await_more(&cluster, 1, 500);
    cluster.open_port(0).unwrap();
    await_more(&cluster, 0, 200);

    let run = run.stop();
    run.is_covered_by(&cluster);
    assert!(isolations(&run.instance, "broker-0") > 0);
    let counters = run.counters();
    assert_eq!(counters.failed + counters.unknown, 0, "{counters:?}");
}

/// `broker-0` refuses everything as busy, `broker-1` takes everything.
fn one_busy_broker() -> EmbeddedCluster {
    let busy = Behaviour {
        reject: Some(Reject {
            code: ResponseCode::SYSTEM_BUSY,
            remark: "[PCBUSY_CLEAN_QUEUE]broker busy".to_owned(),
            every: 1,
        }),
        ..Behaviour::default()
    };
    cluster(ClusterSpec {
        per_broker: vec![(0, busy)],
        ..ClusterSpec::default()
    })
}

#[test]
fn sync_sends_a_busy_broker_refuses_go_to_another_one() {
    // R119, R137
    let cluster = one_busy_broker();
    let plan = plan(SendMode::Sync, 1000, of_count(500));
    let client = no_avoidance(client_of(&cluster));
    let run = start(client, plan, SendConfig::default()).finish();
    let (counters, stored) = (run.counters(), cluster.stored());
    assert_eq!((counters.acked, stored.messages()), (500, 500));
    assert!(counters.recovered_sends > 0, "{counters:?}");
    assert_eq!(counters.retries(), stored.rejected());
    assert_eq!(
        counters.retry_reasons.get(label("system_busy")),
        stored.rejected()
    );
}

#[test]
fn async_sends_a_busy_broker_refuses_have_failed() {
    // R142
    let cluster = one_busy_broker();
    let plan = plan(SendMode::Async, 1000, of_count(500));
    let client = no_avoidance(client_of(&cluster));
    let run = start(client, plan, SendConfig::default()).finish();
    let (counters, stored) = (run.counters(), cluster.stored());
    assert_eq!(counters.retries(), 0);
    assert!(counters.failed > 0);
    assert_eq!(counters.failed, stored.rejected());
    assert_eq!(counters.errors.get(label("system_busy")), counters.failed);
    assert_eq!((counters.unknown, counters.acked), (0, stored.messages()));
    let said = run.outcome.shards.iter().flat_map(|shard| &shard.remarks);
    assert!(
        said.into_iter()
            .any(|(_, remark)| remark.contains("broker busy"))
    );
}

/// Short of patience, and no second try.
fn one_short_attempt(timeout: Duration) -> SendConfig {
    SendConfig {
        timeout,
        retries: 0,
        ..SendConfig::default()
    }
}

#[test]
fn messages_whose_answer_is_swallowed_are_unknown_and_stored() {
    let cluster = cluster(ClusterSpec {
        behaviour: Behaviour {
            drop_replies_every: Some(10),
            ..Behaviour::default()
        },
        ..ClusterSpec::default()
    });
    let send = one_short_attempt(Duration::from_millis(200));
    let plan = plan(SendMode::Async, 1000, of_count(1000));
    let run = start(no_avoidance(client_of(&cluster)), plan, send).finish();
    let (counters, stored) = (run.counters(), cluster.stored());
    let swallowed: u64 = stored.brokers.iter().map(|b| b.swallowed_replies).sum();
    assert_eq!(swallowed, 100);
    assert_eq!((counters.unknown, counters.failed), (swallowed, 0));
    assert_eq!(counters.errors.get(label("timeout")), swallowed);
    assert_eq!(stored.messages(), counters.acked + counters.unknown);
    assert_eq!(counters.late_replies, 0);
}

#[test]
fn answers_after_the_timeout_are_late_and_change_no_account() {
    let cluster = cluster(ClusterSpec {
        behaviour: Behaviour {
            delay: Duration::from_millis(600),
            ..Behaviour::default()
        },
        ..ClusterSpec::default()
    });
    let send = one_short_attempt(Duration::from_millis(100));
    let plan = plan(SendMode::Async, 500, of_count(1000));
    let run = start(no_avoidance(client_of(&cluster)), plan, send).finish();
    let counters = run.counters();
    assert_eq!((counters.unknown, counters.acked), (1000, 0));
    assert_eq!(cluster.stored().messages(), 1000);
    assert!(counters.late_replies > 0, "{counters:?}");
    assert!(counters.late_replies <= counters.unknown, "{counters:?}");
}

#[test]
fn connections_lost_with_sends_in_flight_lose_no_account() {
    let losing = Behaviour {
        delay: Duration::from_millis(5),
        drop_connection_every: Some(100),
        ..Behaviour::default()
    };
    let cluster = cluster(ClusterSpec {
        per_broker: vec![(0, losing)],
        ..ClusterSpec::default()
    });
    let plan = plan(SendMode::Async, 1000, of_count(2000));
    let client = no_avoidance(client_of(&cluster));
    let run = start(client, plan, SendConfig::default()).finish();
    run.is_covered_by(&cluster);
    let counters = run.counters();
    assert_eq!(counters.planned, 2000);
    assert!(counters.recovered_sends > 0, "{counters:?}");
    assert!(counters.retry_reasons.get(label("connection_lost")) > 0);
    let accepted: u64 = cluster.stored().brokers.iter().map(|b| b.accepted).sum();
    assert!(accepted > 4, "{accepted} connections in all");
}

#[test]
fn connections_dropped_from_outside_are_made_again() {
    let cluster = cluster(ClusterSpec::default());
    let plan = plan(SendMode::Async, 1000, for_time(UNTIL_STOPPED));
    let run = start(
        no_avoidance(client_of(&cluster)),
        plan,
        SendConfig::default(),
    );
    for broker in [0, 1, 0] {
        await_more(&cluster, broker, 100);
        cluster.drop_connections(broker).unwrap();
    }
    await_more(&cluster, 0, 100);
    let run = run.stop();
    run.is_covered_by(&cluster);
    assert_eq!(run.counters().failed, 0, "{:?}", run.counters());
}

#[test]
fn a_topic_that_may_not_be_written_is_refused_before_anything_is_sent() {
    let cluster = cluster(ClusterSpec::default());
    cluster.create_topic(TOPIC, 4, permission::READ).unwrap();
    let plan = plan(SendMode::Async, 1000, of_count(100));
    let run = start(client_of(&cluster), plan, SendConfig::default());
    match run.outcome() {
        Err(LoadError::Client(ClientError::NotWritable { topic, .. })) => {
            assert_eq!(topic, TOPIC);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(cluster.stored().messages(), 0);
}

/// R100.
#[test]
fn a_topic_nobody_knows_and_nobody_makes_has_no_route() {
    let cluster = cluster(ClusterSpec {
        auto_create_topic: false,
        ..ClusterSpec::default()
    });
    let plan = plan(SendMode::Async, 1000, of_count(100));
    let run = start(client_of(&cluster), plan, SendConfig::default());
    match run.outcome() {
        Err(LoadError::Client(ClientError::NoRoute { topic, .. })) => {
            assert_eq!(topic, TOPIC);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_run_goes_on_without_its_name_server() {
    let cluster = cluster(ClusterSpec::default());
    let mut client = client_of(&cluster);
    client.route_refresh = Duration::from_millis(50);
    let plan = plan(SendMode::Async, 1000, for_time(UNTIL_STOPPED));
    let run = start(client, plan, SendConfig::default());
    let queries = cluster.stored().route_queries;
    eventually("routes are refreshed", || {
        cluster.stored().route_queries > queries + 2
    });
    cluster.close_namesrv().unwrap();
    await_more(&cluster, 0, 300);
    await_more(&cluster, 1, 300);
    let queries = cluster.stored().route_queries;
    cluster.open_namesrv().unwrap();
    eventually("routes are refreshed again", || {
        cluster.stored().route_queries > queries
    });
    let run = run.stop();
    let counters = run.counters();
    assert_eq!(counters.failed + counters.unknown, 0, "{counters:?}");
    assert_eq!(counters.acked, cluster.stored().messages());
}

#[test]
fn an_overloaded_broker_is_given_what_it_can_take_and_the_rest_is_unsent() {
    const CAPACITY: u64 = 200;
    let cluster = cluster(ClusterSpec {
        brokers: 1,
        behaviour: Behaviour {
            capacity_per_s: Some(CAPACITY),
            ..Behaviour::default()
        },
        ..ClusterSpec::default()
    });
    let mut plan = plan(
        SendMode::Async,
        10 * CAPACITY,
        for_time(Duration::from_secs(2)),
    );
    plan.in_flight = 20;
    let run = start(client_of(&cluster), plan, SendConfig::default()).finish();
    let counters = run.counters();
    assert_eq!(counters.planned, 4000, "the schedule does not give way");
    assert!(counters.unsent > 0, "{counters:?}");
    assert_eq!(counters.acked, cluster.stored().messages());
    let time = run.outcome.measured_time + run.outcome.drain_time;
    let share = counters.acked as f64 / (CAPACITY as f64 * time.as_secs_f64());
    assert!((0.8..=1.2).contains(&share), "{share} of the capacity");
}

#[test]
fn stalls_show_in_the_response_time_from_the_planned_time() {
    let cluster = cluster(ClusterSpec {
        behaviour: Behaviour {
            stall: Some(Stall {
                length: Duration::from_millis(100),
                every: Duration::from_millis(500),
            }),
            ..Behaviour::default()
        },
        ..ClusterSpec::default()
    });
    // Few callers: they stand still with the broker, which coordinated omission would hide.
    let mut plan = plan(SendMode::Sync, 1000, for_time(Duration::from_secs(3)));
    plan.callers = 4;
    let client = no_avoidance(client_of(&cluster));
    let run = start(client, plan, SendConfig::default()).finish();
    let (response, service) = (run.summary.response(), run.summary.service());
    assert_eq!(response.count(), run.counters().acked);
    assert_eq!(service.count(), run.counters().acked);
    let ms = |ns: Option<u64>| ns.unwrap() / 1_000_000;
    assert!(ms(response.percentile(9_900)) > 40);
    assert!(ms(service.percentile(5_000)) < 20);
    // A fifth of the planned times lies in a stall, but only four sends waited in each.
    assert!(response.percentile(9_900) > service.percentile(9_000));
    assert!(ms(response.percentile(9_000)) > 10 * ms(service.percentile(9_000)).max(1));
}
