//! A histogram as a result carries it: the usual figures, and the whole of it for exact merging.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hdrhistogram::serialization::{Deserializer, Serializer as _, V2DeflateSerializer};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::histogram::{
    Counter, DIGITS, HIGHEST_NS, LOWEST_NS, LatencyHistogram, P50, P90, P95, P99, P999, P9999,
};

/// Figures of one kind of time. All times are nanoseconds.
///
/// Percentiles keep three significant digits (512 ns below 1.05 ms); count, minimum, mean and maximum
/// are exact. A percentile with fewer than ten samples beyond it is absent, except the median.
/// Where the verdict says `unstable`, those from the 99th on are absent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct LatencySummary {
    /// Values counted.
    pub count: u64,
    /// Smallest value in nanoseconds; absent when nothing was counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_ns: Option<u64>,
    /// Exact mean in nanoseconds, rounded; absent when nothing was counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean_ns: Option<u64>,
    /// Exact sum in nanoseconds, which makes the mean of merged results exact; absent when nothing was counted, or
    /// when it is beyond 64 bits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sum_ns: Option<u64>,
    /// Median in nanoseconds; absent when nothing was counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50_ns: Option<u64>,
    /// 90th percentile in nanoseconds; present from 100 values on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p90_ns: Option<u64>,
    /// 95th percentile in nanoseconds; present from 200 values on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95_ns: Option<u64>,
    /// 99th percentile in nanoseconds; present from 1,000 values on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_ns: Option<u64>,
    /// 99.9th percentile in nanoseconds; present from 10,000 values on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p999_ns: Option<u64>,
    /// 99.99th percentile in nanoseconds; present from 100,000 values on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p9999_ns: Option<u64>,
    /// Largest value in nanoseconds; absent when nothing was counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_ns: Option<u64>,
    /// Values above 120 s, which the percentiles see as 120 s.
    pub clamped: u64,
    /// The whole histogram: base64 of the HdrHistogram V2 compressed form, in nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hdr: Option<String>,
}

/// Why a histogram could not be read back from a result.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReadHistogramError {
    /// The result was written without the histogram.
    #[error("the result carries no histogram (member `hdr`)")]
    Absent,
    /// Not base64.
    #[error("the histogram is not base64: {0}")]
    Base64(String),
    /// Not an HdrHistogram in the V2 compressed form.
    #[error("the histogram is not in the HdrHistogram V2 compressed form: {0}")]
    Form(String),
    /// Other bounds than ours: adding would lose values.
    #[error("the histogram has other bounds ({0}); only results of this tool can be merged")]
    Bounds(String),
    /// The figures beside the histogram do not belong to it.
    #[error("the histogram holds {held} values where the result says {stated}")]
    Count {
        /// Values in the histogram.
        held: u64,
        /// Values by the figure `count`.
        stated: u64,
    },
}

impl<C: Counter> LatencyHistogram<C> {
    /// The figures of this histogram and its exported form.
    #[must_use]
    pub fn summary(&self) -> LatencySummary {
        let [p50_ns, p90_ns, p95_ns, p99_ns, p999_ns, p9999_ns] =
            self.percentiles([P50, P90, P95, P99, P999, P9999]);
        LatencySummary {
            count: self.count(),
            min_ns: self.min_ns(),
            mean_ns: self.mean_ns(),
            sum_ns: (!self.is_empty())
                .then(|| u64::try_from(self.sum_ns()).ok())
                .flatten(),
            p50_ns,
            p90_ns,
            p95_ns,
            p99_ns,
            p999_ns,
            p9999_ns,
            max_ns: self.max_ns(),
            clamped: self.clamped(),
            hdr: self.export(),
        }
    }

    /// Base64 of the V2 compressed form. `None` only when a cell's count passes `i64::MAX`, which the
    /// form cannot hold.
    fn export(&self) -> Option<String> {
        let mut bytes = Vec::new();
        V2DeflateSerializer::new()
            .serialize(&self.cells(), &mut bytes)
            .ok()?;
        Some(BASE64.encode(bytes))
    }
}

impl LatencyHistogram<u64> {
    /// Reads a histogram back, so that results can be merged and compared.
    ///
    /// Without `sum_ns`, as in results of older versions, the sum comes from the rounded mean and is exact to half
    /// a nanosecond per value.
    ///
    /// # Errors
    /// One variant of [`ReadHistogramError`] for each way in which the member `hdr` is not the
    /// histogram of these figures.
    pub fn from_summary(summary: &LatencySummary) -> Result<Self, ReadHistogramError> {
        let text = summary.hdr.as_deref().ok_or(ReadHistogramError::Absent)?;
        let bytes = BASE64
            .decode(text)
            .map_err(|error| ReadHistogramError::Base64(error.to_string()))?;
        let cells: hdrhistogram::Histogram<u64> = Deserializer::new()
            .deserialize(&mut bytes.as_slice())
            .map_err(|error| ReadHistogramError::Form(error.to_string()))?;
        if (cells.low(), cells.high(), cells.sigfig()) != (LOWEST_NS, HIGHEST_NS, DIGITS) {
            let bounds = format!(
                "{} to {} ns, {} digits",
                cells.low(),
                cells.high(),
                cells.sigfig()
            );
            return Err(ReadHistogramError::Bounds(bounds));
        }
        if cells.len() != summary.count {
            let (held, stated) = (cells.len(), summary.count);
            return Err(ReadHistogramError::Count { held, stated });
        }
        let mut histogram = Self::from_cells(cells);
        if summary.count > 0 {
            let of_mean = u128::from(summary.mean_ns.unwrap_or(0)) * u128::from(summary.count);
            let sum_ns = summary.sum_ns.map_or(of_mean, u128::from);
            let (min_ns, max_ns) = (
                summary.min_ns.unwrap_or(0),
                summary.max_ns.unwrap_or(HIGHEST_NS),
            );
            histogram.set_exact(sum_ns, min_ns, max_ns, summary.clamped);
        }
        Ok(histogram)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_of_nothing_states_nothing() {
        let json = serde_json::to_value(LatencyHistogram::<u32>::new().summary()).unwrap();
        let members: Vec<_> = json
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(members, ["clamped", "count", "hdr"]);
    }

    #[test]
    fn a_histogram_survives_the_result() {
        let mut histogram = LatencyHistogram::<u64>::new();
        (0..5_000u64).for_each(|i| histogram.record(i * 40_000));
        let summary = histogram.summary();
        let back = LatencyHistogram::from_summary(&summary).unwrap();
        assert_eq!(back.summary(), summary);
        assert_eq!(summary.p9999_ns, None);
        assert!(summary.p99_ns.is_some());
    }

    #[test]
    fn a_foreign_histogram_is_refused() {
        let mut summary = LatencyHistogram::<u64>::new().summary();
        summary.count = 3;
        let held = LatencyHistogram::from_summary(&summary);
        assert_eq!(held, Err(ReadHistogramError::Count { held: 0, stated: 3 }));
        summary.hdr = Some("no base64".to_owned());
        let text = LatencyHistogram::from_summary(&summary);
        assert!(matches!(text, Err(ReadHistogramError::Base64(_))));
        summary.hdr = None;
        assert_eq!(
            LatencyHistogram::from_summary(&summary),
            Err(ReadHistogramError::Absent)
        );
    }
}
