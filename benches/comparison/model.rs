//! Runs that never happened: what one run would report, drawn from a model whose truth is known.
//!
//! Between runs the level of all times, their tail and the cost of a message move by factors whose
//! logarithms follow Student's t with 4 degrees of freedom, which has far outliers. Inside a run the
//! logarithms of the times depend on the ones before (first order, 0.5), so that messages are worth less
//! than their number. The rate is that of a closed loop: it falls as times rise.

use rand::RngExt;
use rand::rngs::Xoshiro256PlusPlus;
use rand_distr::{Distribution, Poisson, StandardNormal, StudentT};
use rmq_bench::stats::{Better, Measure, Scale};

/// Figures of a simulated run.
pub const FIGURES: [&str; 8] = [
    "p50",
    "p90",
    "p99",
    "p999",
    "mean",
    "error_share",
    "acked_per_s",
    "cpu_us_per_message",
];
/// Where p99 stands among them.
pub const P99: usize = 2;

/// Messages of a run; few, for many runs.
const MESSAGES: usize = 10_000;
/// Standard deviation of the logarithm of a time inside a run.
const INSIDE: f64 = 0.12;
/// How much a message's time depends on that of the one before.
const CORRELATION: f64 = 0.5;
/// Expected share of failed sends.
const ERRORS: f64 = 2e-4;

/// What runs of a group are like.
#[derive(Debug, Clone, Copy)]
pub struct Group {
    /// Runs.
    pub runs: usize,
    /// Standard deviation from run to run of the logarithm of p99, without what chance inside a run adds.
    pub spread: f64,
    /// Factor of p99 and what lies beyond it.
    pub tail: f64,
    /// Factor of all times from one run to the next, for machines that drift.
    pub drift: f64,
}

impl Group {
    /// Runs without a difference from others like them.
    pub fn of(runs: usize, spread: f64) -> Self {
        Self {
            runs,
            spread,
            tail: 1.0,
            drift: 1.0,
        }
    }
}

/// Two groups as they are compared.
pub fn pair(random: &mut Xoshiro256PlusPlus, baseline: Group, candidate: Group) -> Vec<Measure> {
    let mut measures: Vec<Measure> = FIGURES
        .iter()
        .map(|name| Measure {
            better: if *name == "acked_per_s" {
                Better::Higher
            } else {
                Better::Lower
            },
            scale: if *name == "error_share" {
                Scale::Difference
            } else {
                Scale::Ratio
            },
            baseline: Vec::new(),
            candidate: Vec::new(),
        })
        .collect();
    let mut level = 1.0;
    for _ in 0..baseline.runs {
        for (measure, value) in measures.iter_mut().zip(run(random, baseline, level)) {
            measure.baseline.push(Some(value));
        }
        level *= baseline.drift;
    }
    for _ in 0..candidate.runs {
        for (measure, value) in measures.iter_mut().zip(run(random, candidate, level)) {
            measure.candidate.push(Some(value));
        }
        level *= candidate.drift;
    }
    measures
}

/// The figures of one run.
fn run(random: &mut Xoshiro256PlusPlus, group: Group, level: f64) -> [f64; 8] {
    let heavy = StudentT::new(4.0).unwrap();
    // Student's t with 4 degrees of freedom has the variance 2.
    let mut moved = |by: f64| (by * heavy.sample(random) / 2.0_f64.sqrt()).exp();
    let half = group.spread / 2.0_f64.sqrt();
    let (body, beyond, cost) = (moved(half) * level, moved(half), moved(group.spread));
    let (rate, failures) = (moved(0.3 * group.spread), moved(0.5));
    let mut times = inside(random);
    let mean = body * times.iter().map(|time| time.exp()).sum::<f64>() / times.len() as f64;
    let mut quantile = |part: f64| {
        let place = (part * times.len() as f64) as usize;
        let (_, time, _) = times.select_nth_unstable_by(place, f64::total_cmp);
        body * time.exp()
    };
    let [p50, p90, p99, p999] = [0.5, 0.9, 0.99, 0.999].map(&mut quantile);
    let expected = ERRORS * MESSAGES as f64 * failures;
    let failed: f64 = Poisson::new(expected).unwrap().sample(random);
    let tail = beyond * group.tail;
    [
        p50,
        p90,
        p99 * tail,
        p999 * tail,
        mean * tail.powf(0.05),
        failed / MESSAGES as f64,
        rate / mean,
        cost,
    ]
}

/// Logarithms of the times of a run.
fn inside(random: &mut Xoshiro256PlusPlus) -> Vec<f64> {
    let mut last: f64 = random.sample(StandardNormal);
    let fresh = (1.0 - CORRELATION * CORRELATION).sqrt();
    let step = |_| {
        let news: f64 = random.sample(StandardNormal);
        last = CORRELATION * last + fresh * news;
        INSIDE * last
    };
    (0..MESSAGES).map(step).collect()
}
