//! rmq-bench: load generator and benchmark for Apache RocketMQ.

pub mod client;
pub mod load;
pub mod metrics;
pub mod protocol;
pub mod report;
pub mod verdict;
