//! How the library's sends and transactions come to be traced: as hooks (R182, R183).

use std::sync::{Arc, Mutex, PoisonError};

use crate::client::hooks::{AttemptEnd, EndTransactionHook, SendAttempt, SendHook, TransactionEnd};
use crate::client::trace::message::{Ended, Record, Sent};
use crate::client::trace::{Sampling, Trace};
use crate::protocol::properties;
use crate::transport::clock::wall_millis;

/// Puts records into a trace.
pub(in crate::client) struct TraceHook {
    trace: Arc<Trace>,
    sampling: Mutex<Sampling>,
}

impl TraceHook {
    pub(in crate::client) fn new(trace: &Arc<Trace>) -> Self {
        Self {
            trace: Arc::clone(trace),
            sampling: Mutex::new(trace.sampling()),
        }
    }

    fn takes_next(&self) -> bool {
        let mut sampling = self.sampling.lock().unwrap_or_else(PoisonError::into_inner);
        sampling.takes_next()
    }
}

impl SendHook for TraceHook {
    fn after(&self, attempt: &SendAttempt<'_>, end: &AttemptEnd<'_>) {
        let AttemptEnd::Stored(status, receipt) = *end else {
            return;
        };
        if !self.trace.is_of(&attempt.queue.topic) || !self.takes_next() {
            return;
        }
        self.trace.put(Record::Sent(Sent {
            topic: Arc::clone(&attempt.queue.topic),
            message: Arc::new(attempt.message.clone()),
            message_id: attempt.message_id,
            store_host: attempt.broker_address.into(),
            begun_ms: attempt.begun_ms,
            cost_ms: wall_millis().saturating_sub(attempt.begun_ms),
            status,
            receipt: receipt.clone(),
        }));
    }
}

impl EndTransactionHook for TraceHook {
    fn ending(&self, end: &TransactionEnd<'_>) {
        if !self.trace.is_of(end.topic) {
            return;
        }
        let owned = |name: &str| end.property(name).map(str::to_owned);
        self.trace.put(Record::Ended(Box::new(Ended {
            at_ms: wall_millis(),
            topic: end.topic.to_owned(),
            message_id: end.message_id.to_owned(),
            tags: owned(properties::TAGS),
            keys: owned(properties::KEYS),
            region: owned("MSG_REGION"),
            store_host: end.broker_address.to_owned(),
            transaction_id: end.transaction_id.to_owned(),
            resolution: end.resolution,
            from_check: end.from_check,
        })));
    }
}
