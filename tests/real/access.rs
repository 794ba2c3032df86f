//! Accounts of a real cluster with access control.

use std::fs;
use std::process::Stdio;

use crate::cluster::{Cluster, MOST_REFUSED, result};

/// R184: every kind of send under access control, with the right account, a wrong one, and none.
#[test]
#[ignore = "needs a real cluster with access control; scripts/test starts one"]
fn an_account_is_asked_for_and_taken() {
    let cluster = Cluster::running();
    let account = std::env::var("REAL_ACCOUNT").expect("REAL_ACCOUNT, as scripts/test sets it");
    let (name, secret) = account.split_once(':').unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("account.yml");
    for (secret, mode) in [
        (Some(secret), "sync"),
        (Some(secret), "async"),
        (Some(secret), "oneway"),
        (Some(secret), "batch"),
        (Some(secret), "request"),
        (Some("wrongsecret"), "async"),
        (None, "sync"),
        // The last, as brokers of 5.5.0 are busy for good after transactions.
        (Some(secret), "tx"),
    ] {
        let topic = cluster.new_topic(&format!("account-{mode}"));
        let arguments = [
            "--mode", mode, "--rate", "320", "--count", "320", "--warmup", "0s",
        ];
        let mut run = cluster.bench(&topic, folder.path(), &arguments);
        run.args(["--max-error-rate", MOST_REFUSED]);
        run.env_remove("RMQ_BENCH_ACCESS_KEY");
        if let Some(secret) = secret {
            fs::write(&file, format!("accessKey: {name}\nsecretKey: {secret}\n")).unwrap();
            run.arg("--credentials").arg(&file);
        }
        let output = run.stderr(Stdio::piped()).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        let result = result(&output.stdout, mode == "oneway");
        if secret == Some(&account[name.len() + 1..]) {
            assert!(output.status.success(), "{mode}: {told}");
            let (acked, stored) = (result.accounts.acked, cluster.stored(&topic));
            assert!(acked >= 160, "{mode}: {told}");
            // What a busy broker refuses of oneway sends nobody is told.
            let few = if mode == "oneway" { acked / 2 } else { acked };
            assert!(
                (few..=acked).contains(&stored),
                "{mode}: {stored} of {acked}"
            );
        } else {
            assert_eq!(output.status.code(), Some(3), "{mode}: {told}");
            assert_eq!(cluster.stored(&topic), 0, "{mode}");
            assert!(told.contains("--credentials"), "{told}");
        }
        assert!(
            !told.contains(secret.unwrap_or("\0")),
            "the secret is shown"
        );
    }
}
