//! A process's part of a schedule that several send together: `1/4` is the first of four.

use std::fmt;
use std::str::FromStr;

use super::ValueError;
use crate::load::schedule::ShardOf;

/// Most processes of one run.
const MOST: u64 = 10_000;

/// What `--shard` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardSetting {
    /// From 1 to `of`.
    pub index: u64,
    /// Processes of the run, at least 1.
    pub of: u64,
}

impl ShardSetting {
    /// The part of the schedule.
    #[must_use]
    pub fn part(self) -> ShardOf {
        ShardOf {
            index: self.index.saturating_sub(1),
            count: self.of,
        }
    }
}

impl FromStr for ShardSetting {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let number = |digits: &str| -> Option<u64> {
            let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| digits.parse().ok()).flatten()
        };
        let parts = text.trim().split_once('/');
        let numbers = parts.and_then(|(index, of)| Some((number(index)?, number(of)?)));
        let Some((index, of)) = numbers else {
            return Err(ValueError::new(format!(
                "`{text}` is not `index/number of processes`, as in 1/4"
            )));
        };
        if of == 0 || of > MOST {
            return Err(ValueError::new(format!(
                "`{text}`: a run has 1 to {MOST} processes"
            )));
        }
        if index == 0 || index > of {
            return Err(ValueError::new(format!(
                "`{text}`: the processes are 1/{of} to {of}/{of}"
            )));
        }
        Ok(Self { index, of })
    }
}

impl fmt::Display for ShardSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn shards_count_from_one() {
        let shard: ShardSetting = "2/4".parse().expect("a shard");
        assert_eq!(shard.part(), ShardOf { index: 1, count: 4 });
        assert_eq!(shard.to_string(), "2/4");
        for text in [
            "0/4", "5/4", "1/0", "1", "", "/", "a/4", "-1/4", "1/+4", "1/10001",
        ] {
            assert!(text.parse::<ShardSetting>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_shard_or_an_error(text in ".{0,20}|[0-9]{0,22}/[0-9]{0,22}") {
            if let Ok(shard) = text.parse::<ShardSetting>() {
                prop_assert!((1..=shard.of).contains(&shard.index));
                prop_assert_eq!(shard.to_string().parse(), Ok(shard));
            }
        }
    }
}
