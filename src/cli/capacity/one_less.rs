//! The same search with a broker less: its queues left out, or stopped by a command of the user's.

use std::process::{Command, Stdio};

use super::course::Course;
use super::progress;
use super::search::Conductor;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::message;
use crate::config::{CapacityPlan, OneLessPlan};
use crate::report::capacity::{Answer, OneLess, Searched, StepOutcome};

/// Refuses a broker that does not get messages, and one that is alone.
///
/// # Errors
/// [`Failure`] of usage, with the names there are.
pub(super) fn check(one_less: &OneLessPlan, brokers: &[String]) -> Result<(), Failure> {
    if brokers.contains(&one_less.broker) && brokers.len() > 1 {
        return Ok(());
    }
    Err(Failure {
        exit: Exit::Usage,
        error: format!(
            "--one-less {}: there is no such broker beside others",
            one_less.broker
        ),
        hint: Some(format!("messages go to {}", brokers.join(", ")).into()),
    })
}

/// Searches again.
///
/// # Errors
/// [`Failure`] when the broker cannot be stopped, or there is no answer.
pub(super) fn search(
    conductor: &mut Conductor<'_>,
    one_less: &OneLessPlan,
    whole: &Answer,
) -> Result<OneLess, Failure> {
    progress::one_less(one_less);
    let plan = without(conductor.plan, one_less);
    conductor.guard.leave_out(&one_less.broker);
    let part = match one_less.commands {
        Some(_) => format!("{} stopped", one_less.broker),
        None => format!("all but {}", one_less.broker),
    };
    let mut course = Course::new(&plan, Some(part));
    conductor.replay(&mut course)?;
    if !course.has_ended() {
        conductor.quiet_time()?;
        let stopped = one_less.commands.as_ref().map(Stopped::new).transpose()?;
        let searched = conductor
            .wait(&course, StepOutcome::Failed)
            .and_then(|_| conductor.search(&mut course));
        // Started again before anything is said of the search.
        if let Some(stopped) = stopped {
            stopped.start()?;
            conductor.guard.await_broker(&one_less.broker)?;
        }
        searched?;
    }
    let (answer, left) = (course.answer(), conductor.brokers().len().saturating_sub(1));
    let rest = Searched {
        outlook: &plan.outlook,
        answer: &answer,
        brokers: left,
        started_at: conductor.started_at(),
    };
    let demand = answer
        .passed_per_s
        .and_then(|capacity| rest.demand_of(capacity));
    let stopped = one_less.commands.is_some();
    Ok(OneLess::new(
        &one_less.broker,
        stopped,
        left as u64,
        whole,
        answer,
        demand,
    ))
}

fn without(plan: &CapacityPlan, one_less: &OneLessPlan) -> CapacityPlan {
    let mut plan = plan.clone();
    // A broker that is stopped is for the client to find out.
    if one_less.commands.is_none() {
        plan.window.client.without.push(one_less.broker.clone());
    }
    plan
}

/// A broker that was stopped; started again in any case.
struct Stopped {
    start: Option<String>,
}

impl Stopped {
    fn new(commands: &(String, String)) -> Result<Self, Failure> {
        let (stop, start) = commands;
        // From here on it may be half stopped.
        let stopped = Self {
            start: Some(start.clone()),
        };
        shell("--one-less-stop", stop)?;
        Ok(stopped)
    }

    /// # Errors
    /// [`Failure`] when the command fails: the cluster lacks a broker.
    fn start(mut self) -> Result<(), Failure> {
        match self.start.take() {
            Some(start) => shell("--one-less-start", &start),
            None => Ok(()),
        }
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        if let Some(start) = self.start.take()
            && let Err(failure) = shell("--one-less-start", &start)
        {
            message::note(&failure.error);
        }
    }
}

/// Runs a command of sh; what it says goes to stderr, as stdout is for results.
fn shell(option: &str, command: &str) -> Result<(), Failure> {
    message::note(&format_args!("{option}: {command}"));
    let failed = |why: String| Failure {
        hint: Some("see whether the broker runs, and start it if it does not".into()),
        ..Failure::own(format_args!("{option} '{command}' {why}"))
    };
    let status = Command::new("sh")
        .args(["-c", command])
        .stdin(Stdio::null())
        .stdout(std::io::stderr())
        .status()
        .map_err(|error| failed(format!("cannot be run: {error}")))?;
    if status.success() {
        Ok(())
    } else {
        Err(failed(format!("failed ({status})")))
    }
}
