//! Whether callers or places in flight can carry a rate at all, by Little's law (Little 1961): N = λ · W.
//!
//! A few messages sent one after another before the run say what a send takes when nothing is in its way, so N places
//! at W each carry at most N / W. The run itself says what sends took under load.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::metrics::units::{count, counted, duration, rate};

/// What holds a send from its begin to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Places {
    /// `--callers`.
    Callers,
    /// `--in-flight`.
    InFlight,
}

/// What was seen before the run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Probed {
    /// Sends answered, one after another.
    pub sends: u64,
    /// Their median service time in nanoseconds, above 0.
    pub service_ns: u64,
    /// What holds a send.
    pub kind: Places,
    /// How many of them there are, at least 1.
    pub places: u64,
    /// Messages of a send, at least 1.
    pub messages: u64,
    /// The highest rate of the plan, in messages per second.
    pub peak_per_s: f64,
}

/// What the places can carry, by the probe and by the run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LittlesLaw {
    /// What holds a send from its begin to its end.
    pub kind: Places,
    /// How many of them there were.
    pub places: u64,
    /// Sends answered before the run, one after another.
    pub probe_sends: u64,
    /// Their median service time in nanoseconds.
    pub probe_service_ns: u64,
    /// Messages per second that so many places carry at most if no send takes less.
    pub ceiling_per_s: f64,
    /// Places the highest rate of the plan needs at least.
    pub needed: u64,
    /// Mean service time of the sends of the window in nanoseconds; absent where none was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured_service_ns: Option<u64>,
    /// Places the highest rate needs at that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured_needed: Option<u64>,
}

impl LittlesLaw {
    /// The law applied to a probe, and to what sends of the run took on average, in nanoseconds.
    #[must_use]
    pub fn new(probed: Probed, measured_service_ns: Option<u64>) -> Self {
        let needed = |service_ns: u64| needed(probed, service_ns);
        Self {
            kind: probed.kind,
            places: probed.places,
            probe_sends: probed.sends,
            probe_service_ns: probed.service_ns,
            ceiling_per_s: ceiling_per_s(probed),
            needed: needed(probed.service_ns),
            measured_service_ns,
            measured_needed: measured_service_ns.map(needed),
        }
    }

    /// Whether there were too few places, as the probe saw it or as the run did.
    #[must_use]
    pub fn binds(&self) -> bool {
        self.needed > self.places
            || self
                .measured_needed
                .is_some_and(|needed| needed > self.places)
    }

    /// What the probe said, what the run did, and what it takes.
    #[must_use]
    pub fn sentence(&self) -> String {
        let (measured, needed) = match (self.measured_service_ns, self.measured_needed) {
            (Some(service_ns), Some(needed)) => {
                (format!("; {} in the run", duration(service_ns)), needed)
            }
            _ => (String::new(), self.needed),
        };
        let needed = count(needed.max(self.needed));
        format!(
            "{self} (probe of {}){measured}: the rate takes {needed}",
            count(self.probe_sends)
        )
    }
}

/// "64 callers at 2.00 ms a send carry at most 32,000/s".
impl fmt::Display for LittlesLaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = match self.kind {
            Places::Callers => counted(self.places, "caller"),
            Places::InFlight => counted(self.places, "send") + " in flight",
        };
        write!(
            f,
            "{places} at {} a send carry at most {}",
            duration(self.probe_service_ns),
            rate(self.ceiling_per_s)
        )
    }
}

#[allow(clippy::cast_precision_loss, reason = "rates and times of a report")]
fn ceiling_per_s(probed: Probed) -> f64 {
    (probed.places * probed.messages) as f64 * 1e9 / probed.service_ns.max(1) as f64
}

#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of places, at least 0; as-casts saturate"
)]
fn needed(probed: Probed, service_ns: u64) -> u64 {
    let sends_per_s = probed.peak_per_s / probed.messages.max(1) as f64;
    (sends_per_s * service_ns as f64 / 1e9).ceil() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probed(places: u64, service_ns: u64, messages: u64, peak_per_s: f64) -> Probed {
        Probed {
            sends: 100,
            service_ns,
            kind: Places::Callers,
            places,
            messages,
            peak_per_s,
        }
    }

    #[test]
    fn callers_at_two_milliseconds() {
        let law = LittlesLaw::new(probed(64, 2_000_000, 1, 50_000.0), Some(2_500_000));
        assert!((law.ceiling_per_s - 32_000.0).abs() < 1e-6, "{law:?}");
        assert_eq!((law.needed, law.measured_needed), (100, Some(125)));
        assert!(law.binds());
        assert_eq!(
            law.to_string(),
            "64 callers at 2.00 ms a send carry at most 32,000/s"
        );
    }

    #[test]
    fn a_batch_carries_all_of_its_messages() {
        let law = LittlesLaw::new(probed(10, 1_000_000, 20, 100_000.0), None);
        assert!((law.ceiling_per_s - 200_000.0).abs() < 1e-6, "{law:?}");
        assert_eq!(law.needed, 5);
        assert!(!law.binds());
    }

    #[test]
    fn what_was_enough_for_the_probe_may_not_be_for_the_run() {
        let law = LittlesLaw::new(probed(10, 1_000_000, 1, 9_000.0), Some(1_500_000));
        assert!(law.needed <= law.places && law.binds(), "{law:?}");
    }
}
