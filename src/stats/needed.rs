//! How many runs a group needs before a difference of a stated size is seen.

use distrs::{Normal, StudentsT};

use super::ALPHA;

/// Chance of seeing the difference that the number is for.
pub const POWER: f64 = 0.8;
/// Fewest runs a group of equal size can be told apart with: see [`super::shift::can_tell`].
const FEWEST: u32 = 4;
/// Where looking ends: nobody makes so many.
const MOST: u32 = 1_000;

/// What is to be seen, on the scale the deviation is given on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sought {
    /// The difference.
    pub difference: f64,
    /// The least difference that is called one; below `difference`.
    pub least: f64,
    /// How many figures are tested together, which makes each harder to call.
    pub figures: usize,
}

/// Runs per group with which a difference is called with the chance [`POWER`], for values that deviate
/// so much from run to run; `None` when that takes more than 1,000, or when the difference is not above
/// the least one.
///
/// By the distribution of Welch's t under normal values, with Bonferroni's correction for the number of
/// figures; as figures of a run move together, fewer may do. `results/*-comparison` has what it held
/// against simulated runs.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "numbers of figures are small")]
pub fn needed(deviation: f64, sought: Sought) -> Option<u32> {
    if !deviation.is_finite() || deviation < 0.0 || sought.difference <= sought.least {
        return None;
    }
    let wanted = Normal::ppf(POWER, 0.0, 1.0);
    let level = 1.0 - ALPHA / 2.0 / sought.figures.max(1) as f64;
    (FEWEST..=MOST).find(|runs| {
        let error = deviation * (2.0 / f64::from(*runs)).sqrt();
        let critical = StudentsT::ppf(level, f64::from(2 * runs - 2)) * error;
        sought.difference - critical.max(sought.least) >= wanted * error
    })
}

/// Standard deviation inside the groups, pooled; `None` when no group has two values.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "numbers of runs are small")]
pub fn pooled_deviation(groups: [&[f64]; 2]) -> Option<f64> {
    let (mut squares, mut freedom) = (0.0, 0.0);
    for group in groups.into_iter().filter(|group| group.len() > 1) {
        let mean = group.iter().sum::<f64>() / group.len() as f64;
        squares += group
            .iter()
            .map(|value| (value - mean).powi(2))
            .sum::<f64>();
        freedom += (group.len() - 1) as f64;
    }
    (freedom > 0.0).then(|| (squares / freedom).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sought(difference: f64) -> Sought {
        Sought {
            difference,
            least: 0.0,
            figures: 1,
        }
    }

    #[test]
    fn one_figure_needs_what_the_textbook_says() {
        // One standard deviation apart, 5 % two-sided, 80 %: 17 per group (Cohen 1988, table 2.4.1).
        assert!((16..=18).contains(&needed(1.0, sought(1.0)).unwrap()));
        assert!((63..=65).contains(&needed(1.0, sought(0.5)).unwrap()));
    }

    #[test]
    fn more_spread_more_figures_and_smaller_differences_need_more_runs() {
        let runs = |deviation, figures, least| {
            needed(
                deviation,
                Sought {
                    difference: 0.1,
                    least,
                    figures,
                },
            )
        };
        assert_eq!(runs(0.0, 8, 0.05), Some(4));
        assert!(runs(0.05, 1, 0.05) < runs(0.10, 1, 0.05));
        assert!(runs(0.05, 1, 0.05) < runs(0.05, 8, 0.05));
        assert!(runs(0.05, 1, 0.0) <= runs(0.05, 1, 0.09));
        assert_eq!(runs(0.05, 1, 0.1), None);
        assert_eq!(runs(9.0, 1, 0.0), None);
        assert_eq!(runs(f64::NAN, 1, 0.0), None);
    }

    #[test]
    fn a_single_run_has_no_deviation() {
        assert_eq!(pooled_deviation([&[1.0], &[2.0]]), None);
        let pooled = pooled_deviation([&[1.0, 3.0], &[5.0]]).unwrap();
        assert!((pooled - 2.0_f64.sqrt()).abs() < 1e-12);
    }
}
