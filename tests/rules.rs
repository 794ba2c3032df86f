//! Which test proves which rule, and which feature: the table of tests/README.md is made here from what tests
//! cite, and that of README.md held to the tests it names.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The rules a client has to keep, whatever language it is written in: what is on the wire and what its
/// users see. Those about Java's own way of working are not among them.
const WANTED: &str = "\
    R1–R3 R5–R11 R13 R15–R18 R20–R22 R25–R29 R31–R39 R56 R57 R60–R65 R67–R97 R99–R107 R110 \
    R112–R114 R116–R132 R134–R139 R141 R142 R144 R146–R150 R152–R174 R176–R184 R189–R191 \
    R198–R207 R209 R210 R261";

const BEGIN: &str = "<!-- made by `UPDATE_RULES=1 cargo test --test rules` -->\n";
const END: &str = "<!-- to here -->\n";

/// Their tests have rules as examples of text.
const SAMPLES: [&str; 2] = ["src/client/requirements.rs", "tests/rules.rs"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Numbers such as R60, and those of ranges such as R60–R65.
fn numbers(text: &str) -> BTreeSet<u32> {
    let mut found = BTreeSet::new();
    let mut begun: Option<u32> = None;
    for word in text.split(|c: char| !c.is_ascii_alphanumeric() && c != '–') {
        for (place, part) in word.split('–').enumerate() {
            let number = part.strip_prefix('R').and_then(|n| n.parse().ok());
            if let (Some(first), Some(last), true) = (begun, number, place > 0) {
                found.extend(first..last);
            }
            found.extend(number);
            begun = number;
        }
    }
    found
}

/// Tests by the rules they cite, in their names, their documentation or in comments of their bodies.
fn cited() -> BTreeMap<u32, BTreeSet<String>> {
    let mut cited: BTreeMap<u32, BTreeSet<String>> = BTreeMap::new();
    for (name, comments, place) in all_tests() {
        for number in numbers(&comments) {
            let tests = cited.entry(number).or_default();
            tests.insert(format!("`{name}` ({place})"));
        }
    }
    cited
}

/// Names of the tests of a file, with all their comments.
fn tests_of(text: &str) -> Vec<(String, String)> {
    let mut tests = Vec::new();
    let (mut comments, mut is_test) = (String::new(), false);
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let trimmed = line.trim_start();
        let name = trimmed
            .trim_start_matches("async ")
            .strip_prefix("fn ")
            .and_then(|rest| {
                rest.split(|c: char| !c.is_alphanumeric() && c != '_')
                    .next()
            });
        if trimmed.starts_with("//") {
            comments.push_str(trimmed);
            comments.push('\n');
        } else if trimmed.starts_with("#[") {
            is_test |= trimmed.starts_with("#[test]") || trimmed.starts_with("#[tokio::test");
        } else {
            if let (Some(name), true) = (name, is_test) {
                let end = format!("{}}}", &line[..line.len() - trimmed.len()]);
                let body = lines.by_ref().take_while(|line| *line != end);
                let said = body.filter_map(|line| Some(line.split_once("//")?.1));
                comments.extend(said.flat_map(|said| [said, "\n"]));
                let named = name.split('_').filter_map(|part| part.strip_prefix('r'));
                comments.extend(named.map(|number| format!(" R{number} ")));
                tests.push((name.to_owned(), comments.clone()));
            }
            comments.clear();
            is_test = false;
        }
    }
    tests
}

/// Names of all tests, with their comments and files.
fn all_tests() -> Vec<(String, String, String)> {
    let mut files = Vec::new();
    for folder in ["src", "tests"] {
        sources(&root().join(folder), &mut files);
    }
    let mut all = Vec::new();
    for file in files {
        let place = file.strip_prefix(root()).unwrap().display().to_string();
        if SAMPLES.contains(&&*place) {
            continue;
        }
        let text = std::fs::read_to_string(&file).unwrap();
        let tests = tests_of(&text).into_iter();
        all.extend(tests.map(|(name, comments)| (name, comments, place.clone())));
    }
    all
}

/// Rules whose row in the list of those kept says what is kept.
fn kept() -> BTreeSet<u32> {
    let list = std::fs::read_to_string(root().join("src/client/requirements.md")).unwrap();
    let rows = list.lines().filter_map(|line| line.strip_prefix("| R"));
    rows.filter_map(|row| row.split(' ').next()?.parse().ok())
        .collect()
}

/// Rules of the hand-written part, which are not kept or not to be tested.
fn open(readme: &str) -> BTreeSet<u32> {
    let (_, part) = readme
        .split_once("## Open")
        .expect("a part on what is open");
    let rows = part.lines().filter_map(|line| line.strip_prefix("| R"));
    rows.flat_map(|row| numbers(&format!("R{}", row.split('|').next().unwrap())))
        .collect()
}

#[test]
fn each_rule_has_its_tests_or_a_reason_for_none() {
    let file = root().join("tests/README.md");
    let readme = std::fs::read_to_string(&file).unwrap();
    let (cited, kept, open) = (cited(), kept(), open(&readme));
    let mut table = "| rule | tests |\n|---|---|\n".to_owned();
    let mut missing = Vec::new();
    for number in numbers(WANTED) {
        match cited.get(&number) {
            Some(tests) => {
                let tests: Vec<&str> = tests.iter().map(String::as_str).collect();
                writeln!(table, "| R{number} | {} |", tests.join(", ")).unwrap();
                assert!(
                    !open.contains(&number),
                    "R{number} is tested, so it is not open"
                );
            }
            None if open.contains(&number) => {}
            None if kept.contains(&number) => {
                writeln!(table, "| R{number} | kept; no test cites it |").unwrap();
            }
            None => missing.push(number),
        }
    }
    assert!(missing.is_empty(), "neither tested nor open: {missing:?}");
    let (before, rest) = readme
        .split_once(BEGIN)
        .expect("the beginning of the table");
    let (_, after) = rest.split_once(END).expect("the end of the table");
    let made = format!("{before}{BEGIN}{table}{END}{after}");
    if std::env::var_os("UPDATE_RULES").is_some() {
        std::fs::write(&file, made).unwrap();
    } else {
        let command = "UPDATE_RULES=1 cargo test --test rules";
        assert!(made == readme, "tests/README.md is out of date: {command}");
    }
}

/// What README.md says the client has names tests that are there.
#[test]
fn each_feature_names_its_tests() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let (_, rest) = readme.split_once("### What it has").expect("the table");
    let (table, _) = rest.split_once("\n## ").expect("what comes after it");
    let rows: Vec<&str> = table.lines().filter_map(|l| l.strip_prefix("| ")).collect();
    let known: BTreeSet<String> = all_tests().into_iter().map(|(name, ..)| name).collect();
    let mut named = 0;
    for row in &rows[1..] {
        let ours = row.split(" | ").nth(1).unwrap();
        let tests: Vec<&str> = ours.split('`').skip(1).step_by(2).collect();
        let lacks = ours.starts_with("no");
        assert_eq!(lacks, tests.is_empty(), "{row}");
        for test in &tests {
            assert!(known.contains(*test), "there is no test {test}");
        }
        named += tests.len();
    }
    assert!(named > 20, "{named}");
}

#[test]
fn tests_and_what_they_cite_are_found() {
    let text = "/// R1, R60–R62.\n#[test]\nfn one() {\n    let x = 1; // R7\n}\n\n/// R9\nfn none() {}\n\
                    /// In a module: R3.\n    #[tokio::test(flavor = \"x\")]\n    async fn r5_two() {\n    }\n";
    let found: Vec<_> = tests_of(text)
        .into_iter()
        .map(|(name, comments)| (name, numbers(&comments).into_iter().collect::<Vec<_>>()))
        .collect();
    assert_eq!(
        found,
        [
            ("one".to_owned(), vec![1, 7, 60, 61, 62]),
            ("r5_two".to_owned(), vec![3, 5])
        ]
    );
}
