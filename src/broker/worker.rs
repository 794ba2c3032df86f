//! A thread of an embedded cluster: its runtime, its brokers, and perhaps the name server.

use std::io;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Instant;

use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::broker::behaviour::Behaviour;
use crate::broker::connection;
use crate::broker::namesrv::NameServer;
use crate::broker::port::Port;
use crate::broker::readers::Readers;
use crate::broker::spec::ClusterSpec;
use crate::broker::state::{BrokerState, SharedBroker};
use crate::broker::transactions::Transactions;

/// Polls between two looks at the sockets; tokio's 61 full reads of one busy connection would keep
/// the others waiting for milliseconds.
const EVENT_INTERVAL: u32 = 8;

/// What a thread is to serve; the listeners are bound already.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) spec: Arc<ClusterSpec>,
    pub(super) started: Instant,
    /// Brokers with their index in the cluster.
    pub(super) brokers: Vec<(usize, Arc<SharedBroker>, TcpListener)>,
    pub(super) namesrv: Option<(NameServer, std::net::SocketAddrV4, TcpListener)>,
}

/// Something to do on the thread that owns it.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) target: Target,
    pub(super) action: Action,
    /// Told when it is done.
    pub(super) done: SyncSender<io::Result<()>>,
}

/// Whom a command is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    NameServer,
    /// By index in the cluster.
    Broker(usize),
}

/// What can be done to a running broker; ports and connections also to the name server's.
#[derive(Debug, Clone)]
pub(super) enum Action {
    OpenPort,
    ClosePort,
    DropConnections,
    Pause(bool),
    SetBehaviour(Box<Behaviour>),
    CreateTopic {
        name: String,
        queues: u32,
        permission: i32,
    },
    DeleteTopic(String),
}

/// Runs until the sending side of `commands` is dropped. Says over `ready` whether it started.
pub(super) fn run(
    plan: Plan,
    mut commands: UnboundedReceiver<Command>,
    ready: &SyncSender<io::Result<()>>,
) {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .event_interval(EVENT_INTERVAL)
        .build_local(LocalOptions::default());
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            // The receiver waits for exactly one message.
            let _ = ready.send(Err(error));
            return;
        }
    };
    runtime.block_on(async {
        let mut worker = match Worker::start(plan) {
            Ok(worker) => worker,
            Err(error) => {
                let _ = ready.send(Err(error));
                return;
            }
        };
        let _ = ready.send(Ok(()));
        while let Some(command) = commands.recv().await {
            let result = worker.apply(command.target, command.action).await;
            // Nobody waiting for the result any more is fine.
            let _ = command.done.send(result);
        }
    });
}

#[derive(Debug)]
struct Worker {
    brokers: Vec<(usize, Rc<BrokerState>, Port)>,
    namesrv: Option<Port>,
}

impl Worker {
    fn start(plan: Plan) -> io::Result<Self> {
        let spec = &plan.spec;
        let mut brokers = Vec::new();
        for (index, shared, listener) in plan.brokers {
            let address = shared.address;
            let behaviour = spec.behaviour_of(index);
            let state = Rc::new(BrokerState::new(shared, spec, behaviour, plan.started));
            let serving = Rc::clone(&state);
            let port = Port::start(listener, address, move |stream, connections| {
                connections.spawn_local(connection::serve(stream, Rc::clone(&serving)));
            })?;
            tokio::task::spawn_local(Transactions::check(Rc::clone(&state)));
            tokio::task::spawn_local(Readers::expire(Rc::clone(&state)));
            brokers.push((index, state, port));
        }
        let namesrv = match plan.namesrv {
            None => None,
            Some((server, address, listener)) => {
                let server = Rc::new(server);
                let port = Port::start(listener, address, move |stream, connections| {
                    connections.spawn_local(Rc::clone(&server).serve(stream));
                })?;
                Some(port)
            }
        };
        Ok(Self { brokers, namesrv })
    }

    async fn apply(&mut self, target: Target, action: Action) -> io::Result<()> {
        let (state, port) = match target {
            Target::NameServer => (None, self.namesrv.as_mut()),
            Target::Broker(wanted) => {
                let found = self.brokers.iter_mut().find(|(index, ..)| *index == wanted);
                found.map_or((None, None), |(_, state, port)| {
                    (Some(&**state), Some(port))
                })
            }
        };
        let port = port.ok_or(io::ErrorKind::NotFound)?;
        match (action, state) {
            (Action::OpenPort, _) => port.open()?,
            (Action::ClosePort, _) => port.close().await,
            (Action::DropConnections, _) => port.drop_connections().await,
            (Action::Pause(paused), Some(state)) => state.pause(paused),
            (Action::SetBehaviour(behaviour), Some(state)) => state.set_behaviour(*behaviour),
            (
                Action::CreateTopic {
                    name,
                    queues,
                    permission,
                },
                Some(state),
            ) => {
                state.shared.topics.create(&name, queues, permission);
            }
            (Action::DeleteTopic(name), Some(state)) => state.shared.topics.delete(&name),
            (_, None) => return Err(io::ErrorKind::Unsupported.into()),
        }
        Ok(())
    }
}
