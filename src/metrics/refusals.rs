//! Refusals for want of room or time, by what the brokers said.

use crate::protocol::{FlowClass, FlowControl};

/// Attempts refused for one reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Refused {
    /// How many.
    pub attempts: u64,
    /// Those of them whose refusal told how long they had waited.
    pub timed: u64,
    /// Sum of those times, in milliseconds.
    pub queued_ms: u64,
    /// The longest of them, in milliseconds.
    pub longest_ms: u64,
    /// Most requests in the broker's queue that a refusal told; `None` if none did.
    pub largest_queue: Option<u64>,
}

impl Refused {
    fn of(flow: &FlowControl, attempts: u64) -> Self {
        let queued_ms = flow.queued_ms.unwrap_or(0);
        Self {
            attempts,
            timed: flow.queued_ms.map_or(0, |_| attempts),
            queued_ms: queued_ms.saturating_mul(attempts),
            longest_ms: queued_ms,
            largest_queue: flow.queue_size,
        }
    }

    fn add(&mut self, other: &Self) {
        self.attempts += other.attempts;
        self.timed += other.timed;
        self.queued_ms = self.queued_ms.saturating_add(other.queued_ms);
        self.longest_ms = self.longest_ms.max(other.longest_ms);
        self.largest_queue = self.largest_queue.max(other.largest_queue);
    }
}

/// Refusals by their reason; at most one entry for each of [`FlowClass`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Refusals(Vec<(FlowClass, Refused)>);

impl Refusals {
    /// So many attempts got this refusal.
    pub fn note(&mut self, flow: &FlowControl, attempts: u64) {
        self.entry(flow.class).add(&Refused::of(flow, attempts));
    }

    /// Adds all of another.
    pub fn merge(&mut self, other: &Self) {
        for (class, refused) in &other.0 {
            self.entry(*class).add(refused);
        }
    }

    fn entry(&mut self, class: FlowClass) -> &mut Refused {
        // Kept in order: two that saw the same are equal whatever came first.
        let at = match self.0.binary_search_by_key(&class, |(known, _)| *known) {
            Ok(at) => at,
            Err(at) => {
                self.0.insert(at, (class, Refused::default()));
                at
            }
        };
        &mut self.0[at].1
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Each reason that came.
    pub fn iter(&self) -> impl Iterator<Item = (FlowClass, Refused)> + '_ {
        self.0.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(class: FlowClass, queued_ms: Option<u64>, queue_size: Option<u64>) -> FlowControl {
        FlowControl {
            class,
            queued_ms,
            queue_size,
        }
    }

    #[test]
    fn refusals_add_up_by_reason_in_any_order() {
        let waited = |ms, size| flow(FlowClass::TimeoutCleanQueue, Some(ms), Some(size));
        let door = flow(FlowClass::RejectRequest, None, None);
        let (mut one, mut two) = (Refusals::default(), Refusals::default());
        one.note(&waited(200, 10), 2);
        two.note(&door, 1);
        two.note(&waited(300, 7), 1);
        let (mut left, mut right) = (one.clone(), two.clone());
        left.merge(&two);
        right.merge(&one);
        assert_eq!(left, right);
        let waited = Refused {
            attempts: 3,
            timed: 3,
            queued_ms: 700,
            longest_ms: 300,
            largest_queue: Some(10),
        };
        let at_the_door = Refused {
            attempts: 1,
            ..Refused::default()
        };
        let expected = [
            (FlowClass::TimeoutCleanQueue, waited),
            (FlowClass::RejectRequest, at_the_door),
        ];
        assert_eq!(left.iter().collect::<Vec<_>>(), expected);
    }
}
