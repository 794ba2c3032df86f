//! Queues measured: offsets, by time too, and consumers' positions (R87–R90).

use super::topics::masters;
use super::{Admin, AdminError, Call, Target};
use crate::client::message_queue::MessageQueue;
use crate::protocol::ResponseCode;
use crate::protocol::admin::{QueueFigure, QueueQuery};
use crate::protocol::route::TopicRoute;

/// What a queue has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueOffsets {
    /// The queue.
    pub queue: MessageQueue,
    /// Offset of its first message.
    pub min: i64,
    /// Offset behind its last message.
    pub max: i64,
    /// When its first message was stored, in ms since 1970; `None` without messages.
    pub earliest_ms: Option<i64>,
    /// The offset at the moment asked for.
    pub at: Option<i64>,
}

impl Admin {
    /// The offset behind the last message of a queue (R88).
    ///
    /// # Errors
    /// The queue's broker is unknown, does not answer or refuses.
    ///
    /// # Cancel safety
    /// Safe, as all calls below.
    pub async fn max_offset(&self, queue: &MessageQueue) -> Result<i64, AdminError> {
        self.figure(queue, QueueFigure::MaxOffset).await
    }

    /// The offset of the first message of a queue (R89).
    ///
    /// # Errors
    /// As [`Admin::max_offset`].
    pub async fn min_offset(&self, queue: &MessageQueue) -> Result<i64, AdminError> {
        self.figure(queue, QueueFigure::MinOffset).await
    }

    /// The offset of the first message stored at this moment (ms since 1970) or later (R87); brokers of 4.x
    /// answer with the nearest one.
    ///
    /// # Errors
    /// As [`Admin::max_offset`].
    pub async fn search_offset(
        &self,
        queue: &MessageQueue,
        moment_ms: i64,
    ) -> Result<i64, AdminError> {
        self.figure(queue, QueueFigure::OffsetAt(moment_ms)).await
    }

    /// When the first message of a queue was stored, in ms since 1970 (R90); `None` without messages.
    ///
    /// # Errors
    /// As [`Admin::max_offset`].
    pub async fn earliest_store_time(
        &self,
        queue: &MessageQueue,
    ) -> Result<Option<i64>, AdminError> {
        let moment = self.figure(queue, QueueFigure::EarliestStoreTime).await?;
        Ok(stored(moment))
    }

    /// How far a consumer group is in a queue; `None` if its broker knows nothing of it. Brokers of 4.x may
    /// say 0 then.
    ///
    /// # Errors
    /// As [`Admin::max_offset`].
    pub async fn consumer_offset(
        &self,
        group: &str,
        queue: &MessageQueue,
    ) -> Result<Option<i64>, AdminError> {
        let group = self.instance.namespace().wrap(group).into_owned();
        let figure = QueueFigure::ConsumerOffset(group.into());
        match self.figure(queue, figure).await {
            Ok(offset) => Ok(Some(offset)),
            Err(AdminError::Refused { code, .. }) if code == ResponseCode::QUERY_NOT_FOUND.0 => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Offsets of every queue of a topic that may be read or written, by broker name and number; with `at`
    /// (ms since 1970) also what was stored from then on.
    ///
    /// # Errors
    /// No route, no master in it, or the first broker that does not answer or refuses.
    pub async fn offsets(
        &self,
        topic: &str,
        at: Option<i64>,
    ) -> Result<Vec<QueueOffsets>, AdminError> {
        self.of_queues(topic, move |call, target, queue| async move {
            measure(&call, &target, queue, at).await
        })
        .await
    }

    /// How many messages every queue of a topic has, as [`Admin::offsets`] with fewer questions.
    ///
    /// # Errors
    /// As [`Admin::offsets`].
    pub async fn lengths(&self, topic: &str) -> Result<Vec<(MessageQueue, u64)>, AdminError> {
        self.of_queues(topic, |call, target, queue| async move {
            let min = ask(&call, &target, &queue, QueueFigure::MinOffset).await?;
            let max = ask(&call, &target, &queue, QueueFigure::MaxOffset).await?;
            Ok((queue, u64::try_from(max.saturating_sub(min)).unwrap_or(0)))
        })
        .await
    }

    /// Measures the queues of a topic, those of different brokers at once.
    async fn of_queues<T, W>(
        &self,
        topic: &str,
        measure: impl Fn(Call, Target, MessageQueue) -> W + Clone + Send + Sync + 'static,
    ) -> Result<Vec<T>, AdminError>
    where
        T: Clone + Send + 'static,
        W: Future<Output = Result<T, AdminError>> + Send + 'static,
    {
        let topic = topic.to_owned();
        self.call(|call| async move {
            let route = call.route(&call.wire(&topic)).await?;
            let topic = call.shared.namespace.strip(&topic).into_owned();
            let targets = masters(&route, &topic)?;
            let asked = call.each(targets, |call, target| {
                let queues = queues_of(&route, &topic, &target);
                let measure = measure.clone();
                async move {
                    let mut found = Vec::new();
                    for queue in queues {
                        found.push(measure(call.clone(), target.clone(), queue).await?);
                    }
                    Ok(found)
                }
            });
            let answers = asked.await.into_iter().map(|(_, answer)| answer);
            Ok(answers.collect::<Result<Vec<_>, _>>()?.concat())
        })
        .await
    }

    /// Half messages a broker has not passed yet when it looks for those to ask about. It looks every 30 s or
    /// so and passes what has ended, up to the first that is open, so that this is the most that are open,
    /// of all producers.
    ///
    /// # Errors
    /// As [`Admin::max_offset`].
    pub async fn half_messages_not_passed(&self, broker: &str) -> Result<u64, AdminError> {
        let halves = MessageQueue {
            topic: "RMQ_SYS_TRANS_HALF_TOPIC".into(),
            broker: broker.into(),
            queue_id: 0,
        };
        let passed = self.consumer_offset("CID_RMQ_SYS_TRANS", &halves).await?;
        let all = self.max_offset(&halves).await?;
        Ok(u64::try_from(all.saturating_sub(passed.unwrap_or(0))).unwrap_or(0))
    }

    async fn figure(
        &self,
        queue: &MessageQueue,
        figure: QueueFigure<'static>,
    ) -> Result<i64, AdminError> {
        let queue = queue.clone();
        self.call(|call| async move {
            let topic = call.wire(&queue.topic);
            let target = call.master(&queue.broker, &topic).await?;
            ask(&call, &target, &queue, figure).await
        })
        .await
    }
}

fn stored(moment_ms: i64) -> Option<i64> {
    (moment_ms >= 0).then_some(moment_ms)
}

fn queues_of(route: &TopicRoute, topic: &str, target: &Target) -> Vec<MessageQueue> {
    let entries = route.queues.iter();
    let entries = entries.filter(|entry| entry.broker_name == target.name);
    let count = entries.map(|entry| entry.read_queues.max(entry.write_queues));
    (0..count.max().unwrap_or(0))
        .map(|queue_id| MessageQueue {
            topic: topic.into(),
            broker: target.name.as_str().into(),
            queue_id,
        })
        .collect()
}

async fn measure(
    call: &Call,
    target: &Target,
    queue: MessageQueue,
    at: Option<i64>,
) -> Result<QueueOffsets, AdminError> {
    let at = match at {
        Some(moment) => Some(ask(call, target, &queue, QueueFigure::OffsetAt(moment)).await?),
        None => None,
    };
    // The last one may grow meanwhile; asked in this order, no offset seems to lie behind it.
    let earliest = ask(call, target, &queue, QueueFigure::EarliestStoreTime).await?;
    let min = ask(call, target, &queue, QueueFigure::MinOffset).await?;
    let max = ask(call, target, &queue, QueueFigure::MaxOffset).await?;
    Ok(QueueOffsets {
        queue,
        min,
        max,
        earliest_ms: stored(earliest),
        at,
    })
}

async fn ask(
    call: &Call,
    target: &Target,
    queue: &MessageQueue,
    figure: QueueFigure<'static>,
) -> Result<i64, AdminError> {
    let query = QueueQuery {
        topic: call.shared.namespace.wrap(&queue.topic),
        broker: (&*queue.broker).into(),
        queue_id: queue.queue_id,
        figure,
    };
    let reply = call.request(target, query.to_command()).await?;
    query
        .figure
        .answer(&reply)
        .map_err(|source| AdminError::Reply {
            broker: target.name.clone(),
            source,
        })
}
