//! The result, rendered: to stdout, and to files that are whole or not there.

use std::fmt::Display;
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

use super::exit::Exit;
use super::{message, stdout};
use crate::config::ReportPlan;
use crate::config::value::{OutputFile, OutputFormat};
use crate::report::capacity::{self, CapacityResult};
use crate::report::runs::RunsResult;
use crate::report::stored;
use crate::report::{RunResult, Style, csv, html, json, markdown, runs, runs_text, text};

/// Checks before the run that every result file can be written; leaves nothing behind.
pub(crate) fn check(outputs: &[OutputFile]) -> Result<(), String> {
    let mut outputs = outputs.iter();
    outputs.try_for_each(|output| check_file(&output.path))
}

/// Checks that a file can be written.
pub(crate) fn check_file(path: &Path) -> Result<(), String> {
    let refused = |why: &dyn Display| unwritable(path, why);
    if path.is_dir() {
        return Err(refused(&"it is a directory"));
    }
    let partial = partial(path);
    fs::File::create(&partial).map_err(|error| refused(&error))?;
    fs::remove_file(&partial).map_err(|error| refused(&error))
}

/// What a command came to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Document<'a> {
    /// One run.
    One(&'a RunResult),
    /// Several of one plan.
    Several(&'a RunsResult),
    /// A search for a capacity.
    Capacity(&'a CapacityResult),
}

impl<'a> From<&'a stored::Document> for Document<'a> {
    fn from(document: &'a stored::Document) -> Self {
        match document {
            stored::Document::Run(result) => Self::One(result),
            stored::Document::Runs(results) => Self::Several(results),
            stored::Document::Capacity(result) => Self::Capacity(result),
        }
    }
}

impl<'a> Document<'a> {
    /// The result of its first run.
    pub(crate) fn first(self) -> Option<&'a RunResult> {
        match self {
            Self::One(result) => Some(result),
            Self::Several(results) => results.runs.first(),
            Self::Capacity(_) => None,
        }
    }

    /// Writes it in a format, for a terminal of this width if there is one.
    pub(crate) fn render(
        self,
        out: &mut dyn Write,
        format: OutputFormat,
        style: Style,
        width: Option<usize>,
    ) -> io::Result<()> {
        match self {
            Self::One(result) => match format {
                OutputFormat::Text => text::write(out, result, style, width),
                OutputFormat::Json => json::write(out, result),
                OutputFormat::Csv => csv::write(out, result),
                OutputFormat::Markdown => markdown::write(out, result),
                OutputFormat::Html => html::write(out, result),
            },
            Self::Several(result) => match format {
                OutputFormat::Text => runs_text::write(out, result, style, width),
                OutputFormat::Json => runs::write_json(out, result),
                OutputFormat::Csv => runs_text::write_csv(out, result),
                OutputFormat::Markdown => runs_text::write_markdown(out, result),
                OutputFormat::Html => html::write_runs(out, result),
            },
            Self::Capacity(result) => match format {
                OutputFormat::Text => capacity::text::write(out, result, style, width),
                OutputFormat::Json => capacity::document::write_json(out, result),
                OutputFormat::Csv => capacity::csv::write(out, result),
                OutputFormat::Markdown => capacity::markdown::write(out, result),
                OutputFormat::Html => html::write_capacity(out, result),
            },
        }
    }
}

/// Writes the result everywhere it is wanted; the worst outcome counts.
pub(crate) fn write(report: &ReportPlan, document: Document<'_>) -> Exit {
    write_with(report, &|out, format, style, width| {
        document.render(out, format, style, width)
    })
}

/// How a document is written in a format, for a terminal of this width if there is one.
pub(crate) type Render<'a> =
    &'a dyn Fn(&mut dyn Write, OutputFormat, Style, Option<usize>) -> io::Result<()>;

fn write_with(report: &ReportPlan, render: Render<'_>) -> Exit {
    let exit = to_files(&report.outputs, render);
    let written = to_stdout(report.format, report.color, render);
    if written == Exit::Success {
        exit
    } else {
        written
    }
}

/// Writes a document to files, to all that it can; the worst outcome counts.
pub(crate) fn to_files(outputs: &[OutputFile], render: Render<'_>) -> Exit {
    let mut exit = Exit::Success;
    for output in outputs {
        if to_file(output, render) != Exit::Success {
            exit = Exit::OwnError;
        }
    }
    exit
}

/// Writes a document to a file, whole or not at all; says why not.
pub(crate) fn to_file(output: &OutputFile, render: Render<'_>) -> Exit {
    match write_file(&output.path, &|out| {
        render(out, output.format, Style::Plain, None)
    }) {
        Ok(()) => Exit::Success,
        Err(error) => {
            message::error(&unwritable(&output.path, &error));
            Exit::OwnError
        }
    }
}

/// Writes a document to stdout, in colour where that is a terminal and wanted.
pub(crate) fn to_stdout(format: OutputFormat, colour: bool, render: Render<'_>) -> Exit {
    let colour = colour && io::stdout().is_terminal();
    let style = if colour { Style::Colour } else { Style::Plain };
    let mut rendered = Vec::new();
    let width = terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| width.0.into());
    if let Err(error) = render(&mut rendered, format, style, width) {
        message::error(&format_args!("cannot render the result: {error}"));
        return Exit::OwnError;
    }
    stdout::write(&String::from_utf8_lossy(&rendered))
}

fn unwritable(path: &Path, why: &dyn Display) -> String {
    format!("--output: cannot write to {}: {why}", path.display())
}

/// Written beside its place and moved there when whole, so that a full disk leaves no half result.
fn write_file(path: &Path, render: &dyn Fn(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let partial = partial(path);
    let write = || {
        let mut file = io::BufWriter::new(fs::File::create(&partial)?);
        render(&mut file)?;
        file.into_inner()
            .map_err(io::IntoInnerError::into_error)?
            .sync_all()?;
        fs::rename(&partial, path)
    };
    write().inspect_err(|_| {
        // The error that counts is the first one.
        let _ = fs::remove_file(&partial);
    })
}

fn partial(path: &Path) -> std::path::PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".partial");
    path.with_file_name(name)
}
