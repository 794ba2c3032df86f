//! A message as the sender is given it: immutable, shared, never built per attempt (R224).

use std::borrow::Cow;

use bytes::Bytes;

use crate::client::error::ClientError;
use crate::protocol::properties;

/// Bytes of the properties string left to the broker's own additions (R225).
const PROPERTY_RESERVE: usize = 512;

/// `WAIT=true` as it is encoded; a message with nothing else allocates nothing.
const WAITING: &[u8] = b"WAIT\x01true\x02";

/// Body and properties of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    body: Bytes,
    /// Encoded properties without UNIQ_KEY.
    properties: Cow<'static, [u8]>,
}

impl Message {
    /// A message with property WAIT=`true`, as Java builds it (R32).
    #[must_use]
    pub fn new(body: impl Into<Bytes>) -> Self {
        Self {
            body: body.into(),
            properties: Cow::Borrowed(WAITING),
        }
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

    /// Adds a property of the user's.
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
        properties::write(self.properties.to_mut(), name, value.as_bytes());
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
}

fn illegal(reason: String) -> ClientError {
    ClientError::Illegal {
        what: "message property",
        reason,
    }
}

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

    #[test]
    fn a_message_waits_for_storing_unless_told_otherwise() {
        let mut encoded = Vec::new();
        properties::write(&mut encoded, properties::WAIT, b"true");
        assert_eq!(Message::new("x").properties(), encoded);
    }

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
}
