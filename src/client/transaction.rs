//! Transactions: a half message, the local transaction, and word to the broker of how it went.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//! use rmq_bench::client::{
//!     CheckedMessage, ClientConfig, LocalOutcome, Message, Resolution, SendConfig, TransactionChecker,
//!     TransactionProducer,
//! };
//!
//! /// Asked by brokers that heard nothing: has the order been booked?
//! struct Orders;
//!
//! impl TransactionChecker for Orders {
//!     fn check(&self, message: &CheckedMessage) -> LocalOutcome {
//!         println!("{} of {}", message.message_id, message.topic);
//!         Ok(Resolution::Commit)
//!     }
//! }
//!
//! let client = ClientConfig { namesrv: vec!["127.0.0.1:9876".into()], ..ClientConfig::default() };
//! let producer = TransactionProducer::new(client, SendConfig::default(), Arc::new(Orders))?;
//! producer.start()?;
//! let booked = producer.send("BenchmarkTest", Message::new("order 7"), |_half| async {
//!     // The local transaction.
//!     Ok(Resolution::Commit)
//! });
//! println!("{:?}", booked.await?.resolution);
//! producer.shutdown().await;
//! # Ok(())
//! # }
//! ```

use std::sync::{Arc, OnceLock};

use crate::client::checks::{CheckConfig, CheckCounts, Checks, LocalOutcome, TransactionChecker};
use crate::client::config::{ClientConfig, SendConfig};
use crate::client::error::ClientError;
use crate::client::hooks::{Hooks, TransactionEnd};
use crate::client::message::Message;
use crate::client::producer::{Producer, SendResult, ShutdownReport};
use crate::protocol::SendStatus;
use crate::protocol::message_id::commit_log_offset;
use crate::protocol::transaction::{EndTransaction, Resolution};

/// How a transaction went (R72).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionResult {
    /// The half message.
    pub half: SendResult,
    /// What the broker was told is to become of it.
    pub resolution: Resolution,
    /// The error of the local transaction, whose outcome is unknown then.
    pub local_error: Option<String>,
    /// Whether word of it was handed to a connection. If not, or if it is lost, the broker asks (R71).
    pub told: bool,
}

/// Sends half messages and answers the brokers' checks (R67).
#[derive(Debug)]
pub struct TransactionProducer {
    producer: Producer,
    checker: Checker,
    config: CheckConfig,
    checks: OnceLock<Arc<Checks>>,
}

struct Checker(Arc<dyn TransactionChecker>);

impl std::fmt::Debug for Checker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Checker")
    }
}

impl TransactionProducer {
    /// A producer with a client instance of its own; nothing is connected yet. `checker` answers brokers
    /// that did not hear how a transaction went.
    ///
    /// # Errors
    /// As [`Producer::new`].
    pub fn new(
        client: ClientConfig,
        send: SendConfig,
        checker: Arc<dyn TransactionChecker>,
    ) -> Result<Self, ClientError> {
        Self::with_hooks(client, send, checker, Hooks::default())
    }

    /// The same with hooks (R181–R184).
    ///
    /// # Errors
    /// As [`Producer::new`].
    pub fn with_hooks(
        client: ClientConfig,
        send: SendConfig,
        checker: Arc<dyn TransactionChecker>,
        hooks: Hooks,
    ) -> Result<Self, ClientError> {
        Ok(Self {
            producer: Producer::with_hooks(client, send, hooks)?,
            checker: Checker(checker),
            config: CheckConfig::default(),
            checks: OnceLock::new(),
        })
    }

    /// The same with other limits of the checks; to be set before the start.
    #[must_use]
    pub fn with_checks(mut self, config: CheckConfig) -> Self {
        self.config = config;
        self
    }

    /// As [`Producer::start`].
    ///
    /// # Errors
    /// As [`Producer::start`].
    pub fn start(&self) -> Result<(), ClientError> {
        self.producer.start()?;
        let group = self.producer.group();
        let checker = Arc::clone(&self.checker.0);
        let instance = self.producer.instance();
        let hooks = self.end_hooks().cloned();
        let checks = instance.check_transactions(group, checker, self.config, hooks)?;
        // A producer starts once.
        let _ = self.checks.set(checks);
        Ok(())
    }

    /// Who is told of ends.
    fn end_hooks(&self) -> Option<&Arc<Hooks>> {
        let hooks = self.producer.hooks();
        hooks.filter(|hooks| hooks.are_of_ends())
    }

    /// The producer underneath, for messages without a transaction.
    #[must_use]
    pub fn producer(&self) -> &Producer {
        &self.producer
    }

    /// Checks asked and answered so far.
    #[must_use]
    pub fn checks(&self) -> CheckCounts {
        let checks = self.checks.get();
        checks.map(|checks| checks.counts()).unwrap_or_default()
    }

    /// Sends the half message (R68) with the retries of [`Producer::send`], runs `local` if it is stored and
    /// replicated as configured (R70), and tells the broker what is to become of it. A delay level is
    /// taken off the message (R69).
    ///
    /// # Errors
    /// As [`Producer::send`]; `local` has not run then. [`ClientError::Illegal`] for a batch.
    ///
    /// # Cancel safety
    /// Dropped before the end, the half message may be stored and the broker asks about it.
    pub async fn send<F, Local>(
        &self,
        topic: &str,
        message: Message,
        local: F,
    ) -> Result<TransactionResult, ClientError>
    where
        F: FnOnce(SendResult) -> Local,
        Local: Future<Output = LocalOutcome>,
    {
        let message = message.half(self.producer.group())?;
        let shown = self.end_hooks().map(|_| message.clone());
        let half = self.producer.send(topic, message).await?;
        let (resolution, local_error) = match half.status {
            Some(SendStatus::SendOk) => match local(half.clone()).await {
                Ok(resolution) => (resolution, None),
                Err(error) => (Resolution::Unknown, Some(error.to_string())),
            },
            _ => (Resolution::Rollback, None),
        };
        let remark = local_error.as_deref();
        let told = self.end(topic, &half, resolution, remark, shown.as_ref());
        Ok(TransactionResult {
            half,
            resolution,
            local_error,
            told,
        })
    }

    /// Tells the half message's broker; whether word of it was handed to a connection.
    fn end(
        &self,
        topic: &str,
        half: &SendResult,
        resolution: Resolution,
        remark: Option<&str>,
        shown: Option<&Message>,
    ) -> bool {
        let receipt = half.receipt.read();
        let Some(offset) = commit_log_offset(&receipt.offset_message_id) else {
            tracing::warn!(id = %half.message_id, "no offset id: the transaction ends by a check");
            return false;
        };
        let end = EndTransaction {
            topic: self.producer.instance().namespace().wrap(topic),
            group: self.producer.group().into(),
            queue_offset: receipt.queue_offset,
            commit_log_offset: offset,
            resolution,
            from_check: false,
            message_id: half.message_id.as_str().into(),
            transaction_id: receipt
                .transaction_id
                .as_deref()
                .unwrap_or(half.message_id.as_str())
                .into(),
            broker: (&*half.broker).into(),
        };
        if let (Some(hooks), Some(message)) = (self.end_hooks(), shown) {
            let address = self.producer.broker_address(topic, &half.broker);
            hooks.ending(&TransactionEnd {
                group: self.producer.group(),
                broker_address: address.as_deref().unwrap_or_default(),
                topic,
                body: message.body(),
                properties: message.pairs().collect(),
                message_id: &end.message_id,
                transaction_id: &end.transaction_id,
                resolution,
                from_check: false,
            });
        }
        let mut command = end.to_command();
        command.remark = remark.map(str::to_owned);
        self.producer.tell(topic, &half.broker, command)
    }

    /// As [`Producer::shutdown`]; checks that wait are not answered any more, brokers ask another
    /// producer of the group.
    pub async fn shutdown(&self) -> ShutdownReport {
        self.producer.shutdown().await
    }
}
