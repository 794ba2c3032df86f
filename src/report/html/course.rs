//! The run over time: charts of its seconds over one axis, the warm-up and isolations of brokers marked.

use crate::metrics::histogram::{P99, samples_needed};
use crate::metrics::units::{count, duration, rate, three_digits};
use crate::metrics::{Interval, Phase, Quantiles, TimeSeries};
use crate::report::figures::{AvoidanceCause, AvoidanceEvent};
use crate::report::result::{LoadModel, RunResult};
use crate::report::text;

use super::chart::axis::Axis;
use super::chart::lanes::Lanes;
use super::chart::line::Line;
use super::chart::{Band, BandKind, Chart, Row};

/// Rates and percentiles of less than this share of a usual point say nothing: the drain's last interval can be a
/// millisecond long.
const SHORTEST_SHARE: f64 = 0.5;

/// What all charts over time have in common.
pub(super) struct Course<'a> {
    pub(super) result: &'a RunResult,
    pub(super) series: &'a TimeSeries,
    bands: Vec<Band>,
    /// Beginning and end of the run in seconds of the window.
    from: f64,
    to: f64,
    /// Seconds of the shortest point that is drawn.
    shortest_s: f64,
}

impl<'a> Course<'a> {
    /// `None` when the result has no time series.
    pub(super) fn of(result: &'a RunResult) -> Option<Self> {
        let series = result.time_series.as_ref()?;
        let (first, last) = (series.points.first()?, series.points.last()?);
        let lengths = series.points.iter().map(|point| point.length_s);
        let usual_s = lengths.fold(0.0, f64::max).min(series.step_s as f64);
        let mut course = Self {
            result,
            series,
            bands: Vec::new(),
            from: (first.at_s - first.length_s).min(0.0),
            to: last.at_s.max(result.window.measured_s),
            shortest_s: SHORTEST_SHARE * usual_s,
        };
        let window_s = result.window.measured_s;
        course.band(course.from, 0.0, BandKind::Warmup);
        course.band(window_s, course.to, BandKind::Drain);
        for (from, to) in merged(course.events()) {
            course.band(from, to, BandKind::Isolation);
        }
        Some(course)
    }

    fn band(&mut self, from: f64, to: f64, kind: BandKind) {
        let to = to.min(self.to);
        if to > from {
            self.bands.push(Band { from, to, kind });
        }
    }

    fn events(&self) -> &'a [AvoidanceEvent] {
        let avoidance = self.result.avoidance.as_ref();
        avoidance.map_or(&[], |avoidance| avoidance.events.as_slice())
    }

    fn is_long_enough(&self, point: &Interval) -> bool {
        point.length_s >= self.shortest_s
    }

    /// What is to be known of all of its charts.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let step_s = self.series.step_s;
        if step_s > 1 {
            notes.push(format!(
                "A long run: a point spans up to {step_s} s. Rates are those of that time, times the highest that one \
                 of its seconds had."
            ));
        }
        let points = self.series.points.iter();
        let short = points.filter(|point| !self.is_long_enough(point)).count() as u64;
        if short > 0 {
            let (what, is) = match short {
                1 => ("One interval".to_owned(), "is"),
                n => (format!("{} intervals", count(n)), "are"),
            };
            notes.push(format!(
                "{what} shorter than {} s {is} left out of the lines of rates and percentiles, and {is} in the tables: \
                 over so short a time they say nothing.",
                three_digits(self.shortest_s)
            ));
        }
        let has = |kind| self.bands.iter().any(|band| band.kind == kind);
        if has(BandKind::Warmup) {
            notes.push(
                "Shaded before 0: the warm-up, which is in no other figure of this page."
                    .to_owned(),
            );
        }
        if has(BandKind::Isolation) {
            notes.push("Hatched: fault avoidance keeps a broker out.".to_owned());
        }
        notes
    }

    /// A figure of each point at the middle of its time.
    fn line(&self, name: &str, look: usize, value: impl Fn(&Interval) -> Option<f64>) -> Line {
        let points = self.series.points.iter();
        Line {
            name: name.to_owned(),
            look,
            points: points.map(|point| (middle(point), value(point))).collect(),
        }
    }

    /// Events of each point per second of it.
    pub(super) fn rate_line(
        &self,
        name: &str,
        look: usize,
        events: impl Fn(&Interval) -> u64,
    ) -> Line {
        self.line(name, look, |point| {
            let rate = per_second(events(point), point);
            rate.filter(|_| self.is_long_enough(point))
        })
    }

    /// A percentile of each point, in nanoseconds.
    pub(super) fn time_line(
        &self,
        name: &str,
        look: usize,
        ns: impl Fn(&Interval) -> Option<u64>,
    ) -> Line {
        self.line(name, look, |point| {
            let ns = ns(point).filter(|_| self.is_long_enough(point));
            Some(ns? as f64)
        })
    }

    /// A chart of these lines over the whole run, with a table of these figures.
    pub(super) fn chart(&self, what: Described, y: Axis, lines: Vec<Line>) -> Chart {
        let headings = ["until", "phase"].into_iter().map(str::to_owned);
        let row = |point: &Interval| {
            let mut cells = vec![
                format!("{:.1} s", point.at_s),
                phase(point.phase).to_owned(),
            ];
            cells.extend(what.columns.iter().map(|(_, show)| show(point)));
            Row {
                at: Some(middle(point)),
                cells,
            }
        };
        Chart {
            id: what.id,
            title: what.title,
            notes: what.notes,
            x: Axis::seconds(self.from, self.to),
            y,
            lines,
            bands: self.bands.clone(),
            headings: headings
                .chain(what.columns.iter().map(|(heading, _)| heading.clone()))
                .collect(),
            rows: self.series.points.iter().map(row).collect(),
        }
    }

    /// What was planned, and what became of it.
    pub(super) fn rates(&self) -> Chart {
        let planned = match self.result.run.load_model {
            LoadModel::Open => Some(self.rate_line("planned", 6, |point| point.planned)),
            // What was begun is what counts as planned.
            LoadModel::Closed => None,
        };
        let lost = |point: &Interval| point.failed.saturating_add(point.unknown);
        let mut lines: Vec<Line> = planned.into_iter().collect();
        lines.push(self.rate_line("sent", 2, |point| point.sent));
        lines.push(self.rate_line("acked", 0, |point| point.acked));
        lines.push(self.rate_line("failed or unknown", 1, lost));
        if self.series.points.iter().any(|point| point.unsent > 0) {
            lines.push(self.rate_line("unsent", 4, |point| point.unsent));
        }
        let column = |heading: &str, events: fn(&Interval) -> u64| {
            let show = move |point: &Interval| shown_rate(events(point), point);
            (format!("{heading}/s"), Box::new(show) as Show)
        };
        let what = Described {
            id: "rates",
            title: "Sends per second".to_owned(),
            notes: Vec::new(),
            columns: vec![
                column("planned", |point| point.planned),
                column("sent", |point| point.sent),
                column("acked", |point| point.acked),
                column("failed", |point| point.failed),
                column("unknown", |point| point.unknown),
                column("unsent", |point| point.unsent),
            ],
        };
        let y = Axis::per_second(lines.iter().flat_map(Line::values));
        self.chart(what, y, lines)
    }

    /// Response times; of oneway sends, which have none, lateness.
    pub(super) fn times(&self) -> Chart {
        let answered = self.result.latency.response.is_some();
        type Kind = fn(&Interval) -> Option<Quantiles>;
        let (title, times): (_, Kind) = if answered {
            ("Response time", |point| point.response)
        } else {
            ("Lateness", |point| point.lateness)
        };
        let p99 = move |point: &Interval| times(point)?.p99_ns;
        let lines = vec![
            self.time_line("p50", 0, move |point| Some(times(point)?.p50_ns)),
            self.time_line("p99", 4, p99),
            // A maximum is one whatever the time it is of.
            self.line("max", 1, move |point| Some(times(point)?.max_ns as f64)),
        ];
        let without = self.series.points.iter().any(|point| {
            times(point).is_some() && p99(point).is_none() && self.is_long_enough(point)
        });
        let notes = without.then(p99_needs);
        let column = |heading: &str, ns: fn(Quantiles) -> Option<u64>| {
            let show = move |point: &Interval| text::time(times(point).and_then(ns));
            (heading.to_owned(), Box::new(show) as Show)
        };
        let what = Described {
            id: "times",
            title: format!("{title}: p50, p99 and max"),
            notes: notes.into_iter().collect(),
            columns: vec![
                column("p50", |times| Some(times.p50_ns)),
                column("p99", |times| times.p99_ns),
                column("max", |times| Some(times.max_ns)),
            ],
        };
        let y = Axis::time(lines.iter().flat_map(Line::values));
        self.chart(what, y, lines)
    }

    /// Sends in flight.
    pub(super) fn in_flight(&self) -> Chart {
        let lines = vec![self.line("in flight", 0, |point| Some(point.in_flight as f64))];
        let what = Described {
            id: "in-flight",
            title: "Sends in flight, at the end of each interval".to_owned(),
            notes: Vec::new(),
            columns: vec![(
                "in flight".to_owned(),
                Box::new(|point: &Interval| count(point.in_flight)),
            )],
        };
        let y = Axis::count(lines.iter().flat_map(Line::values));
        self.chart(what, y, lines)
    }

    /// Retries and late replies, where there was any.
    pub(super) fn retries(&self) -> Option<Chart> {
        let happened = |point: &Interval| point.retries > 0 || point.late_replies > 0;
        if !self.series.points.iter().any(happened) {
            return None;
        }
        let lines = vec![
            self.rate_line("retries", 3, |point| point.retries),
            self.rate_line("late replies", 5, |point| point.late_replies),
        ];
        let column = |heading: &str, events: fn(&Interval) -> u64| {
            let show = move |point: &Interval| shown_rate(events(point), point);
            (format!("{heading}/s"), Box::new(show) as Show)
        };
        let what = Described {
            id: "retries",
            title: "Retries and late replies per second".to_owned(),
            notes: Vec::new(),
            columns: vec![
                column("retries", |point| point.retries),
                column("late replies", |point| point.late_replies),
            ],
        };
        let y = Axis::per_second(lines.iter().flat_map(Line::values));
        Some(self.chart(what, y, lines))
    }

    /// When which broker was kept out, where one was.
    pub(super) fn isolations(&self) -> Option<Lanes> {
        let events = self.events();
        if events.is_empty() {
            return None;
        }
        let mut lanes: Vec<(String, Vec<(f64, f64)>)> = Vec::new();
        for broker in &self.result.brokers {
            let own = events.iter().filter(|event| event.broker == broker.name);
            let bars: Vec<_> = own.map(|event| self.span(event)).collect();
            if !bars.is_empty() {
                lanes.push((broker.name.clone(), bars));
            }
        }
        let row = |event: &AvoidanceEvent| {
            let (from, _) = span(event);
            let cause = match event.cause {
                AvoidanceCause::Latency => "latency",
                AvoidanceCause::Error => "error, taken for",
            };
            let observed = duration(event.observed_us.saturating_mul(1_000));
            let length = duration(event.for_ms.saturating_mul(1_000_000));
            Row {
                at: Some(from),
                cells: vec![
                    format!("{from:.2} s"),
                    event.broker.clone(),
                    length,
                    format!("{cause} {observed}"),
                ],
            }
        };
        let headings = ["at", "broker", "for", "because of"];
        Some(Lanes {
            id: "isolations",
            title: "Isolations of brokers".to_owned(),
            notes: Vec::new(),
            x: Axis::seconds(self.from, self.to),
            lanes,
            headings: headings.map(str::to_owned).to_vec(),
            rows: events.iter().map(row).collect(),
        })
    }

    fn span(&self, event: &AvoidanceEvent) -> (f64, f64) {
        let (from, to) = span(event);
        (from, to.min(self.to))
    }
}

/// How a point's figure is shown in a table.
pub(super) type Show = Box<dyn Fn(&Interval) -> String>;

/// A chart in words and figures.
pub(super) struct Described {
    pub(super) id: &'static str,
    pub(super) title: String,
    pub(super) notes: Vec<String>,
    /// Columns of the table, with their headings.
    pub(super) columns: Vec<(String, Show)>,
}

/// Why there may be no p99.
pub(super) fn p99_needs() -> String {
    let needed = count(samples_needed(P99));
    format!("p99 stands where an interval has {needed} such times or more.")
}

pub(super) fn shown_rate(events: u64, point: &Interval) -> String {
    per_second(events, point).map_or_else(|| "n/a".to_owned(), rate)
}

fn per_second(events: u64, point: &Interval) -> Option<f64> {
    (point.length_s > 0.0).then(|| events as f64 / point.length_s)
}

fn middle(point: &Interval) -> f64 {
    point.at_s - point.length_s / 2.0
}

fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Warmup => "warm-up",
        Phase::Measure => "window",
        Phase::Drain => "drain",
    }
}

/// From when to when, in seconds of the window.
fn span(event: &AvoidanceEvent) -> (f64, f64) {
    let from = event.at_ms as f64 / 1e3;
    (from, from + event.for_ms as f64 / 1e3)
}

/// The times in which any broker is kept out.
fn merged(events: &[AvoidanceEvent]) -> Vec<(f64, f64)> {
    let mut spans: Vec<(f64, f64)> = events.iter().map(span).collect();
    spans.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut merged: Vec<(f64, f64)> = Vec::new();
    for (from, to) in spans {
        match merged.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => merged.push((from, to)),
        }
    }
    merged
}
