//! Several processes that send one schedule together, as the built binary does it, and their results in one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]

mod support;

use std::fs;
use std::path::Path;
use std::time::Duration;

use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use nix::sys::signal::Signal::SIGINT;
use predicates::str::contains;
use rmq_bench::broker::ClusterSpec;
use serde_json::Value;
use support::binary::{LongRun, accounts_close, json, number, rmq_bench};
use support::{TOPIC, cluster};

/// Messages of the whole run.
const COUNT: u64 = 1_501;

/// An instant that leaves processes on a busy machine the time to be started.
fn soon() -> String {
    (jiff::Timestamp::now() + Duration::from_secs(8)).to_string()
}

fn read(path: &Path) -> Value {
    json(&fs::read(path).unwrap())
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Values of the lines with this tag.
fn logged(path: &Path, wanted: &str) -> u64 {
    use base64::Engine as _;
    let bytes = fs::read(path).unwrap();
    let mut values = 0;
    for entry in IntervalLogIterator::new(&bytes) {
        let LogEntry::Interval(line) = entry.expect("a log") else {
            continue;
        };
        if line.tag().is_some_and(|tag| tag.as_str() == wanted) {
            let decoder = base64::engine::general_purpose::STANDARD;
            let cells = decoder.decode(line.encoded_histogram()).unwrap();
            let mut reader = hdrhistogram::serialization::Deserializer::new();
            values += reader.deserialize::<u64, _>(&mut &*cells).unwrap().len();
        }
    }
    values
}

#[test]
fn processes_send_one_schedule_and_their_results_are_one() {
    let cluster = cluster(ClusterSpec::default());
    let folder = tempfile::tempdir().unwrap();
    let (address, start, count) = (cluster.namesrv_address(), soon(), COUNT.to_string());
    let file = |name: &str| folder.path().join(name);
    let outputs = ["1.json", "2.json", "3.json"].map(file);
    let log = file("1.hlog");
    // Each with another number of threads.
    let runs: Vec<LongRun> = (1..=3)
        .map(|index: usize| {
            let (shard, threads) = (format!("{index}/3"), index.to_string());
            let arguments = format!(
                "-n {address} -t {TOPIC} --shard {shard} --shards {threads} -r 1500 --arrivals poisson --count {count}"
            );
            let mut arguments: Vec<&str> = arguments.split(' ').collect();
            arguments.extend(["--start-at", &start, "-o", text(&outputs[index - 1])]);
            if index == 1 {
                arguments.extend(["--hlog", text(&log)]);
            }
            LongRun::start(&arguments)
        })
        .collect();
    for run in &runs {
        run.await_line("the wait", |line| line.contains("waiting for the start at"));
    }
    for run in runs {
        let output = run.end();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    let results = outputs.each_ref().map(|path| read(path));
    let planned = |result: &Value| number(result, "/accounts/planned");
    assert_eq!(results.iter().map(planned).sum::<u64>(), COUNT);
    for (index, result) in results.iter().enumerate() {
        accounts_close(result);
        assert_eq!(
            result["run"]["shard"],
            serde_json::json!({"index": index + 1, "of": 3})
        );
        assert_eq!(result["run"]["start_at"], start);
        assert_eq!(result["run"]["began_at"], start);
    }
    for (tag, figure) in [
        ("response", "/latency/response/count"),
        ("lateness", "/latency/lateness/count"),
    ] {
        assert_eq!(logged(&log, tag), number(&results[0], figure), "{tag}");
    }

    let merged = file("merged.json");
    let all = outputs.each_ref().map(|path| text(path));
    rmq_bench()
        .args(["merge", "-o", text(&merged), "--format", "md"])
        .args(all)
        .assert()
        .success()
        .stdout(contains("|"));
    let merged = read(&merged);
    accounts_close(&merged);
    assert_eq!(
        (planned(&merged), number(&merged, "/accounts/acked")),
        (COUNT, COUNT)
    );
    assert_eq!(cluster.stored().messages(), COUNT);
    assert_eq!(merged["run"]["merged_from"].as_array().unwrap().len(), 3);
    assert_eq!(merged["config"]["count"], COUNT);
    parts_that_are_not_all(all);
}

/// Some of three parts, or one of them twice.
fn parts_that_are_not_all(all: [&str; 3]) {
    rmq_bench()
        .arg("merge")
        .args(&all[..2])
        .assert()
        .code(2)
        .stdout("")
        .stderr(contains("of 3 shards, 3 is missing"));
    rmq_bench()
        .args(["merge", all[0], all[0]])
        .assert()
        .code(2)
        .stderr(contains("is in both"));
    let partial = rmq_bench()
        .args(["merge", "--partial", "--format", "json"])
        .args(&all[1..])
        .assert()
        .success();
    let partial = json(&partial.get_output().stdout);
    assert_eq!(partial["run"]["missing_shards"], serde_json::json!([1]));
    // A machine that was busy meanwhile is a reason as well.
    let reasons = partial["verdict"]["reasons"].as_array().unwrap();
    let codes: Vec<&str> = reasons
        .iter()
        .filter_map(|reason| reason["code"].as_str())
        .collect();
    assert!(codes.contains(&"shards_missing"), "{codes:?}");
}

#[test]
fn ctrl_c_before_the_start_ends_at_once_and_sends_nothing() {
    let cluster = cluster(ClusterSpec::default());
    let address = cluster.namesrv_address();
    let run = LongRun::start(&["-n", &address, "-r", "100", "--start-at", "+1h"]);
    run.await_line("the wait", |line| line.contains("waiting for the start at"));
    run.signal(SIGINT);
    let output = run.end();
    assert_eq!(output.status.code(), Some(130));
    assert!(output.stdout.is_empty());
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        told.contains("nothing was sent, so there is no report"),
        "{told}"
    );
    assert_eq!(cluster.stored().messages(), 0);
}

#[test]
fn what_is_no_part_of_a_run_is_refused() {
    let with = |arguments: &[&str], part: &str| {
        let run = rmq_bench()
            .args(["-n", "127.0.0.1:1"])
            .args(arguments)
            .assert();
        run.code(2).stdout("").stderr(contains(part));
    };
    with(&["--shard", "1/4"], "closed loop");
    with(
        &["--shard", "5/4", "-r", "1k"],
        "the processes are 1/4 to 4/4",
    );
    with(
        &["--shard", "1/4", "-r", "1k", "-m", "request"],
        "responder",
    );
    with(
        &[
            "--shard",
            "1/4",
            "-r",
            "1k",
            "-m",
            "tx",
            "--tx-unknown",
            "1%",
        ],
        "tx-unknown",
    );
    with(
        &["--shard", "1/4", "-r", "1k", "--sharding-keys", "3"],
        "cannot share 3 keys",
    );
    with(
        &["--shard", "1/4", "-r", "1k", "--count", "3"],
        "less than one send for each process",
    );
    with(
        &["--start-at", "2001-01-01T00:00:00Z"],
        "a run begins later than that",
    );
    with(&["--start-at", "10s"], "is no instant");
    with(
        &["--runs", "2", "-r", "1k", "--start-at", "+10s"],
        "drop --runs or --start-at",
    );
    with(
        &["--runs", "2", "-r", "1k", "--shard", "1/2"],
        "drop --runs or --shard",
    );
    with(&["-o", "a.hlog"], "--hlog");
    with(&["--hlog", "a.log", "--audit", "a.log"], "both write a.log");
    let embedded = rmq_bench().args(["--shard", "1/4", "-r", "1k"]).assert();
    embedded
        .code(2)
        .stderr(contains("an embedded cluster of its own"));
    rmq_bench().arg("merge").assert().code(2);
    rmq_bench()
        .args(["merge", "/dev/null"])
        .assert()
        .code(2)
        .stderr(contains("no result of rmq-bench"));
}
