//! The methods that were candidates: chance per figure, by the run as the unit.

use distrs::StudentsT;
use rmq_bench::stats::Measure;
use rmq_bench::stats::permutation::{Row, adjusted};

/// A method: chances per figure, adjusted for there being several or not.
pub type Method = fn(&[Measure]) -> Vec<f64>;

/// Each with its name.
pub const METHODS: [(&str, Method); 4] = [
    ("Welch's t, each figure for itself", welch_alone),
    ("Welch's t, Holm", |measures| holm(&welch_alone(measures))),
    ("Mann-Whitney, Holm", |measures| {
        holm(&mann_whitney(measures))
    }),
    ("maxT of Welch's t by permutation", max_t),
];

fn rows(measures: &[Measure]) -> Vec<Row> {
    let value = |measure: &Measure, value: &Option<f64>| {
        let value = value.unwrap();
        match measure.scale {
            rmq_bench::stats::Scale::Ratio => value.ln(),
            rmq_bench::stats::Scale::Difference => value,
        }
    };
    let row = |measure: &Measure| {
        let runs = measure.baseline.iter().chain(&measure.candidate);
        runs.map(|run| value(measure, run)).collect()
    };
    measures.iter().map(row).collect()
}

fn max_t(measures: &[Measure]) -> Vec<f64> {
    adjusted(&rows(measures), measures[0].baseline.len())
}

fn welch_alone(measures: &[Measure]) -> Vec<f64> {
    let n = measures[0].baseline.len();
    rows(measures)
        .iter()
        .map(|row| welch(&row[..n], &row[n..]))
        .collect()
}

/// Two-sided chance of Welch's t, degrees of freedom by Welch and Satterthwaite.
fn welch(a: &[f64], b: &[f64]) -> f64 {
    let moments = |values: &[f64]| {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        (mean, squares / (n - 1.0) / n, n)
    };
    let ((mean_a, error_a, n), (mean_b, error_b, m)) = (moments(a), moments(b));
    let error = error_a + error_b;
    if error <= 0.0 {
        return if mean_a == mean_b { 1.0 } else { 0.0 };
    }
    let t = (mean_b - mean_a) / error.sqrt();
    let freedom = error * error / (error_a * error_a / (n - 1.0) + error_b * error_b / (m - 1.0));
    2.0 * StudentsT::cdf(-t.abs(), freedom)
}

/// Exact where no values are equal; equal ones count half.
fn mann_whitney(measures: &[Measure]) -> Vec<f64> {
    let n = measures[0].baseline.len();
    let m = measures[0].candidate.len();
    let chances = rank_sums(n, m);
    let chance = |row: &Row| {
        let (a, b) = row.split_at(n);
        let score = |x: &f64, y: &f64| match x.total_cmp(y) {
            std::cmp::Ordering::Less => 1.0,
            std::cmp::Ordering::Equal => 0.5,
            std::cmp::Ordering::Greater => 0.0,
        };
        let u: f64 = a
            .iter()
            .flat_map(|x| b.iter().map(move |y| score(x, y)))
            .sum();
        let tail = u.min((n * m) as f64 - u);
        (2.0 * chances.iter().take(tail.ceil() as usize + 1).sum::<f64>()).min(1.0)
    };
    rows(measures).iter().map(chance).collect()
}

/// Chance of each value of the Mann-Whitney statistic.
fn rank_sums(n: usize, m: usize) -> Vec<f64> {
    let mut table = vec![vec![vec![0.0; n * m + 1]; m + 1]; n + 1];
    for i in 0..=n {
        for j in 0..=m {
            if i == 0 || j == 0 {
                table[i][j][0] = 1.0;
                continue;
            }
            let first = i as f64 / (i + j) as f64;
            for u in 0..=i * j {
                let above = if u >= j { table[i - 1][j][u - j] } else { 0.0 };
                table[i][j][u] = first * above + (1.0 - first) * table[i][j - 1][u];
            }
        }
    }
    table[n][m].clone()
}

/// Holm's step-down adjustment (Scandinavian Journal of Statistics 6, 1979).
fn holm(chances: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..chances.len()).collect();
    order.sort_by(|a, b| chances[*a].total_cmp(&chances[*b]));
    let mut adjusted = vec![1.0; chances.len()];
    let mut at_least = 0.0_f64;
    for (place, figure) in order.iter().enumerate() {
        at_least = at_least
            .max(chances[*figure] * (chances.len() - place) as f64)
            .min(1.0);
        adjusted[*figure] = at_least;
    }
    adjusted
}
