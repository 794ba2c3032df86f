//! Requests of administration, both ways: topics made (R85) and deleted, queues measured (R87–R90), messages looked
//! up (R91–R93). `bname` names the broker a queue belongs to, which proxies need (R95).

use std::borrow::Cow;
use std::str::FromStr;

use crate::protocol::code::{RequestCode, ResponseCode};
use crate::protocol::command::RemotingCommand;
use crate::protocol::error::DecodeError;
use crate::protocol::route::permission;

/// UPDATE_AND_CREATE_TOPIC: a topic as a broker is to have it (R85).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateTopic<'a> {
    /// The topic.
    pub topic: Cow<'a, str>,
    /// The topic whose route told which brokers are asked.
    pub default_topic: Cow<'a, str>,
    /// Queues, to read and to write.
    pub queues: u32,
    /// Bit 0 unit, bit 1 unit subscription.
    pub sys_flag: i32,
    /// `+name=value`, separated by commas (5.x); empty for none.
    pub attributes: Cow<'a, str>,
}

impl<'a> CreateTopic<'a> {
    /// The request.
    #[must_use]
    pub fn to_command(&self) -> RemotingCommand {
        let command = RemotingCommand::request(RequestCode::UPDATE_AND_CREATE_TOPIC)
            .with_field("topic", &self.topic)
            .with_field("defaultTopic", &self.default_topic)
            .with_field("readQueueNums", self.queues)
            .with_field("writeQueueNums", self.queues)
            .with_field("perm", permission::READ_WRITE)
            .with_field("topicFilterType", "SINGLE_TAG")
            .with_field("topicSysFlag", self.sys_flag)
            .with_field("order", false)
            .with_field("force", false);
        if self.attributes.is_empty() {
            return command;
        }
        command.with_field("attributes", &self.attributes)
    }

    /// Reads the request as a broker does.
    ///
    /// # Errors
    /// [`DecodeError`] for a field that is absent or no number.
    pub fn parse(command: &'a RemotingCommand) -> Result<Self, DecodeError> {
        Ok(Self {
            topic: text(command, "topic")?,
            default_topic: text(command, "defaultTopic")?,
            queues: number(command, "writeQueueNums")?,
            sys_flag: number(command, "topicSysFlag").unwrap_or(0),
            attributes: command.field("attributes").unwrap_or_default().into(),
        })
    }
}

/// DELETE_TOPIC_IN_BROKER and DELETE_TOPIC_IN_NAMESRV: a topic to be forgotten. Both answer 0 where there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeleteTopic<'a> {
    /// The topic.
    pub topic: Cow<'a, str>,
}

impl<'a> DeleteTopic<'a> {
    /// The request to a broker, which forgets the messages as well.
    #[must_use]
    pub fn in_broker(&self) -> RemotingCommand {
        RemotingCommand::request(RequestCode::DELETE_TOPIC_IN_BROKER)
            .with_field("topic", &self.topic)
    }

    /// The request to a name server. Brokers that still have the topic register it again.
    #[must_use]
    pub fn in_namesrv(&self) -> RemotingCommand {
        RemotingCommand::request(RequestCode::DELETE_TOPIC_IN_NAMESRV)
            .with_field("topic", &self.topic)
    }

    /// Reads either request as its receiver does.
    ///
    /// # Errors
    /// [`DecodeError`] without a topic.
    pub fn parse(command: &'a RemotingCommand) -> Result<Self, DecodeError> {
        Ok(Self {
            topic: text(command, "topic")?,
        })
    }
}

/// What is asked about a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueueFigure<'a> {
    /// The offset behind its last message (R88).
    MaxOffset,
    /// The offset of its first message (R89).
    MinOffset,
    /// The offset of the first message stored at this moment or later, in ms since 1970 (R87); brokers of
    /// 4.x answer with the nearest one.
    OffsetAt(i64),
    /// When its first message was stored, in ms since 1970; negative without messages (R90).
    EarliestStoreTime,
    /// How far this consumer group is.
    ConsumerOffset(Cow<'a, str>),
}

impl QueueFigure<'_> {
    fn code(&self) -> RequestCode {
        match self {
            Self::MaxOffset => RequestCode::GET_MAX_OFFSET,
            Self::MinOffset => RequestCode::GET_MIN_OFFSET,
            Self::OffsetAt(_) => RequestCode::SEARCH_OFFSET_BY_TIMESTAMP,
            Self::EarliestStoreTime => RequestCode::GET_EARLIEST_MSG_STORETIME,
            Self::ConsumerOffset(_) => RequestCode::QUERY_CONSUMER_OFFSET,
        }
    }

    /// The field of the answer.
    fn field(&self) -> &'static str {
        match self {
            Self::EarliestStoreTime => "timestamp",
            _ => "offset",
        }
    }

    /// The answer with this figure.
    #[must_use]
    pub fn reply(&self, opaque: i32, figure: i64) -> RemotingCommand {
        RemotingCommand::response(ResponseCode::SUCCESS, opaque).with_field(self.field(), figure)
    }

    /// Reads the figure of an answer.
    ///
    /// # Errors
    /// [`DecodeError`] where it is absent or no number.
    pub fn answer(&self, reply: &RemotingCommand) -> Result<i64, DecodeError> {
        number(reply, self.field())
    }
}

/// One question about one queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueQuery<'a> {
    /// Topic.
    pub topic: Cow<'a, str>,
    /// Name of its broker.
    pub broker: Cow<'a, str>,
    /// Its number at the broker.
    pub queue_id: u32,
    /// What is asked.
    pub figure: QueueFigure<'a>,
}

impl<'a> QueueQuery<'a> {
    /// The request.
    #[must_use]
    pub fn to_command(&self) -> RemotingCommand {
        let command = RemotingCommand::request(self.figure.code())
            .with_field("topic", &self.topic)
            .with_field("queueId", self.queue_id)
            .with_field("bname", &self.broker);
        match &self.figure {
            QueueFigure::MaxOffset => command.with_field("committed", true),
            QueueFigure::OffsetAt(moment) => command
                .with_field("timestamp", moment)
                .with_field("boundaryType", "LOWER"),
            QueueFigure::ConsumerOffset(group) => command
                .with_field("consumerGroup", group)
                // A group that is not known is to be told from one at the beginning (5.x).
                .with_field("setZeroIfNotFound", false),
            QueueFigure::MinOffset | QueueFigure::EarliestStoreTime => command,
        }
    }

    /// Reads the request as a broker does; `None` for a request of another kind.
    ///
    /// # Errors
    /// [`DecodeError`] for a field that is absent or no number.
    pub fn parse(command: &'a RemotingCommand) -> Result<Option<Self>, DecodeError> {
        let figure = match RequestCode(command.code) {
            RequestCode::GET_MAX_OFFSET => QueueFigure::MaxOffset,
            RequestCode::GET_MIN_OFFSET => QueueFigure::MinOffset,
            RequestCode::GET_EARLIEST_MSG_STORETIME => QueueFigure::EarliestStoreTime,
            RequestCode::SEARCH_OFFSET_BY_TIMESTAMP => {
                QueueFigure::OffsetAt(number(command, "timestamp")?)
            }
            RequestCode::QUERY_CONSUMER_OFFSET => {
                QueueFigure::ConsumerOffset(text(command, "consumerGroup")?)
            }
            _ => return Ok(None),
        };
        Ok(Some(Self {
            topic: text(command, "topic")?,
            broker: command.field("bname").unwrap_or_default().into(),
            queue_id: number(command, "queueId")?,
            figure,
        }))
    }
}

/// VIEW_MESSAGE_BY_ID: the message at an offset of the commit log (R91). The answer's body is one
/// [`crate::protocol::stored::StoredMessage`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewMessage<'a> {
    /// Its topic (5.x).
    pub topic: Cow<'a, str>,
    /// Where it stands.
    pub commit_log_offset: u64,
}

impl<'a> ViewMessage<'a> {
    /// The request.
    #[must_use]
    pub fn to_command(&self) -> RemotingCommand {
        RemotingCommand::request(RequestCode::VIEW_MESSAGE_BY_ID)
            .with_field("topic", &self.topic)
            .with_field("offset", self.commit_log_offset)
    }

    /// Reads the request as a broker does.
    ///
    /// # Errors
    /// [`DecodeError`] for an offset that is absent or no number.
    pub fn parse(command: &'a RemotingCommand) -> Result<Self, DecodeError> {
        Ok(Self {
            topic: command.field("topic").unwrap_or_default().into(),
            commit_log_offset: number(command, "offset")?,
        })
    }
}

/// QUERY_MESSAGE: the messages of a topic with a key, or with a unique id (R92, R93). The answer's body
/// is stored messages, back to back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryMessage<'a> {
    /// Topic.
    pub topic: Cow<'a, str>,
    /// One of the message's keys, or its unique id.
    pub key: Cow<'a, str>,
    /// Whether `key` is a unique id.
    pub unique: bool,
    /// Most messages wanted of one broker; brokers have a limit of their own (64).
    pub most: u32,
    /// Stored from this moment on, in ms since 1970.
    pub from_ms: i64,
    /// Stored up to this moment, in ms since 1970.
    pub to_ms: i64,
}

/// Field of the answer: when the broker's index was last written, in ms since 1970.
const INDEX_UPDATED: &str = "indexLastUpdateTimestamp";
/// Field of the request: whether the key is a unique id.
const UNIQUE_KEY_QUERY: &str = "_UNIQUE_KEY_QUERY";

impl<'a> QueryMessage<'a> {
    /// The request.
    #[must_use]
    pub fn to_command(&self) -> RemotingCommand {
        RemotingCommand::request(RequestCode::QUERY_MESSAGE)
            .with_field("topic", &self.topic)
            .with_field("key", &self.key)
            .with_field("maxNum", self.most)
            .with_field("beginTimestamp", self.from_ms)
            .with_field("endTimestamp", self.to_ms)
            // Which of its indexes a broker looks at; only 5.4 and later have a choice.
            .with_field("indexType", if self.unique { "U" } else { "K" })
            .with_field(UNIQUE_KEY_QUERY, self.unique)
    }

    /// Reads the request as a broker does.
    ///
    /// # Errors
    /// [`DecodeError`] for a field that is absent or no number.
    pub fn parse(command: &'a RemotingCommand) -> Result<Self, DecodeError> {
        let unique = command.field(UNIQUE_KEY_QUERY).unwrap_or_default();
        Ok(Self {
            topic: text(command, "topic")?,
            key: text(command, "key")?,
            unique: unique.eq_ignore_ascii_case("true"),
            most: number(command, "maxNum")?,
            from_ms: number(command, "beginTimestamp")?,
            to_ms: number(command, "endTimestamp")?,
        })
    }

    /// The answer with these records.
    #[must_use]
    pub fn reply(opaque: i32, index_updated_ms: i64, records: Vec<u8>) -> RemotingCommand {
        RemotingCommand::response(ResponseCode::SUCCESS, opaque)
            .with_field(INDEX_UPDATED, index_updated_ms)
            .with_field("indexLastUpdatePhyoffset", 0)
            .with_body(records)
    }

    /// When the index that gave an answer was last written, in ms since 1970.
    ///
    /// # Errors
    /// [`DecodeError`] where it is absent or no number.
    pub fn index_updated_ms(reply: &RemotingCommand) -> Result<i64, DecodeError> {
        number(reply, INDEX_UPDATED)
    }
}

fn text<'a>(command: &'a RemotingCommand, name: &'static str) -> Result<Cow<'a, str>, DecodeError> {
    let value = command.field(name);
    value
        .map(Cow::Borrowed)
        .ok_or(DecodeError::MissingField(name))
}

fn number<T: FromStr>(command: &RemotingCommand, name: &'static str) -> Result<T, DecodeError> {
    let value = command.field(name).ok_or(DecodeError::MissingField(name))?;
    value.parse().map_err(|_| DecodeError::IllegalValue(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::SerializeType;
    use crate::protocol::frame::{FrameLimits, split};
    use proptest::prelude::*;

    /// As the other side reads it.
    fn sent(command: &RemotingCommand, form: SerializeType) -> RemotingCommand {
        let mut bytes = Vec::new();
        command.encode(form, &mut bytes);
        let frame = split(&bytes, FrameLimits::default()).unwrap().unwrap();
        RemotingCommand::decode(&frame).unwrap()
    }

    /// R85–R93: names and values of the fields, as Java's client writes them.
    #[test]
    fn the_fields_are_java_s() {
        let fields = |command: RemotingCommand| {
            let mut fields: Vec<String> = command
                .ext
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            fields.sort();
            (command.code, fields.join(" "))
        };
        let query = |figure| {
            let query = QueueQuery {
                topic: "T".into(),
                broker: "b".into(),
                queue_id: 3,
                figure,
            };
            fields(query.to_command())
        };
        let same = "bname=b queueId=3 topic=T";
        assert_eq!(query(QueueFigure::MinOffset), (31, same.to_owned()));
        assert_eq!(query(QueueFigure::EarliestStoreTime), (32, same.to_owned()));
        let max = "bname=b committed=true queueId=3 topic=T";
        assert_eq!(query(QueueFigure::MaxOffset), (30, max.to_owned()));
        let at = "bname=b boundaryType=LOWER queueId=3 timestamp=-1 topic=T";
        assert_eq!(query(QueueFigure::OffsetAt(-1)), (29, at.to_owned()));
        let group = "bname=b consumerGroup=g queueId=3 setZeroIfNotFound=false topic=T";
        let figure = QueueFigure::ConsumerOffset("g".into());
        assert_eq!(query(figure), (14, group.to_owned()));
        let create = CreateTopic {
            topic: "T".into(),
            default_topic: "TBW102".into(),
            queues: 8,
            sys_flag: 1,
            attributes: "+message.type=FIFO".into(),
        };
        let expected = "attributes=+message.type=FIFO defaultTopic=TBW102 force=false order=false \
                        perm=6 readQueueNums=8 topic=T topicFilterType=SINGLE_TAG topicSysFlag=1 \
                        writeQueueNums=8";
        assert_eq!(fields(create.to_command()), (17, expected.to_owned()));
        let delete = DeleteTopic { topic: "T".into() };
        assert_eq!(fields(delete.in_broker()), (215, "topic=T".to_owned()));
        assert_eq!(fields(delete.in_namesrv()), (216, "topic=T".to_owned()));
        let query = QueryMessage {
            topic: "T".into(),
            key: "k".into(),
            unique: false,
            most: 32,
            from_ms: 0,
            to_ms: i64::MAX,
        };
        let expected = "_UNIQUE_KEY_QUERY=false beginTimestamp=0 endTimestamp=9223372036854775807 \
                        indexType=K key=k maxNum=32 topic=T";
        assert_eq!(fields(query.to_command()), (12, expected.to_owned()));
    }

    #[test]
    fn what_lacks_a_field_or_has_a_wrong_one_is_refused() {
        let request = RemotingCommand::request;
        let lacks = request(RequestCode::GET_MAX_OFFSET).with_field("topic", "T");
        assert_eq!(
            QueueQuery::parse(&lacks),
            Err(DecodeError::MissingField("queueId"))
        );
        let wrong = lacks.with_field("queueId", "-1");
        assert_eq!(
            QueueQuery::parse(&wrong),
            Err(DecodeError::IllegalValue("queueId"))
        );
        assert_eq!(
            QueueQuery::parse(&request(RequestCode::HEART_BEAT)),
            Ok(None)
        );
        let reply = RemotingCommand::response(ResponseCode::SUCCESS, 1).with_field("offset", "x");
        assert!(QueueFigure::MaxOffset.answer(&reply).is_err());
        assert!(QueueFigure::EarliestStoreTime.answer(&reply).is_err());
        let view = request(RequestCode::VIEW_MESSAGE_BY_ID).with_field("offset", "9".repeat(30));
        assert!(ViewMessage::parse(&view).is_err());
    }

    fn figures() -> impl Strategy<Value = QueueFigure<'static>> {
        prop_oneof![
            Just(QueueFigure::MaxOffset),
            Just(QueueFigure::MinOffset),
            Just(QueueFigure::EarliestStoreTime),
            any::<i64>().prop_map(QueueFigure::OffsetAt),
            "[a-z]{1,9}".prop_map(|group| QueueFigure::ConsumerOffset(group.into())),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            texts in prop::array::uniform3("[a-zA-Z0-9_%]{1,20}"), numbers in any::<(u32, i32, u64)>(),
            times in any::<(i64, i64)>(), figure in figures(), binary: bool, unique: bool,
        ) {
            let form = if binary { SerializeType::Binary } else { SerializeType::Json };
            let text = |index: usize| Cow::Borrowed(&*texts[index]);
            let create = CreateTopic {
                topic: text(0), default_topic: text(1), queues: numbers.0, sys_flag: numbers.1,
                attributes: if unique { text(2) } else { "".into() },
            };
            let read = sent(&create.to_command(), form);
            prop_assert_eq!(CreateTopic::parse(&read).unwrap(), create);
            let delete = DeleteTopic { topic: text(2) };
            let read = sent(&delete.in_broker(), form);
            prop_assert_eq!(DeleteTopic::parse(&read).unwrap(), delete);
            let query = QueueQuery { topic: text(0), broker: text(1), queue_id: numbers.0, figure };
            let read = sent(&query.to_command(), form);
            prop_assert_eq!(QueueQuery::parse(&read).unwrap().unwrap(), query.clone());
            let reply = sent(&query.figure.reply(1, times.0), form);
            prop_assert_eq!(query.figure.answer(&reply), Ok(times.0));
            let view = ViewMessage { topic: text(0), commit_log_offset: numbers.2 };
            let read = sent(&view.to_command(), form);
            prop_assert_eq!(ViewMessage::parse(&read).unwrap(), view);
            let query = QueryMessage {
                topic: text(0), key: text(1), unique, most: numbers.0, from_ms: times.0, to_ms: times.1,
            };
            let read = sent(&query.to_command(), form);
            prop_assert_eq!(QueryMessage::parse(&read).unwrap(), query);
            let reply = sent(&QueryMessage::reply(1, times.0, b"body".to_vec()), form);
            prop_assert_eq!(QueryMessage::index_updated_ms(&reply), Ok(times.0));
        }

        #[test]
        fn arbitrary_fields_never_panic(
            code in prop::sample::select(vec![12, 14, 17, 29, 30, 31, 32, 33]),
            fields in prop::collection::vec(("topic|queueId|offset|key|maxNum|timestamp", "[-0-9a-z]{0,22}"), 0..9),
        ) {
            let mut command = RemotingCommand::request(RequestCode(code));
            command.ext = fields;
            let _ = CreateTopic::parse(&command);
            let _ = DeleteTopic::parse(&command);
            let _ = QueueQuery::parse(&command);
            let _ = ViewMessage::parse(&command);
            let _ = QueryMessage::parse(&command);
        }
    }
}
