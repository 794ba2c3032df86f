//! The live view: a block of lines on a terminal, one line per second elsewhere, on stderr.
//!
//! It draws snapshots and asks for nothing: whoever measures hands one over now and then, and no
//! lock is shared with the threads that send.

mod text;

use std::io::{self, IsTerminal, Write};
use std::sync::LazyLock;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::config::{Progress, ReportPlan};

/// Redraws per second at most.
const REDRAW_HZ: u8 = 10;
/// Steps of the progress bar.
const BAR_STEPS: u64 = 1000;

/// The one stderr of the process, so that logs and live view know of each other.
static SCREEN: LazyLock<MultiProgress> = LazyLock::new(|| {
    MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(REDRAW_HZ))
});

/// What a run looks like at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveSnapshot {
    /// Time since the phase began.
    pub elapsed: Duration,
    /// Phase of the run.
    pub phase: Phase,
    /// Planned length of the phase.
    pub total: Option<Duration>,
    /// Messages done in the phase and messages planned for it, when a count bounds it.
    pub count: Option<(u64, u64)>,
    /// Planned messages per second; `None` in a closed loop.
    pub planned_per_s: Option<f64>,
    /// Messages sent per second, over the last interval.
    pub sent_per_s: f64,
    /// Messages acknowledged per second, over the last interval.
    pub acked_per_s: f64,
    /// Sends without an answer so far.
    pub in_flight: u64,
    /// Median response time of the last interval in µs.
    pub p50_us: Option<f64>,
    /// 99th percentile of the response time of the last interval in µs.
    pub p99_us: Option<f64>,
    /// Longest response time of the last interval in µs.
    pub max_us: Option<f64>,
    /// Further attempts so far, in the warm-up or in the window with its drain.
    pub retries: u64,
    /// Failed and unknown sends, likewise.
    pub errors: u64,
    /// Planned messages that were not sent, likewise.
    pub unsent: u64,
    /// The brokers, in a fixed order.
    pub brokers: Vec<LiveBroker>,
}

/// One broker at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveBroker {
    /// Its name.
    pub name: String,
    /// Messages it acknowledged per second, over the last interval.
    pub acked_per_s: f64,
    /// 99th percentile of its service time in the last interval in µs.
    pub p99_us: Option<f64>,
    /// Whether it is avoided now.
    pub avoided: bool,
}

/// Phases of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Routes and connections.
    Connecting,
    /// Load that does not count.
    Warmup,
    /// Load that counts.
    Measure,
    /// No more sends; answers are waited for.
    Drain,
}

impl Phase {
    /// Name for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Warmup => "warm-up",
            Self::Measure => "measure",
            Self::Drain => "drain",
        }
    }
}

/// How the live view shows itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LiveMode {
    /// A block of lines that is redrawn.
    Block {
        /// Whether it may use colour.
        color: bool,
    },
    /// One line per second.
    Lines,
    /// Not at all.
    Off,
}

impl LiveMode {
    /// What the plan asks for and stderr can do.
    #[must_use]
    pub fn choose(report: &ReportPlan) -> Self {
        Self::of(report.progress, report.color, io::stderr().is_terminal())
    }

    fn of(progress: Progress, color: bool, is_terminal: bool) -> Self {
        match progress {
            Progress::Live if is_terminal => Self::Block { color },
            Progress::Live => Self::Lines,
            Progress::Notes | Progress::Quiet => Self::Off,
        }
    }
}

/// Runs `write`, which writes to stderr, while the live view is out of the way.
pub fn suspend<R>(write: impl FnOnce() -> R) -> R {
    SCREEN.suspend(write)
}

/// The live view of one run; gone from the screen once finished or dropped.
#[derive(Debug)]
pub struct LiveView {
    view: View,
}

#[derive(Debug)]
enum View {
    Block(Block),
    Lines { last: Option<(Phase, u64)> },
    Off,
}

#[derive(Debug)]
struct Block {
    color: bool,
    progress: ProgressBar,
    rates: ProgressBar,
    latencies: ProgressBar,
    brokers: ProgressBar,
}

impl LiveView {
    /// A view that shows nothing until the first snapshot.
    #[must_use]
    pub fn new(mode: LiveMode) -> Self {
        let view = match mode {
            LiveMode::Block { color } => View::Block(Block::new(color)),
            LiveMode::Lines => View::Lines { last: None },
            LiveMode::Off => View::Off,
        };
        Self { view }
    }

    /// Shows the snapshot; call it as often as there is one. Lines come once per second and phase.
    pub fn update(&mut self, snapshot: &LiveSnapshot) {
        match &mut self.view {
            View::Block(block) => block.update(snapshot),
            View::Lines { last } => {
                let now = Some((snapshot.phase, snapshot.elapsed.as_secs()));
                if *last != now {
                    *last = now;
                    // Nobody is left to tell when stderr itself is gone.
                    let _ = writeln!(io::stderr(), "{}", text::line(snapshot));
                }
            }
            View::Off => {}
        }
    }

    /// Takes the view from the screen; what follows may be printed.
    pub fn finish(&mut self) {
        if let View::Block(block) = std::mem::replace(&mut self.view, View::Off) {
            block.remove();
        }
    }
}

impl Drop for LiveView {
    fn drop(&mut self) {
        self.finish();
    }
}

impl Block {
    fn new(color: bool) -> Self {
        let line = |template: &str| {
            let style = ProgressStyle::with_template(template)
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            let style = style.progress_chars("=> ");
            SCREEN.add(ProgressBar::new(BAR_STEPS).with_style(style))
        };
        Self {
            color,
            progress: line("{prefix:<10} [{bar:40}] {wide_msg}"),
            rates: line("{wide_msg}"),
            latencies: line("{wide_msg}"),
            brokers: line("{wide_msg}"),
        }
    }

    fn update(&self, snapshot: &LiveSnapshot) {
        self.progress.set_prefix(snapshot.phase.name());
        self.progress.set_position(text::steps(snapshot, BAR_STEPS));
        self.progress.set_message(text::progress(snapshot));
        self.rates.set_message(text::rates(snapshot));
        // Beside the short latencies, so that 80 columns hold both lines.
        let (latencies, troubles) = (
            text::latencies(snapshot),
            text::troubles(snapshot, self.color),
        );
        self.latencies
            .set_message(format!("{latencies}  {troubles}"));
        self.brokers
            .set_message(text::brokers(snapshot, self.color));
    }

    fn remove(self) {
        for line in [self.progress, self.rates, self.latencies, self.brokers] {
            line.finish_and_clear();
            SCREEN.remove(&line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_and_the_terminal_choose_the_mode() {
        for (progress, is_terminal, mode) in [
            (Progress::Live, true, LiveMode::Block { color: true }),
            (Progress::Live, false, LiveMode::Lines),
            (Progress::Notes, true, LiveMode::Off),
            (Progress::Quiet, false, LiveMode::Off),
        ] {
            assert_eq!(LiveMode::of(progress, true, is_terminal), mode);
        }
    }

    #[test]
    fn every_mode_takes_snapshots_and_ends() {
        let snapshot = text::tests::snapshot();
        let modes = [
            LiveMode::Block { color: false },
            LiveMode::Lines,
            LiveMode::Off,
        ];
        for mode in modes {
            let mut view = LiveView::new(mode);
            view.update(&snapshot);
            assert_eq!(suspend(|| 7), 7);
            view.finish();
            view.update(&snapshot);
        }
    }
}
