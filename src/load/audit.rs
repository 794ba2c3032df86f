//! The audit trail: how each message ended, to be held against what brokers really stored.

use crate::client::BrokerId;
use crate::protocol::UniqueId;

/// How one measured message ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditRecord {
    /// UNIQ_KEY.
    pub id: UniqueId,
    /// Broker of the last attempt.
    pub broker: Option<BrokerId>,
    /// Queue of the last attempt.
    pub queue_id: Option<u32>,
    /// `acked`, `failed` or `unknown`.
    pub outcome: &'static str,
}
