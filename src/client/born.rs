//! The wall clock as messages carry it: born timestamp and the time in message ids.

use crate::protocol::send::{BornDigits, born_digits};

/// Rendered once per millisecond, not per message.
#[derive(Debug, Clone)]
pub struct BornClock {
    wall_ms: u64,
    digits: BornDigits,
    month: MonthStart,
}

impl BornClock {
    /// Begins at a wall-clock time in milliseconds since 1970.
    #[must_use]
    pub fn new(wall_ms: u64) -> Self {
        Self {
            wall_ms,
            digits: born_digits(wall_ms),
            month: MonthStart::of(wall_ms),
        }
    }

    /// Follows the wall clock.
    #[inline]
    pub fn advance(&mut self, wall_ms: u64) {
        if wall_ms != self.wall_ms {
            self.wall_ms = wall_ms;
            self.digits = born_digits(wall_ms);
        }
    }

    /// The born timestamp.
    #[inline]
    #[must_use]
    pub fn digits(&self) -> &BornDigits {
        &self.digits
    }

    /// Milliseconds since the month began in which this clock did (R158).
    #[inline]
    #[must_use]
    pub fn month_ms(&self) -> u32 {
        self.month.milliseconds(self.wall_ms)
    }
}

/// Start of the month message ids count from. Java counts in local time; the value is opaque to
/// brokers, so UTC serves and needs no time zone.
#[derive(Debug, Clone, Copy)]
struct MonthStart(u64);

impl MonthStart {
    fn of(wall_ms: u64) -> Self {
        let millis = i64::try_from(wall_ms).unwrap_or(0);
        let start = jiff::Timestamp::from_millisecond(millis)
            .ok()
            .and_then(|now| {
                let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
                let first = today
                    .first_of_month()
                    .to_zoned(jiff::tz::TimeZone::UTC)
                    .ok()?;
                u64::try_from(first.timestamp().as_millisecond()).ok()
            });
        Self(start.unwrap_or(wall_ms))
    }

    fn milliseconds(self, wall_ms: u64) -> u32 {
        u32::try_from(wall_ms.saturating_sub(self.0)).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_of_message_ids_starts_with_the_month() {
        // 2023-11-14 22:13:20 UTC: thirteen whole days and 80,000 seconds into the month.
        let mut clock = BornClock::new(1_700_000_000_000);
        assert_eq!(clock.month_ms(), (13 * 86_400 + 80_000) * 1000);
        clock.advance(1_700_000_000_007);
        assert_eq!(clock.month_ms(), (13 * 86_400 + 80_000) * 1000 + 7);
        assert_eq!(clock.digits(), b"1700000000007");
    }
}
