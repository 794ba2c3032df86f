//! Prices of a price list: `broker=0.40/hour`, `disk=0.08/GiB-month`, `traffic=0.09EUR/GiB`.

use std::fmt;
use std::str::FromStr;

use super::ValueError;
use super::growth::DAYS_OF_MONTH;
use super::number::Decimal;

const HOURS_OF_DAY: f64 = 24.0;

/// What one thing costs. Amounts are of whatever currency the price list is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    /// What has the price, and per what.
    pub item: PriceItem,
    amount: Decimal,
    /// The amount's currency, where it is named.
    pub currency: Option<Currency>,
}

/// What has a price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PriceItem {
    /// One broker, for a time.
    Broker(PricedTime),
    /// A GiB of disk for a month.
    Disk,
    /// A GiB of bodies sent.
    Traffic,
}

/// Time a price is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PricedTime {
    /// 60 minutes.
    Hour,
    /// 24 hours.
    Day,
    /// A twelfth of 365.25 days.
    Month,
}

/// Code of a currency: three capital letters, as ISO 4217 has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Currency([u8; 3]);

impl PriceItem {
    const ALL: [Self; 5] = [
        Self::Broker(PricedTime::Hour),
        Self::Broker(PricedTime::Day),
        Self::Broker(PricedTime::Month),
        Self::Disk,
        Self::Traffic,
    ];

    /// Its name in a price list.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Broker(_) => "broker",
            Self::Disk => "disk",
            Self::Traffic => "traffic",
        }
    }

    fn unit(self) -> &'static str {
        match self {
            Self::Broker(PricedTime::Hour) => "hour",
            Self::Broker(PricedTime::Day) => "day",
            Self::Broker(PricedTime::Month) => "month",
            Self::Disk => "GiB-month",
            Self::Traffic => "GiB",
        }
    }

    fn example(self) -> &'static str {
        match self {
            Self::Broker(_) => "broker=0.40/hour (or /day, /month)",
            Self::Disk => "disk=0.08/GiB-month",
            Self::Traffic => "traffic=0.09/GiB",
        }
    }
}

impl Price {
    /// The amount, 0 or more: of a broker per hour, of disk per GiB and month, of traffic per GiB.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "three digits are shown")]
    pub fn amount(self) -> f64 {
        let amount = self.amount.mantissa as f64 / self.amount.denominator() as f64;
        match self.item {
            PriceItem::Broker(PricedTime::Day) => amount / HOURS_OF_DAY,
            PriceItem::Broker(PricedTime::Month) => amount / (HOURS_OF_DAY * DAYS_OF_MONTH),
            _ => amount,
        }
    }
}

impl FromStr for Price {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let wrong = |why: &str, example: &str| {
            ValueError::new(format!("`{text}`: {why}; write as in {example}"))
        };
        let (name, rest) = text
            .split_once('=')
            .ok_or_else(|| wrong("a price is ITEM=AMOUNT/UNIT", "broker=0.40/hour"))?;
        let name = name.trim();
        let known = PriceItem::ALL.into_iter().find(|item| item.name() == name);
        let example = known
            .ok_or_else(|| {
                wrong(
                    &format!("`{name}` has no price here: broker, disk and traffic have"),
                    "broker=0.40/hour",
                )
            })?
            .example();
        let (amount, unit) = rest
            .split_once('/')
            .ok_or_else(|| wrong("the unit is missing", example))?;
        // No prefix of a number: the M of MXN and the G of GBP are none.
        let amount = amount.trim();
        let end = amount
            .find(|letter: char| !(letter.is_ascii_digit() || letter == '.' || letter == '_'));
        let (number, currency) = amount.split_at(end.unwrap_or(amount.len()));
        let (number, _) = Decimal::parse_prefix(number)
            .map_err(|_| wrong(&format!("`{amount}` is no amount"), example))?;
        let currency = match currency.trim() {
            "" => None,
            code => Some(Currency::parse(code).ok_or_else(|| {
                wrong(
                    &format!("`{code}` is no code of a currency, three capital letters"),
                    "broker=0.40EUR/hour",
                )
            })?),
        };
        let unit = unit.trim();
        let item = PriceItem::ALL
            .into_iter()
            .find(|item| item.name() == name && item.unit() == unit)
            .ok_or_else(|| wrong(&format!("`{unit}` is no unit of {name}"), example))?;
        Ok(Self {
            item,
            amount: number,
            currency,
        })
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.item.name(), self.amount)?;
        if let Some(currency) = self.currency {
            write!(f, "{currency}")?;
        }
        write!(f, "/{}", self.item.unit())
    }
}

impl Currency {
    fn parse(code: &str) -> Option<Self> {
        let letters: [u8; 3] = code.as_bytes().try_into().ok()?;
        letters
            .iter()
            .all(u8::is_ascii_uppercase)
            .then_some(Self(letters))
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|letter| write!(f, "{}", char::from(*letter)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn prices_have_an_item_an_amount_and_a_unit() {
        for (text, written, amount) in [
            ("broker=0.40/hour", "broker=0.4/hour", 0.4),
            ("broker=9.60/day", "broker=9.6/day", 0.4),
            ("broker=730.5/month", "broker=730.5/month", 1.0),
            (" disk = 0.08 / GiB-month ", "disk=0.08/GiB-month", 0.08),
            ("traffic=0/GiB", "traffic=0/GiB", 0.0),
            ("broker=0.40 EUR/hour", "broker=0.4EUR/hour", 0.4),
            // Neither G nor M nor K is a prefix.
            ("traffic=9GBP/GiB", "traffic=9GBP/GiB", 9.0),
            ("traffic=9MXN/GiB", "traffic=9MXN/GiB", 9.0),
            ("traffic=9KRW/GiB", "traffic=9KRW/GiB", 9.0),
        ] {
            let price: Price = text.parse().expect(text);
            assert_eq!(price.to_string(), written);
            assert!((price.amount() - amount).abs() < 1e-12, "{text}");
        }
    }

    #[test]
    fn what_is_no_price_says_how_one_is_written() {
        for (text, part) in [
            (
                "0.40/hour",
                "ITEM=AMOUNT/UNIT; write as in broker=0.40/hour",
            ),
            ("brokers=0.40/hour", "`brokers` has no price here"),
            (
                "broker=0.40",
                "the unit is missing; write as in broker=0.40/hour",
            ),
            ("broker=0.40/year", "`year` is no unit of broker"),
            (
                "disk=0.08/GiB",
                "`GiB` is no unit of disk; write as in disk=0.08/GiB-month",
            ),
            ("disk=0.08/GB-month", "write as in disk=0.08/GiB-month"),
            ("traffic=0.09/GB", "write as in traffic=0.09/GiB"),
            ("traffic=-1/GiB", "`-1` is no amount"),
            ("traffic=/GiB", "is no amount"),
            ("traffic=$1/GiB", "`$1` is no amount"),
            ("traffic=1k/GiB", "write as in broker=0.40EUR/hour"),
            ("traffic=1eur/GiB", "write as in broker=0.40EUR/hour"),
            ("traffic=1€/GiB", "write as in broker=0.40EUR/hour"),
            ("", "write as in broker=0.40/hour"),
        ] {
            let error = text.parse::<Price>().expect_err(text).to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(
            amount in "[0-9]{1,9}(\\.[0-9]{1,9})?",
            currency in "([A-Z]{3})?",
            item in 0usize..5,
        ) {
            let item = PriceItem::ALL[item];
            let text = format!("{}={amount}{currency}/{}", item.name(), item.unit());
            let price: Price = text.parse().unwrap();
            prop_assert_eq!(price.to_string().parse(), Ok(price));
            prop_assert_eq!(price.currency.map_or(String::new(), |code| code.to_string()), currency);
        }

        #[test]
        fn any_text_is_a_price_or_an_error(text in ".{0,30}|(broker|disk|traffic)=[0-9.A-Z]{0,25}/(hour|GiB|.{0,9})") {
            let _ = text.parse::<Price>();
        }
    }
}
