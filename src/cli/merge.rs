//! `merge`: the results of the processes of one run in one.

use std::path::PathBuf;

use clap::Args;

use super::exit::Exit;
use super::outputs::Document;
use super::{message, outputs};
use crate::config::value::{OutputFile, OutputFormat, ShareSetting};
use crate::config::{Progress, ReportPlan};
use crate::metrics::units;
use crate::report::merge::{Part, merge};
use crate::report::stored::read_result;
use crate::report::{RunResult, named};
use crate::verdict::Status;

/// Arguments of `merge`.
#[derive(Debug, Clone, Args)]
pub(crate) struct MergeArgs {
    /// JSON results or bundles of the processes of one run, each started with --shard
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Do without the shards that have no result here; the merged one says so and is degraded
    #[arg(long)]
    partial: bool,
    /// Write the result to FILE as well, format by extension (repeatable)
    #[arg(short, long, value_name = "FILE")]
    output: Vec<OutputFile>,
    /// What stdout gets: text, json, csv, md or html
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: OutputFormat,
    /// No colour (NO_COLOR counts too)
    #[arg(long)]
    no_color: bool,
}

/// Does `merge`.
pub(crate) fn run(args: &MergeArgs) -> Exit {
    if args.no_color {
        message::no_color();
    }
    let report = ReportPlan {
        outputs: args.output.clone(),
        format: args.format,
        intervals: None,
        hlog: None,
        audit: None,
        bundle: None,
        fail_if: Vec::new(),
        strict: false,
        max_error_rate: 1.0,
        progress: Progress::Notes,
        color: !args.no_color,
    };
    if let Err(error) = outputs::check(&report.outputs) {
        message::error(&error);
        return Exit::OwnError;
    }
    let mut parts = Vec::new();
    for path in &args.files {
        match read_result(path) {
            Ok(result) => parts.push(Part {
                name: path.display().to_string(),
                result,
            }),
            Err(error) => {
                message::error(&error);
                return Exit::Usage;
            }
        }
    }
    let merged = match merge(parts, args.partial) {
        Ok(merged) => merged,
        Err(error) => {
            message::error(&error);
            return Exit::Usage;
        }
    };
    let written = outputs::write(&report, Document::One(&merged));
    if written == Exit::Success {
        judged(&merged)
    } else {
        written
    }
}

/// What the run itself asked for, of the whole: --max-error-rate, --fail-if and --strict.
fn judged(merged: &RunResult) -> Exit {
    let setting = |key: &str| merged.config.get(key);
    let most = setting("max_error_rate").and_then(|share| share.as_str());
    let most = most.and_then(|share| share.parse::<ShareSetting>().ok());
    let failed = named::figure(merged, "error_rate");
    if let (Some(most), Some(failed)) = (most, failed)
        && failed > most.fraction()
    {
        message::error(&format_args!(
            "{} of the sends failed or are unknown, --max-error-rate of the run allows {most}",
            units::percent(failed)
        ));
        return Exit::FailedSends;
    }
    let missed = merged.thresholds.iter().filter(|outcome| !outcome.passed);
    let mut any = false;
    for outcome in missed {
        any = true;
        message::error(&outcome.sentence);
    }
    if any {
        return Exit::Threshold;
    }
    let strict = setting("strict").and_then(serde_json::Value::as_bool) == Some(true);
    if strict && merged.verdict.status == Status::Invalid {
        message::error(&"the verdict is INVALID and the run was --strict");
        return Exit::InvalidGenerator;
    }
    Exit::Success
}
