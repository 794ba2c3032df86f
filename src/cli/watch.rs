//! What is shown and written while a run goes on: live view, interval log, audit trail.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::bundle::Lines;
use super::live::{LiveBroker, LiveMode, LiveSnapshot, LiveView, Phase};
use super::message;
use super::steadiness::Steadiness;
use crate::client::{BrokerId, ClientInstance};
use crate::config::RunPlan;
use crate::load::{LoadModel, RunPhase, RunSecond};
use crate::metrics::{Interval, Phase as IntervalPhase, TimeSeries};
use crate::report::hlog::{IntervalLog, Second};
use crate::report::intervals;
use crate::transport::Nanos;

/// A rate over less than this says nothing.
const SHORTEST_SHOWN: Duration = Duration::from_millis(100);

/// Option of a bundle's files.
pub(crate) const BUNDLE: &str = "--bundle";

/// A file written line by line; the first failure is told, and reported at the end.
struct LineFile {
    /// Option that names it, for errors.
    option: &'static str,
    path: PathBuf,
    file: BufWriter<File>,
    failed: Option<io::Error>,
}

impl LineFile {
    fn create(option: &'static str, path: &Path) -> Result<Self, String> {
        let file = File::create(path).map_err(|error| unwritable(option, path, &error))?;
        Ok(Self {
            option,
            path: path.to_owned(),
            file: BufWriter::new(file),
            failed: None,
        })
    }

    fn write(&mut self, lines: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) {
        if self.failed.is_some() {
            return;
        }
        if let Err(error) = lines(&mut self.file).and_then(|()| self.file.flush()) {
            message::error(&unwritable(self.option, &self.path, &error));
            self.failed = Some(error);
        }
    }
}

/// Writes the same lines to each of these files.
fn write_each(files: &mut [LineFile], lines: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) {
    if files.is_empty() {
        return;
    }
    let mut text = Vec::new();
    let rendered = lines(&mut text);
    for file in files {
        file.write(|out| match &rendered {
            Ok(()) => out.write_all(&text),
            Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
        });
    }
}

fn unwritable(option: &str, path: &Path, error: &io::Error) -> String {
    format!("{option}: cannot write to {}: {error}", path.display())
}

/// Takes in each second of a run.
pub(crate) struct Watch {
    view: LiveView,
    intervals: Vec<LineFile>,
    hlog: Vec<LineFile>,
    log: IntervalLog,
    audit: Vec<LineFile>,
    instance: Arc<ClientInstance>,
    plan: Totals,
    seen: Seen,
    steadiness: Steadiness,
    series: TimeSeries,
    longest_write: Duration,
}

/// What the seconds of a run came to.
pub(crate) struct Watched {
    /// By how much sends in flight grew over the window.
    pub(crate) in_flight_growth: Option<u64>,
    /// Options whose files could not be written.
    pub(crate) unwritten: Vec<&'static str>,
    /// The longest time one second took to show and write.
    pub(crate) longest_write: Duration,
    pub(crate) steadiness: Steadiness,
    /// The seconds themselves.
    pub(crate) series: TimeSeries,
}

/// What the plan says about lengths.
struct Totals {
    warmup: Duration,
    duration: Option<Duration>,
    count: Option<u64>,
    planned_per_s: Option<f64>,
    /// What the load is, in one line.
    title: String,
    answered: bool,
}

#[derive(Default)]
struct Seen {
    sent: u64,
    /// Of the warm-up, or of the window and its drain: what is shown is what is counted there.
    retries: u64,
    errors: u64,
    unsent: u64,
    /// Whether the window has begun.
    measuring: bool,
    /// Sends in flight at the end of the first and of the last measured second.
    in_flight_first: Option<u64>,
    in_flight_last: u64,
}

impl Seen {
    /// Lets the counts begin anew with the window; the drain goes on with those of the window.
    fn enter(&mut self, phase: RunPhase) {
        if phase == RunPhase::Measure && !self.measuring {
            self.measuring = true;
            (self.retries, self.errors, self.unsent) = (0, 0, 0);
        }
    }
}

impl Watch {
    /// Opens the files, those of a bundle among them, before anything is sent, so that a wrong path costs no run.
    pub(crate) fn new(
        plan: &RunPlan,
        instance: Arc<ClientInstance>,
        bundle: Option<&Lines>,
    ) -> Result<Self, String> {
        let open = |option, path: &Option<PathBuf>, in_bundle: Option<&PathBuf>| {
            let named = path.iter().map(|path| (option, path));
            let bundled = in_bundle.into_iter().map(|path| (BUNDLE, path));
            let files = named.chain(bundled);
            files
                .map(|(option, path)| LineFile::create(option, path))
                .collect::<Result<Vec<_>, _>>()
        };
        let report = &plan.report;
        let planned_per_s = match &plan.load.model {
            LoadModel::Open(offered) => {
                let whole = offered.steady_per_s();
                whole.map(|per_s| per_s * plan.load.part.fraction())
            }
            LoadModel::Closed => None,
        };
        let bound = plan.load.bound;
        Ok(Self {
            intervals: open(
                "--intervals",
                &report.intervals,
                bundle.map(|lines| &lines.intervals),
            )?,
            hlog: open("--hlog", &report.hlog, bundle.map(|lines| &lines.hlog))?,
            log: IntervalLog::default(),
            audit: open("--audit", &report.audit, None)?,
            view: LiveView::new(LiveMode::choose(&plan.report)),
            instance,
            plan: Totals {
                warmup: plan.load.warmup,
                duration: bound.duration,
                count: bound.count,
                planned_per_s,
                title: format!(
                    "mode {}, topic {}",
                    plan.load.mode.name(),
                    plan.load.topic_text()
                ),
                answered: plan.load.mode.is_answered(),
            },
            seen: Seen::default(),
            steadiness: Steadiness::new(plan),
            series: TimeSeries::default(),
            longest_write: Duration::ZERO,
        })
    }

    /// One second has passed.
    pub(crate) fn second(&mut self, second: &RunSecond<'_>) {
        let begun = Nanos::now();
        self.take_in(second);
        let took = Duration::from_nanos(Nanos::now().since(begun));
        self.longest_write = self.longest_write.max(took);
    }

    fn take_in(&mut self, second: &RunSecond<'_>) {
        let names: Vec<String> = second
            .brokers
            .iter()
            .map(|broker| broker.name.clone())
            .collect();
        let phase = match second.phase {
            RunPhase::Connecting | RunPhase::Warmup => IntervalPhase::Warmup,
            RunPhase::Measure => IntervalPhase::Measure,
            RunPhase::Drain => IntervalPhase::Drain,
        };
        let interval = Interval::new(
            second.at_s,
            second.length.as_secs_f64(),
            phase,
            second.in_flight,
            second.recorder,
            &names,
        );
        self.steadiness.second(second, &interval);
        let counters = second.recorder.counters();
        self.seen.enter(second.phase);
        if second.phase == RunPhase::Measure {
            self.seen.sent += counters.sent;
            self.seen.in_flight_first.get_or_insert(second.in_flight);
            self.seen.in_flight_last = second.in_flight;
        }
        self.seen.retries += counters.retries();
        self.seen.errors += counters.failed + counters.unknown;
        self.seen.unsent += counters.unsent;
        write_each(&mut self.intervals, |out| intervals::write(out, &interval));
        self.log(second, &names);
        write_each(&mut self.audit, |out| {
            for record in second.audit {
                let broker = record.broker.and_then(|id| names.get(id.index()));
                let line = serde_json::json!({
                    "id": record.id.as_str(), "outcome": record.outcome,
                    "broker": broker, "queue": record.queue_id,
                });
                writeln!(out, "{line}")?;
            }
            Ok(())
        });
        if second.length >= SHORTEST_SHOWN {
            self.view.update(&self.snapshot(second, &interval));
        }
        self.series.push(interval);
    }

    /// The lines of the interval log; nothing of the warm-up.
    fn log(&mut self, second: &RunSecond<'_>, names: &[String]) {
        if !matches!(second.phase, RunPhase::Measure | RunPhase::Drain) {
            return;
        }
        let (log, plan) = (&mut self.log, &self.plan);
        let window = SystemTime::from(second.began_at) + warmed_up(second);
        let end = second.elapsed.saturating_sub(warmed_up(second));
        // One that began in the warm-up has only what is of the window.
        let length = second.length.min(end);
        write_each(&mut self.hlog, |out| {
            log.begin(out, window, &plan.title)?;
            log.second(
                out,
                &Second {
                    from: end.saturating_sub(length),
                    length,
                    recorder: second.recorder,
                    brokers: names,
                    answered: plan.answered,
                },
            )
        });
    }

    fn snapshot(&self, second: &RunSecond<'_>, interval: &Interval) -> LiveSnapshot {
        let micros = |ns: Option<u64>| ns.map(|ns| Duration::from_nanos(ns).as_secs_f64() * 1e6);
        let (phase, began, total) = match second.phase {
            RunPhase::Connecting => (Phase::Connecting, Duration::ZERO, None),
            RunPhase::Warmup => (Phase::Warmup, Duration::ZERO, Some(self.plan.warmup)),
            RunPhase::Measure => (Phase::Measure, warmed_up(second), self.plan.duration),
            RunPhase::Drain => (Phase::Drain, second.elapsed, None),
        };
        let now = Nanos::now();
        let brokers = interval.brokers.iter().enumerate().map(|(index, broker)| {
            let id = BrokerId(u16::try_from(index).unwrap_or(u16::MAX));
            LiveBroker {
                name: broker.name.clone(),
                acked_per_s: per_second(broker.acked, second.length),
                p99_us: micros(broker.response.and_then(|response| response.p99_ns)),
                avoided: !self.instance.faults().standing(id, now).available,
            }
        });
        let response = interval.response;
        LiveSnapshot {
            elapsed: second.elapsed.saturating_sub(began),
            phase,
            total,
            count: self.plan.count.map(|count| (self.seen.sent, count)),
            planned_per_s: self.plan.planned_per_s,
            sent_per_s: per_second(interval.sent, second.length),
            acked_per_s: per_second(interval.acked, second.length),
            in_flight: second.in_flight,
            p50_us: micros(response.map(|response| response.p50_ns)),
            p99_us: micros(response.and_then(|response| response.p99_ns)),
            max_us: micros(response.map(|response| response.max_ns)),
            retries: self.seen.retries,
            errors: self.seen.errors,
            unsent: self.seen.unsent,
            brokers: brokers.collect(),
        }
    }

    /// Ends the view.
    pub(crate) fn finish(mut self) -> Watched {
        self.view.finish();
        self.series.date_warmup();
        let growth = self
            .seen
            .in_flight_first
            .map(|first| self.seen.in_flight_last.saturating_sub(first));
        write_each(&mut self.hlog, |out| self.log.end(out));
        let files = [self.intervals, self.hlog, self.audit];
        let failed = files.iter().flatten().filter(|file| file.failed.is_some());
        Watched {
            in_flight_growth: growth,
            unwritten: failed.map(|file| file.option).collect(),
            longest_write: self.longest_write,
            steadiness: self.steadiness,
            series: self.series,
        }
    }
}

/// Length of the warm-up, once it is over.
fn warmed_up(second: &RunSecond<'_>) -> Duration {
    let since = Duration::try_from_secs_f64(second.at_s).unwrap_or_default();
    let length = second.elapsed.saturating_sub(since);
    // What a number of seconds loses of the nanoseconds is no part of it.
    Duration::from_micros(
        (length + Duration::from_nanos(500))
            .as_micros()
            .try_into()
            .unwrap_or(u64::MAX),
    )
}

#[allow(clippy::cast_precision_loss, reason = "a rate for display")]
fn per_second(count: u64, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64().max(1e-9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_begin_anew_with_the_window_and_go_on_in_the_drain() {
        let mut seen = Seen::default();
        for (phase, unsent) in [
            (RunPhase::Warmup, 1),
            (RunPhase::Warmup, 2),
            (RunPhase::Measure, 1),
            (RunPhase::Measure, 2),
            (RunPhase::Drain, 3),
        ] {
            seen.enter(phase);
            seen.unsent += 1;
            seen.errors += 1;
            seen.retries += 1;
            assert_eq!([seen.unsent, seen.errors, seen.retries], [unsent; 3]);
        }
    }
}
