//! The library face: `send().await` over the one send core.
//!
//! ```no_run
//! # async fn example() -> Result<(), rmq_bench::client::ClientError> {
//! use rmq_bench::client::{ClientConfig, Message, Producer, SendConfig};
//!
//! let client = ClientConfig { namesrv: vec!["127.0.0.1:9876".into()], ..ClientConfig::default() };
//! let producer = Producer::new(client, SendConfig::default())?;
//! producer.start()?;
//! let result = producer.send("BenchmarkTest", Message::new("hello")).await?;
//! println!("{} at {}:{}", result.message_id, result.broker, result.receipt.read().queue_offset);
//! producer.shutdown().await;
//! # Ok(())
//! # }
//! ```

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::client::config::{ClientConfig, SendConfig};
use crate::client::error::{ClientError, ErrorKind};
use crate::client::instance::{ClientInstance, ServiceState};
use crate::client::message::Message;
use crate::client::receipt::Receipt;
use crate::client::retry::RetryPolicy;
use crate::client::send::{AttemptResult, Ended, Next, Outgoing, SendCore, SenderOptions, Track};
use crate::client::slot::{Slot, SlotEnd, SlotHandler};
use crate::client::validate;
use crate::protocol::{SendStatus, UniqueId};
use crate::transport::receive::Receive;
use crate::transport::{Coalesce, IoCounters, IoCounts, Link, LinkOptions, Nanos, Pool};

/// Sends in progress at most (C1.20's kind of limit, for all sends).
const MAX_IN_FLIGHT: usize = 65_536;
/// Body bytes in progress at most (C1.21: 100 MiB).
const MAX_IN_FLIGHT_BYTES: usize = 100 * 1024 * 1024;
/// The clock of messages, connections and the fault table are looked at this often, as on a tick of
/// the load face.
const REFRESH_EVERY: Duration = Duration::from_millis(1);
/// Longest wait for pending sends when shutting down (R253).
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

type Core = Arc<Mutex<SendCore<Arc<Slot>>>>;
type SlotPool = Arc<Pool<Outgoing<Arc<Slot>>>>;

/// A message that is stored, or (oneway) taken by the socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendResult {
    /// How it was acknowledged; `None` for oneway.
    pub status: Option<SendStatus>,
    /// UNIQ_KEY.
    pub message_id: UniqueId,
    /// Broker it went to.
    pub broker: Arc<str>,
    /// Queue, offsets and ids as the broker gave them; empty for oneway.
    pub receipt: Receipt,
    /// Attempts made.
    pub attempts: u32,
}

/// What pending sends are waited for and what became of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShutdownReport {
    /// Every pending send had ended in time.
    pub drained: bool,
}

struct Inner {
    instance: Arc<ClientInstance>,
    config: Arc<SendConfig>,
    state: Mutex<ServiceState>,
    pool: Mutex<Option<SlotPool>>,
    in_flight: Semaphore,
    in_flight_bytes: Semaphore,
    counters: Arc<IoCounters>,
}

/// Sends messages from any task or thread; cheap to clone, each clone with its own round-robin
/// position (R242).
pub struct Producer {
    inner: Arc<Inner>,
    /// Send cores by topic: with answers, and oneway.
    cores: Mutex<HashMap<String, [Option<Core>; 2]>>,
}

impl Clone for Producer {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            cores: Mutex::default(),
        }
    }
}

impl std::fmt::Debug for Producer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Producer")
            .field("group", &self.inner.config.group)
            .finish_non_exhaustive()
    }
}

impl Producer {
    /// A producer with a client instance of its own; nothing is connected yet.
    ///
    /// # Errors
    /// [`ClientError::Illegal`] for settings the protocol forbids.
    pub fn new(client: ClientConfig, send: SendConfig) -> Result<Self, ClientError> {
        validate::group(&send.group)?;
        let inner = Inner {
            instance: Arc::new(ClientInstance::new(client)?),
            config: Arc::new(send),
            state: Mutex::new(ServiceState::CreateJust),
            pool: Mutex::default(),
            in_flight: Semaphore::new(MAX_IN_FLIGHT),
            in_flight_bytes: Semaphore::new(MAX_IN_FLIGHT_BYTES),
            counters: Arc::default(),
        };
        Ok(Self {
            inner: Arc::new(inner),
            cores: Mutex::default(),
        })
    }

    /// Starts the client; connections are made on the calling task's runtime (R2).
    ///
    /// # Errors
    /// [`ClientError::State`] unless just made (R3). A failed start leaves the producer startable
    /// again (R250).
    pub fn start(&self) -> Result<(), ClientError> {
        self.start_with(|| self.open_pool())
    }

    /// As [`Producer::start`], but each broker is reached over the stream that `dial` makes for its
    /// address instead of a socket, and only once: what benches measure without a network.
    ///
    /// # Errors
    /// As [`Producer::start`].
    pub fn start_over<S>(
        &self,
        dial: impl Fn(&str) -> S + Send + Sync + 'static,
    ) -> Result<(), ClientError>
    where
        S: Receive + Send + 'static,
    {
        self.start_with(|| {
            let (driver, runtime) = (self.link_options().driver, Handle::current());
            Pool::opening(1, move |address| {
                let handler = SlotHandler::default();
                Link::over(address, dial(address), handler, driver.clone(), &runtime)
            })
        })
    }

    fn start_with(
        &self,
        open_pool: impl FnOnce() -> Pool<Outgoing<Arc<Slot>>>,
    ) -> Result<(), ClientError> {
        let mut state = self.lock_state();
        if *state != ServiceState::CreateJust {
            return Err(ClientError::State {
                state: state.name(),
                hint: "a producer is started once; make a new one",
            });
        }
        self.inner
            .instance
            .register_group(&self.inner.config.group)?;
        if let Err(error) = self.inner.instance.start() {
            self.inner
                .instance
                .unregister_group(&self.inner.config.group);
            return Err(error);
        }
        *self.lock_pool() = Some(Arc::new(open_pool()));
        *state = ServiceState::Running;
        Ok(())
    }

    /// The state.
    #[must_use]
    pub fn state(&self) -> ServiceState {
        *self.lock_state()
    }

    /// The client instance.
    #[must_use]
    pub fn instance(&self) -> &Arc<ClientInstance> {
        &self.inner.instance
    }

    /// Calls to the sockets of the brokers so far, and their bytes.
    #[must_use]
    pub fn io_counts(&self) -> IoCounts {
        self.inner.counters.counts()
    }

    fn lock_state(&self) -> std::sync::MutexGuard<'_, ServiceState> {
        self.inner
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_pool(&self) -> std::sync::MutexGuard<'_, Option<SlotPool>> {
        self.inner
            .pool
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn link_options(&self) -> LinkOptions {
        let transport = &self.inner.instance.config().transport;
        let counters = Arc::clone(&self.inner.counters);
        transport.broker_links(MAX_IN_FLIGHT, Coalesce::Yield, counters)
    }

    fn open_pool(&self) -> Pool<Outgoing<Arc<Slot>>> {
        let per_broker = self
            .inner
            .instance
            .config()
            .transport
            .connections_per_broker;
        let options = self.link_options();
        Pool::new(per_broker, options, Handle::current(), SlotHandler::default)
    }

    /// Sends and waits for the broker's answer, with the retries of a sync send (R41, R134–R137).
    ///
    /// # Errors
    /// [`ClientError::State`], [`ClientError::Illegal`], [`ClientError::NoRoute`] and the like
    /// before anything is sent; [`ClientError::Send`] with the cause of every attempt.
    ///
    /// # Cancel safety
    /// Dropping the future does not take the message back: it may be stored.
    pub async fn send(&self, topic: &str, message: Message) -> Result<SendResult, ClientError> {
        self.deliver(topic, message, false).await
    }

    /// Sends without asking for an answer; ends when the socket has taken the whole frame (R231).
    ///
    /// # Errors
    /// As [`Producer::send`]; one attempt only (R146).
    ///
    /// # Cancel safety
    /// As [`Producer::send`].
    pub async fn send_oneway(
        &self,
        topic: &str,
        message: Message,
    ) -> Result<SendResult, ClientError> {
        self.deliver(topic, message, true).await
    }

    async fn deliver(
        &self,
        topic: &str,
        message: Message,
        oneway: bool,
    ) -> Result<SendResult, ClientError> {
        let state = self.state();
        if state != ServiceState::Running {
            let hint = "start it first; a stopped one stays stopped";
            return Err(ClientError::State {
                state: state.name(),
                hint,
            });
        }
        let config = &self.inner.config;
        validate::body(message.body().len(), config.max_message_bytes)?;
        let mut now = Nanos::now();
        let budget_ends = now.plus(config.timeout);
        let core = match self.known_core(topic, oneway) {
            Some(core) => core,
            None => {
                let core = self.open_core(topic, oneway, budget_ends).await?;
                now = Nanos::now();
                core
            }
        };
        let _permits = match self.try_admit(message.body().len()) {
            Some(permits) => permits,
            None => {
                let permits = self.admit(message.body().len()).await?;
                now = Nanos::now();
                permits
            }
        };
        let slot = Slot::new(message);
        let mut send = lock(&core).begin(Arc::clone(&slot), now, budget_ends);
        let mut causes = Vec::new();
        loop {
            let (result, end) = match submit(&core, send, now) {
                Submitted::Yes => {
                    let end = poll_fn(|cx| slot.poll(cx)).await;
                    (end.result, end)
                }
                Submitted::NoRoute(track) => {
                    causes.push("no route".to_owned());
                    return Err(failed(ErrorKind::NoRoute, &track, &causes));
                }
                Submitted::Refused(end) => (end.result, *end),
            };
            let mut track = end.track;
            let AttemptResult::Failed(error) = result else {
                return Ok(settle_stored(&core, end));
            };
            causes.push(end.describe(error));
            track.maybe_stored |= error.maybe_stored();
            let next = lock(&core).settle(&track, result, end.service, end.at);
            match next {
                Next::Done => return Err(failed(error.kind(), &track, &causes)),
                Next::Again(wait) if wait.is_zero() => {}
                Next::Again(wait) => tokio::time::sleep(wait).await,
            }
            now = Nanos::now();
            send = Outgoing {
                carrier: Arc::clone(&slot),
                track,
            };
        }
    }

    /// Room, if there is any and nobody waits for it.
    fn try_admit(&self, bytes: usize) -> Option<[SemaphorePermit<'_>; 2]> {
        let message = self.inner.in_flight.try_acquire().ok()?;
        let bytes = u32::try_from(bytes).ok()?;
        let bytes = self.inner.in_flight_bytes.try_acquire_many(bytes).ok()?;
        Some([message, bytes])
    }

    /// Waits for room, in messages and in bytes; a message larger than the whole limit is let in
    /// alone (R230).
    async fn admit(&self, bytes: usize) -> Result<[SemaphorePermit<'_>; 2], ClientError> {
        let share = u32::try_from(bytes.min(MAX_IN_FLIGHT_BYTES)).unwrap_or(u32::MAX);
        let stopped = |_| ClientError::State {
            state: ServiceState::ShutdownAlready.name(),
            hint: "it was shut down meanwhile",
        };
        let message = self.inner.in_flight.acquire().await.map_err(stopped)?;
        let bytes = self
            .inner
            .in_flight_bytes
            .acquire_many(share)
            .await
            .map_err(stopped)?;
        Ok([message, bytes])
    }

    /// The send core of a topic, after its first use.
    fn known_core(&self, topic: &str, oneway: bool) -> Option<Core> {
        let cores = self.lock_cores();
        let [answered, unanswered] = cores.get(topic)?;
        let core = if oneway { unanswered } else { answered };
        core.clone()
    }

    /// The send core of a topic at its first use: looks up the route and connects.
    #[cold]
    async fn open_core(
        &self,
        topic: &str,
        oneway: bool,
        until: Nanos,
    ) -> Result<Core, ClientError> {
        let left = Duration::from_nanos(until.since(Nanos::now()));
        let lookup = self.inner.instance.topic(topic, &self.inner.config);
        let found = match tokio::time::timeout(left, lookup).await {
            Ok(found) => found?,
            Err(_) => {
                let detail = format!("no route within {:?}", self.inner.config.timeout);
                return Err(ClientError::Namesrv { detail });
            }
        };
        let pool = self.lock_pool().clone().ok_or(ClientError::State {
            state: ServiceState::ShutdownAlready.name(),
            hint: "it was shut down meanwhile",
        })?;
        let config = &self.inner.config;
        let retry = if oneway {
            RetryPolicy {
                retries: 0,
                codes: Vec::new(),
            }
        } else {
            RetryPolicy {
                retries: config.retries,
                codes: config.retry_codes.clone(),
            }
        };
        let options = SenderOptions {
            pool,
            retry,
            oneway,
        };
        let instance = Arc::clone(&self.inner.instance);
        let mut core = SendCore::new(instance, found, Arc::clone(config), options);
        let timeout = self.inner.instance.config().transport.connect_timeout;
        // A broker that can't be reached now is the queue choice's business.
        drop(core.connect(timeout.min(left)).await);
        core.refresh(Nanos::now());
        let core = Arc::new(Mutex::new(core));
        let mut cores = self.lock_cores();
        let of_topic = cores.entry(topic.to_owned()).or_default();
        let [answered, unanswered] = of_topic;
        let place = if oneway { unanswered } else { answered };
        // Another task may have been faster.
        Ok(Arc::clone(place.get_or_insert(core)))
    }

    fn lock_cores(&self) -> std::sync::MutexGuard<'_, HashMap<String, [Option<Core>; 2]>> {
        self.cores.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Refuses new sends, waits for pending ones, leaves the brokers, closes (R253). Safe to call
    /// in any state (R20).
    pub async fn shutdown(&self) -> ShutdownReport {
        {
            let mut state = self.lock_state();
            if *state != ServiceState::Running {
                return ShutdownReport { drained: true };
            }
            *state = ServiceState::ShutdownAlready;
        }
        let all = u32::try_from(MAX_IN_FLIGHT).unwrap_or(u32::MAX);
        let pending = self.inner.in_flight.acquire_many(all);
        let drained = tokio::time::timeout(DRAIN_TIMEOUT, pending).await.is_ok();
        self.inner.in_flight.close();
        self.inner.in_flight_bytes.close();
        self.lock_cores().clear();
        let pool = self.lock_pool().take();
        if let Some(pool) = pool {
            pool.close();
        }
        self.inner.instance.shutdown().await;
        ShutdownReport { drained }
    }
}

fn lock(core: &Core) -> std::sync::MutexGuard<'_, SendCore<Arc<Slot>>> {
    core.lock().unwrap_or_else(PoisonError::into_inner)
}

enum Submitted {
    Yes,
    NoRoute(Track),
    Refused(Box<SlotEnd>),
}

fn submit(core: &Core, send: Outgoing<Arc<Slot>>, now: Nanos) -> Submitted {
    let mut core = lock(core);
    // A retry looks at once at what has changed.
    let age = if send.track.attempts == 0 {
        REFRESH_EVERY
    } else {
        Duration::ZERO
    };
    core.refresh_after(now, age);
    if let Err(send) = core.stage(send) {
        return Submitted::NoRoute(send.track);
    }
    let mut refused: Vec<Ended<Arc<Slot>>> = Vec::new();
    core.flush(now, &mut refused);
    match refused.pop() {
        None => Submitted::Yes,
        Some(ended) => Submitted::Refused(Box::new(SlotEnd {
            track: ended.send.track,
            result: ended.result,
            service: None,
            at: now,
            receipt: Receipt::default(),
            remark: None,
        })),
    }
}

fn settle_stored(core: &Core, end: SlotEnd) -> SendResult {
    let status = match end.result {
        AttemptResult::Stored(status) => Some(status),
        _ => None,
    };
    let core = lock(core);
    core.settle(&end.track, end.result, end.service, end.at);
    SendResult {
        status,
        message_id: core.unique_id(&end.track),
        broker: core.broker_name(&end.track).unwrap_or_default(),
        receipt: end.receipt,
        attempts: end.track.attempts,
    }
}

fn failed(kind: ErrorKind, track: &Track, causes: &[String]) -> ClientError {
    ClientError::Send {
        kind,
        attempts: track.attempts,
        detail: causes.join("; "),
        maybe_stored: track.maybe_stored,
    }
}
