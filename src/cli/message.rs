//! Errors, hints and notes for people, on stderr.

use std::fmt::Display;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use anstyle::{AnsiColor, Style};

use super::exit::Exit;
use super::live;
use crate::config::ConfigError;
use crate::config::capacity::decided_by;
use crate::config::setting::Heading;
use crate::config::settings::SETTINGS;
use crate::report::text::wrapped;

const ERROR: Style = AnsiColor::Red.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default().bold();
const NOTE: Style = AnsiColor::Yellow.on_default().bold();

static QUIET: AtomicBool = AtomicBool::new(false);

fn line(style: Style, label: &str, text: &dyn Display) {
    let mut text = format!("{style}{label}:{style:#} {text}");
    if let Some((width, _)) = terminal_size::terminal_size_of(std::io::stderr()) {
        text = wrapped(&text, width.0.into());
    }
    live::suspend(|| {
        // Nobody is left to tell when stderr itself is gone.
        let _ = writeln!(anstream::stderr(), "{text}");
    });
}

/// Says what went wrong.
pub fn error(text: &dyn Display) {
    line(ERROR, "error", text);
}

/// Says what to do about it.
pub fn hint(text: &dyn Display) {
    line(HINT, "hint", text);
}

/// Says what should be known, unless the run is quiet.
pub fn note(text: &dyn Display) {
    if !QUIET.load(Ordering::Relaxed) {
        line(NOTE, "note", text);
    }
}

/// From now on only errors are said.
pub(crate) fn quiet() {
    QUIET.store(true, Ordering::Relaxed);
}

/// A configuration that cannot be run.
pub(crate) fn config(error_of_config: &ConfigError) -> Exit {
    error(error_of_config);
    hint(&error_of_config.hint());
    Exit::Usage
}

/// What clap answers: help and version on stdout, everything else is wrong usage.
pub(crate) fn clap(answer: &clap::Error) -> Exit {
    if !answer.use_stderr() {
        // Nobody is left to tell when the stream is gone.
        let _ = answer.print();
        return Exit::Success;
    }
    let (reason, hints) = split(&answer.render().to_string());
    error(&reason);
    for text in hints {
        hint(&text);
    }
    Exit::Usage
}

/// clap's error as ours: what is wrong, and what to do; without the usage line, which names no
/// more than the command and the option that was meant.
fn split(rendered: &str) -> (String, Vec<String>) {
    let mut reason = Vec::new();
    let mut hints = Vec::new();
    let (body, usage) = rendered.split_once("\nUsage:").unwrap_or((rendered, ""));
    let command = usage.split_whitespace().nth(1);
    let command = command.filter(|word| word.chars().all(|char| char.is_ascii_lowercase()));
    for line in body.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match line.strip_prefix("tip: ") {
            Some(tip) => hints.push(tip.to_owned()),
            None => reason.push(line.strip_prefix("error: ").unwrap_or(line)),
        }
    }
    let reason = reason.join(" ");
    let unknown = reason.strip_prefix("unexpected argument '");
    let unknown = unknown.and_then(|rest| Some(rest.split_once('\'')?.0));
    let other = unknown.and_then(|option| belongs_elsewhere(option, command));
    // What clap finds similar is not what was meant then.
    if let Some(other) = other {
        hints = vec![other];
    }
    if hints.is_empty() {
        let command = command.map_or(String::new(), |command| format!(" {command}"));
        hints.push(format!("see rmq-bench{command} --help"));
    }
    (reason, hints)
}

/// What to do instead with an option that this command does not have and another has.
fn belongs_elsewhere(option: &str, command: Option<&str>) -> Option<String> {
    let setting = SETTINGS.iter().find(|setting| {
        let short = setting.short.map(|short| format!("-{short}"));
        option == format!("--{}", setting.key) || Some(option) == short.as_deref()
    })?;
    let is_of_search = setting.heading == Heading::Capacity;
    match command {
        Some("capacity") => decided_by(setting.key).map(str::to_owned),
        None | Some("produce" | "run") if is_of_search => {
            Some("it is an option of rmq-bench capacity".to_owned())
        }
        _ => None,
    }
}

/// Forbids colour for the rest of the process.
pub(crate) fn no_color() {
    anstream::ColorChoice::Never.write_global();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tips_become_hints() {
        let rendered = "error: unexpected argument '--rat' found\n\n  tip: a similar argument \
                        exists: '--rate'\n\nUsage: rmq-bench --rate <RATE>\n\nFor more \
                        information, try '--help'.\n";
        let (reason, hints) = split(rendered);
        assert_eq!(reason, "unexpected argument '--rat' found");
        assert_eq!(hints, ["a similar argument exists: '--rate'"]);
        let unexpected = |option: &str, usage: &str| {
            split(&format!(
                "error: unexpected argument '{option}' found\n\n  tip: a similar argument exists: \
                 '--rt'\n\nUsage: {usage}\n"
            ))
            .1
        };
        for option in ["--rate", "-r"] {
            let hints = unexpected(option, "rmq-bench capacity [OPTIONS]");
            assert_eq!(
                hints,
                ["the search tries rates: --min and --max bound them"]
            );
        }
        for usage in ["rmq-bench [OPTIONS]", "rmq-bench produce [OPTIONS]"] {
            let hints = unexpected("--objective", usage);
            assert_eq!(hints, ["it is an option of rmq-bench capacity"]);
        }
        let (_, hints) =
            split("error: unexpected argument '-z' found\n\nUsage: rmq-bench capacity\n");
        assert_eq!(hints, ["see rmq-bench capacity --help"]);
        let (reason, hints) = split("error: needed:\n  <PROFILE>\n\nUsage: x\n");
        assert_eq!(reason, "needed: <PROFILE>");
        assert_eq!(hints, ["see rmq-bench --help"]);
    }
}
