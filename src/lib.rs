//! rmq-bench: load generator and benchmark for Apache RocketMQ.

pub mod protocol;
