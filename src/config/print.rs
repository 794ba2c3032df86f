//! The resolved configuration as text that is itself a profile.

use std::path::Path;

use super::plan::RunPlan;
use super::setting::{Heading, Setting, SettingValue};
use super::settings::SETTINGS;

/// Column of the comments.
const COMMENT_COLUMN: usize = 40;

/// A TOML profile that resolves to the same run; each line says where its value came from.
/// Settings without a value or an effect stand there as comments.
#[must_use]
pub fn profile(plan: &RunPlan) -> String {
    let mut text = String::from("# rmq-bench profile: rmq-bench run FILE\n");
    lines(&mut text, plan, |setting, value| {
        // Wherever the profile comes to stand, the record is where it is.
        let value = match (setting.key, recorded(value)) {
            ("arrivals", Some(file)) => {
                let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
                SettingValue::Text(format!("@{}", file.display()))
            }
            _ => value.clone(),
        };
        Some(value)
    });
    text
}

/// The same for a folder that may be moved: `record` is the name of the recorded arrivals beside the profile, and
/// what belongs to one occasion alone ([`Setting::is_repeated`]) stands there as a comment.
#[must_use]
pub fn portable_profile(plan: &RunPlan, record: &str) -> String {
    let mut text = String::from(
        "# rmq-bench profile of a run that was made: rmq-bench run FILE makes it again\n",
    );
    lines(&mut text, plan, |setting, value| {
        let is_record = setting.key == "arrivals" && recorded(value).is_some();
        setting.is_repeated().then(|| match is_record {
            true => SettingValue::Text(format!("@{record}")),
            false => value.clone(),
        })
    });
    text
}

/// The file of recorded arrivals.
fn recorded(value: &SettingValue) -> Option<&Path> {
    match value {
        SettingValue::Text(text) => text.strip_prefix('@').map(Path::new),
        _ => None,
    }
}

/// A line per setting; `written` says how its value is written, or that it is told only.
fn lines(
    text: &mut String,
    plan: &RunPlan,
    written: impl Fn(&Setting, &SettingValue) -> Option<SettingValue>,
) {
    let mut heading: Option<Heading> = None;
    let of_a_run =
        |setting: &&Setting| !setting.is_action() && setting.heading != Heading::Capacity;
    for setting in SETTINGS.iter().filter(of_a_run) {
        if heading != Some(setting.heading) {
            heading = Some(setting.heading);
            text.push_str(&format!("\n# {}\n", setting.heading.title()));
        }
        let resolved = plan.resolved.iter().find(|line| line.key == setting.key);
        let left_out = plan.left_out.iter().find(|line| line.key == setting.key);
        let line = match (resolved, left_out.map(|left| left.reason)) {
            (Some(resolved), _) => match written(setting, &resolved.value) {
                Some(value) => {
                    let assignment = format!("{} = {}", setting.key, toml_value(&value));
                    format!("{assignment:COMMENT_COLUMN$} # {}", resolved.source)
                }
                None => {
                    let value = toml_value(&resolved.value);
                    format!("# {} was {value}, which is not repeated", setting.key)
                }
            },
            (None, Some(reason)) if !reason.is_empty() => {
                format!("# {} has no effect: {reason}", setting.key)
            }
            (None, _) => format!("# {} is not set", setting.key),
        };
        text.push_str(&line);
        text.push('\n');
    }
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
