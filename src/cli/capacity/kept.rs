//! The file of `--resume`: each step of a search, kept as soon as it is made.
//!
//! The first line says what is searched, each further one is a step with the whole result of its window. A search
//! that is started again on the file takes the same way, as what it does next follows from the outcomes alone.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::config::value::DurationSetting;
use crate::report::RunResult;
use crate::report::capacity::Step;
use crate::report::result::SCHEMA_VERSION;

/// What tells the file from others.
const KIND: &str = "capacity-steps";
/// How it begins.
const BEGINS: &str = "{\"kind\":\"capacity-steps\"";
/// Longer lines are no steps of ours.
const LONGEST_LINE: u64 = 64 * 1024 * 1024;

/// The first line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Header {
    kind: String,
    schema_version: u32,
    pub(super) id: String,
    pub(super) started_at: String,
    /// The topic the search makes for itself, if it does: a topic of this name is this search's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) own_topic: Option<String>,
    /// Settings that the way of the search depends on.
    pub(super) config: Map<String, Value>,
}

impl Header {
    pub(super) fn new(
        id: String,
        started_at: String,
        own_topic: Option<String>,
        config: Map<String, Value>,
    ) -> Self {
        Self {
            kind: KIND.to_owned(),
            schema_version: SCHEMA_VERSION,
            id,
            started_at,
            own_topic,
            config,
        }
    }
}

/// A step as kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct KeptStep {
    #[serde(flatten)]
    pub(super) step: Step,
    /// Which search it is of, where it is not the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) part: Option<String>,
    pub(super) result: RunResult,
}

/// Where steps go.
pub(super) struct Kept {
    path: PathBuf,
    file: File,
}

/// What a file of steps held.
pub(super) struct Found {
    pub(super) header: Header,
    pub(super) steps: Vec<KeptStep>,
    /// Its last line was cut off, as by a crash, and is left out.
    pub(super) torn: bool,
}

/// Why a file is no use.
pub(super) type Refused = String;

impl Kept {
    /// Opens the file, or begins it with this header; with what it held.
    ///
    /// # Errors
    /// Why the file cannot be used, with its name.
    pub(super) fn open(path: &Path, header: &Header) -> Result<(Self, Option<Found>), Refused> {
        let refused = |why: String| format!("--resume {}: {why}", path.display());
        let failed = |error: io::Error| refused(error.to_string());
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(path)
            .map_err(failed)?;
        lock(&file).map_err(refused)?;
        let (found, whole) = read(&file, header).map_err(refused)?;
        if found.is_none() {
            file.set_len(0).map_err(failed)?;
            // A topic that it names is made after this, and has to be known as the search's after a crash.
            append(&mut file, header)
                .and_then(|()| file.sync_data())
                .map_err(failed)?;
        } else {
            // What was cut off goes, so that the next step begins a line.
            file.set_len(whole).map_err(failed)?;
            file.seek(SeekFrom::End(0)).map_err(failed)?;
        }
        let path = path.to_owned();
        Ok((Self { path, file }, found))
    }

    /// Keeps a step: it is on the disk when this returns.
    ///
    /// # Errors
    /// Why not, with the name of the file.
    pub(super) fn append(&mut self, step: &KeptStep) -> Result<(), Refused> {
        append(&mut self.file, step)
            .and_then(|()| self.file.sync_data())
            .map_err(|error| format!("--resume: cannot write to {}: {error}", self.path.display()))
    }
}

/// The setting whose other value takes the same way up to where the time begins to count.
const BUDGET: &str = "time_budget";

impl Header {
    /// Whether the time for the search is longer than that of an earlier part.
    pub(super) fn has_longer_budget(&self, earlier: &Self) -> bool {
        self.budget() > earlier.budget()
    }

    fn budget(&self) -> Option<Duration> {
        let text = self.config.get(BUDGET)?.as_str()?;
        text.parse().ok().map(|DurationSetting(time)| time)
    }
}

impl Kept {
    /// Leaves this header and so many of the first steps in the file; as it was it may stay beside, with .old at its end.
    ///
    /// # Errors
    /// Why that cannot be written; then the file is as it was.
    pub(super) fn cut(
        &mut self,
        header: &Header,
        steps: usize,
        keeps_old: bool,
    ) -> Result<(), Refused> {
        let path = self.path.clone();
        let refused =
            |error: io::Error| format!("--resume: cannot write to {}: {error}", path.display());
        self.rewrite(header, steps, keeps_old).map_err(refused)
    }

    fn rewrite(&mut self, header: &Header, steps: usize, keeps_old: bool) -> io::Result<()> {
        let beside = named(&self.path, ".new");
        let mut file = File::create(&beside)?;
        append(&mut file, header)?;
        let mut lines = BufReader::new(File::open(&self.path)?).split(b'\n').skip(1);
        for line in lines.by_ref().take(steps) {
            file.write_all(&line?)?;
            file.write_all(b"\n")?;
        }
        file.sync_data()?;
        if keeps_old {
            std::fs::copy(&self.path, named(&self.path, ".old"))?;
        }
        std::fs::rename(&beside, &self.path)?;
        self.file = OpenOptions::new().append(true).open(&self.path)?;
        lock(&self.file).map_err(io::Error::other)?;
        Ok(())
    }
}

/// The topic that the search of this file makes for itself; `None` of a file that is not there, or is no use, which
/// [`Kept::open`] tells.
pub(super) fn own_topic(path: &Path) -> Option<String> {
    let first = line(&mut BufReader::new(File::open(path).ok()?)).ok()??;
    let header: Header = serde_json::from_str(&first).ok()?;
    header.own_topic.filter(|_| header.kind == KIND)
}

/// Two searches on one file would take each other's steps.
fn lock(file: &File) -> Result<(), Refused> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err("another search is writing to it".to_owned()),
        // Some file systems know no locks.
        Err(TryLockError::Error(_)) => Ok(()),
    }
}

/// A file beside this one.
fn named(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.to_owned().into_os_string();
    name.push(ending);
    PathBuf::from(name)
}

fn append(file: &mut File, line: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    file.write_all(&text)
}

/// What the file holds, `None` of an empty one, and how many of its bytes are whole lines.
fn read(file: &File, wanted: &Header) -> Result<(Option<Found>, u64), String> {
    let mut lines = BufReader::new(file);
    let mut whole = 0;
    let Some(first) = line(&mut lines)? else {
        return Ok((None, 0));
    };
    if !first.ends_with('\n') && first.starts_with(BEGINS) {
        // Not even its first line was written whole.
        return Ok((None, 0));
    }
    let header: Header = serde_json::from_str(&first)
        .map_err(|_| "is no file of a search: give a new one, or none".to_owned())?;
    if header.kind != KIND || header.schema_version != SCHEMA_VERSION {
        return Err("is of another version: use the one that wrote it, or a new file".to_owned());
    }
    let mut differs = differing(&header.config, &wanted.config);
    if wanted.has_longer_budget(&header) {
        differs.retain(|(key, _)| key != BUDGET);
    }
    if !differs.is_empty() {
        return Err(format!(
            "was begun with other settings ({}): give the same ones, or a new file",
            differs
                .into_iter()
                .map(|(_, how)| how)
                .collect::<Vec<_>>()
                .join("; ")
        ));
    }
    whole += first.len() as u64;
    let (mut steps, mut torn) = (Vec::new(), false);
    while let Some(text) = line(&mut lines)? {
        let step = serde_json::from_str::<KeptStep>(&text)
            .ok()
            .filter(|_| text.ends_with('\n'));
        let Some(step) = step else {
            torn = true;
            break;
        };
        whole += text.len() as u64;
        steps.push(step);
    }
    if torn && line(&mut lines)?.is_some() {
        return Err(format!(
            "step {} in it cannot be read: give a new file",
            steps.len() + 1
        ));
    }
    Ok((
        Some(Found {
            header,
            steps,
            torn,
        }),
        whole,
    ))
}

fn line(lines: &mut impl BufRead) -> Result<Option<String>, String> {
    let mut text = String::new();
    let read = io::Read::take(&mut *lines, LONGEST_LINE).read_line(&mut text);
    match read {
        Ok(0) => Ok(None),
        Ok(_) => Ok(Some(text)),
        Err(error) => Err(error.to_string()),
    }
}

/// Settings that are not the same, and how.
fn differing(kept: &Map<String, Value>, wanted: &Map<String, Value>) -> Vec<(String, String)> {
    let shown = |value: Option<&Value>| value.map_or("not set".to_owned(), Value::to_string);
    let mut keys: Vec<&String> = kept.keys().chain(wanted.keys()).collect();
    keys.sort();
    keys.dedup();
    keys.into_iter()
        .filter(|key| kept.get(*key) != wanted.get(*key))
        .map(|key| {
            let (then, now) = (shown(kept.get(key)), shown(wanted.get(key)));
            (key.clone(), format!("{key} was {then}, is {now}"))
        })
        .collect()
}
