//! What each broker did for all processes; a broker is known by its name.

use std::collections::{BTreeMap, BTreeSet};

use crate::metrics::summary::share;

use super::super::figures::BrokerFigures;
use super::super::result::RunResult;
use super::MergeError;
use super::figures::{add_up, total};
use super::times::Times;

pub(super) fn union(times: &Times<'_>, attempts: u64) -> Result<Vec<BrokerFigures>, MergeError> {
    let all = times.results().flat_map(|result| &result.brokers);
    let names: BTreeSet<&String> = all.map(|broker| &broker.name).collect();
    names
        .into_iter()
        .map(|name| one(times, name, attempts))
        .collect()
}

fn one(times: &Times<'_>, name: &str, attempts: u64) -> Result<BrokerFigures, MergeError> {
    let of = |result: &'_ RunResult| -> Option<usize> {
        result.brokers.iter().position(|broker| broker.name == name)
    };
    let figures: Vec<&BrokerFigures> = times
        .results()
        .filter_map(|result| result.brokers.get(of(result)?))
        .collect();
    let sum = |which: fn(&BrokerFigures) -> u64| total(figures.iter().map(|broker| which(broker)));
    let mut errors = BTreeMap::new();
    figures
        .iter()
        .for_each(|broker| add_up(&mut errors, &broker.errors));
    // The same whatever the order, should a broker have moved.
    let address = figures.iter().map(|broker| &broker.address);
    let address = address.filter(|address| !address.is_empty()).min();
    let avoided: Option<Vec<u64>> = figures.iter().map(|broker| broker.avoided_ms).collect();
    let is_timed = |which: fn(&BrokerFigures) -> bool| figures.iter().all(|broker| which(broker));
    let histogram =
        |what: &str, which: fn(&BrokerFigures) -> Option<&crate::metrics::LatencySummary>| {
            times.union(&format!("{what} of {name}"), &|result| {
                which(result.brokers.get(of(result)?)?)
            })
        };
    let service = is_timed(|broker| broker.service.is_some())
        .then(|| histogram("service", |broker| broker.service.as_ref()));
    let response = is_timed(|broker| broker.response.is_some())
        .then(|| histogram("response", |broker| broker.response.as_ref()));
    let own = sum(|broker| broker.attempts);
    Ok(BrokerFigures {
        name: name.to_owned(),
        address: address.cloned().unwrap_or_default(),
        attempts: own,
        acked: sum(|broker| broker.acked),
        failed: sum(|broker| broker.failed),
        retries: sum(|broker| broker.retries),
        share: share(own, attempts),
        avoided_ms: avoided.map(|avoided| total(avoided.into_iter())),
        errors,
        service: service.transpose()?,
        response: response.transpose()?,
    })
}
