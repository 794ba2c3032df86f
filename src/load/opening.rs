//! When the window begins: known beforehand, or agreed on while the run warms up.
//!
//! Whoever watches the seconds of a warm-up asks for the window; all shards must then switch at one intended
//! time, or messages would be planned in one account and answered in another. So the run is cut in seconds: before
//! a shard begins a message of a second, it either takes part in making that second one of the warm-up, or
//! learns that the window has begun with one. The window can be asked to begin only with a second that no shard has
//! entered. Both are steps on one atomic number, once per second and shard, so no thread can be too late to hear
//! of it, however long it slept.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::load::shard::Window;
use crate::transport::Nanos;

const SECOND: Duration = Duration::from_secs(1);

/// The agreement of one run.
#[derive(Debug)]
pub struct Opening {
    started: Nanos,
    duration: Option<Duration>,
    /// The window begins with this second at the latest.
    cap: u64,
    /// The last second entered, or with [`DECIDED`] the first of the window.
    state: AtomicU64,
    /// Number of the first message that a planned count leaves out, when the window begins at the cap.
    end_at_cap: u64,
    /// The same when it begins as asked.
    end_as_asked: AtomicU64,
}

/// The lowest bit; seconds are above it.
const DECIDED: u64 = 1;

/// A window that has been agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened {
    /// The window.
    pub window: Window,
    /// Number of the first message that a planned count leaves out.
    pub end_number: u64,
}

impl Opening {
    /// A window that begins `cap` whole seconds after the start at the latest.
    #[must_use]
    pub fn new(started: Nanos, cap: Duration, duration: Option<Duration>, end_at_cap: u64) -> Self {
        Self {
            started,
            duration,
            cap: cap.as_secs(),
            state: AtomicU64::new(0),
            end_at_cap,
            end_as_asked: AtomicU64::new(end_at_cap),
        }
    }

    /// The window as it will be if nobody asks.
    #[must_use]
    pub fn at_cap(&self) -> Window {
        self.window_from(self.cap)
    }

    /// The window as far as it is known: the one agreed on, or the latest.
    #[must_use]
    pub fn window(&self) -> Window {
        match self.state.load(Ordering::Acquire) {
            state if state & DECIDED == DECIDED => self.window_from(state >> 1),
            _ => self.at_cap(),
        }
    }

    /// A shard is about to begin messages that are due up to `now`. The window, if it has begun or its begin is
    /// known, else when to ask again.
    ///
    /// # Errors
    /// The begin of the next second, while this is one of the warm-up.
    pub fn enter(&self, now: Nanos) -> Result<Opened, Nanos> {
        let second = now.since(self.started) / 1_000_000_000;
        let mut state = self.state.load(Ordering::Acquire);
        while state & DECIDED == 0 {
            let next = match second {
                second if second >= self.cap => self.cap << 1 | DECIDED,
                second => state.max(second << 1),
            };
            match self.step(state, next) {
                Ok(()) if next & DECIDED == 0 => return Err(self.begin_of(second + 1)),
                Ok(()) => state = next,
                Err(now) => state = now,
            }
        }
        Ok(self.opened(state >> 1))
    }

    /// Asks for the window to begin `second` whole seconds after the start; `end_number` is that of the first
    /// message a planned count then leaves out. Only one thread asks.
    pub fn ask(&self, second: u64, end_number: u64) -> bool {
        // Nobody reads it before the step below has been made.
        self.end_as_asked.store(end_number, Ordering::Relaxed);
        let mut state = self.state.load(Ordering::Acquire);
        while state & DECIDED == 0 && state >> 1 < second && second < self.cap {
            match self.step(state, second << 1 | DECIDED) {
                Ok(()) => return true,
                Err(now) => state = now,
            }
        }
        false
    }

    /// When a second begins.
    #[must_use]
    pub fn begin_of(&self, second: u64) -> Nanos {
        let seconds = SECOND.saturating_mul(u32::try_from(second).unwrap_or(u32::MAX));
        self.started.plus(seconds)
    }

    /// Whole seconds from the start to a moment.
    #[must_use]
    pub fn seconds_to(&self, moment: Nanos) -> u64 {
        moment.since(self.started) / 1_000_000_000
    }

    fn step(&self, from: u64, to: u64) -> Result<(), u64> {
        let (made, seen) = (Ordering::AcqRel, Ordering::Acquire);
        self.state
            .compare_exchange(from, to, made, seen)
            .map(|_| ())
    }

    fn opened(&self, second: u64) -> Opened {
        let end_number = match second {
            cap if cap == self.cap => self.end_at_cap,
            _ => self.end_as_asked.load(Ordering::Acquire),
        };
        Opened {
            window: self.window_from(second),
            end_number,
        }
    }

    fn window_from(&self, second: u64) -> Window {
        let from = self.begin_of(second);
        Window {
            from,
            until: self.duration.map_or(Nanos::NEVER, |time| from.plus(time)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    const START: Nanos = Nanos(7_000_000_000);

    fn opening(cap: u64) -> Opening {
        Opening::new(START, Duration::from_secs(cap), Some(2 * SECOND), 900)
    }

    fn at(ms: u64) -> Nanos {
        START.plus(Duration::from_millis(ms))
    }

    #[test]
    fn a_window_begins_with_a_second_that_nobody_has_entered() {
        let opening = opening(60);
        assert_eq!(opening.enter(at(0)), Err(at(1_000)));
        assert_eq!(opening.enter(at(3_400)), Err(at(4_000)));
        // A shard behind the others.
        assert_eq!(opening.enter(at(2_999)), Err(at(3_000)));
        assert!(!opening.ask(3, 70), "it has been entered");
        assert_eq!(opening.window(), opening.at_cap());
        assert!(opening.ask(4, 70));
        assert!(!opening.ask(5, 80), "once only");
        let opened = opening.enter(at(3_500)).unwrap();
        assert_eq!(
            (opened.window.from, opened.window.until),
            (at(4_000), at(6_000))
        );
        assert_eq!(opened.window, opening.window());
        // A late shard hears of the same.
        assert_eq!(
            opening.enter(at(9_000)),
            Ok(Opened {
                end_number: opened.end_number,
                ..opened
            })
        );
    }

    #[test]
    fn nobody_asked_until_the_cap() {
        let opening = opening(3);
        assert_eq!(opening.enter(at(2_999)), Err(at(3_000)));
        assert!(!opening.ask(3, 70), "it begins then by itself");
        let opened = opening.enter(at(3_200)).unwrap();
        assert_eq!((opened.window.from, opened.end_number), (at(3_000), 900));
        assert!(!opening.ask(4, 70));
    }

    /// Threads enter seconds as fast as they can while another asks for a window: all see the same, and none
    /// has entered a second of it before.
    #[test]
    fn all_agree_whoever_comes_first() {
        for round in 0..200 {
            let opening = Arc::new(opening(1_000));
            let shard = |opening: Arc<Opening>| {
                move || {
                    for ms in (0..).step_by(250) {
                        match opening.enter(at(ms)) {
                            Err(next) => assert!(next > at(ms)),
                            Ok(opened) => {
                                let before = ms.checked_sub(250).map(at);
                                assert!(
                                    before.is_none_or(|before| { before < opened.window.from })
                                );
                                return opened;
                            }
                        }
                    }
                    unreachable!("the cap comes")
                }
            };
            let shards: Vec<_> = (0..3)
                .map(|_| std::thread::spawn(shard(Arc::clone(&opening))))
                .collect();
            let asked = (round % 7..1_000).find(|second| opening.ask(*second, *second));
            let opened: Vec<Opened> = shards
                .into_iter()
                .map(|shard| shard.join().unwrap())
                .collect();
            assert!(
                opened.windows(2).all(|pair| pair[0] == pair[1]),
                "{opened:?}"
            );
            if let Some(second) = asked {
                assert_eq!(opened[0].end_number, second);
            }
        }
    }
}
