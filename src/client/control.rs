//! Requests outside the send path: routes, heartbeats, unregister. One connection per address,
//! apart from those that carry messages, so neither waits behind the other (R218).

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot, watch};

use crate::client::hooks::RpcHooks;
use crate::client::incoming::Incoming;
use crate::protocol::signature::Credentials;
use crate::protocol::{DecodeError, FrameLimits, HeaderView, RemotingCommand, SerializeType};
use crate::transport::connection::{ConnectionLimits, Request};
use crate::transport::driver::{Coalesce, DriverOptions};
use crate::transport::link::LinkOptions;
use crate::transport::{
    CloseReason, Entry, Handler, IoCounters, Link, LinkState, Nanos, Refusal, SocketOptions, Tls,
};

/// Requests one control connection holds at most.
const IN_FLIGHT: usize = 1024;

/// Why a control request got no answer.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// No connection.
    #[error("could not connect to {address}: {detail}")]
    Connect {
        /// `host:port`.
        address: String,
        /// The system's answer.
        detail: String,
    },
    /// Nothing came in time.
    #[error("no answer from {address} within {timeout:?}")]
    Timeout {
        /// `host:port`.
        address: String,
        /// The time given.
        timeout: Duration,
    },
    /// The connection broke first.
    #[error("connection to {address} lost: {detail}")]
    Lost {
        /// `host:port`.
        address: String,
        /// How.
        detail: String,
    },
    /// An answer that can't be read.
    #[error("unreadable answer from {address}: {source}")]
    Reply {
        /// `host:port`.
        address: String,
        /// What is wrong with it.
        source: DecodeError,
    },
    /// Too many requests at once.
    #[error("too many requests to {address} at once")]
    Busy {
        /// `host:port`.
        address: String,
    },
}

enum Outcome {
    /// A oneway request has left.
    Written,
    Reply(Result<RemotingCommand, DecodeError>),
    Expired,
    Lost(String),
}

type Waiter = oneshot::Sender<Outcome>;

struct Waiters {
    address: String,
    ended: Vec<(Waiter, Outcome)>,
    incoming: Arc<Incoming>,
}

impl Handler<Waiter> for Waiters {
    fn reply(&mut self, entry: Entry<Waiter>, header: &HeaderView<'_>, body: &[u8], _at: Nanos) {
        let command = RemotingCommand::from_view(header, body);
        self.ended.push((entry.token, Outcome::Reply(command)));
    }

    fn written(&mut self, entry: Entry<Waiter>) {
        self.ended.push((entry.token, Outcome::Written));
    }

    fn expired(&mut self, entry: Entry<Waiter>, _at: Nanos) {
        self.ended.push((entry.token, Outcome::Expired));
    }

    fn lost(&mut self, entry: Entry<Waiter>, reason: &CloseReason, _at: Nanos) {
        self.ended
            .push((entry.token, Outcome::Lost(reason.to_string())));
    }

    fn late(&mut self, _header: &HeaderView<'_>) {}

    fn request(
        &mut self,
        header: &HeaderView<'_>,
        body: &[u8],
        _at: Nanos,
    ) -> Option<RemotingCommand> {
        self.incoming.request(&self.address, header, body)
    }

    fn round_end(&mut self, _at: Nanos) {
        for (waiter, outcome) in self.ended.drain(..) {
            // Whoever asked may have gone; then nobody misses the answer.
            drop(waiter.send(outcome));
        }
    }
}

/// Asks name servers and brokers; must be used on the instance's own runtime.
#[derive(Debug)]
pub struct Control {
    links: Mutex<HashMap<String, Arc<Link<Waiter>>>>,
    options: LinkOptions,
    form: SerializeType,
    credentials: Option<Credentials>,
    hooks: RpcHooks,
    incoming: Arc<Incoming>,
    returned: Arc<Returned>,
}

/// Addresses whose connection was lost and has been made again: the other side knows nothing of this
/// client any more.
#[derive(Debug, Default)]
struct Returned {
    addresses: Mutex<BTreeSet<String>>,
    /// Whoever introduces the client again.
    wake: Notify,
}

impl Returned {
    fn lock(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.addresses
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Follows a link until it is closed.
    async fn follow(
        self: Arc<Self>,
        address: String,
        mut state: watch::Receiver<LinkState<Waiter>>,
    ) {
        let is_up = |state: &LinkState<Waiter>| matches!(state, LinkState::Up(_));
        while state.wait_for(is_up).await.is_ok()
            && state.wait_for(|state| !is_up(state)).await.is_ok()
            && state.wait_for(is_up).await.is_ok()
        {
            self.lock().insert(address.clone());
            self.wake.notify_one();
        }
    }
}

impl Control {
    /// `form` is the header form of the requests, which `credentials` sign.
    #[must_use]
    pub fn new(
        connect_timeout: Duration,
        form: SerializeType,
        credentials: Option<Credentials>,
        tls: Option<Tls>,
    ) -> Self {
        let limits = ConnectionLimits {
            in_flight: IN_FLIGHT,
            out_bytes: 4 * 1024 * 1024,
        };
        let driver = DriverOptions {
            limits,
            frames: FrameLimits::default(),
            coalesce: Coalesce::Immediate,
            silence_timeout: Duration::from_secs(30),
            counters: Arc::new(IoCounters::default()),
        };
        let socket = SocketOptions::default();
        let options = LinkOptions {
            connect_timeout,
            socket,
            tls,
            driver,
        };
        Self {
            links: Mutex::default(),
            options,
            form,
            credentials,
            hooks: RpcHooks::default(),
            incoming: Arc::default(),
            returned: Arc::default(),
        }
    }

    /// Told when [`Control::take_returned`] has something.
    pub(super) fn returned(&self) -> &Notify {
        &self.returned.wake
    }

    /// Addresses whose connection was made again since the last call.
    pub(super) fn take_returned(&self) -> BTreeSet<String> {
        std::mem::take(&mut *self.returned.lock())
    }

    /// The same with hooks that see every request and its answer (R184).
    #[must_use]
    pub fn with_hooks(mut self, hooks: RpcHooks) -> Self {
        self.hooks = hooks;
        self
    }

    pub(super) fn hooks(&self) -> &RpcHooks {
        &self.hooks
    }

    /// What the other sides ask.
    pub(super) fn incoming(&self) -> &Incoming {
        &self.incoming
    }

    fn link(&self, address: &str) -> Arc<Link<Waiter>> {
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        let link = links.entry(address.to_owned()).or_insert_with(|| {
            let handler = Waiters {
                address: address.to_owned(),
                ended: Vec::new(),
                incoming: Arc::clone(&self.incoming),
            };
            let options = self.options.clone();
            let link = Link::open(address, handler, options, &Handle::current());
            let returned = Arc::clone(&self.returned);
            tokio::spawn(returned.follow(address.to_owned(), link.watch()));
            Arc::new(link)
        });
        Arc::clone(link)
    }

    /// Closes the connections to all other addresses (R178).
    pub fn retain(&self, keep: impl Fn(&str) -> bool) {
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        links.retain(|address, _| keep(address));
    }

    /// Sends a request and waits for its answer, whatever the answer's code.
    ///
    /// # Errors
    /// [`ControlError`].
    ///
    /// # Cancel safety
    /// Safe; the answer is then dropped.
    pub async fn request(
        &self,
        address: &str,
        command: RemotingCommand,
        timeout: Duration,
    ) -> Result<RemotingCommand, ControlError> {
        let address = address.to_owned();
        let command = self.complete(&address, command);
        let shown = (!self.hooks.is_empty()).then(|| command.clone());
        match self.exchange(&address, command, timeout, false).await? {
            Outcome::Reply(Ok(reply)) => {
                if let Some(request) = shown {
                    self.hooks.after(&address, &request, &reply);
                }
                Ok(reply)
            }
            Outcome::Reply(Err(source)) => Err(ControlError::Reply { address, source }),
            Outcome::Expired | Outcome::Written => Err(ControlError::Timeout { address, timeout }),
            Outcome::Lost(detail) => Err(ControlError::Lost { address, detail }),
        }
    }

    /// Sends a request that has no answer; ends when the socket has taken it.
    ///
    /// # Errors
    /// [`ControlError`].
    ///
    /// # Cancel safety
    /// Safe; the request may leave or not.
    pub async fn oneway(
        &self,
        address: &str,
        command: RemotingCommand,
        timeout: Duration,
    ) -> Result<(), ControlError> {
        let command = self.complete(address, command);
        self.tell(address, command, timeout).await
    }

    /// The same for one that hooks have seen and that is signed.
    pub(super) async fn tell(
        &self,
        address: &str,
        command: RemotingCommand,
        timeout: Duration,
    ) -> Result<(), ControlError> {
        let address = address.to_owned();
        match self.exchange(&address, command, timeout, true).await? {
            Outcome::Written | Outcome::Reply(_) => Ok(()),
            Outcome::Expired => Err(ControlError::Timeout { address, timeout }),
            Outcome::Lost(detail) => Err(ControlError::Lost { address, detail }),
        }
    }

    /// What hooks add to a request, and its signature.
    fn complete(&self, address: &str, mut command: RemotingCommand) -> RemotingCommand {
        self.hooks.before(address, &mut command);
        if let Some(credentials) = &self.credentials {
            credentials.sign(&mut command);
        }
        command
    }

    async fn exchange(
        &self,
        address: &str,
        mut command: RemotingCommand,
        timeout: Duration,
        oneway: bool,
    ) -> Result<Outcome, ControlError> {
        let named = || address.to_owned();
        let closed = || ControlError::Lost {
            address: named(),
            detail: "closed".to_owned(),
        };
        let deadline = Nanos::now().plus(timeout);
        // Held until the answer: routes that no longer name the address close it only then.
        let link = self.link(address);
        let connected = link.ready(timeout).await;
        let connection = connected.map_err(|detail| ControlError::Connect {
            address: named(),
            detail,
        })?;
        let (waiter, answer) = oneshot::channel();
        let request = Request {
            token: waiter,
            deadline,
            oneway,
        };
        let form = self.form;
        let pushed = connection.batch().push(request, |_, opaque, out| {
            command.opaque = opaque;
            command.encode(form, out.copied());
        });
        match pushed {
            Ok(()) => answer.await.map_err(|_| closed()),
            Err((_, Refusal::Closed)) => Err(closed()),
            Err(_) => Err(ControlError::Busy { address: named() }),
        }
    }
}
