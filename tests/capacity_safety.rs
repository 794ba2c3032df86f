//! `rmq-bench capacity` and what keeps it from doing harm: what has to be meant, bytes, disks, and steps that a failure leaves.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]

mod support;

use predicates::prelude::*;
use rmq_bench::broker::{Behaviour, ClusterSpec, EmbeddedCluster};
use serde_json::Value;
use support::binary::{LongRun, json, rmq_bench};
use support::search::{LONGEST, is_consistent, is_of_its_schema, kept};
use support::{cluster, eventually};

/// Windows of 100 to 400 messages a second, 1 KiB each, which any cluster carries.
const SMALL: [&str; 17] = [
    "capacity",
    "--objective",
    "p90<1s",
    "--min",
    "100",
    "--max",
    "400",
    "--step-time",
    "2s",
    "--warmup",
    "500ms",
    "--confirm",
    "1",
    "--curve",
    "off",
    "--format",
    "json",
];

fn small(cluster: &EmbeddedCluster, more: &[&str]) -> assert_cmd::Command {
    let mut command = rmq_bench();
    command
        .timeout(LONGEST)
        .args(SMALL)
        .args(["-n", &cluster.namesrv_address()])
        .args(more);
    command
}

fn with_disk(percent: u8) -> EmbeddedCluster {
    cluster(ClusterSpec {
        behaviour: Behaviour {
            disk_percent: Some(percent),
            ..Behaviour::default()
        },
        ..ClusterSpec::default()
    })
}

#[test]
fn a_large_load_on_other_hosts_has_to_be_meant() {
    // An address that nobody has (RFC 5737): it would not answer either.
    let far = ["capacity", "-n", "192.0.2.1:9876"];
    for more in [
        &[][..],
        &["--max", "20k"],
        &["--max", "5k", "--time-budget", "10h"],
    ] {
        rmq_bench()
            .args(far)
            .args(more)
            .assert()
            .code(2)
            .stdout("")
            .stderr(predicate::str::contains("if that is meant, give --yes"));
        rmq_bench()
            .args(far)
            .args(more)
            .arg("--dry-run")
            .assert()
            .success()
            .stdout(predicate::str::contains("Needs: --yes"));
    }
    for more in [
        &["--yes"][..],
        &["--max", "10k"],
        &["--max-bytes", "1GiB", "--max", "10k"],
    ] {
        rmq_bench()
            .args(far)
            .args(more)
            .arg("--dry-run")
            .assert()
            .success()
            .stdout(predicate::str::contains("Needs:").not());
    }
}

#[test]
fn nothing_is_sent_where_nothing_may_be() {
    let (full, roomy) = (with_disk(90), with_disk(10));
    for (cluster, more, said) in [
        (&full, &[][..], "the disk of broker-0 is 90.0 % full"),
        (&full, &["--max-disk", "50%"], "--max-disk allows 50.0 %"),
        (&roomy, &["--max-bytes", "100KiB"], "would pass --max-bytes"),
    ] {
        small(cluster, more)
            .assert()
            .code(11)
            .stdout("")
            .stderr(predicate::str::contains("nothing was sent, as"))
            .stderr(predicate::str::contains(said));
        assert_eq!(cluster.stored().messages(), 0, "{said}");
    }
}

#[test]
fn a_search_ends_before_it_sends_more_than_it_may_and_goes_on_with_more() {
    let cluster = with_disk(10);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("steps.ndjson");
    let steps = file.to_str().unwrap();
    // The windows of 100/s and 200/s fit in, with what is sent around them, and that of 400/s does not.
    let run = small(&cluster, &["--max-bytes", "1500KiB", "--resume", steps])
        .output()
        .unwrap();
    let result = json(&run.stdout);
    is_of_its_schema(&result);
    is_consistent(run.status.code(), &result);
    // On a machine that stalls all the time it is the generator that ends.
    let capacity = &result["capacity"];
    let sent = cluster.stored().messages() * 1024;
    assert!(sent <= 1500 * 1024, "{sent}");
    let told: f64 = capacity["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["sent_bytes"].as_f64().unwrap())
        .sum();
    let off = told / sent as f64 - 1.0;
    assert!(off.abs() < 0.2, "{told} of {sent}");
    if capacity["answer"] != "stopped" {
        return;
    }
    let why = capacity["stopped_by"].as_str().unwrap();
    assert!(why.contains("--max-bytes"), "{why}");
    let before = kept(&file);
    let again = small(&cluster, &["--max-bytes", "100MiB", "--resume", steps])
        .output()
        .unwrap();
    let again = json(&again.stdout);
    assert_eq!(again["run"]["resumed_steps"], before);
    assert_ne!(again["capacity"]["answer"], "stopped", "{again:#}");
}

#[test]
fn what_was_measured_stays_when_the_cluster_goes_away() {
    let cluster = with_disk(10);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("steps.ndjson");
    let address = cluster.namesrv_address();
    let arguments = [
        &SMALL[..],
        &["-n", &address, "--resume", file.to_str().unwrap()],
    ]
    .concat();
    let run = LongRun::of(&arguments);
    eventually("a step is kept", || kept(&file) >= 1);
    cluster.close_namesrv().unwrap();
    for broker in 0..cluster.brokers().len() {
        cluster.close_port(broker).unwrap();
        cluster.drop_connections(broker).unwrap();
    }
    let output = run.end();
    let result = json(&output.stdout);
    let capacity = &result["capacity"];
    assert_eq!(capacity["answer"], "stopped", "{result:#}");
    assert_eq!(output.status.code(), Some(3));
    let steps = capacity["steps"].as_array().unwrap();
    assert!(!steps.is_empty());
    assert_eq!(steps.len(), kept(&file), "each step is in the file");
    assert_eq!(
        capacity["stopped_by"].as_str().map(str::is_empty),
        Some(false)
    );
    assert_eq!(capacity["confidence"], Value::Null);
}
