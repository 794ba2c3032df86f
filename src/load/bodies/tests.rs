use std::collections::{HashMap, HashSet};

use super::*;
use crate::client::compression::unpack;
use crate::client::{Compression, Delivery};
use crate::load::choice::Choice;
use crate::load::sizes::{SizeDraw, Sizes};

#[test]
fn the_same_seed_makes_the_same_bodies_and_neighbours_differ() {
    let mut one = Bodies::new(&MessageShape::plain(100), 5).unwrap();
    let mut two = Bodies::new(&MessageShape::plain(100), 5).unwrap();
    let mut last = None;
    for number in 0..40 {
        let message = one.next_message(number, 0).unwrap();
        assert_eq!(Some(&message), two.next_message(number, 0).as_ref());
        assert_eq!(message.body().len(), 100);
        assert_ne!(Some(&message), last.as_ref());
        last = Some(message);
    }
}

#[test]
fn a_batch_is_as_large_as_its_shape_says() {
    let shape = MessageShape {
        tags: "TagA".into(),
        keys: "k1".into(),
        properties: vec![("region".into(), "eu".into())],
        batch: 7,
        ..MessageShape::plain(100)
    };
    for batch in Bodies::new(&shape, 1).unwrap().all() {
        assert_eq!(batch.messages(), 7);
        assert_eq!(batch.body().len(), 7 * shape.record_bytes());
    }
}

#[test]
fn a_pool_carries_what_its_shape_says() {
    let shape = MessageShape {
        random_bytes: 1000,
        tags: "TagA".into(),
        keys: "k1 k2".into(),
        properties: vec![("region".into(), "eu".into())],
        delivery: Some(Delivery::Level(3)),
        wait: false,
        compression: Some(Compression::default()),
        ..MessageShape::plain(8192)
    };
    for message in Bodies::new(&shape, 1).unwrap().all() {
        assert_eq!(
            message.properties(),
            b"WAIT\x01false\x02TAGS\x01TagA\x02KEYS\x01k1 k2\x02region\x01eu\x02DELAY\x013\x02"
        );
        let flag = message.kind().sys_flag;
        assert!(message.body().len() < 1200, "7 KiB of zeros");
        let body = unpack(message.body(), flag, 8192).unwrap();
        assert_eq!(body.len(), 8192);
        assert!(body[1000..].iter().all(|byte| *byte == 0));
    }
}

#[test]
fn of_each_key_one_message_is_out_and_shards_share_them() {
    let shape = MessageShape {
        sharding_keys: 5,
        ..MessageShape::plain(100)
    };
    let all = Bodies::new(&shape, 1).unwrap();
    let mut seen = Vec::new();
    for index in 0..2 {
        let mut own = all.of_shard(ShardOf { index, count: 2 });
        let first = own.next_message(0, 0).unwrap();
        seen.push(Arc::clone(&first));
        seen.extend(std::iter::from_fn(|| own.next_message(0, 0)));
        own.give_back(Arc::clone(&first));
        assert_eq!(own.next_message(0, 0), Some(first));
    }
    let keys = seen.iter().map(|message| message.sharding_hash());
    let keys: HashSet<_> = keys.collect();
    assert_eq!((seen.len(), keys.len()), (5, 5));
}

/// A shape of many sizes and keys.
fn varied() -> MessageShape {
    MessageShape {
        sizes: Some(Sizes::Of(SizeDraw::Range {
            least: 10,
            most: 3000,
        })),
        random_bytes: 1500,
        tags: "TagA".into(),
        keys: "order".into(),
        key_count: 50,
        sharding_keys: 20,
        key_choice: Choice::Zipf(1.0),
        ..MessageShape::plain(3000)
    }
}

/// Size, keys and sharding key of the messages with these numbers.
fn shapes(bodies: &mut Bodies, numbers: impl Iterator<Item = u64>) -> Vec<(u64, Message)> {
    let mut shape = |number| {
        let message = bodies.next_message(number, 0).unwrap();
        let copy = Message::clone(&message);
        bodies.give_back(message);
        (number, copy)
    };
    numbers.map(&mut shape).collect()
}

#[test]
fn shards_together_send_what_one_would() {
    let packed = MessageShape {
        compression: Some(Compression {
            over_bytes: 1000,
            ..Compression::default()
        }),
        ..varied()
    };
    let fixed = MessageShape {
        sharding_keys: 20,
        key_choice: Choice::Uniform,
        ..MessageShape::plain(100)
    };
    for shape in [varied(), packed, fixed, MessageShape::plain(100)] {
        let all = Bodies::new(&shape, 3).unwrap();
        let whole = shapes(&mut all.clone(), 0..500);
        for count in [2, 3, 7] {
            let mut union = Vec::new();
            for index in 0..count {
                let mut own = all.of_shard(ShardOf { index, count });
                union.extend(shapes(&mut own, (index..500).step_by(count as usize)));
            }
            union.sort_by_key(|(number, _)| *number);
            assert_eq!(union, whole, "{count} shards");
        }
        let other = shapes(&mut Bodies::new(&shape, 4).unwrap(), 0..500);
        assert_ne!(other, whole, "another seed");
    }
}

#[test]
fn what_is_left_out_changes_nothing_after_it() {
    let mut bodies = Bodies::new(&varied(), 3).unwrap();
    let all = shapes(&mut bodies, 0..300);
    let some = shapes(&mut bodies, (0..300).filter(|number| number % 7 == 3));
    assert!(
        some.iter()
            .all(|(number, message)| all[*number as usize].1 == *message)
    );
}

#[test]
fn composed_messages_have_sizes_and_keys_of_their_own() {
    let mut bodies = Bodies::new(&varied(), 3).unwrap();
    let messages = shapes(&mut bodies, 0..2000);
    let sizes: HashSet<usize> = messages.iter().map(|(_, m)| m.body().len()).collect();
    assert!(sizes.len() > 1200, "{}", sizes.len());
    assert!(sizes.iter().all(|bytes| (10..=3000).contains(bytes)));
    let property = |name: &'static str| {
        let values = messages.iter().map(move |(_, m)| m.property(name).unwrap());
        let mut counts = HashMap::new();
        for value in values {
            *counts.entry(value.to_owned()).or_insert(0) += 1;
        }
        counts
    };
    let (keys, sharding) = (property("KEYS"), property("__SHARDINGKEY"));
    // 1/H(50) and 1/H(20) of 2,000.
    assert!(
        (380..=510).contains(&keys["order-0"]),
        "{}",
        keys["order-0"]
    );
    assert!(
        (490..=620).contains(&sharding["key-0"]),
        "{}",
        sharding["key-0"]
    );
    assert!(keys.len() > 45 && sharding.len() == 20);
    assert!(
        messages
            .iter()
            .all(|(_, m)| m.property("TAGS") == Some("TagA"))
    );
    let (_, first) = &messages[0];
    let key = first.property("__SHARDINGKEY").unwrap();
    let alike = Message::new("x").with_sharding_key(key).unwrap();
    assert_eq!(first.sharding_hash(), alike.sharding_hash());
}

#[test]
fn keys_in_turn_of_many_sizes_are_in_flight_once() {
    let shape = MessageShape {
        key_count: 0,
        sharding_keys: 3,
        key_choice: Choice::Turn,
        ..varied()
    };
    let mut bodies = Bodies::new(&shape, 1).unwrap();
    let out: Vec<_> = (0..4).map_while(|n| bodies.next_message(n, 0)).collect();
    let keys: Vec<_> = out
        .iter()
        .map(|m| m.property("__SHARDINGKEY").unwrap().to_owned())
        .collect();
    assert_eq!(keys, ["key-0", "key-1", "key-2"]);
    assert!(out.iter().all(|m| m.property("KEYS") == Some("order")));
    bodies.give_back(Arc::clone(&out[1]));
    let again = bodies.next_message(9, 0).unwrap();
    assert_eq!(again.property("__SHARDINGKEY"), Some("key-1"));
    // What somebody still keeps stays as it was.
    assert_eq!(out[1].property("__SHARDINGKEY"), Some("key-1"));
    assert_ne!(out[1].body().len(), again.body().len());
}

#[test]
fn compressed_bodies_of_many_sizes_are_prepared() {
    let shape = MessageShape {
        random_bytes: 0,
        compression: Some(Compression {
            over_bytes: 1000,
            ..Compression::default()
        }),
        ..varied()
    };
    let bodies = Bodies::new(&shape, 3).unwrap();
    let compressed = bodies.compressed();
    // Of 1,000 sizes from 10 to 3,000.
    assert!((660..=675).contains(&compressed), "{compressed}");
    let mut sizes = Vec::new();
    for (_, message) in shapes(&mut bodies.clone(), 0..400) {
        let flag = message.kind().sys_flag;
        sizes.push(unpack(message.body(), flag, 3000).unwrap().len());
    }
    let mean = sizes.iter().sum::<usize>() / sizes.len();
    assert!((1400..1600).contains(&mean), "{mean}");
}

#[test]
fn batches_have_one_size_and_the_same_keys() {
    let shape = MessageShape {
        batch: 2,
        ..varied()
    };
    assert!(Bodies::new(&shape, 1).is_err());
    let too_long = MessageShape {
        keys: "k".repeat(32_767 - 512),
        ..varied()
    };
    assert!(Bodies::new(&too_long, 1).is_err());
}
