//! What is wrong with a configuration, where it stands, and what to do about it.

use std::path::PathBuf;

use thiserror::Error;

use super::setting::Source;

/// A configuration that cannot be run. The message says what is wrong and where;
/// [`ConfigError::hint`] says the way out.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A value that is not of its setting's type, or out of its range.
    #[error("{}: {reason}", place(key, source_of_value))]
    Value {
        /// The setting.
        key: &'static str,
        /// Who set it.
        source_of_value: Source,
        /// What is wrong.
        reason: String,
        /// What to write instead.
        hint: String,
    },
    /// Two settings that exclude each other.
    #[error(
        "{} contradicts {}: {reason}",
        place(key, source_of_value),
        name(other)
    )]
    Contradiction {
        /// The setting that has to go.
        key: &'static str,
        /// Who set it.
        source_of_value: Source,
        /// The setting it contradicts.
        other: &'static str,
        /// Why.
        reason: String,
        /// The way out.
        hint: String,
    },
    /// A key that is no setting.
    #[error("unknown key `{key}` {place}{}", did_you_mean(*suggestion))]
    UnknownKey {
        /// As written.
        key: String,
        /// Where it stands: "at line 3 of smoke.toml", "in --set".
        place: String,
        /// The setting that may have been meant.
        suggestion: Option<&'static str>,
    },
    /// A profile that is not readable as TOML, or whose value has no text form.
    #[error("profile {file}: {detail}")]
    Syntax {
        /// Name or path.
        file: String,
        /// The parser's report with line and column.
        detail: String,
    },
    /// A profile that could not be read.
    #[error("cannot read profile {}: {error}", path.display())]
    Read {
        /// Its path.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// No built-in profile and no file of that name.
    #[error("no profile `{name}`: neither built in nor a file")]
    NoProfile {
        /// As given to `run`.
        name: String,
        /// Built-in names.
        built_in: String,
    },
    /// `--set` without `=`.
    #[error("--set `{text}` is not KEY=VALUE")]
    SetSyntax {
        /// As given.
        text: String,
    },
    /// The same setting twice on the command line.
    #[error("{} is set twice: by the option and by --set", name(key))]
    SetTwice {
        /// The setting.
        key: &'static str,
    },
}

/// The setting as option and as profile key.
fn name(key: &str) -> String {
    format!("--{key} (profile key `{key}`)")
}

/// The setting and who set it.
fn place(key: &str, source: &Source) -> String {
    match source {
        Source::CommandLine | Source::Default => name(key),
        Source::Profile { .. } | Source::Environment(_) | Source::FirstRun(_) => {
            format!("{}, set by {source}", name(key))
        }
    }
}

fn did_you_mean(suggestion: Option<&str>) -> String {
    suggestion.map_or_else(String::new, |near| format!(": did you mean `{near}`?"))
}

impl ConfigError {
    /// A wrong value whose hint says what is expected.
    pub(crate) fn value(
        key: &'static str,
        source: &Source,
        reason: String,
        expected: &'static str,
    ) -> Self {
        Self::Value {
            key,
            source_of_value: source.clone(),
            reason,
            hint: format!("--{key} takes {expected}"),
        }
    }

    /// The way out.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Value { hint, .. } | Self::Contradiction { hint, .. } => hint.clone(),
            Self::UnknownKey { .. } => {
                "keys are the names of the options: see rmq-bench produce --help, or capacity --help".to_owned()
            }
            Self::Syntax { .. } => {
                "a profile is TOML, one `key = value` per line; rmq-bench --print-config writes one"
                    .to_owned()
            }
            Self::Read { .. } => "give a readable TOML file or a built-in name".to_owned(),
            Self::NoProfile { built_in, .. } => {
                format!("built in are {built_in}; anything else is the path of a TOML file")
            }
            Self::SetSyntax { .. } => "write --set rate=60k".to_owned(),
            Self::SetTwice { key } => format!("keep either --{key} or --set {key}=…"),
        }
    }
}
