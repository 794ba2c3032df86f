//! Charts, drawn here and not in the reader's browser: inline SVG with title and description, a legend and the
//! figures in a table.
//!
//! - [`axis`]: scales and ticks; [`line`]: what is drawn between them; [`lanes`]: bars on a time axis
//!
//! A chart can be focused. The page's script then reads the table's rows out, one by one, at the line that marks
//! their place (`data-x`); without it nothing is lost but that.

pub(super) mod axis;
pub(super) mod lanes;
pub(super) mod line;

use maud::{Markup, html};

use super::table;
use axis::Axis;
use line::Line;

/// The drawing, in units of its own: the page scales it.
pub(super) const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 270.0;
const LEFT: f64 = 68.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 44.0;

/// A part of the x axis that is set apart.
#[derive(Debug, Clone)]
pub(super) struct Band {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) kind: BandKind,
}

/// What a part of the x axis is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BandKind {
    Warmup,
    Drain,
    /// A broker is kept out.
    Isolation,
}

impl BandKind {
    fn class(self) -> &'static str {
        match self {
            Self::Warmup => "band warmup",
            Self::Drain => "band drain",
            Self::Isolation => "band isolation",
        }
    }

    /// What stands in it.
    fn label(self) -> &'static str {
        match self {
            Self::Warmup => "warm-up",
            Self::Drain => "drain",
            Self::Isolation => "",
        }
    }
}

/// A row of the table below a chart.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// Where on the x axis it belongs.
    pub(super) at: Option<f64>,
    pub(super) cells: Vec<String>,
}

/// Lines over one x axis.
#[derive(Debug, Clone)]
pub(super) struct Chart {
    /// Name in the page; of letters, digits and dashes.
    pub(super) id: &'static str,
    pub(super) title: String,
    /// What has to be known to read it.
    pub(super) notes: Vec<String>,
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) lines: Vec<Line>,
    pub(super) bands: Vec<Band>,
    pub(super) headings: Vec<String>,
    pub(super) rows: Vec<Row>,
}

impl Chart {
    /// The chart with its legend, read-out and figures.
    pub(super) fn render(&self) -> Markup {
        let (title, description) = (self.element("title"), self.element("desc"));
        html! {
            figure.chart id=(self.id) {
                figcaption {
                    h3 { (self.title) }
                    @for note in &self.notes { p.note { (note) } }
                }
                (self.legend())
                svg.plot viewBox=(view_box(HEIGHT)) role="img" tabindex="0"
                    aria-labelledby=(title) aria-describedby=(description) {
                    title id=(title) { (self.title) }
                    desc id=(description) { (self.description()) }
                    (self.bands())
                    (self.grid())
                    (self.lines())
                    (cursor(TOP, HEIGHT - BOTTOM))
                }
                output.readout {}
                (figures(&self.headings, &self.rows, |at| across(&self.x, at)))
            }
        }
    }

    fn element(&self, part: &str) -> String {
        format!("{}-{part}", self.id)
    }

    fn legend(&self) -> Markup {
        html! {
            ul.legend {
                @for line in &self.lines {
                    li {
                        svg.sample viewBox="0 0 34 12" aria-hidden="true" {
                            path class={ "line look" (line.look) } d="M1 6H33" {}
                            path class={ "mark look" (line.look) } d=(line::mark(line.look, 17.0, 6.0)) {}
                        }
                        (line.name)
                    }
                }
            }
        }
    }

    /// The chart in words: the range of each line.
    fn description(&self) -> String {
        let range = |line: &Line| {
            let lowest = line.values().reduce(f64::min)?;
            let highest = line.values().reduce(f64::max)?;
            let [lowest, highest] = [lowest, highest].map(|value| self.y.show(value));
            Some(format!("{}: {lowest} to {highest}", line.name))
        };
        let ranges: Vec<_> = self.lines.iter().filter_map(range).collect();
        format!("{}. The table below has the figures.", ranges.join("; "))
    }

    fn bands(&self) -> Markup {
        let edges = |band: &Band| [band.from, band.to].map(|value| across(&self.x, value));
        html! {
            @for band in &self.bands {
                @let [from, to] = edges(band);
                rect class=(band.kind.class()) x=(px(from)) y=(px(TOP)) width=(px(to - from))
                    height=(px(HEIGHT - TOP - BOTTOM)) {}
                @if !band.kind.label().is_empty() && to - from > 64.0 {
                    text.band-name x=(px(from + 4.0)) y=(px(TOP + 12.0)) { (band.kind.label()) }
                }
            }
        }
    }

    fn grid(&self) -> Markup {
        let bottom = HEIGHT - BOTTOM;
        html! {
            @for tick in self.y.ticks() {
                @let y = up(tick.place);
                line.grid x1=(px(LEFT)) x2=(px(WIDTH - RIGHT)) y1=(px(y)) y2=(px(y)) {}
                text.tick x=(px(LEFT - 6.0)) y=(px(y + 4.0)) text-anchor="end" { (tick.label) }
            }
            (x_ticks(&self.x, bottom))
            text.axis x=(px(LEFT)) y=(px(HEIGHT - 4.0)) { (self.x.title()) }
            line.frame x1=(px(LEFT)) x2=(px(WIDTH - RIGHT)) y1=(px(bottom)) y2=(px(bottom)) {}
        }
    }

    fn lines(&self) -> Markup {
        let paths = self.lines.iter().map(|line| {
            let paths = line.paths(|x, y| (across(&self.x, x), up(self.y.place(y))));
            (line, paths)
        });
        html! {
            @for (line, (path, marks)) in paths {
                g.series data-name=(line.name) data-points=(line.values().count()) {
                    path class={ "line look" (line.look) } d=(path) {}
                    path class={ "mark look" (line.look) } d=(marks) {}
                }
            }
        }
    }
}

/// From a value of the x axis to its place in the drawing.
fn across(axis: &Axis, value: f64) -> f64 {
    LEFT + axis.place(value) * (WIDTH - LEFT - RIGHT)
}

/// From 0 at the bottom and 1 at the top to a place in the drawing.
fn up(place: f64) -> f64 {
    HEIGHT - BOTTOM - place * (HEIGHT - TOP - BOTTOM)
}

fn view_box(height: f64) -> String {
    format!("0 0 {WIDTH} {height}")
}

/// A length in the drawing.
fn px(length: f64) -> String {
    format!("{length:.1}")
}

/// Ticks below a plot that ends at `bottom`.
fn x_ticks(axis: &Axis, bottom: f64) -> Markup {
    html! {
        @for tick in axis.ticks() {
            @let x = LEFT + tick.place * (WIDTH - LEFT - RIGHT);
            line.frame x1=(px(x)) x2=(px(x)) y1=(px(bottom)) y2=(px(bottom + 4.0)) {}
            text.tick x=(px(x)) y=(px(bottom + 17.0)) text-anchor="middle" { (tick.label) }
        }
    }
}

/// Marks the row that is read out.
fn cursor(top: f64, bottom: f64) -> Markup {
    html! { line.cursor x1="0" x2="0" y1=(px(top)) y2=(px(bottom)) {} }
}

/// The figures of a chart, folded away.
fn figures(headings: &[String], rows: &[Row], place: impl Fn(f64) -> f64) -> Markup {
    let rows = rows.iter().map(|row| {
        let at = row.at.map(|at| px(place(at)));
        (at, row.cells.as_slice())
    });
    html! {
        details {
            summary { "Figures" }
            (table::placed(headings, rows))
        }
    }
}
