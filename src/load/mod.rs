//! Load: what is due when, the shards that send it, and the run they make up.
//!
//! - [`plan`], [`pacing`]: what to do; [`schedule`], [`source`]: when each message is due
//! - [`choice`]: which of n a message takes; [`sizes`]: how large it is; both by its number in the schedule
//! - [`shard`]: due messages out, answers in (hot path); [`completion`]: how answers reach it; [`pacer`]: its thread; [`ticker`]: its timer;
//!   [`coalesce`]: when answers are read together; `thread`: how the kernel runs it
//! - [`transactions`], `ends`: what becomes of half messages, and what brokers ask about them
//! - [`requests`]: who answers a load of requests
//! - `traces`: the share of the sends that is traced
//! - [`surroundings`]: what the machine did to the process meanwhile; [`clocks`]: and its clocks to each other
//! - [`run`]: a whole run, outcome; [`start`]: its common begin; [`opening`]: when its window begins; `collect`: second by second; [`stop`]: ending early; [`audit`], [`bodies`]

pub mod audit;
pub mod bodies;
pub mod choice;
pub mod clocks;
pub mod coalesce;
mod collect;
pub mod completion;
mod ends;
pub mod opening;
pub mod pacer;
pub mod pacing;
pub mod plan;
pub mod requests;
pub mod run;
pub mod schedule;
pub mod shard;
pub mod sizes;
pub mod source;
pub mod start;
pub mod stop;
pub mod surroundings;
mod thread;
pub mod ticker;
mod traces;
pub mod transactions;

pub use choice::Choice;
pub use clocks::ClockChanges;
pub use plan::{
    Arrivals, Bound, LoadModel, LoadPlan, MessageShape, Rate, SendMode, WarmupEnd, WhenLate,
};
pub use requests::{RequestOutcome, RequestShape, ResponderKind};
pub use run::{ClientUse, LoadError, LoadOutcome, LoadRun, RunPhase, RunSecond, StopReason};
pub use schedule::{Offered, Piece, Shape};
pub use shard::ShardCounts;
pub use sizes::{LogNormal, SizeDraw, SizeMix, SizePiece, Sizes};
pub use start::await_instant;
pub use stop::{StopLevel, StopSignal};
pub use surroundings::Surroundings;
pub use thread::sharpen_timers;
pub use transactions::{CheckTally, EndCounts, TransactionOutcome, TransactionShape};
