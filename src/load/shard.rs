//! **Hot path.** One shard: the messages that are due go out, answers are settled and recorded.
//!
//! Budget per message on this thread: one schedule step, one `begin`/`stage`, a share of one clock
//! read, of one flush and of one lock; at its end one settle and one record. No allocation, no task,
//! no timer. Everything here runs on the shard's thread; the mutex is never contended and exists
//! because connections may live on any thread.

mod asking;
mod topics;

use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::client::message::Message;
use crate::client::retry::AttemptError;
use crate::client::send::{AttemptResult, Carrier, Ended, Next, Outgoing, SendCore};
use crate::client::{BrokerId, ErrorKind};
use crate::load::audit::AuditRecord;
use crate::load::bodies::Bodies;
use crate::load::choice::Queues;
use crate::load::ends::{Ends, HalfStored};
use crate::load::opening::Opening;
use crate::load::plan::WhenLate;
use crate::load::source::{Due, Source};
use crate::load::transactions::EndCounts;
use crate::metrics::{Label, Recorder, SendTimes};
use crate::protocol::FlowControl;
use crate::protocol::message_id::UniqueSuffix;
use crate::transport::Nanos;

pub(super) use asking::{Answer, Asking};
pub(super) use topics::MoreTopics;

/// A closed loop is refilled when this part of its cap is free: 32 messages a write at 512.
const REFILL_SHARE: usize = 16;
/// Sends that a local limit has refused are tried again after this long, so many at a time: a client
/// that goes through all of them again and again does nothing else.
const HELD_WAIT: Duration = Duration::from_millis(1);
const HELD_AT_A_TIME: usize = 1024;
/// Most messages begun before the connections get their turn to write: buffers need not hold more.
const BEGUN_AT_A_TIME: usize = 4 * 1024;
/// A closed loop begins nothing while its connections have more bytes than this to write: a million
/// sends that the sockets do not take yet would fill buffers, not the cluster.
const MOST_UNWRITTEN: usize = 4 << 20;
/// A socket is full when so many bytes of the last tick still wait for it; fewer wait for their turn at most.
const SOCKET_FULL: usize = 16 << 10;
/// It looks again after this long, in which sockets do not run dry.
const UNWRITTEN_WAIT: Duration = Duration::from_millis(1);

/// What the load face knows of a send.
#[derive(Debug)]
pub struct LoadToken {
    message: Arc<Message>,
    intended: Nanos,
    /// Position of its topic.
    topic: u16,
    /// What the attempt before this one failed of.
    retried_for: Option<ErrorKind>,
}

impl LoadToken {
    /// The message, for one who keeps it.
    pub(super) fn shared_message(&self) -> Arc<Message> {
        Arc::clone(&self.message)
    }

    /// When it was due.
    pub(super) fn intended(&self) -> Nanos {
        self.intended
    }
}

/// An attempt that a broker refused for want of room or time.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) intended: Nanos,
    pub(super) broker: BrokerId,
    pub(super) flow: FlowControl,
}

impl Carrier for LoadToken {
    #[inline]
    fn message(&self) -> &Message {
        &self.message
    }
}

/// The measured part of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// First intended time that counts.
    pub from: Nanos,
    /// First intended time that does not count any more; moved forward by a stop.
    pub until: Nanos,
}

impl Window {
    /// Whether a message due at `intended` is measured.
    #[inline]
    #[must_use]
    pub fn contains(&self, intended: Nanos) -> bool {
        self.from <= intended && intended < self.until
    }
}

/// Settings of a shard that do not change during the run.
#[derive(Debug, Clone, Copy)]
pub struct ShardLimits {
    /// Most sends in flight in this shard: callers of sync, `--in-flight` else.
    pub in_flight: usize,
    /// Budget of a send.
    pub timeout: Duration,
    /// From the intended time on.
    pub deadline: Option<Duration>,
    /// Policy of a schedule that fell behind.
    pub when_late: WhenLate,
    /// A message later than this is late for the policy.
    pub late_after_ns: u64,
    /// Whether an audit trail is kept.
    pub audit: bool,
    /// Messages of a send: what all counts are of.
    pub messages_per_send: u32,
}

/// Where a shard records: what is measured, and apart from it the warm-up.
#[derive(Debug)]
pub struct Recorders {
    /// Messages due before the window; for the live view only.
    pub warmup: Box<Recorder>,
    /// Messages due in the window.
    pub measured: Box<Recorder>,
}

impl Recorders {
    #[inline]
    fn of(&mut self, measured: bool) -> &mut Recorder {
        if measured {
            &mut self.measured
        } else {
            &mut self.warmup
        }
    }
}

/// Counts of a shard besides its recorder.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ShardCounts {
    /// Measured messages submitted for the first time.
    pub submitted: u64,
    /// Acknowledgements that came inside the window, those of the warm-up's messages too: as many of
    /// its own come after it.
    pub acked_in_window: u64,
    /// When the last measured message was acknowledged.
    pub last_ack: Nanos,
    /// Time of the window, in ns, in which messages were due that the cap on flight held back.
    pub blocked_ns: u64,
    /// Time of the window, in ns, in which a socket did not take what had been sent a tick before.
    pub unwritten_ns: u64,
}

/// A send that waits to be tried again.
#[derive(Debug)]
struct Waiting {
    at: Nanos,
    send: Outgoing<LoadToken>,
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Waiting {}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiting {
    /// The earliest is the greatest, for the heap.
    fn cmp(&self, other: &Self) -> Ordering {
        other.at.cmp(&self.at)
    }
}

/// State of a shard; see the module.
#[derive(Debug)]
pub struct Shard {
    core: SendCore<LoadToken>,
    source: Source,
    bodies: Bodies,
    limits: ShardLimits,
    window: Window,
    /// While the begin of the window is not known.
    opening: Option<Arc<Opening>>,
    /// When to ask it again.
    ask_at: Nanos,
    recorders: Recorders,
    counts: ShardCounts,
    in_flight: usize,
    in_flight_measured: usize,
    waiting: BinaryHeap<Waiting>,
    /// Sends refused by a local limit, the longest held first.
    held: VecDeque<Outgoing<LoadToken>>,
    /// When they are tried again.
    held_until: Nanos,
    ended: Vec<Ended<LoadToken>>,
    audit: Vec<AuditRecord>,
    remarks: Vec<(Label, String)>,
    sending: Sending,
    unbegun: Unbegun,
    /// Messages due that the cap holds back.
    blocked: bool,
    /// Since when.
    blocked_since: Option<Nanos>,
    /// The last tick.
    looked: Nanos,
    /// Attempts that ever ended.
    settled: u64,
    refill: Refill,
    /// Where queues are drawn.
    queues: Option<Box<Queues>>,
    /// Where there are several topics.
    more: Option<Box<MoreTopics>>,
    /// Of a load of transactions.
    ends: Option<Ends>,
    /// Of a load of requests.
    asking: Option<Box<Asking>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sending {
    On,
    Stopped,
    /// By the late policy.
    Aborted,
}

/// Why messages may be due and not begun, besides the cap on flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unbegun {
    None,
    /// There were many; the connections write first.
    NextTurn,
    /// See [`MOST_UNWRITTEN`].
    SocketsFull,
}

/// Who sends on in a closed loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refill {
    /// Whichever connection has made room.
    ByAnswers,
    /// The pacer, once all have read.
    ByPacer,
}

impl Shard {
    /// A shard that has not begun.
    #[must_use]
    pub fn new(
        core: SendCore<LoadToken>,
        source: Source,
        bodies: Bodies,
        limits: ShardLimits,
        window: Window,
        recorders: Recorders,
    ) -> Self {
        Self {
            core,
            source,
            bodies,
            limits,
            window,
            opening: None,
            ask_at: Nanos::NEVER,
            recorders,
            counts: ShardCounts::default(),
            in_flight: 0,
            in_flight_measured: 0,
            waiting: BinaryHeap::new(),
            held: VecDeque::new(),
            held_until: Nanos::NONE,
            ended: Vec::new(),
            audit: Vec::new(),
            remarks: Vec::new(),
            sending: Sending::On,
            unbegun: Unbegun::None,
            blocked: false,
            blocked_since: None,
            looked: Nanos::NONE,
            settled: 0,
            refill: Refill::ByAnswers,
            queues: None,
            more: None,
            ends: None,
            asking: None,
        }
    }

    /// The same with a window whose begin is agreed on later.
    #[must_use]
    pub(super) fn with_opening(mut self, opening: Option<Arc<Opening>>) -> Self {
        if opening.is_some() {
            self.ask_at = Nanos::NONE;
        }
        self.opening = opening;
        self
    }

    /// Before anything due up to `now` is begun or settled: learns what second this is.
    #[inline]
    pub(super) fn enter(&mut self, now: Nanos) {
        if now >= self.ask_at {
            self.ask_for_window(now);
        }
    }

    #[cold]
    fn ask_for_window(&mut self, now: Nanos) {
        self.ask_at = Nanos::NEVER;
        let Some(opening) = &self.opening else { return };
        match opening.enter(now) {
            Ok(opened) => {
                self.window = opened.window;
                self.source.end_with(opened.end_number);
                self.opening = None;
            }
            Err(next) => self.ask_at = next,
        }
    }

    /// The measured part of the run as far as it is known.
    #[must_use]
    pub(super) fn window(&self) -> Window {
        self.window
    }

    /// The same with sends to the queues drawn for them.
    #[must_use]
    pub(super) fn with_queues(mut self, queues: Option<Queues>) -> Self {
        self.queues = queues.map(Box::new);
        self
    }

    /// The same with half messages, whose transactions are to be ended.
    #[must_use]
    pub(super) fn with_ends(mut self, ends: Option<Ends>) -> Self {
        if let Some(ends) = &ends {
            let any = UniqueSuffix::default();
            ends.transactions.begins(&self.core.id_prefix().with(any));
        }
        self.ends = ends;
        self
    }

    /// Ends the transactions of half messages just stored.
    pub(super) fn end_transactions(&mut self, halves: &mut Vec<HalfStored>) {
        let Some(ends) = &mut self.ends else { return };
        for half in halves.drain(..) {
            let measured = self.window.contains(half.intended);
            ends.end(&mut self.core, &half, measured);
        }
    }

    /// What was told at the ends of transactions.
    pub(super) fn end_counts(&self) -> EndCounts {
        let ends = self.ends.as_ref();
        ends.map(|ends| ends.counts).unwrap_or_default()
    }

    /// Sends everything due at `now`, retries first.
    pub fn pump(&mut self, now: Nanos) {
        self.pump_at(now, true);
    }

    /// Sends the retries due at `now`, and what the schedule has due only on a tick.
    pub fn pump_at(&mut self, now: Nanos, on_tick: bool) {
        self.enter(now);
        self.refresh(now);
        if self.asking.is_some() {
            self.tend_requests(now);
        }
        self.release_held(now);
        if on_tick {
            self.note_unwritten(now);
        }
        loop {
            self.release_waiting(now);
            if on_tick && self.is_sending() {
                self.stage_due(now);
                self.note_blocked(now);
            }
            self.flush(now);
            if self.ended.is_empty() {
                return;
            }
            // What could not be submitted may be retried elsewhere at once; attempts are bounded.
            self.settle_ended(now);
            if self.waiting.peek().is_none_or(|next| next.at > now) {
                return;
            }
        }
    }

    /// A local limit is not the broker's doing and its refusal no attempt: the send waits, which shows
    /// as queue time.
    fn release_held(&mut self, now: Nanos) {
        if self.held.is_empty() || now < self.held_until {
            return;
        }
        self.held_until = now.plus(HELD_WAIT);
        for _ in 0..self.held.len().min(HELD_AT_A_TIME) {
            let Some(mut send) = self.held.pop_front() else {
                return;
            };
            if now < send.track.budget_ends {
                self.stage(send, now);
            } else {
                send.track.attempts = send.track.attempts.max(1);
                self.finish_failed(send, ErrorKind::LocalLimit, now);
            }
        }
    }

    fn release_waiting(&mut self, now: Nanos) {
        while self.waiting.peek().is_some_and(|next| next.at <= now) {
            if let Some(Waiting { send, .. }) = self.waiting.pop() {
                self.stage(send, now);
            }
        }
    }

    /// Keeps the time held back by the cap, as far as it lies in the window.
    #[inline]
    fn note_blocked(&mut self, now: Nanos) {
        match (self.blocked, self.blocked_since) {
            (true, None) => self.blocked_since = Some(now),
            (false, Some(since)) => {
                self.counts.blocked_ns += self.in_window(since, now);
                self.blocked_since = None;
            }
            _ => {}
        }
    }

    /// What the last tick has sent should be gone.
    fn note_unwritten(&mut self, now: Nanos) {
        let looked = std::mem::replace(&mut self.looked, now);
        if looked != Nanos::NONE && self.unwritten_bytes() >= SOCKET_FULL {
            self.counts.unwritten_ns += self.in_window(looked, now);
        }
    }

    /// Nanoseconds of the window between two moments.
    fn in_window(&self, since: Nanos, now: Nanos) -> u64 {
        now.min(self.window.until)
            .since(since.max(self.window.from))
    }

    #[inline]
    fn stage_due(&mut self, now: Nanos) {
        self.blocked = false;
        self.unbegun = Unbegun::None;
        if self.source.is_closed_loop() && self.unwritten_bytes() > MOST_UNWRITTEN {
            self.unbegun = Unbegun::SocketsFull;
            return;
        }
        for _ in 0..BEGUN_AT_A_TIME {
            let due @ Due { intended, number } = match self.source.due(now, self.window) {
                Some(due) => due,
                None => return,
            };
            let late = now.since(intended) > self.limits.late_after_ns;
            if late && intended < self.window.from && now >= self.window.from {
                // What the warm-up could not send in time must not take the window's room.
                self.source.advance(self.window);
                self.recorders.warmup.planned(1);
                self.recorders.warmup.unsent(1);
                continue;
            }
            if self.in_flight >= self.limits.in_flight {
                self.blocked = true;
                if self.limits.when_late == WhenLate::CatchUp {
                    return;
                }
            }
            match self.limits.when_late {
                WhenLate::Skip if late => {
                    self.source.advance(self.window);
                    let recorder = self.recorders.of(self.window.contains(intended));
                    recorder.planned(1);
                    recorder.unsent(1);
                    continue;
                }
                WhenLate::Abort if late => {
                    self.sending = Sending::Aborted;
                    return;
                }
                _ if self.in_flight >= self.limits.in_flight => return,
                _ => {}
            }
            // As many as may be in flight: it has one.
            let window_ns = intended.since(self.window.from);
            let Some(message) = self.bodies.next_message(number, window_ns) else {
                return;
            };
            self.source.advance(self.window);
            self.begin(message, due, now);
        }
        self.unbegun = Unbegun::NextTurn;
    }

    #[inline]
    fn begin(&mut self, message: Arc<Message>, due: Due, now: Nanos) {
        let Due { intended, number } = due;
        let measured = self.window.contains(intended);
        let mut budget_ends = now.plus(self.limits.timeout);
        if let Some(deadline) = self.limits.deadline {
            budget_ends = budget_ends.min(intended.plus(deadline));
        }
        let topic = self.topic_of(number);
        let token = LoadToken {
            message,
            intended,
            topic,
            retried_for: None,
        };
        let mut send = self.core_of(topic).begin(token, now, budget_ends);
        if self.queues.is_some() {
            self.pin_drawn(&mut send, number);
        }
        self.in_flight += 1;
        self.in_flight_measured += usize::from(measured);
        self.counts.submitted += self.messages_if(measured);
        let recorder = self.recorders.of(measured);
        recorder.planned(1);
        recorder.submitted(intended.0, now.0);
        self.stage(send, now);
    }

    /// Binds message `number` to the queue drawn for it. Out of line: most runs draw none.
    #[inline(never)]
    fn pin_drawn(&mut self, send: &mut Outgoing<LoadToken>, number: u64) {
        let Some(mut queues) = self.queues.take() else {
            return;
        };
        let core = self.core_of(send.carrier.topic);
        core.pin_nth(send, |count| queues.index(number, count));
        self.queues = Some(queues);
    }

    #[inline]
    fn stage(&mut self, send: Outgoing<LoadToken>, now: Nanos) {
        if let Err(send) = self.core_of(send.carrier.topic).stage(send) {
            self.finish_failed(send, ErrorKind::NoRoute, now);
        }
    }

    /// Takes over what a connection has ended, and settles it.
    pub fn take_ended(&mut self, ended: &mut Vec<Ended<LoadToken>>, now: Nanos) {
        self.enter(now);
        if self.ended.is_empty() {
            std::mem::swap(&mut self.ended, ended);
        } else {
            self.ended.append(ended);
        }
        self.settle_ended(now);
        // The connection gets a buffer back that has grown already.
        if ended.capacity() == 0 {
            std::mem::swap(&mut self.ended, ended);
        }
    }

    fn settle_ended(&mut self, now: Nanos) {
        let mut ended = std::mem::take(&mut self.ended);
        self.settled += ended.len() as u64;
        for attempt in ended.drain(..) {
            self.settle(attempt, now);
        }
        self.ended = ended;
    }

    #[inline]
    fn settle(&mut self, ended: Ended<LoadToken>, now: Nanos) {
        let next = self
            .core
            .settle(&ended.send.track, ended.result, ended.service(), now);
        match (ended.result, &self.asking) {
            (AttemptResult::Failed(error), _) => self.settle_failure(ended.send, error, next, now),
            (AttemptResult::Stored(status), Some(_)) => self.await_answer(ended, status, now),
            (AttemptResult::Stored(_) | AttemptResult::Accepted, _) => {
                self.finish_stored(ended, now);
            }
        }
    }

    /// Ends a send that went well.
    #[inline]
    fn finish_stored(&mut self, ended: Ended<LoadToken>, now: Nanos) {
        let track = ended.send.track;
        let broker = track.broker().map_or(0, BrokerId::index);
        let intended = ended.send.carrier.intended;
        let measured = self.window.contains(intended);
        self.in_flight -= 1;
        self.in_flight_measured -= usize::from(measured);
        self.counts.acked_in_window += self.messages_if(self.window.contains(ended.at));
        if measured {
            self.counts.last_ack = ended.at;
        }
        let times = SendTimes {
            intended_ns: intended.0,
            submitted_ns: track.submitted.0,
            written_ns: ended.written.0,
            received_ns: ended.at.0,
        };
        let recorder = self.recorders.of(measured);
        recorder.attempt(broker, track.attempts - 1);
        if let Some(kind) = ended.send.carrier.retried_for {
            recorder.attempt_failed(None, label(kind), true);
        }
        if track.maybe_stored {
            recorder.maybe_stored_twice();
        }
        recorder.acked_bytes(self.bodies.bytes_of(&ended.send.carrier.message));
        match ended.result {
            AttemptResult::Stored(status) => {
                recorder.acked(broker, status, &times, track.attempts);
                recorder.read_after(now.since(ended.at));
            }
            _ => {
                let (submitted, written) = (times.submitted_ns, times.written_ns);
                recorder.acked_oneway(broker, submitted, written, track.attempts);
            }
        }
        if self.limits.audit && measured {
            self.note_end(&ended.send, "acked");
        }
        self.bodies.give_back(ended.send.carrier.message);
    }

    #[cold]
    fn settle_failure(
        &mut self,
        mut send: Outgoing<LoadToken>,
        error: AttemptError,
        next: Next,
        now: Nanos,
    ) {
        if let AttemptError::Local(_) = error {
            send.track.attempts -= 1;
            self.held.push_back(send);
            return;
        }
        send.track.maybe_stored |= error.maybe_stored();
        let recorder = self
            .recorders
            .of(self.window.contains(send.carrier.intended));
        let broker = send.track.broker().map(BrokerId::index);
        recorder.attempt(broker.unwrap_or(0), send.track.attempts - 1);
        recorder.attempt_failed(broker, label(error.kind()), false);
        if let Some(kind) = send.carrier.retried_for.replace(error.kind()) {
            recorder.attempt_failed(None, label(kind), true);
        }
        match next {
            Next::Again(wait) => self.waiting.push(Waiting {
                at: now.plus(wait),
                send,
            }),
            Next::Done => self.finish_failed(send, error.kind(), now),
        }
    }

    #[cold]
    fn finish_failed(&mut self, send: Outgoing<LoadToken>, kind: ErrorKind, now: Nanos) {
        self.in_flight -= 1;
        let track = send.track;
        let measured = self.window.contains(send.carrier.intended);
        self.in_flight_measured -= usize::from(measured);
        let at_least = now.since(send.carrier.intended);
        if let (true, Some(ends)) = (track.maybe_stored, &self.ends) {
            ends.gave_up(&self.core, &track);
        }
        let recorder = self.recorders.of(measured);
        if track.maybe_stored {
            recorder.unknown(label(kind), at_least, track.attempts);
        } else {
            recorder.failed(label(kind), Some(at_least), track.attempts);
        }
        if self.limits.audit && measured {
            let outcome = if track.maybe_stored {
                "unknown"
            } else {
                "failed"
            };
            self.note_end(&send, outcome);
        }
        self.bodies.give_back(send.carrier.message);
    }

    #[cold]
    fn note_end(&mut self, send: &Outgoing<LoadToken>, outcome: &'static str) {
        let track = &send.track;
        let record = |id| AuditRecord {
            id,
            broker: track.broker(),
            queue_id: track.queue().map(|queue| queue.queue_id),
            outcome,
        };
        let core = self.core_of(send.carrier.topic);
        let ids = core.unique_ids(track, send.carrier.message());
        self.audit.extend(ids.map(record));
    }

    /// Messages of one send, or none.
    #[inline]
    fn messages_if(&self, counts: bool) -> u64 {
        if counts {
            self.limits.messages_per_send.into()
        } else {
            0
        }
    }

    /// Keeps the first remark of each kind of refusal: the words a user can act on.
    #[cold]
    pub(super) fn note_remark(&mut self, kind: Label, remark: &str) {
        if self.remarks.len() < 32 && !self.remarks.iter().any(|(known, _)| *known == kind) {
            self.remarks
                .push((kind, remark.chars().take(300).collect()));
        }
    }

    /// Counts refusals for want of room or time.
    #[cold]
    pub(super) fn note_refusals(&mut self, refusals: &mut Vec<Refusal>) {
        for refusal in refusals.drain(..) {
            let recorder = self.recorders.of(self.window.contains(refusal.intended));
            recorder.refused(refusal.broker.index(), &refusal.flow);
        }
    }

    /// Counts replies to sends that had ended, by the time they came: which sends they belong to is
    /// not known any more.
    pub(super) fn note_late(&mut self, replies: u64, at: Nanos) {
        self.enter(at);
        let recorder = self.recorders.of(at >= self.window.from);
        for _ in 0..replies {
            recorder.late_reply();
        }
    }

    /// In a closed loop whose answers are read together, the pacer looks once all connections have
    /// read, and sends on for all of them with one write each.
    pub(super) fn refill_from_pacer(&mut self, together: bool) {
        self.refill = match together && self.source.is_closed_loop() {
            true => Refill::ByPacer,
            false => Refill::ByAnswers,
        };
    }

    /// Whether completions should send on at once: messages held back by the cap, a retry, or in a
    /// closed loop room for a batch. Refilling it one by one would write one by one; what is left
    /// over waits for the pacer's next tick at most.
    #[inline]
    #[must_use]
    pub fn wants_pump(&self) -> bool {
        let room = self.limits.in_flight - self.in_flight.min(self.limits.in_flight);
        let refill = if self.source.is_closed_loop() {
            room >= (self.limits.in_flight / REFILL_SHARE).max(1)
        } else {
            self.blocked
        };
        self.refill == Refill::ByAnswers
            && (self.is_sending() && refill || !self.waiting.is_empty())
    }

    /// When the pacer should come back whatever else it waits for, once the connections have written:
    /// messages may be due that had no turn.
    #[must_use]
    pub fn comes_back_after(&self) -> Option<Duration> {
        match self.unbegun {
            _ if !self.is_sending() => None,
            Unbegun::None => None,
            Unbegun::NextTurn => Some(Duration::ZERO),
            Unbegun::SocketsFull => Some(UNWRITTEN_WAIT),
        }
    }

    /// Whether messages are due that the cap on flight holds back.
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// When the pacer has to look again: the next message, the next retry. A message held back by
    /// the cap is due already: answers let it go, the pacer only sees to those that follow.
    #[must_use]
    pub fn next_wake(&self) -> Option<Nanos> {
        let due = self
            .source
            .next_due(self.window)
            .filter(|_| self.is_sending());
        let retry = self.waiting.peek().map(|next| next.at);
        let held = (!self.held.is_empty()).then_some(self.held_until);
        [due, retry, held].into_iter().flatten().min()
    }

    /// Stops sending: whatever is planned up to now and has not been sent is unsent.
    pub fn stop_sending(&mut self, now: Nanos) {
        if self.is_sending() {
            self.sending = Sending::Stopped;
        }
        // A window that has not begun never will.
        (self.opening, self.ask_at) = (None, Nanos::NEVER);
        // A message begun at this very moment was planned for it and is inside.
        self.window.until = self.window.until.min(Nanos(now.0 + 1));
        self.blocked = false;
        self.note_blocked(now);
        let rest = self.source.rest(self.window);
        self.recorders.measured.planned(rest);
        self.recorders.measured.unsent(rest);
    }

    /// Gives up what is still in flight and closes the connections: nobody will learn how it ended.
    pub fn abandon(&mut self, now: Nanos) {
        let unanswered = self.core.abandon(now);
        for Ended { send, result, .. } in unanswered {
            if let AttemptResult::Failed(error) = result {
                self.settle_failure(send, error, Next::Done, now);
            }
        }
        self.give_up_requests(now, |_| true);
        for Waiting { send, .. } in std::mem::take(&mut self.waiting) {
            self.finish_failed(send, ErrorKind::Unanswered, now);
        }
        for mut send in std::mem::take(&mut self.held) {
            send.track.attempts = send.track.attempts.max(1);
            self.finish_failed(send, ErrorKind::LocalLimit, now);
        }
    }

    /// Whether nothing is in flight any more.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        // The last ends of transactions are waited for by nobody else.
        self.in_flight == 0 && (self.ends.is_none() || self.core.unwritten_bytes() == 0)
    }

    /// When sending is over, once the last of a planned count has been begun.
    #[must_use]
    pub fn ends_at(&self) -> Option<Nanos> {
        self.source.ends_at()
    }

    /// Whether the late policy ended the run.
    #[must_use]
    pub fn is_aborted(&self) -> bool {
        self.sending == Sending::Aborted
    }

    fn is_sending(&self) -> bool {
        self.sending == Sending::On
    }

    /// Whether answers decide when the next message goes out.
    #[must_use]
    pub fn is_closed_loop(&self) -> bool {
        self.source.is_closed_loop()
    }

    /// Attempts that ever ended.
    #[must_use]
    pub fn settled(&self) -> u64 {
        self.settled
    }

    /// Sends in flight, waiting retries included.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Counts so far.
    #[must_use]
    pub fn counts(&self) -> ShardCounts {
        self.counts
    }

    /// Hands the recorders over in exchange for empty ones.
    pub fn swap_recorders(&mut self, empty: Recorders) -> Recorders {
        std::mem::replace(&mut self.recorders, empty)
    }

    /// Audit records since the last call.
    pub fn take_audit(&mut self) -> Vec<AuditRecord> {
        std::mem::take(&mut self.audit)
    }

    /// First remark of each kind of refusal.
    #[must_use]
    pub fn remarks(&self) -> &[(Label, String)] {
        &self.remarks
    }

    /// The sending side.
    #[must_use]
    pub fn core(&self) -> &SendCore<LoadToken> {
        &self.core
    }
}

pub(super) fn label(kind: ErrorKind) -> Label {
    let (name, code) = kind.label();
    Label { name, code }
}
