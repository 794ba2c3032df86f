//! `rmq-bench capacity` against embedded clusters: the pair, the file of steps, what is refused.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal::SIGINT;
use predicates::prelude::*;
use rmq_bench::broker::{ClusterSpec, EmbeddedCluster};
use rmq_bench::protocol::route::permission;
use serde_json::Value;
use support::binary::{LongRun, json, lines, rmq_bench};
use support::{cluster, eventually};

/// Short windows of a cluster that serves 400 messages a second, 2.5 ms each.
const SEARCH: [&str; 20] = [
    "capacity",
    "--brokers",
    "1",
    "--broker-capacity",
    "400",
    "--objective",
    "p90<100ms",
    "--min",
    "150",
    "--max",
    "1200",
    "--step-time",
    "2s",
    "--warmup",
    "500ms",
    "--precision",
    "50%",
    "--confirm",
    "1",
    "--no-progress",
];

/// Some fifteen windows, and twice that on a busy machine.
const LONGEST: Duration = Duration::from_secs(180);

fn search(more: &[&str]) -> Vec<String> {
    let all = SEARCH.iter().chain(more);
    all.map(|word| (*word).to_owned()).collect()
}

/// Exit code and answer belong together, and the answer follows from the steps.
fn is_consistent(code: Option<i32>, result: &Value) {
    let capacity = &result["capacity"];
    let answer = capacity["answer"].as_str().unwrap();
    let expected = match answer {
        "found" | "at_least_max" => 0,
        "below_min" => 10,
        "interrupted" => 130,
        "generator" | "moved" | "out_of_time" => 11,
        other => panic!("an answer {other}"),
    };
    assert_eq!(code, Some(expected), "{answer}");
    let steps = capacity["steps"].as_array().unwrap();
    for (index, step) in steps.iter().enumerate() {
        assert_eq!(step["number"], index + 1);
        let met = step["window"]["objectives"].as_array().unwrap();
        let all_met = met.iter().all(|objective| objective["met"] == true);
        match step["outcome"].as_str().unwrap() {
            "passed" => assert!(all_met, "{step}"),
            "failed" => assert!(!all_met || step["cut_short"] == true, "{step}"),
            "generator" => assert_ne!(step["window"]["verdict"], "valid", "{step}"),
            other => panic!("an outcome {other}"),
        }
    }
    if answer == "found" {
        let (passed, failed) = (&capacity["passed_per_s"], &capacity["failed_per_s"]);
        let of = |rate: &Value, outcome: &str| {
            let such = |step: &&Value| {
                step["window"]["offered_per_s"] == *rate && step["outcome"] == outcome
            };
            steps.iter().filter(such).count()
        };
        assert!(of(passed, "passed") >= 1, "confirmed");
        assert!(of(failed, "failed") >= 2, "failed twice");
        assert!(passed.as_f64() < failed.as_f64());
    }
}

fn is_of_its_schema(result: &Value) {
    let schema = rmq_bench().args(["schema", "capacity"]).assert().success();
    let schema = jsonschema::draft202012::new(&json(&schema.get_output().stdout)).unwrap();
    assert!(schema.is_valid(result), "{result:#}");
}

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

/// Two brokers of 400 a second each, and a search of the whole and of one of them.
fn one_less(broker: &str, max: &str, more: &[&str]) -> assert_cmd::Command {
    let mut arguments = search(&["--curve", "off", "--format", "json", "--quiet"]);
    (arguments[2], arguments[10]) = ("2".to_owned(), max.to_owned());
    let mut command = rmq_bench();
    command
        .timeout(2 * LONGEST)
        .args(arguments)
        .args(["--one-less", broker, "--demand", "300"])
        .args(more);
    command
}

#[test]
fn a_broker_less_is_searched_for_and_held_against_a_model() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("steps.ndjson");
    let kept_in = ["--resume", file.to_str().unwrap()];
    let run = one_less("broker-1", "1200", &kept_in).output().unwrap();
    let result = json(&run.stdout);
    is_consistent(run.status.code(), &result);
    let schema = rmq_bench().args(["schema", "capacity"]).assert().success();
    let schema = jsonschema::draft202012::new(&json(&schema.get_output().stdout)).unwrap();
    assert!(schema.is_valid(&result), "{result:#}");
    let brokers = result["run"]["target"]["brokers"].as_array().unwrap();
    assert_eq!(brokers.len(), 2, "the target is the whole cluster");
    let one_less = &result["one_less"];
    assert_eq!(one_less["broker"], "broker-1");
    assert_eq!(
        (&one_less["stopped"], &one_less["brokers_left"]),
        (&Value::Bool(false), &Value::from(1))
    );
    let kept = lines(&file);
    let of_rest = kept
        .iter()
        .filter(|step| step["part"] == "all but broker-1");
    let measured = &one_less["measured"];
    for (index, step) in measured["steps"].as_array().unwrap().iter().enumerate() {
        assert_eq!(step["number"], index + 1);
    }
    assert_eq!(of_rest.count(), measured["steps"].as_array().unwrap().len());
    // On a machine that stalls all the time there may be no pair.
    if result["capacity"]["answer"] == "found" && measured["answer"] == "found" {
        let passed = measured["passed_per_s"].as_f64().unwrap();
        assert!(passed <= 430.0, "one broker serves 400/s: {passed}");
        let model = one_less["model_per_s"][0].as_f64().unwrap();
        let used = one_less["demand"]["used_share"].as_f64().unwrap();
        assert!((used - 300.0 / passed).abs() < 1e-9);
        let off = one_less["off_model"].as_f64().unwrap();
        assert!((passed / model - 1.0 - off).abs() < 1e-9);
        assert!((model / result["capacity"]["passed_per_s"].as_f64().unwrap() - 0.5).abs() < 1e-9);
    }
    // All of it is in the file: nothing is measured again, whoever is to do without the broker.
    let again = one_less_from(&kept_in);
    assert_eq!(again["one_less"], *one_less);
}

fn one_less_from(kept_in: &[&str]) -> Value {
    json(
        &one_less("broker-1", "1200", kept_in)
            .output()
            .unwrap()
            .stdout,
    )
}

#[test]
fn a_broker_that_was_stopped_is_started_again_whatever_fails() {
    for (stop, start, code, trail, is_measured) in [
        (0, 0, 0, "stop\nstart\n", true),
        (3, 0, 1, "stop\nstart\n", false),
        (0, 4, 1, "stop\nstart\nstart\nstart\n", true),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("trail");
        let say =
            |word: &str, code: u8| format!("echo {word} >> '{}'; exit {code}", file.display());
        let (stop, start) = (say("stop", stop), say("start", start));
        let commands = ["--one-less-stop", &stop, "--one-less-start", &start];
        // Two brokers carry as much at once, and one does too.
        let run = one_less("broker-1", "151", &commands).output().unwrap();
        let stderr = String::from_utf8_lossy(&run.stderr);
        let result = json(&run.stdout);
        let first = &result["capacity"]["steps"][0];
        assert_eq!(
            first["purpose"], "probe",
            "the answer for all stays: {stderr}"
        );
        assert_eq!(fs::read_to_string(&file).unwrap(), trail, "{stderr}");
        let rest = &result["one_less"];
        assert_eq!(rest.is_object(), is_measured, "{stderr}");
        if is_measured {
            assert_eq!(rest["stopped"], true);
        }
        // On a machine that stalls all the time the generator ends first.
        if result["capacity"]["answer"] == "at_least_max"
            && rest["measured"]["answer"] != "generator"
        {
            assert_eq!(run.status.code(), Some(code), "{stderr}");
        }
        if code != 0 {
            assert!(stderr.contains("exit status:"), "{stderr}");
        }
    }
}

#[test]
fn a_broker_that_is_not_there_cannot_be_left_out() {
    one_less("broker-7", "1200", &[])
        .assert()
        .code(2)
        .stdout("")
        .stderr(predicate::str::contains(
            "messages go to broker-0, broker-1",
        ));
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

fn kept(file: &Path) -> usize {
    fs::read_to_string(file).map_or(0, |text| text.lines().count().saturating_sub(1))
}

#[test]
fn a_search_that_cannot_be_is_refused_with_the_way_out() {
    for (arguments, said) in [
        (vec!["--rate", "5k"], "unexpected argument '--rate'"),
        (vec!["--mode", "oneway"], "asks for no answer"),
        (vec!["--min", "5k", "--max", "2k"], "is not below --max"),
        (vec!["--objective", "p99>10ms"], "asks for a bad figure"),
        (vec!["--step-time", "100ms"], "too short"),
        (vec!["--curve", "10%,5%"], "does not ascend"),
        (vec!["--precision", "0.1%"], "between 0.5% and 50%"),
        (vec!["--confidence", "100%"], "between 50% and 99.9%"),
        (vec!["--time-budget", "20s"], "less than five windows"),
        (vec!["--one-less-stop", "true"], "which broker"),
        (
            vec!["--one-less", "broker-1", "--one-less-stop", "true"],
            "has to be started again",
        ),
        (
            vec!["--one-less", "b", "--without", "a,b"],
            "leaves this broker out of all searches",
        ),
        (vec!["--profile", "nothing"], "nothing"),
        (vec!["--growth", "3%/month"], "there is no demand"),
        (vec!["--demand", "30k", "--growth", "3%"], "3%/month"),
        (
            vec!["--price", "disk=0.08/GiB-month"],
            "72h is RocketMQ's own",
        ),
        (vec!["--price", "broker=0.40"], "broker=0.40/hour"),
        (vec!["--retention", "0s"], "keeps no message"),
        (
            vec!["--own-topic", "-t", "orders"],
            "contradicts --topic (profile key `topic`): orders is named",
        ),
        (
            vec!["--own-topic", "--topics", "3"],
            "contradicts --topics (profile key `topics`): 3 are named",
        ),
        (
            vec!["--own-topic", "--delay-level", "3"],
            "contradicts --delay-level",
        ),
        (
            vec!["--objective", "p999<1s", "--min", "100"],
            "needs 10,000 messages a window",
        ),
    ] {
        rmq_bench()
            .arg("capacity")
            .args(&arguments)
            .assert()
            .code(2)
            .stdout("")
            .stderr(predicate::str::contains(said));
    }
    for option in ["--demand", "--growth", "--price", "--retention"] {
        rmq_bench()
            .args(["produce", option, "1"])
            .assert()
            .code(2)
            .stderr(predicate::str::contains("unexpected argument"));
    }
    rmq_bench()
        .arg("capacity")
        .env("RMQ_BENCH_RATE", "5k")
        .assert()
        .code(2)
        .stderr(predicate::str::contains("--min and --max bound them"));
    rmq_bench()
        .args(["run", "capacity"])
        .assert()
        .code(2)
        .stderr(predicate::str::contains(
            "rmq-bench capacity --profile capacity",
        ));
}

#[test]
fn a_dry_run_says_what_would_be_sent_and_sends_nothing() {
    rmq_bench()
        .args([
            "capacity",
            "--profile",
            "capacity",
            "-n",
            "127.0.0.1:1",
            "--max",
            "100k",
            "--one-less",
            "broker-1",
            "--dry-run",
        ])
        .assert()
        .success()
        .stdout(predicate::str::contains("cluster of 127.0.0.1:1"))
        .stdout(predicate::str::contains("again, with broker-1 left out"))
        .stdout(predicate::str::contains("At most").and(predicate::str::contains("GiB")));
    rmq_bench()
        .args([
            "capacity",
            "--own-topic",
            "--broker-queues",
            "3",
            "--dry-run",
        ])
        .assert()
        .success()
        .stdout(predicate::str::contains(
            "Topic: one of its own, rmq_bench_capacity_…, 3 queues on each broker",
        ));
    // Nobody listens there, which a search finds out.
    rmq_bench()
        .args(["capacity", "-n", "127.0.0.1:1"])
        .assert()
        .code(3)
        .stdout("");
}

/// Of a cluster of the test's, on whose brokers the search's own topic can be seen.
const ON_CLUSTER: [&str; 20] = [
    "capacity",
    "--own-topic",
    "--objective",
    "p90<100ms",
    "--min",
    "150",
    "--max",
    "300",
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
    "--format",
    "json",
];

fn on<'a>(address: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&ON_CLUSTER[..], &["-n", address], more].concat()
}

/// Topics of searches that a broker has now.
fn own_topics(cluster: &EmbeddedCluster, broker: usize) -> BTreeSet<String> {
    let stored = cluster.stored();
    let topics = stored.brokers[broker].topics.keys();
    let own = topics.filter(|topic| topic.starts_with("rmq_bench_capacity_"));
    own.cloned().collect()
}

/// Waits until the search's own topic has messages.
fn is_used(cluster: &EmbeddedCluster) -> String {
    eventually("its topic is used", || {
        !own_topics(cluster, 0).is_empty() && cluster.stored().messages() > 0
    });
    let mut topics = own_topics(cluster, 0);
    assert_eq!(topics.len(), 1);
    topics.pop_first().unwrap()
}

#[test]
fn a_topic_of_the_search_s_own_is_made_before_and_deleted_after() {
    let cluster = cluster(ClusterSpec::default());
    let address = cluster.namesrv_address();
    let run = rmq_bench()
        .timeout(LONGEST)
        .args(on(&address, &[]))
        .output()
        .unwrap();
    let result = json(&run.stdout);
    is_consistent(run.status.code(), &result);
    let stderr = String::from_utf8_lossy(&run.stderr);
    let topic = result["run"]["topic"].as_str().unwrap();
    let id = topic.strip_prefix("rmq_bench_capacity_").unwrap();
    assert!(id.len() == 16 && id.bytes().all(|digit| digit.is_ascii_hexdigit()));
    let made = format!("topic {topic} made with 8 queues on each of broker-0, broker-1");
    assert!(stderr.contains(&made), "{stderr}");
    assert!(
        stderr.contains(&format!("topic {topic} deleted")),
        "{stderr}"
    );
    assert_eq!(result["config"]["own_topic"], true);
    assert_eq!(result["config"]["topic"], Value::Null, "none was given");
    for broker in cluster.stored().brokers {
        assert!(broker.messages > 0, "used");
        assert!(!broker.topics.contains_key(topic), "deleted");
        let others: u64 = broker.topics.values().flatten().sum();
        assert_eq!(
            others, 0,
            "no other topic got anything: {:?}",
            broker.topics
        );
    }
}

#[test]
fn its_own_topic_is_deleted_when_a_search_is_stopped_and_taken_again_when_it_goes_on() {
    let cluster = cluster(ClusterSpec::default());
    let address = cluster.namesrv_address();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("steps.ndjson");
    let arguments = on(&address, &["--resume", file.to_str().unwrap()]);
    let run = LongRun::of(&arguments);
    eventually("a step is kept", || kept(&file) >= 1);
    let topic = is_used(&cluster);
    run.signal(SIGINT);
    let output = run.end();
    assert_eq!(output.status.code(), Some(130));
    assert_eq!(json(&output.stdout)["run"]["topic"], topic);
    assert!(own_topics(&cluster, 0).is_empty(), "deleted");
    assert_eq!(lines(&file)[0]["own_topic"], topic);

    // As if the process had been killed.
    cluster
        .create_topic(&topic, 8, permission::READ_WRITE)
        .unwrap();
    let resumed = rmq_bench()
        .timeout(LONGEST)
        .args(&arguments)
        .output()
        .unwrap();
    let result = json(&resumed.stdout);
    is_consistent(resumed.status.code(), &result);
    assert_eq!(result["run"]["topic"], topic, "the same");
    assert!(result["run"]["resumed_steps"].as_u64().unwrap() >= 1);
    assert!(own_topics(&cluster, 0).is_empty() && own_topics(&cluster, 1).is_empty());
}

#[test]
fn no_topic_is_deleted_that_no_search_made() {
    let cluster = cluster(ClusterSpec::default());
    cluster
        .create_topic("orders", 2, permission::READ_WRITE)
        .unwrap();
    let address = cluster.namesrv_address();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("steps.ndjson");
    let arguments = on(&address, &["--resume", file.to_str().unwrap()]);
    let run = LongRun::of(&arguments);
    let topic = is_used(&cluster);
    run.signal(SIGINT);
    // Stopped before its first window was over, as by an error.
    assert_eq!(run.end().status.code(), Some(130));
    assert!(own_topics(&cluster, 0).is_empty(), "deleted");

    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace(&topic, "orders")).unwrap();
    rmq_bench()
        .args(&arguments)
        .assert()
        .code(2)
        .stdout("")
        .stderr(predicate::str::contains(
            "topic orders in the file is none that a search made",
        ));
    assert!(cluster.stored().brokers[0].topics.contains_key("orders"));
}

#[test]
fn an_own_topic_that_cannot_be_made_everywhere_is_not_left_anywhere() {
    let cluster = cluster(ClusterSpec::default());
    let address = cluster.namesrv_address();
    cluster.close_port(1).unwrap();
    rmq_bench()
        .args(on(&address, &[]))
        .assert()
        .code(3)
        .stdout("")
        .stderr(
            predicate::str::contains("could not be made")
                .and(predicate::str::contains("on broker-1; it was on broker-0")),
        );
    for broker in 0..2 {
        assert!(own_topics(&cluster, broker).is_empty(), "{broker}");
    }
    assert_eq!(cluster.stored().messages(), 0);
}

#[test]
fn an_own_topic_is_made_on_no_broker_that_is_left_out() {
    let cluster = cluster(ClusterSpec::default());
    let address = cluster.namesrv_address();
    let run = LongRun::of(&on(&address, &["--without", "broker-1"]));
    is_used(&cluster);
    assert!(own_topics(&cluster, 1).is_empty());
    run.signal(SIGINT);
    run.end();
    assert!(own_topics(&cluster, 0).is_empty());
    rmq_bench()
        .args(on(&address, &["--without", "broker-7"]))
        .assert()
        .code(2)
        .stderr(predicate::str::contains(
            "there is no broker broker-7; there are broker-0, broker-1",
        ));
}

#[test]
fn an_own_topic_that_cannot_be_deleted_is_said_with_the_command_that_does() {
    let cluster = cluster(ClusterSpec::default());
    let address = cluster.namesrv_address();
    let run = LongRun::of(&on(&address, &["--quiet"]));
    let topic = is_used(&cluster);
    cluster.close_port(1).unwrap();
    run.signal(SIGINT);
    let output = run.end();
    assert_eq!(output.status.code(), Some(130), "as without it");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        stderr.contains(&format!("topic {topic} may be left")),
        "{stderr}"
    );
    let command = format!("rmq-bench admin delete-topic --namesrv {address} --topic {topic} --yes");
    assert!(stderr.contains(&command), "{stderr}");
    // Another test's cluster may have been given the port meanwhile, until it ends.
    eventually("the port is free", || cluster.open_port(1).is_ok());
    rmq_bench()
        .args(command.split(' ').skip(1))
        .assert()
        .success();
    assert!(own_topics(&cluster, 1).is_empty());
}

#[test]
fn topics_that_brokers_made_for_themselves_are_refused() {
    let cluster = cluster(ClusterSpec::default());
    let address = cluster.namesrv_address();
    for topic in ["broker-1", "DefaultCluster", "DefaultCluster_REPLY_TOPIC"] {
        cluster
            .create_topic(topic, 1, permission::READ_WRITE)
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("steps.ndjson");
        rmq_bench()
            .args(["capacity", "-n", &address, "-t", topic, "--resume"])
            .arg(&file)
            .assert()
            .code(2)
            .stdout("")
            .stderr(predicate::str::contains(format!(
                "--topic {topic}: it is a topic of the brokers' own"
            )));
        assert!(!file.exists(), "nothing was begun");
    }
    assert_eq!(cluster.stored().messages(), 0);
}
