//! Values as people write them: one type per kind of value, each with the parser, the canonical
//! text it is written back as, and the sentence that says what was expected.
//!
//! - [`number`]: `50k`, `1.5M`, `1_000_000`; the exact decimal under rates, counts and shares
//! - [`rate`], [`count`], [`size`], [`duration`], [`share`], [`growth`], [`price`]: numbers with a unit
//! - [`moment`]: a point in time; [`start_at`]: when a run begins; [`shard`]: a process's part of it
//! - [`body_size`]: sizes of bodies; [`one_of`]: how one of several is chosen
//! - [`choice`]: one of a few names; [`switch`]: on or off
//! - [`batch`]: size of a batch; [`message`]: keys, properties, compression
//! - [`command`]: what sh runs
//! - [`name`]: topic, brokers, group, namespace, tags, parts of ids; [`namesrv`]: name server addresses; [`path`]: files
//! - [`rate_plan`], [`arrivals`], [`capacities`], [`curve`], [`fault_table`], [`stall`], [`warmup`]: the compound ones
//!
//! Nothing in here knows options, keys or files: the caller adds where a value came from.

pub mod arrivals;
pub mod batch;
pub mod body_size;
pub mod capacities;
pub mod choice;
pub mod command;
pub mod count;
pub mod curve;
pub mod duration;
pub mod fault_table;
pub mod growth;
pub mod message;
pub mod moment;
pub mod name;
pub mod namesrv;
pub mod number;
pub mod one_of;
pub mod path;
pub mod price;
pub mod rate;
pub mod rate_plan;
pub mod shard;
pub mod share;
pub mod size;
pub mod stall;
pub mod start_at;
pub mod switch;
pub mod warmup;

pub use arrivals::ArrivalsSetting;
pub use batch::BatchSetting;
pub use body_size::BodySize;
pub use capacities::CapacitiesSetting;
pub use choice::{
    HeaderSetting, ModeSetting, OutputFormat, QueueOrderSetting, ResponderSetting, ServiceKind,
    ServiceSetting, WhenLateSetting,
};
pub use command::ShellCommand;
pub use count::CountSetting;
pub use curve::CurveSetting;
pub use duration::DurationSetting;
pub use fault_table::FaultTableSetting;
pub use growth::Growth;
pub use message::{CompressSetting, Keys, Properties};
pub use moment::Moment;
pub use name::{
    BrokerName, BrokerNames, GroupName, HostName, IdPart, NamespaceName, Tags, TopicName,
    TopicNames,
};
pub use namesrv::NamesrvList;
pub use one_of::ChoiceSetting;
pub use path::{FilePath, OutputFile};
pub use price::Price;
pub use rate::{LimitedRate, RateSetting};
pub use rate_plan::RatePlan;
pub use shard::ShardSetting;
pub use share::ShareSetting;
pub use size::SizeSetting;
pub use stall::StallSetting;
pub use start_at::StartAt;
pub use switch::{OnOff, Switch};
pub use warmup::WarmupSetting;

use std::fmt;

/// Why a text is not a value of its type; says what was read and, where it can, what was meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueError(String);

impl ValueError {
    /// An error with this sentence.
    #[must_use]
    pub fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ValueError {}
