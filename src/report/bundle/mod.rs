//! A bundle: a folder with everything one needs to believe, share and repeat a run.
//!
//! - the names of its files, below
//! - [`checksums`]: whether they are what was written
//! - [`readme`]: what is said of them to whoever finds the folder
//!
//! Who writes the files is `cli`, as the run goes on.

pub mod checksums;
pub mod readme;

use std::path::{Path, PathBuf};

/// The result: of one run, or of several in one document.
pub const RESULT: &str = "result.json";
/// The settings.
pub const PROFILE: &str = "profile.toml";
/// The arrivals of a run that replays recorded ones.
pub const ARRIVALS: &str = "arrivals.txt";
/// The machine.
pub const HOST: &str = "host.json";
/// What is said of the files.
pub const README: &str = "README.txt";
/// The checksums of all other files.
pub const CHECKSUMS: &str = "SHA256SUMS";

/// Whether a folder is a bundle, which is one result however many `.json` files it has.
#[must_use]
pub fn is_bundle(folder: &Path) -> bool {
    let names = [RESULT, PROFILE, CHECKSUMS];
    names.iter().all(|name| folder.join(name).is_file())
}

/// The file of a result that a path stands for: of a bundle the one in it, else itself.
#[must_use]
pub fn result_file(path: &Path) -> PathBuf {
    if is_bundle(path) {
        path.join(RESULT)
    } else {
        path.to_owned()
    }
}

/// The second by second files of a run: of the only one, or of one of several.
#[must_use]
pub fn line_files(number: Option<u64>) -> LineFiles {
    let of = number.map_or_else(String::new, |number| format!("-run-{number}"));
    LineFiles {
        intervals: format!("intervals{of}.ndjson"),
        hlog: format!("histograms{of}.hlog"),
    }
}

/// Names of files that are written second by second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineFiles {
    /// One JSON line per second.
    pub intervals: String,
    /// An interval log of HdrHistogram.
    pub hlog: String,
}
