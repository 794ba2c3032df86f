//! How planned times follow one another: `constant`, `poisson`, `bursts:100`, `@FILE`.

use std::fmt;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::str::FromStr;

use super::{CountSetting, ValueError};
use crate::load::Arrivals;

/// What `--arrivals` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArrivalsSetting {
    /// Of the offered rate.
    Of(Arrivals),
    /// As a file has recorded them.
    Recorded(PathBuf),
}

impl FromStr for ArrivalsSetting {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let text = text.trim();
        if let Some(size) = text.strip_prefix("bursts:") {
            let CountSetting(size) = size.parse()?;
            let size = u32::try_from(size).ok().and_then(NonZeroU32::new);
            let size = size.ok_or_else(|| {
                ValueError::new(format!("`{text}`: a burst has 1 message or more"))
            })?;
            return Ok(Self::Of(Arrivals::Bursts(size)));
        }
        match text.strip_prefix('@') {
            Some("") => return Err(ValueError::new("`@` names no file, as in @arrivals.txt")),
            Some(path) => return Ok(Self::Recorded(PathBuf::from(path))),
            None => {}
        }
        let known = [
            ("constant", Arrivals::Constant),
            ("poisson", Arrivals::Poisson),
        ];
        super::choice::pick(text, &known).map(Self::Of)
    }
}

impl fmt::Display for ArrivalsSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Of(Arrivals::Constant) => f.write_str("constant"),
            Self::Of(Arrivals::Poisson) => f.write_str("poisson"),
            Self::Of(Arrivals::Bursts(size)) => write!(f, "bursts:{size}"),
            Self::Recorded(path) => write!(f, "@{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_read_back() {
        for text in ["constant", "poisson", "bursts:100", "@a file.txt"] {
            let read: ArrivalsSetting = text.parse().unwrap();
            assert_eq!(read.to_string(), text);
        }
        assert_eq!(
            "bursts:1k".parse::<ArrivalsSetting>().unwrap().to_string(),
            "bursts:1000"
        );
        for (text, part) in [
            ("bursts:0", "1 message or more"),
            ("bursts:x", "not a number"),
            ("@", "no file"),
            ("poison", "did you mean `poisson`"),
        ] {
            let error = text.parse::<ArrivalsSetting>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
