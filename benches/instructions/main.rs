//! One part of a message's way, so many times over: `scripts/instructions` runs it under callgrind,
//! which counts what is executed inside [`measured`] and nothing else.

#![allow(
    missing_docs,
    clippy::cast_possible_truncation,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measuring program: it may panic"
)]

#[path = "../support/mod.rs"]
mod support;

use std::hint::black_box;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::{Parser, ValueEnum};
use mimalloc::MiMalloc;
use rmq_bench::client::Message;
use rmq_bench::client::send::{Carrier, Ended, Outgoing};
use rmq_bench::load::Arrivals;
use rmq_bench::load::shard::Window;
use rmq_bench::metrics::Recorder;
use rmq_bench::protocol::{HeaderView, SerializeType};
use rmq_bench::transport::{CloseReason, Entry, Handler, Nanos};
use support::frames::{self, BATCH_BYTES, BODY_BYTES, Encoder};
use support::memory::Answers;
use support::parts;
use support::rig::{ProducerRig, ShardRig, Shared, Side, runtime};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Messages submitted, written and answered together.
const BATCH: u64 = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// A send of 128 B, its header by template, its body copied.
    EncodeBinary,
    /// With tags, keys and a property.
    EncodeBinaryLabelled,
    EncodeJson,
    EncodeJsonLabelled,
    /// "Stored", as the load face reads it: code and opaque.
    DecodeBinary,
    DecodeJson,
    /// A refusal with a remark.
    DecodeErrorBinary,
    DecodeErrorJson,
    /// "Stored" with all its fields, as the library face reads it.
    DecodeFieldsBinary,
    DecodeFieldsJson,
    /// Queue, encoding, ring entry: 64 messages to two brokers, then one flush.
    Submit,
    /// What the driver does to get those 64 into the stream and to note that they left.
    Write,
    /// Their answers: read, split, matched, settled.
    Complete,
    /// A message planned, submitted and acknowledged, in the recorder.
    Record,
    /// What is due at a tick of 1 ms at 50,000/s, per message.
    Due,
    /// The same with random arrivals.
    DuePoisson,
    /// A message on the load face, from the plan to the record, with its broker in memory.
    Message,
    /// The same, oneway.
    MessageOneway,
    /// `send().await` from 64 tasks, with its broker in memory.
    Await,
}

/// See the module.
#[derive(Debug, Parser)]
struct Args {
    part: Part,
    count: u64,
}

/// Callgrind counts in here only.
#[inline(never)]
fn measured(work: &mut dyn FnMut()) {
    work();
    // Not a tail call, which would leave this function before the work is done.
    black_box(());
}

fn repeat(count: u64, mut work: impl FnMut(u64)) -> u64 {
    measured(&mut || {
        for n in 0..count {
            work(n);
        }
    });
    count
}

fn encode(count: u64, form: SerializeType, message: Message) -> u64 {
    let mut encoder = Encoder::new(form, message);
    let mut out = Vec::with_capacity(2 * BATCH_BYTES);
    repeat(count, |n| {
        encoder.append(black_box(&mut out), black_box(n as i32));
    })
}

fn decode(count: u64, bytes: &[u8], fields: bool) -> u64 {
    repeat(count, |_| parts::parse(bytes, fields))
}

struct Token(Arc<Message>);

impl Carrier for Token {
    fn message(&self) -> &Message {
        &self.0
    }
}

type Answered = Arc<Mutex<Vec<Ended<Token>>>>;

/// Hands over what has ended once per round, as the load face does.
struct Collect {
    ended: Vec<Ended<Token>>,
    all: Answered,
}

impl Handler<Outgoing<Token>> for Collect {
    fn reply(
        &mut self,
        entry: Entry<Outgoing<Token>>,
        header: &HeaderView<'_>,
        _: &[u8],
        at: Nanos,
    ) {
        self.ended.push(Ended::by_reply(entry, header, at));
    }
    fn written(&mut self, _: Entry<Outgoing<Token>>) {}
    fn expired(&mut self, _: Entry<Outgoing<Token>>, _: Nanos) {
        panic!("no answer in time");
    }
    fn lost(&mut self, _: Entry<Outgoing<Token>>, _: &CloseReason, _: Nanos) {}
    fn late(&mut self, _: &HeaderView<'_>) {}
    fn round_end(&mut self, _: Nanos) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.append(&mut self.ended);
    }
}

/// Submits, writes and completes batch after batch; one of the three is measured.
fn send(count: u64, part: Part) -> u64 {
    let answered = Answered::default();
    let all = Arc::clone(&answered);
    let collect = move || Collect {
        ended: Vec::new(),
        all: Arc::clone(&all),
    };
    let (shared, runtime) = (Shared::new(), runtime());
    let side = runtime.block_on(async { shared.core(1024, false, Answers::WhenTold, collect) });
    let Side {
        mut core, brokers, ..
    } = side;
    let message = Arc::new(frames::plain(BODY_BYTES));
    let mut refused = Vec::new();
    let step = |this: Part, work: &mut dyn FnMut()| {
        if this == part {
            measured(work);
        } else {
            work();
        }
    };
    let batches = count.div_ceil(BATCH);
    for _ in 0..batches {
        step(Part::Submit, &mut || {
            let now = Nanos::now();
            core.refresh(now);
            let budget_ends = now.plus(Duration::from_secs(600));
            for _ in 0..BATCH {
                let send = core.begin(Token(Arc::clone(&message)), now, budget_ends);
                assert!(core.stage(send).is_ok(), "no route");
            }
            core.flush(now, &mut refused);
        });
        assert!(refused.is_empty(), "a send was refused");
        step(Part::Write, &mut || {
            runtime.block_on(tokio::task::yield_now());
        });
        for broker in &brokers {
            broker.answer();
        }
        let mut ended = 0;
        step(Part::Complete, &mut || {
            runtime.block_on(tokio::task::yield_now());
            let mut all = answered.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Nanos::now();
            for attempt in all.drain(..) {
                let (track, service) = (attempt.send.track, attempt.service());
                black_box(core.settle(&track, attempt.result, service, now));
                ended += 1;
            }
        });
        assert_eq!(ended, BATCH, "not all were answered");
    }
    batches * BATCH
}

fn record(count: u64) -> u64 {
    let mut recorder: Recorder = Recorder::new(2);
    repeat(count, |n| parts::record(black_box(&mut recorder), n))
}

fn due(count: u64, arrivals: Arrivals) -> u64 {
    let mut source = parts::open_source(arrivals);
    let window = Window {
        from: Nanos(1),
        until: Nanos::NEVER,
    };
    let (mut now, mut seen) = (Nanos(1), 0);
    measured(&mut || {
        while seen < count {
            now.0 += 1_000_000;
            while let Some(due) = black_box(&mut source).due(now, window) {
                black_box(due);
                source.advance(window);
                seen += 1;
            }
        }
    });
    seen
}

fn message(count: u64, oneway: bool) -> u64 {
    let rig = ShardRig::new(&Shared::new(), 512, oneway);
    let mut seen = 0;
    measured(&mut || seen = rig.run(count));
    seen
}

fn awaited(count: u64) -> u64 {
    let rig = ProducerRig::new();
    // The first one looks up the route.
    rig.send(1, 1);
    let each = count / 64;
    measured(&mut || rig.send(64, each));
    each * 64
}

fn main() {
    let Args { part, count } = Args::parse();
    let (binary, json) = (SerializeType::Binary, SerializeType::Json);
    let (plain, labelled) = (frames::plain(BODY_BYTES), frames::labelled(BODY_BYTES));
    let done = match part {
        Part::EncodeBinary => encode(count, binary, plain),
        Part::EncodeBinaryLabelled => encode(count, binary, labelled),
        Part::EncodeJson => encode(count, json, plain),
        Part::EncodeJsonLabelled => encode(count, json, labelled),
        Part::DecodeBinary => decode(count, &frames::reply(binary, 77), false),
        Part::DecodeJson => decode(count, &frames::reply(json, 77), false),
        Part::DecodeErrorBinary => decode(count, &frames::refusal(binary, 77), false),
        Part::DecodeErrorJson => decode(count, &frames::refusal(json, 77), false),
        Part::DecodeFieldsBinary => decode(count, &frames::reply(binary, 77), true),
        Part::DecodeFieldsJson => decode(count, &frames::reply(json, 77), true),
        Part::Submit | Part::Write | Part::Complete => send(count, part),
        Part::Record => record(count),
        Part::Due => due(count, Arrivals::Constant),
        Part::DuePoisson => due(count, Arrivals::Poisson),
        Part::Message => message(count, false),
        Part::MessageOneway => message(count, true),
        Part::Await => awaited(count),
    };
    // Messages measured; a little more than asked for where they come in batches.
    println!("{done}");
}
