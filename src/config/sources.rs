//! Where settings come from, and who wins: command line > environment > profile > default.

use super::error::ConfigError;
use super::profile::{Profile, unknown_key};
use super::setting::{Arity, Layer, RawValue, Source};
use super::settings::{SETTINGS, setting};
use super::suggest;

/// Variable RocketMQ's own clients read; weaker than `RMQ_BENCH_NAMESRV`.
const NAMESRV_ADDR: &str = "NAMESRV_ADDR";
/// Variable that asks every program to leave colour out (<https://no-color.org>).
const NO_COLOR: &str = "NO_COLOR";

/// Everything that may set something.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The profile of `run`.
    pub profile: Option<Profile>,
    /// Variables `RMQ_BENCH_…`, see [`environment`].
    pub environment: Layer,
    /// Options and `--set`.
    pub command_line: Layer,
}

impl Sources {
    /// One value per setting: the strongest. Lists are replaced, not joined.
    #[must_use]
    pub fn merge(&self) -> Layer {
        let mut merged: Layer = SETTINGS
            .iter()
            .filter_map(|setting| {
                let raw = RawValue {
                    texts: vec![setting.default?.to_owned()],
                    source: Source::Default,
                };
                Some((setting.key, raw))
            })
            .collect();
        let profile = self.profile.iter().map(|profile| &profile.values);
        for layer in profile.chain([&self.environment, &self.command_line]) {
            merged.extend(layer.iter().map(|(key, raw)| (*key, raw.clone())));
        }
        merged
    }
}

/// Reads the environment through `lookup`. A variable that is empty counts as not set; a list is
/// separated by commas.
#[must_use]
pub fn environment(lookup: impl Fn(&str) -> Option<String>) -> Layer {
    let lookup = |variable: &str| lookup(variable).filter(|text| !text.is_empty());
    let mut layer = Layer::new();
    for setting in SETTINGS {
        let variable = setting.environment();
        let Some(text) = lookup(&variable) else {
            continue;
        };
        let texts = match setting.arity {
            Arity::Many => text.split(',').map(|part| part.trim().to_owned()).collect(),
            Arity::One | Arity::Switch => vec![text],
        };
        let source = Source::Environment(variable);
        layer.insert(setting.key, RawValue { texts, source });
    }
    if let Some(text) = lookup(NAMESRV_ADDR) {
        layer.entry("namesrv").or_insert_with(|| RawValue {
            texts: vec![text],
            source: Source::Environment(NAMESRV_ADDR.to_owned()),
        });
    }
    if lookup(NO_COLOR).is_some() {
        layer.entry("no-color").or_insert_with(|| RawValue {
            texts: vec!["true".to_owned()],
            source: Source::Environment(NO_COLOR.to_owned()),
        });
    }
    layer
}

/// One sentence for each variable that looks like a mistyped setting. Others with our prefix are
/// left alone: scripts around the tool have their own.
#[must_use]
pub fn mistyped_variables(names: impl IntoIterator<Item = String>) -> Vec<String> {
    let known: Vec<String> = SETTINGS.iter().map(super::Setting::environment).collect();
    let mistyped = names.into_iter().filter_map(|name| {
        let key = name.strip_prefix("RMQ_BENCH_")?;
        if known.contains(&name) {
            return None;
        }
        let near = suggest::nearest(key, SETTINGS.iter().map(|setting| setting.key))?;
        let near = setting(near)?.environment();
        Some(format!("{name} sets nothing: did you mean {near}?"))
    });
    mistyped.collect()
}

/// Adds the `KEY=VALUE` texts of `--set` to the options given.
///
/// # Errors
/// [`ConfigError::SetSyntax`], [`ConfigError::UnknownKey`], and [`ConfigError::SetTwice`] when an
/// option of the same name is there too.
pub fn add_set(command_line: &mut Layer, assignments: &[String]) -> Result<(), ConfigError> {
    let mut set = Layer::new();
    for assignment in assignments {
        let (key, text) = assignment
            .split_once('=')
            .ok_or_else(|| ConfigError::SetSyntax {
                text: assignment.clone(),
            })?;
        let key = key.trim();
        let known = setting(key).ok_or_else(|| unknown_key(key, "in --set".to_owned()))?;
        if command_line.contains_key(known.key) {
            return Err(ConfigError::SetTwice { key: known.key });
        }
        let raw = set.entry(known.key).or_insert_with(|| RawValue {
            texts: Vec::new(),
            source: Source::CommandLine,
        });
        raw.texts.push(text.trim().to_owned());
    }
    command_line.extend(set);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(texts: &[&str]) -> RawValue {
        RawValue {
            texts: texts.iter().map(|text| (*text).to_owned()).collect(),
            source: Source::CommandLine,
        }
    }

    #[test]
    fn the_stronger_source_wins() {
        let mut sources = Sources::default();
        assert_eq!(sources.merge()["rate"].texts, ["max"]);
        sources.profile = Some(Profile::parse("p", "rate = \"1k\"\nsize = 10").expect("valid"));
        assert_eq!(sources.merge()["rate"].texts, ["1k"]);
        sources.environment =
            environment(|name| (name == "RMQ_BENCH_RATE").then(|| "2k".to_owned()));
        assert_eq!(sources.merge()["rate"].texts, ["2k"]);
        sources.command_line.insert("rate", given(&["3k"]));
        let merged = sources.merge();
        assert_eq!(merged["rate"].texts, ["3k"]);
        assert_eq!(merged["rate"].source, Source::CommandLine);
        assert_eq!(merged["size"].texts, ["10"], "others stay the profile's");
    }

    #[test]
    fn the_environment_knows_the_variables_of_others() {
        let layer = environment(|name| match name {
            "NAMESRV_ADDR" => Some("a:1".to_owned()),
            "NO_COLOR" => Some("1".to_owned()),
            "RMQ_BENCH_FAIL_IF" => Some("p99>1ms, max>1s".to_owned()),
            "RMQ_BENCH_RATE" => Some(String::new()),
            _ => None,
        });
        assert_eq!(layer["namesrv"].texts, ["a:1"]);
        assert_eq!(layer["no-color"].texts, ["true"]);
        assert_eq!(layer["fail-if"].texts, ["p99>1ms", "max>1s"]);
        assert!(!layer.contains_key("rate"), "empty is not set");

        let own = environment(|name| name.contains("NAMESRV").then(|| name.to_owned()));
        assert_eq!(own["namesrv"].texts, ["RMQ_BENCH_NAMESRV"]);
    }

    #[test]
    fn mistyped_variables_are_found_and_foreign_ones_left_alone() {
        let names = [
            "RMQ_BENCH_RTAE",
            "RMQ_BENCH_RATE",
            "RMQ_BENCH_SUITE_FOLDER",
            "RATE",
        ];
        let sentences = mistyped_variables(names.map(ToOwned::to_owned));
        assert_eq!(
            sentences,
            ["RMQ_BENCH_RTAE sets nothing: did you mean RMQ_BENCH_RATE?"]
        );
    }

    #[test]
    fn set_is_the_command_line() {
        let mut layer = Layer::new();
        let set = ["rate=60k", "fail-if=p99>1ms", "fail-if=max>=1s"].map(ToOwned::to_owned);
        add_set(&mut layer, &set).expect("valid");
        assert_eq!(layer["rate"], given(&["60k"]));
        assert_eq!(layer["fail-if"].texts, ["p99>1ms", "max>=1s"]);

        let mut error = |text: &str| {
            let error = add_set(&mut layer, &[text.to_owned()]).expect_err(text);
            (error.to_string(), error.hint())
        };
        assert!(error("size").0.contains("not KEY=VALUE"));
        assert!(error("raet=1").0.contains("did you mean `rate`"));
        assert!(error("rate=1").0.contains("--rate (profile key `rate`)"));
    }
}
