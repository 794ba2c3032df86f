//! Settings that are one of a few names.

use std::fmt;
use std::str::FromStr;

use super::ValueError;
use crate::client::QueueOrder;
use crate::config::suggest;
use crate::load::{ResponderKind, SendMode, WhenLate};
use crate::protocol::SerializeType;

/// Finds `text` among the names, or says which there are.
pub(super) fn pick<T: Copy>(text: &str, names: &[(&str, T)]) -> Result<T, ValueError> {
    if let Some((_, value)) = names.iter().find(|(name, _)| *name == text) {
        return Ok(*value);
    }
    let known: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
    Err(match suggest::nearest(text, known.iter().copied()) {
        Some(near) => ValueError::new(format!("`{text}` is unknown: did you mean `{near}`?")),
        None => ValueError::new(format!("`{text}` is unknown: it is {}", known.join(", "))),
    })
}

/// Defines a setting that wraps one enum and writes it by name.
macro_rules! choice {
    ($(#[doc = $doc:literal])+ $name:ident($inner:ty) { $($text:literal => $value:path,)+ }) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct $name(pub $inner);

        impl $name {
            const NAMES: &'static [(&'static str, $inner)] = &[$(($text, $value)),+];
        }

        impl FromStr for $name {
            type Err = ValueError;

            fn from_str(text: &str) -> Result<Self, ValueError> {
                pick(text, Self::NAMES).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self.0 { $($value => $text),+ })
            }
        }
    };
}

choice! {
    /// What `--when-late` says.
    WhenLateSetting(WhenLate) {
        "catch-up" => WhenLate::CatchUp,
        "skip" => WhenLate::Skip,
        "abort" => WhenLate::Abort,
    }
}

choice! {
    /// What `--responder` says.
    ResponderSetting(ResponderKind) {
        "built-in" => ResponderKind::BuiltIn,
        "others" => ResponderKind::Others,
    }
}

choice! {
    /// What `--header` says.
    HeaderSetting(SerializeType) {
        "binary" => SerializeType::Binary,
        "json" => SerializeType::Json,
    }
}

choice! {
    /// What `--queue-order` says.
    QueueOrderSetting(QueueOrder) {
        "interleaved" => QueueOrder::Interleaved,
        "by-broker" => QueueOrder::ByBroker,
    }
}

/// Service times of an embedded broker's single server, whose exponential ones are drawn from the run's seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceKind {
    /// One for all.
    Fixed,
    /// Exponential, of the same mean.
    Exponential,
}

choice! {
    /// What `--broker-service` says.
    ServiceSetting(ServiceKind) {
        "fixed" => ServiceKind::Fixed,
        "exponential" => ServiceKind::Exponential,
    }
}

/// What `--mode` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModeSetting(pub SendMode);

impl FromStr for ModeSetting {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        const NAMES: [(&str, SendMode); 6] = [
            ("sync", SendMode::Sync),
            ("async", SendMode::Async),
            ("oneway", SendMode::Oneway),
            ("batch", SendMode::Batch),
            ("tx", SendMode::Tx),
            ("request", SendMode::Request),
        ];
        pick(text, &NAMES).map(Self)
    }
}

impl fmt::Display for ModeSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name())
    }
}

/// Formats of the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputFormat {
    /// Tables for people.
    Text,
    /// The whole result under its schema.
    Json,
    /// One row of figures under a header.
    Csv,
    /// A table for tickets and pull requests.
    Markdown,
    /// A page with charts, in one file.
    Html,
}

impl OutputFormat {
    /// The format a file name's extension stands for.
    #[must_use]
    pub fn of_extension(extension: &str) -> Option<Self> {
        match extension {
            "txt" | "text" => Some(Self::Text),
            "json" => Some(Self::Json),
            "csv" => Some(Self::Csv),
            "md" | "markdown" => Some(Self::Markdown),
            "html" | "htm" => Some(Self::Html),
            _ => None,
        }
    }
}

impl FromStr for OutputFormat {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        const NAMES: [(&str, OutputFormat); 5] = [
            ("text", OutputFormat::Text),
            ("json", OutputFormat::Json),
            ("csv", OutputFormat::Csv),
            ("md", OutputFormat::Markdown),
            ("html", OutputFormat::Html),
        ];
        pick(text, &NAMES)
    }
}

impl fmt::Display for OutputFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Markdown => "md",
            Self::Html => "html",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for text in ["sync", "async", "oneway", "batch"] {
            assert_eq!(text.parse::<ModeSetting>().expect(text).to_string(), text);
        }
        for text in ["text", "json", "csv", "md", "html"] {
            assert_eq!(text.parse::<OutputFormat>().expect(text).to_string(), text);
        }
        for text in ["catch-up", "skip", "abort"] {
            let setting: WhenLateSetting = text.parse().expect(text);
            assert_eq!(setting.to_string(), text);
        }
        for text in ["interleaved", "by-broker"] {
            let setting: QueueOrderSetting = text.parse().expect(text);
            assert_eq!(setting.to_string(), text);
        }
    }

    #[test]
    fn unknown_names_are_answered_with_the_near_or_the_known_ones() {
        let error = |text: &str| text.parse::<ModeSetting>().expect_err(text).to_string();
        assert!(error("assync").contains("did you mean `async`"));
        assert!(error("parallel").contains("sync, async, oneway"));
        assert!("Text".parse::<OutputFormat>().is_err());
    }
}
