//! **Hot path.** What connections tell a shard: noted per message, handed over once per round.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::client::incoming::push_answer;
use crate::client::send::{AttemptResult, Ended, Outgoing};
use crate::load::ends::HalfStored;
use crate::load::shard::{Answer, LoadToken, Refusal, Shard, label};
use crate::load::traces::Traces;
use crate::metrics::Label;
use crate::protocol::send::SendRequestView;
use crate::protocol::{
    DecodeError, FlowControl, HeaderView, RemotingCommand, RequestCode, ResponseCode, SendStatus,
    UniqueId, properties,
};
use crate::transport::driver::not_supported;
use crate::transport::{CloseReason, Entry, Handler, Nanos};

/// A shard shared between its pacer and its connections, all on one thread.
#[derive(Debug, Clone, Default)]
pub struct SharedShard(Arc<Mutex<Option<Shard>>>);

impl SharedShard {
    /// The shard; `None` before it begins and after it ended.
    pub fn lock(&self) -> MutexGuard<'_, Option<Shard>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes what a connection ends to the shard, once per round.
#[derive(Debug)]
pub struct LoadHandler {
    shard: SharedShard,
    ended: Vec<Ended<LoadToken>>,
    remark: Option<(Label, String)>,
    refusals: Vec<Refusal>,
    late: u64,
    noted: Option<Noted>,
}

/// What is noted of messages just stored, in loads where that is wanted.
#[derive(Debug)]
enum Noted {
    /// Half messages, whose transactions are to be ended.
    Halves(Vec<HalfStored>),
    /// A share of the messages, which is traced.
    Traces(Traces),
    /// Answers to requests, which come by themselves.
    Answers(Vec<Answer>),
}

impl Noted {
    #[inline(never)]
    fn note(&mut self, ended: &Ended<LoadToken>, status: SendStatus, header: &HeaderView<'_>) {
        match self {
            Self::Halves(halves) => {
                let (track, intended) = (ended.send.track, ended.send.carrier.intended());
                halves.push(HalfStored::new(track, intended, status, header));
            }
            Self::Traces(traces) => traces.note(ended, status, header),
            Self::Answers(_) => {}
        }
    }
}

impl LoadHandler {
    /// A handler for connections of this shard.
    #[must_use]
    pub fn new(shard: SharedShard) -> Self {
        Self {
            shard,
            ended: Vec::new(),
            remark: None,
            refusals: Vec::new(),
            late: 0,
            noted: None,
        }
    }

    /// The same for half messages, whose transactions the shard ends.
    pub(super) fn of_halves(mut self) -> Self {
        self.noted = Some(Noted::Halves(Vec::new()));
        self
    }

    /// The same for messages that are traced.
    pub(super) fn traced(mut self, traces: Traces) -> Self {
        self.noted = Some(Noted::Traces(traces));
        self
    }

    /// The same for requests, whose answers brokers push.
    pub(super) fn of_requests(mut self) -> Self {
        self.noted = Some(Noted::Answers(Vec::new()));
        self
    }
}

impl LoadHandler {
    /// Keeps a broker's words, and what they say of its load.
    #[cold]
    fn note_refusal(&mut self, header: &HeaderView<'_>) {
        let Some(ended) = self.ended.last() else {
            return;
        };
        let AttemptResult::Failed(error) = ended.result else {
            return;
        };
        let remark = header.remark.as_deref().unwrap_or_default();
        let (send, code) = (&ended.send, ResponseCode(header.code));
        if let (Some(broker), Some(flow)) = (send.track.broker(), FlowControl::of(code, remark)) {
            self.refusals.push(Refusal {
                intended: send.carrier.intended(),
                broker,
                flow,
            });
        }
        if self.remark.is_none() && !remark.is_empty() {
            self.remark = Some((label(error.kind()), remark.to_owned()));
        }
    }
}

/// The request a pushed answer belongs to; `None` for one that no load has sent.
fn answered(header: &HeaderView<'_>) -> Result<Option<UniqueId>, DecodeError> {
    let pushed = SendRequestView::parse(header)?;
    let mut pairs = properties::parse(&pushed.properties);
    let correlation = pairs.find(|(name, _)| *name == properties::CORRELATION_ID);
    let id = correlation.and_then(|(_, id)| id.as_bytes().try_into().ok());
    Ok(id.map(UniqueId))
}

impl Handler<Outgoing<LoadToken>> for LoadHandler {
    #[inline]
    fn reply(
        &mut self,
        entry: Entry<Outgoing<LoadToken>>,
        header: &HeaderView<'_>,
        _body: &[u8],
        at: Nanos,
    ) {
        let ended = Ended::by_reply(entry, header, at);
        let result = ended.result;
        self.ended.push(ended);
        if let AttemptResult::Failed(_) = result {
            self.note_refusal(header);
        }
        if let (Some(noted), AttemptResult::Stored(status)) = (&mut self.noted, result)
            && let Some(ended) = self.ended.last()
        {
            noted.note(ended, status, header);
        }
    }

    #[inline]
    fn written(&mut self, entry: Entry<Outgoing<LoadToken>>) {
        self.ended.push(Ended::by_writing(entry));
    }

    fn expired(&mut self, entry: Entry<Outgoing<LoadToken>>, at: Nanos) {
        self.ended.push(Ended::by_expiry(entry, at));
    }

    fn lost(&mut self, entry: Entry<Outgoing<LoadToken>>, reason: &CloseReason, at: Nanos) {
        self.ended.push(Ended::by_loss(entry, reason, at));
    }

    fn late(&mut self, _header: &HeaderView<'_>) {
        self.late += 1;
    }

    fn request(
        &mut self,
        header: &HeaderView<'_>,
        _body: &[u8],
        at: Nanos,
    ) -> Option<RemotingCommand> {
        match (&mut self.noted, RequestCode(header.code)) {
            (Some(Noted::Answers(answers)), RequestCode::PUSH_REPLY_MESSAGE_TO_CLIENT) => {
                let taken = answered(header).map(|id| answers.extend(id.map(|id| (id, at))));
                Some(push_answer(header.opaque, taken))
            }
            _ => (!header.is_oneway()).then(|| not_supported(header)),
        }
    }

    #[inline]
    fn round_end(&mut self, at: Nanos) {
        let mut guard = self.shard.lock();
        let Some(shard) = guard.as_mut() else { return };
        shard.note_late(std::mem::take(&mut self.late), at);
        if let Some((kind, remark)) = self.remark.take() {
            shard.note_remark(kind, &remark);
        }
        if !self.refusals.is_empty() {
            shard.note_refusals(&mut self.refusals);
        }
        match &mut self.noted {
            None | Some(Noted::Answers(_)) => {}
            Some(Noted::Halves(halves)) => shard.end_transactions(halves),
            Some(Noted::Traces(traces)) => traces.hand_over(shard.core()),
        }
        shard.take_ended(&mut self.ended, at);
        if let Some(Noted::Answers(answers)) = &mut self.noted {
            shard.take_answers(answers, at);
        }
        if shard.wants_pump() {
            shard.pump(Nanos::now());
        }
    }
}
