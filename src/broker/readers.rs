//! Messages for those who pull them. A topic's messages are kept from its first pull on, the newest of
//! them, so that a cluster nobody reads from keeps none.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Notify;

use crate::broker::state::BrokerState;
use crate::broker::topics::Topic;
use crate::protocol::pull::{PullReply, PullRequest};
use crate::protocol::{RemotingCommand, ResponseCode, SerializeType};

/// Most bytes of messages kept per queue.
const MOST_BYTES: usize = 4 * 1024 * 1024;
/// Most messages in an answer, as brokers have it.
const MOST_MESSAGES: u32 = 32;
/// How exactly waits are timed.
const LOOKS_EVERY: Duration = Duration::from_millis(20);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Readers {
    queues: RefCell<BTreeMap<(String, u32), Queue>>,
    waiting: Cell<usize>,
    /// Wakes who ends waits when there is one.
    begun: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    /// Offset of the first record.
    first: u64,
    records: VecDeque<Vec<u8>>,
    bytes: usize,
    waiting: Vec<Waiting>,
}

/// A pull that waits for messages.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    from: Asker,
    offset: u64,
    most_messages: u32,
    until_ns: u64,
}

/// Who is to be answered, and how.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asker {
    pub(super) connection: u64,
    pub(super) opaque: i32,
    pub(super) form: SerializeType,
}

/// Where a message is stored.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) topic: &'a Topic,
    pub(super) queue_id: u32,
    pub(super) offset: u64,
}

impl Queue {
    fn next(&self) -> u64 {
        self.first + self.records.len() as u64
    }

    fn keep(&mut self, record: Vec<u8>) {
        self.bytes += record.len();
        self.records.push_back(record);
        while self.bytes > MOST_BYTES
            && let Some(oldest) = self.records.pop_front()
        {
            self.bytes -= oldest.len();
            self.first += 1;
        }
    }

    fn reply(&self, code: ResponseCode, next: u64) -> PullReply {
        let offset = |offset: u64| i64::try_from(offset).unwrap_or(i64::MAX);
        PullReply {
            code,
            next_offset: offset(next),
            min_offset: offset(self.first),
            max_offset: offset(self.next()),
        }
    }

    /// The messages from `offset` on.
    fn found(&self, offset: u64, most: u32, opaque: i32) -> RemotingCommand {
        let skipped = usize::try_from(offset - self.first).unwrap_or(usize::MAX);
        let most = most.clamp(1, MOST_MESSAGES) as usize;
        let records: Vec<_> = self.records.iter().skip(skipped).take(most).collect();
        let next = offset + records.len() as u64;
        let body = records.into_iter().flatten().copied().collect();
        self.reply(ResponseCode::SUCCESS, next)
            .to_command(opaque, body)
    }
}

impl Readers {
    /// Answers a pull of `topic`, or has it wait.
    pub(super) fn pull(
        &self,
        state: &BrokerState,
        topic: &Topic,
        from: Asker,
        request: &PullRequest,
    ) -> Option<RemotingCommand> {
        let Some(stored) = topic.length(request.queue_id as usize) else {
            let refusal = RemotingCommand::response(ResponseCode::SYSTEM_ERROR, from.opaque);
            return Some(refusal.with_remark(format!("queueId[{}] is illegal", request.queue_id)));
        };
        topic.begin_reading();
        let mut queues = self.queues.borrow_mut();
        let key = (request.topic.clone(), request.queue_id);
        let queue = queues.entry(key).or_insert_with(|| Queue {
            first: stored,
            ..Queue::default()
        });
        let opaque = from.opaque;
        let answer = |code, next| Some(queue.reply(code, next).to_command(opaque, Vec::new()));
        match u64::try_from(request.offset) {
            Ok(offset) if offset == queue.next() && request.wait_ms > 0 => {
                let wait_ns = request.wait_ms.saturating_mul(1_000_000);
                queue.waiting.push(Waiting {
                    from,
                    offset,
                    most_messages: request.most_messages,
                    until_ns: state.now_ns().saturating_add(wait_ns),
                });
                self.waiting.set(self.waiting.get() + 1);
                self.begun.notify_one();
                None
            }
            Ok(offset) if offset == queue.next() => answer(ResponseCode::PULL_NOT_FOUND, offset),
            Ok(offset) if offset > queue.next() => {
                answer(ResponseCode::PULL_OFFSET_MOVED, queue.next())
            }
            Ok(offset) if offset >= queue.first => {
                Some(queue.found(offset, request.most_messages, opaque))
            }
            _ => answer(ResponseCode::PULL_OFFSET_MOVED, queue.first),
        }
    }

    /// Keeps a message of a topic that is read, at its place, and answers those who wait for it.
    #[inline(never)]
    pub(super) fn keep(&self, state: &BrokerState, place: Place<'_>, record: Vec<u8>) {
        let mut queues = self.queues.borrow_mut();
        let key = (place.topic.name.clone(), place.queue_id);
        let queue = queues.entry(key).or_insert_with(|| Queue {
            first: place.offset,
            ..Queue::default()
        });
        queue.keep(record);
        if queue.waiting.is_empty() {
            return;
        }
        let waiting = std::mem::take(&mut queue.waiting);
        self.waiting.set(self.waiting.get() - waiting.len());
        for pull in waiting {
            let answer = queue.found(pull.offset, pull.most_messages, pull.from.opaque);
            push(state, pull.from, &answer);
        }
        state.changed.notify_waiters();
    }

    /// Forgets what a connection waits for.
    pub(super) fn close(&self, connection: u64) {
        if self.waiting.get() == 0 {
            return;
        }
        self.end(|pull| pull.from.connection == connection, |_, _| {});
    }

    /// Ends waits, each with its queue.
    fn end(&self, ends: impl Fn(&Waiting) -> bool, mut how: impl FnMut(&Queue, Waiting)) {
        for queue in self.queues.borrow_mut().values_mut() {
            let ended: Vec<Waiting> = queue.waiting.extract_if(.., |pull| ends(pull)).collect();
            self.waiting.set(self.waiting.get() - ended.len());
            for pull in ended {
                how(queue, pull);
            }
        }
    }

    /// Ends waits when their time is over, for ever.
    pub(super) async fn expire(state: Rc<BrokerState>) {
        loop {
            let readers = &state.readers;
            if readers.waiting.get() == 0 {
                readers.begun.notified().await;
            }
            tokio::time::sleep(LOOKS_EVERY).await;
            let now_ns = state.now_ns();
            readers.end(
                |pull| pull.until_ns <= now_ns,
                |queue, pull| {
                    let reply = queue.reply(ResponseCode::PULL_NOT_FOUND, pull.offset);
                    push(
                        &state,
                        pull.from,
                        &reply.to_command(pull.from.opaque, Vec::new()),
                    );
                    state.changed.notify_waiters();
                },
            );
        }
    }
}

fn push(state: &BrokerState, to: Asker, answer: &RemotingCommand) {
    let mut frame = Vec::new();
    answer.encode(to.form, &mut frame);
    state.pushes.push(to.connection, &frame);
}
