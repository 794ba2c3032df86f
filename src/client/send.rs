//! **Hot path.** The one way of a message: pick a queue, submit, settle.
//!
//! Both faces use it. The load face stages everything due and flushes once per broker; the library
//! face stages one. Budget per message on the load face: an index for the queue, a move into the
//! lane, one template encode, one ring insert; no allocation, no lock beyond one per lane and batch.
//! Sync, async and oneway differ in the retry policy and one flag.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::client::born::BornClock;
use crate::client::broker_table::BrokerId;
use crate::client::config::SendConfig;
use crate::client::error::ErrorKind;
use crate::client::fault::Observation;
use crate::client::instance::ClientInstance;
use crate::client::message::Message;
use crate::client::publish_route::{PublishRoute, QueueRef};
use crate::client::queue_choice::{QueueChoice, Standings};
use crate::client::retry::{AttemptError, Decision, RetryPolicy};
use crate::client::topic::Topic;
use crate::protocol::message_id::{UniqueId, UniquePrefix, UniqueSequence, UniqueSuffix};
use crate::protocol::send::{SendFields, SendHeader, SendTemplate};
use crate::protocol::{HeaderView, ResponseCode, SendStatus};
use crate::transport::clock::wall_millis;
use crate::transport::{CloseReason, Connection, Entry, LinkState, Nanos, Pool, Refusal, Request};

/// What a face hands in with a message and gets back when an attempt has ended.
pub trait Carrier: Send + 'static {
    /// The message.
    fn message(&self) -> &Message;
}

/// Everything the core knows of one send.
#[derive(Debug, Clone, Copy)]
pub struct Track {
    id: UniqueSuffix,
    /// First submission; retries keep it.
    pub submitted: Nanos,
    /// End of the budget over all attempts.
    pub budget_ends: Nanos,
    /// Attempts made.
    pub attempts: u32,
    /// Some attempt may have been stored though it did not end well.
    pub maybe_stored: bool,
    /// Queue of the last attempt.
    queue: Option<QueueRef>,
}

impl Track {
    /// Broker of the last attempt.
    #[inline]
    #[must_use]
    pub fn broker(&self) -> Option<BrokerId> {
        self.queue.map(|queue| queue.broker)
    }

    /// Queue of the last attempt.
    #[must_use]
    pub fn queue(&self) -> Option<QueueRef> {
        self.queue
    }
}

/// A send on its way.
#[derive(Debug)]
pub struct Outgoing<C> {
    /// The face's own.
    pub carrier: C,
    /// The core's own.
    pub track: Track,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptResult {
    /// Stored (R170).
    Stored(SendStatus),
    /// Oneway: taken whole by the socket (R231).
    Accepted,
    /// Not stored, or not known to be.
    Failed(AttemptError),
}

/// An attempt that has ended.
#[derive(Debug)]
pub struct Ended<C> {
    /// The send.
    pub send: Outgoing<C>,
    /// How.
    pub result: AttemptResult,
    /// When its first byte was written; [`Nanos::NONE`] if none was.
    pub written: Nanos,
    /// When it ended.
    pub at: Nanos,
}

impl<C> Ended<C> {
    /// An answer came.
    #[inline]
    #[must_use]
    pub fn by_reply(entry: Entry<Outgoing<C>>, header: &HeaderView<'_>, at: Nanos) -> Self {
        let code = ResponseCode(header.code);
        let result = match SendStatus::from_code(code) {
            Some(status) => AttemptResult::Stored(status),
            None => AttemptResult::Failed(AttemptError::Rejected(code)),
        };
        Self {
            send: entry.token,
            result,
            written: entry.written_at,
            at,
        }
    }

    /// A oneway request left whole.
    #[inline]
    #[must_use]
    pub fn by_writing(entry: Entry<Outgoing<C>>) -> Self {
        let written = entry.written_at;
        Self {
            send: entry.token,
            result: AttemptResult::Accepted,
            written,
            at: written,
        }
    }

    /// No answer in time. Bytes that still wait may leave later, so it may be stored in any case.
    #[must_use]
    pub fn by_expiry(entry: Entry<Outgoing<C>>, at: Nanos) -> Self {
        let result = AttemptResult::Failed(AttemptError::MaybeStored(ErrorKind::Timeout));
        Self {
            send: entry.token,
            result,
            written: entry.written_at,
            at,
        }
    }

    /// The connection is gone; whether bytes had left decides what is known.
    #[must_use]
    pub fn by_loss(entry: Entry<Outgoing<C>>, reason: &CloseReason, at: Nanos) -> Self {
        let kind = match reason {
            CloseReason::Protocol(_) => ErrorKind::BadReply,
            _ => ErrorKind::ConnectionLost,
        };
        let error = if entry.written_at == Nanos::NONE {
            AttemptError::NotSent(kind)
        } else {
            AttemptError::MaybeStored(kind)
        };
        let result = AttemptResult::Failed(error);
        Self {
            send: entry.token,
            result,
            written: entry.written_at,
            at,
        }
    }

    /// True latency of the attempt: first byte written → end; `None` if nothing was written.
    #[inline]
    #[must_use]
    pub fn service(&self) -> Option<Duration> {
        (self.written != Nanos::NONE).then(|| Duration::from_nanos(self.at.since(self.written)))
    }
}

/// What follows an ended attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The send is over.
    Done,
    /// Stage it again after this long.
    Again(Duration),
}

/// What a sender is made of, besides route and settings.
#[derive(Debug)]
pub struct SenderOptions<C> {
    /// Connections.
    pub pool: Arc<Pool<Outgoing<C>>>,
    /// Which failures are tried again.
    pub retry: RetryPolicy,
    /// No answers.
    pub oneway: bool,
}

/// One broker of the route, as this sender reaches it.
struct Lane<C> {
    broker: BrokerId,
    name: Arc<str>,
    address: Option<String>,
    links: Vec<Followed<C>>,
    turn: usize,
    template: SendTemplate,
    staged: Vec<Outgoing<C>>,
}

struct Followed<C> {
    state: watch::Receiver<LinkState<Outgoing<C>>>,
    connection: Option<Connection<Outgoing<C>>>,
}

impl<C: Carrier> Lane<C> {
    fn follow(&mut self) {
        for link in &mut self.links {
            if link.state.has_changed().unwrap_or(true) {
                link.connection = match &*link.state.borrow_and_update() {
                    LinkState::Up(connection) => Some(connection.clone()),
                    LinkState::Connecting | LinkState::Down { .. } => None,
                };
            }
        }
    }

    /// The next connection that is up.
    #[inline]
    fn connection(&mut self) -> Option<&Connection<Outgoing<C>>> {
        let count = self.links.len();
        let turn = self.turn;
        let up = (0..count)
            .map(|step| (turn + step) % count.max(1))
            .find(|index| {
                self.links
                    .get(*index)
                    .is_some_and(|link| link.connection.is_some())
            })?;
        self.turn = up + 1;
        self.links.get(up)?.connection.as_ref()
    }
}

/// Sends the messages of one topic for one sender; see the module.
pub struct SendCore<C> {
    instance: Arc<ClientInstance>,
    topic: Arc<Topic>,
    config: Arc<SendConfig>,
    options: SenderOptions<C>,
    route: Option<Arc<PublishRoute>>,
    seen_version: u64,
    refreshed: Nanos,
    /// Indexed like the route's brokers.
    lanes: Vec<Lane<C>>,
    standings: Standings,
    choice: QueueChoice,
    prefix: UniquePrefix,
    sequence: UniqueSequence,
    born: BornClock,
}

impl<C> std::fmt::Debug for SendCore<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SendCore")
            .field("topic", &self.topic.name())
            .finish_non_exhaustive()
    }
}

impl<C: Carrier> SendCore<C> {
    /// A sender for one topic of the instance.
    #[must_use]
    pub fn new(
        instance: Arc<ClientInstance>,
        topic: Arc<Topic>,
        config: Arc<SendConfig>,
        options: SenderOptions<C>,
    ) -> Self {
        let fault = instance.faults().config();
        let choice = QueueChoice::new(rand::random(), fault.generation, fault.enabled);
        let mut core = Self {
            prefix: instance.id_prefix(),
            instance,
            topic,
            config,
            options,
            route: None,
            seen_version: u64::MAX,
            refreshed: Nanos::NONE,
            lanes: Vec::new(),
            standings: Standings::default(),
            choice,
            sequence: UniqueSequence::default(),
            born: BornClock::new(wall_millis()),
        };
        core.refresh(Nanos::now());
        core
    }

    /// Reads what may have changed since the last batch: clock digits, route, connections, faults.
    pub fn refresh(&mut self, now: Nanos) {
        self.refreshed = now;
        self.born.advance(wall_millis());
        self.sequence.advance(self.born.month_ms());
        if self.topic.version() != self.seen_version {
            self.adopt_route();
        }
        for lane in &mut self.lanes {
            lane.follow();
        }
        if let Some(route) = &self.route {
            let faults = self.instance.faults();
            self.standings
                .refresh(route, |broker| faults.standing(broker, now));
        }
    }

    /// [`SendCore::refresh`], unless that was done less than `age` ago.
    #[inline]
    pub fn refresh_after(&mut self, now: Nanos, age: Duration) {
        if now >= self.refreshed.plus(age) {
            self.refresh(now);
        }
    }

    #[cold]
    fn adopt_route(&mut self) {
        self.seen_version = self.topic.version();
        self.route = self.topic.route();
        let mut old = std::mem::take(&mut self.lanes);
        let Some(route) = &self.route else { return };
        for broker in &route.brokers {
            let same = |lane: &Lane<C>| lane.broker == broker.id && lane.address == broker.address;
            let lane = match old.iter().position(same) {
                Some(index) => old.swap_remove(index),
                None => self.open_lane(broker.id, &broker.name, broker.address.as_deref()),
            };
            self.lanes.push(lane);
        }
        let addresses: Vec<&str> = route
            .brokers
            .iter()
            .filter_map(|broker| broker.address.as_deref())
            .collect();
        self.options
            .pool
            .retain(|address| addresses.contains(&address));
    }

    fn open_lane(&self, broker: BrokerId, name: &str, address: Option<&str>) -> Lane<C> {
        let transport = &self.instance.config().transport;
        let header = SendHeader {
            version: self.config.version,
            group: self.config.group.clone(),
            topic: self.topic.name().to_owned(),
            default_topic: self.config.create_topic_key.clone(),
            default_queues: self.config.default_topic_queues,
            sys_flag: 0,
            flag: 0,
            broker_name: name.to_owned(),
            language: transport.language,
        };
        let links = address
            .map(|address| self.options.pool.links(address))
            .unwrap_or_default();
        Lane {
            broker,
            name: name.into(),
            address: address.map(str::to_owned),
            links: links
                .iter()
                .map(|link| {
                    let mut state = link.watch();
                    state.mark_changed();
                    Followed {
                        state,
                        connection: None,
                    }
                })
                .collect(),
            turn: 0,
            template: SendTemplate::new(transport.header, &header),
            staged: Vec::new(),
        }
    }

    /// Waits until every broker of the route is connected or has failed to be, at most `timeout`.
    /// Returns the brokers that could not be reached, with the reason.
    ///
    /// # Cancel safety
    /// Safe; the links go on connecting.
    pub fn connect(
        &self,
        timeout: Duration,
    ) -> impl Future<Output = Vec<(BrokerId, String)>> + Send + 'static {
        let pool = Arc::clone(&self.options.pool);
        let lanes: Vec<_> = self
            .lanes
            .iter()
            .map(|lane| (lane.broker, lane.address.clone()))
            .collect();
        async move {
            let deadline = Nanos::now().plus(timeout);
            let mut failed = Vec::new();
            for (broker, address) in lanes {
                let Some(address) = address else {
                    failed.push((broker, "the route names no master".to_owned()));
                    continue;
                };
                for link in pool.links(&address) {
                    let left = Duration::from_nanos(deadline.since(Nanos::now()));
                    if let Err(detail) = link.ready(left).await {
                        failed.push((broker, detail));
                    }
                }
            }
            failed
        }
    }

    /// Begins a send: it gets its message id and its budget.
    #[inline]
    pub fn begin(&mut self, carrier: C, now: Nanos, budget_ends: Nanos) -> Outgoing<C> {
        let id = self.sequence.next_suffix();
        let track = Track {
            id,
            submitted: now,
            budget_ends,
            attempts: 0,
            maybe_stored: false,
            queue: None,
        };
        Outgoing { carrier, track }
    }

    /// Picks the queue of the next attempt and lays the send in its broker's lane.
    ///
    /// # Errors
    /// The send, when the topic has no route.
    #[inline]
    pub fn stage(&mut self, mut send: Outgoing<C>) -> Result<(), Outgoing<C>> {
        let last = send.track.broker();
        let picked = self
            .route
            .as_ref()
            .and_then(|route| self.choice.pick(route, &self.standings, last));
        let Some(queue) = picked else {
            return Err(send);
        };
        let Some(lane) = self.lanes.get_mut(queue.slot.index()) else {
            return Err(send);
        };
        send.track.queue = Some(queue);
        send.track.attempts += 1;
        lane.staged.push(send);
        Ok(())
    }

    /// Submits everything staged; what could not be submitted is appended to `ended`.
    #[inline]
    pub fn flush(&mut self, now: Nanos, ended: &mut Vec<Ended<C>>) {
        let cap = self
            .config
            .attempt_timeout
            .map_or(Nanos::NEVER, |timeout| now.plus(timeout));
        let zero_copy_bytes = self.instance.config().transport.zero_copy_bytes;
        let oneway = self.options.oneway;
        for lane in &mut self.lanes {
            if lane.staged.is_empty() {
                continue;
            }
            let mut staged = std::mem::take(&mut lane.staged);
            let refused = |send, error| Ended {
                send,
                result: AttemptResult::Failed(error),
                written: Nanos::NONE,
                at: now,
            };
            if let Some(connection) = lane.connection().cloned() {
                let template = &lane.template;
                let mut batch = connection.batch();
                for send in staged.drain(..) {
                    let deadline = send.track.budget_ends.min(cap);
                    let request = Request {
                        token: send,
                        deadline,
                        oneway,
                    };
                    let pushed = batch.push(request, |send, opaque, out| {
                        let message = send.carrier.message();
                        let fields = SendFields {
                            opaque,
                            queue_id: send.track.queue.map_or(0, |queue| queue.queue_id),
                            oneway,
                            unique_id: &self.prefix.with(send.track.id),
                            properties: message.properties(),
                            born: self.born.digits(),
                            body_bytes: message.body().len(),
                        };
                        template.encode(out.copied(), &fields);
                        out.push_body(message.body(), zero_copy_bytes);
                    });
                    if let Err((send, refusal)) = pushed {
                        let error = match refusal {
                            Refusal::Closed => AttemptError::NotSent(ErrorKind::ConnectionLost),
                            Refusal::InFlightFull | Refusal::OutBufferFull => {
                                AttemptError::Local(ErrorKind::LocalLimit)
                            }
                        };
                        ended.push(refused(send, error));
                    }
                }
            } else {
                let kind = match lane.address {
                    Some(_) => ErrorKind::Connect,
                    None => ErrorKind::BrokerNotExist,
                };
                let error = AttemptError::NotSent(kind);
                ended.extend(staged.drain(..).map(|send| refused(send, error)));
            }
            lane.staged = staged;
        }
    }

    /// Feeds the fault table with what an attempt told and decides what follows: the one place
    /// where retries are decided.
    #[inline]
    pub fn settle(
        &self,
        track: &Track,
        result: AttemptResult,
        service: Option<Duration>,
        now: Nanos,
    ) -> Next {
        let error = match result {
            AttemptResult::Stored(_) => {
                if let (Some(broker), Some(service)) = (track.broker(), service) {
                    self.instance
                        .faults()
                        .observe(broker, Observation::Answered(service), now);
                }
                return Next::Done;
            }
            AttemptResult::Accepted => return Next::Done,
            AttemptResult::Failed(error) => error,
        };
        self.note_failure(track, error, service, now);
        let left = Duration::from_nanos(track.budget_ends.since(now));
        match self.options.retry.next(track.attempts, error, left) {
            Decision::Again(wait) => Next::Again(wait),
            Decision::GiveUp => Next::Done,
        }
    }

    #[cold]
    fn note_failure(
        &self,
        track: &Track,
        error: AttemptError,
        service: Option<Duration>,
        now: Nanos,
    ) {
        let observation = match error {
            AttemptError::Rejected(_) => Observation::Refused(service.unwrap_or_default()),
            AttemptError::NotSent(_) | AttemptError::MaybeStored(_) => Observation::Unreachable,
            AttemptError::Local(_) => return,
        };
        if let Some(broker) = track.broker() {
            self.instance.faults().observe(broker, observation, now);
        }
        let stale = match error {
            AttemptError::Rejected(code) => code == ResponseCode::TOPIC_NOT_EXIST,
            AttemptError::NotSent(_) => true,
            AttemptError::MaybeStored(kind) => kind == ErrorKind::ConnectionLost,
            AttemptError::Local(_) => false,
        };
        if stale {
            self.instance.refresh_soon();
        }
    }

    /// Closes every connection and returns what was in flight.
    pub fn abandon(&mut self, now: Nanos) -> Vec<Ended<C>> {
        let mut ended = Vec::new();
        for connection in self.options.pool.connections() {
            connection.abandon(|entry| {
                let error = if entry.written_at == Nanos::NONE {
                    AttemptError::NotSent(ErrorKind::Unanswered)
                } else {
                    AttemptError::MaybeStored(ErrorKind::Unanswered)
                };
                ended.push(Ended {
                    send: entry.token,
                    result: AttemptResult::Failed(error),
                    written: entry.written_at,
                    at: now,
                });
            });
        }
        ended
    }

    /// The message id of a send.
    #[must_use]
    pub fn unique_id(&self, track: &Track) -> UniqueId {
        self.prefix.with(track.id)
    }

    /// Name of the broker of the last attempt, while the route still names it.
    #[must_use]
    pub fn broker_name(&self, track: &Track) -> Option<Arc<str>> {
        let broker = track.broker()?;
        let lane = self.lanes.iter().find(|lane| lane.broker == broker)?;
        Some(Arc::clone(&lane.name))
    }

    /// The route in use.
    #[must_use]
    pub fn route(&self) -> Option<&Arc<PublishRoute>> {
        self.route.as_ref()
    }
}
