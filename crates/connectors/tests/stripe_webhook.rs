//! Which webhooks are taken for Stripe's: row by row, against a second implementation of the rule, and against published
//! vectors.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use base::{Redacted, Timestamp};
use connectors::stripe::{Environment, SIGNATURE_BYTES_MAX, SIGNATURES_MAX, Stripe, TOLERANCE_S};
use connectors::{Connector, NOTICE_BYTES_MAX, NOTICE_SECRETS_MAX, NoticeError};
use hmac::{Hmac, Mac};
use proptest::prelude::*;
use serde_json::Value;
use sha2::Sha256;
use std::path::PathBuf;

const NOW_S: u64 = 1_700_000_000;
const SECRET: &str = "whsec_current";
const ROLLED: &str = "whsec_rolled";
const BODY: &[u8] = br#"{"id":"evt_1","type":"payment_intent.succeeded"}"#;

fn sign(secret: &str, signed_at: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(&[signed_at.as_bytes(), b".", body].concat());
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn secrets(texts: &[&str]) -> Vec<Redacted<String>> {
    texts.iter().map(|text| Redacted::new((*text).to_owned())).collect()
}

fn verify_with(header: Option<&str>, body: &[u8], texts: &[&str], now: Timestamp) -> Result<(), NoticeError> {
    Stripe::new(Environment::Test).verify_notice(header, body, &secrets(texts), now)
}

fn verify(header: &str) -> Result<(), NoticeError> {
    verify_with(Some(header), BODY, &[ROLLED, SECRET], Timestamp::from_s(NOW_S))
}

#[test]
fn the_header_is_named_and_the_limits_are_those_that_stripes_libraries_have() {
    let stripe = Stripe::new(Environment::Live);
    assert_eq!(stripe.capabilities().signature_header, "stripe-signature");
    assert_eq!(TOLERANCE_S, 300);
}

#[test]
fn a_known_answer_verifies() {
    let header = "t=1700000000,v1=807076066a6abf6cb2ab60c16104d2317519bd6c0b9dff8fbf6ee85a553a33d0";
    let body = br#"{"id":"evt_known","type":"ping"}"#;
    assert_eq!(verify_with(Some(header), body, &["whsec_known"], Timestamp::from_s(NOW_S)), Ok(()));
}

#[test]
fn every_refusal_comes_in_this_order() {
    let v1 = sign(SECRET, "1700000000", BODY);
    let rolled = sign(ROLLED, "1700000000", BODY);
    let foreign = sign("whsec_other", "1700000000", BODY);
    let old = sign(SECRET, "1699999699", BODY);
    let early = sign(SECRET, "1700000301", BODY);
    let (malformed, mismatch) = (Err(NoticeError::SignatureMalformed), Err(NoticeError::SignatureMismatch));
    let out_of_tolerance = Err(NoticeError::TimestampOutOfTolerance);
    for (header, expected) in [
        (String::new(), Err(NoticeError::SignatureMissing)),
        (" ".to_owned(), malformed),
        ("nonsense".to_owned(), malformed),
        (format!("v1={v1}"), malformed),
        (format!("t=,v1={v1}"), malformed),
        (format!("t=-1700000000,v1={v1}"), malformed),
        (format!("t=+1700000000,v1={v1}"), malformed),
        (format!("t=1700000000.0,v1={v1}"), malformed),
        (format!("t=99999999999999999999,v1={v1}"), malformed),
        (format!("t=1700000000,t=1700000001,v1={v1}"), malformed),
        ("t=1700000000".to_owned(), malformed),
        (format!("t=1700000000,v0={v1}"), malformed),
        (format!("t=1700000000,v2={v1}"), malformed),
        (format!("t=1700000000, v1={v1}"), malformed),
        (format!("t=1700000000,v1={v1},{}", "x".repeat(SIGNATURE_BYTES_MAX)), malformed),
        (format!("t=1700000000,v1={v1}{}", ",v1=0".repeat(SIGNATURES_MAX)), malformed),
        ("t=1700000000,v1=".to_owned(), mismatch),
        ("t=1700000000,v1=0".to_owned(), mismatch),
        (format!("t=1700000000,v1={}", "0".repeat(64)), mismatch),
        (format!("t=1700000000,v1={foreign}"), mismatch),
        (format!("t=1700000000,v1={}", &v1[..63]), mismatch),
        (format!("t=1700000000,v1={v1}0"), mismatch),
        (format!("t=1700000000,v1={}", v1.to_uppercase()), mismatch),
        (format!("t=1700000001,v1={v1}"), mismatch),
        (format!("t=01700000000,v1={v1}"), mismatch),
        (format!("t=1700000000,v0={v1},v1={foreign}"), mismatch),
        // Old and forged is forged: the time of an unsigned message says nothing.
        (format!("t=1,v1={foreign}"), mismatch),
        (format!("t=1699999699,v1={old}"), out_of_tolerance),
        (format!("t=1700000301,v1={early}"), out_of_tolerance),
        (format!("t=1700000000,v1={v1}"), Ok(())),
        (format!("v1={v1},t=1700000000"), Ok(())),
        (format!("t=1700000000,v1={rolled}"), Ok(())),
        (format!("t=1700000000,v1={foreign},v1={v1}"), Ok(())),
        (format!("t=1700000000,v1={v1},v1={rolled}"), Ok(())),
        (format!("t=1700000000,v1={v1},v0={foreign},v7,=,x=y"), Ok(())),
        (format!("t=1700000000,v1={v1},t=1700000000,v1={rolled}"), Ok(())),
        (format!("t=1700000000{},v1={v1}", ",v1=0".repeat(SIGNATURES_MAX - 1)), Ok(())),
    ] {
        assert_eq!(verify(&header), expected, "{header}");
    }
    let now = Timestamp::from_s(NOW_S);
    assert_eq!(verify_with(None, BODY, &[SECRET], now), Err(NoticeError::SignatureMissing));
    let largest = vec![b' '; NOTICE_BYTES_MAX];
    let header = format!("t=1700000000,v1={}", sign(SECRET, "1700000000", &largest));
    assert_eq!(verify_with(Some(&header), &largest, &[SECRET], now), Ok(()));
    let larger = vec![b' '; NOTICE_BYTES_MAX + 1];
    assert_eq!(verify_with(None, &larger, &[SECRET], now), Err(NoticeError::TooLarge), "before anything else");
}

#[test]
fn the_tolerance_holds_to_the_second_in_both_directions() {
    let header = format!("t=1700000000,v1={}", sign(SECRET, "1700000000", BODY));
    let second = 1_000_000_000;
    for (now_ns, expected) in [
        (NOW_S * second, Ok(())),
        ((NOW_S + 300) * second, Ok(())),
        ((NOW_S + 301) * second - 1, Ok(())),
        ((NOW_S + 301) * second, Err(NoticeError::TimestampOutOfTolerance)),
        ((NOW_S - 300) * second, Ok(())),
        ((NOW_S - 300) * second - 1, Err(NoticeError::TimestampOutOfTolerance)),
        (0, Err(NoticeError::TimestampOutOfTolerance)),
        (u64::MAX, Err(NoticeError::TimestampOutOfTolerance)),
    ] {
        assert_eq!(verify_with(Some(&header), BODY, &[SECRET], Timestamp::from_ns(now_ns)), expected, "{now_ns}");
    }
    let last = u64::MAX.to_string();
    let header = format!("t={last},v1={}", sign(SECRET, &last, BODY));
    assert_eq!(verify_with(Some(&header), BODY, &[SECRET], Timestamp::from_ns(0)), Err(NoticeError::TimestampOutOfTolerance));
}

#[test]
fn every_secret_counts_and_an_empty_one_never_does() {
    let now = Timestamp::from_s(NOW_S);
    let header = |secret: &str| format!("t=1700000000,v1={}", sign(secret, "1700000000", BODY));
    assert_eq!(verify_with(Some(&header(SECRET)), BODY, &[], now), Err(NoticeError::SignatureMismatch));
    assert_eq!(verify_with(Some(&header("")), BODY, &["", SECRET], now), Err(NoticeError::SignatureMismatch));
    let mut many = vec![ROLLED; NOTICE_SECRETS_MAX - 1];
    many.push(SECRET);
    assert_eq!(verify_with(Some(&header(SECRET)), BODY, &many, now), Ok(()));
    many.insert(0, ROLLED);
    assert_eq!(verify_with(Some(&header(SECRET)), BODY, &many, now), Err(NoticeError::SignatureMismatch), "one too many");
}

#[test]
fn the_published_vectors_verify() {
    let folder = std::env::var_os("BEZANT_SAMPLES")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/samples")), PathBuf::from);
    let text = match std::fs::read_to_string(folder.join("wire/webhook-signature-vectors.json")) {
        Ok(text) => text,
        Err(error) => {
            println!("SKIPPED: webhook-signature-vectors.json: {error}");
            return;
        }
    };
    let vectors: Value = serde_json::from_str(&text).unwrap();
    let vector = &vectors["stripe"];
    let text = |name: &str| vector[name].as_str().unwrap();
    let (header, body, secret) = (text("header"), text("payload"), text("secret"));
    let now = Timestamp::from_s(vector["timestamp"].as_u64().unwrap());
    assert_eq!(verify_with(Some(header), body.as_bytes(), &[secret], now), Ok(()));
    assert_eq!(verify_with(Some(header), body.as_bytes(), &["whsec_other"], now), Err(NoticeError::SignatureMismatch));
    let notice = Stripe::new(Environment::Test).parse_notice(body.as_bytes()).unwrap();
    assert_eq!((notice.event_id.as_str(), notice.event_type.as_str(), notice.created_at), ("evt_1", "payment_intent.succeeded", Some(now)));
    // The other providers' vectors are not signed by this rule.
    for provider in ["adyen", "braintree"] {
        assert!(vectors[provider].is_object());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_signed_body_verifies_and_one_changed_bit_does_not(
        body in prop::collection::vec(any::<u8>(), 1..200),
        place in any::<prop::sample::Index>(),
        bit in 0_u8..8,
        skew_s in 0..=TOLERANCE_S,
    ) {
        let header = format!("t=1700000000,v1={}", sign(SECRET, "1700000000", &body));
        for now_s in [NOW_S - skew_s, NOW_S + skew_s] {
            prop_assert_eq!(verify_with(Some(&header), &body, &[SECRET], Timestamp::from_s(now_s)), Ok(()));
        }
        let mut changed = body.clone();
        changed[place.index(body.len())] ^= 1 << bit;
        let result = verify_with(Some(&header), &changed, &[SECRET], Timestamp::from_s(NOW_S));
        prop_assert_eq!(result, Err(NoticeError::SignatureMismatch));
    }

    #[test]
    fn no_header_that_was_made_up_verifies(header in "(t=[0-9]{0,12}|v1=[0-9a-f]{0,64}|v0=.{0,9}|.{0,20}|,){0,12}") {
        prop_assert!(verify_with(Some(&header), BODY, &[SECRET], Timestamp::from_s(NOW_S)).is_err());
    }
}
