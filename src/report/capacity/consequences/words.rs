//! What all formats say of the consequences: sentences for a terminal, tables with notes for the others.

use std::time::Duration;

use super::figures::{Basis, BodyBytes, Consequences, Cost, Demand, MillionCost, Reached, When};
use crate::config::value::DurationSetting;
use crate::metrics::units::{bytes, count, percent, rate, three_digits};

/// Figures under headings, the first of which stands over the names.
pub(in crate::report) struct Table {
    pub(in crate::report) caption: &'static str,
    pub(in crate::report) headings: Vec<String>,
    pub(in crate::report) rows: Vec<(&'static str, Vec<String>)>,
}

const ASSUMED: &str = "if the load is spread evenly, brokers are alike and nothing else is shared";
const MODEL: &str = "a model, not measured";

/// Which capacity all of it is counted with.
pub(in crate::report) fn counted_with(told: &Consequences) -> String {
    let Some(capacity) = told.capacity_per_s.map(rate) else {
        return "none can be told, as no rate passed".to_owned();
    };
    let what = match told.basis {
        Basis::Found => "the lower rate of the pair",
        Basis::LowerBound => {
            "a lower bound: shares, and costs at the capacity, are at most as said, dates not before"
        }
        Basis::Unconfirmed => "which passed in a search without an answer and was not confirmed",
        Basis::Nothing => "of which nothing is known",
    };
    format!("counted with {capacity}, {what}")
}

/// What each is about, and what there is to say.
pub(in crate::report) fn sentences(told: &Consequences) -> Vec<(String, String)> {
    let bounds = Bounds::of(told.basis);
    let mut said = Vec::new();
    if let Some(demand) = &told.demand {
        let sentence = format!("{} {}", rate(demand.per_s), takes(demand, bounds));
        said.push(("Demand".to_owned(), sentence));
    }
    if let Some(less) = &told.one_broker_less {
        let about = format!("One broker less ({MODEL})");
        let model = rate(less.model_per_s);
        let mut sentence = format!("{}{model}, {ASSUMED}", bounds.at_least);
        if let Some(demand) = &less.demand {
            sentence += &format!("; the demand {}", takes(demand, bounds));
        }
        said.push((about, sentence));
    }
    if let Some(bodies) = &told.bodies {
        said.push(("Bodies".to_owned(), bodies_sentence(bodies)));
    }
    if let Some(cost) = &told.cost {
        let has_demand = told.demand.is_some();
        said.push((
            "Cost of a million messages".to_owned(),
            cost_sentence(cost, has_demand, bounds),
        ));
    }
    said
}

/// Words before figures that are bounds.
#[derive(Clone, Copy)]
struct Bounds {
    at_most: &'static str,
    at_least: &'static str,
    not_before: &'static str,
}

impl Bounds {
    fn of(basis: Basis) -> Self {
        match basis {
            Basis::LowerBound => Self {
                at_most: "at most ",
                at_least: "at least ",
                not_before: "not before ",
            },
            _ => Self {
                at_most: "",
                at_least: "",
                not_before: "",
            },
        }
    }
}

/// What a demand takes of the capacity named before.
/// What a demand takes of a capacity that is so sure.
pub(in crate::report::capacity) fn takes_of(demand: &Demand, basis: Basis) -> String {
    takes(demand, Bounds::of(basis))
}

fn takes(demand: &Demand, bounds: Bounds) -> String {
    let share = percent(demand.used_share);
    let left = rate(demand.headroom_per_s.abs());
    let takes = match demand.fits {
        Some(true) => format!(
            "takes {}{share} of it, {}{left} are left",
            bounds.at_most, bounds.at_least
        ),
        Some(false) => format!("is already {share} of it and does not fit, {left} are missing"),
        None => "is more than that: whether it is carried is not known".to_owned(),
    };
    match &demand.reached {
        Some(reached) if demand.fits == Some(true) => {
            format!("{takes}; {}", reached_sentence(reached, bounds))
        }
        _ => takes,
    }
}

fn reached_sentence(reached: &Reached, bounds: Bounds) -> String {
    let growing = format!("growing by {}", reached.growth);
    match reached.when {
        When::Already => "reached already".to_owned(),
        When::Later => {
            let on = if bounds.not_before.is_empty() {
                "on "
            } else {
                ""
            };
            format!(
                "{growing} it gets there {on}{}",
                day(reached, bounds, "in ")
            )
        }
        When::NotWithin100Years => format!("{growing} it does not get there within 100 years"),
    }
}

/// The day, and the months until then.
fn day(reached: &Reached, bounds: Bounds, before_months: &str) -> String {
    let date = reached.date.as_deref().unwrap_or("n/a");
    let months = reached.months.map_or("n/a".to_owned(), three_digits);
    format!(
        "{}{date} ({before_months}{months} months)",
        bounds.not_before
    )
}

fn bodies_sentence(bodies: &BodyBytes) -> String {
    let mut sentence = format!(
        "{} each in the mean, {} a day at {}",
        bytes(whole(bodies.mean_bytes)),
        bytes(whole(bodies.per_day_bytes)),
        rate(bodies.per_s)
    );
    if let (Some(seconds), Some(stored)) = (bodies.retention_s, bodies.stored_bytes) {
        let kept = Duration::try_from_secs_f64(seconds).unwrap_or_default();
        sentence += &format!(
            ", {} stored when kept for {}",
            bytes(whole(stored)),
            DurationSetting(kept)
        );
    }
    sentence
        + "; what brokers add to a message (headers, properties, index, replicas) is not counted"
}

fn cost_sentence(cost: &Cost, has_demand: bool, bounds: Bounds) -> String {
    let currency = cost.currency.as_deref();
    let at = |which: &str, million: &MillionCost| {
        let parts = parts(million).into_iter();
        let parts = parts.filter_map(|(name, part)| Some(format!("{name} {}", amount(part?))));
        let parts: Vec<String> = parts.collect();
        let total = million.total.map_or("n/a".to_owned(), amount);
        let total = currency.map_or(total.clone(), |code| format!("{total} {code}"));
        format!("{total} at the {which} ({})", parts.join(", "))
    };
    let at_capacity = format!("{}{}", bounds.at_most, at("capacity", &cost.at_capacity));
    match &cost.at_demand {
        Some(million) => format!("{}; {at_capacity}", at("demand", million)),
        None if has_demand => format!("{at_capacity}; n/a at the demand, which is beyond"),
        None => at_capacity,
    }
}

fn parts(million: &MillionCost) -> [(&'static str, Option<f64>); 3] {
    [
        ("brokers", million.brokers),
        ("disk", million.disk),
        ("traffic", million.traffic),
    ]
}

/// Three significant digits, as a million messages may cost very little.
fn amount(value: f64) -> String {
    if value <= 0.0 || value >= 0.099_95 {
        return three_digits(value);
    }
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "digits of a number between 0 and 0.1; the cast saturates"
    )]
    let digits = (2.0 - value.log10().floor()) as usize;
    let digits = digits.min(12);
    format!("{value:.digits$}")
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "bytes for people; the cast saturates"
)]
fn whole(bytes: f64) -> u64 {
    bytes.round() as u64
}

/// The figures as tables.
pub(in crate::report) fn tables(told: &Consequences) -> Vec<Table> {
    let Some(capacity) = told.capacity_per_s else {
        return Vec::new();
    };
    let mut tables = Vec::new();
    if told.demand.is_some() || told.one_broker_less.is_some() {
        tables.push(carried(told, capacity));
    }
    if let Some(cost) = &told.cost {
        tables.push(costs(told, cost));
    }
    tables
}

/// A cell of a table about a demand.
type Cell = fn(&Demand, Bounds) -> String;

/// A column for all brokers, and one for one less.
fn carried(told: &Consequences, capacity: f64) -> Table {
    let bounds = Bounds::of(told.basis);
    let mut columns = vec![(count(told.brokers), capacity, told.demand.as_ref())];
    if let Some(less) = &told.one_broker_less {
        let heading = format!("{} ({MODEL})", count(less.brokers_left));
        columns.push((heading, less.model_per_s, less.demand.as_ref()));
    }
    let mut rows = vec![(
        "carried",
        columns
            .iter()
            .map(|(_, per_s, _)| format!("{}{}", bounds.at_least, rate(*per_s)))
            .collect(),
    )];
    let of_demand: [(&'static str, Cell); 4] = [
        ("demand", |demand, _| rate(demand.per_s)),
        ("demand's share", |demand, bounds| {
            format!("{}{}", bounds.at_most, percent(demand.used_share))
        }),
        ("left", |demand, bounds| {
            let sign = if demand.headroom_per_s < 0.0 { "-" } else { "" };
            let left = rate(demand.headroom_per_s.abs());
            format!("{}{sign}{left}", bounds.at_least)
        }),
        ("demand gets there", |demand, bounds| {
            let Some(reached) = &demand.reached else {
                return "n/a".to_owned();
            };
            match reached.when {
                When::Already => "already".to_owned(),
                When::Later => day(reached, bounds, ""),
                When::NotWithin100Years => "not within 100 years".to_owned(),
            }
        }),
    ];
    let mut demands = columns.iter().filter_map(|(.., demand)| *demand);
    let has_growth = demands.any(|demand| demand.reached.is_some());
    if told.demand.is_some() {
        let shown = if has_growth { 4 } else { 3 };
        for (name, cell) in of_demand.iter().take(shown) {
            let cells = columns.iter().map(|(_, _, demand)| {
                demand.map_or("n/a".to_owned(), |demand| cell(demand, bounds))
            });
            rows.push((*name, cells.collect()));
        }
    }
    let headings = columns.into_iter().map(|(heading, ..)| heading);
    Table {
        caption: "What brokers carry, and what a demand takes of it",
        headings: std::iter::once("brokers".to_owned())
            .chain(headings)
            .collect(),
        rows,
    }
}

fn costs(told: &Consequences, cost: &Cost) -> Table {
    let at_least = Bounds::of(told.basis).at_least;
    let mut columns = Vec::new();
    if let Some(demand) = &told.demand {
        let heading = format!("at the demand, {}", rate(demand.per_s));
        columns.push((heading, cost.at_demand.as_ref()));
    }
    let heading = format!(
        "at the capacity, {at_least}{}",
        rate(cost.at_capacity.per_s)
    );
    columns.push((heading, Some(&cost.at_capacity)));
    let mut rows = Vec::new();
    let shown = |part: Option<f64>| part.map_or("n/a".to_owned(), amount);
    for (index, (name, priced)) in parts(&cost.at_capacity).into_iter().enumerate() {
        if priced.is_none() {
            continue;
        }
        let part = |million: &MillionCost| parts(million).get(index).and_then(|part| part.1);
        let cells = columns
            .iter()
            .map(|(_, million)| shown(million.and_then(part)));
        rows.push((name, cells.collect()));
    }
    let totals = columns
        .iter()
        .map(|(_, million)| shown(million.and_then(|million| million.total)));
    rows.push(("total", totals.collect()));
    let first = match &cost.currency {
        Some(code) => format!("a million messages, {code}"),
        None => "a million messages".to_owned(),
    };
    let headings = columns.into_iter().map(|(heading, _)| heading);
    Table {
        caption: "What a million messages cost",
        headings: std::iter::once(first).chain(headings).collect(),
        rows,
    }
}

/// What the tables do not say.
pub(in crate::report) fn notes(told: &Consequences) -> Vec<String> {
    let mut notes = Vec::new();
    if told.one_broker_less.is_some() {
        notes.push(format!("One broker less is {MODEL}: it holds {ASSUMED}."));
    }
    let growth = told
        .demand
        .iter()
        .find_map(|demand| demand.reached.as_ref());
    if let Some(reached) = growth {
        notes.push(format!(
            "The demand is that of the begin of the search and grows by {}, compound; a month is 1/12 of 365.25 days.",
            reached.growth
        ));
    }
    if let Some(bodies) = &told.bodies {
        notes.push(format!("Bodies: {}.", bodies_sentence(bodies)));
    }
    if told.cost.is_some() {
        notes.push(
            "Costs follow from the prices given: brokers for the time a million messages take, disk for bodies as long as \
             they are kept, traffic for bodies once."
                .to_owned(),
        );
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::capacity::words::sample;

    fn told() -> Consequences {
        sample::with_consequences().consequences.unwrap()
    }

    fn said(told: &Consequences) -> String {
        let sentences = sentences(told).into_iter();
        let lines = sentences.map(|(about, sentence)| format!("{about}: {sentence}\n"));
        format!("{}\n{}", counted_with(told), lines.collect::<String>())
    }

    #[test]
    fn a_demand_that_fits_is_told_with_its_day() {
        let said = said(&told());
        for part in [
            "counted with 31,200/s, the lower rate of the pair",
            "Demand: 25,000/s takes 80.1 % of it, 6,200/s are left; growing by 3%/month it gets there on 2026-08-18 (in 7.49 months)",
            "One broker less (a model, not measured): 15,600/s, if the load is spread evenly",
            "the demand is already 160 % of it and does not fit, 9,400/s are missing\n",
            "Bodies: 1.00 KiB each in the mean, 2060 GiB a day at 25,000/s, 6180 GiB stored when kept for 72h;",
            "is not counted",
            "EUR at the demand (brokers 0.00889, disk ",
            "EUR at the capacity (brokers 0.00712, disk ",
        ] {
            assert!(said.contains(part), "{part}\n{said}");
        }
    }

    #[test]
    fn bounds_are_called_bounds() {
        let mut bound = told();
        bound.basis = Basis::LowerBound;
        let text = said(&bound);
        for part in [
            "a lower bound",
            "at most 80.1 %",
            "at least 6,200/s",
            "at least 15,600/s",
            "not before 2026-08-18",
            "; at most 0.1",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
        let cells = tables(&bound).into_iter().flat_map(|table| table.rows);
        let cells: Vec<String> = cells.flat_map(|(_, cells)| cells).collect();
        for part in ["not before", "at least 31,200/s"] {
            assert!(cells.iter().any(|cell| cell.starts_with(part)), "{cells:?}");
        }
        bound.demand.iter_mut().for_each(|demand| {
            (demand.fits, demand.reached) = (None, None);
        });
        assert!(said(&bound).contains("whether it is carried is not known"));
        bound.basis = Basis::Unconfirmed;
        assert!(said(&bound).contains("was not confirmed"));
    }

    #[test]
    fn where_nothing_passed_it_is_said_and_no_more() {
        let nothing = Consequences {
            basis: Basis::Nothing,
            capacity_per_s: None,
            brokers: 2,
            demand: None,
            one_broker_less: None,
            bodies: None,
            cost: None,
        };
        assert_eq!(said(&nothing), "none can be told, as no rate passed\n");
        assert!(tables(&nothing).is_empty() && notes(&nothing).is_empty());
    }

    #[test]
    fn tables_have_a_cell_for_each_heading() {
        let all = tables(&told());
        assert_eq!(all.len(), 2);
        for table in all {
            for (name, cells) in &table.rows {
                assert_eq!(cells.len() + 1, table.headings.len(), "{name}");
            }
        }
        let mut alone = told();
        alone.one_broker_less = None;
        let carried = tables(&alone).remove(0);
        assert_eq!(carried.headings, ["brokers", "2"]);
    }

    #[test]
    fn little_money_keeps_its_digits() {
        for (value, text) in [
            (0.0, "0"),
            (12.345, "12.3"),
            (0.1234, "0.123"),
            (0.0123, "0.0123"),
            (0.000_012_34, "0.0000123"),
        ] {
            assert_eq!(amount(value), text);
        }
    }
}
