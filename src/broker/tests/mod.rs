//! The embedded cluster through its ports, with a blocking client made of the codec alone.

mod faults;
mod requests;
mod serving;

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::broker::{ClusterSpec, EmbeddedCluster};
use crate::protocol::frame::{FrameLimits, split};
use crate::protocol::route::TopicRoute;
use crate::protocol::{RemotingCommand, RequestCode, SerializeType};

/// Far beyond anything that passes; only a failing test waits that long.
const PATIENCE: Duration = Duration::from_secs(20);

fn one_broker() -> EmbeddedCluster {
    start(ClusterSpec {
        brokers: 1,
        ..ClusterSpec::default()
    })
}

fn start(spec: ClusterSpec) -> EmbeddedCluster {
    EmbeddedCluster::start(spec).unwrap()
}

struct Client {
    stream: TcpStream,
    input: Vec<u8>,
    opaque: i32,
}

impl Client {
    fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            input: Vec::new(),
            opaque: 0,
        }
    }

    fn of(cluster: &EmbeddedCluster, broker: usize) -> Self {
        Self::connect(&cluster.brokers()[broker].address)
    }

    fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Writes a request and returns its opaque.
    fn put(&mut self, mut command: RemotingCommand, form: SerializeType) -> i32 {
        self.opaque += 1;
        command.opaque = self.opaque;
        let mut bytes = Vec::new();
        command.encode(form, &mut bytes);
        self.write(&bytes);
        self.opaque
    }

    /// The next reply; `None` when the peer has closed.
    fn try_reply(&mut self) -> Option<RemotingCommand> {
        loop {
            if let Some(frame) = split(&self.input, FrameLimits::default()).unwrap() {
                let reply = RemotingCommand::decode(&frame).unwrap();
                let wire_bytes = frame.wire_bytes;
                self.input.drain(..wire_bytes);
                return Some(reply);
            }
            let mut chunk = [0; 64 * 1024];
            match self.stream.read(&mut chunk) {
                Ok(0) => return None,
                Ok(bytes) => self.input.extend_from_slice(&chunk[..bytes]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("no reply: {error}"),
            }
        }
    }

    fn reply(&mut self) -> RemotingCommand {
        self.try_reply().expect("the peer has closed")
    }

    /// One round trip in the binary form.
    fn ask(&mut self, command: RemotingCommand) -> RemotingCommand {
        let opaque = self.put(command, SerializeType::Binary);
        let reply = self.reply();
        assert_eq!((reply.opaque, reply.flag & 1), (opaque, 1));
        reply
    }

    fn send(&mut self, body: &'static str) -> RemotingCommand {
        self.ask(message().with_body(body))
    }
}

/// A send request to queue 0 of the benchmark topic, as a V2 producer writes it, without body.
fn message() -> RemotingCommand {
    message_to("BenchmarkTest", 0)
}

fn message_to(topic: &str, queue_id: i32) -> RemotingCommand {
    RemotingCommand::request(RequestCode::SEND_MESSAGE_V2)
        .with_field("a", "group")
        .with_field("b", topic)
        .with_field("c", "TBW102")
        .with_field("d", 4)
        .with_field("e", queue_id)
        .with_field("f", 0)
        .with_field("g", 1_700_000_000_000u64)
        .with_field("h", 0)
        .with_field("i", "UNIQ_KEY\u{1}KEY-1\u{2}TAGS\u{1}t\u{2}")
}

fn route_query(topic: &str) -> RemotingCommand {
    RemotingCommand::request(RequestCode::GET_ROUTEINFO_BY_TOPIC).with_field("topic", topic)
}

/// `None` when there is no route.
fn route(cluster: &EmbeddedCluster, topic: &str) -> Option<TopicRoute> {
    let reply = Client::connect(&cluster.namesrv_address()).ask(route_query(topic));
    match reply.code {
        0 => Some(TopicRoute::parse(&reply.body).unwrap()),
        17 => None,
        code => panic!("{code}"),
    }
}

/// Broker names of a route.
fn routed(cluster: &EmbeddedCluster, topic: &str) -> Vec<String> {
    let route = route(cluster, topic).unwrap_or_default();
    route
        .brokers
        .into_iter()
        .map(|broker| broker.broker_name)
        .collect()
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}
