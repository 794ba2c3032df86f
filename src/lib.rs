//! rmq-bench: load generator and benchmark for Apache RocketMQ.

pub mod cli;
pub mod client;
pub mod config;
pub mod load;
pub mod protocol;
