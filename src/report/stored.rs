//! Results read back from files: of one run, of several in one document, or of a folder; a bundle is its one result.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::bundle::{is_bundle, result_file};
use super::capacity::{self, CapacityResult};
use super::json::{self, ReadResultError};
use super::result::RunResult;
use super::runs::{self, RunsResult};

/// A file larger than this is no result: the largest histograms take some hundred KiB.
const LARGEST_BYTES: u64 = 512 * 1024 * 1024;

/// A result, and where it was read from.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// File, and the number of the run in it when it has several.
    pub from: String,
    /// The result.
    pub result: RunResult,
}

/// What a file of results holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Document {
    /// The result of one run.
    Run(Box<RunResult>),
    /// Those of several runs of one plan.
    Runs(Box<RunsResult>),
    /// A search for a capacity.
    Capacity(Box<CapacityResult>),
}

/// Why there is no result.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoredError {
    /// The file or folder could not be read.
    #[error("cannot read {}: {error}", path.display())]
    Read {
        /// What was to be read.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// Read, and no result.
    #[error("{}: {error}", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: ReadResultError,
    },
    /// Larger than any result.
    #[error("{}: larger than 512 MiB, which no result is", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// No `.json` file in the folder, or no run in the document.
    #[error("{}: no result in it (a folder's results are its .json files and bundles)", path.display())]
    Empty {
        /// The folder or file.
        path: PathBuf,
    },
    /// A search for a capacity where runs were wanted.
    #[error("{}: a search for a capacity, whose windows are no runs of one plan: compare two searches by their pairs, or measure both clusters with produce --runs 8 at one rate", path.display())]
    Search {
        /// The file.
        path: PathBuf,
    },
    /// Several runs where one was wanted.
    #[error("{}: holds {runs} runs, one was wanted", path.display())]
    Several {
        /// The file.
        path: PathBuf,
        /// How many.
        runs: usize,
    },
}

/// Reads the result of one run, from a file or a bundle; a document of several runs will do when it has one.
///
/// # Errors
/// [`StoredError`] naming the file and what is wrong with it.
pub fn read_result(path: &Path) -> Result<RunResult, StoredError> {
    let mut results = file(&result_file(path))?;
    match (results.pop(), results.len()) {
        (Some(stored), 0) => Ok(stored.result),
        (_, others) => Err(StoredError::Several {
            path: path.to_owned(),
            runs: others + 1,
        }),
    }
}

/// Reads all results of a file, of a bundle, or of a folder's `.json` files and bundles in the order of their names.
/// Other folders inside are not looked into.
///
/// # Errors
/// [`StoredError`] for the first file that is no result: leaving one out would change the answer.
pub fn read_results(path: &Path) -> Result<Vec<Stored>, StoredError> {
    if !path.is_dir() || is_bundle(path) {
        return file(&result_file(path));
    }
    let unreadable = |error| StoredError::Read {
        path: path.to_owned(),
        error,
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        let is_json = file
            .extension()
            .is_some_and(|extension| extension == "json");
        if is_json && file.is_file() {
            files.push(file);
        } else if is_bundle(&file) {
            files.push(result_file(&file));
        }
    }
    files.sort();
    let mut results = Vec::new();
    for one in files {
        results.extend(file(&one)?);
    }
    if results.is_empty() {
        return Err(StoredError::Empty {
            path: path.to_owned(),
        });
    }
    Ok(results)
}

/// Reads what a file holds, whichever it is.
///
/// # Errors
/// [`StoredError`] naming the file and what is wrong with it.
pub fn read_document(path: &Path) -> Result<Document, StoredError> {
    let unreadable = |error| StoredError::Read {
        path: path.to_owned(),
        error,
    };
    let mut text = String::new();
    File::open(path)
        .map_err(unreadable)?
        .take(LARGEST_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    if text.len() as u64 > LARGEST_BYTES {
        return Err(StoredError::TooLarge {
            path: path.to_owned(),
        });
    }
    let wrong = |error| StoredError::Form {
        path: path.to_owned(),
        error,
    };
    if let Some(search) = capacity::document::read(&text).map_err(wrong)? {
        return Ok(Document::Capacity(Box::new(search)));
    }
    let Some(document) = runs::read(&text).map_err(wrong)? else {
        let result = json::read(&text).map_err(wrong)?;
        return Ok(Document::Run(Box::new(result)));
    };
    if document.runs.is_empty() {
        return Err(StoredError::Empty {
            path: path.to_owned(),
        });
    }
    Ok(Document::Runs(Box::new(document)))
}

fn file(path: &Path) -> Result<Vec<Stored>, StoredError> {
    let shown = path.display().to_string();
    let document = match read_document(path)? {
        Document::Run(result) => {
            return Ok(vec![Stored {
                from: shown,
                result: *result,
            }]);
        }
        Document::Runs(document) => document,
        Document::Capacity(_) => {
            return Err(StoredError::Search {
                path: path.to_owned(),
            });
        }
    };
    let runs = document.runs.into_iter().enumerate();
    let stored = runs.map(|(index, result)| Stored {
        from: format!("{shown}, run {}", index + 1),
        result,
    });
    Ok(stored.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{bundle, sample};

    fn write(path: &Path, result: &RunResult) {
        json::write(&mut File::create(path).unwrap(), result).unwrap();
    }

    #[test]
    fn a_bundle_is_its_one_result() {
        let folder = tempfile::tempdir().unwrap();
        for (name, result) in [("b", sample::open()), ("a", sample::closed())] {
            let bundle = folder.path().join(name);
            fs::create_dir(&bundle).unwrap();
            for file in [bundle::HOST, bundle::PROFILE, bundle::CHECKSUMS] {
                fs::write(bundle.join(file), "{}").unwrap();
            }
            write(&bundle.join(bundle::RESULT), &result);
            assert_eq!(read_result(&bundle).unwrap(), result);
            assert_eq!(read_results(&bundle).unwrap().len(), 1);
        }
        let results = read_results(folder.path()).unwrap();
        let froms: Vec<_> = results.iter().map(|stored| &*stored.from).collect();
        assert!(froms[0].ends_with("a/result.json") && froms[1].ends_with("b/result.json"));
        assert_eq!(froms.len(), 2);
    }

    #[test]
    fn files_and_folders_are_read_and_mistakes_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        assert!(matches!(
            read_results(folder.path()),
            Err(StoredError::Empty { .. })
        ));
        write(&at("b.json"), &sample::closed());
        write(&at("a.json"), &sample::open());
        fs::write(at("notes.txt"), "no result").unwrap();
        let results = read_results(folder.path()).unwrap();
        assert_eq!(results.len(), 2);
        assert!(results[0].from.ends_with("a.json"));
        assert_eq!(results[0].result, sample::open());
        assert_eq!(read_result(&at("b.json")).unwrap(), sample::closed());

        fs::create_dir(at("folder")).unwrap();
        write(&at("folder/result.json"), &sample::open());
        assert_eq!(read_results(folder.path()).unwrap().len(), 2, "no bundle");

        let missing = read_result(&at("missing.json")).unwrap_err();
        assert!(missing.to_string().contains("missing.json"), "{missing}");
        for text in [
            "",
            "{}",
            "[1]",
            "\u{0}",
            "{\"kind\": \"runs\"}",
            "{\"kind\": \"other\"}",
        ] {
            fs::write(at("c.json"), text).unwrap();
            let error = read_results(folder.path()).unwrap_err();
            assert!(matches!(error, StoredError::Form { .. }), "{text}: {error}");
            assert!(error.to_string().contains("c.json"));
        }
        let one = read_document(&at("a.json")).unwrap();
        assert_eq!(one, Document::Run(Box::new(sample::open())));
        fs::write(at("c.json"), [0xff, 0xfe]).unwrap();
        assert!(matches!(
            read_result(&at("c.json")),
            Err(StoredError::Read { .. })
        ));
    }
}
