//! The way to one broker of the route: its connections, its rendered headers, what waits to leave.

use std::sync::Arc;

use tokio::sync::watch;

use crate::client::broker_table::BrokerId;
use crate::client::send::attempt::{Carrier, Outgoing};
use crate::client::send::templates::Templates;
use crate::transport::{Connection, LinkState};

/// One broker of the route, as this sender reaches it.
pub(super) struct Lane<C> {
    pub(super) broker: BrokerId,
    pub(super) name: Arc<str>,
    pub(super) address: Option<Arc<str>>,
    pub(super) links: Vec<Followed<C>>,
    pub(super) turn: usize,
    pub(super) templates: Templates,
    pub(super) staged: Vec<Outgoing<C>>,
}

pub(super) struct Followed<C> {
    pub(super) state: watch::Receiver<LinkState<Outgoing<C>>>,
    pub(super) connection: Option<Connection<Outgoing<C>>>,
    /// Its broker has been told which client it belongs to.
    pub(super) greeted: bool,
}

impl<C: Carrier> Lane<C> {
    pub(super) fn follow(&mut self) {
        for link in &mut self.links {
            if link.state.has_changed().unwrap_or(true) {
                link.greeted = false;
                link.connection = match &*link.state.borrow_and_update() {
                    LinkState::Up(connection) => Some(connection.clone()),
                    LinkState::Connecting | LinkState::Down { .. } => None,
                };
            }
        }
    }

    /// The next connection that is up.
    #[inline]
    pub(super) fn connection(&mut self) -> Option<&Connection<Outgoing<C>>> {
        let count = self.links.len();
        let turn = self.turn;
        let up = (0..count)
            .map(|step| (turn + step) % count.max(1))
            .find(|index| {
                self.links
                    .get(*index)
                    .is_some_and(|link| link.connection.is_some())
            })?;
        self.turn = up + 1;
        self.links.get(up)?.connection.as_ref()
    }
}
