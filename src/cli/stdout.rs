//! Results on stdout.

use std::io::{ErrorKind, Write};

use serde::Serialize;

use super::exit::Exit;
use super::message;

/// Writes a whole result as JSON.
pub(crate) fn json(document: &impl Serialize) -> Exit {
    match serde_json::to_string_pretty(document) {
        Ok(json) => write(&format!("{json}\n")),
        Err(error) => {
            message::error(&format_args!("the result could not be written: {error}"));
            Exit::OwnError
        }
    }
}

/// Writes a whole result. A reader that has left early (`| head`) is no error.
pub(crate) fn write(text: &str) -> Exit {
    let mut stdout = std::io::stdout().lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Ok(()) => Exit::Success,
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Exit::Success,
        Err(error) => {
            message::error(&format_args!("cannot write to stdout: {error}"));
            Exit::OwnError
        }
    }
}
