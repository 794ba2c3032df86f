//! `TopicRouteData`: which brokers hold which queues of a topic (R103).
//!
//! Name servers before 4.9.4, and zone routes of any version, write map keys as bare integers,
//! which is no JSON; they are quoted before the text is parsed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::protocol::error::DecodeError;

/// Permission bit: may be read.
pub const PERM_READ: i32 = 4;
/// Permission bit: may be written.
pub const PERM_WRITE: i32 = 2;
/// Permission bit: settings may be inherited by new topics.
pub const PERM_INHERIT: i32 = 1;
/// Most queues of one entry; RocketMQ's own limit is far lower, and a hostile answer must not
/// make us allocate.
pub const MAX_QUEUES: u32 = 65_536;

/// A topic's route, as a name server gives it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TopicRoute {
    /// `broker:queues;…`: defines the queues alone if present and not empty (R114).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_topic_conf: Option<String>,
    /// Queues per broker.
    #[serde(rename = "queueDatas", default)]
    pub queues: Vec<QueueData>,
    /// Addresses per broker.
    #[serde(rename = "brokerDatas", default)]
    pub brokers: Vec<BrokerData>,
}

/// Queues of one broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueData {
    /// Broker name.
    pub broker_name: String,
    /// Queues that may be read.
    #[serde(rename = "readQueueNums")]
    pub read_queues: u32,
    /// Queues that may be written.
    #[serde(rename = "writeQueueNums")]
    pub write_queues: u32,
    /// Permission bits.
    pub perm: i32,
    /// Unit bits.
    #[serde(default)]
    pub topic_sys_flag: i32,
}

/// Addresses of one broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BrokerData {
    /// Cluster.
    #[serde(default)]
    pub cluster: String,
    /// Broker name.
    pub broker_name: String,
    /// Broker id → `host:port`; id 0 is the master.
    #[serde(rename = "brokerAddrs", default)]
    pub addresses: BTreeMap<i64, String>,
}

impl TopicRoute {
    /// Reads a route.
    ///
    /// # Errors
    /// Text that is no JSON even with its keys quoted, missing members, absurd queue counts.
    pub fn parse(body: &[u8]) -> Result<Self, DecodeError> {
        let text = str::from_utf8(body).map_err(|_| DecodeError::NotUtf8("route"))?;
        let error = |error: serde_json::Error| DecodeError::Json {
            what: "route",
            detail: error.to_string(),
        };
        let route: Self = serde_json::from_str(&quote_bare_keys(text)).map_err(error)?;
        if route
            .queues
            .iter()
            .any(|q| q.write_queues.max(q.read_queues) > MAX_QUEUES)
        {
            return Err(DecodeError::IllegalValue("number of queues"));
        }
        Ok(route)
    }

    /// The route as a name server from 4.9.4 on writes it: standard JSON.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Whether two routes are the same to a producer: order configuration, queues, names and
    /// addresses; order of entries, clusters and zones do not count (R106).
    #[must_use]
    pub fn same_as(&self, other: &Self) -> bool {
        let queues = |route: &Self| {
            let mut queues = route.queues.clone();
            queues.sort_by(|a, b| a.broker_name.cmp(&b.broker_name));
            queues
        };
        let brokers = |route: &Self| {
            let addresses = route
                .brokers
                .iter()
                .map(|b| (b.broker_name.clone(), &b.addresses));
            addresses
                .map(|(name, addresses)| (name, addresses.clone()))
                .collect::<BTreeMap<_, _>>()
        };
        self.order_topic_conf == other.order_topic_conf
            && queues(self) == queues(other)
            && brokers(self) == brokers(other)
    }
}

/// Puts quotes around integers that stand where a member name must.
fn quote_bare_keys(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text;
    let mut in_text = false;
    while let Some(char) = rest.chars().next() {
        let (head, tail) = rest.split_at(char.len_utf8());
        out.push_str(head);
        rest = tail;
        match char {
            '\\' if in_text => {
                let escaped = rest.chars().next().map_or(0, char::len_utf8);
                out.push_str(rest.get(..escaped).unwrap_or_default());
                rest = rest.get(escaped..).unwrap_or_default();
            }
            '"' => in_text = !in_text,
            '{' | ',' if !in_text => {
                let key = rest.trim_start();
                let end = key
                    .find(|c: char| c != '-' && !c.is_ascii_digit())
                    .unwrap_or(key.len());
                let (number, after) = key.split_at(end);
                if !number.is_empty() && after.trim_start().starts_with(':') {
                    out.push('"');
                    out.push_str(number);
                    out.push('"');
                    rest = after;
                }
            }
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STANDARD: &str = r#"{"brokerDatas":[{"brokerAddrs":{"0":"10.0.0.1:10911","1":"10.0.0.2:10911"},"brokerName":"broker-a","cluster":"DefaultCluster","enableActingMaster":false}],
 "filterServerTable":{},"queueDatas":[{"brokerName":"broker-a","perm":6,"readQueueNums":8,"topicSysFlag":0,"writeQueueNums":8}]}"#;

    #[test]
    fn both_forms_of_the_reference_read_the_same() {
        let standard = TopicRoute::parse(STANDARD.as_bytes()).unwrap();
        let legacy = STANDARD.replace("\"0\":", "0:").replace("\"1\":", " 1 :");
        assert_eq!(TopicRoute::parse(legacy.as_bytes()).unwrap(), standard);
        assert_eq!(standard.brokers[0].addresses[&0], "10.0.0.1:10911");
        assert_eq!(
            (standard.queues[0].write_queues, standard.queues[0].perm),
            (8, 6)
        );
        assert_eq!(TopicRoute::parse(&standard.to_json()).unwrap(), standard);
    }

    #[test]
    fn absurd_counts_are_refused() {
        for count in ["-1", "70000", "99999999999"] {
            let text = STANDARD.replace(
                "\"writeQueueNums\":8",
                &format!("\"writeQueueNums\":{count}"),
            );
            assert!(TopicRoute::parse(text.as_bytes()).is_err(), "{count}");
        }
    }

    #[test]
    fn r106_what_counts_as_a_change() {
        let route = TopicRoute::parse(STANDARD.as_bytes()).unwrap();
        let mut other = route.clone();
        other.brokers[0].cluster = "another".into();
        assert!(route.same_as(&other));
        other.brokers[0]
            .addresses
            .insert(0, "10.0.0.3:10911".into());
        assert!(!route.same_as(&other));
        let mut ordered = route.clone();
        ordered.order_topic_conf = Some("broker-a:8".into());
        assert!(!route.same_as(&ordered));
    }

    proptest! {
        #[test]
        fn any_text_gives_a_route_or_an_error(text in any::<String>()) {
            if let Ok(route) = TopicRoute::parse(text.as_bytes()) {
                prop_assert_eq!(TopicRoute::parse(&route.to_json()).unwrap(), route);
            }
        }

        #[test]
        fn strings_are_left_alone(value in any::<String>()) {
            let json = serde_json::json!({ "orderTopicConf": value }).to_string();
            let route = TopicRoute::parse(json.as_bytes()).unwrap();
            prop_assert_eq!(route.order_topic_conf, Some(value));
        }
    }
}
