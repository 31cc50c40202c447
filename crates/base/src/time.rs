//! Points in time as nanoseconds since the Unix epoch, and their RFC 3339 form. No clock lives here.

use core::fmt;
use serde::{Deserialize, Serialize};

/// Nanoseconds in a second.
pub const NS_PER_S: u64 = 1_000_000_000;
/// Nanoseconds in a millisecond.
pub const NS_PER_MS: u64 = 1_000_000;

/// A point in time, in nanoseconds since 1970-01-01T00:00:00Z, without leap seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The epoch itself.
    pub const ZERO: Self = Self(0);

    /// From nanoseconds since the epoch.
    pub const fn from_ns(ns: u64) -> Self {
        Self(ns)
    }

    /// From whole seconds since the epoch, as providers send them. Saturates in the year 2554.
    pub const fn from_s(s: u64) -> Self {
        Self(s.saturating_mul(NS_PER_S))
    }

    /// Nanoseconds since the epoch.
    pub const fn ns(self) -> u64 {
        self.0
    }

    /// Whole milliseconds since the epoch.
    pub const fn ms(self) -> u64 {
        self.0 / NS_PER_MS
    }

    /// Whole seconds since the epoch.
    pub const fn s(self) -> u64 {
        self.0 / NS_PER_S
    }

    /// This time plus `ns` nanoseconds; saturates at the end of time.
    #[must_use]
    pub const fn plus_ns(self, ns: u64) -> Self {
        Self(self.0.saturating_add(ns))
    }

    /// Nanoseconds from `earlier` to this; zero when `earlier` is later.
    pub const fn since_ns(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// RFC 3339 in UTC with milliseconds: `2026-11-21T09:33:00.000Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.s();
        let (year, month, day) = civil_from_days(seconds / 86_400);
        let of_day = seconds % 86_400;
        write!(
            formatter,
            "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
            of_day / 3_600,
            of_day / 60 % 60,
            of_day % 60,
            self.ms() % 1_000
        )
    }
}

/// Days since the epoch to the proleptic Gregorian date, by 400-year eras of 146,097 days that start on 1 March.
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_shifted + 2) / 5 + 1;
    let month = if month_shifted < 10 { month_shifted + 3 } else { month_shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::Timestamp;

    #[test]
    fn prints_rfc_3339_across_leap_years_and_eras() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (1_582_934_400, "2020-02-29T00:00:00.000Z"),
            (1_609_459_199, "2020-12-31T23:59:59.000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000Z"),
            (1_795_253_580, "2026-11-21T09:33:00.000Z"),
        ] {
            assert_eq!(Timestamp::from_s(seconds).to_string(), text);
        }
        assert_eq!(Timestamp::from_ns(1_999_999).to_string(), "1970-01-01T00:00:00.001Z");
    }

    #[test]
    fn arithmetic_saturates_instead_of_wrapping() {
        assert_eq!(Timestamp::from_ns(u64::MAX).plus_ns(1), Timestamp::from_ns(u64::MAX));
        assert_eq!(Timestamp::from_ns(1).since_ns(Timestamp::from_ns(5)), 0);
    }
}
