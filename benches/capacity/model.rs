//! Clusters that never were: what a window at a rate shows is drawn from a model whose capacity is known.
//!
//! A cluster serves so many messages a second; the 99th percentile of its response time is that of a single server with
//! exponential service times, the inverse of what it has to spare, and grows with the window where it has nothing to spare.
//! The objective is met up to the rate whose percentile is the limit: the capacity. Noise moves the rate of service from
//! window to window, with a median of 1, and the measured percentile besides.

use rand::RngExt;
use rand::rngs::Xoshiro256PlusPlus;
use rand_distr::{Distribution, StandardNormal, StudentT};
use rmq_bench::stats::search::Outcome;

/// Limit of the 99th percentile in seconds.
pub const LIMIT_S: f64 = 0.010;
/// Seconds of a window, and around it: warm-up, answers still out, a look whether the backlog is gone.
pub const WINDOW_S: f64 = 10.0;
pub const AROUND_S: f64 = 3.5;
/// A window ends early once more messages were late than may be of all: this is looked at once a second.
const MAY_BE_LATE: f64 = 0.01;
/// Drifts are over so many seconds from the start.
pub const DRIFT_S: f64 = 600.0;

/// How windows differ.
#[derive(Debug, Clone, Copy)]
pub enum Noise {
    /// Anew in each, normal.
    White(f64),
    /// Normal, each depending on the one before.
    Lasting { deviation: f64, correlation: f64 },
    /// Anew in each, Student's t with three degrees of freedom.
    Heavy(f64),
    /// Anew in each, downwards more than upwards: exponential, its median taken off.
    Skewed(f64),
}

/// What a cluster has to spare at its capacity: the less, the more suddenly its percentile rises there.
#[derive(Debug, Clone, Copy)]
pub enum Spare {
    /// That of a single server whose percentile is the limit: 0.3 to 3 % of what it serves.
    ByLimit,
    /// This share of what it serves.
    Share(f64),
}

/// A cluster, and how it is seen.
#[derive(Debug, Clone, Copy)]
pub struct Cluster {
    /// Messages it serves a second.
    pub served_per_s: f64,
    /// How that differs from window to window, as a share.
    pub noise: Noise,
    /// What it has to spare at its capacity.
    pub spare: Spare,
    /// Standard deviation of the logarithm of the measured percentile.
    pub measured: f64,
    /// Share of the windows with a stall, which fail.
    pub stalled: f64,
    /// What becomes of the rate of service.
    pub course: Course,
}

/// How the rate of service goes while it is looked for.
#[derive(Debug, Clone, Copy)]
pub enum Course {
    /// It stays.
    Steady,
    /// In a straight line to so many times of it, reached after [`DRIFT_S`].
    To(f64),
    /// To so many times of it at once, a quarter of that time in.
    Step(f64),
}

impl Course {
    pub fn factor(self, at_s: f64) -> f64 {
        match self {
            Self::Steady => 1.0,
            Self::To(factor) => 1.0 + (factor - 1.0) * (at_s / DRIFT_S).min(1.0),
            Self::Step(factor) if at_s >= DRIFT_S / 4.0 => factor,
            Self::Step(_) => 1.0,
        }
    }
}

/// A window that is over.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    pub outcome: Outcome,
    pub seconds: f64,
}

/// The same cluster, window after window.
pub struct Run {
    cluster: Cluster,
    random: Xoshiro256PlusPlus,
    state: Option<f64>,
    pub seconds: f64,
    pub windows: u32,
}

impl Cluster {
    /// The highest rate that meets the objective when there is no noise.
    pub fn capacity_per_s(&self) -> f64 {
        self.served_per_s - self.spare_per_s()
    }

    /// What it has to spare there.
    fn spare_per_s(&self) -> f64 {
        match self.spare {
            Spare::ByLimit => 100_f64.ln() / LIMIT_S,
            Spare::Share(share) => self.served_per_s * share,
        }
    }

    pub fn run(self, random: Xoshiro256PlusPlus) -> Run {
        Run {
            cluster: self,
            random,
            state: None,
            seconds: 0.0,
            windows: 0,
        }
    }
}

impl Run {
    fn normal(&mut self) -> f64 {
        StandardNormal.sample(&mut self.random)
    }

    /// What the rate of service is multiplied by in this window.
    pub fn noise(&mut self) -> f64 {
        let log = match self.cluster.noise {
            Noise::White(deviation) => self.normal() * deviation,
            Noise::Lasting {
                deviation,
                correlation,
            } => {
                let fresh = self.normal() * deviation;
                let state = match self.state {
                    None => fresh,
                    Some(state) => {
                        correlation * state + (1.0 - correlation * correlation).sqrt() * fresh
                    }
                };
                self.state = Some(state);
                state
            }
            Noise::Heavy(scale) => {
                let t: f64 = StudentT::new(3.0).unwrap().sample(&mut self.random);
                (t * scale).clamp(-1.0, 1.0)
            }
            Noise::Skewed(mean) => {
                let exponential = -(1.0 - self.random.random::<f64>()).ln() * mean;
                2_f64.ln() * mean - exponential
            }
        };
        log.exp()
    }

    /// What the cluster serves a second now.
    pub fn served_per_s(&mut self) -> f64 {
        self.cluster.served_per_s * self.cluster.course.factor(self.seconds) * self.noise()
    }

    /// A window at a rate.
    pub fn window(&mut self, per_s: f64) -> Window {
        let served = self.served_per_s();
        let limit_at = self.cluster.spare_per_s();
        let spare = served - per_s;
        let percentile = if spare > 0.0 {
            (LIMIT_S * limit_at / spare).min(WINDOW_S)
        } else {
            LIMIT_S.max(WINDOW_S * -spare / served)
        };
        let measured = percentile * (self.normal() * self.cluster.measured).exp();
        let stalled = self.random.random::<f64>() < self.cluster.stalled;
        let measured = if stalled {
            measured.max(20.0 * LIMIT_S)
        } else {
            measured
        };
        let passed = measured <= LIMIT_S;
        let late = MAY_BE_LATE.powf(LIMIT_S / measured);
        let lasts = if passed {
            WINDOW_S
        } else {
            (WINDOW_S * MAY_BE_LATE / late).ceil().min(WINDOW_S)
        };
        let seconds = AROUND_S + lasts;
        self.seconds += seconds;
        self.windows += 1;
        Window {
            outcome: if passed {
                Outcome::Passed
            } else {
                Outcome::Failed
            },
            seconds,
        }
    }
}
