//! Bundles: what is in them, that they are whole or not there, and runs made again from them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command as Process;
use std::sync::Arc;

use predicates::prelude::*;
use predicates::str::contains;
use rmq_bench::broker::{ClusterSpec, EmbeddedCluster};
use rmq_bench::client::ClientInstance;
use rmq_bench::client::admin::Admin;
use serde_json::Value;
use support::binary::{LongRun, accounts_close, json, lines, number, process, rmq_bench};
use support::{TOPIC, client_of, cluster};

/// A short run.
const RUN: [&str; 5] = ["-r", "1000", "--count", "300", "--no-color"];
/// What a bundle of one run has.
const FILES: [&str; 10] = [
    "README.txt",
    "SHA256SUMS",
    "histograms.hlog",
    "host.json",
    "intervals.ndjson",
    "profile.toml",
    "report.html",
    "report.md",
    "report.txt",
    "result.json",
];

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn result_of(bundle: &Path) -> Value {
    json(read(&bundle.join("result.json")).as_bytes())
}

/// What `sha256sum -c` says.
#[track_caller]
fn sums_hold(bundle: &Path) {
    let check = Process::new("sha256sum")
        .args(["-c", "--strict", "SHA256SUMS"])
        .current_dir(bundle)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&check.stdout).into_owned();
    assert!(check.status.success(), "{said}");
    assert_eq!(said.lines().count(), names(bundle).len() - 1, "{said}");
}

/// A run with a bundle; what it says on stderr.
#[track_caller]
fn bundled(arguments: &[&str], bundle: &Path, code: i32) -> String {
    let run = rmq_bench()
        .args(arguments)
        .arg("--bundle")
        .arg(bundle)
        .assert()
        .code(code);
    String::from_utf8_lossy(&run.get_output().stderr).into_owned()
}

/// The lines of a profile that set something, without their comments.
fn settings(profile: &str) -> Vec<String> {
    let lines = profile.lines().map(|line| line.split(" #").next().unwrap());
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| line.trim().to_owned()).collect()
}

#[test]
fn a_bundle_has_all_of_its_run_and_nothing_besides_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("first");
    let intervals = folder.path().join("lines.ndjson");
    let run = rmq_bench()
        .args(RUN)
        .args(["-q", "--format", "json", "--fail-if", "max>1h"])
        .args(["--intervals", intervals.to_str().unwrap()])
        .args(["--bundle", bundle.to_str().unwrap()])
        .assert()
        .success()
        .stderr("");
    let printed = json(&run.get_output().stdout);
    assert_eq!(names(folder.path()), ["first", "lines.ndjson"]);
    assert_eq!(names(&bundle), FILES);
    sums_hold(&bundle);
    let result = result_of(&bundle);
    assert_eq!(result, printed);
    assert_eq!(result["config"]["bundle"], bundle.to_str().unwrap());
    assert_eq!(
        read(&bundle.join("intervals.ndjson")),
        read(&intervals),
        "both files have the lines"
    );
    assert!(!lines(&intervals).is_empty());
    let hlog = read(&bundle.join("histograms.hlog"));
    assert!(hlog.contains("\n# response: 300 values,"), "{hlog}");
    let host = json(read(&bundle.join("host.json")).as_bytes());
    assert_eq!(host["machine"]["kernel"], result["host"]["kernel"]);
    assert!(host["machine"]["open_files"].as_u64() > Some(0));
    let readme = read(&bundle.join("README.txt"));
    let verdict = readme.lines().nth(1).unwrap();
    let status = result["verdict"]["status"].as_str().unwrap().to_uppercase();
    assert!(
        verdict.starts_with(&format!("Verdict: {status}")),
        "{readme}"
    );
    for name in FILES {
        assert!(
            readme.contains(&format!("\n  {name} ")),
            "{name}:\n{readme}"
        );
    }
    assert!(
        !readme.contains("besides this folder"),
        "an embedded cluster takes nothing"
    );
    assert!(read(&bundle.join("report.txt")).contains("Accounts: 300 planned = 300 acked"));
    let profile = read(&bundle.join("profile.toml"));
    let told = settings(&profile);
    for line in [
        "count = 300",
        "rate = \"1000/s\"",
        "seed = 1",
        "fail-if = [\"max>1h\"]",
    ] {
        assert!(
            told.iter().any(|setting| setting == line),
            "{line}: {told:?}"
        );
    }
    for key in ["bundle", "intervals", "format", "quiet"] {
        assert!(
            profile.contains(&format!("# {key} was ")),
            "{key}:\n{profile}"
        );
    }
}

#[test]
fn the_profile_of_a_bundle_is_its_run() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("first");
    let shape = ["-s", "200B..2KiB", "--seed", "5", "--broker-delay", "1ms"];
    bundled(&[&RUN[..], &shape, &["-q"]].concat(), &bundle, 0);
    let profile = bundle.join("profile.toml");
    let run = rmq_bench()
        .args(["run", profile.to_str().unwrap(), "-q", "--format", "json"])
        .assert()
        .success();
    let again = json(&run.get_output().stdout);
    let mut first = result_of(&bundle);
    let mut settings = again["config"].clone();
    for config in [&mut first["config"], &mut settings] {
        let config = config.as_object_mut().unwrap();
        for key in ["bundle", "format", "quiet", "no_color"] {
            config.remove(key);
        }
    }
    assert_eq!(settings, first["config"]);
    assert_eq!(again["bodies"], first["bodies"]);
}

fn keeping() -> EmbeddedCluster {
    cluster(ClusterSpec {
        kept_bytes: 16 << 20,
        ..ClusterSpec::default()
    })
}

/// Properties but the id, and bodies, with how often they are there.
type Contents = BTreeMap<(Vec<(String, String)>, Vec<u8>), usize>;

/// What is stored of the messages of an audit trail.
fn stored(cluster: &EmbeddedCluster, audit: &Path) -> Contents {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut contents = Contents::new();
    runtime.block_on(async {
        let instance = Arc::new(ClientInstance::new(client_of(cluster)).unwrap());
        instance.start().unwrap();
        let admin = Admin::new(Arc::clone(&instance));
        for record in lines(audit) {
            let id = record["id"].as_str().unwrap();
            let found = admin.view_by_unique_id(TOPIC, id, None).await.unwrap();
            let mut properties = found.properties.clone();
            properties.retain(|(name, _)| name != "UNIQ_KEY");
            properties.sort();
            let body = found.body.as_ref().unwrap().to_vec();
            *contents.entry((properties, body)).or_insert(0) += 1;
        }
        instance.shutdown().await;
    });
    contents
}

#[test]
fn a_rerun_sends_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = keeping();
    let address = cluster.namesrv_address();
    let at = |name: &str| folder.path().join(name);
    let audit = |name: &str| at(name).to_str().unwrap().to_owned();
    let shape = [
        "-n",
        &address,
        "-t",
        TOPIC,
        "-r",
        "2000",
        "--count",
        "300",
        "--arrivals",
        "poisson",
        "-s",
        "100B..3KiB",
        "--key-count",
        "20",
        "--key-choice",
        "zipf:1",
        "--tags",
        "T",
        "--properties",
        "a=1",
        "--seed",
        "11",
    ];
    let trail = audit("1");
    let first = [&shape[..], &["-q", "--audit", &trail]].concat();
    bundled(&first, &at("first"), 0);
    let again = |audit: &str, bundle: &str, more: &[&str]| {
        let from = at("first");
        let rerun = ["rerun", from.to_str().unwrap(), "--audit", audit];
        bundled(&[&rerun, more].concat(), &at(bundle), 0)
    };
    let told = again(&audit("2"), "second", &[]);
    for part in [
        "settings, rmq-bench and machine are those of the first run",
        &format!(
            "rmq-bench compare {} {}",
            at("first").display(),
            at("second").display()
        ),
    ] {
        assert!(told.contains(part), "{told}");
    }
    assert!(!told.contains("differs"), "{told}");
    let contents = stored(&cluster, &at("1"));
    assert_eq!(contents.values().sum::<usize>(), 300);
    assert!(contents.len() > 250, "bodies differ: {}", contents.len());
    assert_eq!(stored(&cluster, &at("2")), contents);
    let [one, two] = ["first", "second"].map(|name| result_of(&at(name)));
    assert_eq!(one["bodies"], two["bodies"]);
    assert_ne!(one["run"]["id"], two["run"]["id"]);

    // Another seed sends others: what is compared above can differ.
    let told = again(&audit("3"), "third", &["--seed", "12"]);
    assert!(
        told.contains("differs from the first run: --seed 12 instead of 11"),
        "{told}"
    );
    assert_ne!(stored(&cluster, &at("3")), contents);

    let compared = rmq_bench()
        .args(["compare", "--anyway", "--format", "json"])
        .args([at("first"), at("second")])
        .assert();
    let compared = json(&compared.get_output().stdout);
    for (group, bundle) in [("baseline", "first"), ("candidate", "second")] {
        let runs = compared[group]["runs"].as_array().unwrap();
        assert_eq!(runs.len(), 1, "{group}: {compared}");
        let from = at(bundle).join("result.json");
        assert_eq!(runs[0]["from"], from.to_str().unwrap());
    }
    // A folder of bundles is a group.
    let error = rmq_bench()
        .args(["compare", "--anyway"])
        .args([folder.path(), &at("first")])
        .assert()
        .code(2);
    error.stderr(contains("is there twice"));
}

#[test]
fn a_bundle_that_was_changed_is_refused_by_the_file_s_name() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("first");
    bundled(&[&RUN[..], &["-q"]].concat(), &bundle, 0);
    let rerun = |more: &[&str]| {
        let mut command = rmq_bench();
        command
            .arg("rerun")
            .arg(&bundle)
            .args(more)
            .arg("--dry-run");
        command.assert()
    };
    fs::write(bundle.join("notes.txt"), "mine").unwrap();
    rerun(&[]).success().stdout(contains("1,000/s"));
    let profile = read(&bundle.join("profile.toml"));
    fs::write(
        bundle.join("profile.toml"),
        profile.replace("\"1000/s\"", "\"2000/s\""),
    )
    .unwrap();
    fs::remove_file(bundle.join("report.md")).unwrap();
    let refused = rerun(&[]).code(2).stdout("");
    refused.stderr(
        contains("changed since the run: profile.toml, report.md (gone)")
            .and(contains("hint: --unverified")),
    );
    let taken = rerun(&["--unverified"]).success();
    taken
        .stdout(contains("1,000/s"))
        .stderr(contains("taken all the same (--unverified)"));
    // A list that is no list, and a folder that is no bundle.
    fs::write(bundle.join("SHA256SUMS"), "nothing\n").unwrap();
    rerun(&[]).code(2).stderr(contains("line 1 is no checksum"));
    fs::remove_file(bundle.join("SHA256SUMS")).unwrap();
    rerun(&[]).code(2).stderr(contains("is no bundle"));
    let none = rmq_bench().args(["rerun", "/dev/null"]).assert();
    none.code(2)
        .stdout("")
        .stderr(contains("no result of rmq-bench"));
}

#[test]
fn a_place_that_is_taken_is_refused_before_anything_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("full")).unwrap();
    fs::write(at("full/notes"), "mine").unwrap();
    fs::write(at("file"), "").unwrap();
    fs::create_dir(at("taken.partial")).unwrap();
    // None of these would end while the test waits.
    let long = ["-r", "100", "-d", "1h"];
    for (name, code, told) in [
        (
            "full",
            2,
            "is there and not empty\nhint: name another folder",
        ),
        ("file", 1, "cannot write to"),
        ("no/such/parent", 1, "cannot write to"),
        ("taken", 2, "taken.partial is there\nhint: "),
        ("..", 2, "is there and not empty"),
    ] {
        for more in [&[][..], &["--dry-run"]] {
            let arguments = [&long[..], more].concat();
            let said = bundled(&arguments, &at(name), code);
            assert!(
                said.contains("--bundle: ") && said.contains(told),
                "{name}: {said}"
            );
        }
    }
    let inside = at("full/result.json");
    let both = [&long[..], &["-o", inside.to_str().unwrap()]].concat();
    let said = bundled(&both, &at("full"), 2);
    assert!(
        said.contains("--bundle (profile key `bundle`) contradicts --output"),
        "{said}"
    );
    bundled(&[&long[..], &["--dry-run"]].concat(), &at("new"), 0);
    assert_eq!(names(folder.path()), ["file", "full", "taken.partial"]);
    assert_eq!(names(&at("full")), ["notes"]);

    fs::create_dir(at("empty")).unwrap();
    bundled(&[&RUN[..], &["-q"]].concat(), &at("empty"), 0);
    assert_eq!(names(&at("empty")), FILES, "an empty folder is a place");
}

#[test]
fn without_a_result_there_is_no_bundle() {
    let folder = tempfile::tempdir().unwrap();
    let nobody = ["-n", "127.0.0.1:1", "-q"];
    bundled(&nobody, &folder.path().join("first"), 3);
    assert_eq!(names(folder.path()), [""; 0]);
}

#[test]
fn a_bundle_that_cannot_be_written_costs_only_itself() {
    let folder = tempfile::tempdir().unwrap();
    let plain = process();
    // No file may grow beyond a KiB, as if the disk were full.
    let mut shell = Process::new("sh");
    shell
        .args(["-c", "trap '' XFSZ; ulimit -f 1; exec \"$0\" \"$@\""])
        .arg(plain.get_program())
        .args(RUN)
        .args(["-q", "--format", "json", "-o", "r.csv", "--bundle", "first"])
        .current_dir(folder.path());
    for (name, _) in plain.get_envs() {
        shell.env_remove(name);
    }
    let output = shell.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(
        errors.contains("error: --bundle: cannot write to "),
        "{errors}"
    );
    assert_eq!(number(&json(&output.stdout), "/accounts/acked"), 300);
    assert!(
        !names(folder.path())
            .iter()
            .any(|name| name.contains("first"))
    );
}

#[test]
fn runs_that_fail_or_are_interrupted_have_their_bundle() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let missed = [&RUN[..], &["-q", "--fail-if", "p50>1ns"]].concat();
    bundled(&missed, &at("missed"), 10);
    assert_eq!(result_of(&at("missed"))["thresholds"][0]["passed"], false);
    assert!(read(&at("missed").join("README.txt")).contains("\nThreshold "));

    let overload = ["-q", "-r", "2000", "-d", "15s", "--warmup", "0s"];
    let cap = [
        "--broker-capacity",
        "20",
        "--in-flight",
        "10",
        "--drain",
        "1s",
    ];
    let late = [&overload[..], &cap, &["--when-late", "abort"]].concat();
    bundled(&late, &at("invalid"), 12);
    assert!(read(&at("invalid").join("README.txt")).contains("Verdict: INVALID"));
    let told = rmq_bench()
        .args(["rerun", at("invalid").to_str().unwrap(), "--dry-run"])
        .assert()
        .success();
    told.stderr(contains("the first run was INVALID: "));

    let log = at("lines.ndjson");
    nix::unistd::mkfifo(&log, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let bundle = at("stopped");
    let run = LongRun::start(&[
        "-r",
        "100",
        "-d",
        "1h",
        "--warmup",
        "0s",
        "--intervals",
        log.to_str().unwrap(),
        "--bundle",
        bundle.to_str().unwrap(),
    ]);
    // The first line tells that messages are sent.
    let mut reader = std::io::BufReader::new(fs::File::open(&log).unwrap());
    std::io::BufRead::read_line(&mut reader, &mut String::new()).unwrap();
    let rest = std::thread::spawn(move || std::io::read_to_string(reader).unwrap());
    run.interrupt("stopping");
    let output = run.end();
    rest.join().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert_eq!(names(&bundle), FILES);
    sums_hold(&bundle);
    let result = result_of(&bundle);
    assert_eq!(result["run"]["stop_reason"], "interrupted");
    accounts_close(&result);
    assert_eq!(json(&output.stdout), result);
}

#[test]
fn several_runs_are_one_bundle_and_each_has_its_lines() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let twice = ["-q", "--runs", "2"];
    bundled(&[&RUN[..], &twice].concat(), &at("first"), 0);
    let mut expected: Vec<String> = FILES.map(str::to_owned).to_vec();
    expected.retain(|name| !name.starts_with("histograms") && !name.starts_with("intervals"));
    for number in [1, 2] {
        expected.push(format!("histograms-run-{number}.hlog"));
        expected.push(format!("intervals-run-{number}.ndjson"));
    }
    expected.sort();
    assert_eq!(names(&at("first")), expected);
    sums_hold(&at("first"));
    let told = rmq_bench()
        .args(["rerun", at("first").to_str().unwrap(), "--no-progress"])
        .args(["--bundle", at("second").to_str().unwrap()])
        .assert()
        .success();
    told.stderr(contains("run 2 of 2").and(contains("are those of the first run")));
    let [first, second] = ["first", "second"].map(|name| result_of(&at(name)));
    assert_eq!(
        (&first["kind"], &first["seed"]),
        (&"runs".into(), &1.into())
    );
    for run in [0, 1] {
        let seed = |document: &Value| document["runs"][run]["config"]["seed"].clone();
        assert_eq!(seed(&first), seed(&second), "run {run}");
        assert_eq!(first["runs"][run]["bodies"], second["runs"][run]["bodies"]);
    }
    // One of them alone is one run, with its own seed.
    let own = at("second-run.json");
    fs::write(&own, first["runs"][1].to_string()).unwrap();
    let alone = rmq_bench()
        .args(["rerun", own.to_str().unwrap(), "--print-config"])
        .assert()
        .success();
    let config = String::from_utf8_lossy(&alone.get_output().stdout).into_owned();
    let seed = format!("seed = {}", first["runs"][1]["config"]["seed"]);
    assert!(config.contains(&seed), "{seed}: {config}");
    assert!(config.contains("runs = 1 "), "{config}");
}

#[test]
fn recorded_arrivals_go_with_the_bundle_wherever_it_goes() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let record: String = (0..40).map(|n| format!("0.{:03}000007\n", n * 5)).collect();
    fs::write(at("times.txt"), format!("# mine\n{record}")).unwrap();
    let arrivals = format!("@{}", at("times.txt").display());
    bundled(
        &["-q", "--arrivals", &arrivals, "--warmup", "0s"],
        &at("first"),
        0,
    );
    assert_eq!(read(&at("first").join("arrivals.txt")), record);
    sums_hold(&at("first"));
    fs::remove_file(at("times.txt")).unwrap();
    fs::create_dir(at("elsewhere")).unwrap();
    let moved = at("elsewhere/first");
    fs::rename(at("first"), &moved).unwrap();
    let profile = moved.join("profile.toml");
    for command in [
        ["rerun", moved.to_str().unwrap()],
        ["run", profile.to_str().unwrap()],
    ] {
        let run = rmq_bench()
            .args(command)
            .args(["-q", "--format", "json"])
            .assert()
            .success();
        let result = json(&run.get_output().stdout);
        assert_eq!(number(&result, "/accounts/acked"), 40, "{command:?}");
    }
    // The result alone names the file where it was.
    let result = moved.join("result.json");
    let gone = rmq_bench()
        .args(["rerun", result.to_str().unwrap()])
        .assert();
    gone.code(2)
        .stderr(contains("times.txt").and(contains("set by first run")));
}

#[test]
fn no_secret_is_in_a_bundle_and_what_it_lacks_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(
        at("account.yml"),
        "accessKey: somebody\nsecretKey: correct-horse\n",
    )
    .unwrap();
    let cluster = cluster(ClusterSpec::default());
    let address = cluster.namesrv_address();
    let account = at("account.yml");
    let target = ["-q", "-n", &address, "-t", TOPIC];
    let named = ["--credentials", account.to_str().unwrap()];
    bundled(&[&RUN[..], &target, &named].concat(), &at("file"), 0);
    rmq_bench()
        .args(RUN)
        .args(target)
        .args(["--bundle", at("variables").to_str().unwrap()])
        .env("RMQ_BENCH_ACCESS_KEY", "somebody")
        .env("RMQ_BENCH_SECRET_KEY", "correct-horse")
        .assert()
        .success();
    for (bundle, needs) in [
        (
            "file",
            format!("the account: --credentials {}", account.display()),
        ),
        (
            "variables",
            "the account: RMQ_BENCH_ACCESS_KEY, RMQ_BENCH_SECRET_KEY".to_owned(),
        ),
    ] {
        for name in names(&at(bundle)) {
            let text = read(&at(bundle).join(&name));
            for secret in ["correct-horse", "somebody"] {
                assert!(!text.contains(secret), "{bundle}/{name}");
            }
        }
        let readme = read(&at(bundle).join("README.txt"));
        assert!(readme.contains(&needs), "{readme}");
        let cluster = format!("a cluster: that of --namesrv '{address}'");
        assert!(readme.contains(&cluster), "{readme}");
    }
}

#[test]
fn options_change_a_rerun_and_the_environment_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let result = folder.path().join("first.json");
    rmq_bench()
        .args(RUN)
        .args(["-q", "--brokers", "1", "-o", result.to_str().unwrap()])
        .assert()
        .success();
    let cluster = cluster(ClusterSpec::default());
    let address = cluster.namesrv_address();
    let json_file = folder.path().join("second.json");
    // The embedded cluster's settings go with it; a closed loop does without what was set by default.
    let run = rmq_bench()
        .env("RMQ_BENCH_SIZE", "77")
        .env("RMQ_BENCH_QUIET", "false")
        .args([
            "rerun",
            result.to_str().unwrap(),
            "--format",
            "json",
            "-n",
            &address,
        ])
        .args(["-t", TOPIC, "-r", "max", "-o", json_file.to_str().unwrap()])
        .assert()
        .success();
    let output = run.get_output();
    let again = json(&output.stdout);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    for part in [
        &*format!("--namesrv {address}, which it had not"),
        "--rate max instead of 1000/s",
        "--topic Tests instead of BenchmarkTest",
        "--brokers 1 has no effect now",
        "RMQ_BENCH_SIZE does not count",
        "differs from the first run: the cluster, ",
        &*format!("compare {} {}", result.display(), json_file.display()),
    ] {
        assert!(told.contains(part), "{part}:\n{told}");
    }
    assert!(!told.contains("RMQ_BENCH_QUIET"), "{told}");
    assert_eq!(again["run"]["load_model"], "closed");
    assert_eq!(again["config"]["size"], "1KiB");
    assert_eq!(
        again["config_source"]["count"],
        format!("first run, {}", result.display())
    );
    assert_eq!(again["config_source"]["size"], "default");
    assert_eq!(cluster.stored().messages(), 300);
    let quiet = rmq_bench()
        .env("RMQ_BENCH_SIZE", "77")
        .args(["rerun", result.to_str().unwrap(), "-q", "--dry-run"])
        .assert();
    quiet.success().stderr("");
}

#[test]
fn bundles_of_shards_are_merged_and_each_is_made_again_as_the_shard_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = cluster(ClusterSpec::default());
    let address = cluster.namesrv_address();
    let at = |name: &str| folder.path().join(name);
    let start = (jiff::Timestamp::now() + std::time::Duration::from_secs(8)).to_string();
    let bundles = [at("1"), at("2")];
    let runs: Vec<LongRun> = [("1/2", &bundles[0]), ("2/2", &bundles[1])]
        .map(|(shard, bundle)| {
            LongRun::start(&[
                "-n",
                &address,
                "-t",
                TOPIC,
                "-r",
                "500",
                "--count",
                "301",
                "--start-at",
                &start,
                "--shard",
                shard,
                "--bundle",
                bundle.to_str().unwrap(),
            ])
        })
        .into();
    for run in runs {
        let output = run.end();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let merged = rmq_bench()
        .args(["merge", "--format", "json"])
        .args(&bundles)
        .assert()
        .success();
    let merged = json(&merged.get_output().stdout);
    accounts_close(&merged);
    assert_eq!(number(&merged, "/accounts/acked"), 301);
    a_shard_is_made_again(&bundles[1], &start);

    let file = at("merged.json");
    fs::write(&file, merged.to_string()).unwrap();
    let whole = rmq_bench()
        .args(["rerun", file.to_str().unwrap(), "--dry-run"])
        .assert()
        .success();
    whole.stdout(contains("301 messages")).stderr(contains(
        "sent by 2 processes, and this process sends all of it",
    ));
}

/// The second of two shards, whose bundle this is.
fn a_shard_is_made_again(bundle: &Path, start: &str) {
    let readme = read(&bundle.join("README.txt"));
    assert!(
        readme.contains("shard 2/2 of a run of 2 processes"),
        "{readme}"
    );

    let again = rmq_bench()
        .args([
            "rerun",
            bundle.to_str().unwrap(),
            "--format",
            "json",
            "--no-progress",
        ])
        .assert()
        .success();
    let output = again.get_output();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        told.contains("shard 2/2 of the run: start the others as well"),
        "{told}"
    );
    assert!(
        told.contains(&format!("began at {start} as it was told to")),
        "{told}"
    );
    let result = json(&output.stdout);
    let first = result_of(bundle);
    assert_eq!(result["run"]["shard"], first["run"]["shard"]);
    assert_eq!(result["accounts"]["planned"], first["accounts"]["planned"]);
    assert_eq!(result["bodies"], first["bodies"]);
}
