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

mod batches;
mod hooked;
mod recall;

pub use batches::BatchSent;

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::client::admission::{Admission, Admitted, Closed};
use crate::client::config::{BackPressure, ClientConfig, SendConfig};
use crate::client::error::{ClientError, ErrorKind};
use crate::client::hooks::Hooks;
use crate::client::instance::{ClientInstance, ServiceState};
use crate::client::message::Message;
use crate::client::message_queue::MessageQueue;
use crate::client::receipt::Receipt;
use crate::client::retry::RetryPolicy;
use crate::client::send::{
    AttemptResult, Ended, Next, Outgoing, SendCore, SenderOptions, Track, note_success,
};
use crate::client::slot::{Slot, SlotEnd, SlotHandler};
use crate::client::trace::{Trace, TraceCounts, TraceHook};
use crate::client::validate;
use crate::protocol::message_id::UniquePrefix;
use crate::protocol::properties::RETRY_TOPIC_PREFIX;
use crate::protocol::{RemotingCommand, SendStatus, UniqueId};
use crate::transport::receive::Receive;
use crate::transport::{Coalesce, IoCounters, IoCounts, Link, LinkOptions, Nanos, Pool};

/// The clock of messages, connections and the fault table are looked at this often, as on a tick of
/// the load face.
const REFRESH_EVERY: Duration = Duration::from_millis(1);
/// Longest wait for pending sends when shutting down (R253).
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// The sending side of a topic.
struct Sender {
    topic: Arc<str>,
    oneway: bool,
    core: Mutex<SendCore<Arc<Slot>>>,
    prefix: UniquePrefix,
}

type SlotPool = Arc<Pool<Outgoing<Arc<Slot>>>>;

/// A message that is stored, or (oneway) taken by the socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendResult {
    /// How it was acknowledged; `None` for oneway.
    pub status: Option<SendStatus>,
    /// UNIQ_KEY; of a batch, that of its first message.
    pub message_id: UniqueId,
    /// Broker it went to.
    pub broker: Arc<str>,
    /// Queue, offsets and ids as the broker gave them; empty for oneway.
    pub receipt: Receipt,
    /// Attempts made.
    pub attempts: u32,
    messages: u32,
}

impl SendResult {
    /// UNIQ_KEY of each message of a batch, in their order; of a single message its own (R65).
    pub fn message_ids(&self) -> impl Iterator<Item = UniqueId> + use<> {
        let first = self.message_id;
        (0..self.messages).map(move |nth| first.nth(nth))
    }
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
    /// Whether `state` is running, for every send to look at.
    running: AtomicBool,
    admission: Admission,
    counters: Arc<IoCounters>,
    /// `None` without any of sends or ends of transactions.
    hooks: Option<Arc<Hooks>>,
    trace: Option<Arc<Trace>>,
    /// Of the task that started it.
    runtime: OnceLock<Handle>,
}

/// Sends messages from any task or thread; cheap to clone, each clone with its own round-robin
/// position (R242).
pub struct Producer {
    inner: Arc<Inner>,
    /// Send cores by topic: with answers, and oneway.
    cores: Mutex<HashMap<String, [Option<Arc<Sender>>; 2]>>,
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
        Self::with_hooks(client, send, Hooks::default())
    }

    /// The same with hooks (R181–R184).
    ///
    /// # Errors
    /// As [`Producer::new`].
    pub fn with_hooks(
        client: ClientConfig,
        mut send: SendConfig,
        mut hooks: Hooks,
    ) -> Result<Self, ClientError> {
        if let Some(limits) = &send.back_pressure {
            limits.check()?;
        }
        let instance = ClientInstance::with_hooks(client, hooks.rpc.clone())?;
        let trace = send.trace.as_ref();
        let namespace = instance.namespace();
        let trace = trace.map(|config| Trace::new(config, &namespace.strip(&send.group)));
        send.group = namespace.wrap(&send.group).into_owned();
        validate::group(&send.group)?;
        if let Some(trace) = &trace {
            hooks = hooks
                .send(TraceHook::new(trace))
                .end_transaction(TraceHook::new(trace));
        }
        let any = hooks.are_of_sends() || hooks.are_of_ends();
        let inner = Inner {
            instance: Arc::new(instance),
            admission: Admission::new(send.back_pressure.unwrap_or(BackPressure::MOST)),
            config: Arc::new(send),
            state: Mutex::new(ServiceState::CreateJust),
            pool: Mutex::default(),
            running: AtomicBool::new(false),
            counters: Arc::default(),
            hooks: any.then(|| Arc::new(hooks)),
            trace,
            runtime: OnceLock::new(),
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
        // It starts once.
        let _ = self.inner.runtime.set(Handle::current());
        if let Some(trace) = &self.inner.trace {
            let instance = &self.inner.instance;
            if let Err(error) = trace.start(instance.config(), instance.hooks()) {
                // R185: messages are sent all the same.
                tracing::warn!(%error, "no messages are traced");
                drop(trace.close());
            }
        }
        *state = ServiceState::Running;
        self.inner.running.store(true, Ordering::Release);
        Ok(())
    }

    /// The state.
    #[must_use]
    pub fn state(&self) -> ServiceState {
        *self.lock_state()
    }

    /// The producer group, with its namespace (R37).
    #[must_use]
    pub fn group(&self) -> &str {
        &self.inner.config.group
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

    /// Sends that have begun and not ended, and the bytes of their bodies. What its caller has dropped has
    /// ended here, though a broker may still store it.
    #[must_use]
    pub fn in_progress(&self) -> (u64, u64) {
        self.inner.admission.inside()
    }

    /// Changes its limits on sends in progress (R191). Those in progress are not touched.
    ///
    /// # Errors
    /// [`ClientError::Illegal`] for limits out of range.
    pub fn set_back_pressure(&self, limits: BackPressure) -> Result<(), ClientError> {
        limits.check()?;
        self.inner.admission.set_limits(limits);
        Ok(())
    }

    /// What has become of the records of its trace; `None` where nothing is traced. Exact once it is shut down.
    #[must_use]
    pub fn trace_counts(&self) -> Option<TraceCounts> {
        self.inner.trace.as_ref().map(|trace| trace.counts())
    }

    /// Its hooks, where there are some.
    pub(super) fn hooks(&self) -> Option<&Arc<Hooks>> {
        self.inner.hooks.as_ref()
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
        transport.broker_links(BackPressure::MOST.messages, Coalesce::Yield, counters)
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
        self.deliver(topic, message, false, None).await
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
        self.deliver(topic, message, true, None).await
    }

    /// The queues of a topic that may be written to, in the order selectors see them (R56, R112).
    ///
    /// # Errors
    /// [`ClientError::State`], [`ClientError::NoRoute`] and the like.
    pub async fn queues(&self, topic: &str) -> Result<Vec<MessageQueue>, ClientError> {
        self.check_running()?;
        let config = &self.inner.config;
        let found = self.inner.instance.topic(topic, config).await?;
        let route = found.route().ok_or_else(|| ClientError::NoRoute {
            topic: topic.to_owned(),
            detail: "it is gone".to_owned(),
        })?;
        let shown = self.inner.instance.namespace().strip(topic);
        Ok(route.message_queues(&shown.into()))
    }

    /// Sends to one queue of its topic: one attempt, and no other queue (R46). A message may as
    /// well be a batch ([`Message::batch`]).
    ///
    /// # Errors
    /// As [`Producer::send`]; [`ClientError::Illegal`] for a broker that is not in the topic's route.
    ///
    /// # Cancel safety
    /// As [`Producer::send`].
    pub async fn send_to(
        &self,
        queue: &MessageQueue,
        message: Message,
    ) -> Result<SendResult, ClientError> {
        self.deliver(&queue.topic, message, false, Some(queue))
            .await
    }

    /// As [`Producer::send_to`], without asking for an answer (R50).
    ///
    /// # Errors
    /// As [`Producer::send_to`].
    ///
    /// # Cancel safety
    /// As [`Producer::send`].
    pub async fn send_oneway_to(
        &self,
        queue: &MessageQueue,
        message: Message,
    ) -> Result<SendResult, ClientError> {
        self.deliver(&queue.topic, message, true, Some(queue)).await
    }

    /// Sends to the queue that `select` takes of those of the topic: asked once, one attempt (R51, R56).
    /// [`crate::client::message_queue`] has selectors; for messages that belong together,
    /// [`Message::with_sharding_key`] says the same.
    ///
    /// # Errors
    /// As [`Producer::send_to`]; [`ClientError::Illegal`] where `select` takes none.
    ///
    /// # Cancel safety
    /// As [`Producer::send`].
    pub async fn send_selected(
        &self,
        topic: &str,
        message: Message,
        select: impl FnOnce(&[MessageQueue], &Message) -> Option<MessageQueue>,
    ) -> Result<SendResult, ClientError> {
        let queues = self.queues(topic).await?;
        let Some(queue) = select(&queues, &message) else {
            return Err(ClientError::Illegal {
                what: "queue",
                reason: "the selector took none".to_owned(),
            });
        };
        // R33.
        let namespace = self.inner.instance.namespace();
        if namespace.wrap(&queue.topic) != namespace.wrap(topic) {
            let reason = format!("the selector took one of topic {}", queue.topic);
            return Err(ClientError::Illegal {
                what: "queue",
                reason,
            });
        }
        self.send_to(&queue, message).await
    }

    fn check_running(&self) -> Result<(), ClientError> {
        if self.inner.running.load(Ordering::Acquire) {
            return Ok(());
        }
        Err(ClientError::State {
            state: self.state().name(),
            hint: "start it first; a stopped one stays stopped",
        })
    }

    /// A message as it is sent: checked, compressed, with what its topic asks for.
    #[inline]
    fn complete(&self, topic: &str, message: Message) -> Result<Message, ClientError> {
        let config = &self.inner.config;
        // Before it is compressed (R29).
        validate::body(message.body().len(), config.max_message_bytes)?;
        let mut message = match &config.compression {
            Some(settings) => message.compressed(settings),
            None => message,
        };
        if let Some(namespace) = self.inner.instance.namespace().name() {
            message = message.in_namespace(namespace)?;
        }
        if topic.starts_with(RETRY_TOPIC_PREFIX) {
            if message.id_places().is_some() {
                return Err(validate::no_batches(topic));
            }
            message = message.for_retry_topic();
        }
        Ok(message)
    }

    async fn deliver(
        &self,
        topic: &str,
        message: Message,
        oneway: bool,
        to: Option<&MessageQueue>,
    ) -> Result<SendResult, ClientError> {
        self.check_running()?;
        let config = &self.inner.config;
        let message = self.complete(topic, message)?;
        let mut now = Nanos::now();
        let budget_ends = now.plus(config.timeout);
        let sender = match self.known_sender(topic, oneway) {
            Some(sender) => sender,
            None => {
                let sender = self.open_sender(topic, oneway, budget_ends).await?;
                now = Nanos::now();
                sender
            }
        };
        let bytes = message.body().len();
        let _room = match self.inner.admission.try_enter(bytes) {
            Some(room) => room,
            None => {
                let room = self.wait_for_room(bytes, budget_ends).await?;
                now = Nanos::now();
                room
            }
        };
        let messages = message.messages();
        let slot = Slot::new(message);
        let mut submitted = self.begin(&sender, Arc::clone(&slot), (now, budget_ends), to)?;
        let mut causes = Vec::new();
        loop {
            let (broker, end) = match submitted {
                Submitted::To(broker) => (broker, poll_fn(|cx| slot.poll(cx)).await),
                Submitted::Watched(broker, end) => (broker, end.await.map_err(|_| stopped())?),
                Submitted::NoRoute(track) => {
                    causes.push("no route".to_owned());
                    return Err(failed(ErrorKind::NoRoute, &track, &causes));
                }
                Submitted::Refused(end) => (None, *end),
            };
            let mut track = end.track;
            let AttemptResult::Failed(error) = end.result else {
                let faults = self.inner.instance.faults();
                note_success(faults, &track, end.result, end.service, end.at);
                return Ok(SendResult {
                    status: match end.result {
                        AttemptResult::Stored(status) => Some(status),
                        _ => None,
                    },
                    message_id: sender.prefix.with(track.id()),
                    broker: broker.unwrap_or_default(),
                    receipt: end.receipt,
                    attempts: track.attempts,
                    messages,
                });
            };
            causes.push(end.describe(error));
            track.maybe_stored |= error.maybe_stored();
            let next = sender
                .lock()
                .settle(&track, end.result, end.service, end.at);
            match next {
                Next::Done => return Err(failed(error.kind(), &track, &causes)),
                Next::Again(wait) if wait.is_zero() => {}
                Next::Again(wait) => tokio::time::sleep(wait).await,
            }
            let carrier = Arc::clone(&slot);
            let send = Outgoing { carrier, track };
            let now = Nanos::now();
            submitted = match self.send_hooks() {
                None => submit(&mut sender.lock(), send, now),
                Some(hooks) => self.submit_hooked(hooks, &sender, send, now),
            };
        }
    }

    /// Waits for room within a send's time (R189, R190).
    #[cold]
    async fn wait_for_room(&self, bytes: usize, until: Nanos) -> Result<Admitted<'_>, ClientError> {
        let left = Duration::from_nanos(until.since(Nanos::now()));
        match tokio::time::timeout(left, self.inner.admission.enter(bytes)).await {
            Ok(Ok(room)) => Ok(room),
            Ok(Err(Closed)) => Err(stopped()),
            Err(_) => Err(ClientError::Send {
                kind: ErrorKind::LocalLimit,
                attempts: 0,
                detail: format!(
                    "no room among the sends in progress within {:?}; send less at once, or raise back_pressure",
                    self.inner.config.timeout
                ),
                maybe_stored: false,
            }),
        }
    }

    /// Begins a send, with its first attempt; its times are now and the end of its budget.
    #[inline]
    fn begin(
        &self,
        sender: &Sender,
        slot: Arc<Slot>,
        (now, budget_ends): (Nanos, Nanos),
        to: Option<&MessageQueue>,
    ) -> Result<Submitted, ClientError> {
        let mut core = sender.lock();
        let send = core.begin(slot, now, budget_ends);
        let send = match to {
            Some(queue) => core.pin(send, queue).map_err(|_| unknown_broker(queue))?,
            None => send,
        };
        let Some(hooks) = self.send_hooks() else {
            return Ok(submit(&mut core, send, now));
        };
        drop(core);
        Ok(self.submit_hooked(hooks, sender, send, now))
    }

    /// Hooks of sends, where there are some.
    #[inline]
    fn send_hooks(&self) -> Option<&Arc<Hooks>> {
        let hooks = self.inner.hooks.as_ref();
        hooks.filter(|hooks| hooks.are_of_sends())
    }

    /// Hands a oneway request that nobody waits for to a connection of a broker that messages of the
    /// topic went to; whether there was one.
    pub(super) fn tell(&self, topic: &str, broker: &str, mut command: RemotingCommand) -> bool {
        let Some(sender) = self.known_sender(topic, false) else {
            return false;
        };
        let hooks = self.hooks().filter(|hooks| !hooks.rpc.is_empty());
        if let Some(hooks) = hooks
            && let Some(address) = self.broker_address(topic, broker)
        {
            hooks.rpc.before(&address, &mut command);
        }
        sender.lock().tell(broker, command)
    }

    /// Address of a broker that messages of the topic go to.
    pub(super) fn broker_address(&self, topic: &str, broker: &str) -> Option<Arc<str>> {
        self.known_sender(topic, false)?.lock().address_of(broker)
    }

    /// The sending side of a topic, after its first use.
    #[inline]
    fn known_sender(&self, topic: &str, oneway: bool) -> Option<Arc<Sender>> {
        let cores = self.lock_cores();
        let [answered, unanswered] = cores.get(topic)?;
        let sender = if oneway { unanswered } else { answered };
        sender.clone()
    }

    /// The sending side of a topic at its first use: looks up the route and connects.
    #[cold]
    async fn open_sender(
        &self,
        topic: &str,
        oneway: bool,
        until: Nanos,
    ) -> Result<Arc<Sender>, ClientError> {
        let left = Duration::from_nanos(until.since(Nanos::now()));
        let lookup = self.inner.instance.topic(topic, &self.inner.config);
        let found = match tokio::time::timeout(left, lookup).await {
            Ok(found) => found?,
            Err(_) => {
                let detail = format!("no route within {:?}", self.inner.config.timeout);
                return Err(ClientError::Namesrv { detail });
            }
        };
        let pool = self.lock_pool().clone().ok_or_else(stopped)?;
        let config = &self.inner.config;
        let retry = if oneway {
            RetryPolicy {
                retries: 0,
                codes: Vec::new(),
                pinned: false,
            }
        } else {
            RetryPolicy {
                retries: config.retries,
                codes: config.retry_codes.clone(),
                pinned: false,
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
        let sender = Arc::new(Sender {
            topic: self.inner.instance.namespace().strip(topic).into(),
            oneway,
            prefix: core.id_prefix(),
            core: Mutex::new(core),
        });
        let mut cores = self.lock_cores();
        let of_topic = cores.entry(topic.to_owned()).or_default();
        let [answered, unanswered] = of_topic;
        let place = if oneway { unanswered } else { answered };
        // Another task may have been faster.
        Ok(Arc::clone(place.get_or_insert(sender)))
    }

    fn lock_cores(&self) -> std::sync::MutexGuard<'_, HashMap<String, [Option<Arc<Sender>>; 2]>> {
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
            self.inner.running.store(false, Ordering::Release);
        }
        let pending = self.inner.admission.drained();
        let drained = tokio::time::timeout(DRAIN_TIMEOUT, pending).await.is_ok();
        self.inner.admission.close();
        self.lock_cores().clear();
        let pool = self.lock_pool().take();
        if let Some(pool) = pool {
            pool.close();
        }
        let trace = self.inner.trace.as_ref().and_then(|trace| trace.close());
        if let Some(thread) = trace {
            // Its end is bounded (R25); a panic there has been told.
            drop(tokio::task::spawn_blocking(move || thread.join()).await);
        }
        self.inner.instance.shutdown().await;
        ShutdownReport { drained }
    }
}

impl Sender {
    #[inline]
    fn lock(&self) -> std::sync::MutexGuard<'_, SendCore<Arc<Slot>>> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Submitted {
    /// On its way to this broker.
    To(Option<Arc<str>>),
    /// The same, and a task waits for its end.
    Watched(Option<Arc<str>>, JoinHandle<SlotEnd>),
    NoRoute(Track),
    Refused(Box<SlotEnd>),
}

fn submit(core: &mut SendCore<Arc<Slot>>, send: Outgoing<Arc<Slot>>, now: Nanos) -> Submitted {
    core.refresh_after(now, refresh_age(&send.track));
    let queue = match core.stage(send) {
        Ok(queue) => queue,
        Err(send) => return Submitted::NoRoute(send.track),
    };
    let mut ended: Vec<Ended<Arc<Slot>>> = Vec::new();
    core.flush(now, &mut ended);
    match ended.pop() {
        None => Submitted::To(core.broker_name(queue)),
        Some(ended) => refused(&ended, now),
    }
}

/// A retry looks at once at what has changed.
fn refresh_age(track: &Track) -> Duration {
    if track.attempts == 0 {
        REFRESH_EVERY
    } else {
        Duration::ZERO
    }
}

fn refused(ended: &Ended<Arc<Slot>>, now: Nanos) -> Submitted {
    let end = SlotEnd::unmade(ended.send.track, ended.result, now);
    Submitted::Refused(Box::new(end))
}

fn unknown_broker(queue: &MessageQueue) -> ClientError {
    let (broker, topic) = (&queue.broker, &queue.topic);
    ClientError::Illegal {
        what: "queue",
        reason: format!("its broker {broker} is not in the route of topic {topic}"),
    }
}

fn stopped() -> ClientError {
    ClientError::State {
        state: ServiceState::ShutdownAlready.name(),
        hint: "it was shut down meanwhile",
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
