//! Why a call of administration failed, with the code Java's client gives it.

use crate::client::control::ControlError;
use crate::client::error::ClientError;
use crate::protocol::{DecodeError, ResponseCode};

/// Java: nothing was found.
const NO_MESSAGE: i32 = 208;
/// Java: an error of the client without a code of its own.
const CLIENT_ERROR: i32 = -1;

/// A call of [`super::Admin`] that failed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum AdminError {
    /// The instance does not run, an argument is illegal, no name server answers, the topic has no route.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A broker gave no answer.
    #[error(transparent)]
    Broker(#[from] ControlError),
    /// A broker answered with another code than 0.
    #[error("{broker} refused: {}", said(*code, remark))]
    Refused {
        /// Name of the broker, or its address.
        broker: String,
        /// Its code.
        code: i32,
        /// Its remark.
        remark: String,
    },
    /// Brokers without a master cannot be asked.
    #[error("topic {topic}: no master of {brokers} is in the route")]
    NoMaster {
        /// Their names.
        brokers: String,
        /// The topic.
        topic: String,
    },
    /// A broker without a master cannot say how it is.
    #[error("{broker} has no master")]
    Masterless {
        /// Its name.
        broker: String,
    },
    /// There is no such message.
    #[error("{what}")]
    NoMessage {
        /// What was looked for, and where.
        what: String,
    },
    /// An answer that cannot be read.
    #[error("unreadable answer from {broker}: {source}")]
    Reply {
        /// Name of the broker, or its address.
        broker: String,
        /// What is wrong with it.
        source: DecodeError,
    },
}

fn said(code: i32, remark: &str) -> String {
    let name = ResponseCode(code).name().unwrap_or("an unknown code");
    match remark.trim() {
        "" => format!("{code} ({name})"),
        remark => format!("{code} ({name}): {remark}"),
    }
}

impl AdminError {
    /// The code Java's client gives this failure: the broker's own where it refused, 17 without a route,
    /// 208 where nothing was found, −1 for other errors of the client; `None` where nobody answered.
    #[must_use]
    pub fn code(&self) -> Option<i32> {
        Some(match self {
            Self::Client(ClientError::NoRoute { .. }) => ResponseCode::TOPIC_NOT_EXIST.0,
            Self::Client(ClientError::Namesrv { .. }) | Self::Broker(_) => return None,
            Self::Refused { code, .. } => *code,
            Self::NoMessage { .. } => NO_MESSAGE,
            Self::Client(_)
            | Self::NoMaster { .. }
            | Self::Masterless { .. }
            | Self::Reply { .. } => CLIENT_ERROR,
        })
    }
}
