//! Topic, producer group and tags, checked as the Java client and the broker check them.

use std::fmt;
use std::str::FromStr;

use super::ValueError;

/// Most characters of a topic (R26).
const MAX_TOPIC: usize = 127;
/// Most characters of a group (R7).
const MAX_GROUP: usize = 120;
/// Group nobody may use (R8).
const RESERVED_GROUP: &str = "DEFAULT_PRODUCER";
/// Topics nobody may send to (R27).
const SYSTEM_TOPICS: [&str; 6] = [
    "SCHEDULE_TOPIC_XXXX",
    "RMQ_SYS_TRANS_HALF_TOPIC",
    "RMQ_SYS_TRANS_OP_HALF_TOPIC",
    "TRANS_CHECK_MAX_TIME_TOPIC",
    "SELF_TEST_TOPIC",
    "OFFSET_MOVED_EVENT",
];

/// A topic that may be sent to (R26, R27).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicName(pub String);

/// A producer group (R7, R8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupName(pub String);

/// Value of the message property TAGS; empty for none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tags(pub String);

fn check(what: &str, text: &str, most: usize) -> Result<(), ValueError> {
    if text.is_empty() {
        return Err(ValueError::new(format!("a {what} cannot be empty")));
    }
    if let Some(wrong) = text
        .chars()
        .find(|c| !(c.is_ascii_alphanumeric() || "%|-_".contains(*c)))
    {
        return Err(ValueError::new(format!(
            "`{text}` contains {wrong:?}: a {what} is made of letters, digits, `%`, `|`, `-`, `_`"
        )));
    }
    if text.len() > most {
        return Err(ValueError::new(format!(
            "the {what} has {} characters, at most {most} are allowed",
            text.len()
        )));
    }
    Ok(())
}

impl FromStr for TopicName {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        check("topic", text, MAX_TOPIC)?;
        if SYSTEM_TOPICS.contains(&text) {
            return Err(ValueError::new(format!(
                "`{text}` is a system topic that nobody may send to"
            )));
        }
        Ok(Self(text.to_owned()))
    }
}

impl FromStr for GroupName {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        check("group", text, MAX_GROUP)?;
        if text == RESERVED_GROUP {
            return Err(ValueError::new(format!(
                "`{text}` is reserved: choose another group"
            )));
        }
        Ok(Self(text.to_owned()))
    }
}

impl FromStr for Tags {
    type Err = ValueError;

    /// Control characters separate properties on the wire.
    fn from_str(text: &str) -> Result<Self, ValueError> {
        if text.chars().any(char::is_control) {
            return Err(ValueError::new("tags cannot contain control characters"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Tags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_follow_r26_and_r27() {
        for text in ["BenchmarkTest", "a", "%RETRY%x|y-z_1", &"t".repeat(127)] {
            assert_eq!(text.parse::<TopicName>().expect(text).to_string(), text);
        }
        for (text, part) in [
            ("", "empty"),
            ("a b", "' '"),
            ("thema/ä", "'/'"),
            (&"t".repeat(128), "at most 127"),
            ("SCHEDULE_TOPIC_XXXX", "system topic"),
            ("RMQ_SYS_TRANS_HALF_TOPIC", "system topic"),
            ("OFFSET_MOVED_EVENT", "system topic"),
        ] {
            let error = text.parse::<TopicName>().expect_err(text).to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn groups_follow_r7_and_r8() {
        assert!("rmq_bench_producer".parse::<GroupName>().is_ok());
        assert!("g".repeat(120).parse::<GroupName>().is_ok());
        for (text, part) in [
            ("", "empty"),
            ("a.b", "'.'"),
            (&"g".repeat(121), "at most 120"),
            ("DEFAULT_PRODUCER", "reserved"),
        ] {
            let error = text.parse::<GroupName>().expect_err(text).to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn tags_keep_clear_of_the_separators() {
        assert_eq!("TagA".parse(), Ok(Tags("TagA".to_owned())));
        assert!("a\u{1}b".parse::<Tags>().is_err());
    }
}
