//! One group of runs: median, range, and the interval of the median by order statistics.

use super::ALPHA;
use super::shift::Interval;

/// Middle and reach of some values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// How many values.
    pub count: usize,
    /// Their median: the middle one, or the mean of the two in the middle.
    pub median: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// Interval of the median of what the values were drawn from, whatever its shape: between two of
    /// the values, with at least 95 % confidence. `None` with fewer than [`Spread::NEEDED`] values.
    pub interval: Option<Interval>,
}

impl Spread {
    /// Fewest values whose range covers the median with 95 % confidence: 1 - 2 / 2^6 = 96.9 %.
    pub const NEEDED: usize = 6;

    /// Of values in any order; `None` without any or when one is not a number.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        if values.iter().any(|value| value.is_nan()) {
            return None;
        }
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        Some(Self {
            count: sorted.len(),
            median: median(&sorted)?,
            min: *sorted.first()?,
            max: *sorted.last()?,
            interval: interval(&sorted),
        })
    }
}

/// The median of sorted values.
pub(super) fn median(sorted: &[f64]) -> Option<f64> {
    let upper = sorted.get(sorted.len() / 2)?;
    let lower = sorted.get(sorted.len().saturating_sub(1) / 2)?;
    // Equal ones stay what they are.
    Some(lower + (upper - lower) / 2.0)
}

/// Between the k-th value from either end lies the median but for both tails of fewer than k of n coins.
#[allow(clippy::cast_precision_loss, reason = "counts of runs are small")]
fn interval(sorted: &[f64]) -> Option<Interval> {
    let n = sorted.len();
    let mut chance = 0.5_f64.powi(i32::try_from(n).ok()?);
    let mut tail = 0.0;
    let mut found = None;
    for k in 0..n / 2 {
        tail += chance;
        if 2.0 * tail > ALPHA || tail == 0.0 {
            break;
        }
        found = Some((k, 1.0 - 2.0 * tail));
        chance *= (n - k) as f64 / (k + 1) as f64;
    }
    let (k, confidence) = found?;
    Some(Interval {
        low: *sorted.get(k)?,
        high: *sorted.get(n - 1 - k)?,
        confidence,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn spread(n: u32) -> Spread {
        let values: Vec<f64> = (1..=n).rev().map(f64::from).collect();
        Spread::of(&values).unwrap()
    }

    #[test]
    #[allow(clippy::float_cmp, reason = "the values themselves")]
    fn intervals_are_those_of_the_tables_of_the_sign_test() {
        // n, rank from either end, confidence; David and Nagaraja, Order Statistics, table of the sign test.
        for (n, low, high, confidence) in [
            (6, 1.0, 6.0, 0.968_75),
            (8, 1.0, 8.0, 0.992_19),
            (9, 2.0, 8.0, 0.960_94),
            (10, 2.0, 9.0, 0.978_52),
            (20, 6.0, 15.0, 0.958_61),
        ] {
            let interval = spread(n).interval.unwrap();
            assert_eq!((interval.low, interval.high), (low, high), "{n}");
            assert!((interval.confidence - confidence).abs() < 1e-5, "{n}");
        }
        for n in 1..6 {
            assert_eq!(spread(n).interval, None);
        }
        assert_eq!((spread(4).median, spread(5).median), (2.5, 3.0));
        assert_eq!((spread(4).min, spread(4).max), (1.0, 4.0));
    }

    #[test]
    fn nothing_has_no_middle() {
        assert_eq!(Spread::of(&[]), None);
        assert_eq!(Spread::of(&[1.0, f64::NAN]), None);
    }

    proptest! {
        #[test]
        fn the_median_lies_in_its_interval_and_that_in_the_range(
            values in proptest::collection::vec(-1e9..1e9_f64, 1..60)
        ) {
            let spread = Spread::of(&values).unwrap();
            prop_assert!(spread.min <= spread.median && spread.median <= spread.max);
            prop_assert_eq!(spread.interval.is_some(), values.len() >= Spread::NEEDED);
            if let Some(interval) = spread.interval {
                prop_assert!(interval.confidence >= 0.95);
                prop_assert!(spread.min <= interval.low && interval.low <= spread.median);
                prop_assert!(spread.median <= interval.high && interval.high <= spread.max);
            }
        }
    }
}
