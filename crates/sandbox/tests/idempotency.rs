//! The provider's idempotency: every cell of key × parameters × time × kind of first result.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use common::{Client, DAY_MS, SECOND_MS, request};
use sandbox::stripe::{FaultKind, FaultRule};
use sandbox::wire::Method;

const PATH: &str = "/v1/payment_intents";
const BODY: &str = "amount=2000&currency=usd&confirm=true&payment_method_types[]=card&payment_method=pm_card_visa&metadata[order_id]=o_1&expand[]=latest_charge.balance_transaction";

fn pay(client: &mut Client, key: &str) -> common::Answer {
    client.post_key(PATH, BODY, key)
}

#[test]
fn the_same_key_and_parameters_replay_the_first_answer_byte_for_byte() {
    let mut client = Client::new();
    let first = pay(&mut client, "k");
    assert_eq!((first.header("idempotent-replayed"), first.header("idempotency-key")), (None, Some("k")));
    // What happens to the payment in between does not change the kept answer.
    client.post("/v1/refunds", &format!("payment_intent={}", first.id()));
    client.now_ms += 3 * SECOND_MS;
    let second = pay(&mut client, "k");
    assert_eq!(second.header("idempotent-replayed"), Some("true"));
    assert_eq!(second.header("original-request"), first.header("request-id"));
    assert_ne!(second.header("request-id"), first.header("request-id"));
    assert_eq!((second.status, &second.handled.response.body), (first.status, &first.handled.response.body));
    assert_eq!(client.charge_count(), 1);
}

#[test]
fn the_order_of_parameters_does_not_matter() {
    let mut client = Client::new();
    let first = client.post_key(PATH, "amount=100&currency=usd&metadata[a]=1&metadata[b]=2", "k");
    let second = client.post_key(PATH, "metadata%5Bb%5D=2&metadata[a]=1&currency=usd&amount=100", "k");
    assert_eq!((second.id(), second.header("idempotent-replayed")), (first.id(), Some("true")));
}

#[test]
fn the_same_key_with_other_parameters_or_another_path_is_an_error() {
    let mut client = Client::new();
    let first = pay(&mut client, "k");
    let refund = format!("payment_intent={}", first.id());
    for (path, body) in [(PATH, "amount=2001&currency=usd"), (PATH, ""), ("/v1/refunds", refund.as_str())] {
        let answer = client.post_key(path, body, "k");
        assert_eq!((answer.status, answer.text("/error/type")), (400, "idempotency_error"), "{path} {body}");
        assert!(answer.json.pointer("/error/code").is_none());
        assert_eq!(answer.header("idempotent-replayed"), None);
    }
    assert_eq!(client.money(), (2_000, 0, 0));
}

#[test]
fn keys_of_different_accounts_are_different_keys() {
    let mut client = Client::new();
    let first = pay(&mut client, "k");
    let mut other = request(Method::Post, PATH, "", BODY, Some("k"));
    other.headers.stripe_account = Some("acct_2".to_owned());
    assert_ne!(client.send(&other).id(), first.id());
}

#[test]
fn without_a_key_every_request_is_its_own() {
    let mut client = Client::new();
    for _ in 0..2 {
        assert_eq!(client.post(PATH, BODY).status, 200);
    }
    assert_eq!(client.charge_count(), 2);
    assert_eq!(client.stripe.truth().duplicates[0].reference, "o_1");
    assert_eq!(client.stripe.truth().duplicates[0].held, 4_000);
}

#[test]
fn declines_are_kept() {
    let mut client = Client::new();
    let body = "amount=2000&currency=usd&confirm=true&payment_method_types[]=card&payment_method=pm_card_chargeDeclined";
    let first = client.post_key(PATH, body, "k");
    let second = client.post_key(PATH, body, "k");
    assert_eq!((second.status, second.header("idempotent-replayed")), (402, Some("true")));
    assert_eq!(second.handled.response.body, first.handled.response.body);
}

#[test]
fn refusals_by_the_state_of_things_are_kept_and_refused_parameters_are_not() {
    let mut client = Client::new();
    let open = client.pay("pm_card_visa", "");
    let capture = format!("{PATH}/{}/capture", open.id());
    client.post_key(&capture, "", "state");
    assert_eq!(client.post_key(&capture, "", "state").header("idempotent-replayed"), Some("true"));
    let refused = client.post_key(PATH, "amount=1&currency=usd", "params");
    assert_eq!(refused.text("/error/code"), "amount_too_small");
    // The key is still free, even for other parameters.
    let answer = client.post_key(PATH, "amount=100&currency=usd", "params");
    assert_eq!((answer.status, answer.header("idempotent-replayed")), (200, None));
}

#[test]
fn a_500_is_kept_whether_or_not_there_was_an_effect() {
    for (kind, charges) in [(FaultKind::Error500BeforeEffect, 0), (FaultKind::Error500AfterEffect, 1)] {
        let mut client = Client::new();
        client.stripe.push_fault(FaultRule::times(kind, "payment_intents.create", 1)).unwrap();
        let first = pay(&mut client, "k");
        assert_eq!((first.status, first.text("/error/type")), (500, "api_error"));
        assert_eq!(first.header("stripe-should-retry"), Some("false"));
        for _ in 0..3 {
            client.now_ms += SECOND_MS;
            let again = pay(&mut client, "k");
            assert_eq!((again.status, again.header("idempotent-replayed")), (500, Some("true")), "{kind:?}");
            assert_eq!(again.handled.response.body, first.handled.response.body);
        }
        assert_eq!(client.charge_count(), charges, "{kind:?}");
    }
}

#[test]
fn a_key_in_use_is_a_conflict_until_the_first_request_ends() {
    let mut client = Client::new();
    client
        .stripe
        .push_fault(FaultRule { latency_ms: Some(500), ..FaultRule::times(FaultKind::Latency, "payment_intents.create", 1) })
        .unwrap();
    assert_eq!(pay(&mut client, "k").delivery(), sandbox::wire::Delivery::Normal { latency_ms: 500 });
    client.now_ms += 499;
    let early = pay(&mut client, "k");
    assert_eq!((early.status, early.text("/error/code")), (409, "idempotency_key_in_use"));
    assert_eq!(early.header("stripe-should-retry"), Some("true"));
    let other = client.post_key(PATH, "amount=100&currency=usd", "k");
    assert_eq!(other.status, 400, "other parameters are refused first");
    client.now_ms += 1;
    assert_eq!(pay(&mut client, "k").header("idempotent-replayed"), Some("true"));
    assert_eq!(client.charge_count(), 1);
}

#[test]
fn keys_are_forgotten_after_a_day() {
    let mut client = Client::new();
    let first = pay(&mut client, "k");
    client.now_ms += DAY_MS - 1;
    assert_eq!(pay(&mut client, "k").id(), first.id());
    client.now_ms += 1;
    let later = pay(&mut client, "k");
    assert_ne!(later.id(), first.id(), "the provider charges again: clients must not rely on old keys");
    assert_eq!(client.stripe.key_count(), 1);
}

#[test]
fn overlong_keys_are_refused_and_empty_ones_ignored() {
    let mut client = Client::new();
    assert_eq!(pay(&mut client, &"k".repeat(255)).status, 200);
    assert_eq!(pay(&mut client, &"k".repeat(256)).status, 400);
    assert_eq!(pay(&mut client, "").header("idempotency-key"), None);
}

#[test]
fn a_retry_of_a_capture_or_refund_moves_money_once() {
    let mut client = Client::new();
    let paid = client.pay("pm_card_visa", "&capture_method=manual");
    for _ in 0..2 {
        assert_eq!(client.post_key(&format!("{PATH}/{}/capture", paid.id()), "amount_to_capture=1500", "c").status, 200);
    }
    for _ in 0..2 {
        assert_eq!(client.post_key("/v1/refunds", &format!("payment_intent={}&amount=500", paid.id()), "r").status, 200);
    }
    assert_eq!(client.money(), (1_500, 500, 0));
}
