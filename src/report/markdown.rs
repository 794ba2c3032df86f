//! A result as Markdown for a ticket: what was tested, the verdict, the answer and one table.

use std::io::{self, Write};

use crate::metrics::units::count;

use super::result::RunResult;
use super::text::{answer, load, statistics, target_line, times};

/// Writes a result.
///
/// # Errors
/// What the writer says.
pub fn write(out: &mut (impl Write + ?Sized), result: &RunResult) -> io::Result<()> {
    let (run, verdict) = (&result.run, &result.verdict);
    writeln!(out, "**Target:** {}  ", escaped(&target_line(result)))?;
    writeln!(out, "**Verdict:** {}  ", verdict.status.name())?;
    writeln!(out, "{}", escaped(&answer(result)))?;
    writeln!(out)?;
    if !verdict.reasons.is_empty() {
        for reason in &verdict.reasons {
            writeln!(
                out,
                "- `{}`: {}",
                reason.code.name(),
                escaped(&reason.detail)
            )?;
        }
        writeln!(out)?;
    }
    if !result.thresholds.is_empty() {
        for threshold in &result.thresholds {
            writeln!(out, "- threshold {}", escaped(&threshold.sentence))?;
        }
        writeln!(out)?;
    }
    latency(out, result)?;
    writeln!(out)?;
    let accounts = &result.accounts;
    writeln!(
        out,
        "| planned | acked | failed | unknown | unsent | attempts |"
    )?;
    writeln!(out, "|---:|---:|---:|---:|---:|---:|")?;
    let ends = [
        accounts.planned,
        accounts.acked,
        accounts.failed,
        accounts.unknown,
        accounts.unsent,
    ];
    let counts = ends.into_iter().chain([result.retries.attempts]).map(count);
    writeln!(out, "| {} |", counts.collect::<Vec<_>>().join(" | "))?;
    writeln!(out)?;
    let tool = &result.tool;
    writeln!(
        out,
        "{} {}: {}; run {} of {}",
        tool.name,
        tool.version,
        escaped(&load(result)),
        run.id,
        run.started_at
    )
}

fn latency(out: &mut (impl Write + ?Sized), result: &RunResult) -> io::Result<()> {
    writeln!(out, "| time | p50 | p90 | p99 | p99.9 | max | count |")?;
    writeln!(out, "|---|---:|---:|---:|---:|---:|---:|")?;
    for (name, times) in times(result) {
        let figures: Vec<_> = statistics(times).collect();
        writeln!(out, "| {name} | {} |", figures.join(" | "))?;
    }
    Ok(())
}

/// Keeps what a user named from becoming markup or cutting a table.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        if matches!(letter, '|' | '*' | '_' | '`' | '<' | '\\' | '[') {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use crate::report::sample;

    use super::*;

    fn written(result: &RunResult) -> String {
        let mut out = Vec::new();
        write(&mut out, result).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_ticket_gets_target_verdict_answer_and_tables() {
        let text = written(&sample::open());
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines[0],
            "**Target:** cluster at 10.0.0.1:9876;10.0.0.2:9876 (2 brokers)  "
        );
        assert_eq!(lines[1], "**Verdict:** DEGRADED  ");
        assert!(
            lines[2]
                .starts_with("Planned 10,000/s, acknowledged 9,993/s over 2.00 s; response p50 "),
            "{text}"
        );
        assert!(lines[4].starts_with("- `unknown_results`: 1 "), "{text}");
        assert!(
            text.contains("| 20,000 | 19,986 | 8 | 1 | 5 | 20,015 |"),
            "{text}"
        );
        for name in [
            "response (from planned time)",
            "service (from actual send)",
            "with failures",
        ] {
            assert!(text.contains(&format!("\n| {name} | ")), "{text}");
        }
    }

    #[test]
    fn what_says_nothing_new_has_no_row() {
        let text = written(&sample::closed());
        assert!(text.contains("| response (from its begin) |"), "{text}");
        assert!(
            !text.contains("| with failures |") && !text.contains("| lateness |"),
            "{text}"
        );
    }

    #[test]
    fn a_oneway_run_has_no_rows_for_answers() {
        let text = written(&sample::oneway());
        assert!(
            !text.contains("| response") && !text.contains("| service"),
            "{text}"
        );
        assert!(
            text.contains("| lateness |") && text.contains("| queue |"),
            "{text}"
        );
    }

    #[test]
    fn names_stay_text() {
        let mut result = sample::open();
        result.run.topic = "a|b_c".to_owned();
        assert!(written(&result).contains("topic a\\|b\\_c; run "));
    }
}
