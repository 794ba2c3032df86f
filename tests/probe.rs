//! The sends before a run, and what Little's law makes of them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]

mod support;

use predicates::prelude::*;
use predicates::str::contains;
use rmq_bench::broker::ClusterSpec;
use support::binary::{accounts_close, number, result_of, rmq_bench};
use support::cluster;

#[test]
fn too_few_callers_are_told_before_the_run_and_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("result.json");
    rmq_bench()
        .args(["-m", "sync", "-r", "20k", "--callers", "4"])
        .args(["--broker-delay", "2ms", "-d", "1s", "--warmup", "1s"])
        .args(["-o", file.to_str().unwrap()])
        .assert()
        .success()
        .stderr(contains("4 callers at ").and(contains("not 20,000/s (100 sends before the run)")))
        .stdout(contains("Little's law: 4 callers at "));
    let result: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let law = |member: &str| number(&result, &format!("/littles_law/{member}"));
    assert_eq!((law("places"), law("probe_sends")), (4, 100));
    // A send takes the 2 ms of the broker at least, so 40 callers are the least.
    assert!(law("probe_service_ns") >= 2_000_000, "{result}");
    assert!(law("needed") >= 40 && law("measured_needed") >= 40);
    let ceiling = result["littles_law"]["ceiling_per_s"].as_f64().unwrap();
    assert!(ceiling <= 2_000.0, "{ceiling}");
    assert!(result["rate"]["acked_per_s"].as_f64().unwrap() < 20_000.0);
    accounts_close(&result);
}

#[test]
fn what_is_probed_is_in_no_figure_and_can_be_left_out() {
    let cluster = cluster(ClusterSpec::default());
    let address = cluster.namesrv_address();
    let run = ["-n", &address, "-r", "500", "-d", "1s"];
    let warm = ["--warmup", "1s"];
    let sent = |more: &[&str]| {
        let before = cluster.stored().messages();
        let result = result_of(&[&run[..], more].concat());
        assert_eq!(number(&result, "/accounts/acked"), 500);
        (
            cluster.stored().messages() - before,
            result.get("littles_law").is_some(),
        )
    };
    assert_eq!(sent(&warm), (1_100, true));
    assert_eq!(
        sent(&[&warm[..], &["--probe", "off"]].concat()),
        (1_000, false)
    );
    assert_eq!(sent(&["--warmup", "0s"]), (500, false));
    assert_eq!(sent(&[&warm[..], &["-m", "sync"]].concat()), (1_100, true));
    // Batches of five: 100 sends as well.
    assert_eq!(
        sent(&[&warm[..], &["-m", "batch", "--batch", "5"]].concat()),
        (1_500, true)
    );
    assert_eq!(sent(&[&warm[..], &["-m", "tx"]].concat()), (1_000, false));
}
