//! The verifier of Stripe's webhooks, against a second implementation of the rule: what is signed rightly always verifies,
//! what was changed by one bit never does, and what is accepted carries a right signature. And its reader: nothing
//! panics and what is passed on is bounded. The input's first line is a signature header, the rest the body.

use base::{About, Notice, Redacted, Timestamp};
use connectors::stripe::{Environment, PROVIDER_ID_BYTES_MAX, Stripe, TOLERANCE_S};
use connectors::{Connector, NOTICE_BYTES_MAX, NoticeError};
use egress::Response;
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// Unix seconds.
const NOW_S: u64 = 1_700_000_000;
const SECRET: &str = "whsec_fuzz";

/// Checks one input.
pub fn check(data: &[u8]) {
    let (header, body) = crate::first_line(data);
    let stripe = Stripe::new(Environment::Test);
    check_given(&stripe, &String::from_utf8_lossy(header), body);
    if body.len() < NOTICE_BYTES_MAX {
        check_signed(&stripe, header, body);
    }
    let parsed = stripe.parse_notice(body);
    if let Ok(notice) = &parsed {
        check_notice(notice);
        check_page(&stripe, notice, body);
    }
}

fn secrets() -> [Redacted<String>; 3] {
    ["whsec_rolled", SECRET, ""].map(|secret| Redacted::new(secret.to_owned()))
}

fn verify(stripe: &Stripe, header: &str, body: &[u8], now_s: u64) -> Result<(), NoticeError> {
    stripe.verify_notice(Some(header), body, &secrets(), Timestamp::from_s(now_s))
}

fn signature(secret: &str, signed_at: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length");
    mac.update(&[signed_at.as_bytes(), b".", body].concat());
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A header that is accepted holds a right signature of the time that it names.
fn check_given(stripe: &Stripe, header: &str, body: &[u8]) {
    if verify(stripe, header, body, NOW_S).is_err() {
        return;
    }
    let signed_at = header.split(',').find_map(|item| item.strip_prefix("t=")).expect("an accepted header has a time");
    let signed_at_s: u64 = signed_at.parse().expect("a number");
    assert!(signed_at_s.abs_diff(NOW_S) <= TOLERANCE_S);
    let right = ["whsec_rolled", SECRET].map(|secret| format!("v1={}", signature(secret, signed_at, body)));
    assert!(header.split(',').any(|item| right.iter().any(|right| right == item)), "accepted without a right signature");
}

/// The header's bytes choose what is changed.
fn check_signed(stripe: &Stripe, choice: &[u8], body: &[u8]) {
    let header = format!("t={NOW_S},v1={}", signature(SECRET, &NOW_S.to_string(), body));
    for now_s in [NOW_S - TOLERANCE_S, NOW_S, NOW_S + TOLERANCE_S] {
        assert_eq!(verify(stripe, &header, body, now_s), Ok(()));
    }
    for now_s in [NOW_S - TOLERANCE_S - 1, NOW_S + TOLERANCE_S + 1] {
        assert_eq!(verify(stripe, &header, body, now_s), Err(NoticeError::TimestampOutOfTolerance));
    }
    let number = choice.iter().fold(0_usize, |number, byte| number.wrapping_mul(31).wrapping_add(usize::from(*byte)));
    let mut changed = body.to_vec();
    match changed.len() {
        0 => changed.push(b' '),
        length => changed[number % length] ^= 1 << (number % 8),
    }
    let cut = &body[..body.len().saturating_sub(1)];
    let longer = [body, b"\n"].concat();
    for other in [changed.as_slice(), cut, longer.as_slice()].into_iter().filter(|other| *other != body) {
        assert_eq!(verify(stripe, &header, other, NOW_S), Err(NoticeError::SignatureMismatch));
    }
    let mut other_header = header.clone().into_bytes();
    let at = header.len() - 1 - number % 64;
    other_header[at] = if other_header[at] == b'0' { b'1' } else { b'0' };
    let other_header = String::from_utf8(other_header).expect("digits");
    assert_eq!(verify(stripe, &other_header, body, NOW_S), Err(NoticeError::SignatureMismatch));
    let later = header.replace(&format!("t={NOW_S}"), &format!("t={}", NOW_S + 1));
    assert_eq!(verify(stripe, &later, body, NOW_S), Err(NoticeError::SignatureMismatch));
}

fn assert_text(text: &str, bytes_max: usize) {
    assert!(text.len() <= bytes_max && text.bytes().all(|byte| byte.is_ascii_graphic()), "{text:?}");
}

fn check_notice(notice: &Notice) {
    assert!(!notice.event_id.is_empty() && !notice.event_type.is_empty());
    assert_text(&notice.event_id, PROVIDER_ID_BYTES_MAX);
    assert_text(&notice.event_type, 100);
    match &notice.about {
        About::Payment { provider_id, reference, .. } => {
            assert_text(provider_id, PROVIDER_ID_BYTES_MAX);
            reference.iter().for_each(|reference| assert_text(reference, 200));
        }
        About::Refund { provider_id, payment_provider_id, reference, .. } => {
            assert_text(provider_id, PROVIDER_ID_BYTES_MAX);
            assert_text(payment_provider_id, PROVIDER_ID_BYTES_MAX);
            reference.iter().for_each(|reference| assert_text(reference, 200));
        }
        About::Dispute { payment_provider_id, dispute } => {
            assert_text(payment_provider_id, PROVIDER_ID_BYTES_MAX);
            assert_text(&dispute.dispute, PROVIDER_ID_BYTES_MAX);
            assert_text(&dispute.reason, 64);
        }
        About::PaymentPart { payment_provider_id, .. } => assert_text(payment_provider_id, PROVIDER_ID_BYTES_MAX),
        About::Other => {}
    }
}

/// An event says the same in a webhook and in the list of events, where another that cannot be read does not disturb it.
fn check_page(stripe: &Stripe, notice: &Notice, body: &[u8]) {
    let list = [b"{\"data\":[{},".as_slice(), body, b",7],\"has_more\":true}"].concat();
    let response = Response { status: 200, headers: Vec::new(), body: list };
    let page = stripe.decode_events(&response).expect("a readable event makes a readable list");
    assert!(page.has_more);
    assert_eq!((page.events.len(), page.unreadable_count), (1, 2));
    assert_eq!(page.events[0].notice, *notice);
    assert_eq!(page.last_event_id.as_deref(), Some(notice.event_id.as_str()));
}
