//! What a capacity is held against, besides its search: a demand and its growth, prices, a retention.

use std::time::Duration;

use super::error::ConfigError;
use super::setting::{Given, Source};
use super::settings::Settings;
use super::value::growth::Growth;
use super::value::price::{Currency, Price, PriceItem};

/// All of it is optional, and none of it changes what a search does.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Outlook {
    /// Messages per second that the cluster has to carry at the begin of the search.
    pub demand_per_s: Option<f64>,
    /// How the demand grows; only with one.
    pub growth: Option<Growth>,
    /// How long brokers keep messages; above 0.
    pub retention: Option<Duration>,
    /// What things cost; `None` without any price.
    pub prices: Option<PriceList>,
}

/// The user's own prices, all in one currency; what has none is left out of a cost.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PriceList {
    /// Of one broker for an hour.
    pub broker_per_hour: Option<f64>,
    /// Of a GiB of disk for a twelfth of 365.25 days; only with a retention.
    pub disk_per_gib_month: Option<f64>,
    /// Of a GiB of bodies sent.
    pub traffic_per_gib: Option<f64>,
    /// What the amounts are of, where they say so.
    pub currency: Option<Currency>,
}

impl Outlook {
    /// Whether nothing was said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// From the settings.
    ///
    /// # Errors
    /// [`ConfigError::Value`] for settings that need another one, or that do not go together.
    pub(super) fn read(given: &Settings) -> Result<Self, ConfigError> {
        if let Some(growth) = given.growth.as_ref().filter(|_| given.demand.is_none()) {
            return Err(refuse(
                "growth",
                &growth.source,
                "grows nothing: there is no demand, as in --demand 30k",
                "say what the cluster has to carry today, as in --demand 30k",
            ));
        }
        let zero = given
            .retention
            .as_ref()
            .filter(|given| given.value.0.is_zero());
        if let Some(retention) = zero {
            return Err(refuse(
                "retention",
                &retention.source,
                "0s keeps no message",
                "give the time brokers keep messages, as in --retention 72h (fileReservedTime)",
            ));
        }
        let prices = PriceList::read(&given.price)?;
        if prices.disk_per_gib_month.is_some() && given.retention.is_none() {
            return Err(refuse(
                "price",
                &given.price.source,
                "the price of disk needs the time messages stay there",
                "give --retention; 72h is RocketMQ's own (fileReservedTime)",
            ));
        }
        Ok(Self {
            demand_per_s: given
                .demand
                .as_ref()
                .map(|given| given.value.rate().per_second()),
            growth: given.growth.as_ref().map(|given| given.value),
            retention: given.retention.as_ref().map(|given| given.value.0),
            prices: (!given.price.value.is_empty()).then_some(prices),
        })
    }
}

impl PriceList {
    fn read(given: &Given<Vec<Price>>) -> Result<Self, ConfigError> {
        let refused = |reason: &str, hint: &str| Err(refuse("price", &given.source, reason, hint));
        let mut list = Self {
            currency: given.value.first().and_then(|price| price.currency),
            ..Self::default()
        };
        for price in &given.value {
            if price.currency != list.currency {
                return refused(
                    "the prices are not all of one currency",
                    "name the same one for all, or for none: --price broker=0.40EUR/hour --price traffic=0.09EUR/GiB",
                );
            }
            let place = match price.item {
                PriceItem::Broker(_) => &mut list.broker_per_hour,
                PriceItem::Disk => &mut list.disk_per_gib_month,
                PriceItem::Traffic => &mut list.traffic_per_gib,
            };
            if place.replace(price.amount()).is_some() {
                return refused(
                    &format!("{} has two prices", price.item.name()),
                    "give one each: --price broker=0.40/hour --price traffic=0.09/GiB",
                );
            }
        }
        Ok(list)
    }
}

fn refuse(key: &'static str, source: &Source, reason: &str, hint: &str) -> ConfigError {
    ConfigError::Value {
        key,
        source_of_value: source.clone(),
        reason: reason.to_owned(),
        hint: hint.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::setting::RawValue;
    use crate::config::settings::setting;
    use crate::config::{Sources, resolve_capacity};

    /// Texts of settings, by key.
    type Said<'a> = &'a [(&'a str, &'a [&'a str])];

    fn read(given: Said<'_>) -> Result<Outlook, ConfigError> {
        let mut sources = Sources::default();
        for (key, texts) in given {
            let raw = RawValue {
                texts: texts.iter().map(|text| (*text).to_owned()).collect(),
                source: Source::CommandLine,
            };
            sources.command_line.insert(setting(key).unwrap().key, raw);
        }
        resolve_capacity(&sources).map(|plan| plan.outlook)
    }

    #[test]
    fn an_outlook_is_what_was_said_and_no_more() {
        assert!(read(&[]).unwrap().is_empty());
        let outlook = read(&[
            ("demand", &["1.8M/min"]),
            ("growth", &["3%/month"]),
            ("retention", &["72h"]),
            ("price", &["broker=9.60EUR/day", "disk=0.08EUR/GiB-month"]),
        ])
        .unwrap();
        assert_eq!(outlook.demand_per_s, Some(30_000.0));
        assert_eq!(outlook.growth, "3%/month".parse().ok());
        assert_eq!(outlook.retention, Some(Duration::from_secs(72 * 3600)));
        let prices = outlook.prices.unwrap();
        assert!((prices.broker_per_hour.unwrap() - 0.4).abs() < 1e-12);
        assert_eq!(prices.disk_per_gib_month, Some(0.08));
        assert_eq!(prices.traffic_per_gib, None);
        assert_eq!(prices.currency.unwrap().to_string(), "EUR");
        let prices = read(&[("price", &["traffic=1/GiB"])])
            .unwrap()
            .prices
            .unwrap();
        assert_eq!(prices.currency, None);
    }

    #[test]
    fn settings_that_do_not_go_together_are_refused_with_the_way_out() {
        let cases: [(Said<'_>, &str, &str); 9] = [
            (
                &[("growth", &["3%/month"])],
                "there is no demand",
                "--demand 30k",
            ),
            (
                &[("price", &["disk=0.08/GiB-month"])],
                "needs the time",
                "72h is RocketMQ's own",
            ),
            (
                &[("retention", &["0s"])],
                "keeps no message",
                "--retention 72h",
            ),
            (
                &[("price", &["broker=1/hour", "broker=1/day"])],
                "broker has two prices",
                "give one each",
            ),
            (
                &[("price", &["broker=1EUR/hour", "traffic=1USD/GiB"])],
                "not all of one currency",
                "the same one for all",
            ),
            (
                &[("price", &["broker=1/hour", "traffic=1USD/GiB"])],
                "not all of one currency",
                "or for none",
            ),
            (
                &[("price", &["broker=1"])],
                "the unit is missing",
                "broker=0.40/hour",
            ),
            (
                &[("demand", &["1k"]), ("growth", &["3%"])],
                "is no growth",
                "3%/month",
            ),
            (
                &[("demand", &["max"])],
                "is not a number",
                "a rate such as 50k",
            ),
        ];
        for (given, reason, hint) in cases {
            let error = read(given).expect_err(reason);
            assert!(error.to_string().contains(reason), "{error}");
            assert!(error.hint().contains(hint), "{}", error.hint());
        }
    }
}
