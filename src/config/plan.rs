//! A run that may be started: every setting understood, checked and handed to its owner's type.

use std::path::PathBuf;
use std::time::Duration;

use super::setting::{SettingValue, Source};
use super::threshold::Threshold;
use super::value::{OutputFile, OutputFormat, StartAt};
use crate::broker::ServiceTime;
use crate::client::{ClientConfig, SendConfig};
use crate::load::{LoadModel, LoadPlan, SizeDraw, SizeMix, Sizes};

/// Nobody plans a longer one.
const LONGEST_WINDOW: Duration = Duration::from_secs(7 * 24 * 3600);

/// Everything about one run of `produce`; made by [`super::resolve::resolve`] only.
#[derive(Debug, Clone, PartialEq)]
pub struct RunPlan {
    /// Which cluster.
    pub target: Target,
    /// Settings of the client; its `namesrv` is empty for an embedded cluster, whose addresses are
    /// known once it runs.
    pub client: ClientConfig,
    /// Where the account of a cluster with access control stands; it is read when a run begins.
    pub credentials: Option<PathBuf>,
    /// How connections are encrypted, and where certificates stand; they are read when a run begins.
    pub tls: Option<TlsPlan>,
    /// Settings of the sends.
    pub send: SendConfig,
    /// What is sent when.
    pub load: LoadPlan,
    /// How often it is run, one after the other, at least 1.
    pub runs: u64,
    /// Whether a few sends go out before it, to see whether so many callers can carry the rate.
    pub probe: bool,
    /// When it begins; `None` for as soon as it can.
    pub start_at: Option<StartAt>,
    /// What comes out.
    pub report: ReportPlan,
    /// The profile of `run`.
    pub profile: Option<String>,
    /// Every setting in effect, in the order of the help.
    pub resolved: Vec<ResolvedSetting>,
    /// Settings without effect on this run, and why.
    pub left_out: Vec<LeftOut>,
    /// What the user should know before the run; one sentence each.
    pub notes: Vec<String>,
}

/// The cluster of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// One in this process.
    Embedded(EmbeddedSettings),
    /// An existing one.
    Cluster {
        /// Name servers as `host:port`, at least one.
        namesrv: Vec<String>,
    },
}

/// Whom connections trust and what they show.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TlsPlan {
    /// Authorities; `None` for the system's.
    pub authorities: Option<PathBuf>,
    /// Certificate chain and key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// Name of the peers; `None` for their hosts.
    pub server_name: Option<String>,
    /// Any certificate is taken.
    pub trust_anybody: bool,
}

/// Size and behaviour of an embedded cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbeddedSettings {
    /// Brokers, at least 1.
    pub brokers: usize,
    /// Queues of a topic per broker, at least 1.
    pub queues: u32,
    /// Time every broker takes to answer.
    pub delay: Duration,
    /// Regular stalls of every broker.
    pub stall: Option<Stall>,
    /// Most messages per second one broker accepts: nothing for no limit, one for all, or one for each.
    pub capacity_per_s: Vec<u64>,
    /// How long a broker of a capacity takes for each.
    pub service_time: ServiceTime,
    /// From a half message to the first check, and from check to check; `None` for RocketMQ's own.
    pub check_after: Option<Duration>,
}

/// Regular stalls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stall {
    /// How long nothing is answered; above 0, below `every`.
    pub length: Duration,
    /// From the start of one stall to the start of the next.
    pub every: Duration,
}

/// What comes out of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportPlan {
    /// Result files.
    pub outputs: Vec<OutputFile>,
    /// What stdout gets.
    pub format: OutputFormat,
    /// File for one JSON line per second.
    pub intervals: Option<PathBuf>,
    /// File for an HdrHistogram interval log.
    pub hlog: Option<PathBuf>,
    /// File for one JSON line per message.
    pub audit: Option<PathBuf>,
    /// Folder for everything about the run.
    pub bundle: Option<PathBuf>,
    /// Conditions that fail the run.
    pub fail_if: Vec<Threshold>,
    /// Whether an invalid verdict fails the run.
    pub strict: bool,
    /// Share of failed sends above which the run fails, 0 to 1.
    pub max_error_rate: f64,
    /// How much is said on stderr.
    pub progress: Progress,
    /// Whether colour may be used where the output is a terminal.
    pub color: bool,
}

/// How much a run says on stderr while it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Notes and the live view.
    Live,
    /// Notes only.
    Notes,
    /// Errors only.
    Quiet,
}

/// A setting in effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedSetting {
    /// Its key.
    pub key: &'static str,
    /// Its value in canonical form.
    pub value: SettingValue,
    /// Who set it.
    pub source: Source,
}

/// A setting without effect on the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Its key.
    pub key: &'static str,
    /// Why it has no effect; empty when it has no value.
    pub reason: &'static str,
}

impl RunPlan {
    /// The sizes of all bodies planned for the window of the whole run. Of a plan in a closed loop each piece
    /// counts by its time, as nobody knows how many messages it will have.
    #[must_use]
    pub fn size_mix(&self) -> SizeMix {
        let load = &self.load;
        let pieces = match &load.message.sizes {
            None => return SizeMix::new([(SizeDraw::One(load.message.body_bytes), 1.0)]),
            Some(Sizes::Of(draw)) => return SizeMix::new([(draw.clone(), 1.0)]),
            Some(Sizes::Planned(pieces)) => pieces,
        };
        let planned: Duration = pieces.iter().map(|piece| piece.length).sum();
        let window = self.planned_window(planned);
        let mut from = Duration::ZERO;
        let last = pieces.len().saturating_sub(1);
        let parts = pieces.iter().enumerate().map(|(index, piece)| {
            let until = match index {
                index if index == last => window,
                _ => (from + piece.length).min(window),
            };
            let span = (from, until.max(from));
            from = span.1;
            (piece.draw.clone(), self.weight(span))
        });
        SizeMix::new(parts)
    }

    /// How long the window is planned to be: until its end or its count, else as long as its sizes.
    fn planned_window(&self, sizes: Duration) -> Duration {
        let bound = self.load.bound;
        let (LoadModel::Open(offered), Some(count)) = (&self.load.model, bound.count) else {
            return bound.duration.unwrap_or(sizes);
        };
        let warmup = self.load.warmup;
        let reaches = |length: Duration| offered.due(warmup, warmup + length) >= count;
        let (mut low, mut high) = (Duration::ZERO, bound.duration.unwrap_or(LONGEST_WINDOW));
        while high - low > Duration::from_micros(1) {
            let middle = low + (high - low) / 2;
            if reaches(middle) {
                high = middle;
            } else {
                low = middle;
            }
        }
        high
    }

    /// Messages due in a span of the window; without planned times, its seconds.
    #[allow(clippy::cast_precision_loss, reason = "a weight")]
    fn weight(&self, (from, until): (Duration, Duration)) -> f64 {
        match &self.load.model {
            LoadModel::Open(offered) => {
                let warmup = self.load.warmup;
                offered.due(warmup + from, warmup + until) as f64
            }
            LoadModel::Closed => (until - from).as_secs_f64(),
        }
    }

    /// Messages this process's part of the plan holds for the measured window; `None` in a closed loop without a count,
    /// where the answers decide.
    #[must_use]
    pub fn planned_messages(&self) -> Option<u64> {
        let by_time = match (&self.load.model, self.load.bound.duration) {
            (LoadModel::Open(offered), Some(duration)) => {
                let batch = self.load.message.batch;
                let warmup = self.load.warmup;
                let offered = offered.of_sends(batch);
                Some(offered.due(warmup, warmup + duration))
            }
            _ => None,
        };
        let sends = match (by_time, self.load.sends()) {
            (Some(time), Some(count)) => Some(time.min(count)),
            (time, count) => time.or(count),
        };
        let batch = u64::from(self.load.message.batch.max(1));
        // Whose the first message of the window is depends on the schedule: right to one message.
        sends.map(|sends| self.load.part.share(sends).saturating_mul(batch))
    }
}
