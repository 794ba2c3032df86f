//! **Hot path.** The reply to a stored message, byte for byte what
//! [`crate::protocol::send::encode_reply`] writes, from constant pieces.
//!
//! Budget: some 60 ns and no allocation; the general encoder takes several times that, which would
//! show when the embedded broker is the ruler the generator is measured with.

use crate::protocol::SerializeType;
use crate::protocol::frame::PREFIX_BYTES;
use crate::protocol::header::{binary, json};
use crate::protocol::message_id::OFFSET_ID_CHARS;

/// What varies from reply to reply.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stored<'a> {
    /// Opaque of the request.
    pub(super) opaque: i32,
    /// Queue written.
    pub(super) queue_id: u32,
    /// Position in the queue.
    pub(super) queue_offset: u64,
    /// Offset message id.
    pub(super) message_id: &'a [u8; OFFSET_ID_CHARS],
    /// UNIQ_KEY of the message.
    pub(super) transaction_id: &'a str,
}

/// Appends a whole frame with code SUCCESS.
#[inline]
#[allow(
    clippy::cast_possible_truncation,
    reason = "a reply is some hundred bytes long"
)]
pub(super) fn encode(serialize_type: SerializeType, out: &mut Vec<u8>, stored: &Stored<'_>) {
    let start = out.len();
    out.reserve(384 + stored.transaction_id.len());
    out.extend_from_slice(&[0; PREFIX_BYTES]);
    match serialize_type {
        SerializeType::Json => write_json(out, stored),
        SerializeType::Binary => write_binary(out, stored),
    }
    let header_bytes = (out.len() - start - PREFIX_BYTES) as u32;
    if let Some(prefix) = out.get_mut(start..start + PREFIX_BYTES) {
        prefix[..4].copy_from_slice(&(header_bytes + 4).to_be_bytes());
        prefix[4..].copy_from_slice(&serialize_type.header_word(header_bytes).to_be_bytes());
    }
}

#[inline]
fn write_json(out: &mut Vec<u8>, stored: &Stored<'_>) {
    let mut digits = itoa::Buffer::new();
    out.extend_from_slice(b"{\"code\":0,\"extFields\":{\"queueId\":\"");
    out.extend_from_slice(digits.format(stored.queue_id).as_bytes());
    out.extend_from_slice(
        b"\",\"TRACE_ON\":\"true\",\"MSG_REGION\":\"DefaultRegion\",\"msgId\":\"",
    );
    out.extend_from_slice(stored.message_id);
    out.extend_from_slice(b"\",\"queueOffset\":\"");
    out.extend_from_slice(digits.format(stored.queue_offset).as_bytes());
    out.extend_from_slice(b"\",\"transactionId\":\"");
    let id = stored.transaction_id;
    if id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        out.extend_from_slice(id.as_bytes());
    } else {
        json::write_escaped(out, id);
    }
    out.extend_from_slice(b"\"},\"flag\":1,\"language\":\"RUST\",\"opaque\":");
    out.extend_from_slice(digits.format(stored.opaque).as_bytes());
    out.extend_from_slice(b",\"serializeTypeCurrentRPC\":\"JSON\",\"version\":479}");
}

#[inline]
fn write_binary(out: &mut Vec<u8>, stored: &Stored<'_>) {
    let mut digits = itoa::Buffer::new();
    // Code 0, language RUST (12), version 479 (0x01df).
    out.extend_from_slice(b"\x00\x00\x0c\x01\xdf");
    out.extend_from_slice(&stored.opaque.to_be_bytes());
    // Flag 1 (response), no remark.
    out.extend_from_slice(b"\x00\x00\x00\x01\x00\x00\x00\x00");
    let ext_at = out.len();
    out.extend_from_slice(&[0; 4]);
    binary::write_entry(out, "queueId", digits.format(stored.queue_id).as_bytes());
    out.extend_from_slice(
        b"\x00\x08TRACE_ON\x00\x00\x00\x04true\x00\x0aMSG_REGION\x00\x00\x00\x0dDefaultRegion",
    );
    binary::write_entry(out, "msgId", stored.message_id);
    let offset = digits.format(stored.queue_offset);
    binary::write_entry(out, "queueOffset", offset.as_bytes());
    binary::write_entry(out, "transactionId", stored.transaction_id.as_bytes());
    binary::finish_ext(out, ext_at);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::ResponseCode;
    use crate::protocol::code::CLIENT_VERSION;
    use crate::protocol::send::{SendReplyFields, encode_reply};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_bytes_are_those_of_the_general_encoder(
            opaque: i32, queue_id: u32, queue_offset: u64, id in "[A-Z0-9\"\\\\é\u{1}]{1,40}",
        ) {
            let message_id = b"0A00000100002A9F00000000000003E8";
            for form in [SerializeType::Json, SerializeType::Binary] {
                let (mut fast, mut plain) = (b"before".to_vec(), b"before".to_vec());
                let stored = Stored {
                    opaque, queue_id, queue_offset, message_id, transaction_id: &id,
                };
                encode(form, &mut fast, &stored);
                let fields = SendReplyFields {
                    opaque, code: ResponseCode::SUCCESS, queue_id, queue_offset,
                    offset_message_id: str::from_utf8(message_id).unwrap(), transaction_id: &id,
                };
                encode_reply(form, &mut plain, CLIENT_VERSION, &fields);
                prop_assert_eq!(fast, plain);
            }
        }
    }
}
