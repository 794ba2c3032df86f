//! One kind of time: an HdrHistogram with exact sum, minimum and maximum beside it.
//!
//! Values are nanoseconds. The buckets keep three significant digits from 1 µs up to 120 s, which
//! makes cells of 512 ns below 1.05 ms and of at most 0.1 % of the value above. Finer cells would
//! resolve nothing: the clock is read once per batch of messages. 120 s is beyond every timeout a
//! send can sensibly have; what is longer lands in the last cell and is counted as clamped, so that a
//! clipped tail can be seen. That makes 19,456 cells, 76 KiB with the `u32` counts of one second and
//! 152 KiB with the `u64` counts of a run.
//!
//! Sum, minimum and maximum are kept outside the buckets and from the unclamped values, because means
//! must add up: the mean response is the sum of the mean lateness, queue and service times exactly,
//! not to within half a cell.

use std::borrow::Cow;

pub use hdrhistogram::Counter;
use hdrhistogram::Histogram;

/// Smallest value told apart from zero, in nanoseconds (the cells then have 512 ns).
pub const LOWEST_NS: u64 = 1_000;
/// Largest value with a cell of its own, in nanoseconds: 120 s.
pub const HIGHEST_NS: u64 = 120_000_000_000;
/// Significant decimal digits kept.
pub const DIGITS: u8 = 3;
/// A percentile is stated only with at least this many samples beyond it.
pub const SAMPLES_BEYOND: u64 = 10;

/// A quantile in parts of ten thousand, so that ranks are whole numbers and never rounded.
pub type PartsOfTenThousand = u32;
/// The median.
pub const P50: PartsOfTenThousand = 5_000;
/// The 90th percentile.
pub const P90: PartsOfTenThousand = 9_000;
/// The 95th percentile.
pub const P95: PartsOfTenThousand = 9_500;
/// The 99th percentile.
pub const P99: PartsOfTenThousand = 9_900;
/// The 99.9th percentile.
pub const P999: PartsOfTenThousand = 9_990;
/// The 99.99th percentile.
pub const P9999: PartsOfTenThousand = 9_999;

/// Values needed before a percentile is stated; the median needs one.
#[must_use]
pub fn samples_needed(part: PartsOfTenThousand) -> u64 {
    if part == P50 {
        return 1;
    }
    let beyond = 10_000 - part.min(9_999);
    (SAMPLES_BEYOND * 10_000).div_ceil(beyond.into())
}

/// Rank of a percentile among so many values, from 1.
fn rank(part: PartsOfTenThousand, count: u64) -> u64 {
    let rank = (u128::from(count) * u128::from(part)).div_ceil(10_000);
    u64::try_from(rank).unwrap_or(u64::MAX).max(1)
}

/// Samples beyond a percentile of so many values, of which `at_once` at a time were counted at once and are one.
#[must_use]
pub fn samples_beyond(part: PartsOfTenThousand, count: u64, at_once: u64) -> u64 {
    count.saturating_sub(rank(part, count)) / at_once.max(1)
}

/// Distribution of one kind of time.
///
/// `C` is the type of a cell's count: `u32` for what one second can hold, `u64` for totals.
#[derive(Debug, Clone)]
pub struct LatencyHistogram<C: Counter = u32> {
    cells: Histogram<C>,
    sum_ns: u128,
    min_ns: u64,
    max_ns: u64,
    clamped: u64,
    /// The value recorded last, and how often it has come again; its cell lacks these.
    last_ns: Option<u64>,
    repeats: C,
    /// Most values counted at once: those of one batch, which are one observation.
    at_once: u64,
}

impl<C: Counter> LatencyHistogram<C> {
    /// An empty histogram; allocates all its cells.
    #[must_use]
    pub fn new() -> Self {
        let Ok(cells) = Histogram::new_with_bounds(LOWEST_NS, HIGHEST_NS, DIGITS) else {
            unreachable!("the bounds are constants that HdrHistogram accepts");
        };
        Self::from_cells(cells)
    }

    /// Cells without the exact numbers beside them.
    pub(super) fn from_cells(cells: Histogram<C>) -> Self {
        Self {
            cells,
            sum_ns: 0,
            min_ns: u64::MAX,
            max_ns: 0,
            clamped: 0,
            last_ns: None,
            repeats: C::zero(),
            at_once: 1,
        }
    }

    /// Sets the exact numbers of a histogram that was read back.
    pub(super) fn set_exact(&mut self, sum_ns: u128, min_ns: u64, max_ns: u64, clamped: u64) {
        self.sum_ns = sum_ns;
        self.min_ns = min_ns;
        self.max_ns = max_ns;
        self.clamped = clamped;
    }

    /// Counts one value in nanoseconds; values beyond [`HIGHEST_NS`] saturate and count as clamped.
    #[inline]
    pub fn record(&mut self, ns: u64) {
        self.record_n(ns, C::one());
    }

    /// Counts one value `n` times.
    #[inline]
    pub fn record_n(&mut self, ns: u64, n: C) {
        if self.last_ns == Some(ns) {
            self.repeats = self.repeats.saturating_add(n);
            return;
        }
        self.end_run();
        self.last_ns = Some(ns);
        self.at_once = self.at_once.max(n.as_u64());
        self.count_n(ns, n);
        self.min_ns = self.min_ns.min(ns);
        self.max_ns = self.max_ns.max(ns);
    }

    /// Puts the repeats where they belong.
    #[inline]
    fn end_run(&mut self) {
        if let Some(ns) = self.last_ns
            && !self.repeats.is_zero()
        {
            let repeats = std::mem::replace(&mut self.repeats, C::zero());
            self.count_n(ns, repeats);
        }
    }

    #[inline]
    fn count_n(&mut self, ns: u64, n: C) {
        self.cells.saturating_record_n(ns.min(HIGHEST_NS), n);
        self.sum_ns += u128::from(ns) * u128::from(n.as_u64());
        if ns > HIGHEST_NS {
            self.clamped += n.as_u64();
        }
    }

    /// Adds the values of another histogram; nothing is lost, as all have the same cells and a count
    /// is only ever added to one at least as wide.
    pub fn add<D: Counter + Into<C>>(&mut self, other: &LatencyHistogram<D>) {
        if other.is_empty() {
            return;
        }
        for cell in other.cells.iter_recorded() {
            self.cells
                .saturating_record_n(cell.value_iterated_to(), cell.count_at_value().into());
        }
        if let Some(ns) = other.last_ns {
            self.count_n(ns, other.repeats.into());
        }
        self.sum_ns += other.sum_ns;
        self.min_ns = self.min_ns.min(other.min_ns);
        self.max_ns = self.max_ns.max(other.max_ns);
        self.clamped += other.clamped;
        self.at_once = self.at_once.max(other.at_once);
    }

    /// Says that at most so many values of it were counted at once, which a histogram that was read back does not
    /// know: they are one observation where a percentile's are counted.
    #[must_use]
    pub fn counted_at_once(mut self, most: u64) -> Self {
        self.at_once = self.at_once.max(most);
        self
    }

    /// Forgets all values and keeps the memory.
    pub fn clear(&mut self) {
        if self.is_empty() {
            return;
        }
        self.cells.reset();
        self.set_exact(0, u64::MAX, 0, 0);
        self.last_ns = None;
        self.repeats = C::zero();
        self.at_once = 1;
    }

    /// Values counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.cells.len() + self.repeats.as_u64()
    }

    /// Whether nothing was counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// Exact sum of the values in nanoseconds.
    #[must_use]
    pub fn sum_ns(&self) -> u128 {
        self.settled().sum_ns
    }

    /// Exact mean in nanoseconds, rounded to the nearest; `None` when empty.
    #[must_use]
    pub fn mean_ns(&self) -> Option<u64> {
        let count = u128::from(self.count());
        let mean = (self.sum_ns() + count / 2).checked_div(count)?;
        u64::try_from(mean).ok()
    }

    /// Exact minimum in nanoseconds; `None` when empty.
    #[must_use]
    pub fn min_ns(&self) -> Option<u64> {
        (!self.is_empty()).then_some(self.min_ns)
    }

    /// Exact maximum in nanoseconds, unclamped; `None` when empty.
    #[must_use]
    pub fn max_ns(&self) -> Option<u64> {
        (!self.is_empty()).then_some(self.max_ns)
    }

    /// Values above [`HIGHEST_NS`].
    #[must_use]
    pub fn clamped(&self) -> u64 {
        self.settled().clamped
    }

    /// One percentile in nanoseconds; see [`Self::percentiles`].
    #[must_use]
    pub fn percentile(&self, part: PartsOfTenThousand) -> Option<u64> {
        let [value] = self.percentiles([part]);
        value
    }

    /// Percentiles in nanoseconds, asked for in ascending order.
    ///
    /// The value at a part `p` is the one of rank `ceil(count × p / 10000)`, to within its cell and
    /// never above the maximum. With fewer than [`SAMPLES_BEYOND`] values above that rank it would
    /// describe single events and is `None`; the median is stated from the first value on. Values that
    /// were counted at once are one in this.
    #[must_use]
    pub fn percentiles<const N: usize>(&self, parts: [PartsOfTenThousand; N]) -> [Option<u64>; N] {
        let ranks = parts.map(|part| self.stated_rank(part));
        let mut values = [None; N];
        let mut wanted = ranks
            .iter()
            .zip(values.iter_mut())
            .filter_map(|(rank, value)| rank.map(|rank| (rank, value)));
        let Some((mut rank, mut value)) = wanted.next() else {
            return values;
        };
        let mut seen = 0;
        for (highest, count) in recorded(&self.settled().cells) {
            seen += count;
            while seen >= rank {
                *value = Some(highest.clamp(self.min_ns, self.max_ns));
                match wanted.next() {
                    Some(next) => (rank, value) = next,
                    None => return values,
                }
            }
        }
        values
    }

    /// Values longer than this, by the longest time of their cell as percentiles have it.
    #[must_use]
    pub fn above(&self, ns: u64) -> u64 {
        let longer = |(highest, _): &(u64, u64)| (*highest).clamp(self.min_ns, self.max_ns) > ns;
        let settled = self.settled();
        recorded(&settled.cells)
            .filter(longer)
            .map(|(_, count)| count)
            .sum()
    }

    /// Rank of a percentile that may be stated, from 1.
    fn stated_rank(&self, part: PartsOfTenThousand) -> Option<u64> {
        let count = self.count();
        let rank = rank(part, count);
        let needed = if part == P50 { 0 } else { SAMPLES_BEYOND };
        let beyond = samples_beyond(part, count, self.at_once);
        (count >= rank && beyond >= needed).then_some(rank)
    }

    /// The same with no run open; a copy only where one is, so never of totals.
    fn settled(&self) -> Cow<'_, Self> {
        if self.repeats.is_zero() {
            return Cow::Borrowed(self);
        }
        let mut copy = self.clone();
        copy.end_run();
        Cow::Owned(copy)
    }

    /// The cells, for export.
    pub(crate) fn cells(&self) -> Cow<'_, Histogram<C>> {
        match self.settled() {
            Cow::Borrowed(this) => Cow::Borrowed(&this.cells),
            Cow::Owned(copy) => Cow::Owned(copy.cells),
        }
    }
}

/// Cells with a count: their highest value and the count.
fn recorded<C: Counter>(cells: &Histogram<C>) -> impl Iterator<Item = (u64, u64)> + '_ {
    let cells = cells.iter_recorded();
    cells.map(|cell| (cell.value_iterated_to(), cell.count_at_value().as_u64()))
}

/// Equal when the same cells hold the same counts and the exact numbers agree, whatever the type of
/// the counts.
impl<C: Counter, D: Counter> PartialEq<LatencyHistogram<D>> for LatencyHistogram<C> {
    fn eq(&self, other: &LatencyHistogram<D>) -> bool {
        let (this, other) = (self.settled(), other.settled());
        let exact = (this.sum_ns, this.min_ns, this.max_ns, this.clamped);
        exact == (other.sum_ns, other.min_ns, other.max_ns, other.clamped)
            && recorded(&this.cells).eq(recorded(&other.cells))
    }
}

impl<C: Counter> Default for LatencyHistogram<C> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PARTS: [PartsOfTenThousand; 6] = [P50, P90, P95, P99, P999, P9999];

    fn of(values: &[u64]) -> LatencyHistogram {
        let mut histogram = LatencyHistogram::new();
        for value in values {
            histogram.record(*value);
        }
        histogram
    }

    #[test]
    fn an_empty_histogram_has_no_figures() {
        let empty = LatencyHistogram::<u32>::new();
        assert_eq!(empty.percentiles(PARTS), [None; 6]);
        assert_eq!(
            (empty.min_ns(), empty.mean_ns(), empty.max_ns()),
            (None, None, None)
        );
        assert_eq!(empty.count(), 0);
    }

    #[test]
    fn a_percentile_needs_ten_samples_beyond_it() {
        for part in PARTS {
            let needed = usize::try_from(samples_needed(part)).unwrap();
            assert_eq!(of(&vec![7_000; needed - 1]).percentile(part), None);
            assert_eq!(of(&vec![7_000; needed]).percentile(part), Some(7_000));
        }
        assert_eq!(of(&[7_000; 99]).percentile(P90), None);
        assert_eq!(of(&[7_000; 100]).percentile(P90), Some(7_000));
        assert_eq!(of(&[7_000; 999]).percentile(P99), None);
        assert_eq!(of(&[7_000; 1000]).percentile(P99), Some(7_000));
        assert_eq!(of(&[7_000]).percentile(P50), Some(7_000));
    }

    #[test]
    fn values_beyond_the_bounds_saturate_and_are_counted() {
        let histogram = of(&[HIGHEST_NS, HIGHEST_NS + 1, u64::MAX]);
        assert_eq!(histogram.clamped(), 2);
        assert_eq!(histogram.count(), 3);
        assert_eq!(histogram.max_ns(), Some(u64::MAX));
        assert_eq!(
            histogram.sum_ns(),
            u128::from(HIGHEST_NS) * 2 + 1 + u128::from(u64::MAX)
        );
    }

    #[test]
    fn clearing_leaves_an_empty_histogram() {
        let mut histogram = of(&[1, 1_000_000, u64::MAX]);
        histogram.clear();
        assert_eq!(histogram, LatencyHistogram::<u32>::new());
    }

    #[test]
    fn the_cells_have_the_documented_number_and_width() {
        let histogram = LatencyHistogram::<u32>::new();
        assert_eq!(histogram.cells().distinct_values(), 19_456);
        assert_eq!(histogram.cells().equivalent_range(1_000_000), 512);
    }

    proptest! {
        #[test]
        fn figures_agree_with_the_sorted_values(mut values in prop::collection::vec(
            prop_oneof![0..2_000u64, 0..5_000_000u64, 0..HIGHEST_NS], 1..3_000)) {
            let histogram = of(&values);
            values.sort_unstable();
            prop_assert_eq!(histogram.min_ns(), values.first().copied());
            prop_assert_eq!(histogram.max_ns(), values.last().copied());
            prop_assert_eq!(histogram.sum_ns(), values.iter().map(|v| u128::from(*v)).sum());
            for (part, stated) in PARTS.into_iter().zip(histogram.percentiles(PARTS)) {
                let rank = (values.len() * part as usize).div_ceil(10_000).max(1);
                let beyond = values.len() - rank;
                prop_assert_eq!(stated.is_some(), part == P50 || beyond >= 10);
                if let Some(stated) = stated {
                    let exact = values[rank - 1];
                    let tolerance = (exact / 1_000).max(512);
                    prop_assert!(stated.abs_diff(exact) <= tolerance, "{} against {}", stated, exact);
                }
            }
        }

        #[test]
        fn values_that_repeat_count_each_time(
            runs in prop::collection::vec((0u64..4, 1u32..5), 0..50),
            far in 0u64..2,
        ) {
            let value = |n: u64| n * 1_000 + far * 2 * HIGHEST_NS;
            let mut in_runs = LatencyHistogram::<u32>::new();
            let mut totals = LatencyHistogram::<u64>::new();
            let mut sorted = Vec::new();
            for (n, times) in runs {
                for _ in 0..times {
                    in_runs.record(value(n));
                    totals.add(&of(&[value(n)]));
                    sorted.push(value(n));
                }
                prop_assert_eq!(&in_runs, &totals);
            }
            sorted.sort_unstable();
            prop_assert_eq!(in_runs.count(), sorted.len() as u64);
            prop_assert_eq!(in_runs.sum_ns(), sorted.iter().map(|v| u128::from(*v)).sum());
            prop_assert_eq!(in_runs.clamped(), far * sorted.len() as u64);
            prop_assert_eq!(in_runs.cells().len(), sorted.len() as u64);
            totals.add(&in_runs);
            prop_assert_eq!(totals.count(), 2 * sorted.len() as u64);
            in_runs.clear();
            prop_assert_eq!(&in_runs, &LatencyHistogram::<u32>::new());
            in_runs.record(value(1));
            prop_assert_eq!(in_runs.min_ns(), Some(value(1)));
        }

        #[test]
        fn adding_parts_gives_the_whole(values in prop::collection::vec(0..HIGHEST_NS * 2, 0..500), cut in 0usize..500) {
            let (left, right) = values.split_at(cut.min(values.len()));
            let mut whole = LatencyHistogram::<u64>::new();
            whole.add(&of(left));
            whole.add(&of(right));
            let mut at_once = LatencyHistogram::<u64>::new();
            for value in &values {
                at_once.record(*value);
            }
            prop_assert_eq!(whole, at_once);
        }
    }
}
