//! A broker in memory: a stream without a socket, and what is at its other end.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use rmq_bench::protocol::frame::split;
use rmq_bench::protocol::{FrameLimits, HeaderView, SerializeType};
use rmq_bench::transport::receive::Receive;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::frames::reply;

/// Where the opaque of a binary header lies in its frame.
const OPAQUE_AT: usize = 13;

/// When the broker answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answers {
    /// While it is written to.
    AtOnce,
    /// When [`Broker::answer`] is called.
    WhenTold,
}

struct Wire {
    answers: Answers,
    requests: Vec<u8>,
    replies: Vec<u8>,
    read: usize,
    reader: Option<Waker>,
    /// A reply to patch the opaque into.
    reply: Vec<u8>,
}

impl Wire {
    /// Answers every whole request.
    fn answer(&mut self) {
        let mut at = 0;
        while let Some(frame) = split(&self.requests[at..], FrameLimits::default()).unwrap() {
            let header = HeaderView::parse(frame.serialize_type, frame.header).unwrap();
            at += frame.wire_bytes;
            if header.is_oneway() {
                continue;
            }
            let opaque_at = self.replies.len() + OPAQUE_AT;
            self.replies.extend_from_slice(&self.reply);
            self.replies[opaque_at..opaque_at + 4].copy_from_slice(&header.opaque.to_be_bytes());
        }
        self.requests.drain(..at);
        if self.replies.len() > self.read
            && let Some(reader) = self.reader.take()
        {
            reader.wake();
        }
    }
}

/// The client's end.
#[derive(Clone)]
pub(crate) struct Pipe(Arc<Mutex<Wire>>);

/// The broker's end: stores nothing, says "stored" to everything.
#[derive(Clone)]
pub(crate) struct Broker(Arc<Mutex<Wire>>);

fn lock(wire: &Mutex<Wire>) -> MutexGuard<'_, Wire> {
    wire.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Both ends.
pub(crate) fn pipe(answers: Answers) -> (Pipe, Broker) {
    let wire = Arc::new(Mutex::new(Wire {
        answers,
        requests: Vec::new(),
        replies: Vec::new(),
        read: 0,
        reader: None,
        reply: reply(SerializeType::Binary, 0),
    }));
    (Pipe(Arc::clone(&wire)), Broker(wire))
}

impl Broker {
    /// Answers what has been written.
    pub(crate) fn answer(&self) {
        lock(&self.0).answer();
    }
}

impl Receive for Pipe {}

impl AsyncRead for Pipe {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        space: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut guard = lock(&self.0);
        let wire = &mut *guard;
        let waiting = &wire.replies[wire.read..];
        if waiting.is_empty() {
            match &mut wire.reader {
                Some(reader) => reader.clone_from(cx.waker()),
                none => *none = Some(cx.waker().clone()),
            }
            return Poll::Pending;
        }
        let taken = waiting.len().min(space.remaining());
        space.put_slice(&waiting[..taken]);
        wire.read += taken;
        if wire.read == wire.replies.len() {
            wire.replies.clear();
            wire.read = 0;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut wire = lock(&self.0);
        wire.requests.extend_from_slice(bytes);
        if wire.answers == Answers::AtOnce {
            wire.answer();
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
