//! A result as CSV (RFC 4180 with `\n`): a header and one row of the main figures. Absent figures are
//! empty fields.

use std::io::{self, Write};

use crate::metrics::LatencySummary;

use super::result::RunResult;

/// Writes header and row.
///
/// # Errors
/// What the writer says.
pub fn write(out: &mut (impl Write + ?Sized), result: &RunResult) -> io::Result<()> {
    let columns = columns(result);
    let names: Vec<_> = columns.iter().map(|(name, _)| *name).collect();
    let fields: Vec<_> = columns.iter().map(|(_, field)| quoted(field)).collect();
    writeln!(out, "{}", names.join(","))?;
    writeln!(out, "{}", fields.join(","))
}

/// Columns in their order; new ones are appended, so that scripts may count on the positions.
fn columns(result: &RunResult) -> Vec<(&'static str, String)> {
    let mut columns = run_columns(result);
    columns.extend(latency_columns(result));
    let generator = &result.generator;
    columns.extend([
        ("cpu_us_per_message", float(generator.cpu_us_per_message)),
        ("cpu_percent", float(generator.cpu_percent)),
        ("writes_per_message", float(generator.writes_per_message)),
        ("reads_per_message", float(generator.reads_per_message)),
        ("rss_bytes", int(generator.rss_bytes)),
        ("peak_rss_bytes", int(generator.peak_rss_bytes)),
    ]);
    columns
}

fn run_columns(result: &RunResult) -> Vec<(&'static str, String)> {
    let (run, accounts) = (&result.run, &result.accounts);
    let codes: Vec<_> = result
        .verdict
        .reasons
        .iter()
        .map(|reason| reason.code.name())
        .collect();
    vec![
        ("run_id", run.id.clone()),
        ("started_at", run.started_at.clone()),
        ("version", result.tool.version.clone()),
        ("target", run.target.kind.name().to_owned()),
        ("mode", run.mode.name().to_owned()),
        ("load_model", run.load_model.name().to_owned()),
        ("topic", run.topic.clone()),
        ("verdict", result.verdict.status.name().to_lowercase()),
        ("reasons", codes.join(" ")),
        ("measured_s", float(Some(result.window.measured_s))),
        ("planned_per_s", float(result.rate.planned_per_s)),
        ("sent_per_s", float(result.rate.sent_per_s)),
        ("acked_per_s", float(result.rate.acked_per_s)),
        ("planned", accounts.planned.to_string()),
        ("acked", accounts.acked.to_string()),
        ("failed", accounts.failed.to_string()),
        ("unknown", accounts.unknown.to_string()),
        ("unsent", accounts.unsent.to_string()),
        ("attempts", result.retries.attempts.to_string()),
        ("retried_sends", result.retries.retried_sends.to_string()),
    ]
}

fn latency_columns(result: &RunResult) -> Vec<(&'static str, String)> {
    let latency = &result.latency;
    let of = |summary: &Option<LatencySummary>, which: fn(&LatencySummary) -> Option<u64>| {
        int(summary.as_ref().and_then(which))
    };
    let failures = &latency.response_with_failures;
    vec![
        ("response_mean_ns", of(&latency.response, |h| h.mean_ns)),
        ("response_p50_ns", of(&latency.response, |h| h.p50_ns)),
        ("response_p90_ns", of(&latency.response, |h| h.p90_ns)),
        ("response_p95_ns", of(&latency.response, |h| h.p95_ns)),
        ("response_p99_ns", of(&latency.response, |h| h.p99_ns)),
        ("response_p999_ns", of(&latency.response, |h| h.p999_ns)),
        ("response_p9999_ns", of(&latency.response, |h| h.p9999_ns)),
        ("response_max_ns", of(&latency.response, |h| h.max_ns)),
        ("with_failures_p99_ns", of(failures, |h| h.p99_ns)),
        ("with_failures_max_ns", of(failures, |h| h.max_ns)),
        ("service_p50_ns", of(&latency.service, |h| h.p50_ns)),
        ("service_p99_ns", of(&latency.service, |h| h.p99_ns)),
        ("service_max_ns", of(&latency.service, |h| h.max_ns)),
        ("lateness_p50_ns", int(latency.lateness.p50_ns)),
        ("lateness_p99_ns", int(latency.lateness.p99_ns)),
        ("lateness_max_ns", int(latency.lateness.max_ns)),
        ("queue_p99_ns", int(latency.queue.p99_ns)),
    ]
}

fn int(value: Option<u64>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

fn float(value: Option<f64>) -> String {
    value
        .filter(|value| value.is_finite())
        .map_or_else(String::new, |value| value.to_string())
}

fn quoted(field: &str) -> String {
    if field.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use crate::report::sample;

    use super::*;

    fn row(result: &RunResult) -> Vec<(String, String)> {
        let mut out = Vec::new();
        write(&mut out, result).unwrap();
        let text = String::from_utf8(out).unwrap();
        let [names, fields] = text.lines().collect::<Vec<_>>().try_into().unwrap();
        assert_eq!(names.split(',').count(), fields.split(',').count());
        names
            .split(',')
            .map(str::to_owned)
            .zip(fields.split(',').map(str::to_owned))
            .collect()
    }

    fn field(row: &[(String, String)], name: &str) -> String {
        row.iter()
            .find(|(known, _)| known == name)
            .unwrap()
            .1
            .clone()
    }

    #[test]
    fn the_main_figures_stand_under_their_names() {
        let result = sample::open();
        let row = row(&result);
        assert_eq!(field(&row, "acked"), result.accounts.acked.to_string());
        assert_eq!(field(&row, "verdict"), "degraded");
        assert_eq!(field(&row, "reasons"), "unknown_results");
        let p99 = result.latency.response.unwrap().p99_ns.unwrap();
        assert_eq!(field(&row, "response_p99_ns"), p99.to_string());
    }

    #[test]
    fn what_a_oneway_run_does_not_have_is_empty() {
        let row = row(&sample::oneway());
        assert_eq!(field(&row, "response_p50_ns"), "");
        assert_eq!(field(&row, "service_max_ns"), "");
        assert_ne!(field(&row, "lateness_p50_ns"), "");
    }

    #[test]
    fn text_with_separators_is_quoted() {
        assert_eq!(quoted("plain"), "plain");
        assert_eq!(quoted("a,\"b\""), "\"a,\"\"b\"\"\"");
    }
}
