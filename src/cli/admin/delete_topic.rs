//! `admin delete-topic`.

use std::collections::BTreeSet;

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Answer, Common, ask};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::client::admin::DeletedTopic;
use crate::client::validate;
use crate::metrics::units::counted;

/// Arguments of `admin delete-topic`.
#[derive(Debug, Clone, Args)]
pub(super) struct DeleteTopicArgs {
    #[command(flatten)]
    pub(super) common: Common,
    /// The topic; none of RocketMQ's own
    #[arg(short, long, value_name = "NAME")]
    topic: String,
    /// Delete it; without this it is only said what would be lost
    #[arg(long)]
    yes: bool,
}

/// A topic that is gone.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(super) struct TopicDeleted {
    /// The topic.
    topic: String,
    /// Brokers that have deleted it with its messages.
    deleted_on: Vec<String>,
    /// Name servers that have forgotten its route.
    forgotten_by: Vec<String>,
}

pub(super) fn run(args: &DeleteTopicArgs) -> Result<Answer, Failure> {
    let topic = &args.topic;
    if !args.yes {
        validate::doomed_topic(topic)?;
        let queues = ask(&args.common, async |admin| admin.lengths(topic).await)?;
        let messages = queues.iter().map(|(_, messages)| messages).sum();
        let brokers: BTreeSet<&str> = queues.iter().map(|(queue, _)| &*queue.broker).collect();
        return Err(Failure {
            exit: Exit::Usage,
            error: format!(
                "nothing is deleted without --yes: topic {topic} has {} in {} on {}",
                counted(messages, "message"),
                counted(queues.len() as u64, "queue"),
                brokers.into_iter().collect::<Vec<_>>().join(", ")
            ),
            hint: Some(
                "--yes deletes the topic and its messages, on every broker of its route, for good"
                    .into(),
            ),
        });
    }
    let DeletedTopic { brokers, namesrv } =
        ask(&args.common, async |admin| admin.delete_topic(topic).await)?;
    Ok(Answer::DeleteTopic(TopicDeleted {
        topic: topic.clone(),
        deleted_on: brokers,
        forgotten_by: namesrv,
    }))
}

impl TopicDeleted {
    pub(super) fn text(&self) -> String {
        format!(
            "Topic {} deleted on {}; forgotten by the name server(s) {}\n",
            self.topic,
            self.deleted_on.join(", "),
            self.forgotten_by.join(", ")
        )
    }
}
