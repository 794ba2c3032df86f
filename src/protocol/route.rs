//! The route of a topic, as name servers publish it (Java: `TopicRouteData`; R103).
//!
//! Cold path: asked for twice a minute and topic. Read with Java's tolerance (fastjson habits: integer
//! map keys without quotes, members in any order, unknown members, nulls, numbers as text), but
//! counts are checked, since a client makes a table out of them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use crate::protocol::error::DecodeError;

/// Permission bits of a queue entry.
pub mod permission {
    /// The topic may be used as a template for automatic creation.
    pub const INHERIT: i32 = 1;
    /// Producers may send.
    pub const WRITE: i32 = 2;
    /// Consumers may read.
    pub const READ: i32 = 4;
    /// Declared by RocketMQ, without effect.
    pub const PRIORITY: i32 = 8;
    /// What an ordinary topic has.
    pub const READ_WRITE: i32 = READ | WRITE;
}

/// Broker id of a master; producers send nowhere else.
pub const MASTER_ID: i64 = 0;

/// Most queues one broker may announce for a topic; RocketMQ's own largest topic has 1,024.
pub const MAX_QUEUES: u32 = 65_536;

/// Most queues of a topic over all brokers, so that no reply makes a client build a table of
/// gigabytes; a thousand brokers with a thousand queues each are within it.
pub const MAX_TOTAL_QUEUES: u64 = 1 << 20;

const WHAT: &str = "topic route";

/// Where a topic lives.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TopicRoute {
    /// Fixed queue order `brokerA:8;brokerB:8`, where the name server keeps one for the topic.
    pub order_topic_conf: Option<String>,
    /// Queues per broker.
    pub queues: Vec<QueueData>,
    /// Addresses per broker.
    pub brokers: Vec<BrokerData>,
}

/// How many queues one broker has of a topic, and what may be done with them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct QueueData {
    /// Broker.
    pub broker_name: String,
    /// Queues to read, at most [`MAX_QUEUES`].
    pub read_queues: u32,
    /// Queues to write, at most [`MAX_QUEUES`].
    pub write_queues: u32,
    /// Bits of [`permission`].
    pub perm: i32,
    /// Bit 0 unit, bit 1 unit subscription.
    pub topic_sys_flag: i32,
}

impl QueueData {
    /// Whether producers may send here.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        self.perm & permission::WRITE != 0
    }
}

/// One broker group: master and slaves under a common name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct BrokerData {
    /// Cluster the broker belongs to.
    pub cluster: String,
    /// Broker.
    pub broker_name: String,
    /// Broker id ([`MASTER_ID`] or a slave's) to `host:port`.
    pub addresses: BTreeMap<i64, String>,
}

impl BrokerData {
    /// Address of the master, the only one producers use.
    #[must_use]
    pub fn master(&self) -> Option<&str> {
        self.addresses.get(&MASTER_ID).map(String::as_str)
    }
}

impl TopicRoute {
    /// Reads the body of a route reply, in standard or legacy JSON.
    ///
    /// # Errors
    /// [`DecodeError::Json`] for text that is no such object, [`DecodeError::MissingField`] for an
    /// entry without broker name, [`DecodeError::IllegalValue`] for a count that is negative or
    /// above [`MAX_QUEUES`], or counts that are above [`MAX_TOTAL_QUEUES`] together.
    pub fn parse(body: &[u8]) -> Result<Self, DecodeError> {
        let wire: WireRoute =
            serde_json::from_slice(&quote_integer_keys(body)).map_err(|error| {
                DecodeError::Json {
                    what: WHAT,
                    detail: error.to_string(),
                }
            })?;
        let queues = wire.queue_datas.into_iter().flatten().map(QueueData::of);
        let queues: Vec<QueueData> = queues.collect::<Result<_, _>>()?;
        let total: u64 = queues
            .iter()
            .map(|queue| u64::from(queue.read_queues.max(queue.write_queues)))
            .sum();
        if total > MAX_TOTAL_QUEUES {
            return Err(DecodeError::IllegalValue("queueDatas"));
        }
        let brokers = wire.broker_datas.into_iter().flatten().map(BrokerData::of);
        Ok(Self {
            order_topic_conf: wire.order_topic_conf,
            queues,
            brokers: brokers.collect::<Result<_, _>>()?,
        })
    }

    /// Standard JSON, as name servers from 4.9.4 on answer clients from 4.9.4 on.
    #[must_use]
    pub fn to_json(&self) -> String {
        self.render("\"")
    }

    /// The legacy form with bare integer keys, which is not JSON: what older clients get.
    #[must_use]
    pub fn to_legacy_json(&self) -> String {
        self.render("")
    }

    fn render(&self, key_quote: &str) -> String {
        let mut out = String::from("{\"brokerDatas\":[");
        for (index, broker) in self.brokers.iter().enumerate() {
            out.push_str(if index > 0 { "," } else { "" });
            broker.render(key_quote, &mut out);
        }
        out.push_str("],\"filterServerTable\":{},");
        if let Some(order) = &self.order_topic_conf {
            out.push_str("\"orderTopicConf\":");
            push_text(&mut out, order);
            out.push(',');
        }
        out.push_str("\"queueDatas\":[");
        for (index, queue) in self.queues.iter().enumerate() {
            out.push_str(if index > 0 { "," } else { "" });
            out.push_str("{\"brokerName\":");
            push_text(&mut out, &queue.broker_name);
            out.push_str(&format!(
                ",\"perm\":{},\"readQueueNums\":{},\"topicSysFlag\":{},\"writeQueueNums\":{}}}",
                queue.perm, queue.read_queues, queue.topic_sys_flag, queue.write_queues
            ));
        }
        out.push_str("]}");
        out
    }

    /// Whether nothing changed that matters to a client (R106): order configuration, queue entries,
    /// broker names and addresses, in whatever order they came. The cluster's name does not count.
    #[must_use]
    pub fn same_as(&self, other: &Self) -> bool {
        fn sorted<T: Ord>(items: impl Iterator<Item = T>) -> Vec<T> {
            let mut items: Vec<T> = items.collect();
            items.sort_unstable();
            items
        }
        let brokers = |route: &'_ Self| -> Vec<(String, BTreeMap<i64, String>)> {
            sorted(
                route
                    .brokers
                    .iter()
                    .map(|broker| (broker.broker_name.clone(), broker.addresses.clone())),
            )
        };
        self.order_topic_conf == other.order_topic_conf
            && sorted(self.queues.iter()) == sorted(other.queues.iter())
            && brokers(self) == brokers(other)
    }

    /// The entry of one broker.
    #[must_use]
    pub fn broker(&self, name: &str) -> Option<&BrokerData> {
        self.brokers
            .iter()
            .find(|broker| broker.broker_name == name)
    }
}

/// A JSON string as name servers of RocketMQ 4 write it: everything outside ASCII as `\uXXXX`. Those
/// of 5.5.0 write UTF-8; readers take both.
pub(super) fn push_text(out: &mut String, text: &str) {
    out.push('"');
    for char in text.chars() {
        match char {
            '"' | '\\' => out.extend(['\\', char]),
            ' '..='~' => out.push(char),
            _ => {
                for unit in char.encode_utf16(&mut [0; 2]) {
                    out.push_str(&format!("\\u{unit:04X}"));
                }
            }
        }
    }
    out.push('"');
}

/// Puts quotes around integers that stand where a member's name must: after `{` or `,` and before
/// `:`. Text inside strings is left alone; anything else that is wrong is left to the JSON parser.
pub(super) fn quote_integer_keys(body: &[u8]) -> Cow<'_, [u8]> {
    let mut out: Vec<u8> = Vec::new();
    // Up to here the body has been copied to `out`.
    let mut copied = 0;
    let mut at = 0;
    while let Some(&byte) = body.get(at) {
        at += 1;
        match byte {
            b'"' => at = end_of_string(body, at),
            b'{' | b',' => {
                let start = skip(body, at, |byte| byte.is_ascii_whitespace());
                let digits = start + usize::from(body.get(start) == Some(&b'-'));
                let end = skip(body, digits, |byte| byte.is_ascii_digit());
                let colon = skip(body, end, |byte| byte.is_ascii_whitespace());
                if end > digits && body.get(colon) == Some(&b':') {
                    out.extend_from_slice(body.get(copied..start).unwrap_or_default());
                    out.push(b'"');
                    out.extend_from_slice(body.get(start..end).unwrap_or_default());
                    out.push(b'"');
                    copied = end;
                }
                at = end;
            }
            _ => {}
        }
    }
    if copied == 0 {
        return Cow::Borrowed(body);
    }
    out.extend_from_slice(body.get(copied..).unwrap_or_default());
    Cow::Owned(out)
}

fn end_of_string(body: &[u8], mut at: usize) -> usize {
    while let Some(&byte) = body.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    body.len()
}

fn skip(body: &[u8], mut at: usize, while_true: impl Fn(u8) -> bool) -> usize {
    while body.get(at).is_some_and(|byte| while_true(*byte)) {
        at += 1;
    }
    at
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireRoute {
    order_topic_conf: Option<String>,
    queue_datas: Option<Vec<WireQueues>>,
    broker_datas: Option<Vec<WireBroker>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireQueues {
    broker_name: Option<String>,
    #[serde(default, deserialize_with = "number")]
    read_queue_nums: i64,
    #[serde(default, deserialize_with = "number")]
    write_queue_nums: i64,
    #[serde(default, deserialize_with = "number")]
    perm: i64,
    #[serde(default, deserialize_with = "number")]
    topic_sys_flag: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireBroker {
    cluster: Option<String>,
    broker_name: Option<String>,
    broker_addrs: Option<BTreeMap<i64, Option<String>>>,
}

/// A number, a number as text, or null for 0.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Number {
        Plain(i64),
        Text(String),
        Null,
    }
    match Number::deserialize(deserializer)? {
        Number::Plain(number) => Ok(number),
        Number::Text(text) => text.trim().parse().map_err(serde::de::Error::custom),
        Number::Null => Ok(0),
    }
}

impl QueueData {
    fn of(wire: WireQueues) -> Result<Self, DecodeError> {
        let count = |count: i64, what| {
            u32::try_from(count)
                .ok()
                .filter(|count| *count <= MAX_QUEUES)
                .ok_or(DecodeError::IllegalValue(what))
        };
        let bits =
            |bits: i64, what| i32::try_from(bits).map_err(|_| DecodeError::IllegalValue(what));
        Ok(Self {
            broker_name: named(wire.broker_name)?,
            read_queues: count(wire.read_queue_nums, "readQueueNums")?,
            write_queues: count(wire.write_queue_nums, "writeQueueNums")?,
            perm: bits(wire.perm, "perm")?,
            topic_sys_flag: bits(wire.topic_sys_flag, "topicSysFlag")?,
        })
    }
}

impl BrokerData {
    /// `key_quote` stands around the broker ids.
    pub(super) fn render(&self, key_quote: &str, out: &mut String) {
        out.push_str("{\"brokerAddrs\":{");
        for (index, (id, address)) in self.addresses.iter().enumerate() {
            out.push_str(if index > 0 { "," } else { "" });
            out.push_str(&format!("{key_quote}{id}{key_quote}:"));
            push_text(out, address);
        }
        out.push_str("},\"brokerName\":");
        push_text(out, &self.broker_name);
        out.push_str(",\"cluster\":");
        push_text(out, &self.cluster);
        out.push_str(",\"enableActingMaster\":false}");
    }

    pub(super) fn of(wire: WireBroker) -> Result<Self, DecodeError> {
        Ok(Self {
            cluster: wire.cluster.unwrap_or_default(),
            broker_name: named(wire.broker_name)?,
            addresses: wire
                .broker_addrs
                .into_iter()
                .flatten()
                .filter_map(|(id, address)| Some((id, address?)))
                .collect(),
        })
    }
}

fn named(name: Option<String>) -> Result<String, DecodeError> {
    name.filter(|name| !name.is_empty())
        .ok_or(DecodeError::MissingField("brokerName"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The remoting reference's example, written by Java.
    const STANDARD: &str = r#"{"brokerDatas":[{"brokerAddrs":{"0":"10.0.0.1:10911","1":"10.0.0.2:10911"},"brokerName":"broker-a","cluster":"DefaultCluster","enableActingMaster":false}],"filterServerTable":{},"queueDatas":[{"brokerName":"broker-a","perm":6,"readQueueNums":8,"topicSysFlag":0,"writeQueueNums":8}]}"#;

    fn example() -> TopicRoute {
        TopicRoute {
            order_topic_conf: None,
            queues: vec![QueueData {
                broker_name: "broker-a".into(),
                read_queues: 8,
                write_queues: 8,
                perm: permission::READ_WRITE,
                topic_sys_flag: 0,
            }],
            brokers: vec![BrokerData {
                cluster: "DefaultCluster".into(),
                broker_name: "broker-a".into(),
                addresses: [(0, "10.0.0.1:10911".into()), (1, "10.0.0.2:10911".into())].into(),
            }],
        }
    }

    /// R103.
    #[test]
    fn both_of_java_s_forms_are_read_and_written() {
        let legacy = STANDARD.replace("\"0\":", "0:").replace("\"1\":", "1:");
        assert_eq!(TopicRoute::parse(STANDARD.as_bytes()).unwrap(), example());
        assert_eq!(TopicRoute::parse(legacy.as_bytes()).unwrap(), example());
        assert_eq!(example().to_json(), STANDARD);
        assert_eq!(example().to_legacy_json(), legacy);
        assert_eq!(example().brokers[0].master(), Some("10.0.0.1:10911"));
    }

    #[test]
    fn fastjson_s_habits_are_understood() {
        let body = r#" { "unknown":{"a":[{"b":"}"}]}, "queueDatas":[{"writeQueueNums":"4","perm":6,
            "readQueueNums":4,"topicSysFlag":null,"brokerName":"b {1:2} \",3:4"}], "orderTopicConf":null,
            "filterServerTable":null,"topicQueueMappingByBroker":{"b":{"currIdMap":{0:1,1 : 2},"epoch":1}},
            "brokerDatas":[{"zoneName":"z","brokerAddrs":{ 0 :"h:1",-2:"h:2",3:null},"brokerName":"b"}]}"#;
        let route = TopicRoute::parse(body.as_bytes()).unwrap();
        assert_eq!(route.order_topic_conf, None);
        assert_eq!(route.queues[0].broker_name, "b {1:2} \",3:4");
        assert_eq!(route.queues[0].write_queues, 4);
        let addresses: Vec<_> = route.brokers[0].addresses.iter().collect();
        assert_eq!(
            addresses,
            [(&-2, &"h:2".to_owned()), (&0, &"h:1".to_owned())]
        );
        assert_eq!(
            TopicRoute::parse(br#"{"queueDatas":null}"#).unwrap(),
            TopicRoute::default()
        );
    }

    #[test]
    fn counts_a_table_can_not_be_made_of_are_refused() {
        for (member, value) in [
            ("writeQueueNums", "-1"),
            ("readQueueNums", "65537"),
            ("writeQueueNums", "\"x\""),
            ("perm", "99999999999"),
            ("readQueueNums", "1.5"),
        ] {
            let old = if member == "perm" { "6" } else { "8" };
            let body = STANDARD.replace(
                &format!("\"{member}\":{old}"),
                &format!("\"{member}\":{value}"),
            );
            assert_ne!(body, STANDARD);
            assert!(
                TopicRoute::parse(body.as_bytes()).is_err(),
                "{member}={value}"
            );
        }
        let nameless = STANDARD.replace("\"brokerName\":\"broker-a\",\"perm\"", "\"perm\"");
        assert!(matches!(
            TopicRoute::parse(nameless.as_bytes()),
            Err(DecodeError::MissingField("brokerName"))
        ));
    }

    #[test]
    fn many_entries_with_many_queues_each_are_refused() {
        let mut route = example();
        let largest = QueueData {
            write_queues: MAX_QUEUES,
            ..route.queues[0].clone()
        };
        route.queues = vec![largest; 16];
        assert!(TopicRoute::parse(route.to_json().as_bytes()).is_ok());
        route.queues.push(example().queues[0].clone());
        assert!(TopicRoute::parse(route.to_json().as_bytes()).is_err());
    }

    /// R106: what counts as a change, and what does not.
    #[test]
    fn only_what_matters_to_a_client_is_a_change() {
        let mut two = example();
        two.queues.push(QueueData {
            broker_name: "broker-b".into(),
            ..two.queues[0].clone()
        });
        two.brokers.push(BrokerData {
            broker_name: "broker-b".into(),
            ..two.brokers[0].clone()
        });
        let mut turned = two.clone();
        turned.queues.reverse();
        turned.brokers.reverse();
        turned.brokers[0].cluster = "other".into();
        assert!(two.same_as(&turned));
        assert!(!two.same_as(&example()));
        let change = |edit: &dyn Fn(&mut TopicRoute)| {
            let mut changed = two.clone();
            edit(&mut changed);
            assert!(!two.same_as(&changed), "{changed:?}");
        };
        change(&|route| route.order_topic_conf = Some("broker-a:8".into()));
        change(&|route| route.queues[0].perm = 4);
        change(&|route| route.queues[0].topic_sys_flag = 1);
        change(&|route| route.queues[1].read_queues = 1);
        change(&|route| route.queues[1].write_queues = 1);
        change(&|route| route.queues[1].broker_name = "broker-c".into());
        change(&|route| route.brokers[1].broker_name = "broker-c".into());
        change(&|route| {
            route.brokers[0].addresses.insert(0, "h:1".into());
        });
    }

    fn any_route() -> impl Strategy<Value = TopicRoute> {
        let name = "[a-zé\"\\\\{,:0-9\u{1}\u{10348}]{1,6}";
        let queue = (name, 0..=MAX_QUEUES, 0..=MAX_QUEUES, any::<i32>(), 0..4i32).prop_map(
            |(broker_name, read_queues, write_queues, perm, topic_sys_flag)| QueueData {
                broker_name,
                read_queues,
                write_queues,
                perm,
                topic_sys_flag,
            },
        );
        let broker = (
            name,
            name,
            prop::collection::btree_map(any::<i64>(), name, 0..4),
        )
            .prop_map(|(cluster, broker_name, addresses)| BrokerData {
                cluster,
                broker_name,
                addresses,
            });
        (
            prop::option::of(name),
            prop::collection::vec(queue, 0..4),
            prop::collection::vec(broker, 0..4),
        )
            .prop_map(|(order_topic_conf, queues, brokers)| TopicRoute {
                order_topic_conf,
                queues,
                brokers,
            })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_in_both_forms(route in any_route()) {
            prop_assert_eq!(&TopicRoute::parse(route.to_json().as_bytes()).unwrap(), &route);
            prop_assert_eq!(&TopicRoute::parse(route.to_legacy_json().as_bytes()).unwrap(), &route);
            prop_assert!(route.same_as(&route));
        }

        #[test]
        fn any_bytes_give_a_route_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = TopicRoute::parse(&bytes);
        }

        #[test]
        fn any_text_of_json_s_alphabet_gives_a_route_or_an_error(
            text in "[{}\\[\\],:\"\\\\0-9a-z -]{0,80}", at in 0usize..300,
        ) {
            let _ = TopicRoute::parse(text.as_bytes());
            let mut body = STANDARD.to_owned();
            body.insert_str(at.min(body.len()), &text);
            let _ = TopicRoute::parse(body.as_bytes());
        }
    }
}
