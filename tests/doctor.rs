//! `rmq-bench doctor`: what it says hangs together.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod support;

use rmq_bench::broker::{ClusterSpec, EmbeddedCluster};
use serde_json::Value;
use support::binary::rmq_bench;

fn diagnosis(arguments: &[&str]) -> Value {
    let run = rmq_bench()
        .args([
            "doctor", "--quiet", "--format", "json", "--time", "4s", "-s", "128",
        ])
        .args(arguments)
        .assert()
        .success();
    serde_json::from_slice(&run.get_output().stdout).expect("stdout is one JSON document")
}

fn schema() -> jsonschema::Validator {
    let run = rmq_bench().args(["schema", "doctor"]).assert().success();
    let schema: Value = serde_json::from_slice(&run.get_output().stdout).unwrap();
    jsonschema::draft202012::new(&schema).unwrap()
}

#[test]
fn what_is_trusted_was_measured() {
    let found = diagnosis(&[]);
    let errors: Vec<String> = schema()
        .iter_errors(&found)
        .map(|e| e.to_string())
        .collect();
    assert_eq!(errors, [""; 0]);
    assert!(found.get("cluster").is_none());
    let noise = found["probes"]["noise"].as_array().unwrap();
    assert!(!noise.is_empty());
    for cpu in noise {
        let share = cpu["stolen_share"].as_f64().unwrap();
        assert!((0.0..=1.0).contains(&share), "{cpu}");
        assert!(cpu["longest_gap_ns"].as_u64().unwrap() > 0);
    }
    for timer in found["probes"]["timers"].as_array().unwrap() {
        let [p50, max] = ["p50_ns", "max_ns"].map(|name| timer[name].as_u64().unwrap());
        assert!(
            p50 <= max && timer["ticks"].as_u64().unwrap() > 0,
            "{timer}"
        );
    }
    let ceiling = &found["ceiling"];
    assert_eq!(ceiling["body_bytes"], 128);
    let best = ceiling["closed"][0]["acked_per_s"].as_f64().unwrap();
    assert!(best > 0.0);
    let held: Vec<f64> = ceiling["paced"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|trial| trial["verdict"] == "valid")
        .map(|trial| trial["planned_per_s"].as_f64().unwrap())
        .collect();
    // A machine too busy to hold any rate says so.
    assert_eq!(
        found["trusted"]["up_to_per_s"].as_f64(),
        held.first().copied()
    );
    assert!(held.iter().all(|rate| *rate <= best / 2.0));
}

#[test]
fn a_cluster_is_asked_and_sent_nothing() {
    let cluster = EmbeddedCluster::start(ClusterSpec {
        brokers: 2,
        queues: 3,
        ..ClusterSpec::default()
    })
    .unwrap();
    let found = diagnosis(&["--namesrv", &cluster.namesrv_address()]);
    let brokers = found["cluster"]["brokers"].as_array().unwrap();
    assert_eq!(brokers.len(), 2);
    for broker in brokers {
        assert_eq!(broker["queues"], 3, "{broker}");
        assert_eq!(broker["answered"], 100, "{broker}");
        let [p50, p90] = ["round_trip_p50_ns", "round_trip_p90_ns"];
        assert!(broker[p50].as_u64().unwrap() <= broker[p90].as_u64().unwrap());
    }
    assert_eq!(cluster.stored().messages(), 0);
}

#[test]
fn the_text_ends_with_the_sentence() {
    let run = rmq_bench()
        .args(["doctor", "--time", "4s", "--quiet"])
        .assert()
        .success();
    let text = String::from_utf8_lossy(&run.get_output().stdout).into_owned();
    let last = text.lines().last().unwrap();
    assert!(
        last.starts_with("Results of up to") || last.starts_with("No rate was held"),
        "{text}"
    );
    assert!(text.starts_with("Machine: "), "{text}");
}

#[test]
fn what_cannot_be_is_refused() {
    for (arguments, code, said) in [
        (["--time", "1s"], 2, "too short"),
        (["--size", "x"], 2, "--size"),
        (["--namesrv", "127.0.0.1:1"], 3, "--namesrv"),
    ] {
        let run = rmq_bench()
            .arg("doctor")
            .args(arguments)
            .assert()
            .code(code);
        let talk = String::from_utf8_lossy(&run.get_output().stderr).into_owned();
        assert!(talk.contains(said), "{talk}");
    }
}
