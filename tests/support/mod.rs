//! What tests against an embedded cluster share.

use std::time::{Duration, Instant};

use rmq_bench::broker::{ClusterSpec, EmbeddedCluster};
use rmq_bench::client::ClientConfig;

/// Longest wait for anything that is awaited; far beyond what it takes.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// A running cluster.
pub(crate) fn cluster(spec: ClusterSpec) -> EmbeddedCluster {
    EmbeddedCluster::start(spec).unwrap()
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
