//! Half messages of a broker, and the checks it makes when nobody says what becomes of them.
//!
//! A half message keeps its record until its transaction ends, as a check carries it; their number and
//! bytes are bounded.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use crate::broker::behaviour::{is_nth, nanos};
use crate::broker::readers::Place;
use crate::broker::record::{self, NewMessage};
use crate::broker::state::BrokerState;
use crate::broker::topics::Topic;
use crate::protocol::message_id::offset_message_id;
use crate::protocol::transaction::{CheckTransaction, EndTransaction, Resolution};
use crate::protocol::{SerializeType, properties};

/// Most bytes of half messages one broker keeps.
const MOST_BYTES: usize = 256 * 1024 * 1024;
/// How exactly checks are timed.
const LOOKS_EVERY: Duration = Duration::from_millis(20);

/// A half message whose transaction has not ended.
#[derive(Debug)]
struct Half {
    group: String,
    message_id: String,
    topic: Arc<Topic>,
    queue_id: u32,
    queue_offset: u64,
    /// The record a check carries.
    record: Vec<u8>,
    body_bytes: u64,
    check_at_ns: u64,
    checks_left: u32,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Transactions {
    open: RefCell<Open>,
    /// Wakes the checks when there is something to check again.
    begun: Notify,
}

#[derive(Debug, Default)]
struct Open {
    /// By offset in the commit log.
    halves: BTreeMap<u64, Half>,
    /// Ended by script as others are, and yet checked.
    ended: BTreeMap<u64, Half>,
    bytes: usize,
    /// Length of the queue half messages are kept in.
    length: u64,
    ended_number: u64,
}

/// Whether properties make a message a half one.
pub(super) fn is_half(properties: &str) -> bool {
    properties::parse(properties).any(|pair| pair == (properties::HALF, "true"))
}

impl Transactions {
    /// Keeps a half message; its place among them, or `None` when there are too many.
    pub(super) fn begin(&self, state: &BrokerState, new: &NewMessage<'_>) -> Option<u64> {
        let mut open = self.open.borrow_mut();
        if open.bytes > MOST_BYTES {
            return None;
        }
        let queue_offset = open.length;
        let property = |wanted: &str| {
            let mut pairs = properties::parse(new.properties);
            let found = pairs.find(|(name, _)| *name == wanted);
            found.map_or(String::new(), |(_, value)| value.to_owned())
        };
        let checks = state.checks.get();
        let half = Half {
            group: property(properties::PRODUCER_GROUP),
            message_id: property(properties::UNIQUE_ID_KEY),
            topic: Arc::clone(new.topic),
            queue_id: new.queue_id,
            queue_offset,
            record: new.record(state, queue_offset)?,
            body_bytes: new.body.len() as u64,
            check_at_ns: state.now_ns().saturating_add(nanos(checks.first_after)),
            checks_left: checks.most,
        };
        state.shared.counters.halves.add(1);
        open.length += 1;
        open.bytes += half.record.len();
        if open.halves.insert(new.commit_log_offset, half).is_none() {
            self.begun.notify_one();
        }
        Some(queue_offset)
    }

    /// Ends a transaction, or does not: an unknown end changes nothing, and one that does not fit the half
    /// message is refused.
    ///
    /// # Errors
    /// What does not fit, as text for the answer.
    pub(super) fn end(&self, state: &BrokerState, end: &EndTransaction<'_>) -> Result<(), String> {
        let counters = &state.shared.counters;
        if end.from_check {
            counters.checks_answered.add(1);
        }
        if end.resolution == Resolution::Unknown {
            return Ok(());
        }
        let mut open = self.open.borrow_mut();
        let at = u64::try_from(end.commit_log_offset).map_err(|_| "no such offset".to_owned())?;
        let Some(half) = open.halves.get(&at) else {
            return Err(format!("no half message at {at}"));
        };
        let place = i64::try_from(half.queue_offset).unwrap_or(i64::MAX);
        if half.group != end.group || place != end.queue_offset {
            return Err(
                "the producer group or the offset is not that of the half message".to_owned(),
            );
        }
        let Some(half) = open.halves.remove(&at) else {
            return Ok(());
        };
        open.bytes -= half.record.len();
        if end.resolution == Resolution::Commit {
            let place = half.topic.append(half.queue_id as usize, 1);
            if let (true, Some(offset)) = (state.keeps(&half.topic), place) {
                keep_committed(state, &half, offset);
            }
            counters.messages.add(1);
            counters.body_bytes.add(half.body_bytes);
            counters.committed.add(1);
        } else {
            counters.rolled_back.add(1);
        }
        open.ended_number += 1;
        let script = state.checks.get();
        if is_nth(open.ended_number, script.ended_every) {
            let half = Half {
                check_at_ns: state.now_ns(),
                checks_left: 1,
                ..half
            };
            open.ended.insert(at, half);
            self.begun.notify_one();
        }
        Ok(())
    }

    /// Half messages so far, and how many of them stand before the first that is open.
    pub(super) fn places(&self) -> (u64, u64) {
        let open = self.open.borrow();
        let first = open.halves.values().map(|half| half.queue_offset).min();
        (open.length, first.unwrap_or(open.length))
    }

    /// Makes checks when they are due, for ever.
    pub(super) async fn check(state: Rc<BrokerState>) {
        loop {
            let transactions = &state.transactions;
            let none = {
                let open = transactions.open.borrow();
                open.halves.is_empty() && open.ended.is_empty()
            };
            if none {
                transactions.begun.notified().await;
            }
            tokio::time::sleep(LOOKS_EVERY).await;
            transactions.check_due(&state);
        }
    }

    fn check_due(&self, state: &BrokerState) {
        let now_ns = state.now_ns();
        let script = state.checks.get();
        let mut pushed = false;
        let Open { halves, ended, .. } = &mut *self.open.borrow_mut();
        for (at, half) in halves.iter_mut().chain(ended.iter_mut()) {
            if half.check_at_ns > now_ns || half.checks_left == 0 {
                continue;
            }
            let Some(connection) = state.shared.clients.connection_of(&half.group) else {
                continue;
            };
            half.checks_left -= 1;
            half.check_at_ns = now_ns.saturating_add(nanos(script.again_after));
            for _ in 0..=script.repeats {
                push_check(state, connection, *at, half);
                pushed = true;
            }
        }
        ended.retain(|_, half| half.checks_left > 0);
        if pushed {
            state.changed.notify_waiters();
        }
    }
}

/// Keeps what was a half message for those who look it up or pull it.
fn keep_committed(state: &BrokerState, half: &Half, offset: u64) {
    let place = Place {
        topic: &half.topic,
        queue_id: half.queue_id,
        offset,
    };
    if let Some(record) = record::committed(state, &half.record, offset) {
        state.keep(place, record);
    }
}

fn push_check(state: &BrokerState, connection: u64, at: u64, half: &Half) {
    let id = offset_message_id(state.shared.address, at);
    let check = CheckTransaction {
        queue_offset: i64::try_from(half.queue_offset).unwrap_or(i64::MAX),
        commit_log_offset: i64::try_from(at).unwrap_or(i64::MAX),
        message_id: Some((&*half.message_id).into()),
        transaction_id: Some((&*half.message_id).into()),
        offset_message_id: str::from_utf8(&id).ok().map(Into::into),
        topic: Some("RMQ_SYS_TRANS_HALF_TOPIC".into()),
        broker: Some((&*state.shared.name).into()),
    };
    let mut frame = Vec::new();
    check
        .to_command(half.record.clone())
        .encode(SerializeType::Json, &mut frame);
    state.shared.counters.checks.add(1);
    state.pushes.push(connection, &frame);
}
