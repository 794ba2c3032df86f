//! What the messages of a load look like, read from what brokers have stored: sizes, keys and queues follow from
//! the seed and a message's number alone, whatever threads and processes send it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    reason = "a test may panic, and its numbers are small"
)]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;

use rmq_bench::broker::{ClusterSpec, EmbeddedCluster};
use rmq_bench::client::admin::Admin;
use rmq_bench::client::{ClientInstance, SendConfig};
use rmq_bench::load::bodies::Bodies;
use rmq_bench::load::choice::{Chooser, Purpose};
use rmq_bench::load::{Choice, LoadPlan, LogNormal, MessageShape, SendMode, SizeDraw, Sizes};
use rmq_bench::protocol::route::permission;
use support::binary::{all_acked, number, result_against, result_of};
use support::load::{no_avoidance, of_count, plan, start};
use support::{TOPIC, client_of, cluster, eventually};

/// Messages of a run.
const COUNT: u64 = 400;

fn keeping() -> EmbeddedCluster {
    cluster(ClusterSpec {
        kept_bytes: 16 << 20,
        ..ClusterSpec::default()
    })
}

/// Messages by queue: all of broker 0, then all of broker 1.
fn queues(cluster: &EmbeddedCluster) -> Vec<u64> {
    let stored = cluster.stored();
    let brokers = stored.brokers.iter();
    brokers
        .flat_map(|broker| broker.topics[TOPIC].clone())
        .collect()
}

/// Keys and bodies with how often they are there.
type Contents = BTreeMap<(Option<String>, Option<String>, Vec<u8>), usize>;

/// What a run of this plan has stored.
fn stored(cluster: &EmbeddedCluster, plan: LoadPlan) -> Contents {
    let client = no_avoidance(client_of(cluster));
    let run = start(client, plan, SendConfig::default());
    let audit = Arc::clone(&run.audit);
    let run = run.finish();
    assert_eq!(run.counters().acked, COUNT, "{:?}", run.counters());
    assert_eq!(run.counters().acked_bytes, cluster.stored().body_bytes());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let ids: Vec<String> = audit
        .lock()
        .unwrap()
        .iter()
        .map(|record| record.id.to_string())
        .collect();
    let mut contents = Contents::new();
    runtime.block_on(async {
        let instance = Arc::new(ClientInstance::new(client_of(cluster)).unwrap());
        instance.start().unwrap();
        let admin = Admin::new(Arc::clone(&instance));
        for id in ids {
            let found = admin.view_by_unique_id(TOPIC, &id, None).await.unwrap();
            let property = |wanted: &str| {
                let mut pairs = found.properties.iter();
                pairs
                    .find(|(name, _)| name == wanted)
                    .map(|(_, value)| value.clone())
            };
            let body = found.body.as_ref().unwrap().to_vec();
            let key = (property("KEYS"), property("__SHARDINGKEY"), body);
            *contents.entry(key).or_insert(0) += 1;
        }
        instance.shutdown().await;
    });
    contents
}

/// What it should have stored, by the numbers of the schedule.
fn expected(shape: &MessageShape, seed: u64) -> Contents {
    let mut bodies = Bodies::new(shape, seed).unwrap();
    let mut contents = Contents::new();
    for number in 0..COUNT {
        let message = bodies.next_message(number, 0).unwrap();
        let property = |name: &str| message.property(name).map(str::to_owned);
        let key = (
            property("KEYS"),
            property("__SHARDINGKEY"),
            message.body().to_vec(),
        );
        *contents.entry(key).or_insert(0) += 1;
    }
    contents
}

#[test]
fn threads_together_store_what_the_seed_says() {
    let shape = MessageShape {
        sizes: Some(Sizes::Of(SizeDraw::LogNormal(LogNormal {
            p50: 300,
            p99: 4000,
            most: 5000,
        }))),
        random_bytes: 2500,
        tags: "T".into(),
        keys: "order".into(),
        key_count: 30,
        key_choice: Choice::Zipf(1.0),
        ..MessageShape::plain(5000)
    };
    for shards in [1, 3] {
        let cluster = keeping();
        let plan = LoadPlan {
            seed: 7,
            shards: Some(shards),
            message: shape.clone(),
            queue_choice: Choice::Zipf(1.0),
            ..plan(SendMode::Async, 2000, of_count(COUNT))
        };
        assert_eq!(
            stored(&cluster, plan),
            expected(&shape, 7),
            "{shards} threads"
        );
        let chooser = Chooser::new(Choice::Zipf(1.0), 8, 7, Purpose::Queue);
        let mut drawn = vec![0; 8];
        (0..COUNT).for_each(|number| drawn[chooser.index(number) as usize] += 1);
        assert_eq!(queues(&cluster), drawn);
        // 1/H(8) of 400.
        assert!((120..=175).contains(&drawn[0]), "{drawn:?}");
    }
}

#[test]
fn drawn_sharding_keys_go_to_the_queues_of_keys() {
    for sizes in [
        None,
        Some(Sizes::Of(SizeDraw::Range { least: 1, most: 99 })),
    ] {
        let shape = MessageShape {
            sizes,
            sharding_keys: 40,
            key_choice: Choice::Zipf(0.8),
            ..MessageShape::plain(99)
        };
        let cluster = keeping();
        let plan = LoadPlan {
            shards: Some(2),
            message: shape.clone(),
            ..plan(SendMode::Async, 2000, of_count(COUNT))
        };
        assert_eq!(stored(&cluster, plan), expected(&shape, 1));
        let mut by_key = vec![0; 8];
        let mut bodies = Bodies::new(&shape, 1).unwrap();
        for number in 0..COUNT {
            let hash = bodies.next_message(number, 0).unwrap().sharding_hash();
            by_key[hash.unwrap().unsigned_abs() as usize % 8] += 1;
        }
        assert_eq!(queues(&cluster), by_key);
    }
}

#[test]
fn processes_store_together_what_one_would() {
    let options = "-r 1000 --count 300 -s 10B..3000B --key-count 9 --key-choice uniform \
                   --queue-choice zipf:1.1 --seed 5";
    let run = |cluster: &EmbeddedCluster, more: &str| {
        let arguments: Vec<&str> = options.split_whitespace().chain(more.split(' ')).collect();
        result_against(cluster, &arguments)
    };
    let whole = cluster(ClusterSpec::default());
    let result = run(&whole, "--shards 1");
    all_acked(&result, 300);
    let bytes = whole.stored().body_bytes();
    assert_eq!(number(&result, "/bodies/acked_bytes"), bytes);
    assert_eq!(number(&result, "/bodies/planned/p50_bytes"), 1505);
    assert_eq!(number(&result, "/bodies/planned/max_bytes"), 3000);
    assert_eq!(result["config"]["queue_choice"], "zipf:1.1");
    let parts = cluster(ClusterSpec::default());
    for (shard, count) in [("1/2 --shards 2", 150), ("2/2 --shards 1", 150)] {
        all_acked(&run(&parts, &format!("--shard {shard}")), count);
    }
    assert_eq!(parts.stored().body_bytes(), bytes);
    assert_eq!(queues(&parts), queues(&whole));
}

#[test]
fn topics_have_the_messages_drawn_for_them() {
    let chooser = Chooser::new(Choice::Zipf(1.0), 5, 3, Purpose::Topic);
    let mut drawn = [0; 5];
    (0..COUNT).for_each(|number| drawn[chooser.index(number) as usize] += 1);
    let shape = MessageShape {
        sizes: Some(Sizes::Of(SizeDraw::Range {
            least: 1,
            most: 500,
        })),
        ..MessageShape::plain(500)
    };
    for (mode, shards) in [
        (SendMode::Async, 1),
        (SendMode::Sync, 3),
        (SendMode::Oneway, 2),
    ] {
        let cluster = cluster(ClusterSpec::default());
        let names: Vec<String> = (0..5).map(|n| format!("topic-{n}")).collect();
        for name in &names {
            cluster
                .create_topic(name, 2, permission::READ_WRITE)
                .unwrap();
        }
        let plan = LoadPlan {
            seed: 3,
            shards: Some(shards),
            topic: names[0].clone(),
            more_topics: names[1..].to_vec(),
            topic_choice: Choice::Zipf(1.0),
            queue_choice: Choice::Uniform,
            message: shape.clone(),
            ..plan(mode, 2000, of_count(COUNT))
        };
        let run = start(
            no_avoidance(client_of(&cluster)),
            plan,
            SendConfig::default(),
        )
        .finish();
        assert_eq!(run.counters().acked, COUNT, "{:?}", run.counters());
        eventually("all is stored", || cluster.stored().messages() == COUNT);
        let counted = cluster.stored();
        let of_topic = |name: &String| -> u64 {
            let brokers = counted.brokers.iter();
            let queues = brokers.filter_map(|broker| broker.topics.get(name));
            queues.flatten().sum()
        };
        let by_topic: Vec<u64> = names.iter().map(of_topic).collect();
        assert_eq!(by_topic, drawn, "{mode:?}");
        assert_eq!(counted.body_bytes(), run.counters().acked_bytes);
        // Topics share connections: one per broker and thread.
        let shards_made = run.outcome.shards.iter();
        let connections: usize = shards_made.map(|shard| shard.connections).sum();
        assert_eq!(connections, 2 * shards);
    }
}

#[test]
fn topics_are_made_as_they_are_sent_to() {
    let cluster = cluster(ClusterSpec::default());
    let address = cluster.namesrv_address();
    let arguments = format!("-q -n {address} -t new --topics 3 -r 1000 --count 90 -s 10B");
    let result = result_of(&arguments.split(' ').collect::<Vec<_>>());
    all_acked(&result, 90);
    assert_eq!(result["run"]["topic"], "new-0,new-1,new-2");
    for name in ["new-0", "new-1", "new-2"] {
        let stored = cluster.stored();
        let brokers = stored.brokers.iter();
        let queues = brokers.filter_map(|broker| broker.topics.get(name));
        assert_eq!(queues.flatten().sum::<u64>(), 30, "{name}");
    }
}

#[test]
fn sizes_follow_their_plan() {
    let cluster = cluster(ClusterSpec::default());
    // The length of the plan is that of the run.
    let arguments = "-r 1000 --warmup 0s -s 100B:300ms,900B:200ms".split(' ');
    let result = result_against(&cluster, &arguments.collect::<Vec<_>>());
    all_acked(&result, 500);
    let bytes = 300 * 100 + 200 * 900;
    assert_eq!(cluster.stored().body_bytes(), bytes);
    assert_eq!(result["bodies"]["planned"]["mean_bytes"], 420.0);
}

#[test]
fn lists_of_sizes_are_compressed_as_prepared() {
    let cluster = cluster(ClusterSpec::default());
    let arguments = "--count 400 -s 100B:50%,8KiB:50% --random-bytes 0% --compress zlib";
    let result = result_against(&cluster, &arguments.split(' ').collect::<Vec<_>>());
    all_acked(&result, 400);
    let bytes = cluster.stored().body_bytes();
    assert_eq!(number(&result, "/bodies/acked_bytes"), bytes);
    // Half of them 100 bytes, half of them next to nothing.
    assert!((16_000..36_000).contains(&bytes), "{bytes}");
}
