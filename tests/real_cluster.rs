//! The claims about Apache RocketMQ, on a real cluster: `scripts/test` starts one and runs these.
//!
//! What was sent is counted by the brokers' own queue offsets and read back by a program built on
//! RocketMQ's Java client, which shares no code with this crate.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    reason = "a test may panic, and its numbers are small"
)]

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rmq_bench::client::{
    ClientConfig, Producer, Request, RequestHandler, Resolution, Responder, SendConfig,
};
use rmq_bench::load::bodies::Bodies;
use rmq_bench::load::{MessageShape, TransactionShape};
use rmq_bench::protocol::UniqueId;
use rmq_bench::report::transactions::CheckFigures;
use rmq_bench::report::{RunResult, json};
use serde_json::Value;

const SEED: u64 = 7;
const TAGS: &str = "TagA";
/// Flow control of a broker that shares two cores with the suite is no fault of the client: what it
/// refused must be told as refused, and not be stored.
const MOST_REFUSED: &str = "50%";

struct Cluster {
    version: String,
    base_port: String,
    namesrv: String,
}

impl Cluster {
    /// The cluster `scripts/test` has started.
    fn running() -> Self {
        let version = std::env::var("REAL_VERSION").expect("REAL_VERSION, as scripts/test sets it");
        let base_port = std::env::var("REAL_BASE_PORT").expect("REAL_BASE_PORT");
        let namesrv = format!("127.0.0.1:{base_port}");
        Self {
            version,
            base_port,
            namesrv,
        }
    }

    fn script(&self, arguments: &[&str]) -> String {
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

    fn new_topic(&self, name: &str) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let topic = format!("{name}-{}-{number}", std::process::id());
        self.script(&["create-topic", "--topic", &topic, "--queues", "8"]);
        topic
    }

    /// Messages the brokers' queue offsets count.
    fn stored(&self, topic: &str) -> u64 {
        let offsets: Value =
            serde_json::from_str(&self.script(&["offsets", "--topic", topic])).unwrap();
        offsets["total"].as_u64().unwrap()
    }

    /// Every message of a topic, read by the independent reader.
    fn read_back(&self, topic: &str, folder: &Path) -> Vec<Value> {
        let file = folder.join("readback.ndjson");
        let status = Command::new(root().join("scripts/lib/java-run"))
            .args([&self.version, "ReadBack", "read", &self.namesrv, topic])
            .arg(&file)
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "read back");
        lines(&file)
    }

    /// What RocketMQ's tool says of the sending of a message; brokers need a moment to find it by its key.
    fn trace_of(&self, trace_topic: &str, id: &str) -> String {
        let deadline = Instant::now() + Duration::from_secs(60);
        let home = format!("target/rocketmq/{}-{}", self.version, self.base_port);
        loop {
            let tool = "org.apache.rocketmq.tools.command.MQAdminStartup";
            let output = Command::new(root().join("scripts/lib/java-run"))
                .args([&*self.version, tool, "queryMsgTraceById", "-i", id])
                .args(["-t", trace_topic, "-n", &self.namesrv])
                .env("ROCKETMQ_HOME", root().join(&home))
                .output()
                .unwrap();
            let text = String::from_utf8_lossy(&output.stdout);
            if let Some(line) = text.lines().find(|line| line.starts_with("Pub")) {
                return line.to_owned();
            }
            assert!(Instant::now() < deadline, "no trace of {id}: {text}");
        }
    }

    fn bench(&self, topic: &str, folder: &Path, arguments: &[&str]) -> Command {
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
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn lines(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap();
    // A file that is being written may end in half a line.
    text.lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

/// Reads a result and holds it against the schema and every sum of the contract.
fn result(stdout: &[u8], oneway: bool) -> RunResult {
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
fn keep(name: &str, stdout: &[u8]) {
    if let Ok(folder) = std::env::var("REAL_RESULTS") {
        let version = std::env::var("REAL_VERSION").unwrap();
        fs::create_dir_all(&folder).unwrap();
        fs::write(format!("{folder}/{version}-{name}.json"), stdout).unwrap();
    }
}

/// Ids of the audit trail by outcome.
fn audit(folder: &Path) -> HashMap<String, HashSet<String>> {
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
fn assert_whole(messages: &[Value], size: usize) {
    assert_carries(messages, &MessageShape::plain(size));
}

/// The same for messages that carry more; `sent` says what, before compression.
fn assert_carries(messages: &[Value], sent: &MessageShape) {
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
fn mode_is_stored_whole(mode: &str, arguments: &[&str], size: usize) {
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

#[test]
#[ignore = "needs a real cluster; scripts/test starts one"]
fn sync_messages_are_counted_and_read_back() {
    mode_is_stored_whole("sync", &["--rate", "2k", "--duration", "10s"], 1024);
}

#[test]
#[ignore = "needs a real cluster; scripts/test starts one"]
fn async_messages_are_counted_and_read_back() {
    mode_is_stored_whole("async", &["--rate", "2k", "--duration", "10s"], 1024);
}

#[test]
#[ignore = "needs a real cluster; scripts/test starts one"]
fn oneway_messages_are_counted_and_read_back() {
    mode_is_stored_whole("oneway", &["--rate", "2k", "--duration", "10s"], 1024);
}

#[test]
#[ignore = "needs a real cluster; scripts/test starts one"]
fn batches_are_counted_and_read_back_message_by_message() {
    let arguments = ["--batch", "20", "--rate", "4k", "--duration", "5s"];
    mode_is_stored_whole("batch", &arguments, 256);
}

#[test]
#[ignore = "needs a real cluster; scripts/test starts one"]
fn encrypted_connections_carry_every_mode_and_strangers_are_not_trusted() {
    let cluster = Cluster::running();
    let authority = root().join(format!(
        "target/rocketmq/{}-{}/tls/ca.pem",
        cluster.version, cluster.base_port
    ));
    let authority = authority.to_str().unwrap();
    for mode in ["sync", "async"] {
        let arguments = format!("--tls on --tls-ca {authority} --rate 500 --duration 3s");
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        mode_is_stored_whole(mode, &arguments, 10_000);
    }
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let mut command = cluster.bench("BenchmarkTest", folder.path(), arguments);
        command.args(["--count", "10", "--warmup", "0s"]);
        command.stderr(Stdio::piped()).output().unwrap()
    };
    let stranger = run(&["--tls", "on"]);
    let said = String::from_utf8_lossy(&stranger.stderr);
    assert_eq!(stranger.status.code(), Some(3), "{said}");
    assert!(said.contains("certificate"), "{said}");
    let misnamed = run(&[
        "--tls",
        "on",
        "--tls-ca",
        authority,
        "--tls-name",
        "broker.example",
    ]);
    assert_eq!(misnamed.status.code(), Some(3));
    let anybody = run(&["--tls", "on", "--tls-verify", "off"]);
    assert!(anybody.status.success());
}

#[test]
#[ignore = "needs a real cluster; scripts/test starts one"]
fn json_headers_are_understood_in_every_mode() {
    for mode in ["sync", "async", "oneway"] {
        let arguments = ["--header", "json", "--rate", "1k", "--duration", "2s"];
        mode_is_stored_whole(mode, &arguments, 100);
    }
}

#[test]
#[ignore = "needs a real cluster; scripts/test starts one"]
fn large_bodies_go_by_reference_and_arrive_whole() {
    mode_is_stored_whole("async", &["--rate", "100", "--duration", "3s"], 200_000);
}

#[test]
#[ignore = "needs a real cluster; scripts/test starts one"]
fn compressed_and_labelled_messages_are_what_java_s_consumer_reads() {
    let cluster = Cluster::running();
    let shape = MessageShape {
        random_bytes: 2048,
        // As the reader finds them among the others.
        properties: vec![
            ("KEYS".into(), "order-1 customer-2".into()),
            ("region".into(), "eu".into()),
        ],
        ..MessageShape::plain(8192)
    };
    let arguments = "--count 300 --warmup 0s --size 8KiB --random-bytes 25% --properties region=eu \
                     --wait-store off --mode sync --callers 8";
    let arguments: Vec<&str> = arguments.split_whitespace().collect();
    for kind in ["zlib", "lz4", "zstd"] {
        let folder = tempfile::tempdir().unwrap();
        let topic = cluster.new_topic(&format!("compressed-{kind}"));
        let output = cluster
            .bench(&topic, folder.path(), &arguments)
            .args(["--keys", "order-1 customer-2", "--compress", kind])
            .args(["--max-error-rate", MOST_REFUSED])
            .output()
            .unwrap();
        keep(&format!("compressed-{kind}"), &output.stdout);
        let accounts = result(&output.stdout, false).accounts;
        assert!(output.status.success(), "{accounts:?}");
        assert_eq!(cluster.stored(&topic), accounts.acked);
        let messages = cluster.read_back(&topic, folder.path());
        assert_eq!(messages.len() as u64, accounts.acked);
        assert_carries(&messages, &shape);
        for message in &messages {
            // Brokers act on it; those of 4.9 do not store it.
            let kept = cluster.version.starts_with("5.").then_some("false");
            assert_eq!(message["properties"]["WAIT"].as_str(), kept, "{message}");
            let stored = message["storeSize"].as_u64().unwrap();
            assert!((2048..4096).contains(&stored), "not compressed: {message}");
        }
    }
}

/// R185–R188: RocketMQ's own tool reads what became of a message, in the topic it reads by default and in
/// another one.
#[test]
#[ignore = "needs a real cluster; scripts/test starts one"]
fn traces_are_read_by_mqadmin() {
    let cluster = Cluster::running();
    let own = format!("traces-{}", std::process::id());
    for (trace_topic, mode) in [("RMQ_SYS_TRACE_TOPIC", "sync"), (&*own, "async")] {
        let folder = tempfile::tempdir().unwrap();
        let topic = cluster.new_topic(&format!("traced-{mode}"));
        let arguments = format!(
            "--mode {mode} --count 100 --rate 50 --warmup 0s --keys order-1 --trace 100% --trace-topic {trace_topic}"
        );
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        let output = cluster
            .bench(&topic, folder.path(), &arguments)
            .args(["--max-error-rate", MOST_REFUSED])
            .output()
            .unwrap();
        keep(&format!("traced-{mode}"), &output.stdout);
        let result = result(&output.stdout, false);
        let traces = result.trace.unwrap();
        assert_eq!(
            (traces.written, traces.dropped, traces.failed),
            (result.accounts.acked, 0, 0)
        );
        let acked = &audit(folder.path())["acked"];
        for id in acked.iter().take(2) {
            let line = cluster.trace_of(trace_topic, id);
            let columns: Vec<&str> = line.split_whitespace().collect();
            // Kind, group, client, date and time, cost, status.
            assert_eq!(columns[..3], ["Pub", &*topic, "127.0.0.1"], "{line}");
            assert!(columns[5].ends_with("ms"), "{line}");
            assert_eq!(columns[6..], ["success"], "{line}");
        }
    }
}

#[test]
#[ignore = "needs a real cluster; scripts/test starts one"]
fn messages_of_a_key_are_stored_in_their_order() {
    let cluster = Cluster::running();
    for mode in ["sync", "async", "batch"] {
        let folder = tempfile::tempdir().unwrap();
        let topic = cluster.new_topic(&format!("ordered-{mode}"));
        let arguments = [
            "--mode",
            mode,
            "--count",
            "3200",
            "--warmup",
            "0s",
            "--sharding-keys",
            "50",
        ];
        let output = cluster
            .bench(&topic, folder.path(), &arguments)
            .args(["--shards", "2", "--max-error-rate", MOST_REFUSED])
            .output()
            .unwrap();
        let accounts = result(&output.stdout, false).accounts;
        assert!(output.status.success(), "{accounts:?}");
        let mut messages = cluster.read_back(&topic, folder.path());
        assert_eq!(messages.len() as u64, accounts.acked);
        messages.sort_by_key(|message| message["queueOffset"].as_u64());
        // Ids of one sender count upwards; a key has one sender.
        let mut last: HashMap<String, (Value, String)> = HashMap::new();
        for message in &messages {
            let key = message["properties"]["__SHARDINGKEY"].as_str().unwrap();
            let queue = Value::from(vec![message["broker"].clone(), message["queueId"].clone()]);
            let id = message["msgId"].as_str().unwrap().to_owned();
            if let Some((known, before)) = last.insert(key.to_owned(), (queue.clone(), id.clone()))
            {
                assert_eq!(known, queue, "{key} has one queue");
                assert!(before < id, "{key}: {before} is stored before {id}");
            }
        }
        assert_eq!(last.len(), 50);
        let queues: HashSet<String> = last.values().map(|(queue, _)| queue.to_string()).collect();
        assert!(queues.len() > 5, "spread over the queues: {queues:?}");
    }
}

#[test]
#[ignore = "needs a real cluster; scripts/test starts one"]
fn a_delay_level_is_honoured() {
    let cluster = Cluster::running();
    let folder = tempfile::tempdir().unwrap();
    let topic = cluster.new_topic("delayed");
    let arguments = "--count 100 --warmup 0s --mode sync --callers 4 --delay-level 2";
    let arguments: Vec<&str> = arguments.split_whitespace().collect();
    let output = cluster
        .bench(&topic, folder.path(), &arguments)
        .args(["--max-error-rate", MOST_REFUSED])
        .output()
        .unwrap();
    let accounts = result(&output.stdout, false).accounts;
    assert!(output.status.success(), "{accounts:?}");
    let deadline = Instant::now() + Duration::from_secs(60);
    while cluster.stored(&topic) < accounts.acked {
        assert!(Instant::now() < deadline, "delivered within a minute");
    }
    let messages = cluster.read_back(&topic, folder.path());
    assert_eq!(messages.len() as u64, accounts.acked);
    for message in &messages {
        let at = |moment: &str| message[moment].as_u64().unwrap();
        // Level 2 is 5 s; brokers look once in 100 ms.
        let after = at("storeTimestamp") - at("bornTimestamp");
        assert!(after >= 4_800, "{after} ms: {message}");
    }
}

#[test]
#[ignore = "needs a real cluster; scripts/test starts one"]
fn a_topic_that_does_not_exist_is_created_by_the_broker() {
    let cluster = Cluster::running();
    let folder = tempfile::tempdir().unwrap();
    let topic = format!("auto-{}", std::process::id());
    let arguments = [
        "--rate",
        "500",
        "--duration",
        "2s",
        "--warmup",
        "0s",
        "--mode",
        "sync",
        "--max-error-rate",
        MOST_REFUSED,
    ];
    let output = cluster
        .bench(&topic, folder.path(), &arguments)
        .output()
        .unwrap();
    let result = result(&output.stdout, false);
    assert!(output.status.success(), "{:?}", result.accounts);
    assert_eq!(cluster.stored(&topic), result.accounts.acked);
}

/// Shares of commits, rollbacks and unknown ends, and at checks.
const TX: &str = "--mode tx --callers 32 --tx-rollback 10% --tx-unknown 10% --tx-check-rollback 30% \
                  --tx-check-unknown 20%";

fn tx_shape() -> TransactionShape {
    TransactionShape {
        rollback: 0.1,
        unknown: 0.1,
        check_rollback: 0.3,
        check_unknown: 0.2,
        ..TransactionShape::default()
    }
}

/// Whether a message is delivered that was told of as acknowledged: what it is told, or else what its
/// first final check is answered.
fn is_delivered(shape: &TransactionShape, id: &str) -> bool {
    let id = UniqueId(id.as_bytes().try_into().unwrap());
    let ends =
        std::iter::once(shape.outcome(&id)).chain((1..).map(|check| shape.at_check(&id, check)));
    let mut ends = ends.filter(|end| *end != Resolution::Unknown);
    ends.next() == Some(Resolution::Commit)
}

/// What the consumer gets is what was told and answered, message by message. None of it twice, but
/// where a broker asked about a transaction that had ended: one of 5.x that is killed forgets the ends
/// of its last seconds, which it keeps in memory, and delivers again what it is told again to commit.
fn assert_transactions_end_as_told(messages: &[Value], folder: &Path, checks: &CheckFigures) {
    let left_over = checks.left_over;
    let ids = messages
        .iter()
        .map(|message| message["msgId"].as_str().unwrap());
    let read: HashSet<String> = ids.map(str::to_owned).collect();
    let twice = (messages.len() - read.len()) as u64;
    assert!(twice <= checks.of_ended, "{twice} come twice: {checks:?}");
    let shape = tx_shape();
    let ended = audit(folder);
    let wanted: HashSet<String> = ended["acked"]
        .iter()
        .filter(|id| is_delivered(&shape, id))
        .cloned()
        .collect();
    let unwanted: Vec<&String> = read.difference(&wanted).collect();
    assert!(
        unwanted.is_empty(),
        "rolled back or given up, and delivered: {unwanted:?}"
    );
    let missing = wanted.difference(&read).count() as u64;
    assert!(
        missing <= left_over,
        "{missing} are missing, {left_over} are left over"
    );
}

#[test]
#[ignore = "needs a real cluster; scripts/test starts one"]
fn transactions_end_as_they_are_told_and_as_checks_are_answered() {
    let cluster = Cluster::running();
    let folder = tempfile::tempdir().unwrap();
    let topic = cluster.new_topic("transactions");
    let arguments =
        format!("{TX} --count 2000 --rate 500 --warmup 0s --tx-wait 180s --timeout 10s");
    let arguments: Vec<&str> = arguments.split_whitespace().collect();
    let output = cluster
        .bench(&topic, folder.path(), &arguments)
        .args(["--max-error-rate", MOST_REFUSED])
        .output()
        .unwrap();
    keep("transactions", &output.stdout);
    let result = result(&output.stdout, false);
    assert!(output.status.success(), "{:?}", result.accounts);
    let tx = result.transactions.unwrap();
    assert_eq!(
        tx.committed + tx.rolled_back + tx.unknown,
        result.accounts.acked
    );
    let checks = tx.checks;
    assert_eq!(
        (tx.untold, checks.left_over, checks.foreign),
        (0, 0, 0),
        "{tx:?}"
    );
    assert_eq!(checks.committed + checks.rolled_back, tx.unknown, "{tx:?}");
    assert!(tx.check_delay.min_ns.unwrap() >= 5_900_000_000, "{tx:?}");
    // Of all producers since the cluster was started.
    assert!(tx.half_messages_not_passed.is_some(), "{tx:?}");
    let delivered = tx.committed + checks.committed;
    let deadline = Instant::now() + Duration::from_secs(30);
    while cluster.stored(&topic) < delivered {
        assert!(Instant::now() < deadline, "committed within half a minute");
    }
    let messages = cluster.read_back(&topic, folder.path());
    assert_eq!(messages.len() as u64, delivered);
    assert_whole(&messages, 1024);
    assert_eq!(checks.of_ended, 0, "{tx:?}");
    assert_transactions_end_as_told(&messages, folder.path(), &checks);
}

/// The load under which a broker is stopped or killed.
const FIVE_K: &str = "--rate 5k --mode async --warmup 1s";

/// A run during which a broker is hurt.
struct Hurt {
    child: Child,
    folder: tempfile::TempDir,
}

impl Hurt {
    fn begin(cluster: &Cluster, topic: &str, arguments: &str) -> Self {
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
    fn wait_for(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) {
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

    fn wait_until(&mut self, seconds: f64) {
        self.wait_for(&format!("{seconds} s"), |line| at_s(line) >= seconds);
    }

    /// As Ctrl-C does.
    fn interrupt(&self) {
        let process = Pid::from_raw(self.child.id().cast_signed());
        kill(process, Signal::SIGINT).unwrap();
    }

    fn end(self, name: &str) -> (RunResult, tempfile::TempDir) {
        let output = self.child.wait_with_output().unwrap();
        keep(name, &output.stdout);
        (result(&output.stdout, false), self.folder)
    }
}

fn at_s(interval: &Value) -> f64 {
    interval["at_s"].as_f64().unwrap()
}

/// Messages a broker acknowledged in an interval.
fn acked_by(interval: &Value, broker: &str) -> u64 {
    let brokers = interval["brokers"].as_array().unwrap().iter();
    brokers
        .filter(|entry| entry["name"] == broker)
        .map(|entry| entry["acked"].as_u64().unwrap())
        .sum()
}

/// Every acknowledged message is stored; what is unknown may be.
fn assert_nothing_acked_is_lost(cluster: &Cluster, topic: &str, folder: &Path) {
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

/// Stopped after a second, so that the table's longest isolation (10 s after the last failure, in
/// either generation's row for failures seen here) lies within the 20 s.
fn stopped_and_continued(avoidance: &str) {
    let cluster = Cluster::running();
    let topic = cluster.new_topic(&format!("stopped-{avoidance}"));
    let arguments = format!("{FIVE_K} --duration 20s --fault-avoidance {avoidance}");
    let mut run = Hurt::begin(&cluster, &topic, &arguments);
    run.wait_until(2.0);
    cluster.script(&["stop-broker", "broker-1"]);
    run.wait_until(7.0);
    cluster.script(&["cont-broker", "broker-1"]);
    let (result, folder) = run.end(&format!("stopped-avoidance-{avoidance}"));
    let avoided = result.avoidance.as_ref().unwrap();
    let events = avoided
        .events
        .iter()
        .filter(|event| event.broker == "broker-1")
        .count();
    if avoidance == "on" {
        assert!(events >= 1, "{avoided:?}");
    } else {
        assert!(avoided.events.is_empty() && !avoided.enabled);
    }
    let intervals = lines(&folder.path().join("intervals.ndjson"));
    let at_the_end = intervals.iter().rev().take(2);
    let acked: u64 = at_the_end.map(|line| acked_by(line, "broker-1")).sum();
    assert!(acked > 0, "not used again");
    assert_nothing_acked_is_lost(&cluster, &topic, folder.path());
}

fn killed_and_restarted(avoidance: &str) {
    let cluster = Cluster::running();
    let topic = cluster.new_topic(&format!("killed-{avoidance}"));
    let arguments = format!("{FIVE_K} --duration 120s --fault-avoidance {avoidance}");
    let mut run = Hurt::begin(&cluster, &topic, &arguments);
    run.wait_until(4.0);
    cluster.script(&["kill-broker", "broker-1"]);
    run.wait_for("a second without the killed broker", |line| {
        at_s(line) > 4.0 && acked_by(line, "broker-1") == 0
    });
    let down = lines(&run.folder.path().join("intervals.ndjson"));
    let down = at_s(down.last().unwrap());
    cluster.script(&["start-broker", "broker-1"]);
    run.wait_for("the restarted broker in use again", |line| {
        at_s(line) > down && acked_by(line, "broker-1") > 0
    });
    run.interrupt();
    let (result, folder) = run.end(&format!("killed-avoidance-{avoidance}"));
    assert!(result.accounts.acked > 0);
    let events = result.avoidance.as_ref().unwrap().events.len();
    assert!((events >= 1) == (avoidance == "on"), "{events} events");
    assert_nothing_acked_is_lost(&cluster, &topic, folder.path());
}

/// Ten thousand transactions with the restart of a broker among them.
#[test]
#[ignore = "needs a real cluster; scripts/test starts one"]
fn a_killed_broker_leaves_no_transaction_to_doubt() {
    let cluster = Cluster::running();
    let topic = cluster.new_topic("transactions-killed");
    let arguments = format!("{TX} --count 10000 --rate 250 --warmup 0s --tx-wait 150s");
    let mut run = Hurt::begin(&cluster, &topic, &arguments);
    run.wait_until(8.0);
    cluster.script(&["kill-broker", "broker-1"]);
    run.wait_for("a second without the killed broker", |line| {
        at_s(line) > 8.0 && acked_by(line, "broker-1") == 0
    });
    cluster.script(&["start-broker", "broker-1"]);
    let (result, folder) = run.end("transactions-killed");
    let accounts = &result.accounts;
    assert_eq!(accounts.planned, 10_000);
    let tx = result.transactions.unwrap();
    assert_eq!(tx.committed + tx.rolled_back + tx.unknown, accounts.acked);
    let messages = cluster.read_back(&topic, folder.path());
    assert_transactions_end_as_told(&messages, folder.path(), &tx.checks);
}

#[test]
#[ignore = "needs a real cluster; scripts/test starts one"]
fn a_stopped_broker_is_avoided_and_nothing_acked_is_lost() {
    stopped_and_continued("on");
}

#[test]
#[ignore = "needs a real cluster; scripts/test starts one"]
fn a_stopped_broker_without_avoidance_for_contrast() {
    stopped_and_continued("off");
}

#[test]
#[ignore = "needs a real cluster; scripts/test starts one"]
fn a_killed_broker_is_used_again_and_nothing_acked_is_lost() {
    killed_and_restarted("on");
}

#[test]
#[ignore = "needs a real cluster; scripts/test starts one"]
fn a_killed_broker_without_avoidance_for_contrast() {
    killed_and_restarted("off");
}

/// A Java program at the other end, killed with the test.
struct JavaPeer(Child);

impl Drop for JavaPeer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Cluster {
    fn java(&self, class: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(root().join("scripts/lib/java-run"));
        command.args([&self.version, class]).args(arguments);
        command
    }
}

const REQUESTS: &str =
    "--mode request --callers 16 --count 2000 --rate 200 --warmup 0s --timeout 10s";

/// Requests by the load, answered by `others` or, where there are none, by the tool itself.
fn requests_are_answered(cluster: &Cluster, topic: &str, responder: &str) {
    let folder = tempfile::tempdir().unwrap();
    let arguments: Vec<&str> = REQUESTS.split_whitespace().collect();
    let output = cluster
        .bench(topic, folder.path(), &arguments)
        .args(["--responder", responder, "--size", "100"])
        .args(["--max-error-rate", MOST_REFUSED])
        .output()
        .unwrap();
    keep(&format!("requests-{responder}"), &output.stdout);
    let result = result(&output.stdout, false);
    let accounts = &result.accounts;
    assert!(output.status.success(), "{accounts:?}");
    // What is stored is answered: a broker that was busy refused the others.
    assert_eq!(accounts.planned, 2000);
    assert_eq!((accounts.unknown, accounts.unsent), (0, 0), "{accounts:?}");
    assert!(!accounts.errors.contains_key("no_reply"), "{accounts:?}");
    let requests = result.requests.unwrap();
    assert_eq!(requests.acknowledged.count, accounts.acked);
    assert_eq!(requests.unmatched_replies, 0, "{requests:?}");
    assert_eq!(requests.responder.is_some(), responder == "built-in");
    if let Some(counts) = requests.responder {
        assert_eq!(
            (counts.received, counts.answered),
            (accounts.acked, accounts.acked)
        );
    }
    assert_eq!(cluster.stored(topic), accounts.acked);
}

/// R77–R83.
#[test]
#[ignore = "needs a real cluster; scripts/test starts one"]
fn requests_are_answered_by_the_responder_of_the_tool() {
    let cluster = Cluster::running();
    let topic = cluster.new_topic("requests");
    requests_are_answered(&cluster, &topic, "built-in");
}

/// R77, R82: what Java's consumer and producer make of our requests.
#[test]
#[ignore = "needs a real cluster; scripts/test starts one"]
fn requests_are_answered_by_java() {
    let cluster = Cluster::running();
    let topic = cluster.new_topic("requests-java");
    let mut java = cluster.java("RequestReply", &["answer", &cluster.namesrv, &topic]);
    let mut java = JavaPeer(java.stdout(Stdio::piped()).spawn().unwrap());
    let mut ready = String::new();
    let out = java.0.stdout.take().unwrap();
    BufReader::new(out).read_line(&mut ready).unwrap();
    assert_eq!(ready, "ready\n");
    requests_are_answered(&cluster, &topic, "others");
}

/// R83: what our responder says to Java's requests.
#[test]
#[ignore = "needs a real cluster; scripts/test starts one"]
fn java_s_requests_are_answered() {
    let cluster = Cluster::running();
    let topic = cluster.new_topic("requests-of-java");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (_producer, responder) = runtime.block_on(async {
        let client = ClientConfig {
            namesrv: vec![cluster.namesrv.clone()],
            ..ClientConfig::default()
        };
        let group = SendConfig {
            group: topic.clone(),
            ..SendConfig::default()
        };
        let producer = Producer::new(client, group).unwrap();
        producer.start().unwrap();
        let capitals = |request: &Request| Some(request.body.to_ascii_uppercase().into());
        let handler: Arc<dyn RequestHandler> = Arc::new(capitals);
        let responder = Responder::start(&producer, &topic, handler).await.unwrap();
        (producer, responder)
    });
    let asked = cluster
        .java("RequestReply", &["ask", &cluster.namesrv, &topic, "50"])
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(asked.status.success());
    let answers = String::from_utf8(asked.stdout).unwrap();
    let wanted: Vec<String> = (0..50).map(|number| format!("REQUEST {number}")).collect();
    assert_eq!(answers.lines().collect::<Vec<_>>(), wanted);
    assert_eq!(responder.counts().received, 50);
}

/// R184: every kind of send under access control, with the right account, a wrong one, and none.
#[test]
#[ignore = "needs a real cluster with access control; scripts/test starts one"]
fn an_account_is_asked_for_and_taken() {
    let cluster = Cluster::running();
    let account = std::env::var("REAL_ACCOUNT").expect("REAL_ACCOUNT, as scripts/test sets it");
    let (name, secret) = account.split_once(':').unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("account.yml");
    for (secret, mode) in [
        (Some(secret), "sync"),
        (Some(secret), "async"),
        (Some(secret), "oneway"),
        (Some(secret), "batch"),
        (Some(secret), "request"),
        (Some("wrongsecret"), "async"),
        (None, "sync"),
        // The last, as brokers of 5.5.0 are busy for good after transactions.
        (Some(secret), "tx"),
    ] {
        let topic = cluster.new_topic(&format!("account-{mode}"));
        let arguments = [
            "--mode", mode, "--rate", "320", "--count", "320", "--warmup", "0s",
        ];
        let mut run = cluster.bench(&topic, folder.path(), &arguments);
        run.args(["--max-error-rate", MOST_REFUSED]);
        run.env_remove("RMQ_BENCH_ACCESS_KEY");
        if let Some(secret) = secret {
            fs::write(&file, format!("accessKey: {name}\nsecretKey: {secret}\n")).unwrap();
            run.arg("--credentials").arg(&file);
        }
        let output = run.stderr(Stdio::piped()).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        let result = result(&output.stdout, mode == "oneway");
        if secret == Some(&account[name.len() + 1..]) {
            assert!(output.status.success(), "{mode}: {told}");
            let (acked, stored) = (result.accounts.acked, cluster.stored(&topic));
            assert!(acked >= 160, "{mode}: {told}");
            // What a busy broker refuses of oneway sends nobody is told.
            let few = if mode == "oneway" { acked / 2 } else { acked };
            assert!(
                (few..=acked).contains(&stored),
                "{mode}: {stored} of {acked}"
            );
        } else {
            assert_eq!(output.status.code(), Some(3), "{mode}: {told}");
            assert_eq!(cluster.stored(&topic), 0, "{mode}");
            assert!(told.contains("--credentials"), "{told}");
        }
        assert!(
            !told.contains(secret.unwrap_or("\0")),
            "the secret is shown"
        );
    }
}
