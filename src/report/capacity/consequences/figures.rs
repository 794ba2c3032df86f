//! The consequences as others read them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the capacity means for a demand, with one broker less, in bytes and in money. Reckoned from the answer and from
/// settings, not measured. A month is 1/12 of 365.25 days.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Consequences {
    /// How sure the capacity is that all of this is counted with.
    pub basis: Basis,
    /// That capacity in messages per second: `passed_per_s` of the answer. Absent where no rate passed, as is then all
    /// that follows from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity_per_s: Option<f64>,
    /// Brokers it is the capacity of.
    pub brokers: u64,
    /// What the demand takes of it; absent without `--demand`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub demand: Option<Demand>,
    /// What is left when one broker is not there; absent where there is one alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub one_broker_less: Option<OneBrokerLess>,
    /// Bytes of bodies; absent where none of these settings was given, or windows do not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bodies: Option<BodyBytes>,
    /// What a million messages cost; absent without `--price`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
}

/// What the capacity counted with is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// The lower rate of the pair that was found, at which all confirming windows passed.
    Found,
    /// A lower bound, as `--max` or the generator ended the search, or it ended before any rate failed: shares, and costs at
    /// the capacity, are "at most", dates "not before".
    LowerBound,
    /// A rate that passed in a search without an answer; it was not confirmed.
    Unconfirmed,
    /// No rate passed.
    Nothing,
}

/// What a demand takes of a capacity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Demand {
    /// The demand at the begin of the search, messages per second: `--demand`.
    pub per_s: f64,
    /// The capacity less the demand, messages per second; below zero where the demand is the larger.
    pub headroom_per_s: f64,
    /// The demand as a share of the capacity; above 1 where it is the larger.
    pub used_share: f64,
    /// Whether the demand is within the capacity; absent where that is not known: beyond the rate that passed and below the
    /// one that failed, or beyond a capacity that may be higher, as its `basis` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fits: Option<bool>,
    /// When the growing demand reaches the capacity; absent without `--growth`, and where `fits` is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reached: Option<Reached>,
}

/// When a demand that grows reaches a capacity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Reached {
    /// The growth as given (`--growth`): percent a period, compound.
    pub growth: String,
    /// In one word.
    pub when: When,
    /// The day in UTC, RFC 3339 full-date; only of `later`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    /// Months after the begin of the search; only of `later`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub months: Option<f64>,
}

/// When something is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// It is at the begin of the search.
    Already,
    /// Within 100 years.
    Later,
    /// Not within 100 years.
    #[serde(rename = "not_within_100_years")]
    NotWithin100Years,
}

/// What a cluster with one broker less would carry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OneBrokerLess {
    /// Brokers left, 1 or more.
    pub brokers_left: u64,
    /// By a model, not measured: the capacity times `brokers_left` of all brokers, messages per second. It takes the load as
    /// spread evenly, the brokers as alike, and nothing else as shared between them.
    pub model_per_s: f64,
    /// What the demand takes of `model_per_s`; absent without `--demand`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub demand: Option<Demand>,
}

/// Bytes of bodies as they are sent: compressed where they are. What brokers add to a message (headers, properties,
/// index, replicas) is not counted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BodyBytes {
    /// Mean bytes of an acknowledged body, over the windows of the search.
    pub mean_bytes: f64,
    /// Rate the rest is for, messages per second: the demand, or the capacity without one.
    pub per_s: f64,
    /// Bytes of bodies in 24 hours.
    pub per_day_bytes: f64,
    /// Seconds that brokers keep messages: `--retention`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_s: Option<f64>,
    /// Bytes of bodies sent in that time; absent without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored_bytes: Option<f64>,
}

/// What a million messages cost, by the prices given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cost {
    /// Currency of all amounts, where the prices name one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// When the demand alone is sent; absent without `--demand`, and where it is not known to fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_demand: Option<MillionCost>,
    /// When as much is sent as the capacity.
    pub at_capacity: MillionCost,
}

/// What a million messages cost at a rate. A part without a price is absent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MillionCost {
    /// The rate, messages per second.
    pub per_s: f64,
    /// All brokers, for the time a million messages take at this rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brokers: Option<f64>,
    /// Disk for the bodies, for `--retention`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<f64>,
    /// Traffic of the bodies, counted once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traffic: Option<f64>,
    /// All parts with a price; absent where one of them is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<f64>,
}
