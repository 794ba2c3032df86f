//! **Hot path.** Requests that wait for an answer, in a ring indexed by opaque.
//!
//! Budget: insert and complete are an index, a compare and a move; no hash, no allocation once the
//! ring has grown to its size, no timer per request. Send order is ring order, so expiry is a
//! pointer that walks the ring; deadlines that are out of order (retries with less time left) go to
//! a small heap.
//!
//! The opaque is the low 31 bits of a sequence number: its low bits are the slot, the rest is the
//! generation, so a late reply never completes a newer request. A slot still taken when the ring
//! comes round again is skipped. The ring begins small and doubles when it is full, up to its
//! capacity: what may be in flight costs nothing, what is in flight does.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::transport::clock::Nanos;

const OPAQUE_MASK: u64 = 0x7fff_ffff;

/// The opaque of a sequence number.
#[allow(clippy::cast_possible_truncation, reason = "masked to 31 bits")]
fn opaque_of(sequence: u64) -> u32 {
    (sequence & OPAQUE_MASK) as u32
}
/// The low half of a position.
#[allow(clippy::cast_possible_truncation, reason = "the low half is wanted")]
fn low_bits(position: u64) -> u32 {
    position as u32
}

/// Slots to begin with.
const FIRST_SLOTS: usize = 64;
/// Taken slots passed over in a row from which on the ring grows, unless it has four times as many
/// slots as requests: then a round passes over one slot for every three it uses.
const MOST_SKIPPED: usize = 32;

/// A request that has ended.
#[derive(Debug)]
pub struct Entry<T> {
    /// What the submitter knows it by.
    pub token: T,
    /// When its first byte was handed to the kernel; [`Nanos::NONE`] before that.
    pub written_at: Nanos,
}

/// A place in the ring: 24 bytes and the token, which a million requests in flight have a million of.
#[derive(Debug)]
struct Slot<T> {
    /// The opaque its request has or had: the low bits of the sequence number, as no more than 2^24
    /// are told apart.
    opaque: u32,
    deadline: Coarse,
    /// Low bits of the position of its first byte in the connection's output, of which never more
    /// than [`MOST_OUT_BYTES`] wait.
    start: u32,
    /// Bytes of its frame, and [`ONEWAY`].
    wire: u32,
    written_at: Nanos,
    /// `None`: the request has ended.
    token: Option<T>,
}

/// No answer comes; the request ends when its last byte is written.
const ONEWAY: u32 = 1 << 31;
/// Positions of output further apart than this are not told apart.
pub const MOST_OUT_BYTES: usize = 1 << 30;

impl<T> Slot<T> {
    const VACANT: Self = Self {
        opaque: u32::MAX,
        deadline: Coarse(0),
        start: 0,
        wire: 0,
        written_at: Nanos::NONE,
        token: None,
    };

    fn is_live(&self) -> bool {
        self.token.is_some()
    }

    fn take(&mut self) -> Option<Entry<T>> {
        let written_at = self.written_at;
        let token = self.token.take()?;
        Some(Entry { token, written_at })
    }
}

/// A deadline in units of 2^20 ns (1.05 ms), rounded up: a request may expire so much later, never
/// earlier. Reaches 52 days; what is later never comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Coarse(u32);

impl Coarse {
    const BITS: u32 = 20;
    const NEVER: Self = Self(u32::MAX);

    fn of(deadline: Nanos) -> Self {
        let units = deadline.0.div_ceil(1 << Self::BITS);
        u32::try_from(units).map_or(Self::NEVER, Self)
    }

    fn nanos(self) -> Nanos {
        if self == Self::NEVER {
            Nanos::NEVER
        } else {
            Nanos(u64::from(self.0) << Self::BITS)
        }
    }
}

/// Where an opaque that completes nothing may come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unmatched {
    /// It was ours; its request has ended (timed out, oneway, or answered before).
    Late,
    /// It was never allotted on this connection.
    Unknown,
}

/// The ring.
#[derive(Debug)]
pub struct InFlight<T> {
    /// As many as a power of two once the first round has filled them.
    slots: Vec<Slot<T>>,
    /// That power of two, less one.
    mask: usize,
    capacity: usize,
    /// Next sequence number to allot.
    head: u64,
    /// Nothing below is live, except what the heap knows.
    tail: u64,
    /// Requests below are fully written.
    written: u64,
    live: usize,
    last_deadline: Coarse,
    out_of_order: BinaryHeap<Reverse<(Coarse, u64)>>,
}

impl<T> InFlight<T> {
    /// A ring for at least `capacity` requests; rounded up to a power of two, at most 2^24.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self::beginning_with(FIRST_SLOTS, capacity)
    }

    fn beginning_with(slots: usize, capacity: usize) -> Self {
        let capacity = capacity.clamp(2, 1 << 24).next_power_of_two();
        Self {
            slots: Vec::new(),
            mask: capacity.min(slots) - 1,
            capacity,
            head: 0,
            tail: 0,
            written: 0,
            live: 0,
            last_deadline: Coarse(0),
            out_of_order: BinaryHeap::new(),
        }
    }

    /// Requests in flight.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.live
    }

    /// Whether none is in flight.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// The opaque the next [`InFlight::insert`] will use; `None` when the ring is full.
    #[inline]
    pub fn next_opaque(&mut self) -> Option<i32> {
        if self.live > self.mask {
            if self.live >= self.capacity {
                return None;
            }
            self.grow();
        }
        let mut skipped = 0;
        while self
            .slots
            .get(self.index(self.head))
            .is_some_and(Slot::is_live)
        {
            self.head += 1;
            skipped += 1;
            let crowded = self.live * 4 > self.mask && self.mask + 1 < self.capacity;
            if skipped > MOST_SKIPPED && crowded {
                self.grow();
                skipped = 0;
            }
        }
        Some(opaque_of(self.head).cast_signed())
    }

    #[inline]
    #[allow(
        clippy::cast_possible_truncation,
        reason = "masked by the number of slots, a usize"
    )]
    fn index(&self, sequence: u64) -> usize {
        sequence as usize & self.mask
    }

    /// Twice the slots; each request moves to where its opaque now points.
    #[cold]
    fn grow(&mut self) {
        let old = std::mem::take(&mut self.slots);
        self.mask = self.mask * 2 + 1;
        // Up to the head all slots have been used, or would have been.
        let used = usize::try_from(self.head).map_or(self.mask + 1, |head| head.min(self.mask + 1));
        // Room for all at once: growing on the way would copy it again.
        self.slots.reserve_exact(self.mask + 1);
        self.slots.resize_with(used, || Slot::VACANT);
        for slot in old {
            let index = self.index(u64::from(slot.opaque));
            if let Some(place) = self.slots.get_mut(index) {
                // Of two ended requests either may stay: only their being ended matters.
                if slot.is_live() || !place.is_live() {
                    *place = slot;
                }
            }
        }
    }

    /// Enters a request under the opaque just named by [`InFlight::next_opaque`].
    #[inline]
    pub fn insert(&mut self, token: T, deadline: Nanos, start: u64, wire_bytes: u32, oneway: bool) {
        let sequence = self.head;
        let index = self.index(sequence);
        let deadline = Coarse::of(deadline);
        let slot = Slot {
            opaque: opaque_of(sequence),
            deadline,
            start: low_bits(start),
            wire: wire_bytes.min(ONEWAY - 1) | if oneway { ONEWAY } else { 0 },
            written_at: Nanos::NONE,
            token: Some(token),
        };
        match self.slots.get_mut(index) {
            Some(place) => *place = slot,
            // Slots are used in order, so the first round fills them one after the other.
            None => self.slots.push(slot),
        }
        if deadline < self.last_deadline {
            self.out_of_order.push(Reverse((deadline, sequence)));
        } else {
            self.last_deadline = deadline;
        }
        self.head += 1;
        self.live += 1;
    }

    /// Takes the request a reply belongs to.
    ///
    /// # Errors
    /// [`Unmatched`] when no live request has this opaque.
    #[inline]
    pub fn complete(&mut self, opaque: i32) -> Result<Entry<T>, Unmatched> {
        let Ok(low) = u32::try_from(opaque) else {
            return Err(Unmatched::Unknown);
        };
        let index = self.index(low.into());
        if let Some(slot) = self.slots.get_mut(index)
            && slot.opaque == low
            && let Some(entry) = slot.take()
        {
            self.live -= 1;
            return Ok(entry);
        }
        let allotted = self.head > OPAQUE_MASK || u64::from(low) < self.head;
        Err(if allotted {
            Unmatched::Late
        } else {
            Unmatched::Unknown
        })
    }

    /// Earliest moment [`InFlight::expire`] could find something; `None` when nothing is live.
    #[must_use]
    pub fn next_deadline(&mut self) -> Option<Nanos> {
        if self.live == 0 {
            self.tail = self.head;
            self.out_of_order.clear();
            return None;
        }
        self.skip_ended();
        let front = self.live_at(self.tail).map(|slot| slot.deadline);
        let heap = self
            .out_of_order
            .peek()
            .map(|Reverse((deadline, _))| *deadline);
        let earliest = match (front, heap) {
            (Some(front), Some(heap)) => Some(front.min(heap)),
            (front, heap) => front.or(heap),
        };
        earliest.map(Coarse::nanos)
    }

    /// The live request of this sequence number.
    #[inline]
    fn live_at(&self, sequence: u64) -> Option<&Slot<T>> {
        let slot = self.slots.get(self.index(sequence))?;
        (slot.opaque == opaque_of(sequence) && slot.is_live()).then_some(slot)
    }

    fn skip_ended(&mut self) {
        while self.tail < self.head && self.live_at(self.tail).is_none() {
            self.tail += 1;
        }
    }

    /// Takes every request whose deadline has come.
    pub fn expire(&mut self, now: Nanos, mut each: impl FnMut(Entry<T>)) {
        while let Some(Reverse((deadline, sequence))) = self.out_of_order.peek().copied() {
            if deadline.nanos() > now {
                break;
            }
            self.out_of_order.pop();
            if let Some(entry) = self.take_sequence(sequence) {
                each(entry);
            }
        }
        loop {
            self.skip_ended();
            let sequence = self.tail;
            let front = self.live_at(sequence).map(|slot| slot.deadline.nanos());
            if sequence >= self.head || front.is_none_or(|deadline| deadline > now) {
                return;
            }
            if let Some(entry) = self.take_sequence(sequence) {
                each(entry);
            }
        }
    }

    fn take_sequence(&mut self, sequence: u64) -> Option<Entry<T>> {
        let index = self.index(sequence);
        let slot = self
            .slots
            .get_mut(index)
            .filter(|slot| slot.opaque == opaque_of(sequence))?;
        let entry = slot.take()?;
        self.live -= 1;
        Some(entry)
    }

    /// Notes that the output is written up to `position`: stamps what has begun to leave, and
    /// takes every oneway request that has left whole. Returns whether a request that waits for an
    /// answer was newly stamped.
    #[inline]
    pub fn mark_written(
        &mut self,
        position: u64,
        now: Nanos,
        mut oneway_done: impl FnMut(Entry<T>),
    ) -> bool {
        let mut answer_owed = false;
        while self.written < self.head {
            let sequence = self.written;
            let index = self.index(sequence);
            let Some(slot) = self.slots.get_mut(index) else {
                break;
            };
            if slot.opaque == opaque_of(sequence) && slot.is_live() {
                // Bytes written from its first one on; none or a negative number before it has begun.
                let begun = low_bits(position).wrapping_sub(slot.start).cast_signed();
                if begun <= 0 {
                    break;
                }
                let oneway = slot.wire & ONEWAY != 0;
                if slot.written_at == Nanos::NONE {
                    slot.written_at = now;
                    answer_owed |= !oneway;
                }
                if begun.cast_unsigned() < slot.wire & !ONEWAY {
                    break;
                }
                if oneway && let Some(entry) = slot.take() {
                    self.live -= 1;
                    oneway_done(entry);
                }
            }
            self.written += 1;
        }
        answer_owed
    }

    /// Takes everything, in send order: the connection is lost.
    pub fn drain(&mut self, mut each: impl FnMut(Entry<T>)) {
        for sequence in self.tail..self.head {
            if let Some(entry) = self.take_sequence(sequence) {
                each(entry);
            }
        }
        self.tail = self.head;
        self.out_of_order.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// A moment that a deadline can be.
    fn ms(count: u64) -> Nanos {
        Nanos(count << Coarse::BITS)
    }

    fn insert(ring: &mut InFlight<u32>, token: u32, deadline: u64) -> i32 {
        let opaque = ring.next_opaque().unwrap();
        ring.insert(token, ms(deadline), u64::from(token) * 10, 10, false);
        opaque
    }

    #[test]
    fn a_late_reply_does_not_complete_a_newer_request() {
        let mut ring = InFlight::new(2);
        let first = insert(&mut ring, 1, 10);
        ring.expire(ms(10), |entry| assert_eq!(entry.token, 1));
        insert(&mut ring, 2, 20);
        let third = insert(&mut ring, 3, 30);
        assert_eq!(first & 1, third & 1, "the same slot");
        assert_eq!(ring.complete(first).unwrap_err(), Unmatched::Late);
        assert_eq!(ring.complete(third).unwrap().token, 3);
        assert_eq!(
            ring.complete(third).unwrap_err(),
            Unmatched::Late,
            "a reply that comes twice"
        );
        assert_eq!(ring.complete(77).unwrap_err(), Unmatched::Unknown);
        assert_eq!(ring.complete(-1).unwrap_err(), Unmatched::Unknown);
    }

    #[test]
    fn one_unanswered_request_does_not_stop_the_ring() {
        let mut ring = InFlight::new(8);
        let stuck = insert(&mut ring, 0, 1000);
        for token in 1..100 {
            let opaque = insert(&mut ring, token, 1000 + u64::from(token));
            assert_eq!(ring.complete(opaque).unwrap().token, token);
        }
        assert_eq!(ring.len(), 1);
        assert_eq!(ring.complete(stuck).unwrap().token, 0);
        assert_eq!(ring.next_deadline(), None);
    }

    #[test]
    fn what_may_be_in_flight_takes_no_room_until_it_is() {
        let mut ring = InFlight::new(1 << 20);
        for token in 0..10_000 {
            let opaque = insert(&mut ring, token, 10);
            assert_eq!(ring.complete(opaque).unwrap().token, token);
        }
        assert_eq!(ring.slots.len(), FIRST_SLOTS);
        let opaques: Vec<i32> = (0..1000).map(|n| insert(&mut ring, n, 10)).collect();
        assert_eq!(ring.slots.len(), 1024);
        for (token, opaque) in (0..).zip(opaques) {
            assert_eq!(ring.complete(opaque).unwrap().token, token);
        }
    }

    #[test]
    fn requests_that_wait_long_make_room_instead_of_others_search() {
        let mut ring = InFlight::new(1 << 20);
        let stuck: Vec<i32> = (0..60).map(|n| insert(&mut ring, n, 1000)).collect();
        for token in 60..5000 {
            let opaque = insert(&mut ring, token, 1000);
            assert_eq!(ring.complete(opaque).unwrap().token, token);
        }
        assert_eq!(ring.slots.len(), 4 * FIRST_SLOTS, "and no more than that");
        for (token, opaque) in (0..).zip(stuck) {
            assert_eq!(ring.complete(opaque).unwrap().token, token);
        }
    }

    #[test]
    fn a_deadline_is_never_early_and_two_milliseconds_late_at_most() {
        for at in [1, 1_000_000, 3_000_000_001, 86_400_000_000_000] {
            let coarse = Coarse::of(Nanos(at)).nanos();
            assert!(coarse >= Nanos(at) && coarse.0 - at < 2_000_000, "{at}");
        }
        assert_eq!(Coarse::of(Nanos::NEVER).nanos(), Nanos::NEVER);
    }

    #[test]
    fn positions_beyond_four_gigabytes_are_told_apart() {
        let mut ring = InFlight::new(8);
        let begin = u64::from(u32::MAX) - 14;
        for token in 0..3u32 {
            ring.next_opaque().unwrap();
            ring.insert(token, ms(100), begin + u64::from(token) * 10, 10, true);
        }
        let mut done = Vec::new();
        ring.mark_written(begin, Nanos(1), |entry| done.push(entry.token));
        assert!(done.is_empty());
        ring.mark_written(begin + 20, Nanos(2), |entry| done.push(entry.token));
        assert_eq!(done, [0, 1]);
        ring.mark_written(begin + 30, Nanos(3), |entry| done.push(entry.token));
        assert_eq!(done, [0, 1, 2]);
    }

    #[test]
    fn a_full_ring_refuses() {
        let mut ring = InFlight::new(4);
        for token in 0..4 {
            insert(&mut ring, token, 10);
        }
        assert_eq!(ring.next_opaque(), None);
    }

    #[test]
    fn oneway_requests_end_when_their_last_byte_is_out() {
        let mut ring = InFlight::new(8);
        for token in 0..3u32 {
            ring.next_opaque().unwrap();
            ring.insert(token, Nanos(100), u64::from(token) * 10, 10, token != 1);
        }
        let mut done = Vec::new();
        assert!(!ring.mark_written(5, Nanos(1), |entry| done.push(entry.token)));
        assert!(done.is_empty());
        assert!(ring.mark_written(25, Nanos(2), |entry| done.push(entry.token)));
        assert_eq!(done, [0]);
        ring.mark_written(30, Nanos(3), |entry| {
            assert_eq!(
                entry.written_at,
                Nanos(2),
                "stamped when its first byte left"
            );
            done.push(entry.token);
        });
        assert_eq!(done, [0, 2]);
        assert_eq!(ring.len(), 1);
    }

    #[derive(Debug, Clone)]
    enum Step {
        Send(u64),
        Reply(usize),
        Expire,
        Write(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0u64..40).prop_map(Step::Send),
            3 => (0usize..64).prop_map(Step::Reply),
            1 => Just(Step::Expire),
            1 => (0u64..50).prop_map(Step::Write),
        ]
    }

    proptest! {
        /// Against a map: whatever comes, each request ends once, and no later than it should.
        #[test]
        fn each_request_ends_exactly_once(steps in prop::collection::vec(step(), 1..300)) {
            let mut ring = InFlight::beginning_with(2, 16);
            let mut model: BTreeMap<u32, (i32, u64)> = BTreeMap::new();
            let (mut now, mut token, mut position) = (0u64, 0u32, 0u64);
            for step in steps {
                now += 3;
                match step {
                    Step::Send(more) => match ring.next_opaque() {
                        Some(opaque) => {
                            ring.insert(token, ms(now + more), u64::from(token) * 10, 10, false);
                            model.insert(token, (opaque, now + more));
                            token += 1;
                        }
                        None => prop_assert_eq!(model.len(), 16),
                    },
                    Step::Reply(nth) => {
                        if let Some((&token, &(opaque, _))) = model.iter().nth(nth) {
                            prop_assert_eq!(ring.complete(opaque).unwrap().token, token);
                            model.remove(&token);
                        }
                    }
                    Step::Expire => {
                        let mut gone = Vec::new();
                        ring.expire(ms(now), |entry| gone.push(entry.token));
                        gone.sort_unstable();
                        let due: Vec<u32> = model.iter()
                            .filter(|(_, (_, deadline))| *deadline <= now)
                            .map(|(token, _)| *token).collect();
                        prop_assert_eq!(&gone, &due);
                        model.retain(|_, (_, deadline)| *deadline > now);
                    }
                    Step::Write(more) => {
                        position = (position + more).min(u64::from(token) * 10);
                        ring.mark_written(position, Nanos(now), |_| {});
                    }
                }
                prop_assert_eq!(ring.len(), model.len());
                let earliest = model.values().map(|(_, deadline)| ms(*deadline)).min();
                let next = ring.next_deadline();
                prop_assert_eq!(next.is_some(), earliest.is_some());
                prop_assert!(next <= earliest, "never later than the first deadline");
            }
            let mut rest = Vec::new();
            ring.drain(|entry| rest.push(entry.token));
            prop_assert_eq!(rest, model.into_keys().collect::<Vec<_>>());
        }
    }
}
