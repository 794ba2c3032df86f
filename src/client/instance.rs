//! The client instance: one per process or run, shared by all senders. It owns the routes, the
//! fault table, the name server list and the periodic tasks, on a thread of its own.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinSet;

use crate::client::broker_table::{BrokerId, BrokerTable, KnownBroker};
use crate::client::checks::{Asked, CheckConfig, Checks, TransactionChecker};
use crate::client::config::{ClientConfig, Identity, QueueOrder, SendConfig};
use crate::client::control::{Control, ControlError};
use crate::client::detector;
use crate::client::error::ClientError;
use crate::client::fault::FaultTable;
use crate::client::hooks::{Hooks, RpcHooks};
use crate::client::maintenance;
use crate::client::namespace::Namespace;
use crate::client::namesrv::{self, Namesrv, RouteAnswer};
use crate::client::request::pending::PendingRequests;
use crate::client::topic::Topic;
use crate::client::validate;
use crate::protocol::RemotingCommand;
use crate::protocol::message_id::UniquePrefix;
use crate::transport::Nanos;
use crate::transport::clock::wall_millis;

/// Longest wait for the brokers' answers when leaving (R253).
const UNREGISTER_TIMEOUT: Duration = Duration::from_secs(1);
/// The topic whose route unknown topics borrow (R104).
const DEFAULT_TOPIC: &str = "TBW102";

/// States of a producer or instance (R1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceState {
    /// Made, not started.
    CreateJust,
    /// Started.
    Running,
    /// Start failed.
    StartFailed,
    /// Stopped; can't be started again.
    ShutdownAlready,
}

impl ServiceState {
    /// Name as in RocketMQ.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CreateJust => "CREATE_JUST",
            Self::Running => "RUNNING",
            Self::StartFailed => "START_FAILED",
            Self::ShutdownAlready => "SHUTDOWN_ALREADY",
        }
    }
}

/// What senders and periodic tasks share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) config: ClientConfig,
    pub(super) client_id: String,
    pub(super) namespace: Namespace,
    /// The IPv4 address this host is known by; part of message ids and, unless told otherwise, of the
    /// client id.
    pub(super) address: Ipv4Addr,
    pub(super) control: Control,
    pub(super) namesrv: Namesrv,
    pub(super) table: BrokerTable,
    pub(super) faults: FaultTable,
    pub(super) topics: Mutex<HashMap<String, (Arc<Topic>, u32)>>,
    pub(super) groups: Mutex<BTreeSet<String>>,
    /// Wakes the periodic task: a topic is new, or there is trouble.
    pub(super) wake: Notify,
    /// A broker is gone, or does not know a topic.
    pub(super) trouble: AtomicBool,
    /// Addresses that had a heartbeat.
    greeted: Mutex<BTreeSet<String>>,
}

impl Shared {
    pub(super) fn topics(&self) -> Vec<(Arc<Topic>, u32)> {
        let topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        topics.values().cloned().collect()
    }

    fn greeted(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.greeted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Addresses of a topic's brokers that had no heartbeat yet.
    fn ungreeted(&self, topic: &str) -> BTreeSet<String> {
        let greeted = self.greeted();
        let topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        let route = topics.get(topic).and_then(|(topic, _)| topic.route());
        let brokers = route.iter().flat_map(|route| &route.brokers);
        let addresses = brokers.filter_map(|broker| broker.address.clone());
        addresses
            .filter(|address| !greeted.contains(address))
            .collect()
    }

    pub(super) fn groups(&self) -> Vec<String> {
        let groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        groups.iter().cloned().collect()
    }

    /// Asks for a topic's route and, while it has none of its own, for the default topic's (R100).
    pub(super) async fn refresh_topic(&self, topic: &Topic, most: u32) -> Result<(), ClientError> {
        let timeout = self.config.api_timeout;
        let answer = self
            .namesrv
            .route(&self.control, topic.name(), timeout)
            .await?;
        let unknown = answer == RouteAnswer::NoSuchTopic;
        topic.apply(answer, &self.table);
        if unknown && topic.wants_default() {
            let answer = self
                .namesrv
                .route(&self.control, DEFAULT_TOPIC, timeout)
                .await?;
            if let RouteAnswer::Found(raw) = answer {
                topic.apply_default(raw, most, &self.table);
            }
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Thread {
    handle: Handle,
    stop: oneshot::Sender<()>,
    join: std::thread::JoinHandle<()>,
}

#[derive(Debug)]
struct Lifecycle {
    state: ServiceState,
    thread: Option<Thread>,
}

/// See the module.
#[derive(Debug)]
pub struct ClientInstance {
    shared: Arc<Shared>,
    lifecycle: Mutex<Lifecycle>,
    senders: AtomicU32,
}

impl ClientInstance {
    /// Checks the settings; nothing is connected yet.
    ///
    /// # Errors
    /// [`ClientError::Illegal`] without name servers.
    pub fn new(config: ClientConfig) -> Result<Self, ClientError> {
        Self::with_hooks(config, RpcHooks::default())
    }

    /// The same with hooks that see its requests, routes and heartbeats, and their responses (R184).
    ///
    /// # Errors
    /// As [`ClientInstance::new`].
    pub fn with_hooks(mut config: ClientConfig, hooks: RpcHooks) -> Result<Self, ClientError> {
        if config.namesrv.is_empty() {
            let reason = "no name server given; set it, or NAMESRV_ADDR".to_owned();
            return Err(ClientError::Illegal {
                what: "namesrv",
                reason,
            });
        }
        for address in &mut config.namesrv {
            *address = namesrv::without_scheme(address).to_owned();
        }
        let namespace = Namespace::of(&config)?;
        let stamp = wall_millis();
        let address = local_address(&config.namesrv);
        let client_id = client_id(&config.identity, address, stamp)?;
        let start = usize::try_from(stamp % 999).unwrap_or(0);
        let shared = Shared {
            client_id,
            namespace,
            address,
            control: Control::new(
                config.transport.connect_timeout,
                config.transport.header,
                config.credentials.clone(),
                config.transport.tls.clone(),
            )
            .with_hooks(hooks),
            namesrv: Namesrv::new(config.namesrv.clone(), start),
            table: BrokerTable::default(),
            faults: FaultTable::new(config.fault.clone()),
            topics: Mutex::default(),
            groups: Mutex::default(),
            wake: Notify::new(),
            trouble: AtomicBool::new(false),
            greeted: Mutex::default(),
            config,
        };
        let lifecycle = Lifecycle {
            state: ServiceState::CreateJust,
            thread: None,
        };
        Ok(Self {
            shared: Arc::new(shared),
            lifecycle: Mutex::new(lifecycle),
            senders: AtomicU32::new(0),
        })
    }

    /// Starts the thread with the periodic tasks (R15, R16).
    ///
    /// # Errors
    /// [`ClientError::State`] unless just made (R3); [`ClientError::Connect`] when the system
    /// gives no thread.
    pub fn start(&self) -> Result<(), ClientError> {
        let mut lifecycle = self.lock();
        if lifecycle.state != ServiceState::CreateJust {
            return Err(ClientError::State {
                state: lifecycle.state.name(),
                hint: "an instance is started once; make a new one",
            });
        }
        lifecycle.state = ServiceState::StartFailed;
        lifecycle.thread = Some(spawn_thread(Arc::clone(&self.shared))?);
        lifecycle.state = ServiceState::Running;
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Lifecycle> {
        self.lifecycle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The state.
    #[must_use]
    pub fn state(&self) -> ServiceState {
        self.lock().state
    }

    fn running(&self) -> Result<Handle, ClientError> {
        let lifecycle = self.lock();
        match (&lifecycle.thread, lifecycle.state) {
            (Some(thread), ServiceState::Running) => Ok(thread.handle.clone()),
            (_, state) => Err(ClientError::State {
                state: state.name(),
                hint: "start it first",
            }),
        }
    }

    /// `<ip>@<instance>[@<unit>]` (R10).
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.shared.client_id
    }

    /// The namespace of its topics and groups.
    #[must_use]
    pub fn namespace(&self) -> &Namespace {
        &self.shared.namespace
    }

    /// The address this host is known by.
    #[must_use]
    pub fn address(&self) -> Ipv4Addr {
        self.shared.address
    }

    /// The hooks that see requests.
    #[must_use]
    pub fn hooks(&self) -> &RpcHooks {
        self.shared.control.hooks()
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &ClientConfig {
        &self.shared.config
    }

    /// Takes another list of name servers (`host:port`) from the next request on, unless it is empty or has
    /// the same members (R96); whether it did. What [`ClientInstance::config`] says stays.
    pub fn replace_namesrv(&self, mut addresses: Vec<String>) -> bool {
        for address in &mut addresses {
            *address = namesrv::without_scheme(address).to_owned();
        }
        let replaced = self.shared.namesrv.replace(addresses);
        if replaced {
            // Connections to those that left are closed then.
            self.shared.wake.notify_one();
        }
        replaced
    }

    /// The fault table.
    #[must_use]
    pub fn faults(&self) -> &FaultTable {
        &self.shared.faults
    }

    /// Every broker met so far, indexed by [`crate::client::BrokerId`].
    #[must_use]
    pub fn brokers(&self) -> Vec<KnownBroker> {
        self.shared.table.all()
    }

    /// Enters a producer group of the client's namespace into the heartbeats (R37); a group may be entered
    /// once (R13).
    ///
    /// # Errors
    /// [`ClientError::Illegal`].
    pub fn register_group(&self, group: &str) -> Result<(), ClientError> {
        let group = self.shared.namespace.wrap(group);
        validate::group(&group)?;
        let mut groups = self
            .shared
            .groups
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if groups.insert(group.to_string()) {
            return Ok(());
        }
        let reason = format!("{group} is registered already in this client instance");
        Err(ClientError::Illegal {
            what: "group",
            reason,
        })
    }

    /// Takes a group out of the heartbeats.
    pub fn unregister_group(&self, group: &str) {
        self.shared
            .groups
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&*self.shared.namespace.wrap(group));
    }

    /// Has `checker` answer the brokers' checks of this group's transactions (R73, R74); what answered
    /// them before is asked no more. `hooks` are told of the ends.
    ///
    /// # Errors
    /// [`ClientError::State`] unless started.
    pub fn check_transactions(
        &self,
        group: &str,
        checker: Arc<dyn TransactionChecker>,
        config: CheckConfig,
        hooks: Option<Arc<Hooks>>,
    ) -> Result<Arc<Checks>, ClientError> {
        let handle = self.running()?;
        let (checks, waiting) = Checks::new(config);
        let asked = Arc::new(Asked {
            waiting: tokio::sync::Mutex::new(waiting),
            checker,
            hooks,
        });
        for _ in 0..config.workers.max(1) {
            let (shared, asked) = (Arc::clone(&self.shared), Arc::clone(&asked));
            handle.spawn(Arc::clone(&checks).work(asked, shared));
        }
        let incoming = self.shared.control.incoming();
        let group = self.shared.namespace.wrap(group);
        incoming.register(&group, Arc::clone(&checks));
        Ok(checks)
    }

    /// The topic of this name in the client's namespace (R35), with its route, looked up if it is not known
    /// yet (R100).
    ///
    /// # Errors
    /// [`ClientError::Namesrv`], [`ClientError::NoRoute`], [`ClientError::NotWritable`].
    ///
    /// # Cancel safety
    /// Safe; the lookup goes on.
    pub async fn topic(&self, name: &str, send: &SendConfig) -> Result<Arc<Topic>, ClientError> {
        let name = self.shared.namespace.wrap(name);
        validate::topic(&name)?;
        self.running()?;
        let topic = self.entry(&name, send.queue_order, send.default_topic_queues);
        if topic.route().is_some() {
            return Ok(topic);
        }
        let most = send.default_topic_queues;
        self.on_thread(|shared| async move {
            let _one = topic.query.lock().await;
            if topic.route().is_none() {
                shared.refresh_topic(&topic, most).await?;
            }
            if topic.route().is_none() {
                return Err(topic.problem());
            }
            // New brokers get their first heartbeat right away (R254).
            shared.wake.notify_one();
            Ok(Arc::clone(&topic))
        })
        .await?
    }

    /// Checks that every broker to be left out ([`ClientConfig::without`]) is one of these topics', as a name that
    /// nobody has would leave out nothing.
    ///
    /// # Errors
    /// [`ClientError::Illegal`] with the names there are.
    pub fn check_without(&self, topics: &[Arc<Topic>]) -> Result<(), ClientError> {
        let routes: Vec<_> = topics.iter().filter_map(|topic| topic.route()).collect();
        let left_out: BTreeSet<&str> = routes
            .iter()
            .flat_map(|route| route.left_out.iter().map(String::as_str))
            .collect();
        let mut without = self.shared.config.without.iter();
        let Some(unknown) = without.find(|name| !left_out.contains(name.as_str())) else {
            return Ok(());
        };
        let brokers = routes.iter().flat_map(|route| &route.brokers);
        let mut known = left_out.clone();
        known.extend(brokers.map(|broker| broker.name.as_str()));
        let known: Vec<&str> = known.into_iter().collect();
        let topics: Vec<&str> = topics.iter().map(|topic| topic.name()).collect();
        Err(ClientError::Illegal {
            what: "without",
            reason: format!(
                "{unknown} has no queue of {}; brokers that have are {}",
                topics.join(", "),
                known.join(", ")
            ),
        })
    }

    /// Does `work` on the instance's thread, where its connections live; to its end, even if nobody waits
    /// for it any more.
    pub(super) async fn on_thread<T, W>(
        &self,
        work: impl FnOnce(Arc<Shared>) -> W,
    ) -> Result<T, ClientError>
    where
        T: Send + 'static,
        W: Future<Output = T> + Send + 'static,
    {
        let work = self.running()?.spawn(work(Arc::clone(&self.shared)));
        work.await.map_err(|_| shut_down_meanwhile())
    }

    fn entry(&self, name: &str, order: QueueOrder, most: u32) -> Arc<Topic> {
        let mut topics = self
            .shared
            .topics
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let entry = topics.entry(name.to_owned());
        let (topic, _) = entry.or_insert_with(|| {
            let without = self.shared.config.without.as_slice().into();
            (Arc::new(Topic::new(name, order, without)), most)
        });
        Arc::clone(topic)
    }

    /// Asks a broker something outside the send path; its answer may be a refusal.
    ///
    /// # Errors
    /// [`ControlError`]; closed, unless the instance runs.
    ///
    /// # Cancel safety
    /// Safe; the answer is dropped then.
    pub(super) async fn ask(
        &self,
        address: &str,
        command: RemotingCommand,
        timeout: Duration,
    ) -> Result<RemotingCommand, ControlError> {
        let closed = || ControlError::Lost {
            address: address.to_owned(),
            detail: "the client is shut down".to_owned(),
        };
        let handle = self.running().map_err(|_| closed())?;
        let (shared, to) = (Arc::clone(&self.shared), address.to_owned());
        let asked =
            handle.spawn(async move { shared.control.request(&to, command, timeout).await });
        asked.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Hands a signed oneway request that nobody waits for to the connection that carries a broker's
    /// heartbeats; whether there is such a broker.
    pub(super) fn tell(&self, broker: BrokerId, command: RemotingCommand) -> bool {
        let known = self.brokers().into_iter().nth(broker.index());
        let address = known.and_then(|known| known.address);
        let (Some(address), Ok(handle)) = (address, self.running()) else {
            return false;
        };
        let shared = Arc::clone(&self.shared);
        handle.spawn(async move {
            let timeout = shared.config.api_timeout;
            if let Err(error) = shared.control.tell(&address, command, timeout).await {
                tracing::info!(%error, "not told");
            }
        });
        true
    }

    /// Requests of this client that wait for their answers.
    #[must_use]
    pub fn pending_requests(&self) -> &Arc<PendingRequests> {
        self.shared.control.incoming().replies()
    }

    /// Waits until the brokers of a topic have had a heartbeat of this client, or failed to answer one
    /// (R77): only then do they push answers to it.
    ///
    /// # Cancel safety
    /// Safe; the heartbeats go on.
    pub async fn greet(&self, topic: &str) {
        let Ok(handle) = self.running() else { return };
        let shared = Arc::clone(&self.shared);
        let new = shared.ungreeted(&shared.namespace.wrap(topic));
        if new.is_empty() {
            return;
        }
        let greeting = handle.spawn(async move {
            maintenance::heartbeat(&shared, &new).await;
            shared.greeted().extend(new);
        });
        drop(greeting.await);
    }

    /// Asks for a route refresh soon: a broker is gone, or does not know the topic.
    pub fn refresh_soon(&self) {
        if !self.shared.trouble.swap(true, Ordering::Relaxed) {
            self.shared.wake.notify_one();
        }
    }

    /// The constant part of a sender's message ids; different for each call (R223).
    #[must_use]
    pub fn id_prefix(&self) -> UniquePrefix {
        let sender = self.senders.fetch_add(1, Ordering::Relaxed);
        let random: u32 = rand::random();
        // The sender's number in the low bits keeps senders of one process apart for certain.
        let discriminator = (random & 0xffff_0000) | (sender & 0xffff);
        UniquePrefix::new(self.shared.address, std::process::id(), discriminator)
    }

    /// CPU time used by the instance's thread so far; zero when it does not run.
    pub async fn cpu_time(&self) -> Duration {
        let Ok(handle) = self.running() else {
            return Duration::ZERO;
        };
        handle
            .spawn(async { thread_cpu_time() })
            .await
            .unwrap_or_default()
    }

    /// Leaves all brokers and stops the thread; safe to call in any state (R20).
    pub async fn shutdown(&self) {
        let thread = {
            let mut lifecycle = self.lock();
            if lifecycle.state == ServiceState::Running {
                lifecycle.state = ServiceState::ShutdownAlready;
            }
            lifecycle.thread.take()
        };
        let Some(thread) = thread else { return };
        let shared = Arc::clone(&self.shared);
        let leave = thread.handle.spawn(async move {
            let leaving = maintenance::unregister_everywhere(&shared);
            drop(tokio::time::timeout(UNREGISTER_TIMEOUT, leaving).await);
        });
        drop(leave.await);
        // The thread may have ended already; then there is nobody to tell.
        let _ = thread.stop.send(());
        let joined = tokio::task::spawn_blocking(move || thread.join.join()).await;
        if !matches!(joined, Ok(Ok(()))) {
            tracing::warn!("the client's thread ended with a panic");
        }
    }
}

/// What is told to whoever still waits.
pub(super) fn shut_down_meanwhile() -> ClientError {
    ClientError::State {
        state: ServiceState::ShutdownAlready.name(),
        hint: "the instance was shut down meanwhile",
    }
}

/// CPU time of the calling thread.
#[must_use]
pub fn thread_cpu_time() -> Duration {
    let clock = nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID;
    nix::time::clock_gettime(clock)
        .map(Duration::from)
        .unwrap_or_default()
}

/// The parts of the id (R9, R10), joined.
fn client_id(identity: &Identity, address: Ipv4Addr, stamp: u64) -> Result<String, ClientError> {
    let instance = || format!("{}#{stamp}{}", std::process::id(), Nanos::now().0);
    let ip = identity.client_ip.clone();
    let name = identity.instance_name.clone();
    let parts = [
        ("client IP", Some(ip.unwrap_or_else(|| address.to_string()))),
        ("instance name", Some(name.unwrap_or_else(instance))),
        ("unit name", identity.unit_name.clone()),
    ];
    let mut id = Vec::new();
    for (what, part) in parts {
        if let Some(part) = part {
            validate::id_part(what, &part)?;
            id.push(part);
        }
    }
    Ok(id.join("@"))
}

/// The address the system would use towards the first name server; nothing is sent.
fn local_address(namesrv: &[String]) -> Ipv4Addr {
    let literal = namesrv
        .iter()
        .find_map(|address| address.parse::<SocketAddr>().ok());
    let target = literal.unwrap_or(SocketAddr::from(([192, 0, 2, 1], 9876)));
    let probe = || {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
        socket.connect(target).ok()?;
        match socket.local_addr().ok()?.ip() {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => None,
        }
    };
    probe().unwrap_or(Ipv4Addr::LOCALHOST)
}

fn spawn_thread(shared: Arc<Shared>) -> Result<Thread, ClientError> {
    let failed = |detail: String| ClientError::Connect {
        target: "client thread".into(),
        detail,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| failed(error.to_string()))?;
    let handle = runtime.handle().clone();
    let (stop, stopped) = oneshot::channel();
    let join = std::thread::Builder::new()
        .name("rmq-client".to_owned())
        .spawn(move || {
            runtime.block_on(async move {
                // They end with the set.
                let mut tasks = JoinSet::new();
                if let Some(config) = shared.faults.detector().copied() {
                    tasks.spawn(detector::run(Arc::clone(&shared), config));
                }
                tasks.spawn(maintenance::run(shared));
                drop(stopped.await);
            });
        })
        .map_err(|error| failed(error.to_string()))?;
    Ok(Thread { handle, stop, join })
}
