//! The detector of 5.x: asks brokers that could not be reached whether they can be again (R131, R132).
//!
//! It runs on the instance's thread, over connections that live for one round, so that neither a
//! connection that hangs nor a send stands in its way.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::client::broker_table::BrokerId;
use crate::client::config::DetectorConfig;
use crate::client::control::Control;
use crate::client::instance::Shared;
use crate::protocol::RemotingCommand;
use crate::protocol::admin::{QueueFigure, QueueQuery};
use crate::transport::Nanos;

/// Rounds come at most this often.
const SOONEST: Duration = Duration::from_millis(1);

/// Runs until aborted.
pub(super) async fn run(shared: Arc<Shared>, config: DetectorConfig) {
    loop {
        tokio::time::sleep(config.interval.max(SOONEST)).await;
        let lost = shared.faults.unreachable();
        if !lost.is_empty() {
            round(&shared, &lost, config.timeout).await;
        }
    }
}

/// Asks all of them at once (R248) and waits for each.
async fn round(shared: &Shared, lost: &[BrokerId], timeout: Duration) {
    let transport = &shared.config.transport;
    let credentials = shared.config.credentials.clone();
    let control = Control::new(
        timeout,
        transport.header,
        credentials,
        transport.tls.clone(),
    );
    let control = Arc::new(control.with_hooks(shared.control.hooks().clone()));
    let mut questions = questions(shared);
    let mut probes = JoinSet::new();
    for broker in lost {
        let Some((address, question)) = questions.remove(broker) else {
            shared.faults.forget(*broker, Nanos::now());
            continue;
        };
        let (control, broker) = (Arc::clone(&control), *broker);
        probes.spawn(async move {
            let answer = control.request(&address, question, timeout).await;
            // Whatever it says, it was reached.
            (broker, answer.is_ok())
        });
    }
    while let Some(probe) = probes.join_next().await {
        if let Ok((broker, answered)) = probe {
            shared.faults.probed(broker, answered, Nanos::now());
        }
    }
}

/// Where to ask each broker of the routes, and for the last offset of a queue it has.
fn questions(shared: &Shared) -> HashMap<BrokerId, (String, RemotingCommand)> {
    let mut questions = HashMap::new();
    for (topic, _) in shared.topics() {
        let Some(route) = topic.route() else { continue };
        for broker in &route.brokers {
            let Some(address) = &broker.address else {
                continue;
            };
            questions.entry(broker.id).or_insert_with(|| {
                let queue = route.queues.iter().find(|queue| queue.broker == broker.id);
                let query = QueueQuery {
                    topic: topic.name().into(),
                    broker: broker.name.as_str().into(),
                    queue_id: queue.map_or(0, |queue| queue.queue_id),
                    figure: QueueFigure::MaxOffset,
                };
                (address.clone(), query.to_command())
            });
        }
    }
    questions
}
