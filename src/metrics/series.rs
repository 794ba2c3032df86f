//! The course of a whole run, second by second, in bounded memory: what a stored result is drawn from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::interval::{BrokerInterval, Interval, Phase, Quantiles};

/// Points kept; a longer run has points of several seconds.
const MOST_POINTS: usize = 1_800;
/// Points times brokers kept, likewise.
const MOST_BROKER_POINTS: usize = 16 * MOST_POINTS;
/// By how much a point may be longer than its step, in seconds: seconds end when threads wake.
const SLACK_S: f64 = 0.5;

/// A run from its warm-up to its last answer, in points of `step_s` seconds.
///
/// A point has the form of a line of `--intervals`. Of one that spans several seconds the counts are sums, maxima are
/// exact, `in_flight` is that at its end, and its percentiles are the highest of any of its seconds: histograms of
/// single seconds are not kept. No point spans two phases.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TimeSeries {
    /// Seconds that a point spans: 1, and doubled as often as it takes to keep 1,800 points or fewer.
    pub step_s: u64,
    /// The points, the earliest first.
    pub points: Vec<Interval>,
}

impl Default for TimeSeries {
    fn default() -> Self {
        Self {
            step_s: 1,
            points: Vec::new(),
        }
    }
}

impl TimeSeries {
    /// Adds the next second.
    pub fn push(&mut self, second: Interval) {
        self.add(second);
        while self.is_too_long() && self.step_s < u64::MAX / 2 {
            self.step_s *= 2;
            for point in std::mem::take(&mut self.points) {
                self.add(point);
            }
        }
    }

    /// Dates the warm-up back from the window's beginning: of one that ended by itself, the end was not known while it
    /// lasted.
    pub fn date_warmup(&mut self) {
        let window = self
            .points
            .iter()
            .position(|point| point.phase != Phase::Warmup);
        let Some((warmup, [first, ..])) = window.map(|window| self.points.split_at_mut(window))
        else {
            return;
        };
        let mut end_s = first.at_s - first.length_s;
        for point in warmup.iter_mut().rev() {
            point.at_s = (end_s * 1e6).round() / 1e6;
            end_s -= point.length_s;
        }
    }

    fn is_too_long(&self) -> bool {
        let brokers: usize = self.points.iter().map(|point| point.brokers.len()).sum();
        self.points.len() > MOST_POINTS || brokers > MOST_BROKER_POINTS
    }

    fn add(&mut self, next: Interval) {
        #[allow(clippy::cast_precision_loss, reason = "seconds of a run")]
        let step_s = self.step_s as f64;
        match self.points.last_mut() {
            Some(last)
                if self.step_s > 1
                    && last.phase == next.phase
                    && last.length_s + next.length_s <= step_s + SLACK_S =>
            {
                join(last, next);
            }
            _ => self.points.push(next),
        }
    }
}

/// Lets a point end with the one after it.
fn join(point: &mut Interval, next: Interval) {
    point.at_s = next.at_s;
    point.length_s += next.length_s;
    point.in_flight = next.in_flight;
    for (sum, n) in [
        (&mut point.planned, next.planned),
        (&mut point.sent, next.sent),
        (&mut point.acked, next.acked),
        (&mut point.failed, next.failed),
        (&mut point.unknown, next.unknown),
        (&mut point.unsent, next.unsent),
        (&mut point.retries, next.retries),
        (&mut point.late_replies, next.late_replies),
    ] {
        *sum = sum.saturating_add(n);
    }
    point.lateness = highest(point.lateness, next.lateness);
    point.response = highest(point.response, next.response);
    point.service = highest(point.service, next.service);
    for broker in next.brokers {
        match point.brokers.iter_mut().find(|own| own.name == broker.name) {
            Some(own) => join_broker(own, &broker),
            None => point.brokers.push(broker),
        }
    }
}

fn join_broker(point: &mut BrokerInterval, next: &BrokerInterval) {
    point.acked = point.acked.saturating_add(next.acked);
    point.failed = point.failed.saturating_add(next.failed);
    point.response = highest(point.response, next.response);
}

fn highest(one: Option<Quantiles>, other: Option<Quantiles>) -> Option<Quantiles> {
    let (Some(a), Some(b)) = (one, other) else {
        return one.or(other);
    };
    Some(Quantiles {
        p50_ns: a.p50_ns.max(b.p50_ns),
        p99_ns: a.p99_ns.max(b.p99_ns),
        max_ns: a.max_ns.max(b.max_ns),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(ns: u64) -> Option<Quantiles> {
        Some(Quantiles {
            p50_ns: ns,
            p99_ns: (ns > 5).then_some(2 * ns),
            max_ns: 3 * ns,
        })
    }

    /// The second that ends at `at`, with so many sends, all of which took `at` nanoseconds.
    fn second(at: u64, phase: Phase, brokers: usize) -> Interval {
        let broker = |index: usize| BrokerInterval {
            name: format!("broker-{index}"),
            acked: 2,
            failed: 1,
            response: times(at),
        };
        Interval {
            at_s: at as f64,
            length_s: 1.0,
            phase,
            planned: 10,
            sent: 9,
            acked: 8,
            failed: 1,
            unknown: 2,
            unsent: 1,
            retries: 3,
            late_replies: 4,
            in_flight: at,
            lateness: None,
            response: times(at),
            service: times(at),
            brokers: (0..brokers).map(broker).collect(),
        }
    }

    fn series(seconds: u64, brokers: usize) -> TimeSeries {
        let mut series = TimeSeries::default();
        for at in 1..=seconds {
            series.push(second(at, Phase::Measure, brokers));
        }
        series
    }

    #[test]
    fn half_an_hour_is_kept_second_by_second() {
        let series = series(1_800, 2);
        assert_eq!((series.step_s, series.points.len()), (1, 1_800));
        assert_eq!(series.points[6], second(7, Phase::Measure, 2));
    }

    #[test]
    fn a_longer_run_is_told_in_longer_points_and_nothing_is_lost() {
        for seconds in [1_801, 3_601, 10_000] {
            let series = series(seconds, 2);
            assert!(series.points.len() <= MOST_POINTS, "{seconds}");
            assert!(series.points.len() > MOST_POINTS / 4, "{seconds}");
            let step_s = series.step_s as f64;
            let all = |which: fn(&Interval) -> u64| series.points.iter().map(which).sum::<u64>();
            assert_eq!(all(|point| point.acked), 8 * seconds);
            assert_eq!(all(|point| point.brokers[1].failed), seconds);
            let mut ended_s = 0.0;
            for point in &series.points {
                assert!(point.length_s <= step_s);
                assert!((point.at_s - point.length_s - ended_s).abs() < 1e-9);
                ended_s = point.at_s;
                // The last second of a point is the one with the highest times.
                assert_eq!(
                    (point.response, point.in_flight),
                    (times(point.at_s as u64), point.at_s as u64)
                );
                assert_eq!(point.brokers.len(), 2);
            }
        }
    }

    #[test]
    fn many_brokers_make_it_longer_points_too() {
        let series = series(1_000, 100);
        let kept: usize = series.points.iter().map(|point| point.brokers.len()).sum();
        assert!(series.step_s > 1 && kept <= MOST_BROKER_POINTS);
    }

    #[test]
    fn a_warmup_of_unknown_length_is_dated_from_the_window() {
        let mut series = TimeSeries::default();
        for at in [-50.0, -49.0, 1.0, 2.0] {
            let phase = if at < 0.0 {
                Phase::Warmup
            } else {
                Phase::Measure
            };
            let mut second = second(1, phase, 0);
            second.at_s = at;
            series.push(second);
        }
        series.date_warmup();
        let dates = series.points.iter().map(|point| point.at_s);
        assert_eq!(dates.collect::<Vec<_>>(), [-1.0, 0.0, 1.0, 2.0]);
        // Without a window there is nothing to date it from.
        series.points.truncate(2);
        let before = series.clone();
        series.date_warmup();
        assert_eq!(series, before);
    }

    #[test]
    fn no_point_spans_two_phases() {
        let mut series = TimeSeries {
            step_s: 4,
            points: Vec::new(),
        };
        for (at, phase) in [
            (1, Phase::Warmup),
            (2, Phase::Warmup),
            (3, Phase::Measure),
            (4, Phase::Measure),
            (5, Phase::Measure),
            (6, Phase::Drain),
        ] {
            series.push(second(at, phase, 1));
        }
        let points = series.points.iter().map(|point| (point.phase, point.sent));
        assert_eq!(
            points.collect::<Vec<_>>(),
            [(Phase::Warmup, 18), (Phase::Measure, 27), (Phase::Drain, 9)]
        );
    }
}
