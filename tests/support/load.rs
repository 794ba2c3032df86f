//! Load runs through the library, on a thread of their own.

use std::collections::HashSet;
use std::num::NonZeroU64;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use rmq_bench::broker::EmbeddedCluster;
use rmq_bench::client::{ClientConfig, ClientInstance, FaultClass, FaultConfig, SendConfig};
use rmq_bench::load::audit::AuditRecord;
use rmq_bench::load::schedule::ShardOf;
use rmq_bench::load::{
    Arrivals, Bound, Choice, LoadError, LoadModel, LoadOutcome, LoadPlan, LoadRun, MessageShape,
    Offered, Rate, SendMode, StopReason, StopSignal, WarmupEnd, WhenLate,
};
use rmq_bench::metrics::{Acks, Counters, Label, Summary};

use super::{DEADLINE, TOPIC, eventually};

/// Longer than any test awaits: such a run ends when it is told to.
pub(crate) const UNTIL_STOPPED: Duration = Duration::from_secs(120);

pub(crate) fn plan(mode: SendMode, per_second: u64, bound: Bound) -> LoadPlan {
    LoadPlan {
        mode,
        model: LoadModel::Open(Offered::Steady(Rate {
            messages: NonZeroU64::new(per_second).unwrap(),
            period_ns: NonZeroU64::new(1_000_000_000).unwrap(),
        })),
        arrivals: Arrivals::Constant,
        seed: 1,
        part: ShardOf::WHOLE,
        bound,
        warmup: Duration::ZERO,
        warmup_ends: WarmupEnd::AtTime,
        drain: Duration::from_secs(5),
        topic: TOPIC.to_owned(),
        message: MessageShape::plain(100),
        callers: 64,
        in_flight: 4096,
        more_topics: Vec::new(),
        own_topics: false,
        topic_choice: Choice::Turn,
        queue_choice: Choice::Turn,
        when_late: WhenLate::CatchUp,
        deadline: None,
        shards: Some(1),
        tick: None,
        realtime: false,
        transactions: None,
        requests: None,
    }
}

pub(crate) fn for_time(duration: Duration) -> Bound {
    Bound {
        duration: Some(duration),
        count: None,
    }
}

pub(crate) fn of_count(count: u64) -> Bound {
    Bound {
        duration: None,
        count: Some(count),
    }
}

/// As RocketMQ's default: no avoidance.
pub(crate) fn no_avoidance(mut client: ClientConfig) -> ClientConfig {
    client.fault.enabled = false;
    client
}

/// Avoids for a moment, so that a run sees the broker come back.
pub(crate) fn short_avoidance(mut client: ClientConfig) -> ClientConfig {
    client.fault = FaultConfig {
        table: vec![FaultClass {
            latency: Duration::from_secs(3),
            avoid: Duration::from_millis(300),
        }],
        ..FaultConfig::default()
    };
    client
}

/// A run on a thread of its own.
pub(crate) struct Running {
    pub(crate) run: JoinHandle<()>,
    pub(crate) ended: Receiver<Result<LoadOutcome, LoadError>>,
    pub(crate) instance: Arc<ClientInstance>,
    pub(crate) stop: Arc<StopSignal>,
    pub(crate) audit: Arc<Mutex<Vec<AuditRecord>>>,
}

/// What a run came to; its sums have been checked.
pub(crate) struct Finished {
    pub(crate) outcome: LoadOutcome,
    pub(crate) summary: Summary,
    pub(crate) instance: Arc<ClientInstance>,
}

pub(crate) fn start(client: ClientConfig, plan: LoadPlan, send: SendConfig) -> Running {
    let instance = Arc::new(ClientInstance::new(client).unwrap());
    instance.start().unwrap();
    instance.register_group(&send.group).unwrap();
    let (stop, audit) = (Arc::new(StopSignal::default()), Arc::default());
    let load = LoadRun {
        plan,
        instance: Arc::clone(&instance),
        send,
        stop: Arc::clone(&stop),
        reserved_cores: 1,
        audit: true,
        start_at: None,
    };
    let (tell, ended) = channel();
    let kept: Arc<Mutex<Vec<AuditRecord>>> = Arc::clone(&audit);
    let run = std::thread::spawn(move || {
        let outcome = load.execute(|second| {
            kept.lock().unwrap().extend_from_slice(second.audit);
        });
        tell.send(outcome).unwrap();
    });
    Running {
        run,
        ended,
        instance,
        stop,
        audit,
    }
}

impl Running {
    pub(crate) fn outcome(&self) -> Result<LoadOutcome, LoadError> {
        self.ended.recv_timeout(DEADLINE).expect("the run ends")
    }

    /// Waits for the end; sums close, and the audit trail tells of each ended message once.
    pub(crate) fn finish(self) -> Finished {
        let outcome = self.outcome().unwrap();
        self.run.join().unwrap();
        let begin = outcome.window_from;
        let end = begin.plus(outcome.measured_time);
        let summary = Summary::new(outcome.measured.clone(), begin.0, end.0, Acks::Within(0));
        summary.check_sums().expect("the accounts close");
        let audit = self.audit.lock().unwrap();
        let counters = summary.counters();
        for (name, count) in [
            ("acked", counters.acked),
            ("failed", counters.failed),
            ("unknown", counters.unknown),
        ] {
            let told = audit.iter().filter(|record| record.outcome == name);
            assert_eq!(told.count() as u64, count, "audit: {name}");
        }
        let ids: HashSet<String> = audit.iter().map(|record| record.id.to_string()).collect();
        assert_eq!(ids.len(), audit.len(), "each message once");
        Finished {
            outcome,
            summary,
            instance: self.instance,
        }
    }

    /// Ends a run that would go on.
    pub(crate) fn stop(self) -> Finished {
        self.stop.raise();
        let finished = self.finish();
        assert_eq!(finished.outcome.stop_reason, StopReason::Interrupted);
        finished
    }

    pub(crate) fn isolations_of(&self, broker: &str) -> usize {
        isolations(&self.instance, broker)
    }
}

impl Finished {
    pub(crate) fn counters(&self) -> &Counters {
        self.summary.counters()
    }

    /// Nothing acked is missing, and nothing is stored that was not sent.
    pub(crate) fn is_covered_by(&self, cluster: &EmbeddedCluster) {
        let (counters, stored) = (self.counters(), cluster.stored().messages());
        assert!(stored >= counters.acked, "{stored} stored: {counters:?}");
        let most = counters.acked + counters.unknown + counters.retries();
        assert!(stored <= most, "{stored} stored: {counters:?}");
    }
}

pub(crate) fn isolations(instance: &ClientInstance, broker: &str) -> usize {
    let known = instance.brokers();
    let (_, events) = instance.faults().events();
    let of_broker = events
        .iter()
        .filter(|event| known[event.broker.index()].name == broker);
    of_broker.count()
}

pub(crate) fn stored_by(cluster: &EmbeddedCluster, broker: usize) -> u64 {
    cluster.stored().brokers[broker].messages
}

pub(crate) fn await_more(cluster: &EmbeddedCluster, broker: usize, more: u64) {
    let wanted = stored_by(cluster, broker) + more;
    eventually("messages arrive", || stored_by(cluster, broker) >= wanted);
}

pub(crate) fn label(name: &'static str) -> Label {
    Label { name, code: None }
}
