//! The settings of one run: the same in all its processes, but for those of a process or its host.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::super::result::RunResult;
use super::{MergeError, Part};

/// Settings that may differ: which process it is, how it shares its machine, who it says it is, where its files
/// are, and what it shows.
const OF_A_PROCESS: &[&str] = &[
    "shard",
    "start_at",
    "shards",
    "shards_why",
    "rt",
    "client_ip",
    "instance_name",
    "credentials",
    "tls_ca",
    "tls_cert",
    "tls_key",
    "output",
    "format",
    "intervals",
    "hlog",
    "audit",
    "bundle",
    "quiet",
    "no_color",
    "no_progress",
];
/// Where a setting came from, when that differs.
const MIXED: &str = "mixed";

/// # Errors
/// [`MergeError::Settings`] with every difference.
pub(super) fn same(left: &Part, right: &Part) -> Result<(), MergeError> {
    let differences = differences(&left.result, &right.result);
    if differences.is_empty() {
        return Ok(());
    }
    Err(MergeError::Settings {
        left: left.name.clone(),
        right: right.name.clone(),
        differences,
    })
}

fn differences(left: &RunResult, right: &RunResult) -> Vec<String> {
    let mut differences = Vec::new();
    let mut compare =
        |what: &str, left: &dyn Fn() -> String, right: &dyn Fn() -> String, same: bool| {
            if !same {
                differences.push(format!("{what} differs ({} and {})", left(), right()));
            }
        };
    let version = |result: &RunResult| {
        let git = result.tool.git.as_deref().unwrap_or("commit unknown");
        format!("{} {}, {git}", result.tool.name, result.tool.version)
    };
    compare(
        "the tool",
        &|| version(left),
        &|| version(right),
        left.tool == right.tool,
    );
    let (this, that) = (&left.run, &right.run);
    for (what, left, right) in [
        ("the command", &*this.command, &*that.command),
        ("the mode", this.mode.name(), that.mode.name()),
        (
            "the load model",
            this.load_model.name(),
            that.load_model.name(),
        ),
        ("the topic", &*this.topic, &*that.topic),
        ("the group", &*this.group, &*that.group),
    ] {
        compare(
            what,
            &|| left.to_owned(),
            &|| right.to_owned(),
            left == right,
        );
    }
    let (this, that) = (this.target.namesrv.join(";"), that.target.namesrv.join(";"));
    compare(
        "the name server",
        &|| this.clone(),
        &|| that.clone(),
        this == that,
    );
    let batch = |result: &RunResult| format!("{:?}", result.run.batch);
    compare(
        "the batch",
        &|| batch(left),
        &|| batch(right),
        left.run.batch == right.run.batch,
    );
    let keys: BTreeSet<&String> = left.config.keys().chain(right.config.keys()).collect();
    let shown = |value: Option<&Value>| match value {
        None => "unset".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    for key in keys {
        let (this, that) = (left.config.get(key), right.config.get(key));
        let may_differ = OF_A_PROCESS.contains(&key.as_str());
        compare(
            key,
            &|| shown(this),
            &|| shown(that),
            may_differ || this == that,
        );
    }
    differences
}

/// What all have in common, and where it came from.
pub(super) fn union(all: &[&RunResult]) -> (Map<String, Value>, BTreeMap<String, String>) {
    let Some((first, others)) = all.split_first() else {
        return Default::default();
    };
    let (mut config, mut sources) = (first.config.clone(), first.config_source.clone());
    // One alone keeps what it says of its own process only if it was merged before: then it says nothing.
    config.retain(|key, value| {
        key != "shard"
            && others
                .iter()
                .all(|other| other.config.get(key) == Some(value))
    });
    sources.retain(|key, _| config.contains_key(key));
    for (key, source) in &mut sources {
        if others
            .iter()
            .any(|other| other.config_source.get(key) != Some(source))
        {
            MIXED.clone_into(source);
        }
    }
    (config, sources)
}
