//! What is compared: the values of one figure in two groups of runs.

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// Times, errors, costs.
    Lower,
    /// Rates.
    Higher,
}

/// How two values are set against one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// By their ratio; values are above 0.
    Ratio,
    /// By their difference: shares, which may be 0.
    Difference,
}

/// Values of baseline and candidate.
pub(super) type Groups = (Vec<f64>, Vec<f64>);

/// One figure of the runs of two groups.
#[derive(Debug, Clone, PartialEq)]
pub struct Measure {
    /// Which way is better.
    pub better: Better,
    /// How values are set against one another.
    pub scale: Scale,
    /// One value per run; `None` where a run does not state the figure.
    pub baseline: Vec<Option<f64>>,
    /// The same of the other group.
    pub candidate: Vec<Option<f64>>,
}

impl Measure {
    /// Values on the scale that differences are taken on: logarithms of ratios. `None` when a run lacks
    /// the figure, as which runs lack it is no chance: those without enough messages.
    #[must_use]
    pub(super) fn scaled(&self) -> Option<Groups> {
        let all = |group: &[Option<f64>]| -> Option<Vec<f64>> {
            group.iter().map(|value| self.scale.of((*value)?)).collect()
        };
        Some((all(&self.baseline)?, all(&self.candidate)?))
    }
}

impl Scale {
    fn of(self, value: f64) -> Option<f64> {
        match self {
            Self::Ratio => (value.is_finite() && value > 0.0).then(|| value.ln()),
            Self::Difference => value.is_finite().then_some(value),
        }
    }

    /// Back from that scale: a ratio, or a difference.
    #[must_use]
    pub fn back(self, difference: f64) -> f64 {
        match self {
            Self::Ratio => difference.exp(),
            Self::Difference => difference,
        }
    }
}
