//! How large bodies are: `1KiB`, `200B..4KiB`, `lognormal:p50=1KiB,p99=16KiB`, `1KiB:90%,64KiB:10%`, or a plan
//! like `1KiB:30s,4KiB:30s`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{DurationSetting, ShareSetting, SizeSetting, ValueError};
use crate::load::{LogNormal, SizeDraw, SizePiece, Sizes};

/// Default limit of drawn sizes: the largest body a client sends (C1.14).
const MAX_BODY: usize = 4 << 20;
/// Most parts of a list.
const MOST_PARTS: usize = 100;
/// Shares are decimal, their sums are not exact.
const ROUNDING: f64 = 1e-9;

/// What `--size` says.
#[derive(Debug, Clone, PartialEq)]
pub struct BodySize {
    text: String,
    sizes: Sizes,
}

impl BodySize {
    /// The sizes.
    #[must_use]
    pub fn sizes(&self) -> &Sizes {
        &self.sizes
    }

    /// Whether all bodies have one size.
    #[must_use]
    pub fn is_one(&self) -> bool {
        matches!(self.sizes, Sizes::Of(SizeDraw::One(_)))
    }

    /// How long a plan is.
    #[must_use]
    pub fn length(&self) -> Option<Duration> {
        match &self.sizes {
            Sizes::Of(_) => None,
            Sizes::Planned(pieces) => Some(pieces.iter().map(|piece| piece.length).sum()),
        }
    }
}

fn bytes(size: SizeSetting) -> usize {
    usize::try_from(size.0).unwrap_or(usize::MAX)
}

/// One size or a range, and how it is written.
fn one_or_range(text: &str) -> Result<(SizeDraw, String), ValueError> {
    let Some((least, most)) = text.split_once("..") else {
        let size: SizeSetting = text.parse()?;
        return Ok((SizeDraw::One(bytes(size)), size.to_string()));
    };
    let (least, most): (SizeSetting, SizeSetting) = (least.parse()?, most.parse()?);
    if least.0 > most.0 {
        return Err(ValueError::new(format!(
            "`{text}` begins above its end: the smaller size comes first, as in 200B..4KiB"
        )));
    }
    let written = format!("{least}..{most}");
    let (least, most) = (bytes(least), bytes(most));
    Ok((SizeDraw::Range { least, most }, written))
}

fn log_normal(text: &str) -> Result<(SizeDraw, String), ValueError> {
    let (mut p50, mut p99, mut most) = (None, None, None);
    for part in text.split(',') {
        let (name, value) = part.split_once('=').ok_or_else(|| {
            ValueError::new(format!(
                "`{part}` is not `name=size`, as in lognormal:p50=1KiB,p99=16KiB"
            ))
        })?;
        let known = match name.trim() {
            "p50" => &mut p50,
            "p99" => &mut p99,
            "max" => &mut most,
            other => {
                return Err(ValueError::new(format!(
                    "`{other}` is unknown: lognormal has p50, p99 and max"
                )));
            }
        };
        if known.replace(value.parse::<SizeSetting>()?).is_some() {
            return Err(ValueError::new(format!("`{}` is given twice", name.trim())));
        }
    }
    let (Some(p50), Some(p99)) = (p50, p99) else {
        return Err(ValueError::new(
            "lognormal needs p50 and p99, as in lognormal:p50=1KiB,p99=16KiB",
        ));
    };
    if p50.0 == 0 || p99.0 <= p50.0 {
        return Err(ValueError::new(format!(
            "p99={p99} is not above p50={p50}, or p50 is nothing"
        )));
    }
    if let Some(most) = most.filter(|most| most.0 < p50.0) {
        return Err(ValueError::new(format!(
            "max={most} is below p50={p50}: more than half of all bodies would be cut"
        )));
    }
    let limit = most.map_or(String::new(), |most| format!(",max={most}"));
    let written = format!("lognormal:p50={p50},p99={p99}{limit}");
    let most = most.map_or(MAX_BODY.max(bytes(p50)), bytes);
    let (p50, p99) = (bytes(p50), bytes(p99));
    Ok((SizeDraw::LogNormal(LogNormal { p50, p99, most }), written))
}

/// Sizes with shares.
fn weighted(parts: &[(&str, &str)]) -> Result<(SizeDraw, String), ValueError> {
    let mut entries = Vec::new();
    let mut written = Vec::new();
    for (size, share) in parts {
        let (size, share): (SizeSetting, ShareSetting) = (size.parse()?, share.parse()?);
        if share.fraction() <= 0.0 {
            return Err(ValueError::new(format!("`{size}:{share}` has no share")));
        }
        entries.push((bytes(size), share.fraction()));
        written.push(format!("{size}:{share}"));
    }
    let all: f64 = entries.iter().map(|(_, share)| share).sum();
    if (all - 1.0).abs() > ROUNDING {
        let all = all * 100.0;
        return Err(ValueError::new(format!(
            "its shares add up to {all}%, not to 100%"
        )));
    }
    Ok((SizeDraw::weighted(entries), written.join(",")))
}

fn plan(parts: &[(&str, &str)]) -> Result<BodySize, ValueError> {
    let mut pieces = Vec::new();
    let mut written = Vec::new();
    for (size, length) in parts {
        let (draw, size) = one_or_range(size.trim())?;
        let length: DurationSetting = length.parse()?;
        if length.0.is_zero() {
            return Err(ValueError::new(format!("`{size}:{length}` takes no time")));
        }
        written.push(format!("{size}:{length}"));
        let length = length.0;
        pieces.push(SizePiece { draw, length });
    }
    Ok(BodySize {
        text: written.join(","),
        sizes: Sizes::Planned(pieces.into()),
    })
}

impl FromStr for BodySize {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let text = text.trim();
        let (draw, text) = if let Some(shape) = text.strip_prefix("lognormal:") {
            log_normal(shape)?
        } else if text.contains(':') {
            let parts = text.split(',').map(|part| {
                part.rsplit_once(':').ok_or_else(|| {
                    ValueError::new(format!(
                        "`{part}` is neither `size:share` nor `size:time`, as in 1KiB:90% or 1KiB:30s"
                    ))
                })
            });
            let parts: Vec<(&str, &str)> = parts.collect::<Result<_, _>>()?;
            if parts.len() > MOST_PARTS {
                return Err(ValueError::new(format!(
                    "it has {} parts, {MOST_PARTS} are the most",
                    parts.len()
                )));
            }
            if !parts.iter().any(|(_, what)| what.trim().ends_with('%')) {
                return plan(&parts);
            }
            weighted(&parts)?
        } else {
            one_or_range(text)?
        };
        let sizes = Sizes::Of(draw);
        Ok(Self { text, sizes })
    }
}

impl fmt::Display for BodySize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sizes(text: &str) -> Sizes {
        text.parse::<BodySize>().expect(text).sizes
    }

    #[test]
    fn every_form_is_read() {
        assert_eq!(sizes("1KiB"), Sizes::Of(SizeDraw::One(1024)));
        let (least, most) = (200, 4096);
        let range = SizeDraw::Range { least, most };
        assert_eq!(sizes("200B..4KiB"), Sizes::Of(range.clone()));
        let shape = |most| LogNormal {
            p50: 1024,
            p99: 16_384,
            most,
        };
        assert_eq!(
            sizes("lognormal:p50=1KiB,p99=16KiB"),
            Sizes::Of(SizeDraw::LogNormal(shape(4 << 20)))
        );
        assert_eq!(
            sizes("lognormal: p99=16KiB, p50=1KiB, max=64KiB"),
            Sizes::Of(SizeDraw::LogNormal(shape(65_536)))
        );
        assert_eq!(
            sizes("64KiB:10%, 1KiB:90%"),
            Sizes::Of(SizeDraw::weighted([(65_536, 0.1), (1024, 0.9)]))
        );
        let length = Duration::from_secs(30);
        let pieces = [SizeDraw::One(1024), range].map(|draw| SizePiece { draw, length });
        assert_eq!(
            sizes("1KiB:30s,200..4KiB:30s"),
            Sizes::Planned(pieces.into())
        );
        let plan: BodySize = "1KiB:30s,4KiB:1m".parse().unwrap();
        assert_eq!(plan.length(), Some(Duration::from_secs(90)));
    }

    #[test]
    fn what_is_written_is_read() {
        for text in [
            "1KiB",
            "200B..4KiB",
            "lognormal:p50=1KiB,p99=16KiB",
            "lognormal:p50=1KiB,p99=16KiB,max=64KiB",
            "1KiB:90%,64KiB:10%",
            "1KiB:30s,200B..4KiB:1m",
        ] {
            assert_eq!(text.parse::<BodySize>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_size_says_why() {
        for (text, part) in [
            ("4KiB..1KiB", "smaller size comes first"),
            ("lognormal:p50=1KiB", "needs p50 and p99"),
            ("lognormal:p50=1KiB,p99=1KiB", "not above"),
            ("lognormal:p50=0,p99=1KiB", "not above"),
            ("lognormal:p50=1KiB,p50=2KiB", "twice"),
            ("lognormal:p50=1KiB,p90=2KiB", "p50, p99 and max"),
            ("lognormal:p50=1KiB,p99=4KiB,max=1B", "more than half"),
            ("1KiB:90%,64KiB:20%", "add up to 110"),
            ("1KiB:90%,64KiB", "size:share"),
            ("1KiB:0%,64KiB:100%", "no share"),
            ("1KiB:90%,64KiB:30s", "share"),
            ("1KiB:0s", "no time"),
            ("1KiB:30", "did you mean 30s"),
            ("normal:p50=1KiB", "size"),
            ("big", "not a size"),
        ] {
            let error = text.parse::<BodySize>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[0-9KiBk.:,%smaxp=lognr ]{0,40}") {
            if let Ok(size) = text.parse::<BodySize>() {
                prop_assert_eq!(size.to_string().parse(), Ok(size));
            }
        }
    }
}
