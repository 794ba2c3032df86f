//! Message trace: what became of sends and transactions, written to a topic that RocketMQ's tools read (R185–R188).
//!
//! Whoever ends an attempt puts a record into a bounded ring and goes on; a thread of the trace's own takes
//! groups of them out, writes them as text (`message`) and sends them by a producer of its own (`writer`). `hook`
//! is how the library's sends come here; the load generator puts its records in itself.
//!
//! Traced are sends that were answered as stored, by brokers that want traces; failed ones leave no record, as in
//! Java. A batch leaves a record per message, each found by its id: Java writes one for all, found by none.

mod hook;
mod message;
mod writer;

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crossbeam::queue::ArrayQueue;
use tokio::sync::Notify;

use crate::client::config::{ClientConfig, SendConfig};
use crate::client::error::ClientError;
use crate::client::hooks::{Hooks, RpcHooks};
use crate::client::producer::Producer;
use crate::client::validate;

pub(super) use hook::TraceHook;
pub(crate) use message::{Record, Sent};
use writer::{MOST_BYTES, SEND_TIMEOUT};

/// Records that wait to be written, at most (C4.1).
const MOST_WAITING: usize = 2048;
/// Records of a trace message, at most (R186).
const MOST_RECORDS: usize = 20;
/// Characters of the trace's own group besides those of the group that is traced.
const OWN_GROUP_CHARS: usize = 48;

/// How sends are traced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceConfig {
    /// Topic of the traces (C1.28). Sends to it are not traced.
    pub topic: String,
    /// Records of a trace message, 1 to 20 (C2.26).
    pub records: usize,
    /// So many sends of a million are traced, evenly spread; all by default. Ends of transactions all are.
    pub share_ppm: u32,
}

impl Default for TraceConfig {
    fn default() -> Self {
        Self {
            topic: "RMQ_SYS_TRACE_TOPIC".to_owned(),
            records: 10,
            share_ppm: 1_000_000,
        }
    }
}

/// What has become of the records so far: one per message traced and per end of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TraceCounts {
    /// Stored in the trace topic.
    pub written: u64,
    /// Not taken in, as too many waited.
    pub dropped: u64,
    /// Taken in, but the trace topic did not take them.
    pub failed: u64,
}

/// What the writer's thread shares with those who put records in.
#[derive(Debug)]
struct Shared {
    waiting: ArrayQueue<Record>,
    /// Told when a whole group waits, and at the end.
    wake: Notify,
    /// Told at the end.
    closing: Notify,
    closed: AtomicBool,
    /// Records of a trace message.
    group: usize,
    producer_group: String,
    topic: String,
    written: AtomicU64,
    dropped: AtomicU64,
    failed: AtomicU64,
}

/// The trace of a producer group; see the module.
#[derive(Debug)]
pub(crate) struct Trace {
    shared: Arc<Shared>,
    share_ppm: u32,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Trace {
    /// Takes records in; nothing is written before it is started.
    pub(crate) fn new(config: &TraceConfig, producer_group: &str) -> Arc<Self> {
        let shared = Shared {
            waiting: ArrayQueue::new(MOST_WAITING),
            wake: Notify::new(),
            closing: Notify::new(),
            closed: AtomicBool::new(false),
            group: config.records.clamp(1, MOST_RECORDS),
            producer_group: producer_group.to_owned(),
            topic: config.topic.clone(),
            written: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        };
        Arc::new(Self {
            shared: Arc::new(shared),
            share_ppm: config.share_ppm.min(1_000_000),
            thread: Mutex::default(),
        })
    }

    /// Starts the thread that writes, with a client of its own like this one (R185).
    ///
    /// # Errors
    /// As [`Producer::new`]; [`ClientError::Connect`] when the system gives no thread.
    pub(crate) fn start(&self, client: &ClientConfig, rpc: &RpcHooks) -> Result<(), ClientError> {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        validate::topic(&self.shared.topic)?;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        // Java's group may become longer than brokers take.
        let most = validate::MAX_GROUP_CHARS - OWN_GROUP_CHARS;
        let traced: String = self.shared.producer_group.chars().take(most).collect();
        let list = client.namesrv.join(";");
        let mut client = client.clone();
        client.identity.instance_name = Some(format!("PID_CLIENT_INNER_TRACE_PRODUCER_{list}"));
        // All namespaces write to one topic, and to brokers' plain ports.
        client.namespace = None;
        client.transport.vip_channel = false;
        let send = SendConfig {
            group: format!("_INNER_TRACE_PRODUCER-{traced}-PRODUCE-{number}"),
            timeout: SEND_TIMEOUT,
            max_message_bytes: MOST_BYTES,
            ..SendConfig::default()
        };
        let producer = Producer::with_hooks(client, send, Hooks::from(rpc.clone()))?;
        let failed = |error: std::io::Error| ClientError::Connect {
            target: "trace thread".to_owned(),
            detail: error.to_string(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed)?;
        let shared = Arc::clone(&self.shared);
        let thread = std::thread::Builder::new()
            .name("rmq-trace".to_owned())
            .spawn(move || runtime.block_on(writer::run(shared, producer)))
            .map_err(failed)?;
        *self.lock() = Some(thread);
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<JoinHandle<()>>> {
        self.thread.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether sends to this topic are traced.
    pub(crate) fn is_of(&self, topic: &str) -> bool {
        *topic != *self.shared.topic
    }

    /// Which sends are traced, for one who counts them.
    pub(crate) fn sampling(&self) -> Sampling {
        Sampling {
            share_ppm: self.share_ppm,
            sum_ppm: 0,
        }
    }

    /// Puts a record in, or drops and counts it; never waits, and allocates nothing.
    #[inline]
    pub(crate) fn put(&self, record: Record) {
        let shared = &self.shared;
        let refused = if shared.closed.load(Ordering::Acquire) {
            Some(record)
        } else {
            shared.waiting.push(record).err()
        };
        if let Some(record) = refused {
            shared
                .dropped
                .fetch_add(record.records(), Ordering::Relaxed);
        } else if shared.waiting.len() >= shared.group {
            shared.wake.notify_one();
        }
    }

    /// Counts a record that could not be made.
    pub(crate) fn drop_one(&self) {
        self.shared.dropped.fetch_add(1, Ordering::Relaxed);
    }

    /// The counts so far.
    pub(crate) fn counts(&self) -> TraceCounts {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        TraceCounts {
            written: get(&self.shared.written),
            dropped: get(&self.shared.dropped),
            failed: get(&self.shared.failed),
        }
    }

    /// Takes nothing in any more and has the rest written, which takes a few seconds at most (C4.6, R25): the
    /// thread to wait for.
    pub(crate) fn close(&self) -> Option<JoinHandle<()>> {
        self.shared.closed.store(true, Ordering::Release);
        self.shared.wake.notify_one();
        self.shared.closing.notify_one();
        self.lock().take()
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        drop(self.close());
    }
}

/// Takes an even share of what is counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sampling {
    share_ppm: u32,
    sum_ppm: u32,
}

impl Sampling {
    /// Whether the next one is taken.
    #[inline]
    pub(crate) fn takes_next(&mut self) -> bool {
        self.sum_ppm += self.share_ppm;
        let takes = self.sum_ppm >= 1_000_000;
        if takes {
            self.sum_ppm -= 1_000_000;
        }
        takes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{Message, Receipt};
    use crate::protocol::header::{ExtFields, binary};
    use crate::protocol::{SendStatus, UniqueId};

    #[test]
    fn a_share_is_taken_to_the_unit() {
        for (share_ppm, of_1000) in [(0, 0), (10_000, 10), (333_333, 333), (1_000_000, 1000)] {
            let config = TraceConfig {
                share_ppm,
                ..TraceConfig::default()
            };
            let mut sampling = Trace::new(&config, "g").sampling();
            let taken = (0..1000).filter(|_| sampling.takes_next()).count();
            assert_eq!(taken, of_1000, "{share_ppm} ppm");
        }
    }

    /// What the sending thread of a load does for a record: nothing of it is on the heap.
    #[test]
    fn a_record_of_a_send_allocates_nothing() {
        let trace = Trace::new(&TraceConfig::default(), "g");
        let mut ext = Vec::new();
        for (name, value) in [
            ("MSG_REGION", "DefaultRegion"),
            ("msgId", &*"0".repeat(180)),
        ] {
            binary::write_entry(&mut ext, name, value.as_bytes());
        }
        let (topic, host): (Arc<str>, Arc<str>) = ("T".into(), "127.0.0.1:10911".into());
        let message = Arc::new(Message::new("x").with_keys(&["k"]).unwrap());
        let allocated = allocation_counter::measure(|| {
            for number in 0..MOST_WAITING as u64 + 10 {
                trace.put(Record::Sent(Sent {
                    topic: Arc::clone(&topic),
                    message: Arc::clone(&message),
                    message_id: UniqueId([b'0'; 32]),
                    store_host: Arc::clone(&host),
                    begun_ms: number,
                    cost_ms: number,
                    status: SendStatus::SendOk,
                    receipt: Receipt::keep(&ExtFields::Binary(&ext)),
                }));
            }
        });
        assert_eq!(allocated.count_total, 0);
        assert_eq!(trace.counts().dropped, 10);
    }

    /// R186: what finds the ring full, or closed, is dropped and counted.
    #[test]
    fn what_has_no_room_is_counted() {
        let trace = Trace::new(&TraceConfig::default(), "g");
        let record = || Record::Ended(Box::default());
        for _ in 0..MOST_WAITING + 5 {
            trace.put(record());
        }
        assert_eq!(trace.counts().dropped, 5);
        assert!(trace.close().is_none(), "it was not started");
        trace.put(record());
        assert_eq!(trace.counts().dropped, 6);
    }
}
