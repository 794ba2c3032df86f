//! Searches for a capacity, short ones, and what holds of each result.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::binary::{json, rmq_bench};

/// Short windows of a cluster that serves 400 messages a second, 2.5 ms each.
pub(crate) const SEARCH: [&str; 20] = [
    "capacity",
    "--brokers",
    "1",
    "--broker-capacity",
    "400",
    "--objective",
    "p90<100ms",
    "--min",
    "150",
    "--max",
    "1200",
    "--step-time",
    "2s",
    "--warmup",
    "500ms",
    "--precision",
    "50%",
    "--confirm",
    "1",
    "--no-progress",
];

/// Some thirty windows, and three times that on a busy machine.
pub(crate) const LONGEST: Duration = Duration::from_secs(400);

/// A search with more arguments.
pub(crate) fn search(more: &[&str]) -> Vec<String> {
    let all = SEARCH.iter().chain(more);
    all.map(|word| (*word).to_owned()).collect()
}

/// Exit code and answer belong together, and the answer follows from the steps.
pub(crate) fn is_consistent(code: Option<i32>, result: &Value) {
    let capacity = &result["capacity"];
    let answer = capacity["answer"].as_str().unwrap();
    let expected = match answer {
        "found" | "at_least_max" => 0,
        "below_min" => 10,
        "interrupted" => 130,
        "generator" | "moved" | "out_of_time" | "stopped" => 11,
        other => panic!("an answer {other}"),
    };
    assert_eq!(code, Some(expected), "{answer}");
    let steps = capacity["steps"].as_array().unwrap();
    for (index, step) in steps.iter().enumerate() {
        assert_eq!(step["number"], index + 1);
        let met = step["window"]["objectives"].as_array().unwrap();
        let all_met = met.iter().all(|objective| objective["met"] == true);
        match step["outcome"].as_str().unwrap() {
            "passed" => assert!(all_met, "{step}"),
            "failed" => assert!(!all_met || step["cut_short"] == true, "{step}"),
            "generator" | "disturbed" => {
                assert_ne!(step["window"]["verdict"], "valid", "{step}");
            }
            other => panic!("an outcome {other}"),
        }
    }
    if answer == "found" {
        let (passed, failed) = (&capacity["passed_per_s"], &capacity["failed_per_s"]);
        let of = |rate: &Value, outcome: &str| {
            let such = |step: &&Value| {
                step["window"]["offered_per_s"] == *rate && step["outcome"] == outcome
            };
            steps.iter().filter(such).count()
        };
        assert!(of(passed, "passed") >= 1, "confirmed");
        assert!(of(failed, "failed") >= 2, "failed twice");
        assert!(passed.as_f64() < failed.as_f64());
    }
}

pub(crate) fn is_of_its_schema(result: &Value) {
    let schema = rmq_bench().args(["schema", "capacity"]).assert().success();
    let schema = jsonschema::draft202012::new(&json(&schema.get_output().stdout)).unwrap();
    assert!(schema.is_valid(result), "{result:#}");
}

/// Steps that a file holds.
pub(crate) fn kept(file: &Path) -> usize {
    fs::read_to_string(file).map_or(0, |text| text.lines().count().saturating_sub(1))
}
