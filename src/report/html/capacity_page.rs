//! The page of a search for a capacity: the answer, the curve, the way to it.

use maud::{Markup, html};

use crate::metrics::units::{duration, percent, rate};
use crate::report::capacity::consequences::words::{counted_with, notes, tables};
use crate::report::capacity::words::{
    CURVE_HEADINGS, STEP_HEADINGS, curve_row, cut_off, seen, step_row, sureness, target,
};
use crate::report::capacity::{
    AnswerKind, CapacityResult, Consequences, Curve, Step, StepOutcome, WindowFigures,
};

use super::chart::axis::Axis;
use super::chart::line::Line;
use super::chart::{Chart, Row};
use super::page::{Section, foot, page};
use super::table::table;
use super::{headline, settings};

/// The whole page.
pub(super) fn page_of(result: &CapacityResult) -> Markup {
    let title = format!("Capacity of {}", result.run.topic);
    let mut sections = Vec::new();
    if let Some(consequences) = &result.consequences {
        sections.push(Section {
            id: "consequences",
            heading: "Consequences",
            content: consequences_section(consequences),
        });
    }
    if let Some(curve) = &result.curve {
        sections.push(Section {
            id: "curve",
            heading: "Latency over the offered rate",
            content: curve_section(curve),
        });
    }
    sections.push(Section {
        id: "search",
        heading: "The search",
        content: search_section("way-chart", &result.capacity.steps),
    });
    if let Some(one_less) = &result.one_less {
        sections.push(Section {
            id: "one-less",
            heading: "One broker less",
            content: html! {
                @for sentence in one_less.sentences() { p { (sentence) } }
                (search_section("one-less-chart", &one_less.measured.steps))
            },
        });
    }
    sections.push(Section {
        id: "settings",
        heading: "Settings",
        content: settings::settings(&result.config, &result.config_source),
    });
    page(
        &format!("{title} – rmq-bench"),
        &top(result, &title),
        &sections,
        &foot(&result.tool, Some((&result.run.id, &result.run.started_at))),
    )
}

fn top(result: &CapacityResult, title: &str) -> Markup {
    let answer = &result.capacity;
    let class = match answer.answer {
        AnswerKind::Found | AnswerKind::AtLeastMax => "verdict valid",
        AnswerKind::Generator => "verdict invalid",
        _ => "verdict degraded",
    };
    html! {
        (headline::target(&result.run.target, &target(result)))
        h1 { (title) }
        div class=(class) { p { strong { (answer.sentence) } } }
        p.answer { "Rests on " (sureness(answer)) "." }
    }
}

fn consequences_section(consequences: &Consequences) -> Markup {
    let rows = |rows: &[(&str, Vec<String>)]| -> Vec<Vec<String>> {
        let with_name = |(name, cells): &(&str, Vec<String>)| {
            let name = std::iter::once((*name).to_owned());
            name.chain(cells.iter().cloned()).collect()
        };
        rows.iter().map(with_name).collect()
    };
    html! {
        p { (counted_with(consequences)) }
        @for part in tables(consequences) {
            @let headings: Vec<&str> = part.headings.iter().map(String::as_str).collect();
            (table(part.caption, &headings, &rows(&part.rows)))
        }
        ul { @for note in notes(consequences) { li { (note) } } }
    }
}

fn curve_section(curve: &Curve) -> Markup {
    let rows = curve.points.iter().map(|point| {
        let share = std::iter::once(percent(point.offered_per_s / curve.of_per_s));
        share.chain(curve_row(point)).collect()
    });
    html! {
        div.charts.wide { (curve_chart(curve).render()) }
        @for sentence in seen(curve) { p { (sentence) } }
        @let cut_off = cut_off(curve);
        @if !cut_off.is_empty() { p { "Of " (rate(curve.of_per_s)) (cut_off) "." } }
        (table("Latency over the offered rate", &CURVE_HEADINGS, &rows.collect::<Vec<_>>()))
    }
}

type Figure = fn(&WindowFigures) -> Option<u64>;

#[allow(
    clippy::cast_precision_loss,
    clippy::float_cmp,
    reason = "times on a logarithmic axis; the knee is one of the points"
)]
fn curve_chart(curve: &Curve) -> Chart {
    let figures: [(&str, usize, Figure); 3] = [
        ("p50", 2, |point| point.p50_ns),
        ("p99", 0, |point| point.p99_ns),
        ("p99.9", 4, |point| point.p999_ns),
    ];
    let line = |(name, look, figure): &(&str, usize, Figure)| Line {
        name: (*name).to_owned(),
        look: *look,
        points: curve
            .points
            .iter()
            .map(|point| (point.offered_per_s, figure(point).map(|ns| ns as f64)))
            .collect(),
    };
    // A percentile that no window states is no line.
    let lines = figures
        .iter()
        .map(line)
        .filter(|line| line.values().next().is_some());
    let knee = curve.points.iter().filter_map(|point| {
        let at = curve
            .knee_per_s
            .filter(|knee| *knee == point.offered_per_s)?;
        Some((at, Some(point.p99_ns? as f64)))
    });
    let knee = knee.take(1).map(|point| Line {
        name: "turns up".to_owned(),
        look: 1,
        points: vec![point],
    });
    let lines: Vec<Line> = lines.chain(knee).collect();
    let row = |point: &WindowFigures| {
        let times = figures
            .iter()
            .map(|(_, _, figure)| figure(point).map_or("n/a".to_owned(), duration));
        Row {
            at: Some(point.offered_per_s),
            cells: std::iter::once(rate(point.offered_per_s))
                .chain(times)
                .collect(),
        }
    };
    Chart {
        id: "curve-chart",
        title: "Response time over the offered rate".to_owned(),
        notes: Vec::new(),
        x: Axis::per_second(curve.points.iter().map(|point| point.offered_per_s)),
        y: Axis::time(lines.iter().flat_map(Line::values)),
        headings: ["offered", "p50", "p99", "p99.9"]
            .map(str::to_owned)
            .to_vec(),
        rows: curve.points.iter().map(row).collect(),
        bands: Vec::new(),
        lines,
    }
}

fn search_section(chart: &'static str, steps: &[Step]) -> Markup {
    let rows = steps.iter().map(|step| {
        let number = std::iter::once(step.number.to_string());
        number.chain(step_row(step)).collect()
    });
    html! {
        div.charts.wide { (way_chart(chart, steps).render()) }
        (table("Steps of the search", &STEP_HEADINGS, &rows.collect::<Vec<_>>()))
    }
}

#[allow(clippy::cast_precision_loss, reason = "numbers of steps")]
fn way_chart(id: &'static str, steps: &[Step]) -> Chart {
    let at = |step: &Step| step.number as f64;
    let outcome = |name: &str, look: usize, outcome: StepOutcome| Line {
        name: name.to_owned(),
        look,
        points: steps
            .iter()
            .flat_map(|step| {
                let rate = (step.outcome == outcome).then_some(step.window.offered_per_s);
                // Neighbours of the same kind are marks, and no line.
                [(at(step) - 0.5, None), (at(step), rate)]
            })
            .collect(),
    };
    let edge = |name: &str, look: usize, which: usize| Line {
        name: name.to_owned(),
        look,
        points: steps
            .iter()
            .map(|step| {
                (
                    at(step),
                    step.bracket_per_s
                        .and_then(|bracket| bracket.get(which).copied()),
                )
            })
            .collect(),
    };
    let mut lines = vec![
        outcome("passed", 2, StepOutcome::Passed),
        outcome("failed", 1, StepOutcome::Failed),
    ];
    for (name, look, spoilt) in [
        ("spoilt by the generator", 3, StepOutcome::Generator),
        ("spoilt by its machine", 6, StepOutcome::Disturbed),
    ] {
        if steps.iter().any(|step| step.outcome == spoilt) {
            lines.push(outcome(name, look, spoilt));
        }
    }
    if steps.iter().any(|step| step.bracket_per_s.is_some()) {
        lines.push(edge("capacity at least", 4, 0));
        lines.push(edge("capacity at most", 5, 1));
    }
    let row = |step: &Step| Row {
        at: Some(at(step)),
        cells: vec![
            step.number.to_string(),
            rate(step.window.offered_per_s),
            step.outcome.name().to_owned(),
            step.bracket_per_s.map_or("n/a".to_owned(), |[low, high]| {
                format!("{} to {}", rate(low), rate(high))
            }),
        ],
    };
    Chart {
        id,
        title: "Rates tried, and what was known".to_owned(),
        notes: vec!["The lines are those between which the capacity lay with the confidence wanted, before each step.".to_owned()],
        x: Axis::steps(steps.iter().map(at)),
        y: Axis::per_second(lines.iter().flat_map(Line::values)),
        headings: ["step", "offered", "outcome", "capacity between"].map(str::to_owned).to_vec(),
        rows: steps.iter().map(row).collect(),
        bands: Vec::new(),
        lines,
    }
}
