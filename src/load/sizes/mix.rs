//! Several distributions of sizes, each with its share of the messages: what a run as a whole is planned to send.

use super::draw::SizeDraw;

/// See the module.
#[derive(Debug, Clone, PartialEq)]
pub struct SizeMix {
    parts: Vec<(SizeDraw, f64)>,
}

impl SizeMix {
    /// Of these distributions with these weights; those without weight count for nothing, unless none has any.
    #[must_use]
    pub fn new(parts: impl IntoIterator<Item = (SizeDraw, f64)>) -> Self {
        let mut parts: Vec<(SizeDraw, f64)> = parts.into_iter().collect();
        let all: f64 = parts.iter().map(|(_, weight)| weight).sum();
        #[allow(clippy::cast_precision_loss, reason = "a few parts")]
        let even = 1.0 / parts.len().max(1) as f64;
        for (_, weight) in &mut parts {
            *weight = if all > 0.0 { *weight / all } else { even };
        }
        parts.retain(|(_, weight)| *weight > 0.0);
        Self { parts }
    }

    fn sum(&self, of: impl Fn(&SizeDraw) -> f64) -> f64 {
        let parts = self.parts.iter();
        parts.map(|(draw, weight)| of(draw) * weight).sum()
    }

    /// Mean body, in bytes.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.sum(SizeDraw::mean)
    }

    /// The largest body, in bytes.
    #[must_use]
    pub fn most(&self) -> usize {
        let parts = self.parts.iter();
        parts.map(|(draw, _)| draw.most()).max().unwrap_or(0)
    }

    /// Share of the draws that a limit cuts; `None` where there is no limit.
    #[must_use]
    pub fn cut_share(&self) -> Option<f64> {
        let mut parts = self.parts.iter();
        let limited = parts.any(|(draw, _)| matches!(draw, SizeDraw::LogNormal(_)));
        limited.then(|| self.sum(SizeDraw::cut_share))
    }

    /// The least number of bytes that a share of the bodies, from 0 to 1, does not exceed.
    #[must_use]
    pub fn quantile(&self, p: f64) -> usize {
        let (mut low, mut high) = (0, self.most());
        while low < high {
            let middle = low + (high - low) / 2;
            // Sums of shares are rounded.
            if self.sum(|draw| draw.share_up_to(middle)) >= p - 1e-12 {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        low
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_count_by_their_weight() {
        let mix = SizeMix::new([(SizeDraw::One(100), 30.0), (SizeDraw::One(1000), 10.0)]);
        assert!((mix.mean() - 325.0).abs() < 1e-9);
        assert_eq!((mix.quantile(0.5), mix.quantile(0.75)), (100, 100));
        assert_eq!((mix.quantile(0.76), mix.most()), (1000, 1000));
        let even = SizeMix::new([(SizeDraw::One(100), 0.0), (SizeDraw::One(200), 0.0)]);
        assert!((even.mean() - 150.0).abs() < 1e-9);
    }

    #[test]
    fn one_part_is_itself() {
        let draw = SizeDraw::Range {
            least: 200,
            most: 4096,
        };
        let mix = SizeMix::new([(draw.clone(), 3.0)]);
        assert_eq!(mix.quantile(0.5), 2148);
        assert_eq!(mix.quantile(1.0), 4096);
        assert!((mix.mean() - draw.mean()).abs() < 1e-9);
    }
}
