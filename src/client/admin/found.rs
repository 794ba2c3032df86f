//! A message as a broker has it.

use std::net::SocketAddr;

use bytes::Bytes;

use crate::client::compression::{UnpackError, unpack};
use crate::client::namespace::Namespace;
use crate::protocol::message_id::offset_id_text;
use crate::protocol::properties;
use crate::protocol::stored::StoredMessage;

/// Largest body a message may unpack to, in bytes.
const MOST_BODY_BYTES: usize = 16 * 1024 * 1024;
/// Largest sum of the bodies of one answer that are unpacked, in bytes.
pub(super) const MOST_UNPACKED_BYTES: usize = 64 * 1024 * 1024;

/// A stored message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundMessage {
    /// Topic.
    pub topic: String,
    /// UNIQ_KEY; of a message without one, its offset id.
    pub message_id: String,
    /// Where it is stored, as [`super::Admin::view_by_offset_id`] takes it.
    pub offset_message_id: String,
    /// Its queue at the broker.
    pub queue_id: i32,
    /// Position in the queue.
    pub queue_offset: i64,
    /// Position in the broker's commit log.
    pub commit_log_offset: i64,
    /// See [`crate::protocol::sys_flag`].
    pub sys_flag: i32,
    /// The user's flag.
    pub flag: i32,
    /// When it was sent, in ms since 1970 by the sender's clock.
    pub born_ms: i64,
    /// Who sent it.
    pub born_host: SocketAddr,
    /// When it was stored, in ms since 1970 by the broker's clock.
    pub stored_ms: i64,
    /// The broker that stored it.
    pub store_host: SocketAddr,
    /// How often a consumer has had it.
    pub reconsume_times: i32,
    /// Properties, in their order.
    pub properties: Vec<(String, String)>,
    /// Bytes of the body as it is stored.
    pub stored_bytes: usize,
    /// The body as it was sent; an error where what is stored is not what the message says.
    pub body: Result<Bytes, UnpackError>,
}

impl FoundMessage {
    /// Takes `budget` for the body, if it is compressed.
    pub(super) fn of(stored: &StoredMessage<'_>, budget: &mut usize) -> Self {
        let most = MOST_BODY_BYTES.min(*budget);
        let packed = Bytes::copy_from_slice(stored.body);
        let body = unpack(&packed, stored.sys_flag, most);
        let unpacked = body.as_ref().map_or(0, Bytes::len);
        *budget = budget.saturating_sub(unpacked);
        let pairs = properties::parse(stored.properties);
        let properties: Vec<_> = pairs
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let offset = u64::try_from(stored.commit_log_offset).unwrap_or_default();
        let offset_message_id = offset_id_text(stored.store_host, offset);
        let mut unique = properties.iter();
        let unique = unique.find(|(name, _)| name == properties::UNIQUE_ID_KEY);
        Self {
            topic: stored.topic.to_owned(),
            message_id: unique.map_or_else(|| offset_message_id.clone(), |(_, id)| id.clone()),
            offset_message_id,
            queue_id: stored.queue_id,
            queue_offset: stored.queue_offset,
            commit_log_offset: stored.commit_log_offset,
            sys_flag: stored.sys_flag,
            flag: stored.flag,
            born_ms: stored.born_ms,
            born_host: stored.born_host,
            stored_ms: stored.stored_ms,
            store_host: stored.store_host,
            reconsume_times: stored.reconsume_times,
            properties,
            stored_bytes: stored.body.len(),
            body,
        }
    }

    /// Names its topic as users of this namespace do (R36).
    pub(super) fn show_in(&mut self, namespace: &Namespace) {
        self.topic = namespace.strip(&self.topic).into_owned();
    }

    /// The first property of this name.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<&str> {
        let mut pairs = self.properties.iter();
        let (_, value) = pairs.find(|(known, _)| known == name)?;
        Some(value)
    }

    /// Whether one of its keys is this one (R94).
    #[must_use]
    pub fn has_key(&self, key: &str) -> bool {
        let keys = self.property(properties::KEYS).unwrap_or_default();
        keys.split(' ').any(|known| known == key)
    }
}
