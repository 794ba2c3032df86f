//! Every mode on a real cluster: what is told as acknowledged is stored, once and whole.

use crate::cluster::{Cluster, MOST_REFUSED, mode_is_stored_whole, result};

#[test]
#[ignore = "needs a real cluster; scripts/test starts one"]
fn sync_messages_are_counted_and_read_back() {
    mode_is_stored_whole("sync", &["--rate", "2k", "--duration", "10s"], 1024);
}

#[test]
#[ignore = "needs a real cluster; scripts/test starts one"]
fn async_messages_are_counted_and_read_back() {
    mode_is_stored_whole("async", &["--rate", "2k", "--duration", "10s"], 1024);
}

#[test]
#[ignore = "needs a real cluster; scripts/test starts one"]
fn oneway_messages_are_counted_and_read_back() {
    mode_is_stored_whole("oneway", &["--rate", "2k", "--duration", "10s"], 1024);
}

#[test]
#[ignore = "needs a real cluster; scripts/test starts one"]
fn batches_are_counted_and_read_back_message_by_message() {
    let arguments = ["--batch", "20", "--rate", "4k", "--duration", "5s"];
    mode_is_stored_whole("batch", &arguments, 256);
}

#[test]
#[ignore = "needs a real cluster; scripts/test starts one"]
fn json_headers_are_understood_in_every_mode() {
    for mode in ["sync", "async", "oneway"] {
        let arguments = ["--header", "json", "--rate", "1k", "--duration", "2s"];
        mode_is_stored_whole(mode, &arguments, 100);
    }
}

#[test]
#[ignore = "needs a real cluster; scripts/test starts one"]
fn large_bodies_go_by_reference_and_arrive_whole() {
    mode_is_stored_whole("async", &["--rate", "100", "--duration", "3s"], 200_000);
}

#[test]
#[ignore = "needs a real cluster; scripts/test starts one"]
fn a_topic_that_does_not_exist_is_created_by_the_broker() {
    let cluster = Cluster::running();
    let folder = tempfile::tempdir().unwrap();
    let topic = format!("auto-{}", std::process::id());
    let arguments = [
        "--rate",
        "500",
        "--duration",
        "2s",
        "--warmup",
        "0s",
        "--mode",
        "sync",
        "--max-error-rate",
        MOST_REFUSED,
    ];
    let output = cluster
        .bench(&topic, folder.path(), &arguments)
        .output()
        .unwrap();
    let result = result(&output.stdout, false);
    assert!(output.status.success(), "{:?}", result.accounts);
    assert_eq!(cluster.stored(&topic), result.accounts.acked);
}
