//! What a rate has to meet to count as carried: `p99<10ms`, `error_rate<0.1%`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::threshold::Threshold;
use super::value::ValueError;

/// One condition; a window at a rate passes when all hold. Written and judged as [`Threshold`]s are, which fail a run
/// where they hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Objective(Threshold);

/// What became of an objective in a window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Met {
    /// It holds.
    Yes,
    /// It does not.
    No,
    /// The window does not have the figure.
    Unknown,
}

impl Objective {
    /// Name of its figure: `response.p99`, `error_rate`.
    #[must_use]
    pub fn figure(&self) -> String {
        self.0.figure()
    }

    /// The latency series it looks at, if it looks at one.
    #[must_use]
    pub fn series(&self) -> Option<&'static str> {
        self.0.series()
    }

    /// The same as a threshold that fails where the objective holds.
    #[must_use]
    pub fn condition(&self) -> &Threshold {
        &self.0
    }

    /// Judges a window by its figures, in the units of [`Threshold::evaluate`]; also gives the figure.
    #[must_use]
    pub fn evaluate(&self, figures: &dyn Fn(&str) -> Option<f64>) -> (Met, Option<f64>) {
        let judgement = self.0.evaluate(figures);
        let met = match (judgement.actual, judgement.passed) {
            (None, _) => Met::Unknown,
            (Some(_), false) => Met::Yes,
            (Some(_), true) => Met::No,
        };
        (met, judgement.actual)
    }

    /// Longest response time, and share of the window's messages that may take longer, of an objective that bounds a
    /// percentile of the response from above; `None` of others. Once more have taken longer it cannot be met any more.
    #[must_use]
    pub fn response_bound(&self) -> Option<(Duration, f64)> {
        if self.0.series() != Some("response") || !self.0.is_reversed() {
            return None;
        }
        let beyond = match self.0.statistic()? {
            "p50" => 0.5,
            "p90" => 0.1,
            "p95" => 0.05,
            "p99" => 0.01,
            "p999" => 0.001,
            "p9999" => 0.0001,
            "max" => 0.0,
            _ => return None,
        };
        let limit = Duration::try_from_secs_f64(self.0.limit() / 1e9).ok()?;
        Some((limit, beyond))
    }
}

impl FromStr for Objective {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let threshold: Threshold = text.parse()?;
        if threshold.is_reversed() {
            return Ok(Self(threshold));
        }
        Err(ValueError::new(format!(
            "`{text}` asks for a bad figure: an objective says what has to hold, as in p99<10ms"
        )))
    }
}

impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_objective_holds_where_a_threshold_fails() {
        let objective: Objective = "p99<10ms".parse().unwrap();
        let at = |ns: Option<f64>| objective.evaluate(&|_| ns).0;
        assert_eq!(at(Some(9.9e6)), Met::Yes);
        assert_eq!(at(Some(10e6)), Met::No);
        assert_eq!(at(None), Met::Unknown);
        assert_eq!(objective.figure(), "response.p99");
        assert_eq!(objective.to_string(), "p99<10ms");
    }

    #[test]
    fn objectives_for_bad_figures_are_refused() {
        for text in [
            "p99>10ms",
            "error_rate>1%",
            "achieved<99%",
            "acked_per_s<=1k",
        ] {
            let error = text.parse::<Objective>().unwrap_err().to_string();
            assert!(error.contains("asks for a bad figure"), "{error}");
        }
        for text in ["achieved>=99.9%", "acked_per_s>1k", "service.p50<=1ms"] {
            assert!(text.parse::<Objective>().is_ok(), "{text}");
        }
    }

    #[test]
    fn bounds_of_the_response_say_how_many_may_take_longer() {
        let bound = |text: &str| text.parse::<Objective>().unwrap().response_bound();
        assert_eq!(bound("p99<10ms"), Some((Duration::from_millis(10), 0.01)));
        assert_eq!(bound("max<=1s"), Some((Duration::from_secs(1), 0.0)));
        assert_eq!(bound("mean<1ms"), None);
        assert_eq!(bound("service.p99<1ms"), None);
        assert_eq!(bound("error_rate<1%"), None);
    }
}
