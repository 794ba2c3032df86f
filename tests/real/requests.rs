//! Request and reply on a real cluster, with ourselves and with Java at the other end.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::Arc;

use crate::cluster::{Cluster, JavaPeer, MOST_REFUSED, keep, result};
use rmq_bench::client::{Request, RequestHandler, Responder};

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
        let producer = cluster.producer(&topic);
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
