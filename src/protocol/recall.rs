//! RECALL_MESSAGE: a timer message that is not to be delivered after all (R198; 5.3.2 and later).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;

use crate::protocol::code::RequestCode;
use crate::protocol::command::RemotingCommand;
use crate::protocol::error::DecodeError;

/// Which message: what a broker answers to the send of a timer message, in base64 for URLs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecallHandle {
    /// Its topic.
    pub topic: String,
    /// Name of the broker that has it.
    pub broker: String,
    /// When it is to be delivered, in ms since 1970.
    pub deliver_ms: i64,
    /// UNIQ_KEY.
    pub message_id: String,
}

const VERSION: &str = "v1";
const BROKEN: DecodeError = DecodeError::IllegalValue("recallHandle");

impl RecallHandle {
    /// # Errors
    /// [`DecodeError::IllegalValue`] for what is no handle of version 1.
    pub fn parse(text: &str) -> Result<Self, DecodeError> {
        let bytes = URL_SAFE.decode(text).map_err(|_| BROKEN)?;
        let plain = str::from_utf8(&bytes).map_err(|_| BROKEN)?;
        let mut parts = plain.split(' ');
        let mut next = || parts.next().filter(|part| !part.is_empty()).ok_or(BROKEN);
        if next()? != VERSION {
            return Err(BROKEN);
        }
        let handle = Self {
            topic: next()?.to_owned(),
            broker: next()?.to_owned(),
            deliver_ms: next()?.parse().map_err(|_| BROKEN)?,
            message_id: next()?.to_owned(),
        };
        parts.next().map_or(Ok(handle), |_| Err(BROKEN))
    }
}

/// The request of a producer group for the message of a handle.
#[must_use]
pub fn recall(group: &str, handle: &RecallHandle, text: &str) -> RemotingCommand {
    RemotingCommand::request(RequestCode::RECALL_MESSAGE)
        .with_field("producerGroup", group)
        .with_field("topic", &handle.topic)
        .with_field("recallHandle", text)
        .with_field("bname", &handle.broker)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &str = "djEgVG9waWNUZXN0IGJyb2tlci1hIDE3MDAwMDAwMDAwMDEgN0YwMDAwMDEwMDAxQUFCQkNDREQwMDAwMDAwMTAwMDI=";

    /// R198.
    #[test]
    fn a_handle_is_java_s() {
        let handle = RecallHandle {
            topic: "TopicTest".to_owned(),
            broker: "broker-a".to_owned(),
            deliver_ms: 1_700_000_000_001,
            message_id: "7F0000010001AABBCCDD000000010002".to_owned(),
        };
        assert_eq!(RecallHandle::parse(TEXT), Ok(handle.clone()));
        let request = recall("group", &handle, TEXT);
        let fields = ["producerGroup", "topic", "recallHandle", "bname"];
        let said = fields.map(|name| request.field(name).unwrap());
        assert_eq!(said, ["group", "TopicTest", TEXT, "broker-a"]);
        assert_eq!(request.code, 370);
    }

    #[test]
    fn what_is_no_handle_is_refused() {
        for plain in [
            "",
            "v2 t b 1 id",
            "v1 t b one id",
            "v1 t b 1",
            "v1 t b 1 id more",
            "v1  b 1 id",
        ] {
            let text = URL_SAFE.encode(plain);
            assert_eq!(RecallHandle::parse(&text), Err(BROKEN), "{plain}");
        }
        assert_eq!(RecallHandle::parse(&TEXT[1..]), Err(BROKEN));
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text: String, bytes: Vec<u8>) {
            let _ = RecallHandle::parse(&text);
            let _ = RecallHandle::parse(&URL_SAFE.encode(bytes));
        }
    }
}
