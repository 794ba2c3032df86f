//! Numbers for people: three significant digits, a unit, and never "NaN".

/// A time in nanoseconds as `512 ns`, `38.4 µs`, `1.23 ms`, `12.0 s`.
#[must_use]
pub fn duration(ns: u64) -> String {
    if ns < 1_000 {
        return format!("{ns} ns");
    }
    #[allow(clippy::cast_precision_loss, reason = "three digits are shown")]
    let ns = ns as f64;
    for (unit, name) in [(1e3, "µs"), (1e6, "ms")] {
        // What would round to 1000 of one unit is 1.00 of the next.
        if ns / unit < 999.5 {
            return format!("{} {name}", three_digits(ns / unit));
        }
    }
    format!("{} s", three_digits(ns / 1e9))
}

/// A count with separators: `1,234,567`.
#[must_use]
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut grouped = String::with_capacity(digits.len() * 4 / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A count of things: `1 send`, `1,234 sends`.
#[must_use]
pub fn counted(n: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(n), if n == 1 { "" } else { "s" })
}

/// A rate per second: `50,000/s`, `12.5/s`.
#[must_use]
pub fn rate(per_second: f64) -> String {
    if !per_second.is_finite() {
        return "n/a".to_owned();
    }
    if per_second < 999.5 {
        return format!("{}/s", three_digits(per_second.max(0.0)));
    }
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positive and finite; saturates"
    )]
    let whole = per_second.round() as u64;
    format!("{}/s", count(whole))
}

/// A share from 0 to 1 as per cent: `0.12 %`, `50 %`.
#[must_use]
pub fn percent(share: f64) -> String {
    if !share.is_finite() {
        return "n/a".to_owned();
    }
    let percent = share * 100.0;
    match percent.abs() {
        0.0 => "0 %".to_owned(),
        p if p < 0.005 => "<0.01 %".to_owned(),
        p if p < 9.995 => format!("{percent:.2} %"),
        p if p < 99.95 => format!("{percent:.1} %"),
        _ => format!("{percent:.0} %"),
    }
}

/// Bytes in binary units: `512 B`, `12.3 MiB`.
#[must_use]
pub fn bytes(n: u64) -> String {
    if n < 1024 {
        return format!("{n} B");
    }
    #[allow(clippy::cast_precision_loss, reason = "three digits are shown")]
    let mut value = n as f64 / 1024.0;
    for name in ["KiB", "MiB"] {
        if value < 999.5 {
            return format!("{} {name}", three_digits(value));
        }
        value /= 1024.0;
    }
    format!("{} GiB", three_digits(value))
}

/// A positive number with three significant digits, or all its whole ones when it has more; below 0.1
/// four decimals.
#[must_use]
pub fn three_digits(value: f64) -> String {
    match value {
        v if !v.is_finite() => "n/a".to_owned(),
        0.0 => "0".to_owned(),
        v if v < 0.099_95 => format!("{v:.4}"),
        v if v < 0.999_5 => format!("{v:.3}"),
        v if v < 9.995 => format!("{v:.2}"),
        v if v < 99.95 => format!("{v:.1}"),
        v => format!("{v:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_keep_three_digits_across_the_units() {
        let cases = [
            (0, "0 ns"),
            (999, "999 ns"),
            (1_000, "1.00 µs"),
            (38_399, "38.4 µs"),
            (999_499, "999 µs"),
            (999_600, "1.00 ms"),
            (1_234_567, "1.23 ms"),
            (999_700_000, "1.00 s"),
            (12_000_000_000, "12.0 s"),
            (1_234_000_000_000, "1234 s"),
        ];
        for (ns, text) in cases {
            assert_eq!(duration(ns), text);
        }
    }

    #[test]
    fn counts_rates_and_shares_read_well() {
        assert_eq!(
            [count(0), count(999), count(1_000), count(1_234_567)],
            ["0", "999", "1,000", "1,234,567"]
        );
        assert_eq!(
            [rate(12.5), rate(49_999.6), rate(f64::NAN)],
            ["12.5/s", "50,000/s", "n/a"]
        );
        assert_eq!(
            [
                percent(0.0),
                percent(0.000_01),
                percent(0.001_2),
                percent(0.5),
                percent(1.0),
                percent(f64::NAN)
            ],
            ["0 %", "<0.01 %", "0.12 %", "50.0 %", "100 %", "n/a"]
        );
        assert_eq!(
            [bytes(512), bytes(12_900_000), bytes(5 << 30)],
            ["512 B", "12.3 MiB", "5.00 GiB"]
        );
    }
}
