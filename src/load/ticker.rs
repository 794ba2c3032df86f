//! Waiting for a moment with the kernel's high-resolution timer.
//!
//! The runtime's own timer has a grain of 1 ms and is late by half of it on average; a timer
//! descriptor in the same epoll keeps the moment to the microsecond and needs no thread.

use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::time::Duration;

use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use tokio::io::unix::AsyncFd;

use crate::transport::Nanos;

struct Timer(TimerFd);

impl AsRawFd for Timer {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

/// Sleeps until moments; see the module.
pub struct Ticker {
    timer: AsyncFd<Timer>,
}

impl std::fmt::Debug for Ticker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ticker").finish_non_exhaustive()
    }
}

impl Ticker {
    /// A timer of the current runtime.
    ///
    /// # Errors
    /// The system's error when it gives no descriptor.
    #[expect(
        deprecated,
        reason = "the replacement is unsafe; its condition, one descriptor kept open for as long as \
                  the value lives, holds for an owned TimerFd"
    )]
    pub fn new() -> io::Result<Self> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
        Ok(Self {
            timer: AsyncFd::new(Timer(timer))?,
        })
    }

    /// Sleeps until `at`; returns at once when it has passed.
    ///
    /// # Errors
    /// The system's error when the timer can't be set.
    pub async fn sleep_until(&mut self, at: Nanos) -> io::Result<()> {
        let left = at.since(Nanos::now());
        if left == 0 {
            // Lets the connections of this thread have their turn all the same.
            tokio::task::yield_now().await;
            return Ok(());
        }
        let expiration = Expiration::OneShot(TimeSpec::from_duration(Duration::from_nanos(left)));
        // Setting the timer also takes back an expiry not yet seen.
        self.timer
            .get_ref()
            .0
            .set(expiration, TimerSetTimeFlags::empty())?;
        loop {
            let mut guard = self.timer.readable().await?;
            guard.clear_ready();
            // A readiness left over from an earlier expiry is no reason to wake.
            if Nanos::now() >= at {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sleep_never_ends_early_and_ends() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut ticker = Ticker::new().unwrap();
            for micros in [0, 1, 50, 300, 2000, 10] {
                let at = Nanos::now().plus(Duration::from_micros(micros));
                ticker.sleep_until(at).await.unwrap();
                assert!(Nanos::now() >= at);
            }
            ticker.sleep_until(Nanos::NONE).await.unwrap();
        });
    }
}
