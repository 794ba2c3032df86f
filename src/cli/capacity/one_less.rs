//! The same search with a broker less: its queues left out, or stopped by a command of the user's.

use std::os::unix::process::CommandExt;
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

/// Searches again. What fails once there are steps does not take them away: that failure comes beside.
///
/// # Errors
/// [`Failure`] when there is nothing to tell.
pub(super) fn search(
    conductor: &mut Conductor<'_>,
    one_less: &OneLessPlan,
    whole: &Answer,
) -> Result<(Option<OneLess>, Option<Failure>), Failure> {
    progress::one_less(one_less);
    let plan = without(conductor.plan, one_less);
    conductor.guard.leave_out(&one_less.broker);
    let part = match one_less.commands {
        Some(_) => format!("{} stopped", one_less.broker),
        None => format!("all but {}", one_less.broker),
    };
    let mut course = Course::new(&plan, Some(part));
    let is_open = conductor.replay(&mut course)?.is_some();
    // No broker is stopped for a search that may not be made.
    let failed = if is_open && conductor.may_go_on(&mut course)? {
        measure(conductor, one_less, &mut course).err()
    } else {
        None
    };
    if let Some(failure) = failed.as_ref().filter(|_| !course.has_ended()) {
        course.objection = Some(failure.error.clone());
    }
    let (answer, left) = (course.answer(), conductor.brokers().len().saturating_sub(1));
    if answer.steps.is_empty() {
        return Ok((None, failed));
    }
    let rest = Searched {
        outlook: &plan.outlook,
        answer: &answer,
        brokers: left,
        started_at: conductor.started_at(),
    };
    let demand = rest.demand_of(1.0);
    let stopped = one_less.commands.is_some();
    let result = OneLess::new(
        &one_less.broker,
        stopped,
        left as u64,
        whole,
        answer,
        demand,
    );
    Ok((Some(result), failed))
}

/// The windows, between stopping the broker and starting it again.
fn measure(
    conductor: &mut Conductor<'_>,
    one_less: &OneLessPlan,
    course: &mut Course<'_>,
) -> Result<(), Failure> {
    conductor.quiet_time()?;
    let stopped = one_less.commands.as_ref().map(Stopped::new).transpose()?;
    let searched = conductor
        .wait(course, StepOutcome::Failed)
        .and_then(|_| conductor.search(course));
    if let Some(stopped) = stopped {
        let started = stopped.start();
        if let (Err(failure), Err(_)) = (&searched, &started) {
            message::error(&failure.error);
        }
        started?;
        conductor.await_broker(&one_less.broker)?;
    }
    searched
}

fn without(plan: &CapacityPlan, one_less: &OneLessPlan) -> CapacityPlan {
    let mut plan = plan.clone();
    // A broker that is stopped is for the client to find out.
    if one_less.commands.is_none() {
        plan.window.client.without.push(one_less.broker.clone());
    }
    plan
}

/// A broker that was stopped; started again however the search ends.
struct Stopped {
    start: Option<String>,
}

impl Stopped {
    fn new(commands: &(String, String)) -> Result<Self, Failure> {
        let (stop, start) = commands;
        message::note(&format_args!(
            "should this process be killed before it does so itself, start the broker again: {start}"
        ));
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
        self.start.take().map_or(Ok(()), |start| started(&start))
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        if let Some(start) = self.start.take()
            && let Err(failure) = started(&start)
        {
            message::error(&failure.error);
        }
    }
}

fn started(start: &str) -> Result<(), Failure> {
    const TRIES: u32 = 3;
    let start = || shell("--one-less-start", start);
    (1..TRIES).fold(start(), |done, _| done.or_else(|_| start()))
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
        // Ctrl-C is for the search alone.
        .process_group(0)
        .status()
        .map_err(|error| failed(format!("cannot be run: {error}")))?;
    if status.success() {
        Ok(())
    } else {
        Err(failed(format!("failed ({status})")))
    }
}
