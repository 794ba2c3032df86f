//! What names and sizes the protocol allows (R7, R8, R10, R26–R29, R35).

use crate::client::error::ClientError;
use crate::client::system_topics::is_system_topic;

/// Longest topic, in characters.
pub const MAX_TOPIC_CHARS: usize = 127;
/// Longest group, in characters; 255 up to RocketMQ 5.3.3, 120 after.
pub const MAX_GROUP_CHARS: usize = 120;

/// Topics that exist but may not be sent to (R27).
const NOT_SENDABLE: [&str; 6] = [
    "SCHEDULE_TOPIC_XXXX",
    "RMQ_SYS_TRANS_HALF_TOPIC",
    "RMQ_SYS_TRANS_OP_HALF_TOPIC",
    "TRANS_CHECK_MAX_TIME_TOPIC",
    "SELF_TEST_TOPIC",
    "OFFSET_MOVED_EVENT",
];

fn name(what: &'static str, text: &str, most: usize) -> Result<(), ClientError> {
    let illegal = |reason: String| Err(ClientError::Illegal { what, reason });
    if text.trim().is_empty() {
        return illegal("is blank".to_owned());
    }
    if text.len() > most {
        return illegal(format!(
            "has {} characters, at most {most} are allowed",
            text.len()
        ));
    }
    let legal = |char: char| char.is_ascii_alphanumeric() || "%|-_".contains(char);
    match text.chars().find(|char| !legal(*char)) {
        Some(char) => illegal(format!(
            "{text:?} contains {char:?}; allowed are a-z A-Z 0-9 % | - _"
        )),
        None => Ok(()),
    }
}

/// Checks a topic to be sent to (R26, R27).
///
/// # Errors
/// [`ClientError::Illegal`].
pub fn topic(text: &str) -> Result<(), ClientError> {
    name("topic", text, MAX_TOPIC_CHARS)?;
    if NOT_SENDABLE.contains(&text) {
        let reason = format!("{text} is a system topic that may not be sent to");
        return Err(ClientError::Illegal {
            what: "topic",
            reason,
        });
    }
    Ok(())
}

/// Checks a topic that is to be made (R26, R85): none of RocketMQ's own.
///
/// # Errors
/// [`ClientError::Illegal`].
pub fn new_topic(text: &str) -> Result<(), ClientError> {
    topic(text)?;
    own_topic(text)
}

/// Checks a topic that is to be deleted (R26): none of RocketMQ's own.
///
/// # Errors
/// [`ClientError::Illegal`].
pub fn doomed_topic(text: &str) -> Result<(), ClientError> {
    name("topic", text, MAX_TOPIC_CHARS)?;
    own_topic(text)
}

fn own_topic(text: &str) -> Result<(), ClientError> {
    if is_system_topic(text) {
        return Err(rocketmqs_own(text));
    }
    Ok(())
}

/// A topic that is not the user's to make, change or delete.
pub(super) fn rocketmqs_own(topic: &str) -> ClientError {
    ClientError::Illegal {
        what: "topic",
        reason: format!("{topic} is RocketMQ's own, which nobody else may make, change or delete"),
    }
}

/// What batches to a retry topic end with (R60).
pub(super) fn no_batches(topic: &str) -> ClientError {
    ClientError::Illegal {
        what: "batch",
        reason: format!("has messages for {topic}, and retry topics take no batches"),
    }
}

/// Checks a producer group (R7, R8).
///
/// # Errors
/// [`ClientError::Illegal`].
pub fn group(text: &str) -> Result<(), ClientError> {
    name("group", text, MAX_GROUP_CHARS)?;
    if text == "DEFAULT_PRODUCER" {
        let reason = "DEFAULT_PRODUCER is reserved by RocketMQ; choose another group".to_owned();
        return Err(ClientError::Illegal {
            what: "group",
            reason,
        });
    }
    Ok(())
}

/// Checks a namespace (R35), whose end `%` marks.
///
/// # Errors
/// [`ClientError::Illegal`].
pub fn namespace(text: &str) -> Result<(), ClientError> {
    name("namespace", text, MAX_TOPIC_CHARS)?;
    if text.contains('%') {
        let reason = format!("{text:?} contains '%', which ends a namespace");
        return Err(ClientError::Illegal {
            what: "namespace",
            reason,
        });
    }
    Ok(())
}

/// Checks a part of a client id (R10), which `@` joins.
///
/// # Errors
/// [`ClientError::Illegal`].
pub fn id_part(what: &'static str, text: &str) -> Result<(), ClientError> {
    let illegal = |c: char| c == '@' || c.is_whitespace() || c.is_control();
    let reason = match text.chars().find(|c| illegal(*c)) {
        Some(c) => format!("{text:?} contains {c:?}"),
        None if text.is_empty() => "is blank".to_owned(),
        None => return Ok(()),
    };
    Err(ClientError::Illegal { what, reason })
}

/// Checks a body (R28, R29).
///
/// # Errors
/// [`ClientError::Illegal`].
pub fn body(bytes: usize, most: usize) -> Result<(), ClientError> {
    let reason = match bytes {
        0 => "is empty, which brokers refuse".to_owned(),
        _ if bytes > most => format!("has {bytes} bytes, at most {most} are allowed"),
        _ => return Ok(()),
    };
    Err(ClientError::Illegal {
        what: "body",
        reason,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_inclusive() {
        assert!(topic(&"a".repeat(127)).is_ok());
        assert!(topic(&"a".repeat(128)).is_err());
        assert!(group(&"g".repeat(120)).is_ok());
        assert!(group(&"g".repeat(121)).is_err());
        assert!(body(4, 4).is_ok());
        assert!(body(5, 4).is_err());
        assert!(body(0, 4).is_err());
    }

    /// R27.
    #[test]
    fn what_rocketmq_refuses_is_refused_here() {
        let own = [
            "SCHEDULE_TOPIC_XXXX",
            "RMQ_SYS_TRANS_HALF_TOPIC",
            "RMQ_SYS_TRANS_OP_HALF_TOPIC",
            "TRANS_CHECK_MAX_TIME_TOPIC",
            "SELF_TEST_TOPIC",
            "OFFSET_MOVED_EVENT",
        ];
        for bad in ["", " ", "a b", "a.b", "тема"].iter().chain(&own) {
            assert!(topic(bad).is_err(), "{bad}");
        }
        assert!(topic("BenchmarkTest").is_ok());
        for own in [
            "TBW102",
            "BenchmarkTest",
            "rmq_sys_x",
            "RMQ_SYS_TRACE_TOPIC",
            "SELF_TEST_TOPIC",
        ] {
            assert!(new_topic(own).is_err(), "{own}");
            assert!(doomed_topic(own).is_err(), "{own}");
        }
        assert!(new_topic("orders").is_ok() && doomed_topic("orders").is_ok());
        assert!(doomed_topic("a b").is_err());
        assert!(doomed_topic("%RETRY%g").is_ok(), "of a group that is gone");
        assert!(group("DEFAULT_PRODUCER").is_err());
        assert!(group("%RETRY%a|b-c_d").is_ok());
    }
}
