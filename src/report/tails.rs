//! What a rate that was not carried leaves out: the tail of every kind of time depends on how long one looked.

use crate::metrics::LatencySummary;
use crate::verdict::ReasonCode;

use super::result::RunResult;

/// Takes the 99th percentile and those beyond it from a result whose verdict says `unstable`. The histograms stay:
/// they are what was measured.
pub(super) fn leave_out(result: &mut RunResult) {
    let reasons = &result.verdict.reasons;
    if !reasons
        .iter()
        .any(|reason| reason.code == ReasonCode::Unstable)
    {
        return;
    }
    let latency = &mut result.latency;
    let all = [
        latency.response.as_mut(),
        Some(&mut latency.lateness),
        Some(&mut latency.queue),
        latency.service.as_mut(),
        latency.receive_delay.as_mut(),
        latency.response_with_failures.as_mut(),
        result
            .requests
            .as_mut()
            .map(|requests| &mut requests.acknowledged),
    ];
    all.into_iter().flatten().for_each(without_tail);
    for attempt in &mut result.retries.later_attempts {
        without_tail(&mut attempt.service);
    }
    for broker in &mut result.brokers {
        let both = [broker.response.as_mut(), broker.service.as_mut()];
        both.into_iter().flatten().for_each(without_tail);
    }
}

fn without_tail(times: &mut LatencySummary) {
    (times.p99_ns, times.p999_ns, times.p9999_ns) = (None, None, None);
}

#[cfg(test)]
mod tests {
    use super::super::{sample, text};
    use super::*;
    use crate::verdict::{Reason, Status, Verdict};

    #[test]
    fn an_unstable_rate_has_no_tail_and_what_is_measured_stays() {
        let stable = sample::open();
        let mut result = stable.clone();
        leave_out(&mut result);
        assert_eq!(result, stable);
        result.verdict = Verdict::of(vec![Reason {
            code: ReasonCode::Unstable,
            status: Status::Degraded,
            detail: "it grows".to_owned(),
            value: None,
            limit: None,
        }]);
        leave_out(&mut result);
        let (before, after) = (
            stable.latency.response.unwrap(),
            result.latency.response.clone().unwrap(),
        );
        assert!(before.p99_ns.is_some() && after.p99_ns.is_none() && after.p999_ns.is_none());
        assert_eq!(
            (before.p90_ns, before.max_ns, before.hdr),
            (after.p90_ns, after.max_ns, after.hdr)
        );
        assert!(
            result
                .brokers
                .iter()
                .all(|broker| broker.service.as_ref().unwrap().p99_ns.is_none())
        );
        assert!(text::answer(&result).contains("p99 n/a"));
    }
}
