//! Why results are not merged.

use thiserror::Error;

use crate::metrics::latency::ReadHistogramError;

/// What is in the way of one result; names are those of the parts' files.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum MergeError {
    /// No results were given.
    #[error("there is nothing to merge")]
    Nothing,
    /// A result of a run on its own.
    #[error(
        "{name} is the result of no shard: only processes started with --shard i/n send one schedule together"
    )]
    NoShard {
        /// The result.
        name: String,
    },
    /// A cluster inside each process.
    #[error(
        "{name} was measured on an embedded cluster, of which each process has its own: there is no union; have one \
         cluster for all, as by rmq-bench broker, and name it with --namesrv to each process"
    )]
    Embedded {
        /// The result.
        name: String,
    },
    /// A result without the moment its schedule began.
    #[error("{name} does not say when its schedule began (run.began_at): {why}")]
    NoBegin {
        /// The result.
        name: String,
        /// What was found.
        why: String,
    },
    /// Another number of shards.
    #[error("{left} is of a run of {left_of} shards, {right} of one of {right_of}")]
    OtherNumber {
        /// A result.
        left: String,
        /// The number its run was split into.
        left_of: u64,
        /// Another one.
        right: String,
        /// The number of that.
        right_of: u64,
    },
    /// One run twice.
    #[error("run {id} is in both {left} and {right}")]
    SameRun {
        /// The run's identity.
        id: String,
        /// A result.
        left: String,
        /// Another one, or the same file.
        right: String,
    },
    /// One shard twice.
    #[error("shard {index}/{of} is in both {left} and {right}")]
    SameShard {
        /// The shard, from 1.
        index: u64,
        /// The number of them.
        of: u64,
        /// A result.
        left: String,
        /// Another one, or the same file.
        right: String,
    },
    /// A shard outside of its run.
    #[error("{name} says it is shard {index} of {of}")]
    OutOfRange {
        /// The result.
        name: String,
        /// The shard.
        index: u64,
        /// The number of them.
        of: u64,
    },
    /// Shards without a result.
    #[error(
        "of {of} shards, {} missing: give their results too, or --partial to do without",
        named(missing)
    )]
    Missing {
        /// Those missing, from 1.
        missing: Vec<u64>,
        /// The number of them.
        of: u64,
    },
    /// Other settings.
    #[error("not one run: {} between {left} and {right}", differences.join("; "))]
    Settings {
        /// A result.
        left: String,
        /// One that differs from it.
        right: String,
        /// Each setting with both values.
        differences: Vec<String>,
    },
    /// Other beginnings.
    #[error(
        "{left} began at {left_at}, {right} at {right_at}: more than {} ms apart, so they were not one load; start \
         processes with the same --start-at, and keep their hosts' clocks in step",
        super::BEGIN_TOLERANCE.as_millis()
    )]
    Begin {
        /// The first to begin.
        left: String,
        /// When.
        left_at: String,
        /// The last to begin.
        right: String,
        /// When.
        right_at: String,
    },
    /// A histogram that cannot be added.
    #[error("{name}: {what}: {source}")]
    Histogram {
        /// The result.
        name: String,
        /// Which histogram.
        what: String,
        /// What is wrong with it.
        source: ReadHistogramError,
    },
    /// Figures that contradict one another.
    #[error("{name} is damaged: {what}")]
    Damaged {
        /// The result.
        name: String,
        /// The contradiction.
        what: String,
    },
}

/// Shards in words, of which there may be thousands.
fn named(missing: &[u64]) -> String {
    const SHOWN: usize = 8;
    let shown: Vec<String> = missing.iter().take(SHOWN).map(u64::to_string).collect();
    let more = missing.len().saturating_sub(SHOWN);
    let verb = if missing.len() == 1 { "is" } else { "are" };
    match more {
        0 => format!("{} {verb}", shown.join(", ")),
        more => format!("{} and {more} more {verb}", shown.join(", ")),
    }
}
