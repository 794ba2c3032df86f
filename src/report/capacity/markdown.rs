//! A search as Markdown, for a planning document.

use std::io::{self, Write};

use super::consequences::Consequences;
use super::consequences::words::{counted_with, notes, tables};
use super::document::{CapacityResult, Step};
use super::words::{
    CURVE_HEADINGS, STEP_HEADINGS, curve_row, cut_off, seen, step_row, sureness, target,
};
use crate::metrics::units::percent;
use crate::report::markdown::escaped;

/// Writes it.
///
/// # Errors
/// What the writer says.
pub fn write(out: &mut (impl Write + ?Sized), result: &CapacityResult) -> io::Result<()> {
    let answer = &result.capacity;
    writeln!(out, "**{}**\n", escaped(&answer.sentence))?;
    writeln!(out, "- rests on {}", escaped(&sureness(answer)))?;
    writeln!(out, "- {}", escaped(&target(result)))?;
    writeln!(
        out,
        "- {}, {} {}",
        result.run.started_at, result.tool.name, result.tool.version
    )?;
    if let Some(told) = &result.consequences {
        consequences(out, told)?;
    }
    if let Some(one_less) = &result.one_less {
        writeln!(out, "\n## One broker less\n")?;
        for sentence in one_less.sentences() {
            writeln!(out, "- {}", escaped(&sentence))?;
        }
    }
    if let Some(curve) = &result.curve {
        writeln!(
            out,
            "\n## Latency over the offered rate{}\n",
            cut_off(curve)
        )?;
        head(out, &CURVE_HEADINGS)?;
        for point in &curve.points {
            let share = percent(point.offered_per_s / curve.of_per_s);
            row(out, &share, &curve_row(point))?;
        }
        for sentence in seen(curve) {
            writeln!(out, "\n{}", escaped(&sentence))?;
        }
    }
    writeln!(out, "\n## Steps\n")?;
    steps(out, &answer.steps)?;
    if let Some(one_less) = &result.one_less {
        writeln!(out, "\n## Steps with one broker less\n")?;
        steps(out, &one_less.measured.steps)?;
    }
    Ok(())
}

fn steps(out: &mut (impl Write + ?Sized), steps: &[Step]) -> io::Result<()> {
    head(out, &STEP_HEADINGS)?;
    for step in steps {
        row(out, &step.number.to_string(), &step_row(step))?;
    }
    Ok(())
}

fn consequences(out: &mut (impl Write + ?Sized), told: &Consequences) -> io::Result<()> {
    writeln!(out, "\n## Consequences\n\n{}", escaped(&counted_with(told)))?;
    for table in tables(told) {
        let headings: Vec<String> = table.headings.iter().map(|text| escaped(text)).collect();
        writeln!(out)?;
        head(out, &headings)?;
        for (name, cells) in &table.rows {
            row(out, &escaped(name), cells)?;
        }
    }
    writeln!(out)?;
    for note in notes(told) {
        writeln!(out, "- {}", escaped(&note))?;
    }
    Ok(())
}

fn head(out: &mut (impl Write + ?Sized), headings: &[impl AsRef<str>]) -> io::Result<()> {
    let texts: Vec<&str> = headings.iter().map(AsRef::as_ref).collect();
    writeln!(out, "| {} |", texts.join(" | "))?;
    writeln!(out, "|{}", "--:|".repeat(headings.len()))
}

fn row(out: &mut (impl Write + ?Sized), name: &str, cells: &[String]) -> io::Result<()> {
    let cells: Vec<String> = cells.iter().map(|cell| escaped(cell)).collect();
    writeln!(out, "| {name} | {} |", cells.join(" | "))
}

#[cfg(test)]
mod tests {
    use super::super::words::sample;
    use super::*;

    #[test]
    fn tables_have_as_many_cells_in_every_row() {
        let mut text = Vec::new();
        write(&mut text, &sample::found()).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(text.starts_with("**Capacity at"), "{text}");
        let cells = |line: &str| line.matches('|').count();
        let tables: Vec<usize> = text
            .lines()
            .filter(|line| line.starts_with('|'))
            .map(cells)
            .collect();
        assert_eq!(tables, [10, 10, 10, 10, 11, 11, 11, 11], "{text}");
    }

    #[test]
    fn consequences_are_tables_with_notes() {
        let mut text = Vec::new();
        write(&mut text, &sample::with_consequences()).unwrap();
        let text = String::from_utf8(text).unwrap();
        let (_, after) = text.split_once("## Consequences").unwrap();
        let (section, _) = after.split_once("## Latency").unwrap();
        for part in [
            "counted with 31,200/s",
            "| brokers | 2 | 1 (a model, not measured) |\n|--:|--:|--:|\n",
            "| demand's share | 80.1 % | 160 % |",
            "| a million messages, EUR | at the demand, 25,000/s | at the capacity, 31,200/s |",
            "- One broker less is a model, not measured",
        ] {
            assert!(section.contains(part), "{part}\n{section}");
        }
    }
}
