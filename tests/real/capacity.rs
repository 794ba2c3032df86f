//! A search for a capacity of a real RocketMQ, on a topic of its own.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rmq_bench::client::admin::Admin;
use rmq_bench::client::{ClientConfig, ClientInstance};
use serde_json::Value;

use crate::cluster::{Cluster, lines, root};

/// Longest wait for anything that is awaited; far beyond what it takes.
const DEADLINE: Duration = Duration::from_secs(180);

fn until<T>(what: &str, ask: impl Fn() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "still not: {what}");
        sleep(Duration::from_millis(100));
    }
}

fn search(cluster: &Cluster, file: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_rmq-bench"))
        .args(["capacity", "--own-topic", "--namesrv", &cluster.namesrv])
        .args(["--objective", "p90<1s", "--min", "100", "--max", "200"])
        .args(["--step-time", "2s", "--warmup", "1s", "--precision", "50%"])
        .args(["--confirm", "1", "--curve", "50%", "--format", "json"])
        .args(["--quiet", "--resume"])
        .arg(file)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn has_files(folder: &Path) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut paths = entries.map_while(Result::ok).map(|entry| entry.path());
    paths.any(|path| path.is_file() || has_files(&path))
}

/// What brokers have of a topic: in their configuration, and files of its queues.
fn left(cluster: &Cluster, topic: &str) -> Vec<String> {
    let folder = format!(
        "target/rocketmq/{}-{}/store",
        cluster.version, cluster.base_port
    );
    let stores = ["broker-0", "broker-1"].map(|broker| root().join(&folder).join(broker));
    let mut left = Vec::new();
    for store in stores {
        let topics = fs::read_to_string(store.join("config/topics.json")).unwrap();
        assert!(topics.contains("BenchmarkTest"), "these are its topics");
        if topics.contains(topic) {
            left.push(format!("{} has it", store.display()));
        }
        let queues = store.join("consumequeue").join(topic);
        // 4.9 leaves an empty folder.
        if has_files(&queues) {
            left.push(queues.display().to_string());
        }
    }
    left
}

/// Made on both brokers, written to, and gone with its queues: after Ctrl-C, and at the end of the same search.
#[test]
#[ignore = "needs a real cluster; scripts/test starts one"]
fn own_topic_is_made_used_and_gone() {
    let cluster = Cluster::running();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let instance = ClientInstance::new(ClientConfig {
        namesrv: vec![cluster.namesrv.clone()],
        ..ClientConfig::default()
    });
    let instance = Arc::new(instance.unwrap());
    instance.start().unwrap();
    let admin = Admin::new(Arc::clone(&instance));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("steps.ndjson");

    let first = search(&cluster, &file);
    let topic = until("the file names its topic", || {
        let header = fs::exists(&file)
            .unwrap()
            .then(|| lines(&file).into_iter().next())??;
        header["own_topic"].as_str().map(str::to_owned)
    });
    let queues = until("both brokers have messages", || {
        let queues = runtime.block_on(admin.lengths(&topic)).ok()?;
        let on = |broker: &str| {
            let of_broker = queues.iter().filter(|(queue, _)| &*queue.broker == broker);
            of_broker.map(|(_, messages)| messages).sum::<u64>()
        };
        (on("broker-0") > 0 && on("broker-1") > 0).then_some(queues)
    });
    assert_eq!(queues.len(), 16);
    until("each broker has it, with files", || {
        (left(&cluster, &topic).len() == 4).then_some(())
    });
    until("a step is kept", || (lines(&file).len() >= 2).then_some(()));
    kill(Pid::from_raw(first.id().cast_signed()), Signal::SIGINT).unwrap();
    let output = first.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let is_gone = || {
        let gone = runtime.block_on(admin.queues(&topic)).unwrap_err();
        assert_eq!(gone.code(), Some(17), "{gone}");
        until("brokers have nothing of it", || {
            left(&cluster, &topic).is_empty().then_some(())
        });
    };
    is_gone();

    let output = search(&cluster, &file).wait_with_output().unwrap();
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(result["run"]["topic"], *topic, "the same, made anew");
    assert!(result["run"]["resumed_steps"].as_u64().unwrap() >= 1);
    assert!(
        [Some(0), Some(10), Some(11)].contains(&output.status.code()),
        "an answer, whatever it is: {result:#}"
    );
    is_gone();
    runtime.block_on(instance.shutdown());
}
