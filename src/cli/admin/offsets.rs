//! `admin offsets`.

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Answer, Common, ask};
use crate::cli::failure::Failure;
use crate::client::admin::QueueOffsets;
use crate::config::value::Moment;
use crate::metrics::units::count;
use crate::report::table::Figures;

/// Arguments of `admin offsets`.
#[derive(Debug, Clone, Args)]
pub(super) struct OffsetsArgs {
    #[command(flatten)]
    pub(super) common: Common,
    /// The topic, also one of RocketMQ's own
    #[arg(short, long, value_name = "NAME")]
    topic: String,
    /// Also the offset of the first message stored then or later; brokers of 4.x say the nearest one
    #[arg(long, value_name = "MOMENT")]
    at: Option<Moment>,
}

/// What the queues of a topic have.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(super) struct TopicOffsets {
    /// The topic.
    topic: String,
    /// The moment asked for, in ms since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    at_ms: Option<i64>,
    /// Messages of all queues.
    messages: i64,
    /// The queues, by broker and number.
    queues: Vec<Queue>,
}

/// What one queue has.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
struct Queue {
    /// Name of its broker.
    broker: String,
    /// Its number there.
    queue_id: u32,
    /// Offset of its first message.
    min_offset: i64,
    /// Offset behind its last message.
    max_offset: i64,
    /// Messages between them.
    messages: i64,
    /// When its first message was stored, in ms since 1970; absent without messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    earliest_stored_ms: Option<i64>,
    /// The same in RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    earliest_stored_at: Option<String>,
    /// Offset of the first message stored at the moment asked for or later (5.x), or of the nearest (4.x).
    #[serde(skip_serializing_if = "Option::is_none")]
    offset_at: Option<i64>,
}

impl Queue {
    fn of(offsets: &QueueOffsets) -> Self {
        let earliest = offsets.earliest_ms;
        Self {
            broker: offsets.queue.broker.to_string(),
            queue_id: offsets.queue.queue_id,
            min_offset: offsets.min,
            max_offset: offsets.max,
            messages: offsets.max.saturating_sub(offsets.min).max(0),
            earliest_stored_ms: earliest,
            earliest_stored_at: earliest.map(|ms| Moment(ms).to_string()),
            offset_at: offsets.at,
        }
    }
}

pub(super) fn run(args: &OffsetsArgs) -> Result<Answer, Failure> {
    let at_ms = args.at.map(|moment| moment.0);
    let offsets = ask(&args.common, async |admin| {
        admin.offsets(&args.topic, at_ms).await
    })?;
    let queues: Vec<Queue> = offsets.iter().map(Queue::of).collect();
    Ok(Answer::Offsets(TopicOffsets {
        topic: args.topic.clone(),
        at_ms,
        messages: queues
            .iter()
            .fold(0, |sum, queue| sum.saturating_add(queue.messages)),
        queues,
    }))
}

impl TopicOffsets {
    pub(super) fn text(&self) -> String {
        let mut header = vec!["", "min", "max", "messages", "first stored"];
        header.extend(self.at_ms.map(|_| "at"));
        let mut table = Figures::new(header);
        for queue in &self.queues {
            let earliest = queue.earliest_stored_at.clone();
            let mut figures = vec![
                queue.min_offset.to_string(),
                queue.max_offset.to_string(),
                queue.messages.to_string(),
                earliest.unwrap_or_else(|| "-".to_owned()),
            ];
            figures.extend(queue.offset_at.map(|offset| offset.to_string()));
            table.row(&format!("{} {}", queue.broker, queue.queue_id), figures);
        }
        let (table, _) = table.fit(None, &[]);
        let at = self.at_ms.map(|ms| format!("; at {}", Moment(ms)));
        format!(
            "Topic {}: {} message(s) in {} queue(s){}\n{table}\n",
            self.topic,
            count(u64::try_from(self.messages).unwrap_or(0)),
            count(self.queues.len() as u64),
            at.unwrap_or_default(),
        )
    }
}
