//! Warm-ups that end by themselves, and what a verdict says of loads that are not steady.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_precision_loss,
    reason = "a test may panic, and its numbers are small"
)]

mod support;

use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rmq_bench::broker::{Behaviour, ClusterSpec, EmbeddedCluster};
use rmq_bench::client::{ClientInstance, SendConfig};
use rmq_bench::load::{
    Arrivals, LoadOutcome, LoadRun, RunPhase, SendMode, StopReason, StopSignal, WarmupEnd,
};
use rmq_bench::metrics::{Acks, Summary};
use serde_json::Value;
use support::binary::{accounts_close, json, number, process};
use support::load::{for_time, of_count, plan, stored_by};
use support::{client_of, eventually};

fn slow(ms: u64) -> Behaviour {
    Behaviour {
        delay: Duration::from_millis(ms),
        ..Behaviour::default()
    }
}

fn one_broker(behaviour: Behaviour) -> EmbeddedCluster {
    support::cluster(ClusterSpec {
        brokers: 1,
        behaviour,
        ..ClusterSpec::default()
    })
}

/// A run of the binary that is longer than what a test waits for at a time.
fn start(cluster: &EmbeddedCluster, arguments: &str) -> Child {
    process()
        .args([
            "-n",
            &cluster.namesrv_address(),
            "-t",
            support::TOPIC,
            "-q",
            "--format",
            "json",
        ])
        .args(arguments.split_ascii_whitespace())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn end(run: Child) -> Value {
    let output = run.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let result = json(&output.stdout);
    accounts_close(&result);
    result
}

fn reason<'a>(result: &'a Value, code: &str) -> Option<&'a Value> {
    let reasons = result["verdict"]["reasons"].as_array().unwrap();
    reasons.iter().find(|reason| reason["code"] == code)
}

/// Waits until the broker has stored so many messages more than once: a step of the run that no clock tells.
fn once_stored(cluster: &EmbeddedCluster, messages: u64) {
    while stored_by(cluster, 0) < messages {
        let before = stored_by(cluster, 0);
        eventually("messages arrive", || stored_by(cluster, 0) > before);
    }
}

/// 150 ms for the first four seconds, then 50 ms: the window holds nothing of the former, and exactly the
/// count.
#[test]
fn a_cluster_that_gets_faster_is_measured_when_it_has() {
    let cluster = one_broker(slow(150));
    let run = start(
        &cluster,
        "--rate 500 --arrivals poisson --count 1500 --shards 2 --warmup auto --in-flight 1000",
    );
    once_stored(&cluster, 2_000);
    cluster.set_behaviour(0, slow(50)).unwrap();
    let result = end(run);
    let warmup_s = result["window"]["warmup_s"].as_f64().unwrap();
    // Ten seconds at the new level, after about four at the old one.
    assert!(warmup_s > 12.0 && warmup_s.fract() == 0.0, "{warmup_s}");
    assert_eq!(number(&result, "/accounts/planned"), 1_500);
    let ended = &result["window"]["warmup_ended"];
    match ended.as_str() {
        Some("steady") => assert_eq!(reason(&result, "not_steady"), None),
        // A machine as busy as that.
        Some("cap") => assert!(reason(&result, "not_steady").is_some()),
        other => panic!("{other:?}"),
    }
    assert_eq!(reason(&result, "warmup_backlog"), None, "{result:#}");
}

#[test]
fn closed_loops_warm_up_until_they_are_steady_too() {
    let cluster = one_broker(slow(50));
    let run = start(&cluster, "--mode sync --callers 8 --warmup auto:30s -d 1s");
    let result = end(run);
    let warmup_s = result["window"]["warmup_s"].as_f64().unwrap();
    assert!((10.0..=30.0).contains(&warmup_s), "{warmup_s}");
    let ended = result["window"]["warmup_ended"].as_str();
    assert_eq!(ended == Some("cap"), warmup_s >= 30.0, "{ended:?}");
}

/// A server of 200/s is asked for 400/s: it never settles, what waits grows, and no tail is stated.
#[test]
fn a_rate_that_is_not_carried_is_unstable_and_has_no_tail() {
    let cluster = one_broker(Behaviour {
        capacity_per_s: Some(200),
        ..Behaviour::default()
    });
    let run = start(
        &cluster,
        "--rate 400 -d 8s --warmup auto:15s --in-flight 100 --fault-avoidance off --timeout 10s",
    );
    let result = end(run);
    assert_eq!(result["window"]["warmup_ended"], "cap");
    assert_eq!(result["window"]["warmup_s"], 15.0);
    let not_steady = reason(&result, "not_steady").expect("never settled");
    assert!(
        not_steady["detail"]
            .as_str()
            .unwrap()
            .contains("before the load was steady")
    );
    let unstable = reason(&result, "unstable").unwrap_or_else(|| panic!("{result:#}"));
    assert!(unstable["value"].as_f64() > unstable["limit"].as_f64());
    let response = &result["latency"]["response"];
    assert!(
        number(response, "/count") >= 1_000,
        "enough for a 99th percentile"
    );
    assert!(
        response.get("p90_ns").is_some() && response.get("p99_ns").is_none(),
        "{response}"
    );
    assert!(result["brokers"][0]["response"].get("p99_ns").is_none());
}

/// Answers of the warm-up's last seconds take 1.5 s, those of the window 1 ms.
#[test]
fn a_backlog_of_the_warm_up_is_told() {
    let cluster = one_broker(slow(1_500));
    let run = start(&cluster, "--rate 500 -d 4s --warmup 2s --in-flight 4096");
    once_stored(&cluster, 990);
    cluster.set_behaviour(0, slow(1)).unwrap();
    let result = end(run);
    let backlog = reason(&result, "warmup_backlog").unwrap_or_else(|| panic!("{result:#}"));
    assert_eq!(backlog["status"], "degraded");
    assert!(backlog["value"].as_f64() > backlog["limit"].as_f64());
}

/// 20 ms for half of the window, 80 ms for the other; the same under a plan, whose rates are not to be the same.
#[test]
fn a_level_that_changes_in_the_window_is_told_but_not_of_a_plan() {
    let clusters = [one_broker(slow(20)), one_broker(slow(20))];
    let loads = ["--rate 300 -d 14s", "--rate 300:7s,301:7s"];
    let runs: Vec<Child> = clusters
        .iter()
        .zip(loads)
        .map(|(cluster, load)| start(cluster, &format!("{load} --warmup 1s")))
        .collect();
    for cluster in &clusters {
        once_stored(cluster, 8 * 300);
        cluster.set_behaviour(0, slow(80)).unwrap();
    }
    let results: Vec<Value> = runs.into_iter().map(end).collect();
    let unsteady =
        reason(&results[0], "unsteady_run").unwrap_or_else(|| panic!("{:#}", results[0]));
    assert_eq!(unsteady["status"], "degraded");
    assert!(
        unsteady["detail"]
            .as_str()
            .unwrap()
            .contains("median response")
    );
    assert_eq!(reason(&results[1], "unsteady_run"), None);
}

/// Runs a plan whose window is asked for after so many seconds.
fn asked_after(
    cluster: &EmbeddedCluster,
    seconds: usize,
    plan: rmq_bench::load::LoadPlan,
) -> (LoadOutcome, usize) {
    let instance = Arc::new(ClientInstance::new(client_of(cluster)).unwrap());
    instance.start().unwrap();
    let load = LoadRun {
        plan,
        instance,
        send: SendConfig::default(),
        stop: Arc::new(StopSignal::default()),
        reserved_cores: 1,
        audit: true,
        start_at: None,
    };
    let (mut warmup, mut acked) = (0, 0);
    let outcome = load.execute(|second| {
        warmup += usize::from(second.phase == RunPhase::Warmup);
        acked += second
            .audit
            .iter()
            .filter(|record| record.outcome == "acked")
            .count();
        if warmup == seconds {
            second.begin_window();
        }
    });
    (outcome.unwrap(), acked)
}

#[test]
fn all_shards_begin_the_window_that_is_asked_for_at_one_instant() {
    let cluster = one_broker(slow(5));
    let mut plan = plan(SendMode::Async, 2_000, of_count(3_001));
    (plan.warmup, plan.warmup_ends) = (Duration::from_secs(60), WarmupEnd::WhenAsked);
    (plan.shards, plan.arrivals) = (Some(4), Arrivals::Poisson);
    let (outcome, acked) = asked_after(&cluster, 2, plan);
    let warmup_ns = u64::try_from(outcome.warmup_time.as_nanos()).unwrap();
    assert_eq!(warmup_ns % 1_000_000_000, 0);
    assert!(
        (2..60).contains(&(warmup_ns / 1_000_000_000)),
        "{warmup_ns}"
    );
    assert_eq!(outcome.window_from.since(outcome.started), warmup_ns);
    assert_eq!(outcome.stop_reason, StopReason::Count);
    let (from, length) = (outcome.window_from, outcome.measured_time);
    let summary = Summary::new(
        outcome.measured.clone(),
        from.0,
        from.plus(length).0,
        Acks::Within(0),
    );
    summary.check_sums().expect("the accounts close");
    assert_eq!(summary.counters().planned, 3_001);
    assert_eq!(acked as u64, summary.counters().acked);
    let warm = outcome.warmup.counters();
    assert_eq!(
        warm.sent,
        warm.acked + warm.failed + warm.unknown,
        "so does the warm-up"
    );
    // All of it is due before the window.
    let expected = 2_000.0 * outcome.warmup_time.as_secs_f64();
    assert!(
        (warm.planned as f64 - expected).abs() < 5.0 * expected.sqrt(),
        "{}",
        warm.planned
    );
}

#[test]
fn a_window_that_nobody_asks_for_begins_at_its_latest() {
    let cluster = one_broker(slow(5));
    let mut plan = plan(SendMode::Sync, 1_000, for_time(Duration::from_secs(1)));
    (plan.warmup, plan.warmup_ends) = (Duration::from_secs(2), WarmupEnd::WhenAsked);
    plan.shards = Some(2);
    let (outcome, _) = asked_after(&cluster, usize::MAX, plan);
    assert_eq!(outcome.warmup_time, Duration::from_secs(2));
    assert_eq!(outcome.measured.counters().planned, 1_000);
    assert_eq!(outcome.warmup.counters().planned, 2_000);
}
