//! Why an attempt or a send did not succeed, as kinds that can be counted.

use std::time::Duration;

use thiserror::Error;

use crate::protocol::ResponseCode;

/// What an attempt or a send failed of; cheap to copy, stable under its label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No answer within the time given.
    Timeout,
    /// The connection broke before the answer came.
    ConnectionLost,
    /// No connection could be had.
    Connect,
    /// The broker answered SYSTEM_BUSY (2).
    SystemBusy,
    /// The broker refused with another code.
    Rejected(i32),
    /// The topic has no route or no writable queue (10005).
    NoRoute,
    /// The route names a broker without a master address (10003).
    BrokerNotExist,
    /// An answer came that could not be read.
    BadReply,
    /// A limit of this process (in flight, out buffer); never the broker's fault.
    LocalLimit,
    /// Refused by validation (R26–R29).
    Illegal,
    /// A request was stored, and no answer came in time (10006).
    NoReply,
    /// Not let through by a hook (R181).
    Forbidden,
    /// The run or the producer ended before an answer came.
    Unanswered,
}

impl ErrorKind {
    /// Stable name, and the broker's code where there is one: `rejected` with 13 is written
    /// `rejected_13`.
    #[must_use]
    pub fn label(self) -> (&'static str, Option<i32>) {
        match self {
            Self::Timeout => ("timeout", None),
            Self::ConnectionLost => ("connection_lost", None),
            Self::Connect => ("connect", None),
            Self::SystemBusy => ("system_busy", None),
            Self::Rejected(code) => ("rejected", Some(code)),
            Self::NoRoute => ("no_route", None),
            Self::BrokerNotExist => ("broker_not_exist", None),
            Self::BadReply => ("bad_reply", None),
            Self::LocalLimit => ("local_limit", None),
            Self::Illegal => ("illegal", None),
            Self::NoReply => ("no_reply", None),
            Self::Forbidden => ("forbidden", None),
            Self::Unanswered => ("unanswered", None),
        }
    }
}

impl std::fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.label() {
            (name, Some(code)) => write!(f, "{name}_{code}"),
            (name, None) => f.write_str(name),
        }
    }
}

/// Whether a broker's refusal is one of access: 5.x has a code for it (16), the ACL of 4.x only says so.
#[must_use]
pub fn denies_access(code: i32, remark: &str) -> bool {
    code == ResponseCode::NO_PERMISSION.0 || remark.contains("AclException")
}

/// A client call that failed.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The call needs another state (R3, R5).
    #[error("the producer is {state}, not running: {hint}")]
    State {
        /// State the producer is in.
        state: &'static str,
        /// What to do.
        hint: &'static str,
    },
    /// An argument the protocol forbids (R7, R26–R29, R31).
    #[error("{what}: {reason}")]
    Illegal {
        /// The argument.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// No name server answered.
    #[error("no name server answered: {detail}")]
    Namesrv {
        /// What each of them did.
        detail: String,
    },
    /// The topic has no route (10005).
    #[error("topic {topic} has no route: {detail}")]
    NoRoute {
        /// The topic.
        topic: String,
        /// Why, and what to do.
        detail: String,
    },
    /// The topic's route has no queue that may be written (10005).
    #[error("topic {topic} has no writable queue: {detail}")]
    NotWritable {
        /// The topic.
        topic: String,
        /// What the route says.
        detail: String,
    },
    /// No broker of the route could be reached.
    #[error("could not connect to {target}: {detail}")]
    Connect {
        /// Broker or address.
        target: String,
        /// The system's answer.
        detail: String,
    },
    /// A request had no answer in time (10006).
    #[error(
        "no answer to request {correlation_id} within {timeout:?}; is a consumer of the topic answering?"
    )]
    NoReply {
        /// CORRELATION_ID of the request.
        correlation_id: String,
        /// The time given.
        timeout: Duration,
    },
    /// A send failed after all its attempts.
    #[error("send failed ({kind}) after {attempts} attempt(s): {detail}")]
    Send {
        /// Kind of the last failure.
        kind: ErrorKind,
        /// Attempts made.
        attempts: u32,
        /// Remark of the broker or cause, per attempt.
        detail: String,
        /// Whether the message may have been stored all the same.
        maybe_stored: bool,
    },
}
