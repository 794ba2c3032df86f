//! Parts of a message's way, one message each.

use std::hint::black_box;
use std::num::NonZeroU64;

use rmq_bench::load::schedule::{Schedule, ShardOf};
use rmq_bench::load::source::Source;
use rmq_bench::load::{Arrivals, Offered, Rate};
use rmq_bench::metrics::{Recorder, SendTimes};
use rmq_bench::protocol::frame::split;
use rmq_bench::protocol::send::SendReply;
use rmq_bench::protocol::{FrameLimits, HeaderView, SendStatus};
use rmq_bench::transport::Nanos;

/// Splits and parses one answer: code and opaque as the load face does, or all fields.
#[inline]
pub(crate) fn parse(bytes: &[u8], all_fields: bool) {
    let frame = split(black_box(bytes), FrameLimits::default());
    let frame = frame.unwrap().unwrap();
    let view = HeaderView::parse(frame.serialize_type, frame.header).unwrap();
    if all_fields {
        black_box(SendReply::parse(&view.ext).unwrap());
    }
    black_box((view.code, view.opaque, &view.remark));
}

/// Records the n-th message: planned, submitted, acknowledged by one of two brokers.
#[inline]
pub(crate) fn record(recorder: &mut Recorder, n: u64) {
    let intended_ns = n * 20_000;
    let times = SendTimes {
        intended_ns,
        submitted_ns: intended_ns + 400_000 + n % 97,
        written_ns: intended_ns + 420_000 + n % 89,
        received_ns: intended_ns + 900_000 + n % 10_007,
    };
    let broker = usize::from(n % 2 == 1);
    recorder.planned(1);
    recorder.submitted(times.intended_ns, times.submitted_ns);
    recorder.attempt(broker, 0);
    recorder.acked(broker, SendStatus::SendOk, &times, 1);
    recorder.read_after(10_000 + n % 83);
}

/// The schedule of 50,000 messages a second from moment 1 on.
pub(crate) fn open_source(arrivals: Arrivals) -> Source {
    let rate = Rate {
        messages: NonZeroU64::new(50_000).unwrap(),
        period_ns: NonZeroU64::new(1_000_000_000).unwrap(),
    };
    Source::Open {
        schedule: Schedule::new(&Offered::Steady(rate), arrivals, 1, ShardOf::WHOLE),
        start: Nanos(1),
        end_number: u64::MAX,
    }
}
