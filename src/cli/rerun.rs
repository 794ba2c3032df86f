//! `rerun`: a run made again, from its bundle or its JSON result.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;

use super::exit::Exit;
use super::failure::Failure;
use super::options::ProduceArgs;
use super::version::GIT;
use super::{message, produce};
use crate::config::setting::{Heading, Layer, RawValue};
use crate::config::settings::{SETTINGS, setting};
use crate::config::{OutputFormat, Profile, RunPlan, Setting, Source, Sources, first_run};
use crate::report::bundle::{self, checksums, is_bundle};
use crate::report::result::{TargetKind, Tool};
use crate::report::stored::read_results;
use crate::report::{Host, RunResult};
use crate::verdict::Status;

/// Arguments of `rerun`.
#[derive(Debug, Clone, Args)]
pub(crate) struct RerunArgs {
    /// A bundle (--bundle), or a JSON result
    #[arg(value_name = "BUNDLE|RESULT")]
    from: PathBuf,
    /// Take a bundle as it is, though its files were changed since the run
    #[arg(long)]
    unverified: bool,
    #[command(flatten)]
    options: ProduceArgs,
}

/// The run that is made again.
pub(super) struct First {
    /// Its bundle or result.
    from: PathBuf,
    /// Its result, of several runs the first.
    result: RunResult,
    /// What should be known of how it was read.
    notes: Vec<String>,
}

/// Does `rerun`.
pub(crate) fn run(args: &RerunArgs) -> Exit {
    match read(args) {
        Ok((first, sources)) => produce::start(Ok(sources), Some(&first)),
        Err(failure) => failure.tell(),
    }
}

fn read(args: &RerunArgs) -> Result<(First, Sources), Failure> {
    let from = &args.from;
    let mut notes = Vec::new();
    if from.is_dir() {
        notes.extend(verify(from, args.unverified)?);
    }
    let (environment, ignored) = environment();
    notes.extend(ignored);
    let mut results = read_results(from)
        .map_err(|error| usage(&error, "give a bundle, or a result of produce in JSON"))?
        .into_iter();
    let (Some(stored), others) = (results.next(), results.len()) else {
        // Whoever reads results says where there is none.
        return Err(Failure::own(format_args!("{}: no result", from.display())));
    };
    let first = First {
        from: from.clone(),
        result: stored.result,
        notes,
    };
    let mut profile = first.profile()?;
    let repetition = first.result.run.repetition;
    if others == 0 && repetition.is_some_and(|repetition| repetition.number > 1) {
        // One of several on its own, which has a seed of its own.
        let raw = RawValue {
            texts: vec!["1".to_owned()],
            source: Source::FirstRun(from.display().to_string()),
        };
        profile.values.insert("runs", raw);
    }
    let is_embedded = first.result.run.target.kind == TargetKind::Embedded;
    let command_line = args.options.given.clone();
    if is_embedded && command_line.contains_key("namesrv") {
        let shapes_cluster =
            |key: &str| setting(key).is_some_and(|known| known.heading == Heading::Embedded);
        profile.values.retain(|key, _| !shapes_cluster(key));
    }
    let sources = Sources {
        profile: Some(profile),
        environment,
        command_line,
    };
    Ok((first, sources))
}

fn usage(error: &dyn std::fmt::Display, hint: &'static str) -> Failure {
    Failure {
        exit: Exit::Usage,
        error: error.to_string(),
        hint: Some(hint.into()),
    }
}

/// Refuses a folder that is no bundle, or is not what the run wrote; what is taken all the same is noted.
fn verify(folder: &Path, unverified: bool) -> Result<Option<String>, Failure> {
    if !is_bundle(folder) {
        let (result, profile, sums) = (bundle::RESULT, bundle::PROFILE, bundle::CHECKSUMS);
        let shown = folder.display();
        return Err(usage(
            &format_args!("{shown} is no bundle: it lacks {result}, {profile} or {sums}"),
            "give a folder that --bundle has made, or a JSON result",
        ));
    }
    match checksums::verify(folder, &[bundle::RESULT, bundle::ARRIVALS]) {
        Ok(()) => Ok(None),
        Err(error) if unverified => Ok(Some(format!("{error}; taken all the same (--unverified)"))),
        Err(error) => Err(usage(
            &error,
            "--unverified takes the settings of result.json all the same; run FOLDER/profile.toml takes edited ones",
        )),
    }
}

/// What the environment says of this occasion, and a note on all else: settings of the run are those of the first
/// one, or options.
fn environment() -> (Layer, Vec<String>) {
    let mut environment = produce::process_environment();
    let mut notes = Vec::new();
    environment.retain(|key, raw| {
        let is_of_the_run = setting(key).is_some_and(Setting::is_repeated);
        if is_of_the_run {
            notes.push(format!(
                "{} does not count: settings are those of the first run, unless --{key} is given",
                raw.source
            ));
        }
        !is_of_the_run
    });
    (environment, notes)
}

impl First {
    /// The settings of the run; recorded arrivals are those of the bundle.
    fn profile(&self) -> Result<Profile, Failure> {
        let shown = self.from.display().to_string();
        let RunResult {
            config,
            config_source,
            ..
        } = &self.result;
        let mut profile = first_run::profile(config, config_source, &shown)?;
        let record = self.from.join(bundle::ARRIVALS);
        if let Some(arrivals) = profile.values.get_mut("arrivals")
            && arrivals.texts.iter().any(|text| text.starts_with('@'))
            && fs::exists(&record).unwrap_or(false)
        {
            arrivals.texts = vec![format!("@{}", record.display())];
        }
        Ok(profile)
    }

    /// Says what is known to differ before the run.
    pub(super) fn tell_before(&self, plan: &RunPlan) {
        let shown = self.from.display();
        let run = &self.result.run;
        message::note(&format_args!(
            "the run of {} again, from {shown}",
            run.started_at
        ));
        for note in &self.notes {
            message::note(note);
        }
        let differences = self.differences(plan);
        for difference in &differences {
            message::note(&format_args!("differs from the first run: {difference}"));
        }
        if differences.is_empty() {
            message::note(&"settings, rmq-bench and machine are those of the first run");
        }
        let verdict = &self.result.verdict;
        if verdict.status == Status::Invalid {
            let reasons = verdict.reasons.iter().map(|reason| reason.code.name());
            let reasons: Vec<_> = reasons.collect();
            message::note(&format_args!(
                "the first run was INVALID: {}",
                reasons.join(", ")
            ));
        }
        if let Some(instant) = run.start_at.as_ref().filter(|_| plan.start_at.is_none()) {
            message::note(&format_args!(
                "the first run began at {instant} as it was told to; this one begins as soon as it can, without --start-at"
            ));
        }
        let part = plan.load.part;
        if part.count > 1 {
            message::note(&format_args!(
                "this is shard {}/{} of the run: start the others as well, with one --start-at for all",
                part.index + 1,
                part.count
            ));
        }
        if !run.merged_from.is_empty() {
            message::note(&format_args!(
                "the first run was sent by {} processes, and this process sends all of it",
                run.merged_from.len()
            ));
        }
    }

    /// What is known to differ before the run: program, machine, settings.
    fn differences(&self, plan: &RunPlan) -> Vec<String> {
        let mut differences = Vec::new();
        let mut differ = |what: &str, now: String, then: String| {
            if now != then {
                differences.push(format!("{what} {now} instead of {then}"));
            }
        };
        let tool = |tool: &Tool| match &tool.git {
            Some(git) => format!("{} ({git})", tool.version),
            None => tool.version.clone(),
        };
        differ(
            &self.result.tool.name,
            tool(&Tool::current(GIT)),
            tool(&self.result.tool),
        );
        let host = |host: &Host| {
            let kernel = host.kernel.as_deref().unwrap_or("an unknown kernel");
            let cpus = host.cpus.map(|cpus| format!(", {cpus} CPUs"));
            format!("{kernel}{}", cpus.unwrap_or_default())
        };
        differ("machine", host(&Host::read()), host(&self.result.host));
        differences.extend(self.changed(plan));
        differences
    }

    fn changed(&self, plan: &RunPlan) -> Vec<String> {
        let mut now = BTreeMap::new();
        for resolved in &plan.resolved {
            let value = serde_json::to_value(&resolved.value).unwrap_or_default();
            now.insert(resolved.key, value);
        }
        let then = |key: &str| self.result.config.get(&key.replace('-', "_"));
        let is_record = |value: &Value| value.as_str().is_some_and(|text| text.starts_with('@'));
        let repeated = SETTINGS.iter().filter(|setting| setting.is_repeated());
        let changes = repeated.filter_map(|setting| {
            let key = setting.key;
            match (now.get(key), then(key)) {
                (Some(now), Some(then)) if now == then => None,
                // Wherever it stands now.
                (Some(now), Some(then)) if is_record(now) && is_record(then) => None,
                (Some(now), Some(then)) => {
                    Some(format!("--{key} {} instead of {}", plain(now), plain(then)))
                }
                (Some(now), None) => Some(format!("--{key} {}, which it had not", plain(now))),
                (None, Some(then)) => Some(format!("--{key} {} has no effect now", plain(then))),
                (None, None) => None,
            }
        });
        changes.collect()
    }

    /// Says what differs as the run has shown, and how the two are compared.
    pub(super) fn tell_after(&self, plan: &RunPlan, made: &[RunResult]) {
        let Some(made) = made.first() else {
            return;
        };
        let (now, then) = (brokers(made), brokers(&self.result));
        if now != then {
            let words = |brokers: &BTreeSet<String>| {
                let names: Vec<_> = brokers.iter().map(String::as_str).collect();
                names.join(", ")
            };
            message::note(&format_args!(
                "differs from the first run: the cluster, {} instead of {}",
                words(&now),
                words(&then)
            ));
        }
        let report = &plan.report;
        let json = report
            .outputs
            .iter()
            .find(|output| output.format == OutputFormat::Json);
        let kept = report.bundle.as_ref().or(json.map(|output| &output.path));
        if let Some(kept) = kept {
            message::note(&format_args!(
                "to set the two against each other: rmq-bench compare {} {}",
                self.from.display(),
                kept.display()
            ));
        }
    }
}

/// Which brokers took a run's messages; those of an embedded cluster have other ports each time.
fn brokers(result: &RunResult) -> BTreeSet<String> {
    let target = &result.run.target;
    let brokers = target.brokers.iter().map(|broker| {
        let mut words = match target.kind {
            TargetKind::Embedded => format!("embedded {}", broker.name),
            TargetKind::Cluster => format!("{} at {}", broker.name, broker.address),
        };
        if let Some(version) = &broker.version {
            words += &format!(" ({version})");
        }
        words
    });
    brokers.collect()
}

/// A value as an option has it.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}
