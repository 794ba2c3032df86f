//! What the parts of a message's way cost, and the way as a whole with its broker in memory. Where it
//! makes sense a part is set beside a copy of the same frame's bytes, in turns in this process.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a bench may panic and prints; its macros make functions"
)]

mod bookkeeping;
mod codec;
mod pipeline;
#[path = "../support/mod.rs"]
mod support;

use std::time::Duration;

use criterion::{Criterion, criterion_group};
use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// So short that all of them, built from nothing, end within ten minutes on two cores.
fn short() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .without_plots()
}

criterion_group! {
    name = benches;
    config = short();
    targets = codec::encode, codec::decode, codec::split_replies,
        bookkeeping::schedule, bookkeeping::queue_choice, bookkeeping::in_flight, bookkeeping::million,
        bookkeeping::recorder, pipeline::load_face, pipeline::library_face
}

fn main() {
    benches();
    Criterion::default().configure_from_args().final_summary();
    support::ratio::print();
}
