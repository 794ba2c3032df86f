//! rmq-bench: load generator and benchmark for Apache RocketMQ, with its own producer client.
//!
//! ```text
//! profile + flags ─ config ─▶ RunPlan ─ cli ─▶ load: Schedule ─ due ─▶ Shard ─┐
//!                                                                             ▼
//!   library: client::Producer::send().await ─────────────▶ client::send (pick, submit, settle)
//!                                                                             │
//!                     transport::Connection (encode, ring) ⇄ Driver (socket) ◀┘
//!                                                                             │
//!   answers ─▶ settle ─▶ metrics::Recorder ─ once a second ─▶ collector ─▶ Summary
//!                                                     ─▶ verdict ─▶ report ─▶ exit code
//! ```
//!
//! Start reading at [`client::send`], the one way of a message, then [`transport`] below it and
//! [`load`] above it. Dependencies point one way; each module uses only those below it that its row
//! names, and `tests/layering.rs` holds them to it:
//!
//! ```text
//! cli        everything below
//! report     config, verdict, stats, metrics, protocol
//! config     load, client, broker, protocol   a plan holds the settings of what it starts
//! load       client, transport, metrics, protocol
//! client     transport, protocol
//! verdict    metrics
//! stats      metrics                          what several runs say
//! broker     protocol                         the embedded cluster
//! transport  protocol
//! metrics    protocol                         send statuses are counted by name
//! protocol   nothing
//! ```
#![cfg_attr(
    test,
    allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "test data is small"
    )
)]

pub mod broker;
pub mod cli;
pub mod client;
pub mod config;
pub mod load;
pub mod metrics;
pub mod protocol;
pub mod report;
pub mod stats;
pub mod transport;
pub mod verdict;
