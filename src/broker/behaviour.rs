//! How a broker misbehaves: plain data, and when each part of it applies.

use std::time::Duration;

use crate::protocol::ResponseCode;

/// What a broker does besides storing and answering. The default does nothing of it.
///
/// Messages are counted per broker from the moment the behaviour is set: every n-th means the n-th,
/// 2n-th and so on. Where several parts apply to one message, the order is: close the connection,
/// reject, store, swallow the reply.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Behaviour {
    /// Added to every reply.
    pub delay: Duration,
    /// Regular standstills.
    pub stall: Option<Stall>,
    /// The broker as a single server of this many messages per second: the reply to message k
    /// leaves at max(its arrival, the reply to k − 1) + 1/rate. At most 4,096 messages wait, beyond
    /// that nothing is read (TCP back-pressure). 0 counts as no limit.
    pub capacity_per_s: Option<u64>,
    /// How long that server takes for each message; without a capacity it means nothing.
    pub service_time: ServiceTime,
    /// Messages that are refused.
    pub reject: Option<Reject>,
    /// Every n-th message is stored and not answered; 0 counts as never.
    pub drop_replies_every: Option<u64>,
    /// Instead of handling every n-th message its connection is closed; 0 counts as never.
    pub drop_connection_every: Option<u64>,
    /// When it asks about half messages.
    pub checks: Checks,
    /// Used share of its disk in percent, as it says when asked; `None` says nothing. It takes messages all the same.
    pub disk_percent: Option<u8>,
}

/// How long the single server of a capacity takes for a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ServiceTime {
    /// As long for each: the D of M/D/1.
    #[default]
    Fixed,
    /// Exponential, with the same mean: the second M of M/M/1. Drawn by Xoshiro256++ from this seed and the
    /// broker's name.
    Exponential {
        /// The same seed gives the same times, in the order of arrival.
        seed: u64,
    },
}

/// When a broker asks a producer what has become of a half message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checks {
    /// From storing it to the first check.
    pub first_after: Duration,
    /// From each check to the next.
    pub again_after: Duration,
    /// Most checks of a half message; 0 for never.
    pub most: u32,
    /// How often each check is repeated at once, against the rules.
    pub repeats: u32,
    /// Every n-th transaction that has ended is checked too, against the rules; 0 counts as never.
    pub ended_every: Option<u64>,
}

impl Default for Checks {
    /// As brokers of 5.x are shipped.
    fn default() -> Self {
        Self {
            first_after: Duration::from_secs(6),
            again_after: Duration::from_secs(30),
            most: 15,
            repeats: 0,
            ended_every: None,
        }
    }
}

/// Regular standstills: nothing is read and nothing answered, then all that waited is handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stall {
    /// How long each lasts; shorter than `every`, else the first one never ends.
    pub length: Duration,
    /// From the start of the cluster to the first, and from start to start.
    pub every: Duration,
}

impl Stall {
    /// The end of the standstill that is on at `now_ns` since the start of the cluster.
    pub(super) fn end_ns(&self, now_ns: u64) -> Option<u64> {
        let (length, every) = (nanos(self.length), nanos(self.every));
        let begun = now_ns - now_ns.checked_rem(every)?;
        if begun == 0 {
            return None;
        }
        if length >= every {
            return Some(u64::MAX);
        }
        let end = begun.saturating_add(length);
        (now_ns < end).then_some(end)
    }
}

/// Messages that are refused with a response code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// Response code.
    pub code: ResponseCode,
    /// Remark of the reply.
    pub remark: String,
    /// 1 refuses all messages, n every n-th, 0 none.
    pub every: u64,
}

/// Whole nanoseconds, up to 584 years.
pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Whether `number` (from 1) is an n-th one.
#[inline]
pub(super) fn is_nth(number: u64, every: Option<u64>) -> bool {
    every
        .and_then(|every| number.checked_rem(every))
        .is_some_and(|rest| rest == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standstills_begin_at_every_multiple_but_not_at_the_start() {
        let stall = Stall {
            length: Duration::from_nanos(30),
            every: Duration::from_nanos(100),
        };
        let at = |now| stall.end_ns(now);
        assert_eq!([at(0), at(20), at(99)], [None; 3]);
        assert_eq!([at(100), at(129)], [Some(130); 2]);
        assert_eq!([at(130), at(199)], [None; 2]);
        assert_eq!(at(1_010), Some(1_030));
    }

    #[test]
    fn odd_standstills_have_a_meaning() {
        let stall = |length, every| Stall {
            length: Duration::from_nanos(length),
            every: Duration::from_nanos(every),
        };
        assert_eq!(stall(5, 0).end_ns(7), None);
        assert_eq!(stall(10, 10).end_ns(9), None);
        assert_eq!(stall(10, 10).end_ns(25), Some(u64::MAX));
    }

    #[test]
    fn every_nth_is_counted_from_one() {
        let hits: Vec<u64> = (1..10).filter(|n| is_nth(*n, Some(3))).collect();
        assert_eq!(hits, [3, 6, 9]);
        assert!((1..10).all(|n| is_nth(n, Some(1))));
        assert!((1..10).all(|n| !is_nth(n, None) && !is_nth(n, Some(0))));
    }
}
