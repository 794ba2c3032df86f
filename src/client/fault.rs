//! Latency-aware fault avoidance: which brokers to leave alone, and for how long (R121–R130).
//!
//! Fed with true latencies (first byte written → answer) and real failures by whoever settles an
//! attempt (R246); read as a [`Standing`] once per batch. A healthy answer costs two relaxed
//! loads; only an isolation takes the lock, to note the event.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::client::broker_table::BrokerId;
use crate::client::config::{FaultConfig, FaultGeneration};
use crate::transport::clock::Nanos;

/// Brokers the table keeps records of; later ones are never avoided.
pub const MAX_BROKERS: usize = 1024;
/// Events kept; later ones are only counted.
const MAX_EVENTS: usize = 10_000;

/// What one attempt told about its broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Observation {
    /// It answered "stored" after this long.
    Answered(Duration),
    /// It answered with a refusal after this long.
    Refused(Duration),
    /// No answer: timeout, lost or impossible connection.
    Unreachable,
}

/// Why a broker was isolated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// A slow answer.
    Latency,
    /// A failure.
    Error,
}

/// A broker became isolated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaultEvent {
    /// When.
    pub at: Nanos,
    /// Which broker.
    pub broker: BrokerId,
    /// For how long at first; later failures may extend it.
    pub isolated_for: Duration,
    /// Why.
    pub cause: Cause,
    /// The latency observed, where there was an answer.
    pub observed: Option<Duration>,
}

#[derive(Debug, Default)]
struct Record {
    /// Last latency in ns, failures at their nominal latency; 0 = none yet.
    latency: AtomicU64,
    /// Available again from this moment on; 0 = never isolated.
    available_at: AtomicU64,
    unreachable: AtomicBool,
    /// Isolated time so far, planned ends included, in ns.
    isolated: AtomicU64,
}

#[derive(Debug, Default)]
struct Log {
    events: Vec<FaultEvent>,
    isolations: u64,
}

/// The fault table of a client instance.
#[derive(Debug)]
pub struct FaultTable {
    config: FaultConfig,
    /// Latencies below this never isolate.
    harmless_ns: u64,
    records: Vec<Record>,
    log: Mutex<Log>,
}

impl FaultTable {
    /// An empty table.
    #[must_use]
    pub fn new(config: FaultConfig) -> Self {
        let harmless = config.table.iter().filter(|class| !class.avoid.is_zero());
        let harmless = harmless
            .map(|class| class.latency)
            .min()
            .unwrap_or(Duration::MAX);
        Self {
            harmless_ns: u64::try_from(harmless.as_nanos()).unwrap_or(u64::MAX),
            records: (0..MAX_BROKERS).map(|_| Record::default()).collect(),
            log: Mutex::default(),
            config,
        }
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &FaultConfig {
        &self.config
    }

    /// How long a latency keeps a broker out: the row of the largest latency not above it (R123).
    #[must_use]
    pub fn isolation_for(&self, latency: Duration) -> Duration {
        let rows = self.config.table.iter().rev();
        rows.into_iter()
            .find(|class| class.latency <= latency)
            .map_or(Duration::ZERO, |c| c.avoid)
    }

    /// Takes in what an attempt told (R130). Ignored while avoidance is off (R124).
    #[inline]
    pub fn observe(&self, broker: BrokerId, seen: Observation, now: Nanos) {
        if !self.config.enabled {
            return;
        }
        let Some(record) = self.records.get(broker.index()) else {
            return;
        };
        if let Observation::Answered(latency) = seen {
            let ns = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
            let clean = record.available_at.load(Ordering::Relaxed) == 0
                && !record.unreachable.load(Ordering::Relaxed);
            if ns < self.harmless_ns && clean {
                return;
            }
        }
        self.update(broker, record, seen, now);
    }

    #[cold]
    fn update(&self, broker: BrokerId, record: &Record, seen: Observation, now: Nanos) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let failure = self.config.generation.failure_latency();
        let (counted, observed, cause) = match seen {
            Observation::Answered(latency) => (latency, Some(latency), Cause::Latency),
            Observation::Refused(latency) => (failure, Some(latency), Cause::Error),
            Observation::Unreachable => (failure, None, Cause::Error),
        };
        let isolation = self.isolation_for(counted);
        let ns = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        record.latency.store(ns(counted), Ordering::Relaxed);
        record
            .unreachable
            .store(seen == Observation::Unreachable, Ordering::Relaxed);
        let before = Nanos(record.available_at.load(Ordering::Relaxed));
        let wanted = if isolation.is_zero() {
            now
        } else {
            now.plus(isolation)
        };
        let after = match self.config.generation {
            // R125: whatever comes last counts, a fast answer ends the isolation.
            FaultGeneration::V4 => wanted,
            // R126: isolation is only ever extended.
            FaultGeneration::V5 => before.max(wanted),
        };
        let was_isolated = before > now;
        let is_isolated = after > now;
        let stored = if is_isolated { after.0 } else { 0 };
        record.available_at.store(stored, Ordering::Relaxed);
        let planned = record.isolated.load(Ordering::Relaxed);
        let planned = planned
            .saturating_sub(before.since(now))
            .saturating_add(after.since(now));
        record.isolated.store(planned, Ordering::Relaxed);
        if is_isolated && !was_isolated {
            log.isolations += 1;
            if log.events.len() < MAX_EVENTS {
                let isolated_for = Duration::from_nanos(after.since(now));
                log.events.push(FaultEvent {
                    at: now,
                    broker,
                    isolated_for,
                    cause,
                    observed,
                });
            }
        }
    }

    /// How a broker stands at `now`.
    #[inline]
    #[must_use]
    pub fn standing(&self, broker: BrokerId, now: Nanos) -> Standing {
        let Some(record) = self
            .records
            .get(broker.index())
            .filter(|_| self.config.enabled)
        else {
            return Standing::default();
        };
        Standing {
            available: record.available_at.load(Ordering::Relaxed) <= now.0,
            reachable: !record.unreachable.load(Ordering::Relaxed),
            latency_ns: record.latency.load(Ordering::Relaxed),
            available_at: record.available_at.load(Ordering::Relaxed),
        }
    }

    /// A probe or a send succeeded again on a broker without an answer to tell its latency.
    pub fn set_reachable(&self, broker: BrokerId) {
        if let Some(record) = self.records.get(broker.index()) {
            record.unreachable.store(false, Ordering::Relaxed);
        }
    }

    /// Time a broker has spent isolated up to `now`.
    #[must_use]
    pub fn isolated_time(&self, broker: BrokerId, now: Nanos) -> Duration {
        self.records
            .get(broker.index())
            .map_or(Duration::ZERO, |record| {
                let planned = record.isolated.load(Ordering::Relaxed);
                let ahead = Nanos(record.available_at.load(Ordering::Relaxed)).since(now);
                Duration::from_nanos(planned.saturating_sub(ahead))
            })
    }

    /// Isolations so far and the first 10,000 of them as events.
    #[must_use]
    pub fn events(&self) -> (u64, Vec<FaultEvent>) {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        (log.isolations, log.events.clone())
    }
}

/// How a broker stands (R127).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Not isolated.
    pub available: bool,
    /// Its last attempt was answered.
    pub reachable: bool,
    /// Last latency, ns.
    pub latency_ns: u64,
    /// End of the isolation.
    pub available_at: u64,
}

impl Default for Standing {
    /// A broker without a record is available and reachable.
    fn default() -> Self {
        Self {
            available: true,
            reachable: true,
            latency_ns: 0,
            available_at: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const B: BrokerId = BrokerId(0);

    fn table(generation: FaultGeneration) -> FaultTable {
        let table = generation.default_table();
        FaultTable::new(FaultConfig {
            enabled: true,
            generation,
            table,
        })
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn at(ms: u64) -> Nanos {
        Nanos(1 + ms * 1_000_000)
    }

    #[test]
    fn r123_the_reference_s_vectors() {
        let v5 = table(FaultGeneration::V5);
        for (latency, isolation) in [
            (49, 0),
            (100, 0),
            (549, 0),
            (550, 2000),
            (1799, 2000),
            (1800, 5000),
            (3000, 6000),
            (5000, 10_000),
            (15_000, 30_000),
        ] {
            assert_eq!(
                v5.isolation_for(ms(latency)),
                ms(isolation),
                "5.x {latency}"
            );
        }
        let v4 = table(FaultGeneration::V4);
        for (latency, isolation) in [(550, 30_000), (1000, 60_000), (3000, 180_000)] {
            assert_eq!(
                v4.isolation_for(ms(latency)),
                ms(isolation),
                "4.x {latency}"
            );
        }
    }

    #[test]
    fn r126_a_fast_answer_does_not_shorten_an_isolation_in_5x() {
        let faults = table(FaultGeneration::V5);
        faults.observe(B, Observation::Unreachable, at(0));
        let standing = faults.standing(B, at(9_999));
        assert!(!standing.available && !standing.reachable);
        faults.observe(B, Observation::Answered(ms(1)), at(5_000));
        let standing = faults.standing(B, at(9_999));
        assert!(!standing.available && standing.reachable);
        assert!(faults.standing(B, at(10_000)).available);
        assert_eq!(faults.isolated_time(B, at(12_000)), ms(10_000));
    }

    #[test]
    fn r125_a_fast_answer_ends_an_isolation_in_4x() {
        let faults = table(FaultGeneration::V4);
        faults.observe(B, Observation::Refused(ms(3)), at(0));
        assert!(!faults.standing(B, at(599_999)).available);
        faults.observe(B, Observation::Answered(ms(1)), at(5_000));
        assert!(faults.standing(B, at(5_000)).available);
        assert_eq!(faults.isolated_time(B, at(12_000)), ms(5_000));
    }

    #[test]
    fn an_isolation_is_one_event_however_often_it_is_extended() {
        let faults = table(FaultGeneration::V5);
        for time in [0, 10, 20] {
            faults.observe(B, Observation::Answered(ms(600)), at(time));
        }
        let (isolations, events) = faults.events();
        assert_eq!(isolations, 1);
        assert_eq!(
            (events[0].isolated_for, events[0].cause),
            (ms(2000), Cause::Latency)
        );
        assert_eq!(events[0].observed, Some(ms(600)));
        assert_eq!(faults.isolated_time(B, at(5_000)), ms(2020));
        assert_eq!(
            faults.isolated_time(B, at(1_000)),
            ms(1_000),
            "only what has passed"
        );
    }

    #[test]
    fn r124_nothing_is_recorded_while_avoidance_is_off() {
        let faults = FaultTable::new(FaultConfig {
            enabled: false,
            ..FaultConfig::default()
        });
        faults.observe(B, Observation::Unreachable, at(0));
        assert_eq!(faults.standing(B, at(1)), Standing::default());
        assert_eq!(faults.events().0, 0);
    }
}
