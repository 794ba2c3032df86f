//! What a run ends with: error rates, thresholds, verdicts, and which of them goes first.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]

mod support;

use predicates::prelude::*;
use predicates::str::contains;
use rmq_bench::broker::{Behaviour, ClusterSpec, EmbeddedCluster, Reject};
use rmq_bench::protocol::ResponseCode;
use serde_json::Value;
use support::binary::{accounts_close, json, number, rmq_bench};
use support::{TOPIC, cluster};

/// One broker that refuses every n-th message.
fn refusing(every: u64) -> EmbeddedCluster {
    cluster(ClusterSpec {
        brokers: 1,
        behaviour: Behaviour {
            reject: Some(Reject {
                code: ResponseCode::SYSTEM_ERROR,
                remark: "not today".to_owned(),
                every,
            }),
            ..Behaviour::default()
        },
        ..ClusterSpec::default()
    })
}

/// Sends 400 messages, ends with this code, and reports all the same.
#[track_caller]
fn ends_with(code: i32, cluster: &EmbeddedCluster, arguments: &[&str]) -> (Value, String) {
    let address = cluster.namesrv_address();
    let run = rmq_bench()
        .args(["-q", "--no-color", "--format", "json", "-n", &address])
        .args(["-t", TOPIC, "-r", "2000", "--count", "400"])
        .args(arguments)
        .assert()
        .code(code);
    let output = run.get_output();
    let result = json(&output.stdout);
    assert_eq!(number(&result, "/accounts/planned"), 400);
    accounts_close(&result);
    (result, String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_threshold_fails_the_run_only_when_its_condition_holds() {
    let run = |condition: &str| {
        let mut command = rmq_bench();
        command.args(["-q", "-r", "2000", "--count", "500", "--fail-if", condition]);
        command.assert()
    };
    run("p50>1ns").code(10).stderr(contains("p50"));
    run("achieved>=50%").code(10).stderr(contains("achieved"));
    run("p50>1h").success();
}

#[test]
fn failed_sends_fail_the_run_above_the_rate_that_is_allowed() {
    for (allowed, code) in [("24%", 4), ("25%", 0), ("100%", 0)] {
        let arguments = ["--max-error-rate", allowed];
        let (result, errors) = ends_with(code, &refusing(4), &arguments);
        assert_eq!(number(&result, "/accounts/failed"), 100, "{allowed}");
        assert_eq!(errors.contains("--max-error-rate"), code == 4, "{errors}");
    }
    // By default one in a hundred is allowed.
    ends_with(0, &refusing(100), &[]);
    ends_with(4, &refusing(80), &[]);
}

#[test]
fn an_invalid_verdict_fails_a_strict_run_only() {
    // Without a single acknowledgement there is nothing to measure.
    let cluster = refusing(1);
    let allowed = ["--max-error-rate", "100%"];
    let (result, errors) = ends_with(0, &cluster, &allowed);
    assert_eq!(result["verdict"]["status"], "invalid");
    assert_eq!(errors, "");
    let strict = [&allowed[..], &["--strict"]].concat();
    let (result, errors) = ends_with(12, &cluster, &strict);
    assert_eq!(result["verdict"]["status"], "invalid");
    assert!(errors.contains("--strict"), "{errors}");
}

#[test]
fn a_run_that_aborted_itself_is_invalid() {
    let run = rmq_bench()
        .args(["-q", "--format", "json", "-r", "2000", "-d", "15s"])
        .args(["--warmup", "0s", "--broker-capacity", "20"])
        .args(["--in-flight", "10", "--when-late", "abort"])
        .assert()
        .code(12);
    let result = json(&run.get_output().stdout);
    let reasons = result["verdict"]["reasons"].as_array().unwrap();
    assert!(reasons.iter().any(|reason| reason["code"] == "aborted"));
}

#[test]
fn an_aborted_run_accounts_for_all_that_was_planned_until_then() {
    let cluster = cluster(ClusterSpec {
        brokers: 1,
        behaviour: Behaviour {
            capacity_per_s: Some(20),
            ..Behaviour::default()
        },
        ..ClusterSpec::default()
    });
    let address = cluster.namesrv_address();
    let run = rmq_bench()
        .args(["-q", "--format", "json", "-n", &address, "-t", TOPIC])
        .args(["-r", "2000", "-d", "1h", "--warmup", "0s", "--shards", "1"])
        .args(["--in-flight", "10", "--when-late", "abort"])
        .assert()
        .code(12);
    let result = json(&run.get_output().stdout);
    accounts_close(&result);
    assert_eq!(result["run"]["stop_reason"], "aborted");
    let [planned, acked, unsent] =
        ["planned", "acked", "unsent"].map(|name| number(&result, &format!("/accounts/{name}")));
    // What was in flight is waited for; what was due besides is counted, and nothing that was not due yet.
    assert_eq!(acked + unsent, planned, "{:?}", result["accounts"]);
    assert!(unsent > 0 && acked <= 10, "{acked} acked, {unsent} unsent");
    let due = result["window"]["measured_s"].as_f64().unwrap() * 2000.0;
    #[allow(clippy::cast_precision_loss, reason = "a few messages")]
    let apart = (planned as f64 - due).abs();
    assert!(apart <= 2.0, "{planned} planned, {due} due");
}

#[test]
fn a_strict_run_passes_whose_verdict_is_not_invalid() {
    // A closed loop has no schedule to miss: whatever the machine does, it is not invalid.
    let run = rmq_bench()
        .args(["-q", "--format", "json", "--count", "2000", "--strict"])
        .assert()
        .success()
        .stderr("");
    let result = json(&run.get_output().stdout);
    assert_ne!(result["verdict"]["status"], "invalid");
}

#[test]
fn the_graver_failure_decides_the_exit_code() {
    // Everything at once: failed sends, a threshold, an invalid verdict, a full disk.
    let threshold = ["--strict", "--fail-if", "error_rate>0%"];
    let allowed = [&threshold[..], &["--max-error-rate", "100%"]].concat();
    let full = [&threshold[..], &["--intervals", "/dev/full"]].concat();
    ends_with(10, &refusing(1), &allowed);
    ends_with(4, &refusing(1), &threshold);
    ends_with(1, &refusing(1), &full);
}

#[test]
fn a_percentile_of_too_few_sends_says_how_many_it_needs() {
    rmq_bench()
        .args(["-q", "-r", "100", "-d", "200ms", "--warmup", "0s"])
        .args(["--fail-if", "p99>1h"])
        .assert()
        .code(10)
        .stderr(
            contains("p99>1h could not be judged")
                .and(contains(
                    "needs 1,000 messages with such a time, this run has 20",
                ))
                .and(contains("raise --duration or --rate")),
        );
}

#[test]
fn every_threshold_that_is_missed_is_told() {
    let run = rmq_bench()
        .args(["-q", "-r", "2000", "--count", "100", "--format", "json"])
        .args(["--fail-if", "p50>1ns", "--fail-if", "max>1h"])
        .args(["--fail-if", "achieved>=50%"])
        .assert();
    let result = json(&run.get_output().stdout);
    let outcomes = result["thresholds"].as_array().unwrap();
    let passed: Vec<_> = outcomes.iter().map(|o| o["passed"].as_bool()).collect();
    assert_eq!(passed, [Some(false), Some(true), Some(false)]);
    assert_eq!(outcomes[2]["value"], 1.0);
    run.code(10).stderr(
        contains("p50")
            .and(contains("achieved"))
            .and(contains("1h").not()),
    );
}
