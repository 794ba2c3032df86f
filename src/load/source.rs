//! Where a shard's messages come from: a schedule (open loop) or room in flight (closed loop).

use crate::load::schedule::Schedule;
use crate::load::shard::Window;
use crate::transport::Nanos;

/// A message that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// When it was planned for.
    pub intended: Nanos,
    /// Its number in the schedule; in a closed loop the shard counts its own, so that together they have each
    /// number once.
    pub number: u64,
}

/// See the module.
#[derive(Debug, Clone)]
pub enum Source {
    /// Messages are due at planned times.
    Open {
        /// The plan, relative to `start`.
        schedule: Schedule,
        /// When the schedule begins.
        start: Nanos,
        /// Number of the first message beyond the planned count.
        end_number: u64,
    },
    /// A message is due whenever there is room; its intended time is the moment it is begun.
    Closed {
        /// Measured messages left to begin; `None` without a count.
        left: Option<u64>,
        /// The moment [`Source::due`] was last asked at.
        asked: Nanos,
        /// Number of the next message.
        number: u64,
        /// From one number to the next: how many shards there are.
        step: u64,
    },
}

impl Source {
    /// The next message, if it is due at `now`.
    #[inline]
    pub fn due(&mut self, now: Nanos, window: Window) -> Option<Due> {
        match self {
            Self::Open { schedule, .. } => {
                let number = schedule.number();
                let intended = self.next_due(window)?;
                (intended <= now).then_some(Due { intended, number })
            }
            Self::Closed {
                left,
                asked,
                number,
                ..
            } => {
                *asked = now;
                let more = now < window.until && *left != Some(0);
                let (intended, number) = (now, *number);
                more.then_some(Due { intended, number })
            }
        }
    }

    /// When the next message is due; `None` when there is none, or nothing is planned ahead.
    #[inline]
    #[must_use]
    pub fn next_due(&self, window: Window) -> Option<Nanos> {
        match self {
            Self::Open {
                schedule,
                start,
                end_number,
            } => {
                let intended = Nanos(start.0.saturating_add(schedule.next_ns()));
                (intended < window.until && schedule.number() < *end_number).then_some(intended)
            }
            Self::Closed { left, asked, .. } => {
                (*left != Some(0) && *asked < window.until).then_some(*asked)
            }
        }
    }

    /// Goes on to the message after the one that was due.
    #[inline]
    pub fn advance(&mut self, window: Window) {
        match self {
            Self::Open { schedule, .. } => schedule.advance(),
            Self::Closed {
                left,
                asked,
                number,
                step,
            } => {
                *number += *step;
                // Only measured messages count.
                if let Some(left) = left.as_mut().filter(|_| *asked >= window.from) {
                    *left = left.saturating_sub(1);
                }
            }
        }
    }

    /// Once a planned count has been taken to the last message: when sending is over. In an open loop
    /// that message has its time too, until the next one would be due.
    #[must_use]
    pub fn ends_at(&self) -> Option<Nanos> {
        match self {
            Self::Open {
                schedule,
                start,
                end_number,
            } => (schedule.number() >= *end_number)
                .then(|| Nanos(start.0.saturating_add(schedule.next_ns()))),
            Self::Closed { left, asked, .. } => (*left == Some(0)).then_some(*asked),
        }
    }

    /// Leaves out messages from this number on instead, in an open loop.
    pub fn end_with(&mut self, number: u64) {
        if let Self::Open { end_number, .. } = self {
            *end_number = number;
        }
    }

    /// Whether answers decide when the next message goes out.
    #[inline]
    #[must_use]
    pub fn is_closed_loop(&self) -> bool {
        matches!(self, Self::Closed { .. })
    }

    /// Measured messages planned and not taken; consumes them.
    pub fn rest(&mut self, window: Window) -> u64 {
        let mut rest = 0;
        if !self.is_closed_loop() {
            while let Some(intended) = self.next_due(window) {
                rest += u64::from(window.contains(intended));
                self.advance(window);
            }
        }
        rest
    }
}
