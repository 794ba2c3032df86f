//! The options of `produce` and `capacity`, made from the one list of settings; and those of them that other commands
//! have, which say how a cluster is reached.

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use crate::config::capacity::is_decided;
use crate::config::setting::{Arity, Heading, Layer, RawValue};
use crate::config::settings::SETTINGS;
use crate::config::{Setting, Source};

/// The options given, as text: `config` understands them together with all other sources.
#[derive(Debug, Clone, Default)]
pub struct ProduceArgs {
    /// Values by key.
    pub given: Layer,
}

/// The options of `capacity`: those of `produce` that the search does not decide itself, and its own.
#[derive(Debug, Clone, Default)]
pub struct CapacityOptions {
    /// Values by key.
    pub given: Layer,
}

/// The options given of those in [`REACH`].
#[derive(Debug, Clone, Default)]
pub(crate) struct ReachArgs {
    /// Values by key.
    pub(crate) given: Layer,
}

/// Settings that say how a cluster is reached.
pub(crate) const REACH: [&str; 10] = [
    "namesrv",
    "namespace",
    "vip-channel",
    "credentials",
    "tls",
    "tls-ca",
    "tls-cert",
    "tls-key",
    "tls-name",
    "tls-verify",
];

impl Args for ReachArgs {
    fn augment_args(command: Command) -> Command {
        let help = "Name servers, separated by `;` [env: RMQ_BENCH_NAMESRV, NAMESRV_ADDR]";
        let command = add(command, Self::has);
        command.mut_arg("namesrv", |arg| arg.help(help).long_help(help))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

/// Which settings are options of these arguments, and how clap takes them.
macro_rules! options {
    ($($args:ty: |$setting:ident| $has:expr;)+) => {$(
        impl $args {
            fn has($setting: &Setting) -> bool {
                $has
            }
        }

        impl FromArgMatches for $args {
            fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
                let mut args = Self::default();
                args.update_from_arg_matches(matches)?;
                Ok(args)
            }

            fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
                let settings = SETTINGS.iter().filter(|setting| Self::has(setting));
                settings.for_each(|setting| take(setting, matches, &mut self.given));
                Ok(())
            }
        }
    )+};
}

options! {
    ReachArgs: |setting| REACH.contains(&setting.key);
    ProduceArgs: |setting| setting.heading != Heading::Capacity;
    CapacityOptions: |setting| !is_decided(setting.key);
}

impl Args for ProduceArgs {
    fn augment_args(command: Command) -> Command {
        add(command, Self::has)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl Args for CapacityOptions {
    fn augment_args(command: Command) -> Command {
        let command = add(command, Self::has);
        let help = "Warm-up of the first windows, whose cluster may be cold: a time, or until it is steady [default: auto:30s]";
        command.mut_arg("warmup", |arg| arg.help(help).long_help(help))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

fn add(command: Command, has: fn(&Setting) -> bool) -> Command {
    let settings = SETTINGS.iter().filter(|setting| has(setting));
    settings.fold(command, |command, setting| command.arg(option(setting)))
}

/// Takes an option's texts, if it is given.
fn take(setting: &Setting, matches: &ArgMatches, given: &mut Layer) {
    if let Some(texts) = matches.get_many::<String>(setting.key) {
        let raw = RawValue {
            texts: texts.cloned().collect(),
            source: Source::CommandLine,
        };
        given.insert(setting.key, raw);
    }
}

fn option(setting: &'static Setting) -> Arg {
    let arg = Arg::new(setting.key)
        .long(setting.key)
        .help_heading(setting.heading.title())
        .help(summary(setting))
        .long_help(details(setting))
        .allow_negative_numbers(true);
    let arg = match setting.short {
        Some(short) => arg.short(short),
        None => arg,
    };
    match setting.arity {
        Arity::One => arg.value_name(setting.value_name),
        Arity::Many => arg.value_name(setting.value_name).action(ArgAction::Append),
        // `--strict=false` takes back what a profile or the environment says.
        Arity::Switch => arg
            .num_args(0..=1)
            .require_equals(true)
            .hide_possible_values(true)
            .default_missing_value("true")
            .value_name("BOOL"),
    }
}

fn summary(setting: &Setting) -> String {
    let summary = setting.help.first().map_or("", |line| line.trim());
    match (setting.default, setting.arity) {
        (Some(default), Arity::One | Arity::Many) => format!("{summary} [default: {default}]"),
        _ => summary.to_owned(),
    }
}

fn details(setting: &Setting) -> String {
    let mut paragraphs = vec![String::new()];
    for line in setting.help.iter().skip(1).map(|line| line.trim()) {
        match paragraphs.last_mut() {
            Some(paragraph) if !line.is_empty() => {
                if !paragraph.is_empty() {
                    paragraph.push(' ');
                }
                paragraph.push_str(line);
            }
            _ => paragraphs.push(String::new()),
        }
    }
    let mut text = summary(setting);
    for paragraph in paragraphs.iter().filter(|text| !text.is_empty()) {
        text.push('\n');
        text.push_str(paragraph);
    }
    format!("{text} [env: {}]", setting.environment())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Probe {
        #[command(flatten)]
        produce: ProduceArgs,
    }

    fn given(options: &[&str]) -> Layer {
        let args = ["probe"].iter().chain(options);
        Probe::try_parse_from(args).expect("valid").produce.given
    }

    #[test]
    fn options_become_texts_by_key() {
        let layer = given(&[
            "-r",
            "50k",
            "-o",
            "a.json",
            "--output",
            "b.md",
            "--strict",
            "--quiet=false",
            "-n",
            "a:1",
        ]);
        assert_eq!(layer["rate"].texts, ["50k"]);
        assert_eq!(layer["output"].texts, ["a.json", "b.md"]);
        assert_eq!(layer["strict"].texts, ["true"]);
        assert_eq!(layer["quiet"].texts, ["false"]);
        assert_eq!(layer["namesrv"].texts, ["a:1"]);
        assert_eq!(layer.len(), 5, "defaults are not the command line's");
    }

    #[test]
    fn a_switch_takes_no_separate_value() {
        assert!(Probe::try_parse_from(["probe", "--strict", "false"]).is_err());
    }
}
