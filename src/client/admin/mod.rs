//! What RocketMQ's `MQAdmin` offers a producer (R84–R95): topics made, queues listed and measured, messages
//! looked up; and of its tools what a load on somebody's cluster needs: how brokers are, topics deleted.
//!
//! Every call is a round of requests on the instance's own connections, beside those that carry messages,
//! and ends within [`Admin::with_timeout`].
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//! use rmq_bench::client::admin::{Admin, NewTopic};
//! use rmq_bench::client::{ClientConfig, ClientInstance};
//!
//! let config = ClientConfig { namesrv: vec!["127.0.0.1:9876".into()], ..ClientConfig::default() };
//! let instance = Arc::new(ClientInstance::new(config)?);
//! instance.start()?;
//! let admin = Admin::new(Arc::clone(&instance));
//! admin.create_topic(NewTopic::new("orders", 8)).await?;
//! for queue in admin.queues("orders").await? {
//!     println!("{} of {}: {}", queue.queue_id, queue.broker, admin.max_offset(&queue).await?);
//! }
//! instance.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! - `topics`: make one, list its queues; `delete`: delete one; `brokers`: what they say of themselves; `offsets`: measure queues; `lookup`: view and query messages
//! - `found`: a message as it was found; `error`: what can go wrong

mod brokers;
mod delete;
mod error;
mod found;
mod lookup;
mod offsets;
mod recall;
mod topics;

use std::sync::Arc;
use std::time::Duration;

use crate::client::error::ClientError;
use crate::client::instance::{ClientInstance, Shared};
use crate::client::namesrv::RouteAnswer;
use crate::protocol::route::TopicRoute;
use crate::protocol::{RemotingCommand, ResponseCode};
use crate::transport::Nanos;

pub use brokers::BrokerStatus;
pub use delete::DeletedTopic;
pub use error::AdminError;
pub use found::FoundMessage;
pub use lookup::{Found, KeyQuery};
pub use offsets::QueueOffsets;
pub use topics::{CreatedOn, NewTopic};

/// Time for one call, in Java.
const TIMEOUT: Duration = Duration::from_secs(6);

/// Asks name servers and brokers what a producer's administration needs; see the module.
#[derive(Debug, Clone)]
pub struct Admin {
    instance: Arc<ClientInstance>,
    timeout: Duration,
}

impl Admin {
    /// Over a started instance; a call takes 6 s at most.
    #[must_use]
    pub fn new(instance: Arc<ClientInstance>) -> Self {
        Self {
            instance,
            timeout: TIMEOUT,
        }
    }

    /// The same with another time for one call over all its requests.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Does `work` on the instance's thread, to its end even if nobody waits for it any more.
    async fn call<T, W>(&self, work: impl FnOnce(Call) -> W) -> Result<T, AdminError>
    where
        T: Send + 'static,
        W: Future<Output = Result<T, AdminError>> + Send + 'static,
    {
        let until = Nanos::now().plus(self.timeout);
        let called = self
            .instance
            .on_thread(|shared| work(Call { shared, until }));
        called.await?
    }
}

/// One call: its client and the end of its time.
#[derive(Debug, Clone)]
struct Call {
    shared: Arc<Shared>,
    until: Nanos,
}

/// A broker a request goes to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Target {
    name: String,
    address: String,
}

impl Call {
    /// A topic or group as users name it, as brokers do (R35).
    fn wire(&self, name: &str) -> String {
        self.shared.namespace.wrap(name).into_owned()
    }

    fn left(&self) -> Duration {
        Duration::from_nanos(self.until.since(Nanos::now()))
    }

    /// The topic's own route, from a name server (R84: neither one known before, nor the default topic's).
    async fn route(&self, topic: &str) -> Result<TopicRoute, AdminError> {
        let route = self.route_seen(topic).await?;
        for broker in &route.brokers {
            let id = self.shared.table.id(&broker.broker_name);
            self.shared.table.set_address(id, broker.master());
        }
        Ok(route)
    }

    /// The same without noting its brokers.
    async fn route_seen(&self, topic: &str) -> Result<TopicRoute, AdminError> {
        let (control, left) = (&self.shared.control, self.left());
        match self.shared.namesrv.route(control, topic, left).await? {
            RouteAnswer::Found(route) => Ok(route),
            RouteAnswer::NoSuchTopic => Err(AdminError::Client(ClientError::NoRoute {
                topic: topic.to_owned(),
                detail: "the name server knows no such topic".to_owned(),
            })),
        }
    }

    /// Master of a broker: the known one, else the one the topic's route names.
    async fn master(&self, broker: &str, topic: &str) -> Result<Target, AdminError> {
        let known = || {
            let all = self.shared.table.all();
            let found = all.into_iter().find(|known| known.name == broker)?;
            found.address
        };
        let mut address = known();
        if address.is_none() {
            self.route(topic).await?;
            address = known();
        }
        match address {
            Some(address) => Ok(Target {
                name: broker.to_owned(),
                address,
            }),
            None => Err(AdminError::NoMaster {
                brokers: broker.to_owned(),
                topic: topic.to_owned(),
            }),
        }
    }

    /// One request, whose answer has code 0.
    async fn request(
        &self,
        target: &Target,
        command: RemotingCommand,
    ) -> Result<RemotingCommand, AdminError> {
        let address = self.shared.config.transport.send_address(&target.address);
        self.request_at(&address, &target.name, command).await
    }

    /// The same to this very address, which errors call so.
    async fn request_at(
        &self,
        address: &str,
        name: &str,
        command: RemotingCommand,
    ) -> Result<RemotingCommand, AdminError> {
        let (control, left) = (&self.shared.control, self.left());
        let reply = control.request(address, command, left).await?;
        if ResponseCode(reply.code) == ResponseCode::SUCCESS {
            return Ok(reply);
        }
        Err(AdminError::Refused {
            broker: name.to_owned(),
            code: reply.code,
            remark: reply.remark.unwrap_or_default(),
        })
    }

    /// Asks all targets at once, in their order; what each of them led to.
    async fn each<T, W>(
        &self,
        targets: Vec<Target>,
        ask: impl Fn(Self, Target) -> W,
    ) -> Vec<(Target, Result<T, AdminError>)>
    where
        T: Send + 'static,
        W: Future<Output = Result<T, AdminError>> + Send + 'static,
    {
        let asked: Vec<_> = targets
            .into_iter()
            .map(|target| {
                let work = tokio::spawn(ask(self.clone(), target.clone()));
                (target, work)
            })
            .collect();
        let mut answers = Vec::new();
        for (target, work) in asked {
            let answer = work.await.unwrap_or_else(|_| {
                Err(AdminError::Client(
                    crate::client::instance::shut_down_meanwhile(),
                ))
            });
            answers.push((target, answer));
        }
        answers
    }
}
