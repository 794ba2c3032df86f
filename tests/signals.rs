//! Ctrl-C in every phase of a run: what is reported, and that the accounts close.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]

mod support;

use std::process::Output;
use std::time::Duration;

use nix::sys::signal::Signal::{SIGINT, SIGTERM};
use rmq_bench::broker::{Behaviour, ClusterSpec, EmbeddedCluster};
use serde_json::Value;
use support::binary::{LongRun, accounts_close, json, number};
use support::{TOPIC, cluster, eventually};

/// Said after the first signal, and after the second one.
const STOPPING: &str = "stopping";
const AT_ONCE: &str = "reporting at once";

/// A run that would take a minute, with its intervals among the lines of its stderr.
fn long_run(rate: &str) -> LongRun {
    let run = LongRun::start(&[
        "-r",
        rate,
        "-d",
        "1m",
        "--warmup",
        "0s",
        "--intervals",
        "/dev/stderr",
    ]);
    run.await_line("an interval", |line| line.starts_with('{'));
    run
}

/// A run against a cluster of the test's.
fn run_against(cluster: &EmbeddedCluster, arguments: &[&str]) -> LongRun {
    let address = cluster.namesrv_address();
    let target = ["-n", &address, "-t", TOPIC];
    LongRun::start(&[&target, arguments].concat())
}

fn that_answers_every_second_message() -> EmbeddedCluster {
    cluster(ClusterSpec {
        behaviour: Behaviour {
            drop_replies_every: Some(2),
            ..Behaviour::default()
        },
        ..ClusterSpec::default()
    })
}

fn await_stored(cluster: &EmbeddedCluster, messages: u64) {
    eventually("messages arrive", || {
        cluster.stored().messages() >= messages
    });
}

/// Exit 130 and a whole report that says why it ended.
#[track_caller]
fn is_interrupted(output: &Output) -> Value {
    assert_eq!(output.status.code(), Some(130));
    let result = json(&output.stdout);
    assert_eq!(result["run"]["stop_reason"], "interrupted");
    accounts_close(&result);
    result
}

#[test]
fn an_interrupted_run_reports_what_it_has() {
    for (rate, signal) in [("1000", SIGINT), ("1000", SIGTERM), ("max", SIGINT)] {
        let run = long_run(rate);
        run.signal(signal);
        let result = is_interrupted(&run.end());
        assert!(number(&result, "/accounts/acked") > 0, "{rate} {signal}");
        let measured = result["window"]["measured_s"].as_f64().unwrap();
        assert!(measured < 60.0, "{rate} {signal}: it ended early");
    }
}

#[test]
fn a_run_interrupted_in_the_warm_up_has_measured_nothing() {
    for mode in ["sync", "async", "oneway"] {
        let cluster = cluster(ClusterSpec::default());
        let arguments = ["-m", mode, "-r", "1000", "--warmup", "1h", "-d", "1s"];
        let run = run_against(&cluster, &arguments);
        await_stored(&cluster, 100);
        run.signal(SIGINT);
        let result = is_interrupted(&run.end());
        assert_eq!(number(&result, "/accounts/planned"), 0, "{mode}");
        assert_eq!(result["window"]["measured_s"], 0.0, "{mode}");
    }
}

#[test]
fn late_answers_of_the_warm_up_are_none_of_the_window() {
    let cluster = cluster(ClusterSpec {
        behaviour: Behaviour {
            delay: Duration::from_millis(200),
            ..Behaviour::default()
        },
        ..ClusterSpec::default()
    });
    let arguments = ["-r", "1000", "--warmup", "1h", "-d", "1s"];
    let hurry = ["--timeout", "20ms", "--retries", "0"];
    let run = run_against(&cluster, &[&arguments[..], &hurry].concat());
    // At this rate the first of them have been answered for a second.
    await_stored(&cluster, 1200);
    run.signal(SIGINT);
    let result = is_interrupted(&run.end());
    assert_eq!(number(&result, "/accounts/late_replies"), 0);
}

#[test]
fn an_interrupted_run_waits_for_the_answers_under_way() {
    let cluster = that_answers_every_second_message();
    let arguments = ["-r", "1000", "-d", "1m", "--warmup", "0s"];
    let patience = ["--timeout", "1s", "--retries", "0", "--drain", "1h"];
    let run = run_against(&cluster, &[&arguments[..], &patience].concat());
    await_stored(&cluster, 200);
    run.signal(SIGINT);
    let result = is_interrupted(&run.end());
    // Each send has come to its own end; none was cut off.
    let unknown = number(&result, "/accounts/unknown");
    assert_eq!(number(&result, "/accounts/errors/timeout"), unknown);
    assert!(unknown > 0 && number(&result, "/accounts/acked") > 0);
}

#[test]
fn a_run_interrupted_in_the_drain_is_marked_as_such() {
    for rate in ["100", "max"] {
        let cluster = cluster(ClusterSpec::default());
        cluster.pause(0).unwrap();
        cluster.pause(1).unwrap();
        let arguments = ["-r", rate, "-d", "500ms", "--warmup", "0s"];
        let patience = ["--timeout", "1h", "--drain", "1h", "--in-flight", "50"];
        let intervals = ["--intervals", "/dev/stderr"];
        let run = run_against(&cluster, &[&arguments[..], &patience, &intervals].concat());
        // A second has passed, the window was half of it.
        run.await_line("an interval", |line| line.starts_with('{'));
        run.interrupt(STOPPING);
        cluster.resume(0).unwrap();
        cluster.resume(1).unwrap();
        let result = is_interrupted(&run.end());
        let acked = number(&result, "/accounts/acked");
        assert_eq!(acked, 50, "{rate}: all answers are waited for");
    }
}

#[test]
fn a_second_signal_gives_up_what_is_under_way() {
    let cluster = that_answers_every_second_message();
    let arguments = ["-r", "1000", "-d", "1m", "--warmup", "0s"];
    // Longer than the test waits for anything.
    let patience = ["--timeout", "1h", "--retries", "0", "--drain", "1h"];
    let run = run_against(&cluster, &[&arguments[..], &patience].concat());
    await_stored(&cluster, 200);
    run.interrupt(STOPPING);
    run.interrupt(AT_ONCE);
    let result = is_interrupted(&run.end());
    let unknown = number(&result, "/accounts/unknown");
    assert!(unknown >= 99, "{unknown}");
    let unanswered = number(&result, "/accounts/errors/unanswered");
    assert_eq!(unanswered, unknown);
}

#[test]
fn a_third_signal_ends_a_run_that_cannot_even_report() {
    let cluster = cluster(ClusterSpec::default());
    // Nobody reads stdout before the end, so that the audit trail stops the run.
    let arguments = ["-r", "2000", "-d", "1m", "--warmup", "0s"];
    let stuck = ["--audit", "/dev/stdout"];
    let run = run_against(&cluster, &[&arguments[..], &stuck].concat());
    await_stored(&cluster, 4000);
    run.interrupt(STOPPING);
    run.interrupt(AT_ONCE);
    run.signal(SIGINT);
    let output = run.end();
    assert_eq!(output.status.code(), Some(130));
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(!stdout.contains("schema_version"), "there is no report");
}
