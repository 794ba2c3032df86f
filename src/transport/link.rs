//! A connection that is kept up: connect, drive, back off, connect again.
//!
//! While a link is down, sends to it fail fast; connections reconnect, they never retry requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use std::{fmt, io};

use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::transport::clock::Nanos;
use crate::transport::connection::Connection;
use crate::transport::driver::{CloseReason, Driver, DriverOptions, Handler};
use crate::transport::receive::Receive;
use crate::transport::socket::{self, SocketOptions};
use crate::transport::tls::{Stream, Tls};

/// First wait after a failed connect (R237).
const BACKOFF_FIRST: Duration = Duration::from_millis(50);
/// A connection that lasted this long had been set up well.
const SETTLED_NS: u64 = 1_000_000_000;
/// Longest wait between connects (R237).
const BACKOFF_MOST: Duration = Duration::from_secs(1);

/// Calls and bytes of one or more connections; counted per call, not per message.
#[derive(Debug, Default)]
pub struct IoCounters {
    reads: AtomicU64,
    stamped_reads: AtomicU64,
    read_bytes: AtomicU64,
    writes: AtomicU64,
    written_bytes: AtomicU64,
    unknown_replies: AtomicU64,
    connects: AtomicU64,
}

/// A reading of [`IoCounters`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct IoCounts {
    /// Read calls that returned bytes or the end.
    pub reads: u64,
    /// Those of them that the kernel dated.
    pub stamped_reads: u64,
    /// Bytes read.
    pub read_bytes: u64,
    /// Write calls that took bytes.
    pub writes: u64,
    /// Bytes written.
    pub written_bytes: u64,
    /// Replies with an opaque never allotted.
    pub unknown_replies: u64,
    /// Connections that came up.
    pub connects: u64,
}

impl IoCounts {
    /// Whether the kernel dates what is read, save for a read now and then after the wall clock was set.
    #[must_use]
    pub fn are_stamped(&self) -> bool {
        self.stamped_reads > 0 && self.stamped_reads >= self.reads - self.reads / 64
    }

    /// What has been counted since an earlier reading.
    #[must_use]
    pub fn minus(self, earlier: Self) -> Self {
        Self {
            reads: self.reads.saturating_sub(earlier.reads),
            stamped_reads: self.stamped_reads.saturating_sub(earlier.stamped_reads),
            read_bytes: self.read_bytes.saturating_sub(earlier.read_bytes),
            writes: self.writes.saturating_sub(earlier.writes),
            written_bytes: self.written_bytes.saturating_sub(earlier.written_bytes),
            unknown_replies: self.unknown_replies.saturating_sub(earlier.unknown_replies),
            connects: self.connects.saturating_sub(earlier.connects),
        }
    }
}

impl IoCounters {
    pub(super) fn read(&self, bytes: usize, stamped: bool) {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.stamped_reads
            .fetch_add(u64::from(stamped), Ordering::Relaxed);
        self.read_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn wrote(&self, bytes: usize) {
        self.writes.fetch_add(1, Ordering::Relaxed);
        self.written_bytes
            .fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn unknown_reply(&self) {
        self.unknown_replies.fetch_add(1, Ordering::Relaxed);
    }

    /// The counts so far.
    #[must_use]
    pub fn counts(&self) -> IoCounts {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        IoCounts {
            reads: get(&self.reads),
            stamped_reads: get(&self.stamped_reads),
            read_bytes: get(&self.read_bytes),
            writes: get(&self.writes),
            written_bytes: get(&self.written_bytes),
            unknown_replies: get(&self.unknown_replies),
            connects: get(&self.connects),
        }
    }
}

/// How a link is made.
#[derive(Debug, Clone)]
pub struct LinkOptions {
    /// Longest connection set-up.
    pub connect_timeout: Duration,
    /// Socket options.
    pub socket: SocketOptions,
    /// Encrypts the connection.
    pub tls: Option<Tls>,
    /// Driver options.
    pub driver: DriverOptions,
}

/// Where a link stands.
#[derive(Debug)]
pub enum LinkState<T> {
    /// Connecting for the first time.
    Connecting,
    /// Connected.
    Up(Connection<T>),
    /// Not connected; trying again.
    Down {
        /// Why, as text for people.
        why: Arc<str>,
        /// Since when.
        since: Nanos,
    },
}

impl<T> Clone for LinkState<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Connecting => Self::Connecting,
            Self::Up(connection) => Self::Up(connection.clone()),
            Self::Down { why, since } => Self::Down {
                why: Arc::clone(why),
                since: *since,
            },
        }
    }
}

/// A connection that is kept up until the link is dropped.
pub struct Link<T> {
    address: Arc<str>,
    state: watch::Receiver<LinkState<T>>,
    /// Dropping it tells the supervisor to stop.
    _stop: watch::Sender<()>,
    /// The sending side of `state`, where there is no supervisor to keep it.
    _kept: Option<watch::Sender<LinkState<T>>>,
}

impl<T> fmt::Debug for Link<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl<T: Send + 'static> Link<T> {
    /// Starts connecting to `host:port` on the given runtime.
    pub fn open<H: Handler<T> + 'static>(
        address: &str,
        handler: H,
        options: LinkOptions,
        runtime: &Handle,
    ) -> Self {
        let address: Arc<str> = address.into();
        let (state_tx, state) = watch::channel(LinkState::Connecting);
        let (stop, stopped) = watch::channel(());
        let supervisor = Supervisor {
            address: Arc::clone(&address),
            state: state_tx,
            stopped,
            options,
        };
        runtime.spawn(supervisor.run(handler));
        Self {
            address,
            state,
            _stop: stop,
            _kept: None,
        }
    }

    /// A link over a stream that is there already, driven on the given runtime until one side ends
    /// it, and never made again: what benches measure without a network.
    pub fn over<S, H>(
        address: &str,
        stream: S,
        handler: H,
        options: DriverOptions,
        runtime: &Handle,
    ) -> Self
    where
        S: Receive + Send + 'static,
        H: Handler<T> + 'static,
    {
        let (stop, mut stopped) = watch::channel(());
        let (connection, mut driver) = {
            let _entered = runtime.enter();
            Driver::new(stream, handler, options)
        };
        let (kept, state) = watch::channel(LinkState::Up(connection));
        runtime.spawn(async move {
            let stopped = tokio::select! {
                _ = driver.run() => false,
                _ = stopped.changed() => true,
            };
            if stopped {
                driver.close(&CloseReason::Local);
            }
        });
        Self {
            address: address.into(),
            state,
            _stop: stop,
            _kept: Some(kept),
        }
    }

    /// The address.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The connection, if it is up right now.
    #[must_use]
    pub fn connection(&self) -> Option<Connection<T>> {
        match &*self.state.borrow() {
            LinkState::Up(connection) => Some(connection.clone()),
            _ => None,
        }
    }

    /// Follows the state of the link.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<LinkState<T>> {
        self.state.clone()
    }

    /// Waits until the link is up or an attempt has failed, at most `timeout`.
    ///
    /// # Errors
    /// Why there is no connection, as text for people.
    ///
    /// # Cancel safety
    /// Safe; the link goes on connecting.
    pub async fn ready(&self, timeout: Duration) -> Result<Connection<T>, String> {
        let mut state = self.state.clone();
        let settled = state.wait_for(|state| !matches!(state, LinkState::Connecting));
        match tokio::time::timeout(timeout, settled).await {
            Ok(Ok(state)) => match &*state {
                LinkState::Up(connection) => Ok(connection.clone()),
                LinkState::Down { why, .. } => Err(why.to_string()),
                LinkState::Connecting => Err("still connecting".to_owned()),
            },
            Ok(Err(_)) => Err("the link is closed".to_owned()),
            Err(_) => Err(format!("not connected within {timeout:?}")),
        }
    }
}

/// Connects to `host:port`, and shakes hands where connections are encrypted; each within the time given.
async fn connect(address: &str, options: &LinkOptions) -> io::Result<Stream> {
    let timeout = options.connect_timeout;
    let socket = socket::connect(address, timeout, &options.socket).await?;
    let Some(tls) = &options.tls else {
        return Ok(Stream::Plain(socket));
    };
    tokio::time::timeout(timeout, tls.over(address, socket))
        .await
        .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "no TLS handshake"))?
}

struct Supervisor<T> {
    address: Arc<str>,
    state: watch::Sender<LinkState<T>>,
    stopped: watch::Receiver<()>,
    options: LinkOptions,
}

impl<T: Send + 'static> Supervisor<T> {
    async fn run<H: Handler<T>>(mut self, mut handler: H) {
        let mut backoff = BACKOFF_FIRST;
        loop {
            let connected = tokio::select! {
                connected = connect(&self.address, &self.options) => connected,
                _ = self.stopped.changed() => return,
            };
            let why = match connected {
                Ok(stream) => {
                    self.options
                        .driver
                        .counters
                        .connects
                        .fetch_add(1, Ordering::Relaxed);
                    let up_since = Nanos::now();
                    let driver = self.options.driver.clone();
                    let (connection, mut driver) = Driver::new(stream, handler, driver);
                    self.state.send_replace(LinkState::Up(connection));
                    let reason = tokio::select! {
                        reason = driver.run() => Some(reason),
                        _ = self.stopped.changed() => None,
                    };
                    let Some(reason) = reason else {
                        driver.close(&CloseReason::Local);
                        return;
                    };
                    handler = driver.into_handler();
                    tracing::warn!(address = %self.address, %reason, "connection lost");
                    if Nanos::now().since(up_since) > SETTLED_NS {
                        // A connection that was good is made again at once; back-off is for
                        // set-ups that fail and peers that hang up (R237).
                        backoff = Duration::ZERO;
                    }
                    reason.to_string()
                }
                Err(error) => error.to_string(),
            };
            self.state.send_replace(LinkState::Down {
                why: why.into(),
                since: Nanos::now(),
            });
            tokio::select! {
                () = tokio::time::sleep(backoff) => {}
                _ = self.stopped.changed() => return,
            }
            backoff = (backoff * 2).clamp(BACKOFF_FIRST, BACKOFF_MOST);
        }
    }
}
