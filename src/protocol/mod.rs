//! Bytes ⇄ types of the RocketMQ remoting protocol: pure functions, no I/O, no clock, no tokio.
//!
//! Every message keeps both directions (client and server side) in one file, so that the embedded
//! broker and the client cannot drift apart unnoticed. Layout facts follow the Java server's
//! `remoting` and `common` modules; frames encoded by its own library (`tests/golden`) hold us to them.
//!
//! - [`frame`]: length, header word, header, body; limits before anything is allocated
//! - [`command`]: one request or response with its ext fields, cold path
//! - [`header`]: the two header serialisations (JSON, ROCKETMQ binary), chosen per frame
//! - [`send`]: SEND_MESSAGE(_V2): template of the request (hot path), request and reply views
//! - [`route`], [`heartbeat`]: name server routes, client heartbeats
//! - [`transaction`]: how transactions are ended and asked for
//! - [`request_reply`], [`pull`]: how answers to requests reach who asked, how messages are read
//! - [`admin`]: topics made and deleted, queues measured, messages looked up; [`cluster_info`], [`runtime_info`]: every
//!   broker, and what one says of itself; [`stored`]: messages as brokers keep them
//! - [`recall`]: timer messages called back
//! - [`trace`]: what became of messages, for RocketMQ's message trace
//! - [`signature`]: requests signed for an account
//! - [`properties`], [`message_id`]: message properties string, unique and offset message ids
//! - [`flow_control`]: what a busy broker says in its refusals
//! - [`code`]: request, response and language codes, send statuses

pub mod admin;
pub mod batch;
pub mod cluster_info;
pub mod code;
pub mod command;
pub mod error;
pub mod flow_control;
pub mod frame;
pub mod header;
pub mod heartbeat;
pub mod message_id;
pub mod properties;
pub mod pull;
pub mod recall;
pub mod request_reply;
pub mod route;
pub mod runtime_info;
pub mod send;
pub mod signature;
pub mod stored;
pub mod sys_flag;
pub mod trace;
pub mod transaction;

pub use code::{Language, RequestCode, ResponseCode, SendStatus};
pub use command::RemotingCommand;
pub use error::DecodeError;
pub use flow_control::{FlowClass, FlowControl};
pub use frame::{Frame, FrameLimits};
pub use header::{HeaderView, SerializeType};
pub use message_id::UniqueId;
