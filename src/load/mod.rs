//! Load: what is due when, and the shards that send it.

pub mod plan;

pub use plan::{Arrivals, Bound, LoadModel, LoadPlan, Rate, SendMode, WhenLate};
