//! What brokers ask of a client (R179, R180): answered here, on the connections that carry heartbeats.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::client::checks::Checks;
use crate::protocol::{HeaderView, RemotingCommand, RequestCode, ResponseCode};

/// The requests of all brokers; shared by the connections of an instance.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    checks: Mutex<HashMap<String, Arc<Checks>>>,
}

impl Incoming {
    /// Has the transactions of a producer group checked (R73).
    pub(super) fn register(&self, group: &str, checks: Arc<Checks>) {
        self.lock().insert(group.to_owned(), checks);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Checks>>> {
        self.checks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Deals with a request of the broker at `address`; the answer to it, where it wants one.
    pub(super) fn request(
        &self,
        address: &str,
        header: &HeaderView<'_>,
        body: &[u8],
    ) -> Option<RemotingCommand> {
        let answer = |code| Some(RemotingCommand::response(code, header.opaque));
        let answered = match RequestCode(header.code) {
            RequestCode::CHECK_TRANSACTION_STATE => {
                self.check(address, header, body);
                None
            }
            // Of consumers, which this client is not.
            RequestCode::NOTIFY_CONSUMER_IDS_CHANGED
            | RequestCode::RESET_CONSUMER_CLIENT_OFFSET => None,
            RequestCode::GET_CONSUMER_STATUS_FROM_CLIENT => {
                answer(ResponseCode::SUCCESS).map(|answer| {
                    answer.with_body(&b"{\"consumerTable\":{},\"messageQueueTable\":{}}"[..])
                })
            }
            RequestCode::GET_CONSUMER_RUNNING_INFO | RequestCode::CONSUME_MESSAGE_DIRECTLY => {
                answer(ResponseCode::SYSTEM_ERROR)
                    .map(|answer| answer.with_remark("this client has no consumer"))
            }
            RequestCode(code) => answer(ResponseCode::REQUEST_CODE_NOT_SUPPORTED)
                .map(|answer| answer.with_remark(format!(" request type {code} not supported"))),
        };
        answered.filter(|_| !header.is_oneway())
    }

    fn check(&self, address: &str, header: &HeaderView<'_>, body: &[u8]) {
        match Checks::read(address, header, body) {
            Ok(check) => match self.lock().get(&check.group) {
                Some(checks) => checks.take(check),
                None => tracing::info!(address, group = check.group, "check for no group of ours"),
            },
            Err(error) => tracing::warn!(address, %error, "unreadable transaction check"),
        }
    }
}
