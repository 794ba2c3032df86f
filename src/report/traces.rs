//! What became of the traces of a run, for its result and its text.

use std::io::{self, Write};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::metrics::units::count;

use super::style::Style;

/// Records of the message trace, one per message traced, in the whole run, its warm-up included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TraceFigures {
    /// Stored in the trace topic.
    pub written: u64,
    /// Not taken in, as too many waited to be written.
    pub dropped: u64,
    /// Taken in, but the trace topic did not take them in time.
    pub failed: u64,
}

/// The line of the text report.
pub(super) fn write(
    out: &mut (impl Write + ?Sized),
    figures: &TraceFigures,
    style: Style,
) -> io::Result<()> {
    writeln!(
        out,
        "{} {} written, {} dropped, {} failed",
        style.heading("Traces:"),
        count(figures.written),
        count(figures.dropped),
        count(figures.failed),
    )
}
