//! Which queue an attempt goes to: round robin, past the last broker and past isolated ones
//! (R118, R119, R128, R129).

use crate::client::broker_table::BrokerId;
use crate::client::config::FaultGeneration;
use crate::client::fault::Standing;
use crate::client::publish_route::{PublishRoute, QueueRef};

/// How each broker of a route stands, read once per batch.
#[derive(Debug, Clone, Default)]
pub struct Standings {
    /// Indexed like [`PublishRoute::brokers`].
    brokers: Vec<Standing>,
    all_available: bool,
}

impl Standings {
    /// Reads the standing of every broker of the route.
    pub fn refresh(
        &mut self,
        route: &PublishRoute,
        mut standing: impl FnMut(BrokerId) -> Standing,
    ) {
        self.brokers.clear();
        self.brokers
            .extend(route.brokers.iter().map(|broker| standing(broker.id)));
        self.all_available = self.brokers.iter().all(|standing| standing.available);
    }

    fn of(&self, queue: QueueRef) -> Standing {
        self.brokers
            .get(queue.slot.index())
            .copied()
            .unwrap_or_default()
    }
}

/// The round-robin position of one sender; nothing is shared between senders (R242).
#[derive(Debug, Clone)]
pub struct QueueChoice {
    position: usize,
    generation: FaultGeneration,
    enabled: bool,
}

impl QueueChoice {
    /// Starts at a random position (R118).
    #[must_use]
    pub fn new(start: u32, generation: FaultGeneration, enabled: bool) -> Self {
        Self {
            position: start as usize,
            generation,
            enabled,
        }
    }

    /// The queue of the next attempt; `last` is the broker of the send's previous attempt.
    /// `None` only for a route without queues.
    #[inline]
    pub fn pick(
        &mut self,
        route: &PublishRoute,
        standings: &Standings,
        last: Option<BrokerId>,
    ) -> Option<QueueRef> {
        if last.is_none() && (standings.all_available || !self.enabled) {
            return self.next(route);
        }
        self.pick_carefully(route, standings, last)
    }

    #[inline]
    fn next(&mut self, route: &PublishRoute) -> Option<QueueRef> {
        let count = route.queues.len();
        // The position stays below the list's length but for the first use and a changed route.
        self.position += 1;
        if self.position >= count {
            self.position = if count == 0 { 0 } else { self.position % count };
        }
        route.queues.get(self.position).copied()
    }

    /// The next queue in turn that passes `filter`, looking at each at most once.
    fn next_where(
        &mut self,
        route: &PublishRoute,
        filter: impl Fn(QueueRef) -> bool,
    ) -> Option<QueueRef> {
        (0..route.queues.len()).find_map(|_| self.next(route).filter(|queue| filter(*queue)))
    }

    #[cold]
    fn pick_carefully(
        &mut self,
        route: &PublishRoute,
        standings: &Standings,
        last: Option<BrokerId>,
    ) -> Option<QueueRef> {
        let other = |queue: QueueRef| Some(queue.broker) != last;
        if !self.enabled {
            return self.next_where(route, other).or_else(|| self.next(route));
        }
        match self.generation {
            FaultGeneration::V5 => self
                .next_where(route, |queue| standings.of(queue).available && other(queue))
                .or_else(|| {
                    self.next_where(route, |queue| standings.of(queue).reachable && other(queue))
                })
                .or_else(|| self.next(route)),
            FaultGeneration::V4 => self
                .next_where(route, |queue| standings.of(queue).available)
                .or_else(|| self.better_half(route, standings))
                .or_else(|| self.next(route)),
        }
    }

    /// R128: all are isolated, so one of the better half in turn. The snapshot is not touched
    /// (R247): the queue taken is one the broker really has.
    fn better_half(&mut self, route: &PublishRoute, standings: &Standings) -> Option<QueueRef> {
        let mut ranked: Vec<(Standing, BrokerId)> = standings
            .brokers
            .iter()
            .zip(&route.brokers)
            .map(|(standing, broker)| (*standing, broker.id))
            .collect();
        ranked.sort_by_key(|(s, _)| (!s.available, s.latency_ns, s.available_at));
        let half = (ranked.len() / 2).max(1);
        let turn = self.next(route).map_or(0, |_| self.position % half);
        let (_, broker) = *ranked.get(turn)?;
        self.next_where(route, |queue| queue.broker == broker)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::publish_route::{RouteBroker, RouteSlot};

    fn route(queues: &[(u16, u32)]) -> PublishRoute {
        let most = queues.iter().map(|(broker, _)| *broker).max().unwrap_or(0);
        let queues: Vec<QueueRef> = queues
            .iter()
            .map(|(broker, queue_id)| QueueRef {
                broker: BrokerId(*broker),
                slot: RouteSlot::new(usize::from(*broker)).unwrap(),
                queue_id: *queue_id,
            })
            .collect();
        PublishRoute {
            brokers: (0..=most)
                .map(|id| RouteBroker {
                    id: BrokerId(id),
                    name: format!("b{id}"),
                    address: None,
                })
                .collect(),
            selectable: queues.clone(),
            queues,
            ordered: false,
            borrowed: false,
            left_out: Vec::new(),
        }
    }

    fn standings(route: &PublishRoute, states: &[(bool, bool)]) -> Standings {
        let mut standings = Standings::default();
        standings.refresh(route, |broker| {
            let (available, reachable) = states[broker.index()];
            Standing {
                available,
                reachable,
                latency_ns: 0,
                available_at: 0,
            }
        });
        standings
    }

    const FINE: (bool, bool) = (true, true);

    #[test]
    fn r118_each_queue_once_per_round_from_any_start() {
        let route = route(&[(0, 0), (1, 0), (0, 1), (1, 1)]);
        let fine = standings(&route, &[FINE, FINE]);
        for start in [0, 1, 3, u32::MAX] {
            let mut choice = QueueChoice::new(start, FaultGeneration::V5, true);
            let mut seen: Vec<_> = (0..4)
                .map(|_| choice.pick(&route, &fine, None).unwrap())
                .collect();
            seen.sort_by_key(|queue| (queue.broker, queue.queue_id));
            seen.dedup();
            assert_eq!(seen.len(), 4, "start {start}");
        }
    }

    #[test]
    fn r119_a_retry_goes_to_another_broker_if_there_is_one() {
        let two = route(&[(0, 0), (0, 1), (1, 0)]);
        for enabled in [false, true] {
            for generation in [FaultGeneration::V5] {
                for start in 0..3 {
                    let fine = standings(&two, &[FINE, FINE]);
                    let mut choice = QueueChoice::new(start, generation, enabled);
                    let picked = choice.pick(&two, &fine, Some(BrokerId(0))).unwrap();
                    assert_eq!(picked.broker, BrokerId(1));
                }
            }
        }
        let one = route(&[(0, 0), (0, 1)]);
        let fine = standings(&one, &[FINE]);
        let mut choice = QueueChoice::new(0, FaultGeneration::V5, true);
        assert!(choice.pick(&one, &fine, Some(BrokerId(0))).is_some());
    }

    #[test]
    fn r129_available_before_reachable_before_any() {
        let route = route(&[(0, 0), (1, 0), (2, 0)]);
        let mut choice = QueueChoice::new(0, FaultGeneration::V5, true);
        let one_up = standings(&route, &[(false, false), (true, true), (false, true)]);
        for _ in 0..6 {
            assert_eq!(
                choice.pick(&route, &one_up, None).unwrap().broker,
                BrokerId(1)
            );
        }
        let only_reachable = standings(&route, &[(false, false), (false, false), (false, true)]);
        for _ in 0..6 {
            assert_eq!(
                choice.pick(&route, &only_reachable, None).unwrap().broker,
                BrokerId(2)
            );
        }
        let all_out = standings(&route, &[(false, false); 3]);
        let mut seen: Vec<_> = (0..3)
            .map(|_| choice.pick(&route, &all_out, None).unwrap().broker)
            .collect();
        seen.sort();
        assert_eq!(
            seen,
            [BrokerId(0), BrokerId(1), BrokerId(2)],
            "plain rotation goes on"
        );
    }

    #[test]
    fn r128_4x_takes_the_better_half_when_all_are_isolated() {
        let route = route(&[(0, 0), (1, 0)]);
        let mut slow_first = Standings::default();
        slow_first.refresh(&route, |broker| Standing {
            available: false,
            reachable: true,
            latency_ns: if broker.0 == 0 { 900 } else { 100 },
            available_at: 5,
        });
        let mut choice = QueueChoice::new(0, FaultGeneration::V4, true);
        for _ in 0..4 {
            assert_eq!(
                choice.pick(&route, &slow_first, None).unwrap().broker,
                BrokerId(1)
            );
        }
    }

    #[test]
    fn with_avoidance_off_isolation_is_not_looked_at() {
        // R120
        let route = route(&[(0, 0), (1, 0)]);
        let out = standings(&route, &[(false, false), FINE]);
        let mut choice = QueueChoice::new(0, FaultGeneration::V5, false);
        let picked: Vec<_> = (0..4)
            .map(|_| choice.pick(&route, &out, None).unwrap().broker.0)
            .collect();
        assert_eq!(picked, [1, 0, 1, 0]);
    }
}
