//! `produce` and `run`: from the arguments to the resolved plan, and what is done with it.

use clap::Args;

use super::bundle::Draft;
use super::exit::Exit;
use super::failure::Failure;
use super::options::ProduceArgs;
use super::rerun::First;
use super::{dry_run, log, message, outputs, produce_run, stdout};
use crate::config::setting::Layer;
use crate::config::sources::{add_set, environment, mistyped_variables};
use crate::config::{ConfigError, Profile, Progress, RunPlan, Sources, print, resolve};

/// Arguments of `run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Built-in profile (smoke, steady, saturate) or path of a TOML file
    profile: String,
    /// Changes one value of the profile (repeatable)
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    #[command(flatten)]
    options: ProduceArgs,
}

/// What to do with a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Run,
    PrintConfig,
    DryRun,
}

/// Does `produce`.
pub(crate) fn produce(args: &ProduceArgs) -> Exit {
    let sources = Sources {
        profile: None,
        environment: process_environment(),
        command_line: args.given.clone(),
    };
    start(Ok(sources), None)
}

/// Does `run`.
pub(crate) fn run(args: RunArgs) -> Exit {
    start(sources_of_run(args), None)
}

fn sources_of_run(args: RunArgs) -> Result<Sources, ConfigError> {
    let mut command_line = args.options.given;
    add_set(&mut command_line, &args.set)?;
    let profile = Profile::load(&args.profile)?;
    if let Some(objective) = profile.values.get("objective") {
        return Err(ConfigError::Value {
            key: "objective",
            source_of_value: objective.source.clone(),
            reason: "is of a search for a capacity, and `run` makes one run".to_owned(),
            hint: format!("rmq-bench capacity --profile {}", args.profile),
        });
    }
    Ok(Sources {
        profile: Some(profile),
        environment: process_environment(),
        command_line,
    })
}

pub(super) fn process_environment() -> Layer {
    environment(|variable| {
        let text = std::env::var_os(variable)?;
        Some(text.to_string_lossy().into_owned())
    })
}

/// Does what the sources say: a run, the one that is made again of `first` if there is one, or what is told of it.
pub(super) fn start(sources: Result<Sources, ConfigError>, first: Option<&First>) -> Exit {
    let resolved = sources.and_then(|sources| {
        let plan = resolve(&sources)?;
        Ok((action(&sources)?, plan))
    });
    match resolved {
        Ok((action, plan)) => act(action, &plan, first),
        Err(error) => message::config(&error),
    }
}

fn action(sources: &Sources) -> Result<Action, ConfigError> {
    let settings = crate::config::settings::Settings::read(&sources.merge())?;
    Ok(if settings.print_config.value.0 {
        Action::PrintConfig
    } else if settings.dry_run.value.0 {
        Action::DryRun
    } else {
        Action::Run
    })
}

fn act(action: Action, plan: &RunPlan, first: Option<&First>) -> Exit {
    if !plan.report.color {
        message::no_color();
    }
    if plan.report.progress == Progress::Quiet {
        message::quiet();
    }
    let variables = std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned());
    for note in mistyped_variables(variables).iter().chain(&plan.notes) {
        message::note(note);
    }
    if let Some(first) = first {
        first.tell_before(plan);
    }
    match action {
        Action::PrintConfig => stdout::write(&print::profile(plan)),
        Action::DryRun => match writable(plan) {
            Ok(()) => stdout::write(&dry_run::text(plan)),
            Err(failure) => failure.tell(),
        },
        Action::Run => {
            log::init(plan.report.color);
            produce_run::execute(plan, first)
        }
    }
}

/// Whether what comes out of a run could be written; leaves nothing behind.
fn writable(plan: &RunPlan) -> Result<(), Failure> {
    outputs::check(&plan.report.outputs).map_err(Failure::own)?;
    Draft::begin(&plan.report).map(drop)
}
