//! When each message is due: pure arithmetic, no clock (`performance.md` §4, "Pacing").
//!
//! Message k of a constant rate of m per p nanoseconds is due at `floor(k·p/m)`, stepped with a
//! carried remainder, so nothing drifts however long the run. A shard takes every n-th message of
//! the one schedule: n shards together send exactly what one would.

use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use rand_distr::{Distribution, Exp};

use crate::load::plan::{Arrivals, Rate};

/// Which part of a schedule a shard sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardOf {
    /// From 0.
    pub index: u64,
    /// At least 1.
    pub count: u64,
}

impl ShardOf {
    /// The only shard.
    pub const WHOLE: Self = Self { index: 0, count: 1 };

    /// This shard's part of a number that is divided, the remainder going to the low shards.
    #[must_use]
    pub fn share(self, whole: u64) -> u64 {
        whole / self.count + u64::from(self.index < whole % self.count)
    }
}

/// The intended times of one shard, in nanoseconds from the start of the schedule, ascending.
#[derive(Debug, Clone)]
pub struct Schedule {
    spacing: Spacing,
    shard: ShardOf,
    /// Number of the next message in the whole schedule.
    number: u64,
    next_ns: u64,
}

#[derive(Debug, Clone)]
enum Spacing {
    Constant {
        step_ns: u64,
        step_rest: u64,
        modulus: u64,
        rest: u64,
    },
    Poisson {
        random: Box<Xoshiro256PlusPlus>,
        interval_ns: Exp<f64>,
        at: f64,
    },
}

impl Schedule {
    /// The schedule of a shard.
    #[must_use]
    #[allow(
        clippy::cast_possible_truncation,
        reason = "remainders are below the u64 modulus"
    )]
    pub fn new(rate: Rate, arrivals: Arrivals, seed: u64, shard: ShardOf) -> Self {
        let (messages, period) = (rate.messages.get(), rate.period_ns.get());
        let mut schedule = match arrivals {
            Arrivals::Constant => {
                let modulus = u128::from(messages);
                let step = u128::from(period) * u128::from(shard.count);
                let first = u128::from(period) * u128::from(shard.index);
                let spacing = Spacing::Constant {
                    step_ns: u64::try_from(step / modulus).unwrap_or(u64::MAX),
                    step_rest: (step % modulus) as u64,
                    modulus: messages,
                    rest: (first % modulus) as u64,
                };
                let next_ns = u64::try_from(first / modulus).unwrap_or(u64::MAX);
                return Self {
                    spacing,
                    shard,
                    number: shard.index,
                    next_ns,
                };
            }
            Arrivals::Poisson => {
                let random = Box::new(Xoshiro256PlusPlus::seed_from_u64(seed));
                let lambda = rate.per_second() / 1e9;
                // A rate is positive and finite, so this can't fail; one per ns is the fallback.
                let interval_ns = Exp::new(lambda).or_else(|_| Exp::new(1.0));
                let Ok(interval_ns) = interval_ns else {
                    return Self::new(rate, Arrivals::Constant, seed, shard);
                };
                let spacing = Spacing::Poisson {
                    random,
                    interval_ns,
                    at: 0.0,
                };
                Self {
                    spacing,
                    shard,
                    number: 0,
                    next_ns: 0,
                }
            }
        };
        schedule.draw(shard.index + 1);
        schedule.number = shard.index;
        schedule
    }

    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a positive time in ns; as-casts saturate"
    )]
    fn draw(&mut self, times: u64) {
        if let Spacing::Poisson {
            random,
            interval_ns,
            at,
        } = &mut self.spacing
        {
            for _ in 0..times {
                *at += interval_ns.sample(random.as_mut());
            }
            self.next_ns = *at as u64;
        }
    }

    /// When the next message is due.
    #[inline]
    #[must_use]
    pub fn next_ns(&self) -> u64 {
        self.next_ns
    }

    /// Number of the next message in the whole schedule, from 0.
    #[inline]
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Goes on to the message after.
    #[inline]
    pub fn advance(&mut self) {
        self.number += self.shard.count;
        match &mut self.spacing {
            Spacing::Constant {
                step_ns,
                step_rest,
                modulus,
                rest,
            } => {
                self.next_ns = self.next_ns.saturating_add(*step_ns);
                // Both are below the modulus; the sum is compared without overflowing.
                if *rest >= *modulus - *step_rest {
                    *rest -= *modulus - *step_rest;
                    self.next_ns = self.next_ns.saturating_add(1);
                } else {
                    *rest += *step_rest;
                }
            }
            Spacing::Poisson { .. } => {
                let count = self.shard.count;
                self.draw(count);
            }
        }
    }
}

/// Number of the first message due at or after `ns` of a constant rate: with it `--count` counts
/// from the window on, in every shard alike.
#[must_use]
pub fn first_number_at(rate: Rate, ns: u64) -> u64 {
    let product = u128::from(ns) * u128::from(rate.messages.get());
    u64::try_from(product.div_ceil(u128::from(rate.period_ns.get()))).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::num::NonZeroU64;

    const WHOLE: ShardOf = ShardOf::WHOLE;

    fn rate(messages: u64, period_ns: u64) -> Rate {
        Rate {
            messages: NonZeroU64::new(messages).unwrap(),
            period_ns: NonZeroU64::new(period_ns).unwrap(),
        }
    }

    fn times(mut schedule: Schedule, count: usize) -> Vec<u64> {
        (0..count)
            .map(|_| {
                let at = schedule.next_ns();
                schedule.advance();
                at
            })
            .collect()
    }

    #[test]
    fn a_rate_that_does_not_divide_a_second_does_not_drift() {
        let schedule = Schedule::new(rate(3, 1_000_000_000), Arrivals::Constant, 0, WHOLE);
        assert_eq!(
            times(schedule, 5),
            [0, 333_333_333, 666_666_666, 1_000_000_000, 1_333_333_333]
        );
    }

    proptest! {
        #[test]
        fn constant_times_are_exact(messages in 1u64..u64::MAX, period in 1u64..10_000_000_000, n in 1u64..9) {
            let rate = rate(messages, period);
            for index in 0..n {
                let got = times(Schedule::new(rate, Arrivals::Constant, 0, ShardOf { index, count: n }), 20);
                for (j, at) in got.into_iter().enumerate() {
                    let k = u128::from(index) + j as u128 * u128::from(n);
                    prop_assert_eq!(u128::from(at), k * u128::from(period) / u128::from(messages));
                }
            }
        }

        #[test]
        fn shards_together_send_the_unsharded_schedule(n in 1u64..6, seed: u64, poisson: bool, per_s in 1u64..5_000_000) {
            let arrivals = if poisson { Arrivals::Poisson } else { Arrivals::Constant };
            let rate = rate(per_s, 1_000_000_000);
            let whole = times(Schedule::new(rate, arrivals, seed, WHOLE), 60);
            let mut merged: Vec<u64> = (0..n)
                .flat_map(|index| times(Schedule::new(rate, arrivals, seed, ShardOf { index, count: n }), 60))
                .collect();
            merged.sort_unstable();
            prop_assert_eq!(&merged[..60], &whole[..]);
        }

        #[test]
        fn the_first_number_at_a_time_is_the_first_due_then(per_s in 1u64..3_000_000, ns in 0u64..100_000_000_000) {
            let rate = rate(per_s, 1_000_000_000);
            let k = first_number_at(rate, ns);
            let due = |k: u64| u128::from(k) * 1_000_000_000 / u128::from(per_s);
            prop_assert!(due(k) >= u128::from(ns));
            prop_assert!(k == 0 || due(k - 1) < u128::from(ns));
        }

        #[test]
        fn shares_add_up(whole in 0u64..1_000_000, n in 1u64..20) {
            let sum: u64 = (0..n).map(|index| ShardOf { index, count: n }.share(whole)).sum();
            prop_assert_eq!(sum, whole);
        }
    }

    #[test]
    fn poisson_has_the_rate_it_is_asked_for() {
        let count = 200_000usize;
        let schedule = Schedule::new(rate(1000, 1_000_000_000), Arrivals::Poisson, 7, WHOLE);
        let last = *times(schedule, count).last().unwrap() as f64 / 1e9;
        let measured = count as f64 / last;
        assert!((measured / 1000.0 - 1.0).abs() < 0.01, "{measured}");
    }
}
