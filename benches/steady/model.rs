//! Loads that never ran: seconds drawn from a model in which it is known when the warm-up ends, and whether the
//! level changes afterwards.
//!
//! The time a message takes is a level times noise. In an open loop the rate stays and sends in flight follow the
//! time (Little's law); in a closed loop sends in flight stay and the rate follows. Noise is the logarithm's: white,
//! or depending on the second before (first order, 0.6); with outliers, one second in twenty takes five times as long.

use rand::RngExt;
use rand::rngs::Xoshiro256PlusPlus;
use rand_distr::{Distribution, StandardNormal};
use rmq_bench::stats::steady::Second;

/// Seconds drawn of each.
pub const SECONDS: usize = 120;
/// Time of a message when warm, in nanoseconds.
const LEVEL_NS: f64 = 1_500_000.0;
/// Messages per second.
const RATE: f64 = 10_000.0;
/// A level is reached within this part of it.
const REACHED: f64 = 0.10;

/// How the time goes to its level.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// It is there from the first second on.
    Warm,
    /// So many times the level until then.
    Step { times: f64, until: f64 },
    /// From so many times the level in a straight line.
    Ramp { times: f64, until: f64 },
    /// So many times the level above it, and e times less after each time constant: a compiler at work.
    Decay { above: f64, constant: f64 },
    /// Two levels, as two compilers make.
    Stairs([(f64, f64); 2]),
}

impl Shape {
    /// So many times the level, at a time in seconds.
    pub fn factor(self, second: f64) -> f64 {
        match self {
            Self::Warm => 1.0,
            Self::Step { times, until } => {
                if second < until {
                    times
                } else {
                    1.0
                }
            }
            Self::Ramp { times, until } => 1.0 + (times - 1.0) * (1.0 - second / until).max(0.0),
            Self::Decay { above, constant } => 1.0 + above * (-second / constant).exp(),
            Self::Stairs(steps) => {
                let step = steps.iter().find(|(until, _)| second < *until);
                step.map_or(1.0, |(_, times)| *times)
            }
        }
    }

    /// First second boundary after which the level is reached for good.
    pub fn truth(self) -> usize {
        let cold = |second: &usize| self.factor(*second as f64) > 1.0 + REACHED;
        (0..SECONDS).rev().find(cold).map_or(0, |last| last + 1)
    }
}

/// What lies over the level.
#[derive(Debug, Clone, Copy)]
pub struct Noise {
    /// Standard deviation of the logarithm.
    pub deviation: f64,
    /// How much a second depends on the one before.
    pub correlation: f64,
    /// Share of the seconds that take five times as long.
    pub outliers: f64,
}

/// Which figure follows the time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Loop {
    Open,
    Closed,
}

/// A load.
pub fn draw(
    random: &mut Xoshiro256PlusPlus,
    shape: Shape,
    noise: Noise,
    model: Loop,
) -> Vec<Second> {
    let mut normal = |deviation: f64| {
        let drawn: f64 = StandardNormal.sample(random);
        (drawn * deviation, random.random::<f64>())
    };
    let mut state = normal(noise.deviation).0;
    let fresh = noise.deviation * (1.0 - noise.correlation.powi(2)).sqrt();
    (0..SECONDS)
        .map(|second| {
            // A second's median is that of its middle.
            let factor = shape.factor(second as f64 + 0.5);
            let (step, chance) = normal(fresh);
            state = noise.correlation * state + step;
            let stalled = if chance < noise.outliers { 5.0 } else { 1.0 };
            let time = LEVEL_NS * factor * state.exp() * stalled;
            let jitter = normal(0.01).0.exp();
            let (acked, flight) = match model {
                Loop::Open => (RATE * jitter, RATE * time / 1e9),
                Loop::Closed => (RATE * LEVEL_NS / time * jitter, RATE * LEVEL_NS / 1e9),
            };
            Second {
                acked_per_s: acked.round(),
                response_ns: Some(time),
                in_flight: flight.round(),
                lateness_ns: Some(100_000.0),
            }
        })
        .collect()
}
