//! **Hot path.** The one way of a message: pick a queue, submit, settle.
//!
//! Both faces use it. The load face stages everything due and flushes once per broker; the library
//! face stages one. Budget per message on the load face: an index for the queue, a move into the
//! lane, one template encode, one ring insert; no allocation, no lock beyond one per lane and batch.
//! Sync, async and oneway differ in the retry policy and one flag; a batch in its body.
//!
//! `attempt` is a send on its way, `lane` the way to one broker, `templates` its rendered headers; `prepare`
//! what sends with hooks need besides.

mod attempt;
mod lane;
mod prepare;
mod templates;

use std::sync::Arc;
use std::time::Duration;

use crate::client::born::BornClock;
use crate::client::broker_table::BrokerId;
use crate::client::config::SendConfig;
use crate::client::error::ErrorKind;
use crate::client::fault::{FaultTable, Observation};
use crate::client::instance::ClientInstance;
use crate::client::message::Message;
use crate::client::message_queue::MessageQueue;
use crate::client::publish_route::{PublishRoute, QueueRef, RouteSlot};
use crate::client::queue_choice::{QueueChoice, Standings};
use crate::client::retry::{AttemptError, Decision, RetryPolicy};
use crate::client::send::templates::Templates;
use crate::client::topic::Topic;
use crate::protocol::message_id::{UniqueId, UniquePrefix, UniqueSequence};
use crate::protocol::send::{SendFields, SendHeader};
use crate::protocol::signature::Signing;
use crate::protocol::{RemotingCommand, ResponseCode};
use crate::transport::clock::wall_millis;
use crate::transport::{Connection, Nanos, Pool, Refusal, Request};

pub use attempt::{AttemptResult, Carrier, Ended, Next, Outgoing, Track};
use lane::{Followed, Lane};
pub use prepare::Place;

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
    /// Room for the properties of a request.
    correlated: Vec<u8>,
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
            correlated: Vec::new(),
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
        let transport = &self.instance.config().transport;
        for broker in &route.brokers {
            let address = broker.address.as_deref();
            let address = address.map(|address| transport.send_address(address));
            let same = |lane: &Lane<C>| {
                lane.broker == broker.id && lane.address.as_deref() == address.as_deref()
            };
            let lane = match old.iter().position(same) {
                Some(index) => old.swap_remove(index),
                None => self.open_lane(broker.id, &broker.name, address.as_deref()),
            };
            self.lanes.push(lane);
        }
        let lanes = &self.lanes;
        self.options.pool.retain(|address| {
            let mut reached = lanes.iter().filter_map(|lane| lane.address.as_deref());
            reached.any(|reached| reached == address)
        });
    }

    fn open_lane(&self, broker: BrokerId, name: &str, address: Option<&str>) -> Lane<C> {
        let transport = &self.instance.config().transport;
        let header = SendHeader {
            version: self.config.version,
            group: self
                .instance
                .namespace()
                .wrap(&self.config.group)
                .into_owned(),
            topic: self.topic.name().to_owned(),
            default_topic: self.config.create_topic_key.clone(),
            default_queues: self.config.default_topic_queues,
            unit_mode: self.instance.config().identity.unit_mode,
            broker_name: name.to_owned(),
            language: transport.language,
        };
        let links = address
            .map(|address| self.options.pool.links(address))
            .unwrap_or_default();
        Lane {
            broker,
            name: name.into(),
            address: address.map(Arc::from),
            links: links
                .iter()
                .map(|link| {
                    let mut state = link.watch();
                    state.mark_changed();
                    Followed {
                        state,
                        connection: None,
                        greeted: false,
                    }
                })
                .collect(),
            turn: 0,
            templates: Templates::new(
                transport.header,
                header,
                self.instance.config().credentials.clone(),
            ),
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
        let message = carrier.message();
        let id = self.sequence.next_suffixes(message.messages());
        let track = Track {
            id,
            submitted: now,
            budget_ends,
            attempts: 0,
            maybe_stored: false,
            pinned: message.sharding_hash().is_some(),
            queue: None,
        };
        Outgoing { carrier, track }
    }

    /// Binds a send that has just begun to one queue (R46).
    ///
    /// # Errors
    /// The send, when the route knows no such broker.
    pub fn pin(
        &self,
        mut send: Outgoing<C>,
        queue: &MessageQueue,
    ) -> Result<Outgoing<C>, Outgoing<C>> {
        let found = self.route.as_ref().and_then(|route| route.find(queue));
        if found.is_none() {
            return Err(send);
        }
        send.track.queue = found;
        send.track.pinned = true;
        Ok(send)
    }

    /// Binds a send that has just begun to the queue of this index among those a selector chooses from (R57);
    /// `index` is given their number, at least 1. Without a route it stays as it is.
    #[inline]
    pub fn pin_nth(&self, send: &mut Outgoing<C>, index: impl FnOnce(usize) -> usize) {
        let Some(route) = self
            .route
            .as_ref()
            .filter(|route| !route.selectable.is_empty())
        else {
            return;
        };
        send.track.queue = route.selectable.get(index(route.selectable.len())).copied();
        send.track.pinned = send.track.queue.is_some();
    }

    /// Picks the queue of the next attempt, which it returns, and lays the send in its broker's lane.
    ///
    /// # Errors
    /// The send, when the topic has no route.
    #[inline]
    pub fn stage(&mut self, mut send: Outgoing<C>) -> Result<QueueRef, Outgoing<C>> {
        let Some(route) = &self.route else {
            return Err(send);
        };
        let picked = if send.track.pinned {
            pinned(route, &send)
        } else {
            let last = send.track.broker();
            self.choice.pick(route, &self.standings, last)
        };
        let Some(queue) = picked else {
            return Err(send);
        };
        let Some(lane) = self.lanes.get_mut(queue.slot.index()) else {
            return Err(send);
        };
        send.track.queue = Some(queue);
        send.track.attempts += 1;
        lane.staged.push(send);
        Ok(queue)
    }

    /// Address of a queue's broker, while the route still names it and it has one.
    #[must_use]
    pub fn broker_address(&self, queue: QueueRef) -> Option<&Arc<str>> {
        let lane = self.lanes.get(queue.slot.index())?;
        lane.address
            .as_ref()
            .filter(|_| lane.broker == queue.broker)
    }

    /// Submits everything staged; what could not be submitted is appended to `ended`.
    #[inline]
    pub fn flush(&mut self, now: Nanos, ended: &mut Vec<Ended<C>>) {
        let cap = self
            .config
            .attempt_timeout
            .map_or(Nanos::NEVER, |timeout| now.plus(timeout));
        let transport = &self.instance.config().transport;
        let (zero_copy_bytes, form) = (transport.zero_copy_bytes, transport.header);
        let (oneway, prefix) = (self.options.oneway, self.prefix);
        let retry = &self.options.retry;
        let correlated = &mut self.correlated;
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
                let templates = &mut lane.templates;
                let mut batch = connection.batch();
                for send in staged.drain(..) {
                    let deadline = send.track.deadline(cap, retry);
                    let template = templates.of(send.carrier.message().kind());
                    let request = Request {
                        token: send,
                        deadline,
                        oneway,
                    };
                    let pushed = batch.push(request, |send, opaque, out| {
                        if let Some(prepared) = send.carrier.prepared() {
                            prepared.encode_as(opaque, form, out.copied());
                            return;
                        }
                        let message = send.carrier.message();
                        let id_places = message.id_places();
                        let unique_id = prefix.with(send.track.id);
                        let mut fields = SendFields {
                            opaque,
                            queue_id: send.track.queue.map_or(0, |queue| queue.queue_id),
                            oneway,
                            unique_id: id_places.is_none().then_some(&unique_id),
                            properties: message.properties_with(&unique_id, correlated),
                            born: self.born.digits(),
                            body_bytes: message.body().len(),
                            signature: None,
                        };
                        let ids = || {
                            let id = send.track.id;
                            (0..).map(move |nth| prefix.with(id.nth(nth)))
                        };
                        let signature = template.sign(&fields, |signing| match id_places {
                            None => signing.add(message.body()),
                            Some(places) => sign_batch(signing, message.body(), places, ids()),
                        });
                        fields.signature = signature.as_ref();
                        template.encode(out.copied(), &fields);
                        match id_places {
                            None => out.push_body(message.body(), zero_copy_bytes),
                            Some(places) => push_batch(out.copied(), message.body(), places, ids()),
                        }
                    });
                    if let Err((send, refusal)) = pushed {
                        ended.push(refused(send, unsubmitted(refusal)));
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

    /// The same of all connections of its pool, which other senders may share.
    #[must_use]
    pub fn unwritten_of_pool(&self) -> usize {
        self.options.pool.unwritten_bytes()
    }

    /// Hands a oneway request that nobody waits for to a connection of this broker; whether there was
    /// one with room for it.
    pub fn tell(&mut self, broker: &str, mut command: RemotingCommand) -> bool {
        if let Some(credentials) = &self.instance.config().credentials {
            credentials.sign(&mut command);
        }
        let transport = &self.instance.config().transport;
        let form = transport.header;
        let lane = self.lanes.iter_mut().find(|lane| *lane.name == *broker);
        if transport.vip_channel {
            // Its connections go to a port for messages (R157).
            return lane.is_some_and(|lane| self.instance.tell(lane.broker, command));
        }
        let Some(connection) = lane.and_then(|lane| lane.connection().cloned()) else {
            return false;
        };
        let told = connection.batch().tell(|opaque, out| {
            command.opaque = opaque;
            command.encode(form, out.copied());
        });
        told.is_ok()
    }

    /// Makes its connections known to their brokers as those of a client, by this heartbeat: those that
    /// are new, or all.
    pub fn greet(&mut self, heartbeat: &RemotingCommand, all: bool) {
        let mut command = heartbeat.clone().oneway();
        if let Some(credentials) = &self.instance.config().credentials {
            credentials.sign(&mut command);
        }
        let form = self.instance.config().transport.header;
        for link in self.lanes.iter_mut().flat_map(|lane| &mut lane.links) {
            let Some(connection) = &link.connection else {
                continue;
            };
            if all || !link.greeted {
                let told = connection.batch().tell(|opaque, out| {
                    command.opaque = opaque;
                    command.encode(form, out.copied());
                });
                link.greeted = told.is_ok();
            }
        }
    }

    /// Bytes submitted that no connection has begun to write.
    #[must_use]
    pub fn unwritten_bytes(&self) -> usize {
        let links = self.lanes.iter().flat_map(|lane| &lane.links);
        let connections = links.filter_map(|link| link.connection.as_ref());
        connections.map(Connection::unwritten_bytes).sum()
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
            AttemptResult::Stored(_) | AttemptResult::Accepted => {
                note_success(self.instance.faults(), track, result, service, now);
                return Next::Done;
            }
            AttemptResult::Failed(error) => error,
        };
        self.note_failure(track, error, service, now);
        let local = matches!(error, AttemptError::Local(_));
        if track.pinned && !self.options.retry.pinned && !local {
            return Next::Done;
        }
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
            AttemptError::Local(_) | AttemptError::Forbidden => return,
        };
        if let Some(broker) = track.broker() {
            self.instance.faults().observe(broker, observation, now);
        }
        let stale = match error {
            AttemptError::Rejected(code) => code == ResponseCode::TOPIC_NOT_EXIST,
            AttemptError::NotSent(_) => true,
            AttemptError::MaybeStored(kind) => kind == ErrorKind::ConnectionLost,
            AttemptError::Local(_) | AttemptError::Forbidden => false,
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

    /// What message ids of this sender begin with.
    #[must_use]
    pub fn id_prefix(&self) -> UniquePrefix {
        self.prefix
    }

    /// The message ids of a send: one, or those of its batch in order.
    pub fn unique_ids(
        &self,
        track: &Track,
        message: &Message,
    ) -> impl Iterator<Item = UniqueId> + use<C> {
        let (prefix, id) = (self.prefix, track.id);
        (0..message.messages()).map(move |nth| prefix.with(id.nth(nth)))
    }

    /// Name of a queue's broker, while the route still names it.
    #[must_use]
    pub fn broker_name(&self, queue: QueueRef) -> Option<Arc<str>> {
        let lane = self.lanes.get(queue.slot.index())?;
        (lane.broker == queue.broker).then(|| Arc::clone(&lane.name))
    }

    /// The route in use.
    #[must_use]
    pub fn route(&self) -> Option<&Arc<PublishRoute>> {
        self.route.as_ref()
    }
}

/// The queue of a send that may go to no other: the one it was bound to, else that of its key.
#[inline(never)]
fn pinned<C: Carrier>(route: &PublishRoute, send: &Outgoing<C>) -> Option<QueueRef> {
    let hash = send.carrier.message().sharding_hash();
    let queue = match (send.track.queue, hash) {
        (Some(queue), _) => queue,
        (None, hash) => return route.by_hash(hash?),
    };
    current(route, queue)
}

/// A queue in this route, which may not be the one it was picked from.
fn current(route: &PublishRoute, queue: QueueRef) -> Option<QueueRef> {
    let slot = route
        .brokers
        .iter()
        .position(|broker| broker.id == queue.broker)?;
    Some(QueueRef {
        slot: RouteSlot::new(slot)?,
        ..queue
    })
}

/// What an attempt failed of that a connection did not take.
#[cold]
fn unsubmitted(refusal: Refusal) -> AttemptError {
    match refusal {
        Refusal::Closed => AttemptError::NotSent(ErrorKind::ConnectionLost),
        Refusal::InFlightFull | Refusal::OutBufferFull => {
            AttemptError::Local(ErrorKind::LocalLimit)
        }
    }
}

/// Adds the body of a batch as [`push_batch`] writes it.
fn sign_batch(
    signing: &mut Signing,
    body: &[u8],
    places: &[usize],
    ids: impl Iterator<Item = UniqueId>,
) {
    let mut from = 0;
    for (place, id) in places.iter().zip(ids) {
        signing.add(body.get(from..*place).unwrap_or_default());
        signing.add(&id.0);
        from = place + id.0.len();
    }
    signing.add(body.get(from..).unwrap_or_default());
}

/// Appends the body of a batch with the ids of its messages.
fn push_batch(
    out: &mut Vec<u8>,
    body: &[u8],
    places: &[usize],
    ids: impl Iterator<Item = UniqueId>,
) {
    let start = out.len();
    out.extend_from_slice(body);
    for (place, id) in places.iter().zip(ids) {
        let at = start + place;
        if let Some(slot) = out.get_mut(at..at + id.0.len()) {
            slot.copy_from_slice(&id.0);
        }
    }
}

/// Feeds the fault table with an attempt that ended well. It needs no sender, which others may use
/// meanwhile.
#[inline]
pub(super) fn note_success(
    faults: &FaultTable,
    track: &Track,
    result: AttemptResult,
    service: Option<Duration>,
    now: Nanos,
) {
    if let (AttemptResult::Stored(_), Some(broker), Some(service)) =
        (result, track.broker(), service)
    {
        faults.observe(broker, Observation::Answered(service), now);
    }
}
