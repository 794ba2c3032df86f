//! **Hot path.** What a broker does with one request: which kind it is, what the script says, answer.
//!
//! Budget per well-formed message: one walk over the fields that vary and no allocation in the
//! binary form. Everything that is refused or rare takes the plain way through [`RemotingCommand`].

use std::net::SocketAddr;
use std::rc::Rc;

use crate::broker::admin;
use crate::broker::behaviour::is_nth;
use crate::broker::outbox::Outbox;
use crate::broker::readers::Asker;
use crate::broker::replies;
use crate::broker::request::Memory;
use crate::broker::state::{BrokerState, Script};
use crate::broker::store::{Refusal, Store, refuse};
use crate::broker::topics::Topic;
use crate::protocol::error::DecodeError;
use crate::protocol::frame::Frame;
use crate::protocol::header::HeaderView;
use crate::protocol::heartbeat::{CLIENT_ID, HeartbeatData, PRODUCER_GROUP};
use crate::protocol::pull::PullRequest;
use crate::protocol::transaction::EndTransaction;
use crate::protocol::{RemotingCommand, RequestCode, ResponseCode};

/// Handles the requests of one connection.
#[derive(Debug)]
pub(super) struct Handler {
    state: Rc<BrokerState>,
    connection: u64,
    memory: Memory,
    store: Store,
}

/// Whether the connection goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    /// The request is dealt with.
    Next,
    /// The script wants the connection closed.
    Close,
}

impl Handler {
    /// `peer` is the other end of the connection.
    pub(super) fn new(state: Rc<BrokerState>, peer: SocketAddr) -> Self {
        Self {
            connection: state.next_connection(),
            memory: Memory::default(),
            store: Store::new(Rc::clone(&state), peer),
            state,
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
        if let Some(account) = &self.state.account
            && !account.has_signed(&RemotingCommand::from_view(&header, frame.body)?)
        {
            let refusal = Refusal {
                code: ResponseCode::NO_PERMISSION,
                remark: "the request is not signed by an account of this broker".to_owned(),
            };
            self.refused(&header, frame, refusal, outbox);
            outbox.commit(script.release_ns(now_ns));
            return Ok(Flow::Next);
        }
        match RequestCode(header.code) {
            RequestCode::SEND_MESSAGE
            | RequestCode::SEND_MESSAGE_V2
            | RequestCode::SEND_BATCH_MESSAGE => self.send(&header, frame, script, now_ns, outbox),
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
            let store = &mut self.store;
            let stored = if let Some(request) = self.memory.recall(header) {
                store.append(header, frame, &request, swallow, outbox)
            } else {
                match self.memory.read(header) {
                    Ok(request) => store.append(header, frame, &request, swallow, outbox),
                    // The frame is sound, only its contents are not: a Java broker answers with
                    // the exception its code runs into.
                    Err(error @ (DecodeError::MissingField(_) | DecodeError::IllegalValue(_))) => {
                        refuse(ResponseCode::SYSTEM_ERROR, error.to_string())
                    }
                    Err(error) => return Err(error),
                }
            };
            if let Err(refusal) = stored {
                self.refused(header, frame, refusal, outbox);
            }
        }
        outbox.commit(release_ns);
        Ok(Flow::Next)
    }

    /// The number of its connection.
    pub(super) fn connection(&self) -> u64 {
        self.connection
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

    /// The answer to a pull, unless it waits.
    fn pull(&self, request: &RemotingCommand, frame: &Frame<'_>) -> Option<RemotingCommand> {
        let refuse = |code, remark: String| {
            Some(RemotingCommand::response(code, request.opaque).with_remark(remark))
        };
        let pull = match PullRequest::parse(request) {
            Ok(pull) => pull,
            Err(error) => return refuse(ResponseCode::SYSTEM_ERROR, error.to_string()),
        };
        let Some(topic) = self.state.shared.topics.get(&pull.topic) else {
            self.state.shared.topics.expect(&pull.topic);
            let remark = format!("topic[{}] not exist", pull.topic);
            return refuse(ResponseCode::TOPIC_NOT_EXIST, remark);
        };
        let from = Asker {
            connection: self.connection,
            opaque: request.opaque,
            form: self.state.reply_form.of(frame.serialize_type),
        };
        self.state.readers.pull(&self.state, &topic, from, &pull)
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
            RequestCode::END_TRANSACTION => {
                let ended = EndTransaction::parse(header)
                    .map_err(|error| error.to_string())
                    .and_then(|end| self.state.transactions.end(&self.state, &end));
                match ended {
                    Ok(()) => answer(ResponseCode::SUCCESS),
                    Err(remark) => answer(ResponseCode::SYSTEM_ERROR).with_remark(remark),
                }
            }
            RequestCode::SEND_REPLY_MESSAGE | RequestCode::SEND_REPLY_MESSAGE_V2 => {
                match replies::hand_on(&self.state, header, frame.body) {
                    Ok(reply) => reply,
                    Err(refusal) => answer(refusal.code).with_remark(refusal.remark),
                }
            }
            RequestCode::PULL_MESSAGE => match self.pull(&request, frame) {
                Some(reply) => reply,
                None => return Ok(()),
            },
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
            RequestCode(code) => admin::answer(&self.state, &request).unwrap_or_else(|| {
                answer(ResponseCode::REQUEST_CODE_NOT_SUPPORTED)
                    .with_remark(format!(" request type {code} not supported"))
            }),
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
        self.state.readers.close(self.connection);
        self.state.pushes.close(self.connection);
        self.state.shared.clients.close(self.connection);
    }
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
