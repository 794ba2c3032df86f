//! What an embedded cluster is made of.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};

use thiserror::Error;

use crate::broker::behaviour::Behaviour;
use crate::protocol::SerializeType;
use crate::protocol::route::MAX_QUEUES;
use crate::protocol::signature::Credentials;

/// How an embedded cluster is laid out; fixed once it runs, except for behaviour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterSpec {
    /// Brokers, named `broker-0` and so on. At least 1.
    pub brokers: usize,
    /// Queues per broker of the topics that exist from the start, and most queues of a topic made
    /// automatically. 1 to 65,536.
    pub queues: u32,
    /// Whether a send to an unknown topic creates it (R105).
    pub auto_create_topic: bool,
    /// Port of the name server; 0 lets the system choose.
    pub namesrv_port: u16,
    /// Port of the first broker, the others take the ones that follow; 0 lets the system choose.
    pub broker_port: u16,
    /// Address all ports are bound to, and the one routes name.
    pub bind: Ipv4Addr,
    /// How the headers of replies are written.
    pub reply_form: ReplyForm,
    /// Largest message body taken, in bytes.
    pub max_message_bytes: usize,
    /// Bytes of messages each broker keeps to be viewed, queried and found by time, the newest; 0 keeps none.
    pub kept_bytes: usize,
    /// Behaviour of all brokers at the start.
    pub behaviour: Behaviour,
    /// Behaviour of single brokers (by index) instead of the common one.
    pub per_broker: Vec<(usize, Behaviour)>,
    /// Threads the brokers are spread over; never more than brokers.
    pub threads: usize,
    /// The account whose signature every request to a broker must have.
    pub account: Option<Credentials>,
}

impl Default for ClusterSpec {
    /// Two well-behaved brokers on loopback, all on one thread: the other core of a small machine
    /// belongs to the generator.
    fn default() -> Self {
        Self {
            brokers: 2,
            queues: 8,
            auto_create_topic: true,
            namesrv_port: 0,
            broker_port: 0,
            bind: Ipv4Addr::LOCALHOST,
            reply_form: ReplyForm::default(),
            max_message_bytes: 4 * 1024 * 1024,
            kept_bytes: 0,
            behaviour: Behaviour::default(),
            per_broker: Vec::new(),
            threads: 1,
            account: None,
        }
    }
}

impl ClusterSpec {
    /// With brokers of capacities in messages per second: none is no limit, one is that of each broker, more are of one
    /// broker after the other.
    #[must_use]
    pub fn with_capacities(mut self, per_s: &[u64]) -> Self {
        let with = |capacity_per_s| Behaviour {
            capacity_per_s,
            ..self.behaviour.clone()
        };
        let others = per_s.iter().enumerate().skip(1);
        self.per_broker = others
            .map(|(broker, per_s)| (broker, with(Some(*per_s))))
            .collect();
        self.behaviour = with(per_s.first().copied());
        self
    }

    /// # Errors
    /// [`StartError::IllegalSpec`] for counts out of range.
    pub(super) fn check(&self) -> Result<(), StartError> {
        let ports = usize::from(u16::MAX - self.broker_port) + 1;
        for (wrong, what) in [
            (self.brokers == 0, "brokers must be at least 1"),
            (
                self.broker_port != 0 && self.brokers > ports,
                "there are not enough ports for the brokers",
            ),
            (
                !(1..=MAX_QUEUES).contains(&self.queues),
                "queues must be 1 to 65536",
            ),
            (
                self.per_broker
                    .iter()
                    .any(|(index, _)| *index >= self.brokers),
                "a behaviour is meant for a broker that does not exist",
            ),
        ] {
            if wrong {
                return Err(StartError::IllegalSpec { what });
            }
        }
        Ok(())
    }

    /// The last override of a broker counts.
    pub(super) fn behaviour_of(&self, broker: usize) -> &Behaviour {
        self.per_broker
            .iter()
            .rev()
            .find(|(index, _)| *index == broker)
            .map_or(&self.behaviour, |(_, behaviour)| behaviour)
    }
}

/// How the headers of replies are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReplyForm {
    /// As the request came: servers 4.9.4 to 4.9.8.
    MirrorRequest,
    /// JSON whatever the request was: 5.x servers as shipped.
    #[default]
    Json,
    /// Binary whatever the request was: servers set to `ROCKETMQ`.
    Binary,
}

impl ReplyForm {
    /// The form of the reply to a request of this form.
    pub(super) fn of(self, request: SerializeType) -> SerializeType {
        match self {
            Self::MirrorRequest => request,
            Self::Json => SerializeType::Json,
            Self::Binary => SerializeType::Binary,
        }
    }
}

/// Why an embedded cluster did not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// The specification contradicts itself.
    #[error("embedded cluster: {what}")]
    IllegalSpec {
        /// What is wrong.
        what: &'static str,
    },
    /// Another process has the port.
    #[error("port {} for the embedded {what} is in use", address.port())]
    PortInUse {
        /// `name server` or the broker's name.
        what: String,
        /// The address wanted.
        address: SocketAddrV4,
    },
    /// The port can't be opened for another reason.
    #[error("cannot listen on {address} for the embedded {what}")]
    Listen {
        /// `name server` or the broker's name.
        what: String,
        /// The address wanted.
        address: SocketAddrV4,
        /// The system's reason.
        source: io::Error,
    },
    /// A thread or its runtime can't be made.
    #[error("cannot start a thread for the embedded cluster")]
    Thread(#[source] io::Error),
}
