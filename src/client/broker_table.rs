//! Brokers the instance has met: a small number for each name, for as long as the process lives.

use std::sync::{Mutex, PoisonError};

/// Number of a broker within a client instance; dense from 0, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BrokerId(pub u16);

impl BrokerId {
    /// As an index.
    #[inline]
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// A broker as last seen in a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownBroker {
    /// Broker name.
    pub name: String,
    /// Address of its master (broker id 0), `host:port`.
    pub address: Option<String>,
    /// `MQVersion` of its last heartbeat answer.
    pub version: Option<i32>,
}

/// All brokers met so far.
#[derive(Debug, Default)]
pub struct BrokerTable {
    brokers: Mutex<Vec<KnownBroker>>,
}

impl BrokerTable {
    /// The number of a broker name, allotted at first sight. The 65,536th and later share the last
    /// number; no cluster has as many.
    pub fn id(&self, name: &str) -> BrokerId {
        self.with(|brokers| {
            let index = brokers
                .iter()
                .position(|broker| broker.name == name)
                .unwrap_or_else(|| {
                    brokers.push(KnownBroker {
                        name: name.to_owned(),
                        address: None,
                        version: None,
                    });
                    brokers.len() - 1
                });
            BrokerId(u16::try_from(index).unwrap_or(u16::MAX))
        })
    }

    /// Notes the master's address.
    pub fn set_address(&self, id: BrokerId, address: Option<&str>) {
        self.with(|brokers| {
            if let Some(broker) = brokers.get_mut(id.index()) {
                broker.address = address.map(str::to_owned);
            }
        });
    }

    /// Notes the version a broker at this address claims.
    pub fn set_version(&self, address: &str, version: i32) {
        self.with(|brokers| {
            for broker in brokers.iter_mut() {
                if broker.address.as_deref() == Some(address) {
                    broker.version = Some(version);
                }
            }
        });
    }

    /// Everything known, indexed by [`BrokerId`].
    #[must_use]
    pub fn all(&self) -> Vec<KnownBroker> {
        self.with(|brokers| brokers.clone())
    }

    fn with<R>(&self, f: impl FnOnce(&mut Vec<KnownBroker>) -> R) -> R {
        f(&mut self.brokers.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
