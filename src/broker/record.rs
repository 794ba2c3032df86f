//! A message as a broker writes it into its commit log, for those it hands it to.

use std::net::SocketAddr;

use crate::broker::state::BrokerState;
use crate::protocol::properties;
use crate::protocol::stored::StoredMessage;
use crate::protocol::sys_flag;

/// Cluster of the embedded brokers.
pub(super) const CLUSTER: &str = "DefaultCluster";

/// A message that is being stored.
#[derive(Debug, Clone, Copy)]
pub(super) struct NewMessage<'a> {
    pub(super) topic: &'a str,
    pub(super) queue_id: u32,
    pub(super) flag: i32,
    pub(super) sys_flag: i32,
    /// When it was sent, in ms since 1970.
    pub(super) born_ms: i64,
    pub(super) properties: &'a str,
    pub(super) body: &'a [u8],
    pub(super) commit_log_offset: u64,
}

impl NewMessage<'_> {
    /// Its record at this place of its queue; `None` for fields that do not fit one.
    pub(super) fn record(&self, state: &BrokerState, queue_offset: u64) -> Option<Vec<u8>> {
        let here = SocketAddr::V4(state.shared.address);
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
            // The bits of a transaction are taken off, those of compression stay.
            sys_flag: self.sys_flag & !sys_flag::TRANSACTION_ROLLBACK,
            born_ms: self.born_ms,
            born_host: here,
            stored_ms: self.born_ms,
            store_host: here,
            reconsume_times: 0,
            prepared_offset: 0,
            body: self.body,
            topic: self.topic,
            properties: str::from_utf8(&own).ok()?,
        };
        let mut bytes = Vec::new();
        stored.write(&mut bytes).ok()?;
        Some(bytes)
    }
}
