//! The one monotonic clock (R212), and the only place that reads the wall clock for what is sent or told;
//! `load::clocks` looks at what the clocks of the machine do to each other.

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A moment on the monotonic clock: nanoseconds since the process first asked.
///
/// Eight bytes instead of `Instant`'s sixteen, and plain arithmetic; zero never occurs as a
/// reading, so it can mean "not yet".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Nanos(pub u64);

static EPOCH: OnceLock<Instant> = OnceLock::new();

fn epoch() -> Instant {
    *EPOCH.get_or_init(Instant::now)
}

impl Nanos {
    /// Not yet.
    pub const NONE: Self = Self(0);
    /// Later than any reading.
    pub const NEVER: Self = Self(u64::MAX);

    /// Reads the clock.
    #[inline]
    #[must_use]
    pub fn now() -> Self {
        let elapsed = Instant::now().saturating_duration_since(epoch());
        Self(u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX - 1) + 1)
    }

    /// Nanoseconds since `earlier`; zero if it is later.
    #[inline]
    #[must_use]
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// This moment and `duration` more.
    #[inline]
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)),
        )
    }

    /// The same moment for timers of the runtime.
    #[must_use]
    pub fn to_instant(self) -> Instant {
        let far = Duration::from_secs(86_400 * 365);
        epoch() + Duration::from_nanos(self.0.saturating_sub(1)).min(far)
    }
}

/// Nanoseconds since 1970: what the kernel stamps segments with.
#[must_use]
#[allow(
    clippy::disallowed_methods,
    reason = "the one place that reads the wall clock"
)]
pub fn wall_nanos() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// Milliseconds since 1970, for born timestamps, message ids and labels only.
#[must_use]
pub fn wall_millis() -> u64 {
    wall_nanos() / 1_000_000
}
