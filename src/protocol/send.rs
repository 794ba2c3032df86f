//! SEND_MESSAGE_V2 and SEND_MESSAGE: how they are written and read, at either end.
//!
//! - [`template`]: the request as a client writes it (hot path)
//! - [`request`]: the request as a broker reads it
//! - [`reply`]: the broker's answer, both ways

use crate::protocol::code::Language;

pub mod reply;
pub mod request;
pub mod template;

pub use reply::{SendReply, SendReplyFields, encode_reply};
pub use request::SendRequestView;
pub use template::{BORN_DIGITS, BornDigits, SendFields, SendTemplate, born_digits};

/// Which names the header fields bear (R163).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SendVersion {
    /// SEND_MESSAGE: long names.
    V1,
    /// SEND_MESSAGE_V2: one letter each; what Java producers send.
    #[default]
    V2,
}

/// The header fields that stay the same over many messages (R162).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendHeader {
    /// Field names.
    pub version: SendVersion,
    /// Producer group.
    pub group: String,
    /// Topic.
    pub topic: String,
    /// Topic whose settings an unknown topic inherits, normally `TBW102` (R105).
    pub default_topic: String,
    /// Most queues an auto-created topic gets.
    pub default_queues: u32,
    /// What the client's unitMode says (R167).
    pub unit_mode: bool,
    /// Broker the message goes to.
    pub broker_name: String,
    /// The sender's language.
    pub language: Language,
}

/// Which request carries a message (R164).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SendRequest {
    /// One message.
    #[default]
    Single,
    /// Several in one body (R63).
    Batch,
    /// The answer to a request (R164).
    Reply,
}

/// What the header says of a message besides queue, times and properties; the same for most messages
/// of a sender (R162).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct SendKind {
    /// Request code.
    pub request: SendRequest,
    /// See [`crate::protocol::sys_flag`].
    pub sys_flag: i32,
    /// The user's flag.
    pub flag: i32,
    /// How often a consumer has had it (R166).
    pub reconsume_times: i32,
    /// How often it may have it; only towards retry topics (R166).
    pub max_reconsume_times: Option<i32>,
}
