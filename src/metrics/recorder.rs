//! **Hot path.** Where one shard writes what happened to its sends.
//!
//! Budget per message: no lock, no allocation, no clock read; five histogram records (lateness, queue
//! and receive delay, and on the broker response and service) and about a dozen additions. Response and service
//! are recorded on the broker only; those of the run are the brokers' merged. What failed has a
//! histogram of its own, so that a success never pays for the figure "with failures".
//!
//! # What the caller owes
//! One send is told as: [`Recorder::planned`], then either [`Recorder::unsent`], or
//! [`Recorder::submitted`] followed by its attempts and exactly one end. Each attempt is
//! [`Recorder::attempt`] and then either the send's `acked…` or one [`Recorder::attempt_failed`] on
//! the same broker, also when its answer never came. All times are nanoseconds of one monotonic
//! clock. A recorder moves to the collector by [`Recorder::hand_over`], once a second.

use crate::protocol::FlowControl;
use crate::protocol::code::SendStatus;

use super::counters::Counters;
use super::histogram::{Counter, LatencyHistogram};
use super::label::{Label, LabelCounts};
use super::refusals::Refusals;

/// A recorder wide enough for a whole run.
pub type Totals = Recorder<u64>;

/// The four times of an acknowledged send, in nanoseconds, none before the one above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SendTimes {
    /// When the plan wanted it.
    pub intended_ns: u64,
    /// When its first attempt was submitted.
    pub submitted_ns: u64,
    /// When the first byte of its last attempt was handed to the system.
    pub written_ns: u64,
    /// When the answer to its last attempt arrived.
    pub received_ns: u64,
}

/// What one broker did.
#[derive(Debug, Clone)]
pub struct BrokerRecord<C: Counter = u32> {
    /// Attempts handed to the transport for this broker: `acked + failed`, once all have ended.
    pub attempts: u64,
    /// Attempts this broker acknowledged, each the end of a send.
    pub acked: u64,
    /// Attempts on this broker that failed or were never answered.
    pub failed: u64,
    /// Those of `attempts` that were not the first of their send.
    pub retries: u64,
    /// Failed attempts by reason.
    pub errors: LabelCounts,
    /// Those of them refused for want of room or time.
    pub refusals: Refusals,
    /// Intended → received, of the sends this broker acknowledged.
    pub response: LatencyHistogram<C>,
    /// Written → received, of the attempts this broker acknowledged.
    pub service: LatencyHistogram<C>,
}

impl<C: Counter> Default for BrokerRecord<C> {
    fn default() -> Self {
        Self::new()
    }
}

impl<C: Counter> BrokerRecord<C> {
    /// A broker nothing was sent to.
    #[must_use]
    pub fn new() -> Self {
        Self {
            attempts: 0,
            acked: 0,
            failed: 0,
            retries: 0,
            errors: LabelCounts::default(),
            refusals: Refusals::default(),
            response: LatencyHistogram::new(),
            service: LatencyHistogram::new(),
        }
    }

    fn merge<D: Counter + Into<C>>(&mut self, other: &BrokerRecord<D>) {
        self.attempts += other.attempts;
        self.acked += other.acked;
        self.failed += other.failed;
        self.retries += other.retries;
        self.errors.merge(&other.errors);
        self.refusals.merge(&other.refusals);
        self.response.add(&other.response);
        self.service.add(&other.service);
    }

    fn clear(&mut self) {
        (self.attempts, self.acked, self.failed, self.retries) = (0, 0, 0, 0);
        self.errors.clear();
        self.refusals.clear();
        self.response.clear();
        self.service.clear();
    }
}

/// Counts and times of a span of time: one second of one shard, or by merging anything larger.
#[derive(Debug, Clone)]
pub struct Recorder<C: Counter = u32> {
    /// Messages of a send.
    weight: Weight<C>,
    counters: Counters,
    last_submitted_ns: u64,
    lateness: LatencyHistogram<C>,
    queue: LatencyHistogram<C>,
    failures: LatencyHistogram<C>,
    receive_delay: LatencyHistogram<C>,
    /// Service times of acknowledged attempts after the first, by their number from the second on.
    later: Vec<LatencyHistogram<C>>,
    brokers: Vec<BrokerRecord<C>>,
}

/// How often everything counts, as both kinds of number.
#[derive(Debug, Clone, Copy)]
struct Weight<C> {
    count: u64,
    cells: C,
}

impl<C: Counter> Recorder<C> {
    /// An empty recorder with room for brokers `0..brokers`.
    #[must_use]
    pub fn new(brokers: usize) -> Self {
        Self::of_batches(brokers, 1)
    }

    /// The same for sends that are batches of so many messages: whatever is told of a send counts for
    /// each of them, also an attempt, so that all counts are of messages.
    #[must_use]
    pub fn of_batches(brokers: usize, messages: u32) -> Self {
        Self {
            weight: Weight {
                count: messages.into(),
                cells: C::from_u32(messages).unwrap_or_else(C::one),
            },
            counters: Counters::default(),
            last_submitted_ns: 0,
            lateness: LatencyHistogram::new(),
            queue: LatencyHistogram::new(),
            failures: LatencyHistogram::new(),
            receive_delay: LatencyHistogram::new(),
            later: Vec::new(),
            brokers: (0..brokers).map(|_| BrokerRecord::new()).collect(),
        }
    }

    /// Makes room for a broker that a new route brought. Recording for a broker without room makes
    /// it too, but then allocates between two messages.
    #[cold]
    pub fn ensure_broker(&mut self, index: usize) {
        while self.brokers.len() <= index {
            self.brokers.push(BrokerRecord::new());
        }
    }

    /// `n` sends fell due; in a closed loop: were begun.
    #[inline]
    pub fn planned(&mut self, n: u64) {
        self.counters.planned += n * self.weight.count;
    }

    /// A send was begun: submitted to the client for the first time. Records its lateness.
    #[inline]
    pub fn submitted(&mut self, intended_ns: u64, submitted_ns: u64) {
        self.counters.sent += self.weight.count;
        self.last_submitted_ns = self.last_submitted_ns.max(submitted_ns);
        let lateness = submitted_ns.saturating_sub(intended_ns);
        self.lateness.record_n(lateness, self.weight.cells);
    }

    /// An attempt was handed to the transport. `ordinal` counts the tries of its send from 0, tries
    /// that found no broker included.
    #[inline]
    pub fn attempt(&mut self, broker: usize, ordinal: u32) {
        let ordinal = ordinal as usize;
        if self.counters.by_attempt.len() <= ordinal {
            self.grow_ordinals(ordinal);
        }
        let count = self.weight.count;
        self.counters.by_attempt[ordinal] += count;
        let record = self.broker_mut(broker);
        record.attempts += count;
        record.retries += if ordinal > 0 { count } else { 0 };
    }

    /// An attempt failed, or found no broker (`None`). With `retried` it is also the reason of the
    /// next attempt: to be told only when that attempt is really handed over.
    pub fn attempt_failed(&mut self, broker: Option<usize>, why: Label, retried: bool) {
        let count = self.weight.count;
        if let Some(broker) = broker {
            let record = self.broker_mut(broker);
            record.failed += count;
            record.errors.add(why, count);
        }
        if retried {
            self.counters.retry_reasons.add(why, count);
        }
    }

    /// An attempt that failed was refused for want of room or time.
    #[cold]
    pub fn refused(&mut self, broker: usize, flow: &FlowControl) {
        let count = self.weight.count;
        self.broker_mut(broker).refusals.note(flow, count);
    }

    /// A send that is about to be acknowledged had attempts before, one of which may have been stored.
    #[cold]
    pub fn maybe_stored_twice(&mut self) {
        self.counters.possible_duplicates += self.weight.count;
    }

    /// A send was acknowledged by the broker of its last attempt.
    #[inline]
    pub fn acked(&mut self, broker: usize, status: SendStatus, times: &SendTimes, attempts: u32) {
        let Weight { count, cells } = self.weight;
        self.counters.acked += count;
        self.counters.by_status[status as usize] += count;
        self.ended(attempts, true);
        let queue = times.written_ns.saturating_sub(times.submitted_ns);
        self.queue.record_n(queue, cells);
        let service = times.received_ns.saturating_sub(times.written_ns);
        if attempts > 1 {
            self.retry_cost(queue, service, attempts);
        }
        let record = self.broker_mut(broker);
        record.acked += count;
        let response = times.received_ns.saturating_sub(times.intended_ns);
        record.response.record_n(response, cells);
        record.service.record_n(service, cells);
    }

    /// A send that was acknowledged had bodies of so many bytes, all its messages together.
    #[inline]
    pub fn acked_bytes(&mut self, bytes: u64) {
        self.counters.acked_bytes += bytes;
    }

    /// The answer of an acknowledged send was read so long after it had arrived.
    #[inline]
    pub fn read_after(&mut self, delay_ns: u64) {
        self.receive_delay.record_n(delay_ns, self.weight.cells);
    }

    /// A oneway send was accepted by the socket: it has a queue time and nothing after it.
    #[inline]
    pub fn acked_oneway(
        &mut self,
        broker: usize,
        submitted_ns: u64,
        written_ns: u64,
        attempts: u32,
    ) {
        let Weight { count, cells } = self.weight;
        self.counters.acked += count;
        self.counters.acked_oneway += count;
        self.ended(attempts, true);
        let queue = written_ns.saturating_sub(submitted_ns);
        self.queue.record_n(queue, cells);
        self.broker_mut(broker).acked += count;
    }

    /// A send failed and its message is not stored. `response_at_least_ns` is the time from its
    /// intended time to its end; `None` for a send that was refused before it could wait.
    pub fn failed(&mut self, why: Label, response_at_least_ns: Option<u64>, attempts: u32) {
        self.counters.failed += self.weight.count;
        self.counters.errors.add(why, self.weight.count);
        self.ended(attempts, false);
        if let Some(ns) = response_at_least_ns {
            self.failures.record_n(ns, self.weight.cells);
        }
    }

    /// A send ended without an answer after bytes of it had left; its message may be stored.
    pub fn unknown(&mut self, why: Label, response_at_least_ns: u64, attempts: u32) {
        self.counters.unknown += self.weight.count;
        self.counters.errors.add(why, self.weight.count);
        self.ended(attempts, false);
        self.failures
            .record_n(response_at_least_ns, self.weight.cells);
    }

    /// `n` sends that were due will never be begun.
    #[inline]
    pub fn unsent(&mut self, n: u64) {
        self.counters.unsent += n * self.weight.count;
    }

    /// An answer came after its send had ended.
    pub fn late_reply(&mut self) {
        self.counters.late_replies += self.weight.count;
    }

    #[inline]
    fn ended(&mut self, attempts: u32, acked: bool) {
        if attempts > 1 {
            self.counters.retried_sends += self.weight.count;
            self.counters.recovered_sends += if acked { self.weight.count } else { 0 };
        }
    }

    #[cold]
    fn retry_cost(&mut self, queue_ns: u64, service_ns: u64, attempts: u32) {
        let counters = &mut self.counters;
        let all = queue_ns.saturating_mul(self.weight.count);
        counters.retry_ns = counters.retry_ns.saturating_add(all);
        counters.longest_retry_ns = counters.longest_retry_ns.max(queue_ns);
        let cells = self.weight.cells;
        let index = attempts.saturating_sub(2) as usize;
        self.later_mut(index).record_n(service_ns, cells);
    }

    #[cold]
    fn later_mut(&mut self, index: usize) -> &mut LatencyHistogram<C> {
        if index >= self.later.len() {
            self.later.resize_with(index + 1, LatencyHistogram::new);
        }
        &mut self.later[index]
    }

    #[inline]
    fn broker_mut(&mut self, index: usize) -> &mut BrokerRecord<C> {
        if index >= self.brokers.len() {
            self.ensure_broker(index);
        }
        &mut self.brokers[index]
    }

    #[cold]
    fn grow_ordinals(&mut self, ordinal: usize) {
        self.counters.by_attempt.resize(ordinal + 1, 0);
    }

    /// Adds another span of time, or another shard.
    pub fn merge<D: Counter + Into<C>>(&mut self, other: &Recorder<D>) {
        self.counters.merge(&other.counters);
        self.last_submitted_ns = self.last_submitted_ns.max(other.last_submitted_ns);
        self.lateness.add(&other.lateness);
        self.queue.add(&other.queue);
        self.failures.add(&other.failures);
        self.receive_delay.add(&other.receive_delay);
        for (index, times) in other.later.iter().enumerate() {
            self.later_mut(index).add(times);
        }
        for (index, broker) in other.brokers.iter().enumerate() {
            self.broker_mut(index).merge(broker);
        }
    }

    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        self.counters.clear();
        self.last_submitted_ns = 0;
        self.lateness.clear();
        self.queue.clear();
        self.failures.clear();
        self.receive_delay.clear();
        self.later.iter_mut().for_each(LatencyHistogram::clear);
        self.brokers.iter_mut().for_each(BrokerRecord::clear);
    }

    /// Gives away what was recorded and goes on in `recycled`, cleared and with room for the same
    /// brokers. No cells are copied.
    #[must_use]
    pub fn hand_over(&mut self, mut recycled: Self) -> Self {
        recycled.clear();
        if let Some(last) = self.brokers.len().checked_sub(1) {
            recycled.ensure_broker(last);
        }
        std::mem::replace(self, recycled)
    }

    /// The accounts.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// What each broker did, by index.
    #[must_use]
    pub fn brokers(&self) -> &[BrokerRecord<C>] {
        &self.brokers
    }

    /// Latest submission, in nanoseconds of the caller's clock; 0 when there was none.
    #[must_use]
    pub fn last_submitted_ns(&self) -> u64 {
        self.last_submitted_ns
    }

    /// Intended → first submitted, of every send that was begun.
    #[must_use]
    pub fn lateness(&self) -> &LatencyHistogram<C> {
        &self.lateness
    }

    /// First submitted → written by the last attempt, of acknowledged sends.
    #[must_use]
    pub fn queue(&self) -> &LatencyHistogram<C> {
        &self.queue
    }

    /// Intended → end, of failed and unknown sends: how long they took at least.
    #[must_use]
    pub fn failures(&self) -> &LatencyHistogram<C> {
        &self.failures
    }

    /// Received → read, of acknowledged sends. In no other time: `received` is the kernel's stamp
    /// where there is one, and where there is none, this is zero.
    #[must_use]
    pub fn receive_delay(&self) -> &LatencyHistogram<C> {
        &self.receive_delay
    }

    /// Written → received of the attempts after the first that were acknowledged, from the second on.
    #[must_use]
    pub fn later_attempts(&self) -> &[LatencyHistogram<C>] {
        &self.later
    }

    /// Intended → received, of acknowledged sends on all brokers.
    #[must_use]
    pub fn response(&self) -> LatencyHistogram<C> {
        self.merged(|broker| &broker.response)
    }

    /// Written → received by the last attempt, of acknowledged sends on all brokers.
    #[must_use]
    pub fn service(&self) -> LatencyHistogram<C> {
        self.merged(|broker| &broker.service)
    }

    fn merged(
        &self,
        which: impl Fn(&BrokerRecord<C>) -> &LatencyHistogram<C>,
    ) -> LatencyHistogram<C> {
        let mut sum = LatencyHistogram::new();
        for broker in &self.brokers {
            sum.add(which(broker));
        }
        sum
    }
}

#[cfg(test)]
mod tests;
