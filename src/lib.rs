//! rmq-bench: load generator and benchmark for Apache RocketMQ.
#![cfg_attr(
    test,
    allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "test data is small"
    )
)]

pub mod cli;
pub mod client;
pub mod config;
pub mod load;
pub mod metrics;
pub mod protocol;
pub mod transport;
pub mod verdict;
