//! Tables: names on the left, figures flush right; wide ones scroll by themselves.

use maud::{Markup, html};

/// A table under a caption for those who do not see it.
pub(super) fn table(caption: &str, headings: &[&str], rows: &[Vec<String>]) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label=(caption) {
            table {
                thead { tr { @for heading in headings { th scope="col" { (heading) } } } }
                tbody {
                    @for row in rows { tr { (cells(row)) } }
                }
            }
        }
    }
}

/// The figures of a chart; each row knows its place in the drawing.
pub(super) fn placed<'a>(
    headings: &[String],
    rows: impl Iterator<Item = (Option<String>, &'a [String])>,
) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label="Figures of the chart" {
            table {
                thead { tr { @for heading in headings { th scope="col" { (heading) } } } }
                tbody {
                    @for (place, row) in rows { tr data-x=[place] { (cells(row)) } }
                }
            }
        }
    }
}

fn cells(row: &[String]) -> Markup {
    html! {
        @for (column, text) in row.iter().enumerate() {
            @if column == 0 { th scope="row" { (text) } } @else { td { (text) } }
        }
    }
}
