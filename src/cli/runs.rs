//! `--runs N`: one plan, run several times, each time as if it were the first.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::bundle::{Draft, Lines};
use super::exit::Exit;
use super::failure::Failure;
use super::outputs::Document;
use super::produce_run::{exit_code, measure_into};
use super::rerun::First;
use super::{message, outputs};
use crate::config::RunPlan;
use crate::config::setting::SettingValue;
use crate::load::{StopLevel, StopSignal};
use crate::report::RunResult;
use crate::report::figures::ThresholdOutcome;
use crate::report::runs::{Repetition, RunsFacts, RunsResult, build_runs, median};

/// Seeds stay below this: JSON and TOML keep them exactly.
const SEEDS: u64 = 1 << 53;

/// Runs a plan as often as it says, and reports the runs together.
///
/// # Errors
/// [`Failure`] when the first run gives no result; what a later one lacks is told, and the runs before
/// it are reported.
pub(super) fn execute(
    plan: &RunPlan,
    stop: &Arc<StopSignal>,
    draft: Option<Draft>,
    first: Option<&First>,
) -> Result<Exit, Failure> {
    let mut runs: Vec<RunResult> = Vec::new();
    let mut exits = Vec::new();
    let mut bundle_can_be_whole = true;
    let mut failure = None;
    for number in 1..=plan.runs {
        if stop.level() > StopLevel::None {
            break;
        }
        message::note(&format_args!("run {number} of {}", plan.runs));
        let lines = draft.as_ref().map(|draft| draft.lines(Some(number)));
        match one(plan, number, stop, lines.as_ref()) {
            Ok(made) => {
                runs.push(made.result);
                exits.push(made.exit);
                bundle_can_be_whole &= made.bundle_can_be_whole;
            }
            Err(failed) if runs.is_empty() => return Err(failed),
            Err(failed) => {
                failure = Some(failed);
                break;
            }
        }
    }
    let interrupted = stop.level() > StopLevel::None;
    let stopped = match &failure {
        Some(failed) => Some(format!("run {} failed: {}", runs.len() + 1, failed.error)),
        None => interrupted.then(|| "interrupted".to_owned()),
    };
    let mut result = build_runs(RunsFacts {
        asked: plan.runs,
        seed: plan.load.seed,
        stopped,
        runs,
    });
    result.thresholds = thresholds(plan, &result);
    let document = Document::Several(&result);
    let mut written = outputs::write(&plan.report, document);
    if let Some(draft) = draft.filter(|_| bundle_can_be_whole)
        && draft.finish(plan, document) != Exit::Success
    {
        written = Exit::OwnError;
    }
    if let Some(first) = first {
        first.tell_after(plan, &result.runs);
    }
    if interrupted {
        return Ok(Exit::Interrupted);
    }
    if written != Exit::Success {
        return Ok(written);
    }
    if let Some(failed) = failure {
        return Err(failed);
    }
    if let Some(exit) = exits.into_iter().find(|exit| *exit != Exit::Success) {
        return Ok(exit);
    }
    let missed = result.thresholds.iter().filter(|outcome| !outcome.passed);
    let missed = missed
        .map(|outcome| message::error(&outcome.sentence))
        .count();
    Ok(if missed > 0 {
        Exit::Threshold
    } else {
        Exit::Success
    })
}

/// What one of the runs came to.
struct Made {
    result: RunResult,
    /// How it alone would have ended but for thresholds.
    exit: Exit,
    /// All its lines are in the bundle.
    bundle_can_be_whole: bool,
}

/// Makes one of the runs.
fn one(
    plan: &RunPlan,
    number: u64,
    stop: &Arc<StopSignal>,
    bundle: Option<&Lines>,
) -> Result<Made, Failure> {
    let mut plan = plan.clone();
    let base_seed = plan.load.seed;
    plan.load.seed = seed(base_seed, number);
    for setting in plan
        .resolved
        .iter_mut()
        .filter(|setting| setting.key == "seed")
    {
        setting.value = SettingValue::Integer(plan.load.seed);
    }
    for path in [&mut plan.report.intervals, &mut plan.report.audit] {
        *path = path.as_deref().map(|path| numbered(path, number));
    }
    let mut measured = measure_into(&plan, Arc::clone(stop), None, bundle)?;
    measured.check()?;
    measured.result.run.repetition = Some(Repetition {
        number,
        of: plan.runs,
        base_seed,
    });
    // They are judged on the medians; the run's own outcome stands in its result.
    plan.report.fail_if.clear();
    let exit = exit_code(&plan, &measured, Exit::Success);
    Ok(Made {
        exit,
        bundle_can_be_whole: measured.bundle_can_be_whole(),
        result: measured.result,
    })
}

fn thresholds(plan: &RunPlan, result: &RunsResult) -> Vec<ThresholdOutcome> {
    let figures = |name: &str| median(&result.runs, name);
    let outcome = |threshold: &crate::config::threshold::Threshold| {
        let judgement = threshold.evaluate(&figures);
        ThresholdOutcome {
            condition: threshold.to_string(),
            passed: judgement.passed,
            value: judgement.actual,
            sentence: judgement.sentence,
        }
    };
    plan.report.fail_if.iter().map(outcome).collect()
}

/// The seed of a run: the first has the one given, so that it is the run that would have been made
/// alone; the others have it mixed with their number (SplitMix64).
fn seed(base: u64, number: u64) -> u64 {
    if number == 1 {
        return base;
    }
    let mut mixed = base.wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ (mixed >> 31)) % SEEDS
}

/// `folder/lines-run-2.ndjson` for `folder/lines.ndjson`.
fn numbered(path: &Path, number: u64) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_os_string();
    name.push(format!("-run-{number}"));
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_run_has_a_seed_of_its_own_and_the_first_the_one_given() {
        let seeds: BTreeSet<u64> = (1..=1000).map(|number| seed(7, number)).collect();
        assert_eq!(seeds.len(), 1000);
        assert_eq!((seed(7, 1), seed(u64::MAX, 1)), (7, u64::MAX));
        assert!((2..=1000).all(|number| seed(u64::MAX, number) < SEEDS));
        assert_ne!(seed(7, 2), seed(8, 2));
    }

    #[test]
    fn files_per_run_keep_their_folder_and_extension() {
        for (path, named) in [
            ("a/b.ndjson", "a/b-run-2.ndjson"),
            ("b", "b-run-2"),
            ("a.d/b.c.json", "a.d/b.c-run-2.json"),
        ] {
            assert_eq!(numbered(Path::new(path), 2), Path::new(named));
        }
    }
}
