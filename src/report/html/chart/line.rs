//! A line of a chart: its path, and marks that tell it from others without colour.

use std::fmt::Write as _;

/// Looks a line can have; each has a colour, a dash and a mark of its own. The style sheet has a class for each.
pub(in crate::report::html) const LOOKS: usize = 8;
/// Marks on a line.
const MARKS: usize = 8;
/// Half the size of a mark.
const MARK: f64 = 3.0;

/// Values over the x axis, with gaps where there is none.
#[derive(Debug, Clone)]
pub(in crate::report::html) struct Line {
    pub(in crate::report::html) name: String,
    /// Which look it has, below [`LOOKS`].
    pub(in crate::report::html) look: usize,
    pub(in crate::report::html) points: Vec<(f64, Option<f64>)>,
}

impl Line {
    /// The values that are there.
    pub(in crate::report::html) fn values(&self) -> impl Iterator<Item = f64> + '_ {
        self.points.iter().filter_map(|(_, value)| *value)
    }

    /// The line and its marks as SVG paths, from values by `place` to places in the drawing.
    pub(super) fn paths(&self, place: impl Fn(f64, f64) -> (f64, f64)) -> (String, String) {
        let (mut line, mut marks) = (String::new(), String::new());
        let every = self.values().count().div_ceil(MARKS).max(1);
        // Not where the other lines have theirs.
        let first = self.look * every / LOOKS;
        let (mut drawn, mut in_gap) = (0, true);
        for (index, (x, value)) in self.points.iter().enumerate() {
            let Some(value) = value else {
                in_gap = true;
                continue;
            };
            let (x, y) = place(*x, *value);
            let step = if in_gap { 'M' } else { 'L' };
            // A string takes any text.
            let _ = write!(line, "{step}{x:.1} {y:.1}");
            let next = self.points.get(index + 1);
            let alone = in_gap && next.is_none_or(|(_, value)| value.is_none());
            if alone || drawn % every == first {
                marks += &mark(self.look, x, y);
            }
            in_gap = false;
            drawn += 1;
        }
        (line, marks)
    }
}

/// A mark around a place.
pub(super) fn mark(look: usize, x: f64, y: f64) -> String {
    let [left, right] = [x - MARK, x + MARK];
    let [above, below] = [y - MARK, y + MARK];
    match look % 4 {
        0 => format!(
            "M{left:.1} {y:.1}a{MARK} {MARK} 0 1 0 {0} 0a{MARK} {MARK} 0 1 0 -{0} 0z",
            2.0 * MARK
        ),
        1 => format!("M{left:.1} {above:.1}H{right:.1}V{below:.1}H{left:.1}z"),
        2 => format!("M{x:.1} {above:.1}L{right:.1} {below:.1}H{left:.1}z"),
        _ => format!("M{x:.1} {above:.1}L{right:.1} {y:.1}L{x:.1} {below:.1}L{left:.1} {y:.1}z"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(values: &[Option<f64>]) -> Line {
        let points = values.iter().enumerate();
        Line {
            name: String::new(),
            look: 0,
            points: points.map(|(x, value)| (x as f64, *value)).collect(),
        }
    }

    #[test]
    fn a_gap_is_a_gap_and_a_lone_value_is_seen() {
        let line = line(&[Some(1.0), Some(2.0), None, Some(3.0), None]);
        let (path, marks) = line.paths(|x, y| (x, y));
        assert_eq!(path, "M0.0 1.0L1.0 2.0M3.0 3.0");
        assert!(marks.contains("M0.0 3.0a"), "{marks}");
        assert_eq!(line.values().collect::<Vec<_>>(), [1.0, 2.0, 3.0]);
    }

    #[test]
    fn many_values_have_few_marks() {
        for n in [1, 7, 8, 9, 100, 1_800] {
            for look in 0..LOOKS {
                let mut line = line(&vec![Some(1.0); n]);
                line.look = look;
                let (_, marks) = line.paths(|x, y| (x, y));
                let marks = marks.matches('M').count();
                assert!(
                    (1..=MARKS).contains(&marks),
                    "{n} values, look {look}: {marks}"
                );
            }
        }
    }
}
