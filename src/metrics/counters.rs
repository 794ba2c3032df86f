//! The accounts of a span of time: what became of sends, and what became of attempts.
//!
//! A send is what the plan asked for; an attempt is one request of it that was handed to the
//! transport. Each send that was planned ends exactly once, as acked, failed, unknown or unsent.

use crate::protocol::code::SendStatus;

use super::label::LabelCounts;

/// Counts of sends and attempts.
#[derive(Debug, Clone, Default)]
pub struct Counters {
    /// Sends that were due; in a closed loop those that were begun.
    pub planned: u64,
    /// Sends begun, that is submitted to the client, whatever became of them later.
    pub sent: u64,
    /// Sends acknowledged; of oneway sends those the socket accepted.
    pub acked: u64,
    /// Those of `acked` that were oneway and have no status.
    pub acked_oneway: u64,
    /// Bytes of the bodies of `acked`, as they were sent.
    pub acked_bytes: u64,
    /// Sends that ended without the message being stored.
    pub failed: u64,
    /// Sends whose message may be stored: bytes left, the answer never came.
    pub unknown: u64,
    /// Sends that were due and never begun.
    pub unsent: u64,
    /// Answers that came after their send had ended.
    pub late_replies: u64,
    /// Sends with at least two attempts.
    pub retried_sends: u64,
    /// Those of `retried_sends` that were acknowledged.
    pub recovered_sends: u64,
    /// Those of `recovered_sends` of which an earlier attempt may have been stored as well.
    pub possible_duplicates: u64,
    /// What earlier attempts cost `recovered_sends`: the times from the first submission to the first byte of the
    /// last attempt, summed, in nanoseconds.
    pub retry_ns: u64,
    /// The longest of those times.
    pub longest_retry_ns: u64,
    /// Acknowledged sends by status, in the order of [`SendStatus::ALL`].
    pub by_status: [u64; SendStatus::ALL.len()],
    /// Failed and unknown sends by the reason of their end.
    pub errors: LabelCounts,
    /// Attempts by ordinal: how many were first, second, … tries.
    pub by_attempt: Vec<u64>,
    /// Retries by the reason the attempt before them failed.
    pub retry_reasons: LabelCounts,
}

impl Counters {
    /// Attempts of all ordinals.
    #[must_use]
    pub fn attempts(&self) -> u64 {
        self.by_attempt.iter().sum()
    }

    /// Attempts after the first of their send.
    #[must_use]
    pub fn retries(&self) -> u64 {
        self.by_attempt.iter().skip(1).sum()
    }

    /// Sends that ended after they were begun.
    #[must_use]
    pub fn ended(&self) -> u64 {
        self.acked + self.failed + self.unknown
    }

    /// Adds another span of time, or another shard.
    pub fn merge(&mut self, other: &Self) {
        self.planned += other.planned;
        self.sent += other.sent;
        self.acked += other.acked;
        self.acked_oneway += other.acked_oneway;
        self.acked_bytes += other.acked_bytes;
        self.failed += other.failed;
        self.unknown += other.unknown;
        self.unsent += other.unsent;
        self.late_replies += other.late_replies;
        self.retried_sends += other.retried_sends;
        self.recovered_sends += other.recovered_sends;
        self.possible_duplicates += other.possible_duplicates;
        self.retry_ns = self.retry_ns.saturating_add(other.retry_ns);
        self.longest_retry_ns = self.longest_retry_ns.max(other.longest_retry_ns);
        for (sum, count) in self.by_status.iter_mut().zip(other.by_status) {
            *sum += count;
        }
        if self.by_attempt.len() < other.by_attempt.len() {
            self.by_attempt.resize(other.by_attempt.len(), 0);
        }
        for (sum, count) in self.by_attempt.iter_mut().zip(&other.by_attempt) {
            *sum += count;
        }
        self.errors.merge(&other.errors);
        self.retry_reasons.merge(&other.retry_reasons);
    }

    /// Sets everything to zero and keeps the memory.
    pub fn clear(&mut self) {
        let mut errors = std::mem::take(&mut self.errors);
        let mut retry_reasons = std::mem::take(&mut self.retry_reasons);
        let mut by_attempt = std::mem::take(&mut self.by_attempt);
        errors.clear();
        retry_reasons.clear();
        by_attempt.fill(0);
        *self = Self {
            errors,
            retry_reasons,
            by_attempt,
            ..Self::default()
        };
    }
}
