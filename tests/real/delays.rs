//! Messages a real cluster delivers later, and what it refuses of them.

use std::time::{Duration, Instant, SystemTime};

use crate::cluster::Cluster;
use rmq_bench::client::{ClientError, Delivery, ErrorKind, Message};

/// Longest that 5.x keeps a message, in seconds, unless told otherwise.
const LONGEST_S: u64 = 259_200;
const DELAY_MS: u64 = 6_000;
/// 5.x counts in seconds and drops what is left over.
const PRECISION_MS: u64 = 1_000;
/// Between two looks of a broker of 4.9.7 at its delayed messages, and its other clock readings.
const SLACK_MS: u64 = 200;

/// R200, R201: levels on both; timers on 5.x, while 4.9.7 knows none and delivers at once.
#[test]
#[ignore = "needs a real cluster; scripts/test starts one"]
fn nothing_is_delivered_before_its_time() {
    let cluster = Cluster::running();
    let topic = cluster.new_topic("timers");
    let folder = tempfile::tempdir().unwrap();
    let now = || SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis();
    let at = u64::try_from(now()).unwrap() + DELAY_MS;
    let timer_ms = if cluster.is_5() {
        DELAY_MS - PRECISION_MS
    } else {
        0
    };
    // Each with the least time from its birth to its delivery.
    let deliveries = [
        (Delivery::Level(1), 1_000 - SLACK_MS),
        (Delivery::Level(2), 5_000 - SLACK_MS),
        (Delivery::AfterMs(DELAY_MS), timer_ms),
        (Delivery::AfterSeconds(DELAY_MS / 1_000), timer_ms),
        // Told before the birth of its message.
        (Delivery::AtMs(at), timer_ms.saturating_sub(2_000)),
        (Delivery::AtMs(at - 60_000), 0),
    ];
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let producer = cluster.producer("delays");
        for (number, (delivery, _)) in deliveries.iter().enumerate() {
            let message = Message::new(vec![b'x'; number + 1]).with_delivery(*delivery);
            producer.send(&topic, message.unwrap()).await.unwrap();
        }
        producer.shutdown().await;
    });
    let deadline = Instant::now() + Duration::from_secs(60);
    while cluster.stored(&topic) < deliveries.len() as u64 {
        assert!(Instant::now() < deadline, "delivered within a minute");
    }
    let messages = cluster.read_back(&topic, folder.path());
    assert_eq!(messages.len(), deliveries.len(), "each once");
    for message in &messages {
        let number = usize::try_from(message["bodySize"].as_u64().unwrap() - 1).unwrap();
        let time = |moment: &str| message[moment].as_u64().unwrap();
        let after = time("storeTimestamp") - time("bornTimestamp");
        let (delivery, least) = deliveries[number];
        assert!(after >= least, "{delivery:?} after {after} ms: {message}");
        // Seconds later than due at most, but on a machine that stands still.
        assert!(
            after < least + 20_000,
            "{delivery:?} after {after} ms: {message}"
        );
    }
}

/// R201: code 13 for what lies too far ahead.
#[test]
#[ignore = "needs a real cluster; scripts/test starts one"]
fn a_delay_that_is_too_long_is_refused() {
    let cluster = Cluster::running();
    let topic = cluster.new_topic("too-late");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let outcome = runtime.block_on(async {
        let producer = cluster.producer("delays");
        let late = Message::new("x").with_delivery(Delivery::AfterSeconds(LONGEST_S + 60));
        let outcome = producer.send(&topic, late.unwrap()).await;
        producer.shutdown().await;
        outcome
    });
    if cluster.is_5() {
        let refused = matches!(
            outcome,
            Err(ClientError::Send {
                kind: ErrorKind::Rejected(13),
                ..
            })
        );
        assert!(refused, "{outcome:?}");
        assert_eq!(cluster.stored(&topic), 0);
    } else {
        outcome.unwrap();
    }
}
