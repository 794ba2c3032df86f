//! The brokers: how each of them did over time, and their figures in a table.

use maud::{Markup, html};

use crate::metrics::units::{count, duration, percent};
use crate::metrics::{BrokerInterval, Interval};
use crate::report::figures::BrokerFigures;
use crate::report::result::{Mode, RunResult};
use crate::report::text::{kinds, time};

use super::chart::Chart;
use super::chart::axis::Axis;
use super::chart::line::{LOOKS, Line};
use super::course::{Course, Described, Show, p99_needs, shown_rate};
use super::table::table;

/// Charts of the brokers over time: what each acknowledged, what failed on it, how long it took.
pub(super) fn charts(course: &Course<'_>) -> Vec<Chart> {
    let drawn = drawn(course.result);
    let mut charts = vec![acked(course, &drawn)];
    charts.extend(failed(course, &drawn));
    charts.extend(times(course, &drawn));
    charts
}

/// The names of the brokers that are drawn: no more than can be told apart, those with the most attempts.
fn drawn(result: &RunResult) -> Vec<String> {
    let mut brokers: Vec<&BrokerFigures> = result.brokers.iter().collect();
    if brokers.len() > LOOKS {
        brokers.sort_by_key(|broker| std::cmp::Reverse(broker.attempts));
        brokers.truncate(LOOKS);
    }
    brokers
        .into_iter()
        .map(|broker| broker.name.clone())
        .collect()
}

/// Says it where not all brokers are drawn.
fn left_out(course: &Course<'_>, drawn: &[String]) -> Vec<String> {
    let all = course.result.brokers.len();
    let note = (all > drawn.len()).then(|| {
        let (drawn, all) = (count(drawn.len() as u64), count(all as u64));
        format!("The {drawn} of {all} brokers with the most attempts.")
    });
    note.into_iter().collect()
}

fn of<'a>(point: &'a Interval, name: &str) -> Option<&'a BrokerInterval> {
    point.brokers.iter().find(|broker| broker.name == name)
}

fn acked(course: &Course<'_>, drawn: &[String]) -> Chart {
    events(
        course,
        drawn,
        "brokers-acked",
        "Acknowledged per second, by broker",
        |broker| broker.acked,
    )
}

/// Where any failed.
fn failed(course: &Course<'_>, drawn: &[String]) -> Option<Chart> {
    let failed = |point: &Interval| point.brokers.iter().any(|broker| broker.failed > 0);
    course.series.points.iter().any(failed).then(|| {
        let title = "Failed attempts per second, by broker";
        events(course, drawn, "brokers-failed", title, |broker| {
            broker.failed
        })
    })
}

fn events(
    course: &Course<'_>,
    drawn: &[String],
    id: &'static str,
    title: &str,
    which: fn(&BrokerInterval) -> u64,
) -> Chart {
    let number = move |point: &Interval, name: &str| of(point, name).map_or(0, which);
    let lines = drawn
        .iter()
        .enumerate()
        .map(|(look, name)| course.rate_line(name, look, |point| number(point, name)));
    let lines: Vec<Line> = lines.collect();
    let columns = drawn.iter().map(|name| {
        let (heading, name) = (name.clone(), name.clone());
        let show = move |point: &Interval| shown_rate(number(point, &name), point);
        (heading, Box::new(show) as Show)
    });
    let what = Described {
        id,
        title: title.to_owned(),
        notes: left_out(course, drawn),
        columns: columns.collect(),
    };
    let y = Axis::per_second(lines.iter().flat_map(Line::values));
    course.chart(what, y, lines)
}

/// p99 of each broker's response times, or their medians where no interval has values enough.
fn times(course: &Course<'_>, drawn: &[String]) -> Option<Chart> {
    let mut all = course.series.points.iter().flat_map(|point| &point.brokers);
    all.clone().find(|broker| broker.response.is_some())?;
    let has_p99 = all.any(|broker| broker.response.is_some_and(|times| times.p99_ns.is_some()));
    let ns = move |point: &Interval, name: &str| {
        let times = of(point, name)?.response?;
        if has_p99 {
            times.p99_ns
        } else {
            Some(times.p50_ns)
        }
    };
    let lines = drawn
        .iter()
        .enumerate()
        .map(|(look, name)| course.time_line(name, look, |point| ns(point, name)));
    let lines: Vec<Line> = lines.collect();
    let columns = drawn.iter().map(|name| {
        let (heading, name) = (name.clone(), name.clone());
        let show = move |point: &Interval| time(ns(point, &name));
        (heading, Box::new(show) as Show)
    });
    let (statistic, mut notes) = if has_p99 {
        ("p99", vec![p99_needs()])
    } else {
        let few = "No interval of a broker has the 1,000 answers that a p99 needs.";
        ("p50", vec![few.to_owned()])
    };
    notes.extend(left_out(course, drawn));
    let what = Described {
        id: "brokers-times",
        title: format!("Response time {statistic}, by broker"),
        notes,
        columns: columns.collect(),
    };
    let y = Axis::time(lines.iter().flat_map(Line::values));
    Some(course.chart(what, y, lines))
}

/// The figures of each broker: what became of its attempts, and how long it took.
pub(super) fn figures(result: &RunResult) -> Markup {
    let attempts: Vec<_> = result.brokers.iter().map(attempts).collect();
    let times: Vec<_> = result.brokers.iter().map(times_of).collect();
    html! {
        (table("Attempts by broker", &[
            "broker", "address", "attempts", "share", "acked", "failed", "retries", "avoided", "errors",
        ], &attempts))
        @if result.run.mode != Mode::Oneway {
            (table("Times by broker", &[
                "broker", "service p50", "p99", "max", "response p50", "p99", "max",
            ], &times))
        }
    }
}

fn attempts(broker: &BrokerFigures) -> Vec<String> {
    let none = || "-".to_owned();
    let mut cells = vec![
        broker.name.clone(),
        broker.address.clone(),
        count(broker.attempts),
        broker.share.map_or_else(|| "n/a".to_owned(), percent),
    ];
    cells.extend([broker.acked, broker.failed, broker.retries].map(count));
    let avoided = broker.avoided_ms.filter(|ms| *ms > 0);
    cells.push(avoided.map_or_else(none, |ms| duration(ms.saturating_mul(1_000_000))));
    cells.push(if broker.errors.is_empty() {
        none()
    } else {
        kinds(&broker.errors)
    });
    cells
}

fn times_of(broker: &BrokerFigures) -> Vec<String> {
    let mut cells = vec![broker.name.clone()];
    for times in [broker.service.as_ref(), broker.response.as_ref()] {
        let figures = [
            times.and_then(|times| times.p50_ns),
            times.and_then(|times| times.p99_ns),
            times.and_then(|times| times.max_ns),
        ];
        cells.extend(figures.map(time));
    }
    cells
}
