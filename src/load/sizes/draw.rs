//! One distribution of body sizes.

use std::sync::Arc;

use distrs::Normal;

/// Deviate of the 99th percentile of the normal distribution.
const P99: f64 = 2.326_347_874_040_841;

/// A distribution of body sizes, in bytes; no body is empty.
#[derive(Debug, Clone, PartialEq)]
pub enum SizeDraw {
    /// All are alike.
    One(usize),
    /// Each number of bytes from `least` to `most`, both included, is as likely.
    Range {
        /// At least 1.
        least: usize,
        /// At least `least`.
        most: usize,
    },
    /// Most are small, few are very large.
    LogNormal(LogNormal),
    /// One of a few sizes, ascending, each with its share; shares add up to 1. See [`SizeDraw::weighted`].
    Weighted(Arc<[(usize, f64)]>),
}

/// Log-normal sizes: the logarithm is normally distributed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogNormal {
    /// Median, in bytes.
    pub p50: usize,
    /// 99th percentile, in bytes; above the median.
    pub p99: usize,
    /// What is larger has this size instead.
    pub most: usize,
}

impl LogNormal {
    #[allow(clippy::cast_precision_loss, reason = "sizes are of some MiB at most")]
    fn mu(self) -> f64 {
        (self.p50 as f64).ln()
    }

    #[allow(clippy::cast_precision_loss, reason = "sizes are of some MiB at most")]
    fn sigma(self) -> f64 {
        ((self.p99 as f64).ln() - self.mu()) / P99
    }

    /// Share at or below a size, not limited.
    fn below(self, bytes: f64) -> f64 {
        Normal::cdf((bytes.ln() - self.mu()) / self.sigma(), 0.0, 1.0)
    }

    /// Bytes at a probability, not limited.
    fn at(self, p: f64) -> f64 {
        (self.mu() + self.sigma() * Normal::ppf(p, 0.0, 1.0)).exp()
    }

    /// Mean of what is sent, the limit taken into account.
    #[allow(clippy::cast_precision_loss, reason = "sizes are of some MiB at most")]
    fn mean(self) -> f64 {
        let (mu, sigma, most) = (self.mu(), self.sigma(), self.most as f64);
        let whole = (mu + sigma * sigma / 2.0).exp();
        let deviate = (most.ln() - mu - sigma * sigma) / sigma;
        whole * Normal::cdf(deviate, 0.0, 1.0) + most * (1.0 - self.below(most))
    }
}

impl SizeDraw {
    /// Of these sizes and weights.
    #[must_use]
    pub fn weighted(entries: impl IntoIterator<Item = (usize, f64)>) -> Self {
        let mut entries: Vec<(usize, f64)> = entries.into_iter().collect();
        entries.sort_by_key(|(bytes, _)| *bytes);
        let all: f64 = entries.iter().map(|(_, weight)| weight).sum();
        for (_, weight) in &mut entries {
            *weight /= all;
        }
        Self::Weighted(entries.into())
    }

    /// Bytes at a probability from 0 to 1: at least 1, at most [`SizeDraw::most`].
    #[inline]
    #[must_use]
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "sizes of some MiB; as-casts saturate"
    )]
    pub fn quantile(&self, p: f64) -> usize {
        match self {
            Self::One(bytes) => *bytes,
            Self::Range { least, most } => {
                let width = (most - least + 1) as f64;
                (least + (p * width) as usize).min(*most)
            }
            Self::LogNormal(shape) => (shape.at(p).round() as usize).clamp(1, shape.most),
            Self::Weighted(entries) => {
                let mut below = 0.0;
                let entry = entries.iter().find(|(_, share)| {
                    below += share;
                    p < below
                });
                // Sums of shares are rounded; the last one takes what is left.
                entry.or(entries.last()).map_or(1, |(bytes, _)| *bytes)
            }
        }
    }

    /// The smallest size, in bytes.
    #[must_use]
    pub fn least(&self) -> usize {
        match self {
            Self::One(bytes) => *bytes,
            Self::Range { least, .. } => *least,
            Self::LogNormal(_) => 1,
            Self::Weighted(entries) => entries.first().map_or(1, |(bytes, _)| *bytes),
        }
    }

    /// The largest size, in bytes.
    #[must_use]
    pub fn most(&self) -> usize {
        match self {
            Self::One(bytes) => *bytes,
            Self::Range { most, .. } => *most,
            Self::LogNormal(shape) => shape.most,
            Self::Weighted(entries) => entries.iter().map(|(bytes, _)| *bytes).max().unwrap_or(1),
        }
    }

    /// Mean size, in bytes.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "sizes are of some MiB at most")]
    pub fn mean(&self) -> f64 {
        match self {
            Self::One(bytes) => *bytes as f64,
            Self::Range { least, most } => (*least as f64 + *most as f64) / 2.0,
            Self::LogNormal(shape) => shape.mean(),
            Self::Weighted(entries) => {
                let bytes = entries.iter().map(|(bytes, share)| *bytes as f64 * share);
                bytes.sum()
            }
        }
    }

    /// Share of the messages with at most so many bytes.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "sizes are of some MiB at most")]
    pub fn share_up_to(&self, bytes: usize) -> f64 {
        if bytes >= self.most() {
            return 1.0;
        }
        match self {
            Self::One(_) => 0.0,
            Self::Range { least, most } => {
                let below = (bytes + 1).saturating_sub(*least) as f64;
                below / (most - least + 1) as f64
            }
            // Drawn sizes are rounded to whole bytes.
            Self::LogNormal(_) if bytes == 0 => 0.0,
            Self::LogNormal(shape) => shape.below(bytes as f64 + 0.5),
            Self::Weighted(entries) => {
                let own = entries.iter().filter(|(size, _)| *size <= bytes);
                own.map(|(_, share)| share).sum()
            }
        }
    }

    /// Share of the draws that are larger than the limit and are sent with the limit's size.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "sizes are of some MiB at most")]
    pub fn cut_share(&self) -> f64 {
        match self {
            Self::LogNormal(shape) => 1.0 - shape.below(shape.most as f64 + 0.5),
            Self::One(_) | Self::Range { .. } | Self::Weighted(_) => 0.0,
        }
    }

    /// At most `most` sizes that stand for the distribution, each for an equal share of it: those in the middles
    /// of their shares. Fewer where there are fewer.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "some thousand at most")]
    pub fn sizes(&self, most: usize) -> Vec<usize> {
        let count = match self {
            Self::One(_) => 1,
            Self::Range { least, most: last } => most.min(last - least + 1),
            Self::LogNormal(_) | Self::Weighted(_) => most,
        };
        let middle = |index: usize| (index as f64 + 0.5) / count as f64;
        (0..count)
            .map(|index| self.quantile(middle(index)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn log_normal(p50: usize, p99: usize, most: usize) -> SizeDraw {
        SizeDraw::LogNormal(LogNormal { p50, p99, most })
    }

    fn draws() -> impl Strategy<Value = SizeDraw> {
        let weighted = prop::collection::vec((1usize..100_000, 1u32..100), 1..9);
        prop_oneof![
            (1usize..1 << 22).prop_map(SizeDraw::One),
            (1usize..5000, 0usize..100_000).prop_map(|(least, more)| SizeDraw::Range {
                least,
                most: least + more,
            }),
            (1usize..5000, 1usize..100_000, 1usize..1 << 20)
                .prop_map(|(p50, more, most)| log_normal(p50, p50 + more, most)),
            weighted.prop_map(|entries| {
                let weight = |(bytes, weight)| (bytes, f64::from(weight));
                SizeDraw::weighted(entries.into_iter().map(weight))
            }),
        ]
    }

    #[test]
    fn a_log_normal_has_the_percentiles_it_is_named_by() {
        let draw = log_normal(1024, 16_384, 4 << 20);
        assert_eq!((draw.quantile(0.5), draw.quantile(0.99)), (1024, 16_384));
        assert_eq!(draw.quantile(0.01), 64, "symmetric in its logarithm");
        assert_eq!((draw.quantile(0.0), draw.quantile(1.0)), (1, 4 << 20));
        assert!(draw.cut_share() > 0.0 && draw.cut_share() < 1e-7);
        let cut = log_normal(1024, 16_384, 16_384);
        assert!((cut.cut_share() - 0.01).abs() < 1e-5, "{}", cut.cut_share());
        // e^(mu + sigma²/2), by hand: sigma = ln 16 / 2.3263 = 1.19182, 1024 · e^0.71021.
        assert!((draw.mean() - 2083.3).abs() < 1.0, "{}", draw.mean());
    }

    #[test]
    fn both_ends_of_a_range_are_in_it() {
        let draw = SizeDraw::Range { least: 3, most: 6 };
        let sizes: Vec<usize> = [0.0, 0.249, 0.25, 0.5, 0.75, 0.999_999]
            .map(|p| draw.quantile(p))
            .into();
        assert_eq!(sizes, [3, 3, 4, 5, 6, 6]);
        assert_eq!(draw.sizes(1000), [3, 4, 5, 6]);
        assert_eq!(draw.share_up_to(4), 0.5);
    }

    #[test]
    fn weights_are_shares() {
        let draw = SizeDraw::weighted([(65_536, 1.0), (1024, 9.0)]);
        let large = draw
            .sizes(1000)
            .into_iter()
            .filter(|bytes| *bytes == 65_536);
        assert_eq!(large.count(), 100);
        assert!((draw.mean() - 7475.2).abs() < 1e-6);
        assert!((draw.share_up_to(1024) - 0.9).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn quantiles_ascend_within_the_bounds_and_agree_with_shares(draw in draws(), p in 0.0..1.0) {
            let bytes = draw.quantile(p);
            prop_assert!(1 <= bytes && bytes <= draw.most());
            prop_assert!(bytes <= draw.quantile((p * 1.1).min(1.0)));
            prop_assert!(draw.share_up_to(bytes) >= p - 1e-6, "{} of {p}", draw.share_up_to(bytes));
            let smaller = bytes.checked_sub(1).filter(|smaller| *smaller > 0);
            if let Some(smaller) = smaller {
                prop_assert!(draw.share_up_to(smaller) <= p + 1e-6);
            }
        }

        #[test]
        fn the_mean_is_that_of_the_quantiles(draw in draws()) {
            let sizes = draw.sizes(20_000);
            let mean = sizes.iter().sum::<usize>() as f64 / sizes.len() as f64;
            // Of many sizes below a byte, rounding up to one byte shows.
            let near = draw.mean() * 0.02 + 1.0;
            prop_assert!((mean - draw.mean()).abs() <= near, "{mean} {}", draw.mean());
        }
    }
}
