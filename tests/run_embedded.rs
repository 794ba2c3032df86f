//! The built binary against its own embedded cluster: figures that add up, files, exit codes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]

use std::collections::HashSet;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command as Process, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use assert_cmd::Command;
use predicates::prelude::*;
use predicates::str::{contains, starts_with};
use serde_json::Value;

/// Longest wait for anything that is awaited; far beyond what it takes.
const DEADLINE: Duration = Duration::from_secs(20);
/// A run of a second without warm-up: its accounts are all that left the process.
const SHORT: [&str; 5] = ["-q", "-d", "1s", "--warmup", "0s"];

/// Whether a variable of the surroundings would change a run.
fn is_ours(name: &str) -> bool {
    name.starts_with("RMQ_BENCH_") || ["NAMESRV_ADDR", "NO_COLOR"].contains(&name)
}

/// The built binary in an environment that sets nothing of ours.
fn process() -> Process {
    let mut process = Process::new(env!("CARGO_BIN_EXE_rmq-bench"));
    for (variable, _) in std::env::vars_os() {
        if is_ours(&variable.to_string_lossy()) {
            process.env_remove(&variable);
        }
    }
    process
}

fn rmq_bench() -> Command {
    let mut command = Command::from_std(process());
    command.timeout(DEADLINE);
    command
}

/// The result of a run that succeeds: stdout, which is one JSON document and nothing else.
fn result_of(arguments: &[&str]) -> Value {
    let run = rmq_bench()
        .args(["--format", "json"])
        .args(arguments)
        .assert()
        .success();
    serde_json::from_slice(&run.get_output().stdout).expect("stdout is one JSON document")
}

fn number(result: &Value, pointer: &str) -> u64 {
    let value = result.pointer(pointer);
    value
        .and_then(Value::as_u64)
        .unwrap_or_else(|| panic!("{pointer} is {value:?}"))
}

fn sum_of_brokers(result: &Value, figure: &str) -> u64 {
    let brokers = result["brokers"].as_array().unwrap();
    brokers.iter().map(|broker| number(broker, figure)).sum()
}

/// The sums interface.md promises for every result.
fn accounts_close(result: &Value) {
    let of = |name: &str| number(result, &format!("/accounts/{name}"));
    let ended = of("acked") + of("failed") + of("unknown");
    assert_eq!(of("planned"), ended + of("unsent"), "planned");
    let attempts = number(result, "/retries/attempts");
    assert_eq!(sum_of_brokers(result, "/attempts"), attempts, "attempts");
    assert_eq!(sum_of_brokers(result, "/acked"), of("acked"), "acked");
    if result["run"]["mode"] != "oneway" {
        let by_status = result["accounts"]["by_status"].as_object().unwrap();
        let by_status: u64 = by_status.values().filter_map(Value::as_u64).sum();
        assert_eq!(by_status, of("acked"), "by_status");
        let answered = number(result, "/latency/response/count");
        assert_eq!(answered, of("acked"), "response.count");
    }
}

fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.ends_with('\n'), "the last line is whole");
    let lines = text.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().expect("each line is JSON")
}

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
        "0s",
        "--intervals",
        path_text,
    ]);
    let seconds = lines(&path);
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
    for (format, beginning) in [("text", "Target: EMBEDDED"), ("csv", ""), ("md", "")] {
        rmq_bench()
            .args(["--format", format, "-q", "-r", "2000", "--count", "500"])
            .assert()
            .success()
            .stdout(starts_with(beginning).and(contains("500")));
    }
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
fn an_output_that_cannot_be_written_is_refused_before_anything_is_sent() {
    let directory = tempfile::tempdir().unwrap();
    let audit = directory.path().join("audit.ndjson");
    for option in ["-o", "--intervals", "--audit"] {
        let missing = directory.path().join("no/such/folder/file.json");
        let begun = Instant::now();
        let run = rmq_bench()
            .args(["-d", "15s", "-r", "100", option, missing.to_str().unwrap()])
            .args(if option == "-o" {
                vec!["--audit", audit.to_str().unwrap()]
            } else {
                vec![]
            })
            .assert()
            .stdout("")
            .stderr(contains("no/such/folder/file.json"));
        assert!(!run.get_output().status.success(), "{option}");
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "{option}: it ran first"
        );
    }
    assert!(!audit.exists() || fs::read(&audit).unwrap().is_empty());
}

#[test]
fn a_run_without_a_result_leaves_no_file() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("result.json");
    rmq_bench()
        .args(["-n", &address, "-o", path.to_str().unwrap()])
        .assert()
        .code(3);
    let left: Vec<_> = fs::read_dir(directory.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn an_output_that_is_a_directory_is_refused_before_anything_is_sent() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("result.json");
    fs::create_dir(&path).unwrap();
    let run = rmq_bench()
        .args([
            "-q",
            "-r",
            "1000",
            "--count",
            "300",
            "-o",
            path.to_str().unwrap(),
        ])
        .assert()
        .stdout("")
        .stderr(contains("result.json"));
    assert!(!run.get_output().status.success());
}

#[test]
fn a_quiet_run_says_nothing_on_stderr() {
    rmq_bench()
        .args(["-q", "-r", "1000", "--count", "300"])
        .assert()
        .success()
        .stderr("");
}

#[test]
fn a_reader_that_has_left_is_no_panic() {
    let mut child = process()
        .args(["-q", "--format", "json", "-r", "1000", "--count", "300"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!errors.contains("panic"), "{errors}");
    assert!(output.status.code().is_some(), "{}", output.status);
}

#[test]
fn an_unknown_topic_is_made_by_the_embedded_cluster() {
    let result = result_of(&["-q", "-t", "NobodyMadeThis", "-r", "1000", "--count", "300"]);
    assert_eq!(result["run"]["topic"], "NobodyMadeThis");
    assert_eq!(number(&result, "/accounts/acked"), 300);
}

#[test]
fn a_schedule_that_may_not_be_late_aborts_the_run() {
    let run = rmq_bench()
        .args(["-q", "--format", "json", "-r", "2000", "-d", "15s"])
        .args([
            "--warmup",
            "0s",
            "--broker-capacity",
            "20",
            "--in-flight",
            "10",
        ])
        .args(["--when-late", "abort", "--drain", "1s"])
        .assert();
    let result: Value = serde_json::from_slice(&run.get_output().stdout).unwrap();
    assert_eq!(result["run"]["stop_reason"], "aborted");
    assert!(result["window"]["measured_s"].as_f64().unwrap() < 10.0);
    accounts_close(&result);
}

/// A run that would take 30 s, and the lines of its stderr, among which are its intervals.
fn long_run(rate: &str) -> (Child, Receiver<String>) {
    let mut child = process()
        .args(["--format", "json", "-r", rate, "-d", "30s"])
        .args([
            "--warmup",
            "0s",
            "--no-progress",
            "--intervals",
            "/dev/stderr",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stderr = BufReader::new(child.stderr.take().unwrap());
    let (tell, told) = channel();
    std::thread::spawn(move || {
        for line in stderr.lines().map_while(Result::ok) {
            if tell.send(line).is_err() {
                return;
            }
        }
    });
    (child, told)
}

fn await_line(told: &Receiver<String>, what: impl Fn(&str) -> bool) {
    let until = Instant::now() + DEADLINE;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let line = told.recv_timeout(left).expect("the line comes");
        if what(&line) {
            return;
        }
    }
}

fn interrupt(child: &Child) {
    let id = child.id().to_string();
    let status = Process::new("kill").args(["-INT", &id]).status().unwrap();
    assert!(status.success());
}

fn is_interrupted(output: &Output) {
    assert_eq!(output.status.code(), Some(130));
    let result: Value = serde_json::from_slice(&output.stdout).expect("a whole report");
    assert_eq!(result["run"]["stop_reason"], "interrupted");
    assert!(number(&result, "/accounts/acked") > 0);
    let measured = result["window"]["measured_s"].as_f64().unwrap();
    assert!(measured < 25.0, "it ended early");
    accounts_close(&result);
}

#[test]
fn an_interrupted_run_reports_what_it_has() {
    let (child, told) = long_run("1000");
    await_line(&told, |line| line.starts_with('{'));
    interrupt(&child);
    is_interrupted(&child.wait_with_output().unwrap());
}

#[test]
fn a_run_interrupted_twice_reports_too() {
    let (child, told) = long_run("1000");
    await_line(&told, |line| line.starts_with('{'));
    interrupt(&child);
    interrupt(&child);
    is_interrupted(&child.wait_with_output().unwrap());
}

#[test]
fn a_run_without_a_rate_can_be_interrupted_too() {
    let (child, told) = long_run("max");
    await_line(&told, |line| line.starts_with('{'));
    interrupt(&child);
    is_interrupted(&child.wait_with_output().unwrap());
}
