//! What embedded brokers accept: `5k` of each, or `5k,3k` of one broker after the other.

use std::fmt;
use std::str::FromStr;

use super::{CountSetting, ValueError};

/// What `--broker-capacity` says: one number for all brokers, or one for each. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapacitiesSetting(Vec<u64>);

impl CapacitiesSetting {
    /// Messages per second, in the order of the brokers.
    #[must_use]
    pub fn per_s(&self) -> &[u64] {
        &self.0
    }
}

impl FromStr for CapacitiesSetting {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let count = |part: &str| part.trim().parse().map(|CountSetting(count)| count);
        text.split(',')
            .map(count)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl fmt::Display for CapacitiesSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts: Vec<String> = self.0.iter().map(u64::to_string).collect();
        f.write_str(&counts.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capacities_are_one_for_all_or_one_each() {
        for (text, counts, written) in [
            ("20k", &[20_000][..], "20000"),
            ("5k, 3000", &[5_000, 3_000], "5000,3000"),
        ] {
            let given: CapacitiesSetting = text.parse().unwrap();
            assert_eq!(given.per_s(), counts);
            assert_eq!(given.to_string(), written);
            assert_eq!(written.parse(), Ok(given));
        }
        for text in ["", "5k,", "5k;3k", "5k/s"] {
            assert!(text.parse::<CapacitiesSetting>().is_err(), "{text}");
        }
    }
}
