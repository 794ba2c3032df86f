//! Room for sends in progress: a limit on messages and one on their bytes, first come, first served
//! (R189–R191).
//!
//! While there is room, entering and leaving are one atomic step each; only who finds none waits in a
//! queue.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use tokio::sync::{Mutex, Notify};

use crate::client::config::BackPressure;

const BYTE_BITS: u32 = 40;
const BYTES: u64 = (1 << BYTE_BITS) - 1;

/// The two limits and what is taken of them.
#[derive(Debug)]
pub(super) struct Admission {
    /// The limits, laid out as what is taken.
    limits: AtomicU64,
    /// Messages above the low [`BYTE_BITS`], bytes in them.
    taken: AtomicU64,
    /// How many wait, the first of them included.
    waiting: AtomicUsize,
    /// Held by the first of those who wait; the others queue for it.
    first: Mutex<()>,
    freed: Notify,
    closed: AtomicBool,
}

/// Room taken, until dropped.
#[derive(Debug)]
pub(super) struct Admitted<'a> {
    admission: &'a Admission,
    share: u64,
}

/// Nobody is let in any more.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Closed;

/// Messages and their bytes in one number.
fn packed(messages: usize, bytes: usize) -> u64 {
    (messages as u64) << BYTE_BITS | (bytes as u64).min(BYTES / 2)
}

impl Admission {
    pub(super) fn new(limits: BackPressure) -> Self {
        Self {
            limits: AtomicU64::new(packed(limits.messages, limits.bytes)),
            taken: AtomicU64::new(0),
            waiting: AtomicUsize::new(0),
            first: Mutex::default(),
            freed: Notify::default(),
            closed: AtomicBool::new(false),
        }
    }

    /// Changes the limits; those inside stay, and go out as they came in (R191).
    pub(super) fn set_limits(&self, limits: BackPressure) {
        let limits = packed(limits.messages, limits.bytes);
        self.limits.store(limits, Ordering::SeqCst);
        self.freed.notify_one();
    }

    /// Messages and bytes inside.
    pub(super) fn inside(&self) -> (u64, u64) {
        let taken = self.taken.load(Ordering::SeqCst);
        (taken >> BYTE_BITS, taken & BYTES)
    }

    /// Room, if there is any and nobody waits for it.
    #[inline]
    pub(super) fn try_enter(&self, bytes: usize) -> Option<Admitted<'_>> {
        if self.waiting.load(Ordering::SeqCst) > 0 {
            return None;
        }
        self.take(packed(1, bytes))
    }

    #[inline]
    fn take(&self, share: u64) -> Option<Admitted<'_>> {
        let limits = self.limits.load(Ordering::SeqCst);
        let with_share = |taken: u64| {
            let with = taken + share;
            // One that is larger than the whole limit is let in alone (R230).
            let is_alone = taken & BYTES == 0;
            let fits = with >> BYTE_BITS <= limits >> BYTE_BITS
                && (is_alone || with & BYTES <= limits & BYTES);
            fits.then_some(with)
        };
        self.taken
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, with_share)
            .ok()?;
        let admission = self;
        Some(Admitted { admission, share })
    }

    /// Waits for room, behind those who came before.
    ///
    /// # Errors
    /// [`Closed`].
    ///
    /// # Cancel safety
    /// Safe; the place in the queue is lost.
    pub(super) async fn enter(&self, bytes: usize) -> Result<Admitted<'_>, Closed> {
        let _waiting = Waiting::begin(&self.waiting);
        let _first = self.first.lock().await;
        loop {
            if self.closed.load(Ordering::SeqCst) {
                return Err(Closed);
            }
            if let Some(admitted) = self.take(packed(1, bytes)) {
                return Ok(admitted);
            }
            self.freed.notified().await;
        }
    }

    /// Waits until everybody who waits has been let in and everybody has left.
    ///
    /// # Cancel safety
    /// Safe.
    pub(super) async fn drained(&self) {
        let _waiting = Waiting::begin(&self.waiting);
        let _first = self.first.lock().await;
        while self.taken.load(Ordering::SeqCst) > 0 {
            self.freed.notified().await;
        }
    }

    /// Lets nobody in any more and sends away who waits.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        // The first of them; each that goes makes way for the next.
        self.freed.notify_one();
    }
}

impl Drop for Admitted<'_> {
    #[inline]
    fn drop(&mut self) {
        let admission = self.admission;
        // In this order: who waits has said so before looking for room, so one of the two sees the other.
        admission.taken.fetch_sub(self.share, Ordering::SeqCst);
        if admission.waiting.load(Ordering::SeqCst) > 0 {
            admission.freed.notify_one();
        }
    }
}

/// Counts one who waits.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn begin(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::Arc;
    use std::sync::Mutex as StdMutex;
    use std::time::Duration;

    const LIMITS: BackPressure = BackPressure::MOST;
    const MOST_MESSAGES: usize = LIMITS.messages;
    const MOST_BYTES: usize = LIMITS.bytes;

    fn run<F: Future>(test: F) -> F::Output {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap()
            .block_on(test)
    }

    #[test]
    fn either_limit_is_kept_and_leaving_makes_room() {
        let admission = Admission::new(LIMITS);
        let half = admission.try_enter(MOST_BYTES / 2).unwrap();
        let rest = admission.try_enter(MOST_BYTES - MOST_BYTES / 2).unwrap();
        assert!(admission.try_enter(1).is_none(), "no byte is left");
        drop(half);
        drop(admission.try_enter(1).unwrap());
        drop(rest);
        let all: Vec<_> = (0..MOST_MESSAGES)
            .map(|_| admission.try_enter(0).unwrap())
            .collect();
        assert!(admission.try_enter(0).is_none(), "no message more");
        drop(all);
        let alone = admission.try_enter(usize::MAX).unwrap();
        assert!(admission.try_enter(1).is_none());
        drop(alone);
        assert_eq!(admission.inside(), (0, 0));
    }

    #[test]
    fn limits_change_while_some_are_inside() {
        // R191
        run(async {
            let admission = Arc::new(Admission::new(LIMITS));
            let inside: Vec<_> = (0..20).map(|_| admission.try_enter(10)).collect();
            let limits = |messages| BackPressure {
                messages,
                ..BackPressure::default()
            };
            admission.set_limits(limits(10));
            assert!(admission.try_enter(10).is_none(), "20 are inside");
            let other = Arc::clone(&admission);
            let waiting = tokio::spawn(async move { other.enter(10).await.is_ok() });
            tokio::task::yield_now().await;
            assert!(!waiting.is_finished());
            admission.set_limits(limits(21));
            assert!(waiting.await.unwrap(), "there is room again");
            drop(inside);
            assert_eq!(admission.inside(), (0, 0));
        });
    }

    /// What may happen next.
    #[derive(Debug, Clone)]
    enum Step {
        Enter(usize),
        Wait(usize),
        Leave(usize),
        GiveUp(usize),
        Limit(usize, usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (1..40usize).prop_map(Step::Enter),
            (1..40usize).prop_map(Step::Wait),
            any::<usize>().prop_map(Step::Leave),
            any::<usize>().prop_map(Step::GiveUp),
            ((1..8usize), (1..60usize)).prop_map(|(messages, bytes)| Step::Limit(messages, bytes)),
        ]
    }

    proptest! {
        /// R191: whoever comes in gives back as much as it took, once, in whatever order.
        #[test]
        fn what_is_taken_is_given_back(steps in prop::collection::vec(step(), 1..60)) {
            let admission = Admission::new(BackPressure { messages: 4, bytes: 50 });
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            let mut inside: Vec<(usize, Admitted<'_>)> = Vec::new();
            let mut waiting: Vec<(usize, std::pin::Pin<Box<dyn Future<Output = _>>>)> = Vec::new();
            for step in steps {
                match step {
                    Step::Enter(bytes) => inside.extend(admission.try_enter(bytes).map(|a| (bytes, a))),
                    Step::Wait(bytes) => waiting.push((bytes, Box::pin(admission.enter(bytes)))),
                    Step::Leave(nth) if !inside.is_empty() => {
                        drop(inside.swap_remove(nth % inside.len()));
                    }
                    Step::GiveUp(nth) if !waiting.is_empty() => {
                        drop(waiting.swap_remove(nth % waiting.len()));
                    }
                    Step::Leave(_) | Step::GiveUp(_) => {}
                    Step::Limit(messages, bytes) => {
                        admission.set_limits(BackPressure { messages, bytes });
                    }
                }
                let mut still = Vec::new();
                for (bytes, mut entering) in waiting {
                    match entering.as_mut().poll(&mut context) {
                        std::task::Poll::Ready(admitted) => inside.push((bytes, admitted.unwrap())),
                        std::task::Poll::Pending => still.push((bytes, entering)),
                    }
                }
                waiting = still;
                let bytes: usize = inside.iter().map(|(bytes, _)| bytes).sum();
                prop_assert_eq!(admission.inside(), (inside.len() as u64, bytes as u64));
            }
            drop(waiting);
            drop(inside);
            prop_assert_eq!(admission.inside(), (0, 0));
            prop_assert!(admission.try_enter(1).is_some(), "nobody is left waiting");
        }
    }

    #[test]
    fn who_came_first_is_let_in_first_whatever_its_size() {
        run(async {
            let admission = Arc::new(Admission::new(LIMITS));
            let order = Arc::new(StdMutex::new(Vec::new()));
            let full = admission.try_enter(MOST_BYTES).unwrap();
            let mut tasks = Vec::new();
            for (name, bytes) in [("large", MOST_BYTES), ("small", 1), ("other", 1)] {
                let (admission, order) = (Arc::clone(&admission), Arc::clone(&order));
                tasks.push(tokio::spawn(async move {
                    let _room = admission.enter(bytes).await.unwrap();
                    order.lock().unwrap().push(name);
                    tokio::task::yield_now().await;
                }));
                tokio::task::yield_now().await;
            }
            assert!(admission.try_enter(1).is_none(), "others wait");
            drop(full);
            for task in tasks {
                task.await.unwrap();
            }
            assert_eq!(*order.lock().unwrap(), ["large", "small", "other"]);
            assert!(admission.try_enter(1).is_some());
        });
    }

    #[test]
    fn one_who_gives_up_makes_way() {
        run(async {
            let admission = Admission::new(LIMITS);
            let full = admission.try_enter(MOST_BYTES).unwrap();
            let large = tokio::time::timeout(Duration::from_millis(1), admission.enter(MOST_BYTES));
            assert!(large.await.is_err(), "there is no room");
            drop(full);
            assert!(admission.try_enter(1).is_some(), "nobody waits any more");
        });
    }

    #[test]
    fn closing_sends_everybody_away_and_draining_waits_for_those_inside() {
        run(async {
            let admission = Arc::new(Admission::new(LIMITS));
            let full = admission.try_enter(MOST_BYTES).unwrap();
            let mut waiting = Vec::new();
            for _ in 0..3 {
                let admission = Arc::clone(&admission);
                waiting.push(tokio::spawn(async move { admission.enter(1).await.err() }));
                tokio::task::yield_now().await;
            }
            admission.close();
            for task in waiting {
                assert_eq!(task.await.unwrap(), Some(Closed));
            }
            let drained = admission.drained();
            tokio::pin!(drained);
            let early = tokio::time::timeout(Duration::from_millis(1), &mut drained);
            assert!(early.await.is_err(), "one is inside");
            drop(full);
            drained.await;
        });
    }
}
