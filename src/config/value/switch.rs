//! Switches: `--strict` alone, `strict = true` in a profile, `on` and `off` where a word reads better.

use std::fmt;
use std::str::FromStr;

use super::ValueError;

/// A switch that is off unless given: `true` or `false`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Switch(pub bool);

/// A choice between `on` and `off`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnOff(pub bool);

fn parse(text: &str) -> Option<bool> {
    match text {
        "true" | "on" | "yes" | "1" => Some(true),
        "false" | "off" | "no" | "0" => Some(false),
        _ => None,
    }
}

impl FromStr for Switch {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        parse(text)
            .map(Self)
            .ok_or_else(|| ValueError::new(format!("`{text}` is neither true nor false")))
    }
}

impl fmt::Display for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for OnOff {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        parse(text)
            .map(Self)
            .ok_or_else(|| ValueError::new(format!("`{text}` is neither on nor off")))
    }
}

impl fmt::Display for OnOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0 { "on" } else { "off" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches_take_the_usual_words() {
        for (text, value) in [("true", true), ("on", true), ("1", true), ("off", false)] {
            assert_eq!(text.parse(), Ok(Switch(value)));
            assert_eq!(text.parse(), Ok(OnOff(value)));
        }
        assert!("maybe".parse::<Switch>().is_err());
        assert!("".parse::<OnOff>().is_err());
        assert_eq!(OnOff(true).to_string(), "on");
        assert_eq!(Switch(true).to_string(), "true");
    }
}
