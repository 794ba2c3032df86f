//! A figure second by second, in bounded memory: from some length on, neighbours are taken together.

/// Values kept at most; twice as many as any window of a few minutes has seconds.
const MOST: usize = 480;

/// Means of as many seconds each as it takes to keep few of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Course {
    values: Vec<f64>,
    /// Seconds of a value.
    stride: usize,
    sum: f64,
    summed: usize,
}

impl Default for Course {
    fn default() -> Self {
        Self {
            values: Vec::new(),
            stride: 1,
            sum: 0.0,
            summed: 0,
        }
    }
}

impl Course {
    /// The next second.
    #[allow(clippy::cast_precision_loss, reason = "seconds of a run are exact")]
    pub fn push(&mut self, value: f64) {
        self.sum += value;
        self.summed += 1;
        if self.summed < self.stride {
            return;
        }
        self.values.push(self.sum / self.stride as f64);
        (self.sum, self.summed) = (0.0, 0);
        if self.values.len() == MOST {
            let pairs = self.values.chunks(2);
            self.values = pairs
                .map(|pair| pair.iter().sum::<f64>() / pair.len() as f64)
                .collect();
            self.stride *= 2;
        }
    }

    /// The values, each the mean of [`Course::stride`] seconds.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Seconds of a value.
    #[must_use]
    pub fn stride(&self) -> usize {
        self.stride
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn few_values_of_equal_weight_are_kept(seconds in 0usize..5_000) {
            let mut course = Course::default();
            (0..seconds).for_each(|second| course.push(second as f64));
            prop_assert!(course.values().len() < MOST);
            prop_assert!(seconds < MOST || course.values().len() >= MOST / 2 - 1);
            let stride = course.stride();
            prop_assert_eq!(course.values().len(), seconds / stride);
            for (at, value) in course.values().iter().enumerate() {
                let mean = (at * stride) as f64 + (stride - 1) as f64 / 2.0;
                prop_assert_eq!(*value, mean);
            }
        }
    }
}
