//! Bars on a time axis, a lane for each name.

use maud::{Markup, html};

use super::axis::Axis;
use super::{BOTTOM, LEFT, RIGHT, Row, TOP, WIDTH, across, cursor, figures, px, view_box, x_ticks};

/// Height of a lane: its name, and the bar below.
const LANE: f64 = 34.0;
const BAR: f64 = 12.0;

/// What happened when, by name.
#[derive(Debug, Clone)]
pub(in crate::report::html) struct Lanes {
    /// Name in the page; of letters, digits and dashes.
    pub(in crate::report::html) id: &'static str,
    pub(in crate::report::html) title: String,
    pub(in crate::report::html) notes: Vec<String>,
    pub(in crate::report::html) x: Axis,
    /// A name, and from when to when each of its bars goes.
    pub(in crate::report::html) lanes: Vec<(String, Vec<(f64, f64)>)>,
    pub(in crate::report::html) headings: Vec<String>,
    pub(in crate::report::html) rows: Vec<Row>,
}

impl Lanes {
    /// The lanes with their figures.
    pub(in crate::report::html) fn render(&self) -> Markup {
        let height = TOP + self.lanes.len() as f64 * LANE + BOTTOM;
        let bottom = height - BOTTOM;
        let [title, description] = ["title", "desc"].map(|part| format!("{}-{part}", self.id));
        html! {
            figure.chart id=(self.id) {
                figcaption {
                    h3 { (self.title) }
                    @for note in &self.notes { p.note { (note) } }
                }
                svg.plot viewBox=(view_box(height)) role="img" tabindex="0"
                    aria-labelledby=(title) aria-describedby=(description) {
                    title id=(title) { (self.title) }
                    desc id=(description) { (self.description()) }
                    @for (index, (name, bars)) in self.lanes.iter().enumerate() {
                        (lane(&self.x, TOP + index as f64 * LANE, name, bars))
                    }
                    (x_ticks(&self.x, bottom))
                    text.axis x=(px(LEFT)) y=(px(height - 4.0)) { (self.x.title()) }
                    line.frame x1=(px(LEFT)) x2=(px(WIDTH - RIGHT)) y1=(px(bottom)) y2=(px(bottom)) {}
                    (cursor(TOP, bottom))
                }
                output.readout {}
                (figures(&self.headings, &self.rows, |at| across(&self.x, at)))
            }
        }
    }

    fn description(&self) -> String {
        let lanes = self.lanes.iter();
        let lanes: Vec<_> = lanes
            .map(|(name, bars)| format!("{name}: {} times", bars.len()))
            .collect();
        format!("{}. The table below has the times.", lanes.join("; "))
    }
}

fn lane(axis: &Axis, top: f64, name: &str, bars: &[(f64, f64)]) -> Markup {
    let y = top + LANE - BAR - 4.0;
    html! {
        g.series data-name=(name) data-points=(bars.len()) {
            text.lane-name x=(px(LEFT)) y=(px(top + 13.0)) { (name) }
            line.grid x1=(px(LEFT)) x2=(px(WIDTH - RIGHT)) y1=(px(y + BAR / 2.0)) y2=(px(y + BAR / 2.0)) {}
            @for (from, to) in bars {
                @let from = across(axis, *from);
                // What is short is seen all the same.
                @let width = (across(axis, *to) - from).max(1.5);
                rect.bar x=(px(from)) y=(px(y)) width=(px(width)) height=(px(BAR)) {}
            }
        }
    }
}
