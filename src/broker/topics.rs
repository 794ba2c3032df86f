//! The topics of one broker.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::protocol::route::permission;

/// Longest topic name a broker takes, in bytes.
pub(super) const MAX_NAME_BYTES: usize = 127;
/// The template of topics that are created automatically.
pub(super) const DEFAULT_TOPIC: &str = "TBW102";
/// Exists on every broker from the start, meant for load tests.
pub(super) const BENCHMARK_TOPIC: &str = "BenchmarkTest";

/// One topic: its permission and how many messages each queue has.
#[derive(Debug)]
pub(super) struct Topic {
    pub(super) name: String,
    permission: AtomicI32,
    /// Whether somebody pulls its messages.
    read: AtomicBool,
    /// Next offset of each queue. Written by the broker's thread only, read by any.
    queues: Box<[AtomicU64]>,
}

impl Topic {
    fn new(name: &str, queues: u32, permission: i32) -> Self {
        Self {
            name: name.to_owned(),
            permission: AtomicI32::new(permission),
            read: AtomicBool::new(false),
            queues: (0..queues).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    #[inline]
    pub(super) fn permission(&self) -> i32 {
        self.permission.load(Ordering::Relaxed)
    }

    /// Queues to read and to write; RocketMQ lets them differ, nothing here needs that.
    #[inline]
    pub(super) fn queue_count(&self) -> u32 {
        u32::try_from(self.queues.len()).unwrap_or(u32::MAX)
    }

    /// Appends so many messages and returns the queue offset of the first; `None` if there is no such
    /// queue. Call from the broker's thread only.
    #[inline]
    pub(super) fn append(&self, queue: usize, messages: u64) -> Option<u64> {
        let next = self.queues.get(queue)?;
        let offset = next.load(Ordering::Relaxed);
        next.store(offset + messages, Ordering::Relaxed);
        Some(offset)
    }

    /// From now on somebody pulls its messages.
    pub(super) fn begin_reading(&self) {
        self.read.store(true, Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn is_read(&self) -> bool {
        self.read.load(Ordering::Relaxed)
    }

    /// Messages of a queue, if there is such a one.
    pub(super) fn length(&self, queue: usize) -> Option<u64> {
        Some(self.queues.get(queue)?.load(Ordering::Relaxed))
    }

    /// Messages per queue.
    pub(super) fn lengths(&self) -> Vec<u64> {
        self.queues
            .iter()
            .map(|next| next.load(Ordering::Relaxed))
            .collect()
    }
}

/// All topics of a broker. Changed by the broker's thread, read by the name server and by whoever
/// asks for counts; a connection looks here only when its own cache misses.
#[derive(Debug, Default)]
pub(super) struct TopicTable {
    topics: Mutex<BTreeMap<String, Arc<Topic>>>,
    /// Topics the broker has deleted, as name servers still know them.
    routed: Mutex<BTreeMap<String, Arc<Topic>>>,
    /// Topics that were pulled before they were made.
    expected: Mutex<BTreeSet<String>>,
    /// Changes whenever a cached topic may be outdated.
    generation: AtomicU64,
}

impl TopicTable {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Topic>>> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn routed(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Topic>>> {
        self.routed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn expected(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.expected.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has a topic read from its first message on, once it is made.
    pub(super) fn expect(&self, name: &str) {
        if is_legal_name(name) {
            self.expected().insert(name.to_owned());
        }
    }

    #[inline]
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Relaxed)
    }

    pub(super) fn get(&self, name: &str) -> Option<Arc<Topic>> {
        self.lock().get(name).map(Arc::clone)
    }

    pub(super) fn all(&self) -> Vec<Arc<Topic>> {
        self.lock().values().map(Arc::clone).collect()
    }

    /// Creates a topic or changes an existing one; the queues that remain keep their messages.
    pub(super) fn create(&self, name: &str, queues: u32, permission: i32) -> Arc<Topic> {
        let topic = Topic::new(name, queues, permission);
        let mut topics = self.lock();
        if let Some(old) = topics.get(name) {
            for (new, old) in topic.queues.iter().zip(&old.queues) {
                new.store(old.load(Ordering::Relaxed), Ordering::Relaxed);
            }
            topic.read.store(old.is_read(), Ordering::Relaxed);
        }
        if self.expected().remove(name) {
            topic.begin_reading();
        }
        let topic = Arc::new(topic);
        topics.insert(name.to_owned(), Arc::clone(&topic));
        self.routed().remove(name);
        self.generation.fetch_add(1, Ordering::Relaxed);
        topic
    }

    /// Forgets a topic and its messages, name servers' routes included.
    pub(super) fn delete(&self, name: &str) {
        self.delete_in_broker(name);
        self.delete_in_namesrv(name);
    }

    /// Forgets a topic and its messages. Name servers keep its route: brokers tell them what they have, not what they
    /// have no more.
    pub(super) fn delete_in_broker(&self, name: &str) {
        if let Some((name, topic)) = self.lock().remove_entry(name) {
            self.routed().insert(name, topic);
        }
        self.generation.fetch_add(1, Ordering::Relaxed);
    }

    /// Has name servers forget a topic; one that the broker has comes back at once.
    pub(super) fn delete_in_namesrv(&self, name: &str) {
        self.routed().remove(name);
    }

    /// A topic as name servers know it.
    pub(super) fn route(&self, name: &str) -> Option<Arc<Topic>> {
        self.get(name)
            .or_else(|| self.routed().get(name).map(Arc::clone))
    }

    pub(super) fn set_permission(&self, name: &str, permission: i32) {
        if let Some(topic) = self.lock().get(name) {
            topic.permission.store(permission, Ordering::Relaxed);
        }
    }

    /// R105: an unknown topic is made after `template`, if that may be inherited from.
    pub(super) fn create_after(
        &self,
        name: &str,
        template: &str,
        queues: i32,
    ) -> Option<Arc<Topic>> {
        let template = self.get(template)?;
        if template.permission() & permission::INHERIT == 0 {
            return None;
        }
        let queues = u32::try_from(queues).unwrap_or(0);
        let queues = queues.min(template.queue_count());
        Some(self.create(name, queues, template.permission() & !permission::INHERIT))
    }
}

/// Whether a topic may bear this name.
pub(super) fn is_legal_name(name: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"%|_-".contains(&byte);
    !name.is_empty() && name.len() <= MAX_NAME_BYTES && name.bytes().all(legal)
}

/// Topics clients may never send to, existing or not.
const FORBIDDEN: [&str; 6] = [
    "SCHEDULE_TOPIC_XXXX",
    "RMQ_SYS_TRANS_HALF_TOPIC",
    "RMQ_SYS_TRANS_OP_HALF_TOPIC",
    "TRANS_CHECK_MAX_TIME_TOPIC",
    "SELF_TEST_TOPIC",
    "OFFSET_MOVED_EVENT",
];

/// Whether clients may never send to this topic, existing or not.
pub(super) fn is_forbidden(name: &str) -> bool {
    FORBIDDEN.contains(&name)
}

/// Whether this topic is the broker's own, which nobody may delete.
pub(super) fn is_system(name: &str) -> bool {
    let own = [
        DEFAULT_TOPIC,
        BENCHMARK_TOPIC,
        "RMQ_SYS_TRACE_TOPIC",
        "CHECKPOINT_TOPIC",
    ];
    is_forbidden(name) || own.contains(&name) || name.starts_with("rmq_sys_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queue_offsets_are_consecutive_and_survive_a_change_of_the_topic() {
        let table = TopicTable::default();
        let before = table.generation();
        let topic = table.create("T", 2, 6);
        assert_ne!(table.generation(), before);
        assert_eq!(
            [0, 0, 1].map(|queue| topic.append(queue, 1)),
            [0, 1, 0].map(Some)
        );
        assert_eq!(topic.append(2, 1), None);
        let wider = table.create("T", 3, 4);
        assert_eq!(wider.lengths(), [2, 1, 0]);
        assert_eq!(wider.permission(), 4);
        table.delete("T");
        assert!(table.get("T").is_none() && table.route("T").is_none());
    }

    #[test]
    fn name_servers_know_a_deleted_topic_until_they_are_told() {
        let table = TopicTable::default();
        table.create("T", 2, 6);
        table.delete_in_namesrv("T");
        assert!(table.route("T").is_some(), "the broker has it");
        table.delete_in_broker("T");
        assert!(table.get("T").is_none());
        assert_eq!(table.route("T").unwrap().queue_count(), 2);
        table.delete_in_namesrv("T");
        assert!(table.route("T").is_none());
        table.create("T", 3, 6);
        table.delete_in_broker("T");
        table.create("T", 4, 6);
        table.delete_in_namesrv("T");
        assert_eq!(table.route("T").unwrap().queue_count(), 4);
    }

    #[test]
    fn a_topic_is_made_after_its_template_only_if_that_may_be_inherited() {
        let table = TopicTable::default();
        table.create("template", 8, 7);
        let made = table.create_after("A", "template", 4).unwrap();
        assert_eq!((made.queue_count(), made.permission()), (4, 6));
        let made = table.create_after("B", "template", 99).unwrap();
        assert_eq!(made.queue_count(), 8);
        assert!(table.create_after("C", "A", 4).is_none());
        assert!(table.create_after("C", "nothing", 4).is_none());
        assert!(table.get("C").is_none());
    }

    #[test]
    fn names_are_checked_as_java_does() {
        assert!(["T", "%RETRY%g", "a|b_c-9"].into_iter().all(is_legal_name));
        let long = "x".repeat(MAX_NAME_BYTES + 1);
        assert!(
            !["", "a b", "ü", "a.b", &long]
                .into_iter()
                .any(is_legal_name)
        );
    }
}
