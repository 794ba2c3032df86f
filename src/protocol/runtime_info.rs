//! What a broker says of itself (Java: GET_BROKER_RUNTIME_INFO, a `KVTable` of texts): the figures a load has to look
//! at. What a broker does not say is unknown, not 0; so is what cannot be read. The names are the same in 4.9 and 5.x.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde::Deserialize;
use serde_json::Value;

use crate::protocol::error::DecodeError;

/// Some of a broker's own figures.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RuntimeInfo {
    /// Name of its version: `V5_5_0`.
    pub version: Option<String>,
    /// When its store was opened, in ms since 1970.
    pub booted_ms: Option<i64>,
    /// Used share of the disk its commit log is on, 0 to 1; RocketMQ gives whole percent, rounded up. With
    /// several folders, the smallest of theirs.
    pub disk_ratio: Option<f64>,
    /// The same of the disk of its consume queues; brokers refuse messages when either is full.
    pub queue_disk_ratio: Option<f64>,
    /// Sends that wait for a thread.
    pub send_queue: Option<u64>,
    /// Most sends that may wait.
    pub send_queue_capacity: Option<u64>,
    /// How long the first of them has waited, in ms.
    pub send_queue_wait_ms: Option<u64>,
    /// How long the write under way has held the lock of the commit log, in ms.
    pub page_cache_lock_ms: Option<u64>,
    /// Messages stored per second.
    pub puts_per_s: PutRates,
    /// Messages it could not store since its start.
    pub puts_failed: Option<u64>,
    /// Bytes of its commit log that no consume queue lists yet.
    pub dispatch_behind_bytes: Option<u64>,
    /// Offset of the first byte of its commit log; unknown while that is empty.
    pub commit_log_min: Option<u64>,
    /// Offset behind the last byte of its commit log: how much it has written grows by this.
    pub commit_log_max: Option<u64>,
}

/// Messages stored per second, as brokers average them; unknown until they have run for so long.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PutRates {
    /// Of the last 10 s.
    pub last_10s: Option<f64>,
    /// Of the last minute.
    pub last_1m: Option<f64>,
    /// Of the last ten minutes.
    pub last_10m: Option<f64>,
}

const VERSION: &str = "brokerVersionDesc";
const BOOTED: &str = "bootTimestamp";
const DISK: &str = "commitLogDiskRatio";
const QUEUE_DISK: &str = "consumeQueueDiskRatio";
const SEND_QUEUE: &str = "sendThreadPoolQueueSize";
const SEND_QUEUE_CAPACITY: &str = "sendThreadPoolQueueCapacity";
const SEND_QUEUE_WAIT: &str = "sendThreadPoolQueueHeadWaitTimeMills";
const PAGE_CACHE_LOCK: &str = "pageCacheLockTimeMills";
const PUT_RATES: &str = "putTps";
const PUTS_FAILED: &str = "putMessageFailedTimes";
const DISPATCH_BEHIND: &str = "dispatchBehindBytes";
const COMMIT_LOG_MIN: &str = "commitLogMinOffset";
const COMMIT_LOG_MAX: &str = "commitLogMaxOffset";

#[derive(Deserialize)]
struct Wire {
    table: Option<BTreeMap<String, Value>>,
}

impl RuntimeInfo {
    /// Reads the body of an answer.
    ///
    /// # Errors
    /// [`DecodeError::Json`] for what is no such object.
    pub fn parse(body: &[u8]) -> Result<Self, DecodeError> {
        let wire: Wire = serde_json::from_slice(body).map_err(|error| DecodeError::Json {
            what: "runtime information",
            detail: error.to_string(),
        })?;
        let table = Table(wire.table.unwrap_or_default());
        Ok(Self {
            version: table.text(VERSION).filter(|text| !text.is_empty()),
            booted_ms: table.number(BOOTED),
            disk_ratio: table.ratio(DISK),
            queue_disk_ratio: table.ratio(QUEUE_DISK),
            send_queue: table.number(SEND_QUEUE),
            send_queue_capacity: table.number(SEND_QUEUE_CAPACITY),
            send_queue_wait_ms: table.number(SEND_QUEUE_WAIT),
            page_cache_lock_ms: table.number(PAGE_CACHE_LOCK),
            puts_per_s: table
                .text(PUT_RATES)
                .map_or_else(PutRates::default, |text| PutRates::read(&text)),
            puts_failed: table.number(PUTS_FAILED),
            dispatch_behind_bytes: table.number(DISPATCH_BEHIND),
            commit_log_min: table.number(COMMIT_LOG_MIN),
            commit_log_max: table.number(COMMIT_LOG_MAX),
        })
    }

    /// The body of an answer that says what is known.
    #[must_use]
    pub fn to_json(&self) -> String {
        fn text<T: ToString>(value: Option<T>) -> Option<String> {
            value.map(|value| value.to_string())
        }
        let rates = (self.puts_per_s != PutRates::default()).then(|| self.puts_per_s.written());
        let table: BTreeMap<&str, String> = [
            (VERSION, self.version.clone()),
            (BOOTED, text(self.booted_ms)),
            (DISK, text(self.disk_ratio)),
            (QUEUE_DISK, text(self.queue_disk_ratio)),
            (SEND_QUEUE, text(self.send_queue)),
            (SEND_QUEUE_CAPACITY, text(self.send_queue_capacity)),
            (SEND_QUEUE_WAIT, text(self.send_queue_wait_ms)),
            (PAGE_CACHE_LOCK, text(self.page_cache_lock_ms)),
            (PUT_RATES, rates),
            (PUTS_FAILED, text(self.puts_failed)),
            (DISPATCH_BEHIND, text(self.dispatch_behind_bytes)),
            (COMMIT_LOG_MIN, text(self.commit_log_min)),
            (COMMIT_LOG_MAX, text(self.commit_log_max)),
        ]
        .into_iter()
        .filter_map(|(key, value)| Some((key, value?)))
        .collect();
        serde_json::json!({ "table": table }).to_string()
    }
}

impl PutRates {
    /// Three numbers with single spaces between them; an empty one is not known yet.
    fn read(text: &str) -> Self {
        let mut rates = text.split(' ').map(finite);
        let mut next = || rates.next().flatten();
        Self {
            last_10s: next(),
            last_1m: next(),
            last_10m: next(),
        }
    }

    fn written(self) -> String {
        let rates = [self.last_10s, self.last_1m, self.last_10m];
        rates
            .map(|rate| rate.map_or_else(String::new, |rate| rate.to_string()))
            .join(" ")
    }
}

struct Table(BTreeMap<String, Value>);

impl Table {
    fn text(&self, key: &str) -> Option<String> {
        match self.0.get(key)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    fn number<T: FromStr>(&self, key: &str) -> Option<T> {
        self.text(key)?.parse().ok()
    }

    /// Brokers give -1 for what they could not find out.
    fn ratio(&self, key: &str) -> Option<f64> {
        finite(&self.text(key)?)
    }
}

fn finite(text: &str) -> Option<f64> {
    let number: f64 = text.parse().ok()?;
    (number.is_finite() && number >= 0.0).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table(pairs: &[(&str, &str)]) -> RuntimeInfo {
        let table: BTreeMap<_, _> = pairs.iter().copied().collect();
        let body = serde_json::json!({ "table": table }).to_string();
        RuntimeInfo::parse(body.as_bytes()).unwrap()
    }

    #[test]
    fn what_a_broker_says_is_read() {
        let info = table(&[
            ("brokerVersionDesc", "V5_5_0"),
            ("commitLogDiskRatio", "0.81"),
            ("commitLogDiskRatio_/data/a", "0.81"),
            ("putTps", "1.0E-4 12.5 3"),
            ("sendThreadPoolQueueSize", "7"),
            ("sendThreadPoolQueueHeadWaitTimeMills", "12"),
        ]);
        assert_eq!(info.version.as_deref(), Some("V5_5_0"));
        assert_eq!(info.disk_ratio, Some(0.81));
        assert_eq!(
            (info.send_queue, info.send_queue_wait_ms),
            (Some(7), Some(12))
        );
        let rates = [1.0e-4, 12.5, 3.0].map(Some);
        let read = info.puts_per_s;
        assert_eq!([read.last_10s, read.last_1m, read.last_10m], rates);
    }

    #[test]
    fn what_it_does_not_say_is_unknown_and_not_0() {
        assert_eq!(table(&[]), RuntimeInfo::default());
        let info = table(&[
            // Just started: no rate yet. -1: the folder is not there.
            ("putTps", "  "),
            ("commitLogDiskRatio", "-1.0"),
            ("consumeQueueDiskRatio", "NaN"),
            ("sendThreadPoolQueueSize", "many"),
            ("brokerVersionDesc", ""),
        ]);
        assert_eq!(info, RuntimeInfo::default());
        let young = table(&[("putTps", "5.0  ")]).puts_per_s;
        assert_eq!((young.last_10s, young.last_1m), (Some(5.0), None));
        assert!(RuntimeInfo::parse(b"").is_err());
        assert_eq!(RuntimeInfo::parse(b"{}"), Ok(RuntimeInfo::default()));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            ratio in prop::option::of(0.0..1.0), count: Option<u64>, ms: Option<i64>,
            rates in any::<[bool; 3]>(), version in prop::option::of("[A-Z0-9_ ]{1,9}"),
        ) {
            let info = RuntimeInfo {
                version, booted_ms: ms, disk_ratio: ratio, queue_disk_ratio: ratio, send_queue: count,
                send_queue_capacity: count, send_queue_wait_ms: count, page_cache_lock_ms: count,
                puts_per_s: PutRates {
                    last_10s: rates[0].then_some(1.5), last_1m: rates[1].then_some(0.0),
                    last_10m: rates[2].then_some(3e9),
                },
                puts_failed: count, dispatch_behind_bytes: count, commit_log_min: count, commit_log_max: count,
            };
            prop_assert_eq!(RuntimeInfo::parse(info.to_json().as_bytes()), Ok(info));
        }

        #[test]
        fn arbitrary_bytes_never_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = RuntimeInfo::parse(&body);
        }
    }
}
