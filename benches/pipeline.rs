//! The connection as a whole against a peer in memory: encode, ring, driver, split, complete.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a bench may panic; its macros make functions"
)]

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rmq_bench::protocol::code::Language;
use rmq_bench::protocol::frame::split;
use rmq_bench::protocol::message_id::{UniquePrefix, UniqueSequence};
use rmq_bench::protocol::send::{
    SendFields, SendHeader, SendReplyFields, SendTemplate, SendVersion, born_digits, encode_reply,
};
use rmq_bench::protocol::{FrameLimits, HeaderView, ResponseCode, SerializeType};
use rmq_bench::transport::driver::Driver;
use rmq_bench::transport::{
    CloseReason, Coalesce, Connection, ConnectionLimits, DriverOptions, Entry, Handler, IoCounters,
    Nanos, Request,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Tells how many answers a round brought.
struct Count {
    tell: UnboundedSender<u64>,
    round: u64,
}

impl Handler<u64> for Count {
    fn reply(&mut self, _: Entry<u64>, _: &HeaderView<'_>, _: &[u8], _: Nanos) {
        self.round += 1;
    }
    fn written(&mut self, _: Entry<u64>) {}
    fn expired(&mut self, _: Entry<u64>, _: Nanos) {}
    fn lost(&mut self, _: Entry<u64>, _: &CloseReason, _: Nanos) {}
    fn late(&mut self, _: &HeaderView<'_>) {}
    fn round_end(&mut self, _: Nanos) {
        // The bench ends before the driver does; then nobody counts.
        let _ = self.tell.send(std::mem::take(&mut self.round));
    }
}

/// Answers every frame.
async fn peer(mut pipe: DuplexStream) {
    let (mut buffer, mut replies) = (Vec::new(), Vec::new());
    let mut chunk = vec![0; 256 * 1024];
    while let Ok(count @ 1..) = pipe.read(&mut chunk).await {
        buffer.extend_from_slice(&chunk[..count]);
        let mut at = 0;
        while let Some(frame) = split(&buffer[at..], FrameLimits::default()).unwrap() {
            let fields = SendReplyFields {
                opaque: i32::from_be_bytes(frame.header[5..9].try_into().unwrap()),
                code: ResponseCode::SUCCESS,
                offset_message_id: "7F00000100002A9F00000000000003E8",
                queue_id: 3,
                queue_offset: 1,
                transaction_id: "7F00000104D218B4AAC205265C000007",
            };
            encode_reply(SerializeType::Binary, &mut replies, 479, &fields);
            at += frame.wire_bytes;
        }
        buffer.drain(..at);
        if pipe.write_all(&replies).await.is_err() {
            return;
        }
        replies.clear();
    }
}

fn connect() -> (Connection<u64>, UnboundedReceiver<u64>) {
    let (ours, theirs) = duplex(4 << 20);
    let (tell, told) = unbounded_channel();
    let options = DriverOptions {
        limits: ConnectionLimits {
            in_flight: 8192,
            out_bytes: 64 << 20,
        },
        frames: FrameLimits::default(),
        coalesce: Coalesce::Immediate,
        silence_timeout: Duration::from_secs(60),
        counters: Arc::new(IoCounters::default()),
    };
    let (connection, mut driver) = Driver::new(ours, Count { tell, round: 0 }, options);
    tokio::spawn(async move { driver.run().await });
    tokio::spawn(peer(theirs));
    (connection, told)
}

fn pipeline(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let header = SendHeader {
        version: SendVersion::V2,
        group: "g".into(),
        topic: "BenchmarkTest".into(),
        default_topic: "TBW102".into(),
        default_queues: 4,
        sys_flag: 0,
        flag: 0,
        broker_name: "broker-0".into(),
        language: Language::RUST,
    };
    let template = SendTemplate::new(SerializeType::Binary, &header);
    let prefix = UniquePrefix::new(Ipv4Addr::LOCALHOST, 1, 2);
    let born = born_digits(1_700_000_000_000);
    let body = Bytes::from(vec![1; 128]);
    let mut sequence = UniqueSequence::default();
    let mut group = c.benchmark_group("pipeline/in_memory_peer");
    for batch in [64u64, 1024] {
        group.throughput(Throughput::Elements(batch));
        let (connection, mut told) = runtime.block_on(async { connect() });
        let mut submit = || {
            let deadline = Nanos::now().plus(Duration::from_secs(30));
            let mut lane = connection.batch();
            for token in 0..batch {
                let unique_id = prefix.with(sequence.next_suffix());
                let request = Request {
                    token,
                    deadline,
                    oneway: false,
                };
                let pushed = lane.push(request, |_, opaque, out| {
                    let fields = SendFields {
                        opaque,
                        queue_id: 3,
                        oneway: false,
                        unique_id: &unique_id,
                        properties: b"WAIT\x01true\x02",
                        born: &born,
                        body_bytes: body.len(),
                    };
                    template.encode(out.copied(), &fields);
                    out.push_body(&body, 4096);
                });
                pushed.unwrap();
            }
        };
        group.bench_function(format!("batch_{batch}"), |b| {
            b.iter(|| {
                submit();
                runtime.block_on(async {
                    let mut answered = 0;
                    while answered < batch {
                        answered += told.recv().await.unwrap();
                    }
                });
            });
        });
    }
    group.finish();
}

criterion_group!(benches, pipeline);
criterion_main!(benches);
