//! The measured window: all its shards and seconds in one, with what follows from them.

use thiserror::Error;

use super::counters::Counters;
use super::histogram::LatencyHistogram;
use super::recorder::{BrokerRecord, Totals};

/// A sum that should hold to the unit and does not: a mistake in the accounting, never in the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the accounts do not close: {what} is {left} against {right}")]
pub struct OpenSum {
    /// The two sides in words.
    pub what: &'static str,
    /// What was counted on the left.
    pub left: u64,
    /// What was counted on the right.
    pub right: u64,
}

/// Which acknowledgements make the rate of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acks {
    /// So many came inside it, those to the warm-up's last sends too: as many of its own came after it.
    Within(u64),
    /// The load began or ended with the window, so that nothing makes up for its last answers: its own,
    /// over the time up to the last of them, in nanoseconds of the recorders' clock.
    Own {
        /// When the last one came.
        last_ns: u64,
    },
}

/// The measured window.
#[derive(Debug, Clone)]
pub struct Summary {
    totals: Totals,
    acked: u64,
    acked_over_s: f64,
    measured_s: f64,
    sending_s: f64,
    response: LatencyHistogram<u64>,
    service: LatencyHistogram<u64>,
}

impl Summary {
    /// Sums up a window that began and ended at these nanoseconds of the recorders' clock.
    #[must_use]
    pub fn new(totals: Totals, begin_ns: u64, end_ns: u64, acks: Acks) -> Self {
        let end_of_sending_ns = end_ns.max(totals.last_submitted_ns());
        let (acked, end_of_acks_ns) = match acks {
            Acks::Within(acked) => (acked, end_ns),
            Acks::Own { last_ns } => (totals.counters().acked, end_ns.max(last_ns)),
        };
        Self {
            acked,
            acked_over_s: seconds(end_of_acks_ns.saturating_sub(begin_ns)),
            measured_s: seconds(end_ns.saturating_sub(begin_ns)),
            sending_s: seconds(end_of_sending_ns.saturating_sub(begin_ns)),
            response: totals.response(),
            service: totals.service(),
            totals,
        }
    }

    /// The accounts.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        self.totals.counters()
    }

    /// What each broker did, by index.
    #[must_use]
    pub fn brokers(&self) -> &[BrokerRecord<u64>] {
        self.totals.brokers()
    }

    /// Length of the window in seconds.
    #[must_use]
    pub fn measured_s(&self) -> f64 {
        self.measured_s
    }

    /// Seconds from the beginning of the window to its end, or to the last submission when a schedule
    /// that had fallen behind went on sending after it.
    #[must_use]
    pub fn sending_s(&self) -> f64 {
        self.sending_s
    }

    /// Sends due per second of the window; `None` for a window without length.
    #[must_use]
    pub fn planned_per_s(&self) -> Option<f64> {
        per_second(self.counters().planned, self.measured_s)
    }

    /// Sends begun per second of sending.
    #[must_use]
    pub fn sent_per_s(&self) -> Option<f64> {
        per_second(self.counters().sent, self.sending_s)
    }

    /// Acknowledgements per second of [`Summary::acked_over_s`]; see [`Acks`].
    #[must_use]
    pub fn acked_per_s(&self) -> Option<f64> {
        per_second(self.acked, self.acked_over_s)
    }

    /// Seconds the rate of acknowledgements is counted over.
    #[must_use]
    pub fn acked_over_s(&self) -> f64 {
        self.acked_over_s
    }

    /// Share of the sends that ended failed or unknown, from 0 to 1; `None` when none ended.
    #[must_use]
    pub fn error_share(&self) -> Option<f64> {
        let counters = self.counters();
        share(counters.failed + counters.unknown, counters.ended())
    }

    /// Intended → received.
    #[must_use]
    pub fn response(&self) -> &LatencyHistogram<u64> {
        &self.response
    }

    /// Intended → first submitted.
    #[must_use]
    pub fn lateness(&self) -> &LatencyHistogram<u64> {
        self.totals.lateness()
    }

    /// First submitted → written by the last attempt.
    #[must_use]
    pub fn queue(&self) -> &LatencyHistogram<u64> {
        self.totals.queue()
    }

    /// Written → received by the last attempt.
    #[must_use]
    pub fn service(&self) -> &LatencyHistogram<u64> {
        &self.service
    }

    /// Written → received of the acknowledged attempts after the first, from the second on.
    #[must_use]
    pub fn later_attempts(&self) -> &[LatencyHistogram<u64>] {
        self.totals.later_attempts()
    }

    /// Received → read: what the times would be longer by without the kernel's stamps.
    #[must_use]
    pub fn receive_delay(&self) -> &LatencyHistogram<u64> {
        self.totals.receive_delay()
    }

    /// Intended → end of every send that has one: what was answered, and with at least the time they
    /// took those that failed.
    #[must_use]
    pub fn response_with_failures(&self) -> LatencyHistogram<u64> {
        let mut all = self.response.clone();
        all.add(self.totals.failures());
        all
    }

    /// Values that were longer than the histograms reach, over all kinds of time.
    #[must_use]
    pub fn clamped(&self) -> u64 {
        let kinds = [
            self.response(),
            self.lateness(),
            self.queue(),
            self.totals.failures(),
        ];
        kinds.map(LatencyHistogram::clamped).iter().sum()
    }

    /// Checks the sums that hold for every finished window.
    ///
    /// # Errors
    /// The first [`OpenSum`] found.
    pub fn check_sums(&self) -> Result<(), OpenSum> {
        let counters = self.counters();
        let of_brokers =
            |which: fn(&BrokerRecord<u64>) -> u64| self.brokers().iter().map(which).sum::<u64>();
        let sums = [
            (
                "planned = acked + failed + unknown + unsent",
                counters.planned,
                counters.ended() + counters.unsent,
            ),
            (
                "sent = acked + failed + unknown",
                counters.sent,
                counters.ended(),
            ),
            (
                "sum of brokers.attempts = attempts",
                of_brokers(|b| b.attempts),
                counters.attempts(),
            ),
            (
                "sum of brokers.acked = acked",
                of_brokers(|b| b.acked),
                counters.acked,
            ),
            (
                "sum of brokers.retries = retries",
                of_brokers(|b| b.retries),
                counters.retries(),
            ),
            (
                "sum of by_status = answered",
                counters.by_status.iter().sum(),
                counters.acked - counters.acked_oneway,
            ),
            (
                "sum of errors = failed + unknown",
                counters.errors.total(),
                counters.failed + counters.unknown,
            ),
            (
                "sum of retry reasons = retries",
                counters.retry_reasons.total(),
                counters.retries(),
            ),
        ];
        let per_broker = self.brokers().iter().flat_map(|broker| {
            [
                (
                    "a broker's attempts = acked + failed",
                    broker.attempts,
                    broker.acked + broker.failed,
                ),
                (
                    "a broker's errors = failed",
                    broker.errors.total(),
                    broker.failed,
                ),
            ]
        });
        match sums
            .into_iter()
            .chain(self.time_counts())
            .chain(per_broker)
            .find(|(_, left, right)| left != right)
        {
            Some((what, left, right)) => Err(OpenSum { what, left, right }),
            None => Ok(()),
        }
    }

    /// How many times of each kind there must be.
    fn time_counts(&self) -> [(&'static str, u64, u64); 4] {
        let counters = self.counters();
        let answered = counters.acked - counters.acked_oneway;
        let (response, delay) = (self.response.count(), self.receive_delay().count());
        [
            (
                "lateness.count = sent",
                self.lateness().count(),
                counters.sent,
            ),
            ("queue.count = acked", self.queue().count(), counters.acked),
            ("response.count = answered", response, answered),
            ("receive_delay.count = answered", delay, answered),
        ]
    }
}

#[allow(clippy::cast_precision_loss, reason = "2^53 ns are 104 days")]
fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

#[allow(
    clippy::cast_precision_loss,
    reason = "a rate is stated to a few digits"
)]
fn per_second(count: u64, seconds: f64) -> Option<f64> {
    (seconds > 0.0).then(|| count as f64 / seconds)
}

/// Part of a whole, from 0 to 1; `None` of nothing.
#[allow(
    clippy::cast_precision_loss,
    reason = "a share is stated to a few digits"
)]
pub(crate) fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
