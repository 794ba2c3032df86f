//! `admin query`.

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::message::Message;
use super::{Answer, Common, ask};
use crate::cli::failure::Failure;
use crate::cli::message as say;
use crate::client::admin::KeyQuery;
use crate::config::value::Moment;
use crate::metrics::units::count;

/// Arguments of `admin query`.
#[derive(Debug, Clone, Args)]
pub(super) struct QueryArgs {
    #[command(flatten)]
    pub(super) common: Common,
    /// The topic
    #[arg(short, long, value_name = "NAME")]
    topic: String,
    /// One of the message's keys
    #[arg(value_name = "KEY")]
    key: String,
    /// Most messages of each broker, the newest; brokers give 64 at most
    #[arg(long, value_name = "N", default_value_t = 32,
          value_parser = clap::value_parser!(u32).range(1..=64))]
    max: u32,
    /// Stored since then
    #[arg(long, value_name = "MOMENT")]
    from: Option<Moment>,
    /// Stored until then
    #[arg(long, value_name = "MOMENT")]
    to: Option<Moment>,
}

/// The messages with a key.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(super) struct FoundMessages {
    /// The key.
    key: String,
    /// When an index of keys was last written, at the latest, in ms since 1970: newer messages may be missing.
    index_updated_ms: i64,
    /// The same in RFC 3339.
    index_updated_at: String,
    /// What went wrong at brokers that may have more.
    failures: Vec<String>,
    /// The messages, the first stored first.
    messages: Vec<Message>,
}

pub(super) fn run(args: &QueryArgs) -> Result<Answer, Failure> {
    let mut query = KeyQuery::new(&args.topic, &args.key);
    query.most = args.max;
    query.from_ms = args.from.map_or(query.from_ms, |moment| moment.0);
    query.to_ms = args.to.map_or(query.to_ms, |moment| moment.0);
    let found = ask(&args.common, async |admin| admin.query(query).await)?;
    let failures: Vec<String> = found.failures.iter().map(ToString::to_string).collect();
    for failure in &failures {
        say::note(&format_args!("there may be more: {failure}"));
    }
    Ok(Answer::Query(FoundMessages {
        key: args.key.clone(),
        index_updated_ms: found.index_updated_ms,
        index_updated_at: Moment(found.index_updated_ms).to_string(),
        failures,
        messages: found.messages.iter().map(Message::of).collect(),
    }))
}

impl FoundMessages {
    pub(super) fn text(&self) -> String {
        let mut text = format!("{} message(s)\n", count(self.messages.len() as u64));
        for message in &self.messages {
            text.push('\n');
            text.push_str(&message.text());
        }
        text
    }
}
