//! A send request as a broker reads it: one walk over the header fields, borrowed.

use std::borrow::Cow;

use crate::protocol::code::RequestCode;
use crate::protocol::error::DecodeError;
use crate::protocol::header::HeaderView;
use crate::protocol::send::{SendKind, SendRequest};

/// A send request as a broker sees it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SendRequestView<'a> {
    /// Producer group.
    pub group: Cow<'a, str>,
    /// Topic.
    pub topic: Cow<'a, str>,
    /// Topic to inherit from if the topic is unknown.
    pub default_topic: Cow<'a, str>,
    /// Most queues of an auto-created topic.
    pub default_queues: i32,
    /// Queue, or negative for the broker's choice.
    pub queue_id: i32,
    /// Born timestamp, milliseconds since 1970.
    pub born_ms: i64,
    /// Request, flags and counts.
    pub kind: SendKind,
    /// What the client's unitMode says.
    pub unit_mode: bool,
    /// Encoded properties.
    pub properties: Cow<'a, str>,
    /// Broker name the client meant to reach; empty from old clients, 4.9.7 has it.
    pub broker_name: Cow<'a, str>,
}

impl<'a> SendRequestView<'a> {
    /// Reads the fields of either version.
    ///
    /// # Errors
    /// A field that is missing (a–h are required, R163) or not a number where it must be.
    #[inline]
    pub fn parse(header: &HeaderView<'a>) -> Result<Self, DecodeError> {
        let (reply, letters) = match RequestCode(header.code) {
            // Pushed to a requester with the names it was sent with by the long form (R82).
            RequestCode::SEND_MESSAGE | RequestCode::PUSH_REPLY_MESSAGE_TO_CLIENT => (false, false),
            RequestCode::SEND_REPLY_MESSAGE => (true, false),
            RequestCode::SEND_REPLY_MESSAGE_V2 => (true, true),
            _ => (false, true),
        };
        let mut view = Self::default();
        if reply {
            view.kind.request = SendRequest::Reply;
        }
        let mut seen = 0u8;
        let mut wrong = None;
        header.ext.for_each(|key, value| {
            let mut number = |what: &'static str| {
                value.parse::<i64>().unwrap_or_else(|_| {
                    wrong = Some(what);
                    0
                })
            };
            let letter = if letters {
                letter_of(&key)
            } else {
                letter_of_long(&key)
            };
            match letter {
                b'a' => view.group = value,
                b'b' => view.topic = value,
                b'c' => view.default_topic = value,
                b'd' => view.default_queues = clamp(number("defaultTopicQueueNums")),
                b'e' => view.queue_id = clamp(number("queueId")),
                b'f' => view.kind.sys_flag = clamp(number("sysFlag")),
                b'g' => view.born_ms = number("bornTimestamp"),
                b'h' => view.kind.flag = clamp(number("flag")),
                b'i' => view.properties = value,
                b'j' => view.kind.reconsume_times = clamp(number("reconsumeTimes")),
                b'k' => view.unit_mode = value == "true",
                b'l' => {
                    view.kind.max_reconsume_times = Some(clamp(number("maxReconsumeTimes")));
                }
                // Brokers go by this field, not by the code.
                b'm' if value == "true" => view.kind.request = SendRequest::Batch,
                b'n' => view.broker_name = value,
                _ => {}
            }
            if let b'a'..=b'h' = letter {
                seen |= 1 << (letter - b'a');
            }
        })?;
        if let Some(field) = wrong {
            return Err(DecodeError::IllegalValue(field));
        }
        if seen != u8::MAX {
            return Err(DecodeError::MissingField("a to h of a send request"));
        }
        Ok(view)
    }
}

#[inline]
fn clamp(value: i64) -> i32 {
    i32::try_from(value).unwrap_or(if value < 0 { i32::MIN } else { i32::MAX })
}

#[inline]
fn letter_of(key: &str) -> u8 {
    if let [letter] = key.as_bytes() {
        *letter
    } else {
        0
    }
}

fn letter_of_long(key: &str) -> u8 {
    match key {
        "producerGroup" => b'a',
        "topic" => b'b',
        "defaultTopic" => b'c',
        "defaultTopicQueueNums" => b'd',
        "queueId" => b'e',
        "sysFlag" => b'f',
        "bornTimestamp" => b'g',
        "flag" => b'h',
        "properties" => b'i',
        "reconsumeTimes" => b'j',
        "unitMode" => b'k',
        "maxReconsumeTimes" => b'l',
        "batch" => b'm',
        "bname" => b'n',
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::command::RemotingCommand;
    use crate::protocol::frame::{FrameLimits, split};
    use crate::protocol::header::SerializeType;

    #[test]
    fn a_request_without_its_required_fields_is_refused() {
        let command = RemotingCommand::request(RequestCode::SEND_MESSAGE_V2).with_field("a", "g");
        let mut out = Vec::new();
        command.encode(SerializeType::Binary, &mut out);
        let frame = split(&out, FrameLimits::default()).unwrap().unwrap();
        let view = HeaderView::parse(frame.serialize_type, frame.header).unwrap();
        assert!(matches!(
            SendRequestView::parse(&view),
            Err(DecodeError::MissingField(_))
        ));
    }
}
