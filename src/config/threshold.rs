//! Conditions that fail a run: `p99>20ms`, `error_rate>0.1%`, `achieved<99.9%`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::suggest;
use super::value::rate::LimitedRate;
use super::value::{DurationSetting, ShareSetting, ValueError};

/// One condition; when it holds, the run has failed.
#[derive(Debug, Clone, PartialEq)]
pub struct Threshold {
    figure: Figure,
    comparator: Comparator,
    limit: Limit,
}

/// Latency series a percentile may be taken of.
const SERIES: [&str; 4] = ["response", "service", "lateness", "queue"];
/// Figures of a latency series.
const STATISTICS: [&str; 8] = ["p50", "p90", "p95", "p99", "p999", "p9999", "max", "mean"];
/// Figures that are shares of all sends.
const SHARES: [&str; 3] = ["error_rate", "achieved", "retry_rate"];
/// Figures per second.
const RATES: [&str; 1] = ["acked_per_s"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Figure {
    Latency {
        series: &'static str,
        statistic: &'static str,
    },
    Share(&'static str),
    Rate(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparator {
    Above,
    AtLeast,
    Below,
    AtMost,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Limit {
    Latency(Duration),
    Share(ShareSetting),
    Rate(LimitedRate),
}

/// What became of a threshold.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// Whether the run passes this threshold.
    pub passed: bool,
    /// The figure in the unit of [`Threshold::evaluate`]; `None` when the run has none.
    pub actual: Option<f64>,
    /// One sentence for people.
    pub sentence: String,
}

/// The full name of a figure: `response.p99` for `p99`.
///
/// # Errors
/// [`ValueError`] naming the figures there are.
pub fn figure_name(text: &str) -> Result<String, ValueError> {
    text.trim().parse::<Figure>().map(Figure::name)
}

impl Threshold {
    /// Name under which [`Threshold::evaluate`] asks for the figure: `response.p99`, `error_rate`.
    #[must_use]
    pub fn figure(&self) -> String {
        self.figure.name()
    }

    /// The latency series it looks at, if it looks at one.
    #[must_use]
    pub fn series(&self) -> Option<&'static str> {
        match self.figure {
            Figure::Latency { series, .. } => Some(series),
            Figure::Share(_) | Figure::Rate(_) => None,
        }
    }

    /// What it looks at in that series: `p99`, `max`.
    #[must_use]
    pub fn statistic(&self) -> Option<&'static str> {
        match self.figure {
            Figure::Latency { statistic, .. } => Some(statistic),
            Figure::Share(_) | Figure::Rate(_) => None,
        }
    }

    /// Whether it fails runs for being good: a low latency, few errors, a high rate.
    #[must_use]
    pub fn is_reversed(&self) -> bool {
        let more_is_better = matches!(self.figure, Figure::Rate(_) | Figure::Share("achieved"));
        let fails_above = matches!(self.comparator, Comparator::Above | Comparator::AtLeast);
        more_is_better == fails_above
    }

    /// The limit in the unit of [`Threshold::evaluate`].
    #[must_use]
    #[allow(
        clippy::cast_precision_loss,
        reason = "a limit below 104 days is exact"
    )]
    pub fn limit(&self) -> f64 {
        match self.limit {
            Limit::Latency(limit) => limit.as_nanos() as f64,
            Limit::Share(share) => share.fraction(),
            Limit::Rate(rate) => rate.rate().per_second(),
        }
    }

    /// Judges a run by its figures: latencies in nanoseconds, shares from 0 to 1, rates per
    /// second. A figure the run does not have fails the threshold: a check that cannot be made
    /// has not been passed.
    #[must_use]
    pub fn evaluate(&self, figures: &dyn Fn(&str) -> Option<f64>) -> Judgement {
        let figure = self.figure();
        let Some(actual) = figures(&figure).filter(|actual| !actual.is_nan()) else {
            return Judgement {
                passed: false,
                actual: None,
                sentence: format!("{self} could not be judged: this run has no {figure}"),
            };
        };
        let limit = self.limit();
        let holds = match self.comparator {
            Comparator::Above => actual > limit,
            Comparator::AtLeast => actual >= limit,
            Comparator::Below => actual < limit,
            Comparator::AtMost => actual <= limit,
        };
        let shown = self.show(actual);
        let limit = match self.limit {
            Limit::Latency(limit) => DurationSetting(limit).to_string(),
            Limit::Share(share) => share.to_string(),
            Limit::Rate(rate) => rate.to_string(),
        };
        let relation = match (holds, self.comparator) {
            (true, Comparator::Above) | (false, Comparator::AtMost) => "above",
            (true, Comparator::AtLeast) | (false, Comparator::Below) => "not below",
            (true, Comparator::Below) | (false, Comparator::AtLeast) => "below",
            (true, Comparator::AtMost) | (false, Comparator::Above) => "not above",
        };
        let outcome = if holds { "failed" } else { "met" };
        Judgement {
            passed: !holds,
            actual: Some(actual),
            sentence: format!(
                "{outcome}: {figure} is {shown}, {relation} {limit} (fail-if {self})"
            ),
        }
    }

    fn show(&self, actual: f64) -> String {
        match self.figure {
            Figure::Latency { .. } if actual >= 1e9 => format!("{:.3} s", actual / 1e9),
            Figure::Latency { .. } if actual >= 1e6 => format!("{:.3} ms", actual / 1e6),
            Figure::Latency { .. } => format!("{:.1} µs", actual / 1e3),
            Figure::Share(_) => format!("{:.4}%", actual * 100.0),
            Figure::Rate(_) => format!("{actual:.1}/s"),
        }
    }
}

fn known(names: &[&'static str], text: &str) -> Option<&'static str> {
    names.iter().copied().find(|name| *name == text)
}

impl FromStr for Figure {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        if let Some(name) = known(&SHARES, text) {
            return Ok(Self::Share(name));
        }
        if let Some(name) = known(&RATES, text) {
            return Ok(Self::Rate(name));
        }
        let (series, statistic) = SERIES
            .iter()
            .find_map(|series| Some((*series, text.strip_prefix(series)?.strip_prefix('.')?)))
            .unwrap_or(("response", text));
        let statistic = match statistic {
            "p99.9" => "p999",
            "p99.99" => "p9999",
            other => other,
        };
        if let Some(statistic) = known(&STATISTICS, statistic) {
            return Ok(Self::Latency { series, statistic });
        }
        let names = || STATISTICS.into_iter().chain(SHARES).chain(RATES);
        Err(match suggest::nearest(text, names()) {
            Some(near) => ValueError::new(format!("no figure `{text}`: did you mean `{near}`?")),
            None => {
                let all: Vec<&str> = names().collect();
                ValueError::new(format!("no figure `{text}`: there are {}", all.join(", ")))
            }
        })
    }
}

impl Figure {
    fn name(self) -> String {
        match self {
            Self::Latency { series, statistic } => format!("{series}.{statistic}"),
            Self::Share(name) | Self::Rate(name) => name.to_owned(),
        }
    }

    fn limit(self, text: &str) -> Result<Limit, ValueError> {
        match self {
            Self::Latency { .. } => {
                let DurationSetting(limit) = text.parse()?;
                Ok(Limit::Latency(limit))
            }
            Self::Share(_) => text.parse().map(Limit::Share),
            Self::Rate(_) => text.parse().map(Limit::Rate),
        }
    }
}

impl FromStr for Threshold {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let at = text.find(['<', '>', '=']).ok_or_else(|| {
            ValueError::new(format!(
                "`{text}` compares nothing: write a limit with it, as in p99<20ms or p99>20ms"
            ))
        })?;
        let (figure, rest) = text.split_at(at);
        let (comparator, limit) = if let Some(limit) = rest.strip_prefix(">=") {
            (Comparator::AtLeast, limit)
        } else if let Some(limit) = rest.strip_prefix("<=") {
            (Comparator::AtMost, limit)
        } else if let Some(limit) = rest.strip_prefix('>') {
            (Comparator::Above, limit)
        } else if let Some(limit) = rest.strip_prefix('<') {
            (Comparator::Below, limit)
        } else {
            return Err(ValueError::new(format!(
                "`{text}`: the comparators are >, >=, < and <="
            )));
        };
        let figure: Figure = figure.trim().parse()?;
        Ok(Self {
            figure,
            comparator,
            limit: figure.limit(limit.trim())?,
        })
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.figure {
            Figure::Latency {
                series: "response",
                statistic,
            } => f.write_str(statistic)?,
            _ => f.write_str(&self.figure())?,
        }
        f.write_str(match self.comparator {
            Comparator::Above => ">",
            Comparator::AtLeast => ">=",
            Comparator::Below => "<",
            Comparator::AtMost => "<=",
        })?;
        match self.limit {
            Limit::Latency(limit) => DurationSetting(limit).fmt(f),
            Limit::Share(share) => share.fmt(f),
            Limit::Rate(rate) => rate.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn threshold(text: &str) -> Threshold {
        text.parse().expect(text)
    }

    #[test]
    fn figures_limits_and_comparators() {
        for (text, figure, limit, written) in [
            ("p99>20ms", "response.p99", 20e6, "p99>20ms"),
            ("response.p99 >= 20ms", "response.p99", 20e6, "p99>=20ms"),
            ("service.p99.9>1s", "service.p999", 1e9, "service.p999>1s"),
            ("lateness.p99>1ms", "lateness.p99", 1e6, "lateness.p99>1ms"),
            ("max>3s", "response.max", 3e9, "max>3s"),
            ("error_rate>0.1%", "error_rate", 0.001, "error_rate>0.1%"),
            ("achieved<99.9%", "achieved", 0.999, "achieved<99.9%"),
            (
                "acked_per_s<=45k",
                "acked_per_s",
                45e3,
                "acked_per_s<=45000/s",
            ),
        ] {
            let parsed = threshold(text);
            assert_eq!(parsed.figure(), figure, "{text}");
            assert!((parsed.limit() - limit).abs() <= limit * 1e-12, "{text}");
            assert_eq!(parsed.to_string(), written);
            assert_eq!(written.parse(), Ok(parsed));
        }
    }

    #[test]
    fn wrong_thresholds_say_what_is_wrong() {
        for (text, part) in [
            ("p99", "compares nothing"),
            ("p99=20ms", "comparators are"),
            ("p99==20ms", "comparators are"),
            ("p99>20", "did you mean 20s or 20ms"),
            ("p98>20ms", "did you mean"),
            ("lag>20ms", "there are p50"),
            ("error_rate>1", "written with %"),
            ("error_rate>5ms", "not a share"),
            ("acked_per_s<0", "0 sends nothing"),
            ("service.p77>1ms", "no figure"),
            (">1ms", "no figure"),
        ] {
            let error = text.parse::<Threshold>().expect_err(text).to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn a_threshold_is_missed_when_its_condition_holds() {
        for (text, actual, passed) in [
            ("p99>20ms", 20e6, true),
            ("p99>20ms", 20e6 + 1.0, false),
            ("p99>=20ms", 20e6, false),
            ("achieved<99.9%", 0.9989, false),
            ("achieved<99.9%", 1.0, true),
            ("acked_per_s<=45k", 45e3, false),
        ] {
            let judged = threshold(text).evaluate(&|_| Some(actual));
            assert_eq!(judged.passed, passed, "{text} {actual}");
        }
        let missed =
            threshold("p99>20ms").evaluate(&|name| (name == "response.p99").then_some(31.25e6));
        assert_eq!(
            missed.sentence,
            "failed: response.p99 is 31.250 ms, above 20ms (fail-if p99>20ms)"
        );
    }

    #[test]
    fn a_figure_the_run_does_not_have_is_not_passed() {
        let judged = threshold("service.p99>1s").evaluate(&|_| None);
        assert!(!judged.passed);
        assert!(judged.sentence.contains("could not be judged"));
        assert!(!threshold("max>1s").evaluate(&|_| Some(f64::NAN)).passed);
    }

    #[test]
    fn thresholds_that_fail_good_runs_are_told_apart() {
        assert!(threshold("p99<20ms").is_reversed());
        assert!(threshold("achieved>99%").is_reversed());
        assert!(!threshold("p99>20ms").is_reversed());
        assert!(!threshold("acked_per_s<45k").is_reversed());
    }
}
