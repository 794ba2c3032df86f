//! A rate that changes over a run: `1k:30s,5k:30s,20k:60s`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::rate::LimitedRate;
use super::{DurationSetting, ValueError};
use crate::load::{Piece, Shape};

/// Pieces one after the other, each a rate and for how long.
#[derive(Debug, Clone, PartialEq)]
pub struct RatePlan {
    text: String,
    pieces: Vec<Piece>,
}

impl RatePlan {
    /// The pieces, in their order.
    #[must_use]
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// How long all of them are.
    #[must_use]
    pub fn length(&self) -> Duration {
        self.pieces.iter().map(|piece| piece.length).sum()
    }
}

/// Whether a text means a plan, and not one rate.
pub(super) fn is_plan(text: &str) -> bool {
    text.contains(':')
}

/// A rate of a plan, which may be 0: a pause.
fn rate(text: &str) -> Result<f64, ValueError> {
    match text.trim() {
        "0" => Ok(0.0),
        text => Ok(text.parse::<LimitedRate>()?.rate().per_second()),
    }
}

fn shape(text: &str) -> Result<Shape, ValueError> {
    if let Some((from, to)) = text.split_once("..") {
        let (from, to) = (rate(from)?, rate(to)?);
        return Ok(Shape::Ramp { from, to });
    }
    let Some((mean, wave)) = text.split_once('~') else {
        return rate(text).map(Shape::Steady);
    };
    // The last `/`: a rate may have a unit of its own.
    let (amplitude, period) = wave.rsplit_once('/').ok_or_else(|| {
        ValueError::new(format!(
            "`{text}` is not `mean~amplitude/period`, as in 10k~5k/20s"
        ))
    })?;
    let (mean, amplitude) = (rate(mean)?, rate(amplitude)?);
    let DurationSetting(period) = period.parse()?;
    if amplitude > mean {
        return Err(ValueError::new(format!(
            "`{text}` swings below 0: the second rate is at most the first"
        )));
    }
    if period < Duration::from_millis(1) {
        return Err(ValueError::new(format!(
            "`{text}`: a wave takes at least 1ms"
        )));
    }
    Ok(Shape::Sine {
        mean,
        amplitude,
        period,
    })
}

impl FromStr for RatePlan {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let piece = |part: &str| {
            let (rates, length) = part.rsplit_once(':').ok_or_else(|| {
                ValueError::new(format!("`{part}` is not `rate:time`, as in 5k:30s"))
            })?;
            let DurationSetting(length) = length.parse()?;
            if length.is_zero() {
                return Err(ValueError::new(format!("`{part}` takes no time")));
            }
            let shape = shape(rates.trim())?;
            Ok(Piece { shape, length })
        };
        let parts = text.split(',').map(str::trim);
        let pieces: Vec<Piece> = parts.map(piece).collect::<Result<_, _>>()?;
        if pieces.iter().all(|piece| piece.shape.peak() <= 0.0) {
            return Err(ValueError::new(format!("`{text}` sends nothing")));
        }
        Ok(Self {
            text: text.replace(char::is_whitespace, ""),
            pieces,
        })
    }
}

impl fmt::Display for RatePlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn steps_ramps_waves_and_pauses_are_read() {
        let text = "1k:30s, 0:5s, 1k..20k:1m, 600/min~5/s/20s:40s";
        let plan: RatePlan = text.parse().unwrap();
        let ramp = Shape::Ramp {
            from: 1e3,
            to: 20e3,
        };
        let wave = Shape::Sine {
            mean: 10.0,
            amplitude: 5.0,
            period: s(20),
        };
        let expected = [
            (Shape::Steady(1e3), s(30)),
            (Shape::Steady(0.0), s(5)),
            (ramp, s(60)),
            (wave, s(40)),
        ];
        let expected = expected.map(|(shape, length)| Piece { shape, length });
        assert_eq!(plan.pieces(), expected);
        assert_eq!(plan.length(), s(135));
        assert_eq!(plan.to_string().parse(), Ok(plan));
    }

    #[test]
    fn what_is_no_plan_says_why() {
        for (text, part) in [
            ("1k:30s,5k", "rate:time"),
            ("1k:30", "did you mean 30s"),
            ("1k:0s", "takes no time"),
            ("0:30s", "sends nothing"),
            ("1k~2k/20s:1m", "below 0"),
            ("2k~1k:1m", "mean~amplitude/period"),
            ("2k~1k/0s:1m", "at least 1ms"),
            ("fast:1m", "not a number"),
            ("", "rate:time"),
        ] {
            let error = text.parse::<RatePlan>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
