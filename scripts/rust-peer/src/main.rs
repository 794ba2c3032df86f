//! rocketmq-rust as a peer of scripts/peers: a number of callback sends in flight, a number of tasks
//! that await each send, or oneway. Options, pacing and the printed line are those of
//! scripts/java/Peer.java. The client takes the header form from `ROCKETMQ_SERIALIZE_TYPE`.

use std::collections::HashMap;
use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use rocketmq_client_rust::{
    ClientRuntime, ClientRuntimeConfig, DefaultMQProducer, SendResult, SendStatus,
};
use rocketmq_model::common::message::message_single::Message;
use rocketmq_observability::TelemetryBootstrapConfig;
use rocketmq_runtime::{RuntimeConfig, RuntimeOwner};
use serde_json::json;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

const TICK: u64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;
const USAGE: &str = "usage: rust-peer --namesrv HOST:PORT [--topic BenchmarkTest] [--size 1024] \
    [--mode async|sync|oneway] [--permits 512] [--threads 64] [--rate 0] [--warmup 10s] [--duration 10s]";

/// Microseconds, exact up to 2,047, to a thousandth above; what takes longer than 16 s counts as that.
struct Histogram(Vec<AtomicU64>);

impl Histogram {
    fn new() -> Self {
        Self((0..15 * 1024).map(|_| AtomicU64::new(0)).collect())
    }

    fn record(&self, ns: u64) {
        let value = (ns / 1000).min((1 << 24) - 1);
        let shift = 53_u32.saturating_sub(value.leading_zeros());
        self.0[((shift as usize) << 10) + (value >> shift) as usize].fetch_add(1, Relaxed);
    }

    fn count(&self) -> u64 {
        self.0.iter().map(|bucket| bucket.load(Relaxed)).sum()
    }

    /// Of nothing: -1.
    fn percentile(&self, percent: u64) -> i64 {
        let rank = (self.count() * percent).div_ceil(100);
        let mut seen = 0;
        for (index, bucket) in self.0.iter().enumerate() {
            seen += bucket.load(Relaxed);
            if rank > 0 && seen >= rank {
                let shift = (index >> 10).saturating_sub(1);
                return ((index - (shift << 10)) << shift) as i64;
            }
        }
        -1
    }
}

struct Peer {
    producer: DefaultMQProducer,
    topic: String,
    body: Bytes,
    oneway: bool,
    rate: u64,
    start: Instant,
    begin: u64,
    end: u64,
    next: AtomicU64,
    sent: AtomicU64,
    arrived: AtomicU64,
    acked: AtomicU64,
    failed: AtomicU64,
    responses: Histogram,
    services: Histogram,
}

/// When a message was due and when the client was given it.
#[derive(Clone, Copy)]
struct Turn {
    intended: u64,
    called: u64,
}

impl Peer {
    fn now(&self) -> u64 {
        self.start.elapsed().as_nanos() as u64
    }

    fn in_window(&self, at: u64) -> bool {
        (self.begin..self.end).contains(&at)
    }

    /// How many messages are due before this moment.
    fn due(&self, at: u64) -> u64 {
        (at * self.rate).div_ceil(SECOND)
    }

    fn message(&self) -> Message {
        Message::builder()
            .topic(self.topic.as_str())
            .body(self.body.clone())
            .build_unchecked()
    }

    fn fail(&self, reason: &dyn std::fmt::Display) {
        if self.failed.fetch_add(1, Relaxed) == 0 {
            eprintln!("rust-peer: first failure: {reason}");
        }
    }

    fn ended(&self, result: Option<&SendResult>, turn: Turn) {
        match result {
            Some(result) if result.send_status == SendStatus::SendOk => self.succeeded(turn),
            Some(result) => self.fail(&format!("{:?}", result.send_status)),
            None => self.fail(&"no result"),
        }
    }

    fn succeeded(&self, turn: Turn) {
        let now = self.now();
        self.acked.fetch_add(1, Relaxed);
        if self.in_window(now) {
            self.arrived.fetch_add(1, Relaxed);
        }
        if self.in_window(turn.intended) {
            self.responses.record(now - turn.intended);
        }
        // Also of a client so far behind that nothing due in the window is begun in it.
        if self.in_window(turn.called) {
            self.services.record(now - turn.called);
        }
    }

    /// When the next message is due, or nothing in a closed loop.
    fn planned(&self) -> Option<u64> {
        (self.rate > 0).then(|| self.next.fetch_add(1, Relaxed) * SECOND / self.rate)
    }

    /// `None` when the window is over.
    fn turn(&self, planned: Option<u64>) -> Option<Turn> {
        let called = self.now();
        let intended = planned.unwrap_or(called);
        (called < self.end).then(|| {
            if self.in_window(intended) {
                self.sent.fetch_add(1, Relaxed);
            }
            Turn { intended, called }
        })
    }

    /// One caller that awaits each send. `tokio` rounds its sleep to milliseconds.
    async fn send_each(self: Arc<Self>) {
        loop {
            let planned = self.planned();
            if let Some(planned) = planned {
                tokio::time::sleep_until((self.start + Duration::from_nanos(planned)).into()).await;
            }
            let Some(turn) = self.turn(planned) else {
                return;
            };
            match self.producer.send(self.message()).await {
                Ok(result) => self.ended(result.as_ref(), turn),
                Err(error) => self.fail(&error),
            }
        }
    }

    /// With a rate on a thread of its own, as it sleeps there.
    async fn send_many(self: Arc<Self>, room: Arc<Semaphore>) {
        loop {
            let planned = self.planned();
            if let Some(planned) = planned.filter(|planned| *planned > self.now()) {
                let wake = planned.div_ceil(TICK) * TICK;
                std::thread::sleep(Duration::from_nanos(wake.saturating_sub(self.now())));
            }
            if self.oneway {
                let Some(turn) = self.turn(planned) else {
                    return;
                };
                match self.producer.send_oneway(self.message()).await {
                    Ok(()) => self.succeeded(turn),
                    Err(error) => self.fail(&error),
                }
                continue;
            }
            room.acquire().await.expect("never closed").forget();
            let Some(turn) = self.turn(planned) else {
                return;
            };
            let (peer, room, done) = (Arc::clone(&self), Arc::clone(&room), AtomicBool::new(false));
            let done = Arc::new(done);
            let called_back = Arc::clone(&done);
            let permits = Arc::clone(&room);
            let sent = self
                .producer
                .send_with_callback(self.message(), move |result, error| {
                    if !called_back.swap(true, Relaxed) {
                        match error {
                            Some(error) => peer.fail(error),
                            None => peer.ended(result, turn),
                        }
                        permits.add_permits(1);
                    }
                });
            if let Err(error) = sent.await
                && !done.swap(true, Relaxed)
            {
                self.fail(&error);
                room.add_permits(1);
            }
        }
    }
}

fn options() -> Option<HashMap<String, String>> {
    let defaults = [
        ("--namesrv", ""),
        ("--topic", "BenchmarkTest"),
        ("--size", "1024"),
        ("--mode", "async"),
        ("--permits", "512"),
        ("--threads", "64"),
        ("--rate", "0"),
        ("--warmup", "10s"),
        ("--duration", "10s"),
    ];
    let mut options: HashMap<_, _> = defaults
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        *options.get_mut(&name)? = arguments.next()?;
    }
    let known = ["async", "sync", "oneway"].contains(&options["--mode"].as_str());
    (known && !options["--namesrv"].is_empty()).then_some(options)
}

fn nanos(duration: &str) -> Result<u64, Box<dyn Error>> {
    if let Some(number) = duration.strip_suffix("ms") {
        return Ok(number.parse::<u64>()? * 1_000_000);
    }
    let number = duration
        .strip_suffix('s')
        .ok_or("a duration is 500ms or 10s")?;
    Ok(number.parse::<u64>()? * SECOND)
}

async fn run(
    options: HashMap<String, String>,
    runtime: Arc<ClientRuntime>,
) -> Result<(), Box<dyn Error>> {
    let mode = options["--mode"].as_str();
    let window = options[if mode == "sync" {
        "--threads"
    } else {
        "--permits"
    }]
    .parse::<usize>()?;
    let warmup = nanos(&options["--warmup"])?;
    let duration = nanos(&options["--duration"])?;
    let mut producer = DefaultMQProducer::builder(runtime)
        .producer_group("rmq_bench_peer".to_owned())
        .name_server_addr(options["--namesrv"].clone())
        .compress_msg_body_over_howmuch(i32::MAX as u32)
        .build();
    producer.start().await?;
    let mut peer = Peer {
        producer,
        topic: options["--topic"].clone(),
        body: vec![b'a'; options["--size"].parse()?].into(),
        oneway: mode == "oneway",
        rate: options["--rate"].parse()?,
        start: Instant::now(),
        begin: warmup,
        end: warmup + duration,
        next: AtomicU64::new(0),
        sent: AtomicU64::new(0),
        arrived: AtomicU64::new(0),
        acked: AtomicU64::new(0),
        failed: AtomicU64::new(0),
        responses: Histogram::new(),
        services: Histogram::new(),
    };
    // The first send asks for the route; a burst of first sends would ask as often.
    peer.producer.send(peer.message()).await?;
    peer.acked.fetch_add(1, Relaxed);
    peer.start = Instant::now();
    let started_at = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64();
    let peer = Arc::new(peer);

    let room = Arc::new(Semaphore::new(window));
    let mut senders = Vec::new();
    if mode == "sync" {
        senders.extend((0..window).map(|_| tokio::spawn(Arc::clone(&peer).send_each())));
    } else if peer.rate > 0 {
        let (runtime, sender) = (
            Handle::current(),
            Arc::clone(&peer).send_many(Arc::clone(&room)),
        );
        std::thread::spawn(move || runtime.block_on(sender));
    } else {
        senders.push(tokio::spawn(Arc::clone(&peer).send_many(Arc::clone(&room))));
    }
    tokio::time::sleep(Duration::from_nanos(peer.begin.saturating_sub(peer.now()))).await;
    let failed_before = peer.failed.load(Relaxed);
    tokio::time::sleep(Duration::from_nanos(peer.end.saturating_sub(peer.now()))).await;
    let failed = peer.failed.load(Relaxed) - failed_before;
    // Let the last replies come in, so that the totals tell what the broker holds.
    let patience = peer.now() + 10 * SECOND;
    for sender in senders {
        let left = Duration::from_nanos(patience.saturating_sub(peer.now()));
        let _ = tokio::time::timeout(left, sender).await;
    }
    // The sender that found the window over keeps its permit.
    while !peer.oneway
        && mode != "sync"
        && room.available_permits() + 1 < window
        && peer.now() < patience
    {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    if peer.oneway {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }

    let load = |counter: &AtomicU64| counter.load(Relaxed);
    let seconds = duration as f64 / 1e9;
    let planned = if peer.rate > 0 {
        peer.due(peer.end) - peer.due(peer.begin)
    } else {
        load(&peer.sent)
    };
    let header = std::env::var("ROCKETMQ_SERIALIZE_TYPE").unwrap_or_else(|_| "json".to_owned());
    println!(
        "{}",
        json!({
            "client": "rocketmq-client-rust 1.0.0", "header": header.to_lowercase(), "mode": mode,
            "size": peer.body.len(), "window": window, "rate": peer.rate,
            "windowBegin": started_at + warmup as f64 / 1e9, "seconds": seconds,
            "planned": planned, "sent": load(&peer.sent), "acked": peer.responses.count(), "failed": failed,
            "messagesPerSecond": load(&peer.arrived) as f64 / seconds,
            "responseP50Us": peer.responses.percentile(50), "responseP99Us": peer.responses.percentile(99),
            "serviceP50Us": peer.services.percentile(50), "serviceP99Us": peer.services.percentile(99),
            "ackedTotal": load(&peer.acked), "failedTotal": load(&peer.failed),
        })
    );
    Ok(())
}

fn main() -> ExitCode {
    let Some(options) = options() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let sending = || -> Result<(), Box<dyn Error>> {
        let config = RuntimeConfig {
            thread_name: "peer".to_owned(),
            ..RuntimeConfig::default()
        };
        let owner = RuntimeOwner::plan(config)?.build()?;
        let telemetry =
            rocketmq_observability::install_global(&TelemetryBootstrapConfig::default())?;
        let client = owner.root_context().component("client");
        let runtime =
            ClientRuntime::try_new(client, ClientRuntimeConfig::default(), telemetry.handle())?;
        owner.block_on(run(options, runtime))?;
        // An orderly end of the client takes seconds and changes nothing.
        std::process::exit(0)
    };
    match sending() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("rust-peer: {error}");
            ExitCode::FAILURE
        }
    }
}
