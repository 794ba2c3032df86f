//! What bodies were sent, and what they were planned to be.

use std::io::{self, Write};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::result::RunResult;
use super::style::Style;
use crate::metrics::units::{bytes, percent};

/// Bodies of the messages of the measured window.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BodyFigures {
    /// Bytes of the bodies of acknowledged messages, as they were sent: compressed where they were.
    pub acked_bytes: u64,
    /// What `--size` and the schedule plan, before compression.
    pub planned: PlannedSizes,
}

/// Sizes as planned for the whole run, in bytes, before compression.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedSizes {
    /// Mean.
    pub mean_bytes: f64,
    /// Size that half of the bodies do not exceed.
    pub p50_bytes: u64,
    /// Size that 99 % of the bodies do not exceed.
    pub p99_bytes: u64,
    /// Largest.
    pub max_bytes: u64,
    /// Share of the drawn sizes beyond the largest one, which are sent with that, 0 to 1; absent where there is no
    /// such limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut_share: Option<f64>,
}

impl PlannedSizes {
    /// Whether all bodies are alike.
    #[allow(clippy::cast_precision_loss, reason = "sizes are of some MiB at most")]
    fn is_one_size(&self) -> bool {
        // The mean of sizes that are not alike is below the largest.
        self.mean_bytes >= self.max_bytes as f64 - 1e-6
    }
}

/// Of several processes, which have one plan; `None` if one of them does not say.
pub(super) fn merged(all: &[&RunResult]) -> Option<BodyFigures> {
    let mut sum = None;
    for result in all {
        let own = result.bodies?;
        let so_far = sum.map_or(0, |sum: BodyFigures| sum.acked_bytes);
        sum = Some(BodyFigures {
            acked_bytes: so_far.saturating_add(own.acked_bytes),
            planned: sum.map_or(own.planned, |sum| sum.planned),
        });
    }
    sum
}

/// A line, where bodies have several sizes: of one size all is said already.
pub(super) fn line(
    out: &mut (impl Write + ?Sized),
    result: &RunResult,
    style: Style,
) -> io::Result<()> {
    let Some(BodyFigures {
        acked_bytes,
        planned,
    }) = result.bodies
    else {
        return Ok(());
    };
    if planned.is_one_size() {
        return Ok(());
    }
    writeln!(
        out,
        "{} {} acked; planned {}",
        style.heading("Bodies:"),
        bytes(acked_bytes),
        words(&planned)
    )
}

/// Sizes as planned, for people.
#[must_use]
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a size; as-casts saturate"
)]
pub fn words(planned: &PlannedSizes) -> String {
    let mean = bytes(planned.mean_bytes.round() as u64);
    let [p50, p99, max] = [planned.p50_bytes, planned.p99_bytes, planned.max_bytes].map(bytes);
    let cut = planned.cut_share.map_or_else(String::new, |share| {
        format!(", {} of the draws cut to that", percent(share))
    });
    format!("mean {mean}, p50 {p50}, p99 {p99}, max {max}{cut}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn figures(acked_bytes: u64, mean_bytes: f64) -> BodyFigures {
        BodyFigures {
            acked_bytes,
            planned: PlannedSizes {
                mean_bytes,
                p50_bytes: 1024,
                p99_bytes: 16_384,
                max_bytes: 65_536,
                cut_share: Some(0.0002),
            },
        }
    }

    #[test]
    fn bytes_of_processes_are_summed_and_their_plan_is_one() {
        let mut parts = [sample::open(), sample::open()];
        parts[0].bodies = Some(figures(1000, 2000.0));
        let of = |parts: &[RunResult]| merged(&parts.iter().collect::<Vec<_>>());
        assert_eq!(of(&parts), None, "one does not say");
        parts[1].bodies = Some(figures(500, 2000.0));
        assert_eq!(of(&parts), Some(figures(1500, 2000.0)));
        parts[1].bodies = Some(figures(u64::MAX, 2000.0));
        assert_eq!(of(&parts), Some(figures(u64::MAX, 2000.0)));
    }

    #[test]
    fn a_line_tells_of_sizes_where_there_are_several() {
        let told = |bodies| {
            let mut out = Vec::new();
            let result = RunResult {
                bodies,
                ..sample::open()
            };
            line(&mut out, &result, Style::Plain).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(
            told(Some(figures(10 << 20, 2079.0))),
            "Bodies: 10.0 MiB acked; planned mean 2.03 KiB, p50 1.00 KiB, p99 16.0 KiB, max 64.0 KiB, \
             0.02 % of the draws cut to that\n"
        );
        assert_eq!(told(Some(figures(10 << 20, 65_536.0))), "", "one size");
        assert_eq!(told(None), "");
    }
}
