//! **Hot path.** Messages that differ in body and keys, put together as they are sent in the memory of those that
//! have ended.

use std::collections::VecDeque;
use std::fmt::Write;
use std::sync::Arc;

use super::buffers::Buffers;
use super::{BODIES, key_name, message};
use crate::client::{ClientError, Message};
use crate::load::choice::{Choice, Chooser, Purpose};
use crate::load::plan::MessageShape;
use crate::load::schedule::ShardOf;
use crate::load::sizes::{SizeDraw, Sizer, Sizes};

/// Most prepared sizes of a distribution whose bodies are compressed.
pub(super) const MOST_PREPARED: usize = 1000;
/// And most bytes of their bodies, before compression.
const MOST_PREPARED_BYTES: f64 = (64 << 20) as f64;

/// Puts messages together; see the module.
#[derive(Debug, Clone)]
pub(super) struct Composed {
    bodies: Sized,
    sizer: Sizer,
    keys: Option<Named>,
    sharding: Sharding,
    /// Messages that have ended, to be used again.
    free: Vec<Arc<Message>>,
    /// Room for the name of a key.
    name: String,
}

/// Where bodies come from.
#[derive(Debug, Clone)]
enum Sized {
    /// Of each exact size.
    Exact {
        like: Arc<Message>,
        buffers: Buffers,
    },
    /// Compressed beforehand, for each distribution of a plan: message i stands for as large a share of it as
    /// any other.
    Prepared(Arc<[Vec<Message>]>),
}

/// Keys with a common beginning.
#[derive(Debug, Clone)]
struct Named {
    stem: Arc<str>,
    chooser: Chooser,
}

/// The key that orders.
#[derive(Debug, Clone)]
enum Sharding {
    None,
    /// Those of which no message is in flight, the one unused for the longest first.
    Turn(VecDeque<u64>),
    Drawn(Chooser),
}

impl Composed {
    /// Whether messages of this shape differ in more than one of a few ways.
    pub(super) fn is_needed(shape: &MessageShape) -> bool {
        shape.sizes.is_some() || shape.key_count > 0
    }

    /// # Errors
    /// [`ClientError::Illegal`] for what a message may not have, whatever its size and key.
    pub(super) fn new(shape: &MessageShape, seed: u64) -> Result<Self, ClientError> {
        let plain = MessageShape {
            keys: if shape.key_count > 0 {
                String::new()
            } else {
                shape.keys.clone()
            },
            sharding_keys: 0,
            ..shape.clone()
        };
        let stem: Arc<str> = match shape.keys.as_str() {
            "" => "key".into(),
            keys => keys.into(),
        };
        let keys = (shape.key_count > 0).then(|| Named {
            stem,
            chooser: Chooser::new(shape.key_choice, shape.key_count, seed, Purpose::Key),
        });
        let buffers = Buffers::new(shape.body_bytes, shape.random_bytes, seed);
        let sizes = shape.sizes.clone();
        let sizes = sizes.unwrap_or(Sizes::Of(SizeDraw::One(shape.body_bytes)));
        let bodies = if shape.compression.is_some() {
            Sized::prepare(&plain, &sizes, &buffers)?
        } else {
            let like = message(&plain, 0, buffers.body(0, 1))?;
            Sized::Exact {
                like: Arc::new(like),
                buffers,
            }
        };
        let count = shape.sharding_keys as u64;
        let mut composed = Self {
            bodies,
            sizer: Sizer::new(sizes, seed),
            keys,
            sharding: match shape.key_choice {
                _ if count == 0 => Sharding::None,
                Choice::Turn => Sharding::Turn((0..count).collect()),
                choice => Sharding::Drawn(Chooser::new(choice, count, seed, Purpose::ShardingKey)),
            },
            free: Vec::new(),
            name: String::new(),
        };
        composed.check(shape)?;
        Ok(composed)
    }

    /// The longest keys are as good as any.
    fn check(&mut self, shape: &MessageShape) -> Result<(), ClientError> {
        let Some(first) = self.all().next() else {
            return Ok(());
        };
        let mut longest = first.clone();
        if let Some(named) = &self.keys {
            let last = format!("{}-{}", named.stem, named.chooser.count() - 1);
            longest = longest.with_keys(&[&last])?;
        }
        if shape.sharding_keys > 0 {
            longest.with_sharding_key(&key_name(shape.sharding_keys - 1))?;
        }
        Ok(())
    }

    /// The part of one shard: keys taken in turn are in one shard only.
    pub(super) fn of_shard(&self, shard: ShardOf) -> Self {
        let mut own = self.clone();
        if let Sharding::Turn(keys) = &mut own.sharding {
            keys.retain(|key| key % shard.count.max(1) == shard.index);
        }
        own
    }

    /// Message `number`; `None` while every key has one in flight.
    #[inline(never)]
    pub(super) fn next(&mut self, number: u64, window_ns: u64) -> Option<Arc<Message>> {
        let sharding_key = match &mut self.sharding {
            Sharding::None => None,
            Sharding::Turn(keys) => Some(keys.pop_front()?),
            Sharding::Drawn(chooser) => Some(chooser.index(number)),
        };
        let (piece, at) = self.sizer.place(number, window_ns);
        let (like, body) = match &self.bodies {
            Sized::Exact { like, buffers } => {
                let bytes = self.sizer.size_at(piece, at);
                (&**like, buffers.body(number, bytes))
            }
            Sized::Prepared(pieces) => {
                let prepared = prepared(pieces.get(piece)?, at)?;
                (prepared, prepared.body().clone())
            }
        };
        let mut message = self.free.pop().unwrap_or_else(|| Arc::new(like.clone()));
        // It is shared where it is still kept, for a trace perhaps: then this one is a copy.
        let own = Arc::make_mut(&mut message);
        own.become_like(like, body);
        if let Some(named) = &self.keys {
            self.name.clear();
            // Writing to memory does not fail.
            let _ = write!(self.name, "{}-{}", named.stem, named.chooser.index(number));
            own.add_keys(&self.name);
        }
        if let Some(key) = sharding_key {
            self.name.clear();
            let _ = write!(self.name, "{}{key}", super::KEY);
            own.add_sharding_key(&self.name);
        }
        Some(message)
    }

    /// Takes back a message whose send has ended.
    #[inline(never)]
    pub(super) fn give_back(&mut self, message: Arc<Message>) {
        if let Sharding::Turn(keys) = &mut self.sharding
            && let Some(key) = key_of(&message)
        {
            keys.push_back(key);
        }
        self.free.push(message);
    }

    /// What messages are made from.
    pub(super) fn all(&self) -> impl Iterator<Item = &Message> {
        let (one, prepared): (Option<&Message>, &[Vec<Message>]) = match &self.bodies {
            Sized::Exact { like, .. } => (Some(like), &[]),
            Sized::Prepared(pieces) => (None, pieces),
        };
        one.into_iter().chain(prepared.iter().flatten())
    }
}

impl Sized {
    fn prepare(
        shape: &MessageShape,
        sizes: &Sizes,
        buffers: &Buffers,
    ) -> Result<Self, ClientError> {
        let of_draw = |draw: &SizeDraw| -> Result<Vec<Message>, ClientError> {
            let prepared = draw.sizes(most_prepared(draw));
            let turns = BODIES.div_ceil(prepared.len().max(1));
            let count = prepared.len() * turns;
            let sized = prepared.into_iter().cycle().take(count).zip(0..);
            sized
                .map(|(bytes, number)| message(shape, 0, buffers.body(number, bytes)))
                .collect()
        };
        let pieces: Result<Vec<_>, _> = sizes.draws().map(of_draw).collect();
        Ok(Self::Prepared(pieces?.into()))
    }
}

/// As many as memory and the time before a run allow.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "some thousand at most; as-casts saturate"
)]
fn most_prepared(draw: &SizeDraw) -> usize {
    ((MOST_PREPARED_BYTES / draw.mean()) as usize).clamp(BODIES, MOST_PREPARED)
}

#[inline]
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "some thousand at most; as-casts saturate"
)]
fn prepared(piece: &[Message], at: f64) -> Option<&Message> {
    piece.get((at * piece.len() as f64) as usize)
}

/// Number of a message's key.
fn key_of(message: &Message) -> Option<u64> {
    let name = message.property(crate::protocol::properties::SHARDING_KEY)?;
    name.strip_prefix(super::KEY)?.parse().ok()
}
