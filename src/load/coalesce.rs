//! When answers may wait to be read together.
//!
//! A broker answers messages one by one, and a wake-up for each costs more than all the rest of a
//! send. Under load the shard therefore sleeps through a short interval and then reads what has
//! come. An answer then waits half an interval on average, which counts as service time; so it is
//! done only as far as that is a small part of the service time: by Little's law the share is half
//! of the answers of one interval over the messages in flight.
//!
//! Where the kernel dates what arrives, waiting costs no truth but a closed loop still waits for its
//! answers, so for it the rule stays.

use std::time::Duration;

use crate::transport::Nanos;

/// Answers that may wait are read no more often than this.
const SHORTEST_READ_INTERVAL: Duration = Duration::from_micros(250);
/// And this far apart at most. Where the kernel dates them, the answers of an open loop are read
/// once per tick, if ticks are no longer than this: nothing waits for them, and no time is longer for
/// their waiting.
pub const LONGEST_READ_INTERVAL: Duration = Duration::from_millis(1);
/// Answers of an interval times this must not exceed the messages in flight: an answer then waits
/// 1/32 of the service time on average.
const IN_FLIGHT_SHARE: u64 = 16;
/// With fewer answers an interval there is nothing to gain.
const LEAST_ANSWERS: u64 = 4;
/// The judgement is renewed this often.
const JUDGED_EVERY_NS: u64 = 5_000_000;

/// Judges from the rate of answers and the messages in flight; see the module.
#[derive(Debug, Clone, Copy)]
pub struct ReadCoalescing {
    interval: Option<Duration>,
    judged: Nanos,
    answers: u64,
}

impl ReadCoalescing {
    /// Off until judged.
    #[must_use]
    pub fn new(now: Nanos) -> Self {
        Self {
            interval: None,
            judged: now,
            answers: 0,
        }
    }

    /// How long answers may wait, if they may. `answers` is the number that ever came, `in_flight`
    /// what is in flight now.
    #[inline]
    pub fn may_wait(&mut self, now: Nanos, answers: u64, in_flight: usize) -> Option<Duration> {
        let elapsed = now.since(self.judged);
        if elapsed >= JUDGED_EVERY_NS {
            self.interval = interval(answers - self.answers, elapsed, in_flight as u64);
            self.judged = now;
            self.answers = answers;
        }
        // A loop that has run dry waits for its next answer, not for an interval.
        self.interval.filter(|_| in_flight > 0)
    }
}

/// The longest interval allowed for so many answers in so many nanoseconds.
fn interval(answers: u64, elapsed: u64, in_flight: u64) -> Option<Duration> {
    let allowed =
        in_flight.saturating_mul(elapsed) / answers.saturating_mul(IN_FLIGHT_SHARE).max(1);
    let interval = Duration::from_nanos(allowed).min(LONGEST_READ_INTERVAL);
    let nanos = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX);
    let enough = answers.saturating_mul(nanos) / elapsed.max(1) >= LEAST_ANSWERS;
    (enough && interval >= SHORTEST_READ_INTERVAL).then_some(interval)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The judgement after 20 ms at a rate of answers a second, in microseconds.
    fn judged(per_second: u64, in_flight: usize) -> Option<u128> {
        let begin = Nanos(1_000);
        let mut coalescing = ReadCoalescing::new(begin);
        let early = coalescing.may_wait(begin, 0, in_flight);
        assert_eq!(early, None, "not judged yet");
        let mut interval = None;
        for ms in 1..=20 {
            let now = begin.plus(Duration::from_millis(ms));
            interval = coalescing.may_wait(now, per_second * ms / 1000, in_flight);
        }
        interval.map(|interval| interval.as_micros())
    }

    #[test]
    fn answers_wait_only_where_that_is_a_small_part_of_the_service_time() {
        // A sixteenth of the service time, which is 4 ms for 160 in flight at 40,000/s.
        assert_eq!(judged(40_000, 160), Some(250));
        assert_eq!(judged(40_000, 512), Some(800));
        assert_eq!(judged(40_000, 10_000), Some(1_000));
        assert_eq!(judged(40_000, 159), None);
        let near = judged(40_000, 8);
        assert_eq!(near, None, "200 us: half an interval would double it");
    }

    #[test]
    fn a_slow_rate_is_read_as_it_comes() {
        assert_eq!(judged(3_000, 10_000), None);
        assert_eq!(judged(4_000, 10_000), Some(1_000));
    }

    #[test]
    fn a_fast_loop_on_a_near_peer_is_read_as_it_comes() {
        assert_eq!(judged(750_000, 512), None);
    }

    #[test]
    fn an_empty_loop_does_not_wait() {
        let mut coalescing = ReadCoalescing::new(Nanos(1));
        assert!(coalescing.may_wait(Nanos(10_000_001), 400, 512).is_some());
        assert_eq!(coalescing.may_wait(Nanos(10_000_002), 400, 0), None);
        let judged_every_5_ms = coalescing.may_wait(Nanos(10_000_003), 400, 1);
        assert!(judged_every_5_ms.is_some());
    }
}
