//! Certificates and keys of `--tls`, read from their files.

use std::path::Path;

use crate::config::plan::TlsPlan;
use crate::transport::{Tls, TlsFiles};

/// Reads what the plan names.
///
/// # Errors
/// Which file is at fault, and how.
pub(super) fn load(plan: &TlsPlan) -> Result<Tls, String> {
    let read = |path: &Path| {
        std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
    };
    let authorities = plan.authorities.as_deref().map(read).transpose()?;
    let identity = match &plan.identity {
        Some((chain, key)) => Some((read(chain)?, read(key)?)),
        None => None,
    };
    let files = TlsFiles {
        authorities: authorities.as_deref(),
        identity: identity.as_ref().map(|(chain, key)| (&**chain, &**key)),
        server_name: plan.server_name.as_deref(),
        trust_anybody: plan.trust_anybody,
    };
    Tls::new(files).map_err(|error| error.to_string())
}
