//! The verdict on the union of several processes' results.
//!
//! What a process was judged by (its threads, its ticks, its machine) is in no result, so nothing of that is
//! judged again: the union is as good as its worst part, and each reason names the shard it is of. What is a
//! matter of the union alone is judged anew: whether there are enough samples, and whether all shards are there.

use std::cmp::Reverse;

use super::judge::too_few_acked;
use super::reason::{Reason, ReasonCode, Verdict, number};

/// A verdict and whose it is.
#[derive(Debug, Clone, Copy)]
pub struct PartVerdict<'a> {
    /// The process, from 1, and their number; `None` where the reasons say it themselves, as those of a merged
    /// verdict do.
    pub shard: Option<(u64, u64)>,
    /// What was found.
    pub verdict: &'a Verdict,
}

/// What is judged of the union itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Union {
    /// Messages acknowledged.
    pub acked: u64,
    /// Messages of a send.
    pub messages_per_send: u64,
    /// Shards that are not in it.
    pub missing: u64,
    /// Shards of the run.
    pub shards: u64,
}

/// The verdict on the union.
#[must_use]
pub fn merge(parts: &[PartVerdict<'_>], union: Union) -> Verdict {
    let mut reasons: Vec<Reason> = parts.iter().flat_map(of_part).collect();
    // Within a shard they keep their order, so that any grouping of the parts gives the same.
    reasons.sort_by_key(|reason| (Reverse(reason.status), shard_of(&reason.detail)));
    let own = [shards_missing(union), too_few(union)];
    let own = own.into_iter().flatten();
    Verdict::of(own.chain(reasons).collect())
}

fn of_part<'a>(part: &'a PartVerdict<'_>) -> impl Iterator<Item = Reason> + 'a {
    let of_union = [ReasonCode::TooFewSamples, ReasonCode::ShardsMissing];
    let reasons = part.verdict.reasons.iter();
    let kept = reasons.filter(move |reason| !of_union.contains(&reason.code));
    kept.map(|reason| match part.shard {
        Some((index, of)) => Reason {
            detail: format!("shard {index}/{of}: {}", reason.detail),
            ..reason.clone()
        },
        None => reason.clone(),
    })
}

/// The shard a detail begins with; the last for one that names none.
fn shard_of(detail: &str) -> u64 {
    let named = detail.strip_prefix("shard ").and_then(|rest| {
        let (index, _) = rest.split_once('/')?;
        index.parse().ok()
    });
    named.unwrap_or(u64::MAX)
}

fn too_few(union: Union) -> Option<Reason> {
    too_few_acked(union.acked, union.messages_per_send)
}

fn shards_missing(union: Union) -> Option<Reason> {
    use super::reason::Status;
    (union.missing > 0).then(|| {
        let detail = format!(
            "{} of {} shards are missing: figures and rates are those of the others, under the load of all that ran",
            union.missing, union.shards
        );
        let value = number(union.missing);
        Reason::new(ReasonCode::ShardsMissing, Status::Degraded, detail, value, 0.0)
    })
}

#[cfg(test)]
mod tests {
    use super::super::reason::Status;
    use super::*;

    fn reason(code: ReasonCode, status: Status) -> Reason {
        Reason::new(code, status, code.name().to_owned(), 1.0, 0.0)
    }

    fn part(index: u64, verdict: &Verdict) -> PartVerdict<'_> {
        PartVerdict {
            shard: Some((index, 12)),
            verdict,
        }
    }

    const ENOUGH: Union = Union {
        acked: 5_000,
        messages_per_send: 1,
        missing: 0,
        shards: 12,
    };

    #[test]
    fn the_worst_part_counts_and_each_reason_names_its_shard() {
        let late = Verdict::of(vec![reason(ReasonCode::LateSchedule, Status::Invalid)]);
        let unknown = Verdict::of(vec![
            reason(ReasonCode::UnknownResults, Status::Degraded),
            reason(ReasonCode::HostStalls, Status::Degraded),
        ]);
        let merged = merge(&[part(2, &unknown), part(10, &late)], ENOUGH);
        assert_eq!(merged.status, Status::Invalid);
        let details: Vec<_> = merged
            .reasons
            .iter()
            .map(|reason| &*reason.detail)
            .collect();
        let expected = [
            "shard 10/12: late_schedule",
            "shard 2/12: unknown_results",
            "shard 2/12: host_stalls",
        ];
        assert_eq!(details, expected);
        let again = merge(
            &[PartVerdict {
                shard: None,
                verdict: &merged,
            }],
            ENOUGH,
        );
        assert_eq!(again, merged);
    }

    #[test]
    fn samples_and_shards_are_those_of_the_union() {
        let few = Verdict::of(vec![reason(ReasonCode::TooFewSamples, Status::Degraded)]);
        assert_eq!(merge(&[part(1, &few)], ENOUGH).status, Status::Valid);
        let union = Union {
            acked: 500,
            missing: 2,
            ..ENOUGH
        };
        let codes = merge(&[part(1, &few)], union).reasons;
        let codes: Vec<_> = codes.iter().map(|reason| reason.code).collect();
        assert_eq!(
            codes,
            [ReasonCode::ShardsMissing, ReasonCode::TooFewSamples]
        );
    }
}
