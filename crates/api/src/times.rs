//! Reads RFC 3339 times. Printing them is [`base::Timestamp`]'s own affair.

use base::Timestamp;
use base::time::NS_PER_S;

const SECONDS_PER_DAY: i64 = 86_400;

/// A time of RFC 3339, section 5.6, from 1970 to 2553: any offset, at most nine decimals of a second, no leap second.
pub fn parse_rfc3339(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let separators = [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')];
    if bytes.len() < 20 || !text.is_ascii() || separators.iter().any(|(at, separator)| bytes[*at] != *separator) {
        return None;
    }
    if !matches!(bytes[10], b'T' | b't') {
        return None;
    }
    let number = |from: usize, to: usize| digits(&bytes[from..to]);
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let in_range = (1970..=2553).contains(&year) && (1..=12).contains(&month) && (1..=days_in(year, month)).contains(&day);
    if !in_range || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (fraction_ns, rest) = parse_fraction(&bytes[19..])?;
    let offset_s = parse_offset(rest)?;
    let local_s = days_since_epoch(year, month, day) * SECONDS_PER_DAY + hour * 3_600 + minute * 60 + second;
    let seconds = u64::try_from(local_s - offset_s).ok()?;
    Some(Timestamp::from_ns(seconds.checked_mul(NS_PER_S)?.checked_add(fraction_ns)?))
}

fn digits(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0_i64, |value, byte| byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0')))
}

/// Nanoseconds of `.123…` and what follows it.
fn parse_fraction(text: &[u8]) -> Option<(u64, &[u8])> {
    let Some(rest) = text.strip_prefix(b".") else {
        return Some((0, text));
    };
    let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if count == 0 || count > 9 {
        return None;
    }
    let padded = (0..9).fold(0_u64, |value, index| value * 10 + if index < count { u64::from(rest[index] - b'0') } else { 0 });
    Some((padded, &rest[count..]))
}

/// Seconds east of UTC.
fn parse_offset(text: &[u8]) -> Option<i64> {
    match text {
        [b'Z' | b'z'] => Some(0),
        [sign @ (b'+' | b'-'), hours @ .., b':', high, low] if hours.len() == 2 => {
            let (hours, minutes) = (digits(hours)?, digits(&[*high, *low])?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let seconds = hours * 3_600 + minutes * 60;
            Some(if *sign == b'-' { -seconds } else { seconds })
        }
        _ => None,
    }
}

const fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

const fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01, by 400-year eras of 146,097 days that start on 1 March.
const fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year / 400;
    let year_of_era = year % 400;
    let month_shifted = (month + 9) % 12;
    let day_of_year = (153 * month_shifted + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::parse_rfc3339;
    use base::Timestamp;
    use proptest::prelude::*;

    #[test]
    fn times_of_rfc_3339_are_read() {
        for (text, ns) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01t01:00:00.000000001+01:00", 1),
            ("1969-12-31T23:59:59Z", u64::MAX),
            ("2000-02-29T00:00:00.000Z", 951_782_400_000_000_000),
            ("2026-11-21T09:33:00.5Z", 1_795_253_580_500_000_000),
            ("2026-11-21T09:33:00-00:30", 1_795_255_380_000_000_000),
        ] {
            let expected = (ns != u64::MAX).then(|| Timestamp::from_ns(ns));
            assert_eq!(parse_rfc3339(text), expected, "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "2026-11-21",
            "2026-11-21 09:33:00Z",
            "2026-11-21T09:33:00",
            "2026-11-21T09:33Z",
            "2026-13-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-11-00T00:00:00Z",
            "2026-11-21T24:00:00Z",
            "2026-11-21T23:60:00Z",
            "2026-11-21T23:59:60Z",
            "2026-11-21T09:33:00.Z",
            "2026-11-21T09:33:00.1234567890Z",
            "2026-11-21T09:33:00+1:00",
            "2026-11-21T09:33:00+24:00",
            "2026-11-21T09:33:00Z ",
            "9999-11-21T09:33:00Z",
            "2026-11-21T09:33:00é",
            "1795253580",
        ] {
            assert_eq!(parse_rfc3339(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(ms in 0_u64..18_400_000_000_000) {
            let at = Timestamp::from_ns(ms * 1_000_000);
            prop_assert_eq!(parse_rfc3339(&at.to_string()), Some(at));
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,40}", tail in "[0-9T:.Z+-]{0,20}") {
            let _ = parse_rfc3339(&text);
            let _ = parse_rfc3339(&format!("2026-11-21T09:33:00{tail}"));
        }
    }
}
