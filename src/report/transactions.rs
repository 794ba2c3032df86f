//! What became of the transactions of a run, for its result and its text.

use std::io::{self, Write};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::metrics::LatencySummary;
use crate::metrics::units::count;

use super::style::Style;
use super::text::time;

/// What became of transactions. The first three add up to the acked half messages of the window; the
/// checks are those of the whole run, its warm-up included.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TransactionFigures {
    /// Told to commit.
    pub committed: u64,
    /// Told to roll back.
    pub rolled_back: u64,
    /// Left unknown, for brokers to ask about.
    pub unknown: u64,
    /// Of these, could not be told to the broker, which asks about them too.
    pub untold: u64,
    /// What brokers asked.
    pub checks: CheckFigures,
    /// Half messages the brokers had not passed yet when the run ended, of all producers: an upper bound of
    /// those that are open, as they pass ended ones only now and then. Absent when a broker does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub half_messages_not_passed: Option<u64>,
    /// From the sending of a half message to the first check of it, for transactions left to brokers; to
    /// the millisecond, by this machine's clock.
    pub check_delay: LatencySummary,
}

/// What brokers asked about transactions, and what was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct CheckFigures {
    /// Checks that came, those that were dropped not among them.
    pub received: u64,
    /// Of transactions that were left to the broker.
    pub expected: u64,
    /// Again, of transactions that a check had ended.
    pub duplicate: u64,
    /// Of transactions the broker had been told the end of.
    pub of_ended: u64,
    /// Of half messages given up as unknown, and of further copies of one that was stored: rolled back.
    pub of_strays: u64,
    /// Of messages this run did not send; left unknown.
    pub foreign: u64,
    /// Of the expected ones, later than `tx_wait` after their half message.
    pub late: u64,
    /// Dropped, as too many waited for an answer.
    pub dropped: u64,
    /// Transactions that had been left unknown, committed at a check.
    pub committed: u64,
    /// Those rolled back at a check.
    pub rolled_back: u64,
    /// Checks of them that were answered as unknown again.
    pub unknown: u64,
    /// Transactions left to brokers that none of them had asked about, to its end, when the run ended:
    /// half messages left over.
    pub left_over: u64,
}

/// The lines of the text report.
pub(super) fn write(
    out: &mut (impl Write + ?Sized),
    figures: &TransactionFigures,
    style: Style,
) -> io::Result<()> {
    let untold = match figures.untold {
        0 => String::new(),
        untold => format!("; {} could not be told to the broker", count(untold)),
    };
    writeln!(
        out,
        "{} {} committed + {} rolled back + {} left unknown{untold}",
        style.heading("Transactions:"),
        count(figures.committed),
        count(figures.rolled_back),
        count(figures.unknown),
    )?;
    let checks = &figures.checks;
    let mut parts = vec![format!("{} received", count(checks.received))];
    for (number, what) in [
        (checks.expected, "expected"),
        (checks.duplicate, "duplicate"),
        (checks.of_ended, "of ended transactions"),
        (checks.of_strays, "of given up or repeated sends"),
        (checks.foreign, "of messages not sent by this run"),
        (checks.late, "late"),
        (checks.dropped, "dropped"),
        (checks.left_over, "half messages left over"),
    ] {
        if number > 0 {
            parts.push(format!("{} {what}", count(number)));
        }
    }
    writeln!(out, "{} {}", style.heading("Checks:"), parts.join(", "))?;
    if checks.received > 0 {
        writeln!(
            out,
            "  of those left unknown: {} committed, {} rolled back, {} times unknown again; first check after p50 \
             {}, max {}",
            count(checks.committed),
            count(checks.rolled_back),
            count(checks.unknown),
            time(figures.check_delay.p50_ns),
            time(figures.check_delay.max_ns),
        )?;
    }
    if let Some(number) = figures.half_messages_not_passed {
        writeln!(
            out,
            "  half messages the brokers have not passed yet: {}; no more are open",
            count(number)
        )?;
    }
    Ok(())
}
