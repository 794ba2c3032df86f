//! What is said before, between and after the windows.

use std::path::Path;
use std::time::Duration;

use super::own_topic;
use super::safety::{self, bytes_of};
use crate::cli::message;
use crate::config::value::DurationSetting;
use crate::config::{CapacityPlan, OneLessPlan, Target};
use crate::metrics::units::{count, counted, percent, rate};
use crate::report::capacity::{ObjectiveFigure, Step, StepOutcome};
use crate::report::named::Unit;
use crate::stats::search::{self, Purpose, Search};

/// A file of steps was found.
pub(super) fn resumed(path: &Path, steps: usize, torn: bool) {
    let torn = if torn {
        "; its last line was cut off and is left out"
    } else {
        ""
    };
    message::note(&format_args!(
        "--resume: going on after {} in {}{torn}",
        counted(steps as u64, "step"),
        path.display()
    ));
}

/// Steps of the file that another time budget does not lead to.
pub(super) fn left(first: u64, steps: usize) {
    message::note(&format_args!(
        "--resume: with this --time-budget the search goes another way from step {first} on: {steps} step(s) are measured again, and stay in the file beside it that ends in .old"
    ));
}

/// A window begins: what is known, and how much time is left.
pub(super) fn begins(plan: &CapacityPlan, search: &Search, step: &search::Step) {
    let known = match search.bracket() {
        Some((low, high)) => format!(
            "{} sure: between {} and {}",
            percent(plan.confidence),
            rate(low),
            rate(high)
        ),
        None => "no upper end yet".to_owned(),
    };
    let what = match step.purpose {
        Purpose::Probe => "tries",
        Purpose::Bisect => "narrows down at",
        Purpose::ConfirmFailing => "has to fail at",
        Purpose::ConfirmPassing => "has to pass at",
    };
    let left = (plan.time_budget.as_secs_f64() - search.seconds()).max(0.0);
    message::note(&format_args!(
        "step {} {what} {} ({known}; at most {} left)",
        search.taken().len() + 1,
        rate(step.per_s),
        clock(Duration::from_secs_f64(left))
    ));
}

/// It is over.
pub(super) fn ended(step: &Step) {
    let window = &step.window;
    let figures: Vec<String> = window.objectives.iter().map(shown).collect();
    let says = match step.outcome {
        StepOutcome::Passed => "passed".to_owned(),
        StepOutcome::Failed if step.cut_short => "failed, cut short".to_owned(),
        StepOutcome::Failed => "failed".to_owned(),
        StepOutcome::Generator | StepOutcome::Disturbed => format!(
            "says nothing, spoilt by {}",
            window.reasons.first().map_or("its verdict", String::as_str)
        ),
    };
    message::note(&format_args!("  {says}: {}", figures.join(", ")));
}

/// What an objective came to.
fn shown(objective: &ObjectiveFigure) -> String {
    let unit = Unit::of(&objective.figure);
    let value = objective
        .value
        .map_or("n/a".to_owned(), |value| unit.show(value));
    format!("{} {value}", objective.figure)
}

/// The search begins again with a broker less.
pub(super) fn one_less(plan: &OneLessPlan) {
    let how = match plan.commands {
        Some(_) => "stopped",
        None => "left out",
    };
    message::note(&format_args!("once more, with {} {how}", plan.broker));
}

/// Why there is no second search.
pub(super) fn no_one_less(plan: &OneLessPlan, objection: &str) {
    message::note(&format_args!(
        "not searched without {}, as {objection}",
        plan.broker
    ));
}

/// A window of the curve begins.
pub(super) fn point(share: f64, per_s: f64) {
    message::note(&format_args!(
        "curve at {} of the capacity, {}",
        percent(share),
        rate(per_s)
    ));
}

fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    format!("{}m{:02}s", seconds / 60, seconds % 60)
}

/// What a search would do, for --dry-run.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "bounds for people"
)]
pub(super) fn planned(plan: &CapacityPlan) -> String {
    let target = match &plan.window.target {
        Target::Embedded(settings) => format!(
            "embedded cluster of {}, not Apache RocketMQ",
            counted(settings.brokers as u64, "broker")
        ),
        Target::Cluster { namesrv } => format!("cluster of {}", namesrv.join(";")),
    };
    let objectives: Vec<String> = plan.objectives.iter().map(ToString::to_string).collect();
    let topic = match plan.own_topic_queues {
        Some(queues) => own_topic::planned(queues),
        None => plan.window.load.topic_text(),
    };
    let again = plan.one_less.as_ref().map_or_else(String::new, |one| {
        let how = match &one.commands {
            Some((stop, start)) => format!("stopped by '{stop}' and started again by '{start}'"),
            None => "left out".to_owned(),
        };
        format!("Then: all but the curve again, with {} {how}\n", one.broker)
    });
    let limit = plan.max_bytes.map_or("no --max-bytes".to_owned(), |limit| {
        format!("--max-bytes {}", bytes_of(limit))
    });
    let most_bytes = safety::most_bytes(plan);
    let yes = if safety::needs_yes(plan) && !plan.yes {
        "Needs: --yes, as it is more than 10,000/s or 10 GiB to other hosts\n"
    } else {
        ""
    };
    format!(
        "Target: {target}\nTopic: {topic}\nSends: {}\nObjectives: {}\n\
         Rates: {} to {}, {} apart at the end, with a chance of {}\n\
         Windows: {}\n{again}\
         At most (every window at the highest rate): {} messages, {} of bodies, on the disk of each replica\n\
         Stops at: {limit}, a broker's disk {} full\n{yes}Nothing was sent.\n",
        sends(plan),
        objectives.join(", "),
        rate(plan.min_per_s),
        rate(plan.max_per_s),
        percent(plan.precision),
        percent(plan.confidence),
        windows(plan),
        count(
            (most_bytes / plan.window.size_mix().mean().max(1.0)).min(plan.most_messages()) as u64
        ),
        bytes_of(most_bytes),
        percent(plan.max_disk)
    )
}

/// How messages are sent.
fn sends(plan: &CapacityPlan) -> String {
    let load = &plan.window.load;
    let places = if load.mode.has_callers() {
        counted(load.callers as u64, "caller")
    } else {
        format!("at most {} in flight", count(load.in_flight as u64))
    };
    let without = match plan.window.client.without.as_slice() {
        [] => String::new(),
        brokers => format!(", {} left out", brokers.join(", ")),
    };
    format!(
        "{}, {places}, bodies of {} in the mean{without}",
        load.mode.name(),
        bytes_of(plan.window.size_mix().mean())
    )
}

/// How many windows there may be, and how long.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of windows"
)]
fn windows(plan: &CapacityPlan) -> String {
    let most = (plan.time_budget.as_secs_f64() / plan.window_time().as_secs_f64()).floor();
    format!(
        "{} each, after a warm-up of {} (the first ones: {}); at most {} in {}, then {} of the curve",
        DurationSetting(plan.step_time()),
        DurationSetting(plan.warm()),
        plan.settle,
        count(most as u64),
        DurationSetting(plan.time_budget),
        plan.curve.len()
    )
}
