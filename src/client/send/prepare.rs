//! What sends with hooks need besides: the queue of an attempt before it is made, and its request as a value.

use std::sync::Arc;

use crate::client::publish_route::QueueRef;
use crate::client::send::attempt::{Carrier, Outgoing};
use crate::client::send::{SendCore, current, pinned, push_batch};
use crate::protocol::frame::{FrameLimits, split};
use crate::protocol::send::SendFields;
use crate::protocol::{RemotingCommand, UniqueId};

/// Where an attempt is to go.
#[derive(Debug, Clone)]
pub struct Place {
    /// Name of the broker.
    pub broker: Arc<str>,
    /// Its address; `None` where the route names no master.
    pub address: Option<Arc<str>>,
    /// Queue at the broker.
    pub queue_id: u32,
}

impl<C: Carrier> SendCore<C> {
    /// Picks the queue of the next attempt, which has begun then; [`SendCore::stage_chosen`] is to follow.
    /// `None` when the topic has no route.
    pub fn choose(&mut self, send: &mut Outgoing<C>) -> Option<Place> {
        let route = self.route.as_ref()?;
        let queue = if send.track.pinned {
            pinned(route, send)?
        } else {
            self.choice
                .pick(route, &self.standings, send.track.broker())?
        };
        send.track.queue = Some(queue);
        send.track.attempts += 1;
        let lane = self.lanes.get(queue.slot.index())?;
        Some(Place {
            broker: Arc::clone(&lane.name),
            address: lane.address.clone(),
            queue_id: queue.queue_id,
        })
    }

    /// As [`SendCore::stage`], to the queue that was chosen.
    ///
    /// # Errors
    /// The send, when the route has lost the queue's broker meanwhile.
    pub fn stage_chosen(&mut self, mut send: Outgoing<C>) -> Result<QueueRef, Outgoing<C>> {
        let route = self.route.as_ref();
        let queue = send.track.queue;
        let Some(queue) = route
            .zip(queue)
            .and_then(|(route, queue)| current(route, queue))
        else {
            return Err(send);
        };
        let Some(lane) = self.lanes.get_mut(queue.slot.index()) else {
            return Err(send);
        };
        send.track.queue = Some(queue);
        lane.staged.push(send);
        Ok(queue)
    }

    /// The request of an attempt whose queue is chosen, without opaque and signature.
    #[must_use]
    pub fn request(&self, send: &Outgoing<C>) -> Option<RemotingCommand> {
        let queue = send.track.queue?;
        let lane = self.lanes.get(queue.slot.index())?;
        let message = send.carrier.message();
        let unique_id = self.message_id(send);
        let fields = SendFields {
            opaque: 0,
            queue_id: queue.queue_id,
            oneway: self.options.oneway,
            unique_id: message.id_places().is_none().then_some(&unique_id),
            properties: message.properties(),
            born: self.born.digits(),
            body_bytes: message.body().len(),
            signature: None,
        };
        let mut frame = Vec::new();
        let template = lane.templates.unsigned(message.kind());
        template.encode(&mut frame, &fields);
        let ids = self.unique_ids(&send.track, message);
        push_batch(
            &mut frame,
            message.body(),
            message.id_places().unwrap_or_default(),
            ids,
        );
        let frame = split(&frame, FrameLimits::default()).ok()??;
        RemotingCommand::decode(&frame).ok()
    }

    /// The message id of a send.
    #[must_use]
    pub fn message_id(&self, send: &Outgoing<C>) -> UniqueId {
        self.prefix.with(send.track.id)
    }

    /// Address of a broker the route names.
    #[must_use]
    pub fn address_of(&self, broker: &str) -> Option<Arc<str>> {
        let mut lanes = self.lanes.iter();
        lanes.find(|lane| *lane.name == *broker)?.address.clone()
    }
}
