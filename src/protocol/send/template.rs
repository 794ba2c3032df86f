//! **Hot path.** The header of a send, rendered once and patched per message.
//!
//! Budget per message: one copy of the template, five patches, two appended fields; no allocation,
//! no formatting machinery (`benches/send_path/codec.rs`).
//!
//! What is the same for every message of one (topic, group, broker) is rendered once into a
//! [`SendTemplate`]. Only `i` (properties, with the unique id) and `e` (queue id) vary in length;
//! they stand last in the binary form, whose entries have no order.

use crate::protocol::code::{CLIENT_VERSION, RequestCode};
use crate::protocol::frame::PREFIX_BYTES;
use crate::protocol::header::{FLAG_ONEWAY, SerializeType, binary, json};
use crate::protocol::message_id::UniqueId;
use crate::protocol::properties;
use crate::protocol::send::{SendHeader, SendKind, SendRequest, SendVersion};
use crate::protocol::signature::{Credentials, SIGNATURE, Signature, Signing};

/// Digits of a born timestamp in milliseconds (until the year 2286).
pub const BORN_DIGITS: usize = 13;

/// Born timestamp as text; rendered once per batch, not per message.
pub type BornDigits = [u8; BORN_DIGITS];

/// Renders a wall-clock time in milliseconds since 1970.
#[must_use]
pub fn born_digits(wall_ms: u64) -> BornDigits {
    let mut digits = [b'0'; BORN_DIGITS];
    let mut rest = wall_ms;
    for slot in digits.iter_mut().rev() {
        *slot = b'0' + u8::try_from(rest % 10).unwrap_or_default();
        rest /= 10;
    }
    digits
}

/// A send header rendered once, patched per message.
#[derive(Debug, Clone)]
pub struct SendTemplate {
    form: Form,
    /// Everything up to the fields that vary in length.
    prefix: Box<[u8]>,
    born_at: usize,
    keys: VaryingKeys,
    /// Where requests are signed.
    signed: Option<SignedValues>,
}

#[cold]
#[inline(never)]
fn write_signature(out: &mut Vec<u8>, signature: &Signature) {
    binary::write_entry(out, SIGNATURE, signature);
}

/// The values of the header in the order they are signed in.
#[derive(Debug, Clone)]
struct SignedValues {
    /// A signature of those before the first that varies.
    begun: Signing,
    rest: Box<[SignedValue]>,
}

#[derive(Debug, Clone)]
enum SignedValue {
    Text(Box<[u8]>),
    QueueId,
    Born,
    Properties,
}

#[derive(Debug, Clone, Copy)]
struct VaryingKeys {
    properties: &'static str,
    queue_id: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Binary,
    Json,
}

/// What varies from message to message.
#[derive(Debug, Clone, Copy)]
pub struct SendFields<'a> {
    /// Request id.
    pub opaque: i32,
    /// Queue of the broker.
    pub queue_id: u32,
    /// No response wanted.
    pub oneway: bool,
    /// Goes into the properties as UNIQ_KEY; `None` for a batch, whose records have their own.
    pub unique_id: Option<&'a UniqueId>,
    /// Further properties, already encoded (each ends with U+0002); may be empty.
    pub properties: &'a [u8],
    /// Born timestamp.
    pub born: &'a BornDigits,
    /// Bytes of the body that will follow the header.
    pub body_bytes: usize,
    /// By [`SendTemplate::sign`], where requests are signed.
    pub signature: Option<&'a Signature>,
}

// Offsets in a binary frame: 8 bytes of prefix, then code, language, version, opaque, flag, remark.
const OPAQUE_AT: usize = PREFIX_BYTES + 5;
const FLAG_AT: usize = OPAQUE_AT + 4;
const EXT_LENGTH_AT: usize = FLAG_AT + 8;
/// What stands before the id in its property.
const UNIQUE_PROPERTY_BEGIN: &[u8] = b"UNIQ_KEY\x01";
/// `UNIQ_KEY` U+0001 id U+0002.
const UNIQUE_PROPERTY_BYTES: usize = properties::UNIQUE_ID_KEY.len() + 2 + 32;

impl SendTemplate {
    /// Renders the constant part.
    #[must_use]
    pub fn new(serialize_type: SerializeType, header: &SendHeader, kind: SendKind) -> Self {
        Self::signed_by(serialize_type, header, kind, None)
    }

    /// The same for requests that are signed.
    #[must_use]
    pub fn signed_by(
        serialize_type: SerializeType,
        header: &SendHeader,
        kind: SendKind,
        credentials: Option<&Credentials>,
    ) -> Self {
        let short = header.version == SendVersion::V2 || kind.request == SendRequest::Batch;
        let code = match (kind.request, short) {
            (SendRequest::Single, true) => RequestCode::SEND_MESSAGE_V2,
            (SendRequest::Single, false) => RequestCode::SEND_MESSAGE,
            (SendRequest::Batch, _) => RequestCode::SEND_BATCH_MESSAGE,
            (SendRequest::Reply, true) => RequestCode::SEND_REPLY_MESSAGE_V2,
            (SendRequest::Reply, false) => RequestCode::SEND_REPLY_MESSAGE,
        };
        let pick = |letter: &'static str, long: &'static str| if short { letter } else { long };
        let texts = ConstantTexts::new(header, kind);
        let account = credentials.into_iter().flat_map(Credentials::fields);
        // The born timestamp stays the last.
        let fields: Vec<_> = account.chain(texts.fields(pick, header)).collect();
        let keys = VaryingKeys {
            properties: pick("i", "properties"),
            queue_id: pick("e", "queueId"),
        };
        let born_key = pick("g", "bornTimestamp");
        let signed = credentials.map(|by| SignedValues::new(by, &fields, keys, born_key));
        let mut prefix = vec![0; PREFIX_BYTES];
        let form = match serialize_type {
            SerializeType::Binary => {
                let fixed = binary::Fixed {
                    code: code.0,
                    language: header.language,
                    version: CLIENT_VERSION,
                    opaque: 0,
                    flag: 0,
                };
                binary::write_fixed(&mut prefix, fixed, "");
                for (key, value) in fields {
                    binary::write_entry(&mut prefix, key, value.as_bytes());
                }
                Form::Binary
            }
            SerializeType::Json => {
                prefix.extend_from_slice(b"{\"code\":");
                prefix.extend_from_slice(code.0.to_string().as_bytes());
                prefix.extend_from_slice(b",\"language\":\"");
                prefix.extend_from_slice(header.language.name().as_bytes());
                prefix.extend_from_slice(b"\",\"serializeTypeCurrentRPC\":\"JSON\",\"version\":");
                prefix.extend_from_slice(CLIENT_VERSION.to_string().as_bytes());
                prefix.extend_from_slice(b",\"extFields\":{");
                for (index, (key, value)) in fields.into_iter().enumerate() {
                    if index > 0 {
                        prefix.push(b',');
                    }
                    json::write_string(&mut prefix, key);
                    prefix.push(b':');
                    json::write_string(&mut prefix, value);
                }
                Form::Json
            }
        };
        // bornTimestamp stands last in the prefix; in JSON its closing quote follows.
        let quote = usize::from(form == Form::Json);
        let born_at = prefix.len() - quote - BORN_DIGITS;
        Self {
            form,
            prefix: prefix.into_boxed_slice(),
            born_at,
            keys,
            signed,
        }
    }

    /// The signature of a message, where requests are signed; `body` adds its body.
    #[inline]
    #[must_use]
    pub fn sign(
        &self,
        fields: &SendFields<'_>,
        body: impl FnOnce(&mut Signing),
    ) -> Option<Signature> {
        let signed = self.signed.as_ref()?;
        Some(signed.sign(fields, body))
    }

    /// Appends the header of one message to `out`; the caller appends the body.
    #[inline]
    pub fn encode(&self, out: &mut Vec<u8>, fields: &SendFields<'_>) {
        match self.form {
            Form::Binary => self.encode_binary(out, fields),
            Form::Json => self.encode_json(out, fields),
        }
    }

    #[inline]
    #[allow(
        clippy::cast_possible_truncation,
        reason = "properties are checked below 32 KiB"
    )]
    fn encode_binary(&self, out: &mut Vec<u8>, fields: &SendFields<'_>) {
        let start = out.len();
        let mut digits = itoa::Buffer::new();
        let queue_id = digits.format(fields.queue_id);
        let unique_bytes = match fields.unique_id {
            Some(_) => UNIQUE_PROPERTY_BYTES,
            None => 0,
        };
        let property_bytes = unique_bytes + fields.properties.len();
        out.reserve(self.prefix.len() + property_bytes + queue_id.len() + 48);
        out.extend_from_slice(&self.prefix);
        out.extend_from_slice(&(self.keys.properties.len() as u16).to_be_bytes());
        out.extend_from_slice(self.keys.properties.as_bytes());
        out.extend_from_slice(&(property_bytes as u32).to_be_bytes());
        if let Some(id) = fields.unique_id {
            properties::write(out, properties::UNIQUE_ID_KEY, &id.0);
        }
        out.extend_from_slice(fields.properties);
        binary::write_entry(out, self.keys.queue_id, queue_id.as_bytes());
        if let Some(signature) = fields.signature {
            write_signature(out, signature);
        }
        let frame = out.get_mut(start..).unwrap_or_default();
        patch(frame, self.born_at, fields.born);
        patch(frame, OPAQUE_AT, &fields.opaque.to_be_bytes());
        let flag = if fields.oneway { FLAG_ONEWAY } else { 0 };
        patch(frame, FLAG_AT, &flag.to_be_bytes());
        let ext_bytes = (frame.len() - EXT_LENGTH_AT - 4) as u32;
        patch(frame, EXT_LENGTH_AT, &ext_bytes.to_be_bytes());
        patch_prefix(frame, SerializeType::Binary, fields.body_bytes);
    }

    fn encode_json(&self, out: &mut Vec<u8>, fields: &SendFields<'_>) {
        let start = out.len();
        let mut digits = itoa::Buffer::new();
        out.extend_from_slice(&self.prefix);
        out.push(b',');
        json::write_string(out, self.keys.properties);
        out.extend_from_slice(b":\"");
        if let Some(id) = fields.unique_id {
            out.extend_from_slice(b"UNIQ_KEY\\u0001");
            out.extend_from_slice(&id.0);
            out.extend_from_slice(b"\\u0002");
        }
        json::write_escaped(out, str::from_utf8(fields.properties).unwrap_or_default());
        out.extend_from_slice(b"\",");
        json::write_string(out, self.keys.queue_id);
        out.extend_from_slice(b":\"");
        out.extend_from_slice(digits.format(fields.queue_id).as_bytes());
        out.push(b'"');
        if let Some(signature) = fields.signature {
            out.extend_from_slice(b",\"Signature\":\"");
            // Of base64's letters none is escaped.
            out.extend_from_slice(signature);
            out.push(b'"');
        }
        out.extend_from_slice(b"},\"flag\":");
        out.push(if fields.oneway { b'2' } else { b'0' });
        out.extend_from_slice(b",\"opaque\":");
        out.extend_from_slice(digits.format(fields.opaque).as_bytes());
        out.push(b'}');
        let frame = out.get_mut(start..).unwrap_or_default();
        patch(frame, self.born_at, fields.born);
        patch_prefix(frame, SerializeType::Json, fields.body_bytes);
    }
}

impl SignedValues {
    /// Apart, so that messages that are not signed do not carry it along.
    #[inline(never)]
    fn sign(&self, fields: &SendFields<'_>, body: impl FnOnce(&mut Signing)) -> Signature {
        let mut signing = self.begun.clone();
        for value in &self.rest {
            match value {
                SignedValue::Text(text) => signing.add(text),
                SignedValue::QueueId => {
                    signing.add(itoa::Buffer::new().format(fields.queue_id).as_bytes());
                }
                SignedValue::Born => signing.add(fields.born),
                SignedValue::Properties => {
                    if let Some(id) = fields.unique_id {
                        signing.add(UNIQUE_PROPERTY_BEGIN);
                        signing.add(&id.0);
                        signing.add(&[properties::VALUE_END]);
                    }
                    signing.add(fields.properties);
                }
            }
        }
        body(&mut signing);
        signing.end()
    }

    fn new(
        by: &Credentials,
        constant: &[(&'static str, &str)],
        keys: VaryingKeys,
        born_key: &str,
    ) -> Self {
        let text = |text: &str| SignedValue::Text(text.as_bytes().into());
        let mut values: Vec<(&str, SignedValue)> = constant
            .iter()
            .map(|(key, value)| match *key == born_key {
                true => (*key, SignedValue::Born),
                false => (*key, text(value)),
            })
            .collect();
        values.push((keys.queue_id, SignedValue::QueueId));
        values.push((keys.properties, SignedValue::Properties));
        values.sort_by_key(|(key, _)| *key);
        let mut begun = by.begin();
        let mut values = values.into_iter().map(|(_, value)| value).peekable();
        while let Some(SignedValue::Text(text)) =
            values.next_if(|value| matches!(value, SignedValue::Text(_)))
        {
            begun.add(&text);
        }
        Self {
            begun,
            rest: values.collect(),
        }
    }
}

/// The fields that stay the same, as text.
struct ConstantTexts {
    default_queues: String,
    sys_flag: String,
    flag: String,
    reconsume_times: String,
    max_reconsume_times: Option<String>,
    unit_mode: &'static str,
    batch: &'static str,
}

fn truth(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

impl ConstantTexts {
    fn new(header: &SendHeader, kind: SendKind) -> Self {
        Self {
            default_queues: header.default_queues.to_string(),
            sys_flag: kind.sys_flag.to_string(),
            flag: kind.flag.to_string(),
            reconsume_times: kind.reconsume_times.to_string(),
            max_reconsume_times: kind.max_reconsume_times.map(|times| times.to_string()),
            unit_mode: truth(header.unit_mode),
            batch: truth(kind.request == SendRequest::Batch),
        }
    }

    /// Names and values; the born timestamp, which is patched, comes last.
    fn fields<'a>(
        &'a self,
        pick: impl Fn(&'static str, &'static str) -> &'static str,
        header: &'a SendHeader,
    ) -> Vec<(&'static str, &'a str)> {
        let mut fields = vec![
            (pick("a", "producerGroup"), header.group.as_str()),
            (pick("b", "topic"), &header.topic),
            (pick("c", "defaultTopic"), &header.default_topic),
            (pick("d", "defaultTopicQueueNums"), &self.default_queues),
            (pick("f", "sysFlag"), &self.sys_flag),
            (pick("h", "flag"), &self.flag),
            (pick("j", "reconsumeTimes"), &self.reconsume_times),
            (pick("k", "unitMode"), self.unit_mode),
        ];
        if let Some(times) = &self.max_reconsume_times {
            fields.push((pick("l", "maxReconsumeTimes"), times));
        }
        fields.extend([
            (pick("m", "batch"), self.batch),
            (pick("n", "bname"), &header.broker_name),
            (pick("g", "bornTimestamp"), "0000000000000"),
        ]);
        fields
    }
}

#[inline]
fn patch(frame: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(slot) = frame.get_mut(at..at + bytes.len()) {
        slot.copy_from_slice(bytes);
    }
}

#[inline]
#[allow(
    clippy::cast_possible_truncation,
    reason = "frames are below 16 MiB by FrameLimits"
)]
pub(super) fn patch_prefix(frame: &mut [u8], serialize_type: SerializeType, body_bytes: usize) {
    let header_bytes = (frame.len() - PREFIX_BYTES) as u32;
    let length = 4 + header_bytes + body_bytes as u32;
    patch(frame, 0, &length.to_be_bytes());
    patch(
        frame,
        4,
        &serialize_type.header_word(header_bytes).to_be_bytes(),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::code::Language;
    use crate::protocol::command::RemotingCommand;
    use crate::protocol::frame::{FrameLimits, split};
    use crate::protocol::header::HeaderView;
    use crate::protocol::message_id::{UniquePrefix, UniqueSuffix};
    use crate::protocol::send::SendRequestView;
    use proptest::prelude::*;
    use std::net::Ipv4Addr;

    fn header(version: SendVersion) -> SendHeader {
        SendHeader {
            version,
            group: "group".into(),
            topic: "Topic".into(),
            default_topic: "TBW102".into(),
            default_queues: 4,
            unit_mode: true,
            broker_name: "broker-a".into(),
            language: Language::RUST,
        }
    }

    proptest! {
        #[test]
        fn a_template_writes_what_a_command_with_these_fields_would(
            opaque in 0i32.., queue_id in 0u32..2000, oneway: bool, suffix in 0u64..1 << 48,
            wall_ms in 1_000_000_000_000u64..9_999_999_999_999, tags in "[a-zA-Z0-9\"\\\\]{0,12}",
            binary_form: bool, v2: bool, with_id: bool, request in 0usize..3, sys_flag in 0..0x400, flag: i32,
            reconsume_times in 0..20, max_reconsume_times in prop::option::of(0..20), body in prop::collection::vec(any::<u8>(), 0..50),
            is_signed: bool, token in prop::option::of("[a-z]{1,9}"),
        ) {
            let form = if binary_form { SerializeType::Binary } else { SerializeType::Json };
            let version = if v2 { SendVersion::V2 } else { SendVersion::V1 };
            let id = UniquePrefix::new(Ipv4Addr::LOCALHOST, 77, 5).with(UniqueSuffix(suffix));
            let mut more = Vec::new();
            if !tags.is_empty() {
                properties::write(&mut more, "TAGS", tags.as_bytes());
            }
            let mut fields = SendFields {
                opaque, queue_id, oneway, unique_id: with_id.then_some(&id), properties: &more,
                born: &born_digits(wall_ms), body_bytes: body.len(), signature: None,
            };
            let credentials = Credentials::new("account", "secret", token.as_deref());
            let credentials = credentials.filter(|_| is_signed);
            let mut out = b"before".to_vec();
            let request = [SendRequest::Single, SendRequest::Batch, SendRequest::Reply][request];
            let kind = SendKind { request, sys_flag, flag, reconsume_times, max_reconsume_times };
            let template = SendTemplate::signed_by(form, &header(version), kind, credentials.as_ref());
            let signature = template.sign(&fields, |signing| signing.add(&body));
            fields.signature = signature.as_ref();
            template.encode(&mut out, &fields);
            out.extend_from_slice(&body);

            let frame = split(&out[6..], FrameLimits::default()).unwrap().unwrap();
            prop_assert_eq!(frame.wire_bytes, out.len() - 6);
            prop_assert_eq!(frame.body, &body[..]);
            let command = RemotingCommand::decode(&frame).unwrap();
            prop_assert_eq!(command.opaque, opaque);
            prop_assert_eq!(command.flag, if oneway { 2 } else { 0 });
            let code = match request {
                SendRequest::Single => if v2 { 310 } else { 10 },
                SendRequest::Batch => 320,
                SendRequest::Reply => if v2 { 325 } else { 324 },
            };
            prop_assert_eq!(command.code, code);
            let view = HeaderView::parse(frame.serialize_type, frame.header).unwrap();
            let request = SendRequestView::parse(&view).unwrap();
            prop_assert_eq!(request.kind, kind);
            prop_assert!(request.unit_mode);
            prop_assert_eq!(&*request.topic, "Topic");
            prop_assert_eq!(&*request.group, "group");
            prop_assert_eq!(&*request.broker_name, "broker-a");
            prop_assert_eq!(request.queue_id, i32::try_from(queue_id).unwrap());
            prop_assert_eq!(request.born_ms, i64::try_from(wall_ms).unwrap());
            let read: Vec<_> = properties::parse(&request.properties).collect();
            let id = with_id.then_some(("UNIQ_KEY", id.as_str()));
            let tags = (!tags.is_empty()).then_some(("TAGS", &*tags));
            prop_assert_eq!(read, id.into_iter().chain(tags).collect::<Vec<_>>());
            let written = command.field(SIGNATURE).map(str::to_owned);
            let signed = credentials.map(|by| {
                let mut again = command.clone();
                again.ext.retain(|(name, _)| name != SIGNATURE && by.fields().all(|(field, _)| field != name));
                by.sign(&mut again);
                again.field(SIGNATURE).unwrap().to_owned()
            });
            prop_assert_eq!(written, signed);
        }
    }
}
