//! What brokers ask of a client (R179, R180): answered here, on the connections that carry heartbeats.

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::{Arc, Mutex, PoisonError};

use crate::client::checks::Checks;
use crate::client::request::pending::PendingRequests;
use crate::protocol::{HeaderView, RemotingCommand, RequestCode, ResponseCode};
use crate::transport::driver::not_supported;

/// The requests of all brokers; shared by the connections of an instance.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    checks: Mutex<HashMap<String, Arc<Checks>>>,
    replies: Arc<PendingRequests>,
}

impl Incoming {
    /// Has the transactions of a producer group checked (R73).
    pub(super) fn register(&self, group: &str, checks: Arc<Checks>) {
        self.lock().insert(group.to_owned(), checks);
    }

    /// Requests that wait for their answers.
    pub(super) fn replies(&self) -> &Arc<PendingRequests> {
        &self.replies
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
            RequestCode::PUSH_REPLY_MESSAGE_TO_CLIENT => {
                Some(push_answer(header.opaque, self.replies.take(header, body)))
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
            _ => Some(not_supported(header)),
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

/// The answer to a pushed reply, which the responder's broker waits for (R82).
pub(crate) fn push_answer<E: Display>(opaque: i32, taken: Result<(), E>) -> RemotingCommand {
    match taken {
        Ok(()) => RemotingCommand::response(ResponseCode::SUCCESS, opaque),
        Err(error) => RemotingCommand::response(ResponseCode::SYSTEM_ERROR, opaque)
            .with_remark(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::SerializeType;
    use crate::protocol::frame::{FrameLimits, split};

    /// What is answered to a request with this code.
    fn answer(code: i32, oneway: bool, body: &[u8]) -> Option<RemotingCommand> {
        let mut request = RemotingCommand::request(RequestCode(code)).with_body(body.to_vec());
        request.opaque = 7;
        if oneway {
            request = request.oneway();
        }
        let mut bytes = Vec::new();
        request.encode(SerializeType::Json, &mut bytes);
        let frame = split(&bytes, FrameLimits::default()).unwrap().unwrap();
        let header = HeaderView::parse(frame.serialize_type, frame.header).unwrap();
        Incoming::default().request("10.0.0.1:10911", &header, frame.body)
    }

    /// R179, R180.
    #[test]
    fn what_is_asked_of_consumers_is_answered_as_by_a_producer() {
        for code in [39, 40, 220] {
            assert_eq!(answer(code, false, b""), None, "{code}");
        }
        let status = answer(221, false, b"").unwrap();
        assert_eq!((status.code, status.opaque), (0, 7));
        assert!(status.body.starts_with(b"{\"consumerTable\":{}"));
        for code in [307, 309] {
            let refusal = answer(code, false, b"").unwrap();
            assert_eq!((refusal.code, refusal.opaque), (1, 7), "{code}");
        }
        let unknown = answer(99_999, false, b"").unwrap();
        assert_eq!((unknown.code, unknown.opaque), (3, 7));
        assert!(unknown.remark.unwrap().contains("99999 not supported"));
        for code in [221, 307, 99_999] {
            assert_eq!(answer(code, true, b""), None, "{code} oneway");
        }
    }

    /// R73: a check nobody can read, or of a group nobody has, hurts nobody.
    #[test]
    fn a_check_that_cannot_be_read_is_left_alone() {
        assert_eq!(answer(39, true, b"\0\0\0\x10 nothing"), None);
        assert_eq!(answer(39, false, &[0xff; 300]), None);
    }
}
