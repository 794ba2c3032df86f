//! A search for people: the answer in the first lines, the curve, the way to it.

use std::io::{self, Write};

use super::consequences::words::{counted_with, sentences};
use super::document::{AnswerKind, CapacityResult, Step};
use super::words::{
    CURVE_HEADINGS, STEP_HEADINGS, curve_row, cut_off, seen, step_row, sureness, target,
};
use crate::metrics::units::{percent, rate};
use crate::report::style::Style;
use crate::report::table::Figures;
use crate::report::text::fitted;

/// Columns that a narrow terminal does without.
const LEAST_NEEDED: [&str; 6] = [
    "verdict",
    "CPU/message",
    "retries",
    "p50",
    "acknowledged",
    "errors",
];

/// Writes the text, for a terminal of this width if there is one.
///
/// # Errors
/// What the writer says.
pub fn write(
    out: &mut (impl Write + ?Sized),
    result: &CapacityResult,
    style: Style,
    width: Option<usize>,
) -> io::Result<()> {
    fitted(out, width, |text| lines(text, result, style, width))
}

fn lines(
    out: &mut Vec<u8>,
    result: &CapacityResult,
    style: Style,
    width: Option<usize>,
) -> io::Result<()> {
    let answer = &result.capacity;
    match answer.answer {
        AnswerKind::Found | AnswerKind::AtLeastMax => {
            writeln!(out, "{}", style.heading(&answer.sentence))?;
        }
        _ => writeln!(out, "{}", style.warning(&answer.sentence))?,
    }
    writeln!(out, "Rests on: {}", sureness(answer))?;
    writeln!(out, "Target: {}", target(result))?;
    if let Some(consequences) = &result.consequences {
        writeln!(out)?;
        let heading = style.heading("Consequences:");
        writeln!(out, "{heading} {}", counted_with(consequences))?;
        for (about, sentence) in sentences(consequences) {
            writeln!(out, "  {about}: {sentence}")?;
        }
    }
    if let Some(one_less) = &result.one_less {
        writeln!(out)?;
        for sentence in one_less.sentences() {
            writeln!(out, "{sentence}")?;
        }
    }
    if let Some(curve) = &result.curve {
        writeln!(out)?;
        let mut table = Figures::new(CURVE_HEADINGS.to_vec());
        for point in &curve.points {
            let share = percent(point.offered_per_s / curve.of_per_s);
            table.row(&share, curve_row(point));
        }
        let shares = format!("Curve, of {}{}:", rate(curve.of_per_s), cut_off(curve));
        writeln!(out, "{}", style.heading(shares))?;
        writeln!(out, "{}", table.fit(width, &LEAST_NEEDED).0)?;
        for sentence in seen(curve) {
            writeln!(out, "{sentence}")?;
        }
    }
    writeln!(out)?;
    writeln!(out, "{}", style.heading("Steps:"))?;
    steps(out, &answer.steps, width)?;
    if let Some(one_less) = &result.one_less {
        writeln!(out, "\n{}", style.heading("Steps with one broker less:"))?;
        steps(out, &one_less.measured.steps, width)?;
    }
    Ok(())
}

fn steps(out: &mut Vec<u8>, steps: &[Step], width: Option<usize>) -> io::Result<()> {
    let mut table = Figures::new(STEP_HEADINGS.to_vec());
    for step in steps {
        table.row(&step.number.to_string(), step_row(step));
    }
    writeln!(out, "{}", table.fit(width, &LEAST_NEEDED).0)
}

#[cfg(test)]
mod tests {
    use super::super::words::sample;
    use super::*;

    #[test]
    fn the_answer_stands_in_the_first_three_lines() {
        for width in [None, Some(80)] {
            let mut text = Vec::new();
            let result = sample::with_consequences();
            write(&mut text, &result, Style::Plain, width).unwrap();
            let text = String::from_utf8(text).unwrap();
            let first: Vec<&str> = text.lines().take(3).collect();
            let first = first.join(" ");
            assert!(
                first.contains("31,200/s passed and 32,600/s failed"),
                "{text}"
            );
            assert!(
                text.contains("bisect") && text.contains("cut short"),
                "{text}"
            );
            assert!(text.contains("50.0") && text.contains("100"), "{text}");
            let limit = width.unwrap_or(300);
            let (before, after) = text.split_once("Curve, of").unwrap();
            let block = before.split_once("Consequences:").unwrap().1;
            assert!(block.contains("One broker less (a model"), "{text}");
            assert!(!after.contains("One broker less"), "{text}");
            assert!(
                text.lines().all(|line| line.chars().count() <= limit),
                "{text}"
            );
        }
    }
}
