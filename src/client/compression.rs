//! Bodies compressed as RocketMQ's consumers expect them (R159, R160).
//!
//! A message is compressed once, before its first attempt (R222); a load does it once per body of its
//! pool.

use std::io::{Read, Write};

use bytes::Bytes;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

use crate::protocol::sys_flag;

/// Which algorithm, with its bits in sysFlag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum CompressionKind {
    /// What every server since 3.x reads.
    #[default]
    Zlib,
    /// Since 4.9.4.
    Lz4,
    /// Since 4.9.4.
    Zstd,
}

impl CompressionKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Zlib, Self::Lz4, Self::Zstd];

    /// Name as options have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Zlib => "zlib",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    fn bits(self) -> i32 {
        match self {
            Self::Zlib => sys_flag::ZLIB,
            Self::Lz4 => sys_flag::LZ4,
            Self::Zstd => sys_flag::ZSTD,
        }
    }

    fn of(flag: i32) -> Option<Self> {
        match flag & sys_flag::COMPRESSION_MASK {
            0 | sys_flag::ZLIB => Some(Self::Zlib),
            sys_flag::LZ4 => Some(Self::Lz4),
            sys_flag::ZSTD => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// Whether and how bodies are compressed (C1.11, C1.12, C1.13).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compression {
    /// Algorithm.
    pub kind: CompressionKind,
    /// Of zlib and zstd, 0 to 9; LZ4 has none.
    pub level: u8,
    /// Bodies of at least so many bytes.
    pub over_bytes: usize,
}

impl Default for Compression {
    /// Java's: zlib at level 5 from 4 KiB on.
    fn default() -> Self {
        Self {
            kind: CompressionKind::Zlib,
            level: 5,
            over_bytes: 4096,
        }
    }
}

/// A body that got smaller, and the sysFlag bits that say how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Compressed {
    pub(super) body: Bytes,
    pub(super) flag: i32,
}

impl Compression {
    /// The compressed body; `None` if it is too small to be compressed or would not get smaller (R222).
    pub(super) fn apply(&self, body: &[u8]) -> Option<Compressed> {
        if body.len() < self.over_bytes {
            return None;
        }
        // Writing to memory does not fail; if it did, the body goes as it is (R159).
        let packed = compress(self.kind, self.level, body).ok()?;
        (packed.len() < body.len()).then(|| Compressed {
            body: packed.into(),
            flag: sys_flag::COMPRESSED | self.kind.bits(),
        })
    }
}

fn compress(kind: CompressionKind, level: u8, body: &[u8]) -> std::io::Result<Vec<u8>> {
    match kind {
        CompressionKind::Zlib => {
            let level = flate2::Compression::new(u32::from(level.min(9)));
            let mut encoder = ZlibEncoder::new(Vec::new(), level);
            encoder.write_all(body)?;
            encoder.finish()
        }
        CompressionKind::Lz4 => {
            let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
            encoder.write_all(body)?;
            encoder.finish().map_err(std::io::Error::other)
        }
        CompressionKind::Zstd => zstd::stream::encode_all(body, i32::from(level)),
    }
}

/// Why a body could not be unpacked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnpackError {
    /// The bits name no algorithm.
    #[error("sysFlag {0:#x} names no compression")]
    Kind(i32),
    /// Not what the bits say.
    #[error("the body is no {kind} stream: {detail}")]
    Broken {
        /// What it should be.
        kind: &'static str,
        /// What was found.
        detail: String,
    },
    /// Larger than allowed.
    #[error("the body unpacks to more than {0} bytes")]
    TooLarge(usize),
}

/// The body as it was before compression, of `most` bytes at most; the very bytes where it is not
/// compressed.
///
/// # Errors
/// [`UnpackError`].
pub fn unpack(body: &Bytes, flag: i32, most: usize) -> Result<Bytes, UnpackError> {
    if flag & sys_flag::COMPRESSED == 0 {
        return Ok(body.clone());
    }
    let kind = CompressionKind::of(flag).ok_or(UnpackError::Kind(flag))?;
    let broken = |error: std::io::Error| UnpackError::Broken {
        kind: kind.name(),
        detail: error.to_string(),
    };
    let reader: Box<dyn Read + '_> = match kind {
        CompressionKind::Zlib => Box::new(ZlibDecoder::new(body.as_ref())),
        CompressionKind::Lz4 => Box::new(lz4_flex::frame::FrameDecoder::new(body.as_ref())),
        CompressionKind::Zstd => {
            Box::new(zstd::stream::read::Decoder::new(body.as_ref()).map_err(broken)?)
        }
    };
    let mut unpacked = Vec::new();
    let bound = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    reader
        .take(bound)
        .read_to_end(&mut unpacked)
        .map_err(broken)?;
    if unpacked.len() > most {
        return Err(UnpackError::TooLarge(most));
    }
    Ok(unpacked.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn over(kind: CompressionKind, over_bytes: usize) -> Compression {
        Compression {
            kind,
            level: 5,
            over_bytes,
        }
    }

    #[test]
    fn the_threshold_is_inclusive_and_what_does_not_shrink_stays() {
        let text = vec![b'a'; 4096];
        for kind in CompressionKind::ALL {
            let packed = over(kind, 4096).apply(&text).unwrap();
            assert!(packed.body.len() < 100);
            assert_eq!(over(kind, 4097).apply(&text), None);
            assert_eq!(over(kind, 0).apply(b"x"), None, "{}", kind.name());
        }
    }

    /// R159, R160: an algorithm, with its bits.
    #[test]
    fn the_containers_are_those_java_reads() {
        let text = vec![b'a'; 4096];
        let head = |kind| over(kind, 0).apply(&text).unwrap();
        let zlib = head(CompressionKind::Zlib);
        assert_eq!((zlib.body[0], zlib.flag), (0x78, 0x301));
        let lz4 = head(CompressionKind::Lz4);
        assert_eq!(&lz4.body[..4], 0x184d_2204_u32.to_le_bytes());
        assert_eq!(lz4.flag, 0x101);
        let zstd = head(CompressionKind::Zstd);
        assert_eq!(&zstd.body[..4], 0xfd2f_b528_u32.to_le_bytes());
        assert_eq!(zstd.flag, 0x201);
    }

    #[test]
    fn what_cannot_be_unpacked_is_told() {
        let body = Bytes::from_static(b"not compressed at all");
        assert_eq!(unpack(&body, 0, 4).unwrap(), body, "nothing to unpack");
        assert_eq!(unpack(&body, 0x401, 99), Err(UnpackError::Kind(0x401)));
        for flag in [0x1, 0x101, 0x201, 0x301] {
            let error = unpack(&body, flag, 99).unwrap_err();
            assert!(
                matches!(error, UnpackError::Broken { .. }),
                "{flag:#x}: {error}"
            );
        }
        let bomb = over(CompressionKind::Zlib, 0)
            .apply(&vec![0; 1 << 20])
            .unwrap();
        let error = unpack(&bomb.body, bomb.flag, 1 << 16).unwrap_err();
        assert_eq!(error, UnpackError::TooLarge(1 << 16));
    }

    proptest! {
        #[test]
        fn what_is_packed_is_unpacked(byte: u8, count in 200usize..20_000, level in 0u8..=9) {
            let body = Bytes::from(vec![byte; count]);
            for kind in CompressionKind::ALL {
                let packed = Compression { kind, level, over_bytes: 0 }.apply(&body);
                // Level 0 of zlib only wraps.
                if let Some(packed) = packed {
                    prop_assert_eq!(unpack(&packed.body, packed.flag, count).unwrap(), body.clone());
                }
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), flag: i32) {
            let _ = unpack(&Bytes::from(bytes), flag, 1000);
        }
    }
}
