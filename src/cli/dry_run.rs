//! `--dry-run`: what would be sent, from the plan alone.

use crate::broker::ServiceTime;
use crate::cli::{figure, outcome, samples};
use crate::client::Delivery;
use crate::config::threshold::Threshold;
use crate::config::value::DurationSetting;
use crate::config::{ReportPlan, RunPlan, Target};
use crate::load::schedule::ShardOf;
use crate::load::{Arrivals, Choice, LoadModel, LoadPlan, Offered, WarmupEnd, WhenLate};
use crate::metrics::units::{counted, percent};
use crate::report::bodies;

/// What the plan sends where, how fast and for how long; one topic per line.
#[must_use]
pub fn text(plan: &RunPlan) -> String {
    let mut lines = vec![
        ("target", target(plan)),
        (
            "topic",
            match &plan.client.namespace {
                Some(namespace) => format!(
                    "{}, group {}, in namespace {namespace}",
                    topics(&plan.load),
                    plan.send.group
                ),
                None => format!("{}, group {}", topics(&plan.load), plan.send.group),
            },
        ),
        ("sends", messages(plan)),
        ("message", message(&plan.load)),
        ("until", bound(plan)),
        ("rate", rate(plan)),
        ("mode", mode(plan)),
        ("answers", answers(plan)),
        ("avoidance", avoidance(plan)),
    ];
    if !plan.load.warmup.is_zero() {
        lines.insert(4, ("warm-up", warmup(plan)));
    }
    if plan.load.message.sizes.is_some() {
        lines.insert(3, ("sizes", sizes(plan)));
    }
    if !plan.client.without.is_empty() {
        let brokers = plan.client.without.join(", ");
        let left_out =
            format!("{brokers}: left out, as if not there; whether they are is not looked up");
        lines.insert(2, ("without", left_out));
    }
    if let Some(start_at) = plan.start_at {
        lines.insert(
            2,
            ("begins", format!("at {start_at}, by this host's clock")),
        );
    }
    if let Some(trace) = &plan.send.trace {
        let share = percent(f64::from(trace.share_ppm) / 1e6);
        lines.push((
            "traces",
            format!("{share} of the messages, to {}", trace.topic),
        ));
    }
    let report = &plan.report;
    lines.extend(files(report));
    for threshold in &report.fail_if {
        lines.push(("fails if", judged(plan, threshold)));
    }
    let most = percent(report.max_error_rate);
    let failures = if plan.load.mode.is_answered() {
        "fail or stay unknown"
    } else {
        "fail"
    };
    lines.push((
        "fails if",
        format!("more than {most} of the sends {failures} (max-error-rate)"),
    ));
    if report.strict {
        lines.push(("fails if", "the verdict is INVALID (strict)".to_owned()));
    }
    lines
        .into_iter()
        .map(|(label, text)| format!("{label:<10} {text}\n"))
        .collect()
}

/// The files a run leaves.
fn files(report: &ReportPlan) -> Vec<(&'static str, String)> {
    let results = report.outputs.iter();
    let mut files: Vec<String> = results
        .map(|output| format!("{output} ({})", output.format))
        .collect();
    let others = [
        (&report.intervals, "one JSON line per second"),
        (&report.hlog, "one HdrHistogram per second and kind of time"),
        (
            &report.bundle,
            "a bundle: all it takes to believe, share and repeat the run",
        ),
    ];
    for (path, what) in others {
        files.extend(
            path.iter()
                .map(|path| format!("{} ({what})", path.display())),
        );
    }
    files.into_iter().map(|file| ("writes", file)).collect()
}

fn target(plan: &RunPlan) -> String {
    let embedded = match &plan.target {
        Target::Cluster { namesrv } => return format!("the cluster at {}", namesrv.join(", ")),
        Target::Embedded(embedded) => embedded,
    };
    let mut text = format!(
        "an embedded cluster, {} with {} each",
        counted(embedded.brokers as u64, "broker"),
        counted(u64::from(embedded.queues), "queue")
    );
    if !embedded.delay.is_zero() {
        text += &format!(", answers after {}", DurationSetting(embedded.delay));
    }
    if let Some(stall) = embedded.stall {
        let (length, every) = (DurationSetting(stall.length), DurationSetting(stall.every));
        text += &format!(", stalls of {length} every {every}");
    }
    if let [first, more @ ..] = embedded.capacity_per_s.as_slice() {
        text += &format!(", at most {}/s", figure::whole(*first));
        for per_s in more {
            text += &format!(" and {}/s", figure::whole(*per_s));
        }
        text += if more.is_empty() {
            " each"
        } else {
            ", one each"
        };
        if embedded.service_time != ServiceTime::Fixed {
            text += ", exponential service times";
        }
    }
    text
}

/// What each message carries.
fn message(load: &LoadPlan) -> String {
    let shape = &load.message;
    let mut parts = Vec::new();
    if shape.random_bytes < shape.body_bytes {
        let random = match shape.sizes {
            None => figure::bytes(shape.random_bytes as u64),
            #[allow(clippy::cast_precision_loss, reason = "display only")]
            Some(_) => percent(shape.random_bytes as f64 / shape.body_bytes as f64),
        };
        parts.push(format!("{random} of the body random, the rest zeros"));
    }
    if let Some(settings) = &shape.compression {
        parts.push(format!("compressed by {}", settings.kind.name()));
    }
    if !shape.tags.is_empty() {
        parts.push(format!("tags {}", shape.tags));
    }
    match (shape.key_count, shape.keys.as_str()) {
        (0, "") => {}
        (0, keys) => parts.push(format!("keys {keys}")),
        (count, stem) => {
            let stem = if stem.is_empty() { "key" } else { stem };
            let chosen = chosen(shape.key_choice, count);
            parts.push(format!(
                "one of {} keys {stem}-N{chosen}",
                figure::whole(count)
            ));
        }
    }
    let pairs = shape.properties.iter();
    parts.extend(pairs.map(|(name, value)| format!("property {name}={value}")));
    if shape.sharding_keys > 0 {
        let chosen = chosen(shape.key_choice, shape.sharding_keys as u64);
        parts.push(format!(
            "one of {} sharding keys{chosen}",
            shape.sharding_keys
        ));
    }
    match load.queue_choice {
        Choice::Turn => {}
        Choice::Uniform => parts.push("to a queue drawn for it".to_owned()),
        Choice::Zipf(s) => parts.push(format!("to a queue drawn for it by zipf:{s}")),
    }
    parts.extend(shape.delivery.map(|delivery| match delivery {
        Delivery::Level(level) => format!("delay level {level}"),
        Delivery::AtMs(at) => format!("delivered at {at} ms since 1970"),
        Delivery::AfterMs(after) => format!("delivered {after} ms later"),
        Delivery::AfterSeconds(after) => format!("delivered {after} s later"),
    }));
    if !shape.wait {
        parts.push("not waiting for flush and replication".to_owned());
    }
    if shape.half_of.is_some() {
        parts.push("half message of a transaction".to_owned());
    }
    if load.requests.is_some() {
        parts.push("request that waits for its answer".to_owned());
    }
    if parts.is_empty() {
        "a random body and an id".to_owned()
    } else {
        parts.join(", ")
    }
}

/// The topics, and how one of several is chosen.
fn topics(load: &LoadPlan) -> String {
    let how = match load.more_topics.len() as u64 + 1 {
        1 => String::new(),
        count => chosen(load.topic_choice, count),
    };
    load.topic_text() + &how
}

/// How a key is chosen, where chance does it.
fn chosen(choice: Choice, count: u64) -> String {
    match choice {
        Choice::Turn => String::new(),
        Choice::Uniform => " at random".to_owned(),
        // Adding up billions of shares would take long.
        Choice::Zipf(s) if count > 10_000_000 => format!(" by zipf:{s}"),
        Choice::Zipf(s) => {
            let share = percent(choice.first_share(count));
            format!(" by zipf:{s}, the first in {share} of the messages")
        }
    }
}

/// What bodies of several sizes come to.
fn sizes(plan: &RunPlan) -> String {
    let mut text = bodies::words(&outcome::planned_sizes(&plan.size_mix()));
    if plan.load.message.compression.is_some() {
        let most = "compressed before the run, so of at most 1,000 sizes of each distribution";
        text += &format!("; {most}");
    }
    text
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "display only; as-casts saturate"
)]
fn messages(plan: &RunPlan) -> String {
    let mean = plan.size_mix().mean();
    let mut size = figure::bytes(mean.round() as u64);
    if plan.load.message.sizes.is_some() {
        size += " on average";
    }
    match plan.planned_messages() {
        Some(messages) => {
            let all = messages as f64 * mean;
            let open = matches!(plan.load.model, LoadModel::Open(_));
            let window = plan.load.bound.duration.filter(|_| open);
            let per_second = window.map_or_else(String::new, |window| {
                let per_second = (all / window.as_secs_f64()) as u64;
                format!(", {}/s", figure::bytes(per_second))
            });
            format!(
                "{} messages of {size}: {} of bodies{per_second}",
                figure::whole(messages),
                figure::bytes(all as u64),
            )
        }
        None => {
            let limit = if plan.load.mode.is_answered() {
                "answers allow"
            } else {
                "the sockets take"
            };
            format!("as many messages of {size} as {limit}")
        }
    }
}

/// A threshold, and whether the planned messages are enough to judge it.
fn judged(plan: &RunPlan, threshold: &Threshold) -> String {
    let needed = samples::needed(threshold, plan.load.message.batch);
    match (needed, plan.planned_messages()) {
        (Some(needed), Some(planned)) if planned < needed => format!(
            "{threshold}: cannot be judged, it needs {} sends and {} are planned; {}",
            figure::whole(needed),
            figure::whole(planned),
            samples::way_out(plan),
        ),
        _ => threshold.to_string(),
    }
}

fn warmup(plan: &RunPlan) -> String {
    let warmup = DurationSetting(plan.load.warmup);
    if plan.load.warmup_ends == WarmupEnd::WhenAsked {
        return format!(
            "until steady, {warmup} at most, at the same rate, kept out of every figure"
        );
    }
    format!("{warmup} at the same rate before that, kept out of every figure")
}

fn bound(plan: &RunPlan) -> String {
    let bound = plan.load.bound;
    let count = bound.count.map(figure::whole);
    match (bound.duration.map(DurationSetting), count) {
        (Some(duration), Some(count)) => {
            format!("{duration} or {count} messages, whichever comes first")
        }
        (Some(duration), None) => duration.to_string(),
        (None, Some(count)) => format!("{count} messages, however long they take"),
        (None, None) => "interrupted".to_owned(),
    }
}

fn rate(plan: &RunPlan) -> String {
    let LoadModel::Open(offered) = &plan.load.model else {
        let meaning = if plan.load.mode.is_answered() {
            "its times count from the begin of each send"
        } else {
            "as fast as the sockets take"
        };
        return format!("max: a closed loop, {meaning}");
    };
    let arrivals = match plan.load.arrivals {
        Arrivals::Constant => "evenly spaced",
        Arrivals::Bursts(size) => &format!("in bursts of {size}"),
        Arrivals::Poisson => "Poisson arrivals",
    };
    let late = match plan.load.when_late {
        WhenLate::CatchUp => "catches up",
        WhenLate::Skip => "leaves out",
        WhenLate::Abort => "stops",
    };
    let part = match plan.load.part {
        ShardOf::WHOLE => String::new(),
        part => format!(
            ", of which this process sends part {} of {}",
            part.index + 1,
            part.count
        ),
    };
    let per_second = match offered {
        Offered::Steady(rate) => figure::rate(rate.per_second()),
        Offered::Planned(_) => format!("a plan up to {}", figure::rate(offered.peak_per_s())),
        Offered::Recorded(times) => format!("{} recorded times", figure::whole(times.len() as u64)),
    };
    format!("{per_second}{part}, an open loop, {arrivals}; when late, it {late}")
}

/// The limit of concurrency and, by Little's law, the answer time up to which it lets the rate be.
fn mode(plan: &RunPlan) -> String {
    let load = &plan.load;
    if !load.mode.is_answered() {
        return format!("{}: nothing answers", load.mode.name());
    }
    let limit = load.most_in_flight();
    let what = if load.mode.has_callers() {
        "callers"
    } else {
        "in flight"
    };
    let mut text = format!(
        "{}, {} {what}",
        load.mode.name(),
        figure::whole(limit as u64)
    );
    let batch = load.message.batch;
    if batch > 1 {
        text += &format!(" with batches of {batch} messages");
    }
    if let LoadModel::Open(offered) = &load.model {
        let per_s = offered.of_sends(batch).peak_per_s() * load.part.fraction();
        #[allow(clippy::cast_precision_loss, reason = "display only")]
        let longest_us = limit as f64 * 1e6 / per_s;
        let longest = figure::latency(longest_us);
        text += &format!(": enough for this rate while answers take less than {longest}");
    }
    text
}

fn answers(plan: &RunPlan) -> String {
    if !plan.load.mode.is_answered() {
        return "none".to_owned();
    }
    let send = &plan.send;
    let timeout = DurationSetting(send.timeout);
    let mut text = format!("within {timeout} over {} attempt(s)", send.retries + 1);
    if let Some(attempt) = send.attempt_timeout {
        text += &format!(", {} each", DurationSetting(attempt));
    }
    if let Some(deadline) = plan.load.deadline {
        text += &format!(", {} from the planned time", DurationSetting(deadline));
    }
    text
}

fn avoidance(plan: &RunPlan) -> String {
    if plan.client.fault.enabled {
        "slow and failing brokers are avoided".to_owned()
    } else {
        "off".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::sources::add_set;
    use crate::config::{Sources, resolve};

    fn text_of(options: &str) -> String {
        let mut sources = Sources::default();
        let set: Vec<String> = options.split_whitespace().map(ToOwned::to_owned).collect();
        add_set(&mut sources.command_line, &set).expect(options);
        text(&resolve(&sources).expect(options))
    }

    #[test]
    fn an_open_loop_says_messages_bytes_and_littles_law() {
        let text = text_of("rate=50k duration=10s size=1KiB");
        for part in [
            "an embedded cluster, 2 brokers with 4 queues each",
            "500,000 messages of 1.0 KiB: 488.3 MiB",
            "50,000/s, an open loop",
            "4,096 in flight: enough for this rate while answers take less than 81.9 ms",
            "within 3s over 3 attempt(s)",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn a_closed_loop_does_not_pretend_to_know() {
        let text = text_of("namesrv=a:1 mode=oneway");
        for part in [
            "the cluster at a:1",
            "as many messages of 1.0 KiB as the sockets take",
            "closed loop",
            "nothing answers",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains("service time") && !text.contains("answers allow"));
        assert!(text_of("count=7 mode=sync").contains("7 messages of 1.0 KiB: 7.0 KiB"));
    }

    #[test]
    fn distributions_say_what_they_come_to() {
        let text = text_of(
            "rate=1k duration=10s size=lognormal:p50=1KiB,p99=16KiB,max=16KiB queue-choice=zipf:1 \
             key-count=100 key-choice=zipf:1 keys=order",
        );
        for part in [
            "10,000 messages of 1.9 KiB on average: 18.9 MiB of bodies, 1.9 MiB/s\n",
            "sizes      mean 1.93 KiB, p50 1.00 KiB, p99 16.0 KiB, max 16.0 KiB, 1.00 % of the draws cut",
            "one of 100 keys order-N by zipf:1, the first in 19.3 % of the messages",
            "to a queue drawn for it by zipf:1",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let text = text_of("rate=1k:1s,9k:1s warmup=0s size=1000B:1s,2000B:1s");
        let part = "mean 1.86 KiB, p50 1.95 KiB, p99 1.95 KiB, max 1.95 KiB\n";
        assert!(text.contains(part), "by messages, not by time: {text}");
        let text = text_of("size=1000B:90%,2000B:10%");
        assert!(
            text.contains("as many messages of 1.1 KiB on average as"),
            "{text}"
        );
    }

    #[test]
    fn traces_are_named() {
        let text = text_of("trace=1%");
        let line = "traces     1.00 % of the messages, to RMQ_SYS_TRACE_TOPIC\n";
        assert!(text.contains(line), "{text}");
        assert!(!text_of("rate=1k").contains("traces"));
    }

    #[test]
    fn every_gate_is_named() {
        let text = text_of("rate=1k fail-if=p99>1ms strict=true max-error-rate=0.5%");
        for part in [
            "fails if   p99>1ms\n",
            "fails if   more than 0.50 % of the sends fail or stay unknown (max-error-rate)\n",
            "fails if   the verdict is INVALID (strict)\n",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text_of("rate=1k").contains("strict"));
    }

    #[test]
    fn a_percentile_of_too_few_sends_is_said_beforehand() {
        for (options, part) in [
            (
                "rate=10 duration=1s fail-if=p99>1ms",
                "it needs 1,000 sends and 10 are planned; raise --duration or --rate",
            ),
            (
                "count=99 fail-if=service.p90>1ms",
                "it needs 100 sends and 99 are planned; raise --count",
            ),
        ] {
            let text = text_of(options);
            assert!(text.contains(part), "{part}: {text}");
        }
        for options in ["count=100 fail-if=p90>1ms", "fail-if=p9999>1ms"] {
            assert!(!text_of(options).contains("cannot be judged"), "{options}");
        }
    }
}
