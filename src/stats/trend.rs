//! Whether a series rises or falls throughout: slope and chance of it.

use distrs::Normal;

use super::spread::median;

/// How a series goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trend {
    /// Change from one value to the next: the median of the slopes between all pairs, which a third of wild values
    /// does not move (Sen, Journal of the American Statistical Association 63, 1968).
    pub slope: f64,
    /// Chance that values in no order at all rise or fall as consistently, from 0 to 1, on both sides (Mann,
    /// Econometrica 13, 1945; Kendall, Rank Correlation Methods, 1975), by the normal approximation with the
    /// corrections for continuity and equal values.
    pub chance: f64,
}

impl Trend {
    /// Of values in the order they came; `None` with fewer than three or when one is not finite.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "a series of seconds is short")]
    pub fn of(values: &[f64]) -> Option<Self> {
        if values.len() < 3 || values.iter().any(|value| !value.is_finite()) {
            return None;
        }
        let mut slopes = Vec::with_capacity(values.len() * (values.len() - 1) / 2);
        let mut score = 0.0;
        for (at, earlier) in values.iter().enumerate() {
            for (apart, later) in (1_u32..).zip(values.iter().skip(at + 1)) {
                slopes.push((later - earlier) / f64::from(apart));
                score += match later.total_cmp(earlier) {
                    std::cmp::Ordering::Greater => 1.0,
                    std::cmp::Ordering::Equal => 0.0,
                    std::cmp::Ordering::Less => -1.0,
                };
            }
        }
        slopes.sort_by(f64::total_cmp);
        let weight = |n: f64| n * (n - 1.0) * (2.0 * n + 5.0);
        let equal: f64 = runs_of_equals(values).map(|n| weight(n as f64)).sum();
        let variance = (weight(values.len() as f64) - equal) / 18.0;
        let above = f64::max(f64::abs(score) - 1.0, 0.0);
        let chance = if variance > 0.0 {
            2.0 * Normal::cdf(-above / variance.sqrt(), 0.0, 1.0)
        } else {
            1.0
        };
        Some(Self {
            slope: median(&slopes)?,
            chance: chance.min(1.0),
        })
    }
}

/// How often each value occurs.
pub(super) fn runs_of_equals(values: &[f64]) -> impl Iterator<Item = usize> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let runs: Vec<usize> = sorted.chunk_by(|a, b| a == b).map(<[f64]>::len).collect();
    runs.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_has_its_slope_whatever_a_third_of_it_does() {
        let mut line: Vec<f64> = (0..12).map(|i| 5.0 + 0.5 * f64::from(i)).collect();
        let trend = Trend::of(&line).unwrap();
        assert!(
            (trend.slope - 0.5).abs() < 1e-12 && trend.chance < 1e-4,
            "{trend:?}"
        );
        (line[3], line[7]) = (1e6, -1e6);
        assert!((Trend::of(&line).unwrap().slope - 0.5).abs() < 0.05);
    }

    /// Kendall's table for five values: a score of 10 of 10 has the chance 2/120.
    #[test]
    fn chances_are_about_those_of_the_table() {
        let rising = Trend::of(&[1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
        assert!((rising.chance - 2.0 / 120.0).abs() < 0.015, "{rising:?}");
        let flat = Trend::of(&[3.0; 9]).unwrap();
        assert_eq!((flat.slope, flat.chance), (0.0, 1.0));
        assert_eq!(Trend::of(&[1.0, 2.0]), None);
        assert_eq!(Trend::of(&[1.0, f64::NAN, 2.0]), None);
    }

    proptest! {
        #[test]
        fn a_mirrored_series_has_the_mirrored_trend(values in prop::collection::vec(-1e6..1e6f64, 3..30)) {
            let trend = Trend::of(&values).unwrap();
            prop_assert!((0.0..=1.0).contains(&trend.chance));
            let back: Vec<f64> = values.iter().rev().copied().collect();
            let mirrored = Trend::of(&back).unwrap();
            prop_assert!((trend.slope + mirrored.slope).abs() <= 1e-9 * trend.slope.abs().max(1.0));
            prop_assert_eq!(trend.chance, mirrored.chance);
        }
    }
}
