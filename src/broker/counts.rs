//! What arrived at an embedded cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};

/// What a cluster has counted since its start. Taken while messages arrive, the figures of one
/// broker may differ by the messages of a moment; once all replies are in, they are exact.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoredCounts {
    /// In the order of the brokers.
    pub brokers: Vec<BrokerCounts>,
    /// Route queries at the name server.
    pub route_queries: u64,
}

impl StoredCounts {
    /// Messages stored by all brokers.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.sum(|broker| broker.messages)
    }

    /// Body bytes stored by all brokers.
    #[must_use]
    pub fn body_bytes(&self) -> u64 {
        self.sum(|broker| broker.body_bytes)
    }

    /// Messages refused by all brokers.
    #[must_use]
    pub fn rejected(&self) -> u64 {
        self.sum(|broker| broker.rejected)
    }

    /// Open connections of all brokers.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.sum(|broker| broker.connections)
    }

    /// Messages of one topic on all brokers.
    #[must_use]
    pub fn topic_messages(&self, topic: &str) -> u64 {
        self.sum(|broker| {
            broker
                .topics
                .get(topic)
                .map_or(0, |queues| queues.iter().sum())
        })
    }

    /// Producer groups that any broker knows.
    #[must_use]
    pub fn producer_groups(&self) -> BTreeSet<&str> {
        let clients = self
            .brokers
            .iter()
            .flat_map(|broker| broker.clients.values());
        clients.flatten().map(String::as_str).collect()
    }

    fn sum(&self, of: impl Fn(&BrokerCounts) -> u64) -> u64 {
        self.brokers.iter().map(of).sum()
    }
}

/// What one broker has counted since its start.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BrokerCounts {
    /// `broker-0` and so on.
    pub name: String,
    /// Messages stored.
    pub messages: u64,
    /// Their body bytes.
    pub body_bytes: u64,
    /// Messages refused, by script or because they are not acceptable.
    pub rejected: u64,
    /// Messages stored whose reply was swallowed by script.
    pub swallowed_replies: u64,
    /// Requests of every kind.
    pub requests: u64,
    /// Heartbeats.
    pub heartbeats: u64,
    /// Reads that brought bytes.
    pub reads: u64,
    /// Writes that took bytes.
    pub writes: u64,
    /// Connections open now.
    pub connections: u64,
    /// Connections accepted.
    pub accepted: u64,
    /// Connections closed because what came was no legal frame.
    pub illegal_frames: u64,
    /// Half messages stored; they count as messages when they are committed.
    pub halves: u64,
    /// Transactions ended by a commit.
    pub committed: u64,
    /// Transactions ended by a rollback.
    pub rolled_back: u64,
    /// Checks sent.
    pub checks: u64,
    /// Their answers.
    pub checks_answered: u64,
    /// Answers to requests handed on to who asked.
    pub replies: u64,
    /// Per topic: messages per queue, which is also each queue's next offset.
    pub topics: BTreeMap<String, Vec<u64>>,
    /// Clients known by heartbeat whose connection is open, with their producer groups.
    pub clients: BTreeMap<String, BTreeSet<String>>,
}

/// The counters behind [`BrokerCounts`]; written by the broker's thread only.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) messages: Counter,
    pub(super) body_bytes: Counter,
    pub(super) rejected: Counter,
    pub(super) swallowed_replies: Counter,
    pub(super) requests: Counter,
    pub(super) heartbeats: Counter,
    pub(super) reads: Counter,
    pub(super) writes: Counter,
    pub(super) accepted: Counter,
    pub(super) closed: Counter,
    pub(super) illegal_frames: Counter,
    pub(super) halves: Counter,
    pub(super) committed: Counter,
    pub(super) rolled_back: Counter,
    pub(super) checks: Counter,
    pub(super) checks_answered: Counter,
    pub(super) replies: Counter,
}

/// A number with one writing thread: no atomic addition, so it costs no more than a plain one.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    #[inline]
    pub(super) fn add(&self, more: u64) {
        let value = self.0.load(Ordering::Relaxed);
        self.0.store(value.wrapping_add(more), Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
