//! Seeded numbers without state: each is a hash of the seed, a stream and a counter, so that what one
//! caller draws never shifts what another one sees. Also the reversible scrambling behind object ids.

/// Odd multipliers of the SplitMix64 finalizer (Steele, Lea, Flood, 2014), used for their mixing alone.
const MULTIPLIER_A: u64 = 0xbf58_476d_1ce4_e5b9;
const MULTIPLIER_B: u64 = 0x94d0_49bb_1331_11eb;
const INCREMENT: u64 = 0x9e37_79b9_7f4a_7c15;
const INVERSE_A: u64 = inverse(MULTIPLIER_A);
const INVERSE_B: u64 = inverse(MULTIPLIER_B);
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

const _: () = assert!(MULTIPLIER_A.wrapping_mul(INVERSE_A) == 1);
const _: () = assert!(MULTIPLIER_B.wrapping_mul(INVERSE_B) == 1);

/// Inverse of an odd number modulo 2^64, by Newton's iteration (each step doubles the correct bits).
const fn inverse(odd: u64) -> u64 {
    let mut result = odd;
    let mut step = 0;
    while step < 6 {
        result = result.wrapping_mul(2u64.wrapping_sub(odd.wrapping_mul(result)));
        step += 1;
    }
    result
}

/// Scrambles a number reversibly.
pub fn scramble(value: u64) -> u64 {
    let mut x = value.wrapping_add(INCREMENT);
    x ^= x >> 32;
    x = x.wrapping_mul(MULTIPLIER_A);
    x ^= x >> 32;
    x = x.wrapping_mul(MULTIPLIER_B);
    x ^ (x >> 32)
}

/// Undoes [`scramble`].
pub fn unscramble(value: u64) -> u64 {
    let mut x = value ^ (value >> 32);
    x = x.wrapping_mul(INVERSE_B);
    x ^= x >> 32;
    x = x.wrapping_mul(INVERSE_A);
    x ^= x >> 32;
    x.wrapping_sub(INCREMENT)
}

/// The number at `counter` of `stream` under `seed`.
pub fn mix(seed: u64, stream: u64, counter: u64) -> u64 {
    scramble(scramble(scramble(seed) ^ stream) ^ counter)
}

/// A number in `0..bound` at `counter` of `stream`; `bound` zero gives zero.
pub fn below(seed: u64, stream: u64, counter: u64, bound: u64) -> u64 {
    mix(seed, stream, counter).checked_rem(bound).unwrap_or(0)
}

/// Appends `count` base-62 digits of `value`, lowest first.
pub fn push_digits(out: &mut String, mut value: u64, count: usize) {
    for _ in 0..count {
        let digit = usize::try_from(value % 62).expect("a remainder of 62 fits an index");
        out.push(char::from(DIGITS[digit]));
        value /= 62;
    }
}

/// Reads back what [`push_digits`] wrote; `None` if a character is no digit or the number is too large.
pub fn parse_digits(text: &str) -> Option<u64> {
    let mut value: u64 = 0;
    for byte in text.bytes().rev() {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'A'..=b'Z' => byte - b'A' + 10,
            b'a'..=b'z' => byte - b'a' + 36,
            _ => return None,
        };
        value = value.checked_mul(62)?.checked_add(u64::from(digit))?;
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scrambling_is_undone_and_digits_are_read_back() {
        for value in [0, 1, 2, 61, 62, 12_345, u64::from(u32::MAX), u64::MAX - 1, u64::MAX] {
            assert_eq!(unscramble(scramble(value)), value);
            let mut text = String::new();
            push_digits(&mut text, value, 11);
            assert_eq!(text.len(), 11);
            assert_eq!(parse_digits(&text), Some(value));
        }
    }

    #[test]
    fn hostile_digits_are_refused() {
        for text in ["zzzzzzzzzzz", "00000-00000", "é", "0000000000000000000z"] {
            assert_eq!(parse_digits(text), None, "{text}");
        }
    }

    #[test]
    fn streams_are_independent_and_bounded() {
        assert_ne!(mix(1, 2, 3), mix(1, 3, 2));
        assert_ne!(mix(1, 2, 3), mix(2, 2, 3));
        assert_eq!(below(1, 2, 3, 0), 0);
        assert!((0..1000).all(|counter| below(7, 1, counter, 10) < 10));
    }
}
