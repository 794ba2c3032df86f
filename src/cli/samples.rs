//! How many sends a threshold needs before it can be judged.

use crate::config::RunPlan;
use crate::config::threshold::Threshold;
use crate::load::LoadModel;
use crate::metrics::histogram::{P90, P95, P99, P999, P9999, samples_needed};

/// Messages with such a time that its figure needs, where each send has so many; `None` for what is not a
/// percentile of times.
pub(crate) fn needed(threshold: &Threshold, messages_per_send: u32) -> Option<u64> {
    let part = match threshold.statistic()? {
        "p90" => P90,
        "p95" => P95,
        "p99" => P99,
        "p999" => P999,
        "p9999" => P9999,
        _ => return None,
    };
    Some(samples_needed(part).saturating_mul(messages_per_send.into()))
}

/// Which options give a run more sends.
pub(crate) fn way_out(plan: &RunPlan) -> &'static str {
    let bound = plan.load.bound;
    match (&plan.load.model, bound.duration, bound.count) {
        (_, None, _) => "raise --count",
        (LoadModel::Open(_), Some(_), None) => "raise --duration or --rate",
        (LoadModel::Open(_), Some(_), Some(_)) => "raise --duration, --rate or --count",
        (LoadModel::Closed, Some(_), None) => "raise --duration",
        (LoadModel::Closed, Some(_), Some(_)) => "raise --duration or --count",
    }
}
