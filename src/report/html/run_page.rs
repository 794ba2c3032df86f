//! The page of one run.

use maud::{Markup, html};

use crate::report::result::RunResult;

use super::course::Course;
use super::page::{Section, foot, page};
use super::{brokers, details, headline, percentiles, settings};

/// Why charts over time are missing.
const NO_SERIES: &str = "This result has no seconds to draw: it is of an older version, or merged from several processes, \
                         whose percentiles by the second do not add up.";

/// The whole page.
pub(super) fn page_of(result: &RunResult) -> Markup {
    let mut sections = vec![
        section("latency", "Latency", latency(result)),
        section("over-time", "Over time", over_time(result)),
        section("accounts", "Accounts", details::accounts(result)),
        section("brokers", "Brokers", brokers::figures(result)),
    ];
    if let Some(content) = details::flow_control(result) {
        sections.push(section("flow-control", "Flow control", content));
    }
    sections.extend([
        section("events", "Events and cost", details::remarks_of(result)),
        section("load", "Load", details::load_of(result)),
        section("host", "Machine", details::host(result)),
        section(
            "settings",
            "Settings",
            settings::settings(&result.config, &result.config_source),
        ),
    ]);
    page(
        &format!("{} – rmq-bench", headline::title(result)),
        &headline::top(result),
        &sections,
        &foot(&result.tool, Some((&result.run.id, &result.run.started_at))),
    )
}

fn section(id: &'static str, heading: &'static str, content: Markup) -> Section {
    Section {
        id,
        heading,
        content,
    }
}

fn latency(result: &RunResult) -> Markup {
    let chart = percentiles::of_run(result);
    html! {
        @match &chart {
            Ok(chart) => { div.charts.wide { (chart.render()) } }
            Err(why) => { p.missing { (why) } }
        }
        (details::times_of(result))
    }
}

fn over_time(result: &RunResult) -> Markup {
    let Some(course) = Course::of(result) else {
        return html! { p.missing { (NO_SERIES) } };
    };
    let mut charts = vec![course.rates(), course.times(), course.in_flight()];
    charts.extend(brokers::charts(&course));
    charts.extend(course.retries());
    html! {
        @for note in course.notes() { p.note { (note) } }
        div.charts {
            @for chart in &charts { (chart.render()) }
            @if let Some(lanes) = course.isolations() { (lanes.render()) }
        }
        @if result.avoidance.as_ref().is_none_or(|avoidance| avoidance.events.is_empty()) {
            p.note { "No broker was kept out by fault avoidance." }
        }
    }
}
