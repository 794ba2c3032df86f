//! One request or response as a value: the plain, obvious form for everything but the send path.

use bytes::Bytes;

use crate::protocol::code::{CLIENT_VERSION, Language, RequestCode, ResponseCode};
use crate::protocol::error::DecodeError;
use crate::protocol::frame::{self, Frame};
use crate::protocol::header::{
    FLAG_ONEWAY, FLAG_RESPONSE, HeaderView, SerializeType, binary, json,
};

/// A remoting command with owned fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemotingCommand {
    /// Request or response code.
    pub code: i32,
    /// Sender's language.
    pub language: Language,
    /// Sender's `MQVersion` ordinal.
    pub version: i32,
    /// Request id.
    pub opaque: i32,
    /// Flag bits, see [`crate::protocol::header`].
    pub flag: i32,
    /// Error or extra text.
    pub remark: Option<String>,
    /// Custom header fields in the order they are written; the last of equal keys counts.
    pub ext: Vec<(String, String)>,
    /// Body, possibly empty.
    pub body: Bytes,
}

impl RemotingCommand {
    /// A request of this client without fields or body.
    #[must_use]
    pub fn request(code: RequestCode) -> Self {
        Self {
            code: code.0,
            language: Language::RUST,
            version: CLIENT_VERSION,
            opaque: 0,
            flag: 0,
            remark: None,
            ext: Vec::new(),
            body: Bytes::new(),
        }
    }

    /// A response to the request with this opaque.
    #[must_use]
    pub fn response(code: ResponseCode, opaque: i32) -> Self {
        Self {
            code: code.0,
            opaque,
            flag: FLAG_RESPONSE,
            ..Self::request(RequestCode(0))
        }
    }

    /// Adds a header field.
    #[must_use]
    pub fn with_field(mut self, key: &str, value: impl ToString) -> Self {
        self.ext.push((key.to_owned(), value.to_string()));
        self
    }

    /// Sets the remark.
    #[must_use]
    pub fn with_remark(mut self, remark: impl Into<String>) -> Self {
        self.remark = Some(remark.into());
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Marks a request as oneway: no response is wanted (R169).
    #[must_use]
    pub fn oneway(mut self) -> Self {
        self.flag |= FLAG_ONEWAY;
        self
    }

    /// The last value of a header field.
    #[must_use]
    pub fn field(&self, key: &str) -> Option<&str> {
        self.ext
            .iter()
            .rev()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.as_str())
    }

    /// Appends the whole frame to `out`.
    pub fn encode(&self, serialize_type: SerializeType, out: &mut Vec<u8>) {
        self.encode_as(self.opaque, serialize_type, out);
    }

    /// The same with another opaque.
    #[allow(
        clippy::cast_possible_truncation,
        reason = "frames are below 16 MiB by FrameLimits"
    )]
    pub fn encode_as(&self, opaque: i32, serialize_type: SerializeType, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&[0; frame::PREFIX_BYTES]);
        match serialize_type {
            SerializeType::Binary => self.write_binary(opaque, out),
            SerializeType::Json => self.write_json(opaque, out),
        }
        let header_bytes = (out.len() - start - frame::PREFIX_BYTES) as u32;
        out.extend_from_slice(&self.body);
        let length = 4 + header_bytes + self.body.len() as u32;
        if let Some(prefix) = out.get_mut(start..start + frame::PREFIX_BYTES) {
            prefix[..4].copy_from_slice(&length.to_be_bytes());
            prefix[4..].copy_from_slice(&serialize_type.header_word(header_bytes).to_be_bytes());
        }
    }

    fn write_binary(&self, opaque: i32, out: &mut Vec<u8>) {
        let fixed = binary::Fixed {
            code: self.code,
            language: self.language,
            version: self.version,
            opaque,
            flag: self.flag,
        };
        let ext_at = binary::write_fixed(out, fixed, self.remark.as_deref().unwrap_or_default());
        for (key, value) in &self.ext {
            binary::write_entry(out, key, value.as_bytes());
        }
        binary::finish_ext(out, ext_at);
    }

    fn write_json(&self, opaque: i32, out: &mut Vec<u8>) {
        let mut digits = itoa::Buffer::new();
        let mut number = |out: &mut Vec<u8>, key: &str, value: i32| {
            out.extend_from_slice(key.as_bytes());
            out.extend_from_slice(digits.format(value).as_bytes());
        };
        number(out, "{\"code\":", self.code);
        if !self.ext.is_empty() {
            out.extend_from_slice(b",\"extFields\":{");
            for (index, (key, value)) in self.ext.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                json::write_string(out, key);
                out.push(b':');
                json::write_string(out, value);
            }
            out.push(b'}');
        }
        number(out, ",\"flag\":", self.flag);
        out.extend_from_slice(b",\"language\":");
        json::write_string(out, self.language.name());
        number(out, ",\"opaque\":", opaque);
        if let Some(remark) = &self.remark {
            out.extend_from_slice(b",\"remark\":");
            json::write_string(out, remark);
        }
        out.extend_from_slice(b",\"serializeTypeCurrentRPC\":\"JSON\"");
        number(out, ",\"version\":", self.version);
        out.push(b'}');
    }

    /// Makes an owned command of a frame.
    ///
    /// # Errors
    /// Any [`DecodeError`] of the header or its ext fields.
    pub fn decode(frame: &Frame<'_>) -> Result<Self, DecodeError> {
        let header = HeaderView::parse(frame.serialize_type, frame.header)?;
        Self::from_view(&header, frame.body)
    }

    /// Makes an owned command of a header already read.
    ///
    /// # Errors
    /// Any [`DecodeError`] of the ext fields.
    pub fn from_view(header: &HeaderView<'_>, body: &[u8]) -> Result<Self, DecodeError> {
        let mut ext = Vec::new();
        header
            .ext
            .for_each(|key, value| ext.push((key.into_owned(), value.into_owned())))?;
        Ok(Self {
            code: header.code,
            language: header.language,
            version: header.version,
            opaque: header.opaque,
            flag: header.flag,
            remark: header.remark.as_ref().map(|text| text.clone().into_owned()),
            ext,
            body: Bytes::copy_from_slice(body),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::frame::{FrameLimits, split};
    use proptest::prelude::*;

    fn decode(bytes: &[u8]) -> RemotingCommand {
        RemotingCommand::decode(&split(bytes, FrameLimits::default()).unwrap().unwrap()).unwrap()
    }

    fn hex(text: &str) -> Vec<u8> {
        let text: String = text.split_whitespace().collect();
        (0..text.len())
            .step_by(2)
            .map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap())
            .collect()
    }

    /// The reference's worked examples, made by Java's own serialisers.
    #[test]
    fn route_request_has_java_s_bytes_in_both_forms() {
        let mut command =
            RemotingCommand::request(RequestCode::GET_ROUTEINFO_BY_TOPIC).with_field("topic", "T");
        command.opaque = 1;
        let mut binary = Vec::new();
        command.encode(SerializeType::Binary, &mut binary);
        assert_eq!(
            binary,
            hex(
                "00000025 01000021 0069 0c 01df 00000001 00000000 00000000 0000000c 0005 746f706963 00000001 54"
            )
        );
        let mut json = Vec::new();
        command.encode(SerializeType::Json, &mut json);
        assert_eq!(&json[..8], &hex("0000007f 0000007b")[..]);
        assert_eq!(
            &json[8..],
            br#"{"code":105,"extFields":{"topic":"T"},"flag":0,"language":"RUST","opaque":1,"serializeTypeCurrentRPC":"JSON","version":479}"#
        );
        assert_eq!(decode(&binary), command);
        assert_eq!(decode(&json), command);
    }

    #[test]
    fn java_habits_in_json_headers_are_understood() {
        let header =
            br#" {"code":"17","extFields":{"a":1,"b":true,"c":null,"d":"x\u0001y\/"},"flag":1,
            "language":"KLINGON","opaque":7,"remark":null,"unknown":{"x":["}",1]},"version":1}"#;
        let view = HeaderView::parse(SerializeType::Json, header).unwrap();
        assert_eq!((view.code, view.opaque, view.flag), (17, 7, 1));
        assert_eq!(view.remark, None);
        assert_eq!(view.language, Language::OTHER);
        assert_eq!(view.ext.get("a").unwrap().as_deref(), Some("1"));
        assert_eq!(view.ext.get("b").unwrap().as_deref(), Some("true"));
        assert_eq!(view.ext.get("c").unwrap(), None);
        assert_eq!(view.ext.get("d").unwrap().as_deref(), Some("x\u{1}y/"));
    }

    fn text() -> impl Strategy<Value = String> {
        prop::collection::vec(any::<char>(), 1..20).prop_map(|chars| chars.into_iter().collect())
    }

    proptest! {
        #[test]
        fn commands_survive_both_forms(
            code in -1000i32..32767, opaque in any::<i32>(), flag in 0i32..4, version in 0i32..700,
            remark in prop::option::of(text()),
            ext in prop::collection::vec((text(), text()), 0..6),
            body in prop::collection::vec(any::<u8>(), 0..64),
        ) {
            let command = RemotingCommand {
                code, language: Language::RUST, version, opaque, flag, remark, ext,
                body: Bytes::from(body),
            };
            for form in [SerializeType::Binary, SerializeType::Json] {
                let mut bytes = Vec::new();
                command.encode(form, &mut bytes);
                prop_assert_eq!(&decode(&bytes), &command);
            }
        }

        #[test]
        fn json_headers_read_as_serde_json_reads_them(
            opaque in any::<i32>(), remark in text(), key in text(), value in text(),
        ) {
            let document = serde_json::json!({
                "code": 0, "opaque": opaque, "flag": 1, "remark": remark, "language": "JAVA",
                "extFields": { key.clone(): value.clone() },
            });
            let header = serde_json::to_vec_pretty(&document).unwrap();
            let view = HeaderView::parse(SerializeType::Json, &header).unwrap();
            prop_assert_eq!(view.opaque, opaque);
            let read = view.ext.get(&key).unwrap();
            prop_assert_eq!(view.remark.as_deref(), Some(remark.as_str()));
            prop_assert_eq!(read.as_deref(), Some(value.as_str()));
        }

        #[test]
        fn any_header_bytes_give_a_value_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            for form in [SerializeType::Binary, SerializeType::Json] {
                if let Ok(view) = HeaderView::parse(form, &bytes) {
                    let _ = view.ext.for_each(|_, _| {});
                }
            }
        }
    }
}
