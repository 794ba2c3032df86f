//! Colour or none; whether a terminal wants it is the caller's to know.

use std::fmt;

use anstyle::{AnsiColor, Style as Ansi};

use crate::verdict::Status;

/// Whether text carries colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Style {
    /// Text only.
    #[default]
    Plain,
    /// With ANSI escapes.
    Colour,
}

impl Style {
    /// A heading.
    pub(super) fn heading<T: fmt::Display>(self, text: T) -> Styled<T> {
        self.styled(Ansi::new().bold(), text)
    }

    /// Something to be seen first: what the figures are not.
    pub(super) fn warning<T: fmt::Display>(self, text: T) -> Styled<T> {
        self.styled(AnsiColor::Yellow.on_default().bold(), text)
    }

    /// A verdict in its colour.
    pub(super) fn verdict(self, status: Status) -> Styled<&'static str> {
        let colour = match status {
            Status::Valid => AnsiColor::Green,
            Status::Degraded => AnsiColor::Yellow,
            Status::Invalid => AnsiColor::Red,
        };
        self.styled(colour.on_default().bold(), status.name())
    }

    fn styled<T: fmt::Display>(self, ansi: Ansi, text: T) -> Styled<T> {
        let ansi = if self == Self::Colour {
            ansi
        } else {
            Ansi::new()
        };
        Styled { ansi, text }
    }
}

/// Text with its escapes around it.
pub(super) struct Styled<T> {
    ansi: Ansi,
    text: T,
}

impl<T: fmt::Display> fmt::Display for Styled<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}{}{}",
            self.ansi.render(),
            self.text,
            self.ansi.render_reset()
        )
    }
}
