//! What is seen first: what was tested, the verdict with its reasons, the answer, and a few figures.

use maud::{Markup, html};

use crate::metrics::units::{count, percent, rate};
use crate::report::figures::ThresholdOutcome;
use crate::report::named;
use crate::report::result::{LoadModel, RunResult, Target, TargetKind};
use crate::report::text::{answer, target_line, time};
use crate::verdict::{Reason, Status};

/// What the page is about, as its title.
pub(super) fn title(result: &RunResult) -> String {
    let run = &result.run;
    let load = match (run.load_model, result.rate.planned_per_s) {
        (LoadModel::Open, Some(planned)) => rate(planned),
        (LoadModel::Open, None) => "open loop".to_owned(),
        (LoadModel::Closed, _) => "closed loop".to_owned(),
    };
    format!("{} to {}, {load}", run.mode.name(), run.topic)
}

/// Target, title, verdict, answer, thresholds, figures.
pub(super) fn top(result: &RunResult) -> Markup {
    html! {
        (target(&result.run.target, &target_line(result)))
        h1 { (title(result)) }
        (verdict(result.verdict.status, "", &reasons(&result.verdict.reasons)))
        p.answer { (answer(result)) }
        (thresholds("Threshold", &result.thresholds))
        (figures(result))
    }
}

/// What was tested; an embedded cluster is called what it is.
pub(super) fn target(target: &Target, line: &str) -> Markup {
    let class = match target.kind {
        TargetKind::Embedded => "target embedded",
        TargetKind::Cluster => "target",
    };
    html! { p class=(class) { "Target: " (line) } }
}

/// Reasons of a verdict, each with its code.
pub(super) fn reasons(reasons: &[Reason]) -> Vec<(String, String)> {
    let reasons = reasons.iter();
    reasons
        .map(|reason| (reason.code.name().to_owned(), reason.detail.clone()))
        .collect()
}

/// The verdict with its reasons.
pub(super) fn verdict(status: Status, more: &str, reasons: &[(String, String)]) -> Markup {
    let class = match status {
        Status::Valid => "verdict valid",
        Status::Degraded => "verdict degraded",
        Status::Invalid => "verdict invalid",
    };
    html! {
        div class=(class) {
            p { "Verdict: " strong { (status.name()) } (more) }
            @if !reasons.is_empty() {
                ul {
                    @for (code, detail) in reasons { li { code { (code) } ": " (detail) } }
                }
            }
        }
    }
}

/// What the conditions given made of it.
pub(super) fn thresholds(what: &str, outcomes: &[ThresholdOutcome]) -> Markup {
    html! {
        @if !outcomes.is_empty() {
            ul.thresholds {
                @for outcome in outcomes {
                    li { (what) " " (outcome.sentence) }
                }
            }
        }
    }
}

/// The figures most ask for.
fn figures(result: &RunResult) -> Markup {
    let accounts = &result.accounts;
    let n_a = || "n/a".to_owned();
    let (name, times) = match (&result.latency.response, result.run.load_model) {
        (Some(response), _) => ("response", response),
        (None, LoadModel::Open) => ("lateness", &result.latency.lateness),
        (None, LoadModel::Closed) => ("queue", &result.latency.queue),
    };
    let share = |name: &str| named::figure(result, name).map_or_else(n_a, percent);
    let figures = [
        (
            "acknowledged".to_owned(),
            result.rate.acked_per_s.map_or_else(n_a, rate),
        ),
        (format!("{name} p50"), time(times.p50_ns)),
        (format!("{name} p99"), time(times.p99_ns)),
        (format!("{name} p99.9"), time(times.p999_ns)),
        (format!("{name} max"), time(times.max_ns)),
        ("failed or unknown".to_owned(), share("error_rate")),
        ("share of retries".to_owned(), share("retry_rate")),
        ("unsent".to_owned(), count(accounts.unsent)),
    ];
    html! {
        dl.figures {
            @for (name, figure) in figures {
                div { dt { (name) } dd { (figure) } }
            }
        }
    }
}
