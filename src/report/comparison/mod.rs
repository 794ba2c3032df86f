//! Two groups of results set against one another: better, worse, the same or inconclusive, and what else
//! differs.
//!
//! - [`document`]: what a comparison says, with its schema
//! - [`groups`]: what may be compared: refusals, doubts, settings that differ
//! - [`build`]: from two groups of results to the document
//! - `words`: its sentences; [`text`], [`markdown`]: the document for people

pub mod build;
pub mod document;
pub mod groups;
pub mod markdown;
pub mod text;
mod words;

pub use build::{CompareOptions, compare_results};
pub use document::Comparison;
pub use groups::ComparisonError;
