//! Axes: where a value lies between 0 and 1, and the ticks people read.

use crate::metrics::units::{count, duration, rate};

/// Values beyond this are drawn at it: no time in nanoseconds and no count comes near.
const FARTHEST: f64 = 1e18;
/// Lowest end of an axis of times: the cells of a histogram are not finer.
const SHORTEST_NS: f64 = 1_000.0;
/// Ticks an axis has room for.
const MOST_TICKS: f64 = 7.0;
/// Ticks are these times powers of ten.
const STEPS: [f64; 3] = [1.0, 2.0, 5.0];
/// Ticks of percentiles, as shares, and their labels.
const PERCENTILES: [(f64, &str); 6] = [
    (0.0, "0"),
    (0.5, "50"),
    (0.9, "90"),
    (0.99, "99"),
    (0.999, "99.9"),
    (0.9999, "99.99"),
];

/// What an axis measures, which is how its values are spaced and shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Seconds,
    PerSecond,
    Count,
    Step,
    /// Nanoseconds, by their logarithm.
    Time,
    /// Shares from 0 to 1, by the logarithm of what is beyond.
    Percentile,
}

/// A value with a label.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::report::html) struct Tick {
    /// Where it is, from 0 to 1.
    pub(in crate::report::html) place: f64,
    pub(in crate::report::html) label: String,
}

/// One axis of a chart.
#[derive(Debug, Clone)]
pub(in crate::report::html) struct Axis {
    kind: Kind,
    from: f64,
    to: f64,
    ticks: Vec<f64>,
}

impl Axis {
    /// Seconds of the run, from its beginning to its end.
    pub(in crate::report::html) fn seconds(from: f64, to: f64) -> Self {
        let (from, to) = (bounded(from), bounded(to));
        // Far from 0 a second more would be none.
        let to = if to > from {
            to
        } else {
            from + 1.0 + from.abs() / 10.0
        };
        Self {
            kind: Kind::Seconds,
            from,
            to,
            ticks: linear_ticks(from, to),
        }
    }

    /// Events per second, from 0 on.
    pub(in crate::report::html) fn per_second(values: impl Iterator<Item = f64>) -> Self {
        Self::from_zero(Kind::PerSecond, values)
    }

    /// Steps of something, from 0 on.
    pub(in crate::report::html) fn steps(values: impl Iterator<Item = f64>) -> Self {
        Self::from_zero(Kind::Step, values)
    }

    /// How many, from 0 on.
    pub(in crate::report::html) fn count(values: impl Iterator<Item = f64>) -> Self {
        Self::from_zero(Kind::Count, values)
    }

    fn from_zero(kind: Kind, values: impl Iterator<Item = f64>) -> Self {
        let highest = values.map(bounded).fold(0.0, f64::max);
        let highest = if highest > 0.0 { highest } else { 1.0 };
        // The next tick above, so that the highest value is not on the edge.
        let step = linear_step(highest);
        let to = (highest * 1.02 / step).ceil() * step;
        Self {
            kind,
            from: 0.0,
            to,
            ticks: linear_ticks(0.0, to),
        }
    }

    /// Times in nanoseconds on a logarithmic axis; what is below a microsecond lies at its lower end.
    pub(in crate::report::html) fn time(values: impl Iterator<Item = f64>) -> Self {
        let (mut lowest, mut highest) = (FARTHEST, SHORTEST_NS);
        for value in values.map(bounded) {
            lowest = lowest.min(value);
            highest = highest.max(value);
        }
        let from = step_below(lowest.clamp(SHORTEST_NS, highest));
        let mut to = step_below(highest);
        if to < highest || to <= from {
            to = next_step(to);
        }
        let mut ticks = steps_between(from, to, &STEPS);
        if ticks.len() > 9 {
            ticks = steps_between(from, to, &STEPS[..1]);
        }
        Self {
            kind: Kind::Time,
            from,
            to,
            ticks,
        }
    }

    /// Percentiles, given as shares from 0 to 1, up to the first of 99, 99.9 and 99.99 that is no less than the
    /// highest.
    pub(in crate::report::html) fn percentile(highest: f64) -> Self {
        let ends = [0.99, 0.999, 0.9999];
        let to = ends.into_iter().find(|end| highest <= end + 1e-9);
        let to = to.unwrap_or(0.9999);
        let ticks = PERCENTILES.iter().map(|(share, _)| *share);
        Self {
            kind: Kind::Percentile,
            from: 0.0,
            to,
            ticks: ticks.filter(|share| *share <= to + 1e-9).collect(),
        }
    }

    /// Where a value lies, from 0 to 1; beyond the ends, at the end.
    pub(in crate::report::html) fn place(&self, value: f64) -> f64 {
        let spaced = |value: f64| match self.kind {
            Kind::Seconds | Kind::PerSecond | Kind::Count | Kind::Step => value,
            Kind::Time => value.max(1.0).log10(),
            Kind::Percentile => -(1.0 - value).max(1e-9).log10(),
        };
        let (from, to) = (spaced(self.from), spaced(self.to));
        ((spaced(bounded(value)) - from) / (to - from)).clamp(0.0, 1.0)
    }

    /// The ticks with their labels.
    pub(in crate::report::html) fn ticks(&self) -> impl Iterator<Item = Tick> + '_ {
        self.ticks.iter().map(|value| Tick {
            place: self.place(*value),
            label: self.label(*value),
        })
    }

    fn label(&self, value: f64) -> String {
        match self.kind {
            Kind::Seconds => whole(value),
            Kind::PerSecond | Kind::Count | Kind::Step => short_number(value),
            Kind::Time => short_time(value),
            Kind::Percentile => {
                let known = PERCENTILES
                    .iter()
                    .find(|(share, _)| (share - value).abs() < 1e-9);
                known.map_or_else(String::new, |(_, label)| (*label).to_owned())
            }
        }
    }

    /// A value of this axis for people.
    pub(in crate::report::html) fn show(&self, value: f64) -> String {
        match self.kind {
            Kind::Seconds => format!("{value:.1} s"),
            Kind::PerSecond => rate(value),
            Kind::Count | Kind::Step => count(positive(value)),
            Kind::Time => duration(positive(value)),
            Kind::Percentile => format!("{:.2} %", value * 100.0),
        }
    }

    /// What stands beside the axis.
    pub(in crate::report::html) fn title(&self) -> &'static str {
        match self.kind {
            Kind::Seconds => "seconds since the window began",
            Kind::PerSecond => "per second",
            Kind::Count => "number",
            Kind::Step => "step",
            Kind::Time => "time, logarithmic",
            Kind::Percentile => "percentile, logarithmic",
        }
    }
}

/// A number that can be drawn.
fn bounded(value: f64) -> f64 {
    if value.is_finite() {
        value.clamp(-FARTHEST, FARTHEST)
    } else {
        0.0
    }
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "for display; as-casts saturate"
)]
fn positive(value: f64) -> u64 {
    value.round() as u64
}

/// 1, 2 or 5 times a power of ten that cuts a length into few pieces.
fn linear_step(length: f64) -> f64 {
    let raw = length / MOST_TICKS;
    let below = step_below(raw);
    if below < raw { next_step(below) } else { below }
}

fn linear_ticks(from: f64, to: f64) -> Vec<f64> {
    let step = linear_step(to - from);
    let first = (from / step).ceil();
    let ticks = (0..=u32::from(u8::MAX)).map(|index| (first + f64::from(index)) * step);
    ticks.take_while(|tick| *tick <= to + step * 1e-6).collect()
}

/// The highest of 1, 2 and 5 times powers of ten that is no more than this.
fn step_below(value: f64) -> f64 {
    let decade = 10f64.powf((value.log10() + 1e-9).floor());
    let steps = STEPS.into_iter().map(|step| step * decade);
    steps
        .filter(|step| *step <= value * (1.0 + 1e-9))
        .fold(decade, f64::max)
}

/// The one of 1, 2, 5, 10, … after this one.
fn next_step(step: f64) -> f64 {
    let decade = 10f64.powf((step.log10() + 1e-9).floor());
    let factor = match step / decade {
        f if f < 1.5 => 2.0,
        f if f < 3.5 => 5.0,
        _ => 10.0,
    };
    factor * decade
}

fn steps_between(from: f64, to: f64, steps: &[f64]) -> Vec<f64> {
    let mut decade = 10f64.powf((from.log10() + 1e-9).floor());
    let mut found = Vec::new();
    while decade <= to * (1.0 + 1e-9) {
        let ticks = steps.iter().map(|step| step * decade);
        found.extend(
            ticks.filter(|tick| *tick >= from * (1.0 - 1e-9) && *tick <= to * (1.0 + 1e-9)),
        );
        decade *= 10.0;
    }
    found
}

/// A tick of a linear axis: as many digits as it takes.
fn whole(value: f64) -> String {
    let text = format!("{value:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0" } else { text }.to_owned()
}

/// `0`, `500`, `50k`, `1.5M`.
fn short_number(value: f64) -> String {
    let units = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    let unit = units.into_iter().find(|(unit, _)| value >= *unit);
    let (unit, name) = unit.unwrap_or((1.0, ""));
    format!("{}{name}", whole(value / unit))
}

/// `500 ns`, `20 µs`, `1 ms`, `2 s`.
fn short_time(ns: f64) -> String {
    let units = [(1e9, "s"), (1e6, "ms"), (1e3, "µs")];
    let unit = units
        .into_iter()
        .find(|(unit, _)| ns >= *unit * (1.0 - 1e-9));
    let (unit, name) = unit.unwrap_or((1.0, "ns"));
    format!("{} {name}", whole(ns / unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<String> {
        axis.ticks().map(|tick| tick.label).collect()
    }

    #[test]
    fn rates_begin_at_zero_and_end_above_the_highest() {
        let axis = Axis::per_second([0.0, 9_900.0, 10_000.0].into_iter());
        assert_eq!(labels(&axis), ["0", "2k", "4k", "6k", "8k", "10k", "12k"]);
        assert!(axis.place(10_000.0) < 1.0 && axis.place(0.0) == 0.0);
        assert_eq!(
            labels(&Axis::count([0.0].into_iter())).first().unwrap(),
            "0"
        );
    }

    #[test]
    fn times_are_spaced_by_their_logarithm() {
        let axis = Axis::time([240_000.0, 31_000_000.0].into_iter());
        assert_eq!(
            labels(&axis),
            [
                "200 µs", "500 µs", "1 ms", "2 ms", "5 ms", "10 ms", "20 ms", "50 ms"
            ]
        );
        let middle = axis.place(1e6) - axis.place(2e5);
        assert!((axis.place(1e7) - axis.place(2e6) - middle).abs() < 1e-9);
        // Over many decades those only.
        let axis = Axis::time([0.0, 3e9].into_iter());
        assert_eq!(labels(&axis)[..3], ["1 µs", "10 µs", "100 µs"]);
        assert_eq!(axis.place(0.0), 0.0);
        // A single value has an axis too.
        let axis = Axis::time([2e6].into_iter());
        assert_eq!(labels(&axis), ["2 ms", "5 ms"]);
    }

    #[test]
    fn percentiles_have_as_much_room_for_each_nine() {
        let axis = Axis::percentile(0.9999);
        assert_eq!(labels(&axis), ["0", "50", "90", "99", "99.9", "99.99"]);
        for (value, place) in [(0.0, 0.0), (0.9, 0.25), (0.99, 0.5), (0.9999, 1.0)] {
            assert!((axis.place(value) - place).abs() < 1e-9, "{value}");
        }
        assert_eq!(labels(&Axis::percentile(0.995)).last().unwrap(), "99.9");
        assert_eq!(labels(&Axis::percentile(0.5)).last().unwrap(), "99");
    }

    #[test]
    fn seconds_go_from_the_warmup_to_the_end() {
        let axis = Axis::seconds(-2.0, 10.02);
        assert_eq!(labels(&axis), ["-2", "0", "2", "4", "6", "8", "10"]);
        assert_eq!(labels(&Axis::seconds(3.0, 3.0)).first().unwrap(), "3");
    }

    #[test]
    fn no_number_is_too_wild_to_be_drawn() {
        let wild = [
            f64::NAN,
            f64::INFINITY,
            f64::MIN,
            f64::MAX,
            -1.0,
            1e-300,
            0.0,
        ];
        for a in wild {
            for b in wild {
                let axes = [
                    Axis::seconds(a, b),
                    Axis::per_second([a, b].into_iter()),
                    Axis::count([a, b].into_iter()),
                    Axis::time([a, b].into_iter()),
                    Axis::percentile(a),
                ];
                for axis in axes {
                    for value in wild {
                        let place = axis.place(value);
                        assert!((0.0..=1.0).contains(&place), "{axis:?} {value}: {place}");
                    }
                    assert!(axis.ticks().all(|tick| tick.place.is_finite()));
                    assert!(axis.ticks.len() <= 256);
                }
            }
        }
    }
}
