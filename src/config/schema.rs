//! The JSON Schema of profiles, from the list of settings.

use serde_json::{Map, Value, json};

use super::setting::{Arity, Setting};
use super::settings::SETTINGS;

/// Draft 2020-12 schema of a profile.
#[must_use]
pub fn profile() -> Value {
    let properties: Map<String, Value> = SETTINGS
        .iter()
        .map(|setting| (setting.key.to_owned(), property(setting)))
        .collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "rmq-bench profile",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    })
}

fn property(setting: &Setting) -> Value {
    let summary = setting.help.first().map_or("", |line| line.trim());
    let mut property = match setting.arity {
        Arity::Switch => json!({"type": "boolean"}),
        Arity::Many => json!({"type": ["array", "string"], "items": {"type": "string"}}),
        Arity::One => json!({"type": ["string", "integer", "number", "boolean"]}),
    };
    property["description"] = json!(format!("{summary}. Takes {}.", setting.expected));
    if let Some(default) = setting.default {
        property["default"] = match setting.arity {
            Arity::Switch => json!(default == "true"),
            Arity::One | Arity::Many => json!(default),
        };
    }
    property
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::profile::BUILT_IN;
    use crate::config::{Sources, print, resolve};

    #[test]
    fn profiles_keep_to_the_schema() {
        let validator = jsonschema::validator_for(&profile()).expect("a valid schema");
        let printed = print::profile(&resolve(&Sources::default()).expect("defaults"));
        let texts = BUILT_IN
            .iter()
            .map(|(_, text)| *text)
            .chain([printed.as_str()]);
        for text in texts {
            let value: toml::Value = toml::from_str(text).expect(text);
            let value = serde_json::to_value(value).expect("JSON");
            assert!(validator.is_valid(&value), "{text}");
        }
        assert!(!validator.is_valid(&json!({"durration": "10s"})));
        assert!(!validator.is_valid(&json!({"strict": "yes"})));
    }
}
