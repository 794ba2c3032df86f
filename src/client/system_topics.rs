//! RocketMQ's own topics (Java: `TopicValidator`, 5.5.0): which they are, and which of them no load may be sent to.
//!
//! [`crate::client::validate::topic`] refuses the few that clients may never send to (R27); any other may be sent to, so
//! that a load has to ask here.

use crate::protocol::route::TopicRoute;

/// Those of every cluster, on the wire the same in all namespaces (R35); also those that begin with [`PREFIX`].
pub(super) const SYSTEM_TOPICS: [&str; 10] = [
    "TBW102",
    "SCHEDULE_TOPIC_XXXX",
    BENCHMARK_TOPIC,
    "RMQ_SYS_TRANS_HALF_TOPIC",
    "RMQ_SYS_TRACE_TOPIC",
    "RMQ_SYS_TRANS_OP_HALF_TOPIC",
    "TRANS_CHECK_MAX_TIME_TOPIC",
    "SELF_TEST_TOPIC",
    "OFFSET_MOVED_EVENT",
    "CHECKPOINT_TOPIC",
];
/// Meant for loads.
const BENCHMARK_TOPIC: &str = "BenchmarkTest";
const PREFIX: &str = "rmq_sys_";
/// Topics of a consumer group: messages sent there are delivered to it, or pass for its dead letters.
const OF_GROUPS: [&str; 2] = ["%RETRY%", "%DLQ%"];

/// Whether a topic is RocketMQ's own on every cluster: brokers neither make, change nor delete it on request.
#[must_use]
pub fn is_system_topic(topic: &str) -> bool {
    SYSTEM_TOPICS.contains(&topic) || topic.starts_with(PREFIX)
}

/// Whether a topic is one that brokers make for themselves, by the names of a cluster and its brokers in the topic's
/// own route: topics called like them, and the one that answers to requests go through.
#[must_use]
pub fn is_system_topic_of(topic: &str, route: &TopicRoute) -> bool {
    route.brokers.iter().any(|broker| {
        topic == broker.broker_name
            || topic
                .strip_prefix(&*broker.cluster)
                .is_some_and(|rest| ["", "_REPLY_TOPIC"].contains(&rest))
    })
}

/// Why a load must not be sent to a topic, by its name alone; `None` where nothing is against it, as with
/// `BenchmarkTest`, which is RocketMQ's own and there for loads.
#[must_use]
pub fn refuses_load(topic: &str) -> Option<&'static str> {
    if topic == BENCHMARK_TOPIC {
        return None;
    }
    if is_system_topic(topic) {
        return Some("it is RocketMQ's own");
    }
    let of_group = OF_GROUPS.iter().any(|prefix| topic.starts_with(prefix));
    of_group.then_some("it holds the retries or dead letters of a consumer group")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::validate;
    use crate::protocol::route::BrokerData;

    #[test]
    fn no_load_goes_to_rocketmq_s_own_topics_but_the_one_for_loads() {
        for topic in SYSTEM_TOPICS
            .iter()
            .chain(&["rmq_sys_REVIVE_LOG_c", "rmq_sys_"])
        {
            assert!(is_system_topic(topic), "{topic}");
            assert_eq!(
                refuses_load(topic).is_none(),
                *topic == "BenchmarkTest",
                "{topic}"
            );
            assert!(validate::new_topic(topic).is_err(), "{topic}");
        }
        for topic in ["%RETRY%g", "%DLQ%ns%g"] {
            assert!(!is_system_topic(topic), "deleted with its group");
            assert!(refuses_load(topic).is_some_and(|why| why.contains("consumer group")));
        }
        for topic in ["orders", "RMQ_SYS_x", "TBW", "ns%TBW102", "a%RETRY%"] {
            assert!(
                !is_system_topic(topic) && refuses_load(topic).is_none(),
                "{topic}"
            );
        }
    }

    #[test]
    fn topics_of_one_cluster_are_known_by_its_names() {
        let route = TopicRoute {
            brokers: vec![BrokerData {
                cluster: "c".to_owned(),
                broker_name: "broker-a".to_owned(),
                addresses: [].into(),
            }],
            ..TopicRoute::default()
        };
        for own in ["c", "broker-a", "c_REPLY_TOPIC"] {
            assert!(is_system_topic_of(own, &route), "{own}");
        }
        for other in ["b_REPLY_TOPIC", "broker-b", "c_", "orders"] {
            assert!(!is_system_topic_of(other, &route), "{other}");
        }
    }
}
