//! **Hot path.** One connection of a broker: read, split, handle, answer.
//!
//! Budget per message: a share of one read, one write and one clock read; no lock, no allocation.
//! All frames of a read are handled before anything else happens, and all their replies that are
//! due leave with one write.

use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::broker::alarm::Alarm;
use crate::broker::handler::{Flow, Handler};
use crate::broker::input::Input;
use crate::broker::outbox::Outbox;
use crate::broker::state::BrokerState;
use crate::protocol::error::DecodeError;

/// What one read brings at most, in bytes.
const READ_BYTES: usize = 256 * 1024;
/// Messages one connection may bring to a server of limited capacity before the others' turn.
const FAIR_SHARE: usize = 64;

/// Serves a connection until either side closes it.
pub(super) async fn serve(stream: TcpStream, state: Rc<BrokerState>) {
    // Counted here and in the guard, so that an aborted connection is counted as closed too.
    state.shared.counters.accepted.add(1);
    let _closing = Closing(Rc::clone(&state));
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY");
    }
    let peer = stream.peer_addr();
    let mut connection = Connection {
        stream,
        handler: Handler::new(
            Rc::clone(&state),
            // A peer that has gone already sends nothing.
            peer.unwrap_or(SocketAddr::V4(state.shared.address)),
        ),
        state: Rc::clone(&state),
        input: Input::new(READ_BYTES),
        outbox: Outbox::default(),
        alarm: Alarm::default(),
    };
    let mut changed = pin!(state.changed.notified());
    let end = std::future::poll_fn(|cx| connection.poll(cx, &state.changed, changed.as_mut()));
    match end.await {
        Ok(()) => {}
        Err(End::Illegal(error)) => {
            state.shared.counters.illegal_frames.add(1);
            tracing::debug!(broker = state.shared.name, %error, "illegal frame");
        }
        Err(End::Io(error)) => tracing::debug!(broker = state.shared.name, %error, "connection"),
    }
}

struct Closing(Rc<BrokerState>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.shared.counters.closed.add(1);
    }
}

#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    state: Rc<BrokerState>,
    handler: Handler,
    input: Input,
    outbox: Outbox,
    alarm: Alarm,
}

/// Why a connection ends, besides by the peer's wish or the script's.
#[derive(Debug)]
enum End {
    Illegal(DecodeError),
    Io(io::Error),
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Why handling stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stopped {
    /// No complete frame is left.
    NeedsInput,
    /// The peer does not take its replies.
    OutboxFull,
    /// The server has too many messages waiting, until this time.
    Backlog(u64),
    /// Other connections of the broker have their turn.
    Share,
    /// The script closes the connection.
    Closed,
}

impl Connection {
    /// Ready when the connection is to be closed.
    fn poll<'a>(
        &mut self,
        cx: &mut Context<'_>,
        notify: &'a Notify,
        mut changed: Pin<&mut Notified<'a>>,
    ) -> Poll<Result<(), End>> {
        loop {
            // First of all, so that no change goes unnoticed.
            while changed.as_mut().poll(cx).is_ready() {
                changed.set(notify.notified());
            }
            let now_ns = self.state.now_ns();
            if let Some(until_ns) = self.state.halted_until_ns(now_ns) {
                if until_ns < u64::MAX && self.alarm.poll(cx, now_ns, until_ns)?.is_ready() {
                    continue;
                }
                return Poll::Pending;
            }
            if let Some(frames) = self.state.pushes.take(self.handler.connection()) {
                self.outbox.buffer().extend_from_slice(&frames);
                self.outbox.commit(None);
            }
            let stopped = self.handle_frames(now_ns);
            self.outbox.release(now_ns);
            self.write(cx)?;
            let stopped = stopped.map_err(End::Illegal)?;
            let mut wake_ns = self.outbox.next_release_ns();
            match stopped {
                Stopped::NeedsInput => match self.read(cx)? {
                    Poll::Ready(Read::Nothing) => return Poll::Ready(Ok(())),
                    Poll::Ready(Read::Some) => continue,
                    // More is waiting than one read brings: the other connections first.
                    Poll::Ready(Read::Full) => cx.waker().wake_by_ref(),
                    Poll::Pending => {}
                },
                Stopped::OutboxFull if self.outbox.is_full() => {}
                Stopped::OutboxFull => continue,
                Stopped::Backlog(until_ns) => {
                    wake_ns = Some(wake_ns.map_or(until_ns, |at| at.min(until_ns)));
                }
                Stopped::Share => cx.waker().wake_by_ref(),
                Stopped::Closed => return Poll::Ready(Ok(())),
            }
            if let Some(at_ns) = wake_ns
                && self.alarm.poll(cx, now_ns, at_ns)?.is_ready()
            {
                continue;
            }
            return Poll::Pending;
        }
    }

    fn handle_frames(&mut self, now_ns: u64) -> Result<Stopped, DecodeError> {
        let script = &mut *self.state.script.borrow_mut();
        let mut handled = 0;
        loop {
            if self.outbox.is_full() {
                return Ok(Stopped::OutboxFull);
            }
            let Some(frame) = self.input.frame()? else {
                return Ok(Stopped::NeedsInput);
            };
            if let Some(server) = &script.server {
                if let Some(until_ns) = server.full_until_ns(now_ns) {
                    return Ok(Stopped::Backlog(until_ns));
                }
                if handled == FAIR_SHARE {
                    return Ok(Stopped::Share);
                }
                handled += 1;
            }
            let wire_bytes = frame.wire_bytes;
            let flow = self
                .handler
                .handle(&frame, script, now_ns, &mut self.outbox)?;
            self.input.consume(wire_bytes);
            if flow == Flow::Close {
                return Ok(Stopped::Closed);
            }
        }
    }

    /// Writes what is due, as far as the socket takes it.
    fn write(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        while !self.outbox.due().is_empty() {
            match Pin::new(&mut self.stream).poll_write(cx, self.outbox.due())? {
                Poll::Ready(bytes) => {
                    self.state.shared.counters.writes.add(1);
                    self.outbox.sent(bytes);
                }
                Poll::Pending => break,
            }
        }
        Ok(())
    }

    /// One read. `poll_read` rather than `try_read`: after a read that did not fill the buffer it
    /// knows that the socket is empty and saves the call that would say so.
    fn read(&mut self, cx: &mut Context<'_>) -> io::Result<Poll<Read>> {
        let mut room = ReadBuf::new(self.input.room());
        if Pin::new(&mut self.stream)
            .poll_read(cx, &mut room)?
            .is_pending()
        {
            return Ok(Poll::Pending);
        }
        let (bytes, full) = (room.filled().len(), room.remaining() == 0);
        self.input.filled(bytes);
        if bytes == 0 {
            return Ok(Poll::Ready(Read::Nothing));
        }
        self.state.shared.counters.reads.add(1);
        Ok(Poll::Ready(if full { Read::Full } else { Read::Some }))
    }
}

/// What a read brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Read {
    /// The peer has closed.
    Nothing,
    Some,
    /// As much as there was room for.
    Full,
}
