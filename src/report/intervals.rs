//! The interval log: one line of JSON per second, flushed by whoever owns the file.

use std::io::{self, Write};

use crate::metrics::Interval;

/// Writes one interval as a line.
///
/// # Errors
/// What the writer says.
pub fn write(out: &mut (impl Write + ?Sized), interval: &Interval) -> io::Result<()> {
    serde_json::to_writer(&mut *out, interval)?;
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use crate::metrics::Recorder;

    use super::*;

    #[test]
    fn each_interval_is_one_line_of_json() {
        let mut second = Recorder::new(1);
        second.planned(2);
        second.submitted(1_000, 4_000);
        let names = ["broker-a".to_owned()];
        let mut out = Vec::new();
        for at_s in [1.0, 2.0] {
            write(
                &mut out,
                &Interval::new(
                    at_s,
                    1.0,
                    crate::metrics::Phase::Measure,
                    1,
                    &second,
                    &names,
                ),
            )
            .unwrap();
        }
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<Interval> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!((lines.len(), lines[1].at_s, lines[1].sent), (2, 2.0, 1));
        assert!(
            !text.contains("null") && !text.contains("response"),
            "{text}"
        );
    }
}
