//! A message as the sender is given it: immutable, shared, never built per attempt (R224).

mod again;
mod batch;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::client::compression::Compression;
use crate::client::error::ClientError;
use crate::client::message_queue::java_hash;
use crate::protocol::message_id::{UNIQUE_ID_CHARS, UniqueId};
use crate::protocol::properties;
use crate::protocol::send::{SendKind, SendRequest};
use crate::protocol::sys_flag;
use crate::protocol::trace::MessageKind;

/// Bytes of the properties string left to the broker's own additions (R225).
const PROPERTY_RESERVE: usize = 512;

/// `WAIT=true` as it is encoded; a message with nothing else allocates nothing.
const WAITING: &[u8] = b"WAIT\x01true\x02";

/// `WAIT=false`: the broker answers before the message is flushed and replicated.
const NOT_WAITING: &[u8] = b"WAIT\x01false\x02";

/// When a broker delivers a message later than at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// After the time of a delay level of the broker, from 1 on: by default 1s 5s 10s 30s 1m … 2h,
    /// 18 of them; brokers take a higher one for the highest.
    Level(u32),
    /// At a moment, in ms since 1970 (5.x).
    AtMs(u64),
    /// After so many milliseconds (5.x); brokers count in seconds unless told otherwise.
    AfterMs(u64),
    /// After so many seconds (5.x).
    AfterSeconds(u64),
}

/// Body, properties and flags of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    body: Bytes,
    /// Encoded properties without UNIQ_KEY.
    properties: Cow<'static, [u8]>,
    sys_flag: i32,
    flag: i32,
    /// What few messages have, apart: a message is moved several times on its way.
    more: Option<Box<More>>,
}

/// See [`Message`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct More {
    /// Where in the body of a batch the ids of its messages are put; `None` for a single message.
    id_places: Option<Arc<[usize]>>,
    /// Hash of the key that orders it.
    sharding_hash: Option<i32>,
    /// It is the answer to a request.
    is_reply: bool,
    /// A request that its message id tells from others.
    asks_by_id: bool,
    /// How often a consumer has had it and may have it, as its header says to a retry topic.
    reconsumed: (i32, Option<i32>),
}

impl Message {
    /// A message with property WAIT=`true`, as Java builds it (R32).
    #[must_use]
    pub fn new(body: impl Into<Bytes>) -> Self {
        Self {
            body: body.into(),
            properties: Cow::Borrowed(WAITING),
            sys_flag: 0,
            flag: 0,
            more: None,
        }
    }

    /// Its properties, without UNIQ_KEY.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        properties::parse(str::from_utf8(&self.properties).unwrap_or_default())
    }

    /// The value of a property; UNIQ_KEY is none of them.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<&str> {
        let mut pairs = self.pairs();
        Some(pairs.find(|(known, _)| *known == name)?.1)
    }

    /// What a trace calls it (R182).
    pub(super) fn trace_kind(&self) -> MessageKind {
        let has = |name: &str| self.property(name).is_some();
        if has(properties::DELAY) || has(properties::START_DELIVER_TIME) {
            MessageKind::Delay
        } else if self.sys_flag & sys_flag::TRANSACTION_PREPARED != 0 {
            MessageKind::Half
        } else {
            MessageKind::Normal
        }
    }

    fn wait(&self) -> bool {
        self.pairs().all(|pair| pair != (properties::WAIT, "false"))
    }

    /// Whether the broker answers only once the message is flushed and replicated as it is configured
    /// to (R32); it does unless told otherwise.
    #[must_use]
    pub fn with_wait(mut self, wait: bool) -> Self {
        let mut properties = if wait { WAITING } else { NOT_WAITING }.to_vec();
        let mut rest = self.properties.into_owned();
        properties::remove(&mut rest, properties::WAIT);
        properties.extend_from_slice(&rest);
        self.properties = Cow::Owned(properties);
        self
    }

    /// Sets the flag, a number brokers only keep (R162).
    #[must_use]
    pub fn with_flag(mut self, flag: i32) -> Self {
        self.flag = flag;
        self
    }

    /// Has the message delivered later.
    ///
    /// # Errors
    /// [`ClientError::Illegal`] for level, moment or delay 0, and as [`Message::with_property`].
    pub fn with_delivery(mut self, delivery: Delivery) -> Result<Self, ClientError> {
        let (name, value) = match delivery {
            Delivery::Level(level) => (properties::DELAY, u64::from(level)),
            Delivery::AtMs(at) => (properties::TIMER_DELIVER_MS, at),
            Delivery::AfterMs(after) => (properties::TIMER_DELAY_MS, after),
            Delivery::AfterSeconds(after) => (properties::TIMER_DELAY_SEC, after),
        };
        if value == 0 {
            return Err(illegal(format!("{name} is 0, which is no delay")));
        }
        // Brokers would follow one of them and drop the others.
        for other in DELIVERIES {
            properties::remove(self.properties.to_mut(), other);
        }
        self.encode(name, &value.to_string())
    }

    /// Says how often a consumer has had it, and how often it may have it before it goes to the dead letters:
    /// what Java's consumers say of a message they send to their retry topic (R166). Other topics keep both
    /// as properties only.
    ///
    /// # Errors
    /// [`ClientError::Illegal`] below 0, and as [`Message::with_property`].
    pub fn with_reconsumed(self, times: i32, most: Option<i32>) -> Result<Self, ClientError> {
        if times < 0 || most.is_some_and(|most| most < 0) {
            return Err(illegal("a message is had 0 times or more".to_owned()));
        }
        let message = self.encode(properties::RECONSUME_TIME, &times.to_string())?;
        match most {
            Some(most) => message.encode(properties::MAX_RECONSUME_TIMES, &most.to_string()),
            None => Ok(message),
        }
    }

    /// The same towards a retry topic: its header says how often a consumer has had it (R166). Java takes both
    /// properties off for further attempts; here each attempt is as the first.
    #[must_use]
    pub(super) fn for_retry_topic(mut self) -> Self {
        let number = |name: &str| self.property(name)?.parse().ok();
        let times: Option<i32> = number(properties::RECONSUME_TIME);
        let most = number(properties::MAX_RECONSUME_TIMES);
        if times.is_some() || most.is_some() {
            self.more.get_or_insert_default().reconsumed = (times.unwrap_or(0), most);
        }
        self
    }

    /// The same with the namespace its topic is in (R38).
    ///
    /// # Errors
    /// As [`Message::with_property`].
    pub fn in_namespace(self, namespace: &str) -> Result<Self, ClientError> {
        self.encode(properties::INSTANCE_ID, namespace)
    }

    /// Sets the buyer's id.
    ///
    /// # Errors
    /// As [`Message::with_property`].
    pub fn with_buyer_id(self, id: &str) -> Result<Self, ClientError> {
        self.encode(properties::BUYER_ID, id)
    }

    /// Sets the key that orders it: all messages of a key go to one queue, the one that Java's clients
    /// select for it by its hash (R57), and to no other one when that fails.
    ///
    /// # Errors
    /// As [`Message::with_property`].
    pub fn with_sharding_key(mut self, key: &str) -> Result<Self, ClientError> {
        self.more.get_or_insert_default().sharding_hash = Some(java_hash(key));
        self.encode(properties::SHARDING_KEY, key)
    }

    /// The half message of a transaction of this producer group; a delay level is taken off (R69).
    ///
    /// # Errors
    /// [`ClientError::Illegal`] for a batch, and as [`Message::with_property`].
    pub fn half(mut self, group: &str) -> Result<Self, ClientError> {
        if self.id_places().is_some() {
            return Err(illegal("a batch is no half message".to_owned()));
        }
        properties::remove(self.properties.to_mut(), properties::DELAY);
        self.sys_flag |= sys_flag::TRANSACTION_PREPARED;
        self.encode(properties::HALF, "true")?
            .encode(properties::PRODUCER_GROUP, group)
    }

    /// The same message with a smaller body, if the settings say so and it gets smaller (R159, R222);
    /// what is compressed already stays.
    #[must_use]
    pub fn compressed(mut self, settings: &Compression) -> Self {
        // Batches never are (R63).
        if self.sys_flag & sys_flag::COMPRESSED == 0
            && self.id_places().is_none()
            && let Some(packed) = settings.apply(&self.body)
        {
            self.body = packed.body;
            self.sys_flag |= packed.flag;
        }
        self
    }

    /// Sets the tag.
    ///
    /// # Errors
    /// As [`Message::with_property`].
    pub fn with_tags(self, tags: &str) -> Result<Self, ClientError> {
        self.encode(properties::TAGS, tags)
    }

    /// Sets the keys, joined by one space.
    ///
    /// # Errors
    /// As [`Message::with_property`].
    pub fn with_keys(self, keys: &[&str]) -> Result<Self, ClientError> {
        self.encode(properties::KEYS, &keys.join(" "))
    }

    /// Sets a property of the user's.
    ///
    /// # Errors
    /// [`ClientError::Illegal`] for a blank name or value, a name RocketMQ keeps for itself (R31),
    /// bytes that would break the encoding, or too many bytes (R225).
    pub fn with_property(self, name: &str, value: &str) -> Result<Self, ClientError> {
        if RESERVED.contains(&name) {
            return Err(illegal(format!("{name} is reserved by RocketMQ")));
        }
        self.encode(name, value)
    }

    /// A request whose answer goes to this client, if it comes within `ttl`; `correlation` tells it from
    /// others (R77).
    ///
    /// # Errors
    /// [`ClientError::Illegal`] for less than a millisecond or a batch, and as [`Message::with_property`].
    pub fn asking(
        self,
        correlation: &str,
        client_id: &str,
        ttl: Duration,
    ) -> Result<Self, ClientError> {
        if self.id_places().is_some() {
            return Err(illegal("a batch is no request".to_owned()));
        }
        if ttl.as_millis() == 0 {
            return Err(illegal(
                "a request waits for its answer for a time".to_owned(),
            ));
        }
        self.encode(properties::CORRELATION_ID, correlation)?
            .encode(properties::REPLY_TO_CLIENT, client_id)?
            .encode(properties::TTL, &ttl.as_millis().to_string())
    }

    /// The same, told from others by its message id.
    ///
    /// # Errors
    /// As [`Message::asking`].
    pub fn asking_by_id(self, client_id: &str, ttl: Duration) -> Result<Self, ClientError> {
        let mut message = self.asking(&"0".repeat(UNIQUE_ID_CHARS), client_id, ttl)?;
        message.more.get_or_insert_default().asks_by_id = true;
        Ok(message)
    }

    /// The answer to a request that had these properties (R83).
    ///
    /// # Errors
    /// [`ClientError::Illegal`] (10007) for what is no request.
    pub fn answering<'a>(
        body: impl Into<Bytes>,
        property: impl Fn(&str) -> Option<&'a str>,
    ) -> Result<Self, ClientError> {
        let copied = [
            properties::CORRELATION_ID,
            properties::REPLY_TO_CLIENT,
            properties::TTL,
        ];
        let mut reply = Self::new(body).encode(properties::MESSAGE_TYPE, "reply")?;
        for name in copied {
            let value = property(name)
                .ok_or_else(|| illegal(format!("what is answered has no {name} (10007)")))?;
            reply = reply.encode(name, value)?;
        }
        reply.more.get_or_insert_default().is_reply = true;
        Ok(reply)
    }

    fn encode(mut self, name: &str, value: &str) -> Result<Self, ClientError> {
        if name.trim().is_empty() || value.trim().is_empty() {
            return Err(illegal(format!("{name:?}={value:?} is blank")));
        }
        if [name, value]
            .iter()
            .any(|text| text.contains(['\u{1}', '\u{2}']))
        {
            return Err(illegal(format!(
                "{name:?} contains U+0001 or U+0002, the separators"
            )));
        }
        let properties = self.properties.to_mut();
        properties::remove(properties, name);
        properties::write(properties, name, value.as_bytes());
        if self.properties.len() > properties::MAX_BYTES - PROPERTY_RESERVE {
            return Err(illegal(format!(
                "{} bytes exceed the broker's {} less {PROPERTY_RESERVE} for its own",
                self.properties.len(),
                properties::MAX_BYTES
            )));
        }
        Ok(self)
    }

    /// The body.
    #[inline]
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// Encoded properties, without UNIQ_KEY.
    #[inline]
    #[must_use]
    pub fn properties(&self) -> &[u8] {
        &self.properties
    }

    /// Messages it stands for: more than one in a batch.
    #[inline]
    #[must_use]
    pub fn messages(&self) -> u32 {
        match self.id_places() {
            None => 1,
            Some(places) => u32::try_from(places.len()).unwrap_or(u32::MAX),
        }
    }

    /// Where in the body of a batch the id of each of its messages is put.
    #[inline]
    #[must_use]
    pub fn id_places(&self) -> Option<&[usize]> {
        self.more.as_deref()?.id_places.as_deref()
    }

    /// Its properties as they are sent with this id: into `room` are written those of a request that has
    /// its message id as CORRELATION_ID.
    #[inline]
    #[must_use]
    pub fn properties_with<'a>(&'a self, id: &UniqueId, room: &'a mut Vec<u8>) -> &'a [u8] {
        match self.more.as_deref() {
            Some(more) if more.asks_by_id => self.correlated(id, room),
            _ => &self.properties,
        }
    }

    #[cold]
    fn correlated<'a>(&self, id: &UniqueId, room: &'a mut Vec<u8>) -> &'a [u8] {
        room.clear();
        room.extend_from_slice(&self.properties);
        properties::replace(room, properties::CORRELATION_ID, &id.0);
        room
    }

    /// Hash of the key that orders it.
    #[inline]
    #[must_use]
    pub fn sharding_hash(&self) -> Option<i32> {
        self.more.as_deref()?.sharding_hash
    }

    /// What its header says besides.
    #[inline]
    #[must_use]
    pub fn kind(&self) -> SendKind {
        let Some(more) = self.more.as_deref() else {
            return SendKind {
                sys_flag: self.sys_flag,
                flag: self.flag,
                ..SendKind::default()
            };
        };
        let (reconsume_times, max_reconsume_times) = more.reconsumed;
        SendKind {
            request: if more.id_places.is_some() {
                SendRequest::Batch
            } else if more.is_reply {
                SendRequest::Reply
            } else {
                SendRequest::Single
            },
            sys_flag: self.sys_flag,
            flag: self.flag,
            reconsume_times,
            max_reconsume_times,
        }
    }
}

fn illegal(reason: String) -> ClientError {
    ClientError::Illegal {
        what: "message property",
        reason,
    }
}

/// Of these brokers follow one.
const DELIVERIES: [&str; 4] = [
    properties::DELAY,
    properties::TIMER_DELIVER_MS,
    properties::TIMER_DELAY_MS,
    properties::TIMER_DELAY_SEC,
];

/// Property names users may not set (R31).
const RESERVED: &[&str] = &[
    "TRACE_ON",
    "MSG_REGION",
    "KEYS",
    "TAGS",
    "WAIT",
    "DELAY",
    "RETRY_TOPIC",
    "REAL_TOPIC",
    "REAL_QID",
    "TRAN_MSG",
    "PGROUP",
    "MIN_OFFSET",
    "MAX_OFFSET",
    "BUYER_ID",
    "ORIGIN_MESSAGE_ID",
    "TRANSFER_FLAG",
    "CORRECTION_FLAG",
    "MQ2_FLAG",
    "RECONSUME_TIME",
    "UNIQ_KEY",
    "MAX_RECONSUME_TIMES",
    "CONSUME_START_TIME",
    "POP_CK",
    "POP_CK_OFFSET",
    "1ST_POP_TIME",
    "TRAN_PREPARED_QUEUE_OFFSET",
    "DUP_INFO",
    "EXTEND_UNIQ_INFO",
    "INSTANCE_ID",
    "CORRELATION_ID",
    "REPLY_TO_CLIENT",
    "TTL",
    "ARRIVE_TIME",
    "PUSH_REPLY_TIME",
    "CLUSTER",
    "MSG_TYPE",
    "INNER_MULTI_QUEUE_OFFSET",
    "TIMER_DELAY_MS",
    "TIMER_DELAY_SEC",
    "TIMER_DELIVER_MS",
    "TIMER_ENQUEUE_MS",
    "TIMER_DEQUEUE_MS",
    "TIMER_ROLL_TIMES",
    "TIMER_OUT_MS",
    "TIMER_DEL_UNIQKEY",
    "TIMER_DELAY_LEVEL",
    "__BORNHOST",
    "BORN_TIMESTAMP",
    "DLQ_ORIGIN_TOPIC",
    "DLQ_ORIGIN_MESSAGE_ID",
    "__CRC32#",
];

#[cfg(test)]
mod tests {
    use super::*;

    /// R32.
    #[test]
    fn a_message_waits_for_storing_unless_told_otherwise() {
        let mut encoded = Vec::new();
        properties::write(&mut encoded, properties::WAIT, b"true");
        assert_eq!(Message::new("x").properties(), encoded);
    }

    /// R31, R32.
    #[test]
    fn properties_that_would_corrupt_the_message_are_refused() {
        let message = || Message::new("x");
        for (name, value) in [("", "v"), ("n", " "), ("UNIQ_KEY", "v"), ("n", "a\u{2}b")] {
            assert!(
                message().with_property(name, value).is_err(),
                "{name:?}={value:?}"
            );
        }
        assert!(message().with_property("n", &"v".repeat(33_000)).is_err());
        let good = message()
            .with_tags("T")
            .unwrap()
            .with_keys(&["a", "b"])
            .unwrap();
        assert_eq!(
            good.properties(),
            b"WAIT\x01true\x02TAGS\x01T\x02KEYS\x01a b\x02"
        );
    }

    /// R203.
    #[test]
    fn light_queues_are_named_as_by_java() {
        let message = Message::new("x").with_property("INNER_MULTI_DISPATCH", "%LMQ%a,%LMQ%b");
        let queues = message.unwrap();
        assert_eq!(
            queues.property("INNER_MULTI_DISPATCH"),
            Some("%LMQ%a,%LMQ%b")
        );
    }

    #[test]
    fn what_is_set_twice_has_its_last_value() {
        let message = Message::new("x").with_tags("A").unwrap();
        let message = message.with_property("n", "1").unwrap();
        let message = message.with_tags("B").unwrap().with_wait(false);
        assert_eq!(
            message.properties(),
            b"WAIT\x01false\x02n\x011\x02TAGS\x01B\x02"
        );
        assert_eq!(
            message.with_wait(true).properties(),
            b"WAIT\x01true\x02n\x011\x02TAGS\x01B\x02"
        );
    }

    #[test]
    fn a_message_is_delivered_at_one_moment() {
        let level = Message::new("x").with_delivery(Delivery::Level(3)).unwrap();
        assert_eq!(level.properties(), b"WAIT\x01true\x02DELAY\x013\x02");
        let timer = level.with_delivery(Delivery::AfterMs(1500)).unwrap();
        let expected = b"WAIT\x01true\x02TIMER_DELAY_MS\x011500\x02";
        assert_eq!(timer.properties(), expected);
        assert!(timer.with_delivery(Delivery::AfterSeconds(0)).is_err());
    }

    /// R202.
    #[test]
    fn a_half_message_names_its_group_and_is_not_delayed() {
        let message = Message::new("x").with_delivery(Delivery::Level(3)).unwrap();
        let half = message.half("orders").unwrap();
        let expected = b"WAIT\x01true\x02TRAN_MSG\x01true\x02PGROUP\x01orders\x02";
        assert_eq!(
            (half.properties(), half.kind().sys_flag),
            (&expected[..], 4)
        );
        let batch = Message::batch(&[Message::new("x")]).unwrap();
        assert!(batch.half("orders").is_err());
        let packed = Message::new(vec![b'a'; 8192]).half("g").unwrap();
        assert_eq!(
            packed.compressed(&Compression::default()).kind().sys_flag,
            0x305
        );
    }

    /// R77, R83.
    #[test]
    fn a_request_and_its_answer_name_each_other() {
        let second = Duration::from_secs(1);
        let request = Message::new("x").asking("c7", "me@1", second).unwrap();
        let expected =
            b"WAIT\x01true\x02CORRELATION_ID\x01c7\x02REPLY_TO_CLIENT\x01me@1\x02TTL\x011000\x02";
        assert_eq!(request.properties(), expected);
        let property = |wanted: &str| request.pairs().find(|(n, _)| *n == wanted).map(|(_, v)| v);
        let reply = Message::answering("y", property).unwrap();
        assert_eq!(reply.kind().request, SendRequest::Reply);
        assert_eq!(
            reply.properties(),
            b"WAIT\x01true\x02MSG_TYPE\x01reply\x02CORRELATION_ID\x01c7\x02REPLY_TO_CLIENT\x01me@1\x02TTL\x011000\x02"
        );
        assert!(Message::answering("y", |_| None).is_err());
        assert!(
            Message::new("x")
                .asking("c", "me", Duration::from_micros(1))
                .is_err()
        );
        let batch = Message::batch(&[Message::new("x")]).unwrap();
        assert!(batch.asking("c", "me", second).is_err());
    }

    #[test]
    fn a_request_is_told_from_others_by_its_id_wherever_that_stands() {
        let id = UniqueId([b'7'; UNIQUE_ID_CHARS]);
        let request = Message::new("x")
            .asking_by_id("me", Duration::from_secs(1))
            .unwrap();
        let request = request.with_wait(false).with_tags("T").unwrap();
        let mut room = Vec::new();
        let given = str::from_utf8(request.properties_with(&id, &mut room)).unwrap();
        let expected = format!(
            "WAIT\x01false\x02CORRELATION_ID\x01{id}\x02REPLY_TO_CLIENT\x01me\x02TTL\x011000\x02TAGS\x01T\x02"
        );
        assert_eq!(given, expected);
    }

    #[test]
    fn a_body_is_compressed_once_and_its_flags_say_how() {
        let settings = Compression::default();
        let plain = Message::new(vec![b'a'; 8192]).with_flag(7);
        let packed = plain.clone().compressed(&settings);
        assert_eq!((packed.kind().sys_flag, packed.kind().flag), (0x301, 7));
        assert!(packed.body().len() < 200);
        assert_eq!(packed.clone().compressed(&settings), packed);
        let small = Message::new("small");
        assert_eq!(small.clone().compressed(&settings), small);
    }
}
