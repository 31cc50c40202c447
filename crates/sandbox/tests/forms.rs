//! The form decoder: what SDKs send, and what nobody should.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use common::{Client, sample};
use proptest::prelude::*;
use sandbox::form::{Error, FORM_BYTES_MAX, Form, NAME_BYTES_MAX, PAIRS_MAX, VALUE_BYTES_MAX};
use sandbox::wire::{Headers, Method, Request};
use serde_json::Value;

fn flat(form: &Form) -> Vec<(String, String)> {
    let mut flat = Vec::new();
    form.visit_sorted(|name, value| flat.push((name.to_owned(), value.to_owned())));
    flat
}

#[test]
fn the_forms_of_the_official_clients_are_understood() {
    for (text, expected) in [
        ("", &[][..]),
        ("a=1", &[("a", "1")][..]),
        ("a=1&&b=2&", &[("a", "1"), ("b", "2")][..]),
        ("a", &[("a", "")][..]),
        ("a=b=c", &[("a", "b=c")][..]),
        ("a+b=c+d%20e%2B", &[("a b", "c d e+")][..]),
        ("a[b][c]=v", &[("a[b][c]", "v")][..]),
        ("a%5Bb%5D=v", &[("a[b]", "v")][..]),
        ("a[0]=x&a[1]=y", &[("a[0]", "x"), ("a[1]", "y")][..]),
        ("a[]=x&a[]=y", &[("a[0]", "x"), ("a[1]", "y")][..]),
        ("a[][b]=x&a[][b]=y", &[("a[0][b]", "x"), ("a[1][b]", "y")][..]),
        ("a=1&a=2", &[("a", "2")][..]),
        ("a[b]=1&a[b]=2", &[("a[b]", "2")][..]),
        ("n=%C3%A9%E2%82%AC", &[("n", "é€")][..]),
    ] {
        let form = Form::parse(text.as_bytes()).unwrap();
        let flat = flat(&form);
        let flat: Vec<(&str, &str)> = flat.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(flat, expected, "{text}");
    }
    let list = Form::parse(b"a[2]=z&a[0]=x&a[10]=last").unwrap();
    assert_eq!(list.member("a").unwrap().text_list(), Some(vec!["x", "z", "last"]));
    assert_eq!(Form::parse(b"a[b]=x").unwrap().member("a").unwrap().text_list(), None);
}

#[test]
fn hostile_forms_are_refused_by_the_first_broken_rule() {
    let repeated = |text: &str, count: usize| text.repeat(count).into_bytes();
    for (text, error) in [
        (repeated("a", FORM_BYTES_MAX + 1), Error::TooLong),
        (repeated("a=1&", PAIRS_MAX + 1), Error::TooManyPairs),
        (repeated("a", NAME_BYTES_MAX + 1), Error::NameTooLong),
        ([b"a=".to_vec(), repeated("b", VALUE_BYTES_MAX + 1)].concat(), Error::ValueTooLong),
        (b"a[b][c][d][e][f][g]=1".to_vec(), Error::TooDeep),
        (repeated("a[b]", 200), Error::MalformedName),
        (b"=1".to_vec(), Error::MalformedName),
        (b"[a]=1".to_vec(), Error::MalformedName),
        (b"a[b=1".to_vec(), Error::MalformedName),
        (b"a]b=1".to_vec(), Error::MalformedName),
        (b"a[b]c=1".to_vec(), Error::MalformedName),
        (b"a[b[c]]=1".to_vec(), Error::MalformedName),
        (b"a=%".to_vec(), Error::MalformedPercent),
        (b"a=%4".to_vec(), Error::MalformedPercent),
        (b"a=%zz".to_vec(), Error::MalformedPercent),
        (b"a=%00".to_vec(), Error::NotText),
        (b"a=%ff".to_vec(), Error::NotText),
        (b"a=\xff".to_vec(), Error::NotText),
        (b"a=1&a[b]=2".to_vec(), Error::Conflict),
        (b"a[b]=1&a=2".to_vec(), Error::Conflict),
    ] {
        assert_eq!(Form::parse(&text), Err(error), "{}", String::from_utf8_lossy(&text[..text.len().min(60)]));
    }
}

#[test]
fn the_limits_themselves_are_allowed() {
    assert!(Form::parse("a=1&".repeat(PAIRS_MAX).as_bytes()).is_ok());
    assert!(Form::parse(format!("{}=1", "a".repeat(NAME_BYTES_MAX)).as_bytes()).is_ok());
    assert!(Form::parse(format!("a={}", "b".repeat(VALUE_BYTES_MAX)).as_bytes()).is_ok());
    assert!(Form::parse(b"a[b][c][d][e][f]=1").is_ok());
}

proptest! {
    #[test]
    fn any_bytes_are_decoded_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = Form::parse(&bytes);
    }

    #[test]
    fn any_form_like_text_is_answered_by_the_provider(text in "[a-z\\[\\]%&=0-9+]{0,200}", path in "(/v1/payment_intents|/v1/refunds|/v1/payment_intents/search|/3ds/[a-z_]{0,9}|/_admin/[a-z]{0,6}|/[a-z/%]{0,20})") {
        for method in [Method::Get, Method::Post, Method::Delete, Method::Other] {
            let headers = Headers { authorization: Some(common::KEY.to_owned()), ..Headers::default() };
            let request = Request { method, path: path.clone(), query: text.clone(), headers, body: text.clone().into_bytes() };
            let answer = Client::new().send(&request);
            prop_assert!((200..500).contains(&answer.status));
        }
    }
}

#[test]
fn what_the_official_sdk_really_sent_is_understood() {
    let Some(text) = sample("wire/sdk-requests.jsonl") else { return };
    let mut client = Client::new();
    let paid = client.pay("pm_card_visa", "&capture_method=manual");
    let open = client.post("/v1/payment_intents", "amount=2000&currency=usd");
    let mut count = 0;
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let header = |name: &str| line["h"][name].as_str().map(str::to_owned);
        let path = line["p"].as_str().unwrap();
        let ours = ["/v1/payment_intents", "/v1/refunds"].iter().any(|start| path.starts_with(start));
        if !ours || header("Stripe-Version").is_none() {
            continue;
        }
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let target = if path.ends_with("/confirm") || path.ends_with("/cancel") { open.id() } else { paid.id() };
        let request = Request {
            method: Method::parse(line["m"].as_str().unwrap()),
            path: path.replace("pi_1", target),
            query: query.replace("pi_0", target),
            headers: Headers {
                authorization: header("Authorization"),
                idempotency_key: header("Idempotency-Key"),
                stripe_version: header("Stripe-Version"),
                stripe_account: None,
                content_type: header("Content-Type"),
            },
            body: line["b"].as_str().unwrap().replace("pi_1", target).into_bytes(),
        };
        let answer = client.send(&request);
        assert_eq!(answer.status, 200, "{line}: {}", answer.json);
        count += 1;
    }
    assert!(count >= 8, "{count}");
}
