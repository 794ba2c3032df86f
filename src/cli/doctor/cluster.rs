//! A cluster before any load: who answers, what the route says, how long a light request takes.

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::credentials;
use crate::client::control::Control;
use crate::client::{ClientConfig, ClientError, ClientInstance, SendConfig};
use crate::metrics::LatencyHistogram;
use crate::protocol::heartbeat::HeartbeatData;
use crate::protocol::{RemotingCommand, SerializeType};
use crate::transport::Nanos;

/// Requests timed per broker, one after the other.
const REQUESTS: u32 = 100;
/// Longest wait for one of them.
const TIMEOUT: Duration = Duration::from_secs(3);

/// What the cluster says.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(super) struct Cluster {
    /// Name servers as `host:port`.
    pub(super) namesrv: Vec<String>,
    /// The topic whose route was asked for.
    pub(super) topic: String,
    /// It is not there: brokers would make it from the default topic.
    pub(super) topic_absent: bool,
    /// Brokers of the route.
    pub(super) brokers: Vec<Broker>,
}

/// A broker of the route.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(super) struct Broker {
    /// Its name.
    pub(super) name: String,
    /// Address of its master.
    pub(super) address: String,
    /// Queues of the topic that may be written.
    pub(super) queues: u64,
    /// Heartbeats answered.
    pub(super) answered: u64,
    /// Median round trip of a heartbeat in nanoseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) round_trip_p50_ns: Option<u64>,
    /// 90th percentile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) round_trip_p90_ns: Option<u64>,
    /// Why it did not answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
}

/// Asks name servers and brokers; sends no message.
///
/// # Errors
/// [`ClientError`] when the route cannot be had.
pub(super) fn ask(namesrv: Vec<String>, topic: &str) -> Result<Cluster, ClientError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| ClientError::Connect {
            target: "this process".to_owned(),
            detail: error.to_string(),
        })?;
    let credentials = credentials::load(None).map_err(|reason| ClientError::Illegal {
        what: "account",
        reason,
    })?;
    let config = ClientConfig {
        namesrv: namesrv.clone(),
        credentials: credentials.clone(),
        ..ClientConfig::default()
    };
    let instance = Arc::new(ClientInstance::new(config)?);
    instance.start()?;
    runtime.block_on(async {
        let found = instance.topic(topic, &SendConfig::default()).await?;
        let route = found.route().ok_or_else(|| found.problem())?;
        let control = Control::new(TIMEOUT, SerializeType::Json, credentials, None);
        let heartbeat = HeartbeatData {
            client_id: instance.client_id().to_owned(),
            producer_groups: vec!["rmq_bench_doctor".to_owned()],
        }
        .to_command();
        let mut brokers = Vec::new();
        for broker in &route.brokers {
            let queues = route
                .queues
                .iter()
                .filter(|queue| queue.broker == broker.id);
            let address = broker.address.clone().unwrap_or_default();
            let (times, error) = round_trips(&control, &address, &heartbeat).await;
            let times = times.summary();
            brokers.push(Broker {
                name: broker.name.clone(),
                address,
                queues: queues.count() as u64,
                answered: times.count,
                round_trip_p50_ns: times.p50_ns,
                round_trip_p90_ns: times.p90_ns,
                error,
            });
        }
        let cluster = Cluster {
            namesrv,
            topic: topic.to_owned(),
            topic_absent: route.borrowed,
            brokers,
        };
        instance.shutdown().await;
        Ok(cluster)
    })
}

async fn round_trips(
    control: &Control,
    address: &str,
    heartbeat: &RemotingCommand,
) -> (LatencyHistogram, Option<String>) {
    let mut times = LatencyHistogram::new();
    if address.is_empty() {
        return (times, Some("the route names no master".to_owned()));
    }
    // The first one opens the connection.
    for request in 0..=REQUESTS {
        let begin = Nanos::now();
        match control.request(address, heartbeat.clone(), TIMEOUT).await {
            Ok(_) if request == 0 => {}
            Ok(_) => times.record(Nanos::now().since(begin)),
            Err(error) => return (times, Some(error.to_string())),
        }
    }
    (times, None)
}
