//! **Hot path.** Checks a message, gives it a place in a queue and answers with it.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use crate::broker::outbox::Outbox;
use crate::broker::readers::Place;
use crate::broker::record::NewMessage;
use crate::broker::reply::{self, Stored};
use crate::broker::request::SendRequest;
use crate::broker::state::BrokerState;
use crate::broker::topics::{self, Topic};
use crate::broker::transactions;
use crate::protocol::code::CLIENT_VERSION;
use crate::protocol::frame::Frame;
use crate::protocol::header::HeaderView;
use crate::protocol::route::permission;
use crate::protocol::send::{SendReplyFields, encode_reply};
use crate::protocol::{ResponseCode, batch, properties, sys_flag};

/// Bytes of a stored message besides topic, properties and body (Java: `MessageExtEncoder`).
const RECORD_BYTES: usize = 91;

/// Puts the messages of one connection into the broker's queues.
#[derive(Debug)]
pub(super) struct Store {
    state: Rc<BrokerState>,
    /// The other end of the connection.
    peer: SocketAddr,
    /// The topic sent to last and the generation of the table it was found in: most connections
    /// send to one topic, and comparing its name is cheaper than a look-up.
    cached: Option<(u64, Arc<Topic>)>,
}

/// Why a message is not stored.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) code: ResponseCode,
    pub(super) remark: String,
}

#[cold]
pub(super) fn refuse<T>(code: ResponseCode, remark: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal {
        code,
        remark: remark.into(),
    })
}

impl Store {
    pub(super) fn new(state: Rc<BrokerState>, peer: SocketAddr) -> Self {
        Self {
            state,
            peer,
            cached: None,
        }
    }

    /// Stores one message. Its reply goes into `outbox`, unless none is wanted or `swallow` is set.
    ///
    /// # Errors
    /// The reason to answer with when it is not stored.
    #[inline]
    pub(super) fn append(
        &mut self,
        header: &HeaderView<'_>,
        frame: &Frame<'_>,
        request: &SendRequest<'_>,
        swallow: bool,
        outbox: &mut Outbox,
    ) -> Result<(), Refusal> {
        let state = &*self.state;
        let topic = topic_of(state, &mut self.cached, request)?;
        check_permission(topic)?;
        let queue_id = queue_of(state, topic, request)?;
        check_body(state, frame.body, request)?;
        let counters = &state.shared.counters;
        if request.batch {
            let (queue_offset, ids) =
                append_batch(state, topic, queue_id, frame.body, request, self.peer)?;
            if swallow {
                counters.swallowed_replies.add(1);
            } else if !header.is_oneway() {
                let fields = SendReplyFields {
                    opaque: header.opaque,
                    code: ResponseCode::SUCCESS,
                    offset_message_id: &ids,
                    queue_id,
                    queue_offset,
                    transaction_id: "",
                };
                let form = state.reply_form.of(frame.serialize_type);
                encode_reply(form, outbox.buffer(), CLIENT_VERSION, &fields);
            }
            return Ok(());
        }
        let record = RECORD_BYTES + topic.name.len() + request.properties.len() + frame.body.len();
        let commit_log_offset = state.append_bytes(record);
        let peer = self.peer;
        let new = || NewMessage {
            topic,
            queue_id,
            flag: request.flag,
            sys_flag: request.sys_flag,
            born_ms: request.born_ms,
            born_host: peer,
            properties: &request.properties,
            body: frame.body,
            commit_log_offset,
        };
        let queue_offset = if request.sys_flag & sys_flag::TRANSACTION_PREPARED != 0
            && transactions::is_half(&request.properties)
        {
            let Some(place) = state.transactions.begin(state, &new()) else {
                return refuse(ResponseCode::SYSTEM_ERROR, "too many open transactions");
            };
            place
        } else {
            counters.messages.add(1);
            counters.body_bytes.add(frame.body.len() as u64);
            // The queue was looked up above.
            let place = topic.append(queue_id as usize, 1).unwrap_or_default();
            if state.keeps(topic) {
                keep(state, &new(), place);
            }
            place
        };
        if header.is_oneway() {
            return Ok(());
        }
        if swallow {
            counters.swallowed_replies.add(1);
            return Ok(());
        }
        let message_id = state.message_ids.with(commit_log_offset);
        // 5.x brokers make up a missing key; the offset id is as unique.
        let transaction_id = match unique_id(&request.properties) {
            Some(id) => id,
            None => str::from_utf8(&message_id).unwrap_or_default(),
        };
        let stored = Stored {
            opaque: header.opaque,
            queue_id,
            queue_offset,
            message_id: &message_id,
            transaction_id,
        };
        let form = state.reply_form.of(frame.serialize_type);
        reply::encode(form, outbox.buffer(), &stored);
        Ok(())
    }
}

/// Stores the messages of a batch one after the other in one queue, or none of them: the queue offset
/// of the first, and all offset ids, separated by commas.
#[inline(never)]
fn append_batch(
    state: &BrokerState,
    topic: &Arc<Topic>,
    queue_id: u32,
    body: &[u8],
    request: &SendRequest<'_>,
    born_host: SocketAddr,
) -> Result<(u64, String), Refusal> {
    let Ok(records) = batch::records(body).collect::<Result<Vec<_>, _>>() else {
        return refuse(
            ResponseCode::MESSAGE_ILLEGAL,
            "the batch has broken records",
        );
    };
    let Some(queue_offset) = topic.append(queue_id as usize, records.len() as u64) else {
        return refuse(ResponseCode::SYSTEM_ERROR, "no such queue");
    };
    let counters = &state.shared.counters;
    let mut ids = String::new();
    for (place, record) in (queue_offset..).zip(&records) {
        let stored = record.properties.len() + record.body.len();
        let commit_log_offset = state.append_bytes(RECORD_BYTES + topic.name.len() + stored);
        if !ids.is_empty() {
            ids.push(',');
        }
        let id = state.message_ids.with(commit_log_offset);
        ids.push_str(str::from_utf8(&id).unwrap_or_default());
        counters.body_bytes.add(record.body.len() as u64);
        if state.keeps(topic) {
            let new = NewMessage {
                topic,
                queue_id,
                flag: record.flag,
                sys_flag: request.sys_flag,
                born_ms: request.born_ms,
                born_host,
                properties: str::from_utf8(record.properties).unwrap_or_default(),
                body: record.body,
                commit_log_offset,
            };
            keep(state, &new, place);
        }
    }
    counters.messages.add(records.len() as u64);
    Ok((queue_offset, ids))
}

/// Keeps a message for those who look it up or pull it.
#[inline(never)]
fn keep(state: &BrokerState, new: &NewMessage<'_>, queue_offset: u64) {
    let place = Place {
        topic: new.topic,
        queue_id: new.queue_id,
        offset: queue_offset,
    };
    if let Some(record) = new.record(state, queue_offset) {
        state.keep(place, record);
    }
}

/// UNIQ_KEY; most clients write it first.
#[inline]
fn unique_id(text: &str) -> Option<&str> {
    let first = text
        .strip_prefix(properties::UNIQUE_ID_KEY)
        .and_then(|rest| rest.strip_prefix('\u{1}'))
        .and_then(|rest| rest.split_once('\u{2}'))
        .map(|(id, _)| id)
        .filter(|id| !id.is_empty());
    first.or_else(|| {
        properties::parse(text)
            .find(|(name, _)| *name == properties::UNIQUE_ID_KEY)
            .map(|(_, id)| id)
    })
}

/// A real broker leaves the topic's permission to its clients; answering as it would for a broker
/// that is not writable lets their reaction be tested.
#[inline]
fn check_permission(topic: &Topic) -> Result<(), Refusal> {
    if topic.permission() & permission::WRITE != 0 {
        return Ok(());
    }
    refuse(
        ResponseCode::NO_PERMISSION,
        format!("the topic[{}] sending message is forbidden", topic.name),
    )
}

/// The queue asked for, or one of the broker's choice.
#[inline]
fn queue_of(state: &BrokerState, topic: &Topic, request: &SendRequest<'_>) -> Result<u32, Refusal> {
    let count = topic.queue_count();
    let queue_id = u32::try_from(request.queue_id).unwrap_or_else(|_| state.any_queue(count));
    if queue_id < count {
        return Ok(queue_id);
    }
    refuse(
        ResponseCode::INVALID_PARAMETER,
        format!(
            "request queueId[{queue_id}] is illegal, topic[{}] has {count} queues",
            topic.name
        ),
    )
}

#[inline]
fn check_body(state: &BrokerState, body: &[u8], request: &SendRequest<'_>) -> Result<(), Refusal> {
    let limit = state.max_message_bytes;
    if body.is_empty() {
        return refuse(ResponseCode::SYSTEM_ERROR, "the message has no body");
    }
    if body.len() > limit || request.properties.len() > properties::MAX_BYTES {
        let remark = format!(
            "the message is illegal, maybe msg body or properties length not matched. \
             msg body length limit {limit}B, msg properties length limit 32KB."
        );
        return refuse(ResponseCode::MESSAGE_ILLEGAL, remark);
    }
    if let Some(wanted) = &request.body_checksum {
        let checksum = crc32fast::hash(body) & 0x7fff_ffff;
        if wanted.parse() != Ok(checksum) {
            return refuse(ResponseCode::MESSAGE_ILLEGAL, "bodyCrc32 does not match");
        }
    }
    Ok(())
}

#[inline]
fn topic_of<'a>(
    state: &BrokerState,
    cached: &'a mut Option<(u64, Arc<Topic>)>,
    request: &SendRequest<'_>,
) -> Result<&'a Arc<Topic>, Refusal> {
    let generation = state.shared.topics.generation();
    let hit = matches!(cached, Some((known, topic))
        if *known == generation && topic.name == request.topic);
    if !hit {
        let topic = look_up(state, request)?;
        *cached = Some((state.shared.topics.generation(), topic));
    }
    match cached {
        Some((_, topic)) => Ok(topic),
        None => refuse(ResponseCode::SYSTEM_ERROR, "no topic"),
    }
}

#[cold]
fn look_up(state: &BrokerState, request: &SendRequest<'_>) -> Result<Arc<Topic>, Refusal> {
    let name = &*request.topic;
    if !topics::is_legal_name(name) {
        return refuse(
            ResponseCode::INVALID_PARAMETER,
            format!("the topic[{name}] is blank, longer than 127 bytes or has illegal characters"),
        );
    }
    if topics::is_forbidden(name) {
        return refuse(
            ResponseCode::NO_PERMISSION,
            format!("sending message to topic[{name}] is forbidden."),
        );
    }
    let table = &state.shared.topics;
    let (template, queues) = (&request.default_topic, request.default_queues);
    let topic = table
        .get(name)
        .or_else(|| table.create_after(name, template, queues));
    match topic {
        Some(topic) => Ok(topic),
        None => refuse(
            ResponseCode::TOPIC_NOT_EXIST,
            format!("topic[{name}] not exist, apply first please!"),
        ),
    }
}
