//! Sending sides over brokers in memory: send core, load shard, producer. Everything above the
//! socket is the real thing; only the route comes from an embedded cluster, which is gone by the time
//! anything is measured (the producer's stays, as it asks for the route itself).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rmq_bench::broker::{ClusterSpec, EmbeddedCluster};
use rmq_bench::client::retry::RetryPolicy;
use rmq_bench::client::send::{Outgoing, SendCore, SenderOptions};
use rmq_bench::client::{ClientConfig, ClientInstance, Producer, SendConfig, Topic};
use rmq_bench::load::bodies::Bodies;
use rmq_bench::load::completion::{LoadHandler, SharedShard};
use rmq_bench::load::shard::{LoadToken, Recorders, Shard, ShardLimits, Window};
use rmq_bench::load::source::Source;
use rmq_bench::load::{MessageShape, WhenLate};
use rmq_bench::metrics::Recorder;
use rmq_bench::transport::{Coalesce, Handler, IoCounters, Link, Nanos, Pool};
use tokio::runtime::{Handle, Runtime};

use super::frames::{BODY_BYTES, TOPIC};
use super::memory::{Answers, Broker, pipe};

pub(crate) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// What all senders of a process share: the instance and the topic with its route of two brokers.
#[derive(Clone)]
pub(crate) struct Shared {
    instance: Arc<ClientInstance>,
    topic: Arc<Topic>,
}

fn config(cluster: &EmbeddedCluster) -> ClientConfig {
    ClientConfig {
        namesrv: vec![cluster.namesrv_address()],
        ..ClientConfig::default()
    }
}

impl Shared {
    pub(crate) fn new() -> Self {
        let cluster = EmbeddedCluster::start(ClusterSpec::default()).unwrap();
        let instance = Arc::new(ClientInstance::new(config(&cluster)).unwrap());
        instance.start().unwrap();
        let topic = runtime().block_on(async {
            let topic = instance.topic(TOPIC, &SendConfig::default()).await.unwrap();
            instance.shutdown().await;
            topic
        });
        Self { instance, topic }
    }

    /// A send core whose brokers are in memory, and those brokers. On a runtime only.
    pub(crate) fn core<H: Handler<Outgoing<C>> + 'static, C: rmq_bench::client::send::Carrier>(
        &self,
        in_flight: usize,
        oneway: bool,
        answers: Answers,
        handler: impl Fn() -> H + Send + Sync + 'static,
    ) -> Side<C> {
        let counters = Arc::new(IoCounters::default());
        let transport = &self.instance.config().transport;
        let links = Arc::clone(&counters);
        // Twice the cap, as a run has it.
        let driver = transport
            .broker_links(2 * in_flight, Coalesce::Immediate, links)
            .driver;
        let brokers: Arc<Mutex<Vec<Broker>>> = Arc::default();
        let (opened, handle) = (Arc::clone(&brokers), Handle::current());
        let pool = Arc::new(Pool::opening(1, move |address| {
            let (stream, broker) = pipe(answers);
            let mut opened = opened.lock().unwrap_or_else(PoisonError::into_inner);
            opened.push(broker);
            Link::over(address, stream, handler(), driver.clone(), &handle)
        }));
        let options = SenderOptions {
            pool: Arc::clone(&pool),
            retry: RetryPolicy {
                retries: 2,
                codes: Vec::new(),
                pinned: false,
            },
            oneway,
        };
        let send = Arc::new(SendConfig::default());
        let core = SendCore::new(
            Arc::clone(&self.instance),
            Arc::clone(&self.topic),
            send,
            options,
        );
        let brokers = brokers.lock().unwrap_or_else(PoisonError::into_inner);
        Side {
            core,
            brokers: brokers.clone(),
            counters,
            _pool: pool,
        }
    }
}

/// A send core and what it sends to.
pub(crate) struct Side<C> {
    pub(crate) core: SendCore<C>,
    pub(crate) brokers: Vec<Broker>,
    pub(crate) counters: Arc<IoCounters>,
    _pool: Arc<Pool<Outgoing<C>>>,
}

/// A shard of the load face in a closed loop over brokers in memory, on a runtime of its own: all
/// that a run does per message, and no socket.
pub(crate) struct ShardRig {
    pub(crate) runtime: Runtime,
    pub(crate) counters: Arc<IoCounters>,
    shard: SharedShard,
    _pool: Arc<Pool<Outgoing<LoadToken>>>,
}

impl ShardRig {
    pub(crate) fn new(shared: &Shared, in_flight: usize, oneway: bool) -> Self {
        let runtime = runtime();
        let shard = SharedShard::default();
        let handlers = shard.clone();
        let handler = move || LoadHandler::new(handlers.clone());
        let Side {
            core,
            counters,
            _pool,
            ..
        } = runtime.block_on(async { shared.core(in_flight, oneway, Answers::AtOnce, handler) });
        let limits = ShardLimits {
            in_flight,
            timeout: Duration::from_secs(3),
            deadline: None,
            when_late: WhenLate::CatchUp,
            late_after_ns: 1_000_000,
            audit: false,
            messages_per_send: 1,
        };
        let source = Source::Closed {
            left: None,
            asked: Nanos::NONE,
            number: 0,
            step: 1,
        };
        let recorders = Recorders {
            warmup: Box::new(Recorder::new(2)),
            measured: Box::new(Recorder::new(2)),
        };
        let window = Window {
            from: Nanos::now(),
            until: Nanos::NEVER,
        };
        let bodies = Bodies::new(&MessageShape::plain(BODY_BYTES), 1).unwrap();
        *shard.lock() = Some(Shard::new(core, source, bodies, limits, window, recorders));
        Self {
            runtime,
            counters,
            shard,
            _pool,
        }
    }

    pub(crate) fn acked(&self) -> u64 {
        let guard = self.shard.lock();
        guard.as_ref().map_or(0, |s| s.counts().acked_in_window)
    }

    /// Runs until so many more are acknowledged, and tells how many were: answers come in rounds.
    pub(crate) fn run(&self, messages: u64) -> u64 {
        let before = self.acked();
        self.runtime.block_on(async {
            while self.acked() < before + messages {
                if let Some(shard) = self.shard.lock().as_mut() {
                    shard.pump(Nanos::now());
                }
                tokio::task::yield_now().await;
            }
        });
        self.acked() - before
    }
}

impl Drop for ShardRig {
    fn drop(&mut self) {
        // Breaks the ring shard → pool → connection → shard.
        drop(self.shard.lock().take());
    }
}

/// `send().await` over brokers in memory.
pub(crate) struct ProducerRig {
    pub(crate) runtime: Runtime,
    pub(crate) producer: Arc<Producer>,
    _cluster: EmbeddedCluster,
}

impl ProducerRig {
    pub(crate) fn new() -> Self {
        let cluster = EmbeddedCluster::start(ClusterSpec::default()).unwrap();
        let producer = Producer::new(config(&cluster), SendConfig::default()).unwrap();
        let runtime = runtime();
        runtime.block_on(async {
            producer.start_over(|_| pipe(Answers::AtOnce).0).unwrap();
        });
        Self {
            runtime,
            producer: Arc::new(producer),
            _cluster: cluster,
        }
    }

    /// Sends so many from each of so many tasks.
    pub(crate) fn send(&self, tasks: usize, each: u64) {
        self.runtime.block_on(async {
            let mut running = tokio::task::JoinSet::new();
            for _ in 0..tasks {
                let producer = Arc::clone(&self.producer);
                running.spawn(async move {
                    let message = super::frames::plain(BODY_BYTES);
                    for _ in 0..each {
                        producer.send(TOPIC, message.clone()).await.unwrap();
                    }
                });
            }
            while let Some(ended) = running.join_next().await {
                ended.unwrap();
            }
        });
    }
}
