//! Every setting of a run, and where it came from.

use std::collections::BTreeMap;

use maud::Markup;
use serde_json::{Map, Value};

use super::table::table;

/// The settings, by name.
pub(super) fn settings(config: &Map<String, Value>, sources: &BTreeMap<String, String>) -> Markup {
    let mut keys: Vec<_> = config.iter().collect();
    keys.sort_by_key(|(key, _)| *key);
    let rows = keys.into_iter().map(|(key, value)| {
        let source = sources.get(key);
        vec![
            key.clone(),
            shown(value),
            source.map_or_else(|| "derived".to_owned(), Clone::clone),
        ]
    });
    table(
        "Settings",
        &["setting", "value", "from"],
        &rows.collect::<Vec<_>>(),
    )
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}
