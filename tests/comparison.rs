//! Error rates of comparisons, by simulated runs: the quick form of `scripts/comparison`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a test may panic, and its numbers are small"
)]

#[path = "../benches/comparison/model.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "the model is shared with an example that uses all of it"
)]
mod model;

use model::{Group, P99, pair};
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use rmq_bench::stats::{Answer, Compared, Limits, Measure, compare};

fn called(compared: &[Compared]) -> bool {
    compared
        .iter()
        .any(|one| matches!(one.answer, Answer::Better | Answer::Worse))
}

/// How many of so many comparisons have what is looked for.
fn count(
    pairs: u32,
    mut make: impl FnMut(&mut Xoshiro256PlusPlus) -> Vec<Measure>,
    limits: &Limits,
    found: impl Fn(&[Compared]) -> bool,
) -> u32 {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(20_261_124);
    let hit = |_| u32::from(found(&compare(&make(&mut random), limits)));
    (0..pairs).map(hit).sum()
}

#[test]
fn groups_without_a_difference_are_called_different_in_at_most_5_of_100() {
    // Without a least effect the test stands alone: about 5 % of 300 are 15, more than 26 would come
    // once in 300 times if the level were 5 %. The seed is fixed, so this passes or fails for good.
    let any_effect = Limits {
        min_effect: 0.0,
        min_points: 0.0,
        ..Limits::default()
    };
    let null = |random: &mut _| pair(random, Group::of(5, 0.10), Group::of(5, 0.10));
    let bare = count(300, null, &any_effect, called);
    assert!((1..=26).contains(&bare), "{bare} of 300");
    let relevant = count(300, null, &Limits::default(), called);
    assert!(relevant <= 15, "{relevant} of 300");
}

#[test]
fn a_p99_that_is_10_per_cent_higher_is_seen_with_enough_runs_and_not_with_three() {
    let worse = |compared: &[Compared]| compared[P99].answer == Answer::Worse;
    let shifted = |runs, spread| {
        move |random: &mut _| {
            let candidate = Group {
                tail: 1.10,
                ..Group::of(runs, spread)
            };
            pair(random, Group::of(runs, spread), candidate)
        }
    };
    let limits = Limits::default();
    assert_eq!(count(40, shifted(3, 0.02), &limits, worse), 0);
    let seen = count(100, shifted(8, 0.02), &limits, worse);
    assert!(seen >= 80, "{seen} of 100");
    let wrong = count(100, shifted(8, 0.02), &limits, |compared| {
        compared[P99].answer == Answer::Better
    });
    assert_eq!(wrong, 0);
}
