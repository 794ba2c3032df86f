//! A send on its way, and how its attempts end.

use std::time::Duration;

use crate::client::broker_table::BrokerId;
use crate::client::error::ErrorKind;
use crate::client::message::Message;
use crate::client::publish_route::QueueRef;
use crate::client::retry::{AttemptError, RetryPolicy};
use crate::protocol::message_id::UniqueSuffix;
use crate::protocol::{HeaderView, RemotingCommand, ResponseCode, SendStatus};
use crate::transport::{CloseReason, Entry, Nanos};

/// What a face hands in with a message and gets back when an attempt has ended.
pub trait Carrier: Send + 'static {
    /// The message.
    fn message(&self) -> &Message;

    /// The request to be written in place of the one from the template, complete but for its opaque.
    #[inline]
    fn prepared(&self) -> Option<&RemotingCommand> {
        None
    }
}

/// Everything the core knows of one send.
#[derive(Debug, Clone, Copy)]
pub struct Track {
    pub(super) id: UniqueSuffix,
    /// First submission; retries keep it.
    pub submitted: Nanos,
    /// End of the budget over all attempts.
    pub budget_ends: Nanos,
    /// Attempts made.
    pub attempts: u32,
    /// Some attempt may have been stored though it did not end well.
    pub maybe_stored: bool,
    /// It goes to one queue and to no other.
    pub(super) pinned: bool,
    /// Queue of the last attempt.
    pub(super) queue: Option<QueueRef>,
}

impl Track {
    /// What tells its message id from others of its sender.
    #[inline]
    #[must_use]
    pub fn id(&self) -> UniqueSuffix {
        self.id
    }

    /// Broker of the last attempt.
    #[inline]
    #[must_use]
    pub fn broker(&self) -> Option<BrokerId> {
        self.queue.map(|queue| queue.broker)
    }

    /// When the attempt that begins is over: at `cap` while another one is possible (R148).
    #[inline]
    pub(super) fn deadline(&self, cap: Nanos, retry: &RetryPolicy) -> Nanos {
        if cap >= self.budget_ends || retry.is_last(self.attempts, self.pinned) {
            self.budget_ends
        } else {
            cap
        }
    }

    /// Queue of the last attempt.
    #[must_use]
    pub fn queue(&self) -> Option<QueueRef> {
        self.queue
    }
}

/// A send on its way.
#[derive(Debug)]
pub struct Outgoing<C> {
    /// The face's own.
    pub carrier: C,
    /// The core's own.
    pub track: Track,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptResult {
    /// Stored (R170).
    Stored(SendStatus),
    /// Oneway: taken whole by the socket (R231).
    Accepted,
    /// Not stored, or not known to be.
    Failed(AttemptError),
}

/// An attempt that has ended.
#[derive(Debug)]
pub struct Ended<C> {
    /// The send.
    pub send: Outgoing<C>,
    /// How.
    pub result: AttemptResult,
    /// When its first byte was written; [`Nanos::NONE`] if none was.
    pub written: Nanos,
    /// When it ended.
    pub at: Nanos,
}

impl<C> Ended<C> {
    /// An answer came.
    #[inline]
    #[must_use]
    pub fn by_reply(entry: Entry<Outgoing<C>>, header: &HeaderView<'_>, at: Nanos) -> Self {
        let code = ResponseCode(header.code);
        let result = match SendStatus::from_code(code) {
            Some(status) => AttemptResult::Stored(status),
            None => AttemptResult::Failed(AttemptError::Rejected(code)),
        };
        Self {
            send: entry.token,
            result,
            written: entry.written_at,
            at,
        }
    }

    /// A oneway request left whole.
    #[inline]
    #[must_use]
    pub fn by_writing(entry: Entry<Outgoing<C>>) -> Self {
        let written = entry.written_at;
        Self {
            send: entry.token,
            result: AttemptResult::Accepted,
            written,
            at: written,
        }
    }

    /// No answer in time. Bytes that still wait may leave later, so it may be stored in any case.
    #[must_use]
    pub fn by_expiry(entry: Entry<Outgoing<C>>, at: Nanos) -> Self {
        let result = AttemptResult::Failed(AttemptError::MaybeStored(ErrorKind::Timeout));
        Self {
            send: entry.token,
            result,
            written: entry.written_at,
            at,
        }
    }

    /// The connection is gone; whether bytes had left decides what is known.
    #[must_use]
    pub fn by_loss(entry: Entry<Outgoing<C>>, reason: &CloseReason, at: Nanos) -> Self {
        let kind = match reason {
            CloseReason::Protocol(_) => ErrorKind::BadReply,
            _ => ErrorKind::ConnectionLost,
        };
        let error = if entry.written_at == Nanos::NONE {
            AttemptError::NotSent(kind)
        } else {
            AttemptError::MaybeStored(kind)
        };
        let result = AttemptResult::Failed(error);
        Self {
            send: entry.token,
            result,
            written: entry.written_at,
            at,
        }
    }

    /// True latency of the attempt: first byte written → end; `None` if nothing was written.
    #[inline]
    #[must_use]
    pub fn service(&self) -> Option<Duration> {
        (self.written != Nanos::NONE).then(|| Duration::from_nanos(self.at.since(self.written)))
    }
}

/// What follows an ended attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The send is over.
    Done,
    /// Stage it again after this long.
    Again(Duration),
}
