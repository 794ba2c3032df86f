//! The budget of both faces: no allocation per message on the load face in steady state, one on the
//! library face (G14).
//!
//! A whole shard runs on the test's own thread against an embedded cluster on others; only the
//! allocations of this thread are counted. Ten times the messages must not mean more allocations.
//! And the bound of what a hostile peer can make a connection allocate.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    reason = "a test may panic, and its numbers are small"
)]

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use rmq_bench::broker::{ClusterSpec, EmbeddedCluster};
use rmq_bench::client::retry::RetryPolicy;
use rmq_bench::client::send::{Outgoing, SendCore, SenderOptions};
use rmq_bench::client::{ClientConfig, ClientInstance, Compression, Message, Producer, SendConfig};
use rmq_bench::load::bodies::Bodies;
use rmq_bench::load::completion::{LoadHandler, SharedShard};
use rmq_bench::load::shard::{LoadToken, Recorders, Shard, ShardLimits, Window};
use rmq_bench::load::source::Source;
use rmq_bench::load::{Choice, LogNormal, MessageShape, SizeDraw, Sizes, WhenLate};
use rmq_bench::metrics::Recorder;
use rmq_bench::protocol::{FrameLimits, HeaderView, RemotingCommand, RequestCode, SerializeType};
use rmq_bench::transport::driver::Driver;
use rmq_bench::transport::receive::Receive;
use rmq_bench::transport::{CloseReason, Coalesce, Entry, Handler, IoCounters, Nanos, Pool};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::{Handle, Runtime};
use tokio::task::JoinSet;

const IN_FLIGHT: usize = 256;

struct Rig {
    runtime: Runtime,
    shard: SharedShard,
    _pool: Arc<Pool<Outgoing<LoadToken>>>,
    instance: Arc<ClientInstance>,
    _cluster: EmbeddedCluster,
}

/// A shard in a closed loop, one connection per broker.
fn rig(oneway: bool, message: &MessageShape) -> Rig {
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
        let counters = Arc::new(IoCounters::default());
        let transport = &instance.config().transport;
        let options = transport.broker_links(2 * IN_FLIGHT, Coalesce::Immediate, counters);
        let handlers = shard.clone();
        let handler = move || LoadHandler::new(handlers.clone());
        let pool = Arc::new(Pool::new(1, options, Handle::current(), handler));
        let options = SenderOptions {
            pool: Arc::clone(&pool),
            retry: RetryPolicy {
                retries: 2,
                codes: Vec::new(),
                pinned: false,
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
    let bodies = Bodies::new(message, 1).unwrap();
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

fn ten_times_the_messages_mean_no_more_allocations(oneway: bool, message: &MessageShape) {
    let rig = rig(oneway, message);
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

/// With everything a message may carry, compressed below 4 KiB.
fn labelled() -> MessageShape {
    MessageShape {
        random_bytes: 500,
        tags: "TagA".into(),
        keys: "order-1 customer-2".into(),
        properties: vec![("region".into(), "eu".into())],
        compression: Some(Compression::default()),
        ..MessageShape::plain(8192)
    }
}

#[test]
fn async_and_sync_sends_allocate_nothing() {
    ten_times_the_messages_mean_no_more_allocations(false, &MessageShape::plain(128));
}

#[test]
fn oneway_sends_allocate_nothing() {
    ten_times_the_messages_mean_no_more_allocations(true, &MessageShape::plain(128));
}

#[test]
fn tags_keys_properties_and_compressed_bodies_allocate_nothing() {
    ten_times_the_messages_mean_no_more_allocations(false, &labelled());
}

/// Many sizes, KEYS and sharding keys, drawn for each message.
fn drawn() -> MessageShape {
    MessageShape {
        sizes: Some(Sizes::Of(SizeDraw::LogNormal(LogNormal {
            p50: 300,
            p99: 8000,
            most: 16_384,
        }))),
        tags: "TagA".into(),
        keys: "order".into(),
        key_count: 10_000,
        sharding_keys: 1_000,
        key_choice: Choice::Zipf(1.1),
        ..MessageShape::plain(16_384)
    }
}

#[test]
fn drawn_sizes_and_keys_allocate_nothing() {
    ten_times_the_messages_mean_no_more_allocations(false, &drawn());
}

#[test]
fn oneway_sends_of_drawn_sizes_and_keys_allocate_nothing() {
    ten_times_the_messages_mean_no_more_allocations(true, &drawn());
}

#[test]
fn drawn_sizes_of_compressed_bodies_allocate_nothing() {
    let shape = MessageShape {
        random_bytes: 4096,
        sharding_keys: 0,
        compression: Some(Compression::default()),
        ..drawn()
    };
    ten_times_the_messages_mean_no_more_allocations(false, &shape);
}

#[test]
fn large_bodies_by_reference_allocate_nothing() {
    ten_times_the_messages_mean_no_more_allocations(false, &MessageShape::plain(8192));
}

#[test]
fn oneway_sends_of_labelled_messages_allocate_nothing() {
    ten_times_the_messages_mean_no_more_allocations(true, &labelled());
}

/// What `send().await` allocates over so many sends of 64 tasks on one producer.
fn allocations_of_awaited_sends(runtime: &Runtime, producer: &Arc<Producer>, sends: u64) -> u64 {
    let body = Bytes::from_static(&[7; 128]);
    let left = Arc::new(AtomicU64::new(sends));
    let counted = allocation_counter::measure(|| {
        runtime.block_on(async {
            let mut tasks = JoinSet::new();
            for _ in 0..64 {
                let (producer, body) = (Arc::clone(producer), body.clone());
                let left = Arc::clone(&left);
                tasks.spawn(async move {
                    let take = |n: u64| n.checked_sub(1);
                    while left.fetch_update(Relaxed, Relaxed, take).is_ok() {
                        let message = Message::new(body.clone());
                        producer.send("BenchmarkTest", message).await.unwrap();
                    }
                });
            }
            while let Some(ended) = tasks.join_next().await {
                ended.unwrap();
            }
        });
    });
    counted.count_total
}

/// G14: one allocation, where the outcome is put.
#[test]
fn an_awaited_send_allocates_once() {
    let cluster = EmbeddedCluster::start(ClusterSpec::default()).unwrap();
    let client = ClientConfig {
        namesrv: vec![cluster.namesrv_address()],
        ..ClientConfig::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let producer = Arc::new(Producer::new(client, SendConfig::default()).unwrap());
    runtime.block_on(async { producer.start() }).unwrap();
    allocations_of_awaited_sends(&runtime, &producer, 20_000);
    let few = allocations_of_awaited_sends(&runtime, &producer, 10_000);
    let many = allocations_of_awaited_sends(&runtime, &producer, 110_000);
    assert!(
        many - few <= 100_000 + 90,
        "{few} allocations for 10,000 sends, {many} for 110,000"
    );
    runtime.block_on(producer.shutdown());
}

/// Sends what it was given, then hangs up; takes nothing.
struct HostilePeer(io::Cursor<Vec<u8>>);

impl Receive for HostilePeer {}

impl AsyncRead for HostilePeer {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        space: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, space)
    }
}

impl AsyncWrite for HostilePeer {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Pending
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

struct Deaf;

impl Handler<u32> for Deaf {
    fn reply(&mut self, _: Entry<u32>, _: &HeaderView<'_>, _: &[u8], _: Nanos) {}
    fn written(&mut self, _: Entry<u32>) {}
    fn expired(&mut self, _: Entry<u32>, _: Nanos) {}
    fn lost(&mut self, _: Entry<u32>, _: &CloseReason, _: Nanos) {}
    fn late(&mut self, _: &HeaderView<'_>) {}
    fn round_end(&mut self, _: Nanos) {}
}

/// Length, header word, header, as the peer claims them to be.
fn claimed(length: u32, word: u32, header: &[u8]) -> Vec<u8> {
    [&length.to_be_bytes(), &word.to_be_bytes(), header].concat()
}

fn whole(word_type: u32, header: &[u8]) -> Vec<u8> {
    let bytes = u32::try_from(header.len()).unwrap();
    claimed(bytes + 4, (word_type << 24) | bytes, header)
}

#[test]
fn a_hostile_peer_cannot_make_a_connection_allocate_more_than_its_limits() {
    const FRAME: usize = 1 << 20;
    const OUT: usize = 64 << 10;
    /// The receive buffer, the connection itself, and an answer beyond the limit.
    const OWN: usize = 512 << 10;
    let mut fields = Vec::new();
    RemotingCommand::request(RequestCode(9_999)).encode(SerializeType::Json, &mut fields);
    let binary_with_lengths_of_2_gib =
        [&[0u8; 13][..], &[0x7f, 0xff, 0xff, 0xff].repeat(2)].concat();
    let feeds = [
        ("a frame of 2 GiB", claimed(0x7fff_ffff, 0, b"")),
        ("a frame of 4 GiB", claimed(u32::MAX, 0, b"")),
        (
            "a frame at the limit that never ends",
            [
                claimed(FRAME as u32, (1 << 24) | 100, b""),
                vec![0; 300_000],
            ]
            .concat(),
        ),
        (
            "binary fields of 2 GiB",
            whole(1, &binary_with_lengths_of_2_gib),
        ),
        ("nested JSON", whole(0, &b"[".repeat(FRAME - 100))),
        ("nested objects", whole(0, &b"{\"a\":".repeat(FRAME / 6))),
        (
            "a JSON string of escapes",
            whole(
                0,
                &[
                    b"{\"remark\":\"".as_slice(),
                    &b"\\u0041".repeat(100_000),
                    b"\"}",
                ]
                .concat(),
            ),
        ),
        (
            "requests without end, answers unread",
            fields.repeat(20_000),
        ),
        (
            "noise",
            (0..1_000_000u32)
                .map(|n| (n.wrapping_mul(n) >> 7) as u8)
                .collect(),
        ),
    ];
    for (what, bytes) in feeds {
        let peer = HostilePeer(io::Cursor::new(bytes));
        let mut options = ClientConfig::default()
            .transport
            .broker_links(16, Coalesce::Immediate, Arc::new(IoCounters::default()))
            .driver;
        options.frames = FrameLimits {
            max_length: FRAME as u32,
        };
        options.limits.out_bytes = OUT;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let mut ended = None;
        let counted = allocation_counter::measure(|| {
            runtime.block_on(async {
                let (_connection, mut driver) = Driver::new(peer, Deaf, options);
                ended = Some(driver.run().await);
            });
        });
        let most = (FRAME + OUT + OWN) as u64;
        assert!(
            counted.bytes_max <= most,
            "{what}: {} bytes",
            counted.bytes_max
        );
        let ended = ended.unwrap();
        assert!(
            matches!(ended, CloseReason::Protocol(_) | CloseReason::Peer),
            "{what}: {ended}"
        );
    }
}
