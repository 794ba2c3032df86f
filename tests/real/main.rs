//! What is claimed of Apache RocketMQ, on the cluster `scripts/test` has started; one program, for each test
//! that is linked alone costs a fresh clone some seconds.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a test may panic, and its numbers are small"
)]

mod cluster;

mod access;
mod admin;
mod brokers;
mod capacity;
mod delays;
mod filters;
mod flow_control;
mod identity;
mod messages;
mod outages;
mod requests;
mod steady;
mod stored;
mod tls;
mod trace;
mod transactions;
