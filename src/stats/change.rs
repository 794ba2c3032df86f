//! Whether the level of a series changes at some point, and where.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

use super::spread::median;

/// Orders drawn; the one that happened counts as one more.
const DRAWN: u32 = 999;
/// The same series gives the same answer.
const SEED: u64 = 0x7065_7474_6974_7431;

/// The point at which a series is best cut in two.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChangePoint {
    /// Values before it.
    pub at: usize,
    /// Median of those.
    pub before: f64,
    /// Median of the others.
    pub after: f64,
    /// Chance that values in no order at all are cut as clearly, from 0 to 1.
    pub chance: f64,
}

impl ChangePoint {
    /// Of values in the order they came; `None` with fewer than four or when one is not finite.
    ///
    /// Pettitt's test (Applied Statistics 28, 1979): the cut is where the rank sum of what lies before is farthest
    /// from what it would be by chance. His formula for the chance is far too careful for a series as short as a
    /// window has seconds, so the orders the values might have come in are drawn instead, which is right for any
    /// length and for equal values. Values that depend on those before them are cut more often than that.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        if values.len() < 4 || values.iter().any(|value| !value.is_finite()) {
            return None;
        }
        let mut ranks = ranks(values);
        let (at, seen) = farthest(&ranks);
        let mut random = Xoshiro256PlusPlus::seed_from_u64(SEED);
        let mut hits = 1_u32;
        for _ in 0..DRAWN {
            for place in (1..ranks.len()).rev() {
                ranks.swap(place, random.random_range(0..=place));
            }
            hits += u32::from(farthest(&ranks).1 >= seen);
        }
        let (before, after) = values.split_at_checked(at)?;
        Some(Self {
            at,
            before: middle(before)?,
            after: middle(after)?,
            chance: f64::from(hits) / f64::from(DRAWN + 1),
        })
    }
}

/// Median of values in any order.
pub(super) fn middle(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    median(&sorted)
}

/// Twice the rank of each value less twice the mean rank; equal ones share theirs. Whole numbers, so that sums are
/// exact.
fn ranks(values: &[f64]) -> Vec<i64> {
    let count = |which: &dyn Fn(&f64) -> bool| values.iter().filter(|other| which(other)).count();
    let rank = |value: &f64| {
        let below = count(&|other| other < value);
        let above = count(&|other| other > value);
        // A series of seconds is short.
        i64::try_from(below).unwrap_or(i64::MAX) - i64::try_from(above).unwrap_or(i64::MAX)
    };
    values.iter().map(rank).collect()
}

/// Where the sum of the ranks so far is farthest from 0, and how far.
fn farthest(ranks: &[i64]) -> (usize, i64) {
    let mut sum = 0_i64;
    let mut best = (1, 0);
    for (before, rank) in (1..ranks.len()).zip(ranks) {
        sum += rank;
        if sum.abs() > best.1 {
            best = (before, sum.abs());
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_step_is_found_where_it_is() {
        for at in [5, 6, 7] {
            let step: Vec<f64> = (0..12)
                .map(|i| f64::from(i % 3) + if i < at { 10.0 } else { 20.0 })
                .collect();
            let found = ChangePoint::of(&step).unwrap();
            // The rank sums draw it to the middle, by a value at most.
            assert!(
                found.at.abs_diff(usize::try_from(at).unwrap()) <= 1,
                "{found:?}"
            );
            assert!(
                found.after - found.before > 8.0 && found.chance <= 0.02,
                "{found:?}"
            );
        }
    }

    /// Of the 252 ways to have five low ones among ten, two cut as clearly.
    #[test]
    fn chances_are_those_of_counting() {
        let step: Vec<f64> = (0..10).map(|i| f64::from(i / 5)).collect();
        let found = ChangePoint::of(&step).unwrap();
        assert!((found.chance - 2.0 / 252.0).abs() < 0.01, "{found:?}");
    }

    #[test]
    fn what_does_not_change_is_not_cut() {
        assert_eq!(ChangePoint::of(&[2.0; 20]).unwrap().chance, 1.0);
        let saw: Vec<f64> = (0..20).map(|i| f64::from(i % 2)).collect();
        assert!(ChangePoint::of(&saw).unwrap().chance > 0.5);
        assert_eq!(ChangePoint::of(&[1.0, 2.0, 3.0]), None);
        assert_eq!(ChangePoint::of(&[1.0, 2.0, f64::INFINITY, 3.0]), None);
    }

    proptest! {
        #[test]
        fn any_series_is_cut_inside(values in prop::collection::vec(-1e9..1e9f64, 4..40)) {
            let found = ChangePoint::of(&values).unwrap();
            prop_assert!((1..values.len()).contains(&found.at));
            prop_assert!(found.chance > 0.0 && found.chance <= 1.0);
            // Only the order counts.
            let scaled: Vec<f64> = values.iter().map(|value| value * 8.0).collect();
            prop_assert_eq!(ChangePoint::of(&scaled).unwrap().chance, found.chance);
        }
    }
}
