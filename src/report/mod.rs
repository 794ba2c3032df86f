//! The result of a run as others read it: types with a schema, and one renderer per format.
//!
//! [`build_result`] turns a [`Summary`](crate::metrics::Summary) and the [`RunFacts`] beside it into a
//! [`RunResult`], which is the contract with scripts: names and meanings are fixed, a change of
//! meaning raises [`SCHEMA_VERSION`]. Every renderer takes a `RunResult` and writes to `impl Write`, so
//! a result read back from a file is shown exactly as a fresh one. Nothing here prints, reads a clock or
//! knows how a run was made.
//!
//! - [`result`]: the result, what was run against what
//! - [`figures`]: its numbers
//! - [`bodies`]: bytes sent and planned; `beyond`: samples behind percentiles; `attempts`: times of those after the first
//! - [`host`]: the machine; [`part`]: one process of several
//! - [`build`]: from summary and facts to result
//! - [`schema`]: its JSON Schema
//! - [`named`]: figures by name; [`runs`]: several runs of one plan; [`stored`]: results read back from files
//! - [`bundle`]: a run's folder, its names, checksums and words
//! - [`capacity`]: a search for a capacity
//! - [`comparison`]: two groups of results against one another
//! - [`json`], [`text`], [`csv`], [`markdown`], [`html`]: a result in each format; [`intervals`], [`hlog`]: second by second
//! - [`merge`]: results of shards in one
//! - `tails`: what is left out of an unstable rate; [`style`]: colour or none

mod attempts;
mod beyond;
pub mod bodies;
pub mod build;
pub mod bundle;
pub mod capacity;
pub mod comparison;
pub mod csv;
pub mod figures;
pub mod flow_control;
pub mod hlog;
pub mod host;
pub mod html;
pub mod intervals;
pub mod json;
pub mod littles_law;
pub mod markdown;
pub mod merge;
pub mod named;
pub mod part;
pub mod requests;
pub mod result;
pub mod runs;
pub mod runs_text;
pub mod schema;
pub mod stored;
pub mod style;
pub(crate) mod table;
mod tails;
pub mod text;
pub mod traces;
pub mod transactions;

#[cfg(test)]
mod sample;

pub use build::{BrokerFacts, GeneratorFacts, RunFacts, build_result};
pub use figures::{
    Accounts, Avoidance, AvoidanceCause, AvoidanceEvent, BrokerFigures, GeneratorFigures, Latency,
    Rates, Retries,
};
pub use host::Host;
pub use result::{
    LoadModel, Mode, Run, RunResult, SCHEMA_VERSION, StopReason, Target, TargetBroker, TargetKind,
    Tool, WarmupEnded, Window,
};
pub use style::Style;
