//! The answer to a request, as its broker pushes it to the client that asked (R82, R83).

use std::net::SocketAddr;

use crate::protocol::code::RequestCode;
use crate::protocol::command::RemotingCommand;
use crate::protocol::send::SendRequestView;

/// The topic answers are sent to, on every broker of a cluster (R83).
#[must_use]
pub fn reply_topic(cluster: &str) -> String {
    format!("{cluster}_REPLY_TOPIC")
}

/// What `reply` becomes on its way to the client that asked; the client reads it by
/// [`SendRequestView::parse`].
#[must_use]
pub fn push_reply(
    reply: &SendRequestView<'_>,
    body: &[u8],
    born_host: SocketAddr,
    store_host: SocketAddr,
    stored_ms: u64,
) -> RemotingCommand {
    RemotingCommand::request(RequestCode::PUSH_REPLY_MESSAGE_TO_CLIENT)
        .with_field("producerGroup", &reply.group)
        .with_field("topic", &reply.topic)
        .with_field("defaultTopic", &reply.default_topic)
        .with_field("defaultTopicQueueNums", reply.default_queues)
        .with_field("queueId", reply.queue_id)
        .with_field("sysFlag", reply.kind.sys_flag)
        .with_field("bornTimestamp", reply.born_ms)
        .with_field("flag", reply.kind.flag)
        .with_field("properties", &reply.properties)
        .with_field("reconsumeTimes", reply.kind.reconsume_times)
        .with_field("unitMode", reply.unit_mode)
        .with_field("bornHost", born_host)
        .with_field("storeHost", store_host)
        .with_field("storeTimestamp", stored_ms)
        .with_body(body.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::frame::{FrameLimits, split};
    use crate::protocol::header::{HeaderView, SerializeType};

    /// R82: the header has the fields of the long send form.
    #[test]
    fn a_pushed_reply_is_read_as_it_was_sent() {
        let sent = SendRequestView {
            group: "responder".into(),
            topic: reply_topic("c").into(),
            queue_id: 3,
            born_ms: 1_700_000_000_000,
            properties: "CORRELATION_ID\u{1}x\u{2}".into(),
            ..SendRequestView::default()
        };
        let here = SocketAddr::from(([127, 0, 0, 1], 10911));
        let mut bytes = Vec::new();
        push_reply(&sent, b"pong", here, here, 5).encode(SerializeType::Json, &mut bytes);
        let frame = split(&bytes, FrameLimits::default()).unwrap().unwrap();
        let header = HeaderView::parse(frame.serialize_type, frame.header).unwrap();
        assert_eq!(SendRequestView::parse(&header).unwrap(), sent);
        assert_eq!(frame.body, b"pong");
    }
}
