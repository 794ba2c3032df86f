//! Settings of the producer client (C1–C3), each with RocketMQ's default unless its line says why not.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use crate::client::compression::Compression;
use crate::client::error::ClientError;
use crate::client::trace::TraceConfig;
use crate::protocol::code::Language;
use crate::protocol::send::SendVersion;
use crate::protocol::signature::Credentials;
use crate::protocol::{FrameLimits, SerializeType};
use crate::transport::{
    Coalesce, ConnectionLimits, DriverOptions, IoCounters, LinkOptions, SocketOptions, Tls,
};

const MIB: usize = 1024 * 1024;

/// Everything a [`crate::client::ClientInstance`] needs; fixed once started (R251).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientConfig {
    /// Name servers as `host:port` (R17). At least one.
    pub namesrv: Vec<String>,
    /// Who the client says it is.
    pub identity: Identity,
    /// Prefix of topics and groups on the wire (C2.11, R35); `None`: the one the first name server's host
    /// tells (R39), normally none.
    pub namespace: Option<String>,
    /// Period of the route refresh (C2.7: 30 s).
    pub route_refresh: Duration,
    /// Period of the heartbeats (C2.8: 30 s).
    pub heartbeat: Duration,
    /// Budget of a route query, heartbeat or unregister request (C2.17: 3 s).
    pub api_timeout: Duration,
    /// How requests are written and connections behave.
    pub transport: TransportConfig,
    /// Signs every request, with what hooks have added to it (C1.33, R184); `None` for clusters without access control.
    pub credentials: Option<Credentials>,
    /// Which brokers to avoid, and for how long.
    pub fault: FaultConfig,
    /// Brokers that no queue is taken of, by name: to this client they are not there. A topic whose brokers are all
    /// among them cannot be sent to; see [`crate::client::ClientInstance::check_without`] for names nobody has.
    pub without: Vec<String>,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            namesrv: Vec::new(),
            identity: Identity::default(),
            namespace: None,
            route_refresh: Duration::from_secs(30),
            heartbeat: Duration::from_secs(30),
            api_timeout: Duration::from_secs(3),
            transport: TransportConfig::default(),
            credentials: None,
            fault: FaultConfig::default(),
            without: Vec::new(),
        }
    }
}

/// Who a client says it is: its id, `<IP>@<instance>[@<unit>]` (R10), and its unit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Identity {
    /// First part of the id (C2.2); `None`: the address this host has towards the first name server.
    /// Message ids keep that one.
    pub client_ip: Option<String>,
    /// Second part of the id (C2.3); `None` makes `<pid>#<start stamp>` (R9).
    pub instance_name: Option<String>,
    /// Third part of the id (C2.4).
    pub unit_name: Option<String>,
    /// What sends say of the client's unit (C2.5, R167): topics brokers make for them are marked as a unit's.
    pub unit_mode: bool,
}

/// How requests are written and connections behave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransportConfig {
    /// Header form of requests; binary is far cheaper and every broker reads it (R221).
    pub header: SerializeType,
    /// Language written into requests (R18); `OTHER` suits servers before 4.9.4.
    pub language: Language,
    /// Sends and administration go to the port 2 below the broker's (C2.14, R157); heartbeats, pulls and
    /// ends of transactions do not.
    pub vip_channel: bool,
    /// Longest connection set-up (C3.1: 3 s).
    pub connect_timeout: Duration,
    /// Connections per broker and sender (R218: 1 as in Java).
    pub connections_per_broker: usize,
    /// Encrypts every connection, those to name servers too (C2.15).
    pub tls: Option<Tls>,
    /// SO_SNDBUF in bytes; `None` leaves it to the system (C3.3).
    pub send_buffer: Option<usize>,
    /// SO_RCVBUF in bytes; `None` leaves it to the system (C3.4).
    pub receive_buffer: Option<usize>,
    /// Time answers by the kernel's receive stamps where it gives them. Costs a few calls more when
    /// answers come one by one.
    pub receive_stamps: bool,
    /// Bodies of at least this many bytes are not copied but handed to `writev` (zero-copy pays
    /// from 4 KiB on).
    pub zero_copy_bytes: usize,
    /// Most bytes waiting in one connection's out buffer before sends are refused locally.
    pub max_out_bytes: usize,
    /// Close a connection that owes answers and has been silent this long (R238: 10 s).
    pub silence_timeout: Duration,
}

impl Default for TransportConfig {
    fn default() -> Self {
        Self {
            header: SerializeType::Binary,
            language: Language::RUST,
            vip_channel: false,
            connect_timeout: Duration::from_secs(3),
            connections_per_broker: 1,
            tls: None,
            send_buffer: None,
            receive_buffer: None,
            receive_stamps: false,
            zero_copy_bytes: 4096,
            max_out_bytes: 64 * 1024 * 1024,
            silence_timeout: Duration::from_secs(10),
        }
    }
}

impl TransportConfig {
    /// Where a broker at this address takes messages (R157).
    #[must_use]
    pub fn send_address<'a>(&self, address: &'a str) -> Cow<'a, str> {
        let vip = |(host, port): (&str, &str)| {
            let port = port
                .parse::<u16>()
                .ok()?
                .checked_sub(2)
                .filter(|port| *port > 0)?;
            Some(format!("{host}:{port}"))
        };
        let reached = address.rsplit_once(':').filter(|_| self.vip_channel);
        reached
            .and_then(vip)
            .map_or(Cow::Borrowed(address), Cow::Owned)
    }

    /// How connections to brokers are made, for a sender with this many requests in flight on each.
    #[must_use]
    pub fn broker_links(
        &self,
        in_flight: usize,
        coalesce: Coalesce,
        counters: Arc<IoCounters>,
    ) -> LinkOptions {
        LinkOptions {
            connect_timeout: self.connect_timeout,
            socket: SocketOptions {
                send_buffer: self.send_buffer,
                receive_buffer: self.receive_buffer,
                receive_stamps: self.receive_stamps,
            },
            tls: self.tls.clone(),
            driver: DriverOptions {
                limits: ConnectionLimits {
                    in_flight,
                    out_bytes: self.max_out_bytes,
                },
                frames: FrameLimits::default(),
                coalesce,
                silence_timeout: self.silence_timeout,
                counters,
            },
        }
    }
}

/// Settings of the sends of one producer group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendConfig {
    /// Producer group (R7).
    pub group: String,
    /// Budget of one send over all its attempts (C1.5: 3 s).
    pub timeout: Duration,
    /// Longest single attempt while another one is possible; `None`: what is left of the budget
    /// (C1.6, R148).
    pub attempt_timeout: Option<Duration>,
    /// Further attempts after the first (C1.7, C1.8: 2).
    pub retries: u32,
    /// Broker codes a sync send retries on (C1.10).
    pub retry_codes: Vec<i32>,
    /// Largest body in bytes (C1.14: 4 MiB).
    pub max_message_bytes: usize,
    /// How bodies are compressed (C1.11, C1.12, C1.13: zlib at level 5 from 4 KiB on); `None`: not at all.
    pub compression: Option<Compression>,
    /// Topic whose settings an unknown topic inherits (C1.3).
    pub create_topic_key: String,
    /// Most queues per broker of an auto-created topic (C1.4: 4).
    pub default_topic_queues: u32,
    /// Names of the header fields (C2.29: the short ones).
    pub version: SendVersion,
    /// Order in which queues are taken.
    pub queue_order: QueueOrder,
    /// Limits sends in progress further than [`BackPressure::MOST`] does (C1.19: Java's default is not to).
    pub back_pressure: Option<BackPressure>,
    /// Has sends traced, by a producer and threads of the trace's own (C1.28); `None`: they are not.
    pub trace: Option<TraceConfig>,
}

impl Default for SendConfig {
    fn default() -> Self {
        Self {
            group: "rmq_bench_producer".to_owned(),
            timeout: Duration::from_secs(3),
            attempt_timeout: None,
            retries: 2,
            retry_codes: vec![17, 14, 1, 2, 16, 204, 205, 1500],
            max_message_bytes: 4 * 1024 * 1024,
            compression: Some(Compression::default()),
            create_topic_key: "TBW102".to_owned(),
            default_topic_queues: 4,
            version: SendVersion::V2,
            queue_order: QueueOrder::Interleaved,
            back_pressure: None,
            trace: None,
        }
    }
}

/// Limits on the sends of a producer that have begun and not ended; beyond them a send waits for room,
/// within its own timeout (R189, R190). The default is that of RocketMQ's own client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackPressure {
    /// Sends, 10 to 65,536 (C1.20: 1,024).
    pub messages: usize,
    /// Bytes of their bodies, 1 MiB to 100 GiB (C1.21: 100 MiB). A larger body goes alone.
    pub bytes: usize,
}

impl BackPressure {
    /// The limits where none are set (R230).
    pub const MOST: Self = Self {
        messages: 65_536,
        bytes: 100 * MIB,
    };

    /// # Errors
    /// [`ClientError::Illegal`] for limits out of range.
    pub(super) fn check(&self) -> Result<(), ClientError> {
        let most = Self::MOST.messages;
        let reason = if !(10..=most).contains(&self.messages) {
            format!("{} messages; it takes 10 to {most}", self.messages)
        } else if !(MIB..=100 * 1024 * MIB).contains(&self.bytes) {
            format!("{} bytes; it takes 1 MiB to 100 GiB", self.bytes)
        } else {
            return Ok(());
        };
        Err(ClientError::Illegal {
            what: "back_pressure",
            reason,
        })
    }
}

impl Default for BackPressure {
    fn default() -> Self {
        Self {
            messages: 1024,
            ..Self::MOST
        }
    }
}

/// Order of the publish list (R112, R241).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum QueueOrder {
    /// Queue 0 of all brokers, then queue 1, …: even load from the first messages on.
    #[default]
    Interleaved,
    /// All queues of one broker before the next one, as Java orders them.
    ByBroker,
}

/// Latency-aware fault avoidance (R121–R132).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultConfig {
    /// Whether brokers are avoided at all. Java's default is off; ours is on, and reported.
    pub enabled: bool,
    /// Which generation of RocketMQ's strategy decides.
    pub generation: FaultGeneration,
    /// Latency classes and how long each keeps a broker out; ascending by latency (C1.17, C1.18).
    pub table: Vec<FaultClass>,
    /// Probes brokers that could not be reached, which stay away until one or a send is answered (R131);
    /// of 5.x only. Java's default is none (C2.21).
    pub detector: Option<DetectorConfig>,
}

impl FaultConfig {
    /// The detector, unless the rest of the settings leaves it without effect.
    #[must_use]
    pub fn running_detector(&self) -> Option<&DetectorConfig> {
        let wanted = self.enabled && self.generation == FaultGeneration::V5;
        self.detector.as_ref().filter(|_| wanted)
    }
}

/// How brokers that could not be reached are probed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DetectorConfig {
    /// Longest wait for the answer to a probe, its connection included (C2.18: 200 ms).
    pub timeout: Duration,
    /// Time between the probes of a broker (C2.19: 2 s).
    pub interval: Duration,
}

impl Default for DetectorConfig {
    fn default() -> Self {
        Self {
            timeout: Duration::from_millis(200),
            interval: Duration::from_secs(2),
        }
    }
}

impl Default for FaultConfig {
    fn default() -> Self {
        let generation = FaultGeneration::V5;
        Self {
            enabled: true,
            generation,
            table: generation.default_table(),
            detector: None,
        }
    }
}

/// Generations of RocketMQ's fault strategy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultGeneration {
    /// 4.x: each result replaces the isolation; a fast success ends it (R125, R128).
    V4,
    /// 5.x: isolation is only extended; a reachable flag decides among the isolated (R126, R129).
    V5,
}

impl FaultGeneration {
    /// The generation's own table (R121, R122).
    #[must_use]
    pub fn default_table(self) -> Vec<FaultClass> {
        const LATENCY_V4: [u64; 7] = [50, 100, 550, 1000, 2000, 3000, 15_000];
        const AVOID_V4: [u64; 7] = [0, 0, 30_000, 60_000, 120_000, 180_000, 600_000];
        const LATENCY_V5: [u64; 7] = [50, 100, 550, 1800, 3000, 5000, 15_000];
        const AVOID_V5: [u64; 7] = [0, 0, 2000, 5000, 6000, 10_000, 30_000];
        let (latency, avoid) = match self {
            Self::V4 => (LATENCY_V4, AVOID_V4),
            Self::V5 => (LATENCY_V5, AVOID_V5),
        };
        latency
            .into_iter()
            .zip(avoid)
            .map(|(latency, avoid)| FaultClass {
                latency: Duration::from_millis(latency),
                avoid: Duration::from_millis(avoid),
            })
            .collect()
    }

    /// The latency a failure counts as (R121, R122).
    #[must_use]
    pub fn failure_latency(self) -> Duration {
        match self {
            Self::V4 => Duration::from_secs(30),
            Self::V5 => Duration::from_secs(10),
        }
    }
}

/// One row of the fault table: a latency of at least this keeps the broker out for so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaultClass {
    /// Smallest latency of the class.
    pub latency: Duration,
    /// How long the broker is avoided.
    pub avoid: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R157.
    #[test]
    fn the_vip_channel_is_two_ports_below() {
        let reached = |vip_channel, address: &str| {
            let config = TransportConfig {
                vip_channel,
                ..TransportConfig::default()
            };
            config.send_address(address).into_owned()
        };
        for (address, vip) in [
            ("10.0.0.1:10911", "10.0.0.1:10909"),
            ("[::1]:10911", "[::1]:10909"),
            ("host:1", "host:1"),
            ("nothing", "nothing"),
        ] {
            assert_eq!(reached(true, address), vip);
            assert_eq!(reached(false, address), address);
        }
        assert!(!TransportConfig::default().vip_channel);
    }
}
