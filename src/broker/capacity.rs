//! A single server of a rate: when each message would be done, without drift.

use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use rand_distr::{Distribution, Exp1};

use crate::broker::behaviour::ServiceTime;

const SECOND_NS: u64 = 1_000_000_000;

/// Most messages that wait for the server before a broker stops reading; of exponential service times, as much as
/// so many take on average.
const BACKLOG: u64 = 4096;

/// When a server of a given rate has done each message. Times are nanoseconds since any fixed start.
#[derive(Debug, Clone)]
pub(super) struct SingleServer {
    per_s: u64,
    /// Kept as a base and a count, so that 3 messages per second take exactly one second.
    base_ns: u64,
    /// Messages since the base, at most one second's worth.
    done: u64,
    /// Where service times differ; then nothing is counted but in the base.
    draws: Option<Xoshiro256PlusPlus>,
}

impl SingleServer {
    /// `per_s` must not be 0; it is limited to one message per nanosecond.
    pub(super) fn new(per_s: u64, service: ServiceTime, broker: &str) -> Self {
        let draws = match service {
            ServiceTime::Fixed => None,
            // Brokers of one seed must not be slow together.
            ServiceTime::Exponential { seed } => Some(Xoshiro256PlusPlus::seed_from_u64(
                broker.bytes().fold(seed, |seed, byte| {
                    seed.wrapping_mul(31).wrapping_add(byte.into())
                }),
            )),
        };
        Self {
            per_s: per_s.clamp(1, SECOND_NS),
            base_ns: 0,
            done: 0,
            draws,
        }
    }

    /// Takes a message and returns when it is done.
    #[inline]
    pub(super) fn admit(&mut self, arrival_ns: u64) -> u64 {
        if arrival_ns >= self.free_at_ns() {
            self.base_ns = arrival_ns;
            self.done = 0;
        }
        match &mut self.draws {
            None => self.done += 1,
            Some(draws) => self.base_ns += exponential_ns(draws, self.per_s),
        }
        if self.done == self.per_s {
            self.base_ns += SECOND_NS;
            self.done = 0;
        }
        self.free_at_ns()
    }

    /// When the backlog is full: the time at which half of it will be done, so that a connection
    /// wakes for a batch and not for each message.
    #[inline]
    pub(super) fn full_until_ns(&self, now_ns: u64) -> Option<u64> {
        let free_at = self.free_at_ns();
        let backlog_ns = self.span_ns(BACKLOG);
        (free_at > now_ns.saturating_add(backlog_ns)).then(|| free_at - backlog_ns / 2)
    }

    #[inline]
    fn free_at_ns(&self) -> u64 {
        self.base_ns + self.span_ns(self.done)
    }

    /// How long `messages` take; no overflow below 18 billion messages.
    #[inline]
    fn span_ns(&self, messages: u64) -> u64 {
        messages * SECOND_NS / self.per_s
    }
}

#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a time above 0, and nobody waits 584 years; as-casts saturate"
)]
fn exponential_ns(draws: &mut Xoshiro256PlusPlus, per_s: u64) -> u64 {
    let times: f64 = Exp1.sample(draws);
    (times * SECOND_NS as f64 / per_s as f64).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixed(per_s: u64) -> SingleServer {
        SingleServer::new(per_s, ServiceTime::Fixed, "broker-a")
    }

    #[test]
    fn a_busy_server_neither_drifts_nor_rounds() {
        let mut server = fixed(3);
        let done: Vec<u64> = (0..7).map(|_| server.admit(100)).collect();
        let thirds = [333_333_433, 666_666_766, 1_000_000_100];
        assert_eq!(done[..3], thirds);
        assert_eq!(done[3..6], thirds.map(|at| at + SECOND_NS));
        assert_eq!(done[6], thirds[0] + 2 * SECOND_NS);
    }

    #[test]
    fn an_idle_server_starts_with_the_arrival() {
        let mut server = fixed(1_000);
        assert_eq!(server.admit(5), 1_000_005);
        assert_eq!(server.admit(6), 2_000_005);
        assert_eq!(server.admit(2_000_005), 3_000_005);
        assert_eq!(server.admit(9_000_000), 10_000_000);
    }

    #[test]
    fn the_backlog_is_bounded_and_drains_to_half() {
        let mut server = fixed(1_000);
        let mut taken = 0;
        while server.full_until_ns(0).is_none() {
            server.admit(0);
            taken += 1;
        }
        assert_eq!(taken, BACKLOG + 1);
        let resume = server.full_until_ns(0).unwrap();
        assert_eq!(resume, (BACKLOG / 2 + 1) * 1_000_000);
        assert_eq!(server.full_until_ns(resume), None);
    }

    #[test]
    #[allow(clippy::cast_precision_loss, reason = "means of small numbers")]
    fn exponential_times_have_the_mean_and_the_variance_and_differ_by_broker() {
        let times = |broker: &str| -> Vec<u64> {
            let service = ServiceTime::Exponential { seed: 7 };
            let mut server = SingleServer::new(1_000, service, broker);
            let mut before = 0;
            let mut next = || {
                let done = server.admit(0);
                done - std::mem::replace(&mut before, done)
            };
            (0..20_000).map(|_| next()).collect()
        };
        let drawn = times("broker-a");
        let mean = drawn.iter().sum::<u64>() as f64 / drawn.len() as f64;
        let square = |time: &u64| (*time as f64 - mean).powi(2);
        let deviation = (drawn.iter().map(square).sum::<f64>() / drawn.len() as f64).sqrt();
        // Four standard errors of 20,000 draws.
        assert!((mean / 1e6 - 1.0).abs() < 0.03, "{mean}");
        assert!((deviation / 1e6 - 1.0).abs() < 0.06, "{deviation}");
        assert_eq!(times("broker-a"), drawn);
        assert_ne!(times("broker-b"), drawn);
    }
}
