//! Sends with hooks: as all others, but each attempt is shown before it is made, and watched by a task of its own
//! until it has ended, so that its end is told whatever becomes of the send's future.

use std::sync::Arc;

use crate::client::error::ErrorKind;
use crate::client::hooks::{Attempt, AttemptParts, Hooks, SendMode};
use crate::client::message_queue::MessageQueue;
use crate::client::producer::{Producer, Sender, Submitted, refresh_age, refused};
use crate::client::retry::AttemptError;
use crate::client::send::{AttemptResult, Carrier, Ended, Outgoing, Place};
use crate::client::slot::{Slot, SlotEnd};
use crate::protocol::{RemotingCommand, UniqueId};
use crate::transport::Nanos;
use crate::transport::clock::wall_millis;

/// What is known of an attempt before it is made.
struct Chosen {
    place: Place,
    message_id: UniqueId,
    /// For RPC hooks.
    request: Option<RemotingCommand>,
}

impl Producer {
    /// Makes an attempt, if the hooks let it be made.
    pub(super) fn submit_hooked(
        &self,
        hooks: &Arc<Hooks>,
        sender: &Sender,
        mut send: Outgoing<Arc<Slot>>,
        now: Nanos,
    ) -> Submitted {
        let Some(chosen) = choose(hooks, sender, &mut send, now) else {
            return Submitted::NoRoute(send.track);
        };
        let Some(mut attempt) = self.attempt(hooks, sender, &send, &chosen) else {
            // It fails for want of an address.
            return submit_chosen(sender, send, now);
        };
        if let Some(reason) = attempt.forbidden() {
            let result = AttemptResult::Failed(AttemptError::Forbidden);
            let end = SlotEnd::unmade(send.track, result, now);
            return Submitted::Refused(Box::new(end.with_remark(reason)));
        }
        attempt.begins();
        if let Some(mut request) = chosen.request {
            hooks.rpc.before(&attempt.0.address, &mut request);
            if let Some(credentials) = &self.inner.instance.config().credentials {
                credentials.sign(&mut request);
            }
            let message = send.carrier.message().clone();
            send.carrier = Slot::with(message, Some(request));
            attempt.0.slot = Arc::clone(&send.carrier);
        }
        let runtime = self.inner.runtime.get();
        match (submit_chosen(sender, send, now), runtime) {
            (Submitted::To(broker), Some(runtime)) if hooks.are_told_of_ends() => {
                Submitted::Watched(broker, runtime.spawn(attempt.watch()))
            }
            (Submitted::Refused(end), _) => {
                attempt.ends(&end);
                Submitted::Refused(end)
            }
            (Submitted::NoRoute(track), _) => {
                let error = AttemptError::NotSent(ErrorKind::NoRoute);
                attempt.ends(&SlotEnd::unmade(track, AttemptResult::Failed(error), now));
                Submitted::NoRoute(track)
            }
            (submitted, _) => submitted,
        }
    }

    /// The attempt as hooks see it; `None` if its broker has no address.
    fn attempt(
        &self,
        hooks: &Arc<Hooks>,
        sender: &Sender,
        send: &Outgoing<Arc<Slot>>,
        chosen: &Chosen,
    ) -> Option<Attempt> {
        let Place {
            broker,
            address,
            queue_id,
        } = &chosen.place;
        Some(Attempt(AttemptParts {
            instance: Arc::clone(&self.inner.instance),
            hooks: Arc::clone(hooks),
            group: self.inner.config.group.as_str().into(),
            mode: match sender.oneway {
                true => SendMode::Oneway,
                false => SendMode::Sync,
            },
            queue: MessageQueue {
                topic: Arc::clone(&sender.topic),
                broker: Arc::clone(broker),
                queue_id: *queue_id,
            },
            address: address.clone()?,
            message_id: chosen.message_id,
            number: send.track.attempts,
            begun_ms: wall_millis(),
            slot: Arc::clone(&send.carrier),
        }))
    }
}

fn choose(
    hooks: &Hooks,
    sender: &Sender,
    send: &mut Outgoing<Arc<Slot>>,
    now: Nanos,
) -> Option<Chosen> {
    let mut core = sender.lock();
    core.refresh_after(now, refresh_age(&send.track));
    let place = core.choose(send)?;
    let shown = !hooks.rpc.is_empty();
    Some(Chosen {
        place,
        message_id: core.message_id(send),
        request: shown.then(|| core.request(send)).flatten(),
    })
}

fn submit_chosen(sender: &Sender, send: Outgoing<Arc<Slot>>, now: Nanos) -> Submitted {
    let mut core = sender.lock();
    let queue = match core.stage_chosen(send) {
        Ok(queue) => queue,
        Err(send) => return Submitted::NoRoute(send.track),
    };
    let mut ended: Vec<Ended<Arc<Slot>>> = Vec::new();
    core.flush(now, &mut ended);
    match ended.pop() {
        None => Submitted::To(core.broker_name(queue)),
        Some(ended) => refused(&ended, now),
    }
}
