//! What a message costs besides its bytes: schedule step, ring entry, records; and once a second
//! the hand-over of a recorder.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a bench may panic; its macros make functions"
)]

use std::collections::VecDeque;
use std::hint::black_box;
use std::num::NonZeroU64;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use rmq_bench::load::schedule::{Schedule, ShardOf};
use rmq_bench::load::{Arrivals, Rate};
use rmq_bench::metrics::{Recorder, SendTimes, Totals};
use rmq_bench::protocol::SendStatus;
use rmq_bench::transport::Nanos;
use rmq_bench::transport::in_flight::InFlight;

fn schedule(c: &mut Criterion) {
    let rate = Rate {
        messages: NonZeroU64::new(49_999).unwrap(),
        period_ns: NonZeroU64::new(1_000_000_000).unwrap(),
    };
    let mut group = c.benchmark_group("schedule/step");
    group.throughput(Throughput::Elements(1));
    for (name, arrivals) in [
        ("constant", Arrivals::Constant),
        ("poisson", Arrivals::Poisson),
    ] {
        let mut schedule = Schedule::new(rate, arrivals, 1, ShardOf { index: 0, count: 1 });
        group.bench_function(name, |b| {
            b.iter(|| {
                let due = black_box(&schedule).next_ns();
                schedule.advance();
                black_box(due)
            });
        });
    }
    group.finish();
}

fn in_flight(c: &mut Criterion) {
    let mut group = c.benchmark_group("in_flight/enter_and_complete");
    group.throughput(Throughput::Elements(1));
    for depth in [64usize, 4096] {
        let mut ring = InFlight::new(depth * 2);
        let mut opaques = VecDeque::new();
        let mut start = 0;
        let mut enter = |ring: &mut InFlight<[u64; 6]>| {
            let opaque = ring.next_opaque().unwrap();
            ring.insert([0; 6], Nanos(1_000_000), start, 400, false);
            start += 400;
            opaque
        };
        for _ in 0..depth {
            opaques.push_back(enter(&mut ring));
        }
        group.bench_function(depth.to_string(), |b| {
            b.iter(|| {
                opaques.push_back(enter(&mut ring));
                let oldest = opaques.pop_front().unwrap();
                black_box(ring.complete(oldest).unwrap().token)
            });
        });
    }
    group.finish();
    let mut group = c.benchmark_group("in_flight/expire");
    group.throughput(Throughput::Elements(1 << 20));
    group.sample_size(10);
    group.bench_function("1M", |b| {
        let filled = || {
            let mut ring = InFlight::new(1 << 20);
            for token in 0..1u64 << 20 {
                ring.next_opaque().unwrap();
                ring.insert(token, Nanos(100), token * 400, 400, false);
            }
            ring
        };
        let expire = |mut ring: InFlight<u64>| {
            ring.expire(Nanos(100), |entry| {
                black_box(entry.token);
            });
        };
        b.iter_batched(filled, expire, BatchSize::LargeInput);
    });
    group.finish();
}

fn record(recorder: &mut Recorder, n: u64) {
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
}

fn recorder(c: &mut Criterion) {
    let mut recorder: Recorder = Recorder::new(2);
    let mut n = 0;
    let mut group = c.benchmark_group("recorder");
    group.throughput(Throughput::Elements(1));
    group.bench_function("acked_message", |b| {
        b.iter(|| {
            n += 1;
            record(black_box(&mut recorder), n);
        });
    });
    group.finish();
    let mut group = c.benchmark_group("recorder/second");
    let mut totals = Totals::new(2);
    let mut spare = Some(Recorder::new(2));
    group.bench_function("hand_over_and_merge", |b| {
        b.iter(|| {
            record(&mut recorder, n);
            let second = recorder.hand_over(spare.take().unwrap());
            totals.merge(&second);
            spare = Some(second);
        });
    });
    group.finish();
}

criterion_group!(benches, schedule, in_flight, recorder);
criterion_main!(benches);
