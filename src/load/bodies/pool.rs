//! All messages there are, made beforehand.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, SeedableRng};

use super::{BODIES, message};
use crate::client::{ClientError, Message};
use crate::load::choice::{Choice, Chooser, Purpose};
use crate::load::plan::MessageShape;
use crate::load::schedule::ShardOf;

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Pool {
    messages: Arc<[Arc<Message>]>,
    next: Next,
}

#[derive(Debug, Clone)]
enum Next {
    /// One after the other.
    Turn,
    /// Of messages with sharding keys in turn: those not in flight, in their order.
    Unused(VecDeque<Arc<Message>>),
    /// Of messages with sharding keys that are drawn.
    Drawn(Chooser),
}

impl Pool {
    pub(super) fn new(shape: &MessageShape, seed: u64) -> Result<Self, ClientError> {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut bodies = Vec::with_capacity(BODIES);
        for _ in 0..BODIES {
            let mut body = vec![0; shape.body_bytes];
            let share = shape.random_bytes.min(shape.body_bytes);
            random.fill_bytes(body.get_mut(..share).unwrap_or_default());
            bodies.push(Bytes::from(body));
        }
        let keys = shape.sharding_keys;
        let count = if keys > 0 { keys } else { BODIES };
        let batch = shape.batch.max(1) as usize;
        let message_of = |number: usize| {
            // The bodies of a batch are those that follow one another in the pool.
            let follows = bodies.iter().cycle().skip(number % BODIES).take(batch);
            let messages: Result<Vec<_>, _> = follows
                .map(|body| message(shape, number, body.clone()))
                .collect();
            match (messages?.as_slice(), &shape.namespace) {
                ([single], _) if batch == 1 => Ok(Arc::new(single.clone())),
                (messages, None) => Message::batch(messages).map(Arc::new),
                (messages, Some(namespace)) => {
                    let batch = Message::batch(messages)?;
                    batch.in_namespace(namespace).map(Arc::new)
                }
            }
        };
        let messages: Result<Vec<_>, _> = (0..count).map(message_of).collect();
        let messages: Arc<[_]> = messages?.into();
        let next = match shape.key_choice {
            _ if keys == 0 => Next::Turn,
            Choice::Turn => Next::Unused(messages.iter().cloned().collect()),
            drawn => Next::Drawn(Chooser::new(drawn, keys as u64, seed, Purpose::ShardingKey)),
        };
        Ok(Self { messages, next })
    }

    /// The part of one shard: keys taken in turn are in one shard only.
    pub(super) fn of_shard(&self, shard: ShardOf) -> Self {
        let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let (index, count) = (number(shard.index), number(shard.count));
        let mut own = self.clone();
        if let Next::Unused(keyed) = &self.next {
            let keyed = keyed.iter().skip(index).step_by(count).cloned();
            own.next = Next::Unused(keyed.collect());
        }
        own
    }

    /// Message `number`; of keys in turn, the one that has not been sent for the longest, and `None` if all of
    /// them are in flight.
    #[inline]
    pub(super) fn next(&mut self, number: u64) -> Option<Arc<Message>> {
        let index = match &mut self.next {
            Next::Turn => number % BODIES as u64,
            Next::Unused(keyed) => return keyed.pop_front(),
            Next::Drawn(chooser) => chooser.index(number),
        };
        self.messages.get(usize::try_from(index).ok()?).cloned()
    }

    /// Takes back a message whose send has ended.
    #[inline]
    pub(super) fn give_back(&mut self, message: Arc<Message>) {
        if let Next::Unused(keyed) = &mut self.next {
            keyed.push_back(message);
        }
    }

    pub(super) fn all(&self) -> &[Arc<Message>] {
        &self.messages
    }
}
