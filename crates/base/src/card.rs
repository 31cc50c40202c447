//! Recognises what looks like a card number in text, so that it can be refused before it is logged or stored.
//!
//! A candidate is a run of digits, optionally grouped by single spaces or hyphens, delimited on both sides by something
//! that is neither a letter nor a digit. It is a card number when an issuer range is known for its first digits, the
//! range allows its length and the Luhn check digit (ISO/IEC 7812-1, annex B) is right. IMEIs (15 digits, starting
//! with 01, 35, 86, 99, …) and nanosecond or millisecond timestamps fall in no issuer range of their length.

/// Fewest digits of a card number we look for.
const DIGITS_MIN: usize = 13;
/// Most digits of a card number (ISO/IEC 7812-1).
const DIGITS_MAX: usize = 19;

struct IssuerRange {
    /// First digits, inclusive, all of `digits` length.
    low: u32,
    high: u32,
    digits: u32,
    lengths: &'static [usize],
}

const fn range(low: u32, high: u32, digits: u32, lengths: &'static [usize]) -> IssuerRange {
    IssuerRange { low, high, digits, lengths }
}

/// Published issuer identification ranges of the card schemes, with the lengths they issue.
const ISSUER_RANGES: &[IssuerRange] = &[
    range(4, 4, 1, &[13, 16, 18, 19]),                   // Visa
    range(51, 55, 2, &[16]),                             // Mastercard
    range(2221, 2720, 4, &[16]),                         // Mastercard, 2-series
    range(34, 34, 2, &[15]),                             // American Express
    range(37, 37, 2, &[15]),                             // American Express
    range(300, 305, 3, &[14, 16, 17, 18, 19]),           // Diners Club
    range(3095, 3095, 4, &[14, 16, 17, 18, 19]),         // Diners Club
    range(36, 36, 2, &[14, 16, 17, 18, 19]),             // Diners Club
    range(38, 39, 2, &[14, 16, 17, 18, 19]),             // Diners Club
    range(6011, 6011, 4, &[16, 17, 18, 19]),             // Discover
    range(644, 649, 3, &[16, 17, 18, 19]),               // Discover
    range(65, 65, 2, &[16, 17, 18, 19]),                 // Discover, RuPay
    range(3528, 3589, 4, &[16, 17, 18, 19]),             // JCB
    range(62, 62, 2, &[16, 17, 18, 19]),                 // UnionPay
    range(81, 81, 2, &[16, 17, 18, 19]),                 // UnionPay, RuPay
    range(2200, 2204, 4, &[16, 17, 18, 19]),             // Mir
    range(5018, 5018, 4, &[13, 14, 15, 16, 17, 18, 19]), // Maestro
    range(5020, 5020, 4, &[13, 14, 15, 16, 17, 18, 19]), // Maestro
    range(5038, 5038, 4, &[13, 14, 15, 16, 17, 18, 19]), // Maestro
    range(5893, 5893, 4, &[13, 14, 15, 16, 17, 18, 19]), // Maestro
    range(6304, 6304, 4, &[13, 14, 15, 16, 17, 18, 19]), // Maestro
    range(6759, 6763, 4, &[13, 14, 15, 16, 17, 18, 19]), // Maestro
    range(508, 508, 3, &[16]),                           // RuPay
    range(606_282, 606_282, 6, &[16]),                   // Hipercard
    range(5067, 5067, 4, &[16]),                         // Elo
    range(9792, 9792, 4, &[16]),                         // Troy
];

/// Whether `text` holds something that looks like a card number.
pub fn holds_card_number(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut start = 0;
    while start < bytes.len() {
        if !bytes[start].is_ascii_digit() || (start > 0 && is_word(text, start)) {
            start += 1;
            continue;
        }
        let end = run_end(bytes, start);
        if holds_in_run(&bytes[start..end], text, start, end) {
            return true;
        }
        start = end;
    }
    false
}

/// Whether the character just before byte `at` is a letter or digit.
fn is_word(text: &str, at: usize) -> bool {
    text[..at].chars().next_back().is_some_and(char::is_alphanumeric)
}

/// End of the run of digits with single separators that starts at `start`.
fn run_end(bytes: &[u8], start: usize) -> usize {
    let mut end = start;
    while end < bytes.len() {
        let separator = matches!(bytes[end], b' ' | b'-') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit);
        if !bytes[end].is_ascii_digit() && !separator {
            break;
        }
        end += 1;
    }
    end
}

/// Looks at every stretch of whole groups inside a run: `7 4242 4242 4242 4242` hides a card behind another number.
fn holds_in_run(run: &[u8], text: &str, start: usize, end: usize) -> bool {
    if run.len() < DIGITS_MIN {
        return false;
    }
    let followed_by_word = text[end..].chars().next().is_some_and(char::is_alphanumeric);
    debug_assert!(start <= end);
    let mut groups: Vec<&[u8]> = run.split(|byte| matches!(byte, b' ' | b'-')).collect();
    if followed_by_word {
        groups.pop();
    }
    (0..groups.len()).any(|first| {
        let mut digits = Vec::with_capacity(DIGITS_MAX);
        for group in &groups[first..] {
            digits.extend_from_slice(group);
            if digits.len() > DIGITS_MAX {
                return false;
            }
            if digits.len() >= DIGITS_MIN && is_card_number(&digits) {
                return true;
            }
        }
        false
    })
}

fn is_card_number(digits: &[u8]) -> bool {
    let known = ISSUER_RANGES.iter().any(|issuer| {
        let prefix = digits
            .iter()
            .take(usize::try_from(issuer.digits).unwrap_or(usize::MAX))
            .fold(0_u32, |value, digit| value * 10 + u32::from(digit - b'0'));
        issuer.lengths.contains(&digits.len()) && (issuer.low..=issuer.high).contains(&prefix)
    });
    known && luhn_holds(digits)
}

fn luhn_holds(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(index, digit)| {
            let value = u32::from(digit - b'0');
            let doubled = if index % 2 == 1 { value * 2 } else { value };
            if doubled > 9 { doubled - 9 } else { doubled }
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::holds_card_number;

    #[test]
    fn card_numbers_of_every_scheme_are_seen_in_delimited_text() {
        for text in [
            "4242424242424242",
            "card 4242 4242 4242 4242 please",
            "4242-4242-4242-4242",
            "{\"note\":\"4000056655665556\"}",
            "5555555555554444,",
            "2223003122003222",
            "3782 822463 10005",
            "6011111111111117",
            "3056930009020004",
            "36227206271667",
            "3566002020360505",
            "6200000000000005",
            "6205500000000000004",
            "order 7 4242 4242 4242 4242",
            "a=4242424242424242&b=1",
            "é4242x 4242424242424242",
        ] {
            assert!(holds_card_number(text), "{text}");
        }
    }

    #[test]
    fn order_numbers_imeis_and_timestamps_pass() {
        for text in [
            "",
            "ORD-2026-000123",
            "4242424242424241",  // wrong check digit
            "A4242424242424242", // part of a longer word
            "4242424242424242B",
            "490154203237518",     // IMEI, Luhn holds, 15 digits
            "356938035643809",     // IMEI, Luhn holds
            "1795253580000000000", // nanoseconds
            "1795253580000",       // milliseconds
            "2026-11-21 09:33:00",
            "42424242424242424242424242", // too long
            "pay_01jd4242424242424242424242",
            "0000000000000000",
            "9999999999999995",
        ] {
            assert!(!holds_card_number(text), "{text}");
        }
    }
}
