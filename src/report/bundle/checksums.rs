//! Checksums as `sha256sum` writes and checks them: 64 hexadecimal digits, two spaces, a name.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use thiserror::Error;

use super::CHECKSUMS;

/// A list of checksums larger than this is none of ours.
const LARGEST_BYTES: u64 = 1024 * 1024;
const HEX_DIGITS: usize = 64;

/// Why the files of a bundle are not taken for those that were written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ChecksumError {
    /// A file could not be read.
    #[error("cannot read {}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The list is no list.
    #[error("{}: line {line} is no checksum of a file of this folder", path.display())]
    Line {
        /// The list.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// Files that are others than those the run wrote.
    #[error("{}: changed since the run: {}", folder.display(), names.join(", "))]
    Changed {
        /// The bundle.
        folder: PathBuf,
        /// Their names, and of those that are gone.
        names: Vec<String>,
    },
}

/// The checksum of a file, in hexadecimal.
///
/// # Errors
/// What the system says.
pub fn of_file(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            read => hash.update(buffer.get(..read).unwrap_or_default()),
        }
    }
    let digits = hash.finalize();
    Ok(digits.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The list of all files of a folder but itself, by name.
///
/// # Errors
/// What the system says.
pub fn list(folder: &Path) -> io::Result<String> {
    let mut sums = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name != CHECKSUMS {
            sums.insert(name, of_file(&entry.path())?);
        }
    }
    let lines = sums.iter().map(|(name, sum)| format!("{sum}  {name}\n"));
    Ok(lines.collect())
}

/// Checks the files of a folder against its list, and that `needed` are on it where they are there. Files that are not
/// on the list may be there besides.
///
/// # Errors
/// [`ChecksumError::Changed`] with all that are not what was written, and the others when that cannot be told.
pub fn verify(folder: &Path, needed: &[&str]) -> Result<(), ChecksumError> {
    let path = folder.join(CHECKSUMS);
    let unreadable = |error| ChecksumError::Read {
        path: path.clone(),
        error,
    };
    let mut text = String::new();
    File::open(&path)
        .and_then(|file| file.take(LARGEST_BYTES).read_to_string(&mut text))
        .map_err(unreadable)?;
    let mut listed = Vec::new();
    let mut names = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let Some((sum, name)) = entry(line) else {
            let line = index + 1;
            return Err(ChecksumError::Line { path, line });
        };
        listed.push(name);
        match of_file(&folder.join(name)) {
            Ok(found) if found.eq_ignore_ascii_case(sum) => {}
            Ok(_) => names.push(name.to_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                names.push(format!("{name} (gone)"));
            }
            Err(error) => {
                let path = folder.join(name);
                return Err(ChecksumError::Read { path, error });
            }
        }
    }
    let added = needed
        .iter()
        .filter(|name| !listed.contains(name) && folder.join(name).exists());
    names.extend(added.map(|name| format!("{name} (added)")));
    if names.is_empty() {
        return Ok(());
    }
    let folder = folder.to_owned();
    Err(ChecksumError::Changed { folder, names })
}

/// Checksum and name of a line; a name is one of the folder itself.
fn entry(line: &str) -> Option<(&str, &str)> {
    let (sum, rest) = line.split_at_checked(HEX_DIGITS)?;
    let name = rest
        .strip_prefix("  ")
        .or_else(|| rest.strip_prefix(" *"))?;
    let is_hex = sum.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_own = Path::new(name).file_name().is_some_and(|own| own == name);
    (is_hex && is_own).then_some((sum, name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sums_are_those_of_the_standard() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text, sum) in [
            (
                "a",
                "abc",
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            ),
            (
                "b",
                "",
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            ),
        ] {
            fs::write(folder.path().join(name), text).unwrap();
            assert_eq!(of_file(&folder.path().join(name)).unwrap(), sum);
        }
        let list = list(folder.path()).unwrap();
        assert!(
            list.starts_with("ba7816bf") && list.ends_with("b855  b\n"),
            "{list}"
        );
    }

    #[test]
    fn what_was_changed_is_named_and_what_was_added_is_let_be() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["a", "b", "c"] {
            fs::write(at(name), name.repeat(100_000)).unwrap();
        }
        fs::write(at(CHECKSUMS), list(folder.path()).unwrap()).unwrap();
        fs::write(at("notes"), "mine").unwrap();
        verify(folder.path(), &["a", "none"]).unwrap();
        let error = verify(folder.path(), &["notes"]).unwrap_err().to_string();
        assert!(error.ends_with(": notes (added)"), "{error}");
        fs::write(at("b"), "B").unwrap();
        fs::remove_file(at("c")).unwrap();
        let error = verify(folder.path(), &["a"]).unwrap_err().to_string();
        assert!(
            error.ends_with("changed since the run: b, c (gone)"),
            "{error}"
        );
    }

    #[test]
    fn a_list_names_files_of_its_folder_alone() {
        let folder = tempfile::tempdir().unwrap();
        let sum = "0".repeat(HEX_DIGITS);
        for line in [
            String::new(),
            "abc".to_owned(),
            format!("{sum} a"),
            format!("{sum}  ../a"),
            format!("{sum}  /a"),
            format!("{sum}  a/b"),
            format!("{sum}  .."),
            format!("{sum}  "),
            format!("{}  a", "x".repeat(HEX_DIGITS)),
        ] {
            fs::write(folder.path().join(CHECKSUMS), format!("{line}\n")).unwrap();
            let error = verify(folder.path(), &[]).unwrap_err();
            assert!(
                matches!(error, ChecksumError::Line { line: 1, .. }),
                "{line}: {error}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_line_is_an_entry_or_none(line in ".{0,100}|[0-9a-f]{64}.{0,10}") {
            if let Some((sum, name)) = entry(&line) {
                prop_assert_eq!(sum.len(), HEX_DIGITS);
                prop_assert!(!name.contains('/'));
            }
        }
    }
}
