//! Messages a broker keeps where it is told to, so that they can be viewed, queried and found by time. Their
//! bytes are bounded: the oldest give way, as those of a real broker do.

use std::cell::RefCell;
use std::collections::VecDeque;

use crate::protocol::admin::QueryMessage;
use crate::protocol::properties;
use crate::protocol::stored::StoredMessage;

/// Most bytes of records in one answer, below the largest frame.
const MOST_ANSWER_BYTES: usize = 8 * 1024 * 1024;

/// See the module.
#[derive(Debug)]
pub(super) struct Kept {
    most_bytes: usize,
    log: RefCell<Log>,
}

#[derive(Debug, Default)]
struct Log {
    /// In the order of the commit log.
    records: VecDeque<Vec<u8>>,
    bytes: usize,
    updated_ms: i64,
}

impl Log {
    /// Newest last. What was written can be read.
    fn messages(&self) -> impl DoubleEndedIterator<Item = (StoredMessage<'_>, &[u8])> {
        self.records.iter().filter_map(|record| {
            let (message, _) = StoredMessage::parse(record).ok()?;
            Some((message, record.as_slice()))
        })
    }

    fn of_queue<'a>(
        &'a self,
        topic: &'a str,
        queue_id: u32,
    ) -> impl Iterator<Item = StoredMessage<'a>> {
        let messages = self.messages().map(|(message, _)| message);
        messages.filter(move |message| {
            message.topic == topic && u32::try_from(message.queue_id) == Ok(queue_id)
        })
    }
}

impl Kept {
    /// Keeps so many bytes of records.
    pub(super) fn new(most_bytes: usize) -> Self {
        Self {
            most_bytes,
            log: RefCell::default(),
        }
    }

    /// Keeps a message, and lets go of the oldest ones if need be.
    #[cold]
    pub(super) fn keep(&self, record: &[u8]) {
        let Ok((message, _)) = StoredMessage::parse(record) else {
            return;
        };
        let log = &mut *self.log.borrow_mut();
        log.bytes += record.len();
        log.updated_ms = message.stored_ms;
        log.records.push_back(record.to_vec());
        while log.bytes > self.most_bytes {
            let Some(oldest) = log.records.pop_front() else {
                break;
            };
            log.bytes -= oldest.len();
        }
    }

    /// The record that begins at this offset of the commit log.
    pub(super) fn at(&self, commit_log_offset: u64) -> Option<Vec<u8>> {
        let log = self.log.borrow();
        let is_there = |message: &StoredMessage<'_>| {
            u64::try_from(message.commit_log_offset) == Ok(commit_log_offset)
        };
        let found = log.messages().find(|(message, _)| is_there(message));
        found.map(|(_, record)| record.to_vec())
    }

    /// Offset and time of the first message a queue still has.
    pub(super) fn first(&self, topic: &str, queue_id: u32) -> Option<(i64, i64)> {
        let log = self.log.borrow();
        let first = log.of_queue(topic, queue_id).next();
        first.map(|message| (message.queue_offset, message.stored_ms))
    }

    /// Offset of the first message of a queue that was stored at this moment or later.
    pub(super) fn offset_at(&self, topic: &str, queue_id: u32, moment_ms: i64) -> Option<i64> {
        let log = self.log.borrow();
        let mut messages = log.of_queue(topic, queue_id);
        let found = messages.find(|message| message.stored_ms >= moment_ms);
        found.map(|message| message.queue_offset)
    }

    /// The messages a query asks for, the newest first, and when the last message was kept.
    pub(super) fn query(&self, query: &QueryMessage<'_>) -> (Vec<u8>, i64) {
        let log = self.log.borrow();
        let wanted = |message: &StoredMessage<'_>| {
            let mut pairs = properties::parse(message.properties);
            message.topic == query.topic
                && (query.from_ms..=query.to_ms).contains(&message.stored_ms)
                && pairs.any(|(name, value)| match name {
                    properties::UNIQUE_ID_KEY => query.unique && value == query.key,
                    properties::KEYS => !query.unique && value.split(' ').any(|k| k == query.key),
                    _ => false,
                })
        };
        let mut found = Vec::new();
        let most = usize::try_from(query.most).unwrap_or(usize::MAX);
        let all = log
            .messages()
            .rev()
            .filter(|(message, _)| wanted(message))
            .take(most);
        for (_, record) in all {
            if found.len() + record.len() > MOST_ANSWER_BYTES {
                break;
            }
            found.extend_from_slice(record);
        }
        (found, log.updated_ms)
    }
}
