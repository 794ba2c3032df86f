//! Bodies of answers about routes, clusters and brokers, and of heartbeats: what was read is the same after writing it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rmq_bench::protocol::cluster_info::ClusterInfo;
use rmq_bench::protocol::heartbeat::HeartbeatData;
use rmq_bench::protocol::route::{MAX_QUEUES, TopicRoute};
use rmq_bench::protocol::runtime_info::RuntimeInfo;

fuzz_target!(|input: &[u8]| {
    if let Ok(route) = TopicRoute::parse(input) {
        assert!(
            route
                .queues
                .iter()
                .all(|queue| queue.read_queues <= MAX_QUEUES && queue.write_queues <= MAX_QUEUES)
        );
        for text in [route.to_json(), route.to_legacy_json()] {
            let again = TopicRoute::parse(text.as_bytes()).unwrap();
            assert_eq!(again, route);
            assert!(again.same_as(&route));
        }
    }
    if let Ok(info) = ClusterInfo::parse(input) {
        let again = ClusterInfo::parse(info.to_json().as_bytes()).unwrap();
        assert!(again.brokers.len() <= info.brokers.len());
    }
    if let Ok(info) = RuntimeInfo::parse(input) {
        let again = RuntimeInfo::parse(info.to_json().as_bytes()).unwrap();
        assert_eq!(again, info);
    }
    if let Ok(data) = HeartbeatData::parse(input) {
        assert_eq!(HeartbeatData::parse(&data.to_json()), Ok(data));
    }
});
