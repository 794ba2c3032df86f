//! The result, rendered: to stdout, and to files that are whole or not there.

use std::fmt::Display;
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

use super::exit::Exit;
use super::{message, stdout};
use crate::config::ReportPlan;
use crate::config::value::OutputFormat;
use crate::report::{RunResult, Style, csv, json, markdown, text};

/// Checks before the run that every result file can be written; leaves nothing behind.
pub(crate) fn check(report: &ReportPlan) -> Result<(), String> {
    for output in &report.outputs {
        let path = &output.path;
        let refused = |why: &dyn Display| unwritable(path, why);
        if path.is_dir() {
            return Err(refused(&"it is a directory"));
        }
        let partial = partial(path);
        fs::File::create(&partial).map_err(|error| refused(&error))?;
        fs::remove_file(&partial).map_err(|error| refused(&error))?;
    }
    Ok(())
}

/// Writes the result everywhere it is wanted; the worst outcome counts.
pub(crate) fn write(report: &ReportPlan, result: &RunResult) -> Exit {
    let mut exit = Exit::Success;
    for output in &report.outputs {
        if let Err(error) = write_file(&output.path, output.format, result) {
            message::error(&unwritable(&output.path, &error));
            exit = Exit::OwnError;
        }
    }
    let colour = report.color && io::stdout().is_terminal();
    let style = if colour { Style::Colour } else { Style::Plain };
    let mut rendered = Vec::new();
    let width = terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| width.0.into());
    if let Err(error) = render(&mut rendered, report.format, result, style, width) {
        message::error(&format_args!("cannot render the result: {error}"));
        return Exit::OwnError;
    }
    let written = stdout::write(&String::from_utf8_lossy(&rendered));
    if written == Exit::Success {
        exit
    } else {
        written
    }
}

fn unwritable(path: &Path, why: &dyn Display) -> String {
    format!("--output: cannot write to {}: {why}", path.display())
}

/// Written beside its place and moved there when whole, so that a full disk leaves no half result.
fn write_file(path: &Path, format: OutputFormat, result: &RunResult) -> io::Result<()> {
    let partial = partial(path);
    let write = || {
        let mut file = io::BufWriter::new(fs::File::create(&partial)?);
        render(&mut file, format, result, Style::Plain, None)?;
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

fn render(
    out: &mut impl Write,
    format: OutputFormat,
    result: &RunResult,
    style: Style,
    width: Option<usize>,
) -> io::Result<()> {
    match format {
        OutputFormat::Text => text::write(out, result, style, width),
        OutputFormat::Json => json::write(out, result),
        OutputFormat::Csv => csv::write(out, result),
        OutputFormat::Markdown => markdown::write(out, result),
    }
}
