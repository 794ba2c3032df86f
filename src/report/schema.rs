//! The JSON Schema of results, made of the very types that are written.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::result::RunResult;

/// JSON Schema (2020-12) of a [`RunResult`].
///
/// Members that may be absent are never null, which the generator cannot know and says otherwise; so
/// null is taken out of the types it gives them.
#[must_use]
pub fn schema() -> Value {
    schema_of::<RunResult>()
}

/// The same of another document without nulls.
#[must_use]
pub fn schema_of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let mut schema = settings
        .into_generator()
        .into_root_schema_for::<T>()
        .to_value();
    forbid_null(&mut schema);
    schema
}

fn forbid_null(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(forbid_null),
        Value::Object(members) => {
            members.values_mut().for_each(forbid_null);
            if let Some(Value::Array(types)) = members.get_mut("type") {
                types.retain(|name| name != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    members.insert("type".to_owned(), only);
                }
            }
            let Some(Value::Array(any)) = members.get_mut("anyOf") else {
                return;
            };
            any.retain(|choice| choice.get("type").is_none_or(|name| name != "null"));
            if let [Value::Object(only)] = any.as_slice() {
                let only = only.clone();
                members.remove("anyOf");
                members.extend(only);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use crate::report::sample;

    use super::*;

    #[test]
    fn results_of_every_kind_are_valid() {
        let validator = jsonschema::draft202012::new(&schema()).unwrap();
        for result in [
            sample::open(),
            sample::closed(),
            sample::oneway(),
            sample::nothing(),
        ] {
            let json = serde_json::to_value(&result).unwrap();
            let errors: Vec<_> = validator
                .iter_errors(&json)
                .map(|error| error.to_string())
                .collect();
            assert_eq!(errors, Vec::<String>::new());
        }
    }

    #[test]
    fn what_the_contract_names_is_required_and_null_is_refused() {
        let validator = jsonschema::draft202012::new(&schema()).unwrap();
        let json = serde_json::to_value(sample::open()).unwrap();
        for (section, member) in [
            ("", "schema_version"),
            ("", "run"),
            ("", "verdict"),
            ("", "config_source"),
            ("/accounts", "unsent"),
            ("/retries", "by_attempt"),
            ("/latency", "lateness"),
            ("/latency/response", "clamped"),
            ("/brokers/0", "errors"),
            ("/run/target", "kind"),
        ] {
            let mut without = json.clone();
            without
                .pointer_mut(section)
                .unwrap()
                .as_object_mut()
                .unwrap()
                .remove(member)
                .unwrap();
            assert!(
                !validator.is_valid(&without),
                "{section}/{member} may be left out"
            );
        }
        for member in [
            "/latency/response",
            "/latency/response/p50_ns",
            "/rate/planned_per_s",
        ] {
            let mut null = json.clone();
            *null.pointer_mut(member).unwrap() = Value::Null;
            assert!(!validator.is_valid(&null), "{member} may be null");
        }
    }

    #[test]
    fn every_member_is_described() {
        fn undescribed(path: &str, schema: &Value, found: &mut Vec<String>) {
            let Value::Object(members) = schema else {
                return;
            };
            if let Some(Value::Object(properties)) = members.get("properties") {
                for (name, property) in properties {
                    if property.get("description").is_none() {
                        found.push(format!("{path}.{name}"));
                    }
                }
            }
            members
                .iter()
                .for_each(|(name, member)| undescribed(&format!("{path}/{name}"), member, found));
        }
        let mut found = Vec::new();
        undescribed("", &schema(), &mut found);
        assert_eq!(found, Vec::<String>::new());
    }
}
