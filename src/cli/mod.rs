//! The command line: what is asked for, and what the process answers.
//!
//! - [`command`]: the commands, parsing and dispatch; [`options`]: the options of `produce`
//! - [`produce`]: `produce` and `run` up to the resolved plan; [`produce_run`]: the run itself
//! - `start`, `target`, `watch`, `steadiness`, `outcome`, `outputs`, `signals`: the parts of a run; `runs`: several of one plan
//! - `bundle`: the folder of a run; `rerun`: a run made again from it
//! - [`capacity`]: the highest rate that meets objectives
//! - [`compare`]: two results, or groups of them
//! - `admin`: topics made, queues measured, messages looked up
//! - [`doctor`]: what machine and cluster can carry; `machine`: what the system says of itself
//! - `merge`: results of several processes in one; `report`: stored results in another form
//! - [`dry_run`], [`broker`], [`schema`], [`version`]: the smaller commands
//! - [`live`]: the live view; [`log`], [`message`]: everything else on stderr; [`stdout`]: results
//! - `connect`, `credentials`, `tls`: how a cluster is reached
//! - [`exit`]: exit codes; `failure`: why there is no result; [`help`]: examples and the tables under the help
//! - [`figure`]: numbers as people read them
//!
//! stdout carries the result and nothing else.

mod admin;
pub mod broker;
mod bundle;
pub mod capacity;
pub mod command;
pub mod compare;
mod connect;
mod credentials;
pub mod doctor;
pub mod dry_run;
pub mod exit;
mod failure;
pub mod figure;
pub mod help;
pub mod live;
pub mod log;
mod machine;
mod merge;
pub mod message;
pub mod options;
mod outcome;
mod outputs;
mod probe;
pub mod produce;
pub mod produce_run;
mod report;
mod rerun;
mod runs;
mod samples;
pub mod schema;
mod signals;
mod start;
pub mod stdout;
mod steadiness;
mod target;
mod tls;
pub mod version;
mod watch;

pub use command::main;
pub use exit::Exit;
