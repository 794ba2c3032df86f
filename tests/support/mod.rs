//! What tests against an embedded cluster share.
#![allow(dead_code, reason = "each file of tests uses a part of it")]

pub(crate) mod binary;
pub(crate) mod load;
pub(crate) mod relay;
pub(crate) mod search;

use std::time::{Duration, Instant};

use rmq_bench::broker::{ClusterSpec, EmbeddedCluster};
use rmq_bench::client::ClientConfig;
use rmq_bench::protocol::route::permission;

/// Longest wait for anything that is awaited; far beyond what it takes.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// Topic that each cluster has on all brokers, unless it makes none: one that the first send made
/// would be on that broker only when the route is next looked up.
pub(crate) const TOPIC: &str = "Tests";

/// A running cluster.
pub(crate) fn cluster(spec: ClusterSpec) -> EmbeddedCluster {
    let has_topic = spec.auto_create_topic;
    let cluster = EmbeddedCluster::start(spec).unwrap();
    if has_topic {
        let permission = permission::READ_WRITE;
        cluster.create_topic(TOPIC, 4, permission).unwrap();
    }
    cluster
}

/// A client of this cluster, with defaults besides.
pub(crate) fn client_of(cluster: &EmbeddedCluster) -> ClientConfig {
    ClientConfig {
        namesrv: vec![cluster.namesrv_address()],
        ..ClientConfig::default()
    }
}

/// Waits for something the cluster or the client will show.
#[track_caller]
pub(crate) fn eventually(what: &str, holds: impl Fn() -> bool) {
    let until = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < until, "still not: {what}");
        std::thread::park_timeout(Duration::from_millis(1));
    }
}
