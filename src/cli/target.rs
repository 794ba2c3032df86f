//! The cluster of a run: an existing one, or one started in this process.

use std::net::IpAddr;

use crate::broker::{Behaviour, Checks, ClusterSpec, EmbeddedCluster, Stall, StartError};
use crate::config::{EmbeddedSettings, Target};

/// A cluster that can be sent to; an embedded one lives as long as this.
pub(crate) struct RunningTarget {
    pub(crate) namesrv: Vec<String>,
    pub(crate) embedded: Option<EmbeddedCluster>,
}

impl RunningTarget {
    /// Starts what has to be started.
    pub(crate) fn start(target: &Target) -> Result<Self, StartError> {
        match target {
            Target::Cluster { namesrv } => Ok(Self {
                namesrv: namesrv.clone(),
                embedded: None,
            }),
            Target::Embedded(settings) => {
                let cluster = EmbeddedCluster::start(spec(settings))?;
                let namesrv = vec![cluster.namesrv_address()];
                Ok(Self {
                    namesrv,
                    embedded: Some(cluster),
                })
            }
        }
    }

    /// Cores to leave to the cluster: it has a thread in this process, or runs on this machine.
    pub(crate) fn reserved_cores(&self) -> usize {
        usize::from(self.embedded.is_some() || self.namesrv.iter().all(|address| is_local(address)))
    }
}

/// Whether an address is of this host's loopback.
pub(crate) fn is_local(address: &str) -> bool {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn spec(settings: &EmbeddedSettings) -> ClusterSpec {
    let stall = settings.stall.map(|stall| Stall {
        length: stall.length,
        every: stall.every,
    });
    let checks = match settings.check_after {
        Some(after) => Checks {
            first_after: after,
            again_after: after,
            ..Checks::default()
        },
        None => Checks::default(),
    };
    let behaviour = Behaviour {
        delay: settings.delay,
        stall,
        service_time: settings.service_time,
        checks,
        ..Behaviour::default()
    };
    let spec = ClusterSpec {
        brokers: settings.brokers,
        queues: settings.queues,
        behaviour,
        ..ClusterSpec::default()
    };
    spec.with_capacities(&settings.capacity_per_s)
}
