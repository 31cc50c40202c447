//! Reads the key out of an `Authorization` header. Knows the two schemes, not what a key looks like.

use base::Redacted;

/// Longest header value that is looked at, in bytes; a key in `Basic` form needs 98.
pub const AUTHORIZATION_BYTES_MAX: usize = 512;

/// Why a header holds no key. No variant repeats any of the header. None can be cured by a retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthorizationError {
    /// The header is longer than [`AUTHORIZATION_BYTES_MAX`].
    #[error("the Authorization header is longer than {AUTHORIZATION_BYTES_MAX} bytes; send \"Authorization: Bearer <API key>\"")]
    TooLong,
    /// The scheme is neither `Bearer` nor `Basic`.
    #[error("the Authorization header uses a scheme that is not accepted; send \"Authorization: Bearer <API key>\"")]
    Scheme,
    /// `Bearer` without exactly one token after it.
    #[error("the Authorization header must hold one API key after \"Bearer\"; send \"Authorization: Bearer <API key>\"")]
    Token,
    /// `Basic` with something that is not base 64 of UTF-8 text with a colon.
    #[error("what follows \"Basic\" is not the base64 of \"<API key>:\"; send the API key as the user name with an empty password")]
    Basic,
    /// `Basic` with a password.
    #[error("the API key is the user name and the password must be empty; send the base64 of \"<API key>:\" after \"Basic\"")]
    Password,
}

/// The credential of an `Authorization` header's value: the token of `Bearer` (RFC 6750, section 2.1), or the user name
/// of `Basic` (RFC 7617) with an empty password, as clients made for other payment APIs send it. The scheme's case does
/// not matter (RFC 9110, section 11.1). The result is for [`crate::parse_key`]; it is never empty.
///
/// # Errors
/// An [`AuthorizationError`] that says what to send instead.
pub fn authorization_bearer(header: &str) -> Result<Redacted<String>, AuthorizationError> {
    if header.len() > AUTHORIZATION_BYTES_MAX {
        return Err(AuthorizationError::TooLong);
    }
    let (scheme, rest) = header.split_once(' ').unwrap_or((header, ""));
    let credential = rest.trim_matches(' ');
    if scheme.eq_ignore_ascii_case("bearer") {
        let well_formed = !credential.is_empty() && credential.bytes().all(is_token_byte);
        return if well_formed { Ok(Redacted::new(credential.to_owned())) } else { Err(AuthorizationError::Token) };
    }
    if scheme.eq_ignore_ascii_case("basic") {
        return parse_basic(credential);
    }
    Err(AuthorizationError::Scheme)
}

/// `b64token` of RFC 6750, and the underscore, which keys use.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=')
}

fn parse_basic(credential: &str) -> Result<Redacted<String>, AuthorizationError> {
    let decoded = decode_base64(credential.as_bytes()).ok_or(AuthorizationError::Basic)?;
    let text = String::from_utf8(decoded).map_err(|_| AuthorizationError::Basic)?;
    let (user, password) = text.split_once(':').ok_or(AuthorizationError::Basic)?;
    if !password.is_empty() {
        return Err(AuthorizationError::Password);
    }
    let well_formed = !user.is_empty() && user.bytes().all(is_token_byte);
    if well_formed { Ok(Redacted::new(user.to_owned())) } else { Err(AuthorizationError::Basic) }
}

/// Base 64 with padding (RFC 4648, section 4), strict: no white space, no missing padding, no stray bits at the end.
fn decode_base64(encoded: &[u8]) -> Option<Vec<u8>> {
    if !encoded.len().is_multiple_of(4) {
        return None;
    }
    let padding = encoded.iter().rev().take_while(|byte| **byte == b'=').count();
    if padding > 2 {
        return None;
    }
    let mut decoded = Vec::with_capacity(encoded.len() / 4 * 3);
    let mut bits = 0_u32;
    let mut bit_count = 0_u32;
    for byte in &encoded[..encoded.len() - padding] {
        bits = (bits << 6) | base64_digit(*byte)?;
        bit_count += 6;
        if bit_count >= 8 {
            bit_count -= 8;
            decoded.push(u8::try_from(bits >> bit_count).ok()?);
            bits &= (1 << bit_count) - 1;
        }
    }
    (bits == 0).then_some(decoded)
}

fn base64_digit(byte: u8) -> Option<u32> {
    match byte {
        b'A'..=b'Z' => Some(u32::from(byte - b'A')),
        b'a'..=b'z' => Some(u32::from(byte - b'a') + 26),
        b'0'..=b'9' => Some(u32::from(byte - b'0') + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{AUTHORIZATION_BYTES_MAX, AuthorizationError, authorization_bearer, decode_base64};
    use proptest::prelude::*;

    #[test]
    fn the_key_is_found_in_both_schemes() {
        for (header, key) in [
            ("Bearer sk_test_abc", "sk_test_abc"),
            ("bearer sk_test_abc", "sk_test_abc"),
            ("BEARER   sk_test_abc", "sk_test_abc"),
            ("Bearer a-b.c_d~e+f/g==", "a-b.c_d~e+f/g=="),
            ("Basic c2tfdGVzdF9hYmM6", "sk_test_abc"),
            ("basic c2tfdGVzdF9hYmM6", "sk_test_abc"),
            ("Basic YTo=", "a"),
            ("Basic YWI6", "ab"),
            ("Basic YWJjOg==", "abc"),
        ] {
            assert_eq!(authorization_bearer(header).map(base::Redacted::into_inner).as_deref(), Ok(key), "{header}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_its_reason() {
        let long = format!("Bearer {}", "a".repeat(AUTHORIZATION_BYTES_MAX));
        for (header, expected) in [
            ("", AuthorizationError::Scheme),
            ("sk_test_abc", AuthorizationError::Scheme),
            ("Digest username=x", AuthorizationError::Scheme),
            (" Bearer x", AuthorizationError::Scheme),
            ("Bearer\tx", AuthorizationError::Scheme),
            ("BearerX x", AuthorizationError::Scheme),
            ("Bearer", AuthorizationError::Token),
            ("Bearer ", AuthorizationError::Token),
            ("Bearer a b", AuthorizationError::Token),
            ("Bearer a,Bearer b", AuthorizationError::Token),
            ("Bearer \"a\"", AuthorizationError::Token),
            ("Bearer é", AuthorizationError::Token),
            ("Bearer a\nb", AuthorizationError::Token),
            ("Basic", AuthorizationError::Basic),
            ("Basic sk_test_abc", AuthorizationError::Basic),
            ("Basic c2tfdGVzdF9hYmM", AuthorizationError::Basic), // no colon, no padding
            ("Basic c2tfdGVzdF9hYmM=", AuthorizationError::Basic), // no colon
            ("Basic YTp=", AuthorizationError::Basic),            // stray bits
            ("Basic YT==Og==", AuthorizationError::Basic),        // padding inside
            ("Basic Y===", AuthorizationError::Basic),
            ("Basic ====", AuthorizationError::Basic),
            ("Basic Og==", AuthorizationError::Basic),     // ":"
            ("Basic /zo=", AuthorizationError::Basic),     // 0xff and a colon
            ("Basic YSBiOg==", AuthorizationError::Basic), // "a b:"
            ("Basic YTpi", AuthorizationError::Password),  // "a:b"
            ("Basic YTo6", AuthorizationError::Password),  // "a::"
            (&long, AuthorizationError::TooLong),
        ] {
            assert_eq!(authorization_bearer(header), Err(expected), "{header}");
        }
    }

    #[test]
    fn the_found_key_is_not_printed() {
        assert_eq!(format!("{:?}", authorization_bearer("Bearer sk_test_abc")), "Ok([redacted])");
    }

    fn encoded(bytes: &[u8]) -> String {
        const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut text = String::new();
        for chunk in bytes.chunks(3) {
            let group = [chunk[0], chunk.get(1).copied().unwrap_or(0), chunk.get(2).copied().unwrap_or(0)];
            let bits = u32::from(group[0]) << 16 | u32::from(group[1]) << 8 | u32::from(group[2]);
            for position in 0..4_usize {
                let digit = usize::try_from(bits >> (18 - 6 * position) & 63).unwrap();
                text.push(if position <= chunk.len() { char::from(DIGITS[digit]) } else { '=' });
            }
        }
        text
    }

    proptest! {
        #[test]
        fn base64_of_any_bytes_decodes_to_them(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            prop_assert_eq!(decode_base64(encoded(&bytes).as_bytes()), Some(bytes));
        }

        #[test]
        fn any_user_name_of_token_characters_comes_back(user in "[A-Za-z0-9_.~+/=-]{1,80}") {
            let basic = format!("Basic {}", encoded(format!("{user}:").as_bytes()));
            prop_assert_eq!(authorization_bearer(&basic).unwrap().into_inner(), user.clone());
            prop_assert_eq!(authorization_bearer(&format!("Bearer {user}")).unwrap().into_inner(), user);
        }

        #[test]
        fn no_header_makes_it_panic(header in "(Basic |Bearer )?\\PC{0,120}") {
            let _ = authorization_bearer(&header);
        }
    }
}
