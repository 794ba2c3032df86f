//! When a warm-up is said to be over, and which windows are called unsteady, by simulated loads, as Markdown on
//! stdout; `scripts/steady` keeps it.
//!
//! `cargo run --release --example steady -- [LOADS]`, 1,000 loads per cell by default.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a program that prints figures of its own making and may stop"
)]

mod methods;
mod model;

use methods::METHODS;
use model::{Loop, Noise, SECONDS, Shape, draw};
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use rmq_bench::stats::steady::{Limits, Second, shift};

const SEED: u64 = 20_261_124;
/// The default cap of `--warmup auto`.
const CAP: usize = 60;
/// The seconds looked at, and two.
const FEW: usize = 12;

const SHAPES: [(&str, Shape); 7] = [
    ("warm from the start", Shape::Warm),
    (
        "step: 2 times as slow for 7 s",
        Shape::Step {
            times: 2.0,
            until: 7.0,
        },
    ),
    (
        "ramp: from 3 times, over 20 s",
        Shape::Ramp {
            times: 3.0,
            until: 20.0,
        },
    ),
    (
        "decay: from 3.7 times, constant 3 s",
        Shape::Decay {
            above: 2.7,
            constant: 3.0,
        },
    ),
    (
        "decay: from 3.7 times, constant 8 s",
        Shape::Decay {
            above: 2.7,
            constant: 8.0,
        },
    ),
    (
        "stairs: 3.7 times for 6 s, 1.8 times until 14 s",
        Shape::Stairs([(6.0, 3.7), (14.0, 1.8)]),
    ),
    (
        "plateau: 2 times as slow for 20 s",
        Shape::Step {
            times: 2.0,
            until: 20.0,
        },
    ),
];

const NOISES: [(&str, Noise); 5] = [
    (
        "white, 3 %",
        Noise {
            deviation: 0.03,
            correlation: 0.0,
            outliers: 0.0,
        },
    ),
    (
        "white, 10 %",
        Noise {
            deviation: 0.10,
            correlation: 0.0,
            outliers: 0.0,
        },
    ),
    (
        "AR(1), 3 %",
        Noise {
            deviation: 0.03,
            correlation: 0.6,
            outliers: 0.0,
        },
    ),
    (
        "AR(1), 10 %",
        Noise {
            deviation: 0.10,
            correlation: 0.6,
            outliers: 0.0,
        },
    ),
    (
        "white, 5 %, outliers",
        Noise {
            deviation: 0.05,
            correlation: 0.0,
            outliers: 0.05,
        },
    ),
];

/// When windows began, against when they should have.
#[derive(Default, Clone)]
struct Begins {
    early: u32,
    /// Those of them whose level was still a quarter off.
    far: u32,
    hit: u32,
    capped: u32,
    /// Seconds after the truth, of those not early.
    after: Vec<usize>,
    all: u32,
}

impl Begins {
    fn add(&mut self, begin: usize, shape: Shape) {
        let truth = shape.truth();
        self.all += 1;
        self.early += u32::from(begin < truth);
        self.far += u32::from(shape.factor(begin as f64) > 1.25);
        self.hit += u32::from(begin >= truth && begin <= truth + FEW);
        self.capped += u32::from(begin >= CAP);
        if begin >= truth {
            self.after.push(begin - truth);
        }
    }

    fn merge(&mut self, other: &Self) {
        self.all += other.all;
        self.early += other.early;
        self.far += other.far;
        self.hit += other.hit;
        self.capped += other.capped;
        self.after.extend(&other.after);
    }

    fn percentile(&mut self, part: f64) -> String {
        self.after.sort_unstable();
        let index = (self.after.len() as f64 * part) as usize;
        self.after
            .get(index)
            .map_or("–".to_owned(), |after| format!("{after} s"))
    }
}

fn share(count: u32, all: u32) -> String {
    format!("{:.1} %", 100.0 * f64::from(count) / f64::from(all.max(1)))
}

/// When the window begins: with the second after the first that was found settled.
fn begin(seconds: &[Second], method: methods::Method) -> usize {
    let found = (1..CAP).find(|end| method(&seconds[..*end]));
    found.map_or(CAP, |end| end + 1).min(CAP)
}

fn begins(loads: u32, seed: u64, shape: Shape, noise: Noise) -> Vec<Begins> {
    let mut all = vec![Begins::default(); METHODS.len()];
    for load in 0..loads {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed ^ u64::from(load) << 20);
        let model = if load % 2 == 0 {
            Loop::Open
        } else {
            Loop::Closed
        };
        let seconds = draw(&mut random, shape, noise, model);
        for (begins, (_, method)) in all.iter_mut().zip(METHODS) {
            begins.add(begin(&seconds, method), shape);
        }
    }
    all
}

fn main() {
    let loads = std::env::args()
        .nth(1)
        .map_or(1_000, |text| text.parse().unwrap());
    println!("{loads} loads per cell, half open and half closed loops, seed {SEED}.\n");
    let mut seed = SEED;
    let mut cells = Vec::new();
    for (shape_name, shape) in SHAPES {
        for (noise_name, noise) in NOISES {
            seed += 1;
            cells.push((
                shape_name,
                shape,
                noise_name,
                begins(loads, seed, shape, noise),
            ));
        }
    }
    chosen(&mut cells);
    candidates(&cells);
    windows(loads, seed);
}

type Cell = (&'static str, Shape, &'static str, Vec<Begins>);

fn chosen(cells: &mut [Cell]) {
    println!("## When `--warmup auto` begins the window\n");
    println!(
        "| warm-up | its true end | noise of a second's median | too early | by a level more than a quarter off | at most {FEW} s after | only at the cap \
         of {CAP} s | median after | 90 % within |"
    );
    println!("|---|--:|---|--:|--:|--:|--:|--:|--:|");
    for (name, shape, noise, begins) in cells {
        let begins = begins.last_mut().unwrap();
        println!(
            "| {name} | {} s | {noise} | {} | {} | {} | {} | {} | {} |",
            shape.truth(),
            share(begins.early, begins.all),
            share(begins.far, begins.all),
            share(begins.hit, begins.all),
            share(begins.capped, begins.all),
            begins.percentile(0.5),
            begins.percentile(0.9),
        );
    }
}

fn candidates(cells: &[Cell]) {
    println!("\n## The methods it was chosen from\n");
    println!(
        "Over all noises. In a cell: windows begun too early, and windows begun at most {FEW} s after the true end.\n"
    );
    let shapes: Vec<_> = SHAPES.iter().map(|(name, _)| *name).collect();
    println!(
        "| method | {} | cap of {CAP} s without need |",
        shapes.join(" | ")
    );
    println!("|---|{}--:|", "--:|".repeat(shapes.len()));
    for (index, (name, _)) in METHODS.iter().enumerate() {
        let mut capped = Begins::default();
        let of_shape = |shape: &str| {
            let mut sum = Begins::default();
            for (_, _, _, begins) in cells.iter().filter(|(named, ..)| *named == shape) {
                sum.merge(&begins[index]);
            }
            sum
        };
        let row: Vec<_> = shapes
            .iter()
            .map(|shape| {
                let sum = of_shape(shape);
                capped.merge(&sum);
                format!("{}, {}", share(sum.early, sum.all), share(sum.hit, sum.all))
            })
            .collect();
        println!(
            "| {name} | {} | {} |",
            row.join(" | "),
            share(capped.capped, capped.all)
        );
    }
}

/// Levels that change inside a window, judged as `unsteady_run` judges them.
fn windows(loads: u32, mut seed: u64) {
    println!("\n## Which windows are called unsteady\n");
    println!(
        "| window | noise of a second's median | no change: called unsteady | 1.5 times from a third on | twice as long from half on | twice as long for the last fifth |"
    );
    println!("|--:|---|--:|--:|--:|--:|");
    for length in [10, 20, 60] {
        for (noise_name, noise) in NOISES {
            let mut row = Vec::new();
            for (times, from) in [(1.0, 0.5), (1.5, 1.0 / 3.0), (2.0, 0.5), (2.0, 0.8)] {
                seed += 1;
                let called = (0..loads).filter(|load| {
                    let mut random =
                        Xoshiro256PlusPlus::seed_from_u64(seed ^ u64::from(*load) << 20);
                    let seconds = draw(&mut random, Shape::Warm, noise, Loop::Open);
                    let changed = (length as f64 * from).round() as usize;
                    let times = |second: usize| if second >= changed { times } else { 1.0 };
                    let values: Vec<f64> = seconds[..length.min(SECONDS)]
                        .iter()
                        .enumerate()
                        .map(|(at, second)| second.response_ns.unwrap() * times(at))
                        .collect();
                    shift(&values, 0.0, Limits::WINDOW).is_some()
                });
                row.push(share(called.count() as u32, loads));
            }
            println!("| {length} s | {noise_name} | {} |", row.join(" | "));
        }
    }
}
