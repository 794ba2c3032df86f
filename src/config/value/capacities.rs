//! What embedded brokers accept: `5k` of each, or `5k,3k` of one broker after the other.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use super::{CountSetting, ValueError};

/// What `--broker-capacity` says: one number for all brokers, or one for each. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapacitiesSetting(Vec<u64>);

impl CapacitiesSetting {
    /// What it takes, as hints say it.
    pub const TAKES: &str = "one number for all brokers or one for each, 1 to 1000000000";
    const RANGE: RangeInclusive<u64> = 1..=1_000_000_000;

    /// Messages per second, in the order of the brokers.
    #[must_use]
    pub fn per_s(&self) -> &[u64] {
        &self.0
    }

    /// Whether so many brokers can have these capacities.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn fit(&self, brokers: u64) -> Result<(), String> {
        if let Some(wrong) = self.0.iter().find(|per_s| !Self::RANGE.contains(per_s)) {
            return Err(format!("{wrong} is out of range"));
        }
        if self.0.len() > 1 && self.0.len() as u64 != brokers {
            return Err(format!("{} numbers for {brokers} brokers", self.0.len()));
        }
        Ok(())
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
        for (text, brokers, fits) in [
            ("5k", 7, true),
            ("5k,3k", 2, true),
            ("5k,3k", 3, false),
            ("0", 1, false),
        ] {
            let given: CapacitiesSetting = text.parse().unwrap();
            assert_eq!(given.fit(brokers).is_ok(), fits, "{text} {brokers}");
        }
    }
}
