//! Brokers left out, and what needs them.

use super::super::error::ConfigError;
use super::super::settings::Settings;
use crate::load::{ResponderKind, SendMode};

/// Refuses to leave brokers out by which others may answer: there is no connection to them.
///
/// # Errors
/// [`ConfigError::Contradiction`].
pub(super) fn check(settings: &Settings) -> Result<(), ConfigError> {
    let others = settings.responder.value.0 == ResponderKind::Others;
    let asks = settings.mode.value.0 == SendMode::Request;
    match &settings.without {
        Some(without) if asks && others => Err(ConfigError::Contradiction {
            key: "without",
            source_of_value: without.source.clone(),
            other: "responder",
            reason: "others may answer by a broker that is left out, where nobody hears it"
                .to_owned(),
            hint: "have requests answered by --responder built-in, or leave no broker out"
                .to_owned(),
        }),
        _ => Ok(()),
    }
}
