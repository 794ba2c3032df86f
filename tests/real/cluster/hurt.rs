//! Runs during which a broker is stopped or killed.

use std::collections::HashSet;
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rmq_bench::report::RunResult;
use serde_json::Value;

use super::{Cluster, audit, keep, lines, result};

/// A run during which a broker is hurt.
pub(crate) struct Hurt {
    child: Child,
    pub(crate) folder: tempfile::TempDir,
}

impl Hurt {
    pub(crate) fn begin(cluster: &Cluster, topic: &str, arguments: &str) -> Self {
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        let folder = tempfile::tempdir().unwrap();
        let child = cluster
            .bench(topic, folder.path(), &arguments)
            .args(["--max-error-rate", "100%"])
            .spawn()
            .unwrap();
        Self { child, folder }
    }

    /// Waits until an interval of the log is as wanted.
    pub(crate) fn wait_for(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(120);
        let file = self.folder.path().join("intervals.ndjson");
        loop {
            if file.exists() && lines(&file).iter().any(&wanted) {
                return;
            }
            assert!(
                self.child.try_wait().unwrap().is_none(),
                "the run ended before {what}"
            );
            assert!(Instant::now() < deadline, "not seen: {what}");
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }

    pub(crate) fn wait_until(&mut self, seconds: f64) {
        self.wait_for(&format!("{seconds} s"), |line| at_s(line) >= seconds);
    }

    /// As Ctrl-C does.
    pub(crate) fn interrupt(&self) {
        let process = Pid::from_raw(self.child.id().cast_signed());
        kill(process, Signal::SIGINT).unwrap();
    }

    pub(crate) fn end(self, name: &str) -> (RunResult, tempfile::TempDir) {
        let output = self.child.wait_with_output().unwrap();
        keep(name, &output.stdout);
        (result(&output.stdout, false), self.folder)
    }
}

pub(crate) fn at_s(interval: &Value) -> f64 {
    interval["at_s"].as_f64().unwrap()
}

/// Messages a broker acknowledged in an interval.
pub(crate) fn acked_by(interval: &Value, broker: &str) -> u64 {
    let brokers = interval["brokers"].as_array().unwrap().iter();
    brokers
        .filter(|entry| entry["name"] == broker)
        .map(|entry| entry["acked"].as_u64().unwrap())
        .sum()
}

/// Every acknowledged message is stored; what is unknown may be.
pub(crate) fn assert_nothing_acked_is_lost(cluster: &Cluster, topic: &str, folder: &Path) {
    let messages = cluster.read_back(topic, folder);
    let read: HashSet<String> = messages
        .iter()
        .map(|message| message["msgId"].as_str().unwrap().to_owned())
        .collect();
    let ended = audit(folder);
    let lost: Vec<&String> = ended["acked"].difference(&read).collect();
    assert!(
        lost.is_empty(),
        "{} of {} acked are lost",
        lost.len(),
        ended["acked"].len()
    );
}
