//! The common begin of all threads, and of all processes of a run (`--start-at`).

use std::time::Duration;

use crate::load::run::LoadError;
use crate::load::stop::{StopLevel, StopSignal};
use crate::transport::Nanos;

/// From "all connected" to the first message, so that every shard is waiting when it comes.
const LEAD: Duration = Duration::from_millis(20);
/// All threads are told an instant this long before it, which a thread that is woken late still keeps.
const TOLD_BEFORE: Duration = Duration::from_millis(200);
/// While a run waits for something it looks this often whether it is to end.
pub(super) const STOP_LOOK: Duration = Duration::from_millis(50);

/// The begin of a schedule, by both clocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Begin {
    pub(super) started: Nanos,
    pub(super) began_at: jiff::Timestamp,
}

/// When to begin: now, or at an instant that is waited for up to the last moment, so that a wall clock that is
/// set meanwhile is followed.
pub(super) fn begin(at: Option<jiff::Timestamp>, stop: &StopSignal) -> Result<Begin, LoadError> {
    let Some(at) = at else {
        let (now, wall) = both_clocks();
        return Ok(Begin {
            started: now.plus(LEAD),
            began_at: wall.checked_add(LEAD).unwrap_or(wall),
        });
    };
    await_instant(at, TOLD_BEFORE, stop)?;
    let (now, wall) = both_clocks();
    // Past, should this thread have slept through it: then it begins now, and says so.
    let left = Duration::try_from(at.duration_since(wall)).unwrap_or_default();
    Ok(Begin {
        started: now.plus(left),
        began_at: at.max(wall),
    })
}

/// One moment by both clocks: of a few readings the one least interrupted.
fn both_clocks() -> (Nanos, jiff::Timestamp) {
    let read = |_| {
        let before = Nanos::now();
        let wall = jiff::Timestamp::now();
        let apart = Nanos::now().since(before);
        (apart, before.plus(Duration::from_nanos(apart / 2)), wall)
    };
    let tightest = (0..8).map(read).min_by_key(|(apart, ..)| *apart);
    tightest.map_or_else(
        || (Nanos::now(), jiff::Timestamp::now()),
        |(_, now, wall)| (now, wall),
    )
}

/// Waits until an instant of the wall clock is no more than `lead` ahead.
///
/// # Errors
/// [`LoadError::Stopped`] as soon as a stop is asked for, [`LoadError::StartPassed`] where it is past already.
pub fn await_instant(
    at: jiff::Timestamp,
    lead: Duration,
    stop: &StopSignal,
) -> Result<(), LoadError> {
    let ahead = || at.duration_since(jiff::Timestamp::now());
    let late = ahead();
    if !late.is_positive() {
        let late = late.unsigned_abs();
        return Err(LoadError::StartPassed { at, late });
    }
    loop {
        if stop.level() > StopLevel::None {
            return Err(LoadError::Stopped);
        }
        let left = Duration::try_from(ahead()).unwrap_or_default();
        if left <= lead {
            return Ok(());
        }
        std::thread::sleep(STOP_LOOK.min(left - lead));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ahead(time: Duration) -> jiff::Timestamp {
        jiff::Timestamp::now().checked_add(time).unwrap()
    }

    #[test]
    fn an_instant_is_waited_for() {
        let (at, stop) = (ahead(Duration::from_millis(400)), StopSignal::default());
        let before = Nanos::now();
        let begin = begin(Some(at), &stop).unwrap();
        assert!(begin.began_at >= at);
        assert!(begin.started >= before.plus(Duration::from_millis(350)));
    }

    #[test]
    fn a_past_instant_is_refused() {
        let past = jiff::Timestamp::now() - Duration::from_secs(1);
        let error = begin(Some(past), &StopSignal::default()).unwrap_err();
        assert!(
            matches!(error, LoadError::StartPassed { at, .. } if at == past),
            "{error}"
        );
    }

    #[test]
    fn a_stop_ends_the_wait() {
        let stop = StopSignal::default();
        stop.raise();
        let error = begin(Some(ahead(Duration::from_secs(3600))), &stop).unwrap_err();
        assert!(matches!(error, LoadError::Stopped), "{error}");
    }
}
