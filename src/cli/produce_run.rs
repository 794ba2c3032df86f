//! The run of `produce` itself: target, client, load, report, exit code.

use std::sync::Arc;

use super::bundle::{Draft, Lines};
use super::exit::Exit;
use super::failure::Failure;
use super::outcome::Finished;
use super::outputs::Document;
use super::rerun::First;
use super::target::RunningTarget;
use super::watch::{BUNDLE, Watch};
use super::{connect, message, outputs, probe, runs, samples, signals, start};
use crate::client::ClientInstance;
use crate::client::error::denies_access;
use crate::config::threshold::Threshold;
use crate::config::value::DurationSetting;
use crate::config::{RunPlan, Target};
use crate::load::{LoadOutcome, LoadRun, RunSecond, StopSignal};
use crate::metrics::{Label, Summary, units};
use crate::protocol::ResponseCode;
use crate::report::figures::ThresholdOutcome;
use crate::report::{Host, RunResult, build_result, named};
use crate::verdict::Status;

/// Carries out a plan and reports it; says what differs from the run that it is made again of, if it is.
pub(super) fn execute(plan: &RunPlan, first: Option<&First>) -> Exit {
    run(plan, first).unwrap_or_else(|failure| failure.tell())
}

fn run(plan: &RunPlan, first: Option<&First>) -> Result<Exit, Failure> {
    let start_at = start::instant(plan)?;
    outputs::check(&plan.report.outputs).map_err(Failure::own)?;
    let draft = Draft::begin(&plan.report)?;
    let stop = Arc::new(StopSignal::default());
    signals::listen(Arc::clone(&stop));
    if let Target::Embedded(settings) = &plan.target {
        message::note(&format_args!(
            "no --namesrv given: testing an embedded cluster of {} in this process, not \
             Apache RocketMQ",
            units::counted(settings.brokers as u64, "broker")
        ));
    }
    if let Some(shape) = plan.load.transactions.filter(|shape| shape.unknown > 0.0) {
        message::note(&format_args!(
            "after the last message the run waits until brokers have asked about what was left unknown, \
             at most {} (tx-wait)",
            DurationSetting(shape.wait)
        ));
    }
    if plan.runs > 1 {
        return runs::execute(plan, &stop, draft, first);
    }
    if let Some(at) = start_at {
        start::wait_to_connect(at, &stop)?;
    }
    let lines = draft.as_ref().map(|draft| draft.lines(None));
    let measured = measure_into(plan, stop, start_at, lines.as_ref())?;
    let document = Document::One(&measured.result);
    let mut written = outputs::write(&plan.report, document);
    if let Some(draft) = draft.filter(|_| measured.bundle_can_be_whole())
        && draft.finish(plan, document) != Exit::Success
    {
        written = Exit::OwnError;
    }
    measured.check()?;
    if let Some(first) = first {
        first.tell_after(plan, std::slice::from_ref(&measured.result));
    }
    Ok(exit_code(plan, &measured, written))
}

/// What a run found out.
pub(super) struct Measured {
    pub(super) result: RunResult,
    summary: Summary,
    /// Options whose lines could not be written.
    unwritten: Vec<&'static str>,
    /// Kinds of refusals that were refusals of access.
    denials: Vec<Label>,
}

impl Measured {
    /// Whether all lines of the run are in its bundle; if not, it has been said.
    pub(super) fn bundle_can_be_whole(&self) -> bool {
        !self.unwritten.contains(&BUNDLE)
    }

    /// Whether the accounts close.
    ///
    /// # Errors
    /// [`Failure`] when they do not, which is a mistake of ours.
    pub(super) fn check(&self) -> Result<(), Failure> {
        self.summary.check_sums().map_err(|open| {
            Failure::own(format_args!(
                "the accounts do not close, please report it: {open:?}"
            ))
        })
    }
}

/// Target, client, load and judgement of a plan.
///
/// # Errors
/// [`Failure`] when there is no result.
pub(super) fn measure(
    plan: &RunPlan,
    stop: Arc<StopSignal>,
    start_at: Option<jiff::Timestamp>,
) -> Result<Measured, Failure> {
    measure_into(plan, stop, start_at, None)
}

/// The same, with the lines of a bundle.
///
/// # Errors
/// As [`measure`].
pub(super) fn measure_into(
    plan: &RunPlan,
    stop: Arc<StopSignal>,
    start_at: Option<jiff::Timestamp>,
    bundle: Option<&Lines>,
) -> Result<Measured, Failure> {
    let target = RunningTarget::start(&plan.target)?;
    let around = Around {
        stop,
        start_at,
        bundle,
    };
    measure_on(&target, plan, around, |_| ())
}

/// What a run is told from outside its plan.
#[derive(Default)]
pub(super) struct Around<'a> {
    pub(super) stop: Arc<StopSignal>,
    /// When it begins; `None` for as soon as it can.
    pub(super) start_at: Option<jiff::Timestamp>,
    /// Lines of a bundle.
    pub(super) bundle: Option<&'a Lines>,
}

/// The same on a target that runs already; `each` is shown every second of the run.
///
/// # Errors
/// As [`measure`].
pub(super) fn measure_on(
    target: &RunningTarget,
    plan: &RunPlan,
    around: Around<'_>,
    mut each: impl FnMut(&RunSecond<'_>),
) -> Result<Measured, Failure> {
    let Around {
        stop,
        start_at,
        bundle,
    } = around;
    let host = Host::read();
    let mut client = plan.client.clone();
    client.namesrv.clone_from(&target.namesrv);
    if let Target::Cluster { .. } = &plan.target {
        connect::secure(&mut client, plan)?;
    }
    let instance = Arc::new(ClientInstance::new(client)?);
    instance.start()?;
    instance.register_group(&plan.send.group)?;
    let probed = probe::run(plan, &instance, &stop)?;
    let mut watch = Watch::new(plan, Arc::clone(&instance), bundle).map_err(Failure::own)?;
    let load = LoadRun {
        plan: plan.load.clone(),
        instance: Arc::clone(&instance),
        send: plan.send.clone(),
        stop,
        reserved_cores: target.reserved_cores(),
        audit: plan.report.audit.is_some(),
        start_at,
    };
    let started_at = jiff::Timestamp::now();
    let outcome = load.execute(|second| {
        watch.second(second);
        each(second);
    });
    let watched = watch.finish();
    leave(&instance);
    let outcome = outcome?;
    for (broker, why) in &outcome.unreachable {
        let name = outcome
            .brokers
            .get(broker.index())
            .map_or("?", |broker| broker.name.as_str());
        message::note(&format_args!(
            "{name} could not be reached at the start: {why}"
        ));
    }
    if outcome.topic_created {
        message::note(&format_args!(
            "topic {} was not there: the brokers make it as its first messages come ({})",
            plan.load.topic_text(),
            plan.send.create_topic_key
        ));
    }
    if plan.load.message.compression.is_some() && outcome.compressed == 0 {
        message::note(
            &"no body got smaller, so none is compressed: give --random-bytes, as in --random-bytes 25%",
        );
    }
    if let Some(why) = realtime_refused(&outcome) {
        message::note(&format_args!(
            "--rt: no real-time scheduling ({why}), so the sending threads ran as ordinary ones: give \
             the capability SYS_NICE, or a limit of 10 or more with ulimit -r"
        ));
    }
    tell_remarks(&outcome);
    let finished = Finished {
        plan,
        target,
        instance: &instance,
        outcome: &outcome,
        started_at,
        start_at,
        host,
        probed,
        watched: &watched,
    };
    let (result, summary) = report(&finished);
    Ok(Measured {
        denials: denials(&outcome),
        result,
        summary,
        unwritten: watched.unwritten,
    })
}

/// Unregisters the client; a cluster that does not answer costs a second.
fn leave(instance: &ClientInstance) {
    match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime.block_on(instance.shutdown()),
        Err(error) => message::note(&format_args!("not unregistered from the brokers: {error}")),
    }
}

/// Why a sending thread is no real-time thread though it should be.
fn realtime_refused(outcome: &LoadOutcome) -> Option<&str> {
    let asked = outcome
        .shards
        .iter()
        .filter_map(|shard| shard.realtime.as_ref());
    asked
        .filter_map(|realtime| realtime.as_ref().err())
        .map(String::as_str)
        .next()
}

/// The brokers' own words, once per kind of refusal.
fn tell_remarks(outcome: &LoadOutcome) {
    let mut told = Vec::new();
    for (kind, remark) in outcome.shards.iter().flat_map(|shard| &shard.remarks) {
        if !told.contains(kind) {
            told.push(*kind);
            message::note(&format_args!("{kind}: a broker said: {remark}"));
        }
    }
}

fn report(finished: &Finished<'_>) -> (RunResult, Summary) {
    let summary = finished.summary();
    let verdict = finished.verdict(&summary);
    let mut result = build_result(&summary, finished.facts(verdict));
    let figures = |name: &str| named::figure(&result, name);
    let thresholds = finished.plan.report.fail_if.iter().map(|threshold| {
        let judgement = threshold.evaluate(&figures);
        ThresholdOutcome {
            condition: threshold.to_string(),
            passed: judgement.passed,
            value: judgement.actual,
            sentence: judgement.sentence,
        }
    });
    result.thresholds = thresholds.collect();
    (result, summary)
}

/// How the process ends after a run whose result could be written so; says why.
pub(super) fn exit_code(plan: &RunPlan, measured: &Measured, written: Exit) -> Exit {
    let Measured {
        result,
        summary,
        denials,
        unwritten,
    } = measured;
    let written = if unwritten.is_empty() {
        written
    } else {
        Exit::OwnError
    };
    if result.run.stop_reason == crate::report::StopReason::Interrupted {
        return Exit::Interrupted;
    }
    if written != Exit::Success {
        return written;
    }
    if let Some(refused) = no_permission(result, summary, denials) {
        message::error(&refused);
        message::hint(&"give an account that may publish to this topic, with --credentials FILE");
        return Exit::Connect;
    }
    if summary
        .error_share()
        .is_some_and(|share| share > plan.report.max_error_rate)
    {
        message::error(&format_args!(
            "{:.2}% of the sends failed or are unknown, --max-error-rate allows {:.2}%",
            summary.error_share().unwrap_or_default() * 100.0,
            plan.report.max_error_rate * 100.0
        ));
        message::hint(
            &"lower --rate, or load a fresh broker for half a minute first; --max-error-rate allows more",
        );
        return Exit::FailedSends;
    }
    let accounts = &result.accounts;
    if accounts.unsent.saturating_mul(100) > accounts.planned {
        message::note(&format_args!(
            "{} of {} planned messages were never sent, which the exit code ignores: --fail-if 'achieved<99%' \
             does not",
            units::count(accounts.unsent),
            units::count(accounts.planned)
        ));
    }
    let outcomes = result.thresholds.iter().zip(&plan.report.fail_if);
    let mut missed = false;
    for (outcome, threshold) in outcomes.filter(|(outcome, _)| !outcome.passed) {
        missed = true;
        message::error(&outcome.sentence);
        if outcome.value.is_none()
            && let Some(hint) = too_few(plan, result, threshold)
        {
            message::hint(&hint);
        }
    }
    if missed {
        return Exit::Threshold;
    }
    if result.run.stop_reason == crate::report::StopReason::Aborted {
        message::error(&"the run stopped itself, as --when-late abort asks for");
        return Exit::InvalidGenerator;
    }
    if plan.report.strict && result.verdict.status == Status::Invalid {
        message::error(&"the verdict is INVALID and --strict was given");
        return Exit::InvalidGenerator;
    }
    Exit::Success
}

/// Whether every send was refused for want of permission: then the rate is not the reason.
fn no_permission(result: &RunResult, summary: &Summary, denials: &[Label]) -> Option<String> {
    let errors = &summary.counters().errors;
    let refused: u64 = denials.iter().map(|kind| errors.get(*kind)).sum();
    let accounts = &result.accounts;
    let all = accounts.acked == 0 && refused > 0 && refused == accounts.failed;
    all.then(|| {
        let refused = units::count(refused);
        format!("brokers refused all {refused} messages: no permission")
    })
}

/// Kinds of refusals that were refusals of access.
fn denials(outcome: &LoadOutcome) -> Vec<Label> {
    let remarks = outcome.shards.iter().flat_map(|shard| &shard.remarks);
    let denied = |(kind, remark): &(Label, String)| {
        kind.code
            .is_some_and(|code| denies_access(code, remark))
            .then_some(*kind)
    };
    let mut kinds: Vec<Label> = remarks.filter_map(denied).collect();
    // Without a remark the code says it.
    kinds.push(Label {
        name: "rejected",
        code: Some(ResponseCode::NO_PERMISSION.0),
    });
    kinds.sort_by_key(|kind| kind.code);
    kinds.dedup();
    kinds
}

/// Why a percentile could not be judged, and what to do.
fn too_few(plan: &RunPlan, result: &RunResult, threshold: &Threshold) -> Option<String> {
    let needed = samples::needed(threshold, plan.load.message.batch)?;
    let counted = named::series(result, threshold.series()?)?.count;
    (counted < needed).then(|| {
        format!(
            "{} needs {} messages with such a time, this run has {}: {}",
            threshold.figure(),
            units::count(needed),
            units::count(counted),
            samples::way_out(plan)
        )
    })
}
