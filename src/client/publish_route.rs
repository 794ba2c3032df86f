//! From a topic's route to the queues that may be written (R112–R114).

use std::num::NonZeroU16;
use std::sync::Arc;

use crate::client::broker_table::{BrokerId, BrokerTable};
use crate::client::config::QueueOrder;
use crate::client::message_queue::{MessageQueue, index_of};
use crate::protocol::route::TopicRoute;

/// One queue that may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct QueueRef {
    /// Its broker.
    pub broker: BrokerId,
    /// Position of the broker in [`PublishRoute::brokers`].
    pub slot: RouteSlot,
    /// Its number at the broker.
    pub queue_id: u32,
}

/// A position in [`PublishRoute::brokers`]; counted from one inside, so that a send carries `None` for
/// nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RouteSlot(NonZeroU16);

impl RouteSlot {
    /// `None` beyond 65,534.
    #[must_use]
    pub fn new(index: usize) -> Option<Self> {
        NonZeroU16::new(u16::try_from(index.checked_add(1)?).ok()?).map(Self)
    }

    /// The position, from 0.
    #[inline]
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0.get()) - 1
    }
}

/// A broker of a publish route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteBroker {
    /// Number of the broker.
    pub id: BrokerId,
    /// Its name.
    pub name: String,
    /// Address of its master; a broker named only by an order configuration may have none.
    pub address: Option<String>,
}

/// The writable queues of a topic, ready to pick from; never modified once made (R247).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishRoute {
    /// Brokers with at least one queue.
    pub brokers: Vec<RouteBroker>,
    /// Queues in the order they are taken.
    pub queues: Vec<QueueRef>,
    /// The same queues in Java's order (R112), from which selectors take them.
    pub selectable: Vec<QueueRef>,
    /// Whether an order configuration defined the queues.
    pub ordered: bool,
    /// Whether this is the default topic's route: the topic does not exist yet (R104).
    pub borrowed: bool,
    /// Brokers of the topic that were to be left out, by name; none of the others is one of them.
    pub left_out: Vec<String>,
}

/// Why a route gives no queue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoQueue {
    /// No entry has write permission.
    #[error("no broker allows writing (permissions: {permissions})")]
    NotWritable {
        /// `broker: permission` of each entry.
        permissions: String,
    },
    /// Writable entries exist, but none of their brokers has a master.
    #[error("no writable broker has a master (brokers: {brokers})")]
    NoMaster {
        /// Their names.
        brokers: String,
    },
    /// The order configuration can't be read.
    #[error("order configuration {text:?} is not broker:queues;…")]
    OrderConfiguration {
        /// As the name server gave it.
        text: String,
    },
    /// All brokers are to be left out.
    #[error("all of its brokers are left out ({brokers})")]
    LeftOut {
        /// Their names.
        brokers: String,
    },
    /// The route lists no queue at all.
    #[error("the route lists no queue")]
    Empty,
}

impl PublishRoute {
    /// Makes the publish list of a route, as if the brokers of `without` were not in it.
    ///
    /// # Errors
    /// [`NoQueue`] when nothing may be written.
    pub fn build(
        route: &TopicRoute,
        order: QueueOrder,
        without: &[String],
        table: &BrokerTable,
        borrowed: bool,
    ) -> Result<Self, NoQueue> {
        let order_conf = route
            .order_topic_conf
            .as_deref()
            .filter(|text| !text.trim().is_empty());
        let mut counts = match order_conf {
            Some(text) => ordered_counts(text)?,
            None => writable_counts(route)?,
        };
        let left_out = leave_out(&mut counts, route, without)?;
        let mut brokers = Vec::new();
        for (name, _) in &counts {
            let address = master_address(route, name);
            let id = table.id(name);
            table.set_address(id, address);
            brokers.push(RouteBroker {
                id,
                name: name.clone(),
                address: address.map(str::to_owned),
            });
        }
        let selectable = by_broker(&counts, &brokers);
        let queues = match (order_conf, order) {
            (None, QueueOrder::Interleaved) => interleaved(&counts, &brokers),
            _ => selectable.clone(),
        };
        if queues.is_empty() {
            return Err(NoQueue::Empty);
        }
        Ok(Self {
            brokers,
            queues,
            selectable,
            ordered: order_conf.is_some(),
            borrowed,
            left_out,
        })
    }
}

impl PublishRoute {
    /// The queue of a key's hash (R57).
    #[inline]
    #[must_use]
    pub fn by_hash(&self, hash: i32) -> Option<QueueRef> {
        let index = index_of(hash, self.selectable.len())?;
        self.selectable.get(index).copied()
    }

    /// The queue that users name so; also one the route does not list, of a broker it does.
    #[must_use]
    pub fn find(&self, queue: &MessageQueue) -> Option<QueueRef> {
        let named = |broker: &RouteBroker| broker.name == *queue.broker;
        let slot = self.brokers.iter().position(named)?;
        self::queue(&self.brokers, slot, queue.queue_id)
    }

    /// All queues, in the order selectors see them.
    pub fn message_queues(&self, topic: &Arc<str>) -> Vec<MessageQueue> {
        let named = |queue: &QueueRef| {
            let broker = self.brokers.get(queue.slot.index())?;
            Some(MessageQueue {
                topic: Arc::clone(topic),
                broker: broker.name.as_str().into(),
                queue_id: queue.queue_id,
            })
        };
        self.selectable.iter().filter_map(named).collect()
    }
}

fn master_address<'a>(route: &'a TopicRoute, name: &str) -> Option<&'a str> {
    route.broker(name)?.master()
}

/// R114: the configuration alone defines the queues.
fn ordered_counts(text: &str) -> Result<Vec<(String, u32)>, NoQueue> {
    let malformed = || NoQueue::OrderConfiguration {
        text: text.to_owned(),
    };
    let mut counts = Vec::new();
    for entry in text.split(';').filter(|entry| !entry.trim().is_empty()) {
        let (name, count) = entry.trim().split_once(':').ok_or_else(malformed)?;
        let count = count
            .parse()
            .ok()
            .filter(|count| *count <= 65_536)
            .ok_or_else(malformed)?;
        counts.push((name.to_owned(), count));
    }
    Ok(counts)
}

/// R113: write permission, a broker entry, a master.
fn writable_counts(route: &TopicRoute) -> Result<Vec<(String, u32)>, NoQueue> {
    let mut entries: Vec<_> = route.queues.iter().collect();
    entries.sort_by(|a, b| a.broker_name.cmp(&b.broker_name));
    let writable: Vec<_> = entries.iter().filter(|entry| entry.is_writable()).collect();
    let list = |names: Vec<String>| names.join(", ");
    if writable.is_empty() {
        if entries.is_empty() {
            return Err(NoQueue::Empty);
        }
        let permissions = entries
            .iter()
            .map(|entry| format!("{}: {}", entry.broker_name, entry.perm))
            .collect();
        return Err(NoQueue::NotWritable {
            permissions: list(permissions),
        });
    }
    let with_master: Vec<_> = writable
        .iter()
        .filter(|entry| master_address(route, &entry.broker_name).is_some())
        .map(|entry| (entry.broker_name.clone(), entry.write_queues))
        .collect();
    if with_master.is_empty() {
        let brokers = writable
            .iter()
            .map(|entry| entry.broker_name.clone())
            .collect();
        return Err(NoQueue::NoMaster {
            brokers: list(brokers),
        });
    }
    Ok(with_master)
}

/// Takes the queues of these brokers out; which of them the route names, with queues to write or without.
fn leave_out(
    counts: &mut Vec<(String, u32)>,
    route: &TopicRoute,
    without: &[String],
) -> Result<Vec<String>, NoQueue> {
    let named = |name: &&String| {
        let mut listed = route.queues.iter().map(|entry| &entry.broker_name);
        listed.any(|known| known == *name) || counts.iter().any(|(known, _)| known == *name)
    };
    let left_out: Vec<String> = without.iter().filter(named).cloned().collect();
    let some = !counts.is_empty();
    counts.retain(|(name, _)| !left_out.contains(name));
    if some && counts.is_empty() {
        return Err(NoQueue::LeftOut {
            brokers: left_out.join(", "),
        });
    }
    Ok(left_out)
}

fn queue(brokers: &[RouteBroker], slot: usize, queue_id: u32) -> Option<QueueRef> {
    let broker = brokers.get(slot)?.id;
    Some(QueueRef {
        broker,
        slot: RouteSlot::new(slot)?,
        queue_id,
    })
}

/// Queue 0 of every broker, then queue 1, … (R241).
fn interleaved(counts: &[(String, u32)], brokers: &[RouteBroker]) -> Vec<QueueRef> {
    let most = counts.iter().map(|(_, count)| *count).max().unwrap_or(0);
    (0..most)
        .flat_map(|queue_id| {
            counts
                .iter()
                .enumerate()
                .filter(move |(_, (_, count))| queue_id < *count)
                .filter_map(move |(slot, _)| queue(brokers, slot, queue_id))
        })
        .collect()
}

/// All queues of one broker, then the next one (R112).
fn by_broker(counts: &[(String, u32)], brokers: &[RouteBroker]) -> Vec<QueueRef> {
    counts
        .iter()
        .enumerate()
        .flat_map(|(slot, (_, count))| {
            (0..*count).filter_map(move |queue_id| queue(brokers, slot, queue_id))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::route::{BrokerData, QueueData};
    use std::collections::BTreeMap;

    fn route(queues: &[(&str, u32, i32)], masters: &[(&str, i64)]) -> TopicRoute {
        TopicRoute {
            order_topic_conf: None,
            queues: queues
                .iter()
                .map(|(name, count, perm)| QueueData {
                    broker_name: (*name).into(),
                    read_queues: *count,
                    write_queues: *count,
                    perm: *perm,
                    topic_sys_flag: 0,
                })
                .collect(),
            brokers: masters
                .iter()
                .map(|(name, id)| BrokerData {
                    cluster: "c".into(),
                    broker_name: (*name).into(),
                    addresses: BTreeMap::from([(*id, format!("{name}:10911"))]),
                })
                .collect(),
        }
    }

    fn names(route: &PublishRoute) -> Vec<(String, u32)> {
        let name = |queue: &QueueRef| route.brokers[queue.slot.index()].name.clone();
        route
            .queues
            .iter()
            .map(|queue| (name(queue), queue.queue_id))
            .collect()
    }

    fn build(route: &TopicRoute, order: QueueOrder) -> Result<PublishRoute, NoQueue> {
        PublishRoute::build(route, order, &[], &BrokerTable::default(), false)
    }

    fn pairs(text: &[(&str, u32)]) -> Vec<(String, u32)> {
        text.iter()
            .map(|(name, id)| ((*name).to_owned(), *id))
            .collect()
    }

    #[test]
    fn r112_r241_both_orders() {
        let route = route(&[("b2", 1, 6), ("b1", 2, 6)], &[("b1", 0), ("b2", 0)]);
        let java = build(&route, QueueOrder::ByBroker).unwrap();
        assert_eq!(names(&java), pairs(&[("b1", 0), ("b1", 1), ("b2", 0)]));
        let ours = build(&route, QueueOrder::Interleaved).unwrap();
        assert_eq!(names(&ours), pairs(&[("b1", 0), ("b2", 0), ("b1", 1)]));
    }

    #[test]
    fn r113_only_writable_queues_with_a_master() {
        // R117: a slave is never sent to.
        let mixed = route(
            &[("ro", 4, 4), ("slave", 4, 6), ("gone", 4, 6), ("ok", 1, 2)],
            &[("ro", 0), ("slave", 1), ("ok", 0)],
        );
        assert_eq!(
            names(&build(&mixed, QueueOrder::Interleaved).unwrap()),
            pairs(&[("ok", 0)])
        );
        let read_only = route(&[("ro", 4, 4)], &[("ro", 0)]);
        let error = build(&read_only, QueueOrder::Interleaved).unwrap_err();
        assert!(matches!(error, NoQueue::NotWritable { .. }), "{error}");
        let slave = route(&[("s", 4, 6)], &[("s", 1)]);
        assert!(matches!(
            build(&slave, QueueOrder::Interleaved),
            Err(NoQueue::NoMaster { .. })
        ));
    }

    #[test]
    fn brokers_left_out_are_not_there() {
        let without = |route: &TopicRoute, names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let table = BrokerTable::default();
            PublishRoute::build(route, QueueOrder::Interleaved, &names, &table, false)
                .map(|built| (table.all().len(), built))
        };
        let masters = [("a", 0), ("b", 0), ("c", 0)];
        let mut topic = route(&[("a", 2, 6), ("b", 2, 6), ("c", 4, 4)], &masters);
        for order_conf in [None, Some("a:2;b:2")] {
            topic.order_topic_conf = order_conf.map(str::to_owned);
            let (met, built) = without(&topic, &["b", "c", "d"]).unwrap();
            assert_eq!(names(&built), pairs(&[("a", 0), ("a", 1)]));
            assert_eq!(built.selectable, built.queues);
            assert_eq!((built.brokers.len(), met), (1, 1));
            assert_eq!(built.left_out, ["b", "c"], "d is not in the route");
            let error = without(&topic, &["a", "b"]).unwrap_err();
            assert!(matches!(error, NoQueue::LeftOut { .. }), "{error}");
            let (_, all) = without(&topic, &["d"]).unwrap();
            assert_eq!((all.queues.len(), all.left_out.len()), (4, 0));
        }
        // What nobody may write to is no matter of what is left out.
        let read_only = route(&[("a", 4, 4)], &masters);
        let error = without(&read_only, &["a"]).unwrap_err();
        assert!(matches!(error, NoQueue::NotWritable { .. }), "{error}");
    }

    #[test]
    fn r114_the_order_configuration_rules() {
        let mut ordered = route(&[("b1", 8, 4)], &[("b1", 0), ("b2", 0)]);
        ordered.order_topic_conf = Some("b2:2;b1:1".into());
        let built = build(&ordered, QueueOrder::Interleaved).unwrap();
        assert_eq!(names(&built), pairs(&[("b2", 0), ("b2", 1), ("b1", 0)]));
        assert!(built.ordered);
        for bad in ["b1", "b1:x", "b1:-1", "b1:99999999999"] {
            ordered.order_topic_conf = Some(bad.into());
            let error = build(&ordered, QueueOrder::Interleaved).unwrap_err();
            assert!(
                matches!(error, NoQueue::OrderConfiguration { .. }),
                "{bad}: {error}"
            );
        }
    }
}
