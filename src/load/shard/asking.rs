//! The requests of a shard: what is stored is not answered yet. A send ends with its answer, which the
//! broker pushes to the shard's own connections, or with its time.

use std::collections::HashMap;
use std::time::Duration;

use super::{LoadToken, Shard, label};
use crate::client::send::{AttemptResult, Ended, Outgoing};
use crate::client::{BrokerId, ErrorKind};
use crate::load::requests::RequestTally;
use crate::protocol::heartbeat::HeartbeatData;
use crate::protocol::{RemotingCommand, SendStatus, UniqueId};
use crate::transport::Nanos;

/// How exactly the end of a request's time is seen, and how soon new connections are introduced.
const LOOKS_EVERY: Duration = Duration::from_millis(5);
/// Brokers forget clients they do not hear of for 120 s.
const GREETS_EVERY: Duration = Duration::from_secs(30);

/// An answer, by the id of its request, and when it came.
pub(in crate::load) type Answer = (UniqueId, Nanos);

/// A request that is stored.
#[derive(Debug)]
struct Awaiting {
    send: Outgoing<LoadToken>,
    status: SendStatus,
    written: Nanos,
}

/// What a shard knows of its requests.
#[derive(Debug)]
pub(in crate::load) struct Asking {
    heartbeat: RemotingCommand,
    awaiting: HashMap<UniqueId, Awaiting>,
    /// Answers nobody awaits: their requests are not acknowledged yet, or have ended before.
    early: HashMap<UniqueId, Nanos>,
    /// How long a request may take.
    timeout: Duration,
    look_at: Nanos,
    greet_at: Nanos,
    tally: RequestTally,
}

impl Asking {
    /// For the client that brokers push answers to.
    pub(in crate::load) fn new(client_id: String, group: String, timeout: Duration) -> Self {
        let heartbeat = HeartbeatData {
            client_id,
            producer_groups: vec![group],
        };
        Self {
            heartbeat: heartbeat.to_command(),
            awaiting: HashMap::new(),
            early: HashMap::new(),
            timeout,
            look_at: Nanos::NONE,
            greet_at: Nanos::NONE,
            tally: RequestTally::default(),
        }
    }
}

impl Shard {
    /// The same with requests.
    #[must_use]
    pub(in crate::load) fn with_asking(mut self, asking: Option<Asking>) -> Self {
        self.asking = asking.map(Box::new);
        self
    }

    /// What became of requests, besides how they ended.
    pub(in crate::load) fn request_tally(&self) -> RequestTally {
        let tally = |asking: &Asking| {
            let mut tally = asking.tally.clone();
            tally.unmatched += asking.early.len() as u64;
            tally
        };
        self.asking.as_deref().map(tally).unwrap_or_default()
    }

    /// Gives up requests whose time is over, and has brokers know this shard's connections.
    pub(super) fn tend_requests(&mut self, now: Nanos) {
        let Some(asking) = &mut self.asking else {
            return;
        };
        if now < asking.look_at {
            return;
        }
        asking.look_at = now.plus(LOOKS_EVERY);
        let all = now >= asking.greet_at;
        if all {
            asking.greet_at = now.plus(GREETS_EVERY);
        }
        self.core.greet(&asking.heartbeat, all);
        let timeout = asking.timeout;
        let before = asking.early.len();
        asking.early.retain(|_, came| now < came.plus(timeout));
        asking.tally.unmatched += (before - asking.early.len()) as u64;
        self.give_up_requests(now, |send| send.track.budget_ends <= now);
    }

    /// A request is stored: it ends now if its answer was quicker, else it waits for it.
    pub(super) fn await_answer(&mut self, ended: Ended<LoadToken>, status: SendStatus, now: Nanos) {
        let id = self.core.id_prefix().with(ended.send.track.id());
        let measured = self.window.contains(ended.send.carrier.intended);
        let Some(asking) = &mut self.asking else {
            return;
        };
        if measured {
            let service = ended.at.since(ended.written);
            asking.tally.acknowledged.record(service);
        }
        if let Some(at) = asking.early.remove(&id) {
            return self.finish_stored(Ended { at, ..ended }, now);
        }
        let awaiting = Awaiting {
            written: ended.written,
            send: ended.send,
            status,
        };
        asking.awaiting.insert(id, awaiting);
    }

    /// Answers came; `now` is not before any of them.
    pub(in crate::load) fn take_answers(&mut self, answers: &mut Vec<Answer>, now: Nanos) {
        for (id, at) in answers.drain(..) {
            let Some(asking) = &mut self.asking else {
                return;
            };
            match asking.awaiting.remove(&id) {
                Some(awaiting) => {
                    let ended = Ended {
                        send: awaiting.send,
                        result: AttemptResult::Stored(awaiting.status),
                        written: awaiting.written,
                        at,
                    };
                    self.finish_stored(ended, now);
                }
                None if asking.early.insert(id, at).is_some() => asking.tally.unmatched += 1,
                None => {}
            }
        }
    }

    /// Ends requests without an answer.
    pub(super) fn give_up_requests(
        &mut self,
        now: Nanos,
        is_over: impl Fn(&Outgoing<LoadToken>) -> bool,
    ) {
        let Some(asking) = &mut self.asking else {
            return;
        };
        let over: Vec<_> = asking
            .awaiting
            .extract_if(|_, awaiting| is_over(&awaiting.send))
            .collect();
        for (_, Awaiting { mut send, .. }) in over {
            // Of its message it is known that it is stored.
            send.track.maybe_stored = false;
            let measured = self.window.contains(send.carrier.intended);
            let recorder = self.recorders.of(measured);
            let broker = send.track.broker().map(BrokerId::index);
            recorder.attempt(broker.unwrap_or(0), send.track.attempts - 1);
            recorder.attempt_failed(broker, label(ErrorKind::NoReply), false);
            if let Some(kind) = send.carrier.retried_for {
                recorder.attempt_failed(None, label(kind), true);
            }
            self.finish_failed(send, ErrorKind::NoReply, now);
        }
    }
}
