//! What a million messages cost, by a price list.

use std::time::Duration;

use super::figures::MillionCost;
use crate::config::PriceList;
use crate::config::value::growth::DAYS_OF_MONTH;

const MILLION: f64 = 1e6;
const GIB: f64 = 1024.0 * 1024.0 * 1024.0;
const SECONDS_OF_HOUR: f64 = 3600.0;
const SECONDS_OF_MONTH: f64 = DAYS_OF_MONTH * 86_400.0;

/// What costs depend on besides the rate.
#[derive(Debug, Clone, Copy)]
pub(super) struct Priced {
    pub(super) prices: PriceList,
    /// Brokers that are paid for.
    pub(super) brokers: f64,
    /// Mean bytes of a body, where known.
    pub(super) mean_bytes: Option<f64>,
    /// How long a body stays on disk.
    pub(super) retention: Option<Duration>,
}

impl Priced {
    /// At a rate, messages per second, above 0.
    pub(super) fn million_at(&self, per_s: f64) -> MillionCost {
        let hours = MILLION / per_s / SECONDS_OF_HOUR;
        let gib = self.mean_bytes.map(|bytes| bytes * MILLION / GIB);
        let months = self
            .retention
            .map(|retention| retention.as_secs_f64() / SECONDS_OF_MONTH);
        let prices = &self.prices;
        // A part with a price is known or not; one without has none.
        let brokers = prices
            .broker_per_hour
            .map(|price| Some(price * self.brokers * hours));
        let disk = prices
            .disk_per_gib_month
            .map(|price| Some(price * gib? * months?));
        let traffic = prices.traffic_per_gib.map(|price| Some(price * gib?));
        let priced = [brokers, disk, traffic].into_iter().flatten();
        MillionCost {
            per_s,
            brokers: brokers.flatten(),
            disk: disk.flatten(),
            traffic: traffic.flatten(),
            total: priced.sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn priced() -> Priced {
        Priced {
            prices: PriceList {
                broker_per_hour: Some(0.4),
                disk_per_gib_month: Some(0.08),
                traffic_per_gib: Some(0.09),
                currency: None,
            },
            brokers: 3.0,
            mean_bytes: Some(1024.0),
            retention: Some(Duration::from_secs(72 * 3600)),
        }
    }

    #[test]
    fn parts_are_what_a_million_messages_take() {
        // A million a hour: an hour of three brokers, 0.95 GiB, a tenth of a month.
        let cost = priced().million_at(MILLION / 3600.0);
        let gib = 1024.0 * 1e6 / 1_073_741_824.0;
        let near = |actual: Option<f64>, expected: f64| {
            assert!(
                (actual.unwrap() - expected).abs() < 1e-12,
                "{actual:?} {expected}"
            );
        };
        near(cost.brokers, 1.2);
        near(cost.traffic, 0.09 * gib);
        near(cost.disk, 0.08 * gib * 3.0 / 30.4375);
    }

    #[test]
    fn a_part_that_is_not_known_leaves_no_total() {
        let unknown = Priced {
            mean_bytes: None,
            ..priced()
        };
        let cost = unknown.million_at(1e3);
        assert!(cost.brokers.is_some());
        assert_eq!((cost.disk, cost.traffic, cost.total), (None, None, None));
        let brokers_alone = Priced {
            prices: PriceList {
                broker_per_hour: Some(0.4),
                ..PriceList::default()
            },
            ..unknown
        };
        let cost = brokers_alone.million_at(1e3);
        assert_eq!(cost.total, cost.brokers);
    }

    proptest! {
        #[test]
        fn parts_add_up_and_a_higher_rate_costs_no_more(
            rate in 1.0_f64..1e6,
            more in 1.0_f64..100.0,
            prices in [0.0_f64..10.0, 0.0_f64..10.0, 0.0_f64..10.0],
            brokers in 1u32..100,
            bytes in 0.0_f64..4e6,
            hours in 1u64..10_000,
        ) {
            let priced = Priced {
                prices: PriceList {
                    broker_per_hour: Some(prices[0]),
                    disk_per_gib_month: Some(prices[1]),
                    traffic_per_gib: Some(prices[2]),
                    currency: None,
                },
                brokers: f64::from(brokers),
                mean_bytes: Some(bytes),
                retention: Some(Duration::from_secs(hours * 3600)),
            };
            let cost = priced.million_at(rate);
            let parts = cost.brokers.unwrap() + cost.disk.unwrap() + cost.traffic.unwrap();
            let total = cost.total.unwrap();
            prop_assert!((parts - total).abs() <= 1e-9 * total, "{} {}", parts, total);
            let at_more = priced.million_at(rate * more);
            prop_assert!(at_more.total.unwrap() <= total * (1.0 + 1e-12));
            prop_assert_eq!(at_more.disk, cost.disk);
            prop_assert_eq!(at_more.traffic, cost.traffic);
            // What the brokers cost an hour is the same at all rates.
            let an_hour = |cost: &MillionCost| cost.brokers.unwrap() * cost.per_s * 3600.0 / 1e6;
            prop_assert!((an_hour(&at_more) - an_hour(&cost)).abs() <= 1e-9 * an_hour(&cost));
        }
    }
}
