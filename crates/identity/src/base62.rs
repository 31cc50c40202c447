//! Base 62 of fixed width, most significant digit first, and the CRC-32 that keys carry. Not a general codec.

/// Digits in ASCII order, so that texts of one width sort like their numbers.
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Base-62 digits that hold any 256-bit number: 62^43 > 2^256.
pub(crate) const CHARS_OF_256_BITS: usize = 43;

/// Encodes `value` in exactly `N` digits. The caller chooses `N` so that it fits.
pub(crate) fn encode_u128<const N: usize>(value: u128) -> [u8; N] {
    let mut rest = value;
    let mut digits = [b'0'; N];
    for slot in digits.iter_mut().rev() {
        *slot = ALPHABET[usize::try_from(rest % 62).expect("a base-62 digit fits a usize")];
        rest /= 62;
    }
    assert_eq!(rest, 0, "the value has at most N base-62 digits");
    digits
}

/// Encodes a big-endian 256-bit number in 43 digits, by long division.
pub(crate) fn encode_256_bits(bytes: &[u8; 32]) -> [u8; CHARS_OF_256_BITS] {
    let mut quotient = *bytes;
    let mut digits = [b'0'; CHARS_OF_256_BITS];
    for slot in digits.iter_mut().rev() {
        let mut remainder = 0_u32;
        for byte in &mut quotient {
            let dividend = remainder * 256 + u32::from(*byte);
            *byte = u8::try_from(dividend / 62).expect("the remainder is below 62, so the quotient is a byte");
            remainder = dividend % 62;
        }
        *slot = ALPHABET[usize::try_from(remainder).expect("a base-62 digit fits a usize")];
    }
    assert_eq!(quotient, [0; 32], "62^43 exceeds 2^256");
    digits
}

/// Whether `byte` is one of the 62 digits.
pub(crate) const fn is_digit(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

/// CRC-32 as in ISO/IEC 3309, zip and zlib (reflected polynomial 0xEDB88320), bit by bit: keys are short.
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    let mut register = u32::MAX;
    for byte in bytes {
        register ^= u32::from(*byte);
        for _ in 0..8 {
            let low_bit_set = register & 1 == 1;
            register >>= 1;
            if low_bit_set {
                register ^= 0xEDB8_8320;
            }
        }
    }
    !register
}

#[cfg(test)]
mod tests {
    use super::{CHARS_OF_256_BITS, crc32, encode_256_bits, encode_u128, is_digit};
    use proptest::prelude::*;

    #[test]
    fn crc32_matches_published_check_values() {
        // The "check" column of the CRC catalogue for CRC-32/ISO-HDLC, and zlib's own examples.
        for (text, expected) in [("", 0), ("123456789", 0xCBF4_3926_u32), ("The quick brown fox jumps over the lazy dog", 0x414F_A339)] {
            assert_eq!(crc32(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn numbers_are_padded_to_their_width() {
        for (value, expected) in [(0, "000000"), (61, "00000z"), (62, "000010"), (u128::from(u32::MAX), "4gfFC3")] {
            assert_eq!(encode_u128::<6>(value), *expected.as_bytes(), "{value}");
        }
        assert_eq!(encode_256_bits(&[0; 32]), [b'0'; CHARS_OF_256_BITS]);
    }

    fn decoded(digits: &[u8]) -> [u8; 32] {
        let mut bytes = [0_u8; 32];
        for digit in digits {
            let position = super::ALPHABET.iter().position(|known| known == digit).expect("a digit of the alphabet");
            let mut carry = u32::try_from(position).expect("below 62");
            for byte in bytes.iter_mut().rev() {
                let value = u32::from(*byte) * 62 + carry;
                *byte = u8::try_from(value % 256).expect("below 256");
                carry = value / 256;
            }
            assert_eq!(carry, 0, "the number has 256 bits");
        }
        bytes
    }

    proptest! {
        #[test]
        fn every_256_bit_number_survives_the_way_there_and_back(bytes: [u8; 32]) {
            let digits = encode_256_bits(&bytes);
            prop_assert!(digits.iter().all(|digit| is_digit(*digit)));
            prop_assert_eq!(decoded(&digits), bytes);
        }
    }

    #[test]
    fn the_largest_256_bit_number_fits() {
        assert_eq!(decoded(&encode_256_bits(&[0xff; 32])), [0xff; 32]);
    }
}
