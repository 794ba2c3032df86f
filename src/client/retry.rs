//! Whether a failed attempt is made again: one pure policy, one call site (R134–R137, R142, R147).

use std::time::Duration;

use crate::client::error::ErrorKind;
use crate::protocol::ResponseCode;

/// What an attempt failed of, as far as the policy cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptError {
    /// The broker answered with a code that is not "stored".
    Rejected(ResponseCode),
    /// Nothing of it left this process.
    NotSent(ErrorKind),
    /// Bytes left and no answer came: it may be stored.
    MaybeStored(ErrorKind),
    /// A limit of this process; not the broker's fault, never retried at once.
    Local(ErrorKind),
    /// A hook has not let it be made (R181); not the broker's fault.
    Forbidden,
}

impl AttemptError {
    /// The kind it is counted under.
    #[must_use]
    pub fn kind(self) -> ErrorKind {
        match self {
            Self::Rejected(ResponseCode::SYSTEM_BUSY) => ErrorKind::SystemBusy,
            Self::Rejected(code) => ErrorKind::Rejected(code.0),
            Self::NotSent(kind) | Self::MaybeStored(kind) | Self::Local(kind) => kind,
            Self::Forbidden => ErrorKind::Forbidden,
        }
    }

    /// Whether the message may be stored all the same.
    #[must_use]
    pub fn maybe_stored(self) -> bool {
        matches!(self, Self::MaybeStored(_))
    }
}

/// What to do after a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Make another attempt, on another broker if there is one, after waiting this long.
    Again(Duration),
    /// The send has failed.
    GiveUp,
}

/// Which failures are tried again, and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts after the first.
    pub retries: u32,
    /// Broker codes that are retried; empty for async sends, which never retry an answer (R142).
    pub codes: Vec<i32>,
    /// Whether a send that goes to one queue is tried again there: async ones are (R48), sync ones are
    /// not (R46).
    pub pinned: bool,
}

/// Wait before trying again what a broker refused because it is busy (R243); doubled per attempt.
const BUSY_BACKOFF: Duration = Duration::from_millis(20);

impl RetryPolicy {
    /// Whether no attempt follows this one, whatever becomes of it.
    #[must_use]
    pub fn is_last(&self, attempt: u32, pinned: bool) -> bool {
        attempt > self.retries || (pinned && !self.pinned)
    }

    /// Decides after `attempts` attempts, `left` of the send's budget remaining.
    #[must_use]
    pub fn next(&self, attempts: u32, error: AttemptError, left: Duration) -> Decision {
        if attempts > self.retries || left.is_zero() {
            return Decision::GiveUp;
        }
        let wait = match error {
            AttemptError::Local(_) => return Decision::GiveUp,
            AttemptError::Rejected(code) if !self.codes.contains(&code.0) => {
                return Decision::GiveUp;
            }
            AttemptError::Rejected(ResponseCode::SYSTEM_BUSY | ResponseCode::FLOW_CONTROL) => {
                BUSY_BACKOFF * 2u32.saturating_pow(attempts.saturating_sub(1).min(8))
            }
            AttemptError::Rejected(_)
            | AttemptError::NotSent(_)
            | AttemptError::MaybeStored(_)
            | AttemptError::Forbidden => Duration::ZERO,
        };
        if wait >= left {
            Decision::GiveUp
        } else {
            Decision::Again(wait)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEFT: Duration = Duration::from_secs(1);

    fn sync() -> RetryPolicy {
        RetryPolicy {
            retries: 2,
            codes: vec![17, 14, 1, 2, 16, 204, 205, 1500],
            pinned: false,
        }
    }

    fn again(policy: &RetryPolicy, attempts: u32, error: AttemptError) -> bool {
        matches!(policy.next(attempts, error, LEFT), Decision::Again(_))
    }

    #[test]
    fn r137_sync_retries_the_listed_codes_only() {
        for code in [17, 14, 1, 2, 16, 204, 205, 1500] {
            assert!(
                again(&sync(), 1, AttemptError::Rejected(ResponseCode(code))),
                "{code}"
            );
        }
        for code in [3, 13, 26, 29, 215, 501, 604] {
            assert!(
                !again(&sync(), 1, AttemptError::Rejected(ResponseCode(code))),
                "{code}"
            );
        }
    }

    #[test]
    fn r142_async_retries_no_answer_whatever_its_code() {
        let policy = RetryPolicy {
            retries: 2,
            codes: Vec::new(),
            pinned: false,
        };
        assert!(!again(
            &policy,
            1,
            AttemptError::Rejected(ResponseCode::SYSTEM_ERROR)
        ));
        assert!(again(&policy, 1, AttemptError::NotSent(ErrorKind::Connect)));
        assert!(again(
            &policy,
            1,
            AttemptError::MaybeStored(ErrorKind::ConnectionLost)
        ));
    }

    #[test]
    fn r134_r147_attempts_and_time_are_bounded() {
        let lost = AttemptError::MaybeStored(ErrorKind::ConnectionLost);
        assert!(again(&sync(), 2, lost));
        assert!(!again(&sync(), 3, lost));
        assert_eq!(sync().next(1, lost, Duration::ZERO), Decision::GiveUp);
        let busy = AttemptError::Rejected(ResponseCode::SYSTEM_BUSY);
        assert_eq!(
            sync().next(1, busy, Duration::from_millis(20)),
            Decision::GiveUp
        );
    }

    #[test]
    fn r243_busy_brokers_are_given_time() {
        let busy = AttemptError::Rejected(ResponseCode::SYSTEM_BUSY);
        let Decision::Again(first) = sync().next(1, busy, LEFT) else {
            panic!("given up")
        };
        let Decision::Again(second) = sync().next(2, busy, LEFT) else {
            panic!("given up")
        };
        assert!(first > Duration::ZERO && second == first * 2);
    }

    #[test]
    fn a_local_limit_is_never_retried_at_once() {
        assert!(!again(
            &sync(),
            1,
            AttemptError::Local(ErrorKind::LocalLimit)
        ));
    }
}
