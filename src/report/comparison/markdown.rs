//! A comparison as Markdown for a ticket.

use std::io::{self, Write};

use super::super::markdown::escaped;
use super::super::named::{Unit, title};
use super::document::Comparison;
use super::words;

/// Writes a comparison.
///
/// # Errors
/// What the writer says.
pub fn write(out: &mut (impl Write + ?Sized), comparison: &Comparison) -> io::Result<()> {
    writeln!(
        out,
        "**{}:** {}",
        comparison.answer.name().to_uppercase(),
        escaped(&comparison.sentence)
    )?;
    writeln!(out)?;
    for doubt in &comparison.doubts {
        writeln!(out, "- **Caution:** {}", escaped(doubt))?;
    }
    for (name, group) in [
        ("Baseline", &comparison.baseline),
        ("Candidate", &comparison.candidate),
    ] {
        writeln!(out, "- {name}: {}", escaped(&words::group(group)))?;
    }
    writeln!(out)?;
    writeln!(
        out,
        "| figure | baseline | candidate | change | interval | answer | runs needed |"
    )?;
    writeln!(out, "|---|--:|--:|--:|--:|---|--:|")?;
    for figure in &comparison.figures {
        let unit = Unit::of(&figure.name);
        let cells = [
            title(&figure.name),
            words::spread(
                figure.baseline.as_ref(),
                unit,
                comparison.baseline.runs.len(),
            ),
            words::spread(
                figure.candidate.as_ref(),
                unit,
                comparison.candidate.runs.len(),
            ),
            words::effect(figure),
            words::interval(figure),
            words::answer(figure),
            words::needed(figure),
        ]
        .map(|cell| escaped(&cell));
        writeln!(out, "| {} |", cells.join(" | "))?;
    }
    writeln!(out)?;
    if comparison.settings.is_empty() {
        writeln!(out, "Settings: all the same.")?;
    } else {
        writeln!(out, "| setting that differs | baseline | candidate |")?;
        writeln!(out, "|---|---|---|")?;
        for difference in &comparison.settings {
            let [baseline, candidate] = words::setting(difference);
            let cells = [&difference.key, &baseline, &candidate].map(|cell| escaped(cell));
            writeln!(out, "| {} |", cells.join(" | "))?;
        }
    }
    writeln!(out)?;
    writeln!(out, "{}", escaped(&words::method(comparison)))?;
    writeln!(out, "{}", escaped(&words::sought(comparison)))?;
    let tool = &comparison.tool;
    writeln!(out)?;
    writeln!(out, "{} {}", tool.name, tool.version)
}
