//! Configuration: command line, environment and profile become a [`RunPlan`].
//!
//! ```text
//! profile ─┐
//! environment ─┼─ merge ─▶ raw text per key ─ read ─▶ Settings ─ check ─▶ RunPlan
//! command line ┘                                  (types of `value`)
//! ```
//!
//! The parts know their own limits and nothing else: `value` parses one text, `settings` is the
//! one list of all settings, `sources` decides who wins, and [`resolve`](resolve::resolve) is the
//! only place that says whether a run may start. Nothing here does I/O but reading a profile.
//!
//! - [`settings`]: the list; [`setting`]: what an entry of it is
//! - [`value`]: values as people write them; [`threshold`]: conditions of `--fail-if`
//! - [`profile`], [`sources`]: TOML files, environment, precedence; [`first_run`]: a run that is made again
//! - [`resolve`](mod@resolve), `check`, `effect`: what may run, what contradicts, what has no effect
//! - [`capacity`]: a search for a capacity, and its [`objective`]s; [`outlook`]: what it is held against
//! - [`plan`]: the result; [`print`](mod@print): the same as a profile; [`schema`]: what a profile may hold
//! - [`error`], [`suggest`]: what to tell whom it did not work for

pub mod capacity;
mod check;
mod effect;
pub mod error;
pub mod first_run;
pub mod objective;
pub mod outlook;
pub mod plan;
pub mod print;
pub mod profile;
pub mod resolve;
pub mod schema;
pub mod setting;
pub mod settings;
pub mod sources;
pub mod suggest;
pub mod threshold;
pub mod value;

pub use capacity::{CapacityPlan, OneLessPlan, resolve_capacity};
pub use error::ConfigError;
pub use objective::{Met, Objective};
pub use outlook::{Outlook, PriceList};
pub use plan::{
    EmbeddedSettings, LeftOut, Progress, ReportPlan, ResolvedSetting, RunPlan, Stall, Target,
};
pub use profile::Profile;
pub use resolve::resolve;
pub use setting::{Given, Setting, SettingValue, Source};
pub use sources::Sources;
pub use threshold::{Judgement, Threshold};
pub use value::{OutputFile, OutputFormat};
