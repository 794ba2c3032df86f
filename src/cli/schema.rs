//! `schema`: JSON Schemas of what is read and written.

use clap::{Args, ValueEnum};

use super::admin::AdminDocument;
use super::doctor::Diagnosis;
use super::exit::Exit;
use super::stdout;
use crate::config::schema;
use crate::report::capacity::CapacityResult;
use crate::report::comparison::Comparison;
use crate::report::runs::RunsResult;
use crate::report::schema::{schema as report_schema, schema_of};

/// Arguments of `schema`.
#[derive(Debug, Clone, Copy, Args)]
pub struct SchemaArgs {
    /// Schema of what
    #[arg(default_value = "result")]
    of: SchemaOf,
}

/// What there are schemas of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SchemaOf {
    /// A result (`--format json`)
    Result,
    /// Several runs of one plan (`--runs N --format json`)
    Runs,
    /// A search for a capacity (`capacity --format json`)
    Capacity,
    /// A comparison (`compare --format json`)
    Comparison,
    /// A diagnosis (`doctor --format json`)
    Doctor,
    /// An answer of `admin … --format json`
    Admin,
    /// A profile, after TOML has been read
    Profile,
}

/// Does `schema`.
pub(crate) fn run(args: &SchemaArgs) -> Exit {
    let schema = match args.of {
        SchemaOf::Result => report_schema(),
        SchemaOf::Runs => schema_of::<RunsResult>(),
        SchemaOf::Capacity => schema_of::<CapacityResult>(),
        SchemaOf::Comparison => schema_of::<Comparison>(),
        SchemaOf::Doctor => schema_of::<Diagnosis>(),
        SchemaOf::Admin => schema_of::<AdminDocument>(),
        SchemaOf::Profile => schema::profile(),
    };
    stdout::write(&format!("{schema:#}\n"))
}
