//! Dependencies point one way. A file of one module may name only the modules its row allows;
//! `src/lib.rs` draws the same rows for readers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    reason = "a test may panic, and its numbers are small"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// Module, and the modules it may use besides itself.
const ALLOWED: &[(&str, &[&str])] = &[
    ("protocol", &[]),
    // Send statuses are counted by name.
    ("metrics", &["protocol"]),
    ("transport", &["protocol"]),
    ("client", &["protocol", "transport"]),
    ("load", &["client", "metrics", "protocol", "transport"]),
    ("verdict", &["metrics"]),
    ("stats", &["metrics"]),
    ("broker", &["protocol"]),
    // The plan holds the settings of whatever it starts.
    ("config", &["client", "load", "protocol", "broker"]),
    (
        "report",
        &["metrics", "verdict", "stats", "config", "protocol"],
    ),
    (
        "cli",
        &[
            "protocol",
            "metrics",
            "transport",
            "client",
            "load",
            "verdict",
            "stats",
            "broker",
            "config",
            "report",
        ],
    ),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The modules a line names by `crate::x`, also inside `use crate::{x, y}`.
fn named(line: &str) -> Vec<String> {
    let mut names = Vec::new();
    for part in line.split("crate::").skip(1) {
        let list = part
            .strip_prefix('{')
            .map_or(part, |inner| inner.split('}').next().unwrap());
        let many = part.starts_with('{');
        for name in list.split(',').take(if many { usize::MAX } else { 1 }) {
            let name: String = name
                .trim()
                .chars()
                .take_while(|c| c.is_ascii_lowercase() || *c == '_')
                .collect();
            names.push(name);
        }
    }
    names
}

#[test]
fn modules_use_only_what_lies_below_them() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    let mut wrong = Vec::new();
    let mut checked = 0;
    for file in files {
        let inside = file.strip_prefix(&src).unwrap();
        let module = inside.iter().next().unwrap().to_str().unwrap();
        if module == "lib.rs" || module == "main.rs" {
            continue;
        }
        let (_, allowed) = ALLOWED
            .iter()
            .find(|(name, _)| *name == module)
            .unwrap_or_else(|| panic!("module {module} has no row in ALLOWED"));
        let text = fs::read_to_string(&file).unwrap();
        for (number, line) in text.lines().enumerate() {
            for name in named(line) {
                let known = ALLOWED.iter().any(|(module, _)| *module == name);
                if known && name != module && !allowed.contains(&name.as_str()) {
                    wrong.push(format!(
                        "{}:{}: {module} uses {name}",
                        inside.display(),
                        number + 1
                    ));
                }
                checked += usize::from(known);
            }
        }
    }
    assert!(checked > 100, "the test does not see the imports any more");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
