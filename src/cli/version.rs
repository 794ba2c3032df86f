//! `version`: which build this is.

use clap::Args;
use serde_json::json;

use super::exit::Exit;
use super::stdout;

/// Arguments of `version`.
#[derive(Debug, Clone, Copy, Args)]
pub struct VersionArgs {
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Version of the package.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Commit of the build, when the builder says so in `RMQ_BENCH_GIT`.
pub const GIT: Option<&str> = option_env!("RMQ_BENCH_GIT");

/// Does `version`.
pub(crate) fn run(args: &VersionArgs) -> Exit {
    if !args.json {
        let git = GIT.map_or_else(String::new, |git| format!(" ({git})"));
        return stdout::write(&format!("rmq-bench {VERSION}{git}\n"));
    }
    let mut version = json!({"name": "rmq-bench", "version": VERSION});
    if let Some(git) = GIT {
        version["git"] = json!(git);
    }
    stdout::write(&format!("{version}\n"))
}
