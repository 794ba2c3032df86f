//! `--start-at`: the instant a run begins at, and the wait for it.

use std::time::Duration;

use super::exit::Exit;
use super::failure::Failure;
use super::message;
use crate::config::RunPlan;
use crate::config::value::DurationSetting;
use crate::load::{StopSignal, await_instant};

/// Connections are made this long before the start: enough for that, and too short for brokers to close them as
/// idle.
const CONNECT_BEFORE: Duration = Duration::from_secs(5);

/// The instant a plan begins at, if it says one.
///
/// # Errors
/// A [`Failure`] of usage where that is past, or too far ahead to be meant.
pub(super) fn instant(plan: &RunPlan) -> Result<Option<jiff::Timestamp>, Failure> {
    let Some(start_at) = plan.start_at else {
        return Ok(None);
    };
    let now = jiff::Timestamp::now();
    match start_at.instant(now) {
        Some(instant) => Ok(Some(instant)),
        None => Err(Failure {
            exit: Exit::Usage,
            error: format!(
                "--start-at {start_at}: it is {now:.3} by this host's clock, and a run begins later than that and \
                 within 7 days"
            ),
            hint: Some(
                "give all processes an instant that leaves each the time to be started".into(),
            ),
        }),
    }
}

/// Says what is waited for, and waits until it is time to connect.
///
/// # Errors
/// A [`Failure`] when a stop is asked for.
pub(super) fn wait_to_connect(at: jiff::Timestamp, stop: &StopSignal) -> Result<(), Failure> {
    let ahead = at.duration_since(jiff::Timestamp::now());
    let ahead = Duration::try_from(ahead).unwrap_or_default();
    let ahead = DurationSetting(Duration::from_millis(
        u64::try_from(ahead.as_millis()).unwrap_or(u64::MAX),
    ));
    message::note(&format_args!(
        "waiting for the start at {at} by this host's clock, {ahead} from now; connecting 5s before \
         (Ctrl-C ends at once, without a report)"
    ));
    Ok(await_instant(at, CONNECT_BEFORE, stop)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_before_the_start_is_an_interruption() {
        let stop = StopSignal::default();
        stop.raise();
        let at = jiff::Timestamp::now() + Duration::from_secs(60);
        let failure = wait_to_connect(at, &stop).unwrap_err();
        assert_eq!(failure.exit, Exit::Interrupted);
        assert!(failure.error.contains("no report"), "{}", failure.error);
    }
}
