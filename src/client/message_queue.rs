//! A queue as users name it, and how one is selected for a key (R56, R57).

use std::sync::Arc;

/// One queue of a topic.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageQueue {
    /// Topic.
    pub topic: Arc<str>,
    /// Name of its broker.
    pub broker: Arc<str>,
    /// Its number at the broker.
    pub queue_id: u32,
}

/// Java's hash of a string, by which its clients select queues.
#[must_use]
pub fn java_hash(text: &str) -> i32 {
    text.encode_utf16().fold(0, |hash: i32, unit| {
        hash.wrapping_mul(31).wrapping_add(unit.into())
    })
}

/// Which of so many queues a hash selects, as Java's `SelectMessageQueueByHash` does; `None` of none.
#[inline]
#[must_use]
pub fn index_of(hash: i32, queues: usize) -> Option<usize> {
    let size = i64::try_from(queues).ok().filter(|size| *size > 0)?;
    usize::try_from((i64::from(hash) % size).abs()).ok()
}

/// The queue of a key among those of a topic, in the order a producer lists them: the same for all
/// messages with this key, and the one Java's clients select.
#[must_use]
pub fn by_hash<'a>(queues: &'a [MessageQueue], key: &str) -> Option<&'a MessageQueue> {
    queues.get(index_of(java_hash(key), queues.len())?)
}

/// Any of them.
#[must_use]
pub fn by_random(queues: &[MessageQueue]) -> Option<&MessageQueue> {
    let turn: u32 = rand::random();
    queues.get(turn as usize % queues.len().max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_go_where_java_sends_them() {
        for (key, hash, of_8, of_16) in [
            ("OrderID188", -1_566_895_736, Some(0), Some(8)),
            ("order-1", -1_207_111_310, Some(6), Some(14)),
            ("polygenelubricants", i32::MIN, Some(0), Some(0)),
        ] {
            assert_eq!(java_hash(key), hash, "{key}");
            assert_eq!(index_of(hash, 8), of_8, "{key}");
            assert_eq!(index_of(hash, 16), of_16, "{key}");
        }
        assert_eq!(index_of(5, 0), None);
    }

    #[test]
    fn a_queue_is_selected_only_where_there_is_one() {
        let queue = |queue_id| MessageQueue {
            topic: "T".into(),
            broker: "b".into(),
            queue_id,
        };
        let queues: Vec<_> = (0..8).map(queue).collect();
        assert_eq!(by_hash(&queues, "order-1"), queues.get(6));
        assert!(by_random(&queues).is_some());
        assert_eq!((by_hash(&[], "k"), by_random(&[])), (None, None));
    }
}
