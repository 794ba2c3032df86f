//! The library face's completion: one allocation per send, a state and a waker (no channel).

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::client::message::Message;
use crate::client::receipt::Receipt;
use crate::client::retry::AttemptError;
use crate::client::send::{AttemptResult, Carrier, Ended, Outgoing, Track};
use crate::protocol::HeaderView;
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
    state: Mutex<State>,
}

impl Carrier for Arc<Slot> {
    fn message(&self) -> &Message {
        &self.message
    }
}

impl Slot {
    pub(super) fn new(message: Message) -> Arc<Self> {
        Arc::new(Self {
            message,
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

/// Completes slots; wakes outside the connection's lock.
#[derive(Debug, Default)]
pub(super) struct SlotHandler {
    wakers: Vec<Waker>,
}

impl SlotHandler {
    fn end(&mut self, ended: Ended<Arc<Slot>>, receipt: Receipt, remark: Option<String>) {
        let service = ended.service();
        let Outgoing { carrier, track } = ended.send;
        let end = SlotEnd {
            track,
            result: ended.result,
            service,
            at: ended.at,
            receipt,
            remark,
        };
        self.wakers.extend(carrier.complete(end));
    }
}

impl Handler<Outgoing<Arc<Slot>>> for SlotHandler {
    fn reply(
        &mut self,
        entry: Entry<Outgoing<Arc<Slot>>>,
        header: &HeaderView<'_>,
        _body: &[u8],
        at: Nanos,
    ) {
        let ended = Ended::by_reply(entry, header, at);
        let remark = header.remark.as_ref().map(|text| text.clone().into_owned());
        let receipt = match ended.result {
            AttemptResult::Stored(_) => Receipt::keep(&header.ext),
            _ => Receipt::default(),
        };
        self.end(ended, receipt, remark);
    }

    fn written(&mut self, entry: Entry<Outgoing<Arc<Slot>>>) {
        self.end(Ended::by_writing(entry), Receipt::default(), None);
    }

    fn expired(&mut self, entry: Entry<Outgoing<Arc<Slot>>>, at: Nanos) {
        self.end(Ended::by_expiry(entry, at), Receipt::default(), None);
    }

    fn lost(&mut self, entry: Entry<Outgoing<Arc<Slot>>>, reason: &CloseReason, at: Nanos) {
        self.end(
            Ended::by_loss(entry, reason, at),
            Receipt::default(),
            Some(reason.to_string()),
        );
    }

    fn late(&mut self, _header: &HeaderView<'_>) {}

    fn round_end(&mut self, _at: Nanos) {
        for waker in self.wakers.drain(..) {
            waker.wake();
        }
    }
}

impl SlotEnd {
    /// One line for the error a caller gets.
    pub(super) fn describe(&self, error: AttemptError) -> String {
        match &self.remark {
            Some(remark) => format!("{}: {remark}", error.kind()),
            None => error.kind().to_string(),
        }
    }
}
