//! Topics deleted, and which of them are not the user's.

use super::topics::masters;
use super::{Admin, AdminError};
use crate::client::error::ClientError;
use crate::client::system_topics::{is_system_topic, is_system_topic_of};
use crate::client::validate;
use crate::protocol::admin::DeleteTopic;

/// A topic that is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeletedTopic {
    /// Names of the brokers that have deleted it with its messages.
    pub brokers: Vec<String>,
    /// Addresses of the name servers that have forgotten its route.
    pub namesrv: Vec<String>,
}

impl Admin {
    /// Deletes a topic and its messages: on the master of every broker of its route, all at once, and when all have
    /// done so on every name server, in turn (Java's order; Java asks the brokers of one cluster, in turn). Until all
    /// brokers have answered its route stays, so that a call that failed can be made again.
    ///
    /// Senders that still send to it may have it made anew.
    ///
    /// # Errors
    /// [`ClientError::Illegal`] for RocketMQ's own topics, without a request to a broker; no route (code 17), so for a
    /// topic that is not there; [`AdminError::NoMaster`] where a broker of the route has none, before anything is
    /// deleted; the first broker or name server that does not answer or refuses.
    ///
    /// # Cancel safety
    /// The requests go on.
    pub async fn delete_topic(&self, topic: &str) -> Result<DeletedTopic, AdminError> {
        let topic = self.instance.namespace().wrap(topic).into_owned();
        validate::doomed_topic(&topic)?;
        self.call(|call| async move {
            let route = call.route(&topic).await?;
            if is_system_topic_of(&topic, &route) {
                return Err(validate::rocketmqs_own(&topic).into());
            }
            let headless = route
                .brokers
                .iter()
                .filter(|broker| broker.master().is_none());
            let headless: Vec<_> = headless.map(|broker| broker.broker_name.as_str()).collect();
            if !headless.is_empty() {
                return Err(AdminError::NoMaster {
                    brokers: headless.join(", "),
                    topic,
                });
            }
            let delete = DeleteTopic {
                topic: topic.as_str().into(),
            };
            let command = delete.in_broker();
            let asked = call.each(masters(&route, &topic)?, |call, target| {
                let command = command.clone();
                async move { call.request(&target, command).await }
            });
            let mut brokers = Vec::new();
            for (target, answer) in asked.await {
                answer?;
                brokers.push(target.name);
            }
            let namesrv = call.shared.namesrv.addresses();
            for address in namesrv.iter() {
                let what = format!("name server {address}");
                call.request_at(address, &what, delete.in_namesrv()).await?;
            }
            Ok(DeletedTopic {
                brokers,
                namesrv: namesrv.to_vec(),
            })
        })
        .await
    }

    /// Whether a topic is RocketMQ's own, on every cluster or on this one, whose brokers make topics that are called
    /// like them; see [`crate::client::system_topics`].
    ///
    /// # Errors
    /// No name server answers.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn is_system_topic(&self, topic: &str) -> Result<bool, AdminError> {
        if is_system_topic(topic) {
            return Ok(true);
        }
        let topic = topic.to_owned();
        self.call(|call| async move {
            let topic = call.wire(&topic);
            match call.route_seen(&topic).await {
                Ok(route) => Ok(is_system_topic_of(&topic, &route)),
                Err(AdminError::Client(ClientError::NoRoute { .. })) => Ok(false),
                Err(error) => Err(error),
            }
        })
        .await
    }
}
