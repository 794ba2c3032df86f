//! What a capacity means: for a demand and its growth, with one broker less, in bytes and in money.
//!
//! - `figures`: the document's part, with a schema
//! - `reckon`: from the answer to them; `cost`: the part about money; `growth`: when a demand reaches a rate
//! - `words`: sentences and tables, which all formats share
//!
//! All of it is reckoned from the answer and from what was said besides; nothing in here was measured.

mod cost;
mod figures;
mod growth;
pub(in crate::report::capacity) mod reckon;
pub(in crate::report) mod words;

pub use figures::{
    Basis, BodyBytes, Consequences, Cost, Demand, MillionCost, OneBrokerLess, Reached, When,
};
pub use reckon::Searched;
