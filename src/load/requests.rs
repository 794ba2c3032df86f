//! The requests of a load, and the responder that answers them in this process.

use std::sync::Arc;
use std::thread::JoinHandle;

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::client::request::ResponderCounts;
use crate::client::{ClientConfig, ClientError, Producer, Request, Responder, SendConfig};
use crate::load::run::{LoadError, new_runtime};
use crate::metrics::LatencyHistogram;

/// Who answers requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponderKind {
    /// A responder in this process, with a client of its own.
    BuiltIn,
    /// Consumers of the topic elsewhere.
    Others,
}

/// What requests are answered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestShape {
    /// Who answers.
    pub responder: ResponderKind,
    /// Body bytes of the built-in responder's answers, from 1 on.
    pub reply_bytes: usize,
}

/// What became of requests, besides how they ended.
#[derive(Debug, Clone, Default)]
pub struct RequestTally {
    /// Answers nobody waited for: second ones, and those to requests that had ended.
    pub unmatched: u64,
    /// From the first byte of a measured request to its broker's acknowledgement.
    pub acknowledged: LatencyHistogram<u64>,
}

/// The requests of a run.
#[derive(Debug)]
pub struct RequestOutcome {
    /// Of all shards.
    pub tally: RequestTally,
    /// Of the built-in responder, in the whole run.
    pub responder: Option<ResponderCounts>,
}

/// A responder with a client and a thread of its own.
#[derive(Debug)]
pub(super) struct BuiltInResponder {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<ResponderCounts>,
}

impl BuiltInResponder {
    /// Begins to answer the requests that `topic` gets from now on.
    pub(super) fn start(
        client: ClientConfig,
        group: &str,
        topic: &str,
        reply_bytes: usize,
    ) -> Result<Self, LoadError> {
        let send = SendConfig {
            group: format!("{group}_responder"),
            compression: None,
            ..SendConfig::default()
        };
        let system = |source| LoadError::System {
            what: "responder thread",
            source,
        };
        let runtime = new_runtime("responder")?;
        let producer = Producer::new(client, send)?;
        let topic = topic.to_owned();
        let (stop, stopped) = oneshot::channel();
        let (ready, is_ready) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("responder".to_owned())
            .spawn(move || {
                runtime.block_on(async move {
                    let begun = begin(&producer, &topic, reply_bytes).await;
                    let (responder, told) = match begun {
                        Ok(responder) => (Some(responder), Ok(())),
                        Err(error) => (None, Err(error)),
                    };
                    // Whoever started it waits for this.
                    let _ = ready.send(told);
                    let _ = stopped.await;
                    producer.shutdown().await;
                    responder.map(|r| r.counts()).unwrap_or_default()
                })
            })
            .map_err(system)?;
        is_ready.blocking_recv().map_err(|_| LoadError::Panic)??;
        Ok(Self { stop, thread })
    }

    /// Ends it, once what it has begun to answer is answered.
    pub(super) fn stop(self) -> Result<ResponderCounts, LoadError> {
        // It waits for nothing else.
        let _ = self.stop.send(());
        self.thread.join().map_err(|_| LoadError::Panic)
    }
}

async fn begin(
    producer: &Producer,
    topic: &str,
    reply_bytes: usize,
) -> Result<Responder, ClientError> {
    producer.start()?;
    let body = Bytes::from(vec![b'r'; reply_bytes]);
    let answer = move |_: &Request| Some(body.clone());
    Responder::start(producer, topic, Arc::new(answer)).await
}
