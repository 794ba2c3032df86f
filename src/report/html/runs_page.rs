//! The page of several runs of one plan.

use maud::{Markup, html};

use crate::report::named::Unit;
use crate::report::runs::RunsResult;
use crate::report::runs_text::{interval, made, name, numbered, row, verdicts};
use crate::report::text::target_line;
use crate::stats::Spread;

use super::page::{Section, foot, page};
use super::table::table;
use super::{details, headline, percentiles, settings};

/// The whole page.
pub(super) fn page_of(result: &RunsResult) -> Markup {
    let first = result.runs.first();
    let title = first.map_or_else(|| "No run".to_owned(), headline::title);
    let title = format!("{title}, {} runs", result.runs.len());
    let mut sections = vec![
        Section {
            id: "over-the-runs",
            heading: "Over the runs",
            content: over_the_runs(result),
        },
        Section {
            id: "latency",
            heading: "Latency",
            content: latency(result),
        },
        Section {
            id: "runs",
            heading: "Run by run",
            content: run_by_run(result),
        },
    ];
    if let Some(first) = first {
        sections.push(Section {
            id: "load",
            heading: "Load",
            content: details::load_of(first),
        });
        sections.push(Section {
            id: "settings",
            heading: "Settings of the first run",
            content: settings::settings(&first.config, &first.config_source),
        });
    }
    let run = first.map(|first| (first.run.id.as_str(), first.run.started_at.as_str()));
    page(
        &format!("{title} – rmq-bench"),
        &top(result, &title),
        &sections,
        &foot(&result.tool, run),
    )
}

fn top(result: &RunsResult, title: &str) -> Markup {
    let mut reasons = Vec::new();
    for (number, run) in (1..).zip(&result.runs) {
        let own = headline::reasons(&run.verdict.reasons).into_iter();
        reasons.extend(own.map(|(code, detail)| (format!("run {number}, {code}"), detail)));
    }
    let more = format!(", the worst of the runs ({})", verdicts(result));
    html! {
        @if let Some(first) = result.runs.first() {
            (headline::target(&first.run.target, &target_line(first)))
        }
        h1 { (title) }
        (headline::verdict(result.verdict.status, &more, &reasons))
        p.answer { (made(result)) }
        (headline::thresholds("Threshold on the median:", &result.thresholds))
    }
}

fn over_the_runs(result: &RunsResult) -> Markup {
    let rows = result.figures.iter().map(|figure| {
        let unit = Unit::of(&figure.name);
        let values = [figure.median, figure.min, figure.max].map(|value| unit.show(value));
        let [median, min, max] = values;
        vec![name(figure, result), median, min, max, interval(figure)]
    });
    let headings = [
        "over the runs",
        "median",
        "smallest",
        "largest",
        "interval of the median",
    ];
    html! {
        (table("Figures over the runs", &headings, &rows.collect::<Vec<_>>()))
        @if result.finished < Spread::NEEDED as u64 {
            p.note {
                "An interval of the median with 95 % confidence takes " (Spread::NEEDED) " runs or more."
            }
        }
    }
}

fn latency(result: &RunsResult) -> Markup {
    html! {
        @match percentiles::of_runs(&result.runs) {
            Ok(chart) => { div.charts.wide { (chart.render()) } }
            Err(why) => { p.missing { (why) } }
        }
    }
}

fn run_by_run(result: &RunsResult) -> Markup {
    let rows = (1..).zip(&result.runs).map(|(number, run): (u64, _)| {
        std::iter::once(numbered(number, run))
            .chain(row(run))
            .collect()
    });
    let headings = [
        "run",
        "verdict",
        "seed",
        "acknowledged",
        "errors",
        "p50",
        "p99",
        "max",
    ];
    html! {
        (table("Run by run", &headings, &rows.collect::<Vec<_>>()))
        p.note { "Each run has its own time series and figures in the JSON result." }
    }
}
