//! The lines of the live view, as text.

use std::time::Duration;

use anstyle::{AnsiColor, Style};

use super::{LiveSnapshot, Phase};
use crate::cli::figure;

const ALARM: Style = AnsiColor::Red.on_default();
const WARNING: Style = AnsiColor::Yellow.on_default();

/// Everything in one line, for logs.
pub(super) fn line(snapshot: &LiveSnapshot) -> String {
    let mut text = format!("{:<10} {}", snapshot.phase.name(), progress(snapshot));
    if snapshot.phase == Phase::Connecting {
        return text;
    }
    text += &format!(
        "  {}  {}  {}",
        rates(snapshot),
        troubles(snapshot, false),
        latencies(snapshot)
    );
    let avoided: Vec<&str> = snapshot
        .brokers
        .iter()
        .filter(|broker| broker.avoided)
        .map(|broker| broker.name.as_str())
        .collect();
    if !avoided.is_empty() {
        text += &format!("  avoided {}", avoided.join(" "));
    }
    text
}

/// Seconds with one digit.
fn seconds(duration: Duration) -> String {
    format!("{:.1}s", duration.as_secs_f64())
}

/// Time and count, each with its end where it has one.
pub(super) fn progress(snapshot: &LiveSnapshot) -> String {
    let elapsed = seconds(snapshot.elapsed);
    let time = match snapshot.total {
        Some(total) => format!("{elapsed} of {}", seconds(total)),
        None => elapsed,
    };
    match snapshot.count {
        Some((done, total)) => {
            let (done, total) = (figure::whole(done), figure::whole(total));
            format!("{time}, {done} of {total}")
        }
        None => time,
    }
}

/// Position of the bar: whichever end is nearer.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "display only; shares are clamped to 0..=1"
)]
pub(super) fn steps(snapshot: &LiveSnapshot, steps: u64) -> u64 {
    let by_time = snapshot.total.map(|total| {
        let total = total.as_secs_f64();
        if total > 0.0 {
            snapshot.elapsed.as_secs_f64() / total
        } else {
            1.0
        }
    });
    let by_count = snapshot
        .count
        .map(|(done, total)| done as f64 / total.max(1) as f64);
    let share = by_time.unwrap_or(0.0).max(by_count.unwrap_or(0.0));
    (share.clamp(0.0, 1.0) * steps as f64) as u64
}

/// Rates, and what is in flight.
pub(super) fn rates(snapshot: &LiveSnapshot) -> String {
    let mut text = String::new();
    if let Some(planned) = snapshot.planned_per_s {
        text += &format!("planned {}  ", figure::rate(planned));
    }
    text += &format!(
        "sent {}  acked {}  in flight {}",
        figure::rate(snapshot.sent_per_s),
        figure::rate(snapshot.acked_per_s),
        figure::whole(snapshot.in_flight),
    );
    text
}

/// What did not go well in the phase.
pub(super) fn troubles(snapshot: &LiveSnapshot, color: bool) -> String {
    let parts = [
        ("retries", snapshot.retries, WARNING),
        ("errors", snapshot.errors, ALARM),
        ("unsent", snapshot.unsent, ALARM),
    ]
    .map(|(label, number, style)| {
        let text = format!("{label} {}", figure::whole(number));
        styled(&text, style, color && number > 0)
    });
    parts.join("  ")
}

/// Response times of the last interval.
pub(super) fn latencies(snapshot: &LiveSnapshot) -> String {
    let show = |us: Option<f64>| us.map_or_else(|| "-".to_owned(), figure::latency);
    let (p50, p99) = (show(snapshot.p50_us), show(snapshot.p99_us));
    format!("p50 {p50}  p99 {p99}  max {}", show(snapshot.max_us))
}

/// One part per broker.
pub(super) fn brokers(snapshot: &LiveSnapshot, color: bool) -> String {
    let parts = snapshot.brokers.iter().map(|broker| {
        let mut part = format!("{} {}", broker.name, figure::rate(broker.acked_per_s));
        if let Some(p99) = broker.p99_us {
            part += &format!(" p99 {}", figure::latency(p99));
        }
        if broker.avoided {
            part += &format!(" {}", styled("avoided", WARNING, color));
        }
        part
    });
    parts.collect::<Vec<_>>().join("  |  ")
}

fn styled(text: &str, style: Style, color: bool) -> String {
    if color {
        format!("{style}{text}{style:#}")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::LiveBroker;
    use super::*;

    pub(in crate::cli::live) fn snapshot() -> LiveSnapshot {
        LiveSnapshot {
            elapsed: Duration::from_millis(3040),
            phase: Phase::Measure,
            total: Some(Duration::from_secs(10)),
            count: None,
            planned_per_s: Some(50_000.0),
            sent_per_s: 49_998.2,
            acked_per_s: 49_990.0,
            in_flight: 12,
            p50_us: Some(310.0),
            p99_us: Some(1200.0),
            max_us: None,
            retries: 3,
            errors: 0,
            unsent: 0,
            brokers: vec![
                LiveBroker {
                    name: "broker-a".to_owned(),
                    acked_per_s: 49_990.0,
                    p99_us: Some(900.0),
                    avoided: false,
                },
                LiveBroker {
                    name: "broker-b".to_owned(),
                    acked_per_s: 0.0,
                    p99_us: None,
                    avoided: true,
                },
            ],
        }
    }

    #[test]
    fn a_plain_line_holds_all_of_it() {
        assert_eq!(
            line(&snapshot()),
            "measure    3.0s of 10.0s  planned 50,000/s  sent 49,998/s  acked 49,990/s  \
             in flight 12  retries 3  errors 0  unsent 0  p50 310 µs  p99 1.20 ms  max -  \
             avoided broker-b"
        );
        let connecting = LiveSnapshot {
            phase: Phase::Connecting,
            total: None,
            ..snapshot()
        };
        assert_eq!(line(&connecting), "connecting 3.0s");
    }

    #[test]
    fn colour_is_used_only_when_allowed_and_needed() {
        let snapshot = snapshot();
        assert!(!troubles(&snapshot, false).contains('\u{1b}'));
        assert!(troubles(&snapshot, true).contains("\u{1b}[33mretries 3"));
        assert!(brokers(&snapshot, true).contains("\u{1b}[33mavoided"));
        assert_eq!(
            brokers(&snapshot, false),
            "broker-a 49,990/s p99 900 µs  |  broker-b 0.00/s avoided"
        );
    }

    #[test]
    fn the_bar_follows_the_nearer_end() {
        let mut snapshot = snapshot();
        assert_eq!(steps(&snapshot, 1000), 304);
        snapshot.count = Some((50, 100));
        assert_eq!(steps(&snapshot, 1000), 500);
        assert_eq!(progress(&snapshot), "3.0s of 10.0s, 50 of 100");
        snapshot.total = None;
        snapshot.count = None;
        assert_eq!(steps(&snapshot, 1000), 0);
        snapshot.total = Some(Duration::from_secs(1));
        assert_eq!(steps(&snapshot, 1000), 1000);
    }
}
