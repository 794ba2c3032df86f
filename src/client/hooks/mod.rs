//! Hooks of users: asked or told around attempts of sends, ends of transactions and requests (R181–R184).
//!
//! They are given to a producer when it is made ([`crate::client::Producer::with_hooks`]). What one of them does
//! wrong, a panic included, is logged and changes nothing; only a [`CheckForbidden`] may end an attempt. Hooks run
//! on the tasks of those who send, or on the client's own thread: they must not block. The load generator has
//! none.
//!
//! Without hooks of its kind an attempt costs what it did before. With [`SendHook`]s or [`RpcHook`]s each attempt
//! is a task of its own, so that its end is told even if nobody awaits the send any more.
//!
//! ```
//! use rmq_bench::client::hooks::{AttemptEnd, HookError, Hooks, SendAttempt, SendHook};
//!
//! struct Log;
//!
//! impl SendHook for Log {
//!     fn after(&self, attempt: &SendAttempt<'_>, end: &AttemptEnd<'_>) {
//!         println!("{} to {}: {end:?}", attempt.message_id, attempt.broker_address);
//!     }
//! }
//!
//! let no_secrets = |attempt: &SendAttempt<'_>| -> Result<(), HookError> {
//!     match attempt.message.property("classified") {
//!         Some(_) => Err("classified messages stay here".into()),
//!         None => Ok(()),
//!     }
//! };
//! let hooks = Hooks::default().check_forbidden(no_secrets).send(Log);
//! ```

mod attempt;
mod rpc;

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::protocol::RemotingCommand;
use crate::protocol::transaction::Resolution;

pub(super) use attempt::{Attempt, AttemptParts};
pub use attempt::{AttemptEnd, SendAttempt, SendMode};
pub use rpc::RpcHooks;

/// Why a hook failed.
pub type HookError = Box<dyn Error + Send + Sync>;

/// Asked before each attempt whether it may be made (R181), in the order of registration. Closures are hooks.
pub trait CheckForbidden: Send + Sync + 'static {
    /// Lets the attempt be made, or not: it has failed then, and another one may follow as after any failure
    /// that is not an answer (R136). No send hook hears of it.
    ///
    /// # Errors
    /// Why not; a panic counts as one.
    fn check(&self, attempt: &SendAttempt<'_>) -> Result<(), HookError>;
}

impl<F> CheckForbidden for F
where
    F: Fn(&SendAttempt<'_>) -> Result<(), HookError> + Send + Sync + 'static,
{
    fn check(&self, attempt: &SendAttempt<'_>) -> Result<(), HookError> {
        self(attempt)
    }
}

/// Told of each attempt: once before it is made, and once how it ended (R182, R227).
pub trait SendHook: Send + Sync + 'static {
    /// It is about to be made.
    fn before(&self, attempt: &SendAttempt<'_>) {
        let _ = attempt;
    }

    /// It has ended: answered, taken by the socket (oneway), or failed. Called even if nobody awaits the send any
    /// more, but not if the runtime has ended.
    fn after(&self, attempt: &SendAttempt<'_>, end: &AttemptEnd<'_>) {
        let _ = (attempt, end);
    }
}

/// Told before each END_TRANSACTION (R183). Closures are hooks.
pub trait EndTransactionHook: Send + Sync + 'static {
    /// The broker is about to be told.
    fn ending(&self, end: &TransactionEnd<'_>);
}

impl<F: Fn(&TransactionEnd<'_>) + Send + Sync + 'static> EndTransactionHook for F {
    fn ending(&self, end: &TransactionEnd<'_>) {
        self(end);
    }
}

/// Sees every request of the producer's client before it is written, and every response after it is read (R184):
/// sends, ends of transactions, heartbeats, routes.
///
/// In Java a signature is such a hook. Here [`crate::client::ClientConfig::credentials`] sign, after all hooks, so
/// that the fields they add are signed too.
pub trait RpcHook: Send + Sync + 'static {
    /// What is returned is added to the request's extension fields. A name that is there already, or is longer
    /// than 255 bytes, is not; neither is a value above 32,767 bytes.
    fn before(&self, address: &str, request: &RemotingCommand) -> Vec<(String, String)> {
        let _ = (address, request);
        Vec::new()
    }

    /// `response` came to `request`, whose opaque is not filled in.
    fn after(&self, address: &str, request: &RemotingCommand, response: &RemotingCommand) {
        let _ = (address, request, response);
    }
}

/// What a hook is told of the end of a transaction.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TransactionEnd<'a> {
    /// Producer group.
    pub group: &'a str,
    /// Address of the broker that is told.
    pub broker_address: &'a str,
    /// Topic of the message.
    pub topic: &'a str,
    /// Its body; as it was sent, if the broker had not asked.
    pub body: &'a [u8],
    /// Its properties.
    pub properties: Vec<(&'a str, &'a str)>,
    /// UNIQ_KEY of the half message.
    pub message_id: &'a str,
    /// The broker's id of the transaction.
    pub transaction_id: &'a str,
    /// What becomes of the message.
    pub resolution: Resolution,
    /// Whether the broker had asked.
    pub from_check: bool,
}

impl<'a> TransactionEnd<'a> {
    /// The first property of this name.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<&'a str> {
        let mut pairs = self.properties.iter();
        Some(pairs.find(|(known, _)| *known == name)?.1)
    }
}

impl From<RpcHooks> for Hooks {
    fn from(rpc: RpcHooks) -> Self {
        Self {
            rpc,
            ..Self::default()
        }
    }
}

/// The hooks of a producer.
#[derive(Clone, Default)]
pub struct Hooks {
    forbidden: Vec<Arc<dyn CheckForbidden>>,
    send: Vec<Arc<dyn SendHook>>,
    ends: Vec<Arc<dyn EndTransactionHook>>,
    pub(super) rpc: RpcHooks,
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks")
            .field("forbidden", &self.forbidden.len())
            .field("send", &self.send.len())
            .field("ends", &self.ends.len())
            .field("rpc", &self.rpc)
            .finish()
    }
}

impl Hooks {
    /// Adds one that is asked before attempts.
    #[must_use]
    pub fn check_forbidden(mut self, hook: impl CheckForbidden) -> Self {
        self.forbidden.push(Arc::new(hook));
        self
    }

    /// Adds one that is told of attempts.
    #[must_use]
    pub fn send(mut self, hook: impl SendHook) -> Self {
        self.send.push(Arc::new(hook));
        self
    }

    /// Adds one that is told of ends of transactions.
    #[must_use]
    pub fn end_transaction(mut self, hook: impl EndTransactionHook) -> Self {
        self.ends.push(Arc::new(hook));
        self
    }

    /// Adds one that sees requests and responses.
    #[must_use]
    pub fn rpc(mut self, hook: impl RpcHook) -> Self {
        self.rpc.add(hook);
        self
    }

    /// Whether attempts of sends have any.
    pub(super) fn are_of_sends(&self) -> bool {
        !(self.forbidden.is_empty() && self.send.is_empty() && self.rpc.is_empty())
    }

    /// Whether they are told how attempts end.
    pub(super) fn are_told_of_ends(&self) -> bool {
        !(self.send.is_empty() && self.rpc.is_empty())
    }

    /// Whether ends of transactions have any.
    pub(super) fn are_of_ends(&self) -> bool {
        !self.ends.is_empty()
    }

    pub(super) fn ending(&self, end: &TransactionEnd<'_>) {
        for hook in &self.ends {
            guarded("end-transaction hook", || hook.ending(end));
        }
    }

    /// Why the attempt may not be made.
    fn forbids(&self, attempt: &SendAttempt<'_>) -> Option<String> {
        let answer = |hook: &Arc<dyn CheckForbidden>| {
            let checked = catch_unwind(AssertUnwindSafe(|| hook.check(attempt)));
            match checked {
                Ok(answer) => answer.err().map(|error| error.to_string()),
                Err(panic) => Some(said(&*panic)),
            }
        };
        self.forbidden.iter().find_map(answer)
    }

    fn before(&self, attempt: &SendAttempt<'_>) {
        for hook in &self.send {
            guarded("send hook", || hook.before(attempt));
        }
    }

    fn after(&self, attempt: &SendAttempt<'_>, end: &AttemptEnd<'_>) {
        for hook in &self.send {
            guarded("send hook", || hook.after(attempt, end));
        }
    }
}

/// Calls a hook; `None` if it panics, which hurts nobody else.
fn guarded<T>(what: &str, call: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(call))
        .inspect_err(|panic| tracing::warn!("a {what} panicked: {}", said(&**panic)))
        .ok()
}

/// What a panic said.
pub(super) fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "it panicked".to_owned())
}
