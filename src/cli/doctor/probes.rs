//! What can be seen without any load of ours: who else takes the CPUs, how exact the timers are.

use std::time::Duration;

use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::machine::{allowed_cpus, stolen_ticks};
use crate::load::ticker::Ticker;
use crate::load::{StopLevel, StopSignal};
use crate::metrics::LatencyHistogram;
use crate::transport::Nanos;

/// A gap of the clock longer than this is a time in which the probe did not run.
const GAP_NS: u64 = 100_000;
/// Clock readings timed together.
const CLOCK_READINGS: u32 = 100_000;

/// What a thread saw that did nothing but read the clock.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(super) struct Noise {
    /// CPU it was bound to.
    pub(super) cpu: u32,
    /// Times longer than 100 µs in which it did not run.
    pub(super) gaps: u64,
    /// The longest of them, in nanoseconds; also a shorter one, if there was none.
    pub(super) longest_gap_ns: u64,
    /// Their share of the time, from 0 to 1.
    pub(super) stolen_share: f64,
}

/// How late a thread woke that slept from tick to tick.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(super) struct TickLateness {
    /// From tick to tick, in nanoseconds.
    pub(super) tick_ns: u64,
    /// Ticks slept.
    pub(super) ticks: u64,
    /// Median lateness in nanoseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) p50_ns: Option<u64>,
    /// 99th percentile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) p99_ns: Option<u64>,
    /// Maximum.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_ns: Option<u64>,
}

/// Everything seen without load.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(super) struct Probes {
    /// Per CPU, all at once.
    pub(super) noise: Vec<Noise>,
    /// Share of the machine's CPU time that a hypervisor gave to others meanwhile, from 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) steal_share: Option<f64>,
    /// Sleeping from tick to tick.
    pub(super) timers: Vec<TickLateness>,
    /// Cost of one clock reading in nanoseconds.
    pub(super) clock_reading_ns: f64,
}

impl Probes {
    /// Looks for `each` at the noise, and as long at the timers; a stop ends it early.
    pub(super) fn run(each: Duration, stop: &StopSignal) -> std::io::Result<Self> {
        let before = stolen_ticks();
        let noise = noise(each, stop)?;
        let steal_share = before.zip(stolen_ticks()).and_then(|(from, until)| {
            let (all, stolen) = (until.0.checked_sub(from.0)?, until.1.checked_sub(from.1)?);
            share(stolen, all)
        });
        let ticks = [Duration::from_millis(1), Duration::from_micros(250)];
        let timers = ticks.map(|tick| timer(tick, each / 2, stop));
        Ok(Self {
            noise,
            steal_share,
            timers: timers.into_iter().collect::<Result<_, _>>()?,
            clock_reading_ns: clock_reading_ns(),
        })
    }
}

fn noise(length: Duration, stop: &StopSignal) -> std::io::Result<Vec<Noise>> {
    std::thread::scope(|scope| {
        let probes: Vec<_> = allowed_cpus()
            .into_iter()
            .map(|cpu| {
                std::thread::Builder::new()
                    .name(format!("probe-{cpu}"))
                    .spawn_scoped(scope, move || noise_of(cpu, length, stop))
            })
            .collect::<Result<_, _>>()?;
        let join = |probe: std::thread::ScopedJoinHandle<'_, Noise>| {
            probe
                .join()
                .map_err(|_| std::io::Error::other("a noise probe ended with a panic"))
        };
        probes.into_iter().map(join).collect()
    })
}

fn noise_of(cpu: usize, length: Duration, stop: &StopSignal) -> Noise {
    let mut set = CpuSet::new();
    if let Err(error) = set
        .set(cpu)
        .and_then(|()| sched_setaffinity(Pid::from_raw(0), &set))
    {
        tracing::debug!(cpu, %error, "not bound to its CPU");
    }
    let begin = Nanos::now();
    let end = begin.plus(length);
    let (mut last, mut gaps, mut longest, mut stolen) = (begin, 0, 0, 0);
    while last < end && stop.level() == StopLevel::None {
        let now = Nanos::now();
        let gap = now.since(last);
        if gap > GAP_NS {
            gaps += 1;
            stolen += gap;
        }
        longest = longest.max(gap);
        last = now;
    }
    Noise {
        cpu: u32::try_from(cpu).unwrap_or(u32::MAX),
        gaps,
        longest_gap_ns: longest,
        stolen_share: share(stolen, last.since(begin)).unwrap_or_default(),
    }
}

/// Sleeps from tick to tick as the pacer of a shard does.
fn timer(tick: Duration, length: Duration, stop: &StopSignal) -> std::io::Result<TickLateness> {
    let sleep = || -> std::io::Result<LatencyHistogram> {
        crate::load::sharpen_timers();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let mut late = LatencyHistogram::new();
        runtime.block_on(async {
            let mut ticker = Ticker::new()?;
            let mut next = Nanos::now().plus(tick);
            let end = next.plus(length);
            while next < end && stop.level() == StopLevel::None {
                ticker.sleep_until(next).await?;
                late.record(Nanos::now().since(next));
                next = next.plus(tick);
            }
            Ok(late)
        })
    };
    // A thread of its own: the sharpened timers end with it.
    let late = std::thread::scope(|scope| scope.spawn(sleep).join())
        .map_err(|_| std::io::Error::other("the timer probe ended with a panic"))??;
    let times = late.summary();
    Ok(TickLateness {
        tick_ns: u64::try_from(tick.as_nanos()).unwrap_or(u64::MAX),
        ticks: times.count,
        p50_ns: times.p50_ns,
        p99_ns: times.p99_ns,
        max_ns: times.max_ns,
    })
}

fn clock_reading_ns() -> f64 {
    let begin = Nanos::now();
    for _ in 0..CLOCK_READINGS {
        std::hint::black_box(Nanos::now());
    }
    let elapsed = Duration::from_nanos(Nanos::now().since(begin));
    elapsed.as_secs_f64() * 1e9 / f64::from(CLOCK_READINGS)
}

#[allow(clippy::cast_precision_loss, reason = "a share")]
fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
