//! From what a run found out to what its report is made of.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::target::RunningTarget;
use super::version::GIT;
use super::watch::Watched;
use crate::client::fault::{Cause, FaultEvent, ProbeCounts};
use crate::client::{ClientInstance, KnownBroker};
use crate::config::{RunPlan, Target};
use crate::load::{
    ClientUse, LoadModel, LoadOutcome, RequestOutcome, SendMode, ShardCounts, SizeMix, StopReason,
    TransactionOutcome, WhenLate,
};
use crate::metrics::{Acks, Label, Quantiles, Summary};
use crate::report::bodies::PlannedSizes;
use crate::report::build::{BrokerFacts, GeneratorFacts, RunFacts};
use crate::report::figures::{Avoidance, AvoidanceCause, AvoidanceEvent};
use crate::report::host::{Host, Memory};
use crate::report::littles_law::Probed;
use crate::report::part::Shard;
use crate::report::requests::{RequestFigures, ResponderFigures};
use crate::report::result;
use crate::report::traces::TraceFigures;
use crate::report::transactions::{CheckFigures, TransactionFigures};
use crate::verdict::{
    Cap, CapKind, ClockChanges, CpuUse, CpuWait, Ending, Evidence, Pacing, Standstills, Surrounded,
    ThreadCpu, Tick, Verdict, judge,
};

/// `MQVersion` ordinals worth a name; the others are given as numbers.
const VERSIONS: [(i32, &str); 15] = [
    (317, "4.5.2"),
    (393, "4.9.0"),
    (401, "4.9.4"),
    (407, "4.9.7"),
    (409, "4.9.8"),
    (413, "5.0.0"),
    (441, "5.1.4"),
    (453, "5.2.0"),
    (473, "5.3.0"),
    (475, "5.3.1"),
    (477, "5.3.2"),
    (479, "5.3.3"),
    (481, "5.3.4"),
    (493, "5.4.0"),
    (513, "5.5.0"),
];

/// How the threads of an embedded cluster are called.
const EMBEDDED_THREAD: &str = "embedded-";
/// CPU time and calls are read when the generator wakes, so a window shorter than many wake-ups says
/// nothing of them.
const SHORTEST_JUDGED: Duration = Duration::from_millis(100);

/// A run that is over, and everything known beside its numbers.
pub(crate) struct Finished<'a> {
    pub(crate) plan: &'a RunPlan,
    pub(crate) target: &'a RunningTarget,
    pub(crate) instance: &'a Arc<ClientInstance>,
    pub(crate) outcome: &'a LoadOutcome,
    pub(crate) started_at: jiff::Timestamp,
    pub(crate) start_at: Option<jiff::Timestamp>,
    pub(crate) host: Host,
    pub(crate) probed: Option<Probed>,
    pub(crate) watched: &'a Watched,
}

/// Given up when the drain ended.
const UNANSWERED: Label = Label {
    name: "unanswered",
    code: None,
};

impl Finished<'_> {
    /// The measured window.
    pub(crate) fn summary(&self) -> Summary {
        let outcome = self.outcome;
        let until = outcome.window_from.plus(outcome.measured_time);
        let totals = outcome.measured.clone();
        let median = Quantiles::of(&totals.response()).map_or(0, |response| response.p50_ns);
        let given_up = totals.counters().errors.get(UNANSWERED);
        // Only then the warm-up's last answers make up for those that come after the window.
        let steady = !outcome.warmup_time.is_zero()
            && given_up == 0
            && Duration::from_nanos(median) <= outcome.warmup_time
            && outcome.stop_reason != StopReason::Count;
        let counts = outcome.shards.iter().map(|shard| shard.counts);
        let acks = if steady {
            Acks::Within(counts.map(|counts| counts.acked_in_window).sum())
        } else {
            let last = counts.map(|counts| counts.last_ack).max();
            Acks::Own {
                last_ns: last.unwrap_or_default().0,
            }
        };
        Summary::new(totals, outcome.window_from.0, until.0, acks)
    }

    /// Judges the generator.
    pub(crate) fn verdict(&self, summary: &Summary) -> Verdict {
        let outcome = self.outcome;
        let load = &self.plan.load;
        let open = matches!(load.model, LoadModel::Open(_));
        let tick = nanos(outcome.pacing.tick);
        let pacing = match (open, tick) {
            (false, _) => Pacing::Closed,
            (true, 0) => Pacing::Open(Tick::PerMessage),
            (true, tick) => Pacing::Open(Tick::Every(tick)),
        };
        let mut evidence = Evidence::of(summary, pacing);
        evidence.drain_unanswered = summary.counters().errors.get(UNANSWERED);
        evidence.messages_per_send = self.plan.load.message.batch.into();
        evidence.in_flight_growth = self.watched.in_flight_growth.filter(|_| open);
        evidence.warmup_ns = Some(nanos(outcome.warmup_time));
        evidence.measured_ns = Some(nanos(outcome.measured_time));
        evidence.cap = open.then(|| self.cap());
        if outcome.measured_time >= SHORTEST_JUDGED {
            evidence.cpu = self.cpu_use();
            evidence.cpu_wait = self.cpu_wait();
            evidence.surrounded = self.surrounded();
            evidence.unwritten_share =
                open.then(|| self.share_of_window(|counts| counts.unwritten_ns));
        }
        evidence.longest_write_ns = Some(nanos(self.watched.longest_write));
        evidence.steadiness = self.watched.steadiness.seen(self.plan, outcome);
        evidence.ending = match outcome.stop_reason {
            StopReason::Interrupted => Ending::Interrupted,
            StopReason::Aborted => Ending::Aborted,
            StopReason::Duration | StopReason::Count => Ending::Complete,
        };
        judge(&evidence)
    }

    /// Of a time counted by each shard.
    #[allow(clippy::cast_precision_loss, reason = "a share")]
    fn share_of_window(&self, counted: fn(&ShardCounts) -> u64) -> f64 {
        let shards = &self.outcome.shards;
        let ns: u64 = shards.iter().map(|shard| counted(&shard.counts)).sum();
        let all_ns = self.outcome.measured_time.as_secs_f64() * 1e9 * shards.len() as f64;
        ns as f64 / all_ns.max(1.0)
    }

    fn surrounded(&self) -> Surrounded {
        let outcome = self.outcome;
        let until = outcome.window_from.plus(outcome.measured_time);
        let stalls = outcome
            .surroundings
            .standstills_within(outcome.window_from, until);
        let counted = outcome.surroundings.counted.as_ref();
        let counted = counted.filter(|counted| !counted.span.is_zero());
        let share = |cpu: Duration, span: Duration| cpu.as_secs_f64() / span.as_secs_f64();
        let embedded = counted.and_then(|counted| {
            let threads = counted.threads.iter();
            let (name, cpu) = threads
                .filter(|(name, _)| name.starts_with(EMBEDDED_THREAD))
                .max_by_key(|(_, cpu)| *cpu)?;
            Some(ThreadCpu {
                name: name.clone(),
                share: share(*cpu, counted.span),
            })
        });
        Surrounded {
            standstills: Standstills {
                count: stalls.len() as u64,
                total_ns: stalls.iter().copied().map(nanos).sum(),
                longest_ns: stalls.iter().max().copied().map_or(0, nanos),
            },
            stolen_share: counted.and_then(|counted| counted.stolen_share),
            throttled_share: counted
                .and_then(|counted| Some(share(counted.throttled?, counted.span))),
            clocks: counted.and_then(|counted| {
                let seen = counted.clocks?;
                Some(ClockChanges {
                    slewed: seen.slewed,
                    set: seen.set,
                    slept: seen.slept,
                })
            }),
            embedded,
        }
    }

    fn cap(&self) -> Cap {
        let load = &self.plan.load;
        let keys = load.message.keys_in_turn();
        let kind = if keys > 0 && keys == load.most_in_flight() {
            CapKind::Keys
        } else if load.mode.has_callers() {
            CapKind::Callers
        } else {
            CapKind::InFlight
        };
        Cap {
            kind,
            limit: load.most_in_flight() as u64,
            blocked_share: self.share_of_window(|counts| counts.blocked_ns),
            left_out: load.when_late != WhenLate::CatchUp,
        }
    }

    /// CPU time of the client's thread in the window.
    fn client_cpu(&self) -> Duration {
        let [begin, end] = &self.outcome.client;
        end.cpu.saturating_sub(begin.cpu)
    }

    /// The shard that had to wait for a CPU longest.
    fn cpu_wait(&self) -> Option<CpuWait> {
        let seconds = self.outcome.measured_time.as_secs_f64();
        let shards = self.outcome.shards.iter().enumerate();
        let (index, wait) = shards
            .filter_map(|(index, shard)| Some((index, shard.cpu_wait?)))
            .max_by_key(|(_, wait)| *wait)?;
        (seconds > 0.0).then(|| CpuWait {
            thread: format!("shard-{index}"),
            share: wait.as_secs_f64() / seconds,
        })
    }

    #[allow(clippy::cast_precision_loss, reason = "a share")]
    fn cpu_use(&self) -> CpuUse {
        let outcome = self.outcome;
        let seconds = outcome.measured_time.as_secs_f64();
        if seconds <= 0.0 {
            return CpuUse::default();
        }
        let share = |cpu: Duration| cpu.as_secs_f64() / seconds;
        let shards = outcome.shards.iter().enumerate();
        let mut threads: Vec<ThreadCpu> = shards
            .map(|(index, shard)| ThreadCpu {
                name: format!("shard-{index}"),
                share: share(shard.cpu),
            })
            .collect();
        threads.push(ThreadCpu {
            name: "client".to_owned(),
            share: share(self.client_cpu()),
        });
        let total: f64 = threads.iter().map(|thread| thread.share).sum();
        let total_share = self.host.cpus.map(|cpus| total / cpus as f64);
        CpuUse {
            threads,
            total_share,
        }
    }

    /// Everything the report says beside the numbers of the window.
    pub(crate) fn facts(&self, verdict: Verdict) -> RunFacts {
        let outcome = self.outcome;
        let io = |which: fn(&crate::transport::IoCounts) -> u64| {
            Some(outcome.shards.iter().map(|shard| which(&shard.io)).sum())
        };
        let cpu: Duration = outcome
            .shards
            .iter()
            .map(|shard| shard.cpu)
            .sum::<Duration>()
            + self.client_cpu();
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let retried = self.plan.load.mode.is_answered();
        let attempts_allowed = if retried {
            self.plan.send.retries + 1
        } else {
            1
        };
        let (config, config_source) = self.config();
        let judged = outcome.measured_time >= SHORTEST_JUDGED;
        RunFacts {
            tool: result::Tool::current(GIT),
            run: self.run(),
            config,
            config_source,
            window: result::Window {
                warmup_ended: self.watched.steadiness.warmup_ended(outcome),
                warmup_s: outcome.warmup_time.as_secs_f64(),
                measured_s: outcome.measured_time.as_secs_f64(),
                drain_s: outcome.drain_time.as_secs_f64(),
            },
            verdict,
            probed: self.probed,
            time_series: Some(self.watched.series.clone()),
            attempts_allowed,
            planned_sizes: Some(planned_sizes(&self.plan.size_mix())),
            brokers: outcome
                .brokers
                .iter()
                .enumerate()
                .map(|(i, b)| self.broker(i, b))
                .collect(),
            avoidance: Some(self.avoidance()),
            transactions: outcome.transactions.as_ref().map(transactions),
            requests: outcome.requests.as_ref().map(requests),
            trace: outcome.traces.map(|counts| TraceFigures {
                written: counts.written,
                dropped: counts.dropped,
                failed: counts.failed,
            }),
            generator: GeneratorFacts {
                cpu_ns: u64::try_from(cpu.as_nanos()).ok().filter(|_| judged),
                writes: io(|io| io.writes).filter(|_| judged),
                reads: io(|io| io.reads).filter(|_| judged),
                stamped_reads: io(|io| io.stamped_reads).filter(|_| judged),
                memory: Memory::read(),
                realtime: self.plan.load.realtime.then(|| {
                    let shards = &outcome.shards;
                    shards
                        .iter()
                        .all(|shard| matches!(shard.realtime, Some(Ok(()))))
                }),
                shards: count(outcome.shards.len()),
                connections: outcome
                    .shards
                    .iter()
                    .map(|shard| count(shard.connections))
                    .sum(),
            },
            host: self.host.clone(),
        }
    }

    fn config(&self) -> (Map<String, Value>, BTreeMap<String, String>) {
        let mut config = Map::new();
        let mut sources = BTreeMap::new();
        for setting in &self.plan.resolved {
            let key = setting.key.replace('-', "_");
            let value = serde_json::to_value(&setting.value).unwrap_or(Value::Null);
            sources.insert(key.clone(), setting.source.to_string());
            config.insert(key, value);
        }
        let pacing = &self.outcome.pacing;
        config.insert(
            "shards_why".to_owned(),
            Value::from(pacing.shards_why.clone()),
        );
        let tick = u64::try_from(pacing.tick.as_micros()).unwrap_or(u64::MAX);
        config.insert("tick_us".to_owned(), Value::from(tick));
        (config, sources)
    }

    fn run(&self) -> result::Run {
        let load = &self.plan.load;
        let limit = u64::try_from(load.most_in_flight()).ok();
        let has_callers = load.mode.has_callers();
        let mode = match load.mode {
            SendMode::Sync => result::Mode::Sync,
            SendMode::Async => result::Mode::Async,
            SendMode::Oneway => result::Mode::Oneway,
            SendMode::Batch => result::Mode::Batch,
            SendMode::Tx => result::Mode::Tx,
            SendMode::Request => result::Mode::Request,
        };
        result::Run {
            id: format!("{:016x}", rand::random::<u64>()),
            started_at: self.started_at.to_string(),
            began_at: Some(self.outcome.began_at.to_string()),
            start_at: self.start_at.map(|instant| instant.to_string()),
            shard: self.shard(),
            merged_from: Vec::new(),
            missing_shards: Vec::new(),
            command: "produce".to_owned(),
            mode,
            load_model: match &load.model {
                LoadModel::Open(_) => result::LoadModel::Open,
                LoadModel::Closed => result::LoadModel::Closed,
            },
            callers: limit.filter(|_| has_callers),
            in_flight_limit: limit.filter(|_| !has_callers),
            batch: (load.mode == SendMode::Batch).then_some(load.message.batch.into()),
            stop_reason: match self.outcome.stop_reason {
                StopReason::Duration => result::StopReason::Duration,
                StopReason::Count => result::StopReason::Count,
                StopReason::Interrupted => result::StopReason::Interrupted,
                StopReason::Aborted => result::StopReason::Aborted,
            },
            target: self.target(),
            topic: load.topic_text(),
            topic_created: self.outcome.topic_created.then_some(true),
            group: self.plan.send.group.clone(),
            repetition: None,
        }
    }

    /// Which process of several this was.
    fn shard(&self) -> Option<Shard> {
        let asked = self
            .plan
            .resolved
            .iter()
            .any(|setting| setting.key == "shard");
        let part = self.plan.load.part;
        asked.then(|| Shard {
            index: part.index + 1,
            of: part.count,
        })
    }

    fn target(&self) -> result::Target {
        let brokers = self.outcome.route_brokers.iter().filter_map(|id| {
            let broker = self.outcome.brokers.get(id.index())?;
            Some(result::TargetBroker {
                name: broker.name.clone(),
                address: broker.address.clone().unwrap_or_default(),
                version: broker.version.map(version),
            })
        });
        result::Target {
            kind: match self.plan.target {
                Target::Embedded(_) => result::TargetKind::Embedded,
                Target::Cluster { .. } => result::TargetKind::Cluster,
            },
            namesrv: self.target.namesrv.clone(),
            brokers: brokers.collect(),
            left_out: self.plan.client.without.clone(),
        }
    }

    fn broker(&self, index: usize, broker: &KnownBroker) -> BrokerFacts {
        let faults = self.instance.faults();
        let at = |edge: &ClientUse| edge.isolated.get(index).copied().unwrap_or_default();
        let [begin, end] = &self.outcome.client;
        let avoided = at(end).saturating_sub(at(begin));
        BrokerFacts {
            name: broker.name.clone(),
            address: broker.address.clone().unwrap_or_default(),
            avoided_ms: faults.config().enabled.then(|| millis(avoided)),
        }
    }

    fn avoidance(&self) -> Avoidance {
        let faults = self.instance.faults();
        let (_, events) = faults.events();
        let assumed = faults.config().generation.failure_latency();
        let from = self.outcome.window_from;
        let until = from.plus(self.outcome.measured_time);
        let began_before = |event: &FaultEvent| event.at < from && event.until > from;
        let [begin, end] = &self.outcome.client;
        let carried = events.iter().filter(|event| began_before(event)).count() as u64;
        let isolations = carried + end.isolations.saturating_sub(begin.isolations);
        let events: Vec<AvoidanceEvent> = events
            .into_iter()
            .filter(|event| began_before(event) || (from <= event.at && event.at < until))
            .map(|event| AvoidanceEvent {
                at_ms: event.at.since(from) / 1_000_000,
                broker: self
                    .outcome
                    .brokers
                    .get(event.broker.index())
                    .map_or_else(String::new, |broker| broker.name.clone()),
                for_ms: if began_before(&event) {
                    event.until.min(until).since(from) / 1_000_000
                } else {
                    millis(event.isolated_for)
                },
                cause: match event.cause {
                    Cause::Latency => AvoidanceCause::Latency,
                    Cause::Error => AvoidanceCause::Error,
                },
                observed_us: u64::try_from(event.observed.unwrap_or(assumed).as_micros())
                    .unwrap_or(u64::MAX),
            })
            .collect();
        let probes = faults.detector().map(|_| ProbeCounts {
            sent: end.probes.sent.saturating_sub(begin.probes.sent),
            found: end.probes.found.saturating_sub(begin.probes.found),
        });
        Avoidance {
            enabled: faults.config().enabled,
            isolations,
            events,
            probes: probes.map(|probes| probes.sent),
            found_reachable: probes.map(|probes| probes.found),
        }
    }
}

/// What a mix of sizes looks like.
pub(crate) fn planned_sizes(mix: &SizeMix) -> PlannedSizes {
    PlannedSizes {
        mean_bytes: mix.mean(),
        p50_bytes: mix.quantile(0.5) as u64,
        p99_bytes: mix.quantile(0.99) as u64,
        max_bytes: mix.most() as u64,
        cut_share: mix.cut_share(),
    }
}

fn transactions(outcome: &TransactionOutcome) -> TransactionFigures {
    let (ends, checks) = (&outcome.ends, &outcome.checks);
    TransactionFigures {
        committed: ends.committed,
        rolled_back: ends.rolled_back,
        unknown: ends.unknown,
        untold: ends.untold,
        checks: CheckFigures {
            received: checks.received,
            expected: checks.expected,
            duplicate: checks.duplicate,
            of_ended: checks.of_ended,
            of_strays: checks.of_strays,
            foreign: checks.foreign,
            late: checks.late,
            dropped: outcome.unheld,
            committed: checks.committed,
            rolled_back: checks.rolled_back,
            unknown: checks.unknown,
            left_over: checks.owed + checks.unlisted,
        },
        half_messages_not_passed: outcome.not_passed,
        check_delay: outcome.check_delay.summary(),
    }
}

fn requests(outcome: &RequestOutcome) -> RequestFigures {
    RequestFigures {
        unmatched_replies: outcome.tally.unmatched,
        acknowledged: outcome.tally.acknowledged.summary(),
        responder: outcome.responder.map(|counts| ResponderFigures {
            received: counts.received,
            answered: counts.answered,
            unanswered: counts.unanswered,
            expired: counts.expired,
            failed: counts.failed,
        }),
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A broker's version for people.
fn version(ordinal: i32) -> String {
    let known = VERSIONS.iter().find(|(number, _)| *number == ordinal);
    known.map_or_else(
        || format!("MQVersion {ordinal}"),
        |(_, name)| (*name).to_owned(),
    )
}
