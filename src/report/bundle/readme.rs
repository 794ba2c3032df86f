//! What a bundle says of itself, to whoever finds it: the verdict, what is what, how to make the run again.

use std::fmt::Write as _;

use crate::metrics::units::counted;

use super::super::result::RunResult;
use super::{ARRIVALS, CHECKSUMS, HOST, PROFILE, README, RESULT};

/// Column of what a file is.
const COLUMN: usize = 26;

/// What the text is made of.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// The text report, which begins with target, verdict and answer.
    pub report: &'a str,
    /// The result, of several runs the first.
    pub result: &'a RunResult,
    /// How many runs were asked for.
    pub runs: u64,
    /// Names of the files.
    pub files: &'a [String],
    /// What making the run again takes besides the folder, each in a few words.
    pub needs: &'a [String],
}

/// The text.
#[must_use]
pub fn text(about: &About<'_>) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = write(&mut text, about);
    text
}

fn write(out: &mut String, about: &About<'_>) -> std::fmt::Result {
    let (tool, run) = (&about.result.tool, &about.result.run);
    let first_paragraph = about.report.lines().take_while(|line| !line.is_empty());
    for line in first_paragraph {
        writeln!(out, "{line}")?;
    }
    let git = tool
        .git
        .as_ref()
        .map_or_else(String::new, |git| format!(" ({git})"));
    let what = match about.runs {
        1 => format!("a run begun {}", run.started_at),
        runs => format!(
            "{}, the first begun {}",
            counted(runs, "run"),
            run.started_at
        ),
    };
    writeln!(
        out,
        "\n{} {}{git} made this folder for {what}.",
        tool.name, tool.version
    )?;
    writeln!(out, "\nFiles")?;
    for name in about.files {
        writeln!(out, "  {name:COLUMN$}{}", what_is(name))?;
    }
    writeln!(
        out,
        "\nWhether any of them was changed since\n  sha256sum -c {CHECKSUMS}"
    )?;
    writeln!(
        out,
        "\nThe same again, from here\n  rmq-bench rerun .\n  rmq-bench run {PROFILE}\n\
         rerun checks the files first and tells what differs; run takes settings that were edited. The seed is among\n\
         the settings: what is drawn from it (bodies, sizes, keys, planned times) comes out the same. Options change\n\
         single settings, as in --namesrv HOST:PORT for another cluster, and --bundle FOLDER keeps the new run, for\n  \
         rmq-bench compare . FOLDER"
    )?;
    if let Some(shard) = run.shard {
        writeln!(
            out,
            "\nThis is shard {shard} of a run of {} processes: what is made again is its part alone. Start the others\n\
             as well, with one --start-at for all.",
            shard.of
        )?;
    }
    if !about.needs.is_empty() {
        writeln!(
            out,
            "\nWhat that takes besides this folder, which has no secrets"
        )?;
        for need in about.needs {
            writeln!(out, "  {need}")?;
        }
    }
    Ok(())
}

/// What a file is; the names of those of several runs begin as that of one.
fn what_is(name: &str) -> &'static str {
    match name {
        README => "this text",
        RESULT => "the result, whole: verdict, figures, histograms, settings, versions, brokers",
        PROFILE => "the settings, seed included, as a profile",
        ARRIVALS => "the recorded arrivals, in seconds from the begin of the run",
        HOST => "the machine: CPUs, kernel, load before the run, clock source, limits",
        CHECKSUMS => "checksums of all other files",
        _ if name.starts_with("report.") => "the result for people",
        _ if name.starts_with("intervals") => "one JSON line per second, warm-up included",
        _ if name.starts_with("histograms") => {
            "HdrHistogram's interval log (V2), a line per second and kind of time"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::part::Shard;
    use crate::report::sample;
    use crate::report::style::Style;

    fn about(result: &RunResult, runs: u64, needs: &[String]) -> String {
        let mut report = Vec::new();
        crate::report::text::write(&mut report, result, Style::Plain, None).unwrap();
        text(&About {
            report: &String::from_utf8(report).unwrap(),
            result,
            runs,
            files: &[RESULT, PROFILE, "report.html", "histograms-run-2.hlog"].map(str::to_owned),
            needs,
        })
    }

    #[test]
    fn the_verdict_comes_first_and_every_file_is_told() {
        let text = about(&sample::open(), 1, &["the cluster at a:1".to_owned()]);
        let verdict = text.lines().position(|line| line.starts_with("Verdict: "));
        assert_eq!(verdict, Some(1), "behind the target:\n{text}");
        for part in [
            "  result.json               the result, whole",
            "  report.html               the result for people",
            "  histograms-run-2.hlog     HdrHistogram",
            "rmq-bench rerun .",
            "sha256sum -c SHA256SUMS",
            "  the cluster at a:1\n",
            "for a run begun",
        ] {
            assert!(text.contains(part), "{part}:\n{text}");
        }
        assert!(!text.contains("shard"), "{text}");
        let longest = text.lines().skip_while(|line| !line.is_empty());
        assert!(
            longest.map(|line| line.chars().count()).max() <= Some(120),
            "{text}"
        );
    }

    #[test]
    fn a_shard_is_no_whole_run_and_several_runs_are_counted() {
        let mut result = sample::open();
        result.run.shard = Some(Shard { index: 2, of: 4 });
        let text = about(&result, 3, &[]);
        assert!(text.contains("shard 2/4 of a run of 4 processes"), "{text}");
        assert!(text.contains("for 3 runs, the first begun"), "{text}");
        assert!(!text.contains("takes besides"), "{text}");
    }
}
