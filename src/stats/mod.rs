//! What may be said of several runs: pure arithmetic on figures, without I/O.
//!
//! The run is the unit throughout. Messages of one run share its connections, its warm-up and whatever
//! the machine did meanwhile, so their number says nothing about how far the next run would differ.
//!
//! [`compare`](fn@compare) answers for each figure of two groups of runs. The method is the one that
//! held its error rate and missed fewest differences in `scripts/comparison`, whose table stands in
//! `results/*-comparison`:
//!
//! - **whether**: Westfall and Young's step-down maxT (Resampling-Based Multiple Testing, 1993, algorithm
//!   4.1) over all figures at once. Runs change groups, with all their figures, in every way or in 9,999
//!   random ones; the statistic is Welch's t of the logarithms, which stays valid for large groups of
//!   unequal spread (Chung and Romano, Annals of Statistics 41, 2013). The chance of calling any
//!   difference where there is none is at most 5 % per comparison, not per figure.
//! - **how much**: the median of all ratios between a candidate's run and a baseline's, with the interval
//!   that inverts the rank-sum test (Hodges and Lehmann, Annals of Mathematical Statistics 34, 1963).
//! - **worth it**: a difference below the least relevant one is none; when the whole interval lies below
//!   it, the figure is called the same.
//!
//! - [`compare`](mod@compare): answers; [`measure`]: what is compared, and which way is better
//! - [`permutation`]: the test; [`shift`]: effect and interval; [`needed`]: how many runs it takes
//! - [`spread`]: median, range and interval of one group
//! - [`steady`]: whether per-second figures have settled; [`trend`] and [`change`]: the tests it is made of;
//!   [`course`]: such figures in bounded memory

pub mod change;
pub mod compare;
pub mod course;
pub mod measure;
pub mod needed;
pub mod permutation;
pub mod search;
pub mod shift;
pub mod spread;
pub mod steady;
pub mod trend;

pub use compare::{Answer, Compared, Limits, Why, compare, overall};
pub use measure::{Better, Measure, Scale};
pub use shift::{Interval, Shift};
pub use spread::Spread;

/// Chance of calling a difference where there is none, per comparison.
pub const ALPHA: f64 = 0.05;
