//! The kernel's receive stamps, on our clock.
//!
//! The kernel stamps segments with the wall clock (`SO_TIMESTAMPNS`), which may be set at any time.
//! The age of a segment is the difference of two wall clock readings, the stamp and one of now; that
//! is exact as long as the clock was not set in between, which shows in its distance to the monotonic
//! clock.

use crate::transport::clock::{Nanos, wall_nanos};

/// Readings of both clocks that lie this much apart from the ones before were torn apart by the
/// scheduler, or the clock was set.
const SLACK_NS: u64 = 20_000;
/// A wall clock that is being slewed runs off by less than this part of the time.
const SLEW_PART: u64 = 1_000;
/// Both clocks are read again so many times before the wall clock is taken to have been set.
const READINGS: u32 = 3;

/// Turns stamps into moments; see the module.
#[derive(Debug, Default)]
pub(super) struct KernelClock {
    /// Wall clock less monotonic clock, and when that was so; nothing before the first reading.
    known: Option<(u64, Nanos)>,
}

impl KernelClock {
    /// The time now, and when a segment of this stamp arrived: `None` if the wall clock was set since
    /// the last one, or shows an arrival in the future.
    pub(super) fn arrival(&mut self, stamp_ns: u64) -> (Nanos, Option<Nanos>) {
        self.arrival_by(stamp_ns, || (Nanos::now(), wall_nanos()))
    }

    fn arrival_by(
        &mut self,
        stamp_ns: u64,
        mut clocks: impl FnMut() -> (Nanos, u64),
    ) -> (Nanos, Option<Nanos>) {
        let mut last = Nanos::NONE;
        for _ in 0..READINGS {
            let (now, wall) = clocks();
            last = now;
            let offset = wall.wrapping_sub(now.0);
            let steady = self.known.is_none_or(|(known, when)| {
                let apart = offset.wrapping_sub(known).cast_signed().unsigned_abs();
                apart <= SLACK_NS + now.since(when) / SLEW_PART
            });
            if steady {
                self.known = Some((offset, now));
                let age = wall.checked_sub(stamp_ns);
                return (now, age.map(|age| Nanos(now.0.saturating_sub(age).max(1))));
            }
        }
        self.known = None;
        (last, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WALL: u64 = 1_700_000_000_000_000_000;

    #[test]
    fn a_stamp_is_as_old_on_our_clock() {
        let mut clock = KernelClock::default();
        for ms in 1..100 {
            let now = ms * 1_000_000;
            let stamp = WALL + now - 300_000;
            let arrival = clock.arrival_by(stamp, || (Nanos(now), WALL + now));
            assert_eq!(arrival, (Nanos(now), Some(Nanos(now - 300_000))));
        }
    }

    #[test]
    fn a_wall_clock_that_was_set_dates_nothing() {
        let mut clock = KernelClock::default();
        let mut at = |now: u64, wall: u64| clock.arrival_by(wall - 1_000, || (Nanos(now), wall)).1;
        assert_eq!(at(1_000_000, WALL), Some(Nanos(999_000)));
        let hour = 3_600_000_000_000;
        assert_eq!(at(2_000_000, WALL + hour), None, "set forward");
        assert_eq!(
            at(3_000_000, WALL + hour + 1_000_000),
            Some(Nanos(2_999_000))
        );
        assert_eq!(at(4_000_000, WALL), None, "set back");
        // Slewed by 100 ppm over ten seconds.
        assert!(at(5_000_000, WALL + 1_000_000).is_some());
        assert!(at(10_005_000_000, WALL + 10_002_000_000).is_some());
    }

    #[test]
    fn readings_torn_apart_are_taken_again() {
        let mut clock = KernelClock::default();
        clock.arrival_by(WALL, || (Nanos(1_000_000), WALL + 1_000_000));
        let mut readings = [4_000_000, 2_000_000].into_iter();
        let torn = clock.arrival_by(WALL + 1_500_000, || {
            (Nanos(2_000_000), WALL + readings.next().unwrap())
        });
        assert_eq!(torn.1, Some(Nanos(1_500_000)));
    }

    #[test]
    fn a_stamp_of_the_future_dates_nothing() {
        let arrival = KernelClock::default().arrival_by(WALL + 9, || (Nanos(5), WALL));
        assert_eq!(arrival, (Nanos(5), None));
    }
}
