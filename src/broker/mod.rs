//! The embedded cluster: a name server and brokers inside this process, with scripted behaviour.
//!
//! It is the target of tests, demos and of runs that ask what the generator itself can do, so it
//! answers a message in a fraction of the time a generator needs to make one. It keeps counts and
//! queue offsets, and messages only where told to. It knows [`crate::protocol`] and nothing else of ours; what a codec
//! gets wrong on both sides is caught by captured frames and real clusters, not here.
//!
//! Everything runs on threads of its own (`embedded-0`, …), never on the caller's runtime. A broker
//! lives on one of them with all its connections, so serving a message takes no lock.
//!
//! - [`cluster`]: start, stop, and everything that can be done to a running cluster
//! - [`spec`], [`behaviour`], [`counts`]: what to start, how to misbehave, what arrived
//! - `worker`, `port`: a thread with its brokers; a listener with its connections
//! - `connection`, `input`, `outbox` (all hot), `alarm`: one connection of a broker
//! - `handler`, `request`, `store`, `reply` (all hot), `state`, `topics`, `capacity`: from request
//!   to reply
//! - `transactions`: half messages and their checks
//! - `readers` with `record`: messages for those who pull them; `replies`: answers to requests
//! - `admin`: requests of administration; `kept`: messages for them
//! - `namesrv`: routes

mod admin;
mod alarm;
pub mod behaviour;
mod capacity;
pub mod cluster;
mod connection;
pub mod counts;
mod handler;
mod input;
mod kept;
mod namesrv;
mod outbox;
mod port;
mod readers;
mod record;
mod replies;
mod reply;
mod request;
pub mod spec;
mod state;
mod store;
mod topics;
mod transactions;
mod worker;

#[cfg(test)]
mod tests;

pub use behaviour::{Behaviour, Checks, Reject, ServiceTime, Stall};
pub use cluster::{BrokerInfo, ControlError, EmbeddedCluster};
pub use counts::{BrokerCounts, StoredCounts};
pub use spec::{ClusterSpec, ReplyForm, StartError};
