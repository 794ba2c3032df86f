//! One search under way: the steps it took, and what they answer.

use crate::config::CapacityPlan;
use crate::report::capacity::{Answer, AnswerKind, Step, StepOutcome, sentence};
use crate::stats::search::{self, Ending, Limits, Outcome, Purpose, Search};
use crate::verdict::ReasonCode;

/// A search of one cluster; of the same with a broker less it is another one.
pub(super) struct Course<'a> {
    /// What its windows are.
    pub(super) plan: &'a CapacityPlan,
    /// What tells its steps in the file from those of the other; `None` of the first.
    pub(super) part: Option<String>,
    pub(super) search: Search,
    steps: Vec<Step>,
    /// Windows made for it, those of its curve too.
    pub(super) windows: u64,
    /// Why it was ended for safety, or what failed.
    pub(super) objection: Option<String>,
    /// The last finding that spoilt a window.
    pub(super) spoilt_by: Option<ReasonCode>,
    /// The answer, once there is one.
    ended: Option<search::Answer>,
}

impl<'a> Course<'a> {
    pub(super) fn new(plan: &'a CapacityPlan, part: Option<String>) -> Self {
        Self {
            plan,
            part,
            search: Search::new(limits(plan)),
            steps: Vec::new(),
            windows: 0,
            objection: None,
            spoilt_by: None,
            ended: None,
        }
    }

    /// Goes on by a step that was made.
    pub(super) fn take(&mut self, step: Step) {
        let outcome = match step.outcome {
            StepOutcome::Passed => Outcome::Passed,
            StepOutcome::Failed => Outcome::Failed,
            StepOutcome::Generator => Outcome::Generator,
            StepOutcome::Disturbed => Outcome::Disturbed,
        };
        self.search.record(outcome, step.seconds);
        self.steps.push(step);
    }

    /// Whether a window was made.
    pub(super) fn has_steps(&self) -> bool {
        !self.steps.is_empty()
    }

    /// There is an answer.
    pub(super) fn end(&mut self, answer: search::Answer) {
        self.ended = Some(answer);
    }

    /// Whether there is one.
    pub(super) fn has_ended(&self) -> bool {
        self.ended.is_some()
    }

    /// What is known.
    pub(super) fn answer(&self) -> Answer {
        let (kind, moved) = match self.ended.map(|answer| answer.ending) {
            None if self.objection.is_some() => (AnswerKind::Stopped, None),
            None => (AnswerKind::Interrupted, None),
            Some(Ending::Found) => (AnswerKind::Found, None),
            Some(Ending::AboveMax) => (AnswerKind::AtLeastMax, None),
            Some(Ending::BelowMin) => (AnswerKind::BelowMin, None),
            Some(Ending::Generator) => (AnswerKind::Generator, None),
            Some(Ending::Moved(share)) => (AnswerKind::Moved, Some(share)),
            Some(Ending::OutOfTime) => (AnswerKind::OutOfTime, None),
        };
        let known = self.ended.unwrap_or_else(|| self.search.so_far());
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
            failed_per_s: known.failed_per_s,
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
            generator_limit: self
                .spoilt_by
                .filter(|_| is_limit)
                .map(|code| code.name().to_owned()),
            seconds: self.search.seconds(),
            steps: self.steps.clone(),
        };
        answer.sentence = sentence(&answer);
        answer
    }
}

/// As in the JSON document.
pub(super) fn purpose(purpose: Purpose) -> &'static str {
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
