//! The run of `produce` itself.

use super::exit::Exit;
use super::{dry_run, message};
use crate::config::RunPlan;

/// Carries out a plan and reports it.
#[must_use]
#[allow(clippy::needless_pass_by_value, reason = "a run owns its plan")]
pub fn execute(plan: RunPlan) -> Exit {
    message::note(&dry_run::text(&plan));
    message::error(&"runs are not available yet in this version");
    Exit::OwnError
}
