//! Shards over brokers in memory, each on a thread of its own: what one shard costs another when
//! neither a socket nor a process at its other end is in the way.

use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::rig::{ShardRig, Shared};
use crate::work::Slice;

/// Messages between two looks at the clock.
const MESSAGES: u64 = 20_000;

/// Runs so many shards at once; what they acknowledged together.
pub(crate) fn run(shards: usize, in_flight: usize, slice: Slice) -> serde_json::Value {
    let shared = Shared::new();
    let ready = Arc::new(Barrier::new(shards));
    let threads: Vec<_> = (0..shards)
        .map(|_| {
            let (shared, ready) = (shared.clone(), Arc::clone(&ready));
            std::thread::spawn(move || {
                let rig = ShardRig::new(&shared, in_flight, false);
                run_for(&rig, slice.warmup);
                ready.wait();
                run_for(&rig, slice.length)
            })
        })
        .collect();
    let rates = threads.into_iter().map(|thread| thread.join().unwrap());
    json!({ "shards": shards, "per_s": rates.sum::<f64>() })
}

/// Messages per second.
fn run_for(rig: &ShardRig, length: Duration) -> f64 {
    let begin = Instant::now();
    let mut messages = 0;
    while begin.elapsed() < length {
        messages += rig.run(MESSAGES);
    }
    messages as f64 / begin.elapsed().as_secs_f64()
}
