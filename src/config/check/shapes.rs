//! What messages cannot look like: sizes, keys and queues.

use super::super::error::ConfigError;
use super::super::settings::Settings;
use super::super::value::TopicName;
use super::{one_size, refuse};
use crate::load::{SendMode, Sizes};

/// Refuses sizes no broker takes, and what cannot be together.
///
/// # Errors
/// [`ConfigError`] for the first thing found.
pub(super) fn check(settings: &Settings) -> Result<(), ConfigError> {
    let size = &settings.size;
    for draw in size.value.sizes().draws() {
        for bytes in [draw.least(), draw.most()] {
            one_size("size", bytes as u64, &size.source)?;
        }
    }
    topics(settings)?;
    batches_are_alike(settings)?;
    one_choice_of_queues(settings)
}

/// Several topics are named or counted, and are for modes in which nothing but the send knows the topic.
fn topics(settings: &Settings) -> Result<(), ConfigError> {
    let names = &settings.topic.value.0;
    let (key, source) = match &settings.topics {
        Some(given) => ("topics", &given.source),
        None => ("topic", &settings.topic.source),
    };
    let all = settings.all_topics();
    if let Some(Err(error)) = all.last().map(|name| name.parse::<TopicName>()) {
        let hint = "shorten the name of --topic".to_owned();
        return Err(refuse(key, source, error.to_string(), hint));
    }
    let Some((other, reason, hint)) = one_topic(settings, names.len(), all.len()) else {
        return Ok(());
    };
    Err(ConfigError::Contradiction {
        key,
        source_of_value: source.clone(),
        other,
        reason,
        hint,
    })
}

/// Why there can be one topic only: the setting in the way, the reason, and the way out.
fn one_topic(
    settings: &Settings,
    named: usize,
    all: usize,
) -> Option<(&'static str, String, String)> {
    let mode = settings.mode.value.0;
    let (other, reason, hint) = if settings.topics.is_some() && named > 1 {
        let reason = format!("{named} topics are named");
        ("topic", reason, "name one with --topic, or drop --topics")
    } else if all < 2 {
        return None;
    } else if matches!(mode, SendMode::Tx | SendMode::Request) {
        let reason = format!("messages of mode {} go to one topic", mode.name());
        ("mode", reason, "send to one topic, or in another mode")
    } else if settings.trace.is_some() {
        let reason = "messages to several topics are not traced".to_owned();
        ("trace", reason, "send to one topic, or drop --trace")
    } else if settings.audit.is_some() {
        let reason = "its lines do not say which topic a message went to".to_owned();
        ("audit", reason, "send to one topic, or drop --audit")
    } else {
        return None;
    };
    Some((other, reason, hint.to_owned()))
}

/// A batch is put together before the run.
fn batches_are_alike(settings: &Settings) -> Result<(), ConfigError> {
    if settings.mode.value.0 != SendMode::Batch {
        return Ok(());
    }
    let planned = matches!(settings.size.value.sizes(), Sizes::Planned(_));
    let (key, source, what, hint) = if !settings.size.value.is_one() {
        let what = if planned {
            "one size"
        } else {
            "messages of one size"
        };
        (
            "size",
            &settings.size.source,
            what,
            "give one size, as in --size 1KiB",
        )
    } else if let Some(keys) = &settings.key_count {
        let hint = "give all messages the same keys, with --keys";
        (
            "key-count",
            &keys.source,
            "messages with the same keys",
            hint,
        )
    } else {
        return Ok(());
    };
    Err(ConfigError::Contradiction {
        key,
        source_of_value: source.clone(),
        other: "mode",
        reason: format!("batches are put together before the run, of {what}"),
        hint: format!("{hint}, or use another mode than batch"),
    })
}

fn one_choice_of_queues(settings: &Settings) -> Result<(), ConfigError> {
    let choice = &settings.queue_choice;
    let Some(keys) = settings
        .sharding_keys
        .as_ref()
        .filter(|_| choice.value.0.is_drawn())
    else {
        return Ok(());
    };
    Err(ConfigError::Contradiction {
        key: "queue-choice",
        source_of_value: choice.source.clone(),
        other: "sharding-keys",
        reason: "the queue of a message is that of its key".to_owned(),
        hint: format!(
            "drop --queue-choice, and choose keys with --key-choice, or drop --sharding-keys (set by {})",
            keys.source
        ),
    })
}
