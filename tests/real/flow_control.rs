//! What brokers of a real cluster say when they refuse messages for want of time or room, and what becomes of it.

use std::time::{Duration, Instant};

use crate::cluster::{Cluster, keep, result};

/// Brokers look at their disk every ten seconds.
const DISK_SEEN: Duration = Duration::from_secs(60);

fn run(cluster: &Cluster, topic: &str, arguments: &[&str]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let always = ["--warmup", "0s", "--max-error-rate", "100%"];
    let arguments = [&always, arguments].concat();
    let run = cluster
        .bench(topic, folder.path(), &arguments)
        .output()
        .unwrap();
    assert!(run.status.success(), "{:?}", run.status);
    run.stdout
}

#[test]
#[ignore = "needs a real cluster whose brokers let nothing wait; scripts/test starts one"]
fn a_short_wait_in_the_queue_is_told_with_age_and_size() {
    let cluster = Cluster::running();
    let topic = cluster.new_topic("short-wait");
    let load = ["--mode", "async", "--duration", "5s", "--in-flight", "4096"];
    let stdout = run(&cluster, &topic, &load);
    keep("flow-control-short-wait", &stdout);
    let result = result(&stdout, false);
    let flow = &result.flow_control;
    let waited = flow.iter().find(|flow| flow.class == "timeout_clean_queue");
    let waited = waited.expect("refusals of messages that waited");
    assert_eq!(flow[0].class, waited.class, "the most frequent: {flow:?}");
    // They are refused from a millisecond on, and say for how long they have waited.
    assert!(waited.queued_mean_ms.unwrap() >= 1.0, "{waited:?}");
    assert!(waited.queued_max_ms.unwrap() >= 1 && waited.queue_size_max.unwrap() > 0);
    let busy: u64 = flow.iter().map(|flow| flow.attempts).sum();
    let errors = result.brokers.iter().flat_map(|broker| &broker.errors);
    let told: u64 = errors
        .filter(|(kind, _)| *kind == "system_busy")
        .map(|(_, n)| n)
        .sum();
    assert_eq!(busy, told, "each refusal has a class");
    assert_eq!(cluster.stored(&topic), result.accounts.acked);
}

#[test]
#[ignore = "needs a real cluster with a full disk; scripts/test starts one"]
fn a_full_disk_is_told_as_such() {
    let cluster = Cluster::running();
    let topic = cluster.new_topic("full-disk");
    let load = [
        "--mode",
        "sync",
        "--rate",
        "100",
        "--count",
        "100",
        "--retries",
        "0",
    ];
    let deadline = Instant::now() + DISK_SEEN;
    let result = loop {
        let stdout = run(&cluster, &topic, &load);
        let result = result(&stdout, false);
        if result.accounts.failed == 100 {
            keep("flow-control-full-disk", &stdout);
            break result;
        }
        assert!(Instant::now() < deadline, "{:?}", result.accounts);
    };
    assert_eq!(result.flow_control.len(), 1, "{:?}", result.flow_control);
    let flow = &result.flow_control[0];
    assert_eq!((&*flow.class, flow.attempts), ("disk_full", 100));
    assert_eq!(flow.share, Some(1.0));
}
