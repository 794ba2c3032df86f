//! How a run is asked to end before its time.

use std::sync::atomic::{AtomicU8, Ordering};

/// Raised by signals and by whoever runs a load; read by shards at every tick.
#[derive(Debug, Default)]
pub struct StopSignal(AtomicU8);

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
    /// Raises the level by one step; returns the level now.
    pub fn raise(&self) -> StopLevel {
        let before = self.0.fetch_add(1, Ordering::Relaxed);
        if before == 0 {
            StopLevel::Drain
        } else {
            StopLevel::Now
        }
    }

    /// The level.
    #[must_use]
    pub fn level(&self) -> StopLevel {
        match self.0.load(Ordering::Relaxed) {
            0 => StopLevel::None,
            1 => StopLevel::Drain,
            _ => StopLevel::Now,
        }
    }
}
