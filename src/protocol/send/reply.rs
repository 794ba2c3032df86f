//! What a broker answers to a send, read by clients and written by the embedded broker.

use std::borrow::Cow;

use crate::protocol::code::{Language, ResponseCode};
use crate::protocol::error::DecodeError;
use crate::protocol::frame::PREFIX_BYTES;
use crate::protocol::header::{ExtFields, FLAG_RESPONSE, SerializeType, binary, json};
use crate::protocol::send::template::patch_prefix;

/// What a broker answers to a stored message (R171), read in place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendReply<'a> {
    /// Offset message id made by the broker; empty if it did not say.
    pub offset_message_id: Cow<'a, str>,
    /// Queue written; -1 if the broker did not say.
    pub queue_id: i32,
    /// Position in that queue; -1 if the broker did not say.
    pub queue_offset: i64,
    /// UNIQ_KEY as the broker saw it.
    pub transaction_id: Option<Cow<'a, str>>,
    /// `MSG_REGION`.
    pub region_id: Option<Cow<'a, str>>,
    /// Of a timer message: what recalls it (R199; 5.3.2 and later).
    pub recall_handle: Option<Cow<'a, str>>,
}

impl Default for SendReply<'_> {
    /// A broker that said nothing but "stored".
    fn default() -> Self {
        Self {
            offset_message_id: Cow::Borrowed(""),
            queue_id: -1,
            queue_offset: -1,
            transaction_id: None,
            region_id: None,
            recall_handle: None,
        }
    }
}

impl<'a> SendReply<'a> {
    /// Reads a reply's ext fields. A reply without any still means "stored" (R171), so whatever is
    /// absent keeps its default.
    ///
    /// # Errors
    /// Ext fields that are not well formed, numbers that are none.
    pub fn parse(ext: &ExtFields<'a>) -> Result<Self, DecodeError> {
        let mut reply = Self::default();
        let mut wrong = None;
        ext.for_each(|key, value| match &*key {
            "msgId" => reply.offset_message_id = value,
            "queueId" => match value.parse() {
                Ok(queue_id) => reply.queue_id = queue_id,
                Err(_) => wrong = Some("queueId"),
            },
            "queueOffset" => match value.parse() {
                Ok(offset) => reply.queue_offset = offset,
                Err(_) => wrong = Some("queueOffset"),
            },
            "transactionId" => reply.transaction_id = Some(value),
            "MSG_REGION" => reply.region_id = Some(value),
            "recallHandle" => reply.recall_handle = Some(value),
            _ => {}
        })?;
        wrong.map_or(Ok(reply), |field| Err(DecodeError::IllegalValue(field)))
    }
}

/// The fields of a reply as a server writes them, borrowed.
#[derive(Debug, Clone, Copy)]
pub struct SendReplyFields<'a> {
    /// Opaque of the request.
    pub opaque: i32,
    /// One of the four codes that mean "stored".
    pub code: ResponseCode,
    /// Offset message id.
    pub offset_message_id: &'a str,
    /// Queue written.
    pub queue_id: u32,
    /// Position in the queue.
    pub queue_offset: u64,
    /// UNIQ_KEY of the message; empty for a batch, which has none.
    pub transaction_id: &'a str,
}

/// Appends a whole reply frame, server side, without allocating.
pub fn encode_reply(
    serialize_type: SerializeType,
    out: &mut Vec<u8>,
    version: i32,
    fields: &SendReplyFields<'_>,
) {
    let start = out.len();
    out.extend_from_slice(&[0; PREFIX_BYTES]);
    let (mut queue, mut offset) = (itoa::Buffer::new(), itoa::Buffer::new());
    let entries = [
        ("queueId", queue.format(fields.queue_id)),
        ("TRACE_ON", "true"),
        ("MSG_REGION", "DefaultRegion"),
        ("msgId", fields.offset_message_id),
        ("queueOffset", offset.format(fields.queue_offset)),
        ("transactionId", fields.transaction_id),
    ];
    let said = entries.len() - usize::from(fields.transaction_id.is_empty());
    let entries = entries.get(..said).unwrap_or_default();
    match serialize_type {
        SerializeType::Binary => {
            let fixed = binary::Fixed {
                code: fields.code.0,
                language: Language::RUST,
                version,
                opaque: fields.opaque,
                flag: FLAG_RESPONSE,
            };
            let ext_at = binary::write_fixed(out, fixed, "");
            for (key, value) in entries {
                binary::write_entry(out, key, value.as_bytes());
            }
            binary::finish_ext(out, ext_at);
        }
        SerializeType::Json => {
            let mut digits = itoa::Buffer::new();
            out.extend_from_slice(b"{\"code\":");
            out.extend_from_slice(digits.format(fields.code.0).as_bytes());
            out.extend_from_slice(b",\"extFields\":{");
            for (index, (key, value)) in entries.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                json::write_string(out, key);
                out.push(b':');
                json::write_string(out, value);
            }
            out.extend_from_slice(b"},\"flag\":1,\"language\":\"RUST\",\"opaque\":");
            out.extend_from_slice(digits.format(fields.opaque).as_bytes());
            out.extend_from_slice(b",\"serializeTypeCurrentRPC\":\"JSON\",\"version\":");
            out.extend_from_slice(digits.format(version).as_bytes());
            out.push(b'}');
        }
    }
    patch_prefix(out.get_mut(start..).unwrap_or_default(), serialize_type, 0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::HeaderView;
    use crate::protocol::command::RemotingCommand;
    use crate::protocol::frame::{FrameLimits, split};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn replies_survive_both_forms(opaque in 0i32.., queue_id in 0u32..2000, offset in 0u64..1 << 60) {
            for form in [SerializeType::Binary, SerializeType::Json] {
                let mut out = Vec::new();
                let fields = SendReplyFields {
                    opaque, code: ResponseCode::FLUSH_DISK_TIMEOUT, offset_message_id: "7F00",
                    queue_id, queue_offset: offset, transaction_id: "ID",
                };
                encode_reply(form, &mut out, 479, &fields);
                let frame = split(&out, FrameLimits::default()).unwrap().unwrap();
                prop_assert_eq!(frame.wire_bytes, out.len());
                let view = HeaderView::parse(frame.serialize_type, frame.header).unwrap();
                prop_assert!(view.is_response());
                prop_assert_eq!((view.code, view.opaque), (10, opaque));
                let reply = SendReply::parse(&view.ext).unwrap();
                prop_assert_eq!(reply.queue_offset, i64::try_from(offset).unwrap());
                prop_assert_eq!(reply.queue_id, i32::try_from(queue_id).unwrap());
                prop_assert_eq!(reply.transaction_id.as_deref(), Some("ID"));
            }
        }
    }

    /// R171: a missing extension map must not turn a stored message into a failure.
    #[test]
    fn a_bare_reply_means_stored() {
        let mut out = Vec::new();
        RemotingCommand::response(ResponseCode::SUCCESS, 3).encode(SerializeType::Json, &mut out);
        let frame = split(&out, FrameLimits::default()).unwrap().unwrap();
        let view = HeaderView::parse(frame.serialize_type, frame.header).unwrap();
        assert_eq!(SendReply::parse(&view.ext).unwrap().queue_offset, -1);
    }
}
