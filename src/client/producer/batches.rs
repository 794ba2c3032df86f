//! Several messages in one request.

use std::ops::Range;

use super::{Producer, SendResult};
use crate::client::error::ClientError;
use crate::client::message::Message;
use crate::client::validate;
use crate::protocol::properties::RETRY_TOPIC_PREFIX;

/// What became of one batch of many ([`Producer::send_batches`]).
#[derive(Debug, Clone)]
pub struct BatchSent {
    /// Its messages, as places among those given.
    pub messages: Range<usize>,
    /// As of [`Producer::send_batch`].
    pub result: Result<SendResult, ClientError>,
}

impl Producer {
    /// Sends several messages together: one request, one queue, stored together or not at all, with
    /// the retries of [`Producer::send`] (R60–R64). Batches are not compressed.
    ///
    /// # Errors
    /// As [`Producer::send`]; [`ClientError::Illegal`] too for messages that do not go together
    /// ([`Message::batch`]), for a retry topic, and for a batch of more than `max_message_bytes`, which
    /// [`Producer::send_batches`] would split.
    ///
    /// # Cancel safety
    /// As [`Producer::send`].
    pub async fn send_batch(
        &self,
        topic: &str,
        messages: &[Message],
    ) -> Result<SendResult, ClientError> {
        let batch = Message::batch(messages)?;
        self.deliver(topic, batch, false, None).await
    }

    /// Sends messages in as few batches as their size allows ([`Message::batches`]), one after the other
    /// in their order, whether or not those before were stored. The result names the messages of each.
    ///
    /// # Errors
    /// [`ClientError::State`], and [`ClientError::Illegal`] for messages that do not go together or one
    /// that is too large alone: then nothing was sent. What became of the batches is in the result.
    ///
    /// # Cancel safety
    /// As [`Producer::send`] for the batch under way; those after it are not sent.
    pub async fn send_batches(
        &self,
        topic: &str,
        messages: &[Message],
    ) -> Result<Vec<BatchSent>, ClientError> {
        self.check_running()?;
        if topic.starts_with(RETRY_TOPIC_PREFIX) {
            return Err(validate::no_batches(topic));
        }
        let most = self.inner.config.max_message_bytes;
        let mut sent = Vec::new();
        let mut begin = 0;
        for batch in Message::batches(messages, most)? {
            let messages = begin..begin + batch.messages() as usize;
            begin = messages.end;
            let result = self.deliver(topic, batch, false, None).await;
            sent.push(BatchSent { messages, result });
        }
        Ok(sent)
    }
}
