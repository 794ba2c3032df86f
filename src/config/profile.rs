//! Profiles: TOML files of settings, some of them built in.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::ConfigError;
use super::setting::{Layer, RawValue, Source};
use super::settings::{SETTINGS, setting};
use super::suggest;

/// The built-in profiles: name and text.
pub const BUILT_IN: [(&str, &str); 4] = [
    ("smoke", include_str!("../../profiles/smoke.toml")),
    ("steady", include_str!("../../profiles/steady.toml")),
    ("saturate", include_str!("../../profiles/saturate.toml")),
    ("capacity", include_str!("../../profiles/capacity.toml")),
];

/// A profile as read: which settings it has, not yet understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Built-in name or path, as given.
    pub name: String,
    /// Its values.
    pub values: Layer,
}

impl Profile {
    /// The built-in profile of this name, or else the file of this path.
    ///
    /// # Errors
    /// [`ConfigError::NoProfile`] when there is neither, [`ConfigError::Read`] when the file cannot
    /// be read, and the errors of [`Profile::parse`].
    pub fn load(name: &str) -> Result<Self, ConfigError> {
        if let Some((_, text)) = BUILT_IN.iter().find(|(known, _)| *known == name) {
            return Self::parse(name, text);
        }
        let path = Path::new(name);
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(name, &text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(ConfigError::NoProfile {
                    name: name.to_owned(),
                    built_in: BUILT_IN.map(|(known, _)| known).join(", "),
                })
            }
            Err(error) => Err(ConfigError::Read {
                path: path.to_owned(),
                error,
            }),
        }
    }

    /// Reads the text of a profile.
    ///
    /// # Errors
    /// [`ConfigError::Syntax`] for what is not TOML or not flat, [`ConfigError::UnknownKey`] for a
    /// key that is no setting.
    pub fn parse(name: &str, text: &str) -> Result<Self, ConfigError> {
        let table = DeTable::parse(text).map_err(|error| ConfigError::Syntax {
            file: name.to_owned(),
            detail: error.to_string().trim_end().to_owned(),
        })?;
        let mut values = Layer::new();
        for (key, value) in table.get_ref() {
            let line = line_of(text, key.span().start);
            let written: &str = key.get_ref().as_ref();
            let Some(known) = setting(written) else {
                return Err(unknown_key(written, format!("at line {line} of {name}")));
            };
            let texts = texts(value).map_err(|what| ConfigError::Syntax {
                file: name.to_owned(),
                detail: format!(
                    "line {line}: `{}` cannot be {what}: write a text, a number, true or false",
                    known.key
                ),
            })?;
            let texts = match known.key {
                "arrivals" => texts.iter().map(|text| beside(name, text)).collect(),
                _ => texts,
            };
            let source = Source::Profile {
                file: name.to_owned(),
                line,
            };
            values.insert(known.key, RawValue { texts, source });
        }
        Ok(Self {
            name: name.to_owned(),
            values,
        })
    }
}

/// `@FILE` in the profile of this path, seen from where the process is.
fn beside(profile: &str, text: &str) -> String {
    let folder = Path::new(profile).parent();
    match (text.strip_prefix('@'), folder) {
        (Some(file), Some(folder)) if !file.is_empty() => {
            format!("@{}", folder.join(file).display())
        }
        _ => text.to_owned(),
    }
}

/// The error for a name that is no setting.
pub(crate) fn unknown_key(key: &str, place: String) -> ConfigError {
    ConfigError::UnknownKey {
        key: key.to_owned(),
        place,
        suggestion: suggest::nearest(key, SETTINGS.iter().map(|setting| setting.key)),
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().get(..offset).unwrap_or_default();
    1 + before.iter().filter(|byte| **byte == b'\n').count()
}

/// The value as the text an option would have; an array as several.
fn texts(value: &Spanned<DeValue<'_>>) -> Result<Vec<String>, &'static str> {
    match value.get_ref() {
        DeValue::Array(items) => items.iter().map(|item| text(item.get_ref())).collect(),
        single => text(single).map(|text| vec![text]),
    }
}

fn text(value: &DeValue<'_>) -> Result<String, &'static str> {
    match value {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Ok(number.as_str().to_owned()),
        DeValue::Integer(_) => Err("a number that is not decimal"),
        DeValue::Float(number) => Ok(number.as_str().to_owned()),
        DeValue::Boolean(switch) => Ok(switch.to_string()),
        DeValue::Datetime(_) => Err("a date"),
        DeValue::Array(_) => Err("an array of arrays"),
        DeValue::Table(_) => Err("a table"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_their_text_and_their_line() {
        let text = "# comment\nrate = \"50k\"\n\ncount = 1_000\nstrict = true\nfail-if = [\"p99>1ms\", \"max>1s\"]\n";
        let profile = Profile::parse("x.toml", text).expect("valid");
        let rate = &profile.values["rate"];
        assert_eq!(rate.texts, ["50k"]);
        assert_eq!(rate.source.to_string(), "profile x.toml, line 2");
        assert_eq!(profile.values["count"].texts[0].replace('_', ""), "1000");
        assert_eq!(profile.values["strict"].texts, ["true"]);
        assert_eq!(profile.values["fail-if"].texts, ["p99>1ms", "max>1s"]);
    }

    #[test]
    fn unknown_keys_are_errors_with_a_suggestion() {
        let text = "rate = 5\n\ndurration = \"10s\"\n";
        let error = Profile::parse("x.toml", text).expect_err("a typing mistake");
        assert_eq!(
            error.to_string(),
            "unknown key `durration` at line 3 of x.toml: did you mean `duration`?"
        );
        let error = Profile::parse("x.toml", "colour = 1").expect_err("no such key");
        assert!(!error.to_string().contains("did you mean"));
    }

    #[test]
    fn what_is_not_flat_toml_is_refused_with_its_line() {
        for (text, part) in [
            ("rate = ", "line 1"),
            ("rate = 1\nrate = 2", "duplicate key"),
            ("count = 0x10", "not decimal"),
            ("rate = 2020-01-01", "a date"),
            ("[rate]\nx = 1", "a table"),
            ("output = [[\"a.json\"]]", "array of arrays"),
        ] {
            let error = Profile::parse("x.toml", text).expect_err(text).to_string();
            assert!(error.contains(part), "{text}: {error}");
            assert!(error.contains("x.toml"), "{text}: {error}");
        }
    }

    #[test]
    fn a_record_is_looked_for_beside_the_profile() {
        for (profile, text, found) in [
            ("a/b.toml", "@c.txt", "@a/c.txt"),
            ("b.toml", "@c.txt", "@c.txt"),
            ("/a/b.toml", "@../c.txt", "@/a/../c.txt"),
            ("a/b.toml", "@/c.txt", "@/c.txt"),
            ("a/b.toml", "poisson", "poisson"),
        ] {
            let read = Profile::parse(profile, &format!("arrivals = \"{text}\"")).expect("valid");
            assert_eq!(read.values["arrivals"].texts, [found], "{profile}: {text}");
        }
    }

    #[test]
    fn a_name_that_is_neither_built_in_nor_a_file_is_told_so() {
        let error = Profile::load("no-such-profile").expect_err("does not exist");
        assert!(matches!(error, ConfigError::NoProfile { .. }));
        assert!(error.hint().contains("smoke, steady, saturate"));
    }
}
