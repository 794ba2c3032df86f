//! Times of arrival as a file has them.

use std::io::BufRead;
use std::sync::Arc;

/// Most arrivals a record may have: 400 MB of times.
const MOST: usize = 50_000_000;

/// Why a record cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// It cannot be read.
    #[error("{0}")]
    Read(#[from] std::io::Error),
    /// A line is no time.
    #[error(
        "line {line}: {text:?} is no time: each line has the seconds since the first arrival, as in 12.000345678"
    )]
    Time {
        /// Counted from 1.
        line: usize,
        /// What it says, at most its first 40 characters.
        text: String,
    },
    /// A time is before the one above it.
    #[error("line {line}: the time is before that of the line above")]
    Order {
        /// Counted from 1.
        line: usize,
    },
    /// There is nothing in it.
    #[error("it has no arrivals")]
    Empty,
    /// More than can be held.
    #[error("it has more than {MOST} arrivals")]
    TooMany,
}

/// Reads a record: a time in seconds per line, ascending, counted from the begin of the run; empty lines and
/// those that begin with `#` are left out. Times in ns.
///
/// # Errors
/// [`RecordError`].
pub fn read_record(mut input: impl BufRead) -> Result<Arc<[u64]>, RecordError> {
    let mut times = Vec::new();
    let mut text = String::new();
    let mut last = 0;
    for line in 1.. {
        text.clear();
        if input.read_line(&mut text)? == 0 {
            break;
        }
        let said = text.trim();
        if said.is_empty() || said.starts_with('#') {
            continue;
        }
        let ns = nanoseconds(said).ok_or_else(|| RecordError::Time {
            line,
            text: said.chars().take(40).collect(),
        })?;
        if ns < last {
            return Err(RecordError::Order { line });
        }
        if times.len() == MOST {
            return Err(RecordError::TooMany);
        }
        last = ns;
        times.push(ns);
    }
    if times.is_empty() {
        return Err(RecordError::Empty);
    }
    Ok(times.into())
}

/// Exact, unlike a float: digits, perhaps a point and up to nine digits more.
fn nanoseconds(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || part.len() > 9 || !digits(whole) || !digits(part) {
        return None;
    }
    let part: u64 = format!("{part:0<9}").parse().ok()?;
    whole
        .parse::<u64>()
        .ok()?
        .checked_mul(1_000_000_000)?
        .checked_add(part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn times_are_read_to_the_nanosecond() {
        let text = "# arrivals\n0\n\n0.5\r\n12.000345678\n12.000345678";
        let times = read_record(text.as_bytes()).unwrap();
        assert_eq!(*times, [0, 500_000_000, 12_000_345_678, 12_000_345_678]);
    }

    #[test]
    fn a_broken_record_says_where() {
        for (text, part) in [
            ("1\nx\n", "line 2: \"x\""),
            ("1\n-1\n", "line 2"),
            ("1\n1.0000000001\n", "line 2"),
            ("2\n1\n", "line 2: the time is before"),
            ("# none\n", "no arrivals"),
            ("99999999999999", "line 1"),
        ] {
            let error = read_record(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
        assert!(read_record(&b"\xff\n"[..]).is_err());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let _ = read_record(&bytes[..]);
        }

        #[test]
        fn what_is_written_is_read(mut times in prop::collection::vec(0u64..1 << 60, 1..50)) {
            times.sort_unstable();
            let line = |ns: &u64| format!("{}.{:09}\n", ns / 1_000_000_000, ns % 1_000_000_000);
            let text: String = times.iter().map(line).collect();
            prop_assert_eq!(&*read_record(text.as_bytes()).unwrap(), &times[..]);
        }
    }
}
