//! A rate that changes over time, as the time at which its integral reaches a number of messages.

use std::time::Duration;

/// How the rate goes in a piece of a plan; rates in messages per second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shape {
    /// One rate.
    Steady(f64),
    /// A straight line.
    Ramp {
        /// At the piece's begin.
        from: f64,
        /// At its end.
        to: f64,
    },
    /// `mean + amplitude · sin(2πt / period)`.
    Sine {
        /// In the middle.
        mean: f64,
        /// At most `mean`.
        amplitude: f64,
        /// Of a whole wave.
        period: Duration,
    },
}

impl Shape {
    /// Messages in the first `s` seconds.
    fn messages(self, s: f64, piece_s: f64) -> f64 {
        match self {
            Self::Steady(rate) => rate * s,
            Self::Ramp { from, to } => from * s + (to - from) * s * s / (2.0 * piece_s),
            Self::Sine {
                mean,
                amplitude,
                period,
            } => {
                let turn = std::f64::consts::TAU / period.as_secs_f64();
                mean * s + amplitude / turn * (1.0 - (turn * s).cos())
            }
        }
    }

    /// When, in seconds, so many messages have been due: `messages` is above 0 and below that of the piece.
    fn when(self, messages: f64, piece_s: f64) -> f64 {
        match self {
            Self::Steady(rate) => messages / rate,
            // The root of the parabola that loses no digits where the line is all but level.
            Self::Ramp { from, to } => {
                let slope = (to - from) / piece_s;
                2.0 * messages / (from + (from * from + 2.0 * slope * messages).max(0.0).sqrt())
            }
            Self::Sine { .. } => self.search(messages, piece_s),
        }
    }

    /// By bisection to the last digit, sped up by Newton's steps where they stay inside.
    fn search(self, messages: f64, piece_s: f64) -> f64 {
        let (mut low, mut high) = (0.0, piece_s);
        let mut at = 0.5 * piece_s;
        for _ in 0..200 {
            let over = self.messages(at, piece_s) - messages;
            if over > 0.0 {
                high = at;
            } else {
                low = at;
            }
            let step = over / self.rate(at, piece_s);
            let newton = at - step;
            let next = if newton > low && newton < high {
                newton
            } else {
                0.5 * (low + high)
            };
            // A nanosecond counts, a hundredth of it does not.
            if (next - at).abs() < 1e-11 || high - low < 1e-11 {
                return next;
            }
            at = next;
        }
        at
    }

    /// Messages per second after `s` seconds.
    fn rate(self, s: f64, piece_s: f64) -> f64 {
        match self {
            Self::Steady(rate) => rate,
            Self::Ramp { from, to } => from + (to - from) * s / piece_s,
            Self::Sine {
                mean,
                amplitude,
                period,
            } => mean + amplitude * (std::f64::consts::TAU * s / period.as_secs_f64()).sin(),
        }
    }

    /// With so many times the rates.
    #[must_use]
    pub fn scaled(self, by: f64) -> Self {
        match self {
            Self::Steady(rate) => Self::Steady(rate * by),
            Self::Ramp { from, to } => Self::Ramp {
                from: from * by,
                to: to * by,
            },
            Self::Sine {
                mean,
                amplitude,
                period,
            } => Self::Sine {
                mean: mean * by,
                amplitude: amplitude * by,
                period,
            },
        }
    }

    /// The rate it begins with.
    #[must_use]
    pub fn first(self) -> f64 {
        self.rate(0.0, 1.0)
    }

    /// The highest rate of it.
    #[must_use]
    pub fn peak(self) -> f64 {
        match self {
            Self::Steady(rate) => rate,
            Self::Ramp { from, to } => from.max(to),
            Self::Sine {
                mean, amplitude, ..
            } => mean + amplitude,
        }
    }
}

/// A sum of messages less what its rounding may have added to it: a whole number of them that it was to be
/// is not exceeded.
fn unrounded(messages: f64) -> f64 {
    messages - 1e-9 - messages * 1e-12
}

/// One piece of a plan.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Piece {
    /// How the rate goes.
    pub shape: Shape,
    /// For how long.
    pub length: Duration,
}

/// A piece with what was due before it.
#[derive(Debug, Clone, Copy)]
struct Placed {
    shape: Shape,
    /// Exact: the sum of the lengths in seconds would put a boundary beside itself.
    begin: Duration,
    length_s: f64,
    /// Messages due before it, and before its end.
    before: f64,
    until: f64,
}

/// Pieces one after the other; what comes after them goes on at the last rate.
#[derive(Debug, Clone)]
pub struct Timeline {
    pieces: Vec<Placed>,
    /// The piece of the message asked for last.
    current: usize,
}

impl Timeline {
    /// Of these pieces.
    #[must_use]
    pub fn new(pieces: &[Piece]) -> Self {
        let (mut begin, mut before) = (Duration::ZERO, 0.0);
        let mut placed = Vec::with_capacity(pieces.len() + 1);
        for piece in pieces {
            let length_s = piece.length.as_secs_f64();
            let until = before + piece.shape.messages(length_s, length_s);
            placed.push(Placed {
                shape: piece.shape,
                begin,
                length_s,
                before,
                until: unrounded(until),
            });
            (begin, before) = (begin.saturating_add(piece.length), until);
        }
        let last = pieces.last().map_or(0.0, |piece| {
            let length_s = piece.length.as_secs_f64();
            piece.shape.rate(length_s, length_s)
        });
        if last > 0.0 {
            placed.push(Placed {
                shape: Shape::Steady(last),
                begin,
                length_s: f64::INFINITY,
                before,
                until: f64::INFINITY,
            });
        }
        Self {
            pieces: placed,
            current: 0,
        }
    }

    /// When so many messages have been due, in ns; `u64::MAX` if that never happens. The numbers asked for
    /// must not fall.
    #[must_use]
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a positive time in ns; as-casts saturate"
    )]
    pub fn when_ns(&mut self, messages: f64) -> u64 {
        while let Some(piece) = self.pieces.get(self.current) {
            // At its end it belongs to the next one: between them may lie a pause.
            if messages < piece.until {
                let inside = (messages - piece.before).max(0.0);
                let s = piece.shape.when(inside, piece.length_s);
                return (piece.begin.as_nanos() as u64).saturating_add((s * 1e9) as u64);
            }
            self.current += 1;
        }
        u64::MAX
    }

    /// Messages that are due before `s` seconds.
    #[must_use]
    pub fn due_before(&self, s: f64) -> f64 {
        unrounded(self.messages(s)).max(0.0).ceil()
    }

    /// Messages due in the first `s` seconds.
    fn messages(&self, s: f64) -> f64 {
        let piece = self
            .pieces
            .iter()
            .rev()
            .find(|piece| piece.begin.as_secs_f64() <= s);
        piece.map_or(0.0, |piece| {
            let inside_s = s - piece.begin.as_secs_f64();
            piece.before + piece.shape.messages(inside_s, piece.length_s)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn piece(shape: Shape, seconds: u64) -> Piece {
        Piece {
            shape,
            length: s(seconds),
        }
    }

    #[test]
    fn steps_and_pauses_are_kept() {
        let pieces = [
            piece(Shape::Steady(2.0), 1),
            piece(Shape::Steady(0.0), 3),
            piece(Shape::Steady(4.0), 1),
        ];
        let mut timeline = Timeline::new(&pieces);
        let times: Vec<u64> = (0..8)
            .map(|n| timeline.when_ns(f64::from(n)) / 1_000_000)
            .collect();
        assert_eq!(times, [0, 500, 4000, 4250, 4500, 4750, 5000, 5250]);
        assert_eq!(Timeline::new(&pieces[..2]).when_ns(2.0), u64::MAX);
    }

    #[test]
    fn a_ramp_has_its_rates() {
        // From 0 to 100/s in 10 s: n = 5 t².
        let ramp = Shape::Ramp {
            from: 0.0,
            to: 100.0,
        };
        let mut timeline = Timeline::new(&[piece(ramp, 10)]);
        for n in [0.0, 5.0, 20.0, 125.0, 405.0] {
            let due_s = timeline.when_ns(n) as f64 / 1e9;
            assert!((due_s - (n / 5.0).sqrt()).abs() < 1e-8, "{n}: {due_s}");
        }
        assert_eq!(timeline.when_ns(600.0), 11_000_000_000, "goes on at 100/s");
    }

    fn shape() -> impl Strategy<Value = Shape> {
        let rate = 0.0..50_000.0;
        prop_oneof![
            rate.clone().prop_map(Shape::Steady),
            (rate.clone(), rate.clone()).prop_map(|(from, to)| Shape::Ramp { from, to }),
            (rate, 0.0..=1.0, 1u64..30).prop_map(|(mean, share, period)| Shape::Sine {
                mean,
                amplitude: mean * share,
                period: s(period)
            }),
        ]
    }

    proptest! {
        /// The time of a number is where the integral of the rates has reached it.
        #[test]
        fn times_are_where_the_integral_says(
            pieces in prop::collection::vec((shape(), 1u64..30), 1..6),
            share in 0.0..1.0f64,
        ) {
            let pieces: Vec<Piece> = pieces.into_iter().map(|(shape, length)| piece(shape, length)).collect();
            let timeline = Timeline::new(&pieces);
            let length_s: f64 = pieces.iter().map(|piece| piece.length.as_secs_f64()).sum();
            let all = timeline.messages(length_s);
            let wanted = (all * share).floor();
            let due_ns = timeline.clone().when_ns(wanted);
            if wanted < all {
                let due_s = due_ns as f64 / 1e9;
                prop_assert!(due_s <= length_s);
                let slack = 2e-9 * 100_000.0 + 1e-9 * all;
                prop_assert!(timeline.messages(due_s) <= wanted + slack);
                prop_assert!(timeline.messages(due_s + 2e-9) >= wanted - slack);
            }
            // One after the other, as a run asks.
            let mut asked = timeline;
            let times: Vec<u64> = (0..50).map(|n| asked.when_ns(f64::from(n))).collect();
            prop_assert!(times.is_sorted());
        }
    }
}
