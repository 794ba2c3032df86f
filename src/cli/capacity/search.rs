//! From step to step to the answer.

use std::io::{self, IsTerminal};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::backlog::{self, Backlog, Waited};
use super::course::{Course, purpose};
use super::kept::{Header, Kept, KeptStep};
use super::own_topic::OwnTopic;
use super::safety::Guard;
use super::window::{Cut, Window, spoilt_by};
use super::{one_less, progress};
use crate::cli::failure::Failure;
use crate::cli::message;
use crate::cli::target::RunningTarget;
use crate::cli::version::GIT;
use crate::config::plan::ResolvedSetting;
use crate::config::{CapacityPlan, Progress};
use crate::load::{StopLevel, StopSignal};
use crate::report::capacity::{
    AnswerKind, CapacityResult, CapacityRun, Consequences, Curve, KIND, OneLess, Searched, Step,
    StepOutcome, WindowFigures,
};
use crate::report::result::{Run, SCHEMA_VERSION, Tool};
use crate::report::{Host, RunResult};
use crate::stats::search::{self, Next, Purpose};

/// What steps of the curve are called in the file of steps, and those that look for rates on both sides.
const CURVE: &str = "curve";
const PROBE: &str = "probe";
/// Settings the way of a search does not depend on.
const OF_OUTPUT: [&str; 17] = [
    "yes",
    "max-bytes",
    "max-disk",
    "one-less",
    "one-less-stop",
    "one-less-start",
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

/// Searches, then measures the curve, then with a broker less. What fails after the answer does not take it away: that
/// failure comes beside the result.
///
/// # Errors
/// [`Failure`] when there is no answer.
pub(super) fn run(
    plan: &CapacityPlan,
    stop: &Arc<StopSignal>,
) -> Result<(CapacityResult, Option<Failure>), Failure> {
    let target = RunningTarget::start(&plan.window.target)?;
    let own = OwnTopic::find(plan, &target, stop)?;
    let on_own = own.as_ref().map(|own| own.plan(plan));
    let plan = on_own.as_ref().unwrap_or(plan);
    let header = Header::new(
        format!("{:016x}", rand::random::<u64>()),
        jiff::Timestamp::now().to_string(),
        own.as_ref().map(|own| own.name().to_owned()),
        way(plan),
    );
    let conductor = Conductor::new(plan, &target, stop, header)?;
    match own {
        Some(own) => own.around(|| conductor.run()),
        None => conductor.run(),
    }
}

/// What is measured once there is an answer.
#[derive(Default)]
struct Beyond {
    curve: Option<Curve>,
    one_less: Option<OneLess>,
}

impl Beyond {
    fn measure(
        &mut self,
        conductor: &mut Conductor<'_>,
        whole: &mut Course<'_>,
    ) -> Result<(), Failure> {
        if let Some(per_s) = whole
            .answer()
            .passed_per_s
            .filter(|_| conductor.goes_on(whole))
        {
            self.curve = conductor.curve(whole, per_s)?;
        }
        let plan = conductor.plan;
        let is_over = whole.has_ended() && conductor.stop.level() == StopLevel::None;
        let Some(one_less) = plan.one_less.as_ref().filter(|_| is_over) else {
            return Ok(());
        };
        let answer = whole.answer();
        let objection = match (&whole.objection, answer.answer) {
            (Some(objection), _) => Some(objection.as_str()),
            (None, AnswerKind::Found | AnswerKind::AtLeastMax) => None,
            (None, AnswerKind::BelowMin) => Some("all brokers do not carry the lowest rate"),
            (None, _) => Some("the search of all brokers has no answer to hold that against"),
        };
        if let Some(objection) = objection {
            progress::no_one_less(one_less, objection);
            return Ok(());
        }
        let (found, failed) = one_less::search(conductor, one_less, &answer)?;
        self.one_less = found;
        failed.map_or(Ok(()), Err)
    }
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

/// What all windows share, whichever search they are of.
pub(super) struct Conductor<'a> {
    pub(super) plan: &'a CapacityPlan,
    target: &'a RunningTarget,
    stop: &'a Arc<StopSignal>,
    header: Header,
    kept: Option<Kept>,
    /// Steps of an earlier part that are still to be gone through.
    earlier: std::vec::IntoIter<KeptStep>,
    resumed: Option<u64>,
    /// They were made with a shorter time budget.
    longer_budget: bool,
    backlog: Option<Backlog>,
    pub(super) guard: Guard,
    /// Windows made and kept, those of the curve too.
    windows: u64,
    /// Nothing was measured yet in this process.
    is_first: bool,
    /// What was run, by the last window.
    run: Option<(Run, Host)>,
}

impl<'a> Conductor<'a> {
    fn new(
        plan: &'a CapacityPlan,
        target: &'a RunningTarget,
        stop: &'a Arc<StopSignal>,
        mut header: Header,
    ) -> Result<Self, Failure> {
        let guard = Guard::new(plan, target)?;
        let (mut kept, mut earlier, mut longer_budget) = (None, Vec::new(), false);
        if let Some(path) = &plan.resume {
            let (file, found) = Kept::open(path, &header).map_err(Failure::own)?;
            kept = Some(file);
            if let Some(found) = found {
                longer_budget = header.has_longer_budget(&found.header);
                (header.id, header.started_at) = (found.header.id, found.header.started_at);
                earlier = found.steps;
                progress::resumed(path, earlier.len(), found.torn);
            }
        }
        Ok(Self {
            plan,
            target,
            stop,
            header,
            kept,
            resumed: None,
            earlier: earlier.into_iter(),
            longer_budget,
            backlog: None,
            guard,
            windows: 0,
            is_first: true,
            run: None,
        })
    }

    /// Searches, then measures what there is beyond the answer.
    fn run(mut self) -> Result<(CapacityResult, Option<Failure>), Failure> {
        let mut whole = Course::new(self.plan, None);
        let mut beyond = Beyond::default();
        let failed = match self.search(&mut whole) {
            Ok(()) => beyond.measure(&mut self, &mut whole).err(),
            Err(failure) if whole.has_steps() => {
                whole.objection = Some(failure.error.clone());
                Some(failure)
            }
            Err(failure) => return Err(failure),
        };
        Ok((self.result(&whole, beyond)?, failed))
    }

    /// Whether more is to be measured once a search is over.
    fn goes_on(&self, course: &Course<'_>) -> bool {
        course.has_ended() && course.objection.is_none() && self.stop.level() == StopLevel::None
    }

    /// Whether a next window might be made; says why not.
    pub(super) fn may_go_on(&mut self, course: &mut Course<'_>) -> Result<bool, Failure> {
        course.objection = self.guard.objection(0.0)?;
        if let Some(objection) = &course.objection {
            message::note(&format_args!("no more is measured, as {objection}"));
        }
        Ok(course.objection.is_none())
    }

    /// Waits until a broker that was started answers again, unless it is to end at once.
    pub(super) fn await_broker(&self, name: &str) -> Result<(), Failure> {
        self.guard.await_broker(name, self.stop)
    }

    /// When the search began, RFC 3339.
    pub(super) fn started_at(&self) -> &str {
        &self.header.started_at
    }

    /// Names of the brokers that were sent to.
    pub(super) fn brokers(&self) -> Vec<String> {
        let brokers = self.run.iter().flat_map(|(run, _)| &run.target.brokers);
        brokers.map(|broker| broker.name.clone()).collect()
    }

    /// Takes what steps the file has of a search, and measures nothing: gives the step that is next, or `None` when
    /// there is an answer.
    pub(super) fn replay(
        &mut self,
        course: &mut Course<'_>,
    ) -> Result<Option<search::Step>, Failure> {
        loop {
            let step = match course.search.next() {
                Next::Answer(answer) => {
                    course.end(answer);
                    return Ok(None);
                }
                Next::Step(step) => step,
            };
            match self.earlier_step(course, purpose(step.purpose), step.per_s)? {
                Some(taken) => course.take(taken),
                None => return Ok(Some(step)),
            }
        }
    }

    /// Goes on until there is an answer, or a stop is asked for.
    pub(super) fn search(&mut self, course: &mut Course<'_>) -> Result<(), Failure> {
        while let Some(step) = self.replay(course)? {
            if self.stop.level() > StopLevel::None {
                break;
            }
            match self.measure(course, step)? {
                Some(taken) => course.take(taken),
                None => break,
            }
        }
        Ok(())
    }

    /// The next step of the earlier part, which has to be this one.
    fn earlier_step(
        &mut self,
        course: &mut Course<'_>,
        purpose: &str,
        per_s: f64,
    ) -> Result<Option<Step>, Failure> {
        let Some(KeptStep { step, part, result }) = self.earlier.next() else {
            return Ok(None);
        };
        let is_next = part == course.part
            && step.purpose == purpose
            && (step.window.offered_per_s / per_s - 1.0).abs() < 1e-9;
        // Another second search is another question; the first, which goes on, comes before any.
        let is_first_s = course.part.is_none();
        if !is_next && self.longer_budget && (is_first_s || part == course.part) {
            self.leave_earlier(&step)?;
            return Ok(None);
        }
        if !is_next {
            let of = |part: &Option<String>| part.as_deref().unwrap_or("all brokers").to_owned();
            return Err(Failure::own(format_args!(
                "--resume: step {} in the file is {} at {}/s of {}, where this build takes {purpose} at {per_s}/s of {}: \
                 it was written by another version, or with another --one-less; give a new file",
                step.number,
                step.purpose,
                step.window.offered_per_s,
                of(&part),
                of(&course.part)
            )));
        }
        self.seen(course, &result)?;
        self.windows += 1;
        course.windows += 1;
        self.resumed = Some(self.windows);
        self.guard.sent(step.sent_bytes);
        course.spoilt_by = spoilt_by(course.plan, &result).or(course.spoilt_by);
        Ok(Some(step))
    }

    /// With a longer time budget the way is another from here on: what was kept of it is measured again.
    fn leave_earlier(&mut self, first: &Step) -> Result<(), Failure> {
        let left = 1 + self.earlier.len();
        progress::left(first.number, left);
        self.earlier = Vec::new().into_iter();
        self.take_over(true)
    }

    /// The file is of this time budget from here on, with the steps taken so far.
    fn take_over(&mut self, keeps_old: bool) -> Result<(), Failure> {
        self.longer_budget = false;
        let steps = usize::try_from(self.windows).unwrap_or(usize::MAX);
        match &mut self.kept {
            Some(file) => file
                .cut(&self.header, steps, keeps_old)
                .map_err(Failure::own),
            None => Ok(()),
        }
    }

    /// Learns from a window what was run, and whether there is a broker that could be left out.
    fn seen(&mut self, course: &Course<'_>, result: &RunResult) -> Result<(), Failure> {
        if course.part.is_some() {
            return Ok(());
        }
        let is_first = self.run.is_none();
        self.run = Some((result.run.clone(), result.host.clone()));
        match &self.plan.one_less {
            Some(one_less) if is_first => one_less::check(one_less, &self.brokers()),
            _ => Ok(()),
        }
    }

    /// A step of the search; `None` when a stop came in between.
    fn measure(
        &mut self,
        course: &mut Course<'_>,
        step: search::Step,
    ) -> Result<Option<Step>, Failure> {
        progress::begins(course.plan, &course.search, &step);
        let settle = step.purpose == Purpose::Probe;
        let Some(window) = self.window(course, step.per_s, Cut::WhenLost, settle)? else {
            return Ok(None);
        };
        course.spoilt_by = spoilt_by(course.plan, &window.result).or(course.spoilt_by);
        let kept = self.keep(course, purpose(step.purpose), window)?;
        progress::ended(&kept);
        Ok(Some(kept))
    }

    /// Learns how long single messages take, before anything else is sent.
    pub(super) fn quiet_time(&mut self) -> Result<(), Failure> {
        if self.backlog.is_none() {
            self.guard.sent(self.single_bytes(backlog::SENDS));
            self.backlog = Some(Backlog::begin(&self.plan.window, self.target, self.stop)?);
        }
        Ok(())
    }

    /// Waits until they take as long as then, unless the window before left nothing behind.
    pub(super) fn wait(
        &mut self,
        course: &Course<'_>,
        after: StepOutcome,
    ) -> Result<Waited, Failure> {
        match &mut self.backlog {
            Some(backlog) => backlog.wait(&course.plan.window, self.target, self.stop, after),
            None => Ok(Waited::default()),
        }
    }

    #[allow(clippy::cast_precision_loss, reason = "some hundred messages")]
    fn single_bytes(&self, messages: u64) -> f64 {
        messages as f64 * self.plan.window.size_mix().mean()
    }

    /// Runs a window, the first of this process after the load has settled: what was warm when an earlier part ended need
    /// not be so any more. `None` where it may not be made, or a stop came in between.
    fn window(
        &mut self,
        course: &mut Course<'_>,
        per_s: f64,
        cut: Cut,
        settle: bool,
    ) -> Result<Option<Window>, Failure> {
        let plan = course.plan;
        let settle = settle || self.is_first;
        let mut run = plan.at(per_s, self.windows, settle);
        // A line per second of every window is for nobody.
        if run.report.progress == Progress::Live && !io::stderr().is_terminal() {
            run.report.progress = Progress::Notes;
        }
        let seconds = run.load.warmup + plan.step_time();
        let bytes = per_s * seconds.as_secs_f64() * plan.window.size_mix().mean();
        course.objection = self.guard.objection(bytes)?;
        if course.objection.is_some() {
            return Ok(None);
        }
        self.quiet_time()?;
        self.is_first = false;
        let window = Window::run(plan, &run, (per_s, cut), self.target, self.stop)?;
        // What was stopped from outside says nothing.
        Ok((self.stop.level() == StopLevel::None).then_some(window))
    }

    fn keep(
        &mut self,
        course: &mut Course<'_>,
        purpose: &str,
        window: Window,
    ) -> Result<Step, Failure> {
        // What is cold in the first windows answers slowly even when it has nothing to do.
        let is_told = window.outcome != StepOutcome::Passed || purpose == PROBE;
        let waited = if is_told {
            self.wait(course, window.outcome)?
        } else {
            Waited::default()
        };
        let sent_bytes = window.sent_messages() * self.plan.window.size_mix().mean()
            + self.single_bytes(waited.messages);
        self.guard.sent(sent_bytes);
        let bracket = course.search.bracket();
        if self.longer_budget {
            self.take_over(false)?;
        }
        self.windows += 1;
        course.windows += 1;
        let step = Step {
            number: course.windows,
            purpose: purpose.to_owned(),
            outcome: window.outcome,
            seconds: window.seconds + waited.seconds.unwrap_or_default(),
            cut_short: window.cut_short,
            backlog_s: waited.seconds,
            sent_bytes,
            bracket_per_s: bracket.map(|(low, high)| [low, high]),
            window: window.figures,
        };
        self.seen(course, &window.result)?;
        let kept = KeptStep {
            step,
            part: course.part.clone(),
            result: window.result,
        };
        if let Some(file) = &mut self.kept {
            file.append(&kept).map_err(Failure::own)?;
        }
        Ok(kept.step)
    }

    /// Windows at shares of a rate, ascending; `None` when none is wanted.
    fn curve(&mut self, course: &mut Course<'_>, of_per_s: f64) -> Result<Option<Curve>, Failure> {
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
            let step = match self.earlier_step(course, CURVE, per_s)? {
                Some(step) => step,
                None if self.stop.level() > StopLevel::None => break,
                None => {
                    progress::point(*share, per_s);
                    let Some(window) = self.window(course, per_s, Cut::Never, false)? else {
                        break;
                    };
                    self.keep(course, CURVE, window)?
                }
            };
            points.push(step.window);
        }
        Ok((!points.is_empty()).then(|| Curve::new(of_per_s, asked, points)))
    }

    fn result(self, course: &Course<'_>, beyond: Beyond) -> Result<CapacityResult, Failure> {
        let capacity = course.answer();
        let Some((run, host)) = self.run else {
            if let Some(objection) = &course.objection {
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
            curve: beyond.curve,
            one_less: beyond.one_less,
            host,
        })
    }
}
