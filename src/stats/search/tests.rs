use super::*;
use proptest::prelude::*;

const LIMITS: Limits = Limits {
    min_per_s: 1_000.0,
    max_per_s: 200_000.0,
    precision: 0.05,
    confidence: 0.95,
    confirm: 3,
    budget_s: 900.0,
    window_s: 12.0,
    probe_s: 12.0,
};

/// A cluster without noise, or with a regular one, so that nothing depends on a seed.
fn window(step: &Step, number: usize, capacity: f64, noise: f64) -> Outcome {
    let shift = [0.0, 0.7, -0.7, 0.3, -1.1, 1.1, -0.3][number % 7] * noise;
    if step.per_s < capacity * (1.0 + shift) {
        Outcome::Passed
    } else {
        Outcome::Failed
    }
}

fn run(limits: Limits, mut outcome: impl FnMut(&Step, usize) -> Outcome) -> (Search, Answer) {
    let mut search = Search::new(limits);
    loop {
        match search.next() {
            Next::Step(step) => {
                let became = outcome(&step, search.taken().len());
                search.record(became, 12.0);
            }
            Next::Answer(answer) => return (search, answer),
        }
    }
}

#[test]
fn a_capacity_is_found_and_confirmed() {
    for (capacity, noise) in [
        (31_415.0, 0.0),
        (31_415.0, 0.01),
        (1_234.0, 0.01),
        (150_000.0, 0.02),
    ] {
        let (search, answer) = run(LIMITS, |step, number| window(step, number, capacity, noise));
        assert_eq!(
            answer.ending,
            Ending::Found,
            "{capacity}, {noise}: {answer:?}"
        );
        let (passed, failed) = (answer.passed_per_s.unwrap(), answer.failed_per_s.unwrap());
        assert!(
            passed <= capacity && capacity <= failed,
            "{passed} {capacity} {failed}"
        );
        assert!(answer.confidence.unwrap() >= 0.95 - SLACK, "{answer:?}");
        // Narrower ones would have ends at which windows fail and pass by turns.
        let width = failed / passed - 1.0;
        assert!(width > 0.95 * LIMITS.precision, "{width}: {answer:?}");
        // The low rate is the last thing measured, and passed every time.
        let last = search.taken().iter().rev().take(3);
        for taken in last {
            assert_eq!((taken.step.per_s, taken.outcome), (passed, Outcome::Passed));
            assert_eq!(taken.step.purpose, Purpose::ConfirmPassing);
        }
        let at_high = search
            .taken()
            .iter()
            .filter(|taken| taken.step.per_s == failed);
        let failures = at_high
            .filter(|taken| taken.outcome == Outcome::Failed)
            .count();
        assert!(failures >= 2, "the upper rate failed {failures} times");
    }
}

#[test]
fn rates_outside_of_what_may_be_tried_are_told() {
    let (_, below) = run(LIMITS, |_, _| Outcome::Failed);
    assert_eq!(
        (below.ending, below.failed_per_s),
        (Ending::BelowMin, Some(1_000.0))
    );
    assert_eq!(below.passed_per_s, None);
    let (search, above) = run(LIMITS, |_, _| Outcome::Passed);
    assert_eq!(
        (above.ending, above.passed_per_s),
        (Ending::AboveMax, Some(200_000.0))
    );
    let at_most = search
        .taken()
        .iter()
        .filter(|taken| taken.step.per_s == 200_000.0);
    assert_eq!(at_most.count(), 3, "confirmed as often as any other rate");
}

#[test]
fn one_stall_at_the_lowest_rate_ends_nothing() {
    let (_, answer) = run(LIMITS, |step, number| match number {
        0 => Outcome::Failed,
        _ => window(step, number, 20_000.0, 0.0),
    });
    assert_eq!(answer.ending, Ending::Found, "{answer:?}");
}

#[test]
fn two_stalls_at_the_lowest_rate_are_not_the_answer_and_three_failures_are() {
    let failing = |windows: usize| {
        move |step: &Step, number: usize| match number {
            stalled if stalled < windows => Outcome::Failed,
            _ => window(step, number, 20_000.0, 0.0),
        }
    };
    assert_eq!(run(LIMITS, failing(2)).1.ending, Ending::Found);
    let (_, answer) = run(LIMITS, failing(3));
    assert_eq!(
        (answer.ending, answer.passed_per_s, answer.failed_per_s),
        (Ending::BelowMin, None, Some(1_000.0))
    );
    assert_eq!(
        (answer.bracket, answer.confidence),
        (None, None),
        "it is below"
    );
}

/// What passes everywhere, but for a stall in the window of this number.
fn but_for_a_stall(at: usize) -> impl Fn(&Step, usize) -> Outcome {
    move |_, number| {
        if number == at {
            Outcome::Failed
        } else {
            Outcome::Passed
        }
    }
}

#[test]
fn a_stall_takes_nothing_from_a_capacity_beyond_the_highest_rate() {
    for at in [0, 4, 6] {
        let (_, answer) = run(LIMITS, but_for_a_stall(at));
        assert_eq!(answer.ending, Ending::AboveMax, "{at}: {answer:?}");
        assert_eq!(
            (answer.passed_per_s, answer.failed_per_s, answer.bracket),
            (Some(200_000.0), None, None),
            "{at}"
        );
    }
}

#[test]
fn a_stall_takes_nothing_from_what_a_generator_got_through() {
    let (_, answer) = run(LIMITS, |step, number| {
        if step.per_s > 40_000.0 {
            Outcome::Generator
        } else {
            but_for_a_stall(0)(step, number)
        }
    });
    assert_eq!(answer.ending, Ending::Generator, "{answer:?}");
    assert!(answer.passed_per_s >= Some(32_000.0), "{answer:?}");
    assert_eq!(answer.failed_per_s, None, "{answer:?}");
}

#[test]
fn what_else_disturbs_a_window_is_no_limit_of_the_generator() {
    // As often as three times in a row at rates it never offered.
    let (_, answer) = run(LIMITS, |step, number| match number % 6 {
        1..=4 => Outcome::Disturbed,
        _ => window(step, number, 20_000.0, 0.0),
    });
    assert_ne!(answer.ending, Ending::Generator, "{answer:?}");
    let (search, answer) = run(LIMITS, |step, number| {
        if step.per_s > 4_000.0 {
            Outcome::Disturbed
        } else {
            window(step, number, 20_000.0, 0.0)
        }
    });
    assert_eq!(answer.ending, Ending::Generator);
    assert_eq!(answer.passed_per_s, Some(4_000.0));
    let disturbed = search
        .taken()
        .iter()
        .filter(|taken| taken.outcome == Outcome::Disturbed);
    assert_eq!(disturbed.count(), SPOILT_BEFORE);
}

#[test]
fn a_generator_that_ends_first_gives_no_capacity() {
    let (search, answer) = run(LIMITS, |step, _| {
        if step.per_s > 30_000.0 {
            Outcome::Generator
        } else {
            Outcome::Passed
        }
    });
    assert_eq!(answer.ending, Ending::Generator);
    assert_eq!(
        (answer.passed_per_s, answer.failed_per_s),
        (Some(16_000.0), None)
    );
    let spoilt = search
        .taken()
        .iter()
        .filter(|taken| taken.outcome == Outcome::Generator);
    assert_eq!(spoilt.count(), SPOILT);
}

#[test]
fn a_generator_that_did_better_before_is_given_more_time() {
    // A rate of 32,000 is among the probes.
    let offered = |step: &Step, number: usize| number > 6 && step.per_s <= 32_000.0;
    let (_, answer) = run(LIMITS, |step, number| {
        if offered(step, number) && number % 6 != 0 {
            Outcome::Generator
        } else {
            window(step, number, 31_415.0, 0.0)
        }
    });
    assert_ne!(answer.ending, Ending::Generator, "{answer:?}");
    let (search, answer) = run(LIMITS, |step, number| {
        if offered(step, number) {
            Outcome::Generator
        } else {
            window(step, number, 31_415.0, 0.0)
        }
    });
    assert_eq!(answer.ending, Ending::Generator);
    let last = search.taken().iter().rev();
    let spoilt = last.take_while(|taken| taken.outcome == Outcome::Generator);
    assert_eq!(spoilt.count(), SPOILT_BEFORE);
}

#[test]
fn windows_the_generator_spoils_now_and_then_are_made_again() {
    let (search, answer) = run(LIMITS, |step, number| match number % 4 {
        1 => Outcome::Generator,
        _ => window(step, number, 31_415.0, 0.0),
    });
    assert_eq!(answer.ending, Ending::Found, "{answer:?}");
    for pair in search.taken().windows(2) {
        if pair[0].outcome == Outcome::Generator {
            assert_eq!(pair[0].step, pair[1].step, "the same rate again");
        }
    }
}

#[test]
fn a_capacity_that_moves_is_not_told_as_one() {
    for factor in [-0.012, 0.012] {
        let (_, answer) = run(LIMITS, |step, number| {
            let moved = 40_000.0 * (1.0 + factor * number as f64);
            window(step, number, moved, 0.01)
        });
        assert_ne!(answer.ending, Ending::Found, "{factor}: {answer:?}");
        if let Ending::Moved(share) = answer.ending {
            assert_eq!(share > 0.0, factor > 0.0, "{share}");
        }
    }
}

#[test]
fn how_far_a_capacity_moved_is_told() {
    // By 0.2 % a window: slowly enough for a pair to be confirmed.
    let moved = |number: usize| 40_000.0 * (1.0 - 0.002 * number as f64);
    let (search, answer) = run(LIMITS, |step, number| {
        window(step, number, moved(number), 0.005)
    });
    let Ending::Moved(share) = answer.ending else {
        panic!("{answer:?}");
    };
    let taken = search.taken();
    let near = taken.iter().position(|taken| taken.step.per_s > 20_000.0);
    let truth = moved(taken.len()) / moved(near.unwrap()) - 1.0;
    assert!((share / truth - 1.0).abs() < 0.25, "{share} of {truth}");
}

#[test]
fn no_search_takes_longer_than_its_time() {
    for budget_s in [60.0, 150.0, 400.0] {
        let limits = Limits { budget_s, ..LIMITS };
        let (search, answer) = run(limits, |step, number| window(step, number, 31_415.0, 0.05));
        assert!(
            search.seconds() <= budget_s,
            "{} of {budget_s}",
            search.seconds()
        );
        if search.seconds() < 100.0 {
            assert_eq!(answer.ending, Ending::OutOfTime);
        }
    }
}

#[test]
fn a_first_window_that_was_spoilt_is_made_again_if_there_is_time_to_settle() {
    let limits = Limits {
        budget_s: 60.0,
        probe_s: 40.0,
        ..LIMITS
    };
    let mut search = Search::new(limits);
    search.record(Outcome::Disturbed, 30.0);
    let Next::Answer(answer) = search.next() else {
        panic!("40 s do not fit into what is left of 60");
    };
    assert_eq!(answer.ending, Ending::OutOfTime);
}

#[test]
fn nothing_happens_after_the_answer() {
    let (mut search, answer) = run(LIMITS, |step, number| window(step, number, 31_415.0, 0.0));
    let steps = search.taken().len();
    search.record(Outcome::Failed, 1.0);
    assert_eq!(search.taken().len(), steps);
    assert_eq!(search.next(), Next::Answer(answer));
}

#[test]
fn rates_are_of_four_digits() {
    assert_eq!(rounded(31_415.926, f64::round), 31_420.0);
    assert_eq!(rounded(31_415.926, f64::floor), 31_410.0);
    assert_eq!(rounded(1_234.56, f64::ceil), 1_235.0);
    assert_eq!(rounded(0.5, f64::round), 0.5);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    /// Whatever becomes of the windows: the same outcomes lead the same way, from any point on, and the search ends
    /// in its time.
    #[test]
    fn outcomes_alone_decide_the_way(outcomes in prop::collection::vec(0_u8..8, 20..80), cut in 0_usize..40) {
        let outcome = |number: usize| match outcomes[number % outcomes.len()] {
            0 => Outcome::Generator,
            4 => Outcome::Disturbed,
            odd if odd % 2 == 1 => Outcome::Passed,
            _ => Outcome::Failed,
        };
        let (whole, answer) = run(LIMITS, |_, number| outcome(number));
        prop_assert!(whole.seconds() <= LIMITS.budget_s);
        let mut resumed = Search::new(LIMITS);
        for taken in whole.taken().iter().take(cut) {
            prop_assert_eq!(resumed.next(), Next::Step(taken.step));
            resumed.record(taken.outcome, taken.seconds);
        }
        let later = run_on(resumed, outcome);
        prop_assert_eq!(later.taken(), whole.taken());
        prop_assert_eq!(later.next(), Next::Answer(answer));
        for taken in whole.taken() {
            let rates = LIMITS.min_per_s..=LIMITS.max_per_s;
            prop_assert!(rates.contains(&taken.step.per_s), "{}", taken.step.per_s);
        }
    }
}

fn run_on(mut search: Search, outcome: impl Fn(usize) -> Outcome) -> Search {
    while let Next::Step(_) = search.next() {
        search.record(outcome(search.taken().len()), 12.0);
    }
    search
}

#[test]
fn what_is_told_before_the_end_was_measured() {
    let mut search = Search::new(LIMITS);
    for number in 0..12 {
        let Next::Step(step) = search.next() else {
            panic!("an answer after {number} steps");
        };
        search.record(window(&step, number, 31_415.0, 0.01), 12.0);
        let known = search.so_far();
        assert_eq!(known.ending, Ending::OutOfTime);
        let tried = |rate: f64, outcome| {
            let same = |taken: &Taken| taken.step.per_s == rate && taken.outcome == outcome;
            search.taken().iter().any(same)
        };
        assert!(
            known
                .passed_per_s
                .is_none_or(|rate| tried(rate, Outcome::Passed))
        );
        assert!(
            known
                .failed_per_s
                .is_none_or(|rate| tried(rate, Outcome::Failed))
        );
        assert_eq!(known.bracket, search.bracket());
    }
    assert!(search.so_far().failed_per_s.is_some());
}
