//! A cluster that has just been started: its brokers begin in interpreted code and are several times slower than
//! half a minute later.

use std::path::Path;

use crate::cluster::{Cluster, keep, lines, result};
use rmq_bench::report::{RunResult, WarmupEnded};
use rmq_bench::verdict::ReasonCode;
use serde_json::Value;

/// What a later window may be faster than this one by and still be the same to a test: on a machine that the
/// suite shares with two brokers and whoever else is there.
const ALIKE: f64 = 0.6;

fn measured(cluster: &Cluster, topic: &str, folder: &Path, warmup: &str) -> (RunResult, Vec<u8>) {
    let load = [
        "--rate",
        "max",
        "--mode",
        "sync",
        "--callers",
        "64",
        "--size",
        "128B",
        "--duration",
        "10s",
        "--warmup",
        warmup,
        "--max-error-rate",
        "100%",
    ];
    let run = cluster.bench(topic, folder, &load).output().unwrap();
    assert!(run.status.success(), "{:?}", run.status);
    (result(&run.stdout, false), run.stdout)
}

fn acked_in_first_second(folder: &Path) -> f64 {
    let seconds = lines(&folder.join("intervals.ndjson"));
    let first = seconds.first().unwrap();
    assert_eq!(first["phase"], "warmup");
    first.get("acked").and_then(Value::as_f64).unwrap()
}

/// The window of `--warmup auto` holds what a run well after it measures too, or the verdict says that it does not.
#[test]
#[ignore = "needs a real cluster nothing was sent to yet; scripts/test starts one"]
fn a_fresh_cluster_is_not_measured_before_it_is_warm() {
    let cluster = Cluster::running();
    let topic = cluster.new_topic("fresh");
    let folder = tempfile::tempdir().unwrap();
    let (fresh, stdout) = measured(&cluster, &topic, folder.path(), "auto:3m");
    keep("fresh-warmup-auto", &stdout);
    let first_second = acked_in_first_second(folder.path());
    let later = tempfile::tempdir().unwrap();
    let (warm, stdout) = measured(&cluster, &topic, later.path(), "5s");
    keep("fresh-then-warm", &stdout);
    let [fresh_per_s, warm_per_s] = [&fresh, &warm].map(|run| run.rate.acked_per_s.unwrap());
    let told = |code| {
        fresh
            .verdict
            .reasons
            .iter()
            .any(|reason| reason.code == code)
    };
    match fresh.window.warmup_ended {
        Some(WarmupEnded::Steady) => {
            assert!(fresh.window.warmup_s >= 10.0, "{:?}", fresh.window);
            assert!(
                fresh_per_s >= ALIKE * warm_per_s || told(ReasonCode::UnsteadyRun),
                "{fresh_per_s} acknowledged per second, {warm_per_s} later: {:?}",
                fresh.verdict
            );
            // The cold seconds were there, and are in no figure.
            assert!(
                first_second < fresh_per_s,
                "{first_second} in the first second, {fresh_per_s}"
            );
        }
        Some(WarmupEnded::Cap) => assert!(told(ReasonCode::NotSteady), "{:?}", fresh.verdict),
        other => panic!("{other:?}"),
    }
    assert!(cluster.stored(&topic) >= fresh.accounts.acked + warm.accounts.acked);
}
