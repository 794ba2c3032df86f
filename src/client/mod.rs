//! The producer client: one shared instance, routes, queue choice, fault avoidance, retries, send.

pub mod config;
pub mod error;

pub use config::{
    ClientConfig, FaultClass, FaultConfig, FaultGeneration, QueueOrder, SendConfig, TransportConfig,
};
pub use error::{ClientError, ErrorKind};
