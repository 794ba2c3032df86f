//! The fault table: `v4`, `v5`, or latency classes such as `550ms:2s,1800ms:5s`.

use std::fmt;
use std::str::FromStr;

use super::{DurationSetting, ValueError};
use crate::client::{FaultClass, FaultGeneration};

/// What `--fault-table` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultTableSetting {
    /// A generation of RocketMQ's strategy with its own table.
    Generation(FaultGeneration),
    /// Own classes, ascending by latency, under the rules of 5.x.
    Classes(Vec<FaultClass>),
}

impl FaultTableSetting {
    /// Which generation's rules decide.
    #[must_use]
    pub fn generation(&self) -> FaultGeneration {
        match self {
            Self::Generation(generation) => *generation,
            Self::Classes(_) => FaultGeneration::V5,
        }
    }

    /// The classes, ascending by latency.
    #[must_use]
    pub fn classes(&self) -> Vec<FaultClass> {
        match self {
            Self::Generation(generation) => generation.default_table(),
            Self::Classes(classes) => classes.clone(),
        }
    }
}

fn class(text: &str) -> Result<FaultClass, ValueError> {
    let (latency, avoid) = text.split_once(':').ok_or_else(|| {
        ValueError::new(format!(
            "`{text}` is not `latency:avoid`, as in 550ms:2s; or name a generation, v4 or v5"
        ))
    })?;
    let DurationSetting(latency) = latency.parse()?;
    let DurationSetting(avoid) = avoid.parse()?;
    Ok(FaultClass { latency, avoid })
}

impl FromStr for FaultTableSetting {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text.trim() {
            "v4" => return Ok(Self::Generation(FaultGeneration::V4)),
            "v5" => return Ok(Self::Generation(FaultGeneration::V5)),
            _ => {}
        }
        let classes = text
            .split(',')
            .map(|part| class(part.trim()))
            .collect::<Result<Vec<_>, _>>()?;
        if let Some(pair) = classes
            .windows(2)
            .find(|pair| pair[0].latency >= pair[1].latency)
        {
            return Err(ValueError::new(format!(
                "latencies must rise from class to class, but {} follows {}",
                DurationSetting(pair[1].latency),
                DurationSetting(pair[0].latency),
            )));
        }
        Ok(Self::Classes(classes))
    }
}

impl fmt::Display for FaultTableSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Generation(FaultGeneration::V4) => f.write_str("v4"),
            Self::Generation(FaultGeneration::V5) => f.write_str("v5"),
            Self::Classes(classes) => {
                for (index, class) in classes.iter().enumerate() {
                    let comma = if index == 0 { "" } else { "," };
                    let latency = DurationSetting(class.latency);
                    write!(f, "{comma}{latency}:{}", DurationSetting(class.avoid))?;
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn generations_and_own_classes() {
        let own: FaultTableSetting = "550ms:2s, 1800ms:5s".parse().expect("own classes");
        assert_eq!(own.classes()[1].avoid, Duration::from_secs(5));
        assert_eq!(own.generation(), FaultGeneration::V5);
        assert_eq!(own.to_string(), "550ms:2s,1s800ms:5s");
        assert_eq!(own.to_string().parse(), Ok(own));
        let v4: FaultTableSetting = "v4".parse().expect("v4");
        assert_eq!(v4.classes(), FaultGeneration::V4.default_table());
        assert_eq!(v4.to_string(), "v4");
    }

    #[test]
    fn wrong_tables_are_refused() {
        for (text, part) in [
            ("v6", "v4 or v5"),
            ("", "v4 or v5"),
            ("550:2s", "no unit"),
            ("2s:1s,1s:1s", "must rise"),
            ("1s:1s,1s:2s", "must rise"),
        ] {
            let error = text
                .parse::<FaultTableSetting>()
                .expect_err(text)
                .to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
