//! The doctor's words, for a terminal.

use super::Diagnosis;
use super::ceiling::Trial;
use super::cluster::Cluster;
use super::judge::Finding;
use crate::metrics::units::{bytes, count, duration, percent, rate, three_digits};

/// Everything, the sentence that counts at the end.
pub(super) fn text(diagnosis: &Diagnosis) -> String {
    let mut lines = of_machine(diagnosis);
    lines.extend(of_probes(diagnosis));
    let ceiling = &diagnosis.ceiling;
    let trials = ceiling.closed.iter().chain(&ceiling.paced);
    lines.extend(trials.map(|trial| of_trial(trial, ceiling.body_bytes)));
    if let Some(cluster) = &diagnosis.cluster {
        lines.push(String::new());
        lines.extend(of_cluster(cluster));
    }
    lines.push(String::new());
    for finding in &diagnosis.findings {
        let Finding {
            code,
            detail,
            way_out,
        } = finding;
        lines.push(format!("{code}: {detail}. Way out: {way_out}."));
    }
    if diagnosis.findings.is_empty() {
        lines.push("Nothing about this machine needs mending.".to_owned());
    }
    lines.push(String::new());
    lines.push(diagnosis.trusted.sentence.clone());
    lines.push(String::new());
    lines.join("\n")
}

fn known(text: Option<String>) -> String {
    text.unwrap_or_else(|| "unknown".to_owned())
}

fn of_machine(diagnosis: &Diagnosis) -> Vec<String> {
    let machine = &diagnosis.machine;
    let load = machine.host.load_average_1m;
    let quota = machine.cgroup_cpus.map_or_else(
        || "no CPU quota".to_owned(),
        |cpus| format!("{cpus} CPUs by control group"),
    );
    let realtime = if machine.realtime_allowed {
        "allowed"
    } else {
        "not allowed"
    };
    vec![
        format!(
            "Machine: {} CPU(s), {}, {}; load average {}",
            diagnosis.probes.noise.len(),
            known(machine.cpu_model.clone()),
            known(machine.host.kernel.clone()),
            known(load.map(|load| format!("{load:.2}"))),
        ),
        format!(
            "Limits: {} open files (can be raised to {}), {} memory available, {quota}, --rt {realtime}",
            known(machine.open_files.map(count)),
            known(machine.open_files_most.map(count)),
            known(machine.memory_available_bytes.map(bytes)),
        ),
        format!(
            "Clock: {}, {} ns a reading; governor {}",
            known(machine.clock_source.clone()),
            three_digits(diagnosis.probes.clock_reading_ns),
            machine.governor.as_deref().unwrap_or("none offered"),
        ),
    ]
}

fn of_probes(diagnosis: &Diagnosis) -> impl Iterator<Item = String> {
    let noise = diagnosis.probes.noise.iter().map(|noise| {
        format!(
            "Noise on CPU {}: {} gaps over 100 µs, {} of the time, longest {}",
            noise.cpu,
            count(noise.gaps),
            percent(noise.stolen_share),
            duration(noise.longest_gap_ns)
        )
    });
    let timers = diagnosis.probes.timers.iter().map(|timer| {
        let shown = |ns: Option<u64>| ns.map_or_else(|| "n/a".to_owned(), duration);
        format!(
            "Ticks of {}: late by {} in the median, p99 {}, max {}",
            duration(timer.tick_ns),
            shown(timer.p50_ns),
            shown(timer.p99_ns),
            shown(timer.max_ns)
        )
    });
    noise.chain(timers)
}

fn of_trial(trial: &Trial, body_bytes: u64) -> String {
    let shown = |value: Option<f64>, unit: &str| {
        value.map_or_else(
            || "n/a".to_owned(),
            |value| format!("{}{unit}", three_digits(value)),
        )
    };
    let asked = match trial.planned_per_s {
        Some(planned) => format!("Paced at {}", rate(planned)),
        None => format!(
            "As fast as an embedded cluster answers, {} shard(s)",
            trial.shards
        ),
    };
    let lateness = trial
        .lateness_p99_ns
        .map_or_else(String::new, |ns| format!(", lateness p99 {}", duration(ns)));
    let reasons: Vec<&str> = trial.reasons.iter().map(|reason| reason.name()).collect();
    let reasons = if reasons.is_empty() {
        String::new()
    } else {
        format!(" ({})", reasons.join(", "))
    };
    format!(
        "{asked}, {}: {} acknowledged, {} CPU per message, {} of a core{lateness}; {}{reasons}",
        bytes(body_bytes),
        trial.acked_per_s.map_or_else(|| "n/a".to_owned(), rate),
        shown(trial.cpu_us_per_message, " µs"),
        shown(trial.cpu_percent, " %"),
        trial.verdict.name(),
    )
}

fn of_cluster(cluster: &Cluster) -> Vec<String> {
    let absent = if cluster.topic_absent {
        ", which is not there: brokers would make it"
    } else {
        ""
    };
    let namesrv = cluster.namesrv.join(";");
    let mut lines = vec![format!(
        "Cluster at {namesrv}: topic {}{absent}",
        cluster.topic
    )];
    for broker in &cluster.brokers {
        let times = match (broker.round_trip_p50_ns, broker.round_trip_p90_ns) {
            (Some(p50), Some(p90)) => format!(
                "a heartbeat takes {} in the median, p90 {}",
                duration(p50),
                duration(p90)
            ),
            _ => "no round trip measured".to_owned(),
        };
        let error = broker.error.as_ref();
        let error = error.map_or_else(String::new, |error| format!(" ({error})"));
        lines.push(format!(
            "  {} at {}: {} queue(s), {times}{error}",
            broker.name, broker.address, broker.queues
        ));
    }
    lines
}
