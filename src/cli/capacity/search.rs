//! From step to step to the answer.

use std::io::{self, IsTerminal};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::backlog::Backlog;
use super::kept::{Header, Kept, KeptStep};
use super::progress;
use super::safety::Guard;
use super::window::{Cut, Window, spoilt_by};
use crate::cli::failure::Failure;
use crate::cli::target::RunningTarget;
use crate::cli::version::GIT;
use crate::config::plan::ResolvedSetting;
use crate::config::{CapacityPlan, Progress};
use crate::load::{StopLevel, StopSignal};
use crate::report::capacity::{
    Answer, AnswerKind, CapacityResult, CapacityRun, Consequences, Curve, KIND, Searched, Step,
    StepOutcome, WindowFigures, sentence,
};
use crate::report::result::{Run, SCHEMA_VERSION, Tool};
use crate::report::{Host, RunResult};
use crate::stats::search::{self, Ending, Limits, Next, Outcome, Purpose, Search};

/// What steps of the curve are called in the file of steps.
const CURVE: &str = "curve";
/// Settings the way of a search does not depend on.
const OF_OUTPUT: [&str; 11] = [
    "resume",
    "output",
    "format",
    "quiet",
    "no-color",
    "no-progress",
    "credentials",
    "demand",
    "growth",
    "retention",
    "price",
];

/// Searches, then measures the curve.
///
/// # Errors
/// [`Failure`] when there is no answer.
pub(super) fn run(plan: &CapacityPlan, stop: &Arc<StopSignal>) -> Result<CapacityResult, Failure> {
    let header = Header::new(
        format!("{:016x}", rand::random::<u64>()),
        jiff::Timestamp::now().to_string(),
        way(plan),
    );
    let target = RunningTarget::start(&plan.window.target)?;
    let mut conductor = Conductor::new(plan, target, stop, header)?;
    let ended = conductor.search()?;
    let curve = match conductor.answer(ended).passed_per_s {
        Some(per_s) if ended.is_some() && stop.level() == StopLevel::None => {
            conductor.curve(per_s)?
        }
        _ => None,
    };
    conductor.result(ended, curve)
}

/// The settings that a search's way depends on.
fn way(plan: &CapacityPlan) -> Map<String, Value> {
    let settings = plan.window.resolved.iter().chain(&plan.resolved);
    let of_way = settings.filter(|setting| !OF_OUTPUT.contains(&setting.key));
    of_way.map(entry).collect()
}

fn entry(setting: &ResolvedSetting) -> (String, Value) {
    let value = serde_json::to_value(&setting.value).unwrap_or(Value::Null);
    (setting.key.replace('-', "_"), value)
}

struct Conductor<'a> {
    plan: &'a CapacityPlan,
    target: RunningTarget,
    stop: &'a Arc<StopSignal>,
    header: Header,
    kept: Option<Kept>,
    /// Steps of an earlier part that are still to be gone through.
    earlier: std::vec::IntoIter<KeptStep>,
    resumed: Option<u64>,
    backlog: Option<Backlog>,
    guard: Guard,
    /// Why the search was ended for safety.
    objection: Option<String>,
    search: Search,
    steps: Vec<Step>,
    /// Windows made and kept, those of the curve too.
    windows: u64,
    /// Nothing was measured yet in this process.
    is_first: bool,
    /// What was run, by the last window.
    run: Option<(Run, Host)>,
    spoilt_by: Option<&'static str>,
}

impl<'a> Conductor<'a> {
    fn new(
        plan: &'a CapacityPlan,
        target: RunningTarget,
        stop: &'a Arc<StopSignal>,
        mut header: Header,
    ) -> Result<Self, Failure> {
        let (mut kept, mut earlier) = (None, Vec::new());
        if let Some(path) = &plan.resume {
            let (file, found) = Kept::open(path, &header).map_err(Failure::own)?;
            kept = Some(file);
            if let Some(found) = found {
                (header.id, header.started_at) = (found.header.id, found.header.started_at);
                earlier = found.steps;
                progress::resumed(path, earlier.len(), found.torn);
            }
        }
        let guard = Guard::new(plan, &target)?;
        Ok(Self {
            plan,
            target,
            stop,
            header,
            kept,
            resumed: (!earlier.is_empty()).then_some(earlier.len() as u64),
            earlier: earlier.into_iter(),
            backlog: None,
            guard,
            objection: None,
            search: Search::new(limits(plan)),
            steps: Vec::new(),
            windows: 0,
            is_first: true,
            run: None,
            spoilt_by: None,
        })
    }

    /// Goes on until there is an answer, which it returns, or a stop is asked for.
    fn search(&mut self) -> Result<Option<search::Answer>, Failure> {
        loop {
            let step = match self.search.next() {
                Next::Answer(answer) => return Ok(Some(answer)),
                Next::Step(step) => step,
            };
            let taken = match self.earlier_step(purpose(step.purpose), step.per_s)? {
                Some(taken) => taken,
                None if self.stop.level() > StopLevel::None => return Ok(None),
                None => match self.measure(step)? {
                    Some(taken) => taken,
                    None => return Ok(None),
                },
            };
            let outcome = match taken.outcome {
                StepOutcome::Passed => Outcome::Passed,
                StepOutcome::Failed => Outcome::Failed,
                StepOutcome::Generator => Outcome::Generator,
            };
            self.search.record(outcome, taken.seconds);
            self.steps.push(taken);
        }
    }

    /// The next step of the earlier part, which has to be this one.
    fn earlier_step(&mut self, purpose: &str, per_s: f64) -> Result<Option<Step>, Failure> {
        let Some(KeptStep { step, result }) = self.earlier.next() else {
            return Ok(None);
        };
        let same_rate = (step.window.offered_per_s / per_s - 1.0).abs() < 1e-9;
        if step.purpose != purpose || !same_rate {
            return Err(Failure::own(format_args!(
                "--resume: step {} in the file is {} at {}/s, where this build takes {purpose} at {per_s}/s: it was \
                 written by another version, give a new file",
                step.number, step.purpose, step.window.offered_per_s
            )));
        }
        self.seen(&result);
        self.windows += 1;
        let seconds = result.window.warmup_s + step.window.measured_s;
        self.guard
            .sent(step.window.offered_per_s * seconds * self.plan.window.size_mix().mean());
        self.spoilt_by = spoilt_by(&result).or(self.spoilt_by);
        Ok(Some(step))
    }

    fn seen(&mut self, result: &RunResult) {
        self.run = Some((result.run.clone(), result.host.clone()));
    }

    /// A step of the search; `None` when a stop came in between.
    fn measure(&mut self, step: search::Step) -> Result<Option<Step>, Failure> {
        if self.backlog.is_none() {
            self.backlog = Some(Backlog::begin(&self.plan.window, &self.target, self.stop)?);
        }
        // What was warm when an earlier part ended need not be so any more.
        let settle = step.purpose == Purpose::Probe || self.is_first;
        self.is_first = false;
        progress::begins(self.plan, &self.search, &step);
        let Some(window) = self.window(step.per_s, Cut::WhenLost, settle)? else {
            return Ok(None);
        };
        let waited = match &self.backlog {
            Some(backlog) => {
                backlog.wait(&self.plan.window, &self.target, self.stop, window.outcome)?
            }
            None => None,
        };
        self.spoilt_by = spoilt_by(&window.result).or(self.spoilt_by);
        let kept = self.keep(purpose(step.purpose), window, waited)?;
        progress::ended(&kept);
        Ok(Some(kept))
    }

    /// Runs a window; `None` where it may not be made, or a stop came in between.
    fn window(&mut self, per_s: f64, cut: Cut, settle: bool) -> Result<Option<Window>, Failure> {
        let mut run = self.plan.at(per_s, self.windows, settle);
        // A line per second of every window is for nobody.
        if run.report.progress == Progress::Live && !io::stderr().is_terminal() {
            run.report.progress = Progress::Notes;
        }
        let seconds = run.load.warmup + self.plan.step_time();
        let bytes = per_s * seconds.as_secs_f64() * self.plan.window.size_mix().mean();
        self.objection = self.guard.objection(bytes)?;
        if self.objection.is_some() {
            return Ok(None);
        }
        self.guard.sent(bytes);
        let window = Window::run(self.plan, &run, (per_s, cut), &self.target, self.stop)?;
        // What was stopped from outside says nothing.
        Ok((self.stop.level() == StopLevel::None).then_some(window))
    }

    fn keep(
        &mut self,
        purpose: &str,
        window: Window,
        waited: Option<f64>,
    ) -> Result<Step, Failure> {
        let bracket = self.search.bracket();
        self.windows += 1;
        let step = Step {
            number: self.windows,
            purpose: purpose.to_owned(),
            outcome: window.outcome,
            seconds: window.seconds + waited.unwrap_or_default(),
            cut_short: window.cut_short,
            backlog_s: waited,
            bracket_per_s: bracket.map(|(low, high)| [low, high]),
            window: window.figures,
        };
        self.seen(&window.result);
        let kept = KeptStep {
            step,
            result: window.result,
        };
        if let Some(file) = &mut self.kept {
            file.append(&kept).map_err(Failure::own)?;
        }
        Ok(kept.step)
    }

    /// Windows at shares of a rate, ascending; `None` when none is wanted.
    fn curve(&mut self, of_per_s: f64) -> Result<Option<Curve>, Failure> {
        let mut points: Vec<WindowFigures> = Vec::new();
        // Nothing goes beyond what may be tried.
        let rates = self
            .plan
            .curve
            .iter()
            .map(|share| (share, search::rounded(of_per_s * share, f64::round)));
        let rates: Vec<_> = rates
            .filter(|(_, per_s)| *per_s <= self.plan.max_per_s)
            .collect();
        let asked = rates.len() as u64;
        for (share, per_s) in rates {
            let step = match self.earlier_step(CURVE, per_s)? {
                Some(step) => step,
                None if self.stop.level() > StopLevel::None => break,
                None => {
                    progress::point(*share, per_s);
                    let Some(window) = self.window(per_s, Cut::Never, false)? else {
                        break;
                    };
                    let backlog = self.backlog.as_ref();
                    let waited = backlog.map(|backlog| {
                        backlog.wait(&self.plan.window, &self.target, self.stop, window.outcome)
                    });
                    self.keep(CURVE, window, waited.transpose()?.flatten())?
                }
            };
            points.push(step.window);
        }
        Ok((!points.is_empty()).then(|| Curve::new(of_per_s, asked, points)))
    }

    fn answer(&self, ended: Option<search::Answer>) -> Answer {
        let (kind, moved) = match ended.map(|answer| answer.ending) {
            None if self.objection.is_some() => (AnswerKind::Stopped, None),
            None => (AnswerKind::Interrupted, None),
            Some(Ending::Found) => (AnswerKind::Found, None),
            Some(Ending::AboveMax) => (AnswerKind::AtLeastMax, None),
            Some(Ending::BelowMin) => (AnswerKind::BelowMin, None),
            Some(Ending::Generator) => (AnswerKind::Generator, None),
            Some(Ending::Moved(share)) => (AnswerKind::Moved, Some(share)),
            Some(Ending::OutOfTime) => (AnswerKind::OutOfTime, None),
        };
        let known = ended.unwrap_or_else(|| self.search.so_far());
        let is_limit = kind == AnswerKind::Generator;
        let mut answer = Answer {
            answer: kind,
            sentence: String::new(),
            objectives: self
                .plan
                .objectives
                .iter()
                .map(ToString::to_string)
                .collect(),
            passed_per_s: known.passed_per_s,
            failed_per_s: known.failed_per_s.filter(|_| !is_limit),
            bracket_per_s: known
                .bracket
                .filter(|_| !is_limit)
                .map(|(low, high)| [low, high]),
            confidence: known.confidence.filter(|_| !is_limit),
            confidence_wanted: self.plan.confidence,
            precision_wanted: self.plan.precision,
            noise_share: known.noise,
            moved_share: moved,
            stopped_by: self.objection.clone(),
            generator_limit: self.spoilt_by.filter(|_| is_limit).map(str::to_owned),
            seconds: self.search.seconds(),
            steps: self.steps.clone(),
        };
        answer.sentence = sentence(&answer);
        answer
    }

    fn result(
        self,
        ended: Option<search::Answer>,
        curve: Option<Curve>,
    ) -> Result<CapacityResult, Failure> {
        let capacity = self.answer(ended);
        let Some((run, host)) = self.run else {
            if let Some(objection) = self.objection {
                return Err(Failure {
                    exit: crate::cli::exit::Exit::Inconclusive,
                    ..Failure::own(format_args!("nothing was sent, as {objection}"))
                });
            }
            return Err(Failure {
                exit: crate::cli::exit::Exit::Interrupted,
                ..Failure::own("stopped before the first window was over: nothing to report")
            });
        };
        let consequences = Consequences::of(&Searched {
            outlook: &self.plan.outlook,
            answer: &capacity,
            brokers: run.target.brokers.len(),
            started_at: &self.header.started_at,
        });
        let settings = || self.plan.window.resolved.iter().chain(&self.plan.resolved);
        let source =
            |setting: &ResolvedSetting| (setting.key.replace('-', "_"), setting.source.to_string());
        Ok(CapacityResult {
            schema_version: SCHEMA_VERSION,
            kind: KIND.to_owned(),
            tool: Tool::current(GIT),
            run: CapacityRun {
                id: self.header.id,
                started_at: self.header.started_at,
                command: "capacity".to_owned(),
                mode: run.mode,
                target: run.target,
                topic: run.topic,
                group: run.group,
                resumed_steps: self.resumed,
            },
            config: settings().map(entry).collect(),
            config_source: settings().map(source).collect(),
            capacity,
            consequences,
            curve,
            host,
        })
    }
}

fn purpose(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Probe => "probe",
        Purpose::Bisect => "bisect",
        Purpose::ConfirmFailing => "confirm_failing",
        Purpose::ConfirmPassing => "confirm_passing",
    }
}

fn limits(plan: &CapacityPlan) -> Limits {
    Limits {
        min_per_s: plan.min_per_s,
        max_per_s: plan.max_per_s,
        precision: plan.precision,
        confidence: plan.confidence,
        confirm: plan.confirm,
        budget_s: plan.time_budget.as_secs_f64(),
        window_s: plan.window_time().as_secs_f64(),
        probe_s: plan.probe_time().as_secs_f64(),
    }
}
