//! How often the search for a capacity is right, by simulated clusters, as Markdown on stdout;
//! `scripts/capacity-simulation` keeps it.
//!
//! `cargo run --release --example capacity -- [SEARCHES]`, 200 searches per row by default.
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

use std::thread;

use methods::Found;
use model::{AROUND_S, Cluster, Course, Noise, Run, Spare, WINDOW_S};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use rmq_bench::stats::search::{Ending, Limits};

const SEED: u64 = 20_261_129;
/// Of the capacities drawn, so that none lies where a rate is tried anyway.
const SERVED_PER_S: std::ops::Range<f64> = 15_000.0..150_000.0;
const LIMITS: Limits = Limits {
    min_per_s: 1_000.0,
    max_per_s: 500_000.0,
    precision: 0.05,
    confidence: 0.95,
    confirm: 3,
    budget_s: 900.0,
    window_s: WINDOW_S + AROUND_S,
    probe_s: WINDOW_S + AROUND_S,
};

const STEADY: Cluster = Cluster {
    served_per_s: 0.0,
    noise: Noise::White(0.01),
    spare: Spare::ByLimit,
    measured: 0.1,
    stalled: 0.0,
    course: Course::Steady,
};

const NOISES: [(&str, Cluster); 12] = [
    ("normal, 1 %", STEADY),
    (
        "normal, 4 %",
        Cluster {
            noise: Noise::White(0.04),
            ..STEADY
        },
    ),
    (
        "lasting (AR(1), 0.8), 2 %",
        Cluster {
            noise: Noise::Lasting {
                deviation: 0.02,
                correlation: 0.8,
            },
            ..STEADY
        },
    ),
    (
        "lasting (AR(1), 0.9), 2 %",
        Cluster {
            noise: Noise::Lasting {
                deviation: 0.02,
                correlation: 0.9,
            },
            ..STEADY
        },
    ),
    (
        "heavy tails (t, 3), 2 %",
        Cluster {
            noise: Noise::Heavy(0.02),
            ..STEADY
        },
    ),
    (
        "skewed downwards, 3 %",
        Cluster {
            noise: Noise::Skewed(0.03),
            ..STEADY
        },
    ),
    (
        "normal, 1 %, every twentieth window stalled",
        Cluster {
            stalled: 0.05,
            ..STEADY
        },
    ),
    (
        "normal, 1 %, the percentile measured within 30 %",
        Cluster {
            measured: 0.3,
            ..STEADY
        },
    ),
    (
        "normal, 2 %, a tenth to spare",
        Cluster {
            noise: Noise::White(0.02),
            spare: Spare::Share(0.1),
            ..STEADY
        },
    ),
    (
        "normal, 4 %, a tenth to spare, the percentile within 30 %",
        Cluster {
            noise: Noise::White(0.04),
            spare: Spare::Share(0.1),
            measured: 0.3,
            ..STEADY
        },
    ),
    (
        "lasting (AR(1), 0.9), 2 %, a tenth to spare",
        Cluster {
            noise: Noise::Lasting {
                deviation: 0.02,
                correlation: 0.9,
            },
            spare: Spare::Share(0.1),
            ..STEADY
        },
    ),
    (
        "heavy tails (t, 3), 2 %, a third to spare",
        Cluster {
            noise: Noise::Heavy(0.02),
            spare: Spare::Share(0.33),
            ..STEADY
        },
    ),
];

const COURSES: [(&str, Course); 6] = [
    ("falls by 10 % in ten minutes", Course::To(0.9)),
    ("falls by 20 % in ten minutes", Course::To(0.8)),
    ("falls by 40 % in ten minutes", Course::To(0.6)),
    ("rises by 20 % in ten minutes", Course::To(1.2)),
    ("rises by 50 % in ten minutes", Course::To(1.5)),
    ("falls by 15 % at once", Course::Step(0.85)),
];

type Method = (&'static str, fn(Run, Limits) -> Found);
const METHODS: [Method; 3] = [
    (
        "probabilistic bisection (`rmq-bench capacity`)",
        methods::search,
    ),
    ("plain bisection", methods::bisection),
    (
        "backlog rule of the OpenMessaging Benchmark",
        methods::backlog_rule,
    ),
];

/// A search's answer and the truth.
struct Search {
    found: Found,
    cluster: Cluster,
}

impl Search {
    /// The rate that is looked for: at the end, where it moved.
    fn truth(&self, by_backlog: bool) -> f64 {
        let now = Cluster {
            served_per_s: self.cluster.served_per_s
                * self.cluster.course.factor(self.found.seconds),
            ..self.cluster
        };
        if by_backlog {
            now.served_per_s
        } else {
            now.capacity_per_s()
        }
    }
}

fn searches(kind: Cluster, method: fn(Run, Limits) -> Found, count: u64, row: u64) -> Vec<Search> {
    let workers = thread::available_parallelism().map_or(1, usize::from) as u64;
    thread::scope(|scope| {
        let threads: Vec<_> = (0..workers)
            .map(|worker| {
                scope.spawn(move || -> Vec<(u64, Search)> {
                    let own = (0..count).filter(|number| number % workers == worker);
                    own.map(|number| {
                        let mut random =
                            Xoshiro256PlusPlus::seed_from_u64(SEED ^ row << 40 ^ number);
                        let served = SERVED_PER_S.start
                            * (SERVED_PER_S.end / SERVED_PER_S.start).powf(random.random::<f64>());
                        let cluster = Cluster {
                            served_per_s: served,
                            ..kind
                        };
                        (
                            number,
                            Search {
                                found: method(cluster.run(random), LIMITS),
                                cluster,
                            },
                        )
                    })
                    .collect()
                })
            })
            .collect();
        let mut all: Vec<(u64, Search)> = threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect();
        all.sort_by_key(|(number, _)| *number);
        all.into_iter().map(|(_, search)| search).collect()
    })
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

fn percent(value: Option<f64>) -> String {
    value.map_or("–".to_owned(), |value| format!("{:.1} %", value * 100.0))
}

fn share(of: usize, all: usize) -> String {
    if all == 0 {
        "–".to_owned()
    } else {
        format!("{:.1} %", of as f64 * 100.0 / all as f64)
    }
}

fn endings(all: &[Search]) -> String {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for search in all {
        let name = match search.found.ending {
            Some(Ending::Found) | None => continue,
            Some(Ending::Moved(_)) => "moved",
            Some(Ending::OutOfTime) => "out of time",
            Some(Ending::BelowMin) => "below the lowest rate",
            Some(Ending::AboveMax) => "above the highest rate",
            Some(Ending::Generator) => "generator",
        };
        match counts.iter_mut().find(|(known, _)| *known == name) {
            Some((_, count)) => *count += 1,
            None => counts.push((name, 1)),
        }
    }
    let words: Vec<String> = counts
        .iter()
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    if words.is_empty() {
        "–".to_owned()
    } else {
        words.join(", ")
    }
}

fn row(name: &str, all: &[Search], by_backlog: bool) {
    let answered: Vec<&Search> = all
        .iter()
        .filter(|search| !search.found.inconclusive)
        .collect();
    let pairs: Vec<(f64, f64, f64)> = answered
        .iter()
        .filter_map(|search| {
            search
                .found
                .pair
                .map(|(low, high)| (low, high, search.truth(by_backlog)))
        })
        .collect();
    let held = pairs
        .iter()
        .filter(|(low, high, truth)| low <= truth && truth <= high)
        .count();
    let width = median(
        pairs
            .iter()
            .map(|(low, high, _)| high / low - 1.0)
            .collect(),
    );
    let off = |pair: &(f64, f64, f64)| f64::midpoint(pair.0, pair.1) / pair.2 - 1.0;
    let bias = median(pairs.iter().map(off).collect());
    let farthest = pairs.iter().map(|pair| off(pair).abs()).fold(0.0, f64::max);
    let told: Vec<f64> = answered
        .iter()
        .filter_map(|search| search.found.confidence)
        .collect();
    let told = (!told.is_empty()).then(|| told.iter().sum::<f64>() / told.len() as f64);
    let mut times: Vec<f64> = all.iter().map(|search| search.found.seconds).collect();
    times.sort_by(f64::total_cmp);
    let ninety = times.get(times.len() * 9 / 10).copied().unwrap_or_default();
    let windows = median(
        all.iter()
            .map(|search| f64::from(search.found.windows))
            .collect(),
    );
    println!(
        "| {name} | {} | {} | {} | {} | {} | {} | {:.0} s, {ninety:.0} s | {:.0} | {} |",
        if by_backlog {
            "–".to_owned()
        } else {
            share(held, pairs.len())
        },
        percent(told),
        if by_backlog {
            "–".to_owned()
        } else {
            percent(width)
        },
        percent(bias),
        percent(Some(farthest)),
        share(all.len() - answered.len(), all.len()),
        median(times).unwrap_or_default(),
        windows.unwrap_or_default(),
        endings(all),
    );
}

const HEAD: &str = "| noise | pair holds the capacity | chance told, mean | its width, median | its middle off by, median | at most | inconclusive | \
                    time, median and nine of ten | windows, median | endings without an answer |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|---|";

fn main() {
    let count: u64 = std::env::args()
        .nth(1)
        .map_or(200, |text| text.parse().unwrap());
    println!("## `rmq-bench capacity`: {count} searches per row\n\n{HEAD}");
    for (index, (name, kind)) in NOISES.iter().enumerate() {
        row(
            name,
            &searches(*kind, methods::search, count, index as u64),
            false,
        );
    }
    println!("\n## A capacity that moves\n\nThe truth is that of the search's end.\n");
    println!("{}", HEAD.replace("noise", "capacity"));
    for (index, (name, course)) in COURSES.iter().enumerate() {
        let kind = Cluster {
            course: *course,
            ..STEADY
        };
        row(
            name,
            &searches(kind, methods::search, count, 100 + index as u64),
            false,
        );
    }
    for (number, (method, find)) in METHODS.iter().enumerate().skip(1) {
        println!("\n## In comparison: {method}\n\n{HEAD}");
        for (index, (name, kind)) in NOISES.iter().enumerate() {
            row(
                name,
                &searches(*kind, *find, count, index as u64),
                number == 2,
            );
        }
    }
}
