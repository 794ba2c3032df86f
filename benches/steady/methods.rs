//! The rules that were candidates for the end of a warm-up, each asked at the end of every second.

use rmq_bench::stats::steady::{Demands, Limits, Second, change, settled, shift};
use rmq_bench::stats::trend::Trend;

/// Whether the load has settled by the seconds so far.
pub type Method = fn(&[Second]) -> bool;

/// Each with its name; the last is the one that is used.
pub const METHODS: [(&str, Method); 10] = [
    ("2 s, whatever happens", |seconds| seconds.len() + 1 >= 2),
    ("10 s, whatever happens", |seconds| seconds.len() + 1 >= 10),
    ("30 s, whatever happens", |seconds| seconds.len() + 1 >= 30),
    (
        "coefficient of variation below 5 % over 5 s (Georges et al. 2007)",
        variation,
    ),
    (
        "MSER (White 1997): the best cut lies in the first half",
        mser,
    ),
    ("slope over 10 s alone", |seconds| {
        of_last(seconds, 10, slope_is_small)
    }),
    ("change point in 10 s alone", |seconds| {
        of_last(seconds, 10, level_stays)
    }),
    ("both over 5 s", |seconds| of_last(seconds, 5, both)),
    ("both over 15 s", |seconds| of_last(seconds, 15, both)),
    ("both over 10 s, and no backlog", |seconds| {
        settled(seconds, DEMANDS).is_ok()
    }),
];

const DEMANDS: Demands = Demands {
    lateness_ns: 10e6,
    limits: Limits::WARMUP,
};

/// Whether response times and rates of the last seconds pass.
fn of_last(seconds: &[Second], looked_at: usize, is_steady: fn(&[f64]) -> bool) -> bool {
    seconds.len() >= looked_at && {
        let recent = &seconds[seconds.len() - looked_at..];
        let responses: Vec<f64> = recent.iter().map(|s| s.response_ns.unwrap()).collect();
        let acked: Vec<f64> = recent.iter().map(|s| s.acked_per_s).collect();
        is_steady(&responses) && is_steady(&acked)
    }
}

fn both(values: &[f64]) -> bool {
    change(values, 0.0, Limits::WARMUP).is_none()
}

fn slope_is_small(values: &[f64]) -> bool {
    let trend = Trend::of(values).unwrap();
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let drift = trend.slope * (values.len() - 1) as f64 / sorted[sorted.len() / 2];
    drift.abs() <= Limits::WARMUP.drift
}

fn level_stays(values: &[f64]) -> bool {
    shift(values, 0.0, Limits::WARMUP).is_none()
}

/// Statistically rigorous Java performance evaluation, OOPSLA 2007: the last five iterations vary little.
fn variation(seconds: &[Second]) -> bool {
    seconds.len() >= 5 && {
        let values: Vec<f64> = seconds[seconds.len() - 5..]
            .iter()
            .map(|s| s.response_ns.unwrap())
            .collect();
        let mean = values.iter().sum::<f64>() / 5.0;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        (squares / 4.0).sqrt() / mean < 0.05
    }
}

/// An effective truncation heuristic for bias reduction in simulation output, Simulation 69: the cut that leaves
/// the least squared error of the mean of what follows; believed when it lies in the first half.
fn mser(seconds: &[Second]) -> bool {
    seconds.len() >= 10 && {
        let values: Vec<f64> = seconds.iter().map(|s| s.response_ns.unwrap()).collect();
        let error = |cut: usize| {
            let rest = &values[cut..];
            let n = rest.len() as f64;
            let mean = rest.iter().sum::<f64>() / n;
            rest.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n * n)
        };
        let cuts = 0..values.len() - 2;
        let best = cuts.min_by(|a, b| error(*a).total_cmp(&error(*b))).unwrap();
        best * 2 <= values.len()
    }
}
