//! The name server: answers where a topic lives and which brokers there are. Asked a few times a minute, so all plain.

use std::net::SocketAddrV4;
use std::rc::Rc;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::broker::counts::Counter;
use crate::broker::input::Input;
use crate::broker::record::CLUSTER;
use crate::broker::spec::ReplyForm;
use crate::broker::state::SharedBroker;
use crate::broker::topics::Topic;
use crate::protocol::admin::DeleteTopic;
use crate::protocol::cluster_info::ClusterInfo;
use crate::protocol::error::DecodeError;
use crate::protocol::route::{BrokerData, MASTER_ID, QueueData, TopicRoute};
use crate::protocol::{Frame, RemotingCommand, RequestCode, ResponseCode};

/// First buffer of a connection, in bytes; requests are short.
const READ_BYTES: usize = 4 * 1024;
/// Clients from this version on (4.9.4) get routes in standard JSON.
const STANDARD_JSON_VERSION: i32 = 401;

/// Reads the brokers' topics where they are; nothing registers.
#[derive(Debug)]
pub(super) struct NameServer {
    pub(super) brokers: Arc<[Arc<SharedBroker>]>,
    pub(super) reply_form: ReplyForm,
    pub(super) route_queries: Arc<Counter>,
}

impl NameServer {
    /// Serves a connection until either side closes it.
    pub(super) async fn serve(self: Rc<Self>, mut stream: TcpStream) {
        let (mut input, mut out) = (Input::new(READ_BYTES), Vec::new());
        loop {
            let answered = self.answer_all(&mut input, &mut out);
            if stream.write_all(&out).await.is_err() {
                return;
            }
            out.clear();
            if let Err(error) = answered {
                tracing::debug!(%error, "illegal frame at the name server");
                return;
            }
            match stream.read(input.room()).await {
                Ok(bytes @ 1..) => input.filled(bytes),
                _ => return,
            }
        }
    }

    fn answer_all(&self, input: &mut Input, out: &mut Vec<u8>) -> Result<(), DecodeError> {
        while let Some(frame) = input.frame()? {
            self.answer(&frame, out)?;
            let wire_bytes = frame.wire_bytes;
            input.consume(wire_bytes);
        }
        Ok(())
    }

    fn answer(&self, frame: &Frame<'_>, out: &mut Vec<u8>) -> Result<(), DecodeError> {
        let request = RemotingCommand::decode(frame)?;
        if request.flag & crate::protocol::header::FLAG_RESPONSE != 0 {
            return Ok(());
        }
        let reply = match RequestCode(request.code) {
            RequestCode::GET_ROUTEINFO_BY_TOPIC => self.route(&request),
            RequestCode::GET_BROKER_CLUSTER_INFO => self.cluster(&request),
            RequestCode::DELETE_TOPIC_IN_NAMESRV => self.delete_topic(&request),
            RequestCode(code) => {
                RemotingCommand::response(ResponseCode::REQUEST_CODE_NOT_SUPPORTED, request.opaque)
                    .with_remark(format!(" request type {code} not supported"))
            }
        };
        if request.flag & crate::protocol::header::FLAG_ONEWAY == 0 {
            reply.encode(self.reply_form.of(frame.serialize_type), out);
        }
        Ok(())
    }

    fn registered(&self) -> impl Iterator<Item = &Arc<SharedBroker>> {
        self.brokers.iter().filter(|broker| broker.is_registered())
    }

    fn cluster(&self, request: &RemotingCommand) -> RemotingCommand {
        let brokers = self.registered();
        let brokers = brokers.map(|broker| broker_data(&broker.name, broker.address));
        let info = ClusterInfo {
            brokers: brokers.collect(),
        };
        RemotingCommand::response(ResponseCode::SUCCESS, request.opaque).with_body(info.to_json())
    }

    fn delete_topic(&self, request: &RemotingCommand) -> RemotingCommand {
        match DeleteTopic::parse(request) {
            Ok(delete) => {
                for broker in self.brokers.iter() {
                    broker.topics.delete_in_namesrv(&delete.topic);
                }
                RemotingCommand::response(ResponseCode::SUCCESS, request.opaque)
            }
            Err(error) => RemotingCommand::response(ResponseCode::SYSTEM_ERROR, request.opaque)
                .with_remark(error.to_string()),
        }
    }

    fn route(&self, request: &RemotingCommand) -> RemotingCommand {
        self.route_queries.add(1);
        let topic = request.field("topic").unwrap_or_default();
        let mut route = TopicRoute::default();
        for broker in self.registered() {
            if let Some(topic) = broker.topics.route(topic) {
                route.queues.push(queue_data(&broker.name, &topic));
                route
                    .brokers
                    .push(broker_data(&broker.name, broker.address));
            }
        }
        if route.brokers.is_empty() {
            return RemotingCommand::response(ResponseCode::TOPIC_NOT_EXIST, request.opaque)
                .with_remark(format!(
                    "No topic route info in name server for the topic: {topic}\n\
                     See https://rocketmq.apache.org/docs/bestPractice/06FAQ for further details."
                ));
        }
        let standard = request.version >= STANDARD_JSON_VERSION
            || request
                .field("acceptStandardJsonOnly")
                .is_some_and(|flag| flag.eq_ignore_ascii_case("true"));
        let body = if standard {
            route.to_json()
        } else {
            route.to_legacy_json()
        };
        RemotingCommand::response(ResponseCode::SUCCESS, request.opaque).with_body(body)
    }
}

fn queue_data(broker: &str, topic: &Topic) -> QueueData {
    QueueData {
        broker_name: broker.to_owned(),
        read_queues: topic.queue_count(),
        write_queues: topic.queue_count(),
        perm: topic.permission(),
        topic_sys_flag: 0,
    }
}

fn broker_data(broker: &str, address: SocketAddrV4) -> BrokerData {
    BrokerData {
        cluster: CLUSTER.to_owned(),
        broker_name: broker.to_owned(),
        addresses: [(MASTER_ID, address.to_string())].into(),
    }
}
