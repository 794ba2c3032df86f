//! The nearest known name to a mistyped one.

/// Number of edits (insert, delete, replace, swap two neighbours) between two names.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut table = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            if i == 0 || j == 0 {
                table[i][j] = i + j;
                continue;
            }
            let replaced = table[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut edits = replaced.min(table[i - 1][j] + 1).min(table[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                edits = edits.min(table[i - 2][j - 2] + 1);
            }
            table[i][j] = edits;
        }
    }
    table[a.len()][b.len()]
}

/// The known name within a third of the length of `text`, if there is one.
#[must_use]
pub fn nearest<'a>(text: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Snake case, blanks and capitals are the same name written by another habit.
    let text = text.to_lowercase().replace(['_', ' '], "-");
    known
        .into_iter()
        .map(|name| (distance(&text, name), name))
        .filter(|(edits, name)| *edits <= (name.len().max(text.len()) / 3).max(1))
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let known = ["duration", "rate", "in-flight", "size"];
        for (text, near) in [
            ("durration", Some("duration")),
            ("duraton", Some("duration")),
            ("in_flight", Some("in-flight")),
            ("Rate", Some("rate")),
            ("rat", Some("rate")),
            ("raet", Some("rate")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(text, known), near, "{text}");
        }
    }
}
