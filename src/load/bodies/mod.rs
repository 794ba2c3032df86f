//! Message bodies, made once and shared: no body is built per send.
//!
//! - `pool`: of one size, all messages there are; `composed`: of many sizes and keys, put together as they are sent
//! - `buffers`: what bodies of many sizes are slices of

mod buffers;
mod composed;
mod pool;

use std::sync::Arc;

use bytes::Bytes;

use crate::client::{ClientError, Message};
use crate::load::plan::MessageShape;
use crate::load::schedule::ShardOf;
use crate::protocol::sys_flag;

use composed::Composed;
use pool::Pool;

/// Different bodies in a pool: enough that no two neighbours are alike.
const BODIES: usize = 16;

/// What the names of sharding keys begin with.
const KEY: &str = "key-";

/// The messages of a run, each by its number.
#[derive(Debug, Clone)]
pub struct Bodies {
    kind: Kind,
    /// Body bytes of a batch.
    batch_bytes: Option<u64>,
}

#[derive(Debug, Clone)]
enum Kind {
    /// All there are, made beforehand.
    Pool(Pool),
    /// Put together as they are sent.
    Composed(Box<Composed>),
}

impl Bodies {
    /// Messages of one shape: bodies random as far as it says, since compressible ones flatter
    /// brokers on compressing storage, and the same for the same seed. They are compressed here, once.
    ///
    /// # Errors
    /// [`ClientError::Illegal`] for tags, keys or properties a message may not have.
    pub fn new(shape: &MessageShape, seed: u64) -> Result<Self, ClientError> {
        let kind = if Composed::is_needed(shape) && shape.batch > 1 {
            return Err(ClientError::Illegal {
                what: "batch",
                reason: "has messages of one size and the same keys".to_owned(),
            });
        } else if Composed::is_needed(shape) {
            Kind::Composed(Box::new(Composed::new(shape, seed)?))
        } else {
            Kind::Pool(Pool::new(shape, seed)?)
        };
        let all = u64::from(shape.batch) * shape.body_bytes as u64;
        let batch_bytes = (shape.batch > 1).then_some(all);
        Ok(Self { kind, batch_bytes })
    }

    /// The part of one shard: keys taken in turn are in one shard only.
    #[must_use]
    pub fn of_shard(&self, shard: ShardOf) -> Self {
        let kind = match &self.kind {
            Kind::Pool(pool) => Kind::Pool(pool.of_shard(shard)),
            Kind::Composed(composed) => Kind::Composed(Box::new(composed.of_shard(shard))),
        };
        let batch_bytes = self.batch_bytes;
        Self { kind, batch_bytes }
    }

    /// Message `number` of the schedule, due so many ns into the window (0 in the warm-up): its body, size and
    /// keys are the same whoever sends it, but for sharding keys taken in turn, which is the one that has not
    /// been sent for the longest. `None` if all of those are in flight.
    #[inline]
    pub fn next_message(&mut self, number: u64, window_ns: u64) -> Option<Arc<Message>> {
        match &mut self.kind {
            Kind::Pool(pool) => pool.next(number),
            Kind::Composed(composed) => composed.next(number, window_ns),
        }
    }

    /// Body bytes of one of these messages, as it is sent; of a batch those of all its messages.
    #[inline]
    #[must_use]
    pub fn bytes_of(&self, message: &Message) -> u64 {
        let batch_bytes = self.batch_bytes;
        batch_bytes.unwrap_or_else(|| message.body().len() as u64)
    }

    /// Takes back a message whose send has ended.
    #[inline]
    pub fn give_back(&mut self, message: Arc<Message>) {
        match &mut self.kind {
            Kind::Pool(pool) => pool.give_back(message),
            Kind::Composed(composed) => composed.give_back(message),
        }
    }

    /// How many of the prepared messages are compressed.
    #[must_use]
    pub fn compressed(&self) -> usize {
        let is_compressed =
            |message: &&Message| message.kind().sys_flag & sys_flag::COMPRESSED != 0;
        match &self.kind {
            Kind::Pool(pool) => pool
                .all()
                .iter()
                .map(|message| &**message)
                .filter(is_compressed)
                .count(),
            Kind::Composed(composed) => composed.all().filter(is_compressed).count(),
        }
    }

    /// All messages that were made beforehand, for verification; none of those put together as they are sent.
    #[must_use]
    pub fn all(&self) -> &[Arc<Message>] {
        match &self.kind {
            Kind::Pool(pool) => pool.all(),
            Kind::Composed(_) => &[],
        }
    }
}

fn key_name(number: usize) -> String {
    format!("{KEY}{number}")
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
        message = message.with_sharding_key(&key_name(number))?;
    }
    if let Some(group) = &shape.half_of {
        message = message.half(group)?;
    }
    if let Some((client_id, ttl)) = &shape.asked_by {
        message = message.asking_by_id(client_id, *ttl)?;
    }
    if let Some(namespace) = shape.namespace.as_ref().filter(|_| shape.batch <= 1) {
        message = message.in_namespace(namespace)?;
    }
    if let Some(settings) = &shape.compression {
        message = message.compressed(settings);
    }
    Ok(message)
}

#[cfg(test)]
mod tests;
