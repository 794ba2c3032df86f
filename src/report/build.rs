//! From the summary of a window, and what else is known of a run, to its result.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::metrics::summary::share;
use crate::metrics::{BrokerRecord, Summary, TimeSeries};
use crate::protocol::code::SendStatus;
use crate::verdict::Verdict;

use super::bodies::{BodyFigures, PlannedSizes};
use super::figures::{
    Accounts, AttemptTimes, Avoidance, BrokerFigures, GeneratorFigures, Latency, Rates,
    ReceiveTimes, Retries,
};
use super::flow_control;
use super::host::{Host, Memory};
use super::littles_law::{LittlesLaw, Probed};
use super::requests::RequestFigures;
use super::result::{LoadModel, Mode, Run, RunResult, SCHEMA_VERSION, Tool, Window};
use super::tails;
use super::traces::TraceFigures;
use super::transactions::TransactionFigures;

/// What is known of a run beside its recorded numbers.
#[derive(Debug, Clone)]
pub struct RunFacts {
    /// The program.
    pub tool: Tool,
    /// What was run against what.
    pub run: Run,
    /// Settings as resolved.
    pub config: Map<String, Value>,
    /// Where each setting came from.
    pub config_source: BTreeMap<String, String>,
    /// Lengths of the phases.
    pub window: Window,
    /// Judgement of the generator.
    pub verdict: Verdict,
    /// What sends took before the run, where that was asked.
    pub probed: Option<Probed>,
    /// The run second by second.
    pub time_series: Option<TimeSeries>,
    /// Attempts a send may have, the first included; at least this many stand in `by_attempt`.
    pub attempts_allowed: u32,
    /// Sizes of bodies as planned.
    pub planned_sizes: Option<PlannedSizes>,
    /// The brokers by the recorders' index.
    pub brokers: Vec<BrokerFacts>,
    /// What fault avoidance did, where the mode has it.
    pub avoidance: Option<Avoidance>,
    /// What became of transactions, where the mode has them.
    pub transactions: Option<TransactionFigures>,
    /// What became of requests, where the mode has them.
    pub requests: Option<RequestFigures>,
    /// What became of traces, where sends were traced.
    pub trace: Option<TraceFigures>,
    /// What the generator cost.
    pub generator: GeneratorFacts,
    /// The machine.
    pub host: Host,
}

/// What is known of a broker beside its recorded numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerFacts {
    /// Name of the broker.
    pub name: String,
    /// Address of its master as `host:port`.
    pub address: String,
    /// Milliseconds of the window it was avoided; `None` where nothing is avoided.
    pub avoided_ms: Option<u64>,
}

/// What the generator's and the client's threads used in the measured window; `None` for what was not
/// measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GeneratorFacts {
    /// CPU time of all those threads in nanoseconds.
    pub cpu_ns: Option<u64>,
    /// Write calls on connections.
    pub writes: Option<u64>,
    /// Read calls on connections.
    pub reads: Option<u64>,
    /// Those of the read calls that brought the kernel's receive stamp.
    pub stamped_reads: Option<u64>,
    /// Resident memory of the process.
    pub memory: Memory,
    /// Whether the threads that send had real-time scheduling; `None` where nobody asked for it.
    pub realtime: Option<bool>,
    /// Threads that send.
    pub shards: u32,
    /// Connections to brokers.
    pub connections: u32,
}

/// The result of a run.
#[must_use]
pub fn build_result(summary: &Summary, facts: RunFacts) -> RunResult {
    let answered = facts.run.mode != Mode::Oneway;
    let receive_times = receive_times(&facts.generator).filter(|_| answered);
    let mut result = RunResult {
        schema_version: SCHEMA_VERSION,
        thresholds: Vec::new(),
        rate: rates(summary, facts.run.load_model),
        accounts: accounts(summary, answered),
        bodies: facts.planned_sizes.map(|planned| BodyFigures {
            acked_bytes: summary.counters().acked_bytes,
            planned,
        }),
        retries: retries(summary, facts.attempts_allowed),
        flow_control: flow_control::figures(summary, &facts.brokers),
        latency: latency(summary, answered, receive_times),
        brokers: brokers(summary, &facts.brokers, answered),
        generator: generator(summary, &facts.generator, receive_times),
        tool: facts.tool,
        run: facts.run,
        config: facts.config,
        config_source: facts.config_source,
        window: facts.window,
        verdict: facts.verdict,
        littles_law: (facts.probed)
            .map(|probed| LittlesLaw::new(probed, summary.service().summary().mean_ns)),
        avoidance: facts.avoidance,
        transactions: facts.transactions,
        requests: facts.requests,
        trace: facts.trace,
        host: facts.host,
        time_series: facts.time_series,
    };
    tails::leave_out(&mut result);
    result
}

fn rates(summary: &Summary, model: LoadModel) -> Rates {
    Rates {
        planned_per_s: summary.planned_per_s().filter(|_| model == LoadModel::Open),
        sent_per_s: summary.sent_per_s(),
        acked_per_s: summary.acked_per_s(),
        acked_over_s: Some(summary.acked_over_s()),
    }
}

fn accounts(summary: &Summary, answered: bool) -> Accounts {
    let counters = summary.counters();
    let by_status = SendStatus::ALL.into_iter().zip(counters.by_status);
    Accounts {
        planned: counters.planned,
        acked: counters.acked,
        failed: counters.failed,
        unknown: counters.unknown,
        unsent: counters.unsent,
        late_replies: counters.late_replies,
        by_status: answered.then(|| {
            by_status
                .map(|(status, n)| (status.name().to_owned(), n))
                .collect()
        }),
        errors: counters.errors.to_map(),
    }
}

fn retries(summary: &Summary, attempts_allowed: u32) -> Retries {
    let counters = summary.counters();
    let recovered = counters.recovered_sends;
    let mut by_attempt = counters.by_attempt.clone();
    while by_attempt.len() < attempts_allowed as usize {
        by_attempt.push(0);
    }
    Retries {
        attempts: counters.attempts(),
        retried_sends: counters.retried_sends,
        recovered_sends: counters.recovered_sends,
        share: share(counters.retries(), counters.attempts()),
        possible_duplicates: counters.possible_duplicates,
        added_total_ns: (recovered > 0).then_some(counters.retry_ns),
        added_mean_ns: counters.retry_ns.checked_div(recovered),
        added_max_ns: (recovered > 0).then_some(counters.longest_retry_ns),
        by_attempt,
        later_attempts: (2..)
            .zip(summary.later_attempts())
            .filter(|(_, times)| !times.is_empty())
            .map(|(attempt, times)| AttemptTimes {
                attempt,
                service: times.summary(),
            })
            .collect(),
        by_reason: counters.retry_reasons.to_map(),
    }
}

fn receive_times(facts: &GeneratorFacts) -> Option<ReceiveTimes> {
    let (stamped, reads) = (facts.stamped_reads?, facts.reads?);
    Some(match stamped {
        0 => ReceiveTimes::Read,
        _ if stamped == reads => ReceiveTimes::Kernel,
        _ => ReceiveTimes::Mixed,
    })
}

fn latency(summary: &Summary, answered: bool, receive_times: Option<ReceiveTimes>) -> Latency {
    let stamped = receive_times.is_some_and(|times| times != ReceiveTimes::Read);
    Latency {
        response: answered.then(|| summary.response().summary()),
        lateness: summary.lateness().summary(),
        queue: summary.queue().summary(),
        service: answered.then(|| summary.service().summary()),
        receive_delay: stamped.then(|| summary.receive_delay().summary()),
        response_with_failures: answered.then(|| summary.response_with_failures().summary()),
    }
}

fn brokers(summary: &Summary, facts: &[BrokerFacts], answered: bool) -> Vec<BrokerFigures> {
    let attempts = summary.counters().attempts();
    let figures = |(index, record): (usize, &BrokerRecord<u64>)| {
        // A recorder may know a broker that came with a route after the facts were taken.
        let known = facts.get(index);
        BrokerFigures {
            name: known.map_or_else(|| format!("broker {index}"), |broker| broker.name.clone()),
            address: known.map_or_else(String::new, |broker| broker.address.clone()),
            attempts: record.attempts,
            acked: record.acked,
            failed: record.failed,
            retries: record.retries,
            share: share(record.attempts, attempts),
            avoided_ms: known.and_then(|broker| broker.avoided_ms),
            errors: record.errors.to_map(),
            service: answered.then(|| record.service.summary()),
            response: answered.then(|| record.response.summary()),
        }
    };
    // One that was never chosen has its row too.
    let none = BrokerRecord::new();
    let unused = std::iter::repeat_n(&none, facts.len().saturating_sub(summary.brokers().len()));
    let records = summary.brokers().iter().chain(unused);
    records.enumerate().map(figures).collect()
}

fn generator(
    summary: &Summary,
    facts: &GeneratorFacts,
    receive_times: Option<ReceiveTimes>,
) -> GeneratorFigures {
    let sent = summary.counters().sent;
    let per_message = |n: Option<u64>| share(n?, sent);
    let cpu_s = facts
        .cpu_ns
        .map(|ns| std::time::Duration::from_nanos(ns).as_secs_f64());
    let measured_s = summary.measured_s();
    GeneratorFigures {
        cpu_us_per_message: per_message(facts.cpu_ns).map(|ns| ns / 1e3),
        cpu_percent: cpu_s
            .filter(|_| measured_s > 0.0)
            .map(|cpu_s| cpu_s / measured_s * 100.0),
        writes_per_message: per_message(facts.writes),
        reads_per_message: per_message(facts.reads),
        receive_times,
        realtime: facts.realtime,
        rss_bytes: facts.memory.resident_bytes,
        peak_rss_bytes: facts.memory.peak_bytes,
        shards: facts.shards,
        connections: facts.connections,
    }
}

#[cfg(test)]
mod tests {
    use crate::report::sample;

    #[test]
    fn the_sums_of_the_contract_hold() {
        let result = sample::open();
        let accounts = &result.accounts;
        let of_brokers =
            |which: fn(&super::BrokerFigures) -> u64| result.brokers.iter().map(which).sum::<u64>();
        let ended = accounts.acked + accounts.failed + accounts.unknown + accounts.unsent;
        assert_eq!(accounts.planned, ended);
        assert_eq!(
            of_brokers(|broker| broker.attempts),
            result.retries.attempts
        );
        assert_eq!(of_brokers(|broker| broker.acked), accounts.acked);
        assert_eq!(
            accounts.by_status.as_ref().unwrap().values().sum::<u64>(),
            accounts.acked
        );
        assert_eq!(
            result.latency.response.as_ref().unwrap().count,
            accounts.acked
        );
        assert_eq!(
            result.retries.by_attempt.iter().sum::<u64>(),
            result.retries.attempts
        );
        let shares: f64 = result
            .brokers
            .iter()
            .filter_map(|broker| broker.share)
            .sum();
        assert!((shares - 1.0).abs() < 1e-9);
    }

    #[test]
    fn the_means_of_a_run_without_failures_add_up() {
        let result = sample::closed();
        let mean = |summary: &crate::metrics::LatencySummary| summary.mean_ns.unwrap();
        let latency = &result.latency;
        let parts = mean(&latency.lateness)
            + mean(&latency.queue)
            + mean(latency.service.as_ref().unwrap());
        assert!(mean(latency.response.as_ref().unwrap()).abs_diff(parts) <= 2);
    }

    #[test]
    fn a_oneway_run_has_no_answers_to_time() {
        let result = sample::oneway();
        assert_eq!(
            (&result.latency.response, &result.latency.service),
            (&None, &None)
        );
        assert_eq!(
            (
                &result.latency.response_with_failures,
                &result.accounts.by_status
            ),
            (&None, &None)
        );
        assert!(
            result
                .brokers
                .iter()
                .all(|broker| broker.service.is_none() && broker.response.is_none())
        );
        assert_eq!(result.latency.queue.count, result.accounts.acked);
    }

    #[test]
    fn a_closed_loop_plans_no_rate_and_nothing_sent_costs_nothing_per_message() {
        assert_eq!(sample::closed().rate.planned_per_s, None);
        let nothing = sample::nothing();
        assert_eq!(nothing.generator.cpu_us_per_message, None);
        assert_eq!(nothing.brokers[0].share, None);
        assert_eq!(nothing.retries.by_attempt, [0, 0, 0]);
    }
}
