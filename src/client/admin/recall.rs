//! Timer messages called back.

use super::{Admin, AdminError};
use crate::client::error::ClientError;
use crate::client::validate;
use crate::protocol::recall::{RecallHandle, recall};

impl Admin {
    /// See [`crate::client::Producer::recall`].
    pub(in crate::client) async fn recall(
        &self,
        group: &str,
        handle: &str,
    ) -> Result<String, AdminError> {
        let illegal = |reason: String| {
            AdminError::Client(ClientError::Illegal {
                what: "recall handle",
                reason,
            })
        };
        let parsed = RecallHandle::parse(handle)
            .map_err(|_| illegal(format!("{handle:?} is none that a broker gave")))?;
        validate::topic(&parsed.topic)?;
        if parsed.topic.starts_with("%RETRY%") || parsed.topic.starts_with("%DLQ%") {
            let reason = format!("it is of {}, whose messages are not recalled", parsed.topic);
            return Err(illegal(reason));
        }
        let command = recall(group, &parsed, handle);
        self.call(async move |call| {
            let target = call.master(&parsed.broker, &parsed.topic).await?;
            let reply = call.request(&target, command).await?;
            // What was asked for, where the broker does not say it.
            Ok(reply
                .field("msgId")
                .unwrap_or(&parsed.message_id)
                .to_owned())
        })
        .await
    }
}
