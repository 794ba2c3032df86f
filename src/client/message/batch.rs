//! Several messages as one (R60–R63), and many as few.

use super::{DELIVERIES, Message, More};
use crate::client::error::ClientError;
use crate::protocol::batch::{BatchRecord, RECORD_BYTES};
use crate::protocol::message_id::UNIQUE_ID_CHARS;
use crate::protocol::properties;

/// Bytes of UNIQ_KEY among the properties: name, id, two separators.
const ID_BYTES: usize = properties::UNIQUE_ID_KEY.len() + UNIQUE_ID_CHARS + 2;

impl Message {
    /// One message out of many, which are stored together or not at all (R60–R63). Each keeps its body,
    /// flag and properties and gets an id of its own; the batch itself has none, as brokers up to 5.3.3
    /// would give it to all of them.
    ///
    /// # Errors
    /// [`ClientError::Illegal`] for no message, for different values of WAIT or sharding keys, and for
    /// messages that are delivered later, compressed, empty or batches themselves.
    pub fn batch(messages: &[Self]) -> Result<Self, ClientError> {
        let Some(first) = messages.first() else {
            return Err(refuse("has no message".to_owned()));
        };
        let mut body = Vec::with_capacity(messages.iter().map(Self::batch_bytes).sum());
        let mut id_places = Vec::with_capacity(messages.len());
        for message in messages {
            message.goes_with(first)?;
            let mut properties = Vec::with_capacity(ID_BYTES + message.properties.len());
            let id = [b'0'; UNIQUE_ID_CHARS];
            properties::write(&mut properties, properties::UNIQUE_ID_KEY, &id);
            properties.extend_from_slice(&message.properties);
            let record = BatchRecord {
                flag: message.flag,
                body: &message.body,
                properties: &properties,
            };
            if record.write(&mut body).is_err() {
                return Err(refuse("has a message that is too large".to_owned()));
            }
            let key = properties::UNIQUE_ID_KEY.len() + 1;
            id_places.push(body.len() - properties.len() + key);
        }
        let batch = Self::new(body).with_wait(first.wait());
        Ok(Self {
            more: Some(Box::new(More {
                id_places: Some(id_places.into()),
                sharding_hash: first.sharding_hash(),
                ..More::default()
            })),
            ..batch
        })
    }

    /// As few batches of at most `most` bytes as the messages fit into in their order. What they have
    /// in common over all of them is what one batch asks for.
    ///
    /// # Errors
    /// As [`Message::batch`]; [`ClientError::Illegal`] too for a message that alone takes more than
    /// `most` bytes, with its place.
    pub fn batches(messages: &[Self], most: usize) -> Result<Vec<Self>, ClientError> {
        let mut batches = Vec::new();
        let mut begin = 0;
        let mut bytes = 0;
        for (place, message) in messages.iter().enumerate() {
            // Differences between batches are refused as those within one are.
            message.goes_with(messages.first().unwrap_or(message))?;
            let more = message.batch_bytes();
            if more > most {
                let reason = format!(
                    "has a message of {more} bytes, its number {place} counted from 0; at most {most} are allowed"
                );
                return Err(refuse(reason));
            }
            if bytes + more > most {
                batches.push(begin..place);
                (begin, bytes) = (place, 0);
            }
            bytes += more;
        }
        batches.push(begin..messages.len());
        let batch = |range| Self::batch(messages.get(range).unwrap_or_default());
        batches.into_iter().map(batch).collect()
    }

    /// Bytes it takes in the body of a batch.
    #[must_use]
    pub fn batch_bytes(&self) -> usize {
        RECORD_BYTES + self.body.len() + ID_BYTES + self.properties.len()
    }

    /// R60: what all messages of a batch have in common, and what none of them may be.
    fn goes_with(&self, first: &Self) -> Result<(), ClientError> {
        let has = |name: &str| self.property(name).is_some();
        let reason = if self.wait() != first.wait() {
            "has messages that wait to be stored and others that do not"
        } else if DELIVERIES.iter().any(|name| has(name)) {
            "has a message with a delay, which brokers would not look at"
        } else if self.sys_flag != 0 || self.id_places().is_some() {
            "has a message that is compressed or a batch"
        } else if self.sharding_hash() != first.sharding_hash() {
            "has messages with different sharding keys"
        } else if self.body.is_empty() {
            "has a message without a body"
        } else {
            return Ok(());
        };
        Err(refuse(reason.to_owned()))
    }
}

fn refuse(reason: String) -> ClientError {
    ClientError::Illegal {
        what: "batch",
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::compression::Compression;
    use crate::client::message::{Delivery, WAITING};
    use crate::protocol::batch::records;
    use crate::protocol::send::SendRequest;
    use proptest::prelude::*;

    #[test]
    fn a_batch_has_its_messages_each_with_room_for_its_id() {
        let messages = [
            Message::new("one").with_tags("A").unwrap().with_flag(5),
            Message::new("two"),
        ];
        let batch = Message::batch(&messages).unwrap();
        assert_eq!(
            (batch.messages(), batch.kind().request),
            (2, SendRequest::Batch)
        );
        assert_eq!(batch.properties(), WAITING);
        let mut body = batch.body().to_vec();
        for place in batch.id_places().unwrap() {
            body[*place..place + UNIQUE_ID_CHARS].fill(b'7');
        }
        let records: Vec<_> = records(&body).map(Result::unwrap).collect();
        let id = "7".repeat(32);
        let expected = format!("UNIQ_KEY\x01{id}\x02WAIT\x01true\x02TAGS\x01A\x02");
        assert_eq!(records[0].properties, expected.as_bytes());
        assert_eq!((records[0].flag, records[0].body), (5, &b"one"[..]));
        assert_eq!(records[1].body, b"two");
    }

    /// R60.
    #[test]
    fn what_does_not_go_together_is_no_batch() {
        let plain = || Message::new("x");
        let delayed = plain().with_delivery(Delivery::Level(1)).unwrap();
        let compressed = Message::new(vec![0; 9000]).compressed(&Compression::default());
        let batch = Message::batch(&[plain()]).unwrap();
        for (other, why) in [
            (plain().with_wait(false), "wait"),
            (delayed, "delay"),
            (compressed, "compressed"),
            (batch, "a batch"),
            (plain().with_sharding_key("k").unwrap(), "sharding"),
            (Message::new(""), "body"),
        ] {
            let both = [plain(), other];
            let error = Message::batch(&both).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
            // Each would be a batch of its own.
            let most = both[0].batch_bytes().max(both[1].batch_bytes());
            let error = Message::batches(&both, most).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
        assert!(Message::batch(&[]).is_err());
        assert!(Message::batches(&[], 1000).is_err());
    }

    proptest! {
        #[test]
        fn many_messages_are_few_batches_in_their_order(
            bytes in prop::collection::vec(1usize..100, 1..40),
            most in 150usize..1000,
        ) {
            let message = |(n, bytes): (usize, &usize)| Message::new(vec![n as u8; *bytes]);
            let messages: Vec<_> = bytes.iter().enumerate().map(message).collect();
            let largest = messages.iter().map(Message::batch_bytes).max().unwrap();
            let split = Message::batches(&messages, most);
            if largest > most {
                prop_assert!(split.is_err());
                return Ok(());
            }
            let split = split.unwrap();
            prop_assert!(split.iter().all(|batch| batch.body().len() <= most));
            let together: Vec<u8> = split.iter().flat_map(|batch| batch.body().to_vec()).collect();
            let whole = Message::batch(&messages).unwrap();
            prop_assert_eq!(&together[..], &whole.body()[..]);
            // The first of each did not fit into the one before.
            for pair in split.windows(2) {
                let first = records(pair[1].body()).next().unwrap().unwrap();
                let more = RECORD_BYTES + first.body.len() + first.properties.len();
                prop_assert!(pair[0].body().len() + more > most);
            }
        }
    }
}
