//! Accounts, attempts, rates and costs of several processes.

use std::collections::BTreeMap;

use crate::metrics::summary::share;

use super::super::figures::{
    Accounts, AttemptTimes, GeneratorFigures, Rates, ReceiveTimes, Retries,
};
use super::super::flow_control::FlowControlFigures;
use super::super::host::Host;
use super::super::result::{LoadModel, RunResult};

/// A sum; what passes 64 bits stops there, and the sums of the merged result then do not close.
pub(super) fn total(numbers: impl Iterator<Item = u64>) -> u64 {
    numbers.fold(0, u64::saturating_add)
}

/// Adds counts by kind.
pub(super) fn add_up(sums: &mut BTreeMap<String, u64>, counts: &BTreeMap<String, u64>) {
    for (kind, count) in counts {
        let sum = sums.entry(kind.clone()).or_default();
        *sum = sum.saturating_add(*count);
    }
}

pub(super) fn accounts(all: &[&RunResult]) -> Accounts {
    let sum = |which: fn(&Accounts) -> u64| total(all.iter().map(|result| which(&result.accounts)));
    let (mut errors, mut by_status) = (BTreeMap::new(), BTreeMap::new());
    for result in all {
        add_up(&mut errors, &result.accounts.errors);
        result
            .accounts
            .by_status
            .iter()
            .for_each(|counts| add_up(&mut by_status, counts));
    }
    let answered = all.iter().all(|result| result.accounts.by_status.is_some());
    Accounts {
        planned: sum(|accounts| accounts.planned),
        acked: sum(|accounts| accounts.acked),
        failed: sum(|accounts| accounts.failed),
        unknown: sum(|accounts| accounts.unknown),
        unsent: sum(|accounts| accounts.unsent),
        late_replies: sum(|accounts| accounts.late_replies),
        by_status: answered.then_some(by_status),
        errors,
    }
}

pub(super) fn retries(all: &[&RunResult], later_attempts: Vec<AttemptTimes>) -> Retries {
    let sum = |which: fn(&Retries) -> u64| total(all.iter().map(|result| which(&result.retries)));
    let mut by_reason = BTreeMap::new();
    let mut by_attempt: Vec<u64> = Vec::new();
    for result in all {
        add_up(&mut by_reason, &result.retries.by_reason);
        let own = &result.retries.by_attempt;
        by_attempt.resize(by_attempt.len().max(own.len()), 0);
        for (sum, count) in by_attempt.iter_mut().zip(own) {
            *sum = sum.saturating_add(*count);
        }
    }
    let (attempts, recovered) = (
        sum(|retries| retries.attempts),
        sum(|retries| retries.recovered_sends),
    );
    let further = total(by_attempt.iter().skip(1).copied());
    let added = sum(|retries| retries.added_total_ns.unwrap_or(0));
    Retries {
        attempts,
        retried_sends: sum(|retries| retries.retried_sends),
        recovered_sends: recovered,
        share: share(further, attempts),
        possible_duplicates: sum(|retries| retries.possible_duplicates),
        added_total_ns: (recovered > 0).then_some(added),
        added_mean_ns: added.checked_div(recovered),
        added_max_ns: all
            .iter()
            .filter_map(|result| result.retries.added_max_ns)
            .max(),
        by_attempt,
        later_attempts,
        by_reason,
    }
}

/// Refusals by what the brokers said, the most frequent first.
pub(super) fn flow_control(all: &[&RunResult], attempts: u64) -> Vec<FlowControlFigures> {
    let mut classes: BTreeMap<&str, FlowControlFigures> = BTreeMap::new();
    for figures in all.iter().flat_map(|result| &result.flow_control) {
        let Some(sum) = classes.get_mut(figures.class.as_str()) else {
            classes.insert(&figures.class, figures.clone());
            continue;
        };
        for (sum, own) in [
            (&mut sum.attempts, figures.attempts),
            (&mut sum.queued, figures.queued),
            (&mut sum.queued_total_ms, figures.queued_total_ms),
        ] {
            *sum = sum.saturating_add(own);
        }
        sum.queued_max_ms = sum.queued_max_ms.max(figures.queued_max_ms);
        sum.queue_size_max = sum.queue_size_max.max(figures.queue_size_max);
        add_up(&mut sum.brokers, &figures.brokers);
    }
    let mut classes: Vec<FlowControlFigures> = classes.into_values().collect();
    for figures in &mut classes {
        figures.share = share(figures.attempts, attempts);
        figures.queued_mean_ms = share(figures.queued_total_ms, figures.queued);
    }
    classes.sort_by_key(|figures| std::cmp::Reverse(figures.attempts));
    classes
}

/// Sends begun.
#[allow(
    clippy::cast_precision_loss,
    reason = "to be a rate or a cost per message"
)]
fn sent(accounts: &Accounts) -> f64 {
    total([accounts.acked, accounts.failed, accounts.unknown].into_iter()) as f64
}

/// Summed counts, each over the longest time that one of them was counted over.
#[allow(
    clippy::cast_precision_loss,
    reason = "a rate is stated to a few digits"
)]
pub(super) fn rates(all: &[&RunResult], union: &Accounts, measured_s: f64) -> Rates {
    let per = |count: f64, seconds: f64| (seconds > 0.0).then(|| count / seconds);
    let longest = |lengths: &mut dyn Iterator<Item = f64>| lengths.fold(0.0, f64::max);
    let open = all
        .iter()
        .all(|result| result.run.load_model == LoadModel::Open);
    // How long a process went on sending is what its rate says.
    let sending = |result: &RunResult| match result.rate.sent_per_s {
        Some(per_s) if per_s > 0.0 => sent(&result.accounts) / per_s,
        _ => result.window.measured_s,
    };
    let sending_s = longest(&mut all.iter().map(|result| sending(result)));
    let over = |result: &RunResult| result.rate.acked_over_s.unwrap_or(result.window.measured_s);
    let over_s = longest(&mut all.iter().map(|result| over(result)));
    // Which of the acknowledgements count is each process's to say; they are whole ones.
    let acked: f64 = all
        .iter()
        .map(|result| (result.rate.acked_per_s.unwrap_or(0.0) * over(result)).round())
        .sum();
    Rates {
        planned_per_s: per(union.planned as f64, measured_s).filter(|_| open),
        sent_per_s: per(sent(union), sending_s),
        acked_per_s: per(acked, over_s),
        acked_over_s: Some(over_s),
    }
}

/// The sum where every part has it.
fn sum_of(all: &[&RunResult], which: &dyn Fn(&RunResult) -> Option<f64>) -> Option<f64> {
    all.iter().map(|result| which(result)).sum()
}

/// What the generators of all processes cost together.
pub(super) fn generator(all: &[&RunResult]) -> GeneratorFigures {
    let sent_of_all: f64 = all.iter().map(|result| sent(&result.accounts)).sum();
    let per_message = |which: fn(&GeneratorFigures) -> Option<f64>| {
        // One that sent nothing states no cost per message, and adds none.
        let cost = |result: &RunResult| match sent(&result.accounts) {
            0.0 => Some(0.0),
            sent => which(&result.generator).map(|each| each * sent),
        };
        let cost = sum_of(all, &cost)?;
        (sent_of_all > 0.0).then(|| cost / sent_of_all)
    };
    let bytes = |which: fn(&GeneratorFigures) -> Option<u64>| {
        let all: Option<Vec<u64>> = all.iter().map(|result| which(&result.generator)).collect();
        all.map(|all| total(all.into_iter()))
    };
    let sum = |which: fn(&GeneratorFigures) -> u32| {
        all.iter().fold(0u32, |sum, result| {
            sum.saturating_add(which(&result.generator))
        })
    };
    let realtime: Option<Vec<bool>> = all.iter().map(|result| result.generator.realtime).collect();
    GeneratorFigures {
        cpu_us_per_message: per_message(|generator| generator.cpu_us_per_message),
        cpu_percent: sum_of(all, &|result| result.generator.cpu_percent),
        writes_per_message: per_message(|generator| generator.writes_per_message),
        reads_per_message: per_message(|generator| generator.reads_per_message),
        realtime: realtime.map(|all| all.into_iter().all(|realtime| realtime)),
        receive_times: receive_times(all),
        rss_bytes: bytes(|generator| generator.rss_bytes),
        peak_rss_bytes: bytes(|generator| generator.peak_rss_bytes),
        shards: sum(|generator| generator.shards),
        connections: sum(|generator| generator.connections),
    }
}

fn receive_times(all: &[&RunResult]) -> Option<ReceiveTimes> {
    let times: Option<Vec<ReceiveTimes>> = all
        .iter()
        .map(|result| result.generator.receive_times)
        .collect();
    let times = times?;
    let first = *times.first()?;
    let same = times.iter().all(|own| *own == first);
    Some(if same { first } else { ReceiveTimes::Mixed })
}

/// What is true of every host; each one's facts are in `merged_from`.
pub(super) fn host(all: &[&RunResult]) -> Host {
    fn common<T: PartialEq + Clone>(
        all: &[&RunResult],
        which: fn(&Host) -> &Option<T>,
    ) -> Option<T> {
        let (first, others) = all.split_first()?;
        let value = which(&first.host);
        let same = others.iter().all(|other| which(&other.host) == value);
        value.clone().filter(|_| same)
    }
    Host {
        cpus: common(all, |host| &host.cpus),
        kernel: common(all, |host| &host.kernel),
        load_average_1m: common(all, |host| &host.load_average_1m),
    }
}
