//! Records of a message trace (R188), written as Java's `TraceDataEncoder` does: fields between U+0001, each
//! record ended by U+0002.
//!
//! Java writes whatever a field holds, and one with a separator in it makes its neighbours unreadable; here
//! such a character is written as U+FFFD.

use std::fmt::Write;

use crate::protocol::transaction::Resolution;

/// Ends a field, except the last of a record.
pub const FIELD_END: char = '\u{1}';
/// Ends a record.
pub const RECORD_END: char = '\u{2}';
/// Region of brokers that name none (R171).
pub const DEFAULT_REGION: &str = "DefaultRegion";

/// What a message is, as traces tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageKind {
    /// None of the others.
    Normal = 0,
    /// Half message of a transaction.
    Half = 1,
    /// Of a transaction that is ended, however it ends.
    Commit = 2,
    /// Delivered later, by a delay level.
    Delay = 3,
    /// Ordered; consumers alone say so.
    Order = 4,
}

/// A message that was sent and answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendRecord<'a> {
    /// When the attempt began, in ms since 1970.
    pub begun_ms: u64,
    /// Region of the broker.
    pub region: &'a str,
    /// Producer group.
    pub group: &'a str,
    /// Topic.
    pub topic: &'a str,
    /// UNIQ_KEY.
    pub message_id: &'a str,
    /// Tag.
    pub tags: Option<&'a str>,
    /// Keys, separated by spaces.
    pub keys: Option<&'a str>,
    /// Address of the broker, `host:port`.
    pub store_host: &'a str,
    /// Bytes of the body as it was sent.
    pub body_bytes: usize,
    /// From the begin of the attempt to its answer, in ms.
    pub cost_ms: u64,
    /// What it is.
    pub kind: MessageKind,
    /// The broker's own id of it.
    pub offset_message_id: &'a str,
    /// Whether it was stored, flushed and replicated as configured.
    pub success: bool,
}

/// A transaction that a broker was told the end of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndRecord<'a> {
    /// When, in ms since 1970.
    pub at_ms: u64,
    /// Region of the broker.
    pub region: &'a str,
    /// Producer group.
    pub group: &'a str,
    /// Topic.
    pub topic: &'a str,
    /// UNIQ_KEY of the half message.
    pub message_id: &'a str,
    /// Tag.
    pub tags: Option<&'a str>,
    /// Keys, separated by spaces.
    pub keys: Option<&'a str>,
    /// Address of the broker, `host:port`.
    pub store_host: &'a str,
    /// The broker's id of the transaction.
    pub transaction_id: &'a str,
    /// What becomes of the message.
    pub resolution: Resolution,
    /// Whether the broker had asked.
    pub from_check: bool,
}

impl SendRecord<'_> {
    /// Appends the record.
    pub fn write(&self, out: &mut String) {
        let mut fields = Fields::begin(out, "Pub");
        fields.number(self.begun_ms);
        fields.texts([self.region, self.group, self.topic, self.message_id]);
        fields.texts([or_null(self.tags), or_null(self.keys), self.store_host]);
        // Java reads both as 32 bits.
        fields.number((self.body_bytes as u64).min(INT_MAX));
        fields.number(self.cost_ms.min(INT_MAX));
        fields.number(self.kind as u64);
        fields.texts([self.offset_message_id, bool_name(self.success)]);
        fields.end();
    }
}

impl EndRecord<'_> {
    /// Appends the record.
    pub fn write(&self, out: &mut String) {
        let state = match self.resolution {
            Resolution::Commit => "COMMIT_MESSAGE",
            Resolution::Rollback => "ROLLBACK_MESSAGE",
            Resolution::Unknown => "UNKNOW",
        };
        let mut fields = Fields::begin(out, "EndTransaction");
        fields.number(self.at_ms);
        fields.texts([self.region, self.group, self.topic, self.message_id]);
        fields.texts([or_null(self.tags), or_null(self.keys), self.store_host]);
        fields.number(MessageKind::Commit as u64);
        fields.texts([self.transaction_id, state, bool_name(self.from_check)]);
        fields.end();
    }
}

/// By what a record is to be found: the id of its message and the message's keys.
pub fn keys<'a>(message_id: &'a str, keys: Option<&'a str>) -> impl Iterator<Item = &'a str> {
    let keys = keys.unwrap_or_default().split(' ');
    std::iter::once(message_id).chain(keys.filter(|key| !key.is_empty()))
}

const INT_MAX: u64 = i32::MAX as u64;

/// As Java writes what is not there.
fn or_null(text: Option<&str>) -> &str {
    text.unwrap_or("null")
}

/// The last field of a record: Java's reader drops empty ones there.
fn bool_name(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

/// One record being written.
struct Fields<'a>(&'a mut String);

impl<'a> Fields<'a> {
    fn begin(out: &'a mut String, kind: &str) -> Self {
        out.push_str(kind);
        Self(out)
    }

    fn number(&mut self, value: u64) {
        // Writing to a string cannot fail.
        let _ = write!(self.0, "{FIELD_END}{value}");
    }

    fn texts<const N: usize>(&mut self, texts: [&str; N]) {
        for text in texts {
            self.0.push(FIELD_END);
            let safe = text.chars().map(|char| match char {
                FIELD_END | RECORD_END => char::REPLACEMENT_CHARACTER,
                other => other,
            });
            self.0.extend(safe);
        }
    }

    fn end(self) {
        self.0.push(RECORD_END);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The records of a trace, each with its fields, split as Java does.
    fn split(text: &str) -> Vec<Vec<&str>> {
        let records = text.split(RECORD_END).filter(|record| !record.is_empty());
        records
            .map(|record| record.split(FIELD_END).collect())
            .collect()
    }

    fn end<'a>(texts: &'a [String]) -> EndRecord<'a> {
        EndRecord {
            at_ms: 7,
            region: &texts[0],
            group: &texts[1],
            topic: &texts[2],
            message_id: &texts[3],
            tags: Some(&texts[4]),
            keys: None,
            store_host: &texts[5],
            transaction_id: &texts[6],
            resolution: Resolution::Unknown,
            from_check: true,
        }
    }

    #[test]
    fn numbers_java_reads_as_ints_are_ints() {
        let texts = vec![String::new(); 7];
        let of_end = end(&texts);
        let record = SendRecord {
            begun_ms: u64::MAX,
            region: of_end.region,
            group: "",
            topic: "",
            message_id: "",
            tags: None,
            keys: None,
            store_host: "",
            body_bytes: usize::MAX,
            cost_ms: u64::MAX,
            kind: MessageKind::Order,
            offset_message_id: "",
            success: false,
        };
        let mut text = String::new();
        record.write(&mut text);
        let records = split(&text);
        assert_eq!(records[0].len(), 14);
        assert_eq!(records[0][9..12], ["2147483647", "2147483647", "4"]);
        assert_eq!(records[0][6..8], ["null", "null"]);
    }

    proptest! {
        /// R188: whatever the fields hold, each record has its own.
        #[test]
        fn no_field_spoils_its_neighbours(
            texts in prop::collection::vec(".{0,9}|[\u{1}\u{2}a]{0,9}", 7), begun_ms: u64, body_bytes: usize, success: bool,
        ) {
            let clean = |text: &str| text.replace([FIELD_END, RECORD_END], "\u{fffd}");
            let end = end(&texts);
            let send = SendRecord {
                begun_ms, region: end.region, group: end.group, topic: end.topic, message_id: end.message_id,
                tags: end.tags, keys: end.keys, store_host: end.store_host, body_bytes, cost_ms: 3,
                kind: MessageKind::Half, offset_message_id: end.transaction_id, success,
            };
            let mut text = String::new();
            for _ in 0..2 {
                send.write(&mut text);
                end.write(&mut text);
            }
            let records = split(&text);
            prop_assert_eq!(records.len(), 4);
            let common: Vec<String> = texts.iter().map(|text| clean(text)).collect();
            for (record, fields) in records.iter().zip([14, 13].into_iter().cycle()) {
                prop_assert_eq!(record.len(), fields);
                for (field, at) in [(0, 2), (1, 3), (2, 4), (3, 5), (4, 6), (5, 8)] {
                    prop_assert_eq!(record[at], &common[field]);
                }
            }
            prop_assert_eq!(&records[0][10..], ["3", "1", &*common[6], bool_name(success)]);
            prop_assert_eq!(&records[1][9..], ["2", &*common[6], "UNKNOW", "true"]);
        }
    }
}
