//! How a run is asked to end before its time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// Raised by signals and by whoever runs a load; read by shards at every tick.
#[derive(Debug, Default)]
pub struct StopSignal {
    raised: AtomicU8,
    above: Option<Arc<Self>>,
}

/// How far a stop goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StopLevel {
    /// Run on.
    None,
    /// Stop sending, wait for the answers.
    Drain,
    /// Report at once.
    Now,
}

impl StopSignal {
    /// One of a part of the work: raised by itself, or with the whole.
    #[must_use]
    pub fn below(above: &Arc<Self>) -> Self {
        Self {
            raised: AtomicU8::new(0),
            above: Some(Arc::clone(above)),
        }
    }

    /// Raises the level by one step; returns the level now.
    pub fn raise(&self) -> StopLevel {
        let before = self.raised.fetch_add(1, Ordering::Relaxed);
        if before == 0 {
            StopLevel::Drain
        } else {
            StopLevel::Now
        }
    }

    /// The level.
    #[must_use]
    pub fn level(&self) -> StopLevel {
        let own = match self.raised.load(Ordering::Relaxed) {
            0 => StopLevel::None,
            1 => StopLevel::Drain,
            _ => StopLevel::Now,
        };
        self.above
            .as_ref()
            .map_or(own, |above| own.max(above.level()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_stops_alone_or_with_the_whole() {
        let whole = Arc::new(StopSignal::default());
        let part = StopSignal::below(&whole);
        part.raise();
        assert_eq!(
            (part.level(), whole.level()),
            (StopLevel::Drain, StopLevel::None)
        );
        let other = StopSignal::below(&whole);
        whole.raise();
        whole.raise();
        assert_eq!(
            (part.level(), other.level()),
            (StopLevel::Now, StopLevel::Now)
        );
    }
}
