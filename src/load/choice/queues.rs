//! Drawn queues: of how many depends on the route, which may change in a run.

use super::{Choice, Chooser, Purpose};

/// Draws the queues of messages.
#[derive(Debug, Clone)]
pub(in crate::load) struct Queues {
    choice: Choice,
    seed: u64,
    /// Among the queues there were last.
    chooser: Chooser,
}

impl Queues {
    /// `None` where the client takes them in turn.
    pub(in crate::load) fn new(choice: Choice, seed: u64) -> Option<Self> {
        choice.is_drawn().then(|| Self {
            choice,
            seed,
            chooser: Chooser::new(choice, 1, seed, Purpose::Queue),
        })
    }

    /// The queue of message `number`, of so many.
    #[inline]
    #[allow(clippy::cast_possible_truncation, reason = "below a usize")]
    pub(in crate::load) fn index(&mut self, number: u64, count: usize) -> usize {
        if self.chooser.count() != count as u64 {
            self.chooser = Chooser::new(self.choice, count as u64, self.seed, Purpose::Queue);
        }
        self.chooser.index(number) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queues_follow_the_route() {
        assert!(Queues::new(Choice::Turn, 1).is_none());
        let mut queues = Queues::new(Choice::Uniform, 1).unwrap();
        let before: Vec<usize> = (0..100).map(|number| queues.index(number, 8)).collect();
        assert!((0..8).all(|queue| before.contains(&queue)));
        assert!((0..100).all(|number| queues.index(number, 3) < 3));
        assert!((0..100).all(|number| queues.index(number, 8) == before[number as usize]));
    }
}
