//! The producer client: one shared instance, routes, queue choice, fault avoidance, retries, send.
//!
//! The life of a message: [`producer`] or `load` → [`send`] (`begin`, `stage`: [`queue_choice`] over
//! [`publish_route`] and [`fault`]; `flush`: encode and submit to `transport`) → answer → `settle`
//! ([`retry`]) → again or done.
//!
//! - [`instance`]: what all senders share, and its thread; `maintenance` its periodic tasks, `detector` the
//!   probes of brokers that could not be reached
//! - [`topic`], [`publish_route`], [`namesrv`], [`control`], [`broker_table`]: who can be sent to; [`namespace`]:
//!   what topics and groups are called on the wire
//! - [`producer`] (`send().await`) with its completion slot and `admission`; `load` is the other face
//! - [`message_queue`]: a queue as users name it, and how one is selected
//! - [`hooks`]: users around attempts, ends of transactions and requests; [`trace`]: RocketMQ's message trace
//! - [`transaction`] over [`producer`], and the brokers' [`checks`]; `incoming` is what brokers ask
//! - [`request`]: messages that are answered, who waits and who answers
//! - [`admin`]: topics made and deleted, queues measured, messages looked up, brokers asked how they are;
//!   [`system_topics`]: RocketMQ's own
//! - [`message`] with [`compression`], [`validate`], [`config`], [`error`]: what is given and what can
//!   go wrong
//! - [`requirements`]: the numbered rules that comments cite, as in (R142)

pub mod admin;
mod admission;
pub mod born;
pub mod broker_table;
pub mod checks;
pub mod compression;
pub mod config;
pub mod control;
mod detector;
pub mod error;
pub mod fault;
pub mod hooks;
pub(crate) mod incoming;
pub mod instance;
mod maintenance;
pub mod message;
pub mod message_queue;
pub mod namespace;
pub mod namesrv;
pub mod producer;
pub mod publish_route;
pub mod queue_choice;
pub mod receipt;
pub mod request;
pub mod requirements;
pub mod retry;
pub mod send;
mod slot;
pub mod system_topics;
pub mod topic;
pub mod trace;
pub mod transaction;
pub mod validate;

pub use crate::protocol::signature::Credentials;
pub use crate::protocol::transaction::Resolution;
pub use admin::{Admin, AdminError};
pub use broker_table::{BrokerId, KnownBroker};
pub use checks::{CheckConfig, CheckedMessage, LocalOutcome, TransactionChecker};
pub use compression::{Compression, CompressionKind};
pub use config::{
    BackPressure, ClientConfig, DetectorConfig, FaultClass, FaultConfig, FaultGeneration, Identity,
    QueueOrder, SendConfig, TransportConfig,
};
pub use error::{ClientError, ErrorKind};
pub use fault::{FaultEvent, FaultTable, ProbeCounts};
pub use hooks::Hooks;
pub use instance::{ClientInstance, ServiceState};
pub use message::{Delivery, Message};
pub use message_queue::MessageQueue;
pub use namespace::Namespace;
pub use producer::{BatchSent, Producer, SendResult};
pub use receipt::Receipt;
pub use request::{Reply, Request, RequestHandler, Responder};
pub use topic::Topic;
pub use trace::{TraceConfig, TraceCounts};
pub use transaction::{TransactionProducer, TransactionResult};
