//! How many shards and which tick a run gets, and why (`performance.md` §4).

use std::thread::available_parallelism;
use std::time::Duration;

use crate::load::plan::{LoadModel, LoadPlan};

/// A wake-up costs about 20 µs of CPU; below this rate one per message stays under 5 % of a core.
const PER_MESSAGE_BELOW_PER_S: f64 = 2_500.0;
/// Messages one tick should gather.
const MESSAGES_PER_TICK: f64 = 64.0;
/// Shortest tick chosen by itself.
const SHORTEST_TICK: Duration = Duration::from_micros(250);
/// Longest tick chosen by itself.
const LONGEST_TICK: Duration = Duration::from_millis(1);
/// What one shard carries with ease; below this more shards only mean more wake-ups.
const ONE_SHARD_PER_S: f64 = 400_000.0;

/// Shards and tick of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pacing {
    /// Threads.
    pub shards: usize,
    /// Why as many.
    pub shards_why: String,
    /// Time between wake-ups; zero: one wake-up per message.
    pub tick: Duration,
}

/// Chooses what the plan leaves open.
#[must_use]
pub fn pacing(plan: &LoadPlan, reserved_cores: usize) -> Pacing {
    let cores = available_parallelism().map_or(1, usize::from);
    let (shards, shards_why) = match plan.shards {
        Some(shards) => (shards.max(1), "as asked for".to_owned()),
        None => choose_shards(plan, cores, reserved_cores),
    };
    Pacing {
        shards,
        shards_why,
        tick: plan.tick.unwrap_or_else(|| choose_tick(sends_per_s(plan))),
    }
}

/// The rate that costs wake-ups and writes, at its highest; `None` in a closed loop.
fn sends_per_s(plan: &LoadPlan) -> Option<f64> {
    match &plan.model {
        LoadModel::Closed => None,
        LoadModel::Open(offered) => {
            let whole = offered.of_sends(plan.message.batch).peak_per_s();
            Some(whole * plan.part.fraction())
        }
    }
}

fn choose_shards(plan: &LoadPlan, cores: usize, reserved_cores: usize) -> (usize, String) {
    let room = cores.saturating_sub(reserved_cores).max(1);
    let (shards, why) = shards_for(sends_per_s(plan), cores, reserved_cores, room);
    // Every shard has one send under way at least: more of them would be more than the plan allows.
    let cap = plan.most_in_flight();
    let what = if plan.mode.has_callers() {
        "caller(s)"
    } else {
        "send(s) in flight"
    };
    if shards > cap {
        (cap.max(1), format!("there are {cap} {what} to share"))
    } else {
        (shards, why)
    }
}

fn shards_for(
    per_s: Option<f64>,
    cores: usize,
    reserved_cores: usize,
    room: usize,
) -> (usize, String) {
    match per_s {
        None => (
            room,
            format!("{cores} cores less {reserved_cores} left to the cluster"),
        ),
        Some(per_s) => {
            let mut shards = 1;
            while shards < room && per_s > ONE_SHARD_PER_S * shards as f64 {
                shards += 1;
            }
            (
                shards,
                format!("the rate needs no more of the {room} core(s) there is room on"),
            )
        }
    }
}

fn choose_tick(per_s: Option<f64>) -> Duration {
    match per_s {
        None => LONGEST_TICK,
        Some(per_s) if per_s <= PER_MESSAGE_BELOW_PER_S => Duration::ZERO,
        Some(per_s) => {
            Duration::from_secs_f64(MESSAGES_PER_TICK / per_s).clamp(SHORTEST_TICK, LONGEST_TICK)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::plan::{Arrivals, Bound, MessageShape, Rate, SendMode, WhenLate};
    use crate::load::schedule::{Offered, ShardOf};
    use std::num::NonZeroU64;

    fn open(per_s: u64) -> LoadModel {
        LoadModel::Open(Offered::Steady(Rate {
            messages: NonZeroU64::new(per_s).unwrap(),
            period_ns: NonZeroU64::new(1_000_000_000).unwrap(),
        }))
    }

    #[test]
    fn the_tick_follows_the_rate() {
        assert_eq!(choose_tick(Some(1_000.0)), Duration::ZERO);
        assert_eq!(choose_tick(Some(50_000.0)), Duration::from_millis(1));
        assert_eq!(choose_tick(Some(128_000.0)), Duration::from_micros(500));
        assert_eq!(choose_tick(Some(10_000_000.0)), Duration::from_micros(250));
    }

    fn plan(mode: SendMode, model: LoadModel, cap: usize) -> LoadPlan {
        LoadPlan {
            mode,
            model,
            arrivals: Arrivals::Constant,
            seed: 1,
            part: ShardOf::WHOLE,
            bound: Bound {
                duration: None,
                count: Some(1),
            },
            warmup: Duration::ZERO,
            warmup_ends: crate::load::plan::WarmupEnd::AtTime,
            drain: Duration::ZERO,
            topic: String::new(),
            message: MessageShape::plain(1),
            callers: cap,
            in_flight: cap,
            more_topics: Vec::new(),
            own_topics: false,
            topic_choice: crate::load::Choice::Turn,
            queue_choice: crate::load::Choice::Turn,
            when_late: WhenLate::CatchUp,
            deadline: None,
            shards: None,
            tick: None,
            realtime: false,
            transactions: None,
            requests: None,
        }
    }

    #[test]
    fn shards_fill_the_room_only_when_needed() {
        let shards = |model, cores| choose_shards(&plan(SendMode::Async, model, 64), cores, 1).0;
        assert_eq!(shards(open(50_000), 8), 1);
        assert_eq!(shards(open(1_000_000), 8), 3);
        assert_eq!(shards(open(100_000_000), 8), 7);
        assert_eq!(shards(LoadModel::Closed, 2), 1);
        assert_eq!(shards(LoadModel::Closed, 1), 1);
    }

    #[test]
    fn there_are_never_more_shards_than_sends_to_share() {
        for mode in [SendMode::Sync, SendMode::Async] {
            let few = plan(mode, LoadModel::Closed, 2);
            assert_eq!(choose_shards(&few, 8, 1).0, 2);
            let enough = plan(mode, LoadModel::Closed, 7);
            assert_eq!(choose_shards(&enough, 8, 1).0, 7);
        }
    }
}
