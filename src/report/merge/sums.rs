//! Whether the accounts of a result close: what does not add up is no result to add to.

use super::super::figures::BrokerFigures;
use super::super::result::RunResult;
use super::{MergeError, Part};

type Sum = (&'static str, u128, u128);

/// # Errors
/// [`MergeError::Damaged`] with the first sum that is open.
pub(super) fn check(part: &Part) -> Result<(), MergeError> {
    let open = of_run(&part.result)
        .into_iter()
        .chain(part.result.brokers.iter().flat_map(of_broker))
        .find(|(_, left, right)| left != right);
    match open {
        None => Ok(()),
        Some((what, left, right)) => Err(MergeError::Damaged {
            name: part.name.clone(),
            what: format!("{what} is {left} against {right}"),
        }),
    }
}

fn sum<'a>(numbers: impl IntoIterator<Item = &'a u64>) -> u128 {
    numbers.into_iter().map(|number| u128::from(*number)).sum()
}

fn of_run(result: &RunResult) -> Vec<Sum> {
    let accounts = &result.accounts;
    let retries = &result.retries;
    let brokers =
        |which: fn(&BrokerFigures) -> &u64| -> u128 { sum(result.brokers.iter().map(which)) };
    let (acked, attempts) = (u128::from(accounts.acked), u128::from(retries.attempts));
    let failed = [&accounts.failed, &accounts.unknown];
    let ended = acked + sum(failed);
    let mut sums: Vec<Sum> = vec![
        (
            "planned = acked + failed + unknown + unsent",
            accounts.planned.into(),
            ended + u128::from(accounts.unsent),
        ),
        (
            "sum of errors = failed + unknown",
            sum(accounts.errors.values()),
            sum(failed),
        ),
        (
            "sum of by_attempt = attempts",
            sum(&retries.by_attempt),
            attempts,
        ),
        (
            "sum of brokers.attempts = attempts",
            brokers(|b| &b.attempts),
            attempts,
        ),
        ("sum of brokers.acked = acked", brokers(|b| &b.acked), acked),
        (
            "lateness.count = acked + failed + unknown",
            result.latency.lateness.count.into(),
            ended,
        ),
        (
            "queue.count = acked",
            result.latency.queue.count.into(),
            acked,
        ),
    ];
    if let Some(by_status) = &accounts.by_status {
        sums.push(("sum of by_status = acked", sum(by_status.values()), acked));
    }
    let latency = &result.latency;
    for (what, times) in [
        ("response.count = acked", &latency.response),
        ("service.count = acked", &latency.service),
        ("receive_delay.count = acked", &latency.receive_delay),
    ] {
        sums.extend(
            times
                .as_ref()
                .map(|times| (what, times.count.into(), acked)),
        );
    }
    sums
}

fn of_broker(broker: &BrokerFigures) -> [Sum; 2] {
    [
        (
            "a broker's attempts = acked + failed",
            broker.attempts.into(),
            u128::from(broker.acked) + u128::from(broker.failed),
        ),
        (
            "a broker's errors = failed",
            sum(broker.errors.values()),
            broker.failed.into(),
        ),
    ]
}
