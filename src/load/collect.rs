//! The second-by-second collector of a run: merges what shards hand over, tells whoever watches.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crossbeam::channel::{Receiver, RecvTimeoutError, Sender};
use tokio::runtime::Runtime;

use crate::load::audit::AuditRecord;
use crate::load::opening::Opening;
use crate::load::pacer::ShardInterval;
use crate::load::run::{ClientUse, LoadRun, RunPhase, RunSecond};
use crate::load::schedule::Schedule;
use crate::load::shard::{Recorders, Window};
use crate::load::stop::StopLevel;
use crate::metrics::{Recorder, Totals};
use crate::transport::Nanos;

/// Merges what shards hand over, second by second.
pub(super) struct Collector<'a> {
    pub(super) run: &'a LoadRun,
    pub(super) runtime: &'a Runtime,
    pub(super) started: Nanos,
    pub(super) began_at: jiff::Timestamp,
    pub(super) window: Window,
    /// While the begin of the window is not known.
    pub(super) opening: Option<Arc<Opening>>,
    pub(super) count_end: Option<CountEnd>,
    pub(super) recycle: Sender<Recorders>,
    pub(super) watch: &'a mut dyn FnMut(&RunSecond<'_>),
    pub(super) measured: Totals,
    pub(super) warmup: Totals,
    /// Measured in an interval that ended with the warm-up.
    pub(super) early: Recorder,
    /// End of the last interval told.
    pub(super) emitted: Nanos,
    /// At the window's beginning, and at its end.
    pub(super) client: Vec<ClientUse>,
}

/// Where a planned count ends, of a window that begins at some time; the times asked for ascend.
pub(super) struct CountEnd {
    pub(super) schedule: Schedule,
    pub(super) sends: u64,
}

impl CountEnd {
    /// Number of the first message left out when the window begins so long after the start.
    fn from(&mut self, after_ns: u64) -> u64 {
        while self.schedule.next_ns() < after_ns {
            self.schedule.advance();
        }
        self.schedule.number().saturating_add(self.sends)
    }
}

struct Second {
    end: Nanos,
    recorders: Recorders,
    in_flight: u64,
    audit: Vec<AuditRecord>,
    parts: usize,
}

impl Collector<'_> {
    pub(super) fn collect(&mut self, incoming: &Receiver<ShardInterval>, shards: usize) {
        let mut seconds: BTreeMap<u64, Second> = BTreeMap::new();
        loop {
            let interval = match incoming.recv_deadline(self.next_edge().to_instant()) {
                Ok(interval) => interval,
                Err(RecvTimeoutError::Timeout) => {
                    self.read_client();
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => break,
            };
            self.add(&mut seconds, interval);
            // A second is complete when every shard has handed it over; one that ended earlier is
            // made up for when all have ended.
            while let Some(entry) = seconds.first_entry() {
                if entry.get().parts < shards {
                    break;
                }
                let second = entry.remove();
                self.emit(second);
            }
            if self.client.len() == 1 && self.run.stop.level() > StopLevel::None {
                self.read_client();
            }
        }
        for second in seconds.into_values() {
            self.emit(second);
        }
    }

    /// The edge of the window at which the client is to be looked at next.
    fn next_edge(&self) -> Nanos {
        let edges = [self.window.from, self.window.until];
        edges
            .get(self.client.len())
            .copied()
            .unwrap_or(Nanos::NEVER)
    }

    /// Looks at the client, at an edge or before, when the run is cut short.
    fn read_client(&mut self) {
        let edge = self.next_edge().min(Nanos::now());
        let client = ClientUse::read(self.runtime, &self.run.instance, edge);
        self.client.push(client);
    }

    /// The client at an edge of the window, or now when the run ended before it.
    pub(super) fn client_at(&mut self, edge: usize) -> ClientUse {
        while self.client.len() <= edge {
            self.read_client();
        }
        self.client.get(edge).cloned().unwrap_or_default()
    }

    fn add(&self, seconds: &mut BTreeMap<u64, Second>, interval: ShardInterval) {
        match seconds.get_mut(&interval.second) {
            Some(second) => {
                second
                    .recorders
                    .measured
                    .merge(&interval.recorders.measured);
                second.recorders.warmup.merge(&interval.recorders.warmup);
                second.in_flight += interval.in_flight as u64;
                second.audit.extend(interval.audit);
                second.parts += 1;
                second.end = second.end.max(interval.end);
                self.give_back(interval.recorders);
            }
            None => {
                let second = Second {
                    recorders: interval.recorders,
                    in_flight: interval.in_flight as u64,
                    audit: interval.audit,
                    parts: 1,
                    end: interval.end,
                };
                seconds.insert(interval.second, second);
            }
        }
    }

    fn emit(&mut self, mut second: Second) {
        let phase = if second.end <= self.window.from {
            RunPhase::Warmup
        } else if self.emitted < self.window.until {
            RunPhase::Measure
        } else {
            RunPhase::Drain
        };
        let length = Duration::from_nanos(second.end.since(self.emitted));
        self.emitted = self.emitted.max(second.end);
        self.measured.merge(&second.recorders.measured);
        self.warmup.merge(&second.recorders.warmup);
        let recorder = if phase == RunPhase::Warmup {
            // A shard that woke a little late has begun messages of the window already: they show
            // in the next interval.
            self.early.merge(&second.recorders.measured);
            &second.recorders.warmup
        } else {
            second.recorders.measured.merge(&self.early);
            self.early.clear();
            &second.recorders.measured
        };
        let asked = Cell::new(false);
        (self.watch)(&RunSecond {
            elapsed: Duration::from_nanos(second.end.since(self.started)),
            at_s: seconds_between(self.window.from, second.end),
            length,
            began_at: self.began_at,
            phase,
            recorder,
            in_flight: second.in_flight,
            audit: &second.audit,
            brokers: &self.run.instance.brokers(),
            asked: &asked,
        });
        if phase == RunPhase::Warmup {
            self.ask_for_window(asked.get(), second.end);
        }
        self.give_back(second.recorders);
    }

    /// Lets the window begin with the next second, or the one after it, where shards have come so far already.
    fn ask_for_window(&mut self, asked: bool, now: Nanos) {
        let Some(opening) = self.opening.clone() else {
            return;
        };
        let mut second = opening.seconds_to(now.max(self.emitted));
        while asked && opening.window() == opening.at_cap() {
            second += 1;
            let begin = opening.begin_of(second);
            if begin >= self.window.from {
                return;
            }
            let after_ns = begin.since(self.started);
            let end = self.count_end.as_mut().map(|count| count.from(after_ns));
            if opening.ask(second, end.unwrap_or(u64::MAX)) {
                break;
            }
        }
        self.window = opening.window();
    }

    /// Empties the recorders here, so that a shard need not.
    fn give_back(&self, mut recorders: Recorders) {
        recorders.measured.clear();
        recorders.warmup.clear();
        // Shards that have ended need none any more.
        drop(self.recycle.send(recorders));
    }
}

#[allow(clippy::cast_precision_loss, reason = "a time for display")]
fn seconds_between(from: Nanos, to: Nanos) -> f64 {
    if to < from {
        -(from.since(to) as f64) / 1e9
    } else {
        to.since(from) as f64 / 1e9
    }
}
