//! Topics made, and their queues listed (R84–R86).

use std::sync::Arc;

use super::{Admin, AdminError, Call, Target};
use crate::client::broker_table::BrokerTable;
use crate::client::config::QueueOrder;
use crate::client::error::ClientError;
use crate::client::message_queue::MessageQueue;
use crate::client::publish_route::{NoQueue, PublishRoute};
use crate::client::topic::left_out;
use crate::client::validate;
use crate::protocol::admin::CreateTopic;
use crate::protocol::route::{MAX_QUEUES, TopicRoute};

/// Tries per broker (R85).
const TRIES: u32 = 5;

/// A topic to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name.
    pub topic: String,
    /// It is made on the brokers of this topic's route: `TBW102`, which every broker has that makes topics
    /// by itself.
    pub key: String,
    /// Queues on each broker, to read and to write; 1 to 65,536.
    pub queues: u32,
    /// Bit 0 unit, bit 1 unit subscription; 0.
    pub sys_flag: i32,
    /// Names and values, as `message.type` and `FIFO` (5.x).
    pub attributes: Vec<(String, String)>,
}

impl NewTopic {
    /// With so many queues on each broker of the default topic.
    #[must_use]
    pub fn new(topic: &str, queues: u32) -> Self {
        Self {
            topic: topic.to_owned(),
            key: "TBW102".to_owned(),
            queues,
            sys_flag: 0,
            attributes: Vec::new(),
        }
    }

    fn check(&self) -> Result<(), ClientError> {
        validate::new_topic(&self.topic)?;
        let illegal = |what, reason: String| Err(ClientError::Illegal { what, reason });
        if !(1..=MAX_QUEUES).contains(&self.queues) {
            return illegal("queues", format!("are {}, 1 to {MAX_QUEUES}", self.queues));
        }
        let separates = |text: &str| text.is_empty() || text.contains([',', '=', '+']);
        match self
            .attributes
            .iter()
            .find(|(n, v)| separates(n) || separates(v))
        {
            Some((name, value)) => illegal(
                "attributes",
                format!("have {name:?} = {value:?}: neither may be empty or contain , = +"),
            ),
            None => Ok(()),
        }
    }

    fn request(&self) -> CreateTopic<'_> {
        let attributes = self.attributes.iter();
        let attributes: Vec<_> = attributes.map(|(n, v)| format!("+{n}={v}")).collect();
        CreateTopic {
            topic: (&*self.topic).into(),
            default_topic: (&*self.key).into(),
            queues: self.queues,
            sys_flag: self.sys_flag,
            attributes: attributes.join(",").into(),
        }
    }
}

/// What came of making a topic on one broker.
#[derive(Debug, Clone)]
pub struct CreatedOn {
    /// Name of the broker.
    pub broker: String,
    /// Address of its master.
    pub address: String,
    /// Whether the broker has the topic now, as it was asked for.
    pub outcome: Result<(), AdminError>,
}

impl Admin {
    /// Makes a topic on every broker of another one's route, or changes the one that is there (R85). Done
    /// if one broker has accepted (R86); what each has said is in the result, by name. Brokers that the client leaves
    /// out ([`crate::client::ClientConfig::without`]) are not asked.
    ///
    /// Name servers may know of it a moment later.
    ///
    /// # Errors
    /// [`ClientError::Illegal`] for names brokers do not take and for RocketMQ's own, without a request;
    /// for a broker to be left out that is not in the route of `key`, and where all are; no route of `key` or no broker
    /// with a master in it; the first broker's failure if all have failed.
    ///
    /// # Cancel safety
    /// The requests go on.
    pub async fn create_topic(&self, mut new: NewTopic) -> Result<Vec<CreatedOn>, AdminError> {
        new.topic = self.instance.namespace().wrap(&new.topic).into_owned();
        new.check()?;
        self.call(|call| async move {
            let route = call.route(&new.key).await?;
            let targets = taking_part(&call.shared.config.without, &route, &new.key)?;
            let command = new.request().to_command();
            let asked = call.each(targets, |call, target| {
                let command = command.clone();
                async move { insist(&call, &target, &command).await }
            });
            let asked = asked.await;
            if asked.iter().all(|(_, outcome)| outcome.is_err()) {
                let mut failures = asked.into_iter().filter_map(|(_, outcome)| outcome.err());
                // A route without masters is refused above.
                return failures.next().map_or(Ok(Vec::new()), Err);
            }
            let created = asked.into_iter().map(|(target, outcome)| CreatedOn {
                broker: target.name,
                address: target.address,
                outcome,
            });
            Ok(created.collect())
        })
        .await
    }

    /// The queues of a topic a producer of this instance may send to, as a name server knows them now (R84).
    ///
    /// # Errors
    /// No route; [`ClientError::NotWritable`] where it has no queue to write to.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn queues(&self, topic: &str) -> Result<Vec<MessageQueue>, AdminError> {
        let topic = topic.to_owned();
        self.call(|call| async move {
            let route = call.route(&call.wire(&topic)).await?;
            let topic = call.shared.namespace.strip(&topic).into_owned();
            let table = BrokerTable::default();
            let without = &call.shared.config.without;
            match PublishRoute::build(&route, QueueOrder::ByBroker, without, &table, false) {
                Ok(publish) => Ok(publish.message_queues(&Arc::from(topic))),
                Err(NoQueue::LeftOut { brokers }) => Err(left_out(&topic, &brokers).into()),
                Err(error) => Err(AdminError::Client(ClientError::NotWritable {
                    topic,
                    detail: error.to_string(),
                })),
            }
        })
        .await
    }
}

/// Asks a broker until it answers, at most five times; Java also repeats what it has refused.
async fn insist(
    call: &Call,
    target: &Target,
    command: &crate::protocol::RemotingCommand,
) -> Result<(), AdminError> {
    let mut tries = 1;
    loop {
        match call.request(target, command.clone()).await {
            Ok(_) => return Ok(()),
            Err(AdminError::Broker(_)) if tries < TRIES && !call.left().is_zero() => tries += 1,
            Err(error) => return Err(error),
        }
    }
}

/// The masters of a route that are not left out, by name.
fn taking_part(
    without: &[String],
    route: &TopicRoute,
    topic: &str,
) -> Result<Vec<Target>, AdminError> {
    let mut names: Vec<&str> = route
        .brokers
        .iter()
        .map(|broker| broker.broker_name.as_str())
        .collect();
    names.sort_unstable();
    if let Some(unknown) = without.iter().find(|name| !names.contains(&name.as_str())) {
        return Err(AdminError::Client(ClientError::Illegal {
            what: "without",
            reason: format!(
                "there is no broker {unknown}; there are {}",
                names.join(", ")
            ),
        }));
    }
    let mut targets = masters(route, topic)?;
    targets.retain(|target| !without.contains(&target.name));
    if targets.is_empty() {
        return Err(left_out(topic, &names.join(", ")).into());
    }
    Ok(targets)
}

/// The masters of a route, by name.
pub(super) fn masters(route: &TopicRoute, topic: &str) -> Result<Vec<Target>, AdminError> {
    let mut targets: Vec<Target> = route
        .brokers
        .iter()
        .filter_map(|broker| {
            Some(Target {
                name: broker.broker_name.clone(),
                address: broker.master()?.to_owned(),
            })
        })
        .collect();
    targets.sort();
    if targets.is_empty() {
        let names: Vec<&str> = route
            .brokers
            .iter()
            .map(|broker| broker.broker_name.as_str())
            .collect();
        return Err(AdminError::NoMaster {
            brokers: names.join(", "),
            topic: topic.to_owned(),
        });
    }
    Ok(targets)
}
