//! What can make a generator late that is neither its plan nor the cluster: CPUs it was not given, its own limits,
//! the embedded cluster's, a full socket.

use crate::metrics::units::{count, duration, percent};

use super::evidence::{Evidence, Pacing};
use super::reason::{Reason, ReasonCode, Status, number};

/// Share of the window in which a quota may be used up.
const THROTTLED_LIMIT: f64 = 0.01;
/// Share of the CPUs' time that may be stolen: some of it is on every shared host.
const STOLEN_LIMIT: f64 = 0.02;
/// Share of the window in which the process may stand still, and from which on one send in a hundred met it.
const STANDSTILL_LIMIT: f64 = 0.005;
const STANDSTILL_IN_P99: f64 = 0.01;
/// Share of the window that may be lost waiting for a CPU: some of it is on every shared machine.
const CPU_WAIT_LIMIT: f64 = 0.05;
/// Share of a core from which on a broker of the embedded cluster is what limits, as for a thread of the generator.
const EMBEDDED_LIMIT: f64 = 0.8;
/// Share of the window that one clock may gain on another: twice what a time service slews by at most on its own
/// (500 ppm, adjtimex(2)).
const CLOCKS_LIMIT: f64 = 0.001;
/// A second of the run may take this long to show and write, in nanoseconds: then the next is there.
const WRITING_LIMIT_NS: u64 = 1_000_000_000;
/// Share of the window in which a socket may be full: the late one in a hundred.
const UNWRITTEN_LIMIT: f64 = 0.01;

fn degraded(code: ReasonCode, detail: String, value: f64, limit: f64) -> Reason {
    Reason::new(code, Status::Degraded, detail, value, limit)
}

pub(super) fn cpu_throttled(evidence: &Evidence) -> Option<Reason> {
    let share = evidence
        .surrounded
        .throttled_share
        .filter(|share| *share > THROTTLED_LIMIT)?;
    let detail = format!(
        "the CPU quota of a control group was used up for {} of the window, limit {}: nothing of the process ran \
         meanwhile. Raise the quota (cpu.max, the CPU limit of the container), or lower --rate",
        percent(share),
        percent(THROTTLED_LIMIT),
    );
    Some(degraded(
        ReasonCode::CpuThrottled,
        detail,
        share,
        THROTTLED_LIMIT,
    ))
}

pub(super) fn cpu_stolen(evidence: &Evidence) -> Option<Reason> {
    let share = evidence
        .surrounded
        .stolen_share
        .filter(|share| *share > STOLEN_LIMIT)?;
    let detail = format!(
        "the hypervisor gave {} of the CPUs' time to other machines, limit {}: the times include waiting for it. \
         Use a host with CPUs of its own",
        percent(share),
        percent(STOLEN_LIMIT),
    );
    Some(degraded(ReasonCode::CpuStolen, detail, share, STOLEN_LIMIT))
}

pub(super) fn standstills(evidence: &Evidence) -> Option<Reason> {
    let stalls = evidence.surrounded.standstills;
    let window_ns = evidence.measured_ns.filter(|ns| *ns > 0)?;
    let share = number(stalls.total_ns) / number(window_ns);
    let open = evidence.pacing != Pacing::Closed;
    let detail = format!(
        "nothing of this process ran for {} of the window, limit {}: {} times for 20 ms or more, {} at the longest. \
         It was stopped, or the machine stood still; the times include that",
        percent(share),
        percent(STANDSTILL_LIMIT),
        count(stalls.count),
        duration(stalls.longest_ns),
    );
    (share > STANDSTILL_LIMIT).then(|| {
        let status = if open && share > STANDSTILL_IN_P99 {
            Status::Invalid
        } else {
            Status::Degraded
        };
        Reason::new(
            ReasonCode::Standstills,
            status,
            detail,
            share,
            STANDSTILL_LIMIT,
        )
    })
}

pub(super) fn host_stalls(evidence: &Evidence) -> Option<Reason> {
    let wait = evidence
        .cpu_wait
        .as_ref()
        .filter(|wait| wait.share > CPU_WAIT_LIMIT)?;
    let detail = format!(
        "generator thread {} was ready to run and had no CPU for {} of the window, limit {}: other threads of \
         this machine had it, those of an embedded or local cluster among them, and the times include that",
        wait.thread,
        percent(wait.share),
        percent(CPU_WAIT_LIMIT),
    );
    Some(degraded(
        ReasonCode::HostStalls,
        detail,
        wait.share,
        CPU_WAIT_LIMIT,
    ))
}

pub(super) fn embedded_cluster(evidence: &Evidence) -> Option<Reason> {
    let thread = evidence
        .surrounded
        .embedded
        .as_ref()
        .filter(|thread| thread.share >= EMBEDDED_LIMIT)?;
    let detail = format!(
        "thread {} of the embedded cluster used {} of a core, limit {}: the figures are its limits, not those of a \
         cluster. Lower --rate, or give a --namesrv",
        thread.name,
        percent(thread.share),
        percent(EMBEDDED_LIMIT),
    );
    Some(degraded(
        ReasonCode::EmbeddedCluster,
        detail,
        thread.share,
        EMBEDDED_LIMIT,
    ))
}

pub(super) fn socket_full(evidence: &Evidence) -> Option<Reason> {
    let Pacing::Open(_) = evidence.pacing else {
        return None;
    };
    let share = evidence
        .unwritten_share
        .filter(|share| *share > UNWRITTEN_LIMIT)?;
    let detail = format!(
        "for {} of the window, limit {}, a socket did not take what had been sent a tick before: the network or the \
         broker's reading is slower than this rate, and messages waited here, as queue time. Lower --rate or --size, \
         or raise --connections",
        percent(share),
        percent(UNWRITTEN_LIMIT),
    );
    Some(degraded(
        ReasonCode::SocketFull,
        detail,
        share,
        UNWRITTEN_LIMIT,
    ))
}

pub(super) fn clock_trouble(evidence: &Evidence) -> Option<Reason> {
    let clocks = evidence.surrounded.clocks?;
    let what = [
        (
            clocks.slewed,
            "the clock all times are taken from was slewed against the hardware's",
            "times and rates are wrong by so much. Let the time service settle first",
        ),
        (
            clocks.slept,
            "the machine slept",
            "no time includes that, and the cluster may have gone on. Keep it awake (a virtual machine may have been paused)",
        ),
        (
            clocks.set,
            "the wall clock was set",
            "times and rates are not of it, but the moments of intervals, logs and messages are. Let the time service settle first",
        ),
    ];
    let passed = what
        .into_iter()
        .find(|(share, ..)| share.abs() > CLOCKS_LIMIT);
    passed.map(|(share, found, so)| {
        let detail = format!(
            "{found}, by {} of the window, limit {}: {so}",
            percent(share.abs()),
            percent(CLOCKS_LIMIT),
        );
        degraded(ReasonCode::ClockTrouble, detail, share, CLOCKS_LIMIT)
    })
}

pub(super) fn result_writer(evidence: &Evidence) -> Option<Reason> {
    let longest = evidence
        .longest_write_ns
        .filter(|ns| *ns > WRITING_LIMIT_NS)?;
    let detail = format!(
        "showing and writing what one second of the run had took {}, limit {}: a terminal or a file (--intervals, --hlog, \
         --audit) did not take it, and what is read at the edges of the window, such as CPU use, was read late. The times of \
         messages do not wait for it. Write to a faster place",
        duration(longest),
        duration(WRITING_LIMIT_NS),
    );
    Some(degraded(
        ReasonCode::ResultWriter,
        detail,
        number(longest),
        number(WRITING_LIMIT_NS),
    ))
}
