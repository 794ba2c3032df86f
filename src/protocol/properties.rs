//! The properties of a message: `name U+0001 value U+0002`, repeated (R165).

/// Ends a name.
pub const NAME_END: u8 = 1;
/// Ends a value, also the last one.
pub const VALUE_END: u8 = 2;
/// Largest properties string a broker takes, its own additions included (R225).
pub const MAX_BYTES: usize = 32_767;

/// Property of the unique message id.
pub const UNIQUE_ID_KEY: &str = "UNIQ_KEY";
/// Property of the tag.
pub const TAGS: &str = "TAGS";
/// Property of the keys, separated by one space.
pub const KEYS: &str = "KEYS";
/// Property that asks the broker to wait for flush and replication.
pub const WAIT: &str = "WAIT";
/// Property of the delay level, 1 to 18 by default.
pub const DELAY: &str = "DELAY";
/// Property of the moment a message is delivered, in ms since 1970, at RocketMQ's cloud service.
pub const START_DELIVER_TIME: &str = "__STARTDELIVERTIME";
/// Property of the moment a timer message is delivered, in ms since 1970 (5.x).
pub const TIMER_DELIVER_MS: &str = "TIMER_DELIVER_MS";
/// Property of a timer message's delay in ms (5.x).
pub const TIMER_DELAY_MS: &str = "TIMER_DELAY_MS";
/// Property of a timer message's delay in seconds (5.x).
pub const TIMER_DELAY_SEC: &str = "TIMER_DELAY_SEC";
/// Property of the buyer's id.
pub const BUYER_ID: &str = "BUYER_ID";
/// Property of the key that orders messages.
pub const SHARDING_KEY: &str = "__SHARDINGKEY";

/// Property of the namespace of a message's topic (R38).
pub const INSTANCE_ID: &str = "INSTANCE_ID";
/// Property of how often a consumer has had a message (R166).
pub const RECONSUME_TIME: &str = "RECONSUME_TIME";
/// Property of how often a consumer may have a message (R166).
pub const MAX_RECONSUME_TIMES: &str = "MAX_RECONSUME_TIMES";
/// What topics of messages that are to be consumed again begin with.
pub const RETRY_TOPIC_PREFIX: &str = "%RETRY%";

/// Property that makes a message a half one (R69).
pub const HALF: &str = "TRAN_MSG";
/// Property of the producer group that is asked about a half message (R69).
pub const PRODUCER_GROUP: &str = "PGROUP";

/// Property that tells which request an answer belongs to (R77).
pub const CORRELATION_ID: &str = "CORRELATION_ID";
/// Property of the client id that waits for the answer to a request (R77).
pub const REPLY_TO_CLIENT: &str = "REPLY_TO_CLIENT";
/// Property of how long an answer is waited for, in ms (R77).
pub const TTL: &str = "TTL";
/// Property of the cluster that stored a message, set by its broker (R83).
pub const CLUSTER: &str = "CLUSTER";
/// Property that makes a message the answer to a request (R83).
pub const MESSAGE_TYPE: &str = "MSG_TYPE";

/// Appends one property.
#[inline]
pub fn write(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.push(NAME_END);
    out.extend_from_slice(value);
    out.push(VALUE_END);
}

/// Takes out every pair of this name from what [`write()`] has written.
pub fn remove(from: &mut Vec<u8>, name: &str) {
    let mut kept = Vec::with_capacity(from.len());
    for pair in from.split_inclusive(|byte| *byte == VALUE_END) {
        let of = pair.split(|byte| *byte == NAME_END).next();
        if of != Some(name.as_bytes()) {
            kept.extend_from_slice(pair);
        }
    }
    *from = kept;
}

/// Puts another value of the same length into the pair of this name, where there is one.
pub fn replace(within: &mut [u8], name: &str, value: &[u8]) {
    for pair in within.split_inclusive_mut(|byte| *byte == VALUE_END) {
        let place = name.len() + 1..pair.len().saturating_sub(1);
        if pair.starts_with(name.as_bytes())
            && pair.get(name.len()) == Some(&NAME_END)
            && place.len() == value.len()
            && let Some(old) = pair.get_mut(place)
        {
            old.copy_from_slice(value);
        }
    }
}

/// The pairs of a properties string, as Java reads them: pairs with an empty name or value are
/// dropped, a value may contain U+0001, the final U+0002 may be missing.
pub fn parse(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split('\u{2}')
        .filter_map(|pair| pair.split_once('\u{1}'))
        .filter(|(name, value)| !name.is_empty() && !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// R165.
    #[test]
    fn java_s_reading_rules() {
        let text = "A\u{1}1\u{2}B\u{1}\u{2}\u{1}x\u{2}C\u{1}2\u{1}3\u{2}broken\u{2}D\u{1}4";
        let pairs: Vec<_> = parse(text).collect();
        assert_eq!(pairs, [("A", "1"), ("C", "2\u{1}3"), ("D", "4")]);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(pairs in prop::collection::vec(("[^\u{1}\u{2}]{1,9}", "[^\u{1}\u{2}]{1,9}"), 0..9)) {
            let mut out = Vec::new();
            for (name, value) in &pairs {
                write(&mut out, name, value.as_bytes());
            }
            let text = String::from_utf8(out).unwrap();
            let read: Vec<_> = parse(&text).map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
            prop_assert_eq!(read, pairs);
        }

        #[test]
        fn any_text_can_be_parsed(text in any::<String>()) {
            prop_assert!(parse(&text).count() <= text.len());
        }
    }
}
