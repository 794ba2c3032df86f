//! A message as a broker writes it into its commit log, for those who keep it or are handed it.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::broker::state::BrokerState;
use crate::broker::topics::Topic;
use crate::protocol::stored::StoredMessage;
use crate::protocol::{properties, sys_flag};

/// Cluster of the embedded brokers.
pub(super) const CLUSTER: &str = "DefaultCluster";

/// What a message to be stored is made of.
#[derive(Debug)]
pub(super) struct NewMessage<'a> {
    pub(super) topic: &'a Arc<Topic>,
    pub(super) queue_id: u32,
    pub(super) flag: i32,
    pub(super) sys_flag: i32,
    /// When it was sent, in ms since 1970.
    pub(super) born_ms: i64,
    pub(super) born_host: SocketAddr,
    pub(super) properties: &'a str,
    pub(super) body: &'a [u8],
    pub(super) commit_log_offset: u64,
}

impl NewMessage<'_> {
    /// As it is stored now, at this place of its queue; `None` for fields that do not fit a record. Brokers
    /// add the name of their cluster to the properties. The bits of a transaction are taken off, those of
    /// compression stay.
    pub(super) fn record(&self, state: &BrokerState, queue_offset: u64) -> Option<Vec<u8>> {
        let mut own = self.properties.as_bytes().to_vec();
        if own
            .last()
            .is_some_and(|last| *last != properties::VALUE_END)
        {
            own.push(properties::VALUE_END);
        }
        properties::write(&mut own, properties::CLUSTER, CLUSTER.as_bytes());
        let stored = StoredMessage {
            body_crc: crc32fast::hash(self.body) & 0x7fff_ffff,
            queue_id: i32::try_from(self.queue_id).ok()?,
            flag: self.flag,
            queue_offset: i64::try_from(queue_offset).ok()?,
            commit_log_offset: i64::try_from(self.commit_log_offset).ok()?,
            sys_flag: self.sys_flag & !sys_flag::TRANSACTION_ROLLBACK,
            born_ms: self.born_ms,
            born_host: self.born_host,
            stored_ms: now_ms(),
            store_host: SocketAddr::V4(state.shared.address),
            reconsume_times: 0,
            prepared_offset: 0,
            body: self.body,
            topic: &self.topic.name,
            properties: str::from_utf8(&own).ok()?,
        };
        let mut bytes = Vec::new();
        stored.write(&mut bytes).ok()?;
        Some(bytes)
    }
}

/// The record of a half message that is committed: a message of its own.
pub(super) fn committed(state: &BrokerState, half: &[u8], queue_offset: u64) -> Option<Vec<u8>> {
    let (message, _) = StoredMessage::parse(half).ok()?;
    let commit_log_offset = state.append_bytes(half.len());
    let committed = StoredMessage {
        queue_offset: i64::try_from(queue_offset).ok()?,
        commit_log_offset: i64::try_from(commit_log_offset).ok()?,
        prepared_offset: message.commit_log_offset,
        sys_flag: message.sys_flag | sys_flag::TRANSACTION_COMMIT,
        stored_ms: now_ms(),
        ..message
    };
    let mut bytes = Vec::new();
    committed.write(&mut bytes).ok()?;
    Some(bytes)
}

/// ms since 1970, by the wall clock.
pub(super) fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
