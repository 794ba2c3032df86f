//! Takes records out of the ring, group by group, and sends them to the trace topic.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

use crate::client::message::Message;
use crate::client::producer::Producer;
use crate::client::trace::Shared;
use crate::client::trace::message::{Limits, Messages, TraceMessage};

/// Longest time from one group to the next while records wait (C4.2).
const FLUSH_EVERY: Duration = Duration::from_secs(5);
/// Largest trace message, in bytes (C4.4).
pub(super) const MOST_BYTES: usize = 128_000;
/// Time to send one (C4.5).
pub(super) const SEND_TIMEOUT: Duration = Duration::from_secs(5);
/// Trace messages in flight at most; Java limits the threads that send, not this (C4.3).
const MOST_SENDS: usize = 64;
/// Longest wait for all of it at the end (C4.6).
const END_TIMEOUT: Duration = Duration::from_secs(5);

/// Runs until the trace is closed and its last record is dealt with.
pub(super) async fn run(shared: Arc<Shared>, producer: Producer) {
    match producer.start() {
        Ok(()) => {
            let (mut sends, producer) = (JoinSet::new(), Arc::new(producer));
            let too_long = async {
                shared.closing.notified().await;
                sleep(END_TIMEOUT).await;
            };
            tokio::select! {
                () = write_all(&shared, &producer, &mut sends) => {}
                () = too_long => {}
            }
            sends.shutdown().await;
            producer.shutdown().await;
        }
        Err(error) => {
            shared.closed.store(true, Ordering::Release);
            tracing::warn!(%error, "no messages are traced");
        }
    }
    while let Some(record) = shared.waiting.pop() {
        let records = record.records();
        shared.failed.fetch_add(records, Ordering::Relaxed);
    }
}

/// Ends when the trace is closed and all of it is sent.
async fn write_all(shared: &Arc<Shared>, producer: &Arc<Producer>, sends: &mut JoinSet<()>) {
    let mut flushed = Instant::now();
    loop {
        let due = flushed + FLUSH_EVERY;
        let closed = shared.closed.load(Ordering::Acquire);
        if !closed && shared.waiting.len() < shared.group {
            // By then, or when woken.
            let _ = timeout_at(due, shared.wake.notified()).await;
        }
        let all = closed || Instant::now() >= due;
        while shared.waiting.len() >= shared.group || all && !shared.waiting.is_empty() {
            for (owed, message) in next_group(shared) {
                while sends.len() >= MOST_SENDS {
                    sends.join_next().await;
                }
                sends.spawn(write(owed, Arc::clone(producer), message));
            }
            flushed = Instant::now();
            while sends.try_join_next().is_some() {}
        }
        if all {
            flushed = Instant::now();
        }
        if closed {
            break;
        }
    }
    while sends.join_next().await.is_some() {}
}

/// The messages of the next records.
fn next_group(shared: &Arc<Shared>) -> Vec<(Owed, TraceMessage)> {
    let limits = Limits {
        records: shared.group,
        body_bytes: MOST_BYTES,
    };
    let mut messages = Messages::new(&shared.producer_group, limits);
    let waiting = std::iter::from_fn(|| shared.waiting.pop());
    for record in waiting.take(shared.group) {
        messages.add(&record);
    }
    let owed = |message: TraceMessage| (Owed(Arc::clone(shared), message.records), message);
    messages.end().map(owed).collect()
}

/// Records that have failed, unless somebody says that they are written.
struct Owed(Arc<Shared>, u64);

impl Drop for Owed {
    fn drop(&mut self) {
        self.0.failed.fetch_add(self.1, Ordering::Relaxed);
    }
}

async fn write(mut owed: Owed, producer: Arc<Producer>, trace: TraceMessage) {
    let sent = match Message::new(trace.body).with_keys(&[&*trace.keys]) {
        Ok(message) => producer.send(&owed.0.topic, message).await,
        Err(error) => Err(error),
    };
    match sent {
        Ok(_) => {
            let records = std::mem::take(&mut owed.1);
            owed.0.written.fetch_add(records, Ordering::Relaxed);
        }
        Err(error) => tracing::warn!(%error, "a trace message is not written"),
    }
}
