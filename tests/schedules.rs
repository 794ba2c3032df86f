//! Rates that change, bursts and recorded times, as the built binary keeps them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]

mod support;

use std::fs;

use predicates::str::contains;
use serde_json::Value;
use support::binary::{accounts_close, number, result_of, rmq_bench};

/// Messages planned and acknowledged by a run without a warm-up, and its settings.
fn run(arguments: &[&str]) -> (u64, Value) {
    let always = ["--warmup", "0s", "--shards", "2"];
    let result = result_of(&[&always, arguments].concat());
    accounts_close(&result);
    let planned = number(&result, "/accounts/planned");
    assert_eq!(number(&result, "/accounts/acked"), planned);
    (planned, result["config"].clone())
}

#[test]
fn a_plan_is_kept_and_bounds_the_run() {
    // 100 steady, 150 of the ramp, none in the pause, 50 of a whole wave.
    let plan = "500:200ms,500..1k:200ms,0:300ms,250~250/100ms:200ms";
    for arrivals in ["constant", "bursts:10"] {
        let (planned, settings) = run(&["--rate", plan, "--arrivals", arrivals]);
        assert_eq!((planned, &settings["duration"]), (300, &"900ms".into()));
    }
}

#[test]
fn a_count_ends_a_plan_early() {
    let (planned, _) = run(&["--rate", "500:200ms,1k:1h", "--count", "250"]);
    assert_eq!(planned, 250);
}

#[test]
fn recorded_times_are_sent_once_each() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("arrivals.txt");
    let record: String = (0..40).map(|n| format!("0.{:03}\n", n * 5)).collect();
    fs::write(&file, format!("# 200/s\n{record}")).unwrap();
    let arrivals = format!("@{}", file.display());
    assert_eq!(run(&["--arrivals", &arrivals]).0, 40);
    // Those of a warm-up are in no figure, and a longer window has no more of them.
    let result = result_of(&["--arrivals", &arrivals, "--warmup", "100ms", "-d", "1s"]);
    assert_eq!(number(&result, "/accounts/planned"), 20);
}

#[test]
fn what_is_no_schedule_is_refused() {
    let refused = |arguments: &[&str], text: &str| {
        let run = rmq_bench().args(arguments).assert();
        run.code(2).stderr(contains(text));
    };
    refused(&["--rate", "1k:30s,5k"], "rate:time");
    refused(&["--arrivals", "@none.txt"], "--arrivals");
    refused(&["--arrivals", "@x", "--rate", "1k"], "contradicts --rate");
    refused(&["--arrivals", "bursts:0", "--rate", "1k"], "1 message");
    refused(&["--arrivals", "bursts:9"], "closed loop");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("arrivals.txt");
    fs::write(&file, "1\n0.5\n").unwrap();
    let arrivals = format!("@{}", file.display());
    refused(&["--arrivals", &arrivals], "line 2: the time is before");
}
