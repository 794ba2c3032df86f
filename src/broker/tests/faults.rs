//! Everything a cluster can be told to do wrong.

use super::*;
use crate::broker::{Behaviour, ControlError, Reject, Stall};
use crate::protocol::ResponseCode;

fn behaving(behaviour: Behaviour) -> EmbeddedCluster {
    start(ClusterSpec {
        brokers: 1,
        behaviour,
        ..ClusterSpec::default()
    })
}

/// Writes `count` messages at once.
fn pile(client: &mut Client, count: usize) {
    let mut bytes = Vec::new();
    message()
        .with_body("x")
        .encode(SerializeType::Binary, &mut bytes);
    client.write(&bytes.repeat(count));
}

/// All events that were ready before have been seen by the cluster's thread after this: it is the
/// same thread.
fn round_trip_elsewhere(cluster: &EmbeddedCluster) {
    for _ in 0..3 {
        routed(cluster, "BenchmarkTest");
    }
}

#[test]
fn every_reply_is_delayed_and_the_delays_overlap() {
    let delay = Duration::from_millis(50);
    let cluster = behaving(Behaviour {
        delay,
        ..Behaviour::default()
    });
    let mut client = Client::of(&cluster, 0);
    let start = Instant::now();
    pile(&mut client, 400);
    assert_eq!(client.reply().code, 0);
    assert!(start.elapsed() >= delay);
    for _ in 1..400 {
        assert_eq!(client.reply().code, 0);
    }
    assert!(start.elapsed() < delay * 200, "one after the other");
    let start = Instant::now();
    client.ask(RemotingCommand::request(RequestCode(9_999)));
    assert!(start.elapsed() >= delay);
}

#[test]
fn delays_below_a_millisecond_are_kept() {
    let delay = Duration::from_micros(100);
    let cluster = behaving(Behaviour {
        delay,
        ..Behaviour::default()
    });
    let mut client = Client::of(&cluster, 0);
    let mut fastest = Duration::MAX;
    for _ in 0..200 {
        let start = Instant::now();
        assert_eq!(client.send("x").code, 0);
        assert!(start.elapsed() >= delay);
        fastest = fastest.min(start.elapsed());
    }
    assert!(fastest < delay * 10, "{fastest:?}");
}

#[test]
fn behaviour_changes_while_the_cluster_runs_and_only_where_it_should() {
    let rejecting = Behaviour {
        reject: Some(Reject {
            code: ResponseCode::SYSTEM_BUSY,
            remark: "[OVERLOAD]busy".into(),
            every: 1,
        }),
        ..Behaviour::default()
    };
    let cluster = start(ClusterSpec {
        per_broker: vec![(1, rejecting.clone())],
        ..ClusterSpec::default()
    });
    let (mut good, mut bad) = (Client::of(&cluster, 0), Client::of(&cluster, 1));
    assert_eq!([good.send("x").code, bad.send("x").code], [0, 2]);
    cluster.set_behaviour(0, rejecting).unwrap();
    cluster.set_behaviour(1, Behaviour::default()).unwrap();
    assert_eq!([good.send("x").code, bad.send("x").code], [2, 0]);
    assert!(matches!(
        cluster.set_behaviour(2, Behaviour::default()),
        Err(ControlError::NoSuchBroker(2))
    ));
}

#[test]
fn a_capacity_is_kept() {
    let cluster = behaving(Behaviour {
        capacity_per_s: Some(20_000),
        ..Behaviour::default()
    });
    let mut client = Client::of(&cluster, 0);
    let start = Instant::now();
    pile(&mut client, 2_000);
    let mut halfway = Duration::ZERO;
    for index in 0..2_000 {
        assert_eq!(client.reply().code, 0);
        if index == 1_000 {
            halfway = start.elapsed();
        }
    }
    // 2,000 at 20,000 per second: 100 ms in all, and evenly.
    assert!(halfway >= Duration::from_millis(45), "{halfway:?}");
    let all = start.elapsed();
    assert!(all >= Duration::from_millis(90), "{all:?}");
    assert!(all < Duration::from_secs(5), "{all:?}");
}

#[test]
fn a_capacity_is_shared_by_the_connections_of_a_broker() {
    let cluster = behaving(Behaviour {
        capacity_per_s: Some(20_000),
        ..Behaviour::default()
    });
    let mut clients: Vec<_> = (0..4).map(|_| Client::of(&cluster, 0)).collect();
    let start = Instant::now();
    for client in &mut clients {
        pile(client, 500);
    }
    for client in &mut clients {
        for _ in 0..500 {
            assert_eq!(client.reply().code, 0);
        }
    }
    assert!(start.elapsed() >= Duration::from_millis(90));
}

#[test]
fn a_server_of_limited_capacity_stops_reading() {
    let per_s = 100;
    let cluster = behaving(Behaviour {
        capacity_per_s: Some(per_s),
        ..Behaviour::default()
    });
    let mut client = Client::of(&cluster, 0);
    let start = Instant::now();
    pile(&mut client, 10_000);
    wait_until("the backlog is full", || {
        cluster.stored().messages() > 4_096
    });
    round_trip_elsewhere(&cluster);
    let served = start.elapsed().as_secs() * per_s + per_s;
    let taken = cluster.stored().messages();
    assert!(taken <= 4_097 + served, "{taken}");
    // With the limit gone the rest is read at once. The first reply was due long before.
    cluster.set_behaviour(0, Behaviour::default()).unwrap();
    wait_until("the rest is read", || cluster.stored().messages() == 10_000);
    assert_eq!(client.reply().code, 0);
}

#[test]
fn a_backlog_drains_and_everything_is_answered() {
    let cluster = behaving(Behaviour {
        capacity_per_s: Some(100_000),
        ..Behaviour::default()
    });
    let mut client = Client::of(&cluster, 0);
    pile(&mut client, 12_000);
    for _ in 0..12_000 {
        assert_eq!(client.reply().code, 0);
    }
    assert_eq!(cluster.stored().messages(), 12_000);
}

#[test]
fn during_a_standstill_nothing_is_answered() {
    let stall = Stall {
        length: Duration::from_millis(150),
        every: Duration::from_millis(250),
    };
    let cluster = behaving(Behaviour {
        stall: Some(stall),
        ..Behaviour::default()
    });
    let mut client = Client::of(&cluster, 0);
    let mut times = Vec::new();
    let start = Instant::now();
    while start.elapsed() < stall.every * 3 {
        let sent = Instant::now();
        assert_eq!(client.send("x").code, 0);
        times.push(sent.elapsed());
    }
    times.sort_unstable();
    // Whatever was sent as a standstill began waited for nearly all of it, everything else did not.
    assert!(times[times.len() - 1] >= stall.length / 2, "{times:?}");
    assert!(times[times.len() / 2] < stall.length / 10);
}

#[test]
fn a_paused_broker_keeps_its_connections_and_does_nothing() {
    let cluster = one_broker();
    let mut client = Client::of(&cluster, 0);
    assert_eq!(client.send("x").code, 0);
    cluster.pause(0).unwrap();
    pile(&mut client, 3);
    let mut later = Client::of(&cluster, 0);
    pile(&mut later, 2);
    round_trip_elsewhere(&cluster);
    assert_eq!(cluster.stored().messages(), 1);
    cluster.resume(0).unwrap();
    for _ in 0..3 {
        assert_eq!(client.reply().code, 0);
    }
    for _ in 0..2 {
        assert_eq!(later.reply().code, 0);
    }
}

#[test]
fn every_nth_message_is_rejected() {
    let cluster = behaving(Behaviour {
        reject: Some(Reject {
            code: ResponseCode::SYSTEM_BUSY,
            remark: "[TIMEOUT_CLEAN_QUEUE]busy".into(),
            every: 3,
        }),
        ..Behaviour::default()
    });
    let mut client = Client::of(&cluster, 0);
    let replies: Vec<_> = (0..6).map(|_| client.send("x")).collect();
    let codes: Vec<_> = replies.iter().map(|reply| reply.code).collect();
    assert_eq!(codes, [0, 0, 2, 0, 0, 2]);
    assert_eq!(
        replies[2].remark.as_deref(),
        Some("[TIMEOUT_CLEAN_QUEUE]busy")
    );
    assert_eq!(
        (cluster.stored().messages(), cluster.stored().rejected()),
        (4, 2)
    );
}

#[test]
fn every_nth_reply_is_swallowed_though_the_message_is_stored() {
    let cluster = behaving(Behaviour {
        drop_replies_every: Some(2),
        ..Behaviour::default()
    });
    let mut client = Client::of(&cluster, 0);
    for _ in 0..4 {
        client.put(message().with_body("x"), SerializeType::Binary);
    }
    assert_eq!(
        [client.reply(), client.reply()].map(|reply| reply.opaque),
        [1, 3]
    );
    let last = client.ask(RemotingCommand::request(RequestCode(9_999)));
    assert_eq!(last.code, 3);
    let stored = cluster.stored();
    assert_eq!(
        (stored.messages(), stored.brokers[0].swallowed_replies),
        (4, 2)
    );
}

#[test]
fn every_nth_message_costs_its_connection() {
    let cluster = behaving(Behaviour {
        drop_connection_every: Some(3),
        ..Behaviour::default()
    });
    let mut client = Client::of(&cluster, 0);
    pile(&mut client, 3);
    assert_eq!([client.reply().code, client.reply().code], [0, 0]);
    assert_eq!(client.try_reply(), None);
    assert_eq!(cluster.stored().messages(), 2);
    let mut client = Client::of(&cluster, 0);
    assert_eq!(client.send("x").code, 0);
}

#[test]
fn a_closed_port_refuses_and_opens_again() {
    let cluster = one_broker();
    let address = cluster.brokers()[0].address.clone();
    let mut client = Client::of(&cluster, 0);
    assert_eq!(client.send("x").code, 0);
    cluster.close_port(0).unwrap();
    cluster.close_port(0).unwrap();
    assert_eq!(client.try_reply(), None);
    assert!(TcpStream::connect(&address).is_err());
    assert_eq!(cluster.stored().connections(), 0);
    assert_eq!(routed(&cluster, "BenchmarkTest"), ["broker-0"]);
    cluster.open_port(0).unwrap();
    cluster.open_port(0).unwrap();
    assert_eq!(cluster.brokers()[0].address, address);
    assert_eq!(Client::connect(&address).send("x").code, 0);
    assert_eq!(cluster.stored().messages(), 2);
}

#[test]
fn connections_are_dropped_and_new_ones_taken() {
    let cluster = one_broker();
    let mut clients = [Client::of(&cluster, 0), Client::of(&cluster, 0)];
    for client in &mut clients {
        assert_eq!(client.send("x").code, 0);
    }
    cluster.drop_connections(0).unwrap();
    for client in &mut clients {
        assert_eq!(client.try_reply(), None);
    }
    assert_eq!(Client::of(&cluster, 0).send("x").code, 0);
}

#[test]
fn the_name_server_goes_and_comes_back() {
    let cluster = one_broker();
    let address = cluster.namesrv_address();
    let mut client = Client::connect(&address);
    assert_eq!(client.ask(route_query("BenchmarkTest")).code, 0);
    cluster.close_namesrv().unwrap();
    assert_eq!(client.try_reply(), None);
    assert!(TcpStream::connect(&address).is_err());
    assert_eq!(Client::of(&cluster, 0).send("x").code, 0);
    cluster.open_namesrv().unwrap();
    assert_eq!(routed(&cluster, "BenchmarkTest"), ["broker-0"]);
}

#[test]
fn a_broker_leaves_the_routes_and_returns() {
    let cluster = start(ClusterSpec::default());
    cluster.unregister(0).unwrap();
    assert_eq!(routed(&cluster, "BenchmarkTest"), ["broker-1"]);
    cluster.unregister(1).unwrap();
    assert_eq!(route(&cluster, "BenchmarkTest"), None);
    assert_eq!(Client::of(&cluster, 0).send("x").code, 0);
    cluster.register(0).unwrap();
    assert_eq!(routed(&cluster, "BenchmarkTest"), ["broker-0"]);
    assert!(cluster.register(7).is_err());
}
