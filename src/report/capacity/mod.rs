//! What a search for a capacity found out: the answer, every step on the way, the curve.
//!
//! - [`document`]: the document, with a schema; [`window`]: one window of it; [`one_less`]: the same with a broker less
//! - [`consequences`]: what the answer means for a demand, with one broker less, in bytes and money
//! - [`text`], [`markdown`], [`csv`]: a document in each format; `words`: its sentences

pub mod consequences;
pub mod csv;
pub mod document;
pub mod markdown;
pub mod one_less;
pub mod text;
pub mod window;
pub(super) mod words;

pub use consequences::{Consequences, Searched};
pub use document::{
    Answer, AnswerKind, CapacityResult, CapacityRun, Curve, KIND, Step, StepOutcome,
};
pub use one_less::OneLess;
pub use window::{ObjectiveFigure, WindowFigures};
pub use words::sentence;
