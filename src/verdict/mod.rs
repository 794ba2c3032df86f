//! Whether the figures of a run are what they claim to be: a pure judgement of the generator, never of
//! the cluster.
//!
//! [`judge()`] takes the [`Evidence`] a run collected and gives a [`Verdict`]. **Invalid** means that the
//! generator did not do what was asked, so the latency figures are not those of the load they name.
//! **Degraded** means that the figures hold with the stated caution. A slow or failing cluster alone
//! makes no run invalid: that is what one wants to see. Open loop and closed loop differ: only a
//! schedule can be missed, while in a closed loop a generator at its limit still measures something,
//! namely itself.
//!
//! | reason | open loop | closed loop | when |
//! |---|---|---|---|
//! | `cpu_throttled` | cause | degraded | a control group had used up its CPU quota for more than 1 % of the window |
//! | `cpu_stolen` | cause | degraded | a hypervisor gave more than 2 % of the CPUs' time to others |
//! | `embedded_cluster` | cause | degraded | a thread of the embedded cluster at ≥ 80 % of a core |
//! | `standstills` | cause; invalid from 1 % on | the same, degraded | nothing of the process ran, 20 ms or more at a time, for more than 0.5 % of the window |
//! | `host_stalls` | cause | degraded | a generator thread was ready to run and had no CPU for more than 5 % of the window |
//! | `generator_cpu` | cause; invalid by the total | degraded | a generator thread at ≥ 80 % of a core, or all above 80 % of the CPUs allowed |
//! | `socket_full` | cause | – | for more than 1 % of the window a socket did not take what had been sent a tick before |
//! | `late_schedule` | invalid | – | lateness p99 > max(1.5 ticks, 10 % of the response median), or its median > 0.6 ticks, and the cap does not explain it |
//! | `rate_missed` | invalid | – | begun per second off the planned by more than 0.1 %, and the cap does not explain it |
//! | `aborted` | invalid | invalid | the run stopped itself |
//! | `too_few_samples` | invalid at 0, degraded below 1,000 | the same | sends acknowledged |
//! | `cap_reached` | degraded | – | late or short because callers or in-flight places ran out: the cluster did not carry the rate with this many |
//! | `unstable` | degraded | – | sends in flight or lateness rose through the window while more than 1 % of the planned rate was not acknowledged, or sends in flight grew by more than 1 % of what was sent |
//! | `not_steady` | degraded | degraded | `--warmup auto` reached its longest time |
//! | `warmup_backlog` | degraded | – | sends of the warm-up that were never begun, or in flight beyond the usual when the window began, are more than 1 % of the window's |
//! | `unsteady_run` | degraded | degraded | the level of the median response or of the acknowledgements changed by more than 20 % in the window; not where the rate itself changes (plans, records, bursts) |
//! | `failed_sends` | degraded | degraded | more than 1 % of the sends failed or stayed unknown |
//! | `unknown_results` | degraded | degraded | any send whose message may or may not be stored |
//! | `drain_unanswered` | degraded | degraded | any send still unanswered when the drain ended |
//! | `clamped_values` | degraded | degraded | any time beyond the 120 s the histograms reach |
//! | `clock_trouble` | degraded | degraded | the clock of all times was slewed, the machine slept, or the wall clock was set, by more than 0.1 % of the window |
//! | `result_writer` | degraded | degraded | showing and writing what one second had took more than a second |
//! | `interrupted` | degraded | degraded | the window was cut short from outside |
//! | `shards_missing` | degraded | – | a merged result has not all shards of its run |
//!
//! A **cause** alone makes a run degraded. With a late schedule or a missed rate it is what made them so: it
//! is invalid then, and named before them.
//!
//! A tick of "per message" is judged as 250 µs. The cap explains a late 99th percentile when it was
//! reached for at least 1 % of the window, a late median from 25 % on, and a missed rate when its share
//! of the window is at least the share of sends that is missing.
//!
//! - [`evidence`]: what is looked at
//! - [`reason`]: what can be found, and the verdict
//! - [`judge`](mod@judge): the limits, one function per finding
//! - `surroundings`: those of what the machine and the embedded cluster did
//! - [`merge`]: the verdict on the union of several processes
//! - [`steadiness`]: whether the load was steady, and can be
//! - `schedule`: those of the schedule, and whether the cap explains them

pub mod evidence;
pub mod judge;
pub mod merge;
pub mod reason;
mod schedule;
pub mod steadiness;
mod surroundings;

pub use evidence::{
    Cap, CapKind, ClockChanges, CpuUse, CpuWait, Ending, Evidence, Pacing, Standstills, Surrounded,
    ThreadCpu, Tick,
};
pub use judge::judge;
pub use reason::{Reason, ReasonCode, Status, Verdict};
pub use steadiness::Steadiness;
