//! The library face's completion: one allocation per send, a state and a waker (no channel).

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::client::message::Message;
use crate::client::receipt::Receipt;
use crate::client::retry::AttemptError;
use crate::client::send::{AttemptResult, Carrier, Ended, Outgoing, Track};
use crate::protocol::{HeaderView, RemotingCommand};
use crate::transport::{CloseReason, Entry, Handler, Nanos};

/// How an attempt ended, for the task that waits.
#[derive(Debug)]
pub(super) struct SlotEnd {
    pub(super) track: Track,
    pub(super) result: AttemptResult,
    pub(super) service: Option<std::time::Duration>,
    pub(super) at: Nanos,
    pub(super) receipt: Receipt,
    pub(super) remark: Option<String>,
    /// The whole answer, where hooks see it.
    pub(super) response: Option<Box<RemotingCommand>>,
}

#[derive(Debug, Default)]
struct State {
    ended: Option<SlotEnd>,
    waker: Option<Waker>,
}

/// A message and the place its outcome is put.
#[derive(Debug)]
pub(super) struct Slot {
    message: Message,
    /// The request as hooks have seen it.
    prepared: Option<Box<RemotingCommand>>,
    state: Mutex<State>,
}

impl Carrier for Arc<Slot> {
    fn message(&self) -> &Message {
        &self.message
    }

    fn prepared(&self) -> Option<&RemotingCommand> {
        self.prepared.as_deref()
    }
}

impl Slot {
    pub(super) fn new(message: Message) -> Arc<Self> {
        Self::with(message, None)
    }

    /// A slot whose message goes in this request.
    pub(super) fn with(message: Message, prepared: Option<RemotingCommand>) -> Arc<Self> {
        Arc::new(Self {
            message,
            prepared: prepared.map(Box::new),
            state: Mutex::default(),
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts the outcome; returns whom to wake.
    pub(super) fn complete(&self, end: SlotEnd) -> Option<Waker> {
        let mut state = self.lock();
        state.ended = Some(end);
        state.waker.take()
    }

    /// Takes the outcome, or registers to be woken.
    pub(super) fn poll(&self, cx: &Context<'_>) -> Poll<SlotEnd> {
        let mut state = self.lock();
        match state.ended.take() {
            Some(end) => Poll::Ready(end),
            None => {
                state.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

/// What came with the end of an attempt.
#[derive(Default)]
struct Said {
    receipt: Receipt,
    remark: Option<String>,
    response: Option<Box<RemotingCommand>>,
}

/// Completes slots; wakes outside the connection's lock.
#[derive(Debug, Default)]
pub(super) struct SlotHandler {
    wakers: Vec<Waker>,
}

impl SlotHandler {
    fn end(&mut self, ended: Ended<Arc<Slot>>, said: Said) {
        let service = ended.service();
        let Outgoing { carrier, track } = ended.send;
        let end = SlotEnd {
            track,
            result: ended.result,
            service,
            at: ended.at,
            receipt: said.receipt,
            remark: said.remark,
            response: said.response,
        };
        self.wakers.extend(carrier.complete(end));
    }
}

impl Handler<Outgoing<Arc<Slot>>> for SlotHandler {
    fn reply(
        &mut self,
        entry: Entry<Outgoing<Arc<Slot>>>,
        header: &HeaderView<'_>,
        body: &[u8],
        at: Nanos,
    ) {
        let ended = Ended::by_reply(entry, header, at);
        let remark = header.remark.as_ref().map(|text| text.clone().into_owned());
        let receipt = match ended.result {
            AttemptResult::Stored(_) => Receipt::keep(&header.ext),
            _ => Receipt::default(),
        };
        let is_shown = ended.send.carrier.prepared().is_some();
        let response = is_shown.then(|| RemotingCommand::from_view(header, body));
        let said = Said {
            receipt,
            remark,
            response: response.and_then(Result::ok).map(Box::new),
        };
        self.end(ended, said);
    }

    fn written(&mut self, entry: Entry<Outgoing<Arc<Slot>>>) {
        self.end(Ended::by_writing(entry), Said::default());
    }

    fn expired(&mut self, entry: Entry<Outgoing<Arc<Slot>>>, at: Nanos) {
        self.end(Ended::by_expiry(entry, at), Said::default());
    }

    fn lost(&mut self, entry: Entry<Outgoing<Arc<Slot>>>, reason: &CloseReason, at: Nanos) {
        let said = Said {
            remark: Some(reason.to_string()),
            ..Said::default()
        };
        self.end(Ended::by_loss(entry, reason, at), said);
    }

    fn late(&mut self, _header: &HeaderView<'_>) {}

    fn round_end(&mut self, _at: Nanos) {
        for waker in self.wakers.drain(..) {
            waker.wake();
        }
    }
}

impl SlotEnd {
    /// Of an attempt that was not made.
    pub(super) fn unmade(track: Track, result: AttemptResult, at: Nanos) -> Self {
        Self {
            track,
            result,
            service: None,
            at,
            receipt: Receipt::default(),
            remark: None,
            response: None,
        }
    }

    /// The same with somebody's words.
    pub(super) fn with_remark(mut self, remark: String) -> Self {
        self.remark = Some(remark);
        self
    }

    /// One line for the error a caller gets.
    pub(super) fn describe(&self, error: AttemptError) -> String {
        match &self.remark {
            Some(remark) => format!("{}: {remark}", error.kind()),
            None => error.kind().to_string(),
        }
    }
}
