//! Whether results are of one run: its shards, each once, begun together, with the same settings.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::part::{MergedPart, Shard};
use super::super::result::TargetKind;
use super::{MergeError, Part, run, settings};

/// Beginnings of one run lie no further apart than this. `--start-at` gives all the same instant; without it,
/// processes started by one script are within it or are no common load.
pub const BEGIN_TOLERANCE: Duration = Duration::from_millis(100);

/// What the parts are together.
#[derive(Debug, Clone)]
pub(super) struct Found {
    /// Every result that is in it, by shard.
    pub(super) parts: Vec<MergedPart>,
    /// Shards of the run.
    pub(super) of: u64,
    /// Shards that are not there.
    pub(super) missing: Vec<u64>,
}

/// # Errors
/// [`MergeError`] for the first thing that does not fit.
pub(super) fn one_run(parts: &[Part], partial: bool) -> Result<Found, MergeError> {
    let Some(first) = parts.first() else {
        return Err(MergeError::Nothing);
    };
    let mut leaves: Vec<(&str, MergedPart)> = Vec::new();
    for part in parts {
        if part.result.run.target.kind == TargetKind::Embedded {
            let name = part.name.clone();
            return Err(MergeError::Embedded { name });
        }
        let own = run::parts(part)?;
        leaves.extend(own.into_iter().map(|leaf| (part.name.as_str(), leaf)));
    }
    let of = same_number(&leaves)?;
    distinct(&leaves)?;
    for part in parts.iter().skip(1) {
        settings::same(first, part)?;
    }
    together(&leaves)?;
    leaves.sort_by_key(|(_, leaf)| leaf.shard);
    let missing = missing(&leaves, of);
    if !missing.is_empty() && !partial {
        return Err(MergeError::Missing { missing, of });
    }
    let parts = leaves.into_iter().map(|(_, leaf)| leaf).collect();
    Ok(Found { parts, of, missing })
}

/// All of as many shards, and none outside.
fn same_number(leaves: &[(&str, MergedPart)]) -> Result<u64, MergeError> {
    let Some((left, first)) = leaves.first() else {
        return Err(MergeError::Nothing);
    };
    let of = first.shard.of;
    for (name, leaf) in leaves {
        let Shard { index, of: own } = leaf.shard;
        if own != of {
            return Err(MergeError::OtherNumber {
                left: (*left).to_owned(),
                left_of: of,
                right: (*name).to_owned(),
                right_of: own,
            });
        }
        if !(1..=of).contains(&index) {
            let name = (*name).to_owned();
            return Err(MergeError::OutOfRange { name, index, of });
        }
    }
    Ok(of)
}

/// No run and no shard twice.
fn distinct(leaves: &[(&str, MergedPart)]) -> Result<(), MergeError> {
    let (mut ids, mut shards) = (BTreeMap::new(), BTreeMap::new());
    for (name, leaf) in leaves {
        if let Some(left) = ids.insert(&leaf.id, *name) {
            return Err(MergeError::SameRun {
                id: leaf.id.clone(),
                left: left.to_owned(),
                right: (*name).to_owned(),
            });
        }
        if let Some(left) = shards.insert(leaf.shard, *name) {
            return Err(MergeError::SameShard {
                index: leaf.shard.index,
                of: leaf.shard.of,
                left: left.to_owned(),
                right: (*name).to_owned(),
            });
        }
    }
    Ok(())
}

/// Begun within the tolerance of one another.
fn together(leaves: &[(&str, MergedPart)]) -> Result<(), MergeError> {
    let mut begun = Vec::new();
    for (name, leaf) in leaves {
        let at: jiff::Timestamp =
            leaf.began_at
                .parse()
                .map_err(|error: jiff::Error| MergeError::NoBegin {
                    name: (*name).to_owned(),
                    why: error.to_string(),
                })?;
        begun.push((at, *name));
    }
    let (Some((from, left)), Some((until, right))) = (begun.iter().min(), begun.iter().max())
    else {
        return Ok(());
    };
    let apart = until.duration_since(*from).unsigned_abs();
    if apart <= BEGIN_TOLERANCE {
        return Ok(());
    }
    Err(MergeError::Begin {
        left: (*left).to_owned(),
        left_at: from.to_string(),
        right: (*right).to_owned(),
        right_at: until.to_string(),
    })
}

/// Of the shards 1 to `of`, those without a result; they are sorted. A number no run can have is refused by the
/// option and bounded here, as results come from anywhere.
fn missing(leaves: &[(&str, MergedPart)], of: u64) -> Vec<u64> {
    const MOST: usize = 10_000;
    let mut there = leaves.iter().map(|(_, leaf)| leaf.shard.index).peekable();
    let missing = (1..=of).filter(move |index| there.next_if_eq(index).is_none());
    missing.take(MOST).collect()
}
