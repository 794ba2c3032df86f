//! Requests of administration, answered as far as a broker that mostly counts can know: offsets always,
//! messages and times where it keeps messages, of itself little. What it cannot know it refuses with the code of a
//! real broker that does not have it.

use crate::broker::state::BrokerState;
use crate::broker::store::{Refusal, refuse};
use crate::broker::topics;
use crate::protocol::admin::{
    CreateTopic, DeleteTopic, QueryMessage, QueueFigure, QueueQuery, ViewMessage,
};
use crate::protocol::error::DecodeError;
use crate::protocol::route::{MAX_QUEUES, permission};
use crate::protocol::{RemotingCommand, RequestCode, ResponseCode};

/// Where a broker has its half messages, and the group that passes them.
const HALF_TOPIC: &str = "RMQ_SYS_TRANS_HALF_TOPIC";
const HALF_GROUP: &str = "CID_RMQ_SYS_TRANS";

type Answer = Result<RemotingCommand, Refusal>;

impl From<DecodeError> for Refusal {
    /// As a Java broker answers with the exception its code runs into.
    fn from(error: DecodeError) -> Self {
        Self {
            code: ResponseCode::SYSTEM_ERROR,
            remark: error.to_string(),
        }
    }
}

/// The answer; `None` to a request of another kind.
pub(super) fn answer(state: &BrokerState, request: &RemotingCommand) -> Option<RemotingCommand> {
    let answer = match RequestCode(request.code) {
        RequestCode::UPDATE_AND_CREATE_TOPIC => create_topic(state, request),
        RequestCode::DELETE_TOPIC_IN_BROKER => delete_topic(state, request),
        RequestCode::GET_BROKER_RUNTIME_INFO => {
            Ok(success(request.opaque).with_body(state.runtime_info().to_json()))
        }
        RequestCode::VIEW_MESSAGE_BY_ID => view(state, request),
        RequestCode::QUERY_MESSAGE => query(state, request),
        _ => match QueueQuery::parse(request) {
            Ok(query) => figure(state, request.opaque, &query?),
            Err(error) => Err(error.into()),
        },
    };
    Some(answer.unwrap_or_else(|Refusal { code, remark }| {
        RemotingCommand::response(code, request.opaque).with_remark(remark)
    }))
}

fn create_topic(state: &BrokerState, request: &RemotingCommand) -> Answer {
    let wanted = CreateTopic::parse(request)?;
    let name = &*wanted.topic;
    if !topics::is_legal_name(name) || topics::is_forbidden(name) {
        let remark =
            format!("the topic[{name}] is conflict with system topic, or has an illegal name");
        return refuse(ResponseCode::INVALID_PARAMETER, remark);
    }
    if !(1..=MAX_QUEUES).contains(&wanted.queues) {
        return refuse(ResponseCode::INVALID_PARAMETER, "illegal number of queues");
    }
    let topics = &state.shared.topics;
    topics.create(name, wanted.queues, permission::READ_WRITE);
    Ok(success(request.opaque))
}

fn delete_topic(state: &BrokerState, request: &RemotingCommand) -> Answer {
    let topic = DeleteTopic::parse(request)?.topic;
    if topics::is_system(&topic) {
        let remark = format!("The topic[{topic}] is conflict with system topic.");
        return refuse(ResponseCode::INVALID_PARAMETER, remark);
    }
    state.shared.topics.delete_in_broker(&topic);
    Ok(success(request.opaque))
}

fn view(state: &BrokerState, request: &RemotingCommand) -> Answer {
    let offset = ViewMessage::parse(request)?.commit_log_offset;
    match state.kept.as_ref().and_then(|kept| kept.at(offset)) {
        Some(record) => Ok(success(request.opaque).with_body(record)),
        None => {
            let remark = format!("can not find message by the offset: {offset}");
            refuse(ResponseCode::SYSTEM_ERROR, missing(state, remark))
        }
    }
}

fn query(state: &BrokerState, request: &RemotingCommand) -> Answer {
    let wanted = QueryMessage::parse(request)?;
    let found = state.kept.as_ref().map(|kept| kept.query(&wanted));
    match found {
        Some((records, updated_ms)) if !records.is_empty() => {
            Ok(QueryMessage::reply(request.opaque, updated_ms, records))
        }
        _ => {
            let remark = "can not find message, maybe time range not correct".to_owned();
            refuse(ResponseCode::QUERY_NOT_FOUND, missing(state, remark))
        }
    }
}

fn figure(state: &BrokerState, opaque: i32, query: &QueueQuery<'_>) -> Answer {
    let (topic, queue) = (&*query.topic, query.queue_id);
    let (halves, passed) = state.transactions.places();
    let is_halves = topic == HALF_TOPIC && queue == 0;
    let max = if is_halves {
        halves
    } else {
        let known = state.shared.topics.get(topic);
        let lengths = known.map(|topic| topic.lengths()).unwrap_or_default();
        lengths.get(queue as usize).copied().unwrap_or(0)
    };
    let max = i64::try_from(max).unwrap_or(i64::MAX);
    let first = state.kept.as_ref().map(|kept| kept.first(topic, queue));
    let value = match (&query.figure, first) {
        (QueueFigure::MaxOffset, _) => max,
        (QueueFigure::MinOffset, Some(Some((offset, _)))) => offset,
        (QueueFigure::MinOffset, Some(None)) if !is_halves => max,
        (QueueFigure::MinOffset, _) => 0,
        (QueueFigure::EarliestStoreTime, Some(Some((_, stored_ms)))) => stored_ms,
        (QueueFigure::EarliestStoreTime, Some(None)) => -1,
        (QueueFigure::EarliestStoreTime, None) if max == 0 => -1,
        (QueueFigure::OffsetAt(moment), Some(_)) => {
            let kept = state.kept.as_ref();
            let found = kept.and_then(|kept| kept.offset_at(topic, queue, *moment));
            found.unwrap_or(max)
        }
        (QueueFigure::OffsetAt(_), None) if max == 0 => 0,
        (QueueFigure::ConsumerOffset(group), _) if is_halves && group == HALF_GROUP => {
            i64::try_from(passed).unwrap_or(i64::MAX)
        }
        (QueueFigure::ConsumerOffset(_), _) => {
            let remark = "Not found, maybe this group consumer boot first";
            return refuse(ResponseCode::QUERY_NOT_FOUND, remark);
        }
        (QueueFigure::EarliestStoreTime | QueueFigure::OffsetAt(_), None) => {
            return refuse(ResponseCode::SYSTEM_ERROR, missing(state, String::new()));
        }
    };
    Ok(query.figure.reply(opaque, value))
}

fn success(opaque: i32) -> RemotingCommand {
    RemotingCommand::response(ResponseCode::SUCCESS, opaque)
}

/// What a real broker says that has it not; or why this one cannot.
fn missing(state: &BrokerState, remark: String) -> String {
    if state.kept.is_some() {
        return remark;
    }
    "this embedded broker counts messages and keeps none".to_owned()
}
