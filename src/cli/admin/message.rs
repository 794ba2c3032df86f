//! A stored message as text and as JSON. What others have written is shown so that it cannot move the
//! cursor or change colours.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::Serialize;

use crate::client::admin::FoundMessage;
use crate::config::value::Moment;
use crate::metrics::units::bytes;

/// Bytes of a body shown in hex.
const HEX_BYTES: usize = 64;
/// Characters of a body shown as text.
const TEXT_CHARS: usize = 4096;

/// A message as its broker has it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(super) struct Message {
    /// Topic.
    topic: String,
    /// Unique id; the offset id of a message without one.
    message_id: String,
    /// Id of its place: broker and position in the commit log.
    offset_message_id: String,
    /// Queue at the broker.
    queue_id: i32,
    /// Position in the queue.
    queue_offset: i64,
    /// Position in the broker's commit log.
    commit_log_offset: i64,
    /// System flag.
    sys_flag: i32,
    /// The user's flag.
    flag: i32,
    /// When it was sent, in ms since 1970 by the sender's clock.
    born_ms: i64,
    /// The same in RFC 3339.
    born_at: String,
    /// Who sent it.
    born_host: String,
    /// When it was stored, in ms since 1970 by the broker's clock.
    stored_ms: i64,
    /// The same in RFC 3339.
    stored_at: String,
    /// The broker that stored it.
    store_host: String,
    /// How often a consumer has had it.
    reconsume_times: i32,
    /// Properties.
    properties: BTreeMap<String, String>,
    /// Body.
    pub(super) body: Body,
}

/// The body of a message, decompressed; one of the last four members is there.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub(super) struct Body {
    /// Bytes as it is stored.
    stored_bytes: usize,
    /// Bytes as it was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<usize>,
    /// The body, if it is printable text.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// The body otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
    /// The file it was written to.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    /// Why it could not be decompressed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Body {
    fn of(message: &FoundMessage) -> Self {
        let stored_bytes = message.stored_bytes;
        let whole = match &message.body {
            Ok(body) => body,
            Err(error) => {
                return Self {
                    stored_bytes,
                    error: Some(error.to_string()),
                    ..Self::default()
                };
            }
        };
        let text = printable(whole).map(str::to_owned);
        Self {
            stored_bytes,
            bytes: Some(whole.len()),
            base64: text.is_none().then(|| STANDARD.encode(whole)),
            text,
            ..Self::default()
        }
    }

    /// It was written to a file instead.
    pub(super) fn written_to(&mut self, file: &Path) {
        (self.text, self.base64) = (None, None);
        self.file = Some(file.display().to_string());
    }

    fn write(&self, out: &mut String) {
        let size = self.bytes.unwrap_or(self.stored_bytes);
        out.push_str(&format!("Body: {}", bytes(size as u64)));
        if size != self.stored_bytes {
            out.push_str(&format!(", stored as {}", bytes(self.stored_bytes as u64)));
        }
        if let Some(error) = &self.error {
            out.push_str(&format!(", not decompressed: {error}\n"));
        } else if let Some(file) = &self.file {
            out.push_str(&format!(", in {file}\n"));
        } else if let Some(text) = &self.text {
            let shown: String = text.chars().take(TEXT_CHARS).collect();
            let rest = text.len() - shown.len();
            out.push_str(&format!("\n{shown}\n"));
            if rest > 0 {
                out.push_str(&format!("… and {} more\n", bytes(rest as u64)));
            }
        } else {
            let whole = self.base64.as_deref().unwrap_or_default();
            // Four characters are three bytes.
            let head = whole.get(..HEX_BYTES.div_ceil(3) * 4).unwrap_or(whole);
            let head = STANDARD.decode(head).unwrap_or_default();
            let hex: Vec<String> = head
                .iter()
                .take(HEX_BYTES)
                .map(|byte| format!("{byte:02x}"))
                .collect();
            let more = if size > HEX_BYTES { " …" } else { "" };
            out.push_str(&format!(", in hex\n{}{more}\n", hex.join(" ")));
        }
    }
}

impl Message {
    pub(super) fn of(message: &FoundMessage) -> Self {
        Self {
            topic: message.topic.clone(),
            message_id: message.message_id.clone(),
            offset_message_id: message.offset_message_id.clone(),
            queue_id: message.queue_id,
            queue_offset: message.queue_offset,
            commit_log_offset: message.commit_log_offset,
            sys_flag: message.sys_flag,
            flag: message.flag,
            born_ms: message.born_ms,
            born_at: Moment(message.born_ms).to_string(),
            born_host: message.born_host.to_string(),
            stored_ms: message.stored_ms,
            stored_at: Moment(message.stored_ms).to_string(),
            store_host: message.store_host.to_string(),
            reconsume_times: message.reconsume_times,
            properties: message.properties.iter().cloned().collect(),
            body: Body::of(message),
        }
    }

    pub(super) fn text(&self) -> String {
        let mut out = format!(
            "Message {}\n\
             Topic {}, queue {} offset {}, commit log {} of {} (offset id {})\n\
             Sent {} by {}, stored {}; had by consumers {} time(s), flag {}, system flag {:#x}\n",
            visible(&self.message_id),
            visible(&self.topic),
            self.queue_id,
            self.queue_offset,
            self.commit_log_offset,
            self.store_host,
            self.offset_message_id,
            self.born_at,
            self.born_host,
            self.stored_at,
            self.reconsume_times,
            self.flag,
            self.sys_flag,
        );
        for (name, value) in &self.properties {
            out.push_str(&format!("  {} = {}\n", visible(name), visible(value)));
        }
        self.body.write(&mut out);
        out
    }
}

/// The text that bytes are, if a terminal shows all of it and does nothing else.
fn printable(bytes: &[u8]) -> Option<&str> {
    let text = str::from_utf8(bytes).ok()?;
    let shown = |letter: char| matches!(letter, '\n' | '\t') || !letter.is_control();
    text.chars().all(shown).then_some(text)
}

/// Control characters written out.
pub(super) fn visible(text: &str) -> String {
    text.chars().fold(String::new(), |mut shown, letter| {
        if letter.is_control() {
            shown.extend(letter.escape_default());
        } else {
            shown.push(letter);
        }
        shown
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(body: &Body) -> String {
        let mut out = String::new();
        body.write(&mut out);
        out
    }

    fn body(whole: &[u8]) -> Body {
        let text = printable(whole).map(str::to_owned);
        Body {
            stored_bytes: whole.len(),
            bytes: Some(whole.len()),
            base64: text.is_none().then(|| STANDARD.encode(whole)),
            text,
            ..Body::default()
        }
    }

    #[test]
    fn what_could_change_a_terminal_is_written_out() {
        assert_eq!(printable("größe\n\t世界".as_bytes()), Some("größe\n\t世界"));
        for hidden in ["\u{1b}[31m", "\r", "\u{9b}2J", "\u{7f}"] {
            assert_eq!(printable(hidden.as_bytes()), None, "{hidden:?}");
        }
        assert_eq!(visible("a\u{1b}[2Jb\nc"), "a\\u{1b}[2Jb\\nc");
    }

    #[test]
    fn bodies_are_shown_as_text_or_in_hex() {
        assert_eq!(shown(&body(b"hello")), "Body: 5 B\nhello\n");
        assert_eq!(shown(&body(&[0, 255])), "Body: 2 B, in hex\n00 ff\n");
        let long = shown(&body(&[0x80; 200]));
        assert_eq!(long.matches("80").count(), HEX_BYTES);
        assert!(long.ends_with(" …\n"), "{long}");
        let long = shown(&body("ä".repeat(TEXT_CHARS + 3).as_bytes()));
        assert!(long.ends_with("… and 6 B more\n"), "{long}");
    }
}
