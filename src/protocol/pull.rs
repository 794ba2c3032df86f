//! PULL_MESSAGE, both ways: how a consumer reads a queue, waiting at the broker for what comes.

use crate::protocol::code::{RequestCode, ResponseCode};
use crate::protocol::command::RemotingCommand;
use crate::protocol::error::DecodeError;

/// Wait at the broker for messages, by the subscription that is part of the request.
const MAY_WAIT: i32 = 2;
const HAS_SUBSCRIPTION: i32 = 4;

/// A pull of one queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRequest {
    /// Consumer group.
    pub group: String,
    /// Topic.
    pub topic: String,
    /// Queue of the broker.
    pub queue_id: u32,
    /// First offset wanted.
    pub offset: i64,
    /// Most messages in an answer; brokers have limits of their own.
    pub most_messages: u32,
    /// How long the broker may wait for a message, in ms; 0 for not at all.
    pub wait_ms: u64,
    /// The broker.
    pub broker: String,
}

impl PullRequest {
    /// The request: all messages, whatever their tag.
    #[must_use]
    pub fn to_command(&self) -> RemotingCommand {
        let waits = if self.wait_ms > 0 { MAY_WAIT } else { 0 };
        RemotingCommand::request(RequestCode::PULL_MESSAGE)
            .with_field("consumerGroup", &self.group)
            .with_field("topic", &self.topic)
            .with_field("queueId", self.queue_id)
            .with_field("queueOffset", self.offset)
            .with_field("maxMsgNums", self.most_messages)
            .with_field("sysFlag", HAS_SUBSCRIPTION | waits)
            .with_field("commitOffset", 0)
            .with_field("suspendTimeoutMillis", self.wait_ms)
            .with_field("subscription", "*")
            .with_field("subVersion", 0)
            .with_field("expressionType", "TAG")
            .with_field("bname", &self.broker)
    }

    /// Reads the request as a broker does.
    ///
    /// # Errors
    /// [`DecodeError`] for fields that are absent or no numbers.
    pub fn parse(command: &RemotingCommand) -> Result<Self, DecodeError> {
        let may_wait = number::<i32>(command, "sysFlag")? & MAY_WAIT != 0;
        Ok(Self {
            group: text(command, "consumerGroup")?,
            topic: text(command, "topic")?,
            queue_id: number(command, "queueId")?,
            offset: number(command, "queueOffset")?,
            most_messages: number(command, "maxMsgNums")?,
            wait_ms: if may_wait {
                number(command, "suspendTimeoutMillis")?
            } else {
                0
            },
            broker: command.field("bname").unwrap_or_default().to_owned(),
        })
    }
}

/// What a broker says to a pull besides its messages, which are the body: stored ones, back to back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PullReply {
    /// SUCCESS, or one of the three codes of a pull without messages.
    pub code: ResponseCode,
    /// Where the next pull begins.
    pub next_offset: i64,
    /// First offset of the queue.
    pub min_offset: i64,
    /// Offset the next message gets.
    pub max_offset: i64,
}

impl PullReply {
    /// The answer around these messages.
    #[must_use]
    pub fn to_command(&self, opaque: i32, messages: Vec<u8>) -> RemotingCommand {
        RemotingCommand::response(self.code, opaque)
            .with_field("suggestWhichBrokerId", 0)
            .with_field("nextBeginOffset", self.next_offset)
            .with_field("minOffset", self.min_offset)
            .with_field("maxOffset", self.max_offset)
            .with_body(messages)
    }

    /// Reads the answer as a consumer does; `None` for a refusal.
    ///
    /// # Errors
    /// [`DecodeError`] for offsets that are absent or no numbers.
    pub fn parse(command: &RemotingCommand) -> Result<Option<Self>, DecodeError> {
        let code = ResponseCode(command.code);
        if !matches!(
            code,
            ResponseCode::SUCCESS
                | ResponseCode::PULL_NOT_FOUND
                | ResponseCode::PULL_RETRY_IMMEDIATELY
                | ResponseCode::PULL_OFFSET_MOVED
        ) {
            return Ok(None);
        }
        Ok(Some(Self {
            code,
            next_offset: number(command, "nextBeginOffset")?,
            min_offset: number(command, "minOffset")?,
            max_offset: number(command, "maxOffset")?,
        }))
    }
}

fn text(command: &RemotingCommand, field: &'static str) -> Result<String, DecodeError> {
    let value = command
        .field(field)
        .ok_or(DecodeError::MissingField(field))?;
    Ok(value.to_owned())
}

fn number<N: std::str::FromStr>(
    command: &RemotingCommand,
    field: &'static str,
) -> Result<N, DecodeError> {
    let value = command
        .field(field)
        .ok_or(DecodeError::MissingField(field))?;
    value.parse().map_err(|_| DecodeError::IllegalValue(field))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_pull_is_read_as_it_was_written() {
        let request = PullRequest {
            group: "g".into(),
            topic: "T".into(),
            queue_id: 3,
            offset: 77,
            most_messages: 32,
            wait_ms: 15_000,
            broker: "b".into(),
        };
        let command = request.to_command();
        assert_eq!(command.field("sysFlag"), Some("6"));
        assert_eq!(PullRequest::parse(&command).unwrap(), request);
        let at_once = PullRequest {
            wait_ms: 0,
            ..request
        };
        assert_eq!(at_once.to_command().field("sysFlag"), Some("4"));
        assert_eq!(PullRequest::parse(&at_once.to_command()).unwrap(), at_once);
    }

    #[test]
    fn an_answer_is_a_refusal_or_has_its_offsets() {
        let reply = PullReply {
            code: ResponseCode::PULL_OFFSET_MOVED,
            next_offset: 5,
            min_offset: 1,
            max_offset: 5,
        };
        let command = reply.to_command(1, Vec::new());
        assert_eq!(PullReply::parse(&command).unwrap(), Some(reply));
        let refusal = RemotingCommand::response(ResponseCode::TOPIC_NOT_EXIST, 1);
        assert_eq!(PullReply::parse(&refusal).unwrap(), None);
        let bare = RemotingCommand::response(ResponseCode::SUCCESS, 1);
        assert!(PullReply::parse(&bare).is_err());
    }

    proptest! {
        #[test]
        fn any_fields_can_be_parsed(
            code in 0..30i32,
            fields in prop::collection::vec(("[a-zA-Z]{1,20}|nextBeginOffset|sysFlag|queueId", ".{0,9}"), 0..9),
        ) {
            let mut command = RemotingCommand::response(ResponseCode(code), 1);
            command.ext = fields;
            let _ = (PullReply::parse(&command), PullRequest::parse(&command));
        }
    }
}
