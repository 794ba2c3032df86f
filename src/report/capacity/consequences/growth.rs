//! When a demand that grows reaches a rate.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::figures::{Reached, When};
use crate::config::value::Growth;
use crate::config::value::growth::{DAYS_OF_MONTH, DAYS_OF_YEAR};

/// Later than this is not told.
const LONGEST_DAYS: f64 = 100.0 * DAYS_OF_YEAR;
const SECONDS_OF_DAY: f64 = 86_400.0;

/// When a demand reaches a rate, both per second, from the begin of the search on.
pub(super) fn reached(demand: f64, rate: f64, growth: Growth, from: Option<Timestamp>) -> Reached {
    let days = if demand >= rate {
        0.0
    } else {
        growth.days_to(rate / demand)
    };
    let when = match days {
        days if days <= 0.0 => When::Already,
        days if days <= LONGEST_DAYS => When::Later,
        _ => When::NotWithin100Years,
    };
    let days = Some(days).filter(|_| when == When::Later);
    Reached {
        growth: growth.to_string(),
        when,
        date: days.zip(from).and_then(|(days, from)| date(from, days)),
        months: days.map(|days| days / DAYS_OF_MONTH),
    }
}

/// The day in UTC so many days later.
fn date(from: Timestamp, days: f64) -> Option<String> {
    let later = Duration::try_from_secs_f64(days * SECONDS_OF_DAY).ok()?;
    let then = from.checked_add(later).ok()?;
    Some(TimeZone::UTC.to_datetime(then).date().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BEGIN: &str = "2026-01-31T08:00:00Z";

    fn of(demand: f64, rate: f64, growth: &str) -> Reached {
        let growth = growth.parse().unwrap();
        reached(demand, rate, growth, BEGIN.parse().ok())
    }

    #[test]
    fn a_doubling_takes_as_long_as_its_growth_says() {
        let doubled = of(1e4, 2e4, "100%/year");
        assert_eq!(doubled.when, When::Later);
        assert_eq!(doubled.date.as_deref(), Some("2027-01-31"));
        assert!((doubled.months.unwrap() - 12.0).abs() < 1e-9);
        let monthly = of(1e4, 1.21e4, "10%/month");
        assert!((monthly.months.unwrap() - 2.0).abs() < 1e-9, "{monthly:?}");
        assert_eq!(monthly.date.as_deref(), Some("2026-04-02"));
    }

    #[test]
    fn what_is_reached_or_too_far_has_no_date() {
        for (demand, growth, when) in [
            (2e4, "3%/month", When::Already),
            (3e4, "3%/month", When::Already),
            (1e4, "0.5%/year", When::NotWithin100Years),
            (1e4, "0.000000001%/year", When::NotWithin100Years),
        ] {
            let reached = of(demand, 2e4, growth);
            assert_eq!(reached.when, when, "{demand} {growth}");
            assert_eq!((reached.date, reached.months), (None, None));
        }
        assert_eq!(of(1e4, 2e4, "0.7%/year").when, When::Later);
    }

    proptest! {
        #[test]
        fn the_demand_grown_until_the_day_is_the_rate(
            demand in 1.0_f64..1e6,
            times in 1.001_f64..1000.0,
            percent in 1u64..=500,
            period in 0usize..3,
        ) {
            let text = format!("{percent}%/{}", ["week", "month", "year"][period]);
            let growth: Growth = text.parse().unwrap();
            let rate = demand * times;
            let reached = of(demand, rate, &text);
            let Some(months) = reached.months else {
                prop_assert_eq!(reached.when, When::NotWithin100Years);
                prop_assert!(growth.factor_after(LONGEST_DAYS) < times * 1.000_001);
                return Ok(());
            };
            let grown = demand * growth.factor_after(months * DAYS_OF_MONTH);
            prop_assert!((grown / rate - 1.0).abs() < 1e-9, "{} of {}", grown, rate);
            // On its day the demand passes the rate: not at its begin, and by its end.
            let day: Timestamp = format!("{}T00:00:00Z", reached.date.unwrap()).parse().unwrap();
            let from: Timestamp = BEGIN.parse().unwrap();
            let days = (day.as_second() - from.as_second()) as f64 / SECONDS_OF_DAY;
            prop_assert!(demand * growth.factor_after(days) <= rate * 1.000_001);
            prop_assert!(demand * growth.factor_after(days + 1.0) >= rate * 0.999_999);
        }

        #[test]
        fn a_larger_demand_and_a_faster_growth_are_there_earlier(
            demand in 1.0_f64..1e5,
            more in 1.0_f64..10.0,
            percent in 1u64..=100,
        ) {
            let months = |demand: f64, percent: u64| {
                let reached = of(demand, 1e6, &format!("{percent}%/month"));
                if reached.when == When::NotWithin100Years { f64::INFINITY } else { reached.months.unwrap_or(0.0) }
            };
            prop_assert!(months(demand * more, percent) <= months(demand, percent));
            prop_assert!(months(demand, percent + 1) <= months(demand, percent));
        }
    }
}
