//! What the command line promises: help, usage errors, configuration, exit codes.

use std::fs;

use assert_cmd::Command;
use predicates::prelude::*;
use predicates::str::{contains, starts_with};

/// The built binary in an environment that sets nothing of ours.
fn rmq_bench() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rmq-bench"));
    for (variable, _) in std::env::vars_os() {
        let name = variable.to_string_lossy();
        if name.starts_with("RMQ_BENCH_") || ["NAMESRV_ADDR", "NO_COLOR"].contains(&&*name) {
            command.env_remove(&variable);
        }
    }
    command
}

/// A usage error: exit 2, nothing on stdout, `error:` with this text and a `hint:` on stderr.
fn refused(arguments: &[&str], text: &str) {
    rmq_bench()
        .args(arguments)
        .assert()
        .code(2)
        .stdout("")
        .stderr(
            starts_with("error: ")
                .and(contains(text))
                .and(contains("\nhint: ")),
        );
}

#[test]
fn help_has_groups_examples_and_exit_codes() {
    for arguments in [
        ["--help"].as_slice(),
        &["produce", "--help"],
        &["run", "--help"],
    ] {
        let help = rmq_bench().args(arguments).assert().success().stderr("");
        for text in [
            "Target:",
            "Load:",
            "Sending:",
            "Pacing:",
            "Embedded cluster (without --namesrv):",
            "Output:",
            "Examples:",
            "Exit codes:",
            "130  interrupted",
            "[default: BenchmarkTest] [env: RMQ_BENCH_TOPIC]",
        ] {
            assert!(contains(text).eval(&String::from_utf8_lossy(&help.get_output().stdout)));
        }
    }
    let short = rmq_bench().arg("-h").assert().success();
    short.stdout(contains("--in-flight <N>").and(contains("[env:").not()));
}

#[test]
fn commands_that_do_not_work_yet_are_not_listed() {
    let help = rmq_bench().arg("--help").assert().success();
    help.stdout(
        contains("  run ")
            .and(contains("  capacity "))
            .and(contains("  completions ").not()),
    );
}

#[test]
fn unknown_options_and_commands_are_answered_with_the_near_one() {
    refused(&["--rat", "5"], "'--rat'");
    rmq_bench()
        .args(["--durration", "5s"])
        .assert()
        .code(2)
        .stderr(contains("hint: a similar argument exists: '--duration'"));
    refused(&["prodcue"], "'prodcue'");
    refused(&["run"], "<PROFILE>");
    refused(&["--rate"], "--rate");
    refused(&["--rate", "1k", "--rate", "2k"], "--rate");
}

#[test]
fn wrong_values_name_option_key_and_meaning() {
    refused(
        &["--duration", "10"],
        "--duration (profile key `duration`): 10 has no unit: did you mean 10s or 10ms?",
    );
    refused(&["-r", "-5"], "negative");
    refused(
        &["--mode", "reply"],
        "sync, async, oneway, batch, tx, request",
    );
    refused(&["-n", "localhost"], "add :9876");
    refused(&["-n", "a:1", "--brokers", "2"], "contradicts --namesrv");
}

#[test]
fn messages_and_batches_that_cannot_be_are_refused() {
    let batch = |more: &[&str], text: &str| refused(&[&["-m", "batch"], more].concat(), text);
    batch(&["--count", "33"], "multiple of 32");
    batch(&["--batch", "0"], "no message");
    batch(&["--batch", "5000", "-s", "1KiB"], "at most 4MiB");
    batch(&["--delay-level", "3"], "contradicts --mode");
    let both = ["--delay-level", "3", "--timer-delay", "5s"];
    refused(&both, "delivered at one moment");
    refused(&["--keys", " "], "blank");
    refused(&["--properties", "KEYS=1"], "reserved");
    refused(&["--properties", "a"], "not name=value");
    refused(&["--compress", "gzip"], "none, zlib, lz4, zstd");
    refused(
        &["--compress", "zlib", "--compress-level", "10"],
        "takes 0 to 9",
    );
    refused(&["--random-bytes", "30"], "has no unit");
}

#[test]
fn the_environment_counts_and_is_named() {
    rmq_bench()
        .env("RMQ_BENCH_RATE", "0")
        .assert()
        .code(2)
        .stderr(contains("set by environment RMQ_BENCH_RATE"));
    rmq_bench()
        .env("RMQ_BENCH_RATE", "0")
        .args(["--rate", "1k", "--dry-run"])
        .assert()
        .success();
    rmq_bench()
        .env("NAMESRV_ADDR", "10.0.0.1:9876")
        .env("RMQ_BENCH_DRY_RUN", "true")
        .assert()
        .success()
        .stdout(contains("the cluster at 10.0.0.1:9876"));
}

#[test]
fn a_printed_configuration_runs_again_unchanged() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("my.toml");
    let values = |text: &[u8]| -> Vec<String> {
        let text = String::from_utf8_lossy(text);
        let values = text
            .lines()
            .map(|line| line.split(" #").next().unwrap_or_default());
        values.map(|value| value.trim().to_owned()).collect()
    };
    let first = rmq_bench()
        .args([
            "-r",
            "50k",
            "-s",
            "1500",
            "--fail-if",
            "p99>20ms",
            "--print-config",
        ])
        .assert()
        .success()
        .stderr("")
        .stdout(contains("rate = \"50000/s\"").and(contains("# command line")));
    fs::write(&file, &first.get_output().stdout).expect("written");
    let second = rmq_bench()
        .arg("run")
        .arg(&file)
        .arg("--print-config")
        .assert()
        .success()
        .stderr("")
        .stdout(contains("my.toml, line"));
    assert_eq!(
        values(&first.get_output().stdout),
        values(&second.get_output().stdout)
    );
}

#[test]
fn a_dry_run_says_what_would_be_sent() {
    rmq_bench()
        .args(["--rate", "50k", "--dry-run"])
        .assert()
        .success()
        .stderr("")
        .stdout(contains("500,000 messages of 1.0 KiB").and(contains("an embedded cluster")));
}

#[test]
fn settings_without_effect_are_noted_on_stderr_unless_quiet() {
    let arguments = ["--callers", "8", "--dry-run"];
    let noted = rmq_bench().args(arguments).assert().success();
    noted.stderr(starts_with("note: --callers"));
    let quiet = rmq_bench().args(arguments).arg("-q").assert().success();
    quiet.stderr("");
}

#[test]
fn run_finds_built_in_profiles_and_files() {
    for name in ["smoke", "steady", "saturate"] {
        rmq_bench()
            .args(["run", name, "--dry-run"])
            .assert()
            .success();
    }
    rmq_bench()
        .args([
            "run",
            "smoke",
            "--set",
            "rate=2k",
            "--duration",
            "1s",
            "--dry-run",
        ])
        .assert()
        .success()
        .stdout(contains("2,000 messages"));
    refused(&["run", "nonexistent"], "no profile `nonexistent`");
    refused(&["run", "smoke", "--set", "raet=1"], "did you mean `rate`?");
    refused(
        &["run", "smoke", "--set", "rate=1k", "--rate", "2k"],
        "set twice",
    );
}

#[test]
fn mistakes_in_a_profile_are_shown_with_their_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("my.toml");
    let path = file.to_string_lossy();
    for (text, part) in [
        ("rate = \"1k\"\n\ndurration = \"10s\"\n", "at line 3 of"),
        ("rate = 0\n", "line 1"),
        ("rate = \n", "line 1"),
    ] {
        fs::write(&file, text).expect("written");
        refused(&["run", &path, "--dry-run"], part);
    }
}

#[test]
fn versions_and_schemas_are_printed() {
    let version = env!("CARGO_PKG_VERSION");
    rmq_bench()
        .arg("--version")
        .assert()
        .success()
        .stdout(contains(version));
    let json = rmq_bench().args(["version", "--json"]).assert().success();
    let json: serde_json::Value =
        serde_json::from_slice(&json.get_output().stdout).expect("valid JSON");
    assert_eq!(
        (&json["name"], &json["version"]),
        (&"rmq-bench".into(), &version.into())
    );
    let schema = rmq_bench().args(["schema", "profile"]).assert().success();
    let schema: serde_json::Value =
        serde_json::from_slice(&schema.get_output().stdout).expect("valid JSON");
    assert_eq!(schema["properties"]["rate"]["default"], "max");
}

#[test]
fn capacities_of_brokers_are_one_for_all_or_one_for_each() {
    for (capacity, said) in [
        ("6k,4k,2k", "3 numbers for 2 brokers"),
        ("0", "0 is out of range"),
    ] {
        for command in [["broker", "--capacity"], ["produce", "--broker-capacity"]] {
            rmq_bench()
                .args(command)
                .arg(capacity)
                .assert()
                .code(2)
                .stdout("")
                .stderr(predicate::str::contains(said))
                .stderr(predicate::str::contains(
                    "takes one number for all brokers or one for each",
                ));
        }
    }
    // Without a capacity they would mean nothing.
    for option in [["--service", "exponential"], ["--seed", "7"]] {
        rmq_bench()
            .arg("broker")
            .args(option)
            .assert()
            .code(2)
            .stderr(predicate::str::contains("--capacity"));
    }
}
