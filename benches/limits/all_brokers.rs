//! A bare socket writer for real clusters: a thread per broker, so that no broker waits for another,
//! every queue of the route in turn, and an answer counts only when it says that the message is stored.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use rmq_bench::protocol::frame::split;
use rmq_bench::protocol::{FrameLimits, HeaderView};
use serde_json::{Value, json};

use crate::raw::{BATCH_BYTES, READ_BYTES, frame_to};
use crate::work::{Broker, Counts, Meter, Work};

#[derive(Default)]
struct Shared {
    /// Answers with code 0.
    stored: AtomicU64,
    /// Answers with any other code.
    refused: AtomicU64,
    writes: AtomicU64,
    reads: AtomicU64,
    stop: AtomicBool,
}

impl Shared {
    fn counts(&self) -> Counts {
        Counts {
            messages: self.stored.load(Relaxed),
            writes: self.writes.load(Relaxed),
            reads: self.reads.load(Relaxed),
        }
    }
}

/// One broker: `window` messages on their way, in batches of 64 KiB.
fn saturate(work: &Work, broker: &Broker, window: usize, shared: &Shared) {
    let frames: Vec<_> = broker
        .queues
        .iter()
        .map(|queue| frame_to(work, &broker.name, *queue))
        .collect();
    let mut queues = frames.iter().cycle();
    let most = (BATCH_BYTES / frames[0].len()).clamp(1, window);
    let mut stream = TcpStream::connect(broker.address).unwrap();
    stream.set_nodelay(true).unwrap();
    let mut batch = Vec::with_capacity(2 * BATCH_BYTES);
    let (mut input, mut filled, mut in_flight) = (vec![0; READ_BYTES], 0, 0);
    loop {
        while in_flight + most <= window && !shared.stop.load(Relaxed) {
            batch.clear();
            for _ in 0..most {
                batch.extend_from_slice(queues.next().unwrap());
            }
            stream.write_all(&batch).unwrap();
            shared.writes.fetch_add(1, Relaxed);
            in_flight += most;
        }
        if in_flight == 0 {
            stream.shutdown(Shutdown::Both).unwrap();
            return;
        }
        match stream.read(&mut input[filled..]) {
            Ok(0) => panic!("closed by {}", broker.name),
            Ok(read) => filled += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => panic!("{}: {error}", broker.name),
        }
        shared.reads.fetch_add(1, Relaxed);
        let (mut at, mut stored, mut refused) = (0, 0, 0);
        while let Some(frame) = split(&input[at..filled], FrameLimits::default()).unwrap() {
            at += frame.wire_bytes;
            let header = HeaderView::parse(frame.serialize_type, frame.header).unwrap();
            if !header.is_response() {
                continue;
            }
            in_flight -= 1;
            if header.code == 0 {
                stored += 1;
            } else {
                refused += 1;
            }
        }
        shared.stored.fetch_add(stored, Relaxed);
        shared.refused.fetch_add(refused, Relaxed);
        input.copy_within(at..filled, 0);
        filled -= at;
    }
}

/// The slice, and what was stored and refused in all, warm-up and drain included.
pub(crate) fn run(work: &Work) -> Value {
    let brokers = work.masters();
    let window = work.in_flight / brokers.len();
    let shared = Shared::default();
    let mut result = std::thread::scope(|scope| {
        for broker in &brokers {
            scope.spawn(|| saturate(work, broker, window, &shared));
        }
        let mut meter = Meter::start(work.slice);
        let used = loop {
            std::thread::sleep(Duration::from_millis(5));
            if let Some(used) = meter.look(shared.counts()) {
                break used;
            }
        };
        shared.stop.store(true, Relaxed);
        used.json()
    });
    result["stored_total"] = json!(shared.stored.load(Relaxed));
    result["refused_total"] = json!(shared.refused.load(Relaxed));
    result
}
