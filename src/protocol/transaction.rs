//! END_TRANSACTION and CHECK_TRANSACTION_STATE, both ways (R71, R73, R75).

use std::borrow::Cow;

use crate::protocol::code::RequestCode;
use crate::protocol::command::RemotingCommand;
use crate::protocol::error::DecodeError;
use crate::protocol::header::HeaderView;
use crate::protocol::sys_flag;

/// What is to become of a half message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resolution {
    /// It is delivered.
    Commit,
    /// It is dropped.
    Rollback,
    /// Not known yet; the broker asks again.
    Unknown,
}

impl Resolution {
    /// As the field `commitOrRollback` says it.
    #[must_use]
    pub fn to_wire(self) -> i32 {
        match self {
            Self::Commit => sys_flag::TRANSACTION_COMMIT,
            Self::Rollback => sys_flag::TRANSACTION_ROLLBACK,
            Self::Unknown => 0,
        }
    }

    /// # Errors
    /// [`DecodeError::IllegalValue`] for any other number.
    pub fn from_wire(value: i32) -> Result<Self, DecodeError> {
        [Self::Commit, Self::Rollback, Self::Unknown]
            .into_iter()
            .find(|resolution| resolution.to_wire() == value)
            .ok_or(DecodeError::IllegalValue("commitOrRollback"))
    }
}

/// How a client ends a transaction (R71), or answers a check (R75).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndTransaction<'a> {
    /// The topic the message is for; brokers check permissions by it since 5.x.
    pub topic: Cow<'a, str>,
    /// The producer group of the half message.
    pub group: Cow<'a, str>,
    /// Where the half message stands in its queue.
    pub queue_offset: i64,
    /// Where it stands in the commit log.
    pub commit_log_offset: i64,
    /// What is to become of it.
    pub resolution: Resolution,
    /// Whether the broker had asked.
    pub from_check: bool,
    /// UNIQ_KEY.
    pub message_id: Cow<'a, str>,
    /// As the broker gave it.
    pub transaction_id: Cow<'a, str>,
    /// The broker it goes to.
    pub broker: Cow<'a, str>,
}

impl EndTransaction<'_> {
    /// The request, oneway.
    #[must_use]
    pub fn to_command(&self) -> RemotingCommand {
        RemotingCommand::request(RequestCode::END_TRANSACTION)
            .with_field("topic", &self.topic)
            .with_field("producerGroup", &self.group)
            .with_field("tranStateTableOffset", self.queue_offset)
            .with_field("commitLogOffset", self.commit_log_offset)
            .with_field("commitOrRollback", self.resolution.to_wire())
            .with_field("fromTransactionCheck", self.from_check)
            .with_field("msgId", &self.message_id)
            .with_field("transactionId", &self.transaction_id)
            .with_field("bname", &self.broker)
            .oneway()
    }
}

impl<'a> EndTransaction<'a> {
    /// Reads the request as a broker does.
    ///
    /// # Errors
    /// [`DecodeError`] for a field that is absent or no number.
    pub fn parse(header: &HeaderView<'a>) -> Result<Self, DecodeError> {
        let fields = Fields::of(header)?;
        Ok(Self {
            topic: fields.topic.unwrap_or_default(),
            group: need(fields.group, "producerGroup")?,
            queue_offset: need(fields.queue_offset, "tranStateTableOffset")?,
            commit_log_offset: need(fields.commit_log_offset, "commitLogOffset")?,
            resolution: Resolution::from_wire(need(fields.resolution, "commitOrRollback")?)?,
            from_check: fields.from_check,
            message_id: need(fields.message_id, "msgId")?,
            transaction_id: fields.transaction_id.unwrap_or_default(),
            broker: fields.broker.unwrap_or_default(),
        })
    }
}

/// How a broker asks what has become of a transaction (R73); the stored half message is the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckTransaction<'a> {
    /// To be repeated in the answer.
    pub queue_offset: i64,
    /// To be repeated in the answer.
    pub commit_log_offset: i64,
    /// UNIQ_KEY, where the broker says it.
    pub message_id: Option<Cow<'a, str>>,
    /// To be repeated in the answer.
    pub transaction_id: Option<Cow<'a, str>>,
    /// Where the half message is stored.
    pub offset_message_id: Option<Cow<'a, str>>,
    /// Topic as the broker says it, which may be the one half messages are kept in (5.x).
    pub topic: Option<Cow<'a, str>>,
    /// To be repeated in the answer (5.x).
    pub broker: Option<Cow<'a, str>>,
}

impl<'a> CheckTransaction<'a> {
    /// Reads the request as a client does.
    ///
    /// # Errors
    /// [`DecodeError`] for offsets that are absent or no numbers.
    pub fn parse(header: &HeaderView<'a>) -> Result<Self, DecodeError> {
        let fields = Fields::of(header)?;
        Ok(Self {
            queue_offset: need(fields.queue_offset, "tranStateTableOffset")?,
            commit_log_offset: need(fields.commit_log_offset, "commitLogOffset")?,
            message_id: fields.message_id,
            transaction_id: fields.transaction_id,
            offset_message_id: fields.offset_message_id,
            topic: fields.topic,
            broker: fields.broker,
        })
    }

    /// The request, oneway, around the stored message.
    #[must_use]
    pub fn to_command(&self, stored: Vec<u8>) -> RemotingCommand {
        let mut command = RemotingCommand::request(RequestCode::CHECK_TRANSACTION_STATE)
            .with_field("tranStateTableOffset", self.queue_offset)
            .with_field("commitLogOffset", self.commit_log_offset);
        let optional = [
            ("msgId", &self.message_id),
            ("transactionId", &self.transaction_id),
            ("offsetMsgId", &self.offset_message_id),
            ("topic", &self.topic),
            ("bname", &self.broker),
        ];
        for (key, value) in optional {
            if let Some(value) = value {
                command = command.with_field(key, value);
            }
        }
        command.oneway().with_body(stored)
    }
}

/// The fields of both requests; the last of equal names counts.
#[derive(Default)]
struct Fields<'a> {
    topic: Option<Cow<'a, str>>,
    group: Option<Cow<'a, str>>,
    queue_offset: Option<i64>,
    commit_log_offset: Option<i64>,
    resolution: Option<i32>,
    from_check: bool,
    message_id: Option<Cow<'a, str>>,
    transaction_id: Option<Cow<'a, str>>,
    offset_message_id: Option<Cow<'a, str>>,
    broker: Option<Cow<'a, str>>,
}

impl<'a> Fields<'a> {
    fn of(header: &HeaderView<'a>) -> Result<Self, DecodeError> {
        let mut fields = Self::default();
        header.ext.for_each(|key, value| match &*key {
            "topic" => fields.topic = Some(value),
            "producerGroup" => fields.group = Some(value),
            "tranStateTableOffset" => fields.queue_offset = value.parse().ok(),
            "commitLogOffset" => fields.commit_log_offset = value.parse().ok(),
            "commitOrRollback" => fields.resolution = value.parse().ok(),
            "fromTransactionCheck" => fields.from_check = value.eq_ignore_ascii_case("true"),
            "msgId" => fields.message_id = Some(value),
            "transactionId" => fields.transaction_id = Some(value),
            "offsetMsgId" => fields.offset_message_id = Some(value),
            "bname" => fields.broker = Some(value),
            _ => {}
        })?;
        Ok(fields)
    }
}

fn need<T>(value: Option<T>, name: &'static str) -> Result<T, DecodeError> {
    value.ok_or(DecodeError::MissingField(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::frame::{FrameLimits, split};
    use crate::protocol::header::SerializeType;
    use proptest::prelude::*;

    fn resolutions() -> impl Strategy<Value = Resolution> {
        prop_oneof![
            Just(Resolution::Commit),
            Just(Resolution::Rollback),
            Just(Resolution::Unknown)
        ]
    }

    fn forms() -> impl Strategy<Value = SerializeType> {
        prop_oneof![Just(SerializeType::Binary), Just(SerializeType::Json)]
    }

    #[test]
    fn the_wish_is_said_by_the_bits_of_the_sys_flag() {
        let wire = |resolution: Resolution| resolution.to_wire();
        assert_eq!(wire(Resolution::Commit), 8);
        assert_eq!(wire(Resolution::Rollback), 12);
        assert_eq!(wire(Resolution::Unknown), 0);
        assert!(Resolution::from_wire(4).is_err());
    }

    #[test]
    fn a_request_without_its_offsets_is_refused() {
        let command = RemotingCommand::request(RequestCode::CHECK_TRANSACTION_STATE)
            .with_field("tranStateTableOffset", "x")
            .with_field("commitLogOffset", 5);
        let mut bytes = Vec::new();
        command.encode(SerializeType::Json, &mut bytes);
        let frame = split(&bytes, FrameLimits::default()).unwrap().unwrap();
        let header = HeaderView::parse(frame.serialize_type, frame.header).unwrap();
        assert_eq!(
            CheckTransaction::parse(&header),
            Err(DecodeError::MissingField("tranStateTableOffset"))
        );
        assert!(EndTransaction::parse(&header).is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            offsets in any::<(i64, i64)>(), resolution in resolutions(), from_check: bool, form in forms(),
            texts in prop::array::uniform5("[a-zA-Z0-9_%]{1,20}"), said in any::<[bool; 5]>(),
        ) {
            let text = |index: usize| Cow::Borrowed(&*texts[index]);
            let end = EndTransaction {
                topic: text(0), group: text(1), queue_offset: offsets.0, commit_log_offset: offsets.1,
                resolution, from_check, message_id: text(2), transaction_id: text(3), broker: text(4),
            };
            let optional = |index: usize| said[index].then(|| text(index));
            let check = CheckTransaction {
                queue_offset: offsets.0, commit_log_offset: offsets.1, message_id: optional(0),
                transaction_id: optional(1), offset_message_id: optional(2), topic: optional(3),
                broker: optional(4),
            };
            let (mut ended, mut checked) = (Vec::new(), Vec::new());
            end.to_command().encode(form, &mut ended);
            check.to_command(b"body".to_vec()).encode(form, &mut checked);
            let frame = split(&ended, FrameLimits::default()).unwrap().unwrap();
            let header = HeaderView::parse(frame.serialize_type, frame.header).unwrap();
            prop_assert!(header.is_oneway());
            prop_assert_eq!(EndTransaction::parse(&header).unwrap(), end);
            let frame = split(&checked, FrameLimits::default()).unwrap().unwrap();
            let header = HeaderView::parse(frame.serialize_type, frame.header).unwrap();
            prop_assert!(header.is_oneway());
            prop_assert_eq!(CheckTransaction::parse(&header).unwrap(), check);
            prop_assert_eq!(frame.body, b"body");
        }
    }
}
