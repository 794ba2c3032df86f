//! Every setting of a run, and where it came from.

use maud::Markup;
use serde_json::Value;

use crate::report::result::RunResult;

use super::table::table;

/// The settings, by name.
pub(super) fn settings(result: &RunResult) -> Markup {
    let mut keys: Vec<_> = result.config.iter().collect();
    keys.sort_by_key(|(key, _)| *key);
    let rows = keys.into_iter().map(|(key, value)| {
        let source = result.config_source.get(key);
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
