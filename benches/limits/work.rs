//! What every client is given, and how it is measured.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use nix::time::{ClockId, clock_gettime};
use rmq_bench::client::{ClientConfig, ClientInstance, SendConfig};
use rmq_bench::transport::clock::wall_millis;
use serde_json::json;

pub(crate) const TOPIC: &str = "BenchmarkTest";

pub(crate) struct Work {
    pub(crate) namesrv: String,
    pub(crate) in_flight: usize,
    pub(crate) body_bytes: usize,
    pub(crate) slice: Slice,
}

impl Work {
    pub(crate) fn client(&self, avoidance: bool) -> ClientConfig {
        let mut config = ClientConfig {
            namesrv: vec![self.namesrv.clone()],
            ..ClientConfig::default()
        };
        config.fault.enabled = avoidance;
        config
    }

    pub(crate) fn body(&self) -> Bytes {
        Bytes::from(vec![b'x'; self.body_bytes])
    }

    /// Addresses of the masters, as the route names them.
    pub(crate) fn brokers(&self) -> Vec<SocketAddr> {
        self.masters()
            .into_iter()
            .map(|broker| broker.address)
            .collect()
    }

    /// The masters with their names and queues.
    pub(crate) fn masters(&self) -> Vec<Broker> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let instance = ClientInstance::new(self.client(false)).unwrap();
        runtime.block_on(async {
            let instance = std::sync::Arc::new(instance);
            instance.start().unwrap();
            let topic = instance.topic(TOPIC, &SendConfig::default()).await.unwrap();
            let route = topic.route().unwrap();
            let brokers = route
                .brokers
                .iter()
                .enumerate()
                .filter_map(|(slot, broker)| {
                    let queues = route.queues.iter().filter(|q| q.slot.index() == slot);
                    Some(Broker {
                        name: broker.name.clone(),
                        address: broker.address.as_ref()?.parse().unwrap(),
                        queues: queues.map(|queue| queue.queue_id).collect(),
                    })
                });
            let brokers = brokers.collect();
            instance.shutdown().await;
            brokers
        })
    }
}

pub(crate) struct Broker {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    pub(crate) queues: Vec<u32>,
}

#[derive(Clone, Copy)]
pub(crate) struct Slice {
    pub(crate) warmup: Duration,
    pub(crate) length: Duration,
}

/// Counts of a client at one moment.
#[derive(Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) messages: u64,
    pub(crate) writes: u64,
    pub(crate) reads: u64,
}

/// Takes the counts when the slice begins and when it ends.
pub(crate) struct Meter {
    slice: Slice,
    started: Instant,
    from: Option<(Instant, Duration, Counts)>,
}

/// What was done in the slice.
pub(crate) struct Used {
    /// Seconds since 1970.
    begin: f64,
    wall: Duration,
    cpu: Duration,
    counts: Counts,
}

impl Meter {
    pub(crate) fn start(slice: Slice) -> Self {
        Self {
            slice,
            started: Instant::now(),
            from: None,
        }
    }

    /// `Some` when the slice is over.
    pub(crate) fn look(&mut self, counts: Counts) -> Option<Used> {
        let now = Instant::now();
        let elapsed = now - self.started;
        match self.from {
            None if elapsed >= self.slice.warmup => {
                self.from = Some((now, cpu_time(), counts));
                None
            }
            Some((since, cpu, before)) if elapsed >= self.slice.warmup + self.slice.length => {
                let unix = Duration::from_millis(wall_millis());
                Some(Used {
                    begin: (unix - (now - since)).as_secs_f64(),
                    wall: now - since,
                    cpu: cpu_time() - cpu,
                    counts: Counts {
                        messages: counts.messages - before.messages,
                        writes: counts.writes - before.writes,
                        reads: counts.reads - before.reads,
                    },
                })
            }
            _ => None,
        }
    }
}

impl Used {
    pub(crate) fn json(&self) -> serde_json::Value {
        let messages = self.counts.messages as f64;
        json!({
            "begin": self.begin,
            "wall_s": self.wall.as_secs_f64(),
            "messages": self.counts.messages,
            "per_s": messages / self.wall.as_secs_f64(),
            "cpu_us_per_message": self.cpu.as_secs_f64() * 1e6 / messages,
            "cpu_percent": 100.0 * self.cpu.as_secs_f64() / self.wall.as_secs_f64(),
            "writes_per_message": self.counts.writes as f64 / messages,
            "reads_per_message": self.counts.reads as f64 / messages,
        })
    }
}

/// User and system time of the process, all its threads.
fn cpu_time() -> Duration {
    Duration::from(clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).unwrap())
}
