//! `capacity`: the highest rate that meets objectives, and how sure that is.
//!
//! - `search`: what is measured after what; `course`: a search under way; `window`: one of its steps; `backlog`: the wait
//!   between two; `one_less`: the same search with a broker less
//! - `safety`: what may be sent to whom; `own_topic`: a topic made for the search; `kept`: the file of steps; `progress`:
//!   what is said on the way

mod backlog;
mod course;
mod kept;
mod one_less;
mod own_topic;
mod progress;
mod safety;
mod search;
mod window;

use std::sync::Arc;

use clap::Args;

use super::exit::Exit;
use super::failure::Failure;
use super::options::CapacityOptions;
use super::outputs::Document;
use super::produce::process_environment;
use super::{log, message, outputs, samples, signals, stdout};
use crate::config::capacity::{CapacityPlan, resolve_capacity};
use crate::config::setting::Layer;
use crate::config::sources::mistyped_variables;
use crate::config::value::DurationSetting;
use crate::config::{ConfigError, Profile, Progress, Sources, Target};
use crate::load::{StopLevel, StopSignal};
use crate::metrics::units;
use crate::report::capacity::AnswerKind;

/// Arguments of `capacity`.
#[derive(Debug, Args)]
pub struct CapacityArgs {
    /// Profile with settings of the search: capacity, which is built in, or a TOML file
    #[arg(long, value_name = "NAME|FILE")]
    profile: Option<String>,
    #[command(flatten)]
    options: CapacityOptions,
}

/// Does `capacity`.
pub(crate) fn run(args: CapacityArgs) -> Exit {
    match plan(args.profile.as_deref(), args.options.given) {
        Ok(plan) => start(&plan),
        Err(error) => message::config(&error),
    }
}

fn plan(profile: Option<&str>, command_line: Layer) -> Result<CapacityPlan, ConfigError> {
    resolve_capacity(&Sources {
        profile: profile.map(Profile::load).transpose()?,
        environment: process_environment(),
        command_line,
    })
}

fn start(plan: &CapacityPlan) -> Exit {
    let report = &plan.window.report;
    if !report.color {
        message::no_color();
    }
    if report.progress == Progress::Quiet {
        message::quiet();
    }
    let variables = std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned());
    for note in mistyped_variables(variables)
        .iter()
        .chain(&plan.window.notes)
    {
        message::note(note);
    }
    let checked = safety::check_topics(plan).and_then(|()| enough_samples(plan));
    if let Err(failure) = checked {
        return failure.tell();
    }
    if plan.dry_run {
        return stdout::write(&progress::planned(plan));
    }
    log::init(report.color);
    execute(plan).unwrap_or_else(|failure| failure.tell())
}

fn execute(plan: &CapacityPlan) -> Result<Exit, Failure> {
    let report = &plan.window.report;
    outputs::check(&report.outputs).map_err(Failure::own)?;
    safety::confirm(plan)?;
    let stop = Arc::new(StopSignal::default());
    signals::listen(Arc::clone(&stop));
    if let Target::Embedded(settings) = &plan.window.target {
        message::note(&format_args!(
            "no --namesrv given: searching an embedded cluster of {} in this process, not Apache RocketMQ",
            units::counted(settings.brokers as u64, "broker")
        ));
    }
    let (result, failed) = search::run(plan, &stop)?;
    let written = outputs::write(report, Document::Capacity(&result));
    if written != Exit::Success {
        return Ok(written);
    }
    if let Some(failure) = failed {
        return Err(failure);
    }
    if stop.level() > StopLevel::None {
        return Ok(Exit::Interrupted);
    }
    let rest = match &result.one_less {
        Some(rest) => exit_of(rest.measured.answer),
        None if plan.one_less.is_some() => Exit::Inconclusive,
        None => Exit::Success,
    };
    Ok(match exit_of(result.capacity.answer) {
        // That the rest of the brokers do not carry the lowest rate is an answer.
        Exit::Success if rest != Exit::Threshold => rest,
        exit => exit,
    })
}

fn exit_of(answer: AnswerKind) -> Exit {
    match answer {
        AnswerKind::Found | AnswerKind::AtLeastMax => Exit::Success,
        AnswerKind::BelowMin => Exit::Threshold,
        AnswerKind::Generator | AnswerKind::Moved | AnswerKind::OutOfTime | AnswerKind::Stopped => {
            Exit::Inconclusive
        }
        AnswerKind::Interrupted => Exit::Interrupted,
    }
}

/// Refuses windows of the lowest rate that are too short for an objective's percentile.
fn enough_samples(plan: &CapacityPlan) -> Result<(), Failure> {
    #[allow(clippy::cast_precision_loss, reason = "messages of a window")]
    let short = plan.objectives.iter().find_map(|objective| {
        let needed = samples::needed(objective.condition(), plan.window.load.message.batch)?;
        let planned = plan.min_per_s * plan.step_time().as_secs_f64();
        (planned < needed as f64 * 1.05).then_some((objective, needed))
    });
    match short {
        None => Ok(()),
        Some((objective, needed)) => Err(Failure {
            exit: Exit::Usage,
            error: format!(
                "--objective '{objective}' needs {} messages a window, and one of {} at --min {} has fewer",
                units::count(needed),
                DurationSetting(plan.step_time()),
                units::rate(plan.min_per_s)
            ),
            hint: Some("give a longer --step-time or a higher --min".into()),
        }),
    }
}
