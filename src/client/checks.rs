//! Transaction checks: a broker asks what has become of a half message, the producer answers (R73–R75).
//!
//! Checks wait in a bounded queue for a worker; what finds it full is dropped and counted, and the broker
//! asks again.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Mutex, Notify, mpsc};

use crate::client::compression::unpack;
use crate::client::hooks::{Hooks, TransactionEnd, said};
use crate::client::instance::Shared;
use crate::protocol::stored::StoredMessage;
use crate::protocol::transaction::{CheckTransaction, EndTransaction, Resolution};
use crate::protocol::{DecodeError, HeaderView, properties};

/// Longest wait until an answer is in the socket (R75).
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);
/// Largest body a check may unpack to, in bytes.
const MOST_BODY_BYTES: usize = 16 * 1024 * 1024;

/// What became of a local transaction; an error counts as unknown, and its text is told to the broker
/// (R70, R74).
pub type LocalOutcome = Result<Resolution, Box<dyn Error + Send + Sync>>;

/// A half message the broker asks about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedMessage {
    /// Topic it is for.
    pub topic: String,
    /// UNIQ_KEY.
    pub message_id: String,
    /// Body as it was sent, unpacked.
    pub body: Bytes,
    /// Properties, in their order.
    pub properties: Vec<(String, String)>,
    /// When it was sent, in ms since 1970 by the sender's clock.
    pub born_ms: i64,
    /// Where the half message stands in the broker's commit log.
    pub commit_log_offset: i64,
    /// Address of the broker that asks.
    pub broker: String,
}

impl CheckedMessage {
    /// The first property of this name.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<&str> {
        let mut pairs = self.properties.iter();
        let (_, value) = pairs.find(|(known, _)| known == name)?;
        Some(value)
    }
}

/// Answers checks; called on a thread that may block. A panic counts as an error.
pub trait TransactionChecker: Send + Sync + 'static {
    /// What became of the local transaction of this message.
    ///
    /// # Errors
    /// Whatever keeps it from knowing: the broker is told and asks again.
    fn check(&self, message: &CheckedMessage) -> LocalOutcome;
}

/// How many checks wait and are worked on (C1.29, C1.30).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckConfig {
    /// Most that wait; from 1 on.
    pub most_waiting: usize,
    /// Most that are worked on at once; from 1 on.
    pub workers: usize,
}

impl Default for CheckConfig {
    fn default() -> Self {
        Self {
            most_waiting: 2000,
            workers: 1,
        }
    }
}

/// What has been asked and answered so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CheckCounts {
    /// Checks that came.
    pub received: u64,
    /// Dropped, as too many waited.
    pub dropped: u64,
    /// Answers that went out.
    pub answered: u64,
    /// Answers that could not be sent.
    pub unsent: u64,
}

/// A check that waits.
#[derive(Debug)]
pub(super) struct Check {
    pub(super) group: String,
    message: CheckedMessage,
    /// The answer, but for what becomes of the message.
    answer: EndTransaction<'static>,
}

/// Where checks wait, and who answers them and is told of the answers.
pub(super) struct Asked {
    pub(super) waiting: Mutex<mpsc::Receiver<Check>>,
    pub(super) checker: Arc<dyn TransactionChecker>,
    pub(super) hooks: Option<Arc<Hooks>>,
}

/// The checks of one producer group.
#[derive(Debug)]
pub struct Checks {
    waiting: mpsc::Sender<Check>,
    received: AtomicU64,
    dropped: AtomicU64,
    answered: AtomicU64,
    unsent: AtomicU64,
    /// Told when a check has been dealt with.
    done: Notify,
}

impl Checks {
    /// The queue, and where its workers take from.
    pub(super) fn new(config: CheckConfig) -> (Arc<Self>, mpsc::Receiver<Check>) {
        let (waiting, checks) = mpsc::channel(config.most_waiting.max(1));
        let queue = Self {
            waiting,
            received: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            unsent: AtomicU64::new(0),
            done: Notify::new(),
        };
        (Arc::new(queue), checks)
    }

    /// What has been asked and answered so far.
    #[must_use]
    pub fn counts(&self) -> CheckCounts {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        CheckCounts {
            received: get(&self.received),
            dropped: get(&self.dropped),
            answered: get(&self.answered),
            unsent: get(&self.unsent),
        }
    }

    /// Reads a check of the broker at `address`.
    pub(super) fn read(
        address: &str,
        header: &HeaderView<'_>,
        body: &[u8],
    ) -> Result<Check, Box<dyn Error + Send + Sync>> {
        let request = CheckTransaction::parse(header)?;
        let (stored, _) = StoredMessage::parse(body)?;
        let properties: Vec<(String, String)> = properties::parse(stored.properties)
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let property = |wanted: &str| {
            let mut pairs = properties.iter();
            pairs
                .find(|(name, _)| name == wanted)
                .map(|(_, v)| v.clone())
        };
        let group = property(properties::PRODUCER_GROUP)
            .ok_or(DecodeError::MissingField(properties::PRODUCER_GROUP))?;
        let owned = |text: &Option<std::borrow::Cow<'_, str>>| {
            text.as_ref().map(|text| text.clone().into_owned())
        };
        let message_id = property(properties::UNIQUE_ID_KEY)
            .or_else(|| owned(&request.message_id))
            .unwrap_or_default();
        let answer = EndTransaction {
            topic: owned(&request.topic).unwrap_or_default().into(),
            group: group.clone().into(),
            queue_offset: request.queue_offset,
            commit_log_offset: request.commit_log_offset,
            resolution: Resolution::Unknown,
            from_check: true,
            message_id: message_id.clone().into(),
            transaction_id: owned(&request.transaction_id).unwrap_or_default().into(),
            broker: owned(&request.broker).unwrap_or_default().into(),
        };
        let body = unpack(
            &Bytes::copy_from_slice(stored.body),
            stored.sys_flag,
            MOST_BODY_BYTES,
        )?;
        let message = CheckedMessage {
            topic: stored.topic.to_owned(),
            message_id,
            body,
            properties,
            born_ms: stored.born_ms,
            commit_log_offset: request.commit_log_offset,
            broker: address.to_owned(),
        };
        Ok(Check {
            group,
            message,
            answer,
        })
    }

    /// Has a check wait for a worker, or drops it.
    pub(super) fn take(&self, check: Check) {
        self.received.fetch_add(1, Ordering::Relaxed);
        if self.waiting.try_send(check).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// One worker: answers checks until the queue is gone.
    pub(super) async fn work(self: Arc<Self>, asked: Arc<Asked>, shared: Arc<Shared>) {
        loop {
            let next = asked.waiting.lock().await.recv().await;
            let Some(Check {
                mut message,
                mut answer,
                ..
            }) = next
            else {
                return;
            };
            message.topic = shared.namespace.strip(&message.topic).into_owned();
            let (message, check) = (Arc::new(message), Arc::clone(&asked));
            let checked = Arc::clone(&message);
            let checking = tokio::task::spawn_blocking(move || check.checker.check(&checked));
            let outcome = checking.await.unwrap_or_else(|ended| {
                let panicked = ended.try_into_panic();
                let text = panicked.map_or_else(|ended| ended.to_string(), |panic| said(&*panic));
                Err(text.into())
            });
            let remark = match outcome {
                Ok(resolution) => {
                    answer.resolution = resolution;
                    None
                }
                Err(error) => Some(error.to_string()),
            };
            if let Some(hooks) = &asked.hooks {
                tell(hooks, &message, &answer);
            }
            let mut command = answer.to_command();
            command.remark = remark;
            let address = &message.broker;
            let sent = shared.control.oneway(address, command, ANSWER_TIMEOUT);
            let counter = match sent.await {
                Ok(()) => &self.answered,
                Err(error) => {
                    tracing::warn!(%error, "a transaction check is not answered");
                    &self.unsent
                }
            };
            counter.fetch_add(1, Ordering::Relaxed);
            self.done.notify_waiters();
        }
    }

    /// Waits until every check that came has been answered or given up.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn idle(&self) {
        loop {
            let done = self.done.notified();
            let counts = self.counts();
            if counts.answered + counts.unsent + counts.dropped >= counts.received {
                return;
            }
            done.await;
        }
    }
}

/// Tells hooks how a check is answered (R183).
fn tell(hooks: &Hooks, message: &CheckedMessage, answer: &EndTransaction<'_>) {
    let pairs = message.properties.iter();
    hooks.ending(&TransactionEnd {
        group: &answer.group,
        broker_address: &message.broker,
        topic: &message.topic,
        body: &message.body,
        properties: pairs.map(|(name, value)| (&**name, &**value)).collect(),
        message_id: &answer.message_id,
        transaction_id: &answer.transaction_id,
        resolution: answer.resolution,
        from_check: true,
    });
}
