//! Brokers of a real cluster that hang or are killed under load: nothing acknowledged is lost.

use crate::cluster::hurt::{Hurt, acked_by, assert_nothing_acked_is_lost, at_s};
use crate::cluster::{Cluster, lines};
use rmq_bench::report::figures::Avoidance;

/// The load under which a broker is stopped or killed.
const FIVE_K: &str = "--rate 5k --mode async --warmup 1s";

/// Stopped after a second, so that the table's longest isolation (10 s after the last failure, in
/// either generation's row for failures seen here) lies within the 20 s.
fn stopped_and_continued(name: &str, avoidance: &str) -> Avoidance {
    let cluster = Cluster::running();
    let topic = cluster.new_topic(&format!("stopped-{name}"));
    let arguments = format!("{FIVE_K} --duration 20s {avoidance}");
    let mut run = Hurt::begin(&cluster, &topic, &arguments);
    run.wait_until(2.0);
    cluster.script(&["stop-broker", "broker-1"]);
    run.wait_until(7.0);
    cluster.script(&["cont-broker", "broker-1"]);
    let (result, folder) = run.end(&format!("stopped-{name}"));
    let intervals = lines(&folder.path().join("intervals.ndjson"));
    let at_the_end = intervals.iter().rev().take(2);
    let acked: u64 = at_the_end.map(|line| acked_by(line, "broker-1")).sum();
    assert!(acked > 0, "not used again");
    assert_nothing_acked_is_lost(&cluster, &topic, folder.path());
    result.avoidance.unwrap()
}

fn has_put_aside_broker_1(avoided: &Avoidance) -> bool {
    avoided
        .events
        .iter()
        .any(|event| event.broker == "broker-1")
}

fn killed_and_restarted(name: &str, avoidance: &str) -> Avoidance {
    let cluster = Cluster::running();
    let topic = cluster.new_topic(&format!("killed-{name}"));
    let arguments = format!("{FIVE_K} --duration 120s {avoidance}");
    let mut run = Hurt::begin(&cluster, &topic, &arguments);
    run.wait_until(4.0);
    cluster.script(&["kill-broker", "broker-1"]);
    run.wait_for("a second without the killed broker", |line| {
        at_s(line) > 4.0 && acked_by(line, "broker-1") == 0
    });
    let down = lines(&run.folder.path().join("intervals.ndjson"));
    let down = at_s(down.last().unwrap());
    cluster.script(&["start-broker", "broker-1"]);
    run.wait_for("the restarted broker in use again", |line| {
        at_s(line) > down && acked_by(line, "broker-1") > 0
    });
    run.interrupt();
    let (result, folder) = run.end(&format!("killed-{name}"));
    assert!(result.accounts.acked > 0);
    assert_nothing_acked_is_lost(&cluster, &topic, folder.path());
    result.avoidance.unwrap()
}

#[test]
#[ignore = "needs a real cluster; scripts/test starts one"]
fn a_stopped_broker_is_avoided_and_nothing_acked_is_lost() {
    let avoided = stopped_and_continued("avoidance-on", "--fault-avoidance on");
    assert!(has_put_aside_broker_1(&avoided), "{avoided:?}");
}

#[test]
#[ignore = "needs a real cluster; scripts/test starts one"]
fn a_stopped_broker_without_avoidance_for_contrast() {
    let avoided = stopped_and_continued("avoidance-off", "--fault-avoidance off");
    assert!(avoided.events.is_empty() && !avoided.enabled);
}

#[test]
#[ignore = "needs a real cluster; scripts/test starts one"]
fn a_killed_broker_is_used_again_and_nothing_acked_is_lost() {
    let avoided = killed_and_restarted("avoidance-on", "--fault-avoidance on");
    assert!(has_put_aside_broker_1(&avoided), "{avoided:?}");
}

#[test]
#[ignore = "needs a real cluster; scripts/test starts one"]
fn a_killed_broker_without_avoidance_for_contrast() {
    let avoided = killed_and_restarted("avoidance-off", "--fault-avoidance off");
    assert!(avoided.events.is_empty(), "{avoided:?}");
}

/// R131, R132: as long as it hangs it is probed, and it is used again once a probe has reached it.
#[test]
#[ignore = "needs a real cluster; scripts/test starts one"]
fn a_stopped_broker_is_probed_until_it_answers() {
    let probing = "--fault-detector on --detect-interval 500ms";
    let avoided = stopped_and_continued("detector", probing);
    assert!(has_put_aside_broker_1(&avoided), "{avoided:?}");
    assert!(avoided.probes > avoided.found_reachable, "{avoided:?}");
    assert!(avoided.found_reachable >= Some(1), "{avoided:?}");
}
