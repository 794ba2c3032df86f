//! `--bundle`: a folder with everything one needs to believe, share and repeat a run.
//!
//! It is made under a temporary name beside its place, where lines are written while the run goes on, and moved there
//! when it is whole. What does not come to that is removed.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use super::credentials;
use super::exit::Exit;
use super::failure::Failure;
use super::machine::Machine;
use super::message;
use super::outputs::Document;
use super::version::GIT;
use crate::config::value::OutputFormat;
use crate::config::{ReportPlan, RunPlan, Target, print};
use crate::load::{LoadModel, Offered};
use crate::report::Style;
use crate::report::bundle::{self, checksums, readme};
use crate::report::result::{RunResult, SCHEMA_VERSION, Tool};

/// The result in each form.
const RENDERED: [(&str, OutputFormat); 4] = [
    (bundle::RESULT, OutputFormat::Json),
    ("report.txt", OutputFormat::Text),
    ("report.md", OutputFormat::Markdown),
    ("report.html", OutputFormat::Html),
];

/// A bundle that is being made.
pub(super) struct Draft {
    /// Where it will stand.
    folder: PathBuf,
    /// Where it stands until then.
    partial: PathBuf,
    machine: Machine,
}

/// Where lines are written while a run goes on.
pub(super) struct Lines {
    pub(super) intervals: PathBuf,
    pub(super) hlog: PathBuf,
}

/// What `host.json` has.
#[derive(Serialize)]
struct HostFile<'a> {
    schema_version: u32,
    kind: &'static str,
    tool: Tool,
    machine: &'a Machine,
}

impl Draft {
    /// Makes the folder under its temporary name, if a bundle is wanted.
    ///
    /// # Errors
    /// A [`Failure`] where its place is taken or cannot be written to.
    pub(super) fn begin(report: &ReportPlan) -> Result<Option<Self>, Failure> {
        let Some(folder) = &report.bundle else {
            return Ok(None);
        };
        let refused = |error: String, hint: &'static str| Failure {
            exit: Exit::Usage,
            error: format!("--bundle: {}: {error}", folder.display()),
            hint: Some(hint.into()),
        };
        let folder = match fs::canonicalize(folder) {
            Ok(there) => there,
            Err(_) => folder.clone(),
        };
        let Some(name) = folder.file_name() else {
            let error = "this is no name for a new folder".to_owned();
            return Err(refused(error, "name one, as in --bundle first-run"));
        };
        match fs::read_dir(&folder).map(|mut entries| entries.next().is_none()) {
            Ok(true) => {}
            Ok(false) => {
                let error = "is there and not empty".to_owned();
                let hint =
                    "name another folder, or remove this one first: a bundle replaces nothing";
                return Err(refused(error, hint));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(Failure::own(unwritable(&folder, &error))),
        }
        let mut partial = name.to_os_string();
        partial.push(".partial");
        let partial = folder.with_file_name(partial);
        match fs::create_dir(&partial) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let error = format!("{} is there", partial.display());
                let hint =
                    "a run under way makes it, or one that was killed has left it: remove it then";
                return Err(refused(error, hint));
            }
            Err(error) => return Err(Failure::own(unwritable(&folder, &error))),
        }
        Ok(Some(Self {
            folder,
            partial,
            machine: Machine::read(),
        }))
    }

    /// Where the lines of a run go; of several runs each has a number.
    pub(super) fn lines(&self, number: Option<u64>) -> Lines {
        let names = bundle::line_files(number);
        Lines {
            intervals: self.partial.join(names.intervals),
            hlog: self.partial.join(names.hlog),
        }
    }

    /// Writes what is left to write and moves the folder to its place; says why not.
    pub(super) fn finish(self, plan: &RunPlan, made: Document<'_>) -> Exit {
        match self.write(plan, made) {
            Ok(()) => {}
            Err(error) => {
                message::error(&unwritable(&self.folder, &error));
                return Exit::OwnError;
            }
        }
        match fs::rename(&self.partial, &self.folder) {
            Ok(()) => Exit::Success,
            Err(error) => {
                let whole = self.partial.display().to_string();
                message::error(&unwritable(&self.folder, &error));
                message::hint(&format_args!("the bundle is whole, and stands in {whole}"));
                // Nothing is left to be removed.
                std::mem::forget(self);
                Exit::OwnError
            }
        }
    }

    fn write(&self, plan: &RunPlan, made: Document<'_>) -> io::Result<()> {
        let Some(result) = made.first() else {
            return Err(io::Error::other("there is no run to tell of"));
        };
        for (name, format) in RENDERED {
            self.file(name, |out| made.render(out, format, Style::Plain, None))?;
        }
        let profile = print::portable_profile(plan, bundle::ARRIVALS);
        self.file(bundle::PROFILE, |out| out.write_all(profile.as_bytes()))?;
        let host = HostFile {
            schema_version: SCHEMA_VERSION,
            kind: "host",
            tool: Tool::current(GIT),
            machine: &self.machine,
        };
        self.file(bundle::HOST, |out| {
            serde_json::to_writer_pretty(&mut *out, &host)?;
            writeln!(out)
        })?;
        if let LoadModel::Open(Offered::Recorded(times)) = &plan.load.model {
            self.file(bundle::ARRIVALS, |out| arrivals(out, times))?;
        }
        let readme = self.readme(plan, made, result)?;
        self.file(bundle::README, |out| out.write_all(readme.as_bytes()))?;
        let sums = checksums::list(&self.partial)?;
        self.file(bundle::CHECKSUMS, |out| out.write_all(sums.as_bytes()))?;
        for entry in fs::read_dir(&self.partial)? {
            File::open(entry?.path())?.sync_all()?;
        }
        Ok(())
    }

    fn readme(&self, plan: &RunPlan, made: Document<'_>, result: &RunResult) -> io::Result<String> {
        let mut report = Vec::new();
        made.render(&mut report, OutputFormat::Text, Style::Plain, None)?;
        let mut files = vec![bundle::README.to_owned(), bundle::CHECKSUMS.to_owned()];
        for entry in fs::read_dir(&self.partial)? {
            files.push(entry?.file_name().to_string_lossy().into_owned());
        }
        files.sort();
        Ok(readme::text(&readme::About {
            report: &String::from_utf8_lossy(&report),
            result,
            runs: plan.runs,
            files: &files,
            needs: &needs(plan),
        }))
    }

    fn file(
        &self,
        name: &str,
        content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut file = BufWriter::new(File::create(self.partial.join(name))?);
        content(&mut file)?;
        file.flush()
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Moved to its place it is not there any more; else the error that counts has been told.
        let _ = fs::remove_dir_all(&self.partial);
    }
}

fn unwritable(folder: &Path, why: &io::Error) -> String {
    format!("--bundle: cannot write to {}: {why}", folder.display())
}

/// A record of these times, exact to the nanosecond.
fn arrivals(out: &mut dyn Write, times: &[u64]) -> io::Result<()> {
    times.iter().try_for_each(|time| {
        let time = Duration::from_nanos(*time);
        writeln!(out, "{}.{:09}", time.as_secs(), time.subsec_nanos())
    })
}

/// What a bundle cannot hold, and a run takes.
fn needs(plan: &RunPlan) -> Vec<String> {
    let mut needs = Vec::new();
    if let Target::Cluster { namesrv } = &plan.target {
        needs.push(format!(
            "a cluster: that of --namesrv '{}' or another",
            namesrv.join(";")
        ));
        needs.extend(credentials::whence(plan.credentials.as_deref()));
    }
    if let Some(tls) = &plan.tls {
        if let Some(file) = &tls.authorities {
            needs.push(format!("the authorities: --tls-ca {}", file.display()));
        }
        if let Some((certificate, key)) = &tls.identity {
            needs.push(format!(
                "the client's certificate and key: --tls-cert {}, --tls-key {}",
                certificate.display(),
                key.display()
            ));
        }
    }
    needs
}
