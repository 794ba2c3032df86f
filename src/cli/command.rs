//! The commands, and who does them.

use std::ffi::OsString;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use super::admin::AdminArgs;
use super::broker::BrokerArgs;
use super::capacity::CapacityArgs;
use super::compare::CompareArgs;
use super::doctor::DoctorArgs;
use super::exit::Exit;
use super::merge::MergeArgs;
use super::options::ProduceArgs;
use super::produce::RunArgs;
use super::report::ReportArgs;
use super::rerun::RerunArgs;
use super::schema::SchemaArgs;
use super::version::VersionArgs;
use super::{
    admin, broker, capacity, compare, doctor, help, merge, message, produce, report, rerun, schema,
    version,
};

/// Load generator and benchmark for Apache RocketMQ.
#[derive(Debug, Parser)]
#[command(
    name = "rmq-bench",
    version,
    after_help = help::SHORT,
    after_long_help = help::long(),
    args_conflicts_with_subcommands = true
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    produce: ProduceArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Sends messages and reports rates, latencies and failures (the verb may be left out)
    #[command(after_help = help::SHORT, after_long_help = help::long())]
    Produce(ProduceArgs),
    /// Does the same from a profile: smoke, steady, saturate, or a file
    #[command(after_help = help::SHORT, after_long_help = help::long())]
    Run(RunArgs),
    /// Makes a run again, from its bundle (--bundle) or its JSON result
    #[command(after_help = help::RERUN_SHORT, after_long_help = help::RERUN)]
    Rerun(RerunArgs),
    /// Finds the highest rate that meets objectives, and says how sure that is
    #[command(after_long_help = help::CAPACITY)]
    Capacity(CapacityArgs),
    /// Sets results against one another: better, worse, the same or inconclusive
    #[command(after_long_help = help::COMPARE)]
    Compare(CompareArgs),
    /// Makes one result of those of the processes of one run (--shard)
    #[command(after_long_help = help::MERGE)]
    Merge(MergeArgs),
    /// Renders a stored result: a page with charts, text, Markdown, CSV
    #[command(after_long_help = help::REPORT)]
    Report(ReportArgs),
    /// Says what this machine and a cluster can carry, before any load
    #[command(after_long_help = help::DOCTOR)]
    Doctor(DoctorArgs),
    /// Makes topics, measures queues, looks messages up
    #[command(after_long_help = help::ADMIN)]
    Admin(AdminArgs),
    /// Runs an embedded cluster as a process of its own
    Broker(BrokerArgs),
    /// Prints a JSON Schema
    Schema(SchemaArgs),
    /// Prints the version
    Version(VersionArgs),
}

/// Parses the arguments, does what they say, and tells how it went.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let matches = Cli::command().try_get_matches_from(arguments);
    let cli = match matches.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) => return message::clap(&error),
    };
    match cli.command {
        None => produce::produce(&cli.produce),
        Some(Command::Produce(args)) => produce::produce(&args),
        Some(Command::Run(args)) => produce::run(args),
        Some(Command::Rerun(args)) => rerun::run(&args),
        Some(Command::Capacity(args)) => capacity::run(args),
        Some(Command::Compare(args)) => compare::run(&args),
        Some(Command::Merge(args)) => merge::run(&args),
        Some(Command::Report(args)) => report::run(&args),
        Some(Command::Doctor(args)) => doctor::run(&args),
        Some(Command::Admin(args)) => admin::run(&args),
        Some(Command::Broker(args)) => broker::run(&args),
        Some(Command::Schema(args)) => schema::run(&args),
        Some(Command::Version(args)) => version::run(&args),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_verb_may_be_left_out() {
        for arguments in [
            ["rmq-bench", "--rate", "50k"].as_slice(),
            ["rmq-bench", "produce", "--rate", "50k"].as_slice(),
        ] {
            let cli = Cli::try_parse_from(arguments).expect("valid");
            let args = match cli.command {
                None => cli.produce,
                Some(Command::Produce(args)) => args,
                Some(other) => panic!("not produce: {other:?}"),
            };
            assert_eq!(args.given["rate"].texts, ["50k"]);
        }
    }
}
