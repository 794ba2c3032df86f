//! How large bodies are: of one size, of sizes drawn from a distribution, or of sizes that change over a run.
//!
//! - [`draw`]: one distribution and its quantiles; [`mix`]: several of them, with their shares
//!
//! A size is the quantile of the distribution at a uniform draw, so that what is planned (mean, percentiles,
//! share beyond the limit) and what is sent come from the same function.

pub mod draw;
pub mod mix;

use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;

use crate::load::choice::{Draws, Purpose};

pub use draw::{LogNormal, SizeDraw};
pub use mix::SizeMix;

/// A distribution for a time.
#[derive(Debug, Clone, PartialEq)]
pub struct SizePiece {
    /// The sizes.
    pub draw: SizeDraw,
    /// How long they are sent.
    pub length: Duration,
}

/// Sizes of a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Sizes {
    /// The same distribution for good.
    Of(SizeDraw),
    /// One after the other, from the begin of the window on; the warm-up has those of the first piece, and what
    /// comes after the last piece those of the last.
    Planned(Arc<[SizePiece]>),
}

impl Sizes {
    /// The distributions, each once.
    pub fn draws(&self) -> impl Iterator<Item = &SizeDraw> {
        let (one, pieces): (Option<&SizeDraw>, &[SizePiece]) = match self {
            Self::Of(draw) => (Some(draw), &[]),
            Self::Planned(pieces) => (None, pieces),
        };
        one.into_iter()
            .chain(pieces.iter().map(|piece| &piece.draw))
    }

    /// The largest body, in bytes.
    #[must_use]
    pub fn most(&self) -> usize {
        self.draws().map(SizeDraw::most).max().unwrap_or(0)
    }

    /// Position of the distribution of a moment, in ns of the window.
    #[inline]
    #[must_use]
    pub fn piece_at(&self, window_ns: u64) -> usize {
        let Self::Planned(pieces) = self else {
            return 0;
        };
        let mut ends = Duration::ZERO;
        let at = Duration::from_nanos(window_ns);
        let piece = pieces.iter().position(|piece| {
            ends += piece.length;
            at < ends
        });
        piece.unwrap_or(pieces.len().saturating_sub(1))
    }
}

/// Draws the sizes of messages by their numbers.
#[derive(Debug, Clone)]
pub struct Sizer {
    sizes: Sizes,
    draws: Draws,
}

impl Sizer {
    /// Of these sizes.
    #[must_use]
    pub fn new(sizes: Sizes, seed: u64) -> Self {
        Self {
            sizes,
            draws: Draws::new(seed, Purpose::Size),
        }
    }

    /// What message `number`, due so many ns into the window, has: the position of its distribution, and where in
    /// it, from 0 to below 1.
    #[inline]
    #[must_use]
    pub fn place(&self, number: u64, window_ns: u64) -> (usize, f64) {
        let piece = self.sizes.piece_at(window_ns);
        (piece, self.draws.of(number).random::<f64>())
    }

    /// Body bytes of message `number`.
    #[inline]
    #[must_use]
    pub fn size(&self, number: u64, window_ns: u64) -> usize {
        let (piece, at) = self.place(number, window_ns);
        self.size_at(piece, at)
    }

    /// Body bytes at a place of [`Sizer::place`].
    #[inline]
    #[must_use]
    pub fn size_at(&self, piece: usize, at: f64) -> usize {
        match &self.sizes {
            Sizes::Of(draw) => draw.quantile(at),
            Sizes::Planned(pieces) => pieces.get(piece).map_or(1, |piece| piece.draw.quantile(at)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_changes_with_the_window() {
        let piece = |bytes, seconds| SizePiece {
            draw: SizeDraw::One(bytes),
            length: Duration::from_secs(seconds),
        };
        let sizes = Sizes::Planned([piece(100, 2), piece(900, 1), piece(50, 3)].into());
        assert_eq!(sizes.most(), 900);
        let sizer = Sizer::new(sizes, 1);
        let second = 1_000_000_000;
        for (at, bytes) in [
            (0, 100),
            (2 * second - 1, 100),
            (2 * second, 900),
            (3 * second, 50),
            (60 * second, 50),
        ] {
            assert_eq!(sizer.size(at, at), bytes, "{at}");
        }
    }

    #[test]
    fn the_number_alone_decides() {
        let sizes = Sizes::Of(SizeDraw::Range {
            least: 1,
            most: 1 << 20,
        });
        let one = Sizer::new(sizes.clone(), 3);
        let (same, other) = (Sizer::new(sizes.clone(), 3), Sizer::new(sizes, 4));
        let backwards: Vec<usize> = (0..500).rev().map(|k| same.size(k, 0)).collect();
        let forwards: Vec<usize> = (0..500).map(|k| one.size(k, 0)).collect();
        assert!(forwards.iter().eq(backwards.iter().rev()));
        assert!(
            (0..500)
                .filter(|k| one.size(*k, 0) == other.size(*k, 0))
                .count()
                < 5
        );
    }
}
