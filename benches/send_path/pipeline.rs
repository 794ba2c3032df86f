//! The whole way of a message, its broker in memory: schedule to record on the load face, and
//! `send().await` on the library face.

use std::time::Instant;

use criterion::{BenchmarkGroup, Criterion, Throughput, measurement::WallTime};

use crate::support::frames::{self, BODY_BYTES, Encoder};
use crate::support::rig::{ProducerRig, ShardRig, Shared};
use rmq_bench::protocol::SerializeType;

/// Messages of one measurement.
const MESSAGES: u64 = 1024;

fn frame() -> Vec<u8> {
    Encoder::new(SerializeType::Binary, frames::plain(BODY_BYTES)).frame()
}

fn group<'a>(c: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = c.benchmark_group(name);
    group.throughput(Throughput::ElementsAndBytes {
        elements: MESSAGES,
        bytes: MESSAGES * frame().len() as u64,
    });
    group
}

/// Queue, encoding, ring, driver, answer, record: all a run does per message, without a socket.
pub(crate) fn load_face(c: &mut Criterion) {
    let shared = Shared::new();
    let mut group = group(c, "pipeline/load_face");
    for (name, in_flight, oneway) in [
        ("async_64", 64, false),
        ("async_1024", 1024, false),
        ("oneway_1024", 1024, true),
    ] {
        let rig = ShardRig::new(&shared, in_flight, oneway);
        // Answers come in rounds, of which the last goes beyond what was asked for.
        group.bench_function(name, |b| {
            b.iter_custom(|iterations| {
                let from = Instant::now();
                let done = rig.run(iterations * MESSAGES);
                from.elapsed()
                    .mul_f64((iterations * MESSAGES) as f64 / done as f64)
            });
        });
    }
    group.finish();
}

pub(crate) fn library_face(c: &mut Criterion) {
    let rig = ProducerRig::new();
    // The first one looks up the route.
    rig.send(1, 1);
    let mut group = group(c, "pipeline/send_await");
    for tasks in [1usize, 64, 1024] {
        let each = MESSAGES / tasks as u64;
        group.bench_function(format!("{tasks}_tasks"), |b| {
            b.iter(|| rig.send(tasks, each))
        });
    }
    group.finish();
}
