//! How many samples the percentiles of a result rest on, in words.

use std::io::{self, Write};

use crate::metrics::histogram::{P90, P99, P999, SAMPLES_BEYOND, samples_beyond};
use crate::metrics::units::count;

use super::result::RunResult;
use super::style::Style;
use super::text::times;

/// One line about the first kind of time; none where no percentile is stated.
pub(super) fn line(
    out: &mut (impl Write + ?Sized),
    result: &RunResult,
    style: Style,
) -> io::Result<()> {
    let Some((name, times)) = times(result).into_iter().next() else {
        return Ok(());
    };
    let per_send = result.run.batch.unwrap_or(1);
    let stated = [
        ("p90", P90, times.p90_ns),
        ("p99", P99, times.p99_ns),
        ("p99.9", P999, times.p999_ns),
    ];
    let beyond: Vec<String> = stated
        .into_iter()
        .filter(|(_, _, value)| value.is_some())
        .map(|(name, part, _)| {
            let samples = samples_beyond(part, times.count, per_send);
            format!("{} beyond {name}", count(samples))
        })
        .collect();
    if beyond.is_empty() {
        return Ok(());
    }
    let of = name.split(' ').next().unwrap_or(name);
    let what = if per_send > 1 { "batches" } else { "sends" };
    writeln!(
        out,
        "{} of the {of}, {} ({what}). Fewer than {SAMPLES_BEYOND} make it n/a; those of one stall count each, though \
         they are one event.",
        style.heading("Samples:"),
        beyond.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn of(result: &RunResult) -> String {
        let mut out = Vec::new();
        line(&mut out, result, Style::Plain).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn samples_are_those_above_the_rank() {
        // Of 19,986 the percentiles have the ranks 17,988, 19,787 and 19,967.
        let text = of(&sample::open());
        let begin =
            "Samples: of the response, 1,998 beyond p90, 199 beyond p99, 19 beyond p99.9 (sends). ";
        assert!(text.starts_with(begin), "{text}");
    }

    #[test]
    fn a_batch_is_one_sample_and_what_is_not_stated_has_none() {
        let mut result = sample::open();
        result.run.batch = Some(10);
        if let Some(response) = &mut result.latency.response {
            (response.p99_ns, response.p999_ns) = (None, None);
        }
        let text = of(&result);
        assert!(
            text.starts_with("Samples: of the response, 199 beyond p90 (batches). "),
            "{text}"
        );
        assert_eq!(of(&sample::nothing()), "");
    }
}
