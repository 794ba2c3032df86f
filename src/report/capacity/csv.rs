//! A search as CSV: a line per window, steps first, those with one broker less next, then the curve. Absent figures are empty fields.

use std::io::{self, Write};

use super::document::CapacityResult;
use super::window::WindowFigures;

const COLUMNS: &str = "part,number,purpose,outcome,offered_per_s,measured_s,acked_per_s,p50_ns,p99_ns,p999_ns,max_ns,ended,\
                       failed_or_unknown,unsent,retries,generator_cpu_us_per_message,verdict,reasons";

/// Writes the header and the windows.
///
/// # Errors
/// What the writer says.
pub fn write(out: &mut (impl Write + ?Sized), result: &CapacityResult) -> io::Result<()> {
    writeln!(out, "{COLUMNS}")?;
    let of_all = result.capacity.steps.iter().map(|step| ("step", step));
    let one_less = result.one_less.iter().flat_map(|one| &one.measured.steps);
    for (part, step) in of_all.chain(one_less.map(|step| ("one_less", step))) {
        let head = format!(
            "{part},{},{},{}",
            step.number,
            step.purpose,
            step.outcome.name()
        );
        writeln!(out, "{head},{}", fields(&step.window))?;
    }
    let points = result.curve.iter().flat_map(|curve| &curve.points);
    for (number, point) in (1..).zip(points) {
        writeln!(out, "curve,{number},,,{}", fields(point))?;
    }
    Ok(())
}

fn fields(window: &WindowFigures) -> String {
    let float = |value: Option<f64>| value.map_or(String::new(), |value| value.to_string());
    let int = |value: Option<u64>| value.map_or(String::new(), |value| value.to_string());
    [
        window.offered_per_s.to_string(),
        window.measured_s.to_string(),
        float(window.acked_per_s),
        int(window.p50_ns),
        int(window.p99_ns),
        int(window.p999_ns),
        int(window.max_ns),
        window.ended.to_string(),
        window.failed_or_unknown.to_string(),
        window.unsent.to_string(),
        window.retries.to_string(),
        float(window.generator_cpu_us_per_message),
        window.verdict.name().to_lowercase(),
        window.reasons.join(" "),
    ]
    .join(",")
}

#[cfg(test)]
mod tests {
    use super::super::words::sample;
    use super::*;

    #[test]
    fn every_line_has_the_columns_of_the_header() {
        let mut text = Vec::new();
        write(&mut text, &sample::found()).unwrap();
        let text = String::from_utf8(text).unwrap();
        let commas: Vec<usize> = text.lines().map(|line| line.matches(',').count()).collect();
        assert_eq!(commas.len(), 5);
        assert!(commas.iter().all(|count| *count == commas[0]), "{text}");
    }
}
