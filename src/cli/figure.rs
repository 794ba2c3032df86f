//! Numbers as people read them.

use crate::metrics::units;

/// A whole number in groups of three: `1,234,567`.
#[must_use]
pub fn whole(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A rate: `49,998/s`, with decimals below 10.
#[must_use]
pub fn rate(per_s: f64) -> String {
    if !per_s.is_finite() || per_s < 0.0 {
        return "-".to_owned();
    }
    if per_s < 10.0 {
        return format!("{per_s:.2}/s");
    }
    format!("{}/s", whole(rounded(per_s)))
}

/// A latency in microseconds as the report writes it: `850 µs`, `1.25 ms`, `2.00 s`.
#[must_use]
pub fn latency(us: f64) -> String {
    if !us.is_finite() || us < 0.0 {
        return "-".to_owned();
    }
    units::duration(rounded(us * 1e3))
}

/// Bytes in binary units: `512 B`, `488.3 MiB`.
#[must_use]
pub fn bytes(bytes: u64) -> String {
    bytesize::ByteSize::b(bytes).display().iec().to_string()
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "display only; the cast saturates"
)]
fn rounded(number: f64) -> u64 {
    number.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_carry_units() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(whole(number), text);
        }
        for (number, text) in [
            (0.0, "0.00/s"),
            (0.5, "0.50/s"),
            (49_997.6, "49,998/s"),
            (f64::NAN, "-"),
        ] {
            assert_eq!(rate(number), text);
        }
        for (us, text) in [
            (0.0, "0 ns"),
            (38.42, "38.4 µs"),
            (850.0, "850 µs"),
            (999.7, "1.00 ms"),
            (1250.0, "1.25 ms"),
            (12_340.0, "12.3 ms"),
            (123_400.0, "123 ms"),
            (2e6, "2.00 s"),
        ] {
            assert_eq!(latency(us), text);
        }
        assert_eq!(bytes(512_000_000), "488.3 MiB");
    }
}
