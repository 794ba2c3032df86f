//! One client of `scripts/limits`, in a process of its own: sends for a while to running brokers and
//! prints what it sent and what CPU it took. The bare ones show what the machine allows, the others
//! what the layers of this crate cost on top of it.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    reason = "a measuring program: it may panic, and its numbers are small"
)]

mod all_brokers;
mod bare;
mod library;
mod raw;
mod shards;
#[path = "../support/mod.rs"]
mod support;
mod work;

use std::time::Duration;

use clap::{Parser, ValueEnum};
use mimalloc::MiMalloc;
use work::{Slice, Work};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// What sends.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Client {
    /// A blocking socket: prepared frames copied into batches of 64 KiB, answers only counted.
    Raw,
    /// The same on a tick: what is due in one write per broker, answers read once per tick.
    RawPaced,
    /// For real clusters: a thread per broker, every queue in turn, only stored messages count.
    RawAllBrokers,
    /// The send core without anything that measures, avoids or retries.
    Core,
    /// `send().await` from tasks on one thread.
    Await,
    /// `send().await` from tasks on two threads.
    AwaitMulti,
    /// Shards of the load face, each on a thread, over brokers in memory.
    InMemory,
}

/// See the module.
#[derive(Debug, Parser)]
struct Args {
    client: Client,
    /// Where the brokers are, unless they are in memory.
    #[arg(long, default_value = "")]
    namesrv: String,
    /// Threads of the shards in memory.
    #[arg(long, default_value_t = 1)]
    shards: usize,
    /// Sends in flight; tasks of the awaiting clients.
    #[arg(long, default_value_t = 1024)]
    in_flight: usize,
    /// Bytes of a body.
    #[arg(long, default_value_t = 128)]
    size: usize,
    /// All tasks use one producer, instead of a clone each.
    #[arg(long)]
    shared: bool,
    /// Messages per second of the paced client.
    #[arg(long, default_value_t = 50_000)]
    rate: u64,
    /// Microseconds of a tick of the paced client.
    #[arg(long, default_value_t = 1000)]
    tick_us: u64,
    /// Milliseconds before measuring, and of measuring.
    #[arg(long, default_value_t = 200)]
    warmup_ms: u64,
    #[arg(long, default_value_t = 500)]
    slice_ms: u64,
}

fn main() {
    let args = Args::parse();
    let work = Work {
        namesrv: args.namesrv,
        in_flight: args.in_flight,
        body_bytes: args.size,
        slice: Slice {
            warmup: Duration::from_millis(args.warmup_ms),
            length: Duration::from_millis(args.slice_ms),
        },
    };
    let tick = Duration::from_micros(args.tick_us);
    let used = match args.client {
        Client::RawAllBrokers => {
            println!("{}", all_brokers::run(&work));
            return;
        }
        Client::InMemory => {
            println!("{}", shards::run(args.shards, args.in_flight, work.slice));
            return;
        }
        Client::Raw => raw::saturate(&work),
        Client::RawPaced => raw::pace(&work, args.rate, tick),
        Client::Core => bare::run(&work),
        Client::Await => library::run(&work, 1, args.shared),
        Client::AwaitMulti => library::run(&work, 2, args.shared),
    };
    println!("{}", used.json());
}
