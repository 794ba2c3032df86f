//! Latency by percentile: how long the slowest tenth, hundredth, thousandth … takes, with and without lateness.

use crate::metrics::histogram::{P90, P99, P999, P9999, PartsOfTenThousand};
use crate::metrics::{LatencyHistogram, LatencySummary};
use crate::report::result::RunResult;
use crate::report::text;

use super::chart::axis::Axis;
use super::chart::line::{LOOKS, Line};
use super::chart::{Chart, Row};

/// Percentiles that make a curve: ten to each nine.
const CURVE: [PartsOfTenThousand; 46] = curve();
/// Those of the table.
const TOLD: [PartsOfTenThousand; 11] = [
    0, 5_000, 7_500, P90, 9_500, P99, 9_950, P999, 9_995, 9_998, P9999,
];

const fn curve() -> [PartsOfTenThousand; 46] {
    let mut parts = [0; 46];
    let (mut index, mut part) = (0, 0);
    while index < parts.len() {
        parts[index] = part;
        part += match part {
            0..P90 => 500,
            P90..P99 => 100,
            P99..P999 => 10,
            _ => 1,
        };
        index += 1;
    }
    parts
}

/// One kind of time, read back from its histogram.
struct Times {
    name: String,
    look: usize,
    summary: LatencySummary,
    histogram: LatencyHistogram<u64>,
}

/// The times of a run, or why they cannot be drawn.
pub(super) fn of_run(result: &RunResult) -> Result<Chart, String> {
    let at_once = result.run.batch.unwrap_or(1).max(1);
    let mut kinds = Vec::new();
    for (name, summary) in text::times(result) {
        let look = match name.split([' ', '(']).next() {
            Some("response") => 0,
            Some("service") => 2,
            Some("lateness") => 4,
            Some("with") => 1,
            // Of oneway sends there is nothing else.
            Some("queue") if result.latency.response.is_none() => 3,
            _ => continue,
        };
        kinds.push(Times::read(name, look, summary, at_once)?);
    }
    chart("latency", "Latency by percentile".to_owned(), &kinds)
}

/// The response times of several runs over one another.
pub(super) fn of_runs(runs: &[RunResult]) -> Result<Chart, String> {
    let mut kinds = Vec::new();
    let mut title = "Response time by percentile, run by run";
    for (index, run) in runs.iter().enumerate() {
        let at_once = run.run.batch.unwrap_or(1).max(1);
        let times = run.latency.response.as_ref().unwrap_or_else(|| {
            title = "Queue time by percentile, run by run";
            &run.latency.queue
        });
        let name = format!("run {}", index + 1);
        kinds.push(Times::read(&name, index % LOOKS, times, at_once)?);
    }
    chart("latency", title.to_owned(), &kinds)
}

impl Times {
    fn read(
        name: &str,
        look: usize,
        summary: &LatencySummary,
        at_once: u64,
    ) -> Result<Self, String> {
        let histogram = LatencyHistogram::from_summary(summary)
            .map_err(|error| format!("{name} is not drawn: {error}"))?;
        Ok(Self {
            name: name.to_owned(),
            look,
            summary: summary.clone(),
            histogram: histogram.counted_at_once(at_once),
        })
    }

    /// Percentiles in nanoseconds. What the result does not state for want of values, or because the rate was not
    /// carried, is not told from the histogram either.
    fn percentiles<const N: usize>(
        &self,
        parts: [PartsOfTenThousand; N],
    ) -> [(PartsOfTenThousand, Option<u64>); N] {
        let stated = [
            (P90, self.summary.p90_ns),
            (P99, self.summary.p99_ns),
            (P999, self.summary.p999_ns),
            (P9999, self.summary.p9999_ns),
        ];
        let unstated = stated.iter().find(|(_, ns)| ns.is_none());
        let end = unstated.map_or(PartsOfTenThousand::MAX, |(part, _)| *part);
        let mut values = self.histogram.percentiles(parts).into_iter();
        parts.map(|part| (part, values.next().flatten().filter(|_| part < end)))
    }

    fn line(&self) -> Line {
        let points = self.percentiles(CURVE);
        Line {
            name: self.name.clone(),
            look: self.look,
            points: points
                .into_iter()
                .map(|(part, ns)| (share(part), ns.map(|ns| ns as f64)))
                .collect(),
        }
    }
}

fn share(part: PartsOfTenThousand) -> f64 {
    f64::from(part) / 10_000.0
}

fn chart(id: &'static str, title: String, kinds: &[Times]) -> Result<Chart, String> {
    let lines: Vec<Line> = kinds.iter().map(Times::line).collect();
    if lines.iter().all(|line| line.values().next().is_none()) {
        return Err("Nothing was timed, so there is no chart of percentiles.".to_owned());
    }
    let drawn = lines.iter().flat_map(|line| &line.points);
    let drawn = drawn.filter(|(_, value)| value.is_some());
    let highest = drawn.map(|(share, _)| *share).fold(0.0, f64::max);
    let mut notes = vec![
        "A line ends where fewer than ten values lie beyond it; of a rate that was not carried, before the 99th \
         percentile."
            .to_owned(),
    ];
    if kinds.iter().any(|times| times.name == "lateness") {
        notes.push("Response has the generator's lateness in it, service has not.".to_owned());
    }
    let headings = std::iter::once("percentile".to_owned());
    let headings = headings.chain(kinds.iter().map(|times| times.name.clone()));
    Ok(Chart {
        id,
        title,
        notes,
        x: Axis::percentile(highest),
        y: Axis::time(lines.iter().flat_map(Line::values)),
        rows: rows(kinds),
        lines,
        bands: Vec::new(),
        headings: headings.collect(),
    })
}

fn rows(kinds: &[Times]) -> Vec<Row> {
    let columns: Vec<_> = kinds.iter().map(|times| times.percentiles(TOLD)).collect();
    let row = |(index, part): (usize, &PartsOfTenThousand)| {
        let name = match part {
            0 => "min".to_owned(),
            part => format!("p{}", share(*part) * 100.0),
        };
        let figures = columns.iter().map(|column| text::time(column[index].1));
        Row {
            at: Some(share(*part)),
            cells: std::iter::once(name).chain(figures).collect(),
        }
    };
    let mut rows: Vec<Row> = TOLD.iter().enumerate().map(row).collect();
    let max = kinds.iter().map(|times| text::time(times.summary.max_ns));
    rows.push(Row {
        at: None,
        cells: std::iter::once("max".to_owned()).chain(max).collect(),
    });
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn the_curve_goes_from_the_least_to_the_last_ten_thousandth() {
        assert_eq!((CURVE[0], CURVE[45]), (0, P9999));
        assert!(CURVE.is_sorted());
        for part in [5_000, P90, P99, P999] {
            assert!(CURVE.contains(&part), "{part}");
        }
    }

    #[test]
    fn figures_are_those_of_the_text_report() {
        let result = sample::open();
        let chart = of_run(&result).unwrap();
        let names: Vec<_> = chart.lines.iter().map(|line| line.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "response (from planned time)",
                "lateness",
                "service (from actual send)",
                "with failures"
            ]
        );
        let response = result.latency.response.unwrap();
        let cell = |name: &str| {
            let mut rows = chart.rows.iter();
            rows.find(|row| row.cells[0] == name).unwrap().cells[1].clone()
        };
        for (name, ns) in [
            ("p50", response.p50_ns),
            ("p99", response.p99_ns),
            ("p99.9", response.p999_ns),
            ("p99.99", None),
            ("max", response.max_ns),
        ] {
            assert_eq!(cell(name), text::time(ns), "{name}");
        }
    }

    #[test]
    fn tails_without_enough_values_are_not_drawn() {
        let mut result = sample::closed();
        let last = |result: &RunResult| {
            let chart = of_run(result).unwrap();
            let mut points = chart.lines[0].points.iter();
            points.rfind(|(_, value)| value.is_some()).unwrap().0
        };
        // Of 4,000 values ten lie beyond the 99.75th percentile.
        assert!(last(&result) < 0.999 && last(&result) > 0.995);
        result.latency.response.as_mut().unwrap().p99_ns = None;
        assert!(last(&result) < 0.99);
    }

    #[test]
    fn what_cannot_be_drawn_is_said() {
        assert!(of_run(&sample::nothing()).unwrap_err().contains("Nothing"));
        let mut result = sample::open();
        result.latency.response.as_mut().unwrap().hdr = Some("!".to_owned());
        assert!(of_run(&result).unwrap_err().contains("base64"));
    }
}
