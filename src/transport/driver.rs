//! **Hot path.** The socket's side of a connection: writes what waits, reads and splits replies.
//!
//! Budget: one write call for everything submitted since the last one, one read call and one clock
//! reading for every reply that has arrived, one lock per side and round; per reply a header scan
//! and a ring take. One task owns the socket, so bytes can't interleave and each request ends in one
//! place: answered, expired, lost, or (oneway) written.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Sleep;

use crate::protocol::RemotingCommand;
use crate::protocol::code::ResponseCode;
use crate::protocol::error::DecodeError;
use crate::protocol::frame::{self, FrameLimits};
use crate::protocol::header::{HeaderView, SerializeType};
use crate::transport::clock::Nanos;
use crate::transport::connection::{Connection, ConnectionLimits, Core};
use crate::transport::in_flight::{Entry, Unmatched};
use crate::transport::link::IoCounters;
use crate::transport::out_buffer::{MAX_SLICES, Writing};
use crate::transport::receive::{Pieces, Receive};

/// Receive buffer to begin with, and to return to after a large frame.
const READ_BYTES: usize = 256 * 1024;

/// Rounds of reading and writing, and writes of one round, before other tasks get their turn.
const ROUNDS_PER_TURN: usize = 16;

/// Learns how requests end. No lock of the connection is held during [`Handler::round_end`], so
/// that is the place to submit more; the other calls are made under the lock and must only note.
pub trait Handler<T>: Send {
    /// An answer came. `at` is the time its last byte arrived, as far as it is known.
    fn reply(&mut self, entry: Entry<T>, header: &HeaderView<'_>, body: &[u8], at: Nanos);
    /// A oneway request has left whole.
    fn written(&mut self, entry: Entry<T>);
    /// The deadline passed without an answer.
    fn expired(&mut self, entry: Entry<T>, at: Nanos);
    /// The connection is gone; `entry.written_at` tells whether bytes had left.
    fn lost(&mut self, entry: Entry<T>, reason: &CloseReason, at: Nanos);
    /// A reply to a request that has already ended.
    fn late(&mut self, header: &HeaderView<'_>);
    /// The peer asks something; the default answers "not supported" (R180).
    fn request(
        &mut self,
        header: &HeaderView<'_>,
        _body: &[u8],
        _at: Nanos,
    ) -> Option<RemotingCommand> {
        (!header.is_oneway()).then(|| not_supported(header))
    }
    /// Everything of this round has been noted.
    fn round_end(&mut self, at: Nanos);
}

/// The answer to a request that nobody here knows (R180).
#[must_use]
pub fn not_supported(header: &HeaderView<'_>) -> RemotingCommand {
    RemotingCommand::response(ResponseCode::REQUEST_CODE_NOT_SUPPORTED, header.opaque)
        .with_remark(format!(" request type {} not supported", header.code))
}

/// Why a connection ended.
#[derive(Debug, Clone)]
pub enum CloseReason {
    /// The peer closed it.
    Peer,
    /// The system says so.
    Io(Arc<io::Error>),
    /// The peer sent what is no RocketMQ frame.
    Protocol(DecodeError),
    /// Answers were owed and nothing at all came for this long (R238).
    Silent(Duration),
    /// This side closed it.
    Local,
}

impl std::fmt::Display for CloseReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Peer => f.write_str("closed by the peer"),
            Self::Io(error) => write!(f, "{error}"),
            Self::Protocol(error) => write!(f, "not a RocketMQ peer: {error}"),
            Self::Silent(time) => {
                write!(f, "nothing received for {time:?} while answers were owed")
            }
            Self::Local => f.write_str("closed by this side"),
        }
    }
}

/// Whether the driver lets other tasks run once before it writes, so that what they submit leaves
/// with the same call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coalesce {
    /// Write at once: whoever submits has already batched.
    Immediate,
    /// Yield once when woken by a submit.
    Yield,
}

/// What a driver is told apart from its socket and handler.
#[derive(Debug, Clone)]
pub struct DriverOptions {
    /// Limits of the connection.
    pub limits: ConnectionLimits,
    /// Largest frame accepted from the peer.
    pub frames: FrameLimits,
    /// See [`Coalesce`].
    pub coalesce: Coalesce,
    /// See [`CloseReason::Silent`].
    pub silence_timeout: Duration,
    /// Where reads and writes are counted.
    pub counters: Arc<IoCounters>,
}

/// Owns a socket until it is closed.
#[derive(Debug)]
pub struct Driver<S, T, H> {
    stream: S,
    core: Arc<Core<T>>,
    handler: H,
    options: DriverOptions,
    input: Input,
    pieces: Pieces,
    writing: Writing,
    /// Bytes ever taken by the socket.
    written: u64,
    yielded: bool,
    /// The stream may hold bytes it has taken and not passed on: an encrypted one does.
    unflushed: bool,
    timer: Pin<Box<Sleep>>,
    timer_at: Option<Nanos>,
    /// When the first unanswered bytes since the last read were written.
    silent_since: Option<Nanos>,
}

/// Whether the round goes on.
enum Rest {
    More,
    None,
}

/// Bytes received and not yet consumed.
#[derive(Debug)]
struct Input {
    buffer: Vec<u8>,
    filled: usize,
}

impl<S, T, H> Driver<S, T, H>
where
    S: Receive,
    H: Handler<T>,
{
    /// A connection over `stream`, and the driver that must be run for it.
    pub fn new(stream: S, handler: H, options: DriverOptions) -> (Connection<T>, Self) {
        let (connection, core) = Connection::new(options.limits);
        let driver = Self {
            stream,
            core,
            handler,
            options,
            input: Input {
                buffer: vec![0; READ_BYTES],
                filled: 0,
            },
            pieces: Pieces::default(),
            writing: Writing::default(),
            written: 0,
            yielded: false,
            unflushed: false,
            timer: Box::pin(tokio::time::sleep(Duration::ZERO)),
            timer_at: None,
            silent_since: None,
        };
        (connection, driver)
    }

    /// Drives the socket until it ends; every request in flight has then been told.
    ///
    /// # Cancel safety
    /// Dropping the future without [`Driver::close`] leaves requests untold; run it to its end.
    pub async fn run(&mut self) -> CloseReason {
        let reason = poll_fn(|cx| self.poll(cx)).await;
        self.close(&reason);
        reason
    }

    /// Ends the connection and tells every request in flight.
    pub fn close(&mut self, reason: &CloseReason) {
        let now = Nanos::now();
        let mut state = self.core.lock();
        state.closed = true;
        let handler = &mut self.handler;
        state
            .in_flight
            .drain(|entry| handler.lost(entry, reason, now));
        state.driver = None;
        drop(state);
        self.handler.round_end(now);
    }

    /// Gives the handler back for the next connection.
    pub fn into_handler(self) -> H {
        self.handler
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<CloseReason> {
        {
            let mut state = self.core.lock();
            state.driver_awake = true;
            if !state
                .driver
                .as_ref()
                .is_some_and(|waker| waker.will_wake(cx.waker()))
            {
                state.driver = Some(cx.waker().clone());
            }
        }
        for _ in 0..ROUNDS_PER_TURN {
            let read = match self.poll_read(cx) {
                Poll::Ready(Ok(())) => true,
                Poll::Ready(Err(reason)) => return Poll::Ready(reason),
                Poll::Pending => false,
            };
            if let Poll::Ready(Err(reason)) = self.poll_write(cx) {
                return Poll::Ready(reason);
            }
            if let Err(reason) = self.poll_timer(cx) {
                return Poll::Ready(reason);
            }
            if !read && self.may_sleep(cx) {
                return Poll::Pending;
            }
        }
        // A handler that submits whenever something ends could keep this task busy for ever; the
        // others of the thread get their turn.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Decides under the lock whether anything was submitted meanwhile; only then sleeps.
    fn may_sleep(&mut self, cx: &mut Context<'_>) -> bool {
        let mut state = self.core.lock();
        if !state.out.is_empty() && self.writing.is_done() {
            if self.options.coalesce == Coalesce::Yield && !self.yielded {
                self.yielded = true;
                cx.waker().wake_by_ref();
                return true;
            }
            return false;
        }
        // With bytes stuck in the socket the wake-up comes from there.
        state.driver_awake = !self.writing.is_done();
        true
    }

    /// One round of reads, everything in them handled. `Pending` when there is nothing to read.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CloseReason>> {
        self.pieces.begin();
        let mut now = Nanos::NONE;
        let result = loop {
            match self.poll_piece(cx, &mut now) {
                Poll::Ready(Ok(Rest::More)) => {}
                Poll::Ready(Ok(Rest::None)) => break Ok(()),
                Poll::Ready(Err(reason)) => break Err(reason),
                Poll::Pending if now == Nanos::NONE => return Poll::Pending,
                Poll::Pending => break Ok(()),
            }
        };
        if now != Nanos::NONE {
            self.handler.round_end(now);
        }
        Poll::Ready(result)
    }

    /// One read of the round; `now` becomes the time it was made.
    fn poll_piece(
        &mut self,
        cx: &mut Context<'_>,
        now: &mut Nanos,
    ) -> Poll<Result<Rest, CloseReason>> {
        let input = &mut self.input;
        if input.filled == input.buffer.len() {
            // A frame larger than the buffer; its length is within the limit or split() has erred.
            let wanted = frame::announced_bytes(&input.buffer, self.options.frames).unwrap_or(0);
            input
                .buffer
                .resize(wanted.max(input.filled + READ_BYTES), 0);
        }
        let space = input.buffer.get_mut(input.filled..).unwrap_or_default();
        let room = space.len();
        let wanted = self.pieces.next(room);
        let space = space.get_mut(..wanted).unwrap_or_default();
        let received = match ready!(self.stream.poll_receive(cx, space)) {
            Ok(received) => received,
            Err(error) => return Poll::Ready(Err(CloseReason::Io(Arc::new(error)))),
        };
        let counters = &self.options.counters;
        counters.read(received.bytes, received.stamped);
        if received.bytes == 0 {
            return Poll::Ready(Err(CloseReason::Peer));
        }
        input.filled += received.bytes;
        self.silent_since = None;
        *now = received.read_at;
        let whole = received.bytes < wanted;
        self.pieces.read(&received, whole);
        self.handle_frames(received.arrived)
            .map_err(CloseReason::Protocol)?;
        // A full buffer ends the round too: others get their turn.
        let rest = if whole || wanted == room {
            Rest::None
        } else {
            Rest::More
        };
        Poll::Ready(Ok(rest))
    }

    /// Splits and handles every whole frame, then moves the rest to the front.
    fn handle_frames(&mut self, arrived: Nanos) -> Result<(), DecodeError> {
        let mut at = 0;
        let mut state = self.core.lock();
        loop {
            let rest = self
                .input
                .buffer
                .get(at..self.input.filled)
                .unwrap_or_default();
            let Some(frame) = frame::split(rest, self.options.frames)? else {
                break;
            };
            let header = HeaderView::parse(frame.serialize_type, frame.header)?;
            if header.is_response() {
                match state.in_flight.complete(header.opaque) {
                    Ok(entry) => {
                        let at = arrived.max(entry.written_at);
                        self.pieces.answered(at.since(entry.written_at));
                        self.handler.reply(entry, &header, frame.body, at);
                    }
                    Err(Unmatched::Late) => self.handler.late(&header),
                    Err(Unmatched::Unknown) => self.options.counters.unknown_reply(),
                }
            } else if state.out.len() >= self.core.limits.out_bytes {
                // Nobody reads the answers that wait already.
            } else if let Some(answer) = self.handler.request(&header, frame.body, arrived) {
                let mut bytes = Vec::new();
                answer.encode(SerializeType::Json, &mut bytes);
                state.enqueued += bytes.len() as u64;
                state.out.push_body(&Bytes::from(bytes), 0);
            }
            at += frame.wire_bytes;
        }
        drop(state);
        let filled = self.input.filled;
        if at > 0 {
            self.input.buffer.copy_within(at..filled, 0);
            self.input.filled = filled - at;
        }
        if self.input.buffer.len() > READ_BYTES && self.input.filled < READ_BYTES {
            self.input.buffer.truncate(READ_BYTES);
            self.input.buffer.shrink_to(READ_BYTES);
        }
        Ok(())
    }

    /// Writes until nothing waits or the socket is full.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CloseReason>> {
        let mut taken = 0;
        loop {
            if self.writing.is_done() {
                // Only here may it stop: what is half written must wait for the socket.
                if taken == ROUNDS_PER_TURN {
                    return Poll::Pending;
                }
                taken += 1;
                let mut state = self.core.lock();
                let hold = self.options.coalesce == Coalesce::Yield && !self.yielded;
                if state.out.is_empty() || hold {
                    drop(state);
                    return self.poll_flush(cx);
                }
                self.yielded = false;
                self.writing.swap(&mut state.out);
            }
            // What leaves with this call is on its way from here on, however long the call takes.
            let now = Nanos::now();
            let stream = Pin::new(&mut self.stream);
            let result = if let Some(bytes) = self.writing.single() {
                ready!(stream.poll_write(cx, bytes))
            } else {
                let mut slices = [IoSlice::new(&[]); MAX_SLICES];
                let filled = self.writing.slices(&mut slices);
                ready!(stream.poll_write_vectored(cx, slices.get(..filled).unwrap_or_default()))
            };
            let count = match result {
                Ok(0) => return Poll::Ready(Err(CloseReason::Peer)),
                Ok(count) => count,
                Err(error) => return Poll::Ready(Err(CloseReason::Io(Arc::new(error)))),
            };
            self.unflushed = true;
            self.options.counters.wrote(count);
            self.writing.advance(count);
            self.written += count as u64;
            self.note_written(now);
        }
    }

    /// Passes on what the stream has taken, as far as the socket takes it; the wake-up comes from there.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CloseReason>> {
        if self.unflushed {
            if let Err(error) = ready!(Pin::new(&mut self.stream).poll_flush(cx)) {
                return Poll::Ready(Err(CloseReason::Io(Arc::new(error))));
            }
            self.unflushed = false;
        }
        Poll::Pending
    }

    fn note_written(&mut self, now: Nanos) {
        let handler = &mut self.handler;
        let mut oneway = false;
        let owed = self
            .core
            .lock()
            .in_flight
            .mark_written(self.written, now, |entry| {
                oneway = true;
                handler.written(entry);
            });
        if owed && self.silent_since.is_none() {
            self.silent_since = Some(now);
        }
        if oneway {
            self.handler.round_end(now);
        }
    }

    /// Expires what is due and arms the timer for what comes next.
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Result<(), CloseReason> {
        loop {
            let silent_at = self
                .silent_since
                .map(|since| since.plus(self.options.silence_timeout));
            let deadline = self.core.lock().in_flight.next_deadline();
            let next = match (deadline, silent_at) {
                (Some(deadline), Some(silent)) => deadline.min(silent),
                (Some(at), None) | (None, Some(at)) => at,
                (None, None) => return Ok(()),
            };
            // A timer that fires early costs one wake-up; one that is never moved back costs none
            // per message.
            if self.timer_at.is_none_or(|armed| armed > next) {
                self.timer.as_mut().reset(next.to_instant().into());
                self.timer_at = Some(next);
            }
            if self.timer.as_mut().poll(cx).is_pending() {
                return Ok(());
            }
            self.timer_at = None;
            let now = Nanos::now();
            if silent_at.is_some_and(|at| at <= now) {
                return Err(CloseReason::Silent(self.options.silence_timeout));
            }
            let handler = &mut self.handler;
            let mut any = false;
            self.core.lock().in_flight.expire(now, |entry| {
                any = true;
                handler.expired(entry, now);
            });
            if any {
                self.handler.round_end(now);
            }
        }
    }
}
