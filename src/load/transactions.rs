//! The transactions of a load: what becomes of each, and what brokers ask about them.
//!
//! What becomes of a transaction follows from its message id alone, so that a check can be answered
//! without a list of all that were sent. Listed are only those that do not simply end: told to be
//! unknown, not told at all, sent more than once, or given up while they may be stored.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::client::checks::Checks;
use crate::client::{CheckedMessage, LocalOutcome, Resolution, TransactionChecker};
use crate::metrics::LatencyHistogram;
use crate::protocol::message_id::{UNIQUE_ID_CHARS, UniqueId};
use crate::transport::clock::wall_millis;

/// Transactions listed at most; what no longer fits is answered from its id alone, and counted.
const MOST_LISTED: usize = 4_000_000;

/// Shares of the outcomes, each from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TransactionShape {
    /// Rolled back when the half message is stored.
    pub rollback: f64,
    /// Left unknown then; the rest is committed.
    pub unknown: f64,
    /// Of those left unknown: rolled back at a check.
    pub check_rollback: f64,
    /// Unknown still at a check; the rest is committed.
    pub check_unknown: f64,
    /// How long a run waits at its end for the checks that are owed; a check that comes later than this
    /// after its half message counts as late.
    pub wait: Duration,
}

impl Default for TransactionShape {
    fn default() -> Self {
        Self {
            rollback: 0.0,
            unknown: 0.0,
            check_rollback: 0.0,
            check_unknown: 0.0,
            wait: Duration::from_secs(90),
        }
    }
}

impl TransactionShape {
    /// What becomes of a transaction when its half message is stored.
    #[must_use]
    pub fn outcome(&self, id: &UniqueId) -> Resolution {
        choose(id, 0, self.rollback, self.unknown)
    }

    /// What is answered to its n-th check, from 1, if it was left unknown.
    #[must_use]
    pub fn at_check(&self, id: &UniqueId, check: u32) -> Resolution {
        choose(id, check, self.check_rollback, self.check_unknown)
    }
}

/// An outcome by shares, evenly over ids.
fn choose(id: &UniqueId, turn: u32, rollback: f64, unknown: f64) -> Resolution {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&id.0);
    hasher.update(&turn.to_be_bytes());
    let place = f64::from(mix(hasher.finalize())) / (f64::from(u32::MAX) + 1.0);
    if place < rollback {
        Resolution::Rollback
    } else if place < rollback + unknown {
        Resolution::Unknown
    } else {
        Resolution::Commit
    }
}

/// Spreads a checksum of ids that count upwards (MurmurHash3's last step).
fn mix(mut value: u32) -> u32 {
    value ^= value >> 16;
    value = value.wrapping_mul(0x85eb_ca6b);
    value ^= value >> 13;
    value = value.wrapping_mul(0xc2b2_ae35);
    value ^ (value >> 16)
}

/// What was told at the end of transactions, in one shard or all; measured ones only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EndCounts {
    /// Told to commit.
    pub committed: u64,
    /// Told to roll back, those not stored as configured among them.
    pub rolled_back: u64,
    /// Told to be unknown.
    pub unknown: u64,
    /// Of all these, could not be told: no connection, or no room in it.
    pub untold: u64,
}

impl EndCounts {
    fn plus(self, other: Self) -> Self {
        Self {
            committed: self.committed + other.committed,
            rolled_back: self.rolled_back + other.rolled_back,
            unknown: self.unknown + other.unknown,
            untold: self.untold + other.untold,
        }
    }

    pub(super) fn note(&mut self, resolution: Resolution, told: bool) {
        match resolution {
            Resolution::Commit => self.committed += 1,
            Resolution::Rollback => self.rolled_back += 1,
            Resolution::Unknown => self.unknown += 1,
        }
        self.untold += u64::from(!told);
    }
}

/// What brokers asked during a run, its warm-up included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CheckTally {
    /// All checks that came.
    pub received: u64,
    /// Of transactions whose check was owed.
    pub expected: u64,
    /// Of transactions that a check had ended before.
    pub duplicate: u64,
    /// Of transactions the broker had been told the end of.
    pub of_ended: u64,
    /// Of sends that had been given up as unknown, or of further copies of one that was stored: rolled back.
    pub of_strays: u64,
    /// Of messages this run has not sent; left unknown.
    pub foreign: u64,
    /// Of the expected, later than [`TransactionShape::wait`] after their half message.
    pub late: u64,
    /// Transactions that had been left unknown, committed at a check.
    pub committed: u64,
    /// Those rolled back at a check.
    pub rolled_back: u64,
    /// Checks of them that were answered as unknown again.
    pub unknown: u64,
    /// Left to brokers, and not asked about to an end when the run ended.
    pub owed: u64,
    /// Could not be listed, as there were too many.
    pub unlisted: u64,
}

/// What became of the transactions of a run.
#[derive(Debug)]
pub struct TransactionOutcome {
    /// What was told at the ends of measured ones.
    pub ends: EndCounts,
    /// What brokers asked in the whole run.
    pub checks: CheckTally,
    /// Checks that came while too many waited: not looked at.
    pub unheld: u64,
    /// Half messages the brokers of the route had not passed yet when the run ended, an upper bound of those
    /// that are open; `None` if one of them does not say.
    pub not_passed: Option<u64>,
    /// From the sending of a half message to its first check, for those left unknown.
    pub check_delay: LatencyHistogram<u64>,
}

/// Why a transaction is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Listed {
    /// Told to be unknown, so many checks ago.
    Unknown(u32),
    /// Its end could not be told.
    Untold(Resolution),
    /// Ended by a check.
    Checked(Resolution),
    /// Stored at this offset after an attempt that may have stored it elsewhere too.
    StoredAt(i64, Resolution),
    /// Given up; it may be stored.
    GivenUp,
}

impl Listed {
    /// Whether a broker has yet to ask.
    fn is_owed(self) -> bool {
        matches!(self, Self::Unknown(_) | Self::Untold(_))
    }
}

#[derive(Debug)]
struct State {
    listed: HashMap<UniqueId, Listed>,
    tally: CheckTally,
    delay: LatencyHistogram<u64>,
    /// Transactions brokers have yet to ask about.
    owed: u64,
    /// Ends that were told may be lost: something else was.
    suspect: bool,
}

/// Answers the checks of a run.
#[derive(Debug)]
pub struct LoadTransactions {
    shape: TransactionShape,
    /// What the ids of this run's senders begin with.
    prefixes: Mutex<Vec<[u8; PREFIX_CHARS]>>,
    state: Mutex<State>,
    /// Told when a check has been answered.
    settled: Notify,
    /// Where checks wait for their answers.
    checks: OnceLock<Arc<Checks>>,
}

/// Characters of an id that are the same for all of its sender.
const PREFIX_CHARS: usize = 20;

impl LoadTransactions {
    /// Nothing sent yet.
    #[must_use]
    pub fn new(shape: TransactionShape) -> Arc<Self> {
        Arc::new(Self {
            shape,
            prefixes: Mutex::default(),
            state: Mutex::new(State {
                listed: HashMap::new(),
                tally: CheckTally::default(),
                delay: LatencyHistogram::new(),
                owed: 0,
                suspect: false,
            }),
            settled: Notify::new(),
            checks: OnceLock::new(),
        })
    }

    /// The shares.
    #[must_use]
    pub fn shape(&self) -> &TransactionShape {
        &self.shape
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A sender of this run makes ids that begin like this one.
    pub(super) fn begins(&self, id: &UniqueId) {
        if let Some(prefix) = id.0.first_chunk() {
            let mut prefixes = self.prefixes.lock().unwrap_or_else(PoisonError::into_inner);
            prefixes.push(*prefix);
        }
    }

    fn is_ours(&self, id: &UniqueId) -> bool {
        let prefixes = self.prefixes.lock().unwrap_or_else(PoisonError::into_inner);
        prefixes.iter().any(|prefix| id.0.starts_with(prefix))
    }

    fn list(&self, id: UniqueId, why: Listed) {
        let mut state = self.state();
        if state.listed.len() < MOST_LISTED {
            state.listed.insert(id, why);
            state.owed += u64::from(why.is_owed());
        } else {
            state.tally.unlisted += 1;
        }
    }

    /// A half message is stored at this offset of the commit log; `again` if an earlier attempt may have
    /// stored it too. Most ends need no place in the list.
    pub(super) fn ended(&self, id: UniqueId, end: Resolution, told: bool, at: Option<i64>) {
        match (end, told, at) {
            (Resolution::Unknown, ..) => self.list(id, Listed::Unknown(0)),
            (_, false, _) => self.list(id, Listed::Untold(end)),
            (_, true, Some(at)) => self.list(id, Listed::StoredAt(at, end)),
            (_, true, None) => {}
        }
        if !told || at.is_some() {
            self.state().suspect = true;
        }
    }

    /// A half message was given up and may be stored.
    pub(super) fn gave_up(&self, id: UniqueId) {
        self.list(id, Listed::GivenUp);
        self.state().suspect = true;
    }

    /// It answers what waits there.
    pub(super) fn answers(&self, checks: Arc<Checks>) {
        // One run has one.
        let _ = self.checks.set(checks);
    }

    /// What was told by all shards, has been asked so far, and what brokers say.
    pub(super) fn outcome(
        &self,
        ends: impl Iterator<Item = EndCounts>,
        not_passed: Option<u64>,
    ) -> TransactionOutcome {
        let state = self.state();
        let checks = self.checks.get();
        TransactionOutcome {
            ends: ends.fold(EndCounts::default(), EndCounts::plus),
            checks: CheckTally {
                owed: state.owed,
                ..state.tally
            },
            unheld: checks.map_or(0, |checks| checks.counts().dropped),
            not_passed,
            check_delay: state.delay.clone(),
        }
    }

    /// Waits until brokers have asked about every transaction that was left to them. Where a connection was
    /// lost that is never known: word of the end of any transaction may have gone with it.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn settled(&self) {
        loop {
            let settled = self.settled.notified();
            let is_settled = {
                let state = self.state();
                state.owed == 0 && !state.suspect
            };
            if is_settled {
                break;
            }
            settled.await;
        }
        if let Some(checks) = self.checks.get() {
            checks.idle().await;
        }
    }
}

impl State {
    fn answer(
        &mut self,
        shape: &TransactionShape,
        id: UniqueId,
        message: &CheckedMessage,
    ) -> Resolution {
        match self.listed.get(&id).copied() {
            Some(Listed::Unknown(before)) => {
                self.tally.expected += 1;
                if before == 0 {
                    self.note_delay(shape, message);
                }
                let end = shape.at_check(&id, before + 1);
                match end {
                    Resolution::Commit => self.tally.committed += 1,
                    Resolution::Rollback => self.tally.rolled_back += 1,
                    Resolution::Unknown => self.tally.unknown += 1,
                }
                if end == Resolution::Unknown {
                    self.listed.insert(id, Listed::Unknown(before + 1));
                } else {
                    self.check_ends(id, end);
                }
                end
            }
            Some(Listed::Untold(end)) => {
                self.tally.expected += 1;
                self.note_delay(shape, message);
                self.check_ends(id, end);
                end
            }
            Some(Listed::Checked(end)) => {
                self.tally.duplicate += 1;
                end
            }
            Some(Listed::StoredAt(at, end)) if at == message.commit_log_offset => {
                self.tally.of_ended += 1;
                end
            }
            Some(Listed::StoredAt(..) | Listed::GivenUp) => {
                self.tally.of_strays += 1;
                Resolution::Rollback
            }
            None => {
                self.tally.of_ended += 1;
                shape.outcome(&id)
            }
        }
    }

    fn check_ends(&mut self, id: UniqueId, end: Resolution) {
        self.listed.insert(id, Listed::Checked(end));
        self.owed = self.owed.saturating_sub(1);
    }

    fn note_delay(&mut self, shape: &TransactionShape, message: &CheckedMessage) {
        let born_ms = u64::try_from(message.born_ms).unwrap_or(0);
        let delay = Duration::from_millis(wall_millis().saturating_sub(born_ms));
        self.tally.late += u64::from(delay > shape.wait);
        self.delay
            .record(u64::try_from(delay.as_nanos()).unwrap_or(u64::MAX));
    }
}

impl TransactionChecker for LoadTransactions {
    fn check(&self, message: &CheckedMessage) -> LocalOutcome {
        let id: Option<[u8; UNIQUE_ID_CHARS]> = message.message_id.as_bytes().try_into().ok();
        let id = id.map(UniqueId).filter(|id| self.is_ours(id));
        let mut state = self.state();
        state.tally.received += 1;
        let end = match id {
            Some(id) => state.answer(&self.shape, id, message),
            None => {
                state.tally.foreign += 1;
                Resolution::Unknown
            }
        };
        drop(state);
        self.settled.notify_waiters();
        Ok(end)
    }
}
