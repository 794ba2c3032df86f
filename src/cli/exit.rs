//! Exit codes: stable, for scripts and CI jobs.

use std::process::ExitCode;

/// How the process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Exit {
    /// 0: everything asked for was done and passed.
    Success,
    /// 1: something of our own went wrong, a file could not be written.
    OwnError,
    /// 2: the command line, the environment or a profile is wrong.
    Usage,
    /// 3: no connection, no route or no permission.
    Connect,
    /// 4: more sends failed or are unknown than `--max-error-rate` allows.
    FailedSends,
    /// 10: a threshold was missed, or a comparison found the candidate worse.
    Threshold,
    /// 11: a comparison could say neither.
    Inconclusive,
    /// 12: the generator was invalid, with `--strict`, or the run aborted itself.
    InvalidGenerator,
    /// 130: interrupted, after a full report.
    Interrupted,
}

impl Exit {
    /// All of them, in the order of their codes.
    pub const ALL: [Self; 9] = [
        Self::Success,
        Self::OwnError,
        Self::Usage,
        Self::Connect,
        Self::FailedSends,
        Self::Threshold,
        Self::Inconclusive,
        Self::InvalidGenerator,
        Self::Interrupted,
    ];

    /// The code the process ends with.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::OwnError => 1,
            Self::Usage => 2,
            Self::Connect => 3,
            Self::FailedSends => 4,
            Self::Threshold => 10,
            Self::Inconclusive => 11,
            Self::InvalidGenerator => 12,
            Self::Interrupted => 130,
        }
    }

    /// What it means, for the table in the help.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Success => "fine",
            Self::OwnError => "own error",
            Self::Usage => "wrong usage, environment or profile",
            Self::Connect => "could not connect, no route, no permission",
            Self::FailedSends => "too many failed or unknown sends (--max-error-rate)",
            Self::Threshold => {
                "a threshold (--fail-if) missed; compare: worse; capacity: below --min"
            }
            Self::Inconclusive => "compare, capacity: inconclusive",
            Self::InvalidGenerator => "generator invalid, with --strict; or the run aborted itself",
            Self::Interrupted => "interrupted",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_the_contract() {
        let codes: Vec<u8> = Exit::ALL.iter().map(|exit| exit.code()).collect();
        assert_eq!(codes, [0, 1, 2, 3, 4, 10, 11, 12, 130]);
    }
}
