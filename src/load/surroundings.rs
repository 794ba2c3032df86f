//! What the machine did to the process while a run was under way: a thread that wakes every few milliseconds sees when
//! the whole process stood still, and reads at both edges of the window what the kernel counts.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::load::clocks::{ClockChanges, Clocks};
use crate::load::shard::Window;
use crate::load::thread::sharpen_timers;
use crate::transport::Nanos;

/// The thread wakes this often.
const LOOK: Duration = Duration::from_millis(5);
/// Later than this it was not merely behind other threads: whatever ran did not run for so long.
const STALL: Duration = Duration::from_millis(20);
/// Stalls kept one by one.
const MOST_STALLS: usize = 10_000;

/// The process, or all of the machine, stood still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standstill {
    /// When the watching thread should have woken.
    pub from: Nanos,
    /// When it did.
    pub until: Nanos,
}

/// What was seen.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// Standstills of at least 20 ms, before, in and after the window; the first 10,000 of them.
    pub standstills: Vec<Standstill>,
    /// Between the edges of the window, by the kernel's counts.
    pub counted: Option<Counted>,
}

/// What the kernel counted in the window.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Counted {
    /// Time between the readings.
    pub span: Duration,
    /// Share of all CPUs' time that the hypervisor gave to others, from 0 to 1.
    pub stolen_share: Option<f64>,
    /// Time in which a control group had used up its CPU quota; that of all its CPUs together.
    pub throttled: Option<Duration>,
    /// What the clocks did to each other.
    pub clocks: Option<ClockChanges>,
    /// CPU time of each thread of the process that had some.
    pub threads: Vec<(String, Duration)>,
}

impl Surroundings {
    /// Standstills of the window up to `until`, each as far as it lies inside.
    #[must_use]
    pub fn standstills_within(&self, from: Nanos, until: Nanos) -> Vec<Duration> {
        let inside = |stall: &Standstill| {
            let (from, until) = (stall.from.max(from), stall.until.min(until));
            (from < until).then(|| Duration::from_nanos(until.since(from)))
        };
        self.standstills.iter().filter_map(inside).collect()
    }
}

/// The thread that watches.
#[derive(Debug)]
pub(super) struct Watching {
    ended: Arc<AtomicBool>,
    thread: JoinHandle<Surroundings>,
}

impl Watching {
    /// Begins to watch; `window` says what is known of it.
    ///
    /// # Errors
    /// The system gave no thread.
    pub(super) fn begin(window: impl Fn() -> Window + Send + 'static) -> std::io::Result<Self> {
        let ended = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&ended);
        let thread = std::thread::Builder::new()
            .name("watch".to_owned())
            .spawn(move || watch(&window, &over))?;
        Ok(Self { ended, thread })
    }

    /// What was seen until now; nothing, should the thread have died.
    pub(super) fn end(self) -> Surroundings {
        self.ended.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_default()
    }
}

fn watch(window: &dyn Fn() -> Window, ended: &AtomicBool) -> Surroundings {
    sharpen_timers();
    let mut seen = Surroundings::default();
    let mut from = None;
    let mut now = Nanos::now();
    while !ended.load(Ordering::Relaxed) {
        let due = now.plus(LOOK);
        std::thread::sleep(LOOK);
        now = Nanos::now();
        if now.since(due) > u64::try_from(STALL.as_nanos()).unwrap_or(u64::MAX)
            && seen.standstills.len() < MOST_STALLS
        {
            let (from, until) = (due, now);
            seen.standstills.push(Standstill { from, until });
        }
        let window = window();
        if from.is_none() && now >= window.from {
            from = Some(Reading::now());
        }
        if seen.counted.is_none() && now >= window.until {
            seen.counted = from.take().map(|from| Reading::now().since(&from));
        }
    }
    // A run that ended before its window was over.
    if seen.counted.is_none() {
        seen.counted = from.map(|from| Reading::now().since(&from));
    }
    seen
}

/// The kernel's counts at one moment.
#[derive(Debug)]
struct Reading {
    at: Nanos,
    cpus: Option<CpuTicks>,
    throttled: Option<Duration>,
    clocks: Option<Clocks>,
    threads: Vec<(u32, String, Duration)>,
}

/// Ticks of all CPUs together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct CpuTicks {
    all: u64,
    stolen: u64,
}

impl Reading {
    fn now() -> Self {
        Self {
            at: Nanos::now(),
            cpus: fs::read_to_string("/proc/stat")
                .ok()
                .and_then(|text| cpu_ticks(&text)),
            throttled: throttled(),
            clocks: Clocks::now(),
            threads: threads(),
        }
    }

    #[allow(clippy::cast_precision_loss, reason = "a share")]
    fn since(self, earlier: &Self) -> Counted {
        let ticks = self.cpus.zip(earlier.cpus).map(|(now, before)| CpuTicks {
            all: now.all.saturating_sub(before.all),
            stolen: now.stolen.saturating_sub(before.stolen),
        });
        let before = |id: u32| {
            let known = earlier.threads.iter().find(|(known, ..)| *known == id);
            known.map_or(Duration::ZERO, |(.., cpu)| *cpu)
        };
        let used = self
            .threads
            .into_iter()
            .map(|(id, name, cpu)| (name, cpu.saturating_sub(before(id))));
        Counted {
            span: Duration::from_nanos(self.at.since(earlier.at)),
            stolen_share: ticks
                .filter(|ticks| ticks.all > 0)
                .map(|ticks| ticks.stolen as f64 / ticks.all as f64),
            throttled: self
                .throttled
                .zip(earlier.throttled)
                .map(|(now, before)| now.saturating_sub(before)),
            clocks: self
                .clocks
                .zip(earlier.clocks)
                .and_then(|(now, before)| now.since(before)),
            threads: used.filter(|(_, cpu)| !cpu.is_zero()).collect(),
        }
    }
}

/// The first line of `/proc/stat`: user, nice, system, idle, iowait, irq, softirq, steal; guests are in user.
fn cpu_ticks(text: &str) -> Option<CpuTicks> {
    let numbers = text.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Vec<u64> = numbers
        .split_ascii_whitespace()
        .take(8)
        .map_while(|number| number.parse().ok())
        .collect();
    Some(CpuTicks {
        all: ticks.iter().sum(),
        stolen: *ticks.get(7)?,
    })
}

/// What `cpu.stat` counts of the process's control groups: the quota of any of those above it stops it too.
fn throttled() -> Option<Duration> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let folders = groups.lines().filter_map(cpu_folder);
    let all = folders.flat_map(|(root, folder)| {
        let up: Vec<PathBuf> = folder
            .ancestors()
            .take_while(|folder| folder.starts_with(&root))
            .map(Path::to_owned)
            .collect();
        up
    });
    let times = all.filter_map(|folder| {
        let text = fs::read_to_string(folder.join("cpu.stat")).ok()?;
        throttled_time(&text)
    });
    times.max()
}

/// The folder of a line of `/proc/self/cgroup`, and the root it is below; `None` for controllers that do not count
/// CPU time.
fn cpu_folder(line: &str) -> Option<(PathBuf, PathBuf)> {
    let mut parts = line.splitn(3, ':').skip(1);
    let (controllers, path) = (parts.next()?, parts.next()?);
    let root = match controllers {
        "" => PathBuf::from("/sys/fs/cgroup"),
        v1 if v1.split(',').any(|controller| controller == "cpu") => {
            PathBuf::from("/sys/fs/cgroup").join(v1)
        }
        _ => return None,
    };
    let folder = root.join(path.trim_start_matches('/'));
    Some((root, folder))
}

/// `throttled_usec` of version 2, `throttled_time` in nanoseconds of version 1.
fn throttled_time(text: &str) -> Option<Duration> {
    let mut fields = text.lines().filter_map(|line| line.split_once(' '));
    fields.find_map(|(name, value)| match name {
        "throttled_usec" => Some(Duration::from_micros(value.trim().parse().ok()?)),
        "throttled_time" => Some(Duration::from_nanos(value.trim().parse().ok()?)),
        _ => None,
    })
}

/// Id, name and CPU time of each thread of the process.
fn threads() -> Vec<(u32, String, Duration)> {
    let Ok(folders) = fs::read_dir("/proc/self/task") else {
        return Vec::new();
    };
    let thread = |folder: fs::DirEntry| {
        let id = folder.file_name().to_str()?.parse().ok()?;
        let name = fs::read_to_string(folder.path().join("comm")).ok()?;
        let times = fs::read_to_string(folder.path().join("schedstat")).ok()?;
        let ns = times.split_ascii_whitespace().next()?.parse().ok()?;
        Some((id, name.trim_end().to_owned(), Duration::from_nanos(ns)))
    };
    folders.flatten().filter_map(thread).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::instance::thread_cpu_time;

    #[test]
    fn the_kernel_s_lines_are_read() {
        let text = "cpu  10 20 30 40 50 60 70 80 5 5\ncpu0 1 2 3 4\n";
        assert_eq!(
            cpu_ticks(text),
            Some(CpuTicks {
                all: 360,
                stolen: 80
            })
        );
        assert_eq!(cpu_ticks("cpu  1 2 3\n"), None);
        let two = "usage_usec 5\nnr_throttled 2\nthrottled_usec 1500\n";
        assert_eq!(throttled_time(two), Some(Duration::from_micros(1500)));
        let one = "nr_periods 1\nnr_throttled 2\nthrottled_time 1500\n";
        assert_eq!(throttled_time(one), Some(Duration::from_nanos(1500)));
        let folder = |line| cpu_folder(line).map(|(_, folder)| folder);
        assert_eq!(folder("0::/a/b"), Some(PathBuf::from("/sys/fs/cgroup/a/b")));
        let v1 = PathBuf::from("/sys/fs/cgroup/cpu,cpuacct/a");
        assert_eq!(folder("4:cpu,cpuacct:/a"), Some(v1));
        assert_eq!(folder("4:memory:/a"), None);
        assert_eq!(folder("nonsense"), None);
    }

    #[test]
    fn standstills_count_as_far_as_they_are_in_the_window() {
        let stall = |from, until| Standstill {
            from: Nanos(from),
            until: Nanos(until),
        };
        let seen = Surroundings {
            standstills: vec![stall(0, 10), stall(15, 25), stall(40, 60), stall(90, 200)],
            counted: None,
        };
        let inside: Vec<u128> = seen
            .standstills_within(Nanos(20), Nanos(100))
            .iter()
            .map(Duration::as_nanos)
            .collect();
        assert_eq!(inside, [5, 20, 10]);
    }

    #[test]
    fn a_busy_thread_is_seen_busy() {
        let before = Reading::now();
        let spun = thread_cpu_time() + Duration::from_millis(30);
        while thread_cpu_time() < spun {}
        let counted = Reading::now().since(&before);
        let busiest = counted.threads.iter().map(|(_, cpu)| *cpu).max();
        // What is on a CPU right now is counted up to the last tick.
        assert!(busiest.unwrap() >= Duration::from_millis(15), "{counted:?}");
        assert!(counted.span >= Duration::from_millis(30));
        assert!(
            counted
                .stolen_share
                .is_none_or(|share| (0.0..=1.0).contains(&share))
        );
    }
}
