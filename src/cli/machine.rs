//! What the system says of itself: /proc, /sys and limits. What it does not say is absent.

use std::fs;

use nix::sched::{CpuSet, sched_getaffinity};
use nix::sys::resource::{Resource, getrlimit};
use nix::unistd::Pid;
use schemars::JsonSchema;
use serde::Serialize;

use crate::report::Host;

/// Facts of the machine that bear on a measurement.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(super) struct Machine {
    /// CPUs, kernel and load average.
    #[serde(flatten)]
    pub(super) host: Host,
    /// Model of the first CPU.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cpu_model: Option<String>,
    /// CPUs a control group (v2) allows this process, as a number of whole ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cgroup_cpus: Option<f64>,
    /// Periods so far in which that limit stopped it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cgroup_throttled_periods: Option<u64>,
    /// Frequency governor of the first CPU; absent where there is none, as in most virtual machines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) governor: Option<String>,
    /// What the kernel reads the time from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) clock_source: Option<String>,
    /// Memory that can be had without swapping, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) memory_available_bytes: Option<u64>,
    /// Files and sockets this process may have open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) open_files: Option<u64>,
    /// To how many it may raise that by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) open_files_most: Option<u64>,
    /// Largest send buffer that TCP gives a socket by itself, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tcp_send_buffer_bytes: Option<u64>,
    /// Largest receive buffer, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tcp_receive_buffer_bytes: Option<u64>,
    /// Whether `--rt` would get real-time scheduling.
    pub(super) realtime_allowed: bool,
}

impl Machine {
    /// Asks the system.
    pub(super) fn read() -> Self {
        let status = read("/proc/self/status");
        let (open_files, open_files_most) = limit(Resource::RLIMIT_NOFILE);
        let realtime = limit(Resource::RLIMIT_RTPRIO).0.unwrap_or(0) >= REALTIME_PRIORITY;
        Self {
            host: Host::read(),
            cpu_model: value(&read("/proc/cpuinfo"), "model name"),
            cgroup_cpus: quota(&read(&cgroup_file("cpu.max"))),
            cgroup_throttled_periods: number_after(&read(&cgroup_file("cpu.stat")), "nr_throttled"),
            governor: word("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
            clock_source: word("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
            memory_available_bytes: kib(&read("/proc/meminfo"), "MemAvailable:"),
            open_files,
            open_files_most,
            tcp_send_buffer_bytes: third(&read("/proc/sys/net/ipv4/tcp_wmem")),
            tcp_receive_buffer_bytes: third(&read("/proc/sys/net/ipv4/tcp_rmem")),
            realtime_allowed: realtime || has_sys_nice(&status),
        }
    }
}

/// What `--rt` asks for.
const REALTIME_PRIORITY: u64 = 10;
/// Bit of CAP_SYS_NICE in a capability set.
const SYS_NICE: u32 = 23;

/// CPUs this process may run on.
pub(super) fn allowed_cpus() -> Vec<usize> {
    let Ok(set) = sched_getaffinity(Pid::from_raw(0)) else {
        return Vec::new();
    };
    (0..CpuSet::count())
        .filter(|cpu| set.is_set(*cpu).unwrap_or(false))
        .collect()
}

/// CPU time of the whole machine so far, and the part of it a hypervisor gave to others, in ticks.
pub(super) fn stolen_ticks() -> Option<(u64, u64)> {
    steal(&read("/proc/stat"))
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn word(path: &str) -> Option<String> {
    let text = read(path).trim().to_owned();
    (!text.is_empty()).then_some(text)
}

fn limit(resource: Resource) -> (Option<u64>, Option<u64>) {
    getrlimit(resource).map_or((None, None), |(soft, hard)| (Some(soft), Some(hard)))
}

/// A file of this process's control group, version 2.
fn cgroup_file(name: &str) -> String {
    let groups = read("/proc/self/cgroup");
    let path = groups.lines().find_map(|line| line.strip_prefix("0::"));
    let path = path.unwrap_or("/").trim_end_matches('/');
    format!("/sys/fs/cgroup{path}/{name}")
}

/// `cpu.max`: quota and period in microseconds, or `max`.
fn quota(text: &str) -> Option<f64> {
    let mut words = text.split_whitespace();
    let quota: f64 = words.next()?.parse().ok()?;
    let period: f64 = words.next()?.parse().ok()?;
    (quota > 0.0 && period > 0.0).then_some(quota / period)
}

fn number_after(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().parse().ok()
}

fn kib(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// The value of the first `name : value`.
fn value(text: &str, name: &str) -> Option<String> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim().strip_prefix(':')?.trim().to_owned())
}

fn third(text: &str) -> Option<u64> {
    text.split_whitespace().nth(2)?.parse().ok()
}

/// Whether the effective capabilities of `/proc/self/status` hold CAP_SYS_NICE.
fn has_sys_nice(status: &str) -> bool {
    let set = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let set = set.and_then(|set| u64::from_str_radix(set.trim(), 16).ok());
    set.is_some_and(|set| set & (1 << SYS_NICE) != 0)
}

/// First line of `/proc/stat`: all ticks, and the eighth number of them, what was stolen.
fn steal(stat: &str) -> Option<(u64, u64)> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Vec<u64> = line
        .split_whitespace()
        .take(8)
        .map_while(|number| number.parse().ok())
        .collect();
    let stolen = *ticks.get(7)?;
    Some((
        ticks.iter().fold(0, |sum: u64, n| sum.saturating_add(*n)),
        stolen,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_a_linux_are_read() {
        assert_eq!(quota("150000 100000\n"), Some(1.5));
        assert_eq!(quota("max 100000\n"), None);
        assert_eq!(
            number_after("usage_usec 7\nnr_throttled 3\n", "nr_throttled"),
            Some(3)
        );
        assert_eq!(
            kib("MemFree: 1 kB\nMemAvailable:   2048 kB\n", "MemAvailable:"),
            Some(2 << 20)
        );
        assert_eq!(
            value(
                "processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\n",
                "model name"
            ),
            Some("Some CPU @ 2 GHz".to_owned())
        );
        assert_eq!(third("4096\t131072\t6291456\n"), Some(6_291_456));
        assert!(has_sys_nice("CapPrm:\t0\nCapEff:\t0000000000800000\n"));
        assert!(!has_sys_nice("CapEff:\t00000000007fffff\n"));
        assert_eq!(
            steal("cpu  10 0 20 60 0 0 0 10 5 5\ncpu0 1\n"),
            Some((100, 10))
        );
    }

    #[test]
    fn odd_content_is_no_fact() {
        for text in ["", "max", "x y z", "-1 0", "1 0", "cpu ", "\u{0}"] {
            assert_eq!(quota(text), None, "{text}");
            assert_eq!(kib(text, ""), None);
            assert_eq!(steal(text), None);
            assert!(!has_sys_nice(text));
        }
        assert_eq!(kib("a 18446744073709551615 kB", "a"), None);
    }

    #[test]
    fn this_machine_says_something() {
        let machine = Machine::read();
        assert!(machine.open_files.unwrap() > 0);
        assert!(!allowed_cpus().is_empty());
    }
}
