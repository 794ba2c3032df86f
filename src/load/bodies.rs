//! Message bodies, made once and shared: no body is built per send.

use std::sync::Arc;

use bytes::Bytes;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, SeedableRng};

use crate::client::{ClientError, Message};

/// Different bodies in a pool: enough that no two neighbours are alike.
const BODIES: usize = 16;

/// The messages of a run, taken in turn.
#[derive(Debug, Clone)]
pub struct Bodies {
    messages: Arc<[Arc<Message>]>,
    turn: usize,
}

impl Bodies {
    /// A pool of bodies of `bytes` bytes: random, since compressible bodies flatter brokers on
    /// compressing storage, and the same for the same seed.
    ///
    /// # Errors
    /// [`ClientError::Illegal`] for tags a message may not have.
    pub fn new(bytes: usize, seed: u64, tags: &str) -> Result<Self, ClientError> {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut messages = Vec::with_capacity(BODIES);
        for _ in 0..BODIES {
            let mut body = vec![0; bytes];
            random.fill_bytes(&mut body);
            let message = Message::new(Bytes::from(body));
            let message = if tags.is_empty() {
                message
            } else {
                message.with_tags(tags)?
            };
            messages.push(Arc::new(message));
        }
        Ok(Self {
            messages: messages.into(),
            turn: 0,
        })
    }

    /// The next message.
    #[inline]
    pub fn next_message(&mut self) -> Arc<Message> {
        self.turn += 1;
        if self.turn >= self.messages.len() {
            self.turn = 0;
        }
        Arc::clone(&self.messages[self.turn])
    }

    /// All messages of the pool, for verification.
    #[must_use]
    pub fn all(&self) -> &[Arc<Message>] {
        &self.messages
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_bodies_and_neighbours_differ() {
        let mut one = Bodies::new(100, 5, "").unwrap();
        let mut two = Bodies::new(100, 5, "").unwrap();
        let mut last = None;
        for _ in 0..40 {
            let message = one.next_message();
            assert_eq!(message, two.next_message());
            assert_eq!(message.body().len(), 100);
            assert_ne!(Some(&message), last.as_ref());
            last = Some(message);
        }
    }
}
