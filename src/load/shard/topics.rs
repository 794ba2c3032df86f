//! Several topics: a sender for each, all over the same connections. The topic of a message follows from its number.

use super::{LoadToken, Shard};
use crate::client::send::SendCore;
use crate::load::choice::Chooser;
use crate::transport::Nanos;

/// The topics after the first one.
#[derive(Debug)]
pub(in crate::load) struct MoreTopics {
    cores: Vec<SendCore<LoadToken>>,
    chooser: Chooser,
}

impl MoreTopics {
    /// `None` where there is one topic; else the chooser is of as many as there are with the first.
    pub(in crate::load) fn new(cores: Vec<SendCore<LoadToken>>, chooser: Chooser) -> Option<Self> {
        (!cores.is_empty()).then_some(Self { cores, chooser })
    }

    /// Out of line, as [`Self::core`]: most runs have one topic.
    #[inline(never)]
    fn position(&self, number: u64) -> u16 {
        u16::try_from(self.chooser.index(number)).unwrap_or(0)
    }

    #[inline(never)]
    fn core(&mut self, topic: u16) -> Option<&mut SendCore<LoadToken>> {
        self.cores.get_mut(usize::from(topic).checked_sub(1)?)
    }
}

impl Shard {
    /// The same with further topics.
    #[must_use]
    pub(in crate::load) fn with_topics(mut self, more: Option<MoreTopics>) -> Self {
        self.more = more.map(Box::new);
        self
    }

    /// Position of message `number`'s topic.
    #[inline]
    pub(super) fn topic_of(&self, number: u64) -> u16 {
        self.more.as_ref().map_or(0, |more| more.position(number))
    }

    /// The sender of a topic.
    #[inline]
    pub(super) fn core_of(&mut self, topic: u16) -> &mut SendCore<LoadToken> {
        match self.more.as_mut().and_then(|more| more.core(topic)) {
            Some(core) => core,
            None => &mut self.core,
        }
    }

    /// Reads for all topics what may have changed.
    #[inline]
    pub(super) fn refresh(&mut self, now: Nanos) {
        self.core.refresh(now);
        if let Some(more) = &mut self.more {
            more.cores.iter_mut().for_each(|core| core.refresh(now));
        }
    }

    /// Submits what is staged for all topics.
    #[inline]
    pub(super) fn flush(&mut self, now: Nanos) {
        self.core.flush(now, &mut self.ended);
        if let Some(more) = &mut self.more {
            let ended = &mut self.ended;
            more.cores
                .iter_mut()
                .for_each(|core| core.flush(now, ended));
        }
    }

    /// Bytes submitted that no connection has begun to write.
    #[inline]
    pub(super) fn unwritten_bytes(&self) -> usize {
        match self.more {
            None => self.core.unwritten_bytes(),
            // Topics share connections.
            Some(_) => self.core.unwritten_of_pool(),
        }
    }
}
