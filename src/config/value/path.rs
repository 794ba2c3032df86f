//! Files a run writes.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::{OutputFormat, ValueError};

/// A file name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePath(pub PathBuf);

/// A result file and the format its extension stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputFile {
    /// Where the result goes.
    pub path: PathBuf,
    /// In which form.
    pub format: OutputFormat,
}

impl FromStr for FilePath {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text {
            "" => Err(ValueError::new("the file name is empty")),
            "-" => Err(ValueError::new("`-` is not a file: stdout is --format's")),
            _ => Ok(Self(PathBuf::from(text))),
        }
    }
}

impl fmt::Display for FilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.display().fmt(f)
    }
}

impl FromStr for OutputFile {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let FilePath(path) = text.parse()?;
        let extension = Path::extension(&path).and_then(|extension| extension.to_str());
        match extension.and_then(OutputFormat::of_extension) {
            Some(format) => Ok(Self { path, format }),
            None if extension == Some("hlog") => Err(ValueError::new(format!(
                "`{text}`: an interval log is written while a run goes on, by --hlog {text}"
            ))),
            None => Err(ValueError::new(format!(
                "`{text}`: the extension chooses the format and is one of .json, .txt, .csv, .md, .html"
            ))),
        }
    }
}

impl fmt::Display for OutputFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.display().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_is_the_format() {
        for (text, format) in [
            ("out.json", OutputFormat::Json),
            ("dir.d/out.csv", OutputFormat::Csv),
            ("a.md", OutputFormat::Markdown),
            ("a.txt", OutputFormat::Text),
            ("run.html", OutputFormat::Html),
        ] {
            assert_eq!(text.parse::<OutputFile>().expect(text).format, format);
        }
        for text in ["", "-", "out", "out.pdf", "json"] {
            assert!(text.parse::<OutputFile>().is_err(), "{text}");
        }
    }
}
