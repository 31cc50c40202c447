//! Whether a webhook comes from Stripe. Sources: Stripe's page on verifying webhook signatures and the verification of
//! its own libraries: HMAC-SHA256 over the header's time, a point and the raw body, keyed with the whole secret, in
//! small hexadecimal digits. What a webhook says is read elsewhere.

use crate::notices::{NOTICE_BYTES_MAX, NOTICE_SECRETS_MAX, NoticeError};
use base::{Redacted, Timestamp};
use core::fmt::Write;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};

/// The header that carries the signature.
pub const SIGNATURE_HEADER: &str = "stripe-signature";
/// How far the time of a signature may be from ours, before or after, inclusive and in seconds: what Stripe's libraries
/// allow by default for the past. They allow any time in the future; we do not.
pub const TOLERANCE_S: u64 = 300;
/// Longest signature header, in bytes.
pub const SIGNATURE_BYTES_MAX: usize = 4_096;
/// Most signatures of the scheme that counts in one header. Stripe sends one for each secret that is being rolled.
pub const SIGNATURES_MAX: usize = 16;

/// The only scheme of live signatures; `v0` is a fake for test mode, and others are yet to be invented.
const SCHEME: &str = "v1";

/// A signature header taken apart.
struct Header<'a> {
    /// Unix seconds as they were signed.
    signed_at_text: &'a str,
    signed_at_s: u64,
    signatures: Vec<&'a str>,
}

/// Checks a webhook's signature and its time.
///
/// # Errors
/// The first [`NoticeError`] that applies.
pub(super) fn verify(signature: Option<&str>, body: &[u8], secrets: &[Redacted<String>], now: Timestamp) -> Result<(), NoticeError> {
    if body.len() > NOTICE_BYTES_MAX {
        return Err(NoticeError::TooLarge);
    }
    let text = signature.filter(|text| !text.is_empty()).ok_or(NoticeError::SignatureMissing)?;
    let header = parse_header(text).ok_or(NoticeError::SignatureMalformed)?;
    let mut fits = Choice::from(0);
    for secret in secrets.iter().take(NOTICE_SECRETS_MAX) {
        let secret = secret.expose().as_bytes();
        // Anyone can sign with an empty secret.
        let usable = Choice::from(u8::from(!secret.is_empty()));
        let expected = signature_of(secret, header.signed_at_text, body);
        for given in &header.signatures {
            fits |= usable & expected.as_bytes().ct_eq(given.as_bytes());
        }
    }
    if !bool::from(fits) {
        return Err(NoticeError::SignatureMismatch);
    }
    if now.s().abs_diff(header.signed_at_s) > TOLERANCE_S {
        return Err(NoticeError::TimestampOutOfTolerance);
    }
    Ok(())
}

/// `t=1700000000,v1=…,v1=…,v0=…` in any order.
fn parse_header(text: &str) -> Option<Header<'_>> {
    if text.len() > SIGNATURE_BYTES_MAX {
        return None;
    }
    let mut signed_at_text = None;
    let mut signatures = Vec::new();
    for (name, value) in text.split(',').filter_map(|item| item.split_once('=')) {
        match name {
            "t" if signed_at_text.is_none_or(|earlier| earlier == value) => signed_at_text = Some(value),
            "t" => return None,
            SCHEME if signatures.len() == SIGNATURES_MAX => return None,
            SCHEME => signatures.push(value),
            _ => {}
        }
    }
    let signed_at_text = signed_at_text.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    let signed_at_s = signed_at_text.parse().ok()?;
    (!signatures.is_empty()).then_some(Header { signed_at_text, signed_at_s, signatures })
}

fn signature_of(secret: &[u8], signed_at_text: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length (RFC 2104)");
    mac.update(signed_at_text.as_bytes());
    mac.update(b".");
    mac.update(body);
    let mut text = String::with_capacity(64);
    for byte in mac.finalize().into_bytes() {
        write!(text, "{byte:02x}").expect("a string takes all that is written");
    }
    text
}
