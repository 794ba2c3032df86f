//! What a broker says when it takes no message for want of room or time: one of a few phrases in the remark of a
//! refusal, the same in 4.x and 5.x but for their codes (`remoting-protocol.md` §4.3, §8).

use super::code::ResponseCode;

/// Why a broker refused a message it would take at another time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FlowClass {
    /// It waited in the queue of sends for longer than `waitTimeMillsInSendQueue`.
    TimeoutCleanQueue,
    /// It waited in that queue while the page cache was busy.
    PcBusyCleanQueue,
    /// It was refused at the door: page cache busy, or no memory for another message.
    RejectRequest,
    /// The queue of sends was full.
    Overload,
    /// The store found the page cache busy.
    PcSynchronized,
    /// The disk is over its watermark.
    DiskFull,
    /// Busy, in words that are none of these.
    Busy,
}

impl FlowClass {
    /// Name in results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::TimeoutCleanQueue => "timeout_clean_queue",
            Self::PcBusyCleanQueue => "pcbusy_clean_queue",
            Self::RejectRequest => "reject_request",
            Self::Overload => "overload",
            Self::PcSynchronized => "pc_synchronized",
            Self::DiskFull => "disk_full",
            Self::Busy => "busy",
        }
    }

    fn of(code: ResponseCode, remark: &str) -> Option<Self> {
        const PHRASES: [(&str, FlowClass); 5] = [
            ("[TIMEOUT_CLEAN_QUEUE]", FlowClass::TimeoutCleanQueue),
            ("[PCBUSY_CLEAN_QUEUE]", FlowClass::PcBusyCleanQueue),
            ("[REJECTREQUEST]", FlowClass::RejectRequest),
            ("[OVERLOAD]", FlowClass::Overload),
            ("[PC_SYNCHRONIZED]", FlowClass::PcSynchronized),
        ];
        let phrase = PHRASES
            .iter()
            .find(|(phrase, _)| remark.starts_with(phrase));
        match code {
            _ if phrase.is_some() => phrase.map(|(_, class)| *class),
            ResponseCode::SERVICE_NOT_AVAILABLE if remark.contains("disk is full") => {
                Some(Self::DiskFull)
            }
            ResponseCode::SYSTEM_BUSY | ResponseCode::FLOW_CONTROL => Some(Self::Busy),
            _ => None,
        }
    }
}

/// One such refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlowControl {
    /// Why.
    pub class: FlowClass,
    /// How long the message had waited in the broker's queue of sends, in milliseconds, where it says so.
    pub queued_ms: Option<u64>,
    /// Requests in that queue, where it says so.
    pub queue_size: Option<u64>,
}

impl FlowControl {
    /// What a refusal says of it; `None` for one of another kind.
    #[must_use]
    pub fn of(code: ResponseCode, remark: &str) -> Option<Self> {
        let class = FlowClass::of(code, remark)?;
        Some(Self {
            class,
            queued_ms: number_after(remark, "period in queue: "),
            queue_size: number_after(remark, "size of queue: "),
        })
    }
}

fn number_after(text: &str, words: &str) -> Option<u64> {
    let (_, rest) = text.split_once(words)?;
    let end = rest
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(rest.len());
    rest.get(..end)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(code: i32, remark: &str) -> Option<FlowControl> {
        FlowControl::of(ResponseCode(code), remark)
    }

    #[test]
    fn phrases_of_both_versions_are_known_with_age_and_size() {
        let waited = "[TIMEOUT_CLEAN_QUEUE]broker busy, start flow control for a while, period in queue: 212ms, \
                      size of queue: 4097";
        let expected = FlowControl {
            class: FlowClass::TimeoutCleanQueue,
            queued_ms: Some(212),
            queue_size: Some(4097),
        };
        assert_eq!(of(2, waited), Some(expected));
        for (code, remark, class) in [
            (
                2,
                "[REJECTREQUEST]system busy, start flow control for a while",
                FlowClass::RejectRequest,
            ),
            (
                2,
                "[OVERLOAD]system busy, start flow control for a while",
                FlowClass::Overload,
            ),
            // Code 1 in 4.x, 2 in 5.3 and later.
            (
                1,
                "[PC_SYNCHRONIZED]broker busy, start flow control for a while",
                FlowClass::PcSynchronized,
            ),
            (
                14,
                "service not available now. It may be caused by one of the following reasons: the broker's disk is \
                 full [CL:  0.91 CQ:  0.91 INDEX: -1.00], messages are put to the slave, message store has been shut \
                 down, etc.",
                FlowClass::DiskFull,
            ),
            (2, "", FlowClass::Busy),
            (215, "", FlowClass::Busy),
        ] {
            let flow = of(code, remark).unwrap();
            assert_eq!((flow.class, flow.queued_ms), (class, None), "{remark}");
        }
        assert_eq!(of(16, "the broker's topic is read only"), None);
        assert_eq!(of(14, "shut down"), None);
    }

    proptest! {
        #[test]
        fn no_remark_is_a_trouble(code in 0i32..20, remark in ".{0,80}") {
            let _ = of(code, &remark);
            let _ = of(code, &format!("period in queue: {remark}"));
        }

        #[test]
        fn numbers_are_read_whole(ms in 0u64.., size in 0u64..) {
            let remark = format!("[PCBUSY_CLEAN_QUEUE]x, period in queue: {ms}ms, size of queue: {size}");
            let flow = of(2, &remark).unwrap();
            prop_assert_eq!((flow.queued_ms, flow.queue_size), (Some(ms), Some(size)));
        }
    }
}
