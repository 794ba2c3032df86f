//! When each message is due: pure arithmetic, no clock (`performance.md` §4, "Pacing").
//!
//! Message k of a constant rate of m per p nanoseconds is due at `floor(k·p/m)`, stepped with a
//! carried remainder, so nothing drifts however long the run. Of a rate that changes it is due where the
//! integral of the rate reaches k; of Poisson arrivals, the sum of k + 1 exponential intervals of mean 1,
//! which makes the process an inhomogeneous one of that rate. A shard takes every n-th message of the one
//! schedule: n shards together send exactly what one would.

mod record;
mod timeline;

use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use rand_distr::{Distribution, Exp1};

use crate::load::plan::{Arrivals, Rate};

pub use record::{RecordError, read_record};
pub use timeline::{Piece, Shape, Timeline};

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

    /// The part of one of this part's own parts, such as a thread of a process: together they are this one,
    /// whatever their number and whatever that of another process.
    #[must_use]
    pub fn part(self, own: Self) -> Self {
        Self {
            index: self.index + self.count * own.index,
            count: self.count * own.count,
        }
    }

    /// This part's share of the whole, above 0 and at most 1.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "a share to choose settings by")]
    pub fn fraction(self) -> f64 {
        1.0 / self.count.max(1) as f64
    }

    /// This shard's part of a number that is divided, the remainder going to the low shards.
    #[must_use]
    pub fn share(self, whole: u64) -> u64 {
        whole / self.count + u64::from(self.index < whole % self.count)
    }
}

/// What is offered in an open loop.
#[derive(Debug, Clone, PartialEq)]
pub enum Offered {
    /// One rate for good.
    Steady(Rate),
    /// A rate that changes, from the begin of the warm-up on.
    Planned(Arc<[Piece]>),
    /// Recorded times in ns, ascending, from the begin of the warm-up on; there is no message after them
    /// ([`Offered::messages`]).
    Recorded(Arc<[u64]>),
}

impl Offered {
    /// The same of sends with so many messages each.
    #[must_use]
    pub fn of_sends(&self, messages: u32) -> Self {
        let one_in = f64::from(messages.max(1));
        match self {
            Self::Steady(rate) => Self::Steady(rate.of_sends(messages)),
            Self::Planned(pieces) => {
                let piece = |piece: &Piece| Piece {
                    shape: piece.shape.scaled(1.0 / one_in),
                    ..*piece
                };
                Self::Planned(pieces.iter().map(piece).collect())
            }
            // Each record is a send's.
            Self::Recorded(times) => Self::Recorded(Arc::clone(times)),
        }
    }

    /// Messages of the whole schedule, if it ends.
    #[must_use]
    pub fn messages(&self) -> Option<u64> {
        match self {
            Self::Recorded(times) => Some(times.len() as u64),
            Self::Steady(_) | Self::Planned(_) => None,
        }
    }

    /// The rate, where it is one for good, per second.
    #[must_use]
    pub fn steady_per_s(&self) -> Option<f64> {
        match self {
            Self::Steady(rate) => Some(rate.per_second()),
            Self::Planned(_) | Self::Recorded(_) => None,
        }
    }

    /// The highest rate, per second; of a record the mean one.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "a rate to choose settings by")]
    pub fn peak_per_s(&self) -> f64 {
        match self {
            Self::Steady(rate) => rate.per_second(),
            Self::Planned(pieces) => {
                let peaks = pieces.iter().map(|piece| piece.shape.peak());
                peaks.fold(0.0, f64::max)
            }
            Self::Recorded(times) => match times.last() {
                Some(last) if *last > 0 => times.len() as f64 * 1e9 / *last as f64,
                _ => times.len() as f64,
            },
        }
    }

    /// Messages due from `from` on and before `until`, both from the begin of the schedule: exact where they
    /// come evenly, else what is to be expected.
    #[must_use]
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a number of messages, at least 0; as-casts saturate"
    )]
    pub fn due(&self, from: Duration, until: Duration) -> u64 {
        match self {
            Self::Steady(rate) => {
                // The first one is due at once, so a started interval counts.
                let length = until.saturating_sub(from);
                let due = (length.as_nanos() * u128::from(rate.messages.get()))
                    .div_ceil(u128::from(rate.period_ns.get()));
                u64::try_from(due).unwrap_or(u64::MAX)
            }
            Self::Planned(pieces) => {
                let timeline = Timeline::new(pieces);
                let before = |time: Duration| timeline.due_before(time.as_secs_f64());
                (before(until) - before(from)) as u64
            }
            Self::Recorded(times) => {
                let before =
                    |time: Duration| times.partition_point(|at| u128::from(*at) < time.as_nanos());
                (before(until) - before(from)) as u64
            }
        }
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
    /// Evenly spaced, in whole numbers: exact however long the run.
    Even {
        step_ns: u64,
        step_rest: u64,
        modulus: u64,
        rest: u64,
    },
    /// At one rate per second, where the arrivals say.
    Level {
        per_s: f64,
        arrivals: Places,
    },
    /// Where the integral of the rate reaches what the arrivals say of a message's number.
    Integral {
        timeline: Timeline,
        arrivals: Places,
    },
    Recorded(Arc<[u64]>),
}

/// Where in units of mean intervals message k stands.
#[derive(Debug, Clone)]
enum Places {
    /// At k.
    Even,
    /// With all of its burst, at the burst's first.
    Bursts(u64),
    /// At the sum of k + 1 exponential intervals; `drawn` of them are in it.
    Random {
        random: Box<Xoshiro256PlusPlus>,
        drawn: u64,
        sum: f64,
    },
}

impl Places {
    fn of(arrivals: Arrivals, seed: u64) -> Self {
        match arrivals {
            Arrivals::Constant => Self::Even,
            Arrivals::Bursts(size) => Self::Bursts(size.get().into()),
            Arrivals::Poisson => Self::Random {
                random: Box::new(Xoshiro256PlusPlus::seed_from_u64(seed)),
                drawn: 0,
                sum: 0.0,
            },
        }
    }

    /// That of message `number`; the numbers asked for ascend.
    #[allow(clippy::cast_precision_loss, reason = "exact up to 2^53 messages")]
    fn place(&mut self, number: u64) -> f64 {
        match self {
            Self::Even => number as f64,
            Self::Bursts(size) => (number - number % *size) as f64,
            Self::Random { random, drawn, sum } => {
                while *drawn <= number {
                    let interval: f64 = Exp1.sample(random.as_mut());
                    *sum += interval;
                    *drawn += 1;
                }
                *sum
            }
        }
    }
}

impl Schedule {
    /// The schedule of a shard.
    #[must_use]
    pub fn new(offered: &Offered, arrivals: Arrivals, seed: u64, shard: ShardOf) -> Self {
        let spacing = match (offered, arrivals) {
            (Offered::Steady(rate), Arrivals::Constant) => return Self::even(*rate, shard),
            (Offered::Recorded(times), _) => Spacing::Recorded(Arc::clone(times)),
            (Offered::Steady(rate), _) => Spacing::Level {
                per_s: rate.per_second(),
                arrivals: Places::of(arrivals, seed),
            },
            (Offered::Planned(pieces), _) => Spacing::Integral {
                timeline: Timeline::new(pieces),
                arrivals: Places::of(arrivals, seed),
            },
        };
        let mut schedule = Self {
            spacing,
            shard,
            number: shard.index,
            next_ns: 0,
        };
        schedule.look_up();
        schedule
    }

    #[allow(
        clippy::cast_possible_truncation,
        reason = "remainders are below the u64 modulus"
    )]
    fn even(rate: Rate, shard: ShardOf) -> Self {
        let (messages, period) = (rate.messages.get(), rate.period_ns.get());
        let modulus = u128::from(messages);
        let step = u128::from(period) * u128::from(shard.count);
        let first = u128::from(period) * u128::from(shard.index);
        Self {
            spacing: Spacing::Even {
                step_ns: u64::try_from(step / modulus).unwrap_or(u64::MAX),
                step_rest: (step % modulus) as u64,
                modulus: messages,
                rest: (first % modulus) as u64,
            },
            shard,
            number: shard.index,
            next_ns: u64::try_from(first / modulus).unwrap_or(u64::MAX),
        }
    }

    /// When the next message is due; `u64::MAX` for never.
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
        if let Spacing::Even {
            step_ns,
            step_rest,
            modulus,
            rest,
        } = &mut self.spacing
        {
            self.next_ns = self.next_ns.saturating_add(*step_ns);
            // Both are below the modulus; the sum is compared without overflowing.
            if *rest >= *modulus - *step_rest {
                *rest -= *modulus - *step_rest;
                self.next_ns = self.next_ns.saturating_add(1);
            } else {
                *rest += *step_rest;
            }
        } else {
            self.look_up();
        }
    }

    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a positive time in ns; as-casts saturate"
    )]
    fn look_up(&mut self) {
        self.next_ns = match &mut self.spacing {
            Spacing::Even { .. } => self.next_ns,
            Spacing::Level { per_s, arrivals } => {
                (arrivals.place(self.number) / *per_s * 1e9) as u64
            }
            Spacing::Integral { timeline, arrivals } => {
                timeline.when_ns(arrivals.place(self.number))
            }
            Spacing::Recorded(times) => {
                let number = usize::try_from(self.number).ok();
                let time = number.and_then(|number| times.get(number));
                // After the last it is over.
                time.copied()
                    .unwrap_or_else(|| times.last().map_or(0, |last| last.saturating_add(1)))
            }
        };
    }
}

/// Number of the first message due at or after `ns`: with it `--count` counts from the window on, in every
/// shard alike.
#[must_use]
pub fn first_number_at(offered: &Offered, arrivals: Arrivals, seed: u64, ns: u64) -> u64 {
    if let (Offered::Steady(rate), Arrivals::Constant) = (offered, arrivals) {
        let product = u128::from(ns) * u128::from(rate.messages.get());
        return u64::try_from(product.div_ceil(u128::from(rate.period_ns.get())))
            .unwrap_or(u64::MAX);
    }
    let mut schedule = Schedule::new(offered, arrivals, seed, ShardOf::WHOLE);
    while schedule.next_ns() < ns {
        schedule.advance();
    }
    schedule.number()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::num::{NonZeroU32, NonZeroU64};

    const WHOLE: ShardOf = ShardOf::WHOLE;

    fn rate(messages: u64, period_ns: u64) -> Offered {
        Offered::Steady(Rate {
            messages: NonZeroU64::new(messages).unwrap(),
            period_ns: NonZeroU64::new(period_ns).unwrap(),
        })
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

    fn arrivals() -> impl Strategy<Value = Arrivals> {
        prop_oneof![
            Just(Arrivals::Constant),
            Just(Arrivals::Poisson),
            (1u32..20).prop_map(|size| Arrivals::Bursts(NonZeroU32::new(size).unwrap())),
        ]
    }

    fn offered() -> impl Strategy<Value = Offered> {
        let shape = prop_oneof![
            (1.0..1e6).prop_map(Shape::Steady),
            (0.0..1e6, 1.0..1e6).prop_map(|(from, to)| Shape::Ramp { from, to }),
        ];
        let piece = (shape, 1u64..1000).prop_map(|(shape, ms)| Piece {
            shape,
            length: Duration::from_millis(ms),
        });
        let pieces = prop::collection::vec(piece, 1..5);
        let times = prop::collection::vec(0u64..1_000_000_000, 1..90);
        prop_oneof![
            (1u64..5_000_000).prop_map(|per_s| rate(per_s, 1_000_000_000)),
            pieces.prop_map(|pieces| Offered::Planned(pieces.into())),
            times.prop_map(|mut times| {
                times.sort_unstable();
                Offered::Recorded(times.into())
            }),
        ]
    }

    #[test]
    fn bursts_come_together_at_the_rate() {
        let bursts = Arrivals::Bursts(NonZeroU32::new(3).unwrap());
        let schedule = Schedule::new(&rate(6, 1_000_000_000), bursts, 0, WHOLE);
        let half = 500_000_000;
        let expected = [0, 0, 0, half, half, half, 2 * half];
        assert_eq!(times(schedule, 7), expected);
    }

    #[test]
    fn a_record_is_kept_and_ends() {
        let record = Offered::Recorded([5, 7, 7].into());
        let schedule = Schedule::new(&record, Arrivals::Constant, 0, WHOLE);
        assert_eq!(times(schedule, 4), [5, 7, 7, 8]);
        assert_eq!(record.messages(), Some(3));
        let ns = Duration::from_nanos;
        assert_eq!(record.due(ns(0), ns(7)), 1);
        assert_eq!(record.due(ns(7), ns(8)), 2);
    }

    /// An inhomogeneous process: over each piece as many as its rate says, within three deviations.
    #[test]
    fn poisson_follows_a_plan() {
        let piece = |per_s, seconds| Piece {
            shape: Shape::Steady(per_s),
            length: Duration::from_secs(seconds),
        };
        let plan = [piece(1000.0, 20), piece(5000.0, 20)];
        let offered = Offered::Planned(plan.into());
        let times = times(
            Schedule::new(&offered, Arrivals::Poisson, 7, WHOLE),
            120_000,
        );
        let before = |s: u64| times.partition_point(|at| *at < s * 1_000_000_000) as f64;
        for (from, until, expected) in [(0, 20, 20_000.0), (20, 40, 100_000.0)] {
            let came: f64 = before(until) - before(from);
            assert!(
                (came - expected).abs() < 3.0 * f64::sqrt(expected),
                "{came}"
            );
        }
    }

    #[test]
    fn a_rate_that_does_not_divide_a_second_does_not_drift() {
        let schedule = Schedule::new(&rate(3, 1_000_000_000), Arrivals::Constant, 0, WHOLE);
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
                let got = times(Schedule::new(&rate, Arrivals::Constant, 0, ShardOf { index, count: n }), 20);
                for (j, at) in got.into_iter().enumerate() {
                    let k = u128::from(index) + j as u128 * u128::from(n);
                    prop_assert_eq!(u128::from(at), k * u128::from(period) / u128::from(messages));
                }
            }
        }

        #[test]
        fn shards_together_send_the_unsharded_schedule(
            n in 1u64..6,
            seed: u64,
            arrivals in arrivals(),
            offered in offered(),
        ) {
            let whole = times(Schedule::new(&offered, arrivals, seed, WHOLE), 60);
            prop_assert!(whole.is_sorted());
            let part = |index| Schedule::new(&offered, arrivals, seed, ShardOf { index, count: n });
            let mut merged: Vec<u64> = (0..n).flat_map(|index| times(part(index), 60)).collect();
            merged.sort_unstable();
            prop_assert_eq!(&merged[..60], &whole[..]);
        }

        #[test]
        fn processes_with_threads_of_their_own_together_send_the_whole_schedule(
            threads in prop::collection::vec(1u64..5, 1..5),
            seed: u64,
            arrivals in arrivals(),
            offered in offered(),
        ) {
            let numbered = |shard: ShardOf| {
                let mut schedule = Schedule::new(&offered, arrivals, seed, shard);
                let next = move || {
                    let message = (schedule.number(), schedule.next_ns());
                    schedule.advance();
                    message
                };
                std::iter::repeat_with(next).take(60).collect::<Vec<_>>()
            };
            let processes = threads.len() as u64;
            let shards = threads.iter().enumerate().flat_map(|(index, count)| {
                let process = ShardOf { index: index as u64, count: processes };
                (0..*count).map(move |own| process.part(ShardOf { index: own, count: *count }))
            });
            let mut merged: Vec<(u64, u64)> = shards.flat_map(numbered).collect();
            merged.sort_unstable();
            prop_assert_eq!(&merged[..60], &numbered(WHOLE)[..]);
        }

        #[test]
        fn a_count_begins_with_the_first_message_of_the_window(
            seed: u64,
            arrivals in arrivals(),
            offered in offered(),
            ns in 0u64..1_000_000,
        ) {
            let number = first_number_at(&offered, arrivals, seed, ns);
            let mut schedule = Schedule::new(&offered, arrivals, seed, WHOLE);
            while schedule.number() < number {
                prop_assert!(schedule.next_ns() < ns);
                schedule.advance();
            }
            prop_assert!(schedule.next_ns() >= ns);
        }

        #[test]
        fn the_first_number_at_a_time_is_the_first_due_then(per_s in 1u64..3_000_000, ns in 0u64..100_000_000_000) {
            let rate = rate(per_s, 1_000_000_000);
            let k = first_number_at(&rate, Arrivals::Constant, 0, ns);
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
        let schedule = Schedule::new(&rate(1000, 1_000_000_000), Arrivals::Poisson, 7, WHOLE);
        let last = *times(schedule, count).last().unwrap() as f64 / 1e9;
        let measured = count as f64 / last;
        assert!((measured / 1000.0 - 1.0).abs() < 0.01, "{measured}");
    }
}
