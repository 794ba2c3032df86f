//! The settings of a run that was made, read back from its result so that it can be made again.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::error::ConfigError;
use super::profile::{Profile, unknown_key};
use super::setting::{RawValue, Source};
use super::settings::setting;

/// What a result says among the settings and nobody set: how the run chose its threads and its tick.
const CHOSEN: [&str; 2] = ["shards_why", "tick_us"];
/// Who set a value that nobody set.
const DEFAULT: &str = "default";

/// The settings that are repeated, as a profile of the name `from`. `config` and `sources` are the members of a result.
///
/// What was a default then keeps its value and counts as a default, so that what is set now may do without it.
///
/// # Errors
/// [`ConfigError::UnknownKey`] for a setting this build does not have, [`ConfigError::Syntax`] for a value that is
/// none.
pub fn profile(
    config: &Map<String, Value>,
    sources: &BTreeMap<String, String>,
    from: &str,
) -> Result<Profile, ConfigError> {
    let mut profile = Profile {
        name: from.to_owned(),
        values: BTreeMap::new(),
    };
    for (written, value) in config {
        if CHOSEN.contains(&written.as_str()) {
            continue;
        }
        let key = written.replace('_', "-");
        let Some(known) = setting(&key) else {
            return Err(unknown_key(&key, format!("in the settings of {from}")));
        };
        if !known.is_repeated() {
            continue;
        }
        let texts = texts(value).ok_or_else(|| ConfigError::Syntax {
            file: from.to_owned(),
            detail: format!("config.{written} is no value of a setting: {value}"),
        })?;
        let source = match sources.get(written) {
            Some(source) if source == DEFAULT => Source::Default,
            _ => Source::FirstRun(from.to_owned()),
        };
        profile.values.insert(known.key, RawValue { texts, source });
    }
    Ok(profile)
}

/// The value as the text an option would have; an array as several.
fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::Array(values) => values.iter().map(text).collect(),
        single => Some(vec![text(single)?]),
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(switch) => Some(switch.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::resolve;
    use crate::config::sources::Sources;
    use serde_json::json;

    fn read(config: &Value, sources: &Value) -> Result<Profile, ConfigError> {
        let sources = serde_json::from_value(sources.clone()).expect("sources");
        profile(config.as_object().expect("an object"), &sources, "r.json")
    }

    #[test]
    fn what_is_repeated_is_read_and_the_rest_is_not() {
        let config = json!({
            "rate": "2000/s", "seed": 7, "strict": true, "fail_if": ["p99>1ms", "max>1s"], "retries": 2,
            "output": ["a.json"], "start_at": "2026-01-31T08:00:00Z", "quiet": true, "bundle": "b",
            "tick_us": 400, "shards_why": "2 cores",
        });
        let sources = json!({"rate": "command line", "retries": "default", "seed": "default"});
        let profile = read(&config, &sources).expect("valid");
        let keys: Vec<_> = profile.values.keys().copied().collect();
        assert_eq!(keys, ["fail-if", "rate", "retries", "seed", "strict"]);
        assert_eq!(profile.values["fail-if"].texts, ["p99>1ms", "max>1s"]);
        assert_eq!(profile.values["seed"].texts, ["7"]);
        assert_eq!(
            profile.values["rate"].source.to_string(),
            "first run, r.json"
        );
        assert_eq!(profile.values["retries"].source, Source::Default);
    }

    #[test]
    fn a_plan_resolves_from_what_its_own_result_says() {
        let mut first = Sources::default();
        for (key, text) in [
            ("rate", "2k"),
            ("count", "500"),
            ("seed", "3"),
            ("quiet", "true"),
        ] {
            let raw = RawValue {
                texts: vec![text.to_owned()],
                source: Source::CommandLine,
            };
            first.command_line.insert(key, raw);
        }
        let first = resolve(&first).expect("a plan");
        let mut config = Map::new();
        let mut sources = BTreeMap::new();
        for setting in &first.resolved {
            let key = setting.key.replace('-', "_");
            sources.insert(key.clone(), setting.source.to_string());
            config.insert(key, serde_json::to_value(&setting.value).expect("JSON"));
        }
        let again = resolve(&Sources {
            profile: Some(profile(&config, &sources, "r.json").expect("valid")),
            ..Sources::default()
        })
        .expect("a plan");
        assert_eq!((again.load, again.send), (first.load, first.send));
        assert_eq!((again.client, again.target), (first.client, first.target));
        assert_ne!(again.report, first.report, "who watches says what is shown");
    }

    #[test]
    fn what_is_no_setting_is_named() {
        let none = json!({});
        let error = read(&json!({"raet": "1k"}), &none).expect_err("no setting");
        assert_eq!(
            error.to_string(),
            "unknown key `raet` in the settings of r.json: did you mean `rate`?"
        );
        for value in [json!(null), json!({}), json!([[1]])] {
            let error = read(&json!({"rate": value}), &none).expect_err("no value");
            assert!(error.to_string().contains("config.rate"), "{error}");
        }
    }
}
