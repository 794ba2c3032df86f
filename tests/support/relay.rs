//! A port that hands on what it gets, and tells which requests went through it.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::spawn;

use rmq_bench::broker::{ClusterSpec, EmbeddedCluster};
use rmq_bench::protocol::frame::{FrameLimits, split};
use rmq_bench::protocol::{RemotingCommand, RequestCode};

/// Codes of the requests that went through, in their order.
#[derive(Clone, Default)]
pub(crate) struct Relay(Arc<Mutex<Vec<RequestCode>>>);

impl Relay {
    /// An embedded cluster of one broker, whose VIP channel this is.
    pub(crate) fn of_vip_channel(spec: &ClusterSpec) -> (EmbeddedCluster, Self) {
        for _ in 0..50 {
            let cluster = super::cluster(ClusterSpec {
                brokers: 1,
                ..spec.clone()
            });
            let broker: SocketAddr = cluster.brokers()[0].address.parse().unwrap();
            // The port may be somebody else's.
            if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, broker.port() - 2)) {
                let relay = Self::default();
                let codes = relay.clone();
                spawn(move || {
                    for stream in listener.incoming().map_while(Result::ok) {
                        codes.clone().hand_on(stream, broker);
                    }
                });
                return (cluster, relay);
            }
        }
        panic!("no two ports are free");
    }

    pub(crate) fn codes(&self) -> Vec<RequestCode> {
        self.0.lock().unwrap().clone()
    }

    fn hand_on(self, client: TcpStream, broker: SocketAddr) {
        let broker = TcpStream::connect(broker).unwrap();
        let (mut from, mut to) = (broker.try_clone().unwrap(), client.try_clone().unwrap());
        spawn(move || {
            let _ = std::io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Both);
        });
        spawn(move || self.listen(client, broker));
    }

    fn listen(self, mut from: TcpStream, mut to: TcpStream) {
        let (mut pending, mut buffer) = (Vec::new(), [0; 4096]);
        while let Ok(bytes @ 1..) = from.read(&mut buffer) {
            pending.extend_from_slice(&buffer[..bytes]);
            while let Some(frame) = split(&pending, FrameLimits::default()).unwrap() {
                let request = RemotingCommand::decode(&frame).unwrap();
                let whole = frame.wire_bytes;
                self.0.lock().unwrap().push(RequestCode(request.code));
                pending.drain(..whole);
            }
            if to.write_all(&buffer[..bytes]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    }
}
