//! `report`: stored results, rendered.

use std::path::PathBuf;

use clap::Args;

use super::exit::Exit;
use super::outputs::Document;
use super::{message, outputs};
use crate::config::value::{OutputFile, OutputFormat};
use crate::report::bundle::result_file;
use crate::report::stored::read_document;

/// Arguments of `report`.
#[derive(Debug, Clone, Args)]
pub(crate) struct ReportArgs {
    /// JSON result of a run, of several (--runs), or of a search (capacity), or a bundle
    #[arg(value_name = "FILE|BUNDLE")]
    file: PathBuf,
    /// Write it to FILE, format by extension: .html, .md, .csv, .txt, .json (repeatable)
    #[arg(short, long, value_name = "FILE")]
    output: Vec<OutputFile>,
    /// What stdout gets: text, json, csv, md or html [default: text, or nothing with --output]
    #[arg(long, value_name = "FORMAT")]
    format: Option<OutputFormat>,
    /// No colour (NO_COLOR counts too)
    #[arg(long)]
    no_color: bool,
}

/// Does `report`.
pub(crate) fn run(args: &ReportArgs) -> Exit {
    if args.no_color {
        message::no_color();
    }
    let file = result_file(&args.file);
    if file.is_dir() {
        message::error(&format_args!(
            "{}: a folder that is no bundle, where the JSON result of a run is wanted",
            args.file.display()
        ));
        message::hint(&"name the file in it, as in report folder/run.json");
        return Exit::Usage;
    }
    if let Err(error) = outputs::check(&args.output) {
        message::error(&error);
        return Exit::OwnError;
    }
    let document = match read_document(&file) {
        Ok(document) => document,
        Err(error) => {
            message::error(&error);
            return Exit::OwnError;
        }
    };
    let render: outputs::Render<'_> =
        &|out, format, style, width| Document::from(&document).render(out, format, style, width);
    let filed = outputs::to_files(&args.output, render);
    let format = match args.format {
        None if !args.output.is_empty() => return filed,
        format => format.unwrap_or(OutputFormat::Text),
    };
    let written = outputs::to_stdout(format, !args.no_color, render);
    if written == Exit::Success {
        filed
    } else {
        written
    }
}
