//! Whether groups differ more than runs that change places would: Westfall and Young's step-down maxT
//! over all figures at once, so that the chance of one false call is bounded for the lot of them.

use std::ops::ControlFlow;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

/// Ways to split the runs up to which all of them are taken.
const ALL_SPLITS: u64 = 20_000;
/// Splits drawn where there are more; the one that happened counts as one more.
const DRAWN_SPLITS: u32 = 9_999;
/// The same runs give the same answer.
const SEED: u64 = 0x0072_6d71_2d62_656e;

/// One figure of all runs, the baseline's before the candidate's, on a scale where differences count.
pub type Row = Vec<f64>;

/// Chance, per figure, that some figure of runs without a difference would stand out as much; adjusted
/// for there being several. Rows are as long as both groups together, and a figure that never varies
/// has the chance 1.
///
/// Exact under exchangeability: when nothing distinguishes the groups, at most 5 % of comparisons have
/// any figure at or below 0.05.
#[must_use]
pub fn adjusted(rows: &[Row], baseline: usize) -> Vec<f64> {
    let runs = rows.first().map_or(0, Vec::len);
    if baseline == 0 || baseline >= runs || rows.iter().any(|row| row.len() != runs) {
        return vec![1.0; rows.len()];
    }
    let centred: Vec<Row> = rows.iter().map(|row| centred(row)).collect();
    let happened: Vec<usize> = (0..baseline).collect();
    let mut order: Vec<(usize, f64)> = centred
        .iter()
        .map(|row| welch(row, &happened).abs())
        .enumerate()
        .collect();
    // The least remarkable first: maxima are taken over a growing set.
    order.sort_by(|(_, a), (_, b)| a.total_cmp(b));
    let mut tally = vec![0_u32; order.len()];
    let mut splits = 0_u32;
    let mut count = |split: &[usize]| {
        splits += 1;
        let mut most = 0.0_f64;
        for ((figure, seen), hits) in order.iter().zip(&mut tally) {
            let here = centred.get(*figure).map_or(0.0, |row| welch(row, split));
            most = most.max(here.abs());
            // Rounding must not tell a split from its mirror image.
            *hits += u32::from(most >= seen * (1.0 - 1e-9));
        }
    };
    each_split(runs, baseline, &mut count);
    let mut chances = vec![1.0; rows.len()];
    let mut at_least = 0.0_f64;
    for ((figure, _), hits) in order.iter().zip(&tally).rev() {
        at_least = at_least.max(f64::from(*hits) / f64::from(splits));
        if let Some(chance) = chances.get_mut(*figure) {
            *chance = at_least;
        }
    }
    chances
}

/// Every choice of so many runs, or those drawn and the first.
fn each_split(runs: usize, chosen: usize, visit: &mut impl FnMut(&[usize])) {
    let mut split: Vec<usize> = (0..chosen).collect();
    if choices(runs, chosen).is_some_and(|choices| choices <= ALL_SPLITS) {
        loop {
            visit(&split);
            if advance(&mut split, runs).is_break() {
                return;
            }
        }
    }
    visit(&split);
    let mut random = Xoshiro256PlusPlus::seed_from_u64(SEED);
    let mut deck: Vec<usize> = (0..runs).collect();
    for _ in 0..DRAWN_SPLITS {
        for place in 0..chosen {
            deck.swap(place, random.random_range(place..runs));
        }
        visit(deck.get(..chosen).unwrap_or_default());
    }
}

/// The next choice in lexicographic order.
fn advance(split: &mut [usize], runs: usize) -> ControlFlow<()> {
    let chosen = split.len();
    let movable = split
        .iter()
        .enumerate()
        .rposition(|(place, run)| *run < runs - chosen + place);
    let Some(place) = movable else {
        return ControlFlow::Break(());
    };
    let next = split.get(place).map_or(0, |run| run + 1);
    for (run, next) in split.iter_mut().skip(place).zip(next..) {
        *run = next;
    }
    ControlFlow::Continue(())
}

/// Ways to choose; `None` when there are very many.
fn choices(of: usize, chosen: usize) -> Option<u64> {
    let few = chosen.min(of - chosen) as u64;
    (0..few).try_fold(1_u64, |ways, i| {
        Some(ways.checked_mul(of as u64 - i)? / (i + 1))
    })
}

/// The same around 0, so that sums of squares keep their digits.
#[allow(clippy::cast_precision_loss, reason = "numbers of runs are small")]
fn centred(row: &[f64]) -> Row {
    let mean = row.iter().sum::<f64>() / row.len() as f64;
    row.iter().map(|value| value - mean).collect()
}

/// Welch's t of the chosen against the others; 0 when nothing varies.
#[allow(clippy::cast_precision_loss, reason = "numbers of runs are small")]
fn welch(centred: &[f64], chosen: &[usize]) -> f64 {
    let add = |(sum, squares): (f64, f64), value: &f64| (sum + value, squares + value * value);
    let (all, all_squares) = centred.iter().fold((0.0, 0.0), add);
    let inside = chosen.iter().filter_map(|run| centred.get(*run));
    let (sum, squares) = inside.fold((0.0, 0.0), add);
    let (n, m) = (chosen.len() as f64, (centred.len() - chosen.len()) as f64);
    let (other, other_squares) = (all - sum, all_squares - squares);
    let of_mean = |n: f64, sum: f64, squares: f64| {
        let deviations = (squares - sum * sum / n).max(0.0);
        deviations / (n - 1.0).max(1.0) / n
    };
    let difference = other / m - sum / n;
    // Groups that do not vary inside differ as far as rounding lets one tell.
    let error = of_mean(n, sum, squares) + of_mean(m, other, other_squares) + 1e-18;
    difference / error.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separated_groups_are_as_rare_as_their_split() {
        let row = vec![1.0, 1.1, 1.2, 1.05, 1.3, 2.0, 2.1, 2.2, 2.05, 2.3];
        let chances = adjusted(std::slice::from_ref(&row), 5);
        assert!((chances[0] - 2.0 / 252.0).abs() < 1e-12, "{chances:?}");
        // A second figure that says the same takes nothing from the first.
        let doubled = row.iter().map(|value| value * 2.0).collect();
        let both = adjusted(&[row, doubled], 5);
        assert!((both[0] - 2.0 / 252.0).abs() < 1e-12 && (both[1] - both[0]).abs() < 1e-12);
    }

    #[test]
    fn what_never_varies_is_no_difference() {
        assert_eq!(adjusted(&[vec![3.0; 10]], 5), [1.0]);
        assert_eq!(adjusted(&[vec![1.0, 2.0]], 0), [1.0]);
        assert_eq!(adjusted(&[vec![1.0, 2.0]], 2), [1.0]);
        assert_eq!(adjusted(&[], 2), Vec::<f64>::new());
        assert_eq!(adjusted(&[vec![1.0, 2.0, 3.0], vec![1.0]], 1), [1.0, 1.0]);
    }

    #[test]
    fn all_splits_are_visited_once() {
        for (runs, chosen) in [(1, 1), (4, 2), (7, 3), (10, 5), (5, 4)] {
            let mut seen = std::collections::BTreeSet::new();
            each_split(runs, chosen, &mut |split| {
                assert!(seen.insert(split.to_vec()))
            });
            assert_eq!(Some(seen.len() as u64), choices(runs, chosen));
        }
        assert_eq!(choices(10, 5), Some(252));
        assert_eq!(choices(400, 200), None);
    }

    #[test]
    fn many_runs_are_drawn_and_still_the_same_every_time() {
        let row: Vec<f64> = (0..40).map(|i| f64::from((i * 7919) % 101)).collect();
        let chances = adjusted(std::slice::from_ref(&row), 20);
        assert_eq!(chances, adjusted(&[row], 20));
        assert!(chances[0] > 0.05);
        let apart: Vec<f64> = (0..40)
            .map(|i| f64::from(i % 5) + f64::from(i / 20) * 50.0)
            .collect();
        assert!((adjusted(&[apart], 20)[0] - 1e-4).abs() < 1e-12);
    }
}
