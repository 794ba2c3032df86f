//! The frames all measure with: a send as the load face writes it, answers as a broker gives them.

use std::net::Ipv4Addr;

use bytes::Bytes;
use rmq_bench::client::{Compression, Message};
use rmq_bench::protocol::code::Language;
use rmq_bench::protocol::message_id::{UniquePrefix, UniqueSequence};
use rmq_bench::protocol::send::{
    BornDigits, SendFields, SendHeader, SendReplyFields, SendTemplate, SendVersion, born_digits,
    encode_reply,
};
use rmq_bench::protocol::{RemotingCommand, RequestCode, ResponseCode, SerializeType};

pub(crate) const TOPIC: &str = "BenchmarkTest";
pub(crate) const FORMS: [(&str, SerializeType); 2] = [
    ("binary", SerializeType::Binary),
    ("json", SerializeType::Json),
];
/// A batch of this size is what one write takes.
pub(crate) const BATCH_BYTES: usize = 65_536;
/// Bytes of a body, unless said otherwise.
pub(crate) const BODY_BYTES: usize = 128;

pub(crate) fn send_header() -> SendHeader {
    SendHeader {
        version: SendVersion::V2,
        group: "rmq_bench_producer".into(),
        topic: TOPIC.into(),
        default_topic: "TBW102".into(),
        default_queues: 4,
        unit_mode: false,
        broker_name: "broker-0".into(),
        language: Language::RUST,
    }
}

/// A message without tags, keys or properties of the user.
pub(crate) fn plain(body_bytes: usize) -> Message {
    Message::new(Bytes::from(vec![7; body_bytes]))
}

/// One with a tag, two keys and a property.
pub(crate) fn labelled(body_bytes: usize) -> Message {
    plain(body_bytes)
        .with_tags("TagA")
        .and_then(|message| message.with_keys(&["order-0815", "customer-4711"]))
        .and_then(|message| message.with_property("region", "eu-central-1"))
        .unwrap()
}

/// One whose body was compressed before the load began, as loads do it.
pub(crate) fn compressed() -> Message {
    let text = r#"{"order":4711,"state":"paid"},"#.repeat(200);
    Message::new(text).compressed(&Compression::default())
}

/// Writes one message after another into the same buffer, each with its own id.
pub(crate) struct Encoder {
    template: SendTemplate,
    prefix: UniquePrefix,
    sequence: UniqueSequence,
    born: BornDigits,
    message: Message,
}

impl Encoder {
    pub(crate) fn new(form: SerializeType, message: Message) -> Self {
        Self {
            template: SendTemplate::new(form, &send_header(), message.kind()),
            prefix: UniquePrefix::new(Ipv4Addr::LOCALHOST, 1234, 5),
            sequence: UniqueSequence::default(),
            born: born_digits(1_700_000_000_000),
            message,
        }
    }

    /// Appends the header of one message; the body is left to the caller.
    #[inline]
    pub(crate) fn header(&mut self, out: &mut Vec<u8>, opaque: i32) {
        let fields = SendFields {
            opaque,
            queue_id: 7,
            oneway: false,
            unique_id: Some(&self.prefix.with(self.sequence.next_suffix())),
            properties: self.message.properties(),
            born: &self.born,
            body_bytes: self.message.body().len(),
            signature: None,
        };
        self.template.encode(out, &fields);
    }

    #[inline]
    pub(crate) fn body(&self) -> &Bytes {
        self.message.body()
    }

    /// Appends a whole frame, after emptying a buffer that holds a batch.
    #[inline]
    pub(crate) fn append(&mut self, out: &mut Vec<u8>, opaque: i32) {
        if out.len() > BATCH_BYTES {
            out.clear();
        }
        self.header(out, opaque);
        out.extend_from_slice(self.message.body());
    }

    /// One whole frame.
    pub(crate) fn frame(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        self.append(&mut out, 1);
        out
    }
}

/// The same request field by field, as the cold path writes any request.
pub(crate) fn command(message: &Message) -> RemotingCommand {
    let header = send_header();
    let properties = format!(
        "UNIQ_KEY\u{1}7F00000104D218B4AAC205265C000007\u{2}{}",
        str::from_utf8(message.properties()).unwrap()
    );
    RemotingCommand::request(RequestCode::SEND_MESSAGE_V2)
        .with_field("a", header.group)
        .with_field("b", header.topic)
        .with_field("c", header.default_topic)
        .with_field("d", header.default_queues)
        .with_field("e", 7)
        .with_field("f", 0)
        .with_field("g", 1_700_000_000_000_u64)
        .with_field("h", 0)
        .with_field("i", properties)
        .with_field("j", 0)
        .with_field("k", false)
        .with_field("m", false)
        .with_field("n", header.broker_name)
        .with_body(message.body().clone())
}

/// "Stored", with all its fields.
pub(crate) fn reply(form: SerializeType, opaque: i32) -> Vec<u8> {
    let mut out = Vec::new();
    let fields = SendReplyFields {
        opaque,
        code: ResponseCode::SUCCESS,
        offset_message_id: "7F00000100002A9F00000000000003E8",
        queue_id: 3,
        queue_offset: 123_456,
        transaction_id: "7F00000104D218B4AAC205265C000007",
    };
    encode_reply(form, &mut out, 479, &fields);
    out
}

/// A refusal, as an overloaded broker gives it.
pub(crate) fn refusal(form: SerializeType, opaque: i32) -> Vec<u8> {
    let mut out = Vec::new();
    RemotingCommand::response(ResponseCode::SYSTEM_BUSY, opaque)
        .with_remark(
            "[TIMEOUT_CLEAN_QUEUE]broker busy, start flow control for a while, period in queue: \
             206ms, size of queue: 5",
        )
        .encode(form, &mut out);
    out
}

/// As many replies as a read of 64 KiB brings, and their number.
pub(crate) fn many_replies(form: SerializeType) -> (Vec<u8>, u64) {
    let (mut bytes, mut count) = (Vec::new(), 0);
    for opaque in 0.. {
        let next = reply(form, opaque);
        if bytes.len() + next.len() > BATCH_BYTES {
            break;
        }
        bytes.extend(next);
        count += 1;
    }
    (bytes, count)
}
