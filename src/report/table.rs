//! A table of figures that leaves columns out rather than run over the edge.

use comfy_table::{Cell, CellAlignment, Table, presets};
use textwrap::core::display_width;

/// Names on the left, figures flush right under their headings.
pub(crate) struct Figures {
    header: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Figures {
    /// An empty table; the first heading stands over the names.
    pub(crate) fn new(header: Vec<&'static str>) -> Self {
        Self {
            header,
            rows: Vec::new(),
        }
    }

    /// Adds a name and its figures.
    pub(crate) fn row(&mut self, name: &str, figures: impl IntoIterator<Item = String>) {
        let name = std::iter::once(name.to_owned());
        self.rows.push(name.chain(figures).collect());
    }

    /// The table, and the headings of `least_needed` that were left out, in that order, until it
    /// was no wider than `width`.
    pub(crate) fn fit(
        mut self,
        width: Option<usize>,
        least_needed: &[&'static str],
    ) -> (String, Vec<&'static str>) {
        let mut left_out = Vec::new();
        let mut text = self.text();
        for heading in least_needed {
            if width.is_none_or(|width| text.lines().all(|line| display_width(line) <= width)) {
                break;
            }
            if let Some(column) = self.header.iter().position(|name| name == heading) {
                self.header.remove(column);
                for row in &mut self.rows {
                    row.remove(column);
                }
                left_out.push(*heading);
                text = self.text();
            }
        }
        (text, left_out)
    }

    fn text(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(cells(self.header.iter().copied()));
        for row in &self.rows {
            table.add_row(cells(row.iter().map(String::as_str)));
        }
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        table.trim_fmt()
    }
}

fn cells<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<Cell> {
    let cell = |(column, text): (usize, &str)| {
        let alignment = if column == 0 {
            CellAlignment::Left
        } else {
            CellAlignment::Right
        };
        Cell::new(text).set_alignment(alignment)
    };
    texts.enumerate().map(cell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures() -> Figures {
        let mut figures = Figures::new(vec!["", "first", "second", "third"]);
        figures.row("µ", ["1", "22", "333"].map(str::to_owned));
        figures
    }

    #[test]
    fn what_fits_is_whole() {
        for width in [None, Some(24), Some(80)] {
            let (text, left_out) = figures().fit(width, &["second", "third"]);
            assert_eq!(text, "   first  second  third\nµ      1      22    333");
            assert!(left_out.is_empty());
        }
    }

    #[test]
    fn columns_are_left_out_in_the_order_given_until_it_fits() {
        let (text, left_out) = figures().fit(Some(16), &["third", "absent", "first"]);
        assert_eq!(text, "   first  second\nµ      1      22");
        assert_eq!(left_out, ["third"]);
        let (text, left_out) = figures().fit(Some(3), &["third", "first"]);
        assert!(text.starts_with("   second"), "{text}");
        assert_eq!(left_out, ["third", "first"]);
    }
}
