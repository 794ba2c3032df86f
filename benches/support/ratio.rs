//! What something costs beside a plain copy of the bytes it makes or reads, both measured in turns in
//! this process, so that a slow moment meets both.

use std::hint::black_box;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::frames::BATCH_BYTES;

const ROUNDS: usize = 31;
/// A batch of either takes about this long.
const BATCH: Duration = Duration::from_micros(200);

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// `cargo test` runs everything once and measures nothing.
fn measuring() -> bool {
    std::env::args().any(|argument| argument == "--bench")
}

fn time(work: &mut dyn FnMut(), repeats: u32) -> f64 {
    let from = Instant::now();
    for _ in 0..repeats {
        work();
    }
    from.elapsed().as_secs_f64() / f64::from(repeats)
}

/// Repeats that fill a batch.
fn repeats(work: &mut dyn FnMut()) -> u32 {
    let mut repeats = 1;
    while time(work, repeats) * f64::from(repeats) < BATCH.as_secs_f64() && repeats < 1 << 20 {
        repeats *= 2;
    }
    repeats
}

/// Sets `work` beside a copy of `bytes`, appended as a batch for the socket is made.
pub(crate) fn to_memcpy(name: &str, bytes: &[u8], mut work: impl FnMut()) {
    let mut out: Vec<u8> = Vec::with_capacity(BATCH_BYTES + 2 * bytes.len());
    let mut copy = || {
        if out.len() > BATCH_BYTES {
            out.clear();
        }
        black_box(&mut out).extend_from_slice(black_box(bytes));
    };
    if !measuring() {
        work();
        return;
    }
    let (works, copies) = (repeats(&mut work), repeats(&mut copy));
    let mut ratios: Vec<f64> = Vec::with_capacity(ROUNDS);
    for round in 0..ROUNDS {
        let (cost, copied) = if round % 2 == 0 {
            let cost = time(&mut work, works);
            (cost, time(&mut copy, copies))
        } else {
            let copied = time(&mut copy, copies);
            (time(&mut work, works), copied)
        };
        ratios.push(cost / copied);
    }
    ratios.sort_by(f64::total_cmp);
    let at = |part: usize| ratios[(ROUNDS - 1) * part / 4];
    let line = format!(
        "{name:<40} ratio to memcpy: {:.1}x   quartiles {:.1} - {:.1}, {ROUNDS} rounds, {} bytes",
        at(2),
        at(1),
        at(3),
        bytes.len()
    );
    lines().push(line);
}

fn lines() -> std::sync::MutexGuard<'static, Vec<String>> {
    LINES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Prints what was found, at the end of the process.
pub(crate) fn print() {
    for line in lines().drain(..) {
        println!("{line}");
    }
}
