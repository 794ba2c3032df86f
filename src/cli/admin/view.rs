//! `admin view`.

use std::path::PathBuf;

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::message::Message;
use super::{Answer, Common, ask};
use crate::cli::failure::Failure;
use crate::config::value::Moment;

/// Arguments of `admin view`.
#[derive(Debug, Clone, Args)]
pub(super) struct ViewArgs {
    #[command(flatten)]
    pub(super) common: Common,
    /// Its topic
    #[arg(short, long, value_name = "NAME")]
    topic: String,
    /// Unique id, or offset id
    #[arg(value_name = "ID")]
    id: String,
    /// By its unique id: stored since then, instead of in the last three days
    #[arg(long, value_name = "MOMENT")]
    from: Option<Moment>,
    /// Write the body to FILE
    #[arg(long, value_name = "FILE")]
    body_out: Option<PathBuf>,
}

/// The message.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(super) struct ViewedMessage {
    /// The message.
    pub(super) message: Message,
}

pub(super) fn run(args: &ViewArgs) -> Result<Answer, Failure> {
    let from_ms = args.from.map(|moment| moment.0);
    let found = ask(&args.common, async |admin| {
        admin.view(&args.topic, &args.id, from_ms).await
    })?;
    let mut message = Message::of(&found);
    if let Some(file) = &args.body_out {
        let body = found.body.map_err(Failure::own)?;
        std::fs::write(file, &body).map_err(|error| {
            Failure::own(format_args!(
                "cannot write --body-out {}: {error}",
                file.display()
            ))
        })?;
        message.body.written_to(file);
    }
    Ok(Answer::View(Box::new(ViewedMessage { message })))
}
