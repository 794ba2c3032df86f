//! Who answers requests: pulls the queues of a topic from their ends on, and sends each answer to the
//! broker its request came from, which knows the client that asked (R83).

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::client::compression::unpack;
use crate::client::error::ClientError;
use crate::client::message::Message;
use crate::client::message_queue::MessageQueue;
use crate::client::producer::Producer;
use crate::client::request::find;
use crate::client::request::pending::owned;
use crate::protocol::pull::{PullReply, PullRequest};
use crate::protocol::request_reply::reply_topic;
use crate::protocol::stored::StoredMessage;
use crate::protocol::{DecodeError, ResponseCode, properties};
use crate::transport::clock::wall_millis;

/// How long brokers may wait for messages.
const PULL_WAIT: Duration = Duration::from_secs(15);
/// Their answer may take so much longer.
const PULL_GRACE: Duration = Duration::from_secs(5);
/// Most messages wanted of one pull.
const MOST_MESSAGES: u32 = 32;
/// Answers on their way at most.
const MOST_ANSWERS: usize = 1024;
/// Between pulls that fail.
const AFTER_FAILURE: Duration = Duration::from_millis(200);
/// Largest body a request may unpack to, in bytes.
const MOST_BODY_BYTES: usize = 16 * 1024 * 1024;

/// A request as it is read from its queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Topic.
    pub topic: String,
    /// Body, unpacked.
    pub body: Bytes,
    /// Properties, in their order.
    pub properties: Vec<(String, String)>,
    /// When it was sent, in ms since 1970 by the sender's clock.
    pub born_ms: i64,
    /// The broker that has it.
    pub broker: Arc<str>,
}

impl Request {
    /// The first property of this name.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<&str> {
        find(&self.properties, name)
    }

    fn is_request(&self) -> bool {
        let needed = [properties::CORRELATION_ID, properties::REPLY_TO_CLIENT];
        needed.iter().all(|name| self.property(name).is_some())
    }

    /// Whether nobody waits any more, as far as the clocks agree.
    fn is_expired(&self) -> bool {
        let ttl = self
            .property(properties::TTL)
            .and_then(|ttl| ttl.parse().ok());
        let now = i64::try_from(wall_millis()).unwrap_or(i64::MAX);
        ttl.is_some_and(|ttl: i64| self.born_ms.saturating_add(ttl) < now)
    }
}

/// Says what is answered; called on a task, so it must not block.
pub trait RequestHandler: Send + Sync + 'static {
    /// The body of the answer, which may not be empty; `None`, or a panic, for no answer.
    fn answer(&self, request: &Request) -> Option<Bytes>;
}

impl<F: Fn(&Request) -> Option<Bytes> + Send + Sync + 'static> RequestHandler for F {
    fn answer(&self, request: &Request) -> Option<Bytes> {
        self(request)
    }
}

/// What became of the messages a responder has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ResponderCounts {
    /// Messages read.
    pub received: u64,
    /// Answers their brokers took.
    pub answered: u64,
    /// No requests, or not to be answered.
    pub unanswered: u64,
    /// Too old to be waited for.
    pub expired: u64,
    /// Answers that could not be sent, or not be handed on by the broker.
    pub failed: u64,
}

#[derive(Debug, Default)]
struct Counts {
    received: AtomicU64,
    answered: AtomicU64,
    unanswered: AtomicU64,
    expired: AtomicU64,
    failed: AtomicU64,
}

fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// What its tasks share.
struct Parts {
    producer: Producer,
    handler: Arc<dyn RequestHandler>,
    counts: Counts,
    room: Arc<Semaphore>,
}

/// Answers the requests of a topic until it is dropped.
pub struct Responder {
    parts: Arc<Parts>,
    // Dropped, they end.
    _queues: JoinSet<()>,
}

impl std::fmt::Debug for Responder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Responder")
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}

/// A queue and how far it has been read.
struct Position {
    queue: MessageQueue,
    /// `None` while it is not known where the queue ends.
    offset: Option<i64>,
}

impl Responder {
    /// Reads every queue that `topic` has now, from the messages on that come after this; `producer`, whose
    /// group must not be that of who asks, carries the answers.
    ///
    /// # Errors
    /// [`ClientError::State`] unless the producer runs, [`ClientError::NoRoute`] and the like.
    pub async fn start(
        producer: &Producer,
        topic: &str,
        handler: Arc<dyn RequestHandler>,
    ) -> Result<Self, ClientError> {
        let parts = Arc::new(Parts {
            producer: producer.clone(),
            handler,
            counts: Counts::default(),
            room: Arc::new(Semaphore::new(MOST_ANSWERS)),
        });
        let mut ends = JoinSet::new();
        for queue in producer.queues(topic).await? {
            let parts = Arc::clone(&parts);
            let mut position = Position {
                queue,
                offset: None,
            };
            ends.spawn(async move {
                // What fails is tried again when the queue is read.
                drop(parts.pull(&mut position).await);
                position
            });
        }
        let mut queues = JoinSet::new();
        while let Some(position) = ends.join_next().await {
            if let Ok(position) = position {
                queues.spawn(Arc::clone(&parts).read(position));
            }
        }
        Ok(Self {
            parts,
            _queues: queues,
        })
    }

    /// What became of the messages read so far.
    #[must_use]
    pub fn counts(&self) -> ResponderCounts {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counts = &self.parts.counts;
        ResponderCounts {
            received: get(&counts.received),
            answered: get(&counts.answered),
            unanswered: get(&counts.unanswered),
            expired: get(&counts.expired),
            failed: get(&counts.failed),
        }
    }
}

impl Parts {
    /// Reads a queue for ever.
    async fn read(self: Arc<Self>, mut position: Position) {
        loop {
            match self.pull(&mut position).await {
                Ok(requests) => {
                    for request in requests {
                        self.take(request).await;
                    }
                }
                Err(error) => {
                    let queue = &position.queue;
                    tracing::info!(?queue, %error, "requests are not read");
                    tokio::time::sleep(AFTER_FAILURE).await;
                }
            }
        }
    }

    /// One pull: the messages from the position on, or where the queue ends.
    async fn pull(&self, position: &mut Position) -> Result<Vec<Request>, String> {
        let queue = &position.queue;
        let instance = self.producer.instance();
        let brokers = instance.brokers();
        let broker = brokers.iter().find(|broker| broker.name == *queue.broker);
        let address = broker
            .and_then(|broker| broker.address.clone())
            .ok_or("its broker has no address")?;
        let wait = match position.offset {
            Some(_) => PULL_WAIT,
            None => Duration::ZERO,
        };
        let request = PullRequest {
            group: self.producer.group().to_owned(),
            topic: instance.namespace().wrap(&queue.topic).into_owned(),
            queue_id: queue.queue_id,
            // Beyond the end, where the broker says where that is.
            offset: position.offset.unwrap_or(i64::MAX),
            most_messages: MOST_MESSAGES,
            wait_ms: u64::try_from(wait.as_millis()).unwrap_or(0),
            broker: queue.broker.to_string(),
        };
        let asked = instance.ask(&address, request.to_command(), wait + PULL_GRACE);
        let answer = asked.await.map_err(|error| error.to_string())?;
        let reply = PullReply::parse(&answer).map_err(|error| error.to_string())?;
        let Some(reply) = reply else {
            if answer.code == ResponseCode::TOPIC_NOT_EXIST.0 {
                // Its first message will be the first of all.
                position.offset.get_or_insert(0);
            }
            let remark = answer.remark.unwrap_or_default();
            return Err(format!("refused ({}): {remark}", answer.code));
        };
        position.offset = Some(reply.next_offset);
        match reply.code {
            ResponseCode::SUCCESS => self.requests(&answer.body, &queue.broker),
            _ => Ok(Vec::new()),
        }
    }

    /// The messages of a pull; those whose bodies can't be unpacked have no answer.
    fn requests(&self, body: &Bytes, broker: &Arc<str>) -> Result<Vec<Request>, String> {
        let namespace = self.producer.instance().namespace();
        let mut rest: &[u8] = body;
        let mut requests = Vec::new();
        while !rest.is_empty() {
            let read = StoredMessage::parse(rest);
            let (stored, following) = read.map_err(|error: DecodeError| error.to_string())?;
            rest = following;
            add(&self.counts.received);
            let packed = body.slice_ref(stored.body);
            match unpack(&packed, stored.sys_flag, MOST_BODY_BYTES) {
                Ok(body) => requests.push(Request {
                    topic: namespace.strip(stored.topic).into_owned(),
                    body,
                    properties: owned(stored.properties),
                    born_ms: stored.born_ms,
                    broker: Arc::clone(broker),
                }),
                Err(error) => {
                    tracing::info!(%error, "a body that can't be unpacked");
                    add(&self.counts.unanswered);
                }
            }
        }
        Ok(requests)
    }

    /// Answers a request, when there is room.
    async fn take(self: &Arc<Self>, request: Request) {
        let counts = &self.counts;
        if !request.is_request() {
            return add(&counts.unanswered);
        }
        if request.is_expired() {
            return add(&counts.expired);
        }
        let answer = AssertUnwindSafe(|| self.handler.answer(&request));
        let answer = std::panic::catch_unwind(answer).unwrap_or_else(|_| {
            tracing::warn!("the handler of requests panicked");
            None
        });
        let Some(body) = answer else {
            return add(&counts.unanswered);
        };
        // It is never closed.
        let Ok(room) = Arc::clone(&self.room).acquire_owned().await else {
            return;
        };
        let parts = Arc::clone(self);
        tokio::spawn(async move {
            let counter = match parts.send(&request, body).await {
                Ok(()) => &parts.counts.answered,
                Err(error) => {
                    tracing::info!(%error, "an answer is not sent");
                    &parts.counts.failed
                }
            };
            add(counter);
            drop(room);
        });
    }

    async fn send(&self, request: &Request, body: Bytes) -> Result<(), ClientError> {
        let cluster = request.property(properties::CLUSTER).ok_or_else(|| {
            let reason = "what is answered has no CLUSTER (10007)".to_owned();
            ClientError::Illegal {
                what: "request",
                reason,
            }
        })?;
        let reply = Message::answering(body, |name| request.property(name))?;
        let queue = MessageQueue {
            topic: reply_topic(cluster).into(),
            broker: Arc::clone(&request.broker),
            queue_id: 0,
        };
        self.producer.send_to(&queue, reply).await.map(drop)
    }
}
