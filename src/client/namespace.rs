//! Namespaces: what several tenants of one cluster call alike is kept apart by a prefix on the wire (R35–R39).
//!
//! Users give names without it and see them without it; a [`crate::client::ClientInstance`] puts it on where
//! a topic or a group is first used, never per message.

use std::borrow::Cow;
use std::sync::Arc;

use crate::client::config::ClientConfig;
use crate::client::error::ClientError;
use crate::client::system_topics::is_system_topic;
use crate::client::validate;

/// Between the namespace and a name.
const SEPARATOR: char = '%';
/// These stay in front of the namespace: retries and dead letters of a consumer group.
const PREFIXES: [&str; 2] = ["%RETRY%", "%DLQ%"];
/// What instances of the cloud service are called; the first label of their host.
const INSTANCE: &str = "MQ_INST_";
/// The namespace of a client, or none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Namespace(Option<Arc<str>>);

impl Namespace {
    /// The one set, else the one the first name server's host tells (R39).
    ///
    /// # Errors
    /// [`ClientError::Illegal`] for characters no topic may have, and for `%`.
    pub fn of(config: &ClientConfig) -> Result<Self, ClientError> {
        let derived = || instance_of(config.namesrv.first()?);
        let Some(name) = config.namespace.as_deref().or_else(derived) else {
            return Ok(Self::default());
        };
        validate::namespace(name)?;
        Ok(Self(Some(name.into())))
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// A topic or group as it is called on the wire (R35). RocketMQ's own stay as they are, and so does what
    /// is in this namespace already.
    #[must_use]
    pub fn wrap<'a>(&self, name: &'a str) -> Cow<'a, str> {
        let (prefix, rest) = split(name);
        match self.name() {
            Some(own) if !name.is_empty() && !is_shared(name) && self.inner(rest).is_none() => {
                format!("{prefix}{own}{SEPARATOR}{rest}").into()
            }
            _ => name.into(),
        }
    }

    /// A topic or group as users call it (R36); that of another namespace stays as it is.
    #[must_use]
    pub fn strip<'a>(&self, name: &'a str) -> Cow<'a, str> {
        let (prefix, rest) = split(name);
        match self.inner(rest) {
            Some(inner) if prefix.is_empty() => inner.into(),
            Some(inner) => format!("{prefix}{inner}").into(),
            None => name.into(),
        }
    }

    /// What follows the namespace in a name that begins with it.
    fn inner<'a>(&self, name: &'a str) -> Option<&'a str> {
        name.strip_prefix(self.name()?)?.strip_prefix(SEPARATOR)
    }
}

/// A name's own prefix, and the rest.
fn split(name: &str) -> (&str, &str) {
    let prefix = PREFIXES.iter().find(|prefix| name.starts_with(**prefix));
    name.split_at(prefix.map_or(0, |prefix| prefix.len()))
}

/// RocketMQ's own topics and groups, which all namespaces share.
fn is_shared(name: &str) -> bool {
    is_system_topic(name) || name.starts_with("CID_RMQ_SYS_")
}

/// The instance that an address like `MQ_INST_a_b.example.com:80` is of (R39).
#[must_use]
pub fn instance_of(address: &str) -> Option<&str> {
    let host = address.rsplit_once("://").map_or(address, |(_, host)| host);
    let (label, _) = host.split_once('.')?;
    let own = label.strip_prefix(INSTANCE)?;
    let legal = own.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let inside = own.get(1..own.len().saturating_sub(1));
    (legal && inside.is_some_and(|inside| inside.contains('_'))).then_some(label)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::system_topics::SYSTEM_TOPICS;
    use proptest::prelude::*;

    fn ns1() -> Namespace {
        Namespace(Some("ns1".into()))
    }

    fn of(namespace: Option<&str>, namesrv: &str) -> Result<Namespace, ClientError> {
        Namespace::of(&ClientConfig {
            namesrv: vec![namesrv.to_owned()],
            namespace: namespace.map(str::to_owned),
            ..ClientConfig::default()
        })
    }

    /// R35: the reference's vectors, and the others of its kinds.
    #[test]
    fn names_are_wrapped_as_java_wraps_them() {
        for (given, wrapped) in [
            ("T", "ns1%T"),
            ("ns1%T", "ns1%T"),
            ("ns10%T", "ns1%ns10%T"),
            ("%RETRY%g", "%RETRY%ns1%g"),
            ("%RETRY%ns1%g", "%RETRY%ns1%g"),
            ("%DLQ%g", "%DLQ%ns1%g"),
            ("CID_RMQ_SYS_x", "CID_RMQ_SYS_x"),
            ("rmq_sys_x", "rmq_sys_x"),
            ("RMQ_SYS_x", "ns1%RMQ_SYS_x"),
            ("", ""),
        ] {
            assert_eq!(ns1().wrap(given), wrapped, "{given}");
            assert_eq!(Namespace::default().wrap(given), given);
        }
        for topic in SYSTEM_TOPICS {
            assert_eq!(ns1().wrap(topic), topic);
        }
    }

    /// R36.
    #[test]
    fn only_names_of_this_namespace_are_stripped() {
        for (wire, shown) in [
            ("ns1%T", "T"),
            ("%RETRY%ns1%g", "%RETRY%g"),
            ("%DLQ%ns1%g", "%DLQ%g"),
            ("ns10%T", "ns10%T"),
            ("T", "T"),
        ] {
            assert_eq!(ns1().strip(wire), shown, "{wire}");
            assert_eq!(Namespace::default().strip(wire), wire);
        }
    }

    proptest! {
        /// R35, R36.
        #[test]
        fn wrapping_is_done_once_and_undone(name in "(%RETRY%|%DLQ%)?[a-z%|_-]{0,12}") {
            let wrapped = ns1().wrap(&name).into_owned();
            prop_assert_eq!(&*ns1().wrap(&wrapped), &*wrapped);
            let stripped = ns1().strip(&wrapped).into_owned();
            prop_assert_eq!(stripped, &*ns1().strip(&name));
        }
    }

    /// R39: what is set counts, then what the address says.
    #[test]
    fn an_instance_s_address_tells_its_namespace() {
        for (address, derived) in [
            (
                "MQ_INST_1234_Bbt.region.example:80",
                Some("MQ_INST_1234_Bbt"),
            ),
            ("http://MQ_INST_a_b.x:80", Some("MQ_INST_a_b")),
            ("MQ_INST_a_b:80", None),
            ("MQ_INST_ab.x:80", None),
            ("MQ_INST__a.x:80", None),
            ("MQ_INST_a-b_c.x:80", None),
            ("xMQ_INST_a_b.x:80", None),
            ("127.0.0.1:9876", None),
        ] {
            assert_eq!(of(None, address).unwrap().name(), derived, "{address}");
            assert_eq!(of(Some("ns1"), address).unwrap(), ns1(), "{address}");
        }
        for bad in ["", " ", "a%b", "a b"] {
            assert!(of(Some(bad), "127.0.0.1:9876").is_err(), "{bad:?}");
        }
    }
}
