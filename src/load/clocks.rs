//! Whether the machine's clocks went on together: the monotonic one, from which all times are taken, can be slewed by a
//! time service and does not count a sleep of the machine; the wall clock can be set.

use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_gettime};

/// Readings are taken again, for the pair that is closest together.
const READINGS: usize = 5;
/// Less than this is what lies between two readings.
const APART_NS: i128 = 1_000_000;

/// What the clocks did to each other between two moments, each as a share of the time between them: positive where the
/// first of the two clocks went faster. Zero for less than a millisecond.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ClockChanges {
    /// The monotonic clock against the hardware's own rate: it was slewed, and times are wrong by so much.
    pub slewed: f64,
    /// The wall clock against the monotonic one: it was set.
    pub set: f64,
    /// The clock that counts sleep against the one that does not: the machine slept.
    pub slept: f64,
}

/// All clocks at one moment, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Clocks {
    monotonic: i128,
    hardware: i128,
    wall: i128,
    boot: i128,
}

impl Clocks {
    /// `None` where the system has not all of them.
    pub(super) fn now() -> Option<Self> {
        let readings = (0..READINGS).filter_map(|_| Self::read());
        readings.min_by_key(|(apart, _)| *apart).map(|(_, at)| at)
    }

    fn read() -> Option<(i128, Self)> {
        let before = nanos(ClockId::CLOCK_MONOTONIC)?;
        let hardware = nanos(ClockId::CLOCK_MONOTONIC_RAW)?;
        let wall = nanos(ClockId::CLOCK_REALTIME)?;
        let boot = nanos(ClockId::CLOCK_BOOTTIME)?;
        let after = nanos(ClockId::CLOCK_MONOTONIC)?;
        let apart = after - before;
        let monotonic = before + apart / 2;
        let at = Self {
            monotonic,
            hardware,
            wall,
            boot,
        };
        Some((apart, at))
    }

    /// What changed since `earlier`; `None` over no time.
    #[allow(clippy::cast_precision_loss, reason = "shares")]
    pub(super) fn since(self, earlier: Self) -> Option<ClockChanges> {
        let span = self.monotonic - earlier.monotonic;
        if span <= 0 {
            return None;
        }
        let share = |one: fn(Self) -> i128, other: fn(Self) -> i128| {
            let gained = (one(self) - one(earlier)) - (other(self) - other(earlier));
            if gained.abs() < APART_NS {
                0.0
            } else {
                gained as f64 / span as f64
            }
        };
        let monotonic = |at: Self| at.monotonic;
        Some(ClockChanges {
            slewed: share(monotonic, |at| at.hardware),
            set: share(|at| at.wall, monotonic),
            slept: share(|at| at.boot, monotonic),
        })
    }
}

fn nanos(clock: ClockId) -> Option<i128> {
    let at: TimeSpec = clock_gettime(clock).ok()?;
    Some(i128::from(at.tv_sec()) * 1_000_000_000 + i128::from(at.tv_nsec()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: i128 = 1_000_000;

    fn at(monotonic: i128) -> Clocks {
        Clocks {
            monotonic,
            hardware: monotonic + 5,
            wall: monotonic + 1_700_000_000_000 * MS,
            boot: monotonic + 77 * MS,
        }
    }

    #[test]
    fn what_one_clock_gains_on_another_is_a_share_of_the_time() {
        let begin = at(0);
        let end = at(10_000 * MS);
        assert_eq!(end.since(begin), Some(ClockChanges::default()));
        assert_eq!(begin.since(begin), None);
        let slewed = Clocks {
            hardware: end.hardware - 100 * MS,
            ..end
        };
        let changes = slewed.since(begin).unwrap();
        assert_eq!(
            (changes.slewed, changes.set, changes.slept),
            (0.01, 0.0, 0.0)
        );
        let set_back = Clocks {
            wall: end.wall - 500 * MS,
            ..end
        };
        assert_eq!(set_back.since(begin).unwrap().set, -0.05);
        let slept = Clocks {
            boot: end.boot + 5_000 * MS,
            wall: end.wall + 5_000 * MS,
            ..end
        };
        let changes = slept.since(begin).unwrap();
        assert_eq!((changes.slept, changes.set), (0.5, 0.5));
    }

    #[test]
    fn clocks_of_a_machine_at_rest_agree() {
        let begin = Clocks::now().unwrap();
        let end = Clocks::now().unwrap();
        // Some readings may lie apart on a busy machine; they are not a day apart.
        assert!((end.monotonic - begin.monotonic) < 86_400_000 * MS);
        assert!(end.monotonic >= begin.monotonic && end.hardware >= begin.hardware);
    }

    proptest! {
        #[test]
        fn less_than_a_millisecond_is_nothing(span in 1_i128..1_000_000_000_000, gained in -999_999_i128..=999_999) {
            let end = Clocks { hardware: at(span).hardware + gained, ..at(span) };
            prop_assert_eq!(end.since(at(0)), Some(ClockChanges::default()));
        }
    }
}
