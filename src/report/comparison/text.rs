//! A comparison for a person at a terminal: the answer first.

use std::io::{self, Write};

use super::super::named::{Unit, title};
use super::super::style::Style;
use super::super::table::Figures;
use super::super::text::fitted;
use super::document::{AnswerName, Comparison};
use super::words;

/// Columns that a narrow terminal does without.
const LEAST_NEEDED: [&str; 2] = ["runs needed", "interval"];

/// Writes a comparison, for a terminal of this width if there is one.
///
/// # Errors
/// What the writer says.
pub fn write(
    out: &mut (impl Write + ?Sized),
    comparison: &Comparison,
    style: Style,
    width: Option<usize>,
) -> io::Result<()> {
    fitted(out, width, |text| lines(text, comparison, style, width))
}

fn lines(
    out: &mut Vec<u8>,
    comparison: &Comparison,
    style: Style,
    width: Option<usize>,
) -> io::Result<()> {
    let answer = comparison.answer.name().to_uppercase();
    match comparison.answer {
        AnswerName::Worse | AnswerName::Inconclusive => {
            write!(out, "{}", style.warning(answer))?;
        }
        AnswerName::Better | AnswerName::Same => write!(out, "{}", style.heading(answer))?,
    }
    writeln!(out, ": {}", comparison.sentence)?;
    for doubt in &comparison.doubts {
        writeln!(out, "{} {doubt}", style.warning("Caution:"))?;
    }
    writeln!(out)?;
    for (name, group) in [
        ("Baseline:", &comparison.baseline),
        ("Candidate:", &comparison.candidate),
    ] {
        writeln!(out, "{} {}", style.heading(name), words::group(group))?;
    }
    writeln!(out)?;
    let mut table = Figures::new(vec![
        "",
        "baseline",
        "candidate",
        "change",
        "interval",
        "answer",
        "runs needed",
    ]);
    for figure in &comparison.figures {
        let unit = Unit::of(&figure.name);
        let [baseline, candidate] = [
            (&figure.baseline, &comparison.baseline),
            (&figure.candidate, &comparison.candidate),
        ]
        .map(|(values, group)| words::spread(values.as_ref(), unit, group.runs.len()));
        let cells = [
            baseline,
            candidate,
            words::effect(figure),
            words::interval(figure),
            words::answer(figure),
            words::needed(figure),
        ];
        table.row(&title(&figure.name), cells);
    }
    let (table, left_out) = table.fit(width, &LEAST_NEEDED);
    writeln!(out, "{table}")?;
    if !left_out.is_empty() {
        let left_out = left_out.join(", ");
        writeln!(
            out,
            "For want of width without {left_out}; --output FILE.txt has all."
        )?;
    }
    writeln!(out)?;
    if comparison.settings.is_empty() {
        writeln!(out, "{} all the same", style.heading("Settings:"))?;
    } else {
        writeln!(out, "{}", style.heading("Settings that differ:"))?;
        for difference in &comparison.settings {
            let [baseline, candidate] = words::setting(difference);
            writeln!(out, "  {}: {baseline} / {candidate}", difference.key)?;
        }
    }
    writeln!(out, "{}", words::method(comparison))?;
    writeln!(out, "{}", words::sought(comparison))
}
