//! What tests on a real cluster share: the cluster `scripts/test` has started, the tool's runs on it,
//! and what they are held against.
//!
//! What was sent is counted by the brokers' own queue offsets and read back by a program built on
//! RocketMQ's Java client, which shares no code with this crate.

pub(crate) mod hurt;

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rmq_bench::client::{ClientConfig, Producer, SendConfig};
use rmq_bench::load::MessageShape;
use rmq_bench::load::bodies::Bodies;
use rmq_bench::report::{RunResult, json};
use serde_json::Value;

pub(crate) const SEED: u64 = 7;
pub(crate) const TAGS: &str = "TagA";
/// Flow control of a broker that shares two cores with the suite is no fault of the client: what it
/// refused must be told as refused, and not be stored.
pub(crate) const MOST_REFUSED: &str = "50%";

pub(crate) struct Cluster {
    pub(crate) version: String,
    pub(crate) base_port: String,
    pub(crate) namesrv: String,
}

impl Cluster {
    /// The cluster `scripts/test` has started.
    pub(crate) fn running() -> Self {
        let version = std::env::var("REAL_VERSION").expect("REAL_VERSION, as scripts/test sets it");
        let base_port = std::env::var("REAL_BASE_PORT").expect("REAL_BASE_PORT");
        let namesrv = format!("127.0.0.1:{base_port}");
        Self {
            version,
            base_port,
            namesrv,
        }
    }

    pub(crate) fn script(&self, arguments: &[&str]) -> String {
        let script = root().join("scripts/rocketmq");
        let output = Command::new(script)
            .args(arguments)
            .args(["--version", &self.version, "--base-port", &self.base_port])
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        assert!(output.status.success(), "scripts/rocketmq {arguments:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) fn is_5(&self) -> bool {
        self.version.starts_with("5.")
    }

    /// A producer of the library's, patient with brokers that are busy.
    pub(crate) fn producer(&self, group: &str) -> Producer {
        let client = ClientConfig {
            namesrv: vec![self.namesrv.clone()],
            ..ClientConfig::default()
        };
        let send = SendConfig {
            group: group.to_owned(),
            retries: 10,
            timeout: Duration::from_secs(10),
            ..SendConfig::default()
        };
        let producer = Producer::new(client, send).unwrap();
        producer.start().unwrap();
        producer
    }

    /// A file of the cluster's certificates.
    pub(crate) fn tls(&self, file: &str) -> String {
        let folder = format!("target/rocketmq/{}-{}/tls", self.version, self.base_port);
        root().join(folder).join(file).to_str().unwrap().to_owned()
    }

    pub(crate) fn new_topic(&self, name: &str) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let topic = format!("{name}-{}-{number}", std::process::id());
        self.script(&["create-topic", "--topic", &topic, "--queues", "8"]);
        topic
    }

    /// Messages the brokers' queue offsets count.
    pub(crate) fn stored(&self, topic: &str) -> u64 {
        let offsets: Value =
            serde_json::from_str(&self.script(&["offsets", "--topic", topic])).unwrap();
        offsets["total"].as_u64().unwrap()
    }

    /// Every message of a topic, read by the independent reader.
    pub(crate) fn read_back(&self, topic: &str, folder: &Path) -> Vec<Value> {
        self.read_filtered(topic, folder, &[])
    }

    /// Those that a consumer with such a filter gets: `--tags` or `--sql`, and an expression.
    pub(crate) fn read_filtered(&self, topic: &str, folder: &Path, filter: &[&str]) -> Vec<Value> {
        let file = folder.join("readback.ndjson");
        let status = self
            .java("ReadBack", &["read", &self.namesrv, topic])
            .arg(&file)
            .args(filter)
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "read back");
        lines(&file)
    }

    pub(crate) fn bench(&self, topic: &str, folder: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rmq-bench"));
        command
            .args([
                "--namesrv",
                &self.namesrv,
                "--topic",
                topic,
                // Brokers send their checks to any producer of the group, another test's as well.
                "--group",
                topic,
                "--tags",
                TAGS,
                "--format",
                "json",
            ])
            .args(["--seed", &SEED.to_string(), "--quiet"])
            .arg("--audit")
            .arg(folder.join("audit.ndjson"))
            .arg("--intervals")
            .arg(folder.join("intervals.ndjson"))
            .args(arguments)
            .stdout(Stdio::piped());
        command
    }

    /// A program of `scripts/java`, or of the jars, with the client of the cluster's version.
    pub(crate) fn java(&self, class: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(root().join("scripts/lib/java-run"));
        command.args([&self.version, class]).args(arguments);
        // What a cluster that wants certificates wants of its tools.
        if let Ok(options) = fs::read_to_string(self.tls("java-options")) {
            command.env("JAVA_TOOL_OPTIONS", options.trim_end());
        }
        command
    }
}

pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn lines(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap();
    // A file that is being written may end in half a line.
    text.lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

/// Reads a result and holds it against the schema and every sum of the contract.
pub(crate) fn result(stdout: &[u8], oneway: bool) -> RunResult {
    let value: Value = serde_json::from_slice(stdout).expect("stdout is one JSON document");
    let schema = rmq_bench::report::schema::schema();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator
        .iter_errors(&value)
        .map(|error| error.to_string())
        .collect();
    assert!(errors.is_empty(), "{errors:?}");
    let result = json::read(std::str::from_utf8(stdout).unwrap()).unwrap();
    let accounts = &result.accounts;
    assert_eq!(
        accounts.planned,
        accounts.acked + accounts.failed + accounts.unknown + accounts.unsent
    );
    let sum = |which: fn(&rmq_bench::report::BrokerFigures) -> u64| -> u64 {
        result.brokers.iter().map(which).sum()
    };
    assert_eq!(sum(|broker| broker.attempts), result.retries.attempts);
    assert_eq!(sum(|broker| broker.acked), accounts.acked);
    if oneway {
        assert!(result.latency.response.is_none() && result.latency.service.is_none());
    } else {
        assert_eq!(
            accounts.by_status.as_ref().unwrap().values().sum::<u64>(),
            accounts.acked
        );
        assert_eq!(
            result.latency.response.as_ref().unwrap().count,
            accounts.acked
        );
    }
    result
}

/// Leaves the result where `REAL_RESULTS` says, for whoever wants to see what a passed test saw.
pub(crate) fn keep(name: &str, stdout: &[u8]) {
    if let Ok(folder) = std::env::var("REAL_RESULTS") {
        let version = std::env::var("REAL_VERSION").unwrap();
        fs::create_dir_all(&folder).unwrap();
        fs::write(format!("{folder}/{version}-{name}.json"), stdout).unwrap();
    }
}

/// Ids of the audit trail by outcome.
pub(crate) fn audit(folder: &Path) -> HashMap<String, HashSet<String>> {
    let mut ids: HashMap<String, HashSet<String>> = HashMap::new();
    for line in lines(&folder.join("audit.ndjson")) {
        let outcome = line["outcome"].as_str().unwrap().to_owned();
        let id = line["id"].as_str().unwrap().to_owned();
        assert!(
            ids.entry(outcome).or_default().insert(id),
            "an id was used twice"
        );
    }
    ids
}

/// Body, tags and id of every message read back are those that were sent.
pub(crate) fn assert_whole(messages: &[Value], size: usize) {
    assert_carries(messages, &MessageShape::plain(size));
}

/// The same for messages that carry more; `sent` says what, before compression.
pub(crate) fn assert_carries(messages: &[Value], sent: &MessageShape) {
    let size = sent.body_bytes;
    let plain = MessageShape {
        properties: Vec::new(),
        ..sent.clone()
    };
    let bodies = Bodies::new(&plain, SEED).unwrap();
    let sums: HashSet<u64> = bodies
        .all()
        .iter()
        .map(|message| u64::from(crc32fast::hash(message.body())))
        .collect();
    for message in messages {
        assert_eq!(message["bodySize"], size);
        assert!(
            sums.contains(&message["bodyCrc32"].as_u64().unwrap()),
            "{message}"
        );
        assert_eq!(message["properties"]["TAGS"], TAGS, "{message}");
        assert_eq!(message["properties"]["UNIQ_KEY"], message["msgId"]);
        for (name, value) in &sent.properties {
            assert_eq!(message["properties"][name], **value, "{message}");
        }
    }
}

/// Runs one mode and checks the accounts against the brokers and against what is read back.
pub(crate) fn mode_is_stored_whole(mode: &str, arguments: &[&str], size: usize) {
    let cluster = Cluster::running();
    let folder = tempfile::tempdir().unwrap();
    let topic = cluster.new_topic(&format!("whole-{mode}"));
    let size_text = size.to_string();
    // For the name of a file.
    let options: String = arguments
        .iter()
        .filter(|text| !text.contains('/'))
        .copied()
        .collect();
    let output = cluster
        .bench(
            &topic,
            folder.path(),
            &["--mode", mode, "--size", &size_text, "--warmup", "0s"],
        )
        .args(["--max-error-rate", MOST_REFUSED])
        .args(arguments)
        .output()
        .unwrap();
    keep(
        &format!("{mode}{}-{size}", options.replace("--", "-")),
        &output.stdout,
    );
    let result = result(&output.stdout, mode == "oneway");
    assert!(output.status.success(), "{:?}", result.accounts);
    assert_eq!(
        result.accounts.unknown, 0,
        "a healthy cluster leaves nothing unknown"
    );
    assert!(
        result
            .accounts
            .errors
            .keys()
            .all(|kind| kind == "system_busy"),
        "{:?}",
        result.accounts.errors
    );
    let (stored, acked) = (cluster.stored(&topic), result.accounts.acked);
    if mode == "oneway" {
        // Nobody tells a oneway sender of a refusal.
        assert!(
            stored <= acked && stored * 2 >= acked,
            "{stored} of {acked}"
        );
    } else {
        assert_eq!(stored, acked, "the brokers' own queue offsets");
    }
    let messages = cluster.read_back(&topic, folder.path());
    assert_whole(&messages, size);
    let read: HashSet<String> = messages
        .iter()
        .map(|message| message["msgId"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        messages.len(),
        read.len(),
        "nothing is stored twice on a healthy cluster"
    );
    assert_eq!(messages.len() as u64, stored, "all that is stored was read");
    let acked = &audit(folder.path())["acked"];
    assert!(
        read.is_subset(acked),
        "stored, and not told as acknowledged"
    );
    assert!(mode == "oneway" || read.len() == acked.len());
}

/// A Java program at the other end, killed with the test.
pub(crate) struct JavaPeer(pub(crate) Child);

impl Drop for JavaPeer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
