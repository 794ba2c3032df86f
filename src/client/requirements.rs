#![doc = include_str!("requirements.md")]

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::path::Path;

    fn sources(folder: &Path, found: &mut BTreeMap<String, String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                found.insert(path.display().to_string(), text);
            }
        }
    }

    /// `R142` or `C1.14` at the beginning of a word.
    fn number(word: &str) -> Option<&str> {
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let letter = word.bytes().next()?;
        let mut length = 1 + digits(word.get(1..)?);
        if letter == b'C' {
            length += 1 + digits(word.get(length..)?.strip_prefix('.')?);
        }
        let number = word.get(..length)?;
        let follows = word.as_bytes().get(length);
        let whole = follows.is_none_or(|next| !next.is_ascii_alphanumeric() && *next != b'_');
        let some = number.ends_with(|c: char| c.is_ascii_digit());
        (matches!(letter, b'R' | b'C' | b'G') && some && whole).then_some(number)
    }

    /// Numbers cited in comments, the inner ones of `R134–R137` among them.
    fn cited(text: &str) -> BTreeSet<String> {
        let mut cited = BTreeSet::new();
        let comments = text.lines().filter_map(|line| line.split_once("//"));
        for (_, comment) in comments {
            let mut range: Option<u32> = None;
            let mut before = ' ';
            for (at, letter) in comment.char_indices() {
                let begins = !before.is_alphanumeric() && before != '_';
                if let Some(number) = number(&comment[at..]).filter(|_| begins) {
                    cited.insert(number.to_owned());
                    let counted: Option<u32> = number[1..].parse().ok();
                    if before == '–' {
                        let inner = range.unwrap()..counted.unwrap();
                        cited.extend(inner.map(|n| format!("{}{n}", &number[..1])));
                    }
                    range = counted;
                }
                before = letter;
            }
        }
        cited
    }

    #[test]
    fn every_cited_number_has_a_row_and_every_row_is_cited() {
        let mut files = BTreeMap::new();
        for folder in ["src", "tests", "benches"] {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
            sources(&folder, &mut files);
        }
        files.retain(|path, _| !path.ends_with("client/requirements.rs"));
        let cited: BTreeSet<String> = files.values().flat_map(|text| cited(text)).collect();
        let table = include_str!("requirements.md").lines();
        let rows: Vec<&str> = table
            .filter_map(|line| number(line.strip_prefix("| ")?))
            .collect();
        let known: BTreeSet<String> = rows.iter().map(|row| (*row).to_owned()).collect();
        assert_eq!(known.len(), rows.len(), "a number has two rows");
        let unknown: Vec<_> = cited.difference(&known).collect();
        assert!(unknown.is_empty(), "cited without a row: {unknown:?}");
        let unused: Vec<_> = known.difference(&cited).collect();
        assert!(unused.is_empty(), "rows nothing cites: {unused:?}");
    }

    #[test]
    fn numbers_and_ranges_are_seen() {
        let of = |text: &str| cited(text).into_iter().collect::<Vec<_>>().join(" ");
        assert_eq!(
            of("a // (R7, C1.14), R26–R28, G14: x"),
            "C1.14 G14 R26 R27 R28 R7"
        );
        assert_eq!(of("let R1 = 2; // RFC1 R_2 C1 xR3"), "");
    }
}
