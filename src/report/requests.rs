//! What became of the requests of a run, for its result and its text.

use std::io::{self, Write};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::metrics::LatencySummary;
use crate::metrics::units::count;

use super::style::Style;
use super::text::time;

/// What became of requests, besides the accounts: `acked` there means answered, `no_reply` among the errors
/// stored and not answered in time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RequestFigures {
    /// Answers nobody waited for, in the whole run: second ones, and those to requests that had ended.
    pub unmatched_replies: u64,
    /// From the first byte of a request to its broker's acknowledgement; service times go on to the answer.
    pub acknowledged: LatencySummary,
    /// The built-in responder; absent where others answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub responder: Option<ResponderFigures>,
}

/// What the built-in responder did in the whole run, the warm-up included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ResponderFigures {
    /// Messages it has read.
    pub received: u64,
    /// Answers that brokers have handed on.
    pub answered: u64,
    /// Messages that were no requests.
    pub unanswered: u64,
    /// Requests that were too old to be waited for.
    pub expired: u64,
    /// Answers that could not be sent, or not be handed on.
    pub failed: u64,
}

/// The lines of the text report.
pub(super) fn write(
    out: &mut (impl Write + ?Sized),
    figures: &RequestFigures,
    style: Style,
) -> io::Result<()> {
    let unmatched = match figures.unmatched_replies {
        0 => String::new(),
        unmatched => format!("; {} answers nobody waited for", count(unmatched)),
    };
    writeln!(
        out,
        "{} acknowledged by brokers after p50 {}, p99 {} of the service time{unmatched}",
        style.heading("Requests:"),
        time(figures.acknowledged.p50_ns),
        time(figures.acknowledged.p99_ns),
    )?;
    let Some(responder) = &figures.responder else {
        return writeln!(out, "  answered by others");
    };
    let mut parts = vec![
        format!("{} read", count(responder.received)),
        format!("{} answered", count(responder.answered)),
    ];
    for (number, what) in [
        (responder.unanswered, "no requests"),
        (responder.expired, "too old"),
        (responder.failed, "answers failed"),
    ] {
        if number > 0 {
            parts.push(format!("{} {what}", count(number)));
        }
    }
    writeln!(
        out,
        "  answered by the responder in this process, which is part of what was measured: {}",
        parts.join(", ")
    )
}
