//! Answers to requests: handed on at once to the client that asked, if this broker knows it. Unlike a
//! RocketMQ broker, an embedded one does not wait for that client's own answer, and stores nothing.

use std::net::SocketAddr;

use crate::broker::state::BrokerState;
use crate::broker::store::{Refusal, refuse};
use crate::protocol::header::HeaderView;
use crate::protocol::request_reply::push_reply;
use crate::protocol::send::SendRequestView;
use crate::protocol::{RemotingCommand, ResponseCode, SerializeType, properties};

/// Hands on what came by SEND_REPLY_MESSAGE; the answer to who sent it.
///
/// # Errors
/// What does not fit, or a client that is not known.
pub(super) fn hand_on(
    state: &BrokerState,
    header: &HeaderView<'_>,
    body: &[u8],
) -> Result<RemotingCommand, Refusal> {
    let reply = match SendRequestView::parse(header) {
        Ok(reply) => reply,
        Err(error) => return refuse(ResponseCode::SYSTEM_ERROR, error.to_string()),
    };
    let mut pairs = properties::parse(&reply.properties);
    let client = pairs.find(|(name, _)| *name == properties::REPLY_TO_CLIENT);
    let clients = &state.shared.clients;
    let connection = client.and_then(|(_, client)| clients.connection_by_id(client));
    let Some(connection) = connection else {
        let client = client.map_or("nobody", |(_, client)| client);
        let remark = format!("push reply message fail, channel of <{client}> not found.");
        return refuse(ResponseCode::SYSTEM_ERROR, remark);
    };
    let here = SocketAddr::V4(state.shared.address);
    let stored_ms = u64::try_from(reply.born_ms).unwrap_or_default();
    let mut frame = Vec::new();
    push_reply(&reply, body, here, here, stored_ms).encode(SerializeType::Json, &mut frame);
    state.pushes.push(connection, &frame);
    state.changed.notify_waiters();
    state.shared.counters.replies.add(1);
    let answer = RemotingCommand::response(ResponseCode::SUCCESS, header.opaque);
    Ok(answer
        .with_field("msgId", "0")
        .with_field("queueId", reply.queue_id)
        .with_field("queueOffset", 0))
}
