//! The share of a load's sends that is traced: noted per message, put into the trace once per round.

use std::sync::Arc;

use crate::client::send::{Carrier, Ended, SendCore, Track};
use crate::client::trace::{Record, Sampling, Sent, Trace};
use crate::client::{Message, Receipt};
use crate::load::shard::LoadToken;
use crate::protocol::{HeaderView, SendStatus};
use crate::transport::Nanos;
use crate::transport::clock::wall_millis;

/// A send that was just stored.
#[derive(Debug)]
struct Noted {
    track: Track,
    message: Arc<Message>,
    written: Nanos,
    took_ns: u64,
    status: SendStatus,
    receipt: Receipt,
}

/// What one connection notes for the trace.
#[derive(Debug)]
pub(super) struct Traces {
    trace: Arc<Trace>,
    topic: Arc<str>,
    sampling: Sampling,
    noted: Vec<Noted>,
}

impl Traces {
    pub(super) fn new(trace: &Arc<Trace>, topic: &str) -> Self {
        Self {
            trace: Arc::clone(trace),
            topic: topic.into(),
            sampling: trace.sampling(),
            noted: Vec::new(),
        }
    }

    /// Notes a send that was stored, if its turn has come.
    pub(super) fn note(
        &mut self,
        ended: &Ended<LoadToken>,
        status: SendStatus,
        header: &HeaderView<'_>,
    ) {
        if self.sampling.takes_next() {
            self.noted.push(Noted {
                track: ended.send.track,
                message: ended.send.carrier.shared_message(),
                written: ended.written,
                took_ns: ended.at.since(ended.written),
                status,
                receipt: Receipt::keep(&header.ext),
            });
        }
    }

    /// Puts what was noted into the trace.
    pub(super) fn hand_over<C: Carrier>(&mut self, core: &SendCore<C>) {
        if self.noted.is_empty() {
            return;
        }
        let (now, wall_ms) = (Nanos::now(), wall_millis());
        for noted in self.noted.drain(..) {
            let queue = noted.track.queue();
            let Some(address) = queue.and_then(|queue| core.broker_address(queue)) else {
                self.trace.drop_one();
                continue;
            };
            self.trace.put(Record::Sent(Sent {
                topic: Arc::clone(&self.topic),
                message: noted.message,
                message_id: core.id_prefix().with(noted.track.id()),
                store_host: Arc::clone(address),
                begun_ms: wall_ms.saturating_sub(now.since(noted.written) / 1_000_000),
                cost_ms: noted.took_ns / 1_000_000,
                status: noted.status,
                receipt: noted.receipt,
            }));
        }
    }
}
