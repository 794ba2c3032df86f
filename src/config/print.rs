//! The resolved configuration as text that is itself a profile.

use super::plan::RunPlan;
use super::setting::{Heading, SettingValue};
use super::settings::SETTINGS;

/// Column of the comments.
const COMMENT_COLUMN: usize = 40;

/// A TOML profile that resolves to the same run; each line says where its value came from.
/// Settings without a value or an effect stand there as comments.
#[must_use]
pub fn profile(plan: &RunPlan) -> String {
    let mut text = String::from("# rmq-bench profile: rmq-bench run FILE\n");
    let mut heading: Option<Heading> = None;
    for setting in SETTINGS.iter().filter(|setting| !setting.is_action()) {
        if heading != Some(setting.heading) {
            heading = Some(setting.heading);
            text.push_str(&format!("\n# {}\n", setting.heading.title()));
        }
        let resolved = plan.resolved.iter().find(|line| line.key == setting.key);
        let left_out = plan.left_out.iter().find(|line| line.key == setting.key);
        let line = match (resolved, left_out.map(|left| left.reason)) {
            (Some(resolved), _) => {
                let assignment = format!("{} = {}", setting.key, toml_value(&resolved.value));
                format!("{assignment:COMMENT_COLUMN$} # {}", resolved.source)
            }
            (None, Some(reason)) if !reason.is_empty() => {
                format!("# {} has no effect: {reason}", setting.key)
            }
            (None, _) => format!("# {} is not set", setting.key),
        };
        text.push_str(&line);
        text.push('\n');
    }
    text
}

fn toml_value(value: &SettingValue) -> String {
    let string = |text: &String| toml::Value::String(text.clone());
    match value {
        SettingValue::Switch(switch) => switch.to_string(),
        SettingValue::Integer(number) => number.to_string(),
        SettingValue::Text(text) => string(text).to_string(),
        SettingValue::List(texts) => {
            toml::Value::Array(texts.iter().map(string).collect()).to_string()
        }
    }
}
