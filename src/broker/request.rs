//! **Hot path.** What a broker needs of a send request, read with a memory of the last one.
//!
//! Most header fields (group, topic, defaults) are the same in every message of a connection, and
//! clients write them in the same order every time. So the leading run of such fields is compared as
//! bytes, and only what follows is parsed: a third of the time in the binary form. A header that
//! does not fit, and every JSON one, takes the codec's own way.

use std::borrow::Cow;

use crate::protocol::RequestCode;
use crate::protocol::error::DecodeError;
use crate::protocol::header::{ExtFields, HeaderView, binary};
use crate::protocol::send::{SendRequest as SendRequestKind, SendRequestView};

/// The fields of a send request that matter to a broker which keeps counts only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SendRequest<'a> {
    pub(super) topic: Cow<'a, str>,
    /// Topic to inherit from if the topic is unknown.
    pub(super) default_topic: Cow<'a, str>,
    /// Most queues of an auto-created topic.
    pub(super) default_queues: i32,
    /// Queue, or negative for the broker's choice.
    pub(super) queue_id: i32,
    /// Encoded properties.
    pub(super) properties: Cow<'a, str>,
    /// The body holds several messages.
    pub(super) batch: bool,
    /// See [`crate::protocol::sys_flag`].
    pub(super) sys_flag: i32,
    /// The user's flag.
    pub(super) flag: i32,
    /// When it was sent, in ms since 1970.
    pub(super) born_ms: i64,
    /// `bodyCrc32` as it came.
    pub(super) body_checksum: Option<Cow<'a, str>>,
}

/// The leading constant fields of the last send request in binary form.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// Their bytes; empty when nothing is remembered.
    leading: Vec<u8>,
    /// Which of the required fields a to h are among them.
    seen: u8,
    topic: String,
    default_topic: String,
    default_queues: i32,
    batch: bool,
    sys_flag: i32,
    flag: i32,
}

impl Memory {
    /// Reads a send request if it begins as the last one did.
    #[inline]
    pub(super) fn recall<'a>(&'a self, header: &HeaderView<'a>) -> Option<SendRequest<'a>> {
        let ExtFields::Binary(entries) = header.ext else {
            return None;
        };
        if self.leading.is_empty() || header.code != RequestCode::SEND_MESSAGE_V2.0 {
            return None;
        }
        let rest = entries.strip_prefix(&*self.leading)?;
        let (mut queue_id, mut born_ms, mut properties) = (None, None, Cow::Borrowed(""));
        let (mut seen, mut unusual) = (self.seen, false);
        let read = binary::for_each_entry(rest, |key, value| match key.as_bytes() {
            b"e" => {
                queue_id = value.parse().ok();
                unusual |= queue_id.is_none();
                seen |= bit(b'e');
            }
            b"g" => {
                born_ms = value.parse().ok();
                unusual |= born_ms.is_none();
                seen |= bit(b'g');
            }
            b"i" => properties = value,
            _ => unusual = true,
        });
        if read.is_err() || unusual || seen != u8::MAX {
            return None;
        }
        Some(SendRequest {
            topic: Cow::Borrowed(&self.topic),
            default_topic: Cow::Borrowed(&self.default_topic),
            default_queues: self.default_queues,
            queue_id: queue_id?,
            properties,
            batch: self.batch,
            sys_flag: self.sys_flag,
            flag: self.flag,
            born_ms: born_ms?,
            body_checksum: None,
        })
    }

    /// Reads any send request and remembers how it began.
    ///
    /// # Errors
    /// As [`SendRequestView::parse`].
    pub(super) fn read<'a>(
        &mut self,
        header: &HeaderView<'a>,
    ) -> Result<SendRequest<'a>, DecodeError> {
        let view = SendRequestView::parse(header)?;
        let request = SendRequest {
            topic: view.topic,
            default_topic: view.default_topic,
            default_queues: view.default_queues,
            queue_id: view.queue_id,
            properties: view.properties,
            batch: view.kind.request == SendRequestKind::Batch,
            sys_flag: view.kind.sys_flag,
            flag: view.kind.flag,
            born_ms: view.born_ms,
            body_checksum: body_checksum(header)?,
        };
        self.learn(header);
        Ok(request)
    }

    fn learn(&mut self, header: &HeaderView<'_>) {
        self.leading.clear();
        (self.batch, self.sys_flag, self.flag) = (false, 0, 0);
        let ExtFields::Binary(entries) = header.ext else {
            return;
        };
        if header.code != RequestCode::SEND_MESSAGE_V2.0 {
            return;
        }
        let (mut seen, mut bytes, mut leading) = (0, 0, true);
        let read = binary::for_each_entry(entries, |key, value| {
            // The values come from the leading fields themselves: a later field of the same name
            // counts in this message, but need not be there in the next.
            match key.as_bytes() {
                _ if !leading => return,
                b"b" => replace(&mut self.topic, &value),
                b"c" => replace(&mut self.default_topic, &value),
                b"d" => match value.parse() {
                    Ok(queues) => self.default_queues = queues,
                    Err(_) => leading = false,
                },
                b"m" => self.batch = &*value == "true",
                b"f" => match value.parse() {
                    Ok(sys_flag) => self.sys_flag = sys_flag,
                    Err(_) => leading = false,
                },
                b"h" => match value.parse() {
                    Ok(flag) => self.flag = flag,
                    Err(_) => leading = false,
                },
                [b'a' | b'j' | b'k' | b'l' | b'n'] => {}
                _ => leading = false,
            }
            if leading {
                bytes += 2 + key.len() + 4 + value.len();
                seen |= key.as_bytes().first().map_or(0, |letter| bit(*letter));
            }
        });
        // Without topic and defaults among them it is not the client's usual order.
        let wanted = bit(b'b') | bit(b'c') | bit(b'd');
        if read.is_ok() && seen & wanted == wanted {
            let leading = entries.get(..bytes).unwrap_or_default();
            self.leading.extend_from_slice(leading);
            self.seen = seen;
        }
    }
}

fn replace(slot: &mut String, value: &str) {
    slot.clear();
    slot.push_str(value);
}

/// A second walk over the fields, only for a header that may have this one: no name of a V2 field
/// has a `y`.
fn body_checksum<'a>(header: &HeaderView<'a>) -> Result<Option<Cow<'a, str>>, DecodeError> {
    match header.ext {
        ExtFields::Binary(bytes) | ExtFields::Json(bytes) if bytes.contains(&b'y') => {
            header.ext.get("bodyCrc32")
        }
        _ => Ok(None),
    }
}

/// The bit of a required field; 0 for the others.
#[inline]
fn bit(letter: u8) -> u8 {
    match letter {
        b'a'..=b'h' => 1 << (letter - b'a'),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::frame::{FrameLimits, split};
    use crate::protocol::{RemotingCommand, SerializeType};
    use proptest::prelude::*;

    /// Fields in arbitrary order, some twice, some missing, some not numbers.
    fn any_request() -> impl Strategy<Value = Vec<(String, String)>> {
        let usual = Just(
            "abcdfhjkmn"
                .chars()
                .map(|key| (key.to_string(), "1".to_owned()))
                .collect::<Vec<_>>(),
        );
        let varying = ("[0-9]{1,3}|-1|x|", "[0-9]{1,13}|y|", "[A-Z\u{1}\u{2}]{0,9}")
            .prop_map(|(e, g, i)| vec![("g".into(), g), ("i".into(), i), ("e".into(), e)]);
        let extra = prop::collection::vec(("[a-n]|bodyCrc32|zz", "[0-9]{1,2}|x"), 0..3);
        (usual, varying, extra, any::<bool>(), 0usize..13).prop_map(
            |(mut usual, varying, extra, front, drop)| {
                usual.extend(varying);
                if front {
                    usual.splice(0..0, extra);
                } else {
                    usual.extend(extra);
                }
                // One in four lacks a field.
                if drop < 3 {
                    usual.remove(drop);
                }
                usual
            },
        )
    }

    proptest! {
        #[test]
        fn remembering_changes_nothing(
            requests in prop::collection::vec((any_request(), any::<bool>()), 1..8),
        ) {
            let mut memory = Memory::default();
            for (fields, binary) in requests {
                let mut command = RemotingCommand::request(RequestCode::SEND_MESSAGE_V2);
                command.ext = fields;
                let form = if binary { SerializeType::Binary } else { SerializeType::Json };
                let mut bytes = Vec::new();
                command.encode(form, &mut bytes);
                let frame = split(&bytes, FrameLimits::default()).unwrap().unwrap();
                let header = HeaderView::parse(frame.serialize_type, frame.header).unwrap();
                let plain = Memory::default().read(&header);
                let recalled = memory.recall(&header);
                if let Some(recalled) = recalled {
                    prop_assert_eq!(Ok(recalled), plain);
                } else {
                    prop_assert_eq!(memory.read(&header), plain);
                }
            }
        }
    }

    #[test]
    fn the_usual_message_is_recalled() {
        let mut memory = Memory::default();
        for (round, queue) in ["3", "4"].into_iter().enumerate() {
            let mut command = RemotingCommand::request(RequestCode::SEND_MESSAGE_V2);
            for key in ["a", "b", "c", "d", "f", "h", "n"] {
                command = command.with_field(key, 1);
            }
            let command = command.with_field("g", 7).with_field("e", queue);
            let mut bytes = Vec::new();
            command.encode(SerializeType::Binary, &mut bytes);
            let frame = split(&bytes, FrameLimits::default()).unwrap().unwrap();
            let header = HeaderView::parse(frame.serialize_type, frame.header).unwrap();
            match round {
                0 => assert_eq!(memory.read(&header).unwrap().queue_id, 3),
                _ => assert_eq!(memory.recall(&header).unwrap().queue_id, 4),
            }
        }
    }
}
