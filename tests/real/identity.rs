//! Who a client is, on a real RocketMQ: its namespace, its id and unit, the ports it goes to.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rmq_bench::client::admin::{Admin, NewTopic};
use rmq_bench::client::hooks::{HookError, SendAttempt};
use rmq_bench::client::{
    ClientConfig, ClientInstance, Hooks, Identity, Message, Producer, SendConfig,
};
use serde_json::Value;

/// Longest wait for name servers and brokers to follow.
const DEADLINE: Duration = Duration::from_secs(60);

fn version() -> String {
    std::env::var("REAL_VERSION").expect("REAL_VERSION, as scripts/test sets it")
}

fn base_port() -> String {
    std::env::var("REAL_BASE_PORT").expect("REAL_BASE_PORT")
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn client() -> ClientConfig {
    ClientConfig {
        namesrv: vec![format!("127.0.0.1:{}", base_port())],
        ..ClientConfig::default()
    }
}

/// A name no other run has used.
fn fresh(name: &str) -> String {
    format!("{name}-{}", std::process::id())
}

fn producer(client: ClientConfig, group: &str, hooks: Hooks) -> Producer {
    let send = SendConfig {
        group: fresh(group),
        retries: 10,
        timeout: Duration::from_secs(10),
        ..SendConfig::default()
    };
    let producer = Producer::with_hooks(client, send, hooks).unwrap();
    producer.start().unwrap();
    producer
}

/// Asks until the answer is as wanted.
async fn until<T>(what: &str, ask: impl AsyncFn() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "still not: {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A topic on both brokers, once name servers know it.
async fn new_topic(client: ClientConfig, name: &str) -> String {
    let instance = Arc::new(ClientInstance::new(client).unwrap());
    instance.start().unwrap();
    let admin = Admin::new(Arc::clone(&instance));
    let topic = fresh(name);
    let created = admin.create_topic(NewTopic::new(&topic, 4)).await.unwrap();
    until("all brokers are in the route", async || {
        let queues = admin.queues(&topic).await.ok()?;
        (queues.len() == 4 * created.len()).then_some(())
    })
    .await;
    instance.shutdown().await;
    topic
}

/// Messages of a topic, by the brokers' offsets.
async fn stored(admin: &Admin, topic: &str) -> i64 {
    let offsets = admin.offsets(topic, None).await.unwrap_or_default();
    offsets.iter().map(|queue| queue.max).sum()
}

fn java(class: &str, arguments: &[&str]) -> String {
    let home = format!("target/rocketmq/{}-{}", version(), base_port());
    let output = Command::new(root().join("scripts/lib/java-run"))
        .args([&*version(), class])
        .args(arguments)
        .env("ROCKETMQ_HOME", root().join(home))
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What RocketMQ's own tool says.
fn mqadmin(arguments: &[&str]) -> String {
    let namesrv = format!("127.0.0.1:{}", base_port());
    let tool = "org.apache.rocketmq.tools.command.MQAdminStartup";
    java(tool, &[arguments, &["-n", &namesrv]].concat())
}

/// Every message of a topic, read by Java's client in this namespace.
fn read_in(namespace: &str, topic: &str, folder: &Path) -> Vec<Value> {
    let file = folder.join("read.ndjson");
    let namesrv = format!("127.0.0.1:{}", base_port());
    let out = file.to_str().unwrap();
    java(
        "ReadBack",
        &["read", &namesrv, topic, out, "--namespace", namespace],
    );
    let text = std::fs::read_to_string(file).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// R35–R38: the tool's messages are Java's in the same namespace, and nobody's outside it.
#[tokio::test]
#[ignore = "needs a real cluster; scripts/test starts one"]
async fn a_namespace_is_the_one_of_java() {
    let inside = ClientConfig {
        namespace: Some("ns1".to_owned()),
        ..client()
    };
    for mode in ["async", "batch"] {
        let topic = new_topic(inside.clone(), &format!("inside-{mode}")).await;
        let folder = tempfile::tempdir().unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_rmq-bench"))
            .args(["--namesrv", &client().namesrv[0], "--namespace", "ns1"])
            .args(["--topic", &topic, "--mode", mode, "--batch", "4"])
            .args(["--count", "400", "--rate", "400", "--quiet"])
            .args(["--format", "json", "--max-error-rate", "100%"])
            .output()
            .unwrap();
        let result: Value = serde_json::from_slice(&output.stdout).unwrap();
        let acked = result["accounts"]["acked"].as_u64().unwrap();
        assert!(acked > 0, "{result}");
        assert_eq!(result["run"]["topic"], *topic);

        let read = read_in("ns1", &topic, folder.path());
        assert_eq!(read.len() as u64, acked, "{mode}");
        for message in read {
            assert_eq!(message["topic"], *topic, "{mode}");
            // Of a batch it is the batch that has it, as in Java; 4.x gives each message what the batch has.
            let instance = message["properties"]["INSTANCE_ID"].as_str();
            let expected = (mode == "async" || version().starts_with("4.")).then_some("ns1");
            assert_eq!(instance, expected, "{mode}: {message}");
        }
        let outside = mqadmin(&["topicRoute", "-t", &format!("ns1%{topic}")]);
        assert!(outside.contains("queueDatas"), "{outside}");
        let plain = mqadmin(&["topicRoute", "-t", &topic]);
        assert!(!plain.contains("queueDatas"), "{plain}");
    }
}

/// R10, R167: brokers list the client by its id; a topic they make for a unit's send is marked as a unit's.
#[tokio::test]
#[ignore = "needs a real cluster; scripts/test starts one"]
async fn brokers_know_the_client_s_id_and_unit() {
    let identity = Identity {
        client_ip: Some("10.1.2.3".to_owned()),
        instance_name: Some(fresh("bench")),
        unit_name: Some("east".to_owned()),
        unit_mode: true,
    };
    let named = ClientConfig {
        identity,
        ..client()
    };
    let producer = producer(named, "identity", Hooks::default());
    let id = format!("10.1.2.3@{}@east", fresh("bench"));
    assert_eq!(producer.instance().client_id(), id);
    let topic = fresh("unit");
    for _ in 0..20 {
        producer.send(&topic, Message::new("x")).await.unwrap();
    }
    until("the broker lists the client", async || {
        let group = producer.group();
        let listed = mqadmin(&["producerConnection", "-g", group, "-t", &topic]);
        listed.contains(&id).then_some(())
    })
    .await;
    let flagged = until("the name server knows the topic", async || {
        let route = mqadmin(&["topicRoute", "-t", &topic]);
        route.contains("queueDatas").then_some(route)
    });
    let route: String = flagged.await.split_whitespace().collect();
    assert!(
        route.contains("\"topicSysFlag\":1") || route.contains("\"topicSynFlag\":1"),
        "{route}"
    );
    producer.shutdown().await;
}

/// R157: brokers take messages and administration 2 ports below, and know the client by their own port.
#[tokio::test]
#[ignore = "needs a real cluster; scripts/test starts one"]
async fn the_vip_channel_takes_messages() {
    let topic = new_topic(client(), "vip").await;
    let mut vip = client();
    vip.transport.vip_channel = true;
    let ports: Arc<Mutex<Vec<u16>>> = Arc::default();
    let kept = Arc::clone(&ports);
    let look = move |attempt: &SendAttempt<'_>| -> Result<(), HookError> {
        let (_, port) = attempt.broker_address.rsplit_once(':').unwrap();
        kept.lock().unwrap().push(port.parse()?);
        Ok(())
    };
    let hooked = producer(
        vip.clone(),
        "vip-hooked",
        Hooks::default().check_forbidden(look),
    );
    let plain = producer(vip, "vip", Hooks::default());
    for producer in [&hooked, &plain] {
        for _ in 0..20 {
            producer.send(&topic, Message::new("x")).await.unwrap();
        }
    }
    let first: u16 = base_port().parse().unwrap();
    let brokers = [first + 1000 - 2, first + 1020 - 2];
    let seen = ports.lock().unwrap().clone();
    assert!(seen.iter().all(|port| brokers.contains(port)), "{seen:?}");
    let admin = Admin::new(Arc::clone(plain.instance()));
    until("all of it is stored", async || {
        (stored(&admin, &topic).await == 40).then_some(())
    })
    .await;
    until("the broker lists the client", async || {
        let listed = mqadmin(&["producerConnection", "-g", plain.group(), "-t", &topic]);
        listed.contains(plain.instance().client_id()).then_some(())
    })
    .await;
    hooked.shutdown().await;
    plain.shutdown().await;
}

/// R166: the broker takes a message that a consumer has had too often for a dead letter, by its header.
#[tokio::test]
#[ignore = "needs a real cluster; scripts/test starts one"]
async fn a_message_had_too_often_is_a_dead_letter() {
    let producer = producer(client(), "retries", Hooks::default());
    let readers = fresh("readers");
    let had = |times| Message::new("x").with_reconsumed(times, Some(5)).unwrap();
    let retry = format!("%RETRY%{readers}");
    for times in [1, 2, 9] {
        producer.send(&retry, had(times)).await.unwrap();
    }
    let admin = Admin::new(Arc::clone(producer.instance()));
    until("one is a dead letter, two are not", async || {
        let dead = stored(&admin, &format!("%DLQ%{readers}")).await;
        ((stored(&admin, &retry).await, dead) == (2, 1)).then_some(())
    })
    .await;
    producer.shutdown().await;
}
