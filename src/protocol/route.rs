//! Route placeholder
