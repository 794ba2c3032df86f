//! Room for sends in progress: a limit on messages and one on their bytes, first come, first served.
//!
//! While there is room, entering and leaving are one atomic step each; only who finds none waits in a
//! queue.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use tokio::sync::{Mutex, Notify};

/// Sends in progress at most (C1.20's kind of limit, for all sends).
pub(super) const MOST_MESSAGES: usize = 65_536;
/// Body bytes in progress at most (C1.21: 100 MiB).
pub(super) const MOST_BYTES: usize = 100 * 1024 * 1024;

const BYTE_BITS: u32 = 40;
const BYTES: u64 = (1 << BYTE_BITS) - 1;

/// The two limits and what is taken of them.
#[derive(Debug, Default)]
pub(super) struct Admission {
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

/// One message and its bytes; one that is larger than the whole limit is let in alone (R230).
fn share(bytes: usize) -> u64 {
    1 << BYTE_BITS | bytes.min(MOST_BYTES) as u64
}

impl Admission {
    /// Room, if there is any and nobody waits for it.
    #[inline]
    pub(super) fn try_enter(&self, bytes: usize) -> Option<Admitted<'_>> {
        if self.waiting.load(Ordering::SeqCst) > 0 {
            return None;
        }
        self.take(share(bytes))
    }

    #[inline]
    fn take(&self, share: u64) -> Option<Admitted<'_>> {
        let with_share = |taken: u64| {
            let taken = taken + share;
            let fits =
                taken >> BYTE_BITS <= MOST_MESSAGES as u64 && taken & BYTES <= MOST_BYTES as u64;
            fits.then_some(taken)
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
            if let Some(admitted) = self.take(share(bytes)) {
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
    use std::sync::Arc;
    use std::sync::Mutex as StdMutex;
    use std::time::Duration;

    fn run<F: Future>(test: F) -> F::Output {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap()
            .block_on(test)
    }

    #[test]
    fn either_limit_is_kept_and_leaving_makes_room() {
        let admission = Admission::default();
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
        assert_eq!(admission.taken.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn who_came_first_is_let_in_first_whatever_its_size() {
        run(async {
            let admission = Arc::new(Admission::default());
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
            let admission = Admission::default();
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
            let admission = Arc::new(Admission::default());
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
