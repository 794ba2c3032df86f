//! By how much one group differs from another: Hodges and Lehmann's estimate, and the interval that
//! inverts the rank-sum test. Nothing is assumed of the shape of the values.

use distrs::Normal;

use super::ALPHA;
use super::spread::median;

/// Pairs up to which the rank-sum statistic is counted out; above, its normal approximation is used.
const COUNTED_PAIRS: usize = 2_500;

/// A range that covers the truth with this confidence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Attained confidence, 0 to 1.
    pub confidence: f64,
}

/// How far the candidate lies above the baseline.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shift {
    /// Median of all differences between a candidate's value and a baseline's.
    pub estimate: f64,
    /// Its interval with at least 95 % confidence; `None` when the groups are too small for one.
    pub interval: Option<Interval>,
}

impl Shift {
    /// Of two groups; `None` when one is empty.
    #[must_use]
    pub fn between(baseline: &[f64], candidate: &[f64]) -> Option<Self> {
        let of = |of: &f64| {
            baseline
                .iter()
                .map(move |from| of - from)
                .collect::<Vec<_>>()
        };
        let mut differences: Vec<f64> = candidate.iter().flat_map(of).collect();
        differences.sort_by(f64::total_cmp);
        let estimate = median(&differences)?;
        let interval = cut(baseline.len(), candidate.len()).and_then(|(k, confidence)| {
            Some(Interval {
                low: *differences.get(k)?,
                high: *differences.get(differences.len().checked_sub(k + 1)?)?,
                confidence,
            })
        });
        Some(Self { estimate, interval })
    }
}

/// Whether groups of these sizes can differ by more than chance allows: complete separation has to be
/// rarer than [`ALPHA`]. Four against four can, three against three can't.
#[must_use]
pub fn can_tell(baseline: usize, candidate: usize) -> bool {
    cut(baseline, candidate).is_some()
}

/// How many of the sorted differences are cut off either end, and the confidence of what is left.
fn cut(n: usize, m: usize) -> Option<(usize, f64)> {
    if n == 0 || m == 0 {
        return None;
    }
    if n.saturating_mul(m) > COUNTED_PAIRS {
        return Some(approximate(n, m));
    }
    let chances = rank_sums(n, m);
    let mut below = 0.0;
    let mut found = None;
    for (k, chance) in chances.iter().enumerate() {
        below += chance;
        // Chances are sums of rounded ones.
        if 2.0 * below > ALPHA * (1.0 + 1e-9) {
            break;
        }
        found = Some((k, 1.0 - 2.0 * below));
    }
    found
}

#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "numbers of pairs; floored, and not below 0"
)]
fn approximate(n: usize, m: usize) -> (usize, f64) {
    let (n, m) = (n as f64, m as f64);
    let (mean, deviation) = (n * m / 2.0, (n * m * (n + m + 1.0) / 12.0).sqrt());
    let quantile = Normal::ppf(ALPHA / 2.0, 0.0, 1.0);
    let k = (mean + quantile * deviation - 0.5).floor().max(0.0);
    let below = Normal::cdf(k + 0.5, mean, deviation);
    (k as usize, 1.0 - 2.0 * below)
}

/// Chance of each value of the Mann-Whitney statistic up to half its range when the groups are alike:
/// partitions that fit into a box of n by m, counted by the recurrence of Mann and Whitney (1947) with
/// chances in place of counts.
#[allow(clippy::cast_precision_loss, reason = "sizes of groups are small")]
fn rank_sums(n: usize, m: usize) -> Vec<f64> {
    let reach = n * m / 2 + 1;
    let certain = || {
        let mut chances = vec![0.0; reach];
        if let Some(first) = chances.first_mut() {
            *first = 1.0;
        }
        chances
    };
    // Row i holds the chances for i values against 0..=m.
    let mut row: Vec<Vec<f64>> = (0..=m).map(|_| certain()).collect();
    for i in 1..=n {
        let mut next: Vec<Vec<f64>> = Vec::with_capacity(m + 1);
        next.push(certain());
        for (j, above) in row.iter().enumerate().skip(1) {
            // The largest of all i + j belongs to the first group, above all j others, or to the second.
            let first = i as f64 / (i + j) as f64;
            let shifted = std::iter::repeat_n(&0.0, j).chain(above);
            let mixed = next.last().map(|left| {
                let pairs = shifted.zip(left);
                pairs.map(|(a, b)| first * a + (1.0 - first) * b).collect()
            });
            next.extend(mixed);
        }
        row = next;
    }
    row.pop().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn critical_values_are_those_of_the_tables() {
        // Largest U with a two-sided chance of at most 5 %: Mann-Whitney tables. `None`: there is none.
        for (n, m, critical) in [
            (3, 3, None),
            (4, 4, Some(0)),
            (3, 5, Some(0)),
            (5, 5, Some(2)),
            (6, 6, Some(5)),
            (8, 8, Some(13)),
            (10, 10, Some(23)),
            (5, 20, Some(20)),
            (20, 20, Some(127)),
        ] {
            assert_eq!(cut(n, m).map(|(k, _)| k), critical, "{n} {m}");
        }
        assert!((cut(4, 4).unwrap().1 - (1.0 - 2.0 / 70.0)).abs() < 1e-12);
        assert!(!can_tell(1, 1) && !can_tell(0, 9) && can_tell(1, 39) && !can_tell(1, 38));
    }

    #[test]
    fn the_approximation_goes_on_where_the_counting_ends() {
        let (counted, exact) = cut(50, 50).unwrap();
        let (approximated, about) = approximate(50, 50);
        assert!(
            counted.abs_diff(approximated) <= 1,
            "{counted} {approximated}"
        );
        assert!((exact - about).abs() < 0.002);
    }

    #[test]
    fn the_shift_of_a_shifted_group_is_the_shift() {
        let baseline: Vec<f64> = (0..8).map(|i| f64::from(i * i)).collect();
        let candidate: Vec<f64> = baseline.iter().map(|value| value + 5.0).collect();
        let shift = Shift::between(&baseline, &candidate).unwrap();
        assert!((shift.estimate - 5.0).abs() < 1e-12);
        let interval = shift.interval.unwrap();
        assert!(interval.low < 5.0 && 5.0 < interval.high && interval.confidence >= 0.95);
        assert_eq!(Shift::between(&[], &candidate), None);
        assert_eq!(Shift::between(&[1.0], &[2.0]).unwrap().interval, None);
    }

    proptest! {
        #[test]
        fn swapping_the_groups_turns_the_shift_around(
            a in proptest::collection::vec(-1e3..1e3_f64, 1..15),
            b in proptest::collection::vec(-1e3..1e3_f64, 1..15)
        ) {
            let (there, back) = (Shift::between(&a, &b).unwrap(), Shift::between(&b, &a).unwrap());
            prop_assert!((there.estimate + back.estimate).abs() < 1e-9);
            match (there.interval, back.interval) {
                (Some(there), Some(back)) => {
                    prop_assert!((there.low + back.high).abs() < 1e-9);
                    prop_assert!((there.high + back.low).abs() < 1e-9);
                }
                (there, back) => prop_assert!(there.is_none() && back.is_none()),
            }
        }
    }
}
