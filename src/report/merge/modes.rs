//! What only some runs have: avoidance, transactions, requests, traces.

use super::super::figures::{Avoidance, AvoidanceEvent};
use super::super::requests::{RequestFigures, ResponderFigures};
use super::super::result::RunResult;
use super::super::traces::TraceFigures;
use super::super::transactions::{CheckFigures, TransactionFigures};
use super::MergeError;
use super::figures::total;
use super::times::Times;

/// Each process avoids brokers by itself: counts are sums, events those of all, in the order of their times.
pub(super) fn avoidance(all: &[&RunResult]) -> Option<Avoidance> {
    let own: Vec<&Avoidance> = all
        .iter()
        .filter_map(|result| result.avoidance.as_ref())
        .collect();
    if own.is_empty() {
        return None;
    }
    let sum_where_all = |which: fn(&Avoidance) -> Option<u64>| {
        let counts: Option<Vec<u64>> = own.iter().map(|avoidance| which(avoidance)).collect();
        counts.map(|counts| total(counts.into_iter()))
    };
    let mut events: Vec<AvoidanceEvent> = own
        .iter()
        .flat_map(|avoidance| avoidance.events.clone())
        .collect();
    events.sort_by(|a, b| {
        let key = |event: &AvoidanceEvent| (event.at_ms, event.for_ms, event.observed_us);
        (key(a), &a.broker).cmp(&(key(b), &b.broker))
    });
    Some(Avoidance {
        enabled: own.iter().any(|avoidance| avoidance.enabled),
        isolations: total(own.iter().map(|avoidance| avoidance.isolations)),
        events,
        probes: sum_where_all(|avoidance| avoidance.probes),
        found_reachable: sum_where_all(|avoidance| avoidance.found_reachable),
    })
}

pub(super) fn transactions(times: &Times<'_>) -> Result<Option<TransactionFigures>, MergeError> {
    let own: Option<Vec<&TransactionFigures>> = times
        .results()
        .map(|result| result.transactions.as_ref())
        .collect();
    let Some(own) = own else {
        return Ok(None);
    };
    let sum = |which: fn(&TransactionFigures) -> u64| total(own.iter().map(|own| which(own)));
    let checks = |which: fn(&CheckFigures) -> u64| total(own.iter().map(|own| which(&own.checks)));
    // Of all producers already: each process asked the same brokers, when it ended.
    let not_passed: Option<Vec<u64>> = own.iter().map(|own| own.half_messages_not_passed).collect();
    Ok(Some(TransactionFigures {
        committed: sum(|own| own.committed),
        rolled_back: sum(|own| own.rolled_back),
        unknown: sum(|own| own.unknown),
        untold: sum(|own| own.untold),
        checks: CheckFigures {
            received: checks(|own| own.received),
            expected: checks(|own| own.expected),
            duplicate: checks(|own| own.duplicate),
            of_ended: checks(|own| own.of_ended),
            of_strays: checks(|own| own.of_strays),
            foreign: checks(|own| own.foreign),
            late: checks(|own| own.late),
            dropped: checks(|own| own.dropped),
            committed: checks(|own| own.committed),
            rolled_back: checks(|own| own.rolled_back),
            unknown: checks(|own| own.unknown),
            left_over: checks(|own| own.left_over),
        },
        half_messages_not_passed: not_passed.and_then(|all| all.into_iter().max()),
        check_delay: times.union("check_delay", &|result| {
            result.transactions.as_ref().map(|own| &own.check_delay)
        })?,
    }))
}

pub(super) fn requests(times: &Times<'_>) -> Result<Option<RequestFigures>, MergeError> {
    let own: Option<Vec<&RequestFigures>> = times
        .results()
        .map(|result| result.requests.as_ref())
        .collect();
    let Some(own) = own else {
        return Ok(None);
    };
    let responders: Option<Vec<&ResponderFigures>> =
        own.iter().map(|own| own.responder.as_ref()).collect();
    let responder = responders.map(|all| {
        let sum = |which: fn(&ResponderFigures) -> u64| total(all.iter().map(|own| which(own)));
        ResponderFigures {
            received: sum(|own| own.received),
            answered: sum(|own| own.answered),
            unanswered: sum(|own| own.unanswered),
            expired: sum(|own| own.expired),
            failed: sum(|own| own.failed),
        }
    });
    Ok(Some(RequestFigures {
        unmatched_replies: total(own.iter().map(|own| own.unmatched_replies)),
        acknowledged: times.union("acknowledged", &|result| {
            result.requests.as_ref().map(|own| &own.acknowledged)
        })?,
        responder,
    }))
}

pub(super) fn trace(all: &[&RunResult]) -> Option<TraceFigures> {
    let own: Option<Vec<&TraceFigures>> = all.iter().map(|result| result.trace.as_ref()).collect();
    let own = own?;
    let sum = |which: fn(&TraceFigures) -> u64| total(own.iter().map(|own| which(own)));
    Some(TraceFigures {
        written: sum(|own| own.written),
        dropped: sum(|own| own.dropped),
        failed: sum(|own| own.failed),
    })
}
