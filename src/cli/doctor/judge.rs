//! From what was seen to findings with a way out, and the rate results can be trusted up to.

use schemars::JsonSchema;
use serde::Serialize;

use super::ceiling::{Ceiling, Trial};
use super::probes::Probes;
use crate::cli::machine::Machine;
use crate::metrics::units::{bytes, count, duration, percent, rate};

/// Share of a CPU's time that others may take before it is worth saying.
const STOLEN_SHARE: f64 = 0.01;
/// A longer gap makes a tail of its own.
const GAP_NS: u64 = 5_000_000;
/// A tick may be so much later than its length at the 99th percentile.
const TICK_PARTS: f64 = 0.5;
/// A clock reading that costs more is no longer free.
const CLOCK_NS: f64 = 100.0;
/// Connections and files of a large run.
const OPEN_FILES: u64 = 1024;
/// Load per CPU that is somebody else's before we begin.
const LOAD_PER_CPU: f64 = 0.25;
/// A thread busier than this is at its end.
const BUSY_PERCENT: f64 = 80.0;

/// Something about this machine that bears on results.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(super) struct Finding {
    /// Stable name.
    pub(super) code: &'static str,
    /// What was found.
    pub(super) detail: String,
    /// What can be done about it.
    pub(super) way_out: &'static str,
}

/// Everything worth saying of machine and probes.
pub(super) fn findings(machine: &Machine, probes: &Probes) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut say = |code, detail: String, way_out| {
        found.push(Finding {
            code,
            detail,
            way_out,
        });
    };
    let cpus = probes.noise.len();
    if cpus < 2 {
        say(
            "one_cpu",
            "one CPU: generator, client and everything else take turns on it".to_owned(),
            "run on a machine with two CPUs or more",
        );
    }
    #[allow(clippy::cast_precision_loss, reason = "a handful of CPUs")]
    let load = machine.host.load_average_1m.unwrap_or_default() / cpus.max(1) as f64;
    if load > LOAD_PER_CPU {
        say(
            "busy_machine",
            format!("load average {load:.2} per CPU before any load of ours"),
            "stop what else runs here, or measure from another machine",
        );
    }
    for noise in &probes.noise {
        if noise.stolen_share > STOLEN_SHARE || noise.longest_gap_ns > GAP_NS {
            say(
                "noise",
                format!(
                    "CPU {}: a thread that does nothing but read the clock did not run for {} of the \
                     time, at most {} at once",
                    noise.cpu,
                    percent(noise.stolen_share),
                    duration(noise.longest_gap_ns)
                ),
                "measure on a quieter machine, or keep CPUs free of other work; latencies below such \
                 a gap can be the machine's",
            );
        }
    }
    if let Some(share) = probes.steal_share.filter(|share| *share > STOLEN_SHARE) {
        say(
            "steal",
            format!(
                "the hypervisor gave {} of the CPU time to others",
                percent(share)
            ),
            "use a machine with CPUs of its own",
        );
    }
    for timer in &probes.timers {
        #[allow(clippy::cast_precision_loss, reason = "nanoseconds of a tick")]
        let late = |ns: u64| ns as f64 > timer.tick_ns as f64 * TICK_PARTS;
        if let Some(p99) = timer.p99_ns.filter(|p99| late(*p99)) {
            say(
                "late_timer",
                format!(
                    "of ticks of {}, one in a hundred comes {} late or later",
                    duration(timer.tick_ns),
                    duration(p99)
                ),
                "a longer --tick, --rt where the system allows it, or a quieter machine",
            );
        }
    }
    if probes.clock_reading_ns > CLOCK_NS {
        let source = machine.clock_source.as_deref().unwrap_or("unknown");
        say(
            "slow_clock",
            format!(
                "one reading of the clock costs {:.0} ns (clock source {source})",
                probes.clock_reading_ns
            ),
            "choose another clock source (tsc, or the hypervisor's) if the machine offers one",
        );
    }
    found.extend(settings(machine, cpus));
    found
}

/// Findings about limits and settings.
fn settings(machine: &Machine, cpus: usize) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut say = |code, detail: String, way_out| {
        found.push(Finding {
            code,
            detail,
            way_out,
        });
    };
    #[allow(clippy::cast_precision_loss, reason = "a handful of CPUs")]
    let fewer = |quota: &f64| *quota < cpus as f64;
    if let Some(quota) = machine.cgroup_cpus.filter(fewer) {
        let periods = machine.cgroup_throttled_periods.unwrap_or_default();
        say(
            "cpu_quota",
            format!(
                "a control group allows {quota} of {cpus} CPUs and stopped this process in {} periods \
                 so far",
                count(periods)
            ),
            "raise the CPU limit of the container: one that is stopped for the rest of a period \
             measures its own limit",
        );
    }
    if machine.governor.as_deref() == Some("powersave") {
        say(
            "governor",
            "the frequency governor is powersave: CPUs are slow until they have been busy"
                .to_owned(),
            "cpupower frequency-set -g performance",
        );
    }
    if let Some(files) = machine.open_files.filter(|files| *files < OPEN_FILES) {
        say(
            "open_files",
            format!("at most {} files and sockets may be open", count(files)),
            "ulimit -n 65536",
        );
    }
    let buffer = machine.tcp_send_buffer_bytes;
    if let Some(size) = buffer.filter(|size| *size < 1024 * 1024) {
        say(
            "small_buffers",
            format!("TCP gives a socket {} to send at most", bytes(size)),
            "sysctl net.ipv4.tcp_wmem with a third number of 4194304 or more",
        );
    }
    found
}

/// Up to which rate the generator can be trusted here.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(super) struct Trusted {
    /// Highest rate that was tried and held: its verdict was VALID. Absent if none was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) up_to_per_s: Option<f64>,
    /// The same in words.
    pub(super) sentence: String,
}

/// The rule: of half, a quarter, an eighth, … of the messages per second that the generator got
/// through with an embedded cluster on this machine, the first rate that it then held for the length of
/// a run without any caution of its own verdict.
pub(super) fn trusted(ceiling: &Ceiling) -> Trusted {
    let body = bytes(ceiling.body_bytes);
    let held = ceiling.paced.iter().find(|trial| trial.held());
    let Some((trial, planned)) = held.and_then(|trial| Some((trial, trial.planned_per_s?))) else {
        let lowest = ceiling.paced.last().and_then(|trial| trial.planned_per_s);
        let lowest = lowest.map_or_else(|| "any rate".to_owned(), rate);
        return Trusted {
            up_to_per_s: None,
            sentence: format!(
                "No rate was held here without a caution, not even {lowest} of {body}: results from this \
                 machine, as it is now, tell of the machine."
            ),
        };
    };
    let lateness = trial.lateness_p99_ns.map_or_else(String::new, |ns| {
        format!(
            " with 99 % of the messages begun at most {} late",
            duration(ns)
        )
    });
    Trusted {
        up_to_per_s: Some(planned),
        sentence: format!(
            "Results of up to {} of {body} from this machine can be trusted as far as the generator \
             goes: it held that rate{lateness}, {:.0} % of a CPU busy. {}",
            rate(planned),
            trial.cpu_percent.unwrap_or_default(),
            end_of_it(ceiling)
        ),
    }
}

/// What ended the fastest run.
fn end_of_it(ceiling: &Ceiling) -> String {
    let best = |a: &&Trial, b: &&Trial| {
        let of = |trial: &Trial| trial.acked_per_s.unwrap_or_default();
        of(a).total_cmp(&of(b))
    };
    let Some(fastest) = ceiling.closed.iter().max_by(best) else {
        return String::new();
    };
    let at = fastest.acked_per_s.map_or_else(|| "n/a".to_owned(), rate);
    let busy = fastest.cpu_percent.unwrap_or_default() / f64::from(fastest.shards.max(1));
    if busy >= BUSY_PERCENT {
        format!("It ends at {at}, where its sending thread is {busy:.0} % busy.")
    } else {
        format!(
            "At {at} the embedded cluster beside it was the limit, not the generator ({busy:.0} % busy): \
             against a cluster elsewhere it can do more."
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::probes::{Noise, TickLateness};
    use crate::verdict::Status;

    fn trial(planned: Option<f64>, acked: f64, cpu: f64, verdict: Status) -> Trial {
        Trial {
            shards: 1,
            planned_per_s: planned,
            acked_per_s: Some(acked),
            cpu_us_per_message: Some(1.0),
            cpu_percent: Some(cpu),
            lateness_p99_ns: planned.map(|_| 990_000),
            response_p99_ns: None,
            verdict,
            reasons: Vec::new(),
        }
    }

    fn ceiling(paced: Vec<Trial>, cpu: f64) -> Ceiling {
        Ceiling {
            body_bytes: 128,
            closed: vec![trial(None, 1e6, cpu, Status::Valid)],
            paced,
        }
    }

    #[test]
    fn only_a_rate_that_was_held_is_trusted() {
        let tried = vec![
            trial(Some(5e5), 4e5, 90.0, Status::Invalid),
            trial(Some(2.5e5), 2.5e5, 50.0, Status::Degraded),
            trial(Some(1.2e5), 1.2e5, 30.0, Status::Valid),
        ];
        let trusted = trusted(&ceiling(tried, 98.0));
        assert_eq!(trusted.up_to_per_s, Some(1.2e5));
        assert!(
            trusted.sentence.contains("It ends at"),
            "{}",
            trusted.sentence
        );
    }

    #[test]
    fn a_machine_that_holds_nothing_is_told_so() {
        let tried = vec![trial(Some(5e5), 4e5, 90.0, Status::Invalid)];
        let none = trusted(&ceiling(tried, 98.0));
        assert_eq!(none.up_to_per_s, None);
        assert!(none.sentence.starts_with("No rate was held"));
        assert_eq!(trusted(&ceiling(Vec::new(), 98.0)).up_to_per_s, None);
    }

    #[test]
    fn an_idle_generator_is_not_called_the_limit() {
        let tried = vec![trial(Some(5e5), 5e5, 30.0, Status::Valid)];
        let sentence = trusted(&ceiling(tried, 40.0)).sentence;
        assert!(
            sentence.contains("embedded cluster beside it was the limit"),
            "{sentence}"
        );
    }

    fn quiet() -> (Machine, Probes) {
        let mut machine = Machine::read();
        machine.host.load_average_1m = Some(0.0);
        machine.cgroup_cpus = None;
        machine.governor = Some("performance".to_owned());
        machine.open_files = Some(65_536);
        machine.tcp_send_buffer_bytes = Some(4 << 20);
        let noise = |cpu| Noise {
            cpu,
            gaps: 1,
            longest_gap_ns: 200_000,
            stolen_share: 0.001,
        };
        let probes = Probes {
            noise: vec![noise(0), noise(1)],
            steal_share: Some(0.0),
            timers: vec![TickLateness {
                tick_ns: 1_000_000,
                ticks: 1000,
                p50_ns: Some(20_000),
                p99_ns: Some(90_000),
                max_ns: Some(1_000_000),
            }],
            clock_reading_ns: 25.0,
        };
        (machine, probes)
    }

    fn codes(machine: &Machine, probes: &Probes) -> Vec<&'static str> {
        let found = findings(machine, probes);
        found.iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn each_finding_has_its_cause() {
        let (machine, probes) = quiet();
        assert_eq!(codes(&machine, &probes), [""; 0]);
        let (mut slow, mut noisy) = quiet();
        slow.host.load_average_1m = Some(3.0);
        slow.cgroup_cpus = Some(0.5);
        slow.governor = Some("powersave".to_owned());
        slow.open_files = Some(256);
        slow.tcp_send_buffer_bytes = Some(65_536);
        noisy.noise[1].longest_gap_ns = 8_000_000;
        noisy.steal_share = Some(0.2);
        noisy.timers[0].p99_ns = Some(900_000);
        noisy.clock_reading_ns = 900.0;
        let all = [
            "busy_machine",
            "noise",
            "steal",
            "late_timer",
            "slow_clock",
            "cpu_quota",
            "governor",
            "open_files",
            "small_buffers",
        ];
        assert_eq!(codes(&slow, &noisy), all);
        noisy.noise.truncate(1);
        assert_eq!(codes(&machine, &noisy)[0], "one_cpu");
    }
}
