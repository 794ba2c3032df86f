//! How a shard ends its transactions: word to the broker right after the half message is stored.

use std::sync::Arc;

use crate::client::Resolution;
use crate::client::send::{Carrier, SendCore, Track};
use crate::load::transactions::{EndCounts, LoadTransactions};
use crate::protocol::message_id::commit_log_offset;
use crate::protocol::send::SendReply;
use crate::protocol::transaction::EndTransaction;
use crate::protocol::{HeaderView, SendStatus};
use crate::transport::Nanos;

/// A half message that was just stored, and where.
#[derive(Debug, Clone, Copy)]
pub(super) struct HalfStored {
    track: Track,
    pub(super) intended: Nanos,
    status: SendStatus,
    queue_offset: i64,
    commit_log_offset: Option<i64>,
}

impl HalfStored {
    pub(super) fn new(
        track: Track,
        intended: Nanos,
        status: SendStatus,
        header: &HeaderView<'_>,
    ) -> Self {
        let reply = SendReply::parse(&header.ext).unwrap_or_default();
        Self {
            track,
            intended,
            status,
            queue_offset: reply.queue_offset,
            commit_log_offset: commit_log_offset(&reply.offset_message_id),
        }
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Ends {
    pub(super) topic: String,
    pub(super) group: String,
    pub(super) transactions: Arc<LoadTransactions>,
    /// Of measured messages.
    pub(super) counts: EndCounts,
}

impl Ends {
    /// Tells the broker what becomes of a half message.
    pub(super) fn end<C: Carrier>(
        &mut self,
        core: &mut SendCore<C>,
        half: &HalfStored,
        measured: bool,
    ) {
        let id = core.id_prefix().with(half.track.id());
        let resolution = match half.status {
            SendStatus::SendOk => self.transactions.shape().outcome(&id),
            // Not replicated or flushed as configured (R70).
            _ => Resolution::Rollback,
        };
        let broker = half.track.queue().and_then(|queue| core.broker_name(queue));
        let told = match (broker, half.commit_log_offset) {
            (Some(broker), Some(offset)) => {
                let end = EndTransaction {
                    topic: (&*self.topic).into(),
                    group: (&*self.group).into(),
                    queue_offset: half.queue_offset,
                    commit_log_offset: offset,
                    resolution,
                    from_check: false,
                    message_id: id.as_str().into(),
                    transaction_id: id.as_str().into(),
                    broker: (&*broker).into(),
                };
                core.tell(&broker, end.to_command())
            }
            _ => false,
        };
        if measured {
            self.counts.note(resolution, told);
        }
        // A check may come for another copy of it, or be answered other than its id says.
        let special = half.track.maybe_stored || half.status != SendStatus::SendOk;
        let at = half.commit_log_offset.filter(|_| special);
        self.transactions.ended(id, resolution, told, at);
    }

    /// A send was given up that may be stored.
    pub(super) fn gave_up<C: Carrier>(&self, core: &SendCore<C>, track: &Track) {
        self.transactions.gave_up(core.id_prefix().with(track.id()));
    }
}
