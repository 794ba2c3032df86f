//! A broker's answer to a stored message, kept as it came.

use std::fmt;

use smallvec::SmallVec;

use crate::protocol::header::ExtFields;
use crate::protocol::send::SendReply;

/// Room for what brokers answer, about 210 bytes; longer answers go to the heap.
const USUAL_BYTES: usize = 240;

/// The fields of an answer, read only when asked for: most senders never ask.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Receipt {
    form: Form,
    bytes: SmallVec<[u8; USUAL_BYTES]>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Form {
    #[default]
    Empty,
    Binary,
    Json,
}

impl Receipt {
    /// Keeps the ext fields of an answer.
    #[inline]
    #[must_use]
    pub(crate) fn keep(ext: &ExtFields<'_>) -> Self {
        let (form, bytes) = match ext {
            ExtFields::None => (Form::Empty, [].as_slice()),
            ExtFields::Binary(bytes) => (Form::Binary, *bytes),
            ExtFields::Json(bytes) => (Form::Json, *bytes),
        };
        Self {
            form,
            bytes: SmallVec::from_slice(bytes),
        }
    }

    /// Where the message is stored, as the broker said. An answer that says "stored" stays one even
    /// if its details can't be read (R171); they are absent then.
    #[must_use]
    pub fn read(&self) -> SendReply<'_> {
        SendReply::parse(&self.ext()).unwrap_or_default()
    }

    /// Whether the broker wants its messages traced: it does unless it says otherwise (R187).
    #[must_use]
    pub fn wants_trace(&self) -> bool {
        !matches!(self.ext().get("TRACE_ON"), Ok(Some(value)) if value == "false")
    }

    fn ext(&self) -> ExtFields<'_> {
        match self.form {
            Form::Empty => ExtFields::None,
            Form::Binary => ExtFields::Binary(&self.bytes),
            Form::Json => ExtFields::Json(&self.bytes),
        }
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.read().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_kept_whatever_its_length_and_form() {
        let json = br#"{"queueId":"3","msgId":"0A00"}"#;
        let kept = Receipt::keep(&ExtFields::Json(json));
        assert_eq!(
            (kept.read().queue_id, &*kept.read().offset_message_id),
            (3, "0A00")
        );
        let long = format!("{{\"queueOffset\":\"7\",\"x\":\"{}\"}}", "y".repeat(500));
        let kept = Receipt::keep(&ExtFields::Json(long.as_bytes()));
        assert_eq!(kept.read().queue_offset, 7);
        let mut binary = Vec::new();
        crate::protocol::header::binary::write_entry(&mut binary, "queueId", b"5");
        assert_eq!(
            Receipt::keep(&ExtFields::Binary(&binary)).read().queue_id,
            5
        );
    }

    #[test]
    fn details_that_cannot_be_read_are_absent() {
        for broken in [
            ExtFields::None,
            ExtFields::Json(b"{"),
            ExtFields::Binary(b"\0"),
        ] {
            assert_eq!(Receipt::keep(&broken).read(), SendReply::default());
        }
    }
}
