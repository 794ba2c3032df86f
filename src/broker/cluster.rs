//! The handle of an embedded cluster: starts it, changes it while it runs, stops it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::sync_channel;
use std::thread::{Builder, JoinHandle};
use std::time::Instant;

use thiserror::Error;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::broker::behaviour::Behaviour;
use crate::broker::counts::{Counter, StoredCounts};
use crate::broker::namesrv::NameServer;
use crate::broker::spec::{ClusterSpec, StartError};
use crate::broker::state::SharedBroker;
use crate::broker::worker::{self, Action, Command, Plan, Target};
use crate::protocol::route::MAX_QUEUES;

/// A running name server with brokers, on threads of its own; dropping it stops them.
///
/// Whatever a method changes is in force when it returns. The methods block for a moment and may be
/// called from any thread, also from inside a runtime.
#[derive(Debug)]
pub struct EmbeddedCluster {
    namesrv: SocketAddrV4,
    brokers: Arc<[Arc<SharedBroker>]>,
    route_queries: Arc<Counter>,
    threads: Vec<Thread>,
}

/// A broker of an embedded cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerInfo {
    /// `broker-0` and so on.
    pub name: String,
    /// `ip:port`.
    pub address: String,
}

/// Why a running cluster was not changed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ControlError {
    /// The cluster has fewer brokers.
    #[error("the embedded cluster has no broker {0}")]
    NoSuchBroker(usize),
    /// A topic of so many queues is not possible.
    #[error("{0} queues are not possible, 1 to {MAX_QUEUES} are")]
    IllegalQueues(u32),
    /// A port could not be opened again.
    #[error("embedded cluster")]
    Io(#[from] io::Error),
    /// A thread of the cluster has died.
    #[error("the embedded cluster has stopped")]
    Stopped,
}

#[derive(Debug)]
struct Thread {
    /// `None` once the thread is told to end.
    commands: Option<UnboundedSender<Command>>,
    join: Option<JoinHandle<()>>,
}

impl EmbeddedCluster {
    /// Opens all ports and starts the threads.
    ///
    /// # Errors
    /// [`StartError`]; a port in use is named.
    pub fn start(spec: ClusterSpec) -> Result<Self, StartError> {
        spec.check()?;
        let mut listeners = Vec::new();
        for index in 0..spec.brokers {
            let offset = u16::try_from(index).unwrap_or(u16::MAX);
            let port = match spec.broker_port {
                0 => 0,
                first => first.saturating_add(offset),
            };
            let name = format!("broker-{index}");
            let (listener, address) = listen(&name, spec.bind, port)?;
            listeners.push((SharedBroker::new(name, address, &spec), listener));
        }
        let (namesrv_listener, namesrv) = listen("name server", spec.bind, spec.namesrv_port)?;
        let (brokers, listeners): (Vec<_>, Vec<_>) = listeners
            .into_iter()
            .map(|(shared, listener)| (Arc::new(shared), listener))
            .unzip();
        let mut cluster = Self {
            namesrv,
            brokers: brokers.into(),
            route_queries: Arc::default(),
            threads: Vec::new(),
        };
        let server = NameServer {
            brokers: Arc::clone(&cluster.brokers),
            reply_form: spec.reply_form,
            route_queries: Arc::clone(&cluster.route_queries),
        };
        let threads = spec.threads.clamp(1, spec.brokers);
        let (spec, started) = (Arc::new(spec), Instant::now());
        let mut plans: Vec<Plan> = (0..threads)
            .map(|_| Plan {
                spec: Arc::clone(&spec),
                started,
                brokers: Vec::new(),
                namesrv: None,
            })
            .collect();
        for (index, listener) in listeners.into_iter().enumerate() {
            if let (Some(plan), Some(shared)) = (
                plans.get_mut(index % threads),
                cluster.brokers.get(index).map(Arc::clone),
            ) {
                plan.brokers.push((index, shared, listener));
            }
        }
        if let Some(first) = plans.first_mut() {
            first.namesrv = Some((server, namesrv, namesrv_listener));
        }
        for (index, plan) in plans.into_iter().enumerate() {
            let thread = Thread::start(index, plan).map_err(StartError::Thread)?;
            cluster.threads.push(thread);
        }
        Ok(cluster)
    }

    /// `ip:port` of the name server.
    #[must_use]
    pub fn namesrv_address(&self) -> String {
        self.namesrv.to_string()
    }

    /// The brokers, in order.
    #[must_use]
    pub fn brokers(&self) -> Vec<BrokerInfo> {
        self.brokers
            .iter()
            .map(|broker| BrokerInfo {
                name: broker.name.clone(),
                address: broker.address.to_string(),
            })
            .collect()
    }

    /// What has arrived so far. Waits for nothing the brokers are doing.
    #[must_use]
    pub fn stored(&self) -> StoredCounts {
        StoredCounts {
            brokers: self.brokers.iter().map(|broker| broker.counts()).collect(),
            route_queries: self.route_queries.get(),
        }
    }

    /// Replaces a broker's behaviour and starts its count of messages anew. Replies that are held
    /// already leave when they would have, and no later one of their connection overtakes them.
    ///
    /// # Errors
    /// [`ControlError`]
    pub fn set_behaviour(&self, broker: usize, behaviour: Behaviour) -> Result<(), ControlError> {
        self.tell(broker, Action::SetBehaviour(Box::new(behaviour)))
    }

    /// Closes a broker's listener and all its connections; it stays in the routes.
    ///
    /// # Errors
    /// [`ControlError`]
    pub fn close_port(&self, broker: usize) -> Result<(), ControlError> {
        self.tell(broker, Action::ClosePort)
    }

    /// Opens a broker's listener again, at the same port.
    ///
    /// # Errors
    /// [`ControlError`], among others if another process has taken the port.
    pub fn open_port(&self, broker: usize) -> Result<(), ControlError> {
        self.tell(broker, Action::OpenPort)
    }

    /// Closes a broker's connections; new ones are accepted.
    ///
    /// # Errors
    /// [`ControlError`]
    pub fn drop_connections(&self, broker: usize) -> Result<(), ControlError> {
        self.tell(broker, Action::DropConnections)
    }

    /// Lets a broker read and answer nothing, as a process stopped by a signal: connections stay up
    /// and the system takes in what fits its buffers.
    ///
    /// # Errors
    /// [`ControlError`]
    pub fn pause(&self, broker: usize) -> Result<(), ControlError> {
        self.tell(broker, Action::Pause(true))
    }

    /// Ends a pause; all that waited is handled.
    ///
    /// # Errors
    /// [`ControlError`]
    pub fn resume(&self, broker: usize) -> Result<(), ControlError> {
        self.tell(broker, Action::Pause(false))
    }

    /// Closes the name server's listener and connections.
    ///
    /// # Errors
    /// [`ControlError`]
    pub fn close_namesrv(&self) -> Result<(), ControlError> {
        self.send(0, Target::NameServer, Action::ClosePort)
    }

    /// Opens the name server's listener again, at the same port.
    ///
    /// # Errors
    /// [`ControlError`], among others if another process has taken the port.
    pub fn open_namesrv(&self) -> Result<(), ControlError> {
        self.send(0, Target::NameServer, Action::OpenPort)
    }

    /// Takes a broker out of all routes; it goes on serving.
    ///
    /// # Errors
    /// [`ControlError::NoSuchBroker`]
    pub fn unregister(&self, broker: usize) -> Result<(), ControlError> {
        self.set_registered(broker, false)
    }

    /// Puts a broker into the routes again.
    ///
    /// # Errors
    /// [`ControlError::NoSuchBroker`]
    pub fn register(&self, broker: usize) -> Result<(), ControlError> {
        self.set_registered(broker, true)
    }

    fn set_registered(&self, broker: usize, registered: bool) -> Result<(), ControlError> {
        let shared = self
            .brokers
            .get(broker)
            .ok_or(ControlError::NoSuchBroker(broker))?;
        shared.registered.store(registered, Ordering::Relaxed);
        Ok(())
    }

    /// Creates a topic on all brokers, or changes it; queues that remain keep their messages.
    /// `permission` has the bits of [`crate::protocol::route::permission`].
    ///
    /// # Errors
    /// [`ControlError`]
    pub fn create_topic(
        &self,
        name: &str,
        queues: u32,
        permission: i32,
    ) -> Result<(), ControlError> {
        if !(1..=MAX_QUEUES).contains(&queues) {
            return Err(ControlError::IllegalQueues(queues));
        }
        self.tell_all(&Action::CreateTopic {
            name: name.to_owned(),
            queues,
            permission,
        })
    }

    /// Deletes a topic and its messages on all brokers; the next send may create it anew.
    ///
    /// # Errors
    /// [`ControlError`]
    pub fn delete_topic(&self, name: &str) -> Result<(), ControlError> {
        self.tell_all(&Action::DeleteTopic(name.to_owned()))
    }

    /// Changes what may be done with a topic, on all brokers that have it.
    pub fn set_permission(&self, topic: &str, permission: i32) {
        for broker in self.brokers.iter() {
            broker.topics.set_permission(topic, permission);
        }
    }

    fn tell_all(&self, action: &Action) -> Result<(), ControlError> {
        (0..self.brokers.len()).try_for_each(|broker| self.tell(broker, action.clone()))
    }

    fn tell(&self, broker: usize, action: Action) -> Result<(), ControlError> {
        if broker >= self.brokers.len() {
            return Err(ControlError::NoSuchBroker(broker));
        }
        let thread = broker % self.threads.len();
        self.send(thread, Target::Broker(broker), action)
    }

    fn send(&self, thread: usize, target: Target, action: Action) -> Result<(), ControlError> {
        let (done, result) = sync_channel(1);
        let command = Command {
            target,
            action,
            done,
        };
        let commands = self
            .threads
            .get(thread)
            .and_then(|thread| thread.commands.as_ref())
            .ok_or(ControlError::Stopped)?;
        commands.send(command).map_err(|_| ControlError::Stopped)?;
        Ok(result.recv().map_err(|_| ControlError::Stopped)??)
    }
}

impl Thread {
    fn start(index: usize, plan: Plan) -> io::Result<Self> {
        let (commands, receiver) = unbounded_channel();
        let (ready, started) = sync_channel(1);
        let join = Builder::new()
            .name(format!("embedded-{index}"))
            .spawn(move || worker::run(plan, receiver, &ready))?;
        let thread = Self {
            commands: Some(commands),
            join: Some(join),
        };
        started
            .recv()
            .map_err(|_| io::Error::other("the thread died while starting"))??;
        Ok(thread)
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.commands = None;
        if let Some(join) = self.join.take()
            && join.join().is_err()
        {
            tracing::error!("a thread of the embedded cluster has panicked");
        }
    }
}

/// Binds on the caller's thread, so that a port in use is known before anything is started.
fn listen(
    what: &str,
    bind: Ipv4Addr,
    port: u16,
) -> Result<(TcpListener, SocketAddrV4), StartError> {
    let address = SocketAddrV4::new(bind, port);
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::AddrInUse => StartError::PortInUse {
            what: what.to_owned(),
            address,
        },
        _ => StartError::Listen {
            what: what.to_owned(),
            address,
            source,
        },
    };
    let listener = TcpListener::bind(address).map_err(failed)?;
    match listener.local_addr().map_err(failed)? {
        SocketAddr::V4(bound) => Ok((listener, bound)),
        SocketAddr::V6(_) => Err(failed(io::ErrorKind::Unsupported.into())),
    }
}
