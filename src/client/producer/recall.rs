//! Timer messages called back.

use std::sync::Arc;

use super::Producer;
use crate::client::admin::{Admin, AdminError};

impl Producer {
    /// Has the broker drop a timer message before it is delivered (R198, R199; RocketMQ 5.3.2 and later,
    /// where `recallMessageEnable` is set). `handle` is what the broker gave with the message's send
    /// ([`crate::protocol::send::SendReply::recall_handle`]); the message's id is returned.
    ///
    /// One request to the broker the handle names, within the time of a send.
    ///
    /// # Errors
    /// [`AdminError::Client`] for a producer that does not run and for what is no handle or one of a retry
    /// topic; else as the broker refuses: 16 where recalls are off, 604 for a handle that is not its own or
    /// whose time has passed.
    ///
    /// # Cancel safety
    /// The request is made even if nobody waits for its answer.
    pub async fn recall(&self, handle: &str) -> Result<String, AdminError> {
        self.check_running()?;
        let config = &self.inner.config;
        Admin::new(Arc::clone(&self.inner.instance))
            .with_timeout(config.timeout)
            .recall(&config.group, handle)
            .await
    }
}
