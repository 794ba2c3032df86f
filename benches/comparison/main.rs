//! Error rates of comparisons by simulated runs, as Markdown on stdout; `scripts/comparison` keeps it.
//!
//! `cargo run --release --example comparison -- [PAIRS]`, 1,000 pairs of groups per cell by default.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a program that prints figures of its own making and may stop"
)]

mod methods;
mod model;

use std::thread;

use methods::METHODS;
use model::{Group, P99, pair};
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use rmq_bench::stats::needed::{Sought, needed, pooled_deviation};
use rmq_bench::stats::{ALPHA, Answer, Compared, Limits, compare};

const RUNS: [usize; 5] = [3, 5, 8, 10, 20];
const SPREADS: [f64; 3] = [0.02, 0.05, 0.10];
const SHIFT: f64 = 1.10;
const SEED: u64 = 20_261_124;

/// What a cell of the tables counts, over all its pairs.
#[derive(Default, Clone)]
struct Counts {
    pairs: u32,
    /// Comparisons with any figure called different, by the whole rule.
    any: u32,
    /// With p99 called worse, the same, better.
    p99: [u32; 3],
    /// By each method alone, without a least effect: any figure, and p99.
    methods: [(u32, u32); METHODS.len()],
    /// Sum of the deviations of ln p99 that the groups had inside.
    deviation: f64,
}

impl Counts {
    fn add(&mut self, other: &Self) {
        self.pairs += other.pairs;
        self.any += other.any;
        self.p99
            .iter_mut()
            .zip(other.p99)
            .for_each(|(sum, more)| *sum += more);
        for (sum, more) in self.methods.iter_mut().zip(other.methods) {
            sum.0 += more.0;
            sum.1 += more.1;
        }
        self.deviation += other.deviation;
    }

    fn share(&self, count: u32) -> String {
        format!("{:.1} %", 100.0 * f64::from(count) / f64::from(self.pairs))
    }
}

fn simulate(pairs: u32, seed: u64, baseline: Group, candidate: Group) -> Counts {
    let threads = thread::available_parallelism().map_or(1, usize::from) as u32;
    let part = move |index: u32| {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed ^ u64::from(index) << 32);
        let mut counts = Counts::default();
        for _ in 0..pairs / threads + u32::from(index < pairs % threads) {
            one(&mut counts, &mut random, baseline, candidate);
        }
        counts
    };
    let workers: Vec<_> = (0..threads)
        .map(|index| thread::spawn(move || part(index)))
        .collect();
    let mut all = Counts::default();
    workers
        .into_iter()
        .for_each(|worker| all.add(&worker.join().unwrap()));
    all
}

fn one(counts: &mut Counts, random: &mut Xoshiro256PlusPlus, baseline: Group, candidate: Group) {
    let measures = pair(random, baseline, candidate);
    let compared = compare(&measures, &Limits::default());
    counts.pairs += 1;
    let called = |one: &Compared| matches!(one.answer, Answer::Better | Answer::Worse);
    counts.any += u32::from(compared.iter().any(called));
    let p99 = compared[P99].answer;
    for (count, answer) in counts
        .p99
        .iter_mut()
        .zip([Answer::Worse, Answer::Same, Answer::Better])
    {
        *count += u32::from(p99 == answer);
    }
    for (count, (_, method)) in counts.methods.iter_mut().zip(METHODS) {
        let chances = method(&measures);
        count.0 += u32::from(chances.iter().any(|chance| *chance <= ALPHA));
        count.1 += u32::from(chances[P99] <= ALPHA);
    }
    let logarithms = |group: &[Option<f64>]| -> Vec<f64> {
        group.iter().map(|value| value.unwrap().ln()).collect()
    };
    let (a, b) = (&measures[P99].baseline, &measures[P99].candidate);
    counts.deviation += pooled_deviation([&logarithms(a), &logarithms(b)])
        .unwrap()
        .powi(2);
}

fn main() {
    let pairs = std::env::args()
        .nth(1)
        .map_or(1_000, |text| text.parse().unwrap());
    let mut seed = SEED;
    let mut next = || {
        seed += 1;
        seed
    };
    let mut null = Vec::new();
    let mut shifted = Vec::new();
    for spread in SPREADS {
        for runs in RUNS {
            let group = Group::of(runs, spread);
            null.push((runs, spread, simulate(pairs, next(), group, group)));
            let worse = Group {
                tail: SHIFT,
                ..group
            };
            shifted.push((runs, spread, simulate(pairs, next(), group, worse)));
        }
    }
    println!("{pairs} pairs of groups per row, seed {SEED}.\n");
    answers(&null, &shifted);
    candidates(&null, &shifted);
    stress(pairs, &mut next);
}

type Cell = (usize, f64, Counts);

fn answers(null: &[Cell], shifted: &[Cell]) {
    println!("## What `compare` answers\n");
    println!(
        "| spread from run to run | runs per group | no difference: any figure called different | no difference: p99 \
         called the same | p99 up by 10 %: called worse | called better | runs said to be needed |"
    );
    println!("|--:|--:|--:|--:|--:|--:|--:|");
    for ((runs, spread, null), (_, _, shifted)) in null.iter().zip(shifted) {
        let deviation = (shifted.deviation / f64::from(shifted.pairs)).sqrt();
        let sought = Sought {
            difference: SHIFT.ln(),
            least: Limits::default().min_effect.ln_1p(),
            figures: model::FIGURES.len(),
        };
        let needed =
            needed(deviation, sought).map_or("> 1,000".to_owned(), |runs| runs.to_string());
        println!(
            "| {:.0} % (with chance inside a run {:.1} %) | {runs} | {} | {} | {} | {} | {needed} |",
            spread * 100.0,
            deviation * 100.0,
            null.share(null.any),
            null.share(null.p99[1]),
            shifted.share(shifted.p99[0]),
            shifted.share(shifted.p99[2]),
        );
    }
}

fn candidates(null: &[Cell], shifted: &[Cell]) {
    println!("\n## The methods it was chosen from\n");
    println!(
        "Each alone, without a least effect. In a cell: any figure called different where none is, and p99 \
         called different where it is up by 10 %.\n"
    );
    let names: Vec<_> = METHODS.iter().map(|(name, _)| *name).collect();
    println!("| spread | runs | {} |", names.join(" | "));
    println!("|--:|--:|{}", "--:|".repeat(names.len()));
    for ((runs, spread, null), (_, _, shifted)) in null.iter().zip(shifted) {
        let cell = |index: usize| {
            let (wrong, right) = (null.methods[index].0, shifted.methods[index].1);
            format!("{}, {}", null.share(wrong), shifted.share(right))
        };
        let cells: Vec<_> = (0..METHODS.len()).map(cell).collect();
        println!(
            "| {:.0} % | {runs} | {} |",
            spread * 100.0,
            cells.join(" | ")
        );
    }
}

fn stress(pairs: u32, next: &mut impl FnMut() -> u64) {
    println!("\n## Where the method's assumption does not hold\n");
    println!(
        "Groups without a difference in p99 that are not exchangeable: a candidate of another spread, and a machine \
         that gets slower by 1 % a run while first all of the one group are made and then all of the other. Against \
         the last only taking turns helps.\n"
    );
    println!("| groups | any figure called different | by maxT alone |");
    println!("|---|--:|--:|");
    let narrow = |runs| Group::of(runs, 0.05);
    let wide = |runs| Group::of(runs, 0.10);
    let drifting = |runs| Group {
        drift: 1.01,
        ..Group::of(runs, 0.05)
    };
    for (name, baseline, candidate) in [
        ("5 runs of 5 %, 5 of 10 %", narrow(5), wide(5)),
        ("10 runs of 5 %, 10 of 10 %", narrow(10), wide(10)),
        ("20 runs of 5 %, 5 of 10 %", narrow(20), wide(5)),
        ("5 runs of 5 %, 20 of 10 %", narrow(5), wide(20)),
        (
            "10 and 10 runs of 5 % on a machine that gets slower",
            drifting(10),
            drifting(10),
        ),
    ] {
        let counts = simulate(pairs, next(), baseline, candidate);
        let alone = counts.methods[METHODS.len() - 1].0;
        println!(
            "| {name} | {} | {} |",
            counts.share(counts.any),
            counts.share(alone)
        );
    }
}
