//! `rmq-bench capacity --one-less`: the second search, its model, and a broker that is stopped and started.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]

mod support;

use std::fs;

use predicates::prelude::*;
use serde_json::Value;
use support::binary::{json, lines, rmq_bench};
use support::search::{LONGEST, is_consistent, is_of_its_schema, search};

/// Two brokers of 400 a second each, and a search of the whole and of one of them.
fn one_less(broker: &str, max: &str, more: &[&str]) -> assert_cmd::Command {
    let mut arguments = search(&["--curve", "off", "--format", "json", "--quiet"]);
    (arguments[2], arguments[10]) = ("2".to_owned(), max.to_owned());
    let mut command = rmq_bench();
    command
        .timeout(2 * LONGEST)
        .args(arguments)
        .args(["--one-less", broker, "--demand", "300"])
        .args(more);
    command
}

#[test]
fn a_broker_less_is_searched_for_and_held_against_a_model() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("steps.ndjson");
    let kept_in = ["--resume", file.to_str().unwrap()];
    let run = one_less("broker-1", "1200", &kept_in).output().unwrap();
    let result = json(&run.stdout);
    is_consistent(run.status.code(), &result);
    is_of_its_schema(&result);
    let brokers = result["run"]["target"]["brokers"].as_array().unwrap();
    assert_eq!(brokers.len(), 2, "the target is the whole cluster");
    let one_less = &result["one_less"];
    assert_eq!(one_less["broker"], "broker-1");
    assert_eq!(
        (&one_less["stopped"], &one_less["brokers_left"]),
        (&Value::Bool(false), &Value::from(1))
    );
    let kept = lines(&file);
    let of_rest = kept
        .iter()
        .filter(|step| step["part"] == "all but broker-1");
    let measured = &one_less["measured"];
    for (index, step) in measured["steps"].as_array().unwrap().iter().enumerate() {
        assert_eq!(step["number"], index + 1);
    }
    assert_eq!(of_rest.count(), measured["steps"].as_array().unwrap().len());
    // On a machine that stalls all the time there may be no pair.
    if result["capacity"]["answer"] == "found" && measured["answer"] == "found" {
        let passed = measured["passed_per_s"].as_f64().unwrap();
        assert!(passed <= 430.0, "one broker serves 400/s: {passed}");
        let model = one_less["model_per_s"][0].as_f64().unwrap();
        let used = one_less["demand"]["used_share"].as_f64().unwrap();
        assert!((used - 300.0 / passed).abs() < 1e-9);
        let off = one_less["off_model"].as_f64().unwrap();
        assert!((passed / model - 1.0 - off).abs() < 1e-9);
        assert!((model / result["capacity"]["passed_per_s"].as_f64().unwrap() - 0.5).abs() < 1e-9);
    }
    // All of it is in the file: nothing is measured again, whoever is to do without the broker.
    let again = one_less_from(&kept_in);
    assert_eq!(again["one_less"], *one_less);
}

fn one_less_from(kept_in: &[&str]) -> Value {
    json(
        &one_less("broker-1", "1200", kept_in)
            .output()
            .unwrap()
            .stdout,
    )
}

#[test]
fn a_broker_that_was_stopped_is_started_again_whatever_fails() {
    for (stop, start, code, trail, is_measured) in [
        (0, 0, 0, "stop\nstart\n", true),
        (3, 0, 1, "stop\nstart\n", false),
        (0, 4, 1, "stop\nstart\nstart\nstart\n", true),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("trail");
        let say =
            |word: &str, code: u8| format!("echo {word} >> '{}'; exit {code}", file.display());
        let (stop, start) = (say("stop", stop), say("start", start));
        let steps = folder.path().join("steps.ndjson");
        let commands = [
            "--one-less-stop",
            &stop,
            "--one-less-start",
            &start,
            "--resume",
            steps.to_str().unwrap(),
        ];
        // Two brokers carry as much at once, and one does too.
        let run = one_less("broker-1", "151", &commands).output().unwrap();
        let stderr = String::from_utf8_lossy(&run.stderr);
        let result = json(&run.stdout);
        let first = &result["capacity"]["steps"][0];
        assert_eq!(
            first["purpose"], "probe",
            "the answer for all stays: {stderr}"
        );
        assert_eq!(fs::read_to_string(&file).unwrap(), trail, "{stderr}");
        let rest = &result["one_less"];
        assert_eq!(rest.is_object(), is_measured, "{stderr}");
        if is_measured {
            assert_eq!(rest["stopped"], true);
        }
        // The file has all of it: no broker is stopped again for that.
        if is_measured && rest["measured"]["answer"] == "at_least_max" {
            let again = one_less("broker-1", "151", &commands).output().unwrap();
            assert_eq!(json(&again.stdout)["one_less"], *rest);
            assert_eq!(fs::read_to_string(&file).unwrap(), trail);
        }
        // On a machine that stalls all the time the generator ends first.
        if result["capacity"]["answer"] == "at_least_max"
            && rest["measured"]["answer"] != "generator"
        {
            assert_eq!(run.status.code(), Some(code), "{stderr}");
        }
        if code != 0 {
            assert!(stderr.contains("exit status:"), "{stderr}");
        }
    }
}

#[test]
fn a_broker_that_is_not_there_cannot_be_left_out() {
    one_less("broker-7", "1200", &[])
        .assert()
        .code(2)
        .stdout("")
        .stderr(predicate::str::contains(
            "messages go to broker-0, broker-1",
        ));
}
