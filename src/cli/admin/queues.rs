//! `admin queues`.

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Answer, Common, ask};
use crate::cli::failure::Failure;
use crate::metrics::units::count;

/// Arguments of `admin queues`.
#[derive(Debug, Clone, Args)]
pub(super) struct QueuesArgs {
    #[command(flatten)]
    pub(super) common: Common,
    /// The topic
    #[arg(short, long, value_name = "NAME")]
    topic: String,
}

/// Queues that may be sent to.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(super) struct TopicQueues {
    /// The topic.
    topic: String,
    /// The queues, by broker and number.
    queues: Vec<Queue>,
}

/// A queue.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
struct Queue {
    /// Name of its broker.
    broker: String,
    /// Its number there.
    queue_id: u32,
}

pub(super) fn run(args: &QueuesArgs) -> Result<Answer, Failure> {
    let queues = ask(&args.common, async |admin| admin.queues(&args.topic).await)?;
    let queues = queues.iter().map(|queue| Queue {
        broker: queue.broker.to_string(),
        queue_id: queue.queue_id,
    });
    Ok(Answer::Queues(TopicQueues {
        topic: args.topic.clone(),
        queues: queues.collect(),
    }))
}

impl TopicQueues {
    pub(super) fn text(&self) -> String {
        let of_brokers: Vec<_> = self.queues.chunk_by(|a, b| a.broker == b.broker).collect();
        let mut text = format!(
            "Topic {}: {} queue(s) that may be sent to\n",
            self.topic,
            count(self.queues.len() as u64),
        );
        for queues in of_brokers {
            let broker = queues.first().map_or("", |queue| queue.broker.as_str());
            let ids: Vec<String> = queues.iter().map(|q| q.queue_id.to_string()).collect();
            text.push_str(&format!("  {broker}: {}\n", ids.join(" ")));
        }
        text
    }
}
