//! Why a command gave no result: what is said, and how the process ends.

use std::borrow::Cow;
use std::fmt::Display;

use super::exit::Exit;
use super::message;
use crate::broker::StartError;
use crate::client::ClientError;
use crate::config::ConfigError;
use crate::load::LoadError;

/// How an error begins by which the peer ends a handshake.
const TLS_ALERT: &str = "received fatal alert";

/// The argument of a client that is an option's value as it stands, by the name of both.
const WITHOUT: &str = "without";

/// A command that gave no result.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) exit: Exit,
    pub(super) error: String,
    pub(super) hint: Option<Cow<'static, str>>,
}

impl Failure {
    /// Says what went wrong and what to do about it.
    pub(super) fn tell(&self) -> Exit {
        message::error(&self.error);
        if let Some(hint) = &self.hint {
            message::hint(hint);
        }
        self.exit
    }
}

impl Failure {
    pub(super) fn own(error: impl Display) -> Self {
        Self {
            exit: Exit::OwnError,
            error: error.to_string(),
            hint: None,
        }
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        Self::own(error)
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let (exit, hint) = match &error {
            ClientError::Namesrv { .. } if error.to_string().contains(TLS_ALERT) => (
                Exit::Connect,
                Some(
                    "the peer ends the handshake, as it does when it wants a certificate it trusts: --tls-cert, --tls-key",
                ),
            ),
            ClientError::Namesrv { .. } => (
                Exit::Connect,
                Some("check --namesrv, and that a name server listens there"),
            ),
            ClientError::NoRoute { .. } => (
                Exit::Connect,
                Some("create the topic, or name another with --topic"),
            ),
            ClientError::NotWritable { .. } => (
                Exit::Connect,
                Some("give the topic write permission, or name another with --topic"),
            ),
            ClientError::Connect { .. } => (
                Exit::Connect,
                Some(
                    "the route names this address: check that it is reachable from here (brokerIP1)",
                ),
            ),
            ClientError::Illegal { what: WITHOUT, .. } => (
                Exit::Usage,
                Some(
                    "name brokers of the topic, and not all of them; `rmq-bench admin brokers` lists those of a cluster",
                ),
            ),
            ClientError::Illegal { .. } => (Exit::Usage, None),
            _ => (Exit::OwnError, None),
        };
        let dashes = match error {
            ClientError::Illegal { what: WITHOUT, .. } => "--",
            _ => "",
        };
        Self {
            exit,
            error: format!("{dashes}{error}"),
            hint: hint.map(Cow::Borrowed),
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self {
            exit: Exit::Usage,
            error: error.to_string(),
            hint: Some(error.hint().into()),
        }
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Client(error) => error.into(),
            LoadError::Stopped => Self {
                exit: Exit::Interrupted,
                ..Self::own(error)
            },
            other => Self::own(other),
        }
    }
}
