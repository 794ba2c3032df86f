//! Times of the attempts after the first, in words.

use std::io::{self, Write};

use crate::metrics::units::{count, duration};

use super::figures::{AttemptTimes, Retries};
use super::style::Style;

/// One line; none where no later attempt was acknowledged.
pub(super) fn line(
    out: &mut (impl Write + ?Sized),
    retries: &Retries,
    style: Style,
) -> io::Result<()> {
    if retries.later_attempts.is_empty() {
        return Ok(());
    }
    let time = |ns: Option<u64>| ns.map_or_else(|| "n/a".to_owned(), duration);
    let words = |AttemptTimes { attempt, service }: &AttemptTimes| {
        let [p50, p99, max] = [service.p50_ns, service.p99_ns, service.max_ns].map(time);
        let acked = count(service.count);
        format!("{acked} at attempt {attempt}, service p50 {p50}, p99 {p99}, max {max}")
    };
    let words: Vec<String> = retries.later_attempts.iter().map(words).collect();
    writeln!(
        out,
        "{} {}",
        style.heading("Acked later:"),
        words.join("; ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn attempts_after_the_first_have_their_times() {
        let mut retries = sample::open().retries;
        let counts = retries
            .later_attempts
            .iter()
            .map(|times| times.service.count);
        assert_eq!(counts.sum::<u64>(), retries.recovered_sends);
        let mut out = Vec::new();
        line(&mut out, &retries, Style::Plain).unwrap();
        let text = String::from_utf8(out).unwrap();
        let begin = "Acked later: 12 at attempt 2, service p50 1.0";
        assert!(
            text.starts_with(begin) && text.contains("p99 n/a"),
            "{text}"
        );
        retries.later_attempts.clear();
        let mut out = Vec::new();
        line(&mut out, &retries, Style::Plain).unwrap();
        assert!(out.is_empty());
    }
}
