//! Transactions on a real cluster: told, asked for, and ended through the restart of a broker.

use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::cluster::hurt::{Hurt, acked_by, at_s};
use crate::cluster::{Cluster, MOST_REFUSED, assert_whole, audit, keep, result};
use rmq_bench::client::Resolution;
use rmq_bench::load::TransactionShape;
use rmq_bench::protocol::UniqueId;
use rmq_bench::report::transactions::CheckFigures;
use serde_json::Value;

/// Shares of commits, rollbacks and unknown ends, and at checks.
const TX: &str = "--mode tx --callers 32 --tx-rollback 10% --tx-unknown 10% --tx-check-rollback 30% \
                  --tx-check-unknown 20%";

fn tx_shape() -> TransactionShape {
    TransactionShape {
        rollback: 0.1,
        unknown: 0.1,
        check_rollback: 0.3,
        check_unknown: 0.2,
        ..TransactionShape::default()
    }
}

/// Whether a message is delivered that was told of as acknowledged: what it is told, or else what its
/// first final check is answered.
fn is_delivered(shape: &TransactionShape, id: &str) -> bool {
    let id = UniqueId(id.as_bytes().try_into().unwrap());
    let ends =
        std::iter::once(shape.outcome(&id)).chain((1..).map(|check| shape.at_check(&id, check)));
    let mut ends = ends.filter(|end| *end != Resolution::Unknown);
    ends.next() == Some(Resolution::Commit)
}

/// What the consumer gets is what was told and answered, message by message. None of it twice, but
/// where a broker asked about a transaction that had ended: one of 5.x that is killed forgets the ends
/// of its last seconds, which it keeps in memory, and delivers again what it is told again to commit.
fn assert_transactions_end_as_told(messages: &[Value], folder: &Path, checks: &CheckFigures) {
    let left_over = checks.left_over;
    let ids = messages
        .iter()
        .map(|message| message["msgId"].as_str().unwrap());
    let read: HashSet<String> = ids.map(str::to_owned).collect();
    let twice = (messages.len() - read.len()) as u64;
    assert!(twice <= checks.of_ended, "{twice} come twice: {checks:?}");
    let shape = tx_shape();
    let ended = audit(folder);
    let wanted: HashSet<String> = ended["acked"]
        .iter()
        .filter(|id| is_delivered(&shape, id))
        .cloned()
        .collect();
    let unwanted: Vec<&String> = read.difference(&wanted).collect();
    assert!(
        unwanted.is_empty(),
        "rolled back or given up, and delivered: {unwanted:?}"
    );
    let missing = wanted.difference(&read).count() as u64;
    assert!(
        missing <= left_over,
        "{missing} are missing, {left_over} are left over"
    );
}

#[test]
#[ignore = "needs a real cluster; scripts/test starts one"]
fn transactions_end_as_they_are_told_and_as_checks_are_answered() {
    let cluster = Cluster::running();
    let folder = tempfile::tempdir().unwrap();
    let topic = cluster.new_topic("transactions");
    let arguments =
        format!("{TX} --count 2000 --rate 500 --warmup 0s --tx-wait 180s --timeout 10s");
    let arguments: Vec<&str> = arguments.split_whitespace().collect();
    let output = cluster
        .bench(&topic, folder.path(), &arguments)
        .args(["--max-error-rate", MOST_REFUSED])
        .output()
        .unwrap();
    keep("transactions", &output.stdout);
    let result = result(&output.stdout, false);
    assert!(output.status.success(), "{:?}", result.accounts);
    let tx = result.transactions.unwrap();
    assert_eq!(
        tx.committed + tx.rolled_back + tx.unknown,
        result.accounts.acked
    );
    let checks = tx.checks;
    assert_eq!(
        (tx.untold, checks.left_over, checks.foreign),
        (0, 0, 0),
        "{tx:?}"
    );
    assert_eq!(checks.committed + checks.rolled_back, tx.unknown, "{tx:?}");
    assert!(tx.check_delay.min_ns.unwrap() >= 5_900_000_000, "{tx:?}");
    // Of all producers since the cluster was started.
    assert!(tx.half_messages_not_passed.is_some(), "{tx:?}");
    let delivered = tx.committed + checks.committed;
    let deadline = Instant::now() + Duration::from_secs(30);
    while cluster.stored(&topic) < delivered {
        assert!(Instant::now() < deadline, "committed within half a minute");
    }
    let messages = cluster.read_back(&topic, folder.path());
    assert_eq!(messages.len() as u64, delivered);
    assert_whole(&messages, 1024);
    assert_eq!(checks.of_ended, 0, "{tx:?}");
    assert_transactions_end_as_told(&messages, folder.path(), &checks);
}

/// Ten thousand transactions with the restart of a broker among them.
#[test]
#[ignore = "needs a real cluster; scripts/test starts one"]
fn a_killed_broker_leaves_no_transaction_to_doubt() {
    let cluster = Cluster::running();
    let topic = cluster.new_topic("transactions-killed");
    let arguments = format!("{TX} --count 10000 --rate 250 --warmup 0s --tx-wait 150s");
    let mut run = Hurt::begin(&cluster, &topic, &arguments);
    run.wait_until(8.0);
    cluster.script(&["kill-broker", "broker-1"]);
    run.wait_for("a second without the killed broker", |line| {
        at_s(line) > 8.0 && acked_by(line, "broker-1") == 0
    });
    cluster.script(&["start-broker", "broker-1"]);
    let (result, folder) = run.end("transactions-killed");
    let accounts = &result.accounts;
    assert_eq!(accounts.planned, 10_000);
    let tx = result.transactions.unwrap();
    assert_eq!(tx.committed + tx.rolled_back + tx.unknown, accounts.acked);
    let messages = cluster.read_back(&topic, folder.path());
    assert_transactions_end_as_told(&messages, folder.path(), &tx.checks);
}
