//! Figures of a result by name: `p99`, `service.p50`, `error_rate`, as thresholds, repetitions and
//! comparisons ask for them.

use crate::metrics::LatencySummary;
use crate::metrics::units::{duration, percent, rate, three_digits};
use crate::stats::{Better, Scale};

use super::result::RunResult;

/// Figures that repetitions and comparisons show, in their order.
pub const SHOWN: [&str; 9] = [
    "response.p50",
    "response.p90",
    "response.p99",
    "response.p999",
    "response.max",
    "response.mean",
    "error_rate",
    "acked_per_s",
    "cpu_us_per_message",
];

/// Those a comparison judges unless told otherwise: not the maximum, which one message makes.
#[must_use]
pub fn is_judged(name: &str) -> bool {
    name != "response.max"
}

/// What a figure is measured in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Nanoseconds.
    Nanoseconds,
    /// A share from 0 to 1.
    Share,
    /// Per second.
    PerSecond,
    /// Microseconds of CPU time.
    CpuMicroseconds,
}

impl Unit {
    /// The unit of a figure.
    #[must_use]
    pub fn of(name: &str) -> Self {
        match name {
            "error_rate" | "achieved" | "retry_rate" | "sent" => Self::Share,
            "acked_per_s" => Self::PerSecond,
            "cpu_us_per_message" => Self::CpuMicroseconds,
            _ => Self::Nanoseconds,
        }
    }

    /// As in JSON documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Nanoseconds => "ns",
            Self::Share => "share",
            Self::PerSecond => "per_s",
            Self::CpuMicroseconds => "us",
        }
    }

    /// A value for people.
    #[must_use]
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a time is above 0; the cast saturates"
    )]
    pub fn show(self, value: f64) -> String {
        match self {
            Self::Nanoseconds => duration(value.round() as u64),
            Self::Share => percent(value),
            Self::PerSecond => rate(value),
            Self::CpuMicroseconds => format!("{} µs", three_digits(value)),
        }
    }

    /// How values are set against one another: shares may be 0.
    #[must_use]
    pub fn scale(self) -> Scale {
        match self {
            Self::Share => Scale::Difference,
            _ => Scale::Ratio,
        }
    }
}

/// Which way a figure is better.
#[must_use]
pub fn better(name: &str) -> Better {
    match name {
        "acked_per_s" | "achieved" => Better::Higher,
        _ => Better::Lower,
    }
}

/// Its name as people read it: `response p99.9`, `errors`.
#[must_use]
pub fn title(name: &str) -> String {
    match name {
        "error_rate" => "failed or unknown".to_owned(),
        "acked_per_s" => "acknowledged".to_owned(),
        "cpu_us_per_message" => "CPU per message".to_owned(),
        _ => name
            .replace('.', " ")
            .replace("p9999", "p99.99")
            .replace("p999", "p99.9"),
    }
}

/// A kind of time by its name.
#[must_use]
pub fn series<'a>(result: &'a RunResult, name: &str) -> Option<&'a LatencySummary> {
    match name {
        "response" => result.latency.response.as_ref(),
        "service" => result.latency.service.as_ref(),
        "lateness" => Some(&result.latency.lateness),
        "queue" => Some(&result.latency.queue),
        _ => None,
    }
}

/// A figure: times in nanoseconds, shares from 0 to 1, rates per second; `None` when the result does not
/// state it.
#[must_use]
#[allow(
    clippy::cast_precision_loss,
    reason = "compared with a limit given by hand"
)]
pub fn figure(result: &RunResult, name: &str) -> Option<f64> {
    let (accounts, retries) = (&result.accounts, &result.retries);
    let share = |part: u64, whole: u64| (whole > 0).then(|| part as f64 / whole as f64);
    match name {
        "error_rate" => {
            let lost = accounts.failed + accounts.unknown;
            return share(lost, accounts.acked + lost);
        }
        "achieved" => return share(accounts.acked, accounts.planned),
        "retry_rate" => {
            return share(retries.by_attempt.iter().skip(1).sum(), retries.attempts);
        }
        "acked_per_s" => return result.rate.acked_per_s,
        "cpu_us_per_message" => return result.generator.cpu_us_per_message,
        _ => {}
    }
    let (kind, statistic) = name.split_once('.')?;
    let series = series(result, kind)?;
    let ns = match statistic {
        "p50" => series.p50_ns,
        "p90" => series.p90_ns,
        "p95" => series.p95_ns,
        "p99" => series.p99_ns,
        "p999" => series.p999_ns,
        "p9999" => series.p9999_ns,
        "max" => series.max_ns,
        "mean" => series.mean_ns,
        _ => None,
    };
    ns.map(|ns| ns as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn figures_are_those_of_the_result() {
        let result = sample::open();
        let response = result.latency.response.as_ref().unwrap();
        let p99 = figure(&result, "response.p99").unwrap();
        assert!((p99 - response.p99_ns.unwrap() as f64).abs() < 0.5);
        // 8 failed and 1 unknown of 19,995 that ended.
        assert!((figure(&result, "error_rate").unwrap() - 9.0 / 19_995.0).abs() < 1e-12);
        assert!(figure(&result, "retry_rate").unwrap() > 0.0);
        for name in SHOWN {
            assert!(figure(&result, name).is_some(), "{name}");
        }
        assert_eq!(figure(&result, "response.p42"), None);
        assert_eq!(figure(&sample::oneway(), "response.p99"), None);
        assert_eq!(title("service.p999"), "service p99.9");
    }
}
