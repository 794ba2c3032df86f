//! Reading, and how exactly the time of arrival is known.
//!
//! A read of several segments has one kernel stamp, that of the last of them. Reading everything at
//! once would therefore date early answers late by up to the time since the last read; reading
//! answer by answer costs a call each. [`Pieces`] finds out from time to time how far apart the
//! answers of a round arrive, and reads only where that matters in pieces, no smaller than they must be. What the kernel has
//! merged while it waited has the later stamp all the same: a time is never too short by it, and too
//! long by the time between two reads at most.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

use crate::transport::clock::Nanos;

/// What one read brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// Bytes; zero at the end of the stream.
    pub bytes: usize,
    /// When the last of them arrived: the kernel's stamp if there is one, else `read_at`.
    pub arrived: Nanos,
    /// When they were read.
    pub read_at: Nanos,
    /// Whether `arrived` is the kernel's.
    pub stamped: bool,
}

/// A stream that tells when its bytes arrived.
pub trait Receive: AsyncRead + AsyncWrite + Unpin {
    /// Reads into `into`, as [`AsyncRead::poll_read`] does.
    fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<Received>> {
        let mut space = ReadBuf::new(into);
        ready!(Pin::new(self).poll_read(cx, &mut space))?;
        let now = Nanos::now();
        Poll::Ready(Ok(Received {
            bytes: space.filled().len(),
            arrived: now,
            read_at: now,
            stamped: false,
        }))
    }
}

/// A pipe in memory stamps nothing.
impl Receive for DuplexStream {}

/// A small piece: about one answer of a real broker.
const PIECE_BYTES: usize = 256;
/// A round with more than this is a flood: a call per answer would cost more than its time is worth.
const FLOOD_BYTES: usize = 8 * 1024;
/// A round like the last is read in so many pieces, if in pieces at all; a flood in no more.
const LEAST_PIECES: usize = 4;
/// After so many pieces of one size the next ones are twice as large, so that what nobody expected is
/// read in a bounded number of calls too.
const PIECES_OF_A_SIZE: u32 = 32;
/// Answers that arrive within this need not be told apart.
const RESOLUTION_NS: u64 = 32_000;
/// Nor within this part of the service time.
const SERVICE_PART: u64 = 32;
/// A round later than this after the one before is read in small pieces in any case.
const LATE_ROUND_NS: u64 = 1_500_000;
/// One round of so many begins with a small piece, to see how far the rest is from it.
const LOOKS_EVERY: u32 = 8;

/// How much the reads of a round take at most; see the module. Without stamps: everything.
#[derive(Debug, Default)]
pub struct Pieces {
    stamped: bool,
    /// Time between the first and the last answer of a round, lately.
    apart_ns: u64,
    rounds: u32,
    /// When everything that had arrived was last read.
    emptied: Nanos,
    size: Size,
    /// What a small piece is in this round.
    piece: usize,
    /// Arrivals of a piece this far apart need not be told apart.
    resolution_ns: u64,
    /// Bytes of the round, and of the one before it.
    bytes: usize,
    bytes_before: usize,
    reads: u32,
    first: Nanos,
    /// Service time of an answer of late, in nanoseconds.
    service_ns: u64,
}

/// Reads of the round at hand.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Size {
    #[default]
    Everything,
    OneSmall,
    AllSmall,
}

impl Pieces {
    /// A round of reads begins.
    pub fn begin(&mut self) {
        self.reads = 0;
        if self.bytes > 0 {
            self.bytes_before = std::mem::take(&mut self.bytes);
        }
        if !self.stamped {
            return;
        }
        self.rounds = self.rounds.wrapping_add(1);
        self.resolution_ns = RESOLUTION_NS.max(self.service_ns / SERVICE_PART);
        let mut apart_ns = self.apart_ns;
        let pause = Nanos::now().since(self.emptied);
        if pause > LATE_ROUND_NS {
            apart_ns = apart_ns.max(pause);
        }
        self.size = match (apart_ns > self.resolution_ns, self.rounds % LOOKS_EVERY) {
            (true, _) => Size::AllSmall,
            (false, 0) => Size::OneSmall,
            (false, _) => Size::Everything,
        };
        self.piece = match self.bytes_before {
            before @ 0..=FLOOD_BYTES => {
                // As many as the answers of a round must be told apart into, if they come evenly.
                let pieces = usize::try_from(apart_ns / self.resolution_ns + 1);
                PIECE_BYTES.max(before / pieces.unwrap_or(usize::MAX).max(LEAST_PIECES))
            }
            flood => flood / LEAST_PIECES,
        };
    }

    /// Most bytes the next read of the round should take, of `room`.
    #[must_use]
    pub fn next(&self, room: usize) -> usize {
        match self.size {
            Size::OneSmall if self.reads == 0 => room.min(self.piece),
            Size::AllSmall => room.min(self.piece << (self.reads / PIECES_OF_A_SIZE).min(16)),
            Size::OneSmall | Size::Everything => room,
        }
    }

    /// An answer came that had been waited for so long.
    #[inline]
    pub fn answered(&mut self, service_ns: u64) {
        self.service_ns = service_ns;
    }

    /// A read of the round; `whole` if it took all there was.
    pub fn read(&mut self, received: &Received, whole: bool) {
        self.stamped = received.stamped;
        self.reads += 1;
        self.bytes += received.bytes;
        if self.reads == 1 {
            self.first = received.arrived;
        }
        if whole {
            self.emptied = received.read_at;
            if self.reads > 1 && self.size != Size::Everything {
                self.apart_ns = received.arrived.since(self.first);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: usize = 1 << 18;

    /// Sizes of the reads of one round that begins now and brings `answers` of 250 bytes, so many
    /// nanoseconds apart.
    fn round(pieces: &mut Pieces, answers: usize, apart_ns: u64, stamped: bool) -> Vec<usize> {
        let begin = Nanos::now();
        let mut left = answers * 250;
        let mut reads = Vec::new();
        pieces.begin();
        while left > 0 {
            let wanted = pieces.next(ROOM);
            let bytes = wanted.min(left);
            left -= bytes;
            let nth = (answers * 250 - left).div_ceil(250) as u64;
            let received = Received {
                bytes,
                arrived: Nanos(begin.0 + nth * apart_ns),
                read_at: Nanos::now(),
                stamped,
            };
            pieces.read(&received, bytes < wanted);
            reads.push(bytes);
        }
        reads
    }

    #[test]
    fn without_stamps_a_round_is_one_read() {
        let mut pieces = Pieces::default();
        for _ in 0..3 * LOOKS_EVERY {
            assert_eq!(round(&mut pieces, 40, 100_000, false).len(), 1);
        }
    }

    #[test]
    fn answers_that_come_together_are_read_together() {
        let mut pieces = Pieces::default();
        let reads: usize = (0..100)
            .map(|_| round(&mut pieces, 40, 100, true).len())
            .sum();
        // A machine that halts between two rounds makes a late one.
        assert!((100..=160).contains(&reads), "{reads}");
    }

    #[test]
    fn what_is_small_beside_the_service_time_is_not_told_apart() {
        let mut pieces = Pieces::default();
        pieces.answered(8_000_000);
        for _ in 0..=LOOKS_EVERY {
            round(&mut pieces, 20, 10_000, true);
        }
        let reads = round(&mut pieces, 20, 10_000, true).len();
        assert_eq!(reads, 1, "200 us of 8 ms");
        pieces.answered(2_000_000);
        for _ in 0..=LOOKS_EVERY {
            round(&mut pieces, 20, 10_000, true);
        }
        let reads = round(&mut pieces, 20, 10_000, true).len();
        assert!(
            (4..=5).contains(&reads),
            "200 us of 2 ms are told apart into 62 us: {reads}"
        );
    }

    #[test]
    fn answers_that_come_one_by_one_are_read_so_and_a_flood_is_bounded() {
        let mut pieces = Pieces::default();
        for _ in 0..=LOOKS_EVERY {
            round(&mut pieces, 20, 40_000, true);
        }
        assert_eq!(round(&mut pieces, 3, 40_000, true).len(), 3);
        let flood = round(&mut pieces, 100_000, 40_000, true);
        assert!(flood.len() < 600, "{}", flood.len());
        assert_eq!(flood.iter().sum::<usize>(), 25_000_000);
        assert_eq!(
            round(&mut pieces, 400, 40_000, true).len(),
            1,
            "as large as the last"
        );
        assert_eq!(round(&mut pieces, 400, 40_000, true).len(), 4);
        round(&mut pieces, 3, 100, true);
        round(&mut pieces, 3, 100, true);
        let reads = round(&mut pieces, 3, 100, true).len();
        assert_eq!(reads, 1, "they come together again");
    }
}
