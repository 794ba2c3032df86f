//! The state of one broker: what other threads may see, and what only its own thread touches.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddrV4;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

use crate::broker::behaviour::{self, Behaviour, Checks};
use crate::broker::capacity::SingleServer;
use crate::broker::counts::{BrokerCounts, Counters};
use crate::broker::kept::Kept;
use crate::broker::readers::{Place, Readers};
use crate::broker::record::{CLUSTER, now_ms};
use crate::broker::spec::{ClusterSpec, ReplyForm};
use crate::broker::topics::{BENCHMARK_TOPIC, DEFAULT_TOPIC, Topic, TopicTable};
use crate::broker::transactions::Transactions;
use crate::protocol::message_id::OffsetIdPrefix;
use crate::protocol::request_reply::reply_topic;
use crate::protocol::route::permission;
use crate::protocol::runtime_info::RuntimeInfo;
use crate::protocol::signature::Credentials;

/// What the name server, the control handle and the broker's own thread share.
#[derive(Debug)]
pub(super) struct SharedBroker {
    pub(super) name: String,
    pub(super) address: SocketAddrV4,
    /// Whether the name server's routes contain the broker.
    pub(super) registered: AtomicBool,
    pub(super) topics: TopicTable,
    pub(super) counters: Counters,
    pub(super) clients: ClientTable,
}

impl SharedBroker {
    pub(super) fn new(name: String, address: SocketAddrV4, spec: &ClusterSpec) -> Self {
        let topics = TopicTable::default();
        topics.create(BENCHMARK_TOPIC, spec.queues, permission::READ_WRITE);
        topics.create(&reply_topic(CLUSTER), 1, permission::READ_WRITE);
        if spec.auto_create_topic {
            let template = permission::READ_WRITE | permission::INHERIT;
            topics.create(DEFAULT_TOPIC, spec.queues, template);
        }
        Self {
            name,
            address,
            registered: AtomicBool::new(true),
            topics,
            counters: Counters::default(),
            clients: ClientTable::default(),
        }
    }

    pub(super) fn is_registered(&self) -> bool {
        self.registered.load(Ordering::Relaxed)
    }

    pub(super) fn counts(&self) -> BrokerCounts {
        let counters = &self.counters;
        let topics = self.topics.all();
        BrokerCounts {
            name: self.name.clone(),
            messages: counters.messages.get(),
            body_bytes: counters.body_bytes.get(),
            rejected: counters.rejected.get(),
            swallowed_replies: counters.swallowed_replies.get(),
            requests: counters.requests.get(),
            heartbeats: counters.heartbeats.get(),
            reads: counters.reads.get(),
            writes: counters.writes.get(),
            connections: counters
                .accepted
                .get()
                .saturating_sub(counters.closed.get()),
            accepted: counters.accepted.get(),
            illegal_frames: counters.illegal_frames.get(),
            halves: counters.halves.get(),
            committed: counters.committed.get(),
            rolled_back: counters.rolled_back.get(),
            checks: counters.checks.get(),
            checks_answered: counters.checks_answered.get(),
            replies: counters.replies.get(),
            topics: topics
                .iter()
                .map(|topic| (topic.name.clone(), topic.lengths()))
                .collect(),
            clients: self.clients.all(),
        }
    }
}

/// Clients by the connection that sent their heartbeat, as a broker keeps them.
#[derive(Debug, Default)]
pub(super) struct ClientTable {
    groups: Mutex<BTreeMap<(u64, String), BTreeSet<String>>>,
}

impl ClientTable {
    fn edit<T>(&self, edit: impl FnOnce(&mut BTreeMap<(u64, String), BTreeSet<String>>) -> T) -> T {
        edit(&mut self.groups.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn beat(&self, connection: u64, client: String, groups: Vec<String>) {
        self.edit(|table| {
            table
                .entry((connection, client))
                .or_default()
                .extend(groups)
        });
    }

    /// A client leaves with one of its groups; without groups it is forgotten.
    pub(super) fn leave(&self, connection: u64, client: &str, group: &str) {
        self.edit(|table| {
            let key = (connection, client.to_owned());
            if let Some(groups) = table.get_mut(&key) {
                groups.remove(group);
                if groups.is_empty() {
                    table.remove(&key);
                }
            }
        });
    }

    pub(super) fn close(&self, connection: u64) {
        self.edit(|table| table.retain(|(owner, _), _| *owner != connection));
    }

    /// A connection whose client has this producer group.
    pub(super) fn connection_of(&self, group: &str) -> Option<u64> {
        self.edit(|table| {
            let mut clients = table.iter();
            let (key, _) = clients.find(|(_, groups)| groups.contains(group))?;
            Some(key.0)
        })
    }

    /// The newest connection of a client.
    pub(super) fn connection_by_id(&self, client: &str) -> Option<u64> {
        self.edit(|table| {
            let mut clients = table.keys().rev();
            let (connection, _) = clients.find(|(_, known)| known == client)?;
            Some(*connection)
        })
    }

    fn all(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut clients: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        self.edit(|table| {
            for ((_, client), groups) in table {
                let known = clients.entry(client.clone()).or_default();
                known.extend(groups.iter().cloned());
            }
        });
        clients
    }
}

/// What all connections of a broker share on its thread.
#[derive(Debug)]
pub(super) struct BrokerState {
    pub(super) shared: Arc<SharedBroker>,
    pub(super) reply_form: ReplyForm,
    pub(super) max_message_bytes: usize,
    pub(super) account: Option<Credentials>,
    pub(super) message_ids: OffsetIdPrefix,
    /// Start of the cluster; all times on this thread are nanoseconds since then.
    started: Instant,
    pub(super) script: RefCell<Script>,
    pub(super) paused: Cell<bool>,
    /// Wakes the connections when behaviour changes or a pause ends.
    pub(super) changed: Notify,
    pub(super) transactions: Transactions,
    pub(super) readers: Readers,
    /// Messages, where they are kept.
    pub(super) kept: Option<Kept>,
    /// Those of the behaviour, for whoever is called while it is played.
    pub(super) checks: Cell<Checks>,
    /// That of the behaviour, for the same reason.
    disk_percent: Cell<Option<u8>>,
    pub(super) pushes: Pushes,
    /// Bytes of the commit log a real broker would have.
    commit_log_bytes: Cell<u64>,
    random: Cell<u64>,
    connections: Cell<u64>,
}

impl BrokerState {
    pub(super) fn new(
        shared: Arc<SharedBroker>,
        spec: &ClusterSpec,
        behaviour: &Behaviour,
        started: Instant,
    ) -> Self {
        let message_ids = OffsetIdPrefix::new(shared.address);
        let script = Script::new(behaviour.clone(), &shared.name);
        Self {
            shared,
            reply_form: spec.reply_form,
            max_message_bytes: spec.max_message_bytes,
            account: spec.account.clone(),
            message_ids,
            started,
            script: RefCell::new(script),
            paused: Cell::new(false),
            changed: Notify::new(),
            transactions: Transactions::default(),
            readers: Readers::default(),
            kept: (spec.kept_bytes > 0).then(|| Kept::new(spec.kept_bytes)),
            checks: Cell::new(behaviour.checks),
            disk_percent: Cell::new(behaviour.disk_percent),
            pushes: Pushes::default(),
            commit_log_bytes: Cell::new(0),
            random: Cell::new(0x9e37_79b9_7f4a_7c15),
            connections: Cell::new(0),
        }
    }

    /// Nanoseconds since the start of the cluster.
    #[inline]
    pub(super) fn now_ns(&self) -> u64 {
        behaviour::nanos(self.started.elapsed())
    }

    /// Until when nothing is read and nothing answered; `u64::MAX` for until further notice.
    #[inline]
    pub(super) fn halted_until_ns(&self, now_ns: u64) -> Option<u64> {
        if self.paused.get() {
            return Some(u64::MAX);
        }
        let stall = self.script.borrow().behaviour.stall?;
        stall.end_ns(now_ns)
    }

    /// Takes room in the commit log and returns where it begins.
    #[inline]
    pub(super) fn append_bytes(&self, bytes: usize) -> u64 {
        let at = self.commit_log_bytes.get();
        self.commit_log_bytes.set(at + bytes as u64);
        at
    }

    /// What the broker knows of itself.
    pub(super) fn runtime_info(&self) -> RuntimeInfo {
        let up_ms = i64::try_from(self.now_ns() / 1_000_000).unwrap_or(0);
        RuntimeInfo {
            version: Some(
                concat!("rmq-bench ", env!("CARGO_PKG_VERSION"), ", embedded").to_owned(),
            ),
            booted_ms: Some(now_ms() - up_ms),
            disk_ratio: self
                .disk_percent
                .get()
                .map(|percent| f64::from(percent) / 100.0),
            commit_log_max: Some(self.commit_log_bytes.get()),
            ..RuntimeInfo::default()
        }
    }

    /// A queue of `queues`, for clients that leave the choice to the broker.
    pub(super) fn any_queue(&self, queues: u32) -> u32 {
        // xorshift64: any even spread will do, and the same one in every run.
        let mut next = self.random.get();
        next ^= next << 13;
        next ^= next >> 7;
        next ^= next << 17;
        self.random.set(next);
        u32::try_from((next >> 32) % u64::from(queues.max(1))).unwrap_or(0)
    }

    /// Whether the messages of a topic are kept, for whatever reason.
    #[inline]
    pub(super) fn keeps(&self, topic: &Topic) -> bool {
        topic.is_read() || self.kept.is_some()
    }

    /// Keeps a record for those who look messages up, and for those who pull them.
    pub(super) fn keep(&self, place: Place<'_>, record: Vec<u8>) {
        if let Some(kept) = &self.kept {
            kept.keep(&record);
        }
        if place.topic.is_read() {
            self.readers.keep(self, place, record);
        }
    }

    /// A number no other connection of this broker has.
    pub(super) fn next_connection(&self) -> u64 {
        self.connections.set(self.connections.get() + 1);
        self.connections.get()
    }

    pub(super) fn set_behaviour(&self, behaviour: Behaviour) {
        self.checks.set(behaviour.checks);
        self.disk_percent.set(behaviour.disk_percent);
        self.script
            .replace(Script::new(behaviour, &self.shared.name));
        self.changed.notify_waiters();
    }

    pub(super) fn pause(&self, paused: bool) {
        self.paused.set(paused);
        self.changed.notify_waiters();
    }
}

/// Requests of the broker's own, waiting for the connections they are to leave by.
#[derive(Debug, Default)]
pub(super) struct Pushes {
    waiting: RefCell<BTreeMap<u64, Vec<u8>>>,
    any: Cell<bool>,
}

impl Pushes {
    /// Has a frame leave by this connection, which is to be woken by [`BrokerState::changed`].
    pub(super) fn push(&self, connection: u64, frame: &[u8]) {
        let mut waiting = self.waiting.borrow_mut();
        waiting
            .entry(connection)
            .or_default()
            .extend_from_slice(frame);
        self.any.set(true);
    }

    /// Drops what was to leave by a connection that is closed.
    pub(super) fn close(&self, connection: u64) {
        self.waiting.borrow_mut().remove(&connection);
    }

    /// Takes what is to leave by this connection.
    #[inline]
    pub(super) fn take(&self, connection: u64) -> Option<Vec<u8>> {
        if !self.any.get() {
            return None;
        }
        let mut waiting = self.waiting.borrow_mut();
        let frames = waiting.remove(&connection);
        self.any.set(!waiting.is_empty());
        frames
    }
}

/// A behaviour being played, with its position.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) behaviour: Behaviour,
    /// [`Behaviour::delay`] in nanoseconds; `None` for none.
    delay_ns: Option<u64>,
    pub(super) server: Option<SingleServer>,
    /// Messages since the behaviour was set.
    messages: u64,
}

impl Script {
    fn new(behaviour: Behaviour, broker: &str) -> Self {
        let capacity = behaviour.capacity_per_s.filter(|per_s| *per_s > 0);
        let server = |per_s| SingleServer::new(per_s, behaviour.service_time, broker);
        Self {
            delay_ns: Some(behaviour::nanos(behaviour.delay)).filter(|delay| *delay > 0),
            server: capacity.map(server),
            behaviour,
            messages: 0,
        }
    }

    /// The number of the next message, from 1.
    #[inline]
    pub(super) fn next_message(&mut self) -> u64 {
        self.messages += 1;
        self.messages
    }

    /// When a reply may leave that is ready now; `None` for at once.
    #[inline]
    pub(super) fn release_ns(&self, now_ns: u64) -> Option<u64> {
        self.delay_ns.map(|delay| now_ns.saturating_add(delay))
    }

    /// The same for a message, which has to wait for the server.
    #[inline]
    pub(super) fn serve_ns(&mut self, now_ns: u64) -> Option<u64> {
        match &mut self.server {
            None => self.release_ns(now_ns),
            Some(server) => {
                let done = server.admit(now_ns);
                Some(done.saturating_add(self.delay_ns.unwrap_or(0)))
            }
        }
    }
}
