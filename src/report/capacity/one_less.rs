//! One broker less, searched for: what the same search answers, next to what a model says.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::consequences::Demand;
use super::consequences::reckon::basis;
use super::consequences::words::takes_of;
use super::document::{Answer, AnswerKind};
use super::words::{signed, sureness};
use crate::metrics::units::rate;

/// The same search with one broker less, and the model of that from the capacity of all: each broker carries as much as
/// any other, and nothing else is shared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OneLess {
    /// The broker.
    pub broker: String,
    /// It was stopped by a command; else it ran, and its queues were left out.
    pub stopped: bool,
    /// Brokers left.
    pub brokers_left: u64,
    /// By the model, messages per second: the two rates of the capacity of all brokers, times the share of brokers left.
    /// Absent where that capacity was not found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_per_s: Option<[f64; 2]>,
    /// What was measured, each window of it too.
    pub measured: Answer,
    /// How far the rate that passed is from the model's, as a share of the model's; absent where one of them is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub off_model: Option<f64>,
    /// What `--demand` takes of the rate that passed; absent without it, and where none passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub demand: Option<Demand>,
}

impl OneLess {
    /// From the answer for all brokers and that for the rest of them.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "numbers of brokers")]
    pub fn new(
        broker: &str,
        stopped: bool,
        brokers_left: u64,
        whole: &Answer,
        measured: Answer,
        demand: Option<Demand>,
    ) -> Self {
        let share = brokers_left as f64 / (brokers_left + 1) as f64;
        let pair = |answer: &Answer| {
            let pair = answer.passed_per_s.zip(answer.failed_per_s);
            pair.filter(|_| answer.answer == AnswerKind::Found)
        };
        let model = pair(whole).map(|(low, high)| [low * share, high * share]);
        Self {
            broker: broker.to_owned(),
            stopped,
            brokers_left,
            model_per_s: model,
            off_model: model
                .zip(pair(&measured))
                .map(|([low, _], (passed, _))| passed / low - 1.0),
            measured,
            demand,
        }
    }

    /// Both in sentences.
    pub(in crate::report) fn sentences(&self) -> Vec<String> {
        let how = if self.stopped {
            "was stopped"
        } else {
            "was left out"
        };
        let model = match self.model_per_s {
            Some([low, high]) => format!(
                "Model of one broker less ({} of {}, each carrying as much as any other): {} to {}{}",
                self.brokers_left,
                self.brokers_left + 1,
                rate(low),
                rate(high),
                self.off_model.map_or(String::new(), |off| format!(
                    "; what was measured is {} from it",
                    signed(off)
                ))
            ),
            None => {
                "Model of one broker less: none, as the capacity of all was not found".to_owned()
            }
        };
        let demand = self.demand.as_ref().map(|demand| {
            let takes = takes_of(demand, basis(&self.measured));
            format!(
                "Of what the brokers left carry, the demand of {} {takes}",
                rate(demand.per_s)
            )
        });
        let said = [
            format!(
                "One broker less, measured ({} {how}): {}",
                self.broker, self.measured.sentence
            ),
            format!("Rests on: {}", sureness(&self.measured)),
            model,
        ];
        let [measured, rests, model] = said;
        let first = [measured, rests];
        first.into_iter().chain(demand).chain([model]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::capacity::words::sample;

    #[test]
    fn a_measurement_is_held_against_the_share_of_brokers_left() {
        let whole = sample::found().capacity;
        let with = |kind: AnswerKind, passed: f64, failed: f64| {
            let measured = Answer {
                answer: kind,
                passed_per_s: Some(passed),
                failed_per_s: Some(failed),
                ..whole.clone()
            };
            OneLess::new("broker-1", false, 2, &whole, measured, None)
        };
        let fewer = with(AnswerKind::Found, 18_720.0, 19_000.0);
        assert_eq!(
            fewer.model_per_s.map(|[low, _]| low.round()),
            Some(20_800.0)
        );
        assert!((fewer.off_model.unwrap() + 0.1).abs() < 1e-9);
        let sentences = fewer.sentences();
        let [said, .., model] = sentences.as_slice() else {
            panic!("{sentences:?}");
        };
        assert!(said.contains("broker-1 was left out"), "{said}");
        assert!(
            model.contains("2 of 3") && model.contains("-10.0%"),
            "{model}"
        );
        let bound = with(AnswerKind::Generator, 18_720.0, 19_000.0);
        assert_eq!(bound.off_model, None, "a bound is no capacity");
        assert!(!bound.sentences()[2].contains("measured is"));
    }
}
