//! How large a batch is: in messages or in bytes.

use std::fmt;
use std::str::FromStr;

use super::{CountSetting, SizeSetting, ValueError};

/// What `--batch` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchSetting {
    /// So many messages.
    Messages(u64),
    /// As many messages as fit into so many bytes of body, at least one.
    Bytes(SizeSetting),
}

impl FromStr for BatchSetting {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        if text.ends_with(['B', 'b']) {
            text.parse().map(Self::Bytes)
        } else {
            let CountSetting(messages) = text.parse()?;
            Ok(Self::Messages(messages))
        }
    }
}

impl fmt::Display for BatchSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Messages(messages) => CountSetting(*messages).fmt(f),
            // A bare number would read back as messages.
            Self::Bytes(SizeSetting(bytes)) => write!(f, "{bytes}B"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_of_bytes_makes_it_bytes() {
        assert_eq!("32".parse(), Ok(BatchSetting::Messages(32)));
        assert_eq!("1k".parse(), Ok(BatchSetting::Messages(1000)));
        let bytes = BatchSetting::Bytes(SizeSetting(65_536));
        assert_eq!("64KiB".parse(), Ok(bytes));
        assert_eq!(bytes.to_string().parse(), Ok(bytes));
        for bad in ["", "B", "x", "-1"] {
            assert!(bad.parse::<BatchSetting>().is_err(), "{bad:?}");
        }
    }
}
