//! One process of the several that sent a schedule together: which part it was, and what of it a merged
//! result keeps.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::verdict::Status;

use super::host::Host;
use super::result::{Run, StopReason};

/// A process's part of a schedule: every `of`-th message, from the `index`-th on.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub struct Shard {
    /// From 1 to `of`.
    pub index: u64,
    /// Processes of the run.
    pub of: u64,
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

/// A result that went into a merged one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MergedPart {
    /// Identity of its run.
    pub id: String,
    /// Its part of the schedule.
    pub shard: Shard,
    /// When its schedule began, RFC 3339, by its host's clock.
    pub began_at: String,
    /// What ended its window.
    pub stop_reason: StopReason,
    /// Its own verdict; the reasons are among those of the merged one.
    pub verdict: Status,
    /// Messages that were due for it.
    pub planned: u64,
    /// Messages of its part that were acknowledged.
    pub acked: u64,
    /// The machine it ran on.
    pub host: Host,
}

/// What a merged result is made of, in words.
pub(super) fn merged(run: &Run) -> String {
    let found = run.merged_from.len();
    match run.missing_shards.as_slice() {
        [] => format!("merged from all {found} shards of the schedule"),
        missing => {
            let missing: Vec<String> = missing.iter().map(u64::to_string).collect();
            format!(
                "merged from {found} of {} shards of the schedule, without {}",
                found + missing.len(),
                missing.join(", ")
            )
        }
    }
}
