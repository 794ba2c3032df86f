//! Latency-aware fault avoidance: which brokers to leave alone, and for how long (R121–R132).
//!
//! Fed with true latencies (first byte written → answer) and real failures by whoever settles an
//! attempt (R246); read as a [`Standing`] once per batch. A healthy answer costs two relaxed
//! loads; only an isolation takes the lock, to note the event.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::client::broker_table::BrokerId;
use crate::client::config::{DetectorConfig, FaultConfig, FaultGeneration};
use crate::transport::clock::Nanos;

/// Brokers the table keeps records of; later ones are never avoided.
pub const MAX_BROKERS: usize = 1024;
/// A broker that is found again gets this long until its senders are connected again, which try at
/// least once a second (R237).
const RECONNECT: Duration = Duration::from_millis(1500);
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
    /// When that ended, or is to end; [`Nanos::NEVER`] while it waits to be found reachable.
    pub until: Nanos,
    /// Which broker.
    pub broker: BrokerId,
    /// For how long at first; later results may change that.
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
    /// Since when its last attempts had no answer; 0 = the last one had.
    unreachable_since: AtomicU64,
    /// Isolated time so far, planned ends included, in ns; of the time it could not be reached besides,
    /// what had passed at the last update.
    isolated: AtomicU64,
}

impl Record {
    fn is_unreachable(&self) -> bool {
        self.unreachable_since.load(Ordering::Relaxed) != 0
    }

    fn available_at(&self) -> Nanos {
        Nanos(self.available_at.load(Ordering::Relaxed))
    }
}

#[derive(Debug, Default)]
struct Log {
    events: Vec<FaultEvent>,
    /// The event of each broker's last isolation, where it is listed.
    last: HashMap<BrokerId, usize>,
    isolations: u64,
    probes: ProbeCounts,
}

/// What the detector did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ProbeCounts {
    /// Probes sent.
    pub sent: u64,
    /// Those that found a broker reachable again.
    pub found: u64,
}

/// What becomes of a record.
#[derive(Debug, Clone, Copy)]
struct After {
    available_at: Nanos,
    unreachable: bool,
}

/// The fault table of a client instance.
#[derive(Debug)]
pub struct FaultTable {
    config: FaultConfig,
    /// Latencies below this never isolate.
    harmless_ns: u64,
    /// A detector says when brokers can be reached again.
    probing: bool,
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
            probing: config.running_detector().is_some(),
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
            let clean =
                record.available_at.load(Ordering::Relaxed) == 0 && !record.is_unreachable();
            if ns < self.harmless_ns && clean {
                return;
            }
        }
        self.update(broker, record, seen, now);
    }

    #[cold]
    fn update(&self, broker: BrokerId, record: &Record, seen: Observation, now: Nanos) {
        let mut log = self.lock();
        let failure = self.config.generation.failure_latency();
        let (counted, observed, cause) = match seen {
            Observation::Answered(latency) => (latency, Some(latency), Cause::Latency),
            Observation::Refused(latency) => (failure, Some(latency), Cause::Error),
            Observation::Unreachable => (failure, None, Cause::Error),
        };
        let ns = u64::try_from(counted.as_nanos()).unwrap_or(u64::MAX);
        record.latency.store(ns, Ordering::Relaxed);
        let isolation = self.isolation_for(counted);
        let wanted = if isolation.is_zero() {
            now
        } else {
            now.plus(isolation)
        };
        let after = After {
            available_at: match self.config.generation {
                // R125: whatever comes last counts, a fast answer ends the isolation.
                FaultGeneration::V4 => wanted,
                // R126: isolation is only ever extended.
                FaultGeneration::V5 => record.available_at().max(wanted),
            },
            unreachable: seen == Observation::Unreachable,
        };
        let was_avoided = self.avoided_until(record) > now;
        self.change(&mut log, (broker, record), after, now);
        let until = self.avoided_until(record);
        if until > now && !was_avoided {
            log.isolations += 1;
            if log.events.len() < MAX_EVENTS {
                let index = log.events.len();
                log.last.insert(broker, index);
                log.events.push(FaultEvent {
                    at: now,
                    until,
                    broker,
                    isolated_for: Duration::from_nanos(after.available_at.since(now)),
                    cause,
                    observed,
                });
            } else {
                log.last.remove(&broker);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// R127, R248: a broker that could not be reached stays away until a probe or a send succeeds.
    fn avoided_until(&self, record: &Record) -> Nanos {
        if self.probing && record.is_unreachable() {
            Nanos::NEVER
        } else {
            record.available_at()
        }
    }

    /// Avoided time at `now` that isolations do not account for.
    fn beyond(&self, record: &Record, now: Nanos) -> u64 {
        match record.unreachable_since.load(Ordering::Relaxed) {
            since if self.probing && since != 0 => {
                now.since(record.available_at().max(Nanos(since)))
            }
            _ => 0,
        }
    }

    /// Takes the record to its next state, with the account of its time and the end of its last event.
    fn change(
        &self,
        log: &mut Log,
        (broker, record): (BrokerId, &Record),
        after: After,
        now: Nanos,
    ) {
        let was_avoided = self.avoided_until(record) > now;
        let isolated = record.isolated.load(Ordering::Relaxed);
        let isolated = isolated
            .saturating_add(self.beyond(record, now))
            .saturating_sub(record.available_at().since(now))
            .saturating_add(after.available_at.since(now));
        record.isolated.store(isolated, Ordering::Relaxed);
        let is_ahead = after.available_at > now;
        let stored = if is_ahead { after.available_at.0 } else { 0 };
        record.available_at.store(stored, Ordering::Relaxed);
        let since = if after.unreachable { now.0.max(1) } else { 0 };
        record.unreachable_since.store(since, Ordering::Relaxed);
        let last = log.last.get(&broker);
        let last = last.and_then(|index| log.events.get_mut(*index));
        if let Some(event) = last.filter(|_| was_avoided) {
            event.until = self.avoided_until(record).max(now);
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
            available: self.avoided_until(record) <= now,
            reachable: !record.is_unreachable(),
            latency_ns: record.latency.load(Ordering::Relaxed),
            available_at: record.available_at.load(Ordering::Relaxed),
        }
    }

    /// The detector's settings, where one runs.
    #[must_use]
    pub fn detector(&self) -> Option<&DetectorConfig> {
        self.config.running_detector()
    }

    /// Brokers whose last attempts had no answer.
    #[must_use]
    pub fn unreachable(&self) -> Vec<BrokerId> {
        let records = (0..).zip(&self.records);
        let lost = records.filter(|(_, record)| record.is_unreachable());
        lost.map(|(id, _)| BrokerId(id)).collect()
    }

    /// A probe was sent; an answer makes the broker reachable, and ends no isolation (R132).
    pub fn probed(&self, broker: BrokerId, answered: bool, now: Nanos) {
        let mut log = self.lock();
        log.probes.sent += 1;
        let record = self.records.get(broker.index());
        if let Some(record) = record.filter(|record| answered && record.is_unreachable()) {
            log.probes.found += 1;
            let after = After {
                available_at: record.available_at().max(now.plus(RECONNECT)),
                unreachable: false,
            };
            self.change(&mut log, (broker, record), after, now);
        }
    }

    /// Drops what is known of a broker that no route names any more (R132).
    pub fn forget(&self, broker: BrokerId, now: Nanos) {
        let mut log = self.lock();
        if let Some(record) = self.records.get(broker.index()) {
            let after = After {
                available_at: Nanos::NONE,
                unreachable: false,
            };
            self.change(&mut log, (broker, record), after, now);
            record.latency.store(0, Ordering::Relaxed);
        }
    }

    /// Time a broker has spent avoided up to `now`.
    #[must_use]
    pub fn isolated_time(&self, broker: BrokerId, now: Nanos) -> Duration {
        self.records
            .get(broker.index())
            .map_or(Duration::ZERO, |record| {
                let planned = record.isolated.load(Ordering::Relaxed);
                let ahead = record.available_at().since(now);
                Duration::from_nanos(planned.saturating_sub(ahead) + self.beyond(record, now))
            })
    }

    /// Isolations so far.
    #[must_use]
    pub fn isolations(&self) -> u64 {
        self.lock().isolations
    }

    /// Isolations so far and the first 10,000 of them as events.
    #[must_use]
    pub fn events(&self) -> (u64, Vec<FaultEvent>) {
        let log = self.lock();
        (log.isolations, log.events.clone())
    }

    /// What the detector has done so far.
    #[must_use]
    pub fn probes(&self) -> ProbeCounts {
        self.lock().probes
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
            detector: None,
        })
    }

    fn probing() -> FaultTable {
        FaultTable::new(FaultConfig {
            detector: Some(DetectorConfig::default()),
            ..FaultConfig::default()
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

    /// R121, R122: how long each latency and each failure keeps a broker out, to the nanosecond.
    #[test]
    fn each_generation_s_table_is_kept_to() {
        use Observation::{Answered, Refused, Unreachable};
        let v5 = [
            (Answered(ms(549)), 0),
            (Answered(ms(550)), 2_000),
            (Answered(ms(1799)), 2_000),
            (Answered(ms(1800)), 5_000),
            (Answered(ms(2999)), 5_000),
            (Answered(ms(3000)), 6_000),
            (Answered(ms(4999)), 6_000),
            (Answered(ms(5000)), 10_000),
            (Answered(ms(14_999)), 10_000),
            (Answered(ms(15_000)), 30_000),
            (Refused(ms(1)), 10_000),
            (Unreachable, 10_000),
        ];
        let v4 = [
            (Answered(ms(549)), 0),
            (Answered(ms(550)), 30_000),
            (Answered(ms(999)), 30_000),
            (Answered(ms(1000)), 60_000),
            (Answered(ms(2000)), 120_000),
            (Answered(ms(3000)), 180_000),
            (Answered(ms(14_999)), 180_000),
            (Answered(ms(15_000)), 600_000),
            (Refused(ms(1)), 600_000),
            (Unreachable, 600_000),
        ];
        for (generation, vectors) in [(FaultGeneration::V5, &v5[..]), (FaultGeneration::V4, &v4)] {
            for (seen, out) in vectors {
                let faults = table(generation);
                faults.observe(B, *seen, at(0));
                assert!(
                    faults.standing(B, at(*out)).available,
                    "{generation:?} {seen:?}"
                );
                let before = Nanos(at(*out).0 - 1);
                let is_out = !faults.standing(B, before).available;
                assert_eq!(is_out, *out > 0, "{generation:?} {seen:?}");
            }
        }
    }

    /// R127, R130: nothing known is well; a refusal is an answer, so that its broker can be reached.
    #[test]
    fn a_broker_is_well_until_something_is_known_of_it() {
        for faults in [
            table(FaultGeneration::V4),
            table(FaultGeneration::V5),
            probing(),
        ] {
            assert_eq!(faults.standing(B, at(0)), Standing::default());
            faults.observe(B, Observation::Answered(ms(100)), at(0));
            assert_eq!(faults.standing(B, at(0)), Standing::default());
            faults.observe(B, Observation::Refused(ms(1)), at(0));
            let refused = faults.standing(B, at(1));
            assert!(refused.reachable && !refused.available);
            faults.observe(B, Observation::Unreachable, at(2));
            let lost = faults.standing(B, at(3));
            assert!(!lost.reachable && !lost.available);
            faults.observe(B, Observation::Answered(ms(1)), at(4));
            assert!(faults.standing(B, at(5)).reachable);
            assert_eq!(faults.standing(BrokerId(1), at(5)), Standing::default());
        }
    }

    #[test]
    fn a_lasting_fault_isolates_again_after_each_isolation() {
        // Without a detector each isolation ends with real traffic.
        for (generation, out) in [
            (FaultGeneration::V5, 10_000),
            (FaultGeneration::V4, 600_000),
        ] {
            let faults = table(generation);
            for round in 0..5 {
                assert!(faults.standing(B, at(round * out)).available);
                faults.observe(B, Observation::Unreachable, at(round * out));
            }
            let (isolations, events) = faults.events();
            assert_eq!((isolations, events.len()), (5, 5));
            assert!(
                events
                    .iter()
                    .all(|event| event.until == event.at.plus(ms(out)))
            );
            assert_eq!(faults.isolated_time(B, at(9 * out)), ms(5 * out));
        }
    }

    #[test]
    fn classes_of_one_s_own_replace_the_table() {
        // R123
        let class = |latency, avoid| crate::client::FaultClass {
            latency: ms(latency),
            avoid: ms(avoid),
        };
        let faults = FaultTable::new(FaultConfig {
            table: vec![class(10, 70), class(20, 90)],
            ..FaultConfig::default()
        });
        for (latency, out) in [(9, 0), (10, 70), (19, 70), (20, 90), (60_000, 90)] {
            assert_eq!(faults.isolation_for(ms(latency)), ms(out));
        }
    }

    /// R132, R248.
    #[test]
    fn with_a_detector_a_lost_broker_stays_away_until_it_is_found() {
        let faults = probing();
        faults.observe(B, Observation::Unreachable, at(0));
        assert_eq!(faults.unreachable(), [B]);
        faults.probed(B, false, at(12_000));
        assert!(
            !faults.standing(B, at(20_000)).available,
            "its 10 s are over"
        );
        assert_eq!(faults.isolated_time(B, at(20_000)), ms(20_000));
        assert_eq!(faults.events().1[0].until, Nanos::NEVER);
        // No other was left, so that it was tried once more: the same isolation.
        faults.observe(B, Observation::Unreachable, at(21_000));
        faults.probed(B, true, at(35_000));
        assert!(!faults.standing(B, at(36_499)).available, "not connected");
        assert!(faults.standing(B, at(36_500)).available);
        assert!(faults.unreachable().is_empty());
        assert_eq!(faults.isolated_time(B, at(50_000)), ms(36_500));
        let (isolations, events) = faults.events();
        assert_eq!((isolations, events[0].until), (1, at(36_500)));
        assert_eq!(faults.probes(), ProbeCounts { sent: 2, found: 1 });
    }

    #[test]
    fn a_probe_that_is_answered_ends_no_isolation() {
        // R132
        let faults = probing();
        faults.observe(B, Observation::Unreachable, at(0));
        faults.probed(B, true, at(1_000));
        let found = faults.standing(B, at(9_999));
        assert!(found.reachable && !found.available);
        assert!(faults.standing(B, at(10_000)).available);
        assert_eq!(faults.isolated_time(B, at(20_000)), ms(10_000));
        assert_eq!(faults.events().1[0].until, at(10_000));
        // Nor does a probe ever begin one.
        faults.probed(B, false, at(11_000));
        assert!(faults.standing(B, at(11_000)).available);
    }

    #[test]
    fn a_broker_that_left_the_routes_is_forgotten() {
        // R132
        let faults = probing();
        faults.observe(B, Observation::Unreachable, at(0));
        faults.forget(B, at(4_000));
        assert_eq!(faults.standing(B, at(4_000)), Standing::default());
        assert!(faults.unreachable().is_empty());
        assert_eq!(faults.isolated_time(B, at(50_000)), ms(4_000));
        assert_eq!(faults.events().1[0].until, at(4_000));
    }

    #[test]
    fn only_5x_with_avoidance_has_a_detector() {
        // R131
        let with = |enabled, generation: FaultGeneration| FaultConfig {
            enabled,
            generation,
            table: generation.default_table(),
            detector: Some(DetectorConfig::default()),
        };
        assert!(with(true, FaultGeneration::V5).running_detector().is_some());
        assert!(
            with(false, FaultGeneration::V5)
                .running_detector()
                .is_none()
        );
        assert!(with(true, FaultGeneration::V4).running_detector().is_none());
        assert!(FaultConfig::default().running_detector().is_none());
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
        // R120
        let faults = FaultTable::new(FaultConfig {
            enabled: false,
            ..FaultConfig::default()
        });
        faults.observe(B, Observation::Unreachable, at(0));
        assert_eq!(faults.standing(B, at(1)), Standing::default());
        assert_eq!(faults.events().0, 0);
    }
}
