//! What brokers say of themselves.

use super::{Admin, AdminError, Call, Target};
use crate::protocol::route::BrokerData;
use crate::protocol::runtime_info::RuntimeInfo;
use crate::protocol::{RemotingCommand, RequestCode};

/// A broker, and what it says of itself.
#[derive(Debug, Clone)]
pub struct BrokerStatus {
    /// Its name.
    pub broker: String,
    /// Its cluster.
    pub cluster: String,
    /// Address of its master; `None` where it has none.
    pub address: Option<String>,
    /// What the master says; what it does not say is unknown, not 0.
    pub info: Result<RuntimeInfo, AdminError>,
}

impl Admin {
    /// Asks the master of every broker how it is, all at once, by name: the brokers of a topic's route, or all that a
    /// name server knows. One that does not answer is in the result with its error.
    ///
    /// # Errors
    /// No name server answers; no route of the topic.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn broker_status(
        &self,
        topic: Option<&str>,
    ) -> Result<Vec<BrokerStatus>, AdminError> {
        let topic = topic.map(str::to_owned);
        self.call(|call| async move {
            let mut brokers = match topic {
                Some(topic) => call.route_seen(&call.wire(&topic)).await?.brokers,
                None => call.all_brokers().await?,
            };
            brokers.sort();
            let masters = brokers.iter().filter_map(|broker| {
                Some(Target {
                    name: broker.broker_name.clone(),
                    address: broker.master()?.to_owned(),
                })
            });
            let asked = call.each(masters.collect(), |call, target| async move {
                let command = RemotingCommand::request(RequestCode::GET_BROKER_RUNTIME_INFO);
                let reply = call.request(&target, command).await?;
                RuntimeInfo::parse(&reply.body).map_err(|source| AdminError::Reply {
                    broker: target.name,
                    source,
                })
            });
            let mut answers = asked.await.into_iter().map(|(_, answer)| answer);
            let status = brokers.into_iter().map(|broker| {
                let info = match broker.master() {
                    Some(_) => answers.next(),
                    None => None,
                };
                BrokerStatus {
                    address: broker.master().map(str::to_owned),
                    info: info.unwrap_or_else(|| {
                        Err(AdminError::Masterless {
                            broker: broker.broker_name.clone(),
                        })
                    }),
                    broker: broker.broker_name,
                    cluster: broker.cluster,
                }
            });
            Ok(status.collect())
        })
        .await
    }
}

impl Call {
    async fn all_brokers(&self) -> Result<Vec<BrokerData>, AdminError> {
        let (control, left) = (&self.shared.control, self.left());
        Ok(self.shared.namesrv.cluster(control, left).await?.brokers)
    }
}
