//! Encrypted connections to a real cluster.

use std::process::Stdio;

use crate::cluster::{Cluster, mode_is_stored_whole};

#[test]
#[ignore = "needs a real cluster; scripts/test starts one"]
fn encrypted_connections_carry_every_mode_and_strangers_are_not_trusted() {
    let cluster = Cluster::running();
    let authority = &*cluster.tls("ca.pem");
    for mode in ["sync", "async"] {
        let arguments = format!("--tls on --tls-ca {authority} --rate 500 --duration 3s");
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        mode_is_stored_whole(mode, &arguments, 10_000);
    }
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let mut command = cluster.bench("BenchmarkTest", folder.path(), arguments);
        command.args(["--count", "10", "--warmup", "0s"]);
        command.stderr(Stdio::piped()).output().unwrap()
    };
    let stranger = run(&["--tls", "on"]);
    let said = String::from_utf8_lossy(&stranger.stderr);
    assert_eq!(stranger.status.code(), Some(3), "{said}");
    assert!(said.contains("certificate"), "{said}");
    let misnamed = run(&[
        "--tls",
        "on",
        "--tls-ca",
        authority,
        "--tls-name",
        "broker.example",
    ]);
    assert_eq!(misnamed.status.code(), Some(3));
    let anybody = run(&["--tls", "on", "--tls-verify", "off"]);
    assert!(anybody.status.success());
}

#[test]
#[ignore = "needs a real cluster that wants certificates; scripts/test starts one"]
fn a_client_certificate_is_asked_for_and_taken() {
    let cluster = Cluster::running();
    let (authority, certificate, key) = (
        cluster.tls("ca.pem"),
        cluster.tls("client.pem"),
        cluster.tls("client.key"),
    );
    let trusting = ["--tls", "on", "--tls-ca", &authority];
    let known = [
        &trusting[..],
        &["--tls-cert", &certificate, "--tls-key", &key],
    ]
    .concat();
    for mode in ["sync", "async"] {
        let load = [&known[..], &["--rate", "200", "--duration", "3s"]].concat();
        mode_is_stored_whole(mode, &load, 1024);
    }
    let folder = tempfile::tempdir().unwrap();
    let refused = |arguments: &[&str]| {
        let mut command = cluster.bench("BenchmarkTest", folder.path(), arguments);
        command.args(["--count", "10", "--warmup", "0s"]);
        let output = command.stderr(Stdio::piped()).output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let unknown = refused(&trusting);
    assert!(
        unknown.contains("hint: ") && unknown.contains("--tls-cert"),
        "{unknown}"
    );
    let misnamed = refused(&[&known[..], &["--tls-name", "broker.example"]].concat());
    assert!(misnamed.contains("not valid for name"), "{misnamed}");
    refused(&[]);
}
