//! Kinds of failure as they are counted, and the counts.

use std::collections::BTreeMap;
use std::fmt;

/// A kind of failure: a stable name, and the broker's code where there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Label {
    /// Name in lower case, for example `timeout`.
    pub name: &'static str,
    /// Response code of the broker, for kinds that have one.
    pub code: Option<i32>,
}

impl Label {
    /// A kind without a code.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self { name, code: None }
    }
}

impl From<(&'static str, Option<i32>)> for Label {
    fn from((name, code): (&'static str, Option<i32>)) -> Self {
        Self { name, code }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => write!(f, "{}_{code}", self.name),
            None => f.write_str(self.name),
        }
    }
}

/// How often each kind came. A run sees a handful of kinds, so they stand in a short vector that is
/// searched from the front; it allocates when a new kind comes, never for a known one.
#[derive(Debug, Clone, Default)]
pub struct LabelCounts {
    counts: Vec<(Label, u64)>,
}

impl LabelCounts {
    /// Adds `n` of one kind.
    pub fn add(&mut self, label: Label, n: u64) {
        match self.counts.iter_mut().find(|(known, _)| *known == label) {
            Some((_, count)) => *count += n,
            None => self.counts.push((label, n)),
        }
    }

    /// Adds all counts of another.
    pub fn merge(&mut self, other: &Self) {
        for (label, count) in &other.counts {
            self.add(*label, *count);
        }
    }

    /// Sets all counts to zero and keeps the kinds, which will come again.
    pub fn clear(&mut self) {
        for (_, count) in &mut self.counts {
            *count = 0;
        }
    }

    /// Count of one kind.
    #[must_use]
    pub fn get(&self, label: Label) -> u64 {
        self.iter()
            .find(|(known, _)| *known == label)
            .map_or(0, |(_, count)| count)
    }

    /// Sum over all kinds.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.iter().map(|(_, count)| count).sum()
    }

    /// Kinds that came, with their counts.
    pub fn iter(&self) -> impl Iterator<Item = (Label, u64)> + '_ {
        self.counts.iter().copied().filter(|(_, count)| *count > 0)
    }

    /// Kinds that came by their written form, in its order.
    #[must_use]
    pub fn to_map(&self) -> BTreeMap<String, u64> {
        self.iter()
            .map(|(label, count)| (label.to_string(), count))
            .collect()
    }
}

/// Equal when the same kinds came equally often, in whatever order.
impl PartialEq for LabelCounts {
    fn eq(&self, other: &Self) -> bool {
        self.to_map() == other.to_map()
    }
}

impl Eq for LabelCounts {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_add_up_by_kind_and_code() {
        let busy = Label::from(("rejected", Some(2)));
        let mut counts = LabelCounts::default();
        counts.add(Label::new("timeout"), 2);
        counts.add(busy, 1);
        let mut more = LabelCounts::default();
        more.add(busy, 4);
        counts.merge(&more);
        assert_eq!((counts.get(busy), counts.total()), (5, 7));
        let written: Vec<_> = counts.to_map().into_iter().collect();
        assert_eq!(
            written,
            [("rejected_2".to_owned(), 5), ("timeout".to_owned(), 2)]
        );
    }

    #[test]
    fn cleared_counts_equal_fresh_ones() {
        let mut counts = LabelCounts::default();
        counts.add(Label::new("timeout"), 2);
        counts.clear();
        assert_eq!(counts, LabelCounts::default());
        assert!(counts.to_map().is_empty());
    }
}
