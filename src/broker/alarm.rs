//! One timer per connection, for replies that are held back.
//!
//! A timer descriptor, because tokio's own timers count whole milliseconds: a delay of 200 µs would
//! become one of 1 to 2 ms, and the replies of a capacity would leave in lumps.

use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use tokio::io::unix::AsyncFd;

/// A timer that wakes the task which polled it last.
#[derive(Debug, Default)]
pub(super) struct Alarm {
    /// Made when first needed: most connections never hold a reply back.
    timer: Option<AsyncFd<Descriptor>>,
    /// What the timer is set to; 0 when it is not.
    set_to_ns: u64,
}

#[derive(Debug)]
struct Descriptor(TimerFd);

impl AsRawFd for Descriptor {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

impl Alarm {
    /// Ready once `at_ns` has come; both times count from the same start.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        now_ns: u64,
        at_ns: u64,
    ) -> Poll<io::Result<()>> {
        if at_ns <= now_ns {
            return Poll::Ready(Ok(()));
        }
        let timer = match &mut self.timer {
            Some(timer) => timer,
            slot => slot.insert(new_timer()?),
        };
        if self.set_to_ns != at_ns {
            let wait = Duration::from_nanos(at_ns - now_ns);
            let expiration = Expiration::OneShot(wait.into());
            timer
                .get_ref()
                .0
                .set(expiration, TimerSetTimeFlags::empty())?;
            self.set_to_ns = at_ns;
        }
        // A wake-up may be left over from an earlier setting; the caller looks at its clock again
        // in any case. Reading the descriptor is not needed: setting it resets it.
        ready!(timer.poll_read_ready(cx))?.clear_ready();
        self.set_to_ns = 0;
        Poll::Ready(Ok(()))
    }
}

#[expect(
    deprecated,
    reason = "the replacement is unsafe, for types whose `as_raw_fd` may change; ours never does"
)]
fn new_timer() -> io::Result<AsyncFd<Descriptor>> {
    let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
    AsyncFd::new(Descriptor(TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?))
}
