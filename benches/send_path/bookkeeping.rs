//! What a message costs besides its bytes: schedule step, queue, ring entry, records; and once a
//! second the hand-over of a recorder.

use std::collections::VecDeque;
use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput};
use rmq_bench::client::BrokerId;
use rmq_bench::client::config::FaultGeneration;
use rmq_bench::client::fault::Standing;
use rmq_bench::client::publish_route::{PublishRoute, QueueRef, RouteBroker, RouteSlot};
use rmq_bench::client::queue_choice::{QueueChoice, Standings};
use rmq_bench::load::Arrivals;
use rmq_bench::load::shard::Window;
use rmq_bench::metrics::{Recorder, Totals};
use rmq_bench::transport::Nanos;
use rmq_bench::transport::in_flight::InFlight;

use crate::support::parts::{open_source, record};

const TICK: Duration = Duration::from_millis(1);
/// Requests of the ring at its largest.
const MILLION: u64 = 1 << 20;

/// What is due at a tick of 1 ms at 50,000/s.
pub(crate) fn schedule(c: &mut Criterion) {
    let window = Window {
        from: Nanos(1),
        until: Nanos::NEVER,
    };
    let mut group = c.benchmark_group("due/50_of_a_tick");
    group.throughput(Throughput::Elements(50));
    for (name, arrivals) in [
        ("constant", Arrivals::Constant),
        ("poisson", Arrivals::Poisson),
    ] {
        let (mut source, mut now) = (open_source(arrivals), Nanos(1));
        group.bench_function(name, |b| {
            b.iter(|| {
                now = now.plus(TICK);
                while let Some(due) = black_box(&mut source).due(now, window) {
                    black_box(due);
                    source.advance(window);
                }
            });
        });
    }
    group.finish();
}

/// Four brokers with four queues each, taken in turn.
fn route() -> PublishRoute {
    let broker = |n: u16| RouteBroker {
        id: BrokerId(n),
        name: format!("broker-{n}"),
        address: Some(format!("127.0.0.1:{}", 10_911 + n)),
    };
    let queue = |n: u16| QueueRef {
        broker: BrokerId(n % 4),
        slot: RouteSlot::new(usize::from(n % 4)).unwrap(),
        queue_id: u32::from(n / 4),
    };
    PublishRoute {
        brokers: (0..4).map(broker).collect(),
        queues: (0..16).map(queue).collect(),
        selectable: (0..16).map(queue).collect(),
        ordered: false,
        borrowed: false,
        left_out: Vec::new(),
    }
}

/// A first attempt's queue, while so many of four brokers are isolated.
pub(crate) fn queue_choice(c: &mut Criterion) {
    let route = route();
    let mut group = c.benchmark_group("queue_choice");
    group.throughput(Throughput::Elements(1));
    for isolated in [0, 1, 4] {
        let mut standings = Standings::default();
        standings.refresh(&route, |broker| Standing {
            available: broker.0 >= isolated,
            ..Standing::default()
        });
        for (name, generation) in [("v4", FaultGeneration::V4), ("v5", FaultGeneration::V5)] {
            let mut choice = QueueChoice::new(7, generation, true);
            group.bench_function(format!("{name}/{isolated}_of_4_isolated"), |b| {
                b.iter(|| choice.pick(black_box(&route), black_box(&standings), None));
            });
        }
    }
    group.finish();
}

fn enter(ring: &mut InFlight<[u64; 6]>, start: &mut u64) -> i32 {
    let opaque = ring.next_opaque().unwrap();
    ring.insert([0; 6], Nanos(1_000_000), *start, 400, false);
    *start += 400;
    opaque
}

/// One entered and the oldest completed, at a steady depth.
pub(crate) fn in_flight(c: &mut Criterion) {
    let mut group = c.benchmark_group("in_flight/enter_and_complete");
    group.throughput(Throughput::Elements(1));
    for depth in [64usize, 4096] {
        let (mut ring, mut start) = (InFlight::new(depth * 2), 0);
        let mut opaques: VecDeque<i32> = (0..depth).map(|_| enter(&mut ring, &mut start)).collect();
        group.bench_function(depth.to_string(), |b| {
            b.iter(|| {
                opaques.push_back(enter(&mut ring, &mut start));
                let oldest = opaques.pop_front().unwrap();
                black_box(ring.complete(oldest).unwrap().token)
            });
        });
    }
    group.finish();
}

/// A million requests entered, then completed or timed out.
pub(crate) fn million(c: &mut Criterion) {
    let mut group = c.benchmark_group("in_flight/1M");
    group.throughput(Throughput::Elements(MILLION));
    group.sample_size(10);
    let filled = || {
        let (mut ring, mut start) = (InFlight::new(1 << 20), 0);
        let opaques: Vec<i32> = (0..MILLION).map(|_| enter(&mut ring, &mut start)).collect();
        (ring, opaques)
    };
    group.bench_function("enter", |b| b.iter_with_large_drop(filled));
    group.bench_function("complete", |b| {
        let complete = |(ring, opaques): &mut (InFlight<[u64; 6]>, Vec<i32>)| {
            for opaque in opaques {
                black_box(ring.complete(*opaque).unwrap());
            }
        };
        b.iter_batched_ref(filled, complete, BatchSize::LargeInput);
    });
    group.bench_function("time_out", |b| {
        let expire = |(ring, _): &mut (InFlight<[u64; 6]>, Vec<i32>)| {
            ring.expire(Nanos::NEVER, |entry| {
                black_box(entry.token);
            });
        };
        b.iter_batched_ref(filled, expire, BatchSize::LargeInput);
    });
    group.finish();
}

pub(crate) fn recorder(c: &mut Criterion) {
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
