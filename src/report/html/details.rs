//! Everything a chart does not show: accounts, times, retries, flow control, what the generator cost.

use std::collections::BTreeMap;

use maud::{Markup, html};

use crate::metrics::units::{bytes, count, duration, percent};
use crate::report::bodies;
use crate::report::littles_law::LittlesLaw;
use crate::report::result::{LoadModel, RunResult};
use crate::report::style::Style;
use crate::report::text::{load, remarks, statistics, times, warmup};

use super::table::table;

/// A heading, its text, and what belongs below it.
struct Remark {
    heading: String,
    text: String,
    below: Vec<String>,
}

/// What was sent.
pub(super) fn load_of(result: &RunResult) -> Markup {
    let window = &result.window;
    let law = result.littles_law.filter(LittlesLaw::binds);
    let mut lengths = format!("{:.1} s measured", window.measured_s);
    if window.warmup_s > 0.0 {
        lengths = format!("{:.1} s of warm-up, then {lengths}", window.warmup_s);
    }
    html! {
        dl.remarks {
            dt { "Load" } dd { (load(result)) }
            dt { "Window" } dd { (lengths) }
            @if let Some(warmup) = warmup(result) { dt { "Warm-up" } dd { (warmup) } }
            @if let Some(law) = law { dt { "Little's law" } dd { (law.sentence()) } }
            @if let Some(bodies) = result.bodies {
                dt { "Bodies" } dd { "planned " (bodies::words(&bodies.planned)) }
            }
        }
    }
}

/// What became of the sends.
pub(super) fn accounts(result: &RunResult) -> Markup {
    let accounts = &result.accounts;
    let due = match result.run.load_model {
        LoadModel::Open => "planned",
        LoadModel::Closed => "begun",
    };
    let ends = [
        accounts.planned,
        accounts.acked,
        accounts.failed,
        accounts.unknown,
        accounts.unsent,
        accounts.late_replies,
        result.retries.attempts,
    ];
    let headings = [
        "",
        due,
        "acked",
        "failed",
        "unknown",
        "unsent",
        "late replies",
        "attempts",
    ];
    let row = std::iter::once("messages".to_owned()).chain(ends.map(count));
    let kinds = |what: &str, kinds: &BTreeMap<String, u64>| {
        let mut rows: Vec<_> = kinds.iter().filter(|(_, n)| **n > 0).collect();
        rows.sort_by_key(|(_, n)| std::cmp::Reverse(**n));
        let rows: Vec<_> = rows
            .into_iter()
            .map(|(kind, n)| vec![kind.clone(), count(*n)])
            .collect();
        html! { @if !rows.is_empty() { (table(what, &[what, "number"], &rows)) } }
    };
    html! {
        p { (due) " = acked + failed + unknown + unsent" }
        (table("Accounts", &headings, &[row.collect()]))
        div.side-by-side {
            @if let Some(statuses) = &accounts.by_status { (kinds("status", statuses)) }
            (kinds("failed or unknown", &accounts.errors))
            (kinds("retried because of", &result.retries.by_reason))
        }
    }
}

/// Every kind of time.
pub(super) fn times_of(result: &RunResult) -> Markup {
    let rows = times(result).into_iter().map(|(name, times)| {
        let name = std::iter::once(name.to_owned());
        name.chain(statistics(times)).collect()
    });
    let headings = ["", "p50", "p90", "p99", "p99.9", "max", "count"];
    table("Times", &headings, &rows.collect::<Vec<_>>())
}

/// Attempts that brokers refused by their flow control; nothing where none was.
pub(super) fn flow_control(result: &RunResult) -> Option<Markup> {
    if result.flow_control.is_empty() {
        return None;
    }
    let none = || "-".to_owned();
    let rows = result.flow_control.iter().map(|figures| {
        let brokers = figures.brokers.iter();
        let brokers: Vec<_> = brokers
            .map(|(name, n)| format!("{name} {}", count(*n)))
            .collect();
        vec![
            figures.class.clone(),
            count(figures.attempts),
            figures.share.map_or_else(none, percent),
            figures
                .queued_mean_ms
                .map_or_else(none, |ms| format!("{ms:.1} ms")),
            figures
                .queued_max_ms
                .map_or_else(none, |ms| duration(ms.saturating_mul(1_000_000))),
            figures.queue_size_max.map_or_else(none, count),
            brokers.join(", "),
        ]
    });
    let headings = [
        "class",
        "attempts",
        "of all attempts",
        "queued, mean",
        "queued, max",
        "queue, max",
        "brokers",
    ];
    Some(table("Flow control", &headings, &rows.collect::<Vec<_>>()))
}

/// What else happened and what it cost, in the words of the text report.
pub(super) fn remarks_of(result: &RunResult) -> Markup {
    let mut text = Vec::new();
    // A vector takes any bytes.
    let _ = remarks(&mut text, result, Style::Plain);
    let mut found: Vec<Remark> = Vec::new();
    for line in String::from_utf8_lossy(&text).lines() {
        match (line.split_once(": "), found.last_mut()) {
            (_, Some(remark)) if line.starts_with(' ') => {
                remark.below.push(line.trim().to_owned());
            }
            (Some((heading, text)), _) => found.push(Remark {
                heading: heading.to_owned(),
                text: text.to_owned(),
                below: Vec::new(),
            }),
            (None, _) => {}
        }
    }
    html! {
        dl.remarks {
            @for remark in &found {
                dt { (remark.heading) }
                dd {
                    (remark.text)
                    @if !remark.below.is_empty() {
                        ul { @for line in &remark.below { li { (line) } } }
                    }
                }
            }
        }
    }
}

/// The machine it ran on.
pub(super) fn host(result: &RunResult) -> Markup {
    let host = &result.host;
    let generator = &result.generator;
    let figures = [
        ("CPUs", host.cpus.map(count)),
        ("Kernel", host.kernel.clone()),
        (
            "Load average before",
            host.load_average_1m.map(|load| format!("{load:.2}")),
        ),
        ("Most memory", generator.peak_rss_bytes.map(bytes)),
    ];
    html! {
        dl.remarks {
            @for (name, figure) in figures {
                @if let Some(figure) = figure { dt { (name) } dd { (figure) } }
            }
        }
    }
}
