//! When answers may wait to be read together.
//!
//! A broker answers messages one by one, and a wake-up for each costs more than all the rest of a
//! send. Under load the shard therefore sleeps through a short interval and then reads what has
//! come. An answer then waits half an interval on average, which counts as service time; so it is
//! done only while that is a small part of the service time: by Little's law the share is half of
//! the answers of one interval over the messages in flight.
//!
//! Where the kernel dates what arrives, waiting costs no truth but a closed loop still waits for its
//! answers, so for it the rule stays.

use std::time::Duration;

use crate::transport::Nanos;

/// Answers are read this often while they are coalesced.
pub const READ_INTERVAL: Duration = Duration::from_micros(250);
/// Where the kernel dates them, the answers of an open loop are read once per tick, if ticks are no
/// longer than this: nothing waits for them, and no time is longer for their waiting.
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
    on: bool,
    judged: Nanos,
    answers: u64,
}

impl ReadCoalescing {
    /// Off until judged.
    #[must_use]
    pub fn new(now: Nanos) -> Self {
        Self {
            on: false,
            judged: now,
            answers: 0,
        }
    }

    /// Whether answers may wait. `answers` is the number that ever came, `in_flight` what is in
    /// flight now.
    #[inline]
    pub fn may_wait(&mut self, now: Nanos, answers: u64, in_flight: usize) -> bool {
        let elapsed = now.since(self.judged);
        if elapsed >= JUDGED_EVERY_NS {
            let came = answers - self.answers;
            let interval = u64::try_from(READ_INTERVAL.as_nanos()).unwrap_or(u64::MAX);
            let per_interval = came.saturating_mul(interval) / elapsed;
            self.on = per_interval >= LEAST_ANSWERS
                && per_interval.saturating_mul(IN_FLIGHT_SHARE) <= in_flight as u64;
            self.judged = now;
            self.answers = answers;
        }
        // A loop that has run dry waits for its next answer, not for an interval.
        self.on && in_flight > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The judgement after 20 ms at a rate of answers a second.
    fn judged(per_second: u64, in_flight: usize) -> bool {
        let begin = Nanos(1_000);
        let mut coalescing = ReadCoalescing::new(begin);
        assert!(!coalescing.may_wait(begin, 0, in_flight), "not judged yet");
        let mut on = false;
        for ms in 1..=20 {
            let now = begin.plus(Duration::from_millis(ms));
            on = coalescing.may_wait(now, per_second * ms / 1000, in_flight);
        }
        on
    }

    #[test]
    fn answers_wait_only_where_that_is_a_small_part_of_the_service_time() {
        // 40,000/s are 10 an interval: 160 in flight mean a service time of 4 ms.
        assert!(judged(40_000, 512));
        assert!(judged(40_000, 160));
        assert!(!judged(40_000, 159));
        assert!(
            !judged(40_000, 8),
            "200 us: half an interval would double it"
        );
    }

    #[test]
    fn a_slow_rate_is_read_as_it_comes() {
        assert!(!judged(10_000, 10_000));
        assert!(judged(16_000, 10_000));
    }

    #[test]
    fn a_fast_loop_on_a_near_peer_is_read_as_it_comes() {
        assert!(!judged(750_000, 512));
    }

    #[test]
    fn an_empty_loop_does_not_wait() {
        let mut coalescing = ReadCoalescing::new(Nanos(1));
        assert!(coalescing.may_wait(Nanos(10_000_001), 400, 512));
        assert!(!coalescing.may_wait(Nanos(10_000_002), 400, 0));
        assert!(
            coalescing.may_wait(Nanos(10_000_003), 400, 1),
            "judged every 5 ms only"
        );
    }
}
