//! A whole run: shards on their threads, a common start, a second-by-second collector, the outcome.

use std::cell::Cell;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam::channel::{Receiver, Sender, unbounded};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use crate::client::admin::Admin;
use crate::client::checks::CheckConfig;
use crate::client::fault::ProbeCounts;
use crate::client::trace::Trace;
use crate::client::{
    BrokerId, ClientError, ClientInstance, KnownBroker, SendConfig, Topic, TraceCounts,
};
use crate::load::audit::AuditRecord;
use crate::load::bodies::Bodies;
use crate::load::choice::{Chooser, Purpose, Queues};
use crate::load::collect::{Collector, CountEnd};
use crate::load::opening::Opening;
use crate::load::pacer::{ShardInterval, ShardJob, ShardReport, Start, run_shard};
use crate::load::pacing::{Pacing, pacing};
use crate::load::plan::{LoadModel, LoadPlan, MessageShape, WarmupEnd};
use crate::load::requests::{
    BuiltInResponder, RequestOutcome, RequestShape, RequestTally, ResponderKind,
};
use crate::load::schedule::{Offered, Schedule, ShardOf, first_number_at};
use crate::load::shard::{Recorders, ShardLimits, Window};
use crate::load::source::Source;
use crate::load::start::{Begin, STOP_LOOK, begin};
use crate::load::stop::{StopLevel, StopSignal};
use crate::load::surroundings::{Surroundings, Watching};
use crate::load::transactions::{LoadTransactions, TransactionOutcome};
use crate::metrics::{Recorder, Totals};
use crate::transport::Nanos;

/// Checks held for an answer: brokers ask for all that are due at once.
const MOST_CHECKS_WAITING: usize = 20_000;
/// Longest wait for a broker's word on its half messages.
const NOT_PASSED_TIMEOUT: Duration = Duration::from_secs(2);

/// Why a run could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// Route, permission, validation.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The system gave no thread, timer or runtime.
    #[error("{what}: {source}")]
    System {
        /// What was wanted.
        what: &'static str,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The instant of the start passed before all had connected.
    #[error(
        "the start was to be at {at}, and all had connected only {late:?} too late for it: choose an instant further ahead"
    )]
    StartPassed {
        /// The instant.
        at: jiff::Timestamp,
        /// By how much too late.
        late: Duration,
    },
    /// A stop was asked for before the start.
    #[error("interrupted before the start: nothing was sent, so there is no report")]
    Stopped,
    /// A shard died; its figures are lost, so there is no result.
    #[error("a shard ended with a panic; this is a bug")]
    Panic,
}

/// What a run needs.
#[derive(Debug)]
pub struct LoadRun {
    /// What to do.
    pub plan: LoadPlan,
    /// The started client.
    pub instance: Arc<ClientInstance>,
    /// Send settings.
    pub send: SendConfig,
    /// Asks the run to end.
    pub stop: Arc<StopSignal>,
    /// Cores the generator should leave to others, for example an embedded cluster.
    pub reserved_cores: usize,
    /// Keep a record of how each message ended.
    pub audit: bool,
    /// When the schedule begins, by the wall clock; `None` for as soon as all have connected.
    pub start_at: Option<jiff::Timestamp>,
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunPhase {
    /// Looking up the route, connecting.
    Connecting,
    /// Before the window.
    Warmup,
    /// In the window.
    Measure,
    /// Waiting for the last answers.
    Drain,
}

/// One second of all shards, for whoever watches.
#[derive(Debug)]
pub struct RunSecond<'a> {
    /// Since the start, at the end of the interval.
    pub elapsed: Duration,
    /// Since the window began, at the end of the interval, in seconds; negative in the warm-up.
    pub at_s: f64,
    /// Length of the interval.
    pub length: Duration,
    /// When the schedule began, by the wall clock.
    pub began_at: jiff::Timestamp,
    /// Where the run stands.
    pub phase: RunPhase,
    /// What was measured in this second; in the warm-up, the warm-up's.
    pub recorder: &'a Recorder,
    /// Sends in flight at its end.
    pub in_flight: u64,
    /// How each message ended, where kept.
    pub audit: &'a [AuditRecord],
    /// Every broker known.
    pub brokers: &'a [KnownBroker],
    /// Whether the window was asked for.
    pub(super) asked: &'a Cell<bool>,
}

impl RunSecond<'_> {
    /// Asks for the window to begin: with the next second that no shard has entered. Of effect in the warm-up of a
    /// plan with [`WarmupEnd::WhenAsked`](crate::load::WarmupEnd).
    pub fn begin_window(&self) {
        self.asked.set(true);
    }
}

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// The planned time was over.
    Duration,
    /// The planned count was sent.
    Count,
    /// A stop was asked for.
    Interrupted,
    /// The late policy.
    Aborted,
}

/// All a run found out.
#[derive(Debug)]
pub struct LoadOutcome {
    /// Everything measured.
    pub measured: Totals,
    /// The warm-up, which no figure includes.
    pub warmup: Totals,
    /// Length of the warm-up as it was.
    pub warmup_time: Duration,
    /// Length of the measured window as it was.
    pub measured_time: Duration,
    /// From the end of sending to the last answer.
    pub drain_time: Duration,
    /// Why it ended.
    pub stop_reason: StopReason,
    /// One report per shard.
    pub shards: Vec<ShardReport>,
    /// The client at the beginning of the window, and at its end.
    pub client: [ClientUse; 2],
    /// How shards, tick and caps were chosen.
    pub pacing: Pacing,
    /// Every broker met, indexed by [`BrokerId`].
    pub brokers: Vec<KnownBroker>,
    /// Brokers of the route at the start.
    pub route_brokers: Vec<BrokerId>,
    /// The topic had no route of its own at the start: brokers make it from the default topic (R104).
    pub topic_created: bool,
    /// Brokers that could not be reached at the start, with the reason.
    pub unreachable: Vec<(BrokerId, String)>,
    /// The schedule's beginning.
    pub started: Nanos,
    /// The same by the wall clock.
    pub began_at: jiff::Timestamp,
    /// First moment of the window.
    pub window_from: Nanos,
    /// Of a load of transactions.
    pub transactions: Option<TransactionOutcome>,
    /// Of a load of requests.
    pub requests: Option<RequestOutcome>,
    /// What became of the traces of the whole run, where sends are traced.
    pub traces: Option<TraceCounts>,
    /// Messages of the pool that compression has made smaller.
    pub compressed: usize,
    /// What the machine did to the process.
    pub surroundings: Surroundings,
}

/// What the client had used and done at one edge of the window; taken by the thread that collects, so
/// up to a second late where a run is cut short.
#[derive(Debug, Clone, Default)]
pub struct ClientUse {
    /// CPU time of the client's own thread.
    pub cpu: Duration,
    /// Isolations of brokers.
    pub isolations: u64,
    /// What the detector of lost brokers did.
    pub probes: ProbeCounts,
    /// Time each broker has been isolated, by [`BrokerId`].
    pub isolated: Vec<Duration>,
}

impl ClientUse {
    /// As it is now; the brokers' times end at `edge`, which is past.
    pub(super) fn read(runtime: &Runtime, instance: &ClientInstance, edge: Nanos) -> Self {
        let faults = instance.faults();
        let ids = (0..instance.brokers().len()).filter_map(|index| u16::try_from(index).ok());
        Self {
            cpu: runtime.block_on(instance.cpu_time()),
            isolations: faults.isolations(),
            probes: faults.probes(),
            isolated: ids
                .map(|id| faults.isolated_time(BrokerId(id), edge))
                .collect(),
        }
    }
}

/// What all shards are given.
struct JobParts {
    topics: Vec<Arc<Topic>>,
    bodies: Bodies,
    transactions: Option<Arc<LoadTransactions>>,
    trace: Option<Arc<Trace>>,
    intervals: Sender<ShardInterval>,
    recycled: Receiver<Recorders>,
}

struct Shards {
    threads: Vec<JoinHandle<std::io::Result<ShardReport>>>,
    starts: Vec<oneshot::Sender<Start>>,
    failed: Vec<(BrokerId, String)>,
}

impl LoadRun {
    /// Runs to the end; blocks the calling thread. `watch` is called once a second.
    ///
    /// # Errors
    /// [`LoadError`]; once messages are sent there is always an outcome, unless a shard panics.
    pub fn execute(
        mut self,
        mut watch: impl FnMut(&RunSecond<'_>),
    ) -> Result<LoadOutcome, LoadError> {
        self.enter_namespace();
        let runtime = new_runtime("runtime")?;
        let topics = self.topics(&runtime)?;
        let route_brokers = brokers_of(&topics);
        let created = |topic: &Arc<Topic>| topic.route().is_some_and(|route| route.borrowed);
        let topic_created = topics.iter().any(created);
        let pacing = pacing(&self.plan, self.reserved_cores);
        let (intervals, incoming) = unbounded();
        let (recycle, recycled) = unbounded();
        let transactions = self.transactions()?;
        let responder = self.responder()?;
        let trace = self.trace()?;
        let bodies = Bodies::new(&self.plan.message, self.plan.seed)?;
        let compressed = bodies.compressed();
        let parts = JobParts {
            topics,
            bodies,
            transactions: transactions.clone(),
            trace: trace.clone(),
            intervals,
            recycled,
        };
        let shards = self.spawn(self.jobs(&pacing, parts)?, route_brokers.len())?;

        let Begin { started, began_at } = begin(self.start_at, &self.stop)?;
        let (window, opening) = self.window(started);
        let known = opening.clone();
        let watching =
            Watching::begin(move || known.as_ref().map_or(window, |known| known.window()))
                .map_err(no_thread)?;
        self.begin(shards.starts, started, window, opening.as_ref());
        let begin = Begin { started, began_at };
        let mut collector = self.collector(&runtime, begin, (window, opening), recycle, &mut watch);
        collector.collect(&incoming, pacing.shards);
        let client = [collector.client_at(0), collector.client_at(1)];
        let Collector {
            measured,
            warmup,
            window,
            ..
        } = collector;
        let surroundings = watching.end();
        let reports = join(shards.threads)?;
        let times = Times::of(&reports, window);
        let transactions = transactions.map(|transactions| {
            runtime.block_on(self.wait_for_checks(&transactions));
            let not_passed = runtime.block_on(self.not_passed(&route_brokers));
            transactions.outcome(reports.iter().map(|report| report.ends), not_passed)
        });
        let requests = (self.plan.requests).map(|_| request_outcome(&reports, responder));
        Ok(LoadOutcome {
            measured,
            warmup,
            warmup_time: Duration::from_nanos(times.window_ended.min(window.from).since(started)),
            measured_time: Duration::from_nanos(times.window_ended.since(window.from)),
            drain_time: Duration::from_nanos(times.drained.since(times.sending_ended)),
            stop_reason: self.stop_reason(&reports, times.sending_ended, window),
            shards: reports,
            client,
            pacing,
            brokers: self.instance.brokers(),
            route_brokers,
            topic_created,
            unreachable: shards.failed,
            started,
            began_at,
            window_from: window.from,
            transactions,
            requests: requests.transpose()?,
            traces: trace.map(|trace| flushed(&trace)),
            compressed,
            surroundings,
        })
    }

    /// What takes in the seconds of this run.
    fn collector<'a>(
        &'a self,
        runtime: &'a Runtime,
        begin: Begin,
        (window, opening): (Window, Option<Arc<Opening>>),
        recycle: Sender<Recorders>,
        watch: &'a mut dyn FnMut(&RunSecond<'_>),
    ) -> Collector<'a> {
        let Begin { started, began_at } = begin;
        Collector {
            run: self,
            runtime,
            started,
            began_at,
            window,
            count_end: opening.as_ref().and_then(|_| self.count_end()),
            opening,
            recycle,
            watch,
            early: Recorder::new(1),
            emitted: started,
            client: Vec::with_capacity(2),
            measured: Totals::new(1),
            warmup: Totals::new(1),
        }
    }

    /// Groups and messages as they are in the client's namespace (R37, R38); topics are where they are looked
    /// up.
    fn enter_namespace(&mut self) {
        let namespace = self.instance.namespace();
        self.send.group = namespace.wrap(&self.send.group).into_owned();
        let message = &mut self.plan.message;
        message.namespace = namespace.name().map(str::to_owned);
        if let Some(group) = &mut message.half_of {
            *group = namespace.wrap(group).into_owned();
        }
    }

    /// The window, the latest where its begin is agreed on later.
    fn window(&self, started: Nanos) -> (Window, Option<Arc<Opening>>) {
        let (plan, duration) = (&self.plan, self.plan.bound.duration);
        let from = started.plus(plan.warmup);
        let until = duration.map_or(Nanos::NEVER, |time| from.plus(time));
        let opening = (plan.warmup_ends == WarmupEnd::WhenAsked).then(|| {
            let end = self.offered().and_then(|offered| self.end_number(&offered));
            let end = end.unwrap_or(u64::MAX);
            Arc::new(Opening::new(started, plan.warmup, duration, end))
        });
        let window = Window { from, until };
        (
            opening.as_ref().map_or(window, |opening| opening.at_cap()),
            opening,
        )
    }

    /// What an open loop sends, in sends.
    fn offered(&self) -> Option<Offered> {
        match &self.plan.model {
            LoadModel::Closed => None,
            LoadModel::Open(offered) => Some(offered.of_sends(self.plan.message.batch)),
        }
    }

    /// For a window that begins as asked: where a planned count then ends.
    fn count_end(&self) -> Option<CountEnd> {
        let plan = &self.plan;
        let (offered, sends) = (self.offered()?, plan.sends()?);
        let schedule = Schedule::new(&offered, plan.arrivals, plan.seed, ShardOf::WHOLE);
        Some(CountEnd { schedule, sends })
    }

    /// Tells every shard when to begin, and with what.
    fn begin(
        &self,
        starts: Vec<oneshot::Sender<Start>>,
        started: Nanos,
        window: Window,
        opening: Option<&Arc<Opening>>,
    ) {
        let count = starts.len() as u64;
        for (index, begin) in starts.into_iter().enumerate() {
            let shard = ShardOf {
                index: index as u64,
                count,
            };
            let start = Start {
                source: self.source(shard, started),
                start: started,
                window,
                opening: opening.cloned(),
            };
            // A shard that is gone shows when it is joined.
            drop(begin.send(start));
        }
    }

    /// Where sends are traced, if they are (R185).
    fn trace(&self) -> Result<Option<Arc<Trace>>, LoadError> {
        let Some(config) = &self.send.trace else {
            return Ok(None);
        };
        let group = self.instance.namespace().strip(&self.send.group);
        let trace = Trace::new(config, &group);
        trace.start(self.instance.config(), self.instance.hooks())?;
        Ok(Some(trace))
    }

    /// What answers the checks of transactions, where there are some.
    fn transactions(&self) -> Result<Option<Arc<LoadTransactions>>, LoadError> {
        let Some(shape) = self.plan.transactions else {
            return Ok(None);
        };
        let transactions = LoadTransactions::new(shape);
        let config = CheckConfig {
            most_waiting: MOST_CHECKS_WAITING,
            ..CheckConfig::default()
        };
        let checker = Arc::clone(&transactions);
        let group = &self.send.group;
        let checks = self
            .instance
            .check_transactions(group, checker, config, None)?;
        transactions.answers(checks);
        Ok(Some(transactions))
    }

    /// Who answers requests, where that is this process.
    fn responder(&self) -> Result<Option<BuiltInResponder>, LoadError> {
        let built_in = |shape: &RequestShape| shape.responder == ResponderKind::BuiltIn;
        let Some(shape) = self.plan.requests.filter(built_in) else {
            return Ok(None);
        };
        let client = self.instance.config().clone();
        let (group, topic) = (&self.send.group, &self.plan.topic);
        BuiltInResponder::start(client, group, topic, shape.reply_bytes).map(Some)
    }

    /// All topics, each with a route.
    fn topics(&self, runtime: &Runtime) -> Result<Vec<Arc<Topic>>, ClientError> {
        let topics: Vec<_> = (self.plan.topics())
            .map(|topic| runtime.block_on(self.instance.topic(topic, &self.send)))
            .collect::<Result<_, _>>()?;
        if !self.plan.own_topics {
            self.instance.check_without(&topics)?;
        }
        Ok(topics)
    }

    /// The messages of one shard.
    fn bodies(&self, shard: ShardOf, all: &Bodies) -> Result<Bodies, ClientError> {
        let part = self.plan.part.part(shard);
        let Some(client_id) = self.asked_by(shard.index) else {
            return Ok(all.of_shard(part));
        };
        let shape = MessageShape {
            asked_by: Some((client_id, self.send.timeout)),
            ..self.plan.message.clone()
        };
        Ok(Bodies::new(&shape, self.plan.seed)?.of_shard(part))
    }

    /// The client of a shard with requests: brokers push answers to its connections alone.
    fn asked_by(&self, shard: u64) -> Option<String> {
        let client_id = self.instance.client_id();
        self.plan.requests.map(|_| format!("{client_id}-{shard}"))
    }

    /// Until brokers have asked for all they were left with, or long enough, or a further stop.
    async fn wait_for_checks(&self, transactions: &LoadTransactions) {
        let before = self.stop.level();
        let stopped = async {
            while self.stop.level() == before && before < StopLevel::Now {
                tokio::time::sleep(STOP_LOOK).await;
            }
        };
        tokio::select! {
            () = transactions.settled() => {}
            () = tokio::time::sleep(transactions.shape().wait) => {}
            () = stopped => {}
        }
    }

    /// Half messages the brokers have not passed yet; `None` if one does not answer, or nobody waits for it.
    async fn not_passed(&self, brokers: &[BrokerId]) -> Option<u64> {
        if self.stop.level() >= StopLevel::Now {
            return None;
        }
        let admin = Admin::new(Arc::clone(&self.instance)).with_timeout(NOT_PASSED_TIMEOUT);
        let known = self.instance.brokers();
        let mut sum = 0;
        for broker in brokers {
            let name = &known.get(broker.index())?.name;
            match admin.half_messages_not_passed(name).await {
                Ok(number) => sum += number,
                Err(error) => {
                    tracing::info!(%error, "half messages not counted");
                    return None;
                }
            }
        }
        Some(sum)
    }

    #[allow(
        clippy::needless_pass_by_value,
        reason = "shards alone keep their end of the channels"
    )]
    fn jobs(&self, pacing: &Pacing, parts: JobParts) -> Result<Vec<ShardJob>, ClientError> {
        let send = Arc::new(self.send.clone());
        let Some((topic, more_topics)) = parts.topics.split_first() else {
            return Ok(Vec::new());
        };
        let topic_chooser = Chooser::new(
            self.plan.topic_choice,
            parts.topics.len() as u64,
            self.plan.seed,
            Purpose::Topic,
        );
        let cap = self.plan.most_in_flight();
        let job = |index: usize| {
            let shard = ShardOf {
                index: index as u64,
                count: pacing.shards as u64,
            };
            let in_flight = usize::try_from(shard.share(cap as u64)).unwrap_or(1).max(1);
            let late_after = pacing.tick.max(Duration::from_millis(1));
            Ok(ShardJob {
                instance: Arc::clone(&self.instance),
                topic: Arc::clone(topic),
                more_topics: more_topics.to_vec(),
                topic_chooser,
                send: Arc::clone(&send),
                mode: self.plan.mode,
                bodies: self.bodies(shard, &parts.bodies)?,
                limits: ShardLimits {
                    in_flight,
                    timeout: self.send.timeout,
                    deadline: self.plan.deadline,
                    when_late: self.plan.when_late,
                    late_after_ns: u64::try_from(late_after.as_nanos()).unwrap_or(u64::MAX),
                    audit: self.audit,
                    messages_per_send: self.plan.message.batch,
                },
                queues: Queues::new(self.plan.queue_choice, self.plan.seed),
                tick: pacing.tick,
                drain: self.plan.drain,
                realtime: self.plan.realtime,
                transactions: parts.transactions.clone(),
                asked_by: self.asked_by(shard.index),
                trace: parts.trace.clone(),
                stop: Arc::clone(&self.stop),
                intervals: parts.intervals.clone(),
                recycled: parts.recycled.clone(),
            })
        };
        (0..pacing.shards).map(job).collect()
    }

    /// Starts the threads and waits until each has connected; an error when none reaches a broker.
    fn spawn(&self, jobs: Vec<ShardJob>, brokers: usize) -> Result<Shards, LoadError> {
        let mut shards = Shards {
            threads: Vec::new(),
            starts: Vec::new(),
            failed: Vec::new(),
        };
        let mut waiting = Vec::new();
        for (index, job) in jobs.into_iter().enumerate() {
            let (ready, is_ready) = oneshot::channel();
            let (start, started) = oneshot::channel();
            let thread = std::thread::Builder::new()
                .name(format!("shard-{index}"))
                .spawn(move || run_shard(job, ready, started))
                .map_err(|source| LoadError::System {
                    what: "shard thread",
                    source,
                })?;
            shards.threads.push(thread);
            shards.starts.push(start);
            waiting.push(is_ready);
        }
        for is_ready in waiting {
            // A shard that died says nothing here and is reported when it is joined.
            shards
                .failed
                .extend(is_ready.blocking_recv().unwrap_or_default());
        }
        let per_link = self
            .instance
            .config()
            .transport
            .connections_per_broker
            .max(1);
        if shards.failed.len() >= brokers * shards.threads.len() * per_link {
            let known = self.instance.brokers();
            let name = |id: &BrokerId| {
                known.get(id.index()).map_or_else(String::new, |broker| {
                    format!(
                        "{} ({})",
                        broker.name,
                        broker.address.as_deref().unwrap_or("-")
                    )
                })
            };
            shards.failed.dedup_by_key(|(id, _)| *id);
            let target: Vec<String> = shards.failed.iter().map(|(id, _)| name(id)).collect();
            let detail = shards
                .failed
                .first()
                .map(|(_, why)| why.clone())
                .unwrap_or_default();
            return Err(ClientError::Connect {
                target: target.join(", "),
                detail,
            }
            .into());
        }
        Ok(shards)
    }

    fn source(&self, shard: ShardOf, start: Nanos) -> Source {
        let plan = &self.plan;
        match &plan.model {
            LoadModel::Closed => {
                let left = plan.sends().map(|count| shard.share(count));
                Source::Closed {
                    left,
                    asked: Nanos::NONE,
                    number: shard.index,
                    step: shard.count,
                }
            }
            LoadModel::Open(offered) => {
                let offered = offered.of_sends(plan.message.batch);
                let part = plan.part.part(shard);
                let schedule = Schedule::new(&offered, plan.arrivals, plan.seed, part);
                let end_number = self.end_number(&offered).unwrap_or(u64::MAX);
                Source::Open {
                    schedule,
                    start,
                    end_number,
                }
            }
        }
    }

    /// Number of the first message of the whole schedule that is left out: by a planned count, or as there is
    /// no more.
    fn end_number(&self, offered: &Offered) -> Option<u64> {
        let plan = &self.plan;
        let all = offered.messages();
        let Some(count) = plan.sends() else {
            return all;
        };
        let warmup = u64::try_from(plan.warmup.as_nanos()).unwrap_or(u64::MAX);
        let first = first_number_at(offered, plan.arrivals, plan.seed, warmup);
        let end = first.saturating_add(count);
        Some(all.map_or(end, |all| all.min(end)))
    }

    fn stop_reason(&self, reports: &[ShardReport], ended: Nanos, window: Window) -> StopReason {
        if reports.iter().any(|report| report.aborted) {
            StopReason::Aborted
        } else if self.stop.level() > StopLevel::None {
            // In the drain too: it may have cost answers.
            StopReason::Interrupted
        } else if ended < window.until && self.plan.bound.count.is_some() {
            StopReason::Count
        } else {
            StopReason::Duration
        }
    }
}

/// A runtime of the calling thread's; `what` it is for, if there is none.
fn no_thread(source: std::io::Error) -> LoadError {
    LoadError::System {
        what: "watching thread",
        source,
    }
}

pub(super) fn new_runtime(what: &'static str) -> Result<Runtime, LoadError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| LoadError::System { what, source })
}

/// The brokers of all topics, each once.
fn brokers_of(topics: &[Arc<Topic>]) -> Vec<BrokerId> {
    let mut brokers = Vec::new();
    for route in topics.iter().filter_map(|topic| topic.route()) {
        let own = route.brokers.iter().map(|broker| broker.id);
        for id in own {
            if !brokers.contains(&id) {
                brokers.push(id);
            }
        }
    }
    brokers
}

fn request_outcome(
    reports: &[ShardReport],
    responder: Option<BuiltInResponder>,
) -> Result<RequestOutcome, LoadError> {
    let mut tally = RequestTally::default();
    for report in reports {
        tally.unmatched += report.requests.unmatched;
        tally.acknowledged.add(&report.requests.acknowledged);
    }
    let responder = responder.map(BuiltInResponder::stop).transpose()?;
    Ok(RequestOutcome { tally, responder })
}

/// The counts of a trace once all of it is written, which takes some seconds at most (R25).
fn flushed(trace: &Trace) -> TraceCounts {
    if trace.close().is_some_and(|thread| thread.join().is_err()) {
        tracing::warn!("the thread of the trace ended with a panic");
    }
    trace.counts()
}

/// The later moments of a run, over all shards.
struct Times {
    sending_ended: Nanos,
    window_ended: Nanos,
    drained: Nanos,
}

impl Times {
    fn of(reports: &[ShardReport], window: Window) -> Self {
        let sending_ended = reports
            .iter()
            .map(|r| r.sending_ended)
            .max()
            .unwrap_or(window.from);
        let drained = reports
            .iter()
            .map(|r| r.drained)
            .max()
            .unwrap_or(sending_ended);
        Self {
            sending_ended,
            window_ended: sending_ended.min(window.until),
            drained,
        }
    }
}

fn join(
    threads: Vec<JoinHandle<std::io::Result<ShardReport>>>,
) -> Result<Vec<ShardReport>, LoadError> {
    let report = |thread: JoinHandle<_>| {
        let report: std::io::Result<ShardReport> = thread.join().map_err(|_| LoadError::Panic)?;
        report.map_err(|source| LoadError::System {
            what: "shard",
            source,
        })
    };
    threads.into_iter().map(report).collect()
}
