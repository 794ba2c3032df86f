//! `admin`: the operations of RocketMQ's `MQAdmin`, one file each, as text and as JSON.

mod brokers;
mod create_topic;
mod delete_topic;
mod message;
mod offsets;
mod query;
mod queues;
mod view;

use std::borrow::Cow;
use std::sync::Arc;

use clap::{Args, Subcommand, ValueEnum};
use schemars::JsonSchema;
use serde::Serialize;

use super::connect;
use super::exit::Exit;
use super::failure::Failure;
use super::options::ReachArgs;
use super::{log, stdout, version};
use crate::client::ClientInstance;
use crate::client::admin::{Admin, AdminError};
use crate::client::error::denies_access;
use crate::config::value::DurationSetting;
use crate::protocol::ResponseCode;
use crate::report::result::{SCHEMA_VERSION, Tool};

/// Arguments of `admin`.
#[derive(Debug, Clone, Args)]
pub(crate) struct AdminArgs {
    #[command(subcommand)]
    operation: Operation,
}

#[derive(Debug, Clone, Subcommand)]
enum Operation {
    /// Makes a topic on every broker, or changes the one that is there
    CreateTopic(create_topic::CreateTopicArgs),
    /// Deletes a topic and its messages
    DeleteTopic(delete_topic::DeleteTopicArgs),
    /// Says how the brokers are: disk, send queue, messages per second, version
    Brokers(brokers::BrokersArgs),
    /// Lists the queues of a topic that may be sent to
    Queues(queues::QueuesArgs),
    /// Says what each queue of a topic has
    Offsets(offsets::OffsetsArgs),
    /// Shows one message, by its id
    View(view::ViewArgs),
    /// Shows the messages with a key
    Query(query::QueryArgs),
}

/// What every operation takes.
#[derive(Debug, Clone, Args)]
struct Common {
    #[command(flatten)]
    reach: ReachArgs,
    /// Time for the whole operation
    #[arg(long, value_name = "TIME", default_value = "6s")]
    timeout: DurationSetting,
    /// What stdout gets
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Forms of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

/// What `admin … --format json` writes. What is not known is absent; times are given in ms since 1970 and
/// again as text.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(crate) struct AdminDocument {
    /// Version of the meaning of this document, the one of results.
    schema_version: u32,
    /// What made it.
    tool: Tool,
    #[serde(flatten)]
    answer: Answer,
}

/// What an operation has found or done.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
enum Answer {
    CreateTopic(create_topic::CreatedTopic),
    DeleteTopic(delete_topic::TopicDeleted),
    Brokers(brokers::Brokers),
    Queues(queues::TopicQueues),
    Offsets(offsets::TopicOffsets),
    View(Box<view::ViewedMessage>),
    Query(query::FoundMessages),
}

impl Answer {
    fn text(&self) -> String {
        match self {
            Self::CreateTopic(answer) => answer.text(),
            Self::DeleteTopic(answer) => answer.text(),
            Self::Brokers(answer) => answer.text(),
            Self::Queues(answer) => answer.text(),
            Self::Offsets(answer) => answer.text(),
            Self::View(answer) => answer.message.text(),
            Self::Query(answer) => answer.text(),
        }
    }
}

/// Does `admin`.
pub(crate) fn run(args: &AdminArgs) -> Exit {
    log::init(true);
    let (common, answered) = match &args.operation {
        Operation::CreateTopic(args) => (&args.common, create_topic::run(args)),
        Operation::DeleteTopic(args) => (&args.common, delete_topic::run(args)),
        Operation::Brokers(args) => (&args.common, brokers::run(args)),
        Operation::Queues(args) => (&args.common, queues::run(args)),
        Operation::Offsets(args) => (&args.common, offsets::run(args)),
        Operation::View(args) => (&args.common, view::run(args)),
        Operation::Query(args) => (&args.common, query::run(args)),
    };
    match (answered, common.format) {
        (Err(failure), _) => failure.tell(),
        (Ok(answer), Format::Text) => stdout::write(&answer.text()),
        (Ok(answer), Format::Json) => stdout::json(&AdminDocument {
            schema_version: SCHEMA_VERSION,
            tool: Tool::current(version::GIT),
            answer,
        }),
    }
}

/// Asks the cluster that `common` names.
fn ask<T>(
    common: &Common,
    work: impl AsyncFnOnce(Admin) -> Result<T, AdminError>,
) -> Result<T, Failure> {
    let instance = Arc::new(ClientInstance::new(connect::client(&common.reach)?)?);
    instance.start()?;
    let admin = Admin::new(Arc::clone(&instance)).with_timeout(common.timeout.0);
    asked(async {
        let done = work(admin).await;
        instance.shutdown().await;
        done
    })
}

/// Waits for the answer to a question to the cluster, on this thread.
pub(super) fn asked<T>(answer: impl Future<Output = Result<T, AdminError>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::own)?;
    runtime.block_on(answer).map_err(Failure::from)
}

impl From<AdminError> for Failure {
    fn from(error: AdminError) -> Self {
        let said = error.to_string();
        let (exit, hint) = match error {
            AdminError::Client(error) => return error.into(),
            AdminError::Broker(_) => (
                Exit::Connect,
                Some(
                    "the route names this address: check that it is reachable from here, or give more --timeout",
                ),
            ),
            AdminError::Refused { code, .. } if denies_access(code, &said) => (
                Exit::Connect,
                Some("give an account that may do this: --credentials FILE"),
            ),
            AdminError::Refused { code, .. } if code == ResponseCode::TOPIC_NOT_EXIST.0 => (
                Exit::Connect,
                Some("create the topic, or name another with --topic"),
            ),
            AdminError::NoMaster { .. } | AdminError::Masterless { .. } => (Exit::Connect, None),
            _ => (Exit::OwnError, None),
        };
        Self {
            exit,
            // Brokers' words are in it.
            error: message::visible(&said),
            hint: hint.map(Cow::Borrowed),
        }
    }
}
