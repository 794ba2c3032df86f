//! `compare`: two results, or two groups of them.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum};

use super::exit::Exit;
use super::{message, outputs, stdout, version};
use crate::config::threshold::figure_name;
use crate::config::value::{OutputFile, OutputFormat, ShareSetting, ValueError};
use crate::report::comparison::document::AnswerName;
use crate::report::comparison::{
    CompareOptions, Comparison, ComparisonError, compare_results, markdown, text,
};
use crate::report::result::Tool;
use crate::report::stored::{Stored, StoredError, read_results};
use crate::stats::Limits;

/// Arguments of `compare`.
#[derive(Debug, Clone, Args)]
pub struct CompareArgs {
    /// Baseline and candidate: a result, a result of several runs, a bundle, or a folder of results and bundles
    #[arg(value_name = "BASELINE CANDIDATE", num_args = 2, required_unless_present_all = ["baseline", "candidate"])]
    pair: Vec<PathBuf>,
    /// Results of the baseline, instead of the first argument: files and folders
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "candidate", conflicts_with = "pair")]
    baseline: Vec<PathBuf>,
    /// Results of the candidate, instead of the second argument
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "baseline", conflicts_with = "pair")]
    candidate: Vec<PathBuf>,
    /// Least relevant change of times, rates and costs; smaller ones are none
    #[arg(long, value_name = "SHARE", default_value = "5%")]
    min_effect: ShareSetting,
    /// Change that the number of needed runs is given for; more than --min-effect [default: twice that]
    #[arg(long, value_name = "SHARE")]
    detect: Option<ShareSetting>,
    /// Figures to judge, as thresholds name them, such as p99,service.p50,acked_per_s; all are shown
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    figures: Vec<FigureName>,
    /// Compare what is refused otherwise, and say so: INVALID results, other modes, targets or load models,
    /// groups of unlike runs
    #[arg(long)]
    anyway: bool,
    /// Write the comparison to FILE as well, format by extension: .json, .txt, .md
    #[arg(short, long, value_name = "FILE")]
    output: Option<OutputFile>,
    /// What stdout gets
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    format: Format,
    /// No colour (NO_COLOR counts too)
    #[arg(long)]
    no_color: bool,
}

/// Forms of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For programs
    Json,
    /// For tickets
    Md,
}

/// A figure by the name a comparison has it under.
#[derive(Debug, Clone, PartialEq, Eq)]
struct FigureName(String);

impl FromStr for FigureName {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text.trim() {
            // No threshold is set on it.
            name @ "cpu_us_per_message" => Ok(Self(name.to_owned())),
            name => figure_name(name).map(Self),
        }
    }
}

/// Does `compare`.
pub(crate) fn run(args: &CompareArgs) -> Exit {
    if args.no_color {
        message::no_color();
    }
    let options = match options(args) {
        Ok(options) => options,
        Err(reason) => return refused(&reason, "give --detect more than --min-effect"),
    };
    if let Some(output) = &args.output {
        if matches!(output.format, OutputFormat::Csv | OutputFormat::Html) {
            return refused(
                &"--output: a comparison has no CSV and no HTML form",
                "give the file the extension .json, .txt or .md",
            );
        }
        if let Err(error) = outputs::check_file(&output.path) {
            message::error(&error);
            return Exit::OwnError;
        }
    }
    let (baseline, candidate) = match groups(args) {
        Ok(groups) => groups,
        Err(error) => {
            message::error(&error);
            return Exit::OwnError;
        }
    };
    match compare_results(&baseline, &candidate, &options, Tool::current(version::GIT)) {
        Ok(comparison) => tell(args, &comparison),
        Err(ComparisonError::Doubtful(doubts)) => {
            for doubt in doubts {
                message::error(&doubt);
            }
            message::hint(&"--anyway compares them and says so");
            Exit::Usage
        }
        Err(error) => refused(&error, "name each result once, and some in each group"),
    }
}

fn refused(reason: &dyn std::fmt::Display, hint: &str) -> Exit {
    message::error(reason);
    message::hint(&hint);
    Exit::Usage
}

fn options(args: &CompareArgs) -> Result<CompareOptions, String> {
    let min_effect = args.min_effect.fraction();
    let detect = match args.detect {
        Some(detect) => detect.fraction(),
        // Without a least effect, the size that is asked for by default all the same.
        None if min_effect == 0.0 => Limits::default().detect,
        None => 2.0 * min_effect,
    };
    if detect <= min_effect {
        return Err(format!(
            "--detect {}: a change that is no more than --min-effect {} is never called one",
            args.detect
                .map_or_else(String::new, |detect| detect.to_string()),
            args.min_effect
        ));
    }
    Ok(CompareOptions {
        limits: Limits {
            min_effect,
            detect,
            ..Limits::default()
        },
        figures: args.figures.iter().map(|name| name.0.clone()).collect(),
        anyway: args.anyway,
    })
}

fn groups(args: &CompareArgs) -> Result<(Vec<Stored>, Vec<Stored>), StoredError> {
    let group = |paths: &[PathBuf]| -> Result<Vec<Stored>, StoredError> {
        let read: Result<Vec<_>, _> = paths.iter().map(|path| read_results(path)).collect();
        Ok(read?.into_iter().flatten().collect())
    };
    match args.pair.as_slice() {
        [baseline, candidate] => Ok((read_results(baseline)?, read_results(candidate)?)),
        _ => Ok((group(&args.baseline)?, group(&args.candidate)?)),
    }
}

fn tell(args: &CompareArgs, comparison: &Comparison) -> Exit {
    let render: outputs::Render<'_> = &|out, format, style, width| match format {
        OutputFormat::Json => {
            serde_json::to_writer_pretty(&mut *out, comparison)?;
            writeln!(out)
        }
        OutputFormat::Markdown => markdown::write(out, comparison),
        OutputFormat::Text | OutputFormat::Csv | OutputFormat::Html => {
            text::write(out, comparison, style, width)
        }
    };
    let filed = args
        .output
        .as_ref()
        .map_or(Exit::Success, |output| outputs::to_file(output, render));
    let written = match args.format {
        Format::Json => stdout::json(comparison),
        Format::Text => outputs::to_stdout(OutputFormat::Text, !args.no_color, render),
        Format::Md => outputs::to_stdout(OutputFormat::Markdown, false, render),
    };
    for outcome in [filed, written] {
        if outcome != Exit::Success {
            return outcome;
        }
    }
    match comparison.answer {
        AnswerName::Better | AnswerName::Same => Exit::Success,
        AnswerName::Worse => Exit::Threshold,
        AnswerName::Inconclusive => Exit::Inconclusive,
    }
}
