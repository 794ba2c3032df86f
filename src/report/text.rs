//! A result for a person at a terminal: the answer first, then what supports it.
//!
//! What was tested, whether it can be trusted and one sentence of figures come before anything else.
//! What did not happen (errors, retries, avoidance) takes no line. A percentile that may not be stated
//! reads `n/a`. A terminal narrower than the tables gets fewer columns, and sentences wrapped at words.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde_json::Value;
use textwrap::core::display_width;
use textwrap::{WordSeparator, WordSplitter, WrapAlgorithm};

use crate::metrics::LatencySummary;
use crate::metrics::units::{bytes, count, counted, duration, percent, rate, three_digits};

use super::bodies;
use super::figures::{Avoidance, AvoidanceCause, ReceiveTimes};
use super::littles_law::LittlesLaw;
use super::result::{LoadModel, Mode, Run, RunResult, TargetKind, WarmupEnded};
use super::style::Style;
use super::table::Figures;
use super::{attempts, beyond, flow_control, part, requests, traces, transactions};

/// Avoidance events shown; the JSON result has them all.
const EVENTS_SHOWN: usize = 5;

/// Columns of the times that a narrow terminal does without, the least needed first.
const TIMES_LEAST_NEEDED: [&str; 3] = ["count", "p90", "p99.9"];
/// Columns of the brokers, likewise. `service p50` names the two after it.
const BROKERS_LEAST_NEEDED: [&str; 6] = [
    "share",
    "retries",
    "attempts",
    "response p99",
    "failed",
    "avoided",
];

/// Writes a result, for a terminal of this width if there is one.
///
/// # Errors
/// What the writer says.
pub fn write(
    out: &mut (impl Write + ?Sized),
    result: &RunResult,
    style: Style,
    width: Option<usize>,
) -> io::Result<()> {
    fitted(out, width, |text| lines(text, result, style, width))
}

/// Writes what `lines` gives, long lines wrapped where there is a width.
pub(super) fn fitted(
    out: &mut (impl Write + ?Sized),
    width: Option<usize>,
    lines: impl FnOnce(&mut Vec<u8>) -> io::Result<()>,
) -> io::Result<()> {
    let mut text = Vec::new();
    lines(&mut text)?;
    let Some(columns) = width else {
        return out.write_all(&text);
    };
    for line in String::from_utf8_lossy(&text).lines() {
        writeln!(out, "{}", wrapped(line, columns))?;
    }
    Ok(())
}

/// A line broken at spaces; what follows stands two deeper. A word longer than the line stays whole,
/// so that addresses and options can be copied.
#[must_use]
pub fn wrapped(line: &str, width: usize) -> String {
    if display_width(line) <= width {
        return line.to_owned();
    }
    let indent = line.len() - line.trim_start().len() + 2;
    let indent = " ".repeat(indent);
    let options = textwrap::Options::new(width)
        .subsequent_indent(&indent)
        .break_words(false)
        .word_separator(WordSeparator::AsciiSpace)
        .word_splitter(WordSplitter::NoHyphenation)
        .wrap_algorithm(WrapAlgorithm::FirstFit);
    textwrap::fill(line, options)
}

fn lines(
    out: &mut (impl Write + ?Sized),
    result: &RunResult,
    style: Style,
    width: Option<usize>,
) -> io::Result<()> {
    target(out, result, style)?;
    verdict(out, result, style)?;
    writeln!(out, "{}", answer(result))?;
    for threshold in &result.thresholds {
        writeln!(out, "Threshold {}", threshold.sentence)?;
    }
    writeln!(out)?;
    writeln!(out, "{} {}", style.heading("Load:"), load(result))?;
    if let Some(warmup) = warmup(result) {
        writeln!(out, "{} {warmup}", style.heading("Warm-up:"))?;
    }
    if let Some(law) = result.littles_law.filter(LittlesLaw::binds) {
        writeln!(out, "{} {}", style.heading("Little's law:"), law.sentence())?;
    }
    accounts(out, result, style)?;
    bodies::line(out, result, style)?;
    writeln!(out)?;
    let mut left_out = latency(out, result, width)?;
    beyond::line(out, result, style)?;
    writeln!(out)?;
    left_out.extend(brokers(out, result, width)?);
    if !left_out.is_empty() {
        let left_out = left_out.join(", ");
        writeln!(
            out,
            "For want of width without {left_out}; --output FILE.txt has all."
        )?;
    }
    writeln!(out)?;
    remarks(out, result, style)
}

/// What else happened, and what it cost: a line each, under a heading.
pub(super) fn remarks(
    out: &mut (impl Write + ?Sized),
    result: &RunResult,
    style: Style,
) -> io::Result<()> {
    retries(out, result, style)?;
    flow_control::write(out, &result.flow_control, style)?;
    if let Some(figures) = &result.transactions {
        transactions::write(out, figures, style)?;
    }
    if let Some(figures) = &result.requests {
        requests::write(out, figures, style)?;
    }
    if let Some(figures) = &result.trace {
        traces::write(out, figures, style)?;
    }
    avoidance(out, result.avoidance.as_ref(), style)?;
    generator(out, result, style)
}

/// What was tested, in one line, and what of it was left out; an embedded target is called what it is.
#[must_use]
pub fn target_line(result: &RunResult) -> String {
    let target = &result.run.target;
    let brokers = counted(target.brokers.len() as u64, "broker");
    let cluster = match target.kind {
        TargetKind::Embedded => {
            format!(
                "EMBEDDED cluster in this process ({brokers} on loopback) — not Apache RocketMQ"
            )
        }
        TargetKind::Cluster => format!("cluster at {} ({brokers})", target.namesrv.join(";")),
    };
    match target.left_out.as_slice() {
        [] => cluster,
        left_out => format!("{cluster}; left out: {}", left_out.join(", ")),
    }
}

fn target(out: &mut (impl Write + ?Sized), result: &RunResult, style: Style) -> io::Result<()> {
    let line = format!("Target: {}", target_line(result));
    match result.run.target.kind {
        TargetKind::Embedded => writeln!(out, "{}", style.warning(line)),
        TargetKind::Cluster => writeln!(out, "{line}"),
    }
}

fn verdict(out: &mut (impl Write + ?Sized), result: &RunResult, style: Style) -> io::Result<()> {
    writeln!(out, "Verdict: {}", style.verdict(result.verdict.status))?;
    for reason in &result.verdict.reasons {
        writeln!(out, "  {}: {}", reason.code.name(), reason.detail)?;
    }
    Ok(())
}

/// The result in one sentence.
#[must_use]
pub fn answer(result: &RunResult) -> String {
    let run = &result.run;
    let shown = |per_second: Option<f64>| per_second.map_or_else(|| "n/a".to_owned(), rate);
    let done = if run.mode == Mode::Oneway {
        "accepted by the socket"
    } else {
        "acknowledged"
    };
    let window_s = result.window.measured_s;
    let over_s = result.rate.acked_over_s.unwrap_or(window_s);
    let to_the_last = if over_s > window_s {
        ", to the last answer"
    } else {
        ""
    };
    let achieved = format!(
        "{done} {} over {} s{to_the_last}",
        shown(result.rate.acked_per_s),
        three_digits(over_s)
    );
    let begin = match run.load_model {
        LoadModel::Open => format!(
            "Planned {}{}, {achieved}",
            shown(result.rate.planned_per_s),
            batches(run)
        ),
        LoadModel::Closed => format!("{}: {achieved}", closed_loop(result)),
    };
    let (name, times) = match (run.load_model, &result.latency.response) {
        (_, Some(response)) => ("response", response),
        (LoadModel::Open, None) => ("lateness", &result.latency.lateness),
        (LoadModel::Closed, None) => ("queue", &result.latency.queue),
    };
    let [p50, p99, max] = [times.p50_ns, times.p99_ns, times.max_ns].map(time);
    let mut sentence = format!("{begin}; {name} p50 {p50}, p99 {p99}, max {max}.");
    if run.mode == Mode::Oneway {
        sentence += " Oneway asks for no answer: \"acked\" means accepted by the socket, and whether a \
                     broker stored a message is not known.";
    }
    sentence
}

/// What was sent, in one line: mode, size and what else was set of a message.
pub(super) fn load(result: &RunResult) -> String {
    let setting = |key: &str| match result.config.get(key)? {
        Value::String(text) => Some(text.clone()),
        Value::Null | Value::Bool(false) => None,
        other => Some(other.to_string()),
    };
    let run = &result.run;
    let mut parts = vec![run.mode.name().to_owned()];
    parts.extend(setting("size").map(|size| format!("bodies of {size}")));
    parts.extend(
        run.batch
            .map(|messages| format!("batches of {}", count(messages))),
    );
    if let Some(kind) = setting("compress").filter(|kind| kind != "none") {
        parts.push(format!("compressed by {kind}"));
    }
    for (key, what) in [
        ("key_count", "different keys"),
        ("sharding_keys", "sharding keys"),
        ("delay_level", "delay level"),
        ("timer_delay", "delivered after"),
    ] {
        parts.extend(setting(key).map(|value| format!("{what} {value}")));
    }
    for (key, what) in [
        ("key_choice", "keys chosen by"),
        ("queue_choice", "queues chosen by"),
        ("topic_choice", "topics chosen by"),
    ] {
        let choice = setting(key).filter(|choice| choice != "turn");
        parts.extend(choice.map(|choice| format!("{what} {choice}")));
    }
    parts.push(format!("topic {}", run.topic));
    parts.extend(run.shard.map(|shard| {
        format!("shard {shard} of the schedule: rates and counts are this process's part")
    }));
    if !run.merged_from.is_empty() {
        parts.push(part::merged(run));
    }
    parts.join(", ")
}

/// How a warm-up ended that was to end by itself.
pub(super) fn warmup(result: &RunResult) -> Option<String> {
    let length = three_digits(result.window.warmup_s);
    Some(match result.window.warmup_ended? {
        WarmupEnded::Steady => format!("{length} s, until the load was steady"),
        WarmupEnded::Cap => format!("{length} s, its longest time: the load was not steady"),
        WarmupEnded::Run => format!("{length} s, and the run ended in it"),
    })
}

fn closed_loop(result: &RunResult) -> String {
    let run = &result.run;
    let limit = match (run.callers, run.in_flight_limit) {
        (Some(callers), _) => format!(", {}", counted(callers, "caller")),
        (None, Some(limit)) => format!(", up to {} in flight", count(limit)),
        (None, None) => String::new(),
    };
    let meaning = if run.mode == Mode::Oneway {
        ""
    } else {
        "; times count from the begin of each send"
    };
    format!("Closed loop{limit}{}{meaning}", batches(run))
}

fn batches(run: &Run) -> String {
    run.batch.map_or_else(String::new, |messages| {
        format!(" in batches of {}", count(messages))
    })
}

fn accounts(out: &mut (impl Write + ?Sized), result: &RunResult, style: Style) -> io::Result<()> {
    let accounts = &result.accounts;
    let due = if result.run.load_model == LoadModel::Closed {
        "begun"
    } else {
        "planned"
    };
    writeln!(
        out,
        "{} {} {due} = {} acked + {} failed + {} unknown + {} unsent",
        style.heading("Accounts:"),
        count(accounts.planned),
        count(accounts.acked),
        count(accounts.failed),
        count(accounts.unknown),
        count(accounts.unsent),
    )?;
    let statuses = accounts.by_status.iter().flatten().filter(|(_, n)| **n > 0);
    if statuses.clone().any(|(status, _)| status != "SEND_OK") {
        let statuses = statuses.map(|(status, n)| format!("{status} {}", count(*n)));
        let statuses: Vec<_> = statuses.collect();
        writeln!(
            out,
            "{} {}",
            style.heading("Statuses:"),
            statuses.join(", ")
        )?;
    }
    if accounts.late_replies > 0 {
        let late = count(accounts.late_replies);
        writeln!(
            out,
            "{} {late} answers came after their send had ended",
            style.heading("Late replies:")
        )?;
    }
    Ok(())
}

/// The kinds of time a result has, each with its name and from when it counts.
pub(super) fn times(result: &RunResult) -> Vec<(&'static str, &LatencySummary)> {
    let latency = &result.latency;
    let (response, lateness) = match result.run.load_model {
        LoadModel::Open => ("response (from planned time)", Some(&latency.lateness)),
        // Nothing is planned in a closed loop: the response is that of a send that was begun at once.
        LoadModel::Closed => ("response (from its begin)", None),
    };
    let queue = if result.retries.retried_sends > 0 {
        "queue (and earlier attempts)"
    } else {
        "queue"
    };
    let failures = result.accounts.failed + result.accounts.unknown > 0;
    let with_failures = latency.response_with_failures.as_ref();
    let kinds = [
        (response, latency.response.as_ref()),
        ("lateness", lateness),
        (queue, Some(&latency.queue)),
        ("service (from actual send)", latency.service.as_ref()),
        ("with failures", with_failures.filter(|_| failures)),
        ("read after arrival", latency.receive_delay.as_ref()),
    ];
    let present = |(name, times): (_, Option<_>)| Some((name, times?));
    kinds.into_iter().filter_map(present).collect()
}

/// Percentiles, maximum and count of one kind of time.
pub(super) fn statistics(times: &LatencySummary) -> impl Iterator<Item = String> {
    let figures = [
        times.p50_ns,
        times.p90_ns,
        times.p99_ns,
        times.p999_ns,
        times.max_ns,
    ];
    figures.map(time).into_iter().chain([count(times.count)])
}

fn latency(
    out: &mut (impl Write + ?Sized),
    result: &RunResult,
    width: Option<usize>,
) -> io::Result<Vec<&'static str>> {
    let mut table = Figures::new(vec!["", "p50", "p90", "p99", "p99.9", "max", "count"]);
    for (name, times) in times(result) {
        table.row(name, statistics(times));
    }
    let (text, left_out) = table.fit(width, &TIMES_LEAST_NEEDED);
    writeln!(out, "{text}")?;
    Ok(left_out)
}

fn brokers(
    out: &mut (impl Write + ?Sized),
    result: &RunResult,
    width: Option<usize>,
) -> io::Result<Vec<&'static str>> {
    let answered = result.run.mode != Mode::Oneway;
    let avoided = result
        .brokers
        .iter()
        .any(|broker| broker.avoided_ms.is_some_and(|ms| ms > 0));
    let mut header = vec!["broker", "attempts", "share", "acked", "failed", "retries"];
    if avoided {
        header.push("avoided");
    }
    if answered {
        header.extend(["service p50", "p99", "max", "response p99"]);
    }
    let mut table = Figures::new(header);
    for broker in &result.brokers {
        let share = broker.share.map_or_else(|| "n/a".to_owned(), percent);
        let mut figures = vec![count(broker.attempts), share];
        figures.extend([broker.acked, broker.failed, broker.retries].map(count));
        if avoided {
            let avoided = broker.avoided_ms.filter(|ms| *ms > 0);
            figures.push(avoided.map_or_else(
                || "-".to_owned(),
                |ms| duration(ms.saturating_mul(1_000_000)),
            ));
        }
        if answered {
            let service = broker.service.as_ref();
            let response = broker.response.as_ref();
            let times = [
                service.and_then(|times| times.p50_ns),
                service.and_then(|times| times.p99_ns),
                service.and_then(|times| times.max_ns),
                response.and_then(|times| times.p99_ns),
            ];
            figures.extend(times.map(time));
        }
        table.row(&broker.name, figures);
    }
    let (text, left_out) = table.fit(width, &BROKERS_LEAST_NEEDED);
    writeln!(out, "{text}")?;
    Ok(left_out)
}

fn retries(out: &mut (impl Write + ?Sized), result: &RunResult, style: Style) -> io::Result<()> {
    let retries = &result.retries;
    let further: u64 = retries.by_attempt.iter().skip(1).sum();
    if further > 0 {
        let share = retries
            .share
            .map_or_else(String::new, |share| format!(" ({})", percent(share)));
        write!(
            out,
            "{} {} of {} attempts{share}, for {} of which {} recovered",
            style.heading("Retries:"),
            count(further),
            count(retries.attempts),
            counted(retries.retried_sends, "send"),
            count(retries.recovered_sends),
        )?;
        if let (Some(mean), Some(max)) = (retries.added_mean_ns, retries.added_max_ns) {
            let (mean, max) = (duration(mean), duration(max));
            write!(out, " (later by {mean} on average, {max} at most)")?;
        }
        if retries.possible_duplicates > 0 {
            let twice = count(retries.possible_duplicates);
            write!(out, " and {twice} may be stored twice")?;
        }
        writeln!(out, "; because of {}", kinds(&retries.by_reason))?;
        attempts::line(out, retries, style)?;
    }
    if !result.accounts.errors.is_empty() {
        writeln!(
            out,
            "{} {}",
            style.heading("Errors:"),
            kinds(&result.accounts.errors)
        )?;
    }
    Ok(())
}

fn avoidance(
    out: &mut (impl Write + ?Sized),
    avoidance: Option<&Avoidance>,
    style: Style,
) -> io::Result<()> {
    let happened =
        |avoidance: &&Avoidance| avoidance.isolations + avoidance.probes.unwrap_or(0) > 0;
    let Some(avoidance) = avoidance.filter(happened) else {
        return Ok(());
    };
    let isolations = counted(avoidance.isolations, "isolation");
    write!(out, "{} {isolations}", style.heading("Avoidance:"))?;
    if let Some(probes) = avoidance.probes.filter(|probes| *probes > 0) {
        let found = count(avoidance.found_reachable.unwrap_or(0));
        let probes = counted(probes, "probe");
        write!(
            out,
            ", {probes} of which {found} found a broker reachable again"
        )?;
    }
    writeln!(out)?;
    for event in avoidance.events.iter().take(EVENTS_SHOWN) {
        let cause = match event.cause {
            AvoidanceCause::Latency => "latency",
            AvoidanceCause::Error => "error, taken for",
        };
        writeln!(
            out,
            "  at {} {} for {} ({cause} {})",
            duration(event.at_ms.saturating_mul(1_000_000)),
            event.broker,
            duration(event.for_ms.saturating_mul(1_000_000)),
            duration(event.observed_us.saturating_mul(1_000)),
        )?;
    }
    let shown = avoidance.events.len().min(EVENTS_SHOWN) as u64;
    if avoidance.isolations > shown && shown > 0 {
        writeln!(out, "  and {} more", count(avoidance.isolations - shown))?;
    }
    Ok(())
}

fn generator(out: &mut (impl Write + ?Sized), result: &RunResult, style: Style) -> io::Result<()> {
    let generator = &result.generator;
    let mut parts = vec![
        counted(generator.shards.into(), "shard"),
        counted(generator.connections.into(), "connection"),
    ];
    let figure = |value: Option<f64>, unit: &str| Some(format!("{} {unit}", three_digits(value?)));
    parts.extend(figure(generator.cpu_us_per_message, "µs CPU per message"));
    parts.extend(figure(generator.cpu_percent, "% of a core busy"));
    parts.extend(
        figure(generator.writes_per_message, "writes and").and_then(|writes| {
            let reads = figure(generator.reads_per_message, "reads per message")?;
            Some(format!("{writes} {reads}"))
        }),
    );
    if generator.realtime == Some(true) {
        parts.push("real-time scheduling".to_owned());
    }
    parts.extend(generator.receive_times.map(|times| {
        let timed = match times {
            ReceiveTimes::Kernel => "when the kernel received them",
            ReceiveTimes::Read => "when they were read",
            ReceiveTimes::Mixed => "by the kernel, some when they were read",
        };
        format!("answers timed {timed}")
    }));
    parts.extend(generator.rss_bytes.map(|rss| format!("RSS {}", bytes(rss))));
    writeln!(out, "{} {}", style.heading("Generator:"), parts.join(", "))
}

pub(super) fn time(ns: Option<u64>) -> String {
    ns.map_or_else(|| "n/a".to_owned(), duration)
}

/// Kinds of failure with their counts, the most frequent first.
pub(super) fn kinds(kinds: &BTreeMap<String, u64>) -> String {
    let mut kinds: Vec<_> = kinds.iter().collect();
    kinds.sort_by_key(|(_, n)| std::cmp::Reverse(**n));
    let kinds: Vec<_> = kinds
        .into_iter()
        .map(|(kind, n)| format!("{kind} {}", count(*n)))
        .collect();
    kinds.join(", ")
}

#[cfg(test)]
mod tests;
