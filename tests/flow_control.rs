//! Flow control and retries as a report shows them: what brokers said, and what trying again cost.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]

mod support;

use std::time::Duration;

use rmq_bench::broker::{Behaviour, ClusterSpec, EmbeddedCluster, Reject};
use rmq_bench::protocol::ResponseCode;
use serde_json::Value;
use support::TOPIC;
use support::binary::{accounts_close, number, result_of};

fn refusing(code: ResponseCode, remark: &str, every: u64) -> EmbeddedCluster {
    behaving(Behaviour {
        reject: Some(Reject {
            code,
            remark: remark.to_owned(),
            every,
        }),
        ..Behaviour::default()
    })
}

fn behaving(behaviour: Behaviour) -> EmbeddedCluster {
    support::cluster(ClusterSpec {
        behaviour,
        ..ClusterSpec::default()
    })
}

fn run(cluster: &EmbeddedCluster, arguments: &[&str]) -> Value {
    let namesrv = cluster.namesrv_address();
    let always = [
        "-n", &namesrv, "-t", TOPIC, "--warmup", "0s", "--rate", "2k", "--count", "1000",
    ];
    let result = result_of(&[&always, arguments].concat());
    accounts_close(&result);
    result
}

#[test]
fn refusals_are_told_by_what_the_broker_said() {
    let waited = "[TIMEOUT_CLEAN_QUEUE]broker busy, start flow control for a while, period in queue: 212ms, size \
                  of queue: 4097";
    let cluster = refusing(ResponseCode::SYSTEM_BUSY, waited, 10);
    let result = run(&cluster, &["--mode", "async", "--max-error-rate", "100%"]);
    let refused = cluster.stored().rejected();
    assert!(refused > 0);
    let flow = &result["flow_control"][0];
    assert_eq!(flow["class"], "timeout_clean_queue");
    assert_eq!(number(flow, "/attempts"), refused);
    let brokers = flow["brokers"].as_object().unwrap();
    assert_eq!(
        brokers.values().filter_map(Value::as_u64).sum::<u64>(),
        refused
    );
    assert_eq!(flow["queued_mean_ms"].as_f64(), Some(212.0));
    assert_eq!(number(flow, "/queued_max_ms"), 212);
    assert_eq!(number(flow, "/queue_size_max"), 4097);
    // Another refusal is no flow control.
    let cluster = refusing(ResponseCode::NO_PERMISSION, "read only", 10);
    let result = run(&cluster, &["--mode", "async", "--max-error-rate", "100%"]);
    assert_eq!(result.get("flow_control"), None);
}

#[test]
fn what_retries_cost_is_told() {
    let cluster = refusing(ResponseCode::SYSTEM_BUSY, "[OVERLOAD]system busy", 10);
    let result = run(&cluster, &["--mode", "sync", "--fault-avoidance", "off"]);
    let retries = &result["retries"];
    let refused = cluster.stored().rejected();
    assert_eq!(number(&result, "/flow_control/0/attempts"), refused);
    let attempts = number(retries, "/attempts");
    assert_eq!(attempts, 1000 + refused);
    let share = retries["share"].as_f64().unwrap() * f64::from(u32::try_from(attempts).unwrap());
    assert!((share - f64::from(u32::try_from(refused).unwrap())).abs() < 1e-6);
    // A busy broker is given 20 ms before the next attempt (R243).
    let wait = u64::try_from(Duration::from_millis(20).as_nanos()).unwrap();
    assert!(number(retries, "/added_mean_ns") >= wait, "{retries}");
    assert!(number(retries, "/added_max_ns") >= number(retries, "/added_mean_ns"));
    // Each send that recovered has its service time with the attempt that did it.
    let later = retries["later_attempts"].as_array().unwrap();
    assert_eq!(number(&later[0], "/attempt"), 2);
    let recovered: u64 = later
        .iter()
        .map(|times| number(times, "/service/count"))
        .sum();
    assert_eq!(recovered, number(retries, "/recovered_sends"));
    // A refused message is not stored.
    assert_eq!(number(retries, "/possible_duplicates"), 0);
}

#[test]
fn messages_whose_answer_was_lost_may_be_stored_twice() {
    let cluster = behaving(Behaviour {
        drop_connection_every: Some(200),
        ..Behaviour::default()
    });
    let result = run(&cluster, &["--mode", "sync", "--max-error-rate", "100%"]);
    let twice = number(&result, "/retries/possible_duplicates");
    assert!(twice > 0 && twice <= number(&result, "/retries/recovered_sends"));
    assert!(cluster.stored().messages() <= 1000 + twice);
}
