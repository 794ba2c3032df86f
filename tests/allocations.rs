//! The budget of the load face: no allocation per message in steady state (G14).
//!
//! A whole shard runs on the test's own thread against an embedded cluster on others; only the
//! allocations of this thread are counted. Ten times the messages must not mean more allocations.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test may panic, and its numbers are small"
)]

use std::sync::Arc;
use std::time::Duration;

use rmq_bench::broker::{ClusterSpec, EmbeddedCluster};
use rmq_bench::client::retry::RetryPolicy;
use rmq_bench::client::send::{Outgoing, SendCore, SenderOptions};
use rmq_bench::client::{ClientConfig, ClientInstance, SendConfig};
use rmq_bench::load::WhenLate;
use rmq_bench::load::bodies::Bodies;
use rmq_bench::load::completion::{LoadHandler, SharedShard};
use rmq_bench::load::shard::{LoadToken, Recorders, Shard, ShardLimits, Window};
use rmq_bench::load::source::Source;
use rmq_bench::metrics::Recorder;
use rmq_bench::protocol::FrameLimits;
use rmq_bench::transport::{
    Coalesce, ConnectionLimits, DriverOptions, IoCounters, LinkOptions, Nanos, Pool, SocketOptions,
};
use tokio::runtime::{Handle, Runtime};

const IN_FLIGHT: usize = 256;

struct Rig {
    runtime: Runtime,
    shard: SharedShard,
    _pool: Arc<Pool<Outgoing<LoadToken>>>,
    instance: Arc<ClientInstance>,
    _cluster: EmbeddedCluster,
}

/// A shard in a closed loop, one connection per broker.
fn rig(oneway: bool, body_bytes: usize, tags: &str) -> Rig {
    let cluster = EmbeddedCluster::start(ClusterSpec::default()).unwrap();
    let config = ClientConfig {
        namesrv: vec![cluster.namesrv_address()],
        ..ClientConfig::default()
    };
    let instance = Arc::new(ClientInstance::new(config).unwrap());
    instance.start().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let send = SendConfig::default();
    let topic = runtime
        .block_on(instance.topic("BenchmarkTest", &send))
        .unwrap();
    let shard = SharedShard::default();
    let (pool, core) = runtime.block_on(async {
        let driver = DriverOptions {
            limits: ConnectionLimits {
                in_flight: 2 * IN_FLIGHT,
                out_bytes: 64 << 20,
            },
            frames: FrameLimits::default(),
            coalesce: Coalesce::Immediate,
            silence_timeout: Duration::from_secs(10),
            counters: Arc::new(IoCounters::default()),
        };
        let options = LinkOptions {
            connect_timeout: Duration::from_secs(3),
            socket: SocketOptions::default(),
            driver,
        };
        let handlers = shard.clone();
        let handler = move || LoadHandler::new(handlers.clone());
        let pool = Arc::new(Pool::new(1, options, Handle::current(), handler));
        let options = SenderOptions {
            pool: Arc::clone(&pool),
            retry: RetryPolicy {
                retries: 2,
                codes: Vec::new(),
            },
            oneway,
        };
        let core = SendCore::new(Arc::clone(&instance), topic, Arc::new(send), options);
        assert!(core.connect(Duration::from_secs(10)).await.is_empty());
        (pool, core)
    });
    let limits = ShardLimits {
        in_flight: IN_FLIGHT,
        timeout: Duration::from_secs(3),
        deadline: None,
        when_late: WhenLate::CatchUp,
        late_after_ns: 1_000_000,
        audit: false,
    };
    let source = Source::Closed {
        left: None,
        asked: Nanos::NONE,
    };
    let recorders = Recorders {
        warmup: Box::new(Recorder::new(2)),
        measured: Box::new(Recorder::new(2)),
    };
    let window = Window {
        from: Nanos::now(),
        until: Nanos::NEVER,
    };
    let bodies = Bodies::new(body_bytes, 1, tags).unwrap();
    *shard.lock() = Some(Shard::new(core, source, bodies, limits, window, recorders));
    Rig {
        runtime,
        shard,
        _pool: pool,
        instance,
        _cluster: cluster,
    }
}

impl Rig {
    fn acked(&self) -> u64 {
        self.shard.lock().as_ref().unwrap().counts().acked_in_window
    }

    /// Runs until so many more messages are acknowledged; returns the allocations meanwhile.
    fn allocations(&self, messages: u64) -> u64 {
        let goal = self.acked() + messages;
        let counted = allocation_counter::measure(|| {
            self.runtime.block_on(async {
                while self.acked() < goal {
                    self.shard.lock().as_mut().unwrap().pump(Nanos::now());
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            });
        });
        counted.count_total
    }
}

fn ten_times_the_messages_mean_no_more_allocations(oneway: bool, body_bytes: usize, tags: &str) {
    let rig = rig(oneway, body_bytes, tags);
    // Buffers and ring grow to their size.
    rig.allocations(50_000);
    let few = rig.allocations(10_000);
    let many = rig.allocations(100_000);
    // Not one per message, nor one per thousand: what remains are timers and the like.
    assert!(
        many <= few + 90,
        "{few} allocations for 10,000 messages, {many} for 100,000"
    );
    rig.runtime.block_on(rig.instance.shutdown());
    drop(rig.shard.lock().take());
}

#[test]
fn async_and_sync_sends_allocate_nothing() {
    ten_times_the_messages_mean_no_more_allocations(false, 128, "");
}

#[test]
fn oneway_sends_allocate_nothing() {
    ten_times_the_messages_mean_no_more_allocations(true, 128, "");
}

#[test]
fn tags_allocate_nothing() {
    ten_times_the_messages_mean_no_more_allocations(false, 128, "TagA");
}

#[test]
fn large_bodies_by_reference_allocate_nothing() {
    ten_times_the_messages_mean_no_more_allocations(false, 8192, "");
}
