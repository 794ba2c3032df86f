//! The thread of a shard, as the kernel sees it: how it is woken and scheduled, how it waited.

use std::time::Duration;

use thread_priority::{
    Error, RealtimeThreadSchedulePolicy, ThreadPriority, ThreadPriorityValue, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};

/// Above all ordinary threads, below the kernel's own.
const REALTIME_PRIORITY: u8 = 10;

/// Lets timers of the calling thread fire within 1 ns instead of the default 50 µs.
pub fn sharpen_timers() {
    // Without the right to it wake-ups are merely later.
    if let Err(error) = nix::sys::prctl::set_timerslack(1) {
        tracing::debug!(%error, "timer slack not set");
    }
}

/// Puts the calling thread under SCHED_FIFO.
///
/// # Errors
/// Why the system would not, in words.
pub(super) fn make_realtime() -> Result<(), String> {
    let policy = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::Fifo);
    let priority =
        ThreadPriorityValue::try_from(REALTIME_PRIORITY).map_err(|error| error.to_string())?;
    let priority = ThreadPriority::Crossplatform(priority);
    set_thread_priority_and_policy(thread_native_id(), priority, policy).map_err(
        |error| match error {
            Error::OS(number) => std::io::Error::from_raw_os_error(number).to_string(),
            other => format!("{other:?}"),
        },
    )
}

/// How long the calling thread has waited for a CPU while it was ready to run: the second number of
/// its `schedstat`. `None` where the kernel does not say.
pub(super) fn waited_for_cpu() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let ns = text.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(Duration::from_nanos(ns))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_realtime_thread_is_one_or_says_why_not() {
        std::thread::spawn(|| match make_realtime() {
            Ok(()) => assert_eq!(
                thread_priority::thread_schedule_policy().unwrap(),
                ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::Fifo)
            ),
            Err(why) => assert!(why.contains("not permitted"), "{why}"),
        })
        .join()
        .unwrap();
    }
}
