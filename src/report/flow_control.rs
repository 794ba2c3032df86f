//! What brokers refused for want of room or time, for the result and its text.

use std::collections::BTreeMap;
use std::io::{self, Write};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::metrics::summary::share;
use crate::metrics::units::{count, duration, percent};
use crate::metrics::{Refusals, Summary};

use super::build::BrokerFacts;
use super::style::Style;

/// Attempts that brokers refused with one of the phrases of their flow control.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FlowControlFigures {
    /// Which: `timeout_clean_queue` (waited too long in the broker's queue of sends), `pcbusy_clean_queue` (waited
    /// there while the page cache was busy), `reject_request` (refused at the door), `overload` (that queue was
    /// full), `pc_synchronized` (the store found the page cache busy), `disk_full`, or `busy` in other words.
    pub class: String,
    /// How many attempts.
    pub attempts: u64,
    /// Their share of all attempts, from 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
    /// Those of them whose refusal says how long they had waited in the broker's queue.
    pub queued: u64,
    /// The sum of these times in milliseconds.
    pub queued_total_ms: u64,
    /// Their mean in milliseconds; absent without any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queued_mean_ms: Option<f64>,
    /// The longest of these times in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queued_max_ms: Option<u64>,
    /// Most requests in that queue of which a refusal told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_size_max: Option<u64>,
    /// Attempts by broker.
    pub brokers: BTreeMap<String, u64>,
}

/// Those of a run, the most frequent first.
pub(super) fn figures(summary: &Summary, facts: &[BrokerFacts]) -> Vec<FlowControlFigures> {
    let attempts = summary.counters().attempts();
    let mut all = Refusals::default();
    let mut brokers: BTreeMap<_, BTreeMap<String, u64>> = BTreeMap::new();
    for (index, record) in summary.brokers().iter().enumerate() {
        all.merge(&record.refusals);
        let name = facts
            .get(index)
            .map_or_else(|| format!("broker {index}"), |broker| broker.name.clone());
        for (class, refused) in record.refusals.iter() {
            *brokers
                .entry(class)
                .or_default()
                .entry(name.clone())
                .or_default() += refused.attempts;
        }
    }
    let mut figures: Vec<_> = all
        .iter()
        .map(|(class, refused)| FlowControlFigures {
            class: class.name().to_owned(),
            attempts: refused.attempts,
            share: share(refused.attempts, attempts),
            queued: refused.timed,
            queued_total_ms: refused.queued_ms,
            queued_mean_ms: share(refused.queued_ms, refused.timed),
            queued_max_ms: (refused.timed > 0).then_some(refused.longest_ms),
            queue_size_max: refused.largest_queue,
            brokers: brokers.remove(&class).unwrap_or_default(),
        })
        .collect();
    figures.sort_by_key(|figures| std::cmp::Reverse(figures.attempts));
    figures
}

/// The lines of the text report.
pub(super) fn write(
    out: &mut (impl Write + ?Sized),
    figures: &[FlowControlFigures],
    style: Style,
) -> io::Result<()> {
    for figures in figures {
        let brokers = figures.brokers.iter();
        let brokers: Vec<_> = brokers
            .map(|(name, n)| format!("{name} {}", count(*n)))
            .collect();
        write!(
            out,
            "{} {} {}",
            style.heading("Flow control:"),
            figures.class,
            count(figures.attempts)
        )?;
        if let Some(share) = figures.share {
            write!(out, " ({} of the attempts)", percent(share))?;
        }
        if let (Some(mean), Some(max)) = (figures.queued_mean_ms, figures.queued_max_ms) {
            let (mean, max) = (milliseconds(mean), duration(max.saturating_mul(1_000_000)));
            write!(out, ", queued {mean} on average, {max} at most")?;
        }
        if let Some(size) = figures.queue_size_max {
            write!(out, ", up to {} in the queue", count(size))?;
        }
        writeln!(out, "; {}", brokers.join(", "))?;
    }
    Ok(())
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a positive time; as-casts saturate"
)]
fn milliseconds(ms: f64) -> String {
    duration((ms * 1e6) as u64)
}
