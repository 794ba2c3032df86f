//! rmq-bench: load generator and benchmark for Apache RocketMQ.

pub mod broker;
pub mod client;
pub mod load;
pub mod protocol;
