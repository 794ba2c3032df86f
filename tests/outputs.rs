//! Files and streams that cannot be written: said by name, and everything else is written still.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]

mod support;

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command as Process, Stdio};
use std::time::{Duration, Instant};

use predicates::str::contains;
use support::binary::{accounts_close, json, lines, number, process, rmq_bench};

/// A short run.
const RUN: [&str; 6] = ["-q", "-r", "1000", "--count", "300", "--no-color"];

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

#[test]
fn an_output_that_cannot_be_written_is_refused_before_anything_is_sent() {
    let directory = tempfile::tempdir().unwrap();
    let audit = directory.path().join("audit.ndjson");
    for option in ["-o", "--intervals", "--audit"] {
        let missing = directory.path().join("no/such/folder/file.json");
        let begun = Instant::now();
        let run = rmq_bench()
            .args(["-d", "15s", "-r", "100", option, missing.to_str().unwrap()])
            .args(if option == "-o" {
                vec!["--audit", audit.to_str().unwrap()]
            } else {
                vec![]
            })
            .assert()
            .stdout("")
            .stderr(contains("no/such/folder/file.json"));
        assert!(!run.get_output().status.success(), "{option}");
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "{option}: it ran first"
        );
    }
    assert!(!audit.exists() || fs::read(&audit).unwrap().is_empty());
}

#[test]
fn a_run_without_a_result_leaves_no_file() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("result.json");
    rmq_bench()
        .args(["-n", &address, "-o", path.to_str().unwrap()])
        .assert()
        .code(3);
    let left: Vec<_> = fs::read_dir(directory.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn an_output_that_is_a_directory_is_refused_before_anything_is_sent() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("result.json");
    fs::create_dir(&path).unwrap();
    let run = rmq_bench()
        .args([
            "-q",
            "-r",
            "1000",
            "--count",
            "300",
            "-o",
            path.to_str().unwrap(),
        ])
        .assert()
        .stdout("")
        .stderr(contains("result.json"));
    assert!(!run.get_output().status.success());
}

#[test]
fn a_reader_that_has_left_changes_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("result.json");
    let mut child = process()
        .args(RUN)
        .args(["--format", "json", "-o", file.to_str().unwrap()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), &*errors), (Some(0), ""));
    let result = json(&fs::read(&file).unwrap());
    assert_eq!(number(&result, "/accounts/acked"), 300);
}

#[test]
fn the_option_is_named_whose_file_cannot_be_made() {
    let folder = tempfile::tempdir().unwrap();
    let (missing, is_folder) = (folder.path().join("no/such"), folder.path().join("f.json"));
    fs::create_dir(&is_folder).unwrap();
    for option in ["--output", "--intervals", "--audit"] {
        for path in [missing.join("f.json"), is_folder.clone()] {
            let path = path.to_str().unwrap();
            let named = format!("error: {option}: cannot write to {path}: ");
            rmq_bench()
                .args(RUN)
                .args([option, path])
                .assert()
                .code(1)
                .stdout("")
                .stderr(contains(named));
        }
    }
    assert_eq!(names(folder.path()), ["f.json"]);
}

#[test]
fn a_full_disk_under_a_log_costs_only_that_log() {
    for (full, other) in [("--intervals", "--audit"), ("--audit", "--intervals")] {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log.ndjson");
        let file = folder.path().join("result.json");
        let run = rmq_bench()
            .args(RUN)
            .args(["--format", "json", full, "/dev/full"])
            .args([other, log.to_str().unwrap()])
            .args(["-o", file.to_str().unwrap()])
            .assert()
            .code(1)
            .stderr(contains(format!("{full}: cannot write to /dev/full")).count(1));
        let result = json(&run.get_output().stdout);
        assert_eq!(number(&result, "/accounts/acked"), 300, "{full}");
        accounts_close(&result);
        assert_eq!(json(&fs::read(&file).unwrap()), result);
        assert!(!lines(&log).is_empty(), "{other} is written");
    }
}

#[test]
fn a_page_of_a_run_is_the_page_of_its_stored_result() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let run = rmq_bench()
        .args(RUN)
        .args(["-o", &at("run.json"), "-o", &at("run.html")])
        .assert()
        .success();
    let text = String::from_utf8_lossy(&run.get_output().stdout).into_owned();
    let page = fs::read_to_string(at("run.html")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>"), "{page}");
    let answer = text.lines().find(|line| line.starts_with("Planned"));
    assert!(page.contains(answer.unwrap()), "{text}\n{page}");
    let result = json(&fs::read(at("run.json")).unwrap());
    let points = result["time_series"]["points"].as_array().unwrap();
    let window = points.iter().filter(|point| point["phase"] != "warmup");
    let acked: u64 = window.map(|point| number(point, "/acked")).sum();
    assert_eq!(acked, 300, "every answer is in a second");

    // Again from the file, and in the other forms.
    rmq_bench()
        .args(["report", &at("run.json")])
        .args(["-o", &at("again.html"), "-o", &at("again.json")])
        .assert()
        .success()
        .stdout("")
        .stderr("");
    assert_eq!(fs::read_to_string(at("again.html")).unwrap(), page);
    assert_eq!(json(&fs::read(at("again.json")).unwrap()), result);
    rmq_bench()
        .args(["report", &at("run.json"), "--no-color"])
        .assert()
        .success()
        .stdout(text);
    rmq_bench()
        .args(["report", &at("run.json"), "--format", "html"])
        .assert()
        .success()
        .stdout(page);
}

#[test]
fn several_runs_have_a_page_and_an_old_result_too() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    rmq_bench()
        .args(RUN)
        .args([
            "--runs",
            "2",
            "-o",
            &at("runs.json"),
            "-o",
            &at("runs.html"),
        ])
        .assert()
        .success();
    let page = fs::read_to_string(at("runs.html")).unwrap();
    assert!(page.contains("data-name=\"run 2\""), "{page}");
    rmq_bench()
        .args(["report", &at("runs.json"), "-o", &at("again.html")])
        .assert()
        .success();
    assert_eq!(fs::read_to_string(at("again.html")).unwrap(), page);

    // Results of before there were time series.
    let mut old = json(&fs::read(at("runs.json")).unwrap())["runs"][0].take();
    old.as_object_mut().unwrap().remove("time_series").unwrap();
    fs::write(at("old.json"), old.to_string()).unwrap();
    rmq_bench()
        .args(["report", &at("old.json"), "--format", "html"])
        .assert()
        .success()
        .stdout(contains("This result has no seconds to draw"));
}

#[test]
fn what_cannot_be_rendered_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let folder_itself = folder.path().to_str().unwrap().to_owned();
    rmq_bench()
        .args(["report", &folder_itself])
        .assert()
        .code(2)
        .stdout("")
        .stderr(contains(
            "a folder that is no bundle, where the JSON result of a run is wanted",
        ));
    fs::write(at("other.json"), "{}").unwrap();
    for name in ["missing.json", "other.json"] {
        rmq_bench()
            .args(["report", &at(name), "-o", &at("page.html")])
            .assert()
            .code(1)
            .stdout("")
            .stderr(contains(name));
    }
    let missing = at("no/such/page.html");
    rmq_bench()
        .args(["report", &at("other.json"), "-o", &missing])
        .assert()
        .code(1)
        .stderr(contains(format!("cannot write to {missing}")));
    rmq_bench()
        .args(["report", &at("other.json"), "-o", &at("page.pdf")])
        .assert()
        .code(2)
        .stderr(contains(".html"));
    assert_eq!(names(folder.path()), ["other.json"]);
}

/// Runs the binary where no file may grow beyond half a KiB, as if the disk were full.
fn on_a_full_disk(folder: &Path, arguments: &[&str]) -> std::process::Output {
    let plain = process();
    let mut shell = Process::new("sh");
    shell
        .args(["-c", "trap '' XFSZ; ulimit -f 1; exec \"$0\" \"$@\""])
        .arg(plain.get_program())
        .args(arguments)
        .current_dir(folder);
    for (name, value) in plain.get_envs() {
        assert!(value.is_none(), "nothing is set");
        shell.env_remove(name);
    }
    shell.output().unwrap()
}

#[test]
fn a_full_disk_leaves_the_old_result_and_no_half_a_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("result.json");
    fs::write(&file, "the old one").unwrap();
    let mut arguments = RUN.to_vec();
    arguments.extend(["--format", "json", "-o", "result.json"]);
    let output = on_a_full_disk(folder.path(), &arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    let named = "error: --output: cannot write to result.json: File too large";
    assert!(errors.contains(named), "{errors}");
    assert!(!errors.contains("panic"), "{errors}");
    assert_eq!(number(&json(&output.stdout), "/accounts/acked"), 300);
    assert_eq!(fs::read_to_string(&file).unwrap(), "the old one");
    assert_eq!(names(folder.path()), ["result.json"]);
}

#[test]
fn a_result_that_cannot_be_printed_is_in_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("result.json");
    let output = process()
        .args(RUN)
        .args(["-o", file.to_str().unwrap()])
        .stdout(File::create("/dev/full").unwrap())
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(
        errors.contains("error: cannot write to stdout: "),
        "{errors}"
    );
    let result = json(&fs::read(&file).unwrap());
    assert_eq!(number(&result, "/accounts/acked"), 300);
    assert_eq!(names(folder.path()), ["result.json"]);
}

#[test]
fn a_reader_slower_than_the_run_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let fifo = directory.path().join("audit");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let path = fifo.clone();
    let reader = std::thread::spawn(move || {
        let mut file = File::open(path).unwrap();
        // It is the slowness that is tested: the pipe is full after a second of records, and is read after another two.
        std::thread::sleep(Duration::from_secs(3));
        std::io::read_to_string(&mut file).unwrap().lines().count()
    });
    let run = rmq_bench()
        .args([
            "-q", "--format", "json", "-r", "2000", "-d", "2s", "--warmup", "0s", "--audit",
        ])
        .arg(&fifo)
        .assert();
    let result = json(&run.get_output().stdout);
    let reasons = result["verdict"]["reasons"].as_array().unwrap();
    let told = reasons
        .iter()
        .find(|reason| reason["code"] == "result_writer");
    assert!(
        told.is_some_and(|reason| reason["value"].as_f64().unwrap() > 1e9),
        "{reasons:?}"
    );
    // Nothing is lost for it.
    assert_eq!(
        reader.join().unwrap() as u64,
        number(&result, "/accounts/planned")
    );
    accounts_close(&result);
}
