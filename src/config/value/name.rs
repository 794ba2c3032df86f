//! Topic, producer group and tags, checked where they are given as the client checks them.

use std::fmt;
use std::str::FromStr;

use super::ValueError;
use crate::client::{ClientError, validate};

/// A topic that may be sent to (R26, R27).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicName(pub String);

/// Topics that may be sent to, at least one, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicNames(pub Vec<String>);

impl FromStr for TopicNames {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let mut names: Vec<String> = Vec::new();
        for name in text.split(',') {
            let TopicName(name) = name.trim().parse()?;
            if names.contains(&name) {
                return Err(ValueError::new(format!("`{name}` is named twice")));
            }
            names.push(name);
        }
        Ok(Self(names))
    }
}

impl fmt::Display for TopicNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(","))
    }
}

/// Name of a broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerName(pub String);

impl FromStr for BrokerName {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        if text.is_empty()
            || text.contains(|c: char| c == ',' || c.is_whitespace() || c.is_control())
        {
            return Err(ValueError::new(format!("`{text}` is no name of a broker")));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for BrokerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Names of brokers, at least one, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerNames(pub Vec<String>);

impl FromStr for BrokerNames {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let mut names: Vec<String> = Vec::new();
        for name in text.split(',') {
            let BrokerName(name) = name.trim().parse()?;
            if names.contains(&name) {
                return Err(ValueError::new(format!("`{name}` is named twice")));
            }
            names.push(name);
        }
        Ok(Self(names))
    }
}

impl fmt::Display for BrokerNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(","))
    }
}

/// A producer group (R7, R8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupName(pub String);

/// A namespace (R35).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamespaceName(pub String);

/// Part of a client id (R10).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdPart(pub String);

/// Value of the message property TAGS; empty for none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tags(pub String);

/// Name of a host, or its address, as a certificate has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostName(pub String);

impl FromStr for HostName {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let legal = |letter: char| letter.is_ascii_alphanumeric() || ".-_:".contains(letter);
        if text.is_empty() || !text.chars().all(legal) {
            return Err(ValueError::new(format!("`{text}` is no host name")));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The setting is named by whoever reports the error.
fn reason(error: ClientError) -> ValueError {
    match error {
        ClientError::Illegal { reason, .. } => ValueError::new(reason),
        other => ValueError::new(other.to_string()),
    }
}

impl FromStr for TopicName {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        validate::topic(text).map_err(reason)?;
        Ok(Self(text.to_owned()))
    }
}

impl FromStr for GroupName {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        validate::group(text).map_err(reason)?;
        Ok(Self(text.to_owned()))
    }
}

impl FromStr for NamespaceName {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        validate::namespace(text).map_err(reason)?;
        Ok(Self(text.to_owned()))
    }
}

impl FromStr for IdPart {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        validate::id_part("part of a client id", text).map_err(reason)?;
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

impl fmt::Display for NamespaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for IdPart {
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
    fn topics_are_a_list() {
        let topics: TopicNames = "a, b,c".parse().unwrap();
        assert_eq!((topics.0.len(), topics.to_string().as_str()), (3, "a,b,c"));
        for (text, part) in [
            ("a,a", "twice"),
            ("a,,b", ""),
            ("a,SELF_TEST_TOPIC", "system topic"),
        ] {
            let error = text.parse::<TopicNames>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn brokers_are_a_list() {
        let brokers: BrokerNames = "broker-0, b.1".parse().unwrap();
        assert_eq!(brokers.to_string(), "broker-0,b.1");
        for (text, part) in [
            ("", "no name"),
            ("a,,b", "no name"),
            ("a b", "no name"),
            ("a,a", "twice"),
        ] {
            let error = text.parse::<BrokerNames>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn names_are_held_to_the_client_s_rules() {
        let topic = "%RETRY%x|y-z_1".parse::<TopicName>().expect("legal");
        assert_eq!(topic.to_string(), "%RETRY%x|y-z_1");
        let error = "a b".parse::<TopicName>().expect_err("a space");
        assert!(error.to_string().contains("' '"), "{error}");
        assert!("rmq_bench_producer".parse::<GroupName>().is_ok());
        let error = "DEFAULT_PRODUCER".parse::<GroupName>().expect_err("R8");
        assert!(error.to_string().contains("reserved"), "{error}");
    }

    #[test]
    fn parts_of_ids_keep_clear_of_what_joins_them() {
        assert!("[::1]".parse::<IdPart>().is_ok());
        assert!("PID;a:1;b:2".parse::<IdPart>().is_ok());
        for bad in ["", "a@b", "a b", "a\nb"] {
            assert!(bad.parse::<IdPart>().is_err(), "{bad:?}");
        }
        assert!("ns-1".parse::<NamespaceName>().is_ok());
        assert!("ns%".parse::<NamespaceName>().is_err());
    }

    #[test]
    fn tags_keep_clear_of_the_separators() {
        assert_eq!("TagA".parse(), Ok(Tags("TagA".to_owned())));
        assert!("a\u{1}b".parse::<Tags>().is_err());
    }
}
