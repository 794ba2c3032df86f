//! Links by address: several per broker if wished, each opened once and shared.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Handle;

use crate::transport::connection::Connection;
use crate::transport::driver::Handler;
use crate::transport::link::{Link, LinkOptions};

type OpenLink<T> = Box<dyn Fn(&str) -> Link<T> + Send + Sync>;
type Links<T> = HashMap<String, Vec<Arc<Link<T>>>>;

/// Opens links on one runtime and keeps them.
pub struct Pool<T> {
    links: Mutex<Links<T>>,
    keeps_all: AtomicBool,
    open: OpenLink<T>,
    per_address: usize,
}

impl<T> fmt::Debug for Pool<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("per_address", &self.per_address)
            .finish_non_exhaustive()
    }
}

impl<T: Send + 'static> Pool<T> {
    /// A pool with `per_address` links to each address (at least one); `handler` makes the handler
    /// of each.
    pub fn new<H: Handler<T> + 'static>(
        per_address: usize,
        options: LinkOptions,
        runtime: Handle,
        handler: impl Fn() -> H + Send + Sync + 'static,
    ) -> Self {
        let open = move |address: &str| Link::open(address, handler(), options.clone(), &runtime);
        Self::opening(per_address, open)
    }

    /// A pool whose links `open` makes, such as [`Link::over`] streams that are no sockets.
    pub fn opening(
        per_address: usize,
        open: impl Fn(&str) -> Link<T> + Send + Sync + 'static,
    ) -> Self {
        Self {
            links: Mutex::default(),
            keeps_all: AtomicBool::new(false),
            open: Box::new(open),
            per_address: per_address.max(1),
        }
    }

    /// The links to an address, opened at first use.
    #[must_use]
    pub fn links(&self, address: &str) -> Vec<Arc<Link<T>>> {
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        let open = || {
            (0..self.per_address)
                .map(|_| Arc::new((self.open)(address)))
                .collect()
        };
        links.entry(address.to_owned()).or_insert_with(open).clone()
    }

    /// Closes the links of brokers that left, once nothing is in flight on them.
    pub fn retain(&self, keep: impl Fn(&str) -> bool) {
        if self.keeps_all.load(Ordering::Relaxed) {
            return;
        }
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        links.retain(|address, links| {
            keep(address)
                || links
                    .iter()
                    .any(|link| link.connection().is_some_and(|c| c.in_flight() > 0))
        });
    }

    /// Closes every link; requests in flight are told.
    pub fn close(&self) {
        self.links
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// From now on links stay when their brokers leave: several senders share them, and none knows the brokers of
    /// the others.
    pub fn keep_all(&self) {
        self.keeps_all.store(true, Ordering::Relaxed);
    }

    /// Bytes submitted that no connection has begun to write.
    #[must_use]
    pub fn unwritten_bytes(&self) -> usize {
        let links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        let connections = links
            .values()
            .flatten()
            .filter_map(|link| link.connection());
        connections
            .map(|connection| connection.unwritten_bytes())
            .sum()
    }

    /// Every connection that is up.
    #[must_use]
    pub fn connections(&self) -> Vec<Connection<T>> {
        let links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        links
            .values()
            .flatten()
            .filter_map(|link| link.connection())
            .collect()
    }

    /// Number of links that are up.
    #[must_use]
    pub fn up(&self) -> usize {
        self.connections().len()
    }
}
