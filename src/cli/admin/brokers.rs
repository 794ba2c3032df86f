//! `admin brokers`.

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Answer, Common, ask, message};
use crate::cli::failure::Failure;
use crate::cli::figure;
use crate::client::admin::BrokerStatus;
use crate::config::value::Moment;
use crate::metrics::units::{count, counted, percent, rate};
use crate::protocol::runtime_info::RuntimeInfo;
use crate::report::table::Figures;

/// Arguments of `admin brokers`.
#[derive(Debug, Clone, Args)]
pub(super) struct BrokersArgs {
    #[command(flatten)]
    pub(super) common: Common,
    /// Only brokers that have this topic
    #[arg(short, long, value_name = "NAME")]
    topic: Option<String>,
}

/// What brokers say of themselves.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(super) struct Brokers {
    /// The brokers, by name.
    brokers: Vec<Broker>,
}

/// What one broker's master says. What it does not say is absent.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
struct Broker {
    /// Its name.
    name: String,
    /// Its cluster.
    cluster: String,
    /// Address of its master; absent without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    /// Why it is not known how it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// Name of its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    /// When its store was opened, in ms since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    booted_ms: Option<i64>,
    /// The same in RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    booted_at: Option<String>,
    /// Used share of the disk of its commit log, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    commit_log_disk_ratio: Option<f64>,
    /// Used share of the disk of its consume queues, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    consume_queue_disk_ratio: Option<f64>,
    /// Sends that wait for a thread.
    #[serde(skip_serializing_if = "Option::is_none")]
    send_queue: Option<u64>,
    /// Most sends that may wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    send_queue_capacity: Option<u64>,
    /// How long the first of them has waited, in ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    send_queue_wait_ms: Option<u64>,
    /// How long the write under way has held the commit log's lock, in ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    page_cache_lock_ms: Option<u64>,
    /// Messages stored per second, over the last 10 s.
    #[serde(skip_serializing_if = "Option::is_none")]
    puts_per_s_10s: Option<f64>,
    /// Over the last minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    puts_per_s_1m: Option<f64>,
    /// Over the last ten minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    puts_per_s_10m: Option<f64>,
    /// Messages it could not store since its start.
    #[serde(skip_serializing_if = "Option::is_none")]
    puts_failed: Option<u64>,
    /// Bytes of its commit log that no consume queue lists yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    dispatch_behind_bytes: Option<u64>,
    /// Offset of the first byte of its commit log.
    #[serde(skip_serializing_if = "Option::is_none")]
    commit_log_min_offset: Option<u64>,
    /// Offset behind the last byte of its commit log.
    #[serde(skip_serializing_if = "Option::is_none")]
    commit_log_max_offset: Option<u64>,
}

impl Broker {
    fn of(status: BrokerStatus) -> Self {
        let (info, error) = match status.info {
            Ok(info) => (info, None),
            // Brokers' words are in it.
            Err(error) => (
                RuntimeInfo::default(),
                Some(message::visible(&error.to_string())),
            ),
        };
        Self {
            name: status.broker,
            cluster: status.cluster,
            address: status.address,
            error,
            version: info.version.map(|version| message::visible(&version)),
            booted_ms: info.booted_ms,
            booted_at: info.booted_ms.map(|ms| Moment(ms).to_string()),
            commit_log_disk_ratio: info.disk_ratio,
            consume_queue_disk_ratio: info.queue_disk_ratio,
            send_queue: info.send_queue,
            send_queue_capacity: info.send_queue_capacity,
            send_queue_wait_ms: info.send_queue_wait_ms,
            page_cache_lock_ms: info.page_cache_lock_ms,
            puts_per_s_10s: info.puts_per_s.last_10s,
            puts_per_s_1m: info.puts_per_s.last_1m,
            puts_per_s_10m: info.puts_per_s.last_10m,
            puts_failed: info.puts_failed,
            dispatch_behind_bytes: info.dispatch_behind_bytes,
            commit_log_min_offset: info.commit_log_min,
            commit_log_max_offset: info.commit_log_max,
        }
    }

    /// What the commit log holds.
    fn stored_bytes(&self) -> Option<u64> {
        let (min, max) = (self.commit_log_min_offset?, self.commit_log_max_offset?);
        Some(max.saturating_sub(min))
    }

    /// Figures for the table; `-` for what is not said.
    fn figures(&self) -> [String; 8] {
        fn shown<T>(value: Option<T>, show: impl Fn(T) -> String) -> String {
            value.map_or_else(|| "-".to_owned(), show)
        }
        [
            shown(self.address.clone(), |address| address),
            shown(self.version.clone(), |version| version),
            shown(self.commit_log_disk_ratio, percent),
            shown(self.send_queue, count),
            shown(self.send_queue_wait_ms, |ms| format!("{} ms", count(ms))),
            shown(self.puts_per_s_10s, rate),
            shown(self.puts_per_s_1m, rate),
            shown(self.stored_bytes(), figure::bytes),
        ]
    }
}

/// # Errors
/// No broker says how it is: the first one's failure.
pub(super) fn run(args: &BrokersArgs) -> Result<Answer, Failure> {
    let topic = args.topic.as_deref();
    let mut status = ask(&args.common, async |admin| admin.broker_status(topic).await)?;
    if status.iter().all(|broker| broker.info.is_err())
        && let Some(Err(error)) = status.drain(..).map(|broker| broker.info).next()
    {
        return Err(error.into());
    }
    Ok(Answer::Brokers(Brokers {
        brokers: status.into_iter().map(Broker::of).collect(),
    }))
}

impl Brokers {
    pub(super) fn text(&self) -> String {
        let header = [
            "",
            "address",
            "version",
            "disk",
            "send queue",
            "waits",
            "puts, 10 s",
            "puts, 1 min",
            "commit log",
        ];
        let mut table = Figures::new(header.into());
        for broker in &self.brokers {
            table.row(&broker.name, broker.figures());
        }
        let (table, _) = table.fit(None, &[]);
        let mut text = format!(
            "{}\n{table}\n",
            counted(self.brokers.len() as u64, "broker")
        );
        for broker in &self.brokers {
            if let Some(error) = &broker.error {
                text.push_str(&format!("{}: NOT KNOWN, {error}\n", broker.name));
            }
        }
        text
    }
}
