use super::*;

fn measure(better: Better, baseline: &[f64], candidate: &[f64]) -> Measure {
    let some = |values: &[f64]| values.iter().copied().map(Some).collect();
    Measure {
        better,
        scale: Scale::Ratio,
        baseline: some(baseline),
        candidate: some(candidate),
    }
}

const STEADY: [f64; 6] = [1.00, 1.01, 0.99, 1.005, 0.995, 1.002];

fn scaled(by: f64) -> Vec<f64> {
    STEADY.iter().map(|value| value * by).collect()
}

#[test]
fn a_clear_difference_is_called_in_the_direction_of_the_figure() {
    for (better, by, answer) in [
        (Better::Lower, 1.2, Answer::Worse),
        (Better::Lower, 0.8, Answer::Better),
        (Better::Higher, 1.2, Answer::Better),
        (Better::Higher, 0.8, Answer::Worse),
    ] {
        let compared = compare(&[measure(better, &STEADY, &scaled(by))], &Limits::default());
        let [one] = compared.as_slice() else { panic!() };
        assert_eq!((one.answer, one.why), (answer, Why::Different));
        assert!((one.effect.unwrap() - by).abs() < 0.01);
        let interval = one.interval.unwrap();
        assert!(interval.low < by && by < interval.high && interval.confidence >= 0.95);
        assert!(one.chance.unwrap() <= 0.05);
        assert_eq!(overall(&compared), answer);
    }
}

#[test]
fn a_difference_that_does_not_matter_is_none() {
    let compared = compare(
        &[measure(Better::Lower, &STEADY, &scaled(1.03))],
        &Limits::default(),
    );
    assert_eq!(compared[0].why, Why::WithinLeast);
    assert!(
        compared[0].chance.unwrap() <= 0.05,
        "chance does not explain it"
    );
    assert_eq!(overall(&compared), Answer::Same);
    let strict = Limits {
        min_effect: 0.01,
        ..Limits::default()
    };
    let compared = compare(&[measure(Better::Lower, &STEADY, &scaled(1.03))], &strict);
    assert_eq!(compared[0].answer, Answer::Worse);
}

#[test]
fn few_runs_and_wide_ones_are_inconclusive_and_say_why() {
    let one_each = compare(
        &[measure(Better::Lower, &[1.0], &[9.0])],
        &Limits::default(),
    );
    assert_eq!(
        (one_each[0].answer, one_each[0].why),
        (Answer::Inconclusive, Why::TooFewRuns)
    );
    assert_eq!(
        (one_each[0].interval, one_each[0].needed_runs),
        (None, None)
    );
    assert!((one_each[0].effect.unwrap() - 9.0).abs() < 1e-9);
    let three = compare(
        &[measure(Better::Lower, &STEADY[..3], &scaled(2.0)[..3])],
        &Limits::default(),
    );
    assert_eq!(three[0].why, Why::TooFewRuns);
    assert_eq!(three[0].needed_runs, Some(4));
    let wide = [1.0, 1.6, 0.7, 1.3, 0.9];
    let compared = compare(&[measure(Better::Lower, &wide, &wide)], &Limits::default());
    assert_eq!(compared[0].why, Why::TooWide);
    assert!(compared[0].needed_runs.unwrap() > 50);
}

#[test]
fn a_figure_that_a_run_lacks_is_not_compared_and_the_others_are() {
    let mut lacking = measure(Better::Lower, &STEADY, &scaled(2.0));
    lacking.candidate[2] = None;
    let zero = measure(Better::Lower, &[0.0; 6], &STEADY);
    let whole = measure(Better::Lower, &STEADY, &scaled(2.0));
    let compared = compare(&[lacking, zero, whole], &Limits::default());
    assert_eq!(compared[0].why, Why::Missing);
    assert_eq!(compared[1].why, Why::Missing);
    assert_eq!(compared[2].answer, Answer::Worse);
}

#[test]
fn shares_are_compared_by_their_difference() {
    let shares = |baseline: [f64; 6], candidate: [f64; 6]| Measure {
        scale: Scale::Difference,
        ..measure(Better::Lower, &baseline, &candidate)
    };
    let none = [0.0; 6];
    let some = [0.01, 0.012, 0.011, 0.009, 0.010, 0.013];
    let worse = compare(&[shares(none, some)], &Limits::default());
    assert_eq!(worse[0].answer, Answer::Worse);
    assert!((worse[0].effect.unwrap() - 0.0105).abs() < 1e-3);
    let same = compare(&[shares(none, none)], &Limits::default());
    assert_eq!(same[0].why, Why::WithinLeast);
}

#[test]
fn one_worse_figure_outweighs_better_ones() {
    let worse = measure(Better::Lower, &STEADY, &scaled(1.5));
    let better = measure(Better::Higher, &STEADY, &scaled(1.5));
    let wide = measure(
        Better::Lower,
        &[1.0, 1.6, 0.7, 1.3, 0.9, 1.1],
        &[1.2, 1.5, 0.7, 1.3, 0.9, 1.1],
    );
    let limits = Limits::default();
    assert_eq!(
        overall(&compare(&[better.clone(), worse, wide.clone()], &limits)),
        Answer::Worse
    );
    assert_eq!(
        overall(&compare(&[better, wide.clone()], &limits)),
        Answer::Better
    );
    assert_eq!(overall(&compare(&[wide], &limits)), Answer::Inconclusive);
    assert_eq!(overall(&[]), Answer::Inconclusive);
}
