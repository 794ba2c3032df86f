//! **Hot path.** The rendered headers of one broker and topic, one per kind of message.

use crate::protocol::SerializeType;
use crate::protocol::send::{SendHeader, SendKind, SendTemplate};
use crate::protocol::signature::Credentials;

/// Kinds kept besides the one in use; a user's flags may make any number of them.
const MOST_KEPT: usize = 15;

/// Renders a header at its first use and keeps it.
#[derive(Debug)]
pub(super) struct Templates {
    form: SerializeType,
    header: SendHeader,
    credentials: Option<Credentials>,
    kind: SendKind,
    current: SendTemplate,
    /// The others, the one out of use longest first.
    others: Vec<(SendKind, SendTemplate)>,
}

impl Templates {
    pub(super) fn new(
        form: SerializeType,
        header: SendHeader,
        credentials: Option<Credentials>,
    ) -> Self {
        let kind = SendKind::default();
        Self {
            form,
            kind,
            current: SendTemplate::signed_by(form, &header, kind, credentials.as_ref()),
            header,
            credentials,
            others: Vec::new(),
        }
    }

    /// The header of messages of this kind.
    #[inline]
    pub(super) fn of(&mut self, kind: SendKind) -> &SendTemplate {
        if kind != self.kind {
            self.switch(kind);
        }
        &self.current
    }

    /// The same without a signature, for a request that is not complete yet.
    pub(super) fn unsigned(&self, kind: SendKind) -> SendTemplate {
        SendTemplate::new(self.form, &self.header, kind)
    }

    #[inline(never)]
    fn switch(&mut self, kind: SendKind) {
        let known = self.others.iter().position(|(other, _)| *other == kind);
        let template = match known {
            Some(index) => self.others.remove(index).1,
            None => {
                let by = self.credentials.as_ref();
                SendTemplate::signed_by(self.form, &self.header, kind, by)
            }
        };
        let left = std::mem::replace(&mut self.current, template);
        if self.others.len() == MOST_KEPT {
            self.others.remove(0);
        }
        self.others.push((self.kind, left));
        self.kind = kind;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::code::Language;
    use crate::protocol::send::SendVersion;

    #[test]
    fn each_kind_has_its_header_however_many_there_are() {
        let header = SendHeader {
            version: SendVersion::V2,
            group: "g".into(),
            topic: "T".into(),
            default_topic: "TBW102".into(),
            default_queues: 4,
            unit_mode: false,
            broker_name: "b".into(),
            language: Language::RUST,
        };
        let mut templates = Templates::new(SerializeType::Json, header.clone(), None);
        for flag in (0..40).chain([39, 0, 38, 0]) {
            let kind = SendKind {
                flag,
                ..SendKind::default()
            };
            let rendered = format!("{:?}", templates.of(kind));
            let fresh = SendTemplate::new(SerializeType::Json, &header, kind);
            assert_eq!(rendered, format!("{fresh:?}"));
            assert!(templates.others.len() <= MOST_KEPT);
        }
    }
}
