//! Sizes: `1KiB` is 1024 bytes, `1k` and `1kB` are 1000, a plain number is bytes.

use std::fmt;
use std::str::FromStr;

use bytesize::ByteSize;

use super::ValueError;

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SizeSetting(pub u64);

impl FromStr for SizeSetting {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let text = text.trim();
        if text.starts_with('-') {
            return Err(ValueError::new(format!("`{text}` is negative")));
        }
        let size: ByteSize = text.replace('_', "").parse().map_err(|_| {
            ValueError::new(format!(
                "`{text}` is not a size: write 1024, 1KiB (1024) or 1k (1000)"
            ))
        })?;
        Ok(Self(size.as_u64()))
    }
}

impl fmt::Display for SizeSetting {
    /// Exact: `bytesize` itself rounds what it prints (1500 B becomes "1.5 KiB").
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const KIB: u64 = 1024;
        const MIB: u64 = 1024 * KIB;
        match self.0 {
            bytes if bytes > 0 && bytes % MIB == 0 => write!(f, "{}MiB", bytes / MIB),
            bytes if bytes > 0 && bytes % KIB == 0 => write!(f, "{}KiB", bytes / KIB),
            bytes => write!(f, "{bytes}B"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn k_is_1000_and_kib_is_1024() {
        for (text, bytes) in [
            ("1KiB", 1024),
            ("1Ki", 1024),
            ("1k", 1000),
            ("1kB", 1000),
            ("1024", 1024),
            ("1_024", 1024),
            ("0", 0),
            ("1.5KiB", 1536),
            ("4MiB", 4 * 1024 * 1024),
            ("100B", 100),
        ] {
            assert_eq!(text.parse(), Ok(SizeSetting(bytes)), "{text}");
        }
        for text in ["", "-1", "big", "1KiBs", "NaN", "1.2.3k"] {
            assert!(text.parse::<SizeSetting>().is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_are_written_exactly() {
        for bytes in [0, 1, 999, 1000, 1024, 1500, 1536, 1 << 20, (1 << 20) + 1] {
            let written = SizeSetting(bytes).to_string();
            assert_eq!(written.parse(), Ok(SizeSetting(bytes)), "{written}");
        }
    }
}
