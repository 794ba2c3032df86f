//! What one load run is to do: plain values, checked by `config` before they get here.

use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use crate::client::{Compression, Delivery};
use crate::load::choice::Choice;
use crate::load::requests::RequestShape;
use crate::load::schedule::{Offered, ShardOf};
use crate::load::sizes::Sizes;
use crate::load::transactions::TransactionShape;
use crate::protocol::batch::RECORD_BYTES;
use crate::protocol::message_id::UNIQUE_ID_CHARS;
use crate::protocol::properties;

/// How messages are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SendMode {
    /// N callers, each with one send at a time.
    Sync,
    /// Up to N sends in flight.
    Async,
    /// No answer is asked for.
    Oneway,
    /// As sync, with batches.
    Batch,
    /// As sync, with half messages and word of what becomes of them.
    Tx,
    /// Callers that wait for what a consumer answers.
    Request,
}

impl SendMode {
    /// Name as on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Async => "async",
            Self::Oneway => "oneway",
            Self::Batch => "batch",
            Self::Tx => "tx",
            Self::Request => "request",
        }
    }

    /// Whether brokers answer.
    #[must_use]
    pub fn is_answered(self) -> bool {
        self != Self::Oneway
    }

    /// Whether callers with one send at a time are the limit; else it is what is in flight.
    #[must_use]
    pub fn has_callers(self) -> bool {
        matches!(self, Self::Sync | Self::Batch | Self::Tx | Self::Request)
    }
}

/// Whether the schedule or the answers decide when the next message goes out.
#[derive(Debug, Clone, PartialEq)]
pub enum LoadModel {
    /// Messages are due at planned times, whatever the cluster does.
    Open(Offered),
    /// The next message goes out as soon as there is room; its times count from its begin.
    Closed,
}

/// A rate as an exact fraction: `messages` per `period`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Messages per period.
    pub messages: NonZeroU64,
    /// Length of the period in nanoseconds.
    pub period_ns: NonZeroU64,
}

impl Rate {
    /// Messages per second, for display.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "display only")]
    pub fn per_second(self) -> f64 {
        self.messages.get() as f64 * 1e9 / self.period_ns.get() as f64
    }

    /// The rate of sends of so many messages each.
    #[must_use]
    pub fn of_sends(self, messages: u32) -> Self {
        let messages = NonZeroU64::from(NonZeroU32::new(messages).unwrap_or(NonZeroU32::MIN));
        Self {
            period_ns: self.period_ns.saturating_mul(messages),
            ..self
        }
    }
}

/// Distribution of the intervals between intended times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Arrivals {
    /// Evenly spaced.
    #[default]
    Constant,
    /// So many at once, evenly spaced.
    Bursts(NonZeroU32),
    /// Exponential intervals from the seeded generator.
    Poisson,
}

/// What the schedule does with messages that are due but could not be sent in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenLate {
    /// Send them as soon as there is room; they keep their intended times.
    #[default]
    CatchUp,
    /// Leave out those later than one tick; they count as unsent.
    Skip,
    /// Stop the run.
    Abort,
}

/// What ends the warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WarmupEnd {
    /// Its time.
    #[default]
    AtTime,
    /// Whoever watches, by [`RunSecond::begin_window`](crate::load::RunSecond::begin_window); its time, in whole
    /// seconds, is the longest. Only for a closed loop and a rate that stays the same.
    WhenAsked,
}

/// What ends the measured window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    /// Length of the window; `None` with a count: no limit in time.
    pub duration: Option<Duration>,
    /// Messages planned for the window.
    pub count: Option<u64>,
}

/// What every message of a run is like.
#[derive(Debug, Clone, PartialEq)]
pub struct MessageShape {
    /// Body bytes, before compression; of bodies of several sizes those of the largest.
    pub body_bytes: usize,
    /// So many of them are random, the others zero; of smaller bodies as large a share.
    pub random_bytes: usize,
    /// Sizes of bodies; `None` where all are alike.
    pub sizes: Option<Sizes>,
    /// Value of TAGS; empty for none.
    pub tags: String,
    /// Value of KEYS; empty for none, or for "key" with a number.
    pub keys: String,
    /// Values of KEYS of which each message has one, by `key_choice`: `keys`, a hyphen and a number; 0 where all
    /// have `keys`.
    pub key_count: u64,
    /// Properties of the user's.
    pub properties: Vec<(String, String)>,
    /// Delivered later than at once.
    pub delivery: Option<Delivery>,
    /// Whether brokers answer only when a message is flushed and replicated (R32).
    pub wait: bool,
    /// Bodies that get smaller are sent so.
    pub compression: Option<Compression>,
    /// Keys of which each message has one, by `key_choice`: its queue is that of the key. Of keys taken in turn
    /// one message is in flight at most of each; 0 for none.
    pub sharding_keys: usize,
    /// How a message's key is chosen.
    pub key_choice: Choice,
    /// Messages of a send, at least 1; more than one only in [`SendMode::Batch`].
    pub batch: u32,
    /// The namespace of its topic, which each message names (R38).
    pub namespace: Option<String>,
    /// Half messages of this producer group.
    pub half_of: Option<String>,
    /// Requests of this client, and how long it waits for their answers.
    pub asked_by: Option<(String, Duration)>,
}

impl MessageShape {
    /// Random bodies of this size and nothing else.
    #[must_use]
    pub fn plain(body_bytes: usize) -> Self {
        Self {
            body_bytes,
            random_bytes: body_bytes,
            sizes: None,
            tags: String::new(),
            keys: String::new(),
            key_count: 0,
            properties: Vec::new(),
            delivery: None,
            wait: true,
            compression: None,
            sharding_keys: 0,
            key_choice: Choice::Turn,
            batch: 1,
            namespace: None,
            half_of: None,
            asked_by: None,
        }
    }

    /// Sharding keys of each of which one message is in flight at most; 0 where nothing is limited so.
    #[must_use]
    pub fn keys_in_turn(&self) -> usize {
        match self.key_choice {
            Choice::Turn => self.sharding_keys,
            Choice::Uniform | Choice::Zipf(_) => 0,
        }
    }

    /// Bytes a message of this shape takes in a batch, at most.
    #[must_use]
    pub fn record_bytes(&self) -> usize {
        let pair = |name: &str, value: &str| match value {
            "" => 0,
            value => name.len() + value.len() + 2,
        };
        let pairs = self.properties.iter();
        let id = properties::UNIQUE_ID_KEY.len() + 2 + UNIQUE_ID_CHARS;
        let last_key = format!("key-{}", self.sharding_keys.saturating_sub(1));
        let key = if self.sharding_keys > 0 {
            &*last_key
        } else {
            ""
        };
        RECORD_BYTES
            + self.body_bytes
            + pair(properties::SHARDING_KEY, key)
            + id
            + pair(properties::WAIT, if self.wait { "true" } else { "false" })
            + pair(properties::TAGS, &self.tags)
            + pair(properties::KEYS, &self.keys)
            + pairs.map(|(name, value)| pair(name, value)).sum::<usize>()
    }
}

/// One load run.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadPlan {
    /// How messages are sent.
    pub mode: SendMode,
    /// Open or closed loop.
    pub model: LoadModel,
    /// Distribution of intended times.
    pub arrivals: Arrivals,
    /// Seed of everything random in the run.
    pub seed: u64,
    /// The part of the schedule this process sends; rates and counts are those of the whole.
    pub part: ShardOf,
    /// End of the measured window.
    pub bound: Bound,
    /// Sent before the window at the same rate, kept out of every figure.
    pub warmup: Duration,
    /// Whether the warm-up may be shorter.
    pub warmup_ends: WarmupEnd,
    /// Longest wait for answers after the window.
    pub drain: Duration,
    /// Topic; of several the first.
    pub topic: String,
    /// Further topics, at most 65,534; none in [`SendMode::Tx`], [`SendMode::Request`] and where sends are traced.
    pub more_topics: Vec<String>,
    /// The topics were made for this load, on no broker that is left out: that one has none of their queues is no
    /// mistake.
    pub own_topics: bool,
    /// How the topic of a message is chosen.
    pub topic_choice: Choice,
    /// What is sent.
    pub message: MessageShape,
    /// Concurrent callers of sync, whole process.
    pub callers: usize,
    /// Most async sends in flight, whole process.
    pub in_flight: usize,
    /// How the queue of a message is chosen: in turn by the client itself, past brokers that are to be avoided; else
    /// each message goes to the queue drawn for it and to no other. Not with sharding keys, which decide.
    pub queue_choice: Choice,
    /// Policy of a schedule that fell behind.
    pub when_late: WhenLate,
    /// From the intended time on, when a send that is not answered counts as failed.
    pub deadline: Option<Duration>,
    /// Threads; `None` lets the run choose.
    pub shards: Option<usize>,
    /// Pacing tick; `None` lets the rate choose.
    pub tick: Option<Duration>,
    /// Ask for real-time scheduling of the shards' threads.
    pub realtime: bool,
    /// What becomes of transactions, in [`SendMode::Tx`].
    pub transactions: Option<TransactionShape>,
    /// Who answers, in [`SendMode::Request`].
    pub requests: Option<RequestShape>,
}

impl LoadPlan {
    /// Most sends in flight, whole process.
    #[must_use]
    pub fn most_in_flight(&self) -> usize {
        let limit = if self.mode.has_callers() {
            self.callers
        } else {
            self.in_flight
        };
        match self.message.keys_in_turn() {
            0 => limit,
            keys => limit.min(self.own_keys(keys)),
        }
    }

    /// All topics.
    pub fn topics(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.topic).chain(&self.more_topics)
    }

    /// The topics for people: all of a few, else the first and the last.
    #[must_use]
    pub fn topic_text(&self) -> String {
        match self.more_topics.as_slice() {
            [.., last] if self.more_topics.len() > 7 => {
                let all = self.more_topics.len() + 1;
                format!("{}…{last} ({all} topics)", self.topic)
            }
            _ => {
                let all: Vec<&str> = self.topics().map(String::as_str).collect();
                all.join(",")
            }
        }
    }

    /// Sharding keys of this process, of so many in all.
    fn own_keys(&self, keys: usize) -> usize {
        usize::try_from(self.part.share(keys as u64)).unwrap_or(usize::MAX)
    }

    /// Sends of the whole schedule planned for the window, of [`MessageShape::batch`] messages each.
    #[must_use]
    pub fn sends(&self) -> Option<u64> {
        let messages = u64::from(self.message.batch.max(1));
        self.bound.count.map(|count| count / messages)
    }
}
