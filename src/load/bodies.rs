//! Message bodies, made once and shared: no body is built per send.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, SeedableRng};

use crate::client::{ClientError, Message};
use crate::load::plan::MessageShape;
use crate::load::schedule::ShardOf;
use crate::protocol::sys_flag;

/// Different bodies in a pool: enough that no two neighbours are alike.
const BODIES: usize = 16;

/// The messages of a run, taken in turn.
#[derive(Debug, Clone)]
pub struct Bodies {
    messages: Arc<[Arc<Message>]>,
    turn: usize,
    /// Of messages with sharding keys: those not in flight, in their order.
    keyed: Option<VecDeque<Arc<Message>>>,
}

impl Bodies {
    /// A pool of messages of one shape: bodies random as far as it says, since compressible ones flatter
    /// brokers on compressing storage, and the same for the same seed. They are compressed here, once.
    ///
    /// # Errors
    /// [`ClientError::Illegal`] for tags, keys or properties a message may not have.
    pub fn new(shape: &MessageShape, seed: u64) -> Result<Self, ClientError> {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut bodies = Vec::with_capacity(BODIES);
        for _ in 0..BODIES {
            let mut body = vec![0; shape.body_bytes];
            let share = shape.random_bytes.min(shape.body_bytes);
            random.fill_bytes(body.get_mut(..share).unwrap_or_default());
            bodies.push(Bytes::from(body));
        }
        let count = if shape.sharding_keys > 0 {
            shape.sharding_keys
        } else {
            BODIES
        };
        let batch = shape.batch.max(1) as usize;
        let message_of = |number: usize| {
            // The bodies of a batch are those that follow one another in the pool.
            let follows = bodies.iter().cycle().skip(number % BODIES).take(batch);
            let messages: Result<Vec<_>, _> = follows
                .map(|body| message(shape, number, body.clone()))
                .collect();
            let message = match messages?.as_slice() {
                [single] if batch == 1 => single.clone(),
                messages => Message::batch(messages)?,
            };
            match &shape.namespace {
                Some(namespace) => message.in_namespace(namespace).map(Arc::new),
                None => Ok(Arc::new(message)),
            }
        };
        let messages: Result<Vec<_>, _> = (0..count).map(message_of).collect();
        let messages: Arc<[_]> = messages?.into();
        let keyed = (shape.sharding_keys > 0).then(|| messages.iter().cloned().collect());
        Ok(Self {
            messages,
            turn: 0,
            keyed,
        })
    }

    /// The part of one shard: keys are in one shard only.
    #[must_use]
    pub fn of_shard(&self, shard: ShardOf) -> Self {
        let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let (index, count) = (number(shard.index), number(shard.count));
        let own = |keyed: &VecDeque<_>| keyed.iter().skip(index).step_by(count).cloned().collect();
        Self {
            keyed: self.keyed.as_ref().map(own),
            ..self.clone()
        }
    }

    /// The next message; of keyed ones, the one that has not been sent for the longest. `None` if all of
    /// them are in flight.
    #[inline]
    pub fn next_message(&mut self) -> Option<Arc<Message>> {
        if let Some(keyed) = &mut self.keyed {
            return keyed.pop_front();
        }
        self.turn += 1;
        if self.turn >= self.messages.len() {
            self.turn = 0;
        }
        self.messages.get(self.turn).cloned()
    }

    /// Takes back a message whose send has ended.
    #[inline]
    pub fn give_back(&mut self, message: Arc<Message>) {
        if let Some(keyed) = &mut self.keyed {
            keyed.push_back(message);
        }
    }

    /// How many messages of the pool are compressed.
    #[must_use]
    pub fn compressed(&self) -> usize {
        let flags = self.messages.iter().map(|message| message.kind().sys_flag);
        flags
            .filter(|flag| flag & sys_flag::COMPRESSED != 0)
            .count()
    }

    /// All messages of the pool, for verification.
    #[must_use]
    pub fn all(&self) -> &[Arc<Message>] {
        &self.messages
    }
}

fn message(shape: &MessageShape, number: usize, body: Bytes) -> Result<Message, ClientError> {
    let mut message = Message::new(body);
    if !shape.wait {
        message = message.with_wait(false);
    }
    if !shape.tags.is_empty() {
        message = message.with_tags(&shape.tags)?;
    }
    if !shape.keys.is_empty() {
        message = message.with_keys(&[&shape.keys])?;
    }
    for (name, value) in &shape.properties {
        message = message.with_property(name, value)?;
    }
    if let Some(delivery) = shape.delivery {
        message = message.with_delivery(delivery)?;
    }
    if shape.sharding_keys > 0 {
        message = message.with_sharding_key(&format!("key-{number}"))?;
    }
    if let Some(group) = &shape.half_of {
        message = message.half(group)?;
    }
    if let Some((client_id, ttl)) = &shape.asked_by {
        message = message.asking_by_id(client_id, *ttl)?;
    }
    if let Some(settings) = &shape.compression {
        message = message.compressed(settings);
    }
    Ok(message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::compression::unpack;
    use crate::client::{Compression, Delivery};

    #[test]
    fn the_same_seed_makes_the_same_bodies_and_neighbours_differ() {
        let mut one = Bodies::new(&MessageShape::plain(100), 5).unwrap();
        let mut two = Bodies::new(&MessageShape::plain(100), 5).unwrap();
        let mut last = None;
        for _ in 0..40 {
            let message = one.next_message().unwrap();
            assert_eq!(Some(&message), two.next_message().as_ref());
            assert_eq!(message.body().len(), 100);
            assert_ne!(Some(&message), last.as_ref());
            last = Some(message);
        }
    }

    #[test]
    fn a_batch_is_as_large_as_its_shape_says() {
        let shape = MessageShape {
            tags: "TagA".into(),
            keys: "k1".into(),
            properties: vec![("region".into(), "eu".into())],
            batch: 7,
            ..MessageShape::plain(100)
        };
        for batch in Bodies::new(&shape, 1).unwrap().all() {
            assert_eq!(batch.messages(), 7);
            assert_eq!(batch.body().len(), 7 * shape.record_bytes());
        }
    }

    #[test]
    fn a_pool_carries_what_its_shape_says() {
        let shape = MessageShape {
            random_bytes: 1000,
            tags: "TagA".into(),
            keys: "k1 k2".into(),
            properties: vec![("region".into(), "eu".into())],
            delivery: Some(Delivery::Level(3)),
            wait: false,
            compression: Some(Compression::default()),
            ..MessageShape::plain(8192)
        };
        for message in Bodies::new(&shape, 1).unwrap().all() {
            assert_eq!(
                message.properties(),
                b"WAIT\x01false\x02TAGS\x01TagA\x02KEYS\x01k1 k2\x02region\x01eu\x02DELAY\x013\x02"
            );
            let flag = message.kind().sys_flag;
            assert!(message.body().len() < 1200, "7 KiB of zeros");
            let body = unpack(message.body(), flag, 8192).unwrap();
            assert_eq!(body.len(), 8192);
            assert!(body[1000..].iter().all(|byte| *byte == 0));
        }
    }

    #[test]
    fn of_each_key_one_message_is_out_and_shards_share_them() {
        let shape = MessageShape {
            sharding_keys: 5,
            ..MessageShape::plain(100)
        };
        let all = Bodies::new(&shape, 1).unwrap();
        let mut seen = Vec::new();
        for index in 0..2 {
            let mut own = all.of_shard(ShardOf { index, count: 2 });
            let first = own.next_message().unwrap();
            seen.push(Arc::clone(&first));
            seen.extend(std::iter::from_fn(|| own.next_message()));
            own.give_back(Arc::clone(&first));
            assert_eq!(own.next_message(), Some(first));
        }
        let keys = seen.iter().map(|message| message.sharding_hash());
        let keys: std::collections::HashSet<_> = keys.collect();
        assert_eq!((seen.len(), keys.len()), (5, 5));
    }
}
