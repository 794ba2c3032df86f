//! The built binary against its own embedded cluster: figures that add up, files, exit codes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]

mod support;

use std::collections::HashSet;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;

use predicates::prelude::*;
use predicates::str::{contains, starts_with};
use serde_json::Value;
use support::binary::{SHORT, accounts_close, lines, number, result_of, rmq_bench};

/// Accounts, schedule, target and schema in one mode.
fn steady_run_in(mode: &str) {
    let mut arguments = vec!["-m", mode, "--rate", "2000"];
    arguments.extend(SHORT);
    let result = result_of(&arguments);
    assert_eq!(result["run"]["target"]["kind"], "embedded");
    assert_eq!(result["run"]["mode"], mode);
    assert_eq!(number(&result, "/accounts/planned"), 2000);
    assert_eq!(number(&result, "/accounts/acked"), 2000);
    accounts_close(&result);

    let schema = rmq_bench().arg("schema").assert().success();
    let schema = serde_json::from_slice(&schema.get_output().stdout).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator
        .iter_errors(&result)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:?}");
    let mut broken = result;
    broken["accounts"]["planned"] = "many".into();
    assert!(!validator.is_valid(&broken), "the schema says something");
}

#[test]
fn a_sync_run_sends_what_the_schedule_says_and_its_accounts_close() {
    steady_run_in("sync");
}

#[test]
fn an_async_run_sends_what_the_schedule_says_and_its_accounts_close() {
    steady_run_in("async");
}

#[test]
fn a_oneway_run_sends_what_the_schedule_says_and_its_accounts_close() {
    steady_run_in("oneway");
}

#[test]
fn oneway_has_no_response_time_and_no_status() {
    let mut arguments = vec!["-m", "oneway", "--rate", "1000"];
    arguments.extend(SHORT);
    let result = result_of(&arguments);
    assert_eq!(
        result["latency"].get("response").unwrap_or(&Value::Null),
        &Value::Null
    );
    let by_status = result["accounts"]["by_status"].as_object();
    assert!(by_status.is_none_or(|all| all.values().all(|count| count == 0)));
    assert_eq!(number(&result, "/latency/lateness/count"), 1000);
}

fn exactly_777(mode: &str, rate: &str) {
    let result = result_of(&["-q", "-r", rate, "-m", mode, "-w", "8", "--count", "777"]);
    assert_eq!(number(&result, "/accounts/planned"), 777, "{rate} {mode}");
    assert_eq!(number(&result, "/accounts/acked"), 777, "{rate} {mode}");
    assert_eq!(result["run"]["stop_reason"], "count", "{rate} {mode}");
    accounts_close(&result);
}

#[test]
fn a_count_is_sent_to_the_message_at_a_rate() {
    for mode in ["sync", "async", "oneway"] {
        exactly_777(mode, "1500");
    }
}

#[test]
fn a_count_is_sent_to_the_message_by_callers_without_a_rate() {
    exactly_777("sync", "max");
}

#[test]
fn a_count_below_the_cap_in_flight_is_sent_to_the_message_without_a_rate() {
    exactly_777("async", "max");
    exactly_777("oneway", "max");
}

#[test]
fn the_intervals_add_up_to_the_run() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("intervals.ndjson");
    let path_text = path.to_str().unwrap();
    let result = result_of(&[
        "-q",
        "-r",
        "1000",
        "-d",
        "2s",
        "--warmup",
        "1500ms",
        "--intervals",
        path_text,
    ]);
    let all = lines(&path);
    let warmup = |line: &&Value| line["phase"] == "warmup";
    assert!(all.iter().filter(warmup).count() >= 2);
    for line in &all {
        let before = line["at_s"].as_f64().unwrap() <= 0.0;
        assert_eq!(line["phase"] == "warmup", before, "{line}");
    }
    let seconds: Vec<&Value> = all.iter().filter(|line| !warmup(line)).collect();
    assert!(seconds.len() >= 2, "{} lines", seconds.len());
    for figure in ["planned", "acked", "failed", "unknown", "unsent"] {
        let sum: u64 = seconds
            .iter()
            .map(|second| number(second, &format!("/{figure}")))
            .sum();
        let whole = number(&result, &format!("/accounts/{figure}"));
        assert_eq!(sum, whole, "{figure}");
    }
    let times: Vec<f64> = seconds
        .iter()
        .map(|second| second["at_s"].as_f64().unwrap())
        .collect();
    assert!(times.is_sorted_by(|earlier, later| earlier < later));
}

#[test]
fn the_audit_has_each_acked_message_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.ndjson");
    let mut arguments = vec!["-r", "2000", "--audit", path.to_str().unwrap()];
    arguments.extend(SHORT);
    let result = result_of(&arguments);
    let records = lines(&path);
    let acked: Vec<&Value> = records
        .iter()
        .filter(|record| record["outcome"] == "acked")
        .collect();
    assert_eq!(acked.len() as u64, number(&result, "/accounts/acked"));
    let ids: HashSet<&str> = acked
        .iter()
        .map(|record| record["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), acked.len());
    assert!(acked.iter().all(|record| record["queue"].is_u64()));
}

#[test]
fn every_output_format_has_the_figures_of_the_same_run() {
    let directory = tempfile::tempdir().unwrap();
    let paths = ["json", "txt", "csv", "md"].map(|extension| {
        let path = directory.path().join(format!("result.{extension}"));
        path.to_str().unwrap().to_owned()
    });
    let mut arguments = vec!["-r", "1000"];
    for path in &paths {
        arguments.extend(["-o", path]);
    }
    arguments.extend(SHORT);
    let result = result_of(&arguments);
    let [json, text, csv, markdown] = paths.map(|path| fs::read_to_string(path).unwrap());
    assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), result);
    assert!(text.starts_with("Target: EMBEDDED"), "{text}");
    assert!(csv.lines().count() >= 2, "{csv}");
    assert!(markdown.contains('|'), "{markdown}");
    assert!(
        [text, csv, markdown]
            .iter()
            .all(|file| file.contains("1000") || file.contains("1,000"))
    );
    let left: Vec<_> = fs::read_dir(directory.path()).unwrap().collect();
    assert_eq!(left.len(), 4, "nothing else is left: {left:?}");
}

#[test]
fn text_csv_and_markdown_go_to_stdout() {
    for (format, beginning) in [
        ("text", "Target: EMBEDDED"),
        ("csv", "run_id,started_at,"),
        ("md", "**Target:** EMBEDDED"),
    ] {
        rmq_bench()
            .args(["--format", format, "-q", "-r", "2000", "--count", "500"])
            .assert()
            .success()
            .stdout(starts_with(beginning).and(contains("500")));
    }
}

#[test]
fn a_name_server_nobody_listens_at_is_named_with_a_hint() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    rmq_bench()
        .args(["-n", &address, "-d", "1s"])
        .assert()
        .code(3)
        .stdout("")
        .stderr(contains(&address).and(contains("hint: ")));
}

#[test]
fn a_name_server_that_says_nothing_ends_the_run_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    // The system accepts for it; `rmq_bench` kills a run that does not end.
    rmq_bench()
        .args(["-n", &address, "-d", "1s"])
        .assert()
        .code(3)
        .stdout("")
        .stderr(contains(&address).and(contains("hint: ")));
}

#[test]
fn a_name_server_that_speaks_another_protocol_ends_the_run() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut some = [0; 16];
            drop(stream.read(&mut some));
            drop(stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"));
        }
    });
    rmq_bench()
        .args(["-n", &address, "-d", "1s"])
        .assert()
        .code(3)
        .stdout("")
        .stderr(contains(&address).and(contains("panicked").not()));
}

#[test]
fn a_quiet_run_says_nothing_on_stderr() {
    rmq_bench()
        .args(["-q", "-r", "1000", "--count", "300"])
        .assert()
        .success()
        .stderr("");
}

/// R104, R105.
#[test]
fn an_unknown_topic_is_made_by_the_embedded_cluster() {
    let result = result_of(&["-q", "-t", "NobodyMadeThis", "-r", "1000", "--count", "300"]);
    assert_eq!(result["run"]["topic"], "NobodyMadeThis");
    assert_eq!(number(&result, "/accounts/acked"), 300);
}
