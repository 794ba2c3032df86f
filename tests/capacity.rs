//! `rmq-bench capacity` against embedded clusters: the pair, what follows from it, the file of steps.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]

mod support;

use std::fs;
use std::io::Write;

use nix::sys::signal::Signal::SIGINT;
use predicates::prelude::*;
use serde_json::Value;
use support::binary::{LongRun, json, lines, rmq_bench};
use support::eventually;
use support::search::{LONGEST, is_consistent, is_of_its_schema, kept, search};

#[test]
fn the_pair_lies_around_what_the_server_serves() {
    let run = rmq_bench()
        .timeout(LONGEST)
        .args(search(&[
            "--curve", "50%,100%", "--format", "json", "--quiet",
        ]))
        .output()
        .unwrap();
    let result = json(&run.stdout);
    is_consistent(run.status.code(), &result);
    is_of_its_schema(&result);
    assert_eq!(result["run"]["command"], "capacity");
    assert_eq!(result["run"]["target"]["kind"], "embedded");
    // On a machine that stalls all the time nothing may be said, and nothing is.
    if result["capacity"]["answer"] == "found" {
        let rate = |name: &str| result["capacity"][name].as_f64().unwrap();
        // A window of two seconds passes up to 5 % above: what piles up then takes 100 ms at its end.
        assert!(rate("passed_per_s") <= 430.0, "{}", rate("passed_per_s"));
        assert!(rate("failed_per_s") >= 380.0, "{}", rate("failed_per_s"));
        let curve = result["curve"]["points"].as_array().unwrap();
        assert_eq!(curve.len(), 2);
    }
}

/// Four callers that wait 10 ms for each answer carry 400 messages a second, of a cluster that would take far more.
#[test]
fn callers_that_run_out_are_the_end_of_the_generator_and_no_capacity() {
    let run = rmq_bench()
        .timeout(LONGEST)
        .args(["capacity", "--brokers", "1", "--broker-delay", "10ms"])
        .args([
            "--mode",
            "sync",
            "--callers",
            "4",
            "--objective",
            "p90<100ms",
        ])
        .args(["--min", "150", "--max", "1200", "--step-time", "2s"])
        .args(["--warmup", "500ms", "--curve", "off", "--format", "json"])
        .arg("--quiet")
        .output()
        .unwrap();
    let result = json(&run.stdout);
    is_consistent(run.status.code(), &result);
    let capacity = &result["capacity"];
    assert_eq!(capacity["answer"], "generator", "{capacity:#}");
    let last = capacity["steps"].as_array().unwrap().last().unwrap();
    // On a machine that stalls all the time that is what ends it.
    if last["outcome"] == "generator" {
        assert_eq!(capacity["generator_limit"], "cap_reached", "{capacity:#}");
        let sentence = capacity["sentence"].as_str().unwrap();
        assert!(sentence.contains("the generator ends here"), "{sentence}");
    }
}

/// Two windows that two brokers carry, as far as the machine lets them.
const AT_LEAST: [&str; 21] = [
    "capacity",
    "--brokers",
    "2",
    "--objective",
    "p90<1s",
    "--min",
    "100",
    "--max",
    "200",
    "--step-time",
    "2s",
    "--warmup",
    "500ms",
    "--precision",
    "50%",
    "--confirm",
    "1",
    "--curve",
    "off",
    "--no-progress",
    "--quiet",
];

/// A demand of 90/s, bodies of 1 KiB kept for 72 hours, two brokers for 0.40 an hour.
fn follow_from(capacity: f64, told: &Value) {
    let figure = |path: &str| told.pointer(path).and_then(Value::as_f64);
    let near = |path: &str, expected: f64| {
        let actual = figure(path).unwrap_or_else(|| panic!("{path}: {told:#}"));
        assert!(
            (actual / expected - 1.0).abs() < 1e-9,
            "{path}: {actual} {expected}"
        );
    };
    near("/demand/per_s", 90.0);
    near("/demand/used_share", 90.0 / capacity);
    near("/demand/headroom_per_s", capacity - 90.0);
    assert_eq!(told["demand"]["fits"], true);
    near("/one_broker_less/model_per_s", capacity / 2.0);
    assert_eq!(told["one_broker_less"]["brokers_left"], 1);
    near("/bodies/per_day_bytes", 90.0 * 1024.0 * 86_400.0);
    near("/bodies/stored_bytes", 90.0 * 1024.0 * 259_200.0);
    near("/cost/at_demand/brokers", 2.0 * 0.4 * 1e6 / 90.0 / 3600.0);
    let parts = ["brokers", "disk"].map(|part| figure(&format!("/cost/at_capacity/{part}")));
    near("/cost/at_capacity/total", parts.iter().flatten().sum());
    assert_eq!(told["cost"]["currency"], "EUR");
}

#[test]
fn a_demand_prices_and_one_broker_less_are_held_against_the_answer() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let run = rmq_bench()
        .timeout(LONGEST)
        .args(AT_LEAST)
        .args(["--demand", "90/s", "--growth", "3%/month"])
        .args(["--retention", "72h", "--price", "broker=0.40EUR/hour"])
        .args(["--price", "disk=0.08EUR/GiB-month", "--format", "json"])
        .args(["--resume", &file("steps.ndjson")])
        .args(["-o", &file("it.json"), "-o", &file("it.txt")])
        .output()
        .unwrap();
    let result = json(&run.stdout);
    is_consistent(run.status.code(), &result);
    is_of_its_schema(&result);
    assert_eq!(result["config"]["growth"], "3%/month");
    let told = &result["consequences"];
    assert_eq!(told["brokers"], 2);
    assert_eq!(told["capacity_per_s"], result["capacity"]["passed_per_s"]);
    let text = fs::read_to_string(file("it.txt")).unwrap();
    // On a machine that stalls all the time nothing passes, and nothing follows.
    let Some(capacity) = told["capacity_per_s"].as_f64() else {
        assert_eq!(told["basis"], "nothing");
        assert!(
            text.contains("none can be told, as no rate passed"),
            "{text}"
        );
        return;
    };
    follow_from(capacity, told);
    let date = told["demand"]["reached"]["date"].as_str().unwrap();
    assert!(date > result["run"]["started_at"].as_str().unwrap());
    if result["capacity"]["answer"] == "at_least_max" {
        assert_eq!(told["basis"], "lower_bound");
        assert!(text.contains("takes at most 45.0 % of it"), "{text}");
        assert!(text.contains(&format!("not before {date}")), "{text}");
    }
    assert!(
        text.contains("One broker less (a model, not measured)"),
        "{text}"
    );

    // A stored result says the same.
    rmq_bench()
        .args(["report", &file("it.json"), "-o", &file("again.txt")])
        .assert()
        .success();
    assert_eq!(fs::read_to_string(file("again.txt")).unwrap(), text);

    // The way of the search does not depend on any of it: the same steps, other consequences.
    let resumed = rmq_bench()
        .timeout(LONGEST)
        .args(AT_LEAST)
        .args(["--demand", "45/s", "--format", "json"])
        .args(["--resume", &file("steps.ndjson")])
        .output()
        .unwrap();
    let resumed = json(&resumed.stdout);
    let steps = result["capacity"]["steps"].as_array().unwrap().len();
    assert_eq!(resumed["run"]["resumed_steps"], steps);
    assert_eq!(
        resumed["capacity"]["steps"].as_array().unwrap().len(),
        steps
    );
    assert_eq!(
        resumed["consequences"]["capacity_per_s"],
        told["capacity_per_s"]
    );
    let share = resumed["consequences"]["demand"]["used_share"].as_f64();
    assert!((share.unwrap() * capacity - 45.0).abs() < 1e-6);
    assert!(resumed["consequences"]["cost"].is_null());
}

#[test]
fn a_stopped_search_goes_on_from_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("steps.ndjson");
    let file_text = file.to_str().unwrap();
    let arguments = search(&["--curve", "off", "--resume", file_text, "--format", "json"]);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let run = LongRun::of(&arguments);
    eventually("two steps are kept", || kept(&file) >= 2);
    run.signal(SIGINT);
    let output = run.end();
    let stopped = json(&output.stdout);
    is_consistent(output.status.code(), &stopped);
    assert_eq!(stopped["capacity"]["answer"], "interrupted");
    let before = lines(&file);
    // As if the machine had gone down while a step was written.
    let mut torn = fs::OpenOptions::new().append(true).open(&file).unwrap();
    torn.write_all(b"{\"number\": 3, \"purp").unwrap();
    drop(torn);

    let resumed = rmq_bench()
        .timeout(LONGEST)
        .args(search(&[
            "--curve", "off", "--resume", file_text, "--format", "json",
        ]))
        .output()
        .unwrap();
    let result = json(&resumed.stdout);
    is_consistent(resumed.status.code(), &result);
    let stderr = String::from_utf8_lossy(&resumed.stderr);
    assert!(stderr.contains("cut off"), "{stderr}");
    let kept_before = before.len() - 1;
    assert_eq!(result["run"]["resumed_steps"], kept_before);
    assert_eq!(result["run"]["id"], before[0]["id"]);
    let after = lines(&file);
    assert_eq!(after[..before.len()], before, "what was kept stays");
    let steps = result["capacity"]["steps"].as_array().unwrap();
    for (step, kept) in steps.iter().zip(&before[1..]) {
        assert_eq!(step["window"], kept["window"]);
        assert_eq!(step["seconds"], kept["seconds"]);
    }
    assert_eq!(steps.len(), after.len() - 1, "each step is in the file");
    for kept in &after[1..] {
        assert!(
            kept["result"]["latency"]["response"]["hdr"].is_string(),
            "the whole result"
        );
    }

    // With other settings it would be another search.
    rmq_bench()
        .args(search(&[
            "--resume", file_text, "--curve", "off", "--size", "2KiB",
        ]))
        .assert()
        .code(1)
        .stderr(predicate::str::contains(
            "was begun with other settings (size was",
        ));
}

#[test]
fn a_search_that_ran_out_of_time_goes_on_with_more_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("steps.ndjson");
    let of = |budget: &str| {
        let run = rmq_bench()
            .timeout(LONGEST)
            .args(search(&["--curve", "off", "--format", "json", "--quiet"]))
            .args(["--resume", file.to_str().unwrap(), "--time-budget", budget])
            .output()
            .unwrap();
        let result = json(&run.stdout);
        is_consistent(run.status.code(), &result);
        result["capacity"].clone()
    };
    let short = of("12s");
    let first = short["steps"].as_array().unwrap();
    let long = of("5m");
    let steps = long["steps"].as_array().unwrap();
    assert_eq!(steps[0], first[0], "what both have is not measured again");
    assert_eq!(
        kept(&file),
        steps.len(),
        "the file has this way and no other"
    );
    if short["answer"] == "out_of_time" {
        assert!(
            steps.len() > first.len() || long["answer"] != "out_of_time",
            "{long:#}"
        );
    }
    // The same again is the same, from the file alone.
    assert_eq!(of("5m"), long);
    // With less time it would be another search.
    rmq_bench()
        .args(search(&[
            "--curve",
            "off",
            "--resume",
            file.to_str().unwrap(),
        ]))
        .args(["--time-budget", "1m"])
        .assert()
        .code(1)
        .stderr(predicate::str::contains("time_budget was"));
}

#[test]
fn a_file_that_is_no_search_s_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    for text in ["my notes", "my notes\n", "{\"kind\": \"runs\"}"] {
        let file = folder.path().join("notes.txt");
        fs::write(&file, text).unwrap();
        rmq_bench()
            .args(search(&["--resume", file.to_str().unwrap()]))
            .assert()
            .code(1)
            .stderr(predicate::str::contains("is no file of a search"));
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
    }
}
