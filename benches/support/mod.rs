//! What benches and measuring programs share.

#![allow(dead_code, reason = "each program uses its part")]

pub(crate) mod frames;
pub(crate) mod memory;
pub(crate) mod parts;
pub(crate) mod ratio;
pub(crate) mod rig;
