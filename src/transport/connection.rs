//! **Hot path.** The submitting side of a connection: opaque, ring entry and bytes under one lock.
//!
//! Budget per message: encode into the shared out buffer, one ring insert; one lock and at most one
//! wake-up per [`Batch`], however many messages it holds. Nothing here waits.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use crate::transport::clock::Nanos;
use crate::transport::in_flight::{Entry, InFlight, MOST_OUT_BYTES};
use crate::transport::out_buffer::OutBuffer;

/// The opaque of requests that nobody waits for; those in flight have others.
const UNANSWERED: i32 = -1;

/// Limits of one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Most requests in flight.
    pub in_flight: usize,
    /// Most bytes waiting to be written before requests are refused; half a GiB at most.
    pub out_bytes: usize,
}

/// Why a request was not taken. Nothing of it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// As many requests in flight as allowed.
    InFlightFull,
    /// As many bytes waiting as allowed.
    OutBufferFull,
    /// The connection is gone.
    Closed,
}

/// A request to be submitted.
#[derive(Debug)]
pub struct Request<T> {
    /// What the submitter knows it by; comes back through the [`crate::transport::Handler`].
    pub token: T,
    /// When it expires.
    pub deadline: Nanos,
    /// No answer comes.
    pub oneway: bool,
}

/// Shared between the submitters and the driver.
#[derive(Debug)]
pub(super) struct State<T> {
    pub(super) out: OutBuffer,
    pub(super) in_flight: InFlight<T>,
    /// Bytes ever put into `out`.
    pub(super) enqueued: u64,
    pub(super) closed: bool,
    /// Set while the driver is working: it looks at `out` again before it sleeps.
    pub(super) driver_awake: bool,
    pub(super) driver: Option<Waker>,
}

#[derive(Debug)]
pub(super) struct Core<T> {
    state: Mutex<State<T>>,
    pub(super) limits: ConnectionLimits,
}

impl<T> Core<T> {
    pub(super) fn lock(&self) -> MutexGuard<'_, State<T>> {
        // A panic while the lock was held leaves consistent data behind: each step is complete.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A handle to an open connection; cheap to clone, any thread.
#[derive(Debug)]
pub struct Connection<T> {
    core: Arc<Core<T>>,
}

impl<T> Clone for Connection<T> {
    fn clone(&self) -> Self {
        Self {
            core: Arc::clone(&self.core),
        }
    }
}

impl<T> Connection<T> {
    pub(super) fn new(limits: ConnectionLimits) -> (Self, Arc<Core<T>>) {
        let state = State {
            out: OutBuffer::default(),
            in_flight: InFlight::new(limits.in_flight),
            enqueued: 0,
            closed: false,
            driver_awake: true,
            driver: None,
        };
        let limits = ConnectionLimits {
            // The last one taken may pass it by a frame.
            out_bytes: limits.out_bytes.min(MOST_OUT_BYTES / 2),
            ..limits
        };
        let core = Arc::new(Core {
            state: Mutex::new(state),
            limits,
        });
        (
            Self {
                core: Arc::clone(&core),
            },
            core,
        )
    }

    /// Begins a batch: the lock is held until it is dropped, so keep it short and never await.
    #[inline]
    #[must_use]
    pub fn batch(&self) -> Batch<'_, T> {
        Batch {
            state: Some(self.core.lock()),
            limits: self.core.limits,
        }
    }

    /// Ends the connection from this side; every request in flight is given to `each`, and the
    /// handler hears of none of them.
    pub fn abandon(&self, each: impl FnMut(Entry<T>)) {
        let mut state = self.core.lock();
        state.closed = true;
        state.in_flight.drain(each);
    }

    /// Requests in flight.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.core.lock().in_flight.len()
    }

    /// Bytes submitted that the driver has not taken to write.
    #[must_use]
    pub fn unwritten_bytes(&self) -> usize {
        self.core.lock().out.len()
    }

    /// Whether the connection is gone.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.core.lock().closed
    }
}

/// Requests submitted together: one lock, one wake-up of the driver.
#[derive(Debug)]
pub struct Batch<'a, T> {
    state: Option<MutexGuard<'a, State<T>>>,
    limits: ConnectionLimits,
}

impl<T> Batch<'_, T> {
    /// Submits one request. `encode` appends its frame under the opaque it is given.
    ///
    /// # Errors
    /// The token and why it was refused.
    #[inline]
    pub fn push(
        &mut self,
        request: Request<T>,
        encode: impl FnOnce(&T, i32, &mut OutBuffer),
    ) -> Result<(), (T, Refusal)> {
        let Some(state) = self.state.as_deref_mut() else {
            return Err((request.token, Refusal::Closed));
        };
        if state.closed {
            return Err((request.token, Refusal::Closed));
        }
        let before = state.out.len();
        if before >= self.limits.out_bytes {
            return Err((request.token, Refusal::OutBufferFull));
        }
        let Some(opaque) = state.in_flight.next_opaque() else {
            return Err((request.token, Refusal::InFlightFull));
        };
        encode(&request.token, opaque, &mut state.out);
        let wire_bytes = state.out.len() - before;
        let start = state.enqueued;
        state.enqueued += wire_bytes as u64;
        let wire_bytes = u32::try_from(wire_bytes).unwrap_or(u32::MAX);
        state.in_flight.insert(
            request.token,
            request.deadline,
            start,
            wire_bytes,
            request.oneway,
        );
        Ok(())
    }

    /// Submits a oneway request that nobody waits for: if the connection breaks before it has left, nobody
    /// is told. `encode` appends its frame under the opaque it is given.
    ///
    /// # Errors
    /// Why it was refused.
    pub fn tell(&mut self, encode: impl FnOnce(i32, &mut OutBuffer)) -> Result<(), Refusal> {
        let Some(state) = self.state.as_deref_mut().filter(|state| !state.closed) else {
            return Err(Refusal::Closed);
        };
        let before = state.out.len();
        if before >= self.limits.out_bytes {
            return Err(Refusal::OutBufferFull);
        }
        // No answer is looked for under it.
        encode(UNANSWERED, &mut state.out);
        state.enqueued += (state.out.len() - before) as u64;
        Ok(())
    }
}

impl<T> Drop for Batch<'_, T> {
    #[inline]
    fn drop(&mut self) {
        let Some(mut state) = self.state.take() else {
            return;
        };
        if state.driver_awake || state.out.is_empty() {
            return;
        }
        // The driver sleeps; it is woken once and marked awake, so later batches need not.
        state.driver_awake = true;
        let waker = state.driver.clone();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
