//! Request and reply: a message whose sender waits for what a consumer says to it (R77–R83).
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//! use std::time::Duration;
//! use rmq_bench::client::{ClientConfig, Message, Producer, Request, Responder, SendConfig};
//!
//! let client = ClientConfig { namesrv: vec!["127.0.0.1:9876".into()], ..ClientConfig::default() };
//! let answering = SendConfig { group: "responder".into(), ..SendConfig::default() };
//! let producer = Producer::new(client.clone(), answering)?;
//! producer.start()?;
//! let double = |request: &Request| Some([&request.body[..], &request.body[..]].concat().into());
//! let responder = Responder::start(&producer, "Doubles", Arc::new(double)).await?;
//!
//! let asking = Producer::new(client, SendConfig::default())?;
//! asking.start()?;
//! let reply = asking.request("Doubles", Message::new("ab"), Duration::from_secs(3)).await?;
//! assert_eq!(&reply.body[..], b"abab");
//! println!("{:?}", responder.counts());
//! # Ok(())
//! # }
//! ```
//!
//! Java's variants with a callback have no counterpart of their own: spawn the future.
//!
//! - [`pending`]: who waits
//! - [`responder`]: who answers

pub mod pending;
pub mod responder;

use std::time::Duration;

use bytes::Bytes;

use crate::client::error::ClientError;
use crate::client::message::Message;
use crate::client::message_queue::MessageQueue;
use crate::client::producer::{Producer, SendResult};

pub use responder::{Request, RequestHandler, Responder, ResponderCounts};

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Body, unpacked.
    pub body: Bytes,
    /// The topic it was sent to.
    pub topic: String,
    /// Properties, in their order.
    pub properties: Vec<(String, String)>,
    /// When it was sent, in ms since 1970 by the responder's clock.
    pub born_ms: i64,
}

impl Reply {
    /// The first property of this name.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<&str> {
        find(&self.properties, name)
    }
}

fn find<'a>(properties: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let (_, value) = properties.iter().find(|(known, _)| known == name)?;
    Some(value)
}

impl Producer {
    /// Sends a request, with the retries of [`Producer::send`], and waits for its answer (R78, R79).
    ///
    /// # Errors
    /// [`ClientError::NoReply`] (10006) when the time is over, from 1 ms on; else as [`Producer::send`],
    /// as soon as the send has failed.
    ///
    /// # Cancel safety
    /// Dropping the future does not take the request back; its answer is dropped then.
    pub async fn request(
        &self,
        topic: &str,
        message: Message,
        timeout: Duration,
    ) -> Result<Reply, ClientError> {
        self.ask(topic, message, timeout, async |message| {
            self.send(topic, message).await
        })
        .await
    }

    /// The same to one queue, in one attempt.
    ///
    /// # Errors
    /// As [`Producer::request`] and [`Producer::send_to`].
    ///
    /// # Cancel safety
    /// As [`Producer::request`].
    pub async fn request_to(
        &self,
        queue: &MessageQueue,
        message: Message,
        timeout: Duration,
    ) -> Result<Reply, ClientError> {
        self.ask(&queue.topic, message, timeout, async |message| {
            self.send_to(queue, message).await
        })
        .await
    }

    /// The same to the queue that `select` takes, in one attempt.
    ///
    /// # Errors
    /// As [`Producer::request`] and [`Producer::send_selected`].
    ///
    /// # Cancel safety
    /// As [`Producer::request`].
    pub async fn request_selected(
        &self,
        topic: &str,
        message: Message,
        timeout: Duration,
        select: impl FnOnce(&[MessageQueue], &Message) -> Option<MessageQueue>,
    ) -> Result<Reply, ClientError> {
        self.ask(topic, message, timeout, async move |message| {
            self.send_selected(topic, message, select).await
        })
        .await
    }

    async fn ask(
        &self,
        topic: &str,
        message: Message,
        timeout: Duration,
        send: impl AsyncFnOnce(Message) -> Result<SendResult, ClientError>,
    ) -> Result<Reply, ClientError> {
        let instance = self.instance();
        let correlation_id = format!("{:032x}", rand::random::<u128>());
        let message = message.asking(&correlation_id, instance.client_id(), timeout)?;
        let mut pending = instance.pending_requests().wait_for(&correlation_id);
        let answered = async {
            // Brokers push answers to clients they know.
            self.queues(topic).await?;
            instance.greet(topic).await;
            tokio::select! {
                biased;
                reply = &mut pending.reply => return reply.map_err(|_| unanswered()),
                sent = send(message) => sent?,
            };
            (&mut pending.reply).await.map_err(|_| unanswered())
        };
        let in_time = tokio::time::timeout(timeout, answered).await;
        in_time.unwrap_or(Err(ClientError::NoReply {
            correlation_id,
            timeout,
        }))
    }
}

/// The table is never cleared while somebody waits.
fn unanswered() -> ClientError {
    ClientError::State {
        state: "shutting down",
        hint: "the request is not waited for any more",
    }
}
