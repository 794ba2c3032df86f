//! **Hot path.** Replies on their way out: some may go at once, some are held until their time.

use std::collections::VecDeque;

/// Replies the peer does not take, in bytes, before its requests are no longer read.
const UNTAKEN_LIMIT: usize = 4 * 1024 * 1024;
/// Replies in all, held ones included, in bytes, before requests are no longer read.
const TOTAL_LIMIT: usize = 64 * 1024 * 1024;
/// Bytes already written that are worth moving the rest.
const COMPACT_BYTES: usize = 64 * 1024;

/// The reply bytes of one connection, in the order they will leave.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    bytes: Vec<u8>,
    /// Up to here the socket has taken them.
    sent: usize,
    /// Up to here they may leave.
    due: usize,
    /// Up to here it is known when.
    committed: usize,
    /// What stands between `due` and `committed`.
    held: VecDeque<Held>,
}

#[derive(Debug, Clone, Copy)]
struct Held {
    release_ns: u64,
    bytes: usize,
}

impl Outbox {
    /// Where a reply is appended; follow it with [`Outbox::commit`].
    #[inline]
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Says when what was appended since the last call may leave; `None` for at once. No reply
    /// overtakes an earlier one.
    #[inline]
    pub(super) fn commit(&mut self, release_ns: Option<u64>) {
        if self.held.is_empty() && release_ns.is_none() {
            self.due = self.bytes.len();
            self.committed = self.due;
        } else {
            self.hold(release_ns.unwrap_or(0));
        }
    }

    fn hold(&mut self, release_ns: u64) {
        let bytes = self.bytes.len() - self.committed;
        self.committed = self.bytes.len();
        match self.held.back_mut() {
            Some(last) if last.release_ns >= release_ns => last.bytes += bytes,
            _ if bytes > 0 => self.held.push_back(Held { release_ns, bytes }),
            _ => {}
        }
    }

    /// Makes due what was held until now.
    #[inline]
    pub(super) fn release(&mut self, now_ns: u64) {
        while let Some(held) = self.held.front()
            && held.release_ns <= now_ns
        {
            self.due += held.bytes;
            self.held.pop_front();
        }
    }

    /// When the next held reply may leave.
    #[inline]
    pub(super) fn next_release_ns(&self) -> Option<u64> {
        self.held.front().map(|held| held.release_ns)
    }

    /// What the socket should take now.
    #[inline]
    pub(super) fn due(&self) -> &[u8] {
        self.bytes.get(self.sent..self.due).unwrap_or_default()
    }

    /// Notes what the socket took.
    #[inline]
    pub(super) fn sent(&mut self, bytes: usize) {
        self.sent = (self.sent + bytes).min(self.due);
        if self.sent == self.bytes.len() {
            self.bytes.clear();
            (self.sent, self.due, self.committed) = (0, 0, 0);
        } else if self.sent >= COMPACT_BYTES.max(self.bytes.len() / 2) {
            self.bytes.drain(..self.sent);
            self.due -= self.sent;
            self.committed -= self.sent;
            self.sent = 0;
        }
    }

    /// Whether more requests would only pile up replies.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.due - self.sent > UNTAKEN_LIMIT || self.bytes.len() - self.sent > TOTAL_LIMIT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(outbox: &mut Outbox, text: &str, release_ns: Option<u64>) {
        outbox.buffer().extend_from_slice(text.as_bytes());
        outbox.commit(release_ns);
    }

    fn take(outbox: &mut Outbox) -> String {
        let due = String::from_utf8(outbox.due().to_vec()).unwrap();
        outbox.sent(due.len());
        due
    }

    #[test]
    fn replies_leave_in_order_and_not_before_their_time() {
        let mut outbox = Outbox::default();
        put(&mut outbox, "a", None);
        put(&mut outbox, "b", Some(10));
        put(&mut outbox, "c", Some(10));
        put(&mut outbox, "d", Some(5));
        put(&mut outbox, "e", None);
        put(&mut outbox, "f", Some(20));
        assert_eq!(take(&mut outbox), "a");
        assert_eq!(outbox.next_release_ns(), Some(10));
        outbox.release(9);
        assert_eq!(take(&mut outbox), "");
        outbox.release(10);
        assert_eq!(take(&mut outbox), "bcde");
        assert_eq!(outbox.next_release_ns(), Some(20));
        outbox.release(100);
        assert_eq!(take(&mut outbox), "f");
        put(&mut outbox, "g", None);
        assert_eq!(take(&mut outbox), "g");
    }

    #[test]
    fn partial_writes_lose_nothing() {
        let mut outbox = Outbox::default();
        let mut taken = Vec::new();
        let mut wanted = Vec::new();
        for round in 0..200u64 {
            let text = round.to_string().repeat(500);
            put(&mut outbox, &text, (round % 3 == 0).then_some(round));
            wanted.extend_from_slice(text.as_bytes());
            outbox.release(round);
            let part = outbox.due().len() * 2 / 3;
            taken.extend_from_slice(&outbox.due()[..part]);
            outbox.sent(part);
        }
        taken.extend_from_slice(outbox.due());
        assert_eq!(taken, wanted);
    }

    #[test]
    fn a_peer_that_takes_nothing_fills_it_and_a_held_reply_does_so_later() {
        let mut outbox = Outbox::default();
        outbox.buffer().resize(UNTAKEN_LIMIT + 1, 0);
        outbox.commit(Some(1));
        assert!(!outbox.is_full());
        outbox.release(1);
        assert!(outbox.is_full());
        outbox.sent(1);
        assert!(!outbox.is_full());
        outbox.buffer().resize(TOTAL_LIMIT + 2, 0);
        outbox.commit(Some(2));
        assert!(outbox.is_full());
    }
}
