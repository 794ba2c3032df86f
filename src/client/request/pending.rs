//! Requests that wait for their answers, by correlation id. A place is given up when its request has
//! ended in whatever way, so there are never more than requests.

use std::collections::HashMap;
use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::client::compression::unpack;
use crate::client::request::Reply;
use crate::protocol::send::SendRequestView;
use crate::protocol::{HeaderView, properties};

/// Largest body an answer may unpack to, in bytes.
const MOST_BODY_BYTES: usize = 16 * 1024 * 1024;

/// See the module.
#[derive(Debug, Default)]
pub struct PendingRequests {
    waiting: Mutex<HashMap<String, oneshot::Sender<Reply>>>,
}

/// A place among them.
#[derive(Debug)]
pub(super) struct Pending {
    table: Arc<PendingRequests>,
    correlation: String,
    pub(super) reply: oneshot::Receiver<Reply>,
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.table.lock().remove(&self.correlation);
    }
}

impl PendingRequests {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, oneshot::Sender<Reply>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the answer with this correlation id.
    pub(super) fn wait_for(self: &Arc<Self>, correlation: &str) -> Pending {
        let (told, reply) = oneshot::channel();
        self.lock().insert(correlation.to_owned(), told);
        Pending {
            table: Arc::clone(self),
            correlation: correlation.to_owned(),
            reply,
        }
    }

    /// Requests that wait.
    #[must_use]
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    /// Takes an answer as a broker pushes it (R82). One that nobody waits for (any more) is dropped, which
    /// is nothing the broker could mend.
    ///
    /// # Errors
    /// What can't be read, or not be unpacked.
    pub(in crate::client) fn take(
        &self,
        header: &HeaderView<'_>,
        body: &[u8],
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        let pushed = SendRequestView::parse(header)?;
        let reply = Reply {
            body: unpack(
                &Bytes::copy_from_slice(body),
                pushed.kind.sys_flag,
                MOST_BODY_BYTES,
            )?,
            topic: pushed.topic.to_string(),
            properties: owned(&pushed.properties),
            born_ms: pushed.born_ms,
        };
        let correlation = reply.property(properties::CORRELATION_ID).unwrap_or("");
        let waiting = self.lock().remove(correlation);
        match waiting {
            // Whoever asked may have gone this moment.
            Some(waiting) => drop(waiting.send(reply)),
            None => tracing::info!(correlation, "an answer nobody waits for"),
        }
        Ok(())
    }
}

/// The pairs of a properties string.
pub(super) fn owned(text: &str) -> Vec<(String, String)> {
    properties::parse(text)
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}
