//! What was counted and timed in a run: numbers without I/O, without a clock and without threads.
//!
//! A [`Recorder`] belongs to one shard and is written through `&mut`; once a second it is moved to
//! the collector, which shows it as an [`Interval`] and adds it to the [`Totals`]. Adding is all that
//! merging ever does: percentiles are read off merged histograms and never averaged. At the end the
//! totals become a [`Summary`], whose sums either close to the unit or say where they do not.
//!
//! - [`histogram`]: one kind of time, bucketed, with exact sum, minimum and maximum
//! - [`latency`]: a histogram as a result carries it
//! - [`label`]: counts by kind of failure
//! - [`counters`]: the accounts of sends and attempts, over all and per broker
//! - [`refusals`]: attempts refused for want of room or time, by what the brokers said
//! - [`recorder`]: where a shard writes, per message
//! - [`interval`]: one second for the live view and the interval log; [`series`]: those of a whole run
//! - [`summary`]: the measured window
//! - [`units`]: numbers for people

pub mod counters;
pub mod histogram;
pub mod interval;
pub mod label;
pub mod latency;
pub mod recorder;
pub mod refusals;
pub mod series;
pub mod summary;
pub mod units;

pub use counters::Counters;
pub use histogram::LatencyHistogram;
pub use interval::{BrokerInterval, Interval, Phase, Quantiles};
pub use label::{Label, LabelCounts};
pub use latency::LatencySummary;
pub use recorder::{BrokerRecord, Recorder, SendTimes, Totals};
pub use refusals::{Refusals, Refused};
pub use series::TimeSeries;
pub use summary::{Acks, OpenSum, Summary};
