//! From records to the messages of the trace topic.

use std::sync::Arc;

use crate::client::message::Message;
use crate::client::receipt::Receipt;
use crate::protocol::properties;
use crate::protocol::trace::{self, DEFAULT_REGION, EndRecord, SendRecord};
use crate::protocol::transaction::Resolution;
use crate::protocol::{SendStatus, UniqueId, batch};

/// KEYS of a trace message, in bytes at most: brokers refuse much more, with all properties.
const MOST_KEY_BYTES: usize = 30_000;

/// What is to be written.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "the load generator puts records of sends in without the heap"
)]
pub(crate) enum Record {
    /// A send that was answered as stored.
    Sent(Sent),
    /// A transaction that ended.
    Ended(Box<Ended>),
}

/// A send that was answered as stored; of a batch, all of its messages.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) topic: Arc<str>,
    pub(crate) message: Arc<Message>,
    pub(crate) message_id: UniqueId,
    pub(crate) store_host: Arc<str>,
    pub(crate) begun_ms: u64,
    pub(crate) cost_ms: u64,
    pub(crate) status: SendStatus,
    pub(crate) receipt: Receipt,
}

/// A transaction a broker is told the end of.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(super) at_ms: u64,
    pub(super) topic: String,
    pub(super) message_id: String,
    pub(super) tags: Option<String>,
    pub(super) keys: Option<String>,
    pub(super) region: Option<String>,
    pub(super) store_host: String,
    pub(super) transaction_id: String,
    pub(super) resolution: Resolution,
    pub(super) from_check: bool,
}

#[cfg(test)]
impl Default for Ended {
    fn default() -> Self {
        Self {
            at_ms: 0,
            topic: "T".to_owned(),
            message_id: "ID".to_owned(),
            tags: None,
            keys: None,
            region: None,
            store_host: "127.0.0.1:10911".to_owned(),
            transaction_id: "ID".to_owned(),
            resolution: Resolution::Commit,
            from_check: false,
        }
    }
}

impl Record {
    /// How many records it leaves, if its broker wants them.
    pub(super) fn records(&self) -> u64 {
        match self {
            Self::Sent(sent) => sent.message.messages().into(),
            Self::Ended(_) => 1,
        }
    }
}

/// A message of the trace topic.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct TraceMessage {
    pub(super) body: String,
    /// By what its records are found, separated by spaces.
    pub(super) keys: String,
    pub(super) records: u64,
}

/// Limits of a trace message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) records: usize,
    pub(super) body_bytes: usize,
}

/// Puts records into messages.
pub(super) struct Messages<'a> {
    group: &'a str,
    limits: Limits,
    full: Vec<TraceMessage>,
    last: TraceMessage,
}

impl<'a> Messages<'a> {
    pub(super) fn new(group: &'a str, limits: Limits) -> Self {
        Self {
            group,
            limits,
            full: Vec::new(),
            last: TraceMessage::default(),
        }
    }

    pub(super) fn add(&mut self, record: &Record) {
        match record {
            Record::Sent(sent) => self.add_sent(sent),
            Record::Ended(end) => {
                let record = EndRecord {
                    at_ms: end.at_ms,
                    region: end.region.as_deref().unwrap_or(DEFAULT_REGION),
                    group: self.group,
                    topic: &end.topic,
                    message_id: &end.message_id,
                    tags: end.tags.as_deref(),
                    keys: end.keys.as_deref(),
                    store_host: &end.store_host,
                    transaction_id: &end.transaction_id,
                    resolution: end.resolution,
                    from_check: end.from_check,
                };
                let mut text = String::new();
                record.write(&mut text);
                self.push(&text, record.message_id, record.keys);
            }
        }
    }

    fn add_sent(&mut self, sent: &Sent) {
        if !sent.receipt.wants_trace() {
            return;
        }
        let reply = sent.receipt.read();
        let message = &*sent.message;
        let record = SendRecord {
            begun_ms: sent.begun_ms,
            region: reply.region_id.as_deref().unwrap_or(DEFAULT_REGION),
            group: self.group,
            topic: &sent.topic,
            message_id: sent.message_id.as_str(),
            tags: message.property(properties::TAGS),
            keys: message.property(properties::KEYS),
            store_host: &sent.store_host,
            body_bytes: message.body().len(),
            cost_ms: sent.cost_ms,
            kind: message.trace_kind(),
            offset_message_id: &reply.offset_message_id,
            success: sent.status == SendStatus::SendOk,
        };
        if message.id_places().is_none() {
            self.push_sent(&record);
            return;
        }
        // Brokers answer with the ids of all messages, between commas.
        let mut offset_ids = reply.offset_message_id.split(',');
        let parts = batch::records(message.body()).map_while(Result::ok);
        for (place, part) in (0..).zip(parts) {
            let text = str::from_utf8(part.properties).unwrap_or_default();
            let find = |name| {
                let mut pairs = properties::parse(text);
                Some(pairs.find(|(known, _)| *known == name)?.1)
            };
            self.push_sent(&SendRecord {
                message_id: sent.message_id.nth(place).as_str(),
                tags: find(properties::TAGS),
                keys: find(properties::KEYS),
                body_bytes: part.body.len(),
                offset_message_id: offset_ids.next().unwrap_or_default(),
                ..record
            });
        }
    }

    fn push_sent(&mut self, record: &SendRecord<'_>) {
        let mut text = String::new();
        record.write(&mut text);
        self.push(&text, record.message_id, record.keys);
    }

    /// Adds one record where it fits, which may be a message of its own. Keys beyond their limit do not find it;
    /// its id does.
    fn push(&mut self, text: &str, message_id: &str, keys: Option<&str>) {
        let mut own: Vec<&str> = Vec::new();
        let mut bytes = 0;
        for key in trace::keys(message_id, keys) {
            if bytes + key.len() < MOST_KEY_BYTES {
                bytes += key.len() + 1;
                own.push(key);
            }
        }
        let last = &self.last;
        let fits = last.records < self.limits.records as u64
            && last.body.len() + text.len() <= self.limits.body_bytes
            && last.keys.len() + bytes <= MOST_KEY_BYTES;
        if !fits {
            self.full.push(std::mem::take(&mut self.last));
        }
        let last = &mut self.last;
        last.body.push_str(text);
        last.records += 1;
        for key in own {
            if !last.keys.split(' ').any(|known| known == key) {
                if !last.keys.is_empty() {
                    last.keys.push(' ');
                }
                // The separators of properties are in no key of ours, but may be in an id a broker gives.
                let chars = key.chars();
                last.keys
                    .extend(chars.filter(|char| !matches!(char, '\u{1}' | '\u{2}')));
            }
        }
    }

    /// The messages, none of them empty.
    pub(super) fn end(self) -> impl Iterator<Item = TraceMessage> {
        let all = self.full.into_iter().chain([self.last]);
        all.filter(|message| message.records > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::header::{ExtFields, binary};
    use proptest::prelude::*;

    const ID: UniqueId = UniqueId(*b"0A00000904D218B4AAC205265C000007");
    const LIMITS: Limits = Limits {
        records: 10,
        body_bytes: 128_000,
    };

    fn sent(message: Message, fields: &[(&str, &str)]) -> Record {
        let mut ext = Vec::new();
        for (name, value) in fields {
            binary::write_entry(&mut ext, name, value.as_bytes());
        }
        Record::Sent(Sent {
            topic: "T".into(),
            message: Arc::new(message),
            message_id: ID,
            store_host: "h:1".into(),
            begun_ms: 5,
            cost_ms: 2,
            status: SendStatus::SendOk,
            receipt: Receipt::keep(&ExtFields::Binary(&ext)),
        })
    }

    fn messages(records: &[Record], limits: Limits) -> Vec<TraceMessage> {
        let mut messages = Messages::new("g", limits);
        records.iter().for_each(|record| messages.add(record));
        messages.end().collect()
    }

    /// R187.
    #[test]
    fn the_broker_says_region_and_whether_it_wants_traces() {
        let of = |fields| messages(&[sent(Message::new("hi"), fields)], LIMITS);
        assert_eq!(of(&[("TRACE_ON", "false")]), []);
        let here = of(&[("MSG_REGION", "eu"), ("msgId", "OFFSET")]);
        let expected = format!("Pub 5 eu g T {ID} null null h:1 2 2 0 OFFSET true\u{2}");
        assert_eq!(here[0].body.replace('\u{1}', " "), expected);
        assert_eq!((&*here[0].keys, here[0].records), (ID.as_str(), 1));
        assert!(of(&[("TRACE_ON", "true")])[0].body.contains(DEFAULT_REGION));
    }

    #[test]
    fn a_batch_leaves_a_record_of_each_message() {
        let of = |keys: &[&str], tags: &str| {
            let message = Message::new(tags.repeat(3)).with_tags(tags).unwrap();
            message.with_keys(keys).unwrap()
        };
        let batch = [of(&["k1", "both"], "A"), of(&["both"], "BB")];
        let record = sent(Message::batch(&batch).unwrap(), &[("msgId", "O1,O2")]);
        assert_eq!(record.records(), 2);
        let messages = messages(&[record], LIMITS);
        let second = ID.nth(1);
        let body = messages[0].body.replace('\u{1}', " ");
        assert!(
            body.contains(&format!("T {ID} A k1 both h:1 3 2 0 O1 true\u{2}")),
            "{body}"
        );
        assert!(
            body.contains(&format!("T {second} BB both h:1 6 2 0 O2 true\u{2}")),
            "{body}"
        );
        assert_eq!(messages[0].keys, format!("{ID} k1 both {second}"));
        assert_eq!(messages.len(), 1);
    }

    #[test]
    fn an_end_is_written_with_its_keys() {
        let end = Ended {
            keys: Some("a  b".to_owned()),
            resolution: Resolution::Rollback,
            ..Ended::default()
        };
        let messages = messages(&[Record::Ended(Box::new(end))], LIMITS);
        assert_eq!(messages[0].keys, "ID a b");
        assert!(messages[0].body.contains("ROLLBACK_MESSAGE"));
    }

    proptest! {
        /// R186, C4.4: every record is in one message, within its limits, and found by its id.
        #[test]
        fn records_are_put_into_messages_within_limits(
            keys in prop::collection::vec(prop::collection::vec("[a-z]{1,900}", 0..60), 0..40),
            records in 1usize..=20,
        ) {
            let end = |(number, keys): (usize, &Vec<String>)| {
                Record::Ended(Box::new(Ended {
                    message_id: format!("ID{number}"), keys: Some(keys.join(" ")), ..Ended::default()
                }))
            };
            let given: Vec<Record> = keys.iter().enumerate().map(end).collect();
            let limits = Limits { records, body_bytes: 60_000 };
            let made = messages(&given, limits);
            let mut number = 0;
            for message in &made {
                prop_assert!(message.records > 0 && message.records <= records as u64);
                prop_assert!(message.body.len() <= 60_000 || message.records == 1);
                prop_assert!(message.keys.len() <= MOST_KEY_BYTES);
                prop_assert_eq!(message.body.matches('\u{2}').count() as u64, message.records);
                for _ in 0..message.records {
                    let id = format!("ID{number}");
                    prop_assert!(message.keys.split(' ').any(|key| key == id));
                    number += 1;
                }
            }
            prop_assert_eq!(number, given.len());
        }
    }
}
