//! The built binary: started in a clean environment, its result read and checked, signals sent.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command as Process, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use assert_cmd::Command;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rmq_bench::broker::EmbeddedCluster;
use serde_json::Value;

use super::{DEADLINE, TOPIC};

/// A run of a second without warm-up: its accounts are all that left the process.
pub(crate) const SHORT: [&str; 5] = ["-q", "-d", "1s", "--warmup", "0s"];

/// Whether a variable of the surroundings would change a run.
fn is_ours(name: &str) -> bool {
    name.starts_with("RMQ_BENCH_") || ["NAMESRV_ADDR", "NO_COLOR"].contains(&name)
}

/// The built binary in an environment that sets nothing of ours.
pub(crate) fn process() -> Process {
    let mut process = Process::new(env!("CARGO_BIN_EXE_rmq-bench"));
    for (variable, _) in std::env::vars_os() {
        if is_ours(&variable.to_string_lossy()) {
            process.env_remove(&variable);
        }
    }
    process
}

pub(crate) fn rmq_bench() -> Command {
    let mut command = Command::from_std(process());
    command.timeout(DEADLINE);
    command
}

/// The result of a run that succeeds: stdout, which is one JSON document and nothing else.
pub(crate) fn result_of(arguments: &[&str]) -> Value {
    let run = rmq_bench()
        .args(["--format", "json"])
        .args(arguments)
        .assert()
        .success();
    serde_json::from_slice(&run.get_output().stdout).expect("stdout is one JSON document")
}

pub(crate) fn number(result: &Value, pointer: &str) -> u64 {
    let value = result.pointer(pointer);
    value
        .and_then(Value::as_u64)
        .unwrap_or_else(|| panic!("{pointer} is {value:?}"))
}

pub(crate) fn sum_of_brokers(result: &Value, figure: &str) -> u64 {
    let brokers = result["brokers"].as_array().unwrap();
    brokers.iter().map(|broker| number(broker, figure)).sum()
}

/// The sums interface.md promises for every result.
pub(crate) fn accounts_close(result: &Value) {
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

/// The result of a run that succeeds against a cluster of the test's.
#[track_caller]
pub(crate) fn result_against(cluster: &EmbeddedCluster, arguments: &[&str]) -> Value {
    let address = cluster.namesrv_address();
    let target = ["-q", "-n", &address, "-t", TOPIC];
    let result = result_of(&[&target, arguments].concat());
    accounts_close(&result);
    result
}

/// Everything planned was acknowledged.
#[track_caller]
pub(crate) fn all_acked(result: &Value, count: u64) {
    for figure in ["planned", "acked"] {
        let pointer = format!("/accounts/{figure}");
        assert_eq!(number(result, &pointer), count, "{figure}");
    }
}

pub(crate) fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.ends_with('\n'), "the last line is whole");
    let lines = text.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().expect("each line is JSON")
}

/// The JSON document that stdout is, whatever the exit code.
pub(crate) fn json(stdout: &[u8]) -> Value {
    serde_json::from_slice(stdout).expect("stdout is one JSON document")
}

/// A run that goes on while the test looks at it.
pub(crate) struct LongRun {
    child: Child,
    stderr: Receiver<String>,
}

impl LongRun {
    /// Starts `produce` with these arguments and `--format json`.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::of(&[&["--format", "json", "--no-progress"], arguments].concat())
    }

    /// Starts a command with just these arguments.
    pub(crate) fn of(arguments: &[&str]) -> Self {
        let mut child = process()
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap());
        let (tell, stderr) = channel();
        std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                if tell.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, stderr }
    }

    /// Waits for a line of its stderr.
    #[track_caller]
    pub(crate) fn await_line(&self, what: &str, is_it: impl Fn(&str) -> bool) {
        let until = Instant::now() + DEADLINE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.stderr.recv_timeout(left) {
                Ok(line) if is_it(&line) => return,
                Ok(_) => {}
                Err(_) => panic!("never said: {what}"),
            }
        }
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let process = Pid::from_raw(self.child.id().cast_signed());
        kill(process, signal).unwrap();
    }

    /// Sends SIGINT and waits until it is understood: two that wait together would be one.
    #[track_caller]
    pub(crate) fn interrupt(&self, answer: &str) {
        self.signal(Signal::SIGINT);
        self.await_line(answer, |line| line.contains(answer));
    }

    /// Waits for the end, then reads what it left in stdout, which must fit a pipe.
    #[track_caller]
    pub(crate) fn end(mut self) -> Output {
        let until = Instant::now() + DEADLINE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < until, "it does not end");
            std::thread::park_timeout(Duration::from_millis(1));
        };
        let mut stdout = Vec::new();
        let mut pipe = self.child.stdout.take().unwrap();
        pipe.read_to_end(&mut stdout).unwrap();
        Output {
            status,
            stdout,
            stderr: self.stderr.iter().collect::<Vec<_>>().join("\n").into(),
        }
    }
}

impl Drop for LongRun {
    fn drop(&mut self) {
        // A test that failed leaves no process behind; one that has ended is not there any more.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
