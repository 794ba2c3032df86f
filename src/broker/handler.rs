//! **Hot path.** What a broker does with one request: check, store, answer.
//!
//! Budget per well-formed message: one walk over the header fields and no allocation in the binary
//! form. Everything that is refused or rare takes the plain way through [`RemotingCommand`].

use std::rc::Rc;
use std::sync::Arc;

use crate::broker::behaviour::is_nth;
use crate::broker::outbox::Outbox;
use crate::broker::reply::{self, Stored};
use crate::broker::state::{BrokerState, Script};
use crate::broker::topics::{self, Topic};
use crate::protocol::error::DecodeError;
use crate::protocol::frame::Frame;
use crate::protocol::header::HeaderView;
use crate::protocol::heartbeat::{CLIENT_ID, HeartbeatData, PRODUCER_GROUP};
use crate::protocol::route::permission;
use crate::protocol::send::SendRequestView;
use crate::protocol::{RemotingCommand, RequestCode, ResponseCode, properties};

/// Bytes of a stored message besides topic, properties and body (Java: `MessageExtEncoder`).
const RECORD_BYTES: usize = 91;

/// Handles the requests of one connection.
#[derive(Debug)]
pub(super) struct Handler {
    state: Rc<BrokerState>,
    connection: u64,
    /// The topic sent to last and the generation of the table it was found in: most connections
    /// send to one topic, and comparing its name is cheaper than a look-up.
    cached: Option<(u64, Arc<Topic>)>,
}

/// Whether the connection goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    /// The request is dealt with.
    Next,
    /// The script wants the connection closed.
    Close,
}

/// Why a message is not stored.
#[derive(Debug)]
struct Refusal {
    code: ResponseCode,
    remark: String,
}

#[cold]
fn refuse<T>(code: ResponseCode, remark: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal {
        code,
        remark: remark.into(),
    })
}

impl Handler {
    pub(super) fn new(state: Rc<BrokerState>) -> Self {
        Self {
            connection: state.next_connection(),
            state,
            cached: None,
        }
    }

    /// Handles one frame that came at `now_ns`; a reply goes into `outbox`.
    ///
    /// # Errors
    /// A header that can't be read; a Java broker closes the connection then.
    #[inline]
    pub(super) fn handle(
        &mut self,
        frame: &Frame<'_>,
        script: &mut Script,
        now_ns: u64,
        outbox: &mut Outbox,
    ) -> Result<Flow, DecodeError> {
        let header = HeaderView::parse(frame.serialize_type, frame.header)?;
        if header.is_response() {
            return Ok(Flow::Next);
        }
        self.state.shared.counters.requests.add(1);
        match RequestCode(header.code) {
            RequestCode::SEND_MESSAGE | RequestCode::SEND_MESSAGE_V2 => {
                self.send(&header, frame, script, now_ns, outbox)
            }
            _ => {
                self.other(&header, frame, outbox)?;
                outbox.commit(script.release_ns(now_ns));
                Ok(Flow::Next)
            }
        }
    }

    #[inline]
    fn send(
        &mut self,
        header: &HeaderView<'_>,
        frame: &Frame<'_>,
        script: &mut Script,
        now_ns: u64,
        outbox: &mut Outbox,
    ) -> Result<Flow, DecodeError> {
        let number = script.next_message();
        if is_nth(number, script.behaviour.drop_connection_every) {
            return Ok(Flow::Close);
        }
        let release_ns = script.serve_ns(now_ns);
        let behaviour = &script.behaviour;
        let reject = behaviour.reject.as_ref();
        if let Some(reject) = reject.filter(|reject| is_nth(number, Some(reject.every))) {
            let refusal = Refusal {
                code: reject.code,
                remark: reject.remark.clone(),
            };
            self.refused(header, frame, refusal, outbox);
        } else {
            let swallow = is_nth(number, behaviour.drop_replies_every);
            let request = match SendRequestView::parse(header) {
                Ok(request) => Ok(request),
                // The frame is sound, only its contents are not: a Java broker answers with the
                // exception its code runs into.
                Err(error @ (DecodeError::MissingField(_) | DecodeError::IllegalValue(_))) => {
                    refuse(ResponseCode::SYSTEM_ERROR, error.to_string())
                }
                Err(error) => return Err(error),
            };
            let stored =
                request.and_then(|request| self.store(header, frame, &request, swallow, outbox));
            if let Err(refusal) = stored {
                self.refused(header, frame, refusal, outbox);
            }
        }
        outbox.commit(release_ns);
        Ok(Flow::Next)
    }

    #[inline]
    fn store(
        &mut self,
        header: &HeaderView<'_>,
        frame: &Frame<'_>,
        request: &SendRequestView<'_>,
        swallow: bool,
        outbox: &mut Outbox,
    ) -> Result<(), Refusal> {
        let topic = topic_of(&self.state, &mut self.cached, request)?;
        if topic.permission() & permission::WRITE == 0 {
            return refuse(
                ResponseCode::NO_PERMISSION,
                format!("the topic[{}] sending message is forbidden", topic.name),
            );
        }
        let queue_id = u32::try_from(request.queue_id)
            .unwrap_or_else(|_| self.state.any_queue(topic.queue_count()));
        if queue_id >= topic.queue_count() {
            return refuse(
                ResponseCode::INVALID_PARAMETER,
                format!(
                    "request queueId[{queue_id}] is illegal, topic[{}] has {} queues",
                    topic.name,
                    topic.queue_count()
                ),
            );
        }
        check_body(&self.state, header, frame, &request.properties)?;
        let Some(queue_offset) = topic.append(queue_id as usize) else {
            return refuse(ResponseCode::SYSTEM_ERROR, "no such queue");
        };
        let record = RECORD_BYTES + topic.name.len() + request.properties.len() + frame.body.len();
        let commit_log_offset = self.state.append_bytes(record);
        let counters = &self.state.shared.counters;
        counters.messages.add(1);
        counters.body_bytes.add(frame.body.len() as u64);
        if header.is_oneway() {
            return Ok(());
        }
        if swallow {
            counters.swallowed_replies.add(1);
            return Ok(());
        }
        let message_id = self.state.message_ids.with(commit_log_offset);
        // 5.x brokers make up a missing key; the offset id is as unique.
        let transaction_id = properties::parse(&request.properties)
            .find(|(name, _)| *name == properties::UNIQUE_ID_KEY)
            .map_or_else(
                || str::from_utf8(&message_id).unwrap_or_default(),
                |(_, id)| id,
            );
        let stored = Stored {
            opaque: header.opaque,
            queue_id,
            queue_offset,
            message_id: &message_id,
            transaction_id,
        };
        let form = self.state.reply_form.of(frame.serialize_type);
        reply::encode(form, outbox.buffer(), &stored);
        Ok(())
    }

    #[cold]
    fn refused(
        &self,
        header: &HeaderView<'_>,
        frame: &Frame<'_>,
        refusal: Refusal,
        outbox: &mut Outbox,
    ) {
        self.state.shared.counters.rejected.add(1);
        if !header.is_oneway() {
            let reply = RemotingCommand::response(refusal.code, header.opaque)
                .with_field("MSG_REGION", "DefaultRegion")
                .with_field("TRACE_ON", "true")
                .with_remark(refusal.remark);
            let form = self.state.reply_form.of(frame.serialize_type);
            reply.encode(form, outbox.buffer());
        }
    }

    #[cold]
    fn other(
        &self,
        header: &HeaderView<'_>,
        frame: &Frame<'_>,
        outbox: &mut Outbox,
    ) -> Result<(), DecodeError> {
        let request = RemotingCommand::from_view(header, frame.body)?;
        let shared = &self.state.shared;
        let answer = |code| RemotingCommand::response(code, header.opaque);
        let reply = match RequestCode(header.code) {
            RequestCode::HEART_BEAT => match HeartbeatData::parse(frame.body) {
                Ok(data) => {
                    shared.counters.heartbeats.add(1);
                    let groups = data.producer_groups;
                    shared.clients.beat(self.connection, data.client_id, groups);
                    answer(ResponseCode::SUCCESS)
                        .with_field("IS_SUPPORT_HEART_BEAT_V2", true)
                        .with_field("IS_SUB_CHANGE", true)
                }
                Err(error) => answer(ResponseCode::SYSTEM_ERROR).with_remark(error.to_string()),
            },
            RequestCode::UNREGISTER_CLIENT => {
                let field = |key| request.field(key).unwrap_or_default();
                let (client, group) = (field(CLIENT_ID), field(PRODUCER_GROUP));
                shared.clients.leave(self.connection, client, group);
                answer(ResponseCode::SUCCESS)
            }
            RequestCode::GET_TOPIC_STATS_INFO => {
                let name = request.field("topic").unwrap_or_default();
                match shared.topics.get(name) {
                    Some(topic) => {
                        answer(ResponseCode::SUCCESS).with_body(stats(&shared.name, &topic))
                    }
                    None => answer(ResponseCode::TOPIC_NOT_EXIST)
                        .with_remark(format!("topic[{name}] not exist")),
                }
            }
            RequestCode(code) => answer(ResponseCode::REQUEST_CODE_NOT_SUPPORTED)
                .with_remark(format!(" request type {code} not supported")),
        };
        if !header.is_oneway() {
            let form = self.state.reply_form.of(frame.serialize_type);
            reply.encode(form, outbox.buffer());
        }
        Ok(())
    }
}

impl Drop for Handler {
    fn drop(&mut self) {
        self.state.shared.clients.close(self.connection);
    }
}

#[inline]
fn topic_of<'a>(
    state: &BrokerState,
    cached: &'a mut Option<(u64, Arc<Topic>)>,
    request: &SendRequestView<'_>,
) -> Result<&'a Topic, Refusal> {
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

#[inline]
fn check_body(
    state: &BrokerState,
    header: &HeaderView<'_>,
    frame: &Frame<'_>,
    properties: &str,
) -> Result<(), Refusal> {
    let limit = state.max_message_bytes;
    if frame.body.is_empty() {
        return refuse(ResponseCode::SYSTEM_ERROR, "the message has no body");
    }
    if frame.body.len() > limit || properties.len() > properties::MAX_BYTES {
        let remark = format!(
            "the message is illegal, maybe msg body or properties length not matched. \
             msg body length limit {limit}B, msg properties length limit 32KB."
        );
        return refuse(ResponseCode::MESSAGE_ILLEGAL, remark);
    }
    // A second walk over the fields only for a header that may have the checksum: no name of a V2
    // field has a `y`.
    if frame.header.contains(&b'y')
        && let Ok(Some(wanted)) = header.ext.get("bodyCrc32")
    {
        let checksum = crc32fast::hash(frame.body) & 0x7fff_ffff;
        if wanted.parse() != Ok(checksum) {
            return refuse(ResponseCode::MESSAGE_ILLEGAL, "bodyCrc32 does not match");
        }
    }
    Ok(())
}

#[cold]
fn look_up(state: &BrokerState, request: &SendRequestView<'_>) -> Result<Arc<Topic>, Refusal> {
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
    topic.map_or_else(
        || {
            refuse(
                ResponseCode::TOPIC_NOT_EXIST,
                format!("topic[{name}] not exist, apply first please!"),
            )
        },
        Ok,
    )
}

/// The body of GET_TOPIC_STATS_INFO, with objects as keys as fastjson writes them.
fn stats(broker: &str, topic: &Topic) -> String {
    let entries: Vec<String> = topic
        .lengths()
        .iter()
        .enumerate()
        .map(|(queue, length)| {
            format!(
                "{{\"brokerName\":\"{broker}\",\"queueId\":{queue},\"topic\":\"{}\"}}:\
                 {{\"lastUpdateTimestamp\":0,\"maxOffset\":{length},\"minOffset\":0}}",
                topic.name
            )
        })
        .collect();
    format!(
        "{{\"offsetTable\":{{{}}},\"topicPutTps\":0.0}}",
        entries.join(",")
    )
}
