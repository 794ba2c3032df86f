//! A send header encoded, a reply decoded, 64 KiB of replies split; each beside a plain copy of the
//! same bytes.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a bench may panic; its macros make functions"
)]

use std::hint::black_box;
use std::net::Ipv4Addr;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rmq_bench::protocol::code::Language;
use rmq_bench::protocol::frame::split;
use rmq_bench::protocol::message_id::{UniquePrefix, UniqueSequence};
use rmq_bench::protocol::send::{
    SendFields, SendHeader, SendReply, SendReplyFields, SendTemplate, SendVersion, born_digits,
    encode_reply,
};
use rmq_bench::protocol::{FrameLimits, HeaderView, ResponseCode, SerializeType};

const FORMS: [(&str, SerializeType); 2] = [
    ("binary", SerializeType::Binary),
    ("json", SerializeType::Json),
];
/// A batch of this size is what one write takes.
const BATCH_BYTES: usize = 65_536;

fn encode(c: &mut Criterion) {
    let header = SendHeader {
        version: SendVersion::V2,
        group: "rmq_bench_producer".into(),
        topic: "BenchmarkTest".into(),
        default_topic: "TBW102".into(),
        default_queues: 4,
        sys_flag: 0,
        flag: 0,
        broker_name: "broker-0".into(),
        language: Language::RUST,
    };
    let prefix = UniquePrefix::new(Ipv4Addr::LOCALHOST, 1234, 5);
    let born = born_digits(1_700_000_000_000);
    let body = Bytes::from(vec![7; 128]);
    for (name, form) in FORMS {
        let template = SendTemplate::new(form, &header);
        let mut sequence = UniqueSequence::default();
        let mut one = |out: &mut Vec<u8>, opaque: i32| {
            let fields = SendFields {
                opaque,
                queue_id: 7,
                oneway: false,
                unique_id: &prefix.with(sequence.next_suffix()),
                properties: b"WAIT\x01true\x02TAGS\x01TagA\x02",
                born: &born,
                body_bytes: body.len(),
            };
            template.encode(out, &fields);
            out.extend_from_slice(&body);
        };
        let mut out = Vec::with_capacity(2 * BATCH_BYTES);
        one(&mut out, 1);
        let frame = out.clone();
        let mut group = c.benchmark_group(format!("encode/{name}/128B"));
        group.throughput(Throughput::ElementsAndBytes {
            elements: 1,
            bytes: frame.len() as u64,
        });
        let mut opaque = 0;
        group.bench_function("template", |b| {
            b.iter(|| {
                if out.len() > BATCH_BYTES {
                    out.clear();
                }
                opaque += 1;
                one(black_box(&mut out), black_box(opaque));
            });
        });
        group.bench_function("copy_of_the_frame", |b| {
            b.iter(|| {
                if out.len() > BATCH_BYTES {
                    out.clear();
                }
                black_box(&mut out).extend_from_slice(black_box(&frame));
            });
        });
        group.finish();
    }
}

fn reply(form: SerializeType, opaque: i32) -> Vec<u8> {
    let mut out = Vec::new();
    let fields = SendReplyFields {
        opaque,
        code: ResponseCode::SUCCESS,
        offset_message_id: "7F00000100002A9F00000000000003E8",
        queue_id: 3,
        queue_offset: 123_456,
        transaction_id: "7F00000104D218B4AAC205265C000007",
    };
    encode_reply(form, &mut out, 479, &fields);
    out
}

fn decode(c: &mut Criterion) {
    for (name, form) in FORMS {
        let bytes = reply(form, 77);
        let frame = split(&bytes, FrameLimits::default()).unwrap().unwrap();
        let mut group = c.benchmark_group(format!("decode/{name}"));
        group.throughput(Throughput::ElementsAndBytes {
            elements: 1,
            bytes: bytes.len() as u64,
        });
        group.bench_function("code_and_opaque", |b| {
            b.iter(|| {
                let header = black_box(frame.header);
                let view = HeaderView::parse(frame.serialize_type, header).unwrap();
                black_box((view.code, view.opaque))
            });
        });
        group.bench_function("all_fields", |b| {
            b.iter(|| {
                let header = black_box(frame.header);
                let view = HeaderView::parse(frame.serialize_type, header).unwrap();
                black_box(SendReply::parse(&view.ext).unwrap())
            });
        });
        group.finish();
        let mut many = Vec::new();
        for opaque in 0.. {
            let next = reply(form, opaque);
            if many.len() + next.len() > BATCH_BYTES {
                break;
            }
            many.extend(next);
        }
        let mut copy = vec![0; many.len()];
        let mut group = c.benchmark_group(format!("split_64KiB/{name}"));
        group.throughput(Throughput::Bytes(many.len() as u64));
        group.bench_function("frames", |b| {
            b.iter(|| {
                let (mut at, mut frames) = (0, 0u32);
                while let Some(frame) =
                    split(black_box(&many[at..]), FrameLimits::default()).unwrap()
                {
                    at += frame.wire_bytes;
                    frames += 1;
                }
                black_box(frames)
            });
        });
        group.bench_function("copy_of_the_bytes", |b| {
            b.iter(|| black_box(&mut copy).copy_from_slice(black_box(&many)));
        });
        group.finish();
    }
}

criterion_group!(benches, encode, decode);
criterion_main!(benches);
