//! The periodic tasks of an instance: route refresh, heartbeats, cleaning of brokers that left
//! (R16, R110, R172, R174, R178).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::client::instance::Shared;
use crate::protocol::heartbeat::{HeartbeatData, unregister};
use crate::transport::Nanos;

/// Refreshes asked for come at most this often.
const SOONEST_REFRESH: Duration = Duration::from_millis(200);
/// Period of the refresh while there is trouble, so that a broker that comes back is seen soon.
const TROUBLE_REFRESH: Duration = Duration::from_secs(1);
/// How long after the last report there is trouble.
const TROUBLE_LASTS: Duration = Duration::from_secs(60);

/// Runs until aborted.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut met = BTreeSet::new();
    let mut heartbeat_due = Nanos::now();
    let mut trouble_until = Nanos::NONE;
    loop {
        let now = Nanos::now();
        let period = if now < trouble_until {
            TROUBLE_REFRESH
        } else {
            shared.config.route_refresh.min(shared.config.heartbeat)
        };
        let woken = tokio::select! {
            () = shared.wake.notified() => true,
            () = shared.control.returned().notified() => true,
            () = tokio::time::sleep(period) => false,
        };
        let trouble = shared.trouble.swap(false, Ordering::Relaxed);
        if trouble {
            trouble_until = Nanos::now().plus(TROUBLE_LASTS);
        }
        // Woken for a new topic only, its route is fresh; asking again at once could narrow a topic
        // that is just being created to the brokers that have it already (R240).
        if trouble || !woken {
            refresh_routes(&shared).await;
        }
        let masters = masters(&shared);
        let namesrv = shared.namesrv.addresses();
        shared.control.retain(|address| {
            masters.contains(address) || namesrv.iter().any(|known| known == address)
        });
        let now = Nanos::now();
        if now >= heartbeat_due {
            heartbeat(&shared, &masters).await;
            heartbeat_due = now.plus(shared.config.heartbeat);
        } else {
            let mut new: BTreeSet<String> = masters.difference(&met).cloned().collect();
            new.extend(
                shared
                    .control
                    .take_returned()
                    .intersection(&masters)
                    .cloned(),
            );
            heartbeat(&shared, &new).await;
        }
        met = masters;
        tokio::time::sleep(SOONEST_REFRESH).await;
    }
}

/// Addresses of the masters of all known routes.
fn masters(shared: &Shared) -> BTreeSet<String> {
    let topics = shared.topics();
    let routes = topics.iter().filter_map(|(topic, _)| topic.route());
    routes
        .flat_map(|route| {
            route
                .brokers
                .iter()
                .filter_map(|b| b.address.clone())
                .collect::<Vec<_>>()
        })
        .collect()
}

/// Each topic on its own: one that can't be asked for keeps its route (R234).
async fn refresh_routes(shared: &Shared) {
    for (topic, most) in shared.topics() {
        let _one = topic.query.lock().await;
        if let Err(error) = shared.refresh_topic(&topic, most).await {
            tracing::warn!(topic = topic.name(), %error, "route not refreshed");
        }
    }
}

/// All at once, each with its own timeout (R254).
pub(super) async fn heartbeat(shared: &Arc<Shared>, masters: &BTreeSet<String>) {
    let groups = shared.groups();
    if groups.is_empty() || masters.is_empty() {
        return;
    }
    let data = HeartbeatData {
        client_id: shared.client_id.clone(),
        producer_groups: groups,
    };
    let command = data.to_command();
    let mut beats = tokio::task::JoinSet::new();
    for address in masters {
        let (shared, address, command) = (Arc::clone(shared), address.clone(), command.clone());
        beats.spawn(async move {
            let timeout = shared.config.api_timeout;
            match shared.control.request(&address, command, timeout).await {
                Ok(reply) => shared.table.set_version(&address, reply.version),
                Err(error) => tracing::info!(%error, "heartbeat failed"),
            }
        });
    }
    while beats.join_next().await.is_some() {}
}

/// Tells every broker that the groups of this client leave (R21), all at once (R253).
pub(super) async fn unregister_everywhere(shared: &Arc<Shared>) {
    let mut requests = tokio::task::JoinSet::new();
    for address in masters(shared) {
        for group in shared.groups() {
            let (shared, address) = (Arc::clone(shared), address.clone());
            requests.spawn(async move {
                let command = unregister(&shared.client_id, &group);
                let timeout = shared.config.api_timeout;
                if let Err(error) = shared.control.request(&address, command, timeout).await {
                    tracing::info!(%error, "unregister failed");
                }
            });
        }
    }
    while requests.join_next().await.is_some() {}
}
