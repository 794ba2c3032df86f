//! `doctor`: what this machine and cluster can carry, before any load of the user's.

mod ceiling;
mod cluster;
mod judge;
mod probes;
mod text;

use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use schemars::JsonSchema;
use serde::Serialize;

use self::ceiling::{Ceiling, CeilingError};
use self::cluster::Cluster;
use self::judge::{Finding, Trusted};
use self::probes::Probes;
use super::exit::Exit;
use super::machine::Machine;
use super::{log, message, signals, stdout};
use crate::config::value::{DurationSetting, NamesrvList, SizeSetting, TopicName};
use crate::load::{StopLevel, StopSignal};
use crate::report::result::{SCHEMA_VERSION, Tool};
use crate::report::text::wrapped;

/// Parts of `--time`: the noise probe, the timers, and up to seven short runs.
const PARTS: u32 = 8;
/// A run shorter than this says nothing.
const SHORTEST: Duration = Duration::from_millis(500);

/// Arguments of `doctor`.
#[derive(Debug, Clone, Args)]
pub struct DoctorArgs {
    /// Also ask this cluster: name servers, separated by `;`. No message is sent to it
    #[arg(short, long, value_name = "HOST:PORT[;…]")]
    pub namesrv: Option<NamesrvList>,
    /// Topic whose route is asked for
    #[arg(short, long, value_name = "NAME", default_value = "BenchmarkTest")]
    pub topic: TopicName,
    /// Body bytes of the runs against an embedded cluster
    #[arg(short, long, value_name = "SIZE", default_value = "1KiB")]
    pub size: SizeSetting,
    /// About how long it may take, without start-up: 4s or more
    #[arg(long, value_name = "TIME", default_value = "12s")]
    pub time: DurationSetting,
    /// What stdout gets
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    format: Format,
    /// No notes on stderr, only errors
    #[arg(short, long)]
    pub quiet: bool,
}

/// Forms of the diagnosis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

/// What `doctor --format json` writes. What could not be had is absent.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(crate) struct Diagnosis {
    /// Version of the meaning of this document, the one of results.
    schema_version: u32,
    /// What made it.
    tool: Tool,
    /// The machine.
    machine: Machine,
    /// What was seen without load.
    probes: Probes,
    /// What the generator did against an embedded cluster.
    ceiling: Ceiling,
    /// What the cluster says, where one was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<Cluster>,
    /// What bears on results, each with a way out.
    findings: Vec<Finding>,
    /// Up to which rate results from here can be trusted.
    trusted: Trusted,
}

/// Does `doctor`.
pub(crate) fn run(args: &DoctorArgs) -> Exit {
    log::init(true);
    if args.quiet {
        message::quiet();
    }
    let length = args.time.0 / PARTS;
    if length < SHORTEST {
        message::error(&format_args!(
            "--time {}: too short for its parts",
            args.time
        ));
        message::hint(&"give it 4s or more");
        return Exit::Usage;
    }
    let stop = Arc::new(StopSignal::default());
    signals::listen(Arc::clone(&stop));
    let cluster = match &args.namesrv {
        Some(namesrv) => match cluster::ask(namesrv.0.clone(), &args.topic.0) {
            Ok(cluster) => Some(cluster),
            Err(error) => {
                message::error(&error);
                message::hint(
                    &"check --namesrv and --topic; without --namesrv only this machine is looked at",
                );
                return Exit::Connect;
            }
        },
        None => None,
    };
    let machine = Machine::read();
    message::note(&"reading the clock on every CPU, then sleeping from tick to tick");
    let probes = match Probes::run(length, &stop) {
        Ok(probes) => probes,
        Err(error) => {
            message::error(&format_args!("the probes could not run: {error}"));
            return Exit::OwnError;
        }
    };
    let size = args.size.to_string();
    let ceiling = Ceiling::find(&size, length, &stop, |what| message::note(&what));
    let ceiling = match ceiling {
        Ok(ceiling) => ceiling,
        Err(CeilingError::Config(error)) => return message::config(&error),
        Err(CeilingError::Run(failure)) => return failure.tell(),
    };
    if stop.level() > StopLevel::None {
        message::error(&"interrupted: what was seen is too little for a judgement");
        return Exit::Interrupted;
    }
    let diagnosis = Diagnosis {
        schema_version: SCHEMA_VERSION,
        tool: Tool::current(super::version::GIT),
        findings: judge::findings(&machine, &probes),
        trusted: judge::trusted(&ceiling),
        machine,
        probes,
        ceiling,
        cluster,
    };
    write(args.format, &diagnosis)
}

fn write(format: Format, diagnosis: &Diagnosis) -> Exit {
    match format {
        Format::Json => stdout::json(diagnosis),
        Format::Text => {
            let text = text::text(diagnosis);
            let width = terminal_size::terminal_size_of(std::io::stdout());
            let Some((width, _)) = width else {
                return stdout::write(&text);
            };
            let lines: Vec<String> = text
                .lines()
                .map(|line| wrapped(line, width.0.into()))
                .collect();
            stdout::write(&format!("{}\n", lines.join("\n")))
        }
    }
}
