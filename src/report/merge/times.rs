//! Histograms of several processes in one.

use std::collections::BTreeSet;

use crate::metrics::{LatencyHistogram, LatencySummary};

use super::super::figures::{AttemptTimes, Latency};
use super::super::result::RunResult;
use super::{MergeError, Part};

/// The parts, and what their histograms do not say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times<'a> {
    pub(super) parts: &'a [Part],
    /// Messages that were counted at once.
    pub(super) per_send: u64,
}

/// A histogram of a result, if it has one.
type Which<'a> = &'a dyn Fn(&RunResult) -> Option<&LatencySummary>;

impl<'a> Times<'a> {
    /// Every part's result.
    pub(super) fn results(&self) -> impl Iterator<Item = &'a RunResult> + use<'a> {
        self.parts.iter().map(|part| &part.result)
    }

    pub(super) fn latency(&self) -> Result<Latency, MergeError> {
        let always = |what, which: fn(&Latency) -> &LatencySummary| {
            self.union(what, &|result| Some(which(&result.latency)))
        };
        let where_all = |what, which: fn(&Latency) -> Option<&LatencySummary>| {
            self.where_all(what, &|result| which(&result.latency))
        };
        Ok(Latency {
            response: where_all("response", |times| times.response.as_ref())?,
            lateness: always("lateness", |times| &times.lateness)?,
            queue: always("queue", |times| &times.queue)?,
            service: where_all("service", |times| times.service.as_ref())?,
            receive_delay: where_all("receive_delay", |times| times.receive_delay.as_ref())?,
            response_with_failures: where_all("response_with_failures", |times| {
                times.response_with_failures.as_ref()
            })?,
        })
    }

    /// The union for each number of an attempt; of a part without such there is none.
    pub(super) fn later_attempts(&self) -> Result<Vec<AttemptTimes>, MergeError> {
        let all = self
            .results()
            .flat_map(|result| &result.retries.later_attempts);
        let numbers: BTreeSet<u64> = all.map(|times| times.attempt).collect();
        let union = |attempt| {
            let service = self.union(&format!("service of attempt {attempt}"), &|result| {
                let mut of = result.retries.later_attempts.iter();
                let times = of.find(|times| times.attempt == attempt)?;
                Some(&times.service)
            })?;
            Ok(AttemptTimes { attempt, service })
        };
        numbers.into_iter().map(union).collect()
    }

    /// The union where every part has such a histogram; one of some parts alone would be of nothing that is named.
    pub(super) fn where_all(
        &self,
        what: &str,
        which: Which<'_>,
    ) -> Result<Option<LatencySummary>, MergeError> {
        if self.results().any(|result| which(result).is_none()) {
            return Ok(None);
        }
        self.union(what, which).map(Some)
    }

    /// The union of those that have one.
    pub(super) fn union(&self, what: &str, which: Which<'_>) -> Result<LatencySummary, MergeError> {
        let mut union = LatencyHistogram::<u64>::new();
        for part in self.parts {
            let Some(summary) = which(&part.result) else {
                continue;
            };
            plausible(summary).map_err(|why| MergeError::Damaged {
                name: part.name.clone(),
                what: format!("{what}: {why}"),
            })?;
            let histogram = LatencyHistogram::from_summary(summary).map_err(|source| {
                MergeError::Histogram {
                    name: part.name.clone(),
                    what: what.to_owned(),
                    source,
                }
            })?;
            union.add(&histogram);
        }
        Ok(union.counted_at_once(self.per_send).summary())
    }
}

/// Whether the exact numbers beside a histogram can be of it.
fn plausible(summary: &LatencySummary) -> Result<(), &'static str> {
    if summary.clamped > summary.count {
        return Err("more values were clamped than counted");
    }
    if summary.count == 0 {
        return Ok(());
    }
    let (Some(min), Some(mean), Some(max)) = (summary.min_ns, summary.mean_ns, summary.max_ns)
    else {
        return Err("minimum, mean or maximum is missing");
    };
    if !(min <= mean && mean <= max) {
        return Err("minimum, mean and maximum are not in this order");
    }
    let of = |value: u64| u128::from(value) * u128::from(summary.count);
    match summary.sum_ns.map(u128::from) {
        Some(sum) if sum < of(min) || sum > of(max) => Err("the sum is not that of its values"),
        _ => Ok(()),
    }
}
