//! `admin create-topic`.

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Answer, Common, ask};
use crate::cli::failure::Failure;
use crate::client::admin::{CreatedOn, NewTopic};
use crate::config::value::{Properties, TopicName};

/// Arguments of `admin create-topic`.
#[derive(Debug, Clone, Args)]
pub(super) struct CreateTopicArgs {
    #[command(flatten)]
    pub(super) common: Common,
    /// The topic
    #[arg(short, long, value_name = "NAME")]
    topic: TopicName,
    /// Queues on each broker, to read and to write
    #[arg(long, value_name = "N", default_value_t = 8,
          value_parser = clap::value_parser!(u32).range(1..=65_536))]
    queues: u32,
    /// Attributes (5.x): message.type=FIFO
    #[arg(long, value_name = "NAME=VALUE,…")]
    attributes: Option<Properties>,
    /// The topic on whose brokers it is made
    #[arg(long, value_name = "NAME", default_value = "TBW102")]
    key_topic: TopicName,
    /// Bit 0: unit, bit 1: unit subscription
    #[arg(long, value_name = "BITS", default_value_t = 0)]
    topic_sys_flag: i32,
}

/// A topic as brokers have it now.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(super) struct CreatedTopic {
    /// The topic.
    topic: String,
    /// Queues on each broker, to read and to write.
    queues: u32,
    /// The brokers asked; at least one has it.
    brokers: Vec<Broker>,
}

/// What came of it on one broker.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
struct Broker {
    /// Its name.
    name: String,
    /// Address of its master.
    address: String,
    /// Whether it has the topic now as asked for.
    done: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

pub(super) fn run(args: &CreateTopicArgs) -> Result<Answer, Failure> {
    let attributes = args.attributes.as_ref();
    let new = NewTopic {
        topic: args.topic.0.clone(),
        key: args.key_topic.0.clone(),
        queues: args.queues,
        sys_flag: args.topic_sys_flag,
        attributes: attributes.map_or_else(Vec::new, |given| given.0.clone()),
    };
    let created = ask(&args.common, async |admin| admin.create_topic(new).await)?;
    let brokers = created.into_iter().map(
        |CreatedOn {
             broker,
             address,
             outcome,
         }| Broker {
            name: broker,
            address,
            done: outcome.is_ok(),
            error: outcome.err().map(|error| error.to_string()),
        },
    );
    Ok(Answer::CreateTopic(CreatedTopic {
        topic: args.topic.0.clone(),
        queues: args.queues,
        brokers: brokers.collect(),
    }))
}

impl CreatedTopic {
    pub(super) fn text(&self) -> String {
        let mut text = format!(
            "Topic {}, {} queue(s) on each of\n",
            self.topic, self.queues
        );
        for broker in &self.brokers {
            let error = broker.error.as_ref();
            let error = error.map_or_else(String::new, |error| format!(": NOT DONE, {error}"));
            text.push_str(&format!("  {} at {}{error}\n", broker.name, broker.address));
        }
        text
    }
}
