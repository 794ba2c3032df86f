//! What windows that passed and failed say of the capacity, as a distribution on a grid.
//!
//! A window at rate x passes when x lies below the capacity of that window: the capacity times noise, whose
//! logarithm is normal. Nothing of the noise is known beforehand, so that hypotheses stand beside one another, each
//! with a distribution of the capacity of its own: how large the noise is; whether it comes anew in each window
//! or part of it lasts (autoregressive of the first order), so that ten windows tell less than ten; how many windows
//! fail for another reason, a stall, whatever their rate; and whether the capacity itself moves, by how much a
//! window. What the windows do not tell apart stays in the answer's uncertainty.
//!
//! The psychometric function and its posterior on a grid are Kontsevich and Tyler's (Vision Research 39, 1999), the
//! hypotheses of noise that lasts and capacities that move are ours.

use distrs::Normal;

/// One window at a rate, and what became of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Window {
    /// Logarithm of the rate.
    pub(super) log_rate: f64,
    /// All objectives were met.
    pub(super) passed: bool,
}

/// How the windows of a hypothesis come about, but for stalls.
#[derive(Debug, Clone, Copy)]
struct Hypothesis {
    /// Standard deviation of a window's log capacity.
    deviation: f64,
    /// What of it lasts.
    lasting: Option<Lasting>,
    /// Change of the log capacity from one window to the next.
    drift: f64,
    /// Its weight before any window.
    prior: f64,
}

/// Noise of which a part lasts.
#[derive(Debug, Clone, Copy)]
struct Lasting {
    /// Its share of the variance.
    share: f64,
    /// How much of it a window hands to the next.
    correlation: f64,
}

/// Noise of a window, as a share of the capacity.
const DEVIATIONS: [f64; 6] = [0.003, 0.01, 0.02, 0.04, 0.07, 0.14];
/// Windows that fail for another reason, a share of all, and how much is laid on that.
const STALLS: [(f64, f64); 3] = [(0.0, 0.5), (0.08, 0.3), (0.2, 0.2)];
/// Windows that pass at any rate.
const LUCK: f64 = 0.005;
/// Changes of the capacity from window to window, besides none.
const DRIFTS: [f64; 8] = [-0.02, -0.008, -0.004, -0.002, 0.002, 0.004, 0.008, 0.02];
/// Laid on a capacity that moves, before any window.
const MOVES: f64 = 0.2;
/// Noise of which a part lasts, and how much is laid on each.
const LASTING: [(Lasting, f64); 2] = [
    (
        Lasting {
            share: 0.7,
            correlation: 0.7,
        },
        0.15,
    ),
    (
        Lasting {
            share: 0.9,
            correlation: 0.93,
        },
        0.32,
    ),
];
/// Values that lasting noise takes, in standard deviations.
const NODES: [f64; 7] = [-2.0, -1.333, -0.667, 0.0, 0.667, 1.333, 2.0];
/// Points of the grid of capacities.
const POINTS: usize = 101;
/// Points of the first look over all rates, and the windows it looks at.
const COARSE_POINTS: usize = 301;
const COARSE_WINDOWS: usize = 24;

/// A distribution of the log capacity in the window to come.
#[derive(Debug, Clone)]
pub(super) struct Posterior {
    /// Log capacities, evenly spaced.
    points: Vec<f64>,
    /// Weight of each, in sum 1.
    weights: Vec<f64>,
    /// Chance that the capacity moves at all.
    moves: f64,
    /// Expected change a window, as a share, if it moves.
    drift: f64,
    /// Expected noise of a window, as a share of the capacity.
    deviation: f64,
}

impl Posterior {
    /// Of windows in the order they were made, capacities between two logarithms being equally likely beforehand.
    pub(super) fn of(windows: &[Window], low: f64, high: f64) -> Self {
        let recent = windows
            .get(windows.len().saturating_sub(COARSE_WINDOWS)..)
            .unwrap_or(windows);
        let simple = |deviation| Hypothesis {
            deviation,
            lasting: None,
            drift: 0.0,
            prior: 0.5,
        };
        let coarse = Self::on_grid(
            recent,
            low,
            high,
            COARSE_POINTS,
            &[simple(0.03), simple(0.08)],
        );
        let (from, to) = (coarse.quantile(0.001), coarse.quantile(0.999));
        let around = 0.05 + 0.25 * (to - from);
        let (from, to) = ((from - around).max(low), (to + around).min(high));
        Self::on_grid(windows, from, to, POINTS, &hypotheses())
    }

    #[allow(clippy::cast_precision_loss, reason = "some hundred points")]
    fn on_grid(
        windows: &[Window],
        low: f64,
        high: f64,
        points: usize,
        hypotheses: &[Hypothesis],
    ) -> Self {
        let step = (high - low) / (points - 1) as f64;
        let points: Vec<f64> = (0..points).map(|at| low + step * at as f64).collect();
        let normal = NormalTable::new();
        let logs: Vec<Vec<[f64; STALLS.len()]>> = hypotheses
            .iter()
            .map(|hypothesis| hypothesis.evidence(windows, &points, &normal))
            .collect();
        let all = logs.iter().flatten().flatten().copied();
        let largest = all.fold(f64::MIN, f64::max);
        let mut weights = vec![0.0; points.len()];
        let (mut whole, mut moves, mut drift, mut deviation) = (0.0, 0.0, 0.0, 0.0);
        for (hypothesis, logs) in hypotheses.iter().zip(&logs) {
            let mut of_hypothesis = 0.0;
            for (weight, logs) in weights.iter_mut().zip(logs) {
                let stalls = logs.iter().zip(STALLS);
                let part = |(log, (_, likely)): (&f64, (f64, f64))| (log - largest).exp() * likely;
                let part = stalls.map(part).sum::<f64>() * hypothesis.prior;
                *weight += part;
                of_hypothesis += part;
            }
            whole += of_hypothesis;
            moves += if hypothesis.drift == 0.0 {
                0.0
            } else {
                of_hypothesis
            };
            drift += hypothesis.drift * of_hypothesis;
            deviation += hypothesis.deviation * of_hypothesis;
        }
        for weight in &mut weights {
            *weight /= whole;
        }
        Self {
            points,
            weights,
            moves: moves / whole,
            drift: if moves > 0.0 { drift / moves } else { 0.0 },
            deviation: deviation / whole,
        }
    }

    /// The log capacity below which this share of the weight lies.
    pub(super) fn quantile(&self, share: f64) -> f64 {
        let step = self.step();
        let mut below = 0.0;
        for (point, weight) in self.points.iter().zip(&self.weights) {
            if below + weight >= share {
                // The weight of a point is spread evenly around it.
                let inside = if *weight > 0.0 {
                    (share - below) / weight
                } else {
                    0.5
                };
                return point + (inside - 0.5) * step;
            }
            below += weight;
        }
        self.points.last().copied().unwrap_or_default()
    }

    /// Weight between two log capacities.
    pub(super) fn between(&self, low: f64, high: f64) -> f64 {
        let step = self.step();
        let inside = |(point, weight): (&f64, &f64)| {
            let (from, to) = (point - step / 2.0, point + step / 2.0);
            let share = (high.min(to) - low.max(from)) / step;
            weight * share.clamp(0.0, 1.0)
        };
        self.points.iter().zip(&self.weights).map(inside).sum()
    }

    /// Chance that the capacity moves while it is looked for.
    pub(super) fn moves(&self) -> f64 {
        self.moves
    }

    /// Expected change of the capacity a window, as a share, if it moves.
    pub(super) fn drift(&self) -> f64 {
        self.drift
    }

    /// Expected noise of a window: its standard deviation as a share of the capacity.
    pub(super) fn deviation(&self) -> f64 {
        self.deviation
    }

    fn step(&self) -> f64 {
        match self.points.as_slice() {
            [first, second, ..] => second - first,
            _ => 1.0,
        }
    }
}

fn hypotheses() -> Vec<Hypothesis> {
    let lasts: f64 = LASTING.iter().map(|(_, likely)| likely).sum();
    let mut all = Vec::new();
    for deviation in DEVIATIONS {
        let mut add = |lasting, drift, prior| {
            all.push(Hypothesis {
                deviation,
                lasting,
                drift,
                prior,
            });
        };
        add(None, 0.0, 1.0 - MOVES - lasts);
        for (lasting, likely) in LASTING {
            add(Some(lasting), 0.0, likely);
        }
        // Noise that lasts besides a capacity that moves would not be told apart.
        for drift in DRIFTS {
            add(None, drift, MOVES / 8.0);
        }
    }
    all
}

impl Hypothesis {
    /// Log likelihood of the windows by each share of stalls, were the capacity of the window to come a point of the
    /// grid.
    fn evidence(
        &self,
        windows: &[Window],
        points: &[f64],
        normal: &NormalTable,
    ) -> Vec<[f64; STALLS.len()]> {
        let Some(lasting) = self.lasting else {
            return points
                .iter()
                .map(|point| self.fresh(windows, *point, normal))
                .collect();
        };
        let chain = Chain::new(lasting.correlation);
        points
            .iter()
            .map(|point| self.chained(windows, *point, (lasting.share, &chain), normal))
            .collect()
    }

    /// How far the capacity lay above a window's rate, on the logarithm's scale.
    #[allow(clippy::cast_precision_loss, reason = "at most some thousand windows")]
    fn above(&self, windows: &[Window], at: usize, window: &Window, log_capacity: f64) -> f64 {
        log_capacity - self.drift * (windows.len() - at) as f64 - window.log_rate
    }

    fn fresh(
        &self,
        windows: &[Window],
        log_capacity: f64,
        normal: &NormalTable,
    ) -> [f64; STALLS.len()] {
        let mut sums = Sums::default();
        for (at, window) in windows.iter().enumerate() {
            let above = self.above(windows, at, window, log_capacity);
            let passes = normal.below(above / self.deviation);
            sums.multiply(STALLS.map(|(stalled, _)| seen(window, passes, stalled)));
        }
        sums.logs()
    }

    /// Forward from window to window, with what is likely of the lasting part.
    fn chained(
        &self,
        windows: &[Window],
        log_capacity: f64,
        (share, chain): (f64, &Chain),
        normal: &NormalTable,
    ) -> [f64; STALLS.len()] {
        let (lasting, fresh) = (
            self.deviation * share.sqrt(),
            self.deviation * (1.0 - share).sqrt(),
        );
        let mut states = [chain.stationary; STALLS.len()];
        let mut sums = Sums::default();
        for (at, window) in windows.iter().enumerate() {
            let above = self.above(windows, at, window, log_capacity);
            let passes = NODES.map(|node| normal.below((above + lasting * node) / fresh));
            let mut likelihoods = [0.0; STALLS.len()];
            for ((state, (stalled, _)), likelihood) in
                states.iter_mut().zip(STALLS).zip(&mut likelihoods)
            {
                if at > 0 {
                    *state = chain.next(state);
                }
                for (weight, passes) in state.iter_mut().zip(passes) {
                    *weight *= seen(window, passes, stalled);
                    *likelihood += *weight;
                }
                state.iter_mut().for_each(|weight| *weight /= *likelihood);
            }
            sums.multiply(likelihoods);
        }
        sums.logs()
    }
}

/// Chance of a window's outcome, when it passes with this chance but for stalls and luck.
fn seen(window: &Window, passes: f64, stalled: f64) -> f64 {
    let passes = (1.0 - stalled) * ((1.0 - LUCK) * passes + LUCK);
    if window.passed { passes } else { 1.0 - passes }
}

/// Products of many chances, as logarithms; few of these are taken.
#[derive(Debug)]
struct Sums {
    products: [f64; STALLS.len()],
    logs: [f64; STALLS.len()],
}

impl Default for Sums {
    fn default() -> Self {
        Self {
            products: [1.0; STALLS.len()],
            logs: [0.0; STALLS.len()],
        }
    }
}

impl Sums {
    /// Below this a product is turned into its logarithm: no factor is smaller than a thousandth of a thousandth.
    const SMALL: f64 = 1e-200;

    fn multiply(&mut self, factors: [f64; STALLS.len()]) {
        let parts = self.products.iter_mut().zip(&mut self.logs);
        for ((product, log), factor) in parts.zip(factors) {
            *product *= factor.max(1e-6);
            if *product < Self::SMALL {
                *log += product.ln();
                *product = 1.0;
            }
        }
    }

    fn logs(self) -> [f64; STALLS.len()] {
        let mut logs = self.logs;
        for (log, product) in logs.iter_mut().zip(self.products) {
            *log += product.ln();
        }
        logs
    }
}

/// How lasting noise goes on.
struct Chain {
    stationary: [f64; NODES.len()],
    onward: [[f64; NODES.len()]; NODES.len()],
}

impl Chain {
    fn new(correlation: f64) -> Self {
        let density =
            |at: f64, mean: f64, deviation: f64| (-((at - mean) / deviation).powi(2) / 2.0).exp();
        let scaled = |mut row: [f64; NODES.len()]| {
            let whole: f64 = row.iter().sum();
            row.iter_mut().for_each(|weight| *weight /= whole);
            row
        };
        // On nodes this far apart a narrower step would not leave its own.
        let deviation = (1.0 - correlation * correlation).sqrt().max(0.4);
        Self {
            stationary: scaled(NODES.map(|node| density(node, 0.0, 1.0))),
            onward: NODES
                .map(|from| scaled(NODES.map(|to| density(to, correlation * from, deviation)))),
        }
    }

    fn next(&self, state: &[f64; NODES.len()]) -> [f64; NODES.len()] {
        let mut next = [0.0; NODES.len()];
        for (weight, onward) in state.iter().zip(&self.onward) {
            for (to, share) in next.iter_mut().zip(onward) {
                *to += weight * share;
            }
        }
        next
    }
}

/// The normal distribution below a value, looked up.
struct NormalTable(Vec<f64>);

const TABLE_TO: f64 = 6.0;
const PER_UNIT: f64 = 128.0;

impl NormalTable {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "sizes of a table"
    )]
    fn new() -> Self {
        let entries = (2.0 * TABLE_TO * PER_UNIT) as usize + 2;
        let at = |at: usize| Normal::cdf(at as f64 / PER_UNIT - TABLE_TO, 0.0, 1.0);
        Self((0..entries).map(at).collect())
    }

    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a place in the table"
    )]
    fn below(&self, value: f64) -> f64 {
        let place = (value.clamp(-TABLE_TO, TABLE_TO) + TABLE_TO) * PER_UNIT;
        let at = place as usize;
        match self.0.get(at..at + 2) {
            Some([low, high]) => low + (high - low) * (place - at as f64),
            _ => 1.0,
        }
    }
}
