//! A topic the client publishes to: its route as a snapshot, kept fresh.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwapOption;

use crate::client::broker_table::BrokerTable;
use crate::client::config::QueueOrder;
use crate::client::error::ClientError;
use crate::client::namesrv::RouteAnswer;
use crate::client::publish_route::{NoQueue, PublishRoute};
use crate::protocol::route::TopicRoute;

/// "No such topic" this often in a row drops a topic's route (R235).
const MISSES_TO_DROP: u32 = 3;

/// A topic and its publish route; shared by all senders, read without a lock.
#[derive(Debug)]
pub struct Topic {
    name: String,
    order: QueueOrder,
    /// Brokers whose queues are never taken.
    without: Arc<[String]>,
    route: ArcSwapOption<PublishRoute>,
    /// Counts changes of `route`, so that senders see one with a single load.
    version: AtomicU64,
    known: Mutex<Known>,
    /// One query at a time per topic; the others wait for its answer (R233).
    pub(super) query: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Known {
    raw: Option<TopicRoute>,
    misses: u32,
    problem: Option<Problem>,
}

#[derive(Debug, Clone)]
enum Problem {
    NoRoute(String),
    NotWritable(String),
    LeftOut(String),
}

impl Topic {
    pub(super) fn new(name: &str, order: QueueOrder, without: Arc<[String]>) -> Self {
        Self {
            name: name.to_owned(),
            order,
            without,
            route: ArcSwapOption::empty(),
            version: AtomicU64::new(0),
            known: Mutex::default(),
            query: tokio::sync::Mutex::default(),
        }
    }

    /// Name of the topic.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The route, if there is one.
    #[must_use]
    pub fn route(&self) -> Option<Arc<PublishRoute>> {
        self.route.load_full()
    }

    /// Changes whenever the route does.
    #[inline]
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Why there is no route.
    #[must_use]
    pub fn problem(&self) -> ClientError {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let topic = self.name.clone();
        match known.problem.clone() {
            Some(Problem::NotWritable(detail)) => ClientError::NotWritable { topic, detail },
            Some(Problem::LeftOut(brokers)) => left_out(&topic, &brokers),
            Some(Problem::NoRoute(detail)) => ClientError::NoRoute { topic, detail },
            None => ClientError::NoRoute {
                topic,
                detail: "not looked up yet".to_owned(),
            },
        }
    }

    /// Whether brokers must still be asked through the default topic.
    pub(super) fn wants_default(&self) -> bool {
        self.route
            .load()
            .as_ref()
            .is_none_or(|route| route.borrowed)
    }

    /// Takes in what a name server said about the topic itself.
    pub(super) fn apply(&self, answer: RouteAnswer, table: &BrokerTable) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match answer {
            RouteAnswer::Found(raw) => {
                known.misses = 0;
                let unchanged = known.raw.as_ref().is_some_and(|old| old.same_as(&raw));
                if !unchanged {
                    self.install(&mut known, &raw, table, false);
                }
                known.raw = Some(raw);
            }
            RouteAnswer::NoSuchTopic => {
                known.misses += 1;
                let detail = "the name server knows no such topic; create it, or allow automatic \
                              creation on the brokers (autoCreateTopicEnable)";
                known.problem = Some(Problem::NoRoute(detail.to_owned()));
                if known.misses >= MISSES_TO_DROP && known.raw.take().is_some() {
                    self.store(None);
                }
            }
        }
    }

    /// Takes in the default topic's route in place of an own one (R104).
    pub(super) fn apply_default(&self, mut raw: TopicRoute, most: u32, table: &BrokerTable) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for entry in &mut raw.queues {
            let count = entry.read_queues.min(most);
            entry.read_queues = count;
            entry.write_queues = count;
        }
        if known.raw.as_ref().is_some_and(|old| old.same_as(&raw)) {
            return;
        }
        self.install(&mut known, &raw, table, true);
        known.raw = Some(raw);
    }

    fn install(&self, known: &mut Known, raw: &TopicRoute, table: &BrokerTable, borrowed: bool) {
        match PublishRoute::build(raw, self.order, &self.without, table, borrowed) {
            Ok(route) => {
                known.problem = None;
                self.store(Some(route));
            }
            Err(error) => {
                known.problem = Some(match error {
                    NoQueue::LeftOut { brokers } => Problem::LeftOut(brokers),
                    other => Problem::NotWritable(other.to_string()),
                });
                self.store(None);
            }
        }
    }

    fn store(&self, route: Option<PublishRoute>) {
        self.route.store(route.map(Arc::new));
        self.version.fetch_add(1, Ordering::Release);
    }
}

/// What a topic ends with whose brokers are all left out.
pub(super) fn left_out(topic: &str, brokers: &str) -> ClientError {
    ClientError::Illegal {
        what: "without",
        reason: format!("it leaves out every broker of topic {topic} ({brokers})"),
    }
}
