//! A send encoded, an answer decoded, 64 KiB of answers split.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use rmq_bench::protocol::FrameLimits;
use rmq_bench::protocol::frame::split;

use crate::support::frames::{self, BATCH_BYTES, BODY_BYTES, Encoder, FORMS};
use crate::support::parts::parse;
use crate::support::ratio;

fn one(bytes: &[u8]) -> Throughput {
    Throughput::ElementsAndBytes {
        elements: 1,
        bytes: bytes.len() as u64,
    }
}

pub(crate) fn encode(c: &mut Criterion) {
    let messages = [
        ("plain", frames::plain(BODY_BYTES)),
        ("labelled", frames::labelled(BODY_BYTES)),
        ("compressed", frames::compressed()),
    ];
    for (form_name, form) in FORMS {
        let mut group = c.benchmark_group(format!("encode/{form_name}/{BODY_BYTES}B"));
        for (name, message) in &messages {
            let mut encoder = Encoder::new(form, message.clone());
            let frame = encoder.frame();
            let mut out = Vec::with_capacity(2 * BATCH_BYTES);
            let mut opaque = 0;
            let mut template = || {
                opaque += 1;
                encoder.append(black_box(&mut out), black_box(opaque));
            };
            group.throughput(one(&frame));
            group.bench_function(format!("template/{name}"), |b| b.iter(&mut template));
            ratio::to_memcpy(
                &format!("encode/{form_name}/template/{name}"),
                &frame,
                template,
            );
        }
        // As every other request is written.
        let [_, (name, message), _] = &messages;
        let command = frames::command(message);
        let mut out = Vec::new();
        command.encode(form, &mut out);
        let frame = out.clone();
        let mut fields = || {
            out.clear();
            black_box(&command).encode(form, black_box(&mut out));
        };
        group.throughput(one(&frame));
        group.bench_function(format!("fields/{name}"), |b| b.iter(&mut fields));
        ratio::to_memcpy(&format!("encode/{form_name}/fields/{name}"), &frame, fields);
        group.finish();
    }
}

pub(crate) fn decode(c: &mut Criterion) {
    for (form_name, form) in FORMS {
        let (stored, refused) = (frames::reply(form, 77), frames::refusal(form, 77));
        let mut group = c.benchmark_group(format!("decode/{form_name}"));
        for (name, bytes, all_fields) in [
            ("code_and_opaque", &stored, false),
            ("all_fields", &stored, true),
            ("refusal_with_remark", &refused, false),
        ] {
            group.throughput(one(bytes));
            group.bench_function(name, |b| b.iter(|| parse(bytes, all_fields)));
            ratio::to_memcpy(&format!("decode/{form_name}/{name}"), bytes, || {
                parse(bytes, all_fields);
            });
        }
        group.finish();
    }
}

pub(crate) fn split_replies(c: &mut Criterion) {
    for (form_name, form) in FORMS {
        let (bytes, replies) = frames::many_replies(form);
        let work = || assert_eq!(split_all(black_box(&bytes)), replies);
        let mut group = c.benchmark_group("split_64KiB");
        group.throughput(Throughput::ElementsAndBytes {
            elements: replies,
            bytes: bytes.len() as u64,
        });
        group.bench_function(form_name, |b| b.iter(work));
        group.finish();
        ratio::to_memcpy(&format!("split_64KiB/{form_name}"), &bytes, work);
    }
}

fn split_all(bytes: &[u8]) -> u64 {
    let (mut at, mut frames) = (0, 0);
    while let Some(frame) = split(&bytes[at..], FrameLimits::default()).unwrap() {
        at += frame.wire_bytes;
        frames += 1;
    }
    frames
}
