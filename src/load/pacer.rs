//! The thread of a shard: connect, wait for the common start, pace, drain, hand over.

use std::io;
use std::iter;
use std::sync::Arc;
use std::time::Duration;

use crossbeam::channel::{Receiver, Sender};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::client::instance::thread_cpu_time;
use crate::client::retry::RetryPolicy;
use crate::client::send::{Outgoing, SendCore, SenderOptions};
use crate::client::trace::Trace;
use crate::client::{BrokerId, ClientInstance, SendConfig, Topic};
use crate::load::audit::AuditRecord;
use crate::load::bodies::Bodies;
use crate::load::choice::{Chooser, Queues};
use crate::load::coalesce::{LONGEST_READ_INTERVAL, ReadCoalescing};
use crate::load::completion::{LoadHandler, SharedShard};
use crate::load::ends::Ends;
use crate::load::opening::Opening;
use crate::load::plan::SendMode;
use crate::load::requests::RequestTally;
use crate::load::shard::{
    Asking, LoadToken, MoreTopics, Recorders, Shard, ShardCounts, ShardLimits, Window,
};
use crate::load::source::Source;
use crate::load::stop::{StopLevel, StopSignal};
use crate::load::thread::{make_realtime, sharpen_timers, waited_for_cpu};
use crate::load::ticker::Ticker;
use crate::load::traces::Traces;
use crate::load::transactions::{EndCounts, LoadTransactions};
use crate::metrics::{Label, Recorder};
use crate::transport::IoCounts;
use crate::transport::{Coalesce, IoCounters, Nanos, Pool};

/// The pacer looks at least this often, for stops and hand-overs.
const LONGEST_SLEEP: Duration = Duration::from_millis(10);
/// Pacing per message, it looks this often while messages are held back by the cap.
const HELD_BACK_SLEEP: Duration = Duration::from_millis(1);
/// While draining it looks this often.
const DRAIN_SLEEP: Duration = Duration::from_millis(1);

/// What a shard is told.
#[derive(Debug)]
pub(super) struct ShardJob {
    pub(super) instance: Arc<ClientInstance>,
    pub(super) topic: Arc<Topic>,
    pub(super) more_topics: Vec<Arc<Topic>>,
    /// Among all topics.
    pub(super) topic_chooser: Chooser,
    pub(super) send: Arc<SendConfig>,
    pub(super) mode: SendMode,
    pub(super) bodies: Bodies,
    pub(super) limits: ShardLimits,
    /// Where queues are drawn.
    pub(super) queues: Option<Queues>,
    /// Zero: wake for each message.
    pub(super) tick: Duration,
    pub(super) drain: Duration,
    /// Ask for SCHED_FIFO.
    pub(super) realtime: bool,
    /// Of a load of half messages.
    pub(super) transactions: Option<Arc<LoadTransactions>>,
    /// Of a load of requests: the client that brokers push answers to.
    pub(super) asked_by: Option<String>,
    /// Where a share of the sends is traced.
    pub(super) trace: Option<Arc<Trace>>,
    pub(super) stop: Arc<StopSignal>,
    pub(super) intervals: Sender<ShardInterval>,
    pub(super) recycled: Receiver<Recorders>,
}

/// The common start of all shards.
#[derive(Debug)]
pub(super) struct Start {
    pub(super) source: Source,
    pub(super) start: Nanos,
    /// The latest, where its begin is agreed on later.
    pub(super) window: Window,
    pub(super) opening: Option<Arc<Opening>>,
}

/// One second of a shard; the first and the last may be shorter.
#[derive(Debug)]
pub(super) struct ShardInterval {
    /// Number since the start, from 0.
    pub(super) second: u64,
    /// Its last moment.
    pub(super) end: Nanos,
    pub(super) recorders: Recorders,
    /// Messages.
    pub(super) in_flight: usize,
    pub(super) audit: Vec<AuditRecord>,
}

/// What a shard used and did in the measured window.
#[derive(Debug, Clone)]
pub struct ShardReport {
    /// CPU time of the shard's thread in the window.
    pub cpu: Duration,
    /// Time of the window in which the thread was ready to run and had no CPU; `None` where the
    /// kernel does not say.
    pub cpu_wait: Option<Duration>,
    /// Read and write calls in the window.
    pub io: IoCounts,
    /// Counts.
    pub counts: ShardCounts,
    /// Connections that were up at the start.
    pub connections: usize,
    /// When sending ended.
    pub sending_ended: Nanos,
    /// When the last answer was settled or given up.
    pub drained: Nanos,
    /// Whether the thread ran under SCHED_FIFO, or why not; `None` where nobody asked for it.
    pub realtime: Option<Result<(), String>>,
    /// The late policy ended the run.
    pub aborted: bool,
    /// First remark of each kind of refusal.
    pub remarks: Vec<(Label, String)>,
    /// What was told at the ends of measured transactions.
    pub ends: EndCounts,
    /// What became of requests.
    pub requests: RequestTally,
}

/// Runs a shard on the calling thread.
pub(super) fn run_shard(
    job: ShardJob,
    ready: oneshot::Sender<Vec<(BrokerId, String)>>,
    start: oneshot::Receiver<Start>,
) -> io::Result<ShardReport> {
    sharpen_timers();
    let realtime = job.realtime.then(make_realtime);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async move {
        let shared = SharedShard::default();
        let counters = Arc::new(IoCounters::default());
        let pool = Arc::new(open_pool(&job, &shared, &counters));
        if !job.more_topics.is_empty() {
            pool.keep_all();
        }
        let core = open_core(&job, &job.topic, &pool);
        let more = job.more_topics.iter();
        let more: Vec<_> = more.map(|topic| open_core(&job, topic, &pool)).collect();
        let failed = connect(&job, iter::once(&core).chain(&more)).await?;
        if ready.send(failed).is_err() {
            return Err(io::Error::other("the run was given up"));
        }
        let Ok(start) = start.await else {
            return Err(io::Error::other("the run was given up"));
        };
        let bodies = job.bodies.clone();
        let recorders = fresh(&job.recycled, job.limits.messages_per_send);
        let (begin, limits, queues) = (start.start, job.limits, job.queues.clone());
        let topic_chooser = job.topic_chooser;
        let ends = job.transactions.clone().map(|transactions| Ends {
            topic: job.topic.name().to_owned(),
            group: job.send.group.clone(),
            transactions,
            counts: EndCounts::default(),
        });
        let asking = job
            .asked_by
            .clone()
            .map(|client_id| Asking::new(client_id, job.send.group.clone(), job.send.timeout));
        let pacer = Pacer::new(job, shared.clone(), counters, &start);
        let shard = Shard::new(core, start.source, bodies, limits, start.window, recorders);
        *shared.lock() = Some(
            shard
                .with_opening(start.opening)
                .with_queues(queues)
                .with_topics(MoreTopics::new(more, topic_chooser))
                .with_ends(ends)
                .with_asking(asking),
        );
        let report = pacer.run(begin, pool.up()).await.map(|mut report| {
            report.realtime = realtime;
            report
        });
        // Breaks the ring shard → pool → connection → shard.
        drop(shared.lock().take());
        report
    })
}

/// The sender of one topic.
fn open_core(
    job: &ShardJob,
    topic: &Arc<Topic>,
    pool: &Arc<Pool<Outgoing<LoadToken>>>,
) -> SendCore<LoadToken> {
    let options = SenderOptions {
        pool: Arc::clone(pool),
        retry: retry_policy(job.mode, &job.send),
        oneway: job.mode == SendMode::Oneway,
    };
    let (instance, topic) = (Arc::clone(&job.instance), Arc::clone(topic));
    SendCore::new(instance, topic, Arc::clone(&job.send), options)
}

/// Connects to the brokers of all topics at the same time; those that could not be reached, each as often as it has
/// connections.
async fn connect(
    job: &ShardJob,
    cores: impl Iterator<Item = &SendCore<LoadToken>>,
) -> io::Result<Vec<(BrokerId, String)>> {
    let timeout = job.instance.config().transport.connect_timeout;
    let connecting: Vec<_> = cores
        .map(|core| tokio::spawn(core.connect(timeout)))
        .collect();
    let mut failed: Vec<(BrokerId, String)> = Vec::new();
    for of_topic in connecting {
        let of_topic = of_topic.await.map_err(io::Error::other)?;
        // Topics share connections.
        let known: Vec<BrokerId> = failed.iter().map(|(id, _)| *id).collect();
        let new = of_topic.into_iter().filter(|(id, _)| !known.contains(id));
        failed.extend(new);
    }
    Ok(failed)
}

/// Sync sends retry broker codes, async only failures without an answer, oneway nothing
/// (R137, R142, R146); requests are sent async (R78).
fn retry_policy(mode: SendMode, send: &SendConfig) -> RetryPolicy {
    match mode {
        SendMode::Sync | SendMode::Batch | SendMode::Tx => RetryPolicy {
            retries: send.retries,
            codes: send.retry_codes.clone(),
            pinned: false,
        },
        SendMode::Async | SendMode::Request => RetryPolicy {
            retries: send.retries,
            codes: Vec::new(),
            pinned: true,
        },
        SendMode::Oneway => RetryPolicy {
            retries: 0,
            codes: Vec::new(),
            pinned: false,
        },
    }
}

fn open_pool(
    job: &ShardJob,
    shared: &SharedShard,
    counters: &Arc<IoCounters>,
) -> Pool<Outgoing<LoadToken>> {
    let transport = &job.instance.config().transport;
    // Twice the cap: a request that waits long does not stop the ring.
    let in_flight = job.limits.in_flight.saturating_mul(2);
    let options = transport.broker_links(in_flight, Coalesce::Immediate, Arc::clone(counters));
    let shared = shared.clone();
    let (transactions, requests) = (job.transactions.is_some(), job.asked_by.is_some());
    let trace = job.trace.clone();
    let topic = job
        .instance
        .namespace()
        .strip(job.topic.name())
        .into_owned();
    Pool::new(
        transport.connections_per_broker,
        options,
        Handle::current(),
        move || match (LoadHandler::new(shared.clone()), &trace) {
            (handler, _) if transactions => handler.of_halves(),
            (handler, _) if requests => handler.of_requests(),
            (handler, Some(trace)) => handler.traced(Traces::new(trace, &topic)),
            (handler, None) => handler,
        },
    )
}

fn fresh(recycled: &Receiver<Recorders>, messages_per_send: u32) -> Recorders {
    let empty = || Box::new(Recorder::of_batches(1, messages_per_send));
    recycled.try_recv().unwrap_or_else(|_| Recorders {
        warmup: empty(),
        measured: empty(),
    })
}

/// CPU time and calls at one edge of the window.
#[derive(Clone, Copy)]
struct Usage {
    cpu: Duration,
    cpu_wait: Option<Duration>,
    io: IoCounts,
}

#[derive(Clone, Copy)]
enum Phase {
    Sending,
    Draining { since: Nanos },
    Drained { since: Nanos, at: Nanos },
}

/// When the pacer looks again.
#[derive(Clone, Copy)]
enum Wake {
    /// Answers are read as they come.
    At(Nanos),
    /// Answers wait until then.
    ReadingAt(Nanos),
}

/// Puts the whole thread to sleep, its connections too, then lets them read what has come.
async fn sleep_then_read(at: Nanos) {
    // What was submitted leaves first.
    tokio::task::yield_now().await;
    std::thread::sleep(Duration::from_nanos(at.since(Nanos::now())));
    tokio::task::yield_now().await;
}

/// Intervals end on whole seconds of the window, so that none lies on both sides of its beginning.
fn first_boundary(start: &Start) -> Nanos {
    const SECOND_NS: u64 = 1_000_000_000;
    let warmup = start.window.from.since(start.start);
    let first = match warmup % SECOND_NS {
        0 => SECOND_NS,
        rest => rest,
    };
    Nanos(start.start.0 + first)
}

struct Pacer {
    job: ShardJob,
    shared: SharedShard,
    counters: Arc<IoCounters>,
    window: Window,
    phase: Phase,
    next_tick: Nanos,
    next_second: Nanos,
    second: u64,
    coalescing: ReadCoalescing,
    /// Usage when the window began and when it ended.
    from: Option<Usage>,
    until: Option<Usage>,
}

impl Pacer {
    fn new(job: ShardJob, shared: SharedShard, counters: Arc<IoCounters>, start: &Start) -> Self {
        Self {
            job,
            shared,
            counters,
            window: start.window,
            phase: Phase::Sending,
            next_tick: start.start,
            next_second: first_boundary(start),
            second: 0,
            coalescing: ReadCoalescing::new(start.start),
            from: None,
            until: None,
        }
    }

    async fn run(mut self, start: Nanos, connections: usize) -> io::Result<ShardReport> {
        let mut ticker = Ticker::new()?;
        ticker.sleep_until(start).await?;
        while let Some(wake) = self.look(Nanos::now()) {
            match wake {
                Wake::At(at) => ticker.sleep_until(at).await?,
                Wake::ReadingAt(at) => sleep_then_read(at).await,
            }
        }
        Ok(self.report(connections))
    }

    /// Does what is due at `now`; returns when to look again, `None` when all is over.
    fn look(&mut self, now: Nanos) -> Option<Wake> {
        let shared = self.shared.clone();
        let mut guard = shared.lock();
        let shard = guard.as_mut()?;
        if matches!(self.phase, Phase::Sending) {
            shard.enter(now);
            self.window = shard.window();
        }
        if self.from.is_none() && now >= self.window.from {
            self.from = Some(self.usage());
        }
        // Other wake-ups see to stops, hand-overs and retries only: a tick longer than they are apart
        // is a tick all the same.
        let on_tick = self.job.tick.is_zero()
            || now >= self.next_tick
            || shard.is_closed_loop()
            || shard.comes_back_after().is_some();
        shard.pump_at(now, on_tick);
        if shard.is_aborted() && self.job.stop.level() == StopLevel::None {
            // The other shards end with it.
            self.job.stop.raise();
        }
        match self.phase {
            Phase::Sending if self.sending_is_over(shard, now) => {
                shard.stop_sending(now);
                self.until = Some(self.usage());
                self.phase = Phase::Draining { since: now };
            }
            Phase::Draining { since } => {
                if self.job.stop.level() == StopLevel::Now || now >= since.plus(self.job.drain) {
                    shard.abandon(now);
                }
            }
            Phase::Sending | Phase::Drained { .. } => {}
        }
        if let (Phase::Draining { since }, true) = (self.phase, shard.is_idle()) {
            self.phase = Phase::Drained { since, at: now };
            self.hand_over(shard, now);
            return None;
        }
        while now >= self.next_second {
            self.hand_over(shard, self.next_second);
            self.next_second = self.next_second.plus(Duration::from_secs(1));
        }
        if let Some(wait) = shard.comes_back_after() {
            return Some(Wake::At(now.plus(wait)));
        }
        let wake = self.next_wake(shard, now).min(self.next_second);
        let reads_within = self.reads_within(shard, now);
        shard.refill_from_pacer(reads_within.is_some());
        Some(match reads_within {
            Some(interval) => Wake::ReadingAt(wake.min(now.plus(interval))),
            None => Wake::At(wake),
        })
    }

    /// How long answers may wait to be read, if they may.
    fn reads_within(&mut self, shard: &Shard, now: Nanos) -> Option<Duration> {
        // Oneway sends have no answers to wait for.
        if !matches!(self.phase, Phase::Sending) || self.job.mode == SendMode::Oneway {
            return None;
        }
        let tick = self.job.tick;
        let paced = !shard.is_closed_loop() && !tick.is_zero() && tick <= LONGEST_READ_INTERVAL;
        if paced && !shard.is_blocked() && self.counters.counts().are_stamped() {
            return Some(tick);
        }
        self.coalescing
            .may_wait(now, shard.settled(), shard.in_flight())
    }

    fn sending_is_over(&self, shard: &Shard, now: Nanos) -> bool {
        now >= self.window.until
            || shard.ends_at().is_some_and(|end| end <= now)
            || shard.is_aborted()
            || self.job.stop.level() > StopLevel::None
    }

    /// One wake-up serves everything due: the next tick, or in per-message pacing the next message.
    fn next_wake(&mut self, shard: &Shard, now: Nanos) -> Nanos {
        if !matches!(self.phase, Phase::Sending) {
            return now.plus(DRAIN_SLEEP);
        }
        let due = shard
            .next_wake()
            .or(shard.ends_at())
            .unwrap_or(Nanos::NEVER)
            .min(self.window.until);
        let latest = now.plus(LONGEST_SLEEP);
        let tick = nanos(self.job.tick);
        if tick == 0 {
            // A message that is due and not sent waits for room; looking at once would be spinning.
            let soonest = if due <= now {
                now.plus(HELD_BACK_SLEEP)
            } else {
                due
            };
            return soonest.min(latest);
        }
        if self.next_tick <= now {
            // A stall is not made up for by extra ticks: the next one sends all that is due.
            let behind = now.since(self.next_tick) / tick + 1;
            self.next_tick = Nanos(self.next_tick.0 + behind * tick);
        }
        due.max(self.next_tick).min(latest)
    }

    fn usage(&self) -> Usage {
        Usage {
            cpu: thread_cpu_time(),
            cpu_wait: waited_for_cpu(),
            io: self.counters.counts(),
        }
    }

    fn hand_over(&mut self, shard: &mut Shard, end: Nanos) {
        let interval = ShardInterval {
            second: self.second,
            end,
            recorders: shard
                .swap_recorders(fresh(&self.job.recycled, self.job.limits.messages_per_send)),
            in_flight: shard.in_flight() * self.job.limits.messages_per_send as usize,
            audit: shard.take_audit(),
        };
        self.second += 1;
        // Unbounded, so nothing is lost when the collector is slow; one item a second.
        if self.job.intervals.send(interval).is_err() {
            tracing::warn!("the collector is gone");
        }
    }

    fn report(&self, connections: usize) -> ShardReport {
        let end = self.until.unwrap_or_else(|| self.usage());
        let begin = self.from.unwrap_or(end);
        let (sending_ended, drained) = match self.phase {
            Phase::Drained { since, at } => (since, at),
            Phase::Draining { since } => (since, since),
            Phase::Sending => (Nanos::now(), Nanos::now()),
        };
        let guard = self.shared.lock();
        let shard = guard.as_ref();
        ShardReport {
            cpu: end.cpu.saturating_sub(begin.cpu),
            cpu_wait: end
                .cpu_wait
                .zip(begin.cpu_wait)
                .map(|(end, begin)| end.saturating_sub(begin)),
            io: end.io.minus(begin.io),
            counts: shard.map(Shard::counts).unwrap_or_default(),
            connections,
            sending_ended,
            drained,
            realtime: None,
            aborted: shard.is_some_and(Shard::is_aborted),
            remarks: shard
                .map(|shard| shard.remarks().to_vec())
                .unwrap_or_default(),
            ends: shard.map(Shard::end_counts).unwrap_or_default(),
            requests: shard.map(Shard::request_tally).unwrap_or_default(),
        }
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
