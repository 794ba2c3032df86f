//! One attempt of a send with hooks, from the choice of its queue to its end.

use std::future::poll_fn;
use std::net::Ipv4Addr;
use std::sync::Arc;

use crate::client::error::ErrorKind;
use crate::client::hooks::Hooks;
use crate::client::instance::ClientInstance;
use crate::client::message::Message;
use crate::client::message_queue::MessageQueue;
use crate::client::receipt::Receipt;
use crate::client::send::{AttemptResult, Carrier};
use crate::client::slot::{Slot, SlotEnd};
use crate::protocol::trace::MessageKind;
use crate::protocol::{SendStatus, UniqueId};

/// Whether an answer is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendMode {
    /// It is, and awaited.
    Sync,
    /// It is not.
    Oneway,
}

/// What a hook is told of an attempt (R181, R182).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SendAttempt<'a> {
    /// Name servers of the client, `host:port`.
    pub namesrv: &'a [String],
    /// Id of the client.
    pub client_id: &'a str,
    /// Address this host is known by.
    pub born_host: Ipv4Addr,
    /// Namespace of the client.
    pub namespace: Option<&'a str>,
    /// Producer group, with its namespace.
    pub group: &'a str,
    /// Whether an answer is asked for.
    pub mode: SendMode,
    /// What the client says of its unit (C2.5).
    pub unit_mode: bool,
    /// Queue it goes to; names topic and broker.
    pub queue: &'a MessageQueue,
    /// Address of the broker.
    pub broker_address: &'a str,
    /// The message, its body compressed already.
    pub message: &'a Message,
    /// What it is.
    pub kind: MessageKind,
    /// UNIQ_KEY; of a batch, that of its first message. The same for all attempts of a send (R139).
    pub message_id: UniqueId,
    /// Number of the attempt, from 1.
    pub number: u32,
    /// When it began, in ms since 1970.
    pub begun_ms: u64,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AttemptEnd<'a> {
    /// The broker answered that it is stored.
    Stored(SendStatus, &'a Receipt),
    /// Oneway: the socket has taken all of it.
    Accepted,
    /// It was refused, or no answer came.
    Failed {
        /// Of what.
        kind: ErrorKind,
        /// The broker's words, or the connection's.
        remark: Option<&'a str>,
        /// Whether the message may be stored all the same.
        maybe_stored: bool,
    },
}

/// What an attempt is made of.
pub(in crate::client) struct AttemptParts {
    pub(in crate::client) instance: Arc<ClientInstance>,
    pub(in crate::client) hooks: Arc<Hooks>,
    pub(in crate::client) group: Arc<str>,
    pub(in crate::client) mode: SendMode,
    pub(in crate::client) queue: MessageQueue,
    pub(in crate::client) address: Arc<str>,
    pub(in crate::client) message_id: UniqueId,
    pub(in crate::client) number: u32,
    pub(in crate::client) begun_ms: u64,
    pub(in crate::client) slot: Arc<Slot>,
}

/// An attempt, and whom to tell of it.
pub(in crate::client) struct Attempt(pub(in crate::client) AttemptParts);

impl Attempt {
    fn view(&self) -> SendAttempt<'_> {
        let parts = &self.0;
        let config = parts.instance.config();
        let message = parts.slot.message();
        SendAttempt {
            namesrv: &config.namesrv,
            client_id: parts.instance.client_id(),
            born_host: parts.instance.address(),
            namespace: parts.instance.namespace().name(),
            group: &parts.group,
            mode: parts.mode,
            unit_mode: config.identity.unit_mode,
            queue: &parts.queue,
            broker_address: &parts.address,
            message,
            kind: message.trace_kind(),
            message_id: parts.message_id,
            number: parts.number,
            begun_ms: parts.begun_ms,
        }
    }

    /// Why it may not be made.
    pub(in crate::client) fn forbidden(&self) -> Option<String> {
        self.0.hooks.forbids(&self.view())
    }

    pub(in crate::client) fn begins(&self) {
        self.0.hooks.before(&self.view());
    }

    /// Waits for its end and tells of it.
    pub(in crate::client) async fn watch(self) -> SlotEnd {
        let end = poll_fn(|cx| self.0.slot.poll(cx)).await;
        self.ends(&end);
        end
    }

    pub(in crate::client) fn ends(&self, end: &SlotEnd) {
        let hooks = &self.0.hooks;
        if let (Some(request), Some(response)) = (self.0.slot.prepared(), &end.response) {
            hooks.rpc.after(&self.0.address, request, response);
        }
        let told = match end.result {
            AttemptResult::Stored(status) => AttemptEnd::Stored(status, &end.receipt),
            AttemptResult::Accepted => AttemptEnd::Accepted,
            AttemptResult::Failed(error) => AttemptEnd::Failed {
                kind: error.kind(),
                remark: end.remark.as_deref(),
                maybe_stored: error.maybe_stored(),
            },
        };
        hooks.after(&self.view(), &told);
    }
}
