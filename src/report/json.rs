//! A result as JSON: the form scripts rely on, and the one results are read back from.

use std::io::{self, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use thiserror::Error;

use super::result::{RunResult, SCHEMA_VERSION};

/// Writes a result as indented JSON with a final line end.
///
/// # Errors
/// What the writer says.
pub fn write(out: &mut (impl Write + ?Sized), result: &RunResult) -> io::Result<()> {
    write_document(out, result)
}

/// The same of any document of ours.
///
/// # Errors
/// What the writer says.
pub(super) fn write_document(
    out: &mut (impl Write + ?Sized),
    document: &impl Serialize,
) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, document)?;
    writeln!(out)
}

/// Why a result could not be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReadResultError {
    /// Not JSON, or not with the members of a result.
    #[error("this is no result of rmq-bench: {0}")]
    Form(#[from] serde_json::Error),
    /// A result whose figures mean something else.
    #[error(
        "the result has schema_version {found}, this build reads {SCHEMA_VERSION}: use the version that wrote it"
    )]
    Version {
        /// Version found.
        found: u64,
    },
}

/// Reads a result.
///
/// # Errors
/// [`ReadResultError::Form`] when the text is no result, [`ReadResultError::Version`] when its figures
/// have another meaning.
pub fn read(text: &str) -> Result<RunResult, ReadResultError> {
    of_this_version(serde_json::from_str(text)?)
}

/// Reads a document of this `kind`; `None` when it is JSON of another one.
///
/// # Errors
/// [`ReadResultError::Form`] when it is not JSON, or says to be of that kind and is not.
/// [`ReadResultError::Version`] when its figures have another meaning.
pub(super) fn read_kind<T: DeserializeOwned>(
    text: &str,
    kind: &str,
) -> Result<Option<T>, ReadResultError> {
    let value: Value = serde_json::from_str(text)?;
    if value.get("kind").and_then(Value::as_str) != Some(kind) {
        return Ok(None);
    }
    of_this_version(value).map(Some)
}

fn of_this_version<T: DeserializeOwned>(value: Value) -> Result<T, ReadResultError> {
    // The version first: what another version lacks would otherwise be named as the mistake.
    match value.get("schema_version").and_then(Value::as_u64) {
        Some(found) if found != u64::from(SCHEMA_VERSION) => {
            Err(ReadResultError::Version { found })
        }
        _ => Ok(serde_json::from_value(value)?),
    }
}

#[cfg(test)]
mod tests {
    use crate::report::sample;

    use super::*;

    fn written(result: &RunResult) -> String {
        let mut out = Vec::new();
        write(&mut out, result).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_result_is_read_back_as_it_was_written() {
        for result in [
            sample::open(),
            sample::closed(),
            sample::oneway(),
            sample::nothing(),
        ] {
            let text = written(&result);
            assert_eq!(read(&text).unwrap(), result);
            assert!(text.ends_with("}\n") && !text.contains("null"), "{text}");
        }
    }

    #[test]
    fn another_version_is_refused_by_name() {
        let text =
            written(&sample::open()).replace("\"schema_version\": 1", "\"schema_version\": 7");
        assert!(matches!(
            read(&text),
            Err(ReadResultError::Version { found: 7 })
        ));
        assert!(matches!(read("{}"), Err(ReadResultError::Form(_))));
        assert!(matches!(read("no json"), Err(ReadResultError::Form(_))));
    }
}
