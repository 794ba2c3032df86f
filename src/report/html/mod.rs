//! A result as one page of HTML: the answer first, charts, then every figure and setting.
//!
//! The file is whole in itself: no network, no fonts, no library. Charts are drawn here as inline SVG, so that they are
//! there without scripts and on paper; the few lines of script only read figures out under the pointer or the arrow
//! keys. A Content-Security-Policy in the page lets nothing run or load but its own style and script, by their hashes.
//! Whatever a result holds is text: [`maud`] escapes it wherever it stands.
//!
//! - `run_page`, `runs_page`, `capacity_page`: the pages of one run, of several, of a search; `page`: what all are wrapped in
//! - `chart`: charts; `percentiles`, `course`, `brokers`: which of them there are
//! - `headline`: verdict and key figures; `details`: accounts, times, what else happened; `settings`: at the end
//! - `table`: tables

mod brokers;
mod capacity_page;
mod chart;
mod course;
mod details;
mod headline;
mod page;
mod percentiles;
mod run_page;
mod runs_page;
mod settings;
mod table;

#[cfg(test)]
mod tests;

use std::io::{self, Write};

use super::capacity::CapacityResult;
use super::result::RunResult;
use super::runs::RunsResult;

/// Writes the page of one run.
///
/// # Errors
/// What the writer says.
pub fn write(out: &mut (impl Write + ?Sized), result: &RunResult) -> io::Result<()> {
    writeln!(out, "{}", run_page::page_of(result).into_string())
}

/// Writes the page of several runs of one plan.
///
/// # Errors
/// What the writer says.
pub fn write_runs(out: &mut (impl Write + ?Sized), result: &RunsResult) -> io::Result<()> {
    writeln!(out, "{}", runs_page::page_of(result).into_string())
}

/// Writes the page of a search for a capacity.
///
/// # Errors
/// What the writer says.
pub fn write_capacity(out: &mut (impl Write + ?Sized), result: &CapacityResult) -> io::Result<()> {
    writeln!(out, "{}", capacity_page::page_of(result).into_string())
}
