//! Sentences and rows that text and Markdown share.

use serde_json::Value;

use crate::metrics::units::{count, counted, duration, percent, rate};
use crate::report::result::TargetKind;

use super::document::{Answer, AnswerKind, CapacityResult, Curve, Step, StepOutcome};
use super::window::{ObjectiveFigure, WindowFigures};
use crate::report::named::Unit;

/// The answer in a sentence.
#[must_use]
pub fn sentence(answer: &Answer) -> String {
    let (passed, failed) = (answer.passed_per_s.map(rate), answer.failed_per_s.map(rate));
    let objectives = answer.objectives.join(", ");
    let tried = match (&passed, &failed) {
        (Some(passed), Some(failed)) => format!("{passed} passed and {failed} failed"),
        (Some(passed), None) => format!("{passed} passed"),
        (None, Some(failed)) => format!("{failed} failed"),
        (None, None) => "no rate passed or failed".to_owned(),
    };
    let known = answer.bracket_per_s.zip(answer.confidence);
    let between = match known {
        Some((_, confidence)) if answer.answer == AnswerKind::Found => {
            format!(
                "{tried}; the capacity lies between with a chance of {}",
                chance(confidence)
            )
        }
        Some(([low, high], confidence)) => format!(
            "{tried}; the capacity lies between {} and {} with a chance of {}",
            rate(low),
            rate(high),
            chance(confidence)
        ),
        None => tried,
    };
    let passed = passed.unwrap_or_else(|| "?".to_owned());
    match answer.answer {
        AnswerKind::Found => format!("Capacity at {objectives}: {between}"),
        AnswerKind::AtLeastMax => format!(
            "Capacity at {objectives}: at least {passed}, the highest rate that was to be tried"
        ),
        AnswerKind::BelowMin => format!(
            "No capacity at {objectives}: {}, the lowest rate that was to be tried, does not meet them",
            failed.unwrap_or_default()
        ),
        AnswerKind::Generator => {
            let limit = answer.generator_limit.as_deref().unwrap_or("its verdict");
            let disturbed = answer
                .steps
                .last()
                .is_some_and(|step| step.outcome == StepOutcome::Disturbed);
            match answer.passed_per_s {
                passed if disturbed || (passed.is_some() && failed.is_some()) => format!(
                    "No capacity: the generator was disturbed too often ({limit}); at {objectives} {between}"
                ),
                Some(_) => format!(
                    "No capacity: the generator ends here ({limit}). The cluster carries at least {passed} at {objectives}"
                ),
                None => format!(
                    "No capacity: the generator ends here ({limit}), before any rate passed"
                ),
            }
        }
        AnswerKind::Moved => format!(
            "Inconclusive at {objectives}: the capacity moved by {} while it was looked for; last, {between}",
            signed(answer.moved_share.unwrap_or_default())
        ),
        AnswerKind::OutOfTime => {
            format!("Inconclusive at {objectives}: the time was over; so far, {between}")
        }
        AnswerKind::Stopped => format!(
            "Stopped, as {}; so far, at {objectives}: {between}",
            answer
                .stopped_by
                .as_deref()
                .unwrap_or("a limit was reached")
        ),
        AnswerKind::Interrupted => format!("Interrupted; so far, at {objectives}: {between}"),
    }
}

/// A chance, rounded down so that none is called certain.
fn chance(share: f64) -> String {
    percent((share * 1000.0).floor().min(999.0) / 1000.0)
}

pub(super) fn signed(share: f64) -> String {
    format!("{:+.1}%", share * 100.0)
}

/// How sure the answer is and what it took, in one line.
pub(in crate::report) fn sureness(answer: &Answer) -> String {
    let mut parts = vec![format!(
        "{} windows in {}",
        answer.steps.len(),
        duration(nanos(answer.seconds))
    )];
    if let (Some(passed), Some(failed)) = (answer.passed_per_s, answer.failed_per_s) {
        parts.push(format!(
            "the two rates are {} apart, {} wanted",
            percent(failed / passed - 1.0),
            percent(answer.precision_wanted)
        ));
    }
    if let Some(noise) = answer.noise_share {
        parts.push(format!(
            "a window's capacity scatters by {}",
            percent(noise)
        ));
    }
    let spoilt = answer
        .steps
        .iter()
        .filter(|step| step.outcome.is_spoilt())
        .count();
    if spoilt > 0 {
        parts.push(format!(
            "{} spoilt by the generator or its machine and left out",
            counted(spoilt as u64, "window")
        ));
    }
    parts.extend(speed(answer));
    parts.join(", ")
}

/// That a message became dearer or cheaper to the generator while the search went on: then its machine was not the same, and
/// a cluster on it was not either. Of windows that passed at about one rate, as the cost depends on it.
fn speed(answer: &Answer) -> Option<String> {
    const FEWEST: usize = 3;
    const CHANGE: f64 = 1.2;
    const LIKE: std::ops::Range<f64> = 0.9..1.1;
    let passed = || {
        let steps = answer.steps.iter();
        steps.filter(|step| step.purpose != "probe" && step.outcome == StepOutcome::Passed)
    };
    let last = passed().next_back()?.window.offered_per_s;
    let like = passed().filter(|step| LIKE.contains(&(step.window.offered_per_s / last)));
    let costs = like.filter_map(|step| step.window.generator_cpu_us_per_message);
    let costs: Vec<f64> = costs.collect();
    let third = costs.len() / 3;
    if third < FEWEST {
        return None;
    }
    let before = median(costs.get(..third)?)?;
    let after = median(costs.get(costs.len() - third..)?)?;
    (after > before * CHANGE || before > after * CHANGE).then(|| {
        format!(
            "at about {} the generator's CPU time per message went from {before:.1} to {after:.1} µs: its machine did not keep its speed",
            rate(last)
        )
    })
}

fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "seconds of a search; the cast saturates"
)]
pub(super) fn nanos(seconds: f64) -> u64 {
    (seconds * 1e9) as u64
}

/// What was sent to, in one line.
pub(in crate::report) fn target(result: &CapacityResult) -> String {
    let target = &result.run.target;
    let brokers = counted(target.brokers.len() as u64, "broker");
    let kind = match target.kind {
        TargetKind::Embedded => "embedded cluster in this process, not Apache RocketMQ",
        TargetKind::Cluster => "cluster",
    };
    let own = match result.config.get("own_topic") {
        Some(Value::Bool(true)) => " (made for the search)",
        _ => "",
    };
    format!(
        "{kind}, {brokers}, name server {}, topic {}{own}, mode {}",
        target.namesrv.join(";"),
        result.run.topic,
        result.run.mode.name()
    )
}

/// Headings of [`step_row`].
pub(in crate::report) const STEP_HEADINGS: [&str; 10] = [
    "step",
    "for",
    "offered",
    "outcome",
    "acknowledged",
    "p50",
    "p99",
    "errors",
    "objectives",
    "verdict",
];

pub(in crate::report) fn step_row(step: &Step) -> Vec<String> {
    let outcome = if step.cut_short {
        format!("{}, cut short", step.outcome.name())
    } else {
        step.outcome.name().to_owned()
    };
    let mut row = vec![
        step.purpose.replace('_', " "),
        rate(step.window.offered_per_s),
        outcome,
    ];
    row.extend(figures(&step.window));
    row.push(objectives(&step.window));
    row.push(verdict(&step.window));
    row
}

/// Says of a curve that was cut off how much of it there is.
pub(in crate::report) fn cut_off(curve: &Curve) -> String {
    let points = curve.points.len() as u64;
    if points < curve.asked {
        format!(", {points} of {} points", curve.asked)
    } else {
        String::new()
    }
}

/// What is to be seen in a curve: where its percentile turns up, and what brokers refused.
pub(in crate::report) fn seen(curve: &Curve) -> Vec<String> {
    let knee = curve
        .knee_per_s
        .map(|knee| format!("The 99th percentile turns up beyond {}.", rate(knee)));
    let refused = curve.points.iter().filter_map(|point| {
        let classes = point.flow_control.iter();
        let classes = classes.map(|(class, attempts)| format!("{class} {}", count(*attempts)));
        let classes: Vec<String> = classes.collect();
        let at = rate(point.offered_per_s);
        (!classes.is_empty())
            .then(|| format!("Refused by flow control at {at}: {}.", classes.join(", ")))
    });
    knee.into_iter().chain(refused).collect()
}

/// Headings of [`curve_row`].
pub(in crate::report) const CURVE_HEADINGS: [&str; 9] = [
    "share",
    "offered",
    "acknowledged",
    "p50",
    "p99",
    "errors",
    "retries",
    "CPU/message",
    "verdict",
];

pub(in crate::report) fn curve_row(point: &WindowFigures) -> Vec<String> {
    let mut row = vec![rate(point.offered_per_s)];
    row.extend(figures(point));
    row.push(count(point.retries));
    row.push(
        point
            .generator_cpu_us_per_message
            .map_or("n/a".to_owned(), |us| format!("{us:.2} µs")),
    );
    row.push(verdict(point));
    row
}

fn figures(window: &WindowFigures) -> [String; 4] {
    let time = |ns: Option<u64>| ns.map_or("n/a".to_owned(), duration);
    [
        window.acked_per_s.map_or("n/a".to_owned(), rate),
        time(window.p50_ns),
        time(window.p99_ns),
        window.error_share().map_or("n/a".to_owned(), percent),
    ]
}

/// What each objective came to, without what every window has to meet.
fn objectives(window: &WindowFigures) -> String {
    let own = window
        .objectives
        .iter()
        .filter(|objective| !["sent", "unstable"].contains(&objective.figure.as_str()));
    let shown = |objective: &ObjectiveFigure| {
        let name = objective.figure.trim_start_matches("response.");
        let value = objective
            .value
            .map(|value| Unit::of(&objective.figure).show(value));
        format!("{name} {}", value.unwrap_or_else(|| "n/a".to_owned()))
    };
    own.map(shown).collect::<Vec<_>>().join(", ")
}

fn verdict(window: &WindowFigures) -> String {
    if window.reasons.is_empty() {
        return window.verdict.name().to_owned();
    }
    format!("{}: {}", window.verdict.name(), window.reasons.join(", "))
}

#[cfg(test)]
pub(in crate::report) mod sample {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use serde_json::Map;

    use super::super::consequences::{Consequences, Searched};
    use super::super::document::{
        Answer, AnswerKind, CapacityResult, CapacityRun, Curve, KIND, Step, StepOutcome,
    };
    use super::super::window::{ObjectiveFigure, WindowFigures};
    use crate::config::value::Price;
    use crate::config::{Outlook, PriceList};
    use crate::report::result::{SCHEMA_VERSION, Tool};
    use crate::report::sample as runs;
    use crate::verdict::Status;

    pub(in super::super) fn window(offered_per_s: f64) -> WindowFigures {
        WindowFigures {
            offered_per_s,
            measured_s: 10.0,
            acked_per_s: Some(offered_per_s),
            p50_ns: Some(600_000),
            p99_ns: Some(5_000_000),
            p999_ns: Some(8_000_000),
            max_ns: Some(9_000_000),
            ended: 10_000,
            failed_or_unknown: 0,
            unsent: 0,
            retries: 0,
            flow_control: BTreeMap::new(),
            generator_cpu_us_per_message: Some(1.5),
            acked_body_bytes: Some(10_240_000),
            verdict: Status::Valid,
            reasons: Vec::new(),
            objectives: vec![ObjectiveFigure {
                condition: "p99<10ms".to_owned(),
                figure: "response.p99".to_owned(),
                met: Some(true),
                value: Some(5e6),
            }],
        }
    }

    fn step(number: u64, purpose: &str, offered_per_s: f64, outcome: StepOutcome) -> Step {
        Step {
            number,
            purpose: purpose.to_owned(),
            outcome,
            seconds: 12.0,
            cut_short: outcome == StepOutcome::Failed,
            backlog_s: None,
            sent_bytes: 3e8,
            bracket_per_s: (number > 1).then_some([30_000.0, 40_000.0]),
            window: window(offered_per_s),
        }
    }

    /// The same with all that can be said besides.
    pub(in crate::report) fn with_consequences() -> CapacityResult {
        let mut result = found();
        let price = |text: &str| text.parse::<Price>().unwrap().amount();
        let outlook = Outlook {
            demand_per_s: Some(25_000.0),
            growth: "3%/month".parse().ok(),
            retention: Some(Duration::from_secs(72 * 3600)),
            prices: Some(PriceList {
                broker_per_hour: Some(price("broker=0.40/hour")),
                disk_per_gib_month: Some(price("disk=0.08/GiB-month")),
                traffic_per_gib: Some(price("traffic=0.09/GiB")),
                currency: "disk=1EUR/GiB-month".parse::<Price>().unwrap().currency,
            }),
        };
        result.consequences = Consequences::of(&Searched {
            outlook: &outlook,
            answer: &result.capacity,
            brokers: result.run.target.brokers.len(),
            started_at: &result.run.started_at,
        });
        result
    }

    pub(in crate::report) fn found() -> CapacityResult {
        let run = runs::open().run;
        let mut capacity = Answer {
            answer: AnswerKind::Found,
            sentence: String::new(),
            objectives: vec!["p99<10ms".to_owned(), "error_rate<0.1%".to_owned()],
            passed_per_s: Some(31_200.0),
            failed_per_s: Some(32_600.0),
            bracket_per_s: Some([31_200.0, 32_600.0]),
            confidence: Some(0.9786),
            confidence_wanted: 0.95,
            precision_wanted: 0.05,
            noise_share: Some(0.012),
            moved_share: None,
            stopped_by: None,
            generator_limit: None,
            seconds: 384.0,
            steps: vec![
                step(1, "probe", 30_000.0, StepOutcome::Passed),
                step(2, "bisect", 40_000.0, StepOutcome::Failed),
            ],
        };
        capacity.sentence = super::sentence(&capacity);
        CapacityResult {
            schema_version: SCHEMA_VERSION,
            kind: KIND.to_owned(),
            tool: Tool::current(None),
            run: CapacityRun {
                id: run.id,
                started_at: run.started_at,
                command: "capacity".to_owned(),
                mode: run.mode,
                target: run.target,
                topic: run.topic,
                group: run.group,
                resumed_steps: None,
            },
            config: Map::new(),
            config_source: BTreeMap::new(),
            capacity,
            consequences: None,
            curve: Some(Curve::new(
                31_200.0,
                2,
                vec![window(15_600.0), window(31_200.0)],
            )),
            one_less: None,
            host: runs::open().host,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(kind: AnswerKind, change: impl Fn(&mut Answer)) -> String {
        let mut answer = Answer {
            answer: kind,
            ..sample::found().capacity
        };
        change(&mut answer);
        sentence(&answer)
    }

    #[test]
    fn a_machine_that_does_not_keep_its_speed_is_told() {
        let with = |outcome, windows: [(f64, f64); 3]| {
            let mut answer = sample::found().capacity;
            let step = answer.steps[1].clone();
            let window = |(per_s, us): (f64, f64)| {
                let mut step = step.clone();
                step.outcome = outcome;
                step.window.offered_per_s = per_s;
                step.window.generator_cpu_us_per_message = Some(us);
                step
            };
            let windows = windows.into_iter().map(window);
            answer.steps = windows.flat_map(|step| vec![step; 4]).collect();
            sureness(&answer)
        };
        let at = |costs: [f64; 3]| costs.map(|us| (30_000.0, us));
        let passed = StepOutcome::Passed;
        let told = with(passed, at([4.2, 3.6, 3.1]));
        assert!(told.contains("went from 4.2 to 3.1 µs"), "{told}");
        assert!(with(passed, at([3.0, 3.6, 4.2])).contains("from 3.0 to 4.2"));
        for (outcome, windows) in [
            (passed, at([4.2, 9.0, 4.0])),
            // Of a rate of its own, or of windows in which all was late, the cost is another one anyway.
            (passed, [(20_000.0, 5.0), (30_000.0, 4.0), (30_000.0, 3.9)]),
            (StepOutcome::Failed, at([4.2, 3.6, 3.1])),
        ] {
            let told = with(outcome, windows);
            assert!(!told.contains("went from"), "{told}");
        }
    }

    #[test]
    fn every_answer_says_what_it_knows_and_no_more() {
        let plain = |_: &mut Answer| ();
        let found = said(AnswerKind::Found, plain);
        assert!(
            found.contains("31,200/s passed and 32,600/s failed") && found.contains("97.8"),
            "{found}"
        );
        let generator = said(AnswerKind::Generator, |answer| {
            answer.failed_per_s = None;
            answer.generator_limit = Some("cpu_throttled".to_owned());
        });
        assert!(
            generator.starts_with("No capacity: the generator ends here (cpu_throttled)"),
            "{generator}"
        );
        assert!(generator.contains("at least 31,200/s"), "{generator}");
        let moved = said(AnswerKind::Moved, |answer| {
            answer.moved_share = Some(-0.123)
        });
        assert!(
            moved.starts_with("Inconclusive") && moved.contains("moved by -12.3%"),
            "{moved}"
        );
        let certain = said(AnswerKind::Found, |answer| answer.confidence = Some(1.0));
        assert!(certain.contains("99.9"), "nothing is certain: {certain}");
        let nothing = said(AnswerKind::Generator, |answer| answer.passed_per_s = None);
        assert!(nothing.contains("before any rate passed"), "{nothing}");
        assert!(said(AnswerKind::AtLeastMax, plain).contains("at least 31,200/s"));
    }
}
