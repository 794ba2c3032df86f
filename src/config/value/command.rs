//! Commands of the user's that are run.

use std::fmt;
use std::str::FromStr;

use super::ValueError;

/// A command as `sh -c` takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShellCommand(pub String);

impl FromStr for ShellCommand {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        if text.trim().is_empty() || text.contains('\0') {
            return Err(ValueError::new("the command is empty or no text"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for ShellCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_not_empty() {
        let command: ShellCommand = "ssh b1 'systemctl stop rocketmq'".parse().unwrap();
        assert_eq!(command.to_string(), "ssh b1 'systemctl stop rocketmq'");
        assert!(" ".parse::<ShellCommand>().is_err());
    }
}
