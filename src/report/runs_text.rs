//! Several runs for people and for spreadsheets: the worst verdict first, then the medians, then a line per run.

use std::io::{self, Write};

use crate::metrics::units::{count, counted, percent, rate};
use crate::stats::Spread;
use crate::verdict::Status;

use super::csv;
use super::markdown::escaped;
use super::named::{Unit, figure, title};
use super::result::RunResult;
use super::runs::{FigureOverRuns, RunsResult, finished};
use super::style::Style;
use super::table::Figures;
use super::text::{fitted, load, target_line};

/// Columns that a narrow terminal does without.
const RUN_LEAST_NEEDED: [&str; 3] = ["seed", "p50", "max"];

/// Writes the summary as text, for a terminal of this width if there is one.
///
/// # Errors
/// What the writer says.
pub fn write(
    out: &mut (impl Write + ?Sized),
    result: &RunsResult,
    style: Style,
    width: Option<usize>,
) -> io::Result<()> {
    fitted(out, width, |text| lines(text, result, style, width))
}

fn lines(
    out: &mut Vec<u8>,
    result: &RunsResult,
    style: Style,
    width: Option<usize>,
) -> io::Result<()> {
    if let Some(first) = result.runs.first() {
        writeln!(out, "Target: {}", target_line(first))?;
    }
    writeln!(
        out,
        "Verdict: {}, the worst of the runs ({})",
        style.verdict(result.verdict.status),
        verdicts(result)
    )?;
    for (number, run) in (1..).zip(&result.runs) {
        for reason in &run.verdict.reasons {
            writeln!(
                out,
                "  run {number}, {}: {}",
                reason.code.name(),
                reason.detail
            )?;
        }
    }
    writeln!(out, "{}", made(result))?;
    for threshold in &result.thresholds {
        writeln!(out, "Threshold on the median: {}", threshold.sentence)?;
    }
    if let Some(first) = result.runs.first() {
        writeln!(out, "{} {}", style.heading("Load:"), load(first))?;
    }
    writeln!(out)?;
    let mut table = Figures::new(vec![
        "over the runs",
        "median",
        "smallest",
        "largest",
        "interval of the median",
    ]);
    for figure in &result.figures {
        let unit = Unit::of(&figure.name);
        let values = [figure.median, figure.min, figure.max].map(|value| unit.show(value));
        table.row(
            &name(figure, result),
            values.into_iter().chain([interval(figure)]),
        );
    }
    writeln!(out, "{}", table.fit(width, &["interval of the median"]).0)?;
    if result.finished < Spread::NEEDED as u64 {
        writeln!(
            out,
            "An interval of the median with 95 % confidence takes {} runs or more.",
            Spread::NEEDED
        )?;
    }
    writeln!(out)?;
    let mut table = Figures::new(vec![
        "run",
        "verdict",
        "seed",
        "acknowledged",
        "errors",
        "p50",
        "p99",
        "max",
    ]);
    for (number, run) in (1..).zip(&result.runs) {
        table.row(&numbered(number, run), row(run));
    }
    writeln!(out, "{}", table.fit(width, &RUN_LEAST_NEEDED).0)
}

/// Writes it as Markdown.
///
/// # Errors
/// What the writer says.
pub fn write_markdown(out: &mut (impl Write + ?Sized), result: &RunsResult) -> io::Result<()> {
    if let Some(first) = result.runs.first() {
        writeln!(out, "**Target:** {}  ", escaped(&target_line(first)))?;
    }
    writeln!(
        out,
        "**Verdict:** {}, the worst of the runs ({})  ",
        result.verdict.status.name(),
        verdicts(result)
    )?;
    writeln!(out, "{}", escaped(&made(result)))?;
    writeln!(out)?;
    for threshold in &result.thresholds {
        writeln!(
            out,
            "- threshold on the median: {}",
            escaped(&threshold.sentence)
        )?;
    }
    writeln!(
        out,
        "\n| over the runs | median | smallest | largest | interval of the median |"
    )?;
    writeln!(out, "|---|--:|--:|--:|--:|")?;
    for figure in &result.figures {
        let unit = Unit::of(&figure.name);
        let [median, min, max] =
            [figure.median, figure.min, figure.max].map(|value| unit.show(value));
        let (name, interval) = (escaped(&name(figure, result)), escaped(&interval(figure)));
        writeln!(out, "| {name} | {median} | {min} | {max} | {interval} |")?;
    }
    writeln!(
        out,
        "\n| run | verdict | seed | acknowledged | errors | p50 | p99 | max |"
    )?;
    writeln!(out, "|--:|---|--:|--:|--:|--:|--:|--:|")?;
    for (number, run) in (1..).zip(&result.runs) {
        let number = escaped(&numbered(number, run));
        writeln!(out, "| {number} | {} |", row(run).join(" | "))?;
    }
    Ok(())
}

/// Writes the header and one row per run, as of single results.
///
/// # Errors
/// What the writer says.
pub fn write_csv(out: &mut (impl Write + ?Sized), result: &RunsResult) -> io::Result<()> {
    for (number, run) in result.runs.iter().enumerate() {
        let mut rendered = Vec::new();
        csv::write(&mut rendered, run)?;
        // The header once.
        let text = String::from_utf8_lossy(&rendered);
        let from = if number == 0 {
            0
        } else {
            text.find('\n').map_or(0, |end| end + 1)
        };
        out.write_all(text.get(from..).unwrap_or_default().as_bytes())?;
    }
    Ok(())
}

/// How many runs have which verdict.
pub(super) fn verdicts(result: &RunsResult) -> String {
    let verdict = &result.verdict;
    let counts = [
        (verdict.valid, "VALID"),
        (verdict.degraded, "DEGRADED"),
        (verdict.invalid, "INVALID"),
    ];
    let told = counts.iter().filter(|(runs, _)| *runs > 0);
    let told: Vec<String> = told.map(|(runs, name)| format!("{runs} {name}")).collect();
    told.join(", ")
}

/// How many runs the figures are of.
pub(super) fn made(result: &RunsResult) -> String {
    let mut sentence = format!(
        "{} of {} one after the other, each with a client and connections of its own; seeds derived from {}.",
        result.finished,
        counted(result.asked, "run"),
        result.seed
    );
    let left_out = result.runs.len() as u64 - result.finished.min(result.runs.len() as u64);
    if left_out > 0 {
        sentence += &format!(
            " {} is in no figure over the runs.",
            counted(left_out, "interrupted run")
        );
    }
    if let Some(invalid) = invalid(result) {
        sentence += &format!(" {invalid}");
    }
    if let Some(why) = &result.stopped {
        sentence += &format!(" Ended early: {why}.");
    }
    sentence
}

/// What INVALID runs mean for the figures over the runs; `None` without any in them.
fn invalid(result: &RunsResult) -> Option<String> {
    let invalid = result.runs.iter().filter(|run| is_marked(run)).count();
    (invalid > 0).then(|| {
        format!(
            "{invalid} of these {} {} INVALID (marked *) and in the medians, ranges and intervals all the same.",
            result.finished,
            if invalid == 1 { "is" } else { "are" }
        )
    })
}

/// Whether a run is in the figures over the runs, and INVALID.
fn is_marked(run: &RunResult) -> bool {
    let mut finished = finished(std::slice::from_ref(run));
    finished.any(|run| run.verdict.status == Status::Invalid)
}

/// Number of a run in a table, with the mark that [`invalid`] explains.
pub(super) fn numbered(number: u64, run: &RunResult) -> String {
    let mark = if is_marked(run) { " *" } else { "" };
    format!("{number}{mark}")
}

/// With how many runs state the figure, when not all do.
pub(super) fn name(figure: &FigureOverRuns, result: &RunsResult) -> String {
    let title = title(&figure.name);
    if figure.count == result.finished {
        title
    } else {
        format!("{title} ({} of {} runs)", figure.count, result.finished)
    }
}

/// The interval of a figure's median.
pub(super) fn interval(figure: &FigureOverRuns) -> String {
    let unit = Unit::of(&figure.name);
    figure.interval.map_or_else(
        || "n/a".to_owned(),
        |interval| {
            format!(
                "{} to {} ({})",
                unit.show(interval.low),
                unit.show(interval.high),
                percent(interval.confidence)
            )
        },
    )
}

/// A run in a table: verdict, seed, acknowledged, errors, p50, p99, max.
pub(super) fn row(run: &RunResult) -> Vec<String> {
    let n_a = || "n/a".to_owned();
    let time = |name| figure(run, name).map_or_else(n_a, |ns| Unit::Nanoseconds.show(ns));
    vec![
        run.verdict.status.name().to_owned(),
        run.config.get("seed").map_or_else(n_a, ToString::to_string),
        run.rate.acked_per_s.map_or_else(n_a, rate),
        count(run.accounts.failed + run.accounts.unknown),
        time("response.p50"),
        time("response.p99"),
        time("response.max"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::result::StopReason;
    use crate::report::runs::{RunsFacts, build_runs};
    use crate::report::sample;

    /// Four runs: two of them invalid, and one of these interrupted.
    fn some_invalid() -> RunsResult {
        let mut runs: Vec<RunResult> = (0..4).map(|_| sample::open()).collect();
        for run in &mut runs[1..3] {
            run.verdict.status = Status::Invalid;
        }
        runs[2].run.stop_reason = StopReason::Interrupted;
        build_runs(RunsFacts {
            asked: 4,
            seed: 1,
            stopped: None,
            runs,
        })
    }

    #[test]
    fn invalid_runs_in_the_medians_are_marked_and_counted() {
        let result = some_invalid();
        let mut text = Vec::new();
        write(&mut text, &result, Style::Plain, None).unwrap();
        let text = String::from_utf8(text).unwrap();
        let said = "1 of these 3 is INVALID (marked *) and in the medians";
        assert!(text.contains(said), "{text}");
        let marked =
            |text: &str, mark: &str| text.lines().filter(|line| line.contains(mark)).count();
        assert_eq!(marked(&text, "2 *"), 1, "{text}");
        assert_eq!(marked(&text, "3 *"), 0, "in no median: {text}");
        let mut table = Vec::new();
        write_markdown(&mut table, &result).unwrap();
        let table = String::from_utf8(table).unwrap();
        assert!(
            table.contains(r"1 of these 3 is INVALID (marked \*)"),
            "{table}"
        );
        assert_eq!(marked(&table, r"| 2 \* | INVALID |"), 1, "{table}");
        let valid = build_runs(RunsFacts {
            asked: 1,
            seed: 1,
            stopped: None,
            runs: vec![sample::open()],
        });
        assert!(!made(&valid).contains("INVALID"));
    }
}
