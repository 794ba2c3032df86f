//! RocketMQ's message trace: what our records are to its own tool.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::cluster::{Cluster, MOST_REFUSED, audit, keep, result, root};

/// What RocketMQ's tool says of the sending of a message; brokers need a moment to find it by its key.
fn trace_of(cluster: &Cluster, trace_topic: &str, id: &str) -> String {
    let deadline = Instant::now() + Duration::from_secs(60);
    let home = format!("target/rocketmq/{}-{}", cluster.version, cluster.base_port);
    loop {
        let tool = "org.apache.rocketmq.tools.command.MQAdminStartup";
        let output = Command::new(root().join("scripts/lib/java-run"))
            .args([&*cluster.version, tool, "queryMsgTraceById", "-i", id])
            .args(["-t", trace_topic, "-n", &cluster.namesrv])
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
            let line = trace_of(&cluster, trace_topic, id);
            let columns: Vec<&str> = line.split_whitespace().collect();
            // Kind, group, client, date and time, cost, status.
            assert_eq!(columns[..3], ["Pub", &*topic, "127.0.0.1"], "{line}");
            assert!(columns[5].ends_with("ms"), "{line}");
            assert_eq!(columns[6..], ["success"], "{line}");
        }
    }
}
