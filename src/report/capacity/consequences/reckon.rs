//! From the answer to what follows of it.

use jiff::Timestamp;

use super::cost::Priced;
use super::figures::{Basis, BodyBytes, Consequences, Cost, Demand, OneBrokerLess};
use super::growth::reached;
use crate::config::Outlook;
use crate::report::capacity::document::{Answer, AnswerKind};

const SECONDS_OF_DAY: f64 = 86_400.0;

/// What was searched, and what its capacity is held against.
#[derive(Debug, Clone, Copy)]
pub struct Searched<'a> {
    /// What was said besides.
    pub outlook: &'a Outlook,
    /// What came out.
    pub answer: &'a Answer,
    /// Brokers that were sent to.
    pub brokers: usize,
    /// Begin of the search, RFC 3339: when the demand is what it was said to be.
    pub started_at: &'a str,
}

impl Consequences {
    /// What follows; `None` where nothing was said and no broker could be missing, or nothing passed.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "a number of brokers")]
    pub fn of(searched: &Searched<'_>) -> Option<Self> {
        let (outlook, brokers) = (searched.outlook, searched.brokers);
        let capacity = searched.answer.passed_per_s.filter(|per_s| *per_s > 0.0);
        let is_told = !outlook.is_empty() || (capacity.is_some() && brokers > 1);
        let mut result = Self {
            basis: basis(searched.answer),
            capacity_per_s: capacity,
            brokers: brokers as u64,
            demand: None,
            one_broker_less: None,
            bodies: None,
            cost: None,
        };
        let Some(per_s) = capacity.filter(|_| is_told) else {
            return is_told.then_some(result);
        };
        result.demand = searched.demand_of(1.0);
        result.one_broker_less = searched.one_broker_less(per_s);
        if outlook.is_empty() {
            return Some(result);
        }
        let mean_bytes = mean_bytes(searched.answer);
        result.bodies = mean_bytes.map(|mean| bodies(outlook, per_s, mean));
        let fitting = result.demand.as_ref();
        let fitting = fitting.filter(|demand| demand.fits == Some(true));
        result.cost = outlook.prices.map(|prices| {
            let priced = Priced {
                prices,
                brokers: brokers as f64,
                mean_bytes,
                retention: outlook.retention,
            };
            Cost {
                currency: prices.currency.map(|code| code.to_string()),
                at_demand: fitting.map(|demand| priced.million_at(demand.per_s)),
                at_capacity: priced.million_at(per_s),
            }
        });
        Some(result)
    }
}

impl Searched<'_> {
    /// What the demand takes of a share of what passed, which is all of it where brokers are those of the search; `None`
    /// without a demand, and where nothing passed.
    #[must_use]
    pub fn demand_of(&self, share: f64) -> Option<Demand> {
        let per_s = self.outlook.demand_per_s?;
        let capacity = self.answer.passed_per_s.filter(|per_s| *per_s > 0.0)? * share;
        // Between the two rates nothing is known; nor is it where the search had no answer.
        let failed = self.answer.failed_per_s.map(|failed| failed * share);
        let failed = failed.filter(|_| basis(self.answer) == Basis::Found);
        let fits = if per_s <= capacity {
            Some(true)
        } else {
            failed
                .is_some_and(|failed| per_s >= failed)
                .then_some(false)
        };
        let from = self.started_at.parse::<Timestamp>().ok();
        let growth = self.outlook.growth.filter(|_| fits.is_some());
        Some(Demand {
            per_s,
            headroom_per_s: capacity - per_s,
            used_share: per_s / capacity,
            fits,
            reached: growth.map(|growth| reached(per_s, capacity, growth, from)),
        })
    }

    #[allow(clippy::cast_precision_loss, reason = "a number of brokers")]
    fn one_broker_less(&self, capacity: f64) -> Option<OneBrokerLess> {
        let left = self.brokers.checked_sub(1).filter(|left| *left > 0)?;
        let share = left as f64 / self.brokers as f64;
        let model_per_s = capacity * share;
        Some(OneBrokerLess {
            brokers_left: left as u64,
            model_per_s,
            demand: self.demand_of(share),
        })
    }
}

/// How sure the rate that passed is.
pub(in crate::report::capacity) fn basis(answer: &Answer) -> Basis {
    match answer.answer {
        _ if answer.passed_per_s.is_none() => Basis::Nothing,
        AnswerKind::Found => Basis::Found,
        AnswerKind::AtLeastMax | AnswerKind::Generator => Basis::LowerBound,
        // Nothing failed yet.
        _ if answer.failed_per_s.is_none() => Basis::LowerBound,
        AnswerKind::BelowMin
        | AnswerKind::Moved
        | AnswerKind::OutOfTime
        | AnswerKind::Stopped
        | AnswerKind::Interrupted => Basis::Unconfirmed,
    }
}

/// Over all windows that tell.
#[allow(clippy::cast_precision_loss, reason = "a mean")]
fn mean_bytes(answer: &Answer) -> Option<f64> {
    let windows = answer.steps.iter().map(|step| &step.window);
    let telling = windows.filter_map(|window| {
        let acked = window.ended.saturating_sub(window.failed_or_unknown);
        Some((window.acked_body_bytes?, acked))
    });
    let (bytes, acked) = telling.fold((0.0, 0.0), |(bytes, acked), window| {
        (bytes + window.0 as f64, acked + window.1 as f64)
    });
    (acked > 0.0).then_some(bytes / acked)
}

fn bodies(outlook: &Outlook, capacity: f64, mean_bytes: f64) -> BodyBytes {
    let per_s = outlook.demand_per_s.unwrap_or(capacity);
    let retention_s = outlook.retention.map(|time| time.as_secs_f64());
    BodyBytes {
        mean_bytes,
        per_s,
        per_day_bytes: per_s * mean_bytes * SECONDS_OF_DAY,
        retention_s,
        stored_bytes: retention_s.map(|seconds| per_s * mean_bytes * seconds),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::figures::When;
    use super::*;
    use crate::report::capacity::words::sample;

    fn answer(kind: AnswerKind, passed_per_s: Option<f64>) -> Answer {
        Answer {
            answer: kind,
            // A twentieth more failed.
            failed_per_s: passed_per_s.map(|per_s| per_s * 1.05),
            passed_per_s,
            ..sample::found().capacity
        }
    }

    fn of(answer: &Answer, brokers: usize, outlook: &Outlook) -> Option<Consequences> {
        Consequences::of(&Searched {
            outlook,
            answer,
            brokers,
            started_at: "2026-01-31T08:00:00Z",
        })
    }

    fn demand(per_s: f64) -> Outlook {
        Outlook {
            demand_per_s: Some(per_s),
            growth: "3%/month".parse().ok(),
            ..Outlook::default()
        }
    }

    #[test]
    fn without_anything_said_one_broker_less_alone_is_told() {
        let found = answer(AnswerKind::Found, Some(30_000.0));
        let nothing_said = Outlook::default();
        assert_eq!(of(&found, 1, &nothing_said), None);
        let two = of(&found, 2, &nothing_said).unwrap();
        let left = two.one_broker_less.unwrap();
        assert_eq!((left.brokers_left, left.model_per_s), (1, 15_000.0));
        assert_eq!((two.demand, two.bodies, two.cost), (None, None, None));
        let nothing = answer(AnswerKind::BelowMin, None);
        assert_eq!(of(&nothing, 2, &nothing_said), None);
    }

    #[test]
    fn where_nothing_passed_nothing_follows() {
        let nothing = answer(AnswerKind::BelowMin, None);
        let told = of(&nothing, 3, &demand(1e3)).unwrap();
        assert_eq!((told.basis, told.capacity_per_s), (Basis::Nothing, None));
        assert_eq!(
            (told.demand, told.one_broker_less, told.bodies),
            (None, None, None)
        );
    }

    #[test]
    fn beyond_a_lower_bound_nobody_knows_whether_a_demand_fits() {
        for (kind, basis, fits) in [
            (AnswerKind::Found, Basis::Found, Some(false)),
            (AnswerKind::AtLeastMax, Basis::LowerBound, None),
            (AnswerKind::Generator, Basis::LowerBound, None),
            (AnswerKind::OutOfTime, Basis::Unconfirmed, None),
        ] {
            let told = of(&answer(kind, Some(1e4)), 1, &demand(2e4)).unwrap();
            assert_eq!(told.basis, basis);
            let beyond = told.demand.unwrap();
            assert_eq!(beyond.fits, fits);
            assert_eq!(
                beyond.reached.map(|reached| reached.when),
                fits.map(|_| When::Already)
            );
            let told = of(&answer(kind, Some(1e4)), 1, &demand(5e3)).unwrap();
            let within = told.demand.unwrap();
            assert_eq!((within.fits, within.used_share), (Some(true), 0.5));
            assert_eq!(within.reached.unwrap().when, When::Later);
        }
        let between = of(&answer(AnswerKind::Found, Some(1e4)), 2, &demand(10_200.0)).unwrap();
        assert_eq!(between.demand.unwrap().fits, None, "nothing is known of it");
        assert_eq!(
            between.one_broker_less.unwrap().demand.unwrap().fits,
            Some(false)
        );
        let unfailed = Answer {
            failed_per_s: None,
            ..answer(AnswerKind::Interrupted, Some(1e4))
        };
        assert_eq!(
            of(&unfailed, 1, &demand(5e3)).unwrap().basis,
            Basis::LowerBound
        );
    }

    #[test]
    fn costs_at_a_demand_that_does_not_fit_are_none() {
        let prices = crate::config::PriceList {
            broker_per_hour: Some(0.4),
            ..Default::default()
        };
        let cost = |per_s: f64| {
            let outlook = Outlook {
                prices: Some(prices),
                ..demand(per_s)
            };
            let told = of(&answer(AnswerKind::Found, Some(1e4)), 2, &outlook);
            told.unwrap().cost.unwrap()
        };
        assert!(cost(5e3).at_demand.is_some());
        assert!(cost(2e4).at_demand.is_none());
    }

    #[test]
    fn bytes_are_of_acknowledged_bodies() {
        // Windows of the sample have 10,000 bodies of 1 KiB.
        let outlook = Outlook {
            retention: Some(std::time::Duration::from_secs(3600)),
            ..Outlook::default()
        };
        let told = of(&answer(AnswerKind::Found, Some(100.0)), 1, &outlook).unwrap();
        let bodies = told.bodies.unwrap();
        assert_eq!((bodies.mean_bytes, bodies.per_s), (1024.0, 100.0));
        assert_eq!(bodies.per_day_bytes, 1024.0 * 100.0 * 86_400.0);
        assert_eq!(bodies.stored_bytes, Some(1024.0 * 100.0 * 3600.0));
        let mut silent = answer(AnswerKind::Found, Some(100.0));
        for step in &mut silent.steps {
            step.window.acked_body_bytes = None;
        }
        assert_eq!(of(&silent, 1, &outlook).unwrap().bodies, None);
    }

    proptest! {
        #[test]
        fn shares_headroom_and_the_model_go_together(
            capacity in 1.0_f64..1e6,
            share in 0.001_f64..3.0,
            more in 1.0_f64..10.0,
            brokers in 2usize..50,
        ) {
            let outlook = demand(capacity * share);
            let told = |capacity: f64| {
                of(&answer(AnswerKind::Found, Some(capacity)), brokers, &outlook).unwrap()
            };
            let lower = told(capacity);
            let with = lower.demand.clone().unwrap();
            prop_assert!((with.used_share * capacity / with.per_s - 1.0).abs() < 1e-9);
            prop_assert!((with.headroom_per_s + with.per_s - capacity).abs() < 1e-6);
            let fits = match share {
                ..=1.0 => Some(true),
                1.051.. => Some(false),
                _ => with.fits.filter(|fits| !fits),
            };
            prop_assert_eq!(with.fits, fits);
            let less = lower.one_broker_less.unwrap();
            prop_assert_eq!(less.brokers_left, brokers as u64 - 1);
            let all = less.model_per_s * brokers as f64 / less.brokers_left as f64;
            prop_assert!((all / capacity - 1.0).abs() < 1e-9);
            prop_assert!(less.demand.unwrap().used_share > with.used_share);
            let higher = told(capacity * more).demand.unwrap();
            prop_assert!(higher.used_share <= with.used_share);
            let rank = |demand: &Demand| demand.fits.map_or(1, |fits| 2 * u8::from(fits));
            prop_assert!(rank(&higher) >= rank(&with));
        }
    }
}
